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

"""Waiting: deadlines, the pace of repeated looks, and the clocks below."""

import dataclasses
import datetime
import random
import time
from typing import Any
from typing import Callable
from typing import Optional
from typing import Protocol
from typing import TypeVar

import tenacity

from lightos_cinder.client import errors

T = TypeVar('T')


class Clock:
    """The clocks of the operating system; tests inject another."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def wall(self) -> datetime.datetime:
        """The time of day, which may be set; not to measure time with."""
        return datetime.datetime.now(datetime.timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Let other threads, green ones too, go on for so long."""
        time.sleep(seconds)


class Deadline:
    """The moment until which an operation may go on.

    :param clock: the clock it is read from
    :param seconds: from now
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self._at = clock.now() + seconds

    def left(self) -> float:
        """Seconds that are left; 0 when it has passed."""
        return max(0.0, self._at - self.clock.now())


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long to pause between two looks: short at first, then relaxing.

    :param first: seconds before the second look
    :param factor: by which each pause is longer than the one before
    :param most: seconds, the longest pause
    :param jitter: share of a pause that is random, so that many clients
        refused at one moment do not come back at one moment
    """

    first: float = 0.05
    factor: float = 1.4
    most: float = 2.0
    jitter: float = 0.2

    def pause(self, attempt: int) -> float:
        """Seconds to pause after that attempt, the first being 1."""
        # Beyond 64 attempts the pause has long been at its longest, and
        # the power would overflow a float some time later.
        return self._jittered(self.first * self.factor ** min(attempt, 64))

    def after(self, passed: float) -> float:
        """Seconds to pause when so many have passed in such pauses."""
        return self._jittered(self.first + passed * (self.factor - 1))

    def _jittered(self, pause: float) -> float:
        # Nobody gains by guessing it.
        return min(self.most, pause) * (
            1 - random.uniform(0, self.jitter))  # nosec B311


class Pauses(Protocol):
    """What tells how long to pause between two looks."""

    def pause(self, attempt: int) -> float:
        """Seconds to pause after that attempt, the first being 1."""


def retrying(deadline: Deadline, pace: Pauses,
             again: Callable[[BaseException], bool],
             **options: Any) -> tenacity.Retrying:
    """Repeat what raises, at that pace, until the deadline.

    The last pause is cut short so that one attempt is made at the deadline
    itself. When the time is up the last error is raised as it is.

    :param again: tells from an exception whether to go on
    """
    # Older versions of tenacity go by the name of the parameter.
    def pause(retry_state: tenacity.RetryCallState) -> float:
        return min(pace.pause(retry_state.attempt_number), deadline.left())

    return tenacity.Retrying(
        retry=options.pop('retry', tenacity.retry_if_exception(again)),
        wait=pause,
        stop=lambda retry_state: deadline.left() <= 0,
        sleep=deadline.clock.sleep,
        reraise=True,
        **options)


def wait_until(look: Callable[[], T], done: Callable[[T], bool],
               deadline: Deadline, what: str, pace: Pauses = Pace(),
               seen: Optional[T] = None) -> T:
    """Look until it is so.

    :param look: reads the present state; its errors are not caught
    :param done: whether what was read is what is waited for; raises if it
        never will be
    :param what: what is waited for, for the error
    :param seen: what has just been read, in place of a first look
    :returns: what the last look read
    :raises DeadlineExceeded: when it was not so in time
    """
    if seen is not None and done(seen):
        return seen

    def give_up(retry_state: tenacity.RetryCallState) -> T:
        raise errors.DeadlineExceeded(what)

    if seen is not None:
        deadline.clock.sleep(min(pace.pause(0), deadline.left()))
    attempts = retrying(
        deadline, pace, lambda error: False,
        retry=tenacity.retry_if_result(lambda value: not done(value)),
        retry_error_callback=give_up)
    return attempts(look)
