# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""How long changes take to settle, and when to look whether they have.

Nobody says how long: it is learnt from the looks themselves, for each kind
of change, so that one look is mostly enough and comes in time.
"""

import dataclasses
from typing import Optional
from typing import Sequence

from lightos_cinder.client import polling

#: Seconds after which a look that is too early, most likely, is to tell
#: whether changes have become faster.
_KNOWN_FOR = 60

#: As closely as this it needs to be known: a share of it, and seconds.
_CLOSE_SHARE = 0.05
_CLOSE = 0.02

#: Two changes that differ by less than this factor take equally long.
_ALIKE = 1.25

#: Seconds that are worth a look, lest they are waited for in vain: for each
#: change, and where it is to be told whether changes have become faster.
_WORTH = 0.28
_WORTH_NOW = 0.06

#: Seconds that are no pause.
_TICK = 0.001


@dataclasses.dataclass(frozen=True)
class Window:
    """Within which a change of some kind settles, as far as was seen.

    :param after: seconds after which a look came too early
    :param before: seconds after which it did not
    """

    after: float
    before: float

    def looks(self, worth: float) -> Sequence[float]:
        """Seconds after which to look.

        What takes long may also be over sooner: nobody waits more than twice
        as long as it took, or for what is worth no look.
        """
        looks = [self.before]
        if self.before - self.after > max(_CLOSE,
                                          self.before * _CLOSE_SHARE):
            # Half way, to know it more closely.
            looks.insert(0, (self.after + self.before) / 2)
        early = looks[0] / 2
        while early >= worth:
            looks.insert(0, early)
            early /= 2
        return looks

    def narrowed(self, seen: 'Window') -> Optional['Window']:
        """What is known after one more; None if it was of another length."""
        both = Window(max(self.after, seen.after),
                      min(self.before, seen.before))
        if both.after < both.before:
            return both
        shorter, longer = sorted((self.before, seen.before))
        return seen if longer <= shorter * _ALIKE else None


@dataclasses.dataclass
class _Kind:
    """What is known of changes of one kind.

    :param window: of which there were two
    :param until: when it is to be seen whether they have become faster
    :param odd: the latest, if it was of another length
    """

    window: Optional[Window] = None
    until: float = 0.0
    odd: Optional[Window] = None


class SettleTimes:
    """What is known of a cluster; shared by all that is done to it."""

    def __init__(self, clock: polling.Clock) -> None:
        self.clock = clock
        self._kinds: dict[str, _Kind] = {}

    def looks(self, kind: str) -> Sequence[float]:
        """Seconds after which to look; empty if nothing is known."""
        known = self._kinds.get(kind)
        if not (known and known.window):
            return ()
        return known.window.looks(
            _WORTH if self.clock.now() < known.until else _WORTH_NOW)

    def learn(self, kind: str, seen: Window) -> None:
        """Remember when one of them settled.

        One that took much longer, or less long, than those before says
        nothing of those to come. Two such one after the other do.
        """
        known = self._kinds.setdefault(kind, _Kind())
        window = known.window and known.window.narrowed(seen) or (
            known.odd and known.odd.narrowed(seen))
        if not window:
            known.odd = seen
            return
        known.window, known.odd = window, None
        if self.clock.now() >= known.until:
            known.until = self.clock.now() + _KNOWN_FOR


class Wait:
    """The pauses of one operation, which waits for a change to settle.

    As ever, until the change has been asked for. Then the first look comes
    when such changes have settled before, and the others, of which the
    pauses grow with the time that it takes longer, soon after.
    """

    def __init__(self, times: SettleTimes,
                 pace: polling.Pace = polling.Pace()) -> None:
        self._times = times
        self._pace = pace
        self._kind = ''
        self._asked = 0.0
        self._looks = Window(0, 0)

    def asked(self, kind: str) -> None:
        """The cluster has accepted a change of that kind."""
        self._kind = kind
        self._asked = self._times.clock.now()
        self._looks = Window(0, 0)

    def settled(self) -> None:
        """The latest look has seen that it is so."""
        if self._looks.before:
            self._times.learn(self._kind, self._looks)

    def pause(self, attempt: int) -> float:
        """Seconds to pause after that attempt, the first being 1."""
        if not self._kind:
            return self._pace.pause(attempt)
        passed = self._times.clock.now() - self._asked
        pause = self._pause(passed)
        self._looks = Window(self._looks.before, passed + pause)
        return pause

    def _pause(self, passed: float) -> float:
        looks = self._times.looks(self._kind)
        for look in looks:
            # Clocks are not exact.
            if look > passed + _TICK:
                return look - passed
        late = passed - max(looks, default=0.0)
        return self._pace.after(late)
