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

"""Faults that tests inject into single requests."""

from __future__ import annotations

import dataclasses
import http.client
import itertools
import json
import random
import re
import threading
import time
from typing import Any
from typing import Iterator
from typing import Optional

from tests.emulator import errors

KINDS = ('status', 'html', 'not_json', 'truncated', 'empty', 'reset',
         'close', 'hang', 'delay', 'drip', 'redirect', 'fail')

#: Longer than any client waits.
_FOREVER = 3600.0

_HTML = (b'<html><head><title>502 Bad Gateway</title></head>\r\n'
         b'<body><center><h1>502 Bad Gateway</h1></center></body></html>')


class Dropped(Exception):
    """The connection ends without an answer."""

    def __init__(self, reset: bool) -> None:
        super().__init__()
        self.reset = reset


@dataclasses.dataclass
class Response:
    """An answer on its way to the client."""

    status: int
    body: bytes
    content_type: str = 'application/json'
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    # Send this much of the body and hang up.
    cut: Optional[int] = None
    # Send each byte of the body this many seconds after the one before.
    pause: float = 0.0

    @property
    def status_line(self) -> str:
        return '%d %s' % (
            self.status, http.client.responses.get(self.status, 'Unknown'))


@dataclasses.dataclass
class Fault:
    """What goes wrong, where, and how often."""

    # status: an error as the API words it; html: a proxy's 502; not_json:
    # 200 with text; truncated: half of the body, then the end; empty: no
    # body; reset and close: no answer; hang: no answer for `seconds` (or
    # until released), then the end; delay: `seconds` later, then all is
    # well; drip: the body byte by byte, one each `seconds`; redirect: to
    # `location`, with `status` if that is a 3xx, else with 302; fail: an
    # object being created ends in state Failed.
    kind: str
    status: int = 500
    # The gRPC code; a likely one for the status if not given.
    code: Optional[int] = None
    message: str = 'injected fault'
    # The body to send instead of the usual one.
    body: Optional[str] = None
    # All conditions that are given must be met. `path` is a regular
    # expression searched for in the path, then in path and query.
    method: Optional[str] = None
    path: Optional[str] = None
    endpoints: Optional[list[int]] = None
    # None: as often as it matches.
    times: Optional[int] = None
    # Let this many matching requests pass first.
    skip: int = 0
    probability: float = 1.0
    # Whether the request takes effect: fault before it, or after.
    when: str = 'before'
    seconds: Optional[float] = None
    location: str = 'https://192.0.2.1/'
    id: int = 0
    hits: int = 0
    released: threading.Event = dataclasses.field(
        default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError('no such kind of fault: %r' % self.kind)
        if self.when not in ('before', 'after'):
            raise ValueError('when is before or after')
        if self.path:
            re.compile(self.path)

    def matches(self, method: str, target: str, endpoint: int) -> bool:
        """Whether it concerns a request."""
        if self.method and method != self.method.upper():
            return False
        if self.endpoints is not None and endpoint not in self.endpoints:
            return False
        path = target.partition('?')[0]
        return not self.path or bool(
            re.search(self.path, path) or re.search(self.path, target))

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON can carry it."""
        return {f.name: getattr(self, f.name)
                for f in dataclasses.fields(self) if f.name != 'released'}


class Faults:
    """The faults in force, and what they do."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: list[Fault] = []
        self._random = random.Random(seed)

    def add(self, **fields: Any) -> int:
        """Put a fault in force; the number tells it from others."""
        with self._lock:
            fault = Fault(**fields)
            fault.id = next(self._numbers)
            self._faults.append(fault)
            return fault.id

    def clear(self, fault_id: Optional[int] = None) -> None:
        """End one fault, or all, and let go whom they hold."""
        with self._lock:
            for fault in self._faults:
                if fault_id in (None, fault.id):
                    fault.released.set()
            self._faults = [f for f in self._faults
                            if not f.released.is_set()]

    def list(self) -> list[dict[str, Any]]:
        """All faults, with how often each has struck."""
        with self._lock:
            return [fault.to_dict() for fault in self._faults]

    def strike(self, when: str, method: str, target: str,
               endpoint: int) -> Iterator[Fault]:
        """The faults that a request meets, in the order they came."""
        if not self._faults:
            return
        for fault in list(self._faults):
            if fault.when == when and fault.matches(
                    method, target, endpoint) and self._use(fault):
                yield fault

    def _use(self, fault: Fault) -> bool:
        with self._lock:
            if fault.skip > 0:
                fault.skip -= 1
                return False
            if fault.times is not None and fault.hits >= fault.times:
                return False
            if (fault.probability < 1.0 and
                    self._random.random() >= fault.probability):
                return False
            fault.hits += 1
            return True


def act(fault: Fault, response: Optional[Response],
        stopping: threading.Event) -> Optional[Response]:
    """Do what a fault does to a request or to its answer.

    Returns the answer to send instead, or None to go on as if nothing had
    happened.
    """
    kind = fault.kind
    if kind == 'delay':
        _hold(fault.seconds or 0.0, fault, stopping)
        return None
    if kind == 'hang':
        _hold(_FOREVER if fault.seconds is None else fault.seconds, fault,
              stopping)
        raise Dropped(reset=False)
    if kind in ('reset', 'close'):
        raise Dropped(reset=kind == 'reset')
    if kind == 'status':
        answer = _error(fault)
    elif kind == 'html':
        answer = Response(502, _HTML, 'text/html')
    elif kind == 'not_json':
        answer = Response(200, b'OK, but this is not JSON')
    elif kind == 'empty':
        answer = Response(200, b'')
    elif kind == 'truncated':
        full = response or Response(200, b'{"UUID": "b4d3a3c2-0000-4000"}')
        answer = dataclasses.replace(full, cut=len(full.body) // 2)
    elif kind == 'drip':
        full = response or Response(200, b' ' * 1000)
        answer = dataclasses.replace(full, pause=(
            0.1 if fault.seconds is None else fault.seconds))
    elif kind == 'redirect':
        answer = Response(fault.status if 300 <= fault.status < 400 else 302,
                          b'', 'text/html',
                          {'Location': fault.location})
    else:
        return None
    if fault.body is not None:
        answer.body = fault.body.encode()
    return answer


def _error(fault: Fault) -> Response:
    code = fault.code
    if code is None:
        code = errors.LIKELY_CODE.get(fault.status, errors.UNKNOWN)
    return Response(fault.status, json.dumps({
        'error': fault.message, 'code': code,
        'message': fault.message}).encode())


def hold(seconds: float, stopping: threading.Event) -> None:
    """Wait, but not longer than the endpoint lives."""
    stopping.wait(seconds)


def _hold(seconds: float, fault: Fault, stopping: threading.Event) -> None:
    end = time.monotonic() + seconds
    while not stopping.is_set():
        left = end - time.monotonic()
        if left <= 0 or fault.released.wait(min(left, 0.02)):
            return
