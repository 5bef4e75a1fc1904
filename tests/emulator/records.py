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

"""What clients have sent, and what a careful one would not have sent."""

from __future__ import annotations

import collections
import threading
import time
from typing import Any

#: Looking at one object more often than this is hammering.
POLL_PAUSE = 0.01


class Records:
    """Requests, complaints and counts since they were last cleared."""

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        with self._lock:
            self.requests: collections.deque[dict[str, Any]] = (
                collections.deque(maxlen=self._limit))
            self.complaints: list[dict[str, Any]] = []
            # Last look at an object: (time, how many in quick succession).
            self._looks: dict[tuple[str, str], tuple[float, int]] = {}

    def add(self, request: dict[str, Any]) -> None:
        """Remember a request; its status is filled in later."""
        with self._lock:
            self.requests.append(request)

    def complain(self, method: str, target: str, reason: str) -> None:
        """Note that a client did what it should not."""
        with self._lock:
            self.complaints.append(
                {'method': method, 'path': target, 'reason': reason})

    def watch_pace(self, method: str, client: str, target: str) -> None:
        """Notice a client that polls one object without any pause.

        One connection asking for the same thing a third time, each time
        within 10 ms, is no longer one operation that ends with a look
        followed by another that begins with one.
        """
        key = (client, target)
        now = time.monotonic()
        with self._lock:
            if method != 'GET':
                # Whatever is changed may be looked at anew.
                self._looks = {
                    k: v for k, v in self._looks.items() if k[0] != client}
                return
            last, count = self._looks.get(key, (0.0, 0))
            count = count + 1 if now - last < POLL_PAUSE else 1
            self._looks[key] = (now, count)
            if len(self._looks) > 1000:
                self._looks = {k: v for k, v in self._looks.items()
                               if now - v[0] < POLL_PAUSE}
        if count == 3:
            self.complain(method, target, 'polled faster than every %d ms'
                          % (POLL_PAUSE * 1000))
