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

"""A reply that arrives in its time and within bounds, or not at all."""

import http.client
import io
import socket
import time
from typing import Any
from typing import Optional


#: Bytes. A page of a listing has about one and a half million.
_MOST = 64 * 1024 ** 2


class TooLarge(http.client.HTTPException):
    """A reply that nobody could have meant."""


class Reply(http.client.HTTPResponse):
    """A response for whose headers and body one time-out counts.

    The time-out of a socket is for a single read. A server that sends a
    byte now and then would be waited for without end, and one that sends
    many would be listened to until there is no memory left.
    """

    def __init__(self, sock: socket.socket, *args: Any,
                 **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read the headers; refuse what was packed, as was not asked for."""
        super().begin()
        packed = self.headers.get('Content-Encoding', 'identity')
        if packed.strip().lower() != 'identity':
            self.close()
            raise http.client.HTTPException('the reply is packed')


class _Timed(io.RawIOBase):
    """What a socket receives, for as long as its time-out says now."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._bytes = 0
        self._seconds: Optional[float] = sock.gettimeout()
        self._end = time.monotonic() + (self._seconds or 0.0)

    def readable(self) -> bool:
        """Answer: yes."""
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        """Receive something, or raise TimeoutError or TooLarge."""
        received = self._receive(buffer)
        self._bytes += received or 0
        if self._bytes > _MOST:
            raise TooLarge('the reply is longer than %d bytes' % _MOST)
        return received

    def _receive(self, buffer: Any) -> Optional[int]:
        if self._seconds is None:
            return self._raw.readinto(buffer)
        left = self._end - time.monotonic()
        if left <= 0:
            raise socket.timeout('the reply did not arrive in time')
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            # The connection may be kept, and used again.
            if self._sock.fileno() >= 0:
                self._sock.settimeout(self._seconds)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()
