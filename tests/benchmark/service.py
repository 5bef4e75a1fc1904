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

"""What Cinder itself takes for the lives of volumes that users ask for.

A distributed Cinder with one cinder-volume service of ours does them. Needs
RabbitMQ, MariaDB and Redis installed.
"""

import concurrent.futures
import os
import pathlib
import sys
import time
import typing
import uuid

from tests.benchmark import figures
from tests import emulator
from tests.stack import backend
from tests.stack import compute
from tests.stack import distributed
from tests.stack import process
from tests.stack import volumes

_NAME = 'lightstack'
_SERVICE = 'volume-1'
_PROGRAMS = ('cinder-api', 'cinder-scheduler', _SERVICE, 'rabbitmq-server',
             'mariadbd', 'redis-server')

#: Seconds that the cluster takes for a change.
_SETTLE = 0.2

#: Volumes at once: as many as keep all processors at work.
_WIDTH = 8

#: What Cinder writes and measures by itself is not to count.
_DEFAULTS = {'default_log_levels': ['sqlalchemy=WARNING', 'urllib3=WARNING'],
             'debug': False, 'quota_volumes': -1, 'quota_gigabytes': -1}


def measure(lifecycles: int, mode: str) -> figures.Service:
    """Have that many volumes created, attached, detached and deleted."""
    with emulator.EmulatorProcess(
            emulator.Settings(nodes=3, settle=_SETTLE)) as cluster:
        cluster.create_project(_NAME)
        stack = distributed.Stack(
            {_NAME: backend.section(_NAME, cluster, cluster.admin_token)},
            volume_hosts=[_SERVICE], mode=mode, defaults=_DEFAULTS,
            progress=sys.stderr)
        with stack:
            kind = volumes.cinder_client(stack.admin).volume_types.create(
                'Gold')
            kind.set_keys({'lightos:project_name': _NAME,
                           'volume_backend_name': _NAME})
            users = [_User(stack, kind.name) for _ in range(_WIDTH)]
            _live(users, 2 * _WIDTH)
            before = _cpu(stack)
            begun = time.monotonic()
            _live(users, lifecycles)
            seconds = time.monotonic() - begun
            after = _cpu(stack)
    return figures.Service(mode, lifecycles, seconds, {
        name: (after[name] - before[name]) / lifecycles
        for name in _PROGRAMS})


class _User:
    """Somebody with sessions of their own."""

    def __init__(self, stack: distributed.Stack, volume_type: str) -> None:
        self._type = volume_type
        self._nova = compute.Compute(stack.admin, stack.nova)
        self._volumes = volumes.Volumes(stack.admin, self._wait(stack))
        number = uuid.uuid4().int % 250 + 1
        self._host = compute.Host('compute-%s' % uuid.uuid4(),
                                  ('192.0.2.%d' % number,))

    @staticmethod
    def _wait(stack: distributed.Stack) -> volumes.Waiter:
        return lambda what, ready: process.wait_until(
            ready, what, stack.processes, 120.0)

    def live(self) -> None:
        """A volume, from its creation to its deletion."""
        volume = self._volumes.client.volumes.create(
            1, volume_type=self._type).id
        self._volumes.settled(volume)
        attachment = self._nova.attach(volume, str(uuid.uuid4()), self._host)
        self._nova.detach(attachment)
        self._volumes.settled(volume)
        self._volumes.client.volumes.delete(volume)
        self._volumes.gone(volume)


def _live(users: typing.Sequence[_User], lifecycles: int) -> None:
    def work(number: int) -> None:
        for _ in range(number, lifecycles, len(users)):
            users[number].live()

    with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
        list(pool.map(work, range(len(users))))


def _cpu(stack: distributed.Stack) -> dict[str, float]:
    """Seconds of processor time that each program has taken."""
    tick = os.sysconf('SC_CLK_TCK')
    found = {}
    for name in _PROGRAMS:
        found[name] = 0.0
        for pid in stack.pids(name):
            status = pathlib.Path('/proc/%d/stat' % pid).read_text()
            # The name of the program, in brackets, may have spaces in it.
            fields = status.rpartition(')')[2].split()
            found[name] += (int(fields[11]) + int(fields[12])) / tick
    return found
