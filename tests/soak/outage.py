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

"""The time in which a service that had work was not there."""

import time


class Outage:
    """From when a service is killed until it works again."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._ended: float | None = None

    def begin(self) -> None:
        """The service is killed."""
        self._began = time.monotonic()

    def end(self) -> None:
        """It works again."""
        self._ended = time.monotonic()

    @property
    def lasts(self) -> bool:
        """Whether it is not there now."""
        return self._began is not None and self._ended is None

    def excuses(self, began: float) -> bool:
        """Whether what began then may have been cut off."""
        return self._began is not None and (
            self._ended is None or began < self._ended)

    def over_since(self, began: float) -> float:
        """Seconds for which the service has been back, since that began."""
        if self._ended is None:
            return 0.0
        return time.monotonic() - max(self._ended, began)
