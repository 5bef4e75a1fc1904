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

"""Time that passes at once, for the driver and the cluster alike."""

import time
from typing import Any
from typing import Callable
from typing import Optional

from lightos_cinder.client import polling
from lightos_cinder.client import transport

#: Seconds of the driver in one real second: a reply that does not come
#: costs a third of one.
PACE = 20

#: Seconds of the driver.
REQUEST_TIMEOUT = 6
OPERATION_TIMEOUT = 40


class Clock(polling.Clock):
    """Nobody waits: who sleeps lets the cluster's time pass, too.

    :param advance: lets seconds pass for the cluster
    """

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance
        self._slept = 0.0
        self._synced = time.monotonic()
        self._alarm: Optional[tuple[float, Callable[[], None]]] = None

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic() * PACE + self._slept

    def slept(self) -> float:
        """Seconds in which somebody slept, whatever this machine took."""
        return self._slept

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self._slept += seconds
        self._advance(seconds)
        if self._alarm and self._alarm[0] <= self.now():
            alarm, self._alarm = self._alarm, None
            alarm[1]()

    def sync(self) -> None:
        """Let the cluster have the time, too, that has passed by itself."""
        present = time.monotonic()
        self._advance((present - self._synced) * (PACE - 1))
        self._synced = present

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something when somebody sleeps, so much later at the least."""
        self._alarm = self.now() + seconds, act

    def forget(self) -> None:
        """Do not do it."""
        self._alarm = None


class Transport(transport.Transport):
    """Waits for replies by that clock, and counts what it asks."""

    clock: Clock
    #: Requests so far.
    attempts = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs['request_timeout'] /= PACE
        super().__init__(*args, **kwargs)

    def _ask(self, *args: Any) -> dict[str, Any]:
        Transport.attempts += 1
        self.clock.sync()
        return super()._ask(*args)
