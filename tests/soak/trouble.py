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

"""What goes wrong: calls, an endpoint, the token, a service."""

import http.client
import json
import os
import pathlib
import re
import ssl
import threading
import time
import typing

from tests import emulator
from tests.emulator import keys
from tests.soak import outage
from tests.stack import distributed

#: Seconds for which the flapping endpoint is up, or refuses.
_FLAP = 4.0

#: Seconds after which a killed service is started again: missed by then.
_AWAY = 15.0

#: How the driver logs that it begins a change, and that it has ended one;
#: how often to look for that, and how soon again.
_BEGUN, _ENDED = (re.compile(
    rf'{arrow} (?:create|delete|extend|initialize|terminate)_\w+: {what}')
    for arrow, what in (('==>', 'call'), ('<==', '(?:return|exception)')))
_LOOKS, _LOOK_INTERVAL = 600, 0.05

#: Of all calls, those that fail at random.
SHARE = 0.05

#: Seconds that a hanging call takes; the driver waits for three.
HANG = 5.0
REQUEST_TIMEOUT = 3

#: Each as often as any other.
FAULTS: typing.Sequence[dict[str, typing.Any]] = (
    {'kind': 'status', 'status': 503},
    {'kind': 'status', 'status': 500},
    {'kind': 'status', 'status': 500, 'when': 'after'},
    {'kind': 'html'},
    {'kind': 'reset'},
    {'kind': 'reset', 'when': 'after'},
    {'kind': 'truncated', 'when': 'after'},
    {'kind': 'hang', 'seconds': HANG},
    {'kind': 'hang', 'seconds': HANG, 'when': 'after'},
)


class Calls:
    """A share of all calls fails."""

    def __init__(self, cluster: emulator.EmulatorProcess) -> None:
        self._cluster = cluster

    def begin(self) -> None:
        """From now on."""
        for fault in FAULTS:
            self._cluster.add_fault(probability=SHARE / len(FAULTS),
                                    **fault)

    def end(self) -> dict[str, int]:
        """No longer; return how often each kind has struck."""
        struck = {
            ' '.join(map(str, (fault['kind'], *(
                [fault['status']] if fault['kind'] == 'status' else []),
                fault['when']))): fault['hits']
            for fault in self._cluster.faults()}
        self._cluster.clear_faults()
        return struck


class Flapping:
    """One endpoint comes and goes."""

    def __init__(self, cluster: emulator.EmulatorProcess, index: int
                 ) -> None:
        self.times = 0
        self._cluster = cluster
        self._index = index
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> 'Flapping':
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_FLAP):
            self._cluster.endpoint(self._index, 'refuse')
            self.times += 1
            self._over.wait(_FLAP)
            self._cluster.endpoint(self._index, 'up')


class Token:
    """The token of a project, in a file that the driver reads.

    :param folder: an existing folder for the file
    """

    def __init__(self, cluster: emulator.EmulatorProcess, project: str,
                 folder: pathlib.Path) -> None:
        self._cluster = cluster
        self._project = project
        self._path = folder / f'{project}.jwt'
        self._number = 0
        self._write(cluster.token(project, lifetime=24 * 3600.0))

    def rotate(self) -> None:
        """Have another one, and the key of the first one withdrawn."""
        path = f'/api/v2/projects/{self._project}/credentials'
        self._ask('POST', path, {
            'ID': 'second', 'type': 'RS256PubKey',
            'payload': keys.public_payload(self._project)})
        self._write(keys.sign(self._project, 'admin', 24 * 3600.0,
                              time.time(), kid=f'{self._project}:second'))
        self._ask('DELETE', f'{path}/{keys.CREDENTIAL_ID}')

    def refused(self) -> int:
        """Return how many calls were sent with the withdrawn one."""
        return sum(request['status'] == 401
                   for request in self._cluster.requests())

    def _write(self, token: str) -> None:
        new = self._path.with_suffix('.new')
        new.touch(mode=0o600)
        new.write_text(token)
        os.replace(new, self._path)

    def _ask(self, method: str, path: str,
             body: dict[str, str] | None = None) -> None:
        """Do as the cluster's administrator, through its API."""
        connection = http.client.HTTPSConnection(
            self._cluster.addresses[0], self._cluster.port,
            context=ssl._create_unverified_context(), timeout=30)
        for _attempt in range(20):
            # This call, too, may meet a fault.
            try:
                connection.request(
                    method, path, json.dumps(body) if body else None,
                    {'Authorization': f'Bearer {self._cluster.admin_token}',
                     'Content-Type': 'application/json'})
                answer = connection.getresponse()
                answer.read()
                if answer.status in (200, 404, 409):
                    return
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
        raise RuntimeError(f'{method} {path} is in vain')


def _wait_for_work(log: pathlib.Path) -> None:
    """Wait until a service has begun a change that it has not ended."""
    under_way = 0
    with log.open(errors='replace') as file:
        file.seek(0, os.SEEK_END)
        for _look in range(_LOOKS):
            text = file.read()
            under_way += len(_BEGUN.findall(text)) - len(_ENDED.findall(text))
            if under_way > 0:
                return
            time.sleep(_LOOK_INTERVAL)


def kill_and_start(stack: distributed.Stack, service: str,
                   killed: outage.Outage) -> None:
    """Kill a service at work, and start it when it has been missed."""
    _wait_for_work(stack.cinder.folder / service / f'{service}.log')
    killed.begin()
    stack.kill(service)
    time.sleep(_AWAY)
    stack.start(service)
    killed.end()
