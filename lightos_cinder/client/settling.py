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

from lightos_cinder.client import polling

#: Seconds for which what was learnt holds, and how many changes one after
#: the other. Then looks are many for once, and tell also that changes have
#: become faster.
_KNOWN_FOR = 20
_CHANGES = 8

#: As closely as this it needs to be known: a share of it, and seconds.
_CLOSE_SHARE = 0.05
_CLOSE = 0.02

#: Seconds that are no pause.
_TICK = 0.001

#: What takes longer than was known by more than this factor is a change that
#: was held up, and not one by which to time others.
_SLOWER = 1.25


@dataclasses.dataclass(frozen=True)
class Window:
    """Within which a change of some kind settles, as far as was seen.

    :param after: seconds after which a look came too early
    :param before: seconds after which it did not
    """

    after: float
    before: float

    def looks(self) -> tuple[float, ...]:
        """Seconds after which to look."""
        if self.before - self.after <= max(_CLOSE,
                                           self.before * _CLOSE_SHARE):
            return (self.before,)
        # Half way, to know it more closely.
        return ((self.after + self.before) / 2, self.before)

    def learn(self, seen: 'Window') -> 'Window':
        """What is known after one more change of that kind."""
        both = Window(max(self.after, seen.after),
                      min(self.before, seen.before))
        if both.after < both.before:
            return both
        if seen.before > self.before * _SLOWER:
            return self
        return seen


class SettleTimes:
    """What is known of a cluster; shared by all that is done to it."""

    def __init__(self, clock: polling.Clock) -> None:
        self.clock = clock
        # By kind; and when it is to be forgotten.
        self._known: dict[str, tuple[Window, float]] = {}

    def looks(self, kind: str) -> tuple[float, ...]:
        """Seconds after which to look; empty if nothing is known."""
        window, until = self._known.get(kind, (None, 0.0))
        return window.looks() if window and self.clock.now() < until else ()

    def learn(self, kind: str, seen: Window) -> None:
        """Remember when one of them settled."""
        now = self.clock.now()
        window, until = self._known.get(kind, (None, 0.0))
        if window and now < until:
            self._known[kind] = window.learn(seen), until
        else:
            self._known[kind] = seen, now + max(_KNOWN_FOR,
                                                _CHANGES * seen.before)


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
