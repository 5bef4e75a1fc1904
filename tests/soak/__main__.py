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

"""Volumes live and die in a distributed Cinder while all goes wrong.

Two active-active cinder-volume services work for many users at once. Of the
calls to the cluster 5 % fail at random, one endpoint flaps, the token is
rotated when half is done, and when two thirds are one service is killed and
started again. What users were told is compared with what is on the cluster
all the time. RabbitMQ, MariaDB and Redis must be installed.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import sys
import tempfile
import threading
import time
import typing

from tests import emulator
from tests.soak import figures
from tests.soak import gauges
from tests.soak import inventory
from tests.soak import lifecycle
from tests.soak import outage
from tests.soak import trouble
from tests.soak import watch
from tests.stack import backend
from tests.stack import compute
from tests.stack import distributed
from tests.stack import volumes

PROJECT = 'lightstack'
SERVICES = ('volume-1', 'volume-2')
HOSTS = [compute.Host(f'compute-{number}', (f'192.0.2.{number}',))
         for number in range(1, 17)]

#: Of the driver's pool, for each of the three endpoints.
_POOL = 32

#: MiB that a cinder-volume service may grow by once it is warm.
_MEMORY = 48.0

#: Options of Cinder.
_DEFAULTS = {
    # A service that died is to be missed soon, and so is its answer.
    'report_interval': 2, 'service_down_time': 8, 'rpc_response_timeout': 45,
    'quota_volumes': -1, 'quota_snapshots': -1, 'quota_gigabytes': -1,
    'default_log_levels': ['cinder.compute.nova=CRITICAL',
                           'sqlalchemy=WARNING', 'urllib3=WARNING',
                           'keystoneauth=WARNING', 'stevedore=WARNING',
                           'lightos_cinder=DEBUG'],
}

_LOOK_INTERVAL = 1.0
_SAMPLE_INTERVAL = 2.0
_PROGRESS_INTERVAL = 30.0


def _parse(arguments: typing.Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.soak', description=__doc__)
    parser.add_argument('--lifecycles', type=int, default=40, metavar='N',
                        help='how many in all (default: %(default)s)')
    parser.add_argument('--width', type=int, default=8, metavar='N',
                        help='how many at once (default: %(default)s)')
    parser.add_argument('--keep', action='store_true',
                        help='leave the folder with the logs behind')
    return parser.parse_args(arguments)


class Soak:
    """One run."""

    def __init__(self, options: argparse.Namespace,
                 cluster: emulator.EmulatorProcess,
                 stack: distributed.Stack, token: trouble.Token) -> None:
        self._options = options
        self._cluster = cluster
        self._stack = stack
        self._token = token
        self._cinder = volumes.cinder_client(stack.admin)
        self._figures = figures.Figures()
        self._watch = watch.Watch(cluster, self._figures)
        self._killed = outage.Outage()
        self._samples: dict[
            tuple[str, int], list[gauges.Sample]] = collections.defaultdict(
                list)
        self._struck: dict[str, int] = {}
        self._flaps = self._temporary = 0
        self._began = time.monotonic()

    def run(self) -> None:
        """Do it all, and see what is left."""
        kind = self._cinder.volume_types.create('Soak')
        kind.set_keys({'compression': '<is> True',
                       'lightos:num_replicas': '3',
                       'lightos:project_name': PROJECT,
                       'volume_backend_name': PROJECT})
        users = [lifecycle.User(self._stack, 'Soak', HOSTS, self._watch,
                                self._figures, self._killed)
                 for _ in range(self._options.width)]
        source = users[0].source()
        self._began = time.monotonic()
        calls = trouble.Calls(self._cluster)
        calls.begin()
        with trouble.Flapping(self._cluster, 1) as flapping:
            self._live(users, source)
        self._flaps = flapping.times
        self._struck = calls.end()
        self._watch.look()
        inventory.compare(self._cinder, self._cluster, self._figures)
        self._remove_all(users)
        self._temporary = inventory.empty(self._cinder, self._cluster,
                                          self._figures)
        self._sample()

    def _live(self, users: typing.Sequence[lifecycle.User],
              source: lifecycle.Source) -> None:
        """Run all lifecycles, with trouble in between."""
        numbers = iter(range(1, self._options.lifecycles + 1))
        lock = threading.Lock()

        def work(user: lifecycle.User) -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    user.live(number, source)
                except lifecycle.GivenUp as error:
                    print(f'lifecycle {number}: {error}', flush=True)
                self._figures.lived()

        with concurrent.futures.ThreadPoolExecutor(len(users) + 1) as pool:
            working = [pool.submit(work, user) for user in users]
            troubled = pool.submit(self._trouble, lambda: all(
                one.done() for one in working))
            self._look_after([*working, troubled])
            for one in [*working, troubled]:
                one.result()

    def _trouble(self, over: typing.Callable[[], bool]) -> None:
        """Rotate the token and kill a service, when it is time."""
        for share, event in (
                (1 / 2, self._token.rotate),
                (2 / 3, lambda: trouble.kill_and_start(
                    self._stack, SERVICES[1], self._killed))):
            while (self._figures.lifecycles
                   < share * self._options.lifecycles and not over()):
                time.sleep(0.2)
            event()

    def _look_after(self, running: typing.Sequence[
            concurrent.futures.Future[None]]) -> None:
        """Look, measure and tell, as long as something is going on."""
        due = {self._watch.look: _LOOK_INTERVAL,
               self._sample: _SAMPLE_INTERVAL,
               self._tell: _PROGRESS_INTERVAL}
        last = dict.fromkeys(due, time.monotonic())
        while not all(one.done() for one in running):
            for do, interval in due.items():
                if time.monotonic() - last[do] >= interval:
                    do()
                    last[do] = time.monotonic()
            self._stack.check()
            time.sleep(0.2)

    def _sample(self) -> None:
        for service in SERVICES:
            if service == SERVICES[1] and self._killed.lasts:
                continue
            try:
                pids = self._stack.pids(service)
            except ValueError:  # It is killed.
                continue
            measured = gauges.sample(pids, self._cluster.port,
                                     self._figures.lifecycles)
            if measured:
                self._samples[service, pids[0]].append(measured)

    def _tell(self) -> None:
        print(f'{time.monotonic() - self._began:6.0f} s: '
              f'{self._figures.lifecycles} lifecycles, '
              f'{sum(self._figures.told.values())} errors told', flush=True)

    def _remove_all(self, users: typing.Sequence[lifecycle.User]) -> None:
        """Delete all that is left, as its users: snapshots first."""
        for remove, manager in (
                (lifecycle.User.delete_snapshot,
                 self._cinder.volume_snapshots),
                (lifecycle.User.remove, self._cinder.volumes)):
            left = [item.id for item in manager.list()]

            def work(number: int) -> None:
                for key in left[number::len(users)]:
                    try:
                        remove(users[number], key)
                    except lifecycle.GivenUp as error:
                        print(f'at the end: {error}', flush=True)

            with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
                list(pool.map(work, range(len(users))))

    # What is told at the end

    def report(self) -> int:
        """Print the figures; return the exit status."""
        counted = self._figures
        requests = self._cluster.requests()
        struck = sum(self._struck.values())
        seconds = time.monotonic() - self._began
        print()
        print('\n'.join(counted.times()))
        print(f'{counted.lifecycles} lifecycles, {self._options.width} at '
              f'once: {counted.operations} operations, {len(requests)} calls '
              f'to the cluster in {seconds:.0f} s; {self._watch.looks} looks')
        print(f'{struck} faults struck ({100 * struck / len(requests):.1f} % '
              'of all calls): ' + ', '.join(
                  f'{kind} {times}' for kind, times in self._struck.items()))
        print(f'the endpoint went {self._flaps} times; '
              f'{self._token.refused()} calls with the withdrawn token; '
              f'{self._cluster.connections()["all"]} connections in all')
        print(f'errors told to users: {sum(counted.told.values())}; '
              f'what they did again: {sum(counted.repeated.values())}; '
              'by an administrator: ' + (', '.join(
                  f'{what} ({times})' for what, times
                  in counted.administered.items()) or 'nothing'))
        for words in counted.words:
            print(f'  {words}')
        complaints = collections.Counter(
            one['reason'] for one in self._cluster.complaints())
        print(f'complaints of the cluster: {dict(complaints) or "none"}; '
              f'temporary snapshots left, and expired: {self._temporary}')
        too_much = list(self._resources())
        found = counted.violations()
        for kind, texts in found.items():
            print(f'{kind.upper()}: {len(texts)}')
            for text in texts[:20]:
                print(f'  {text}')
        for text in too_much:
            print(f'GROWN: {text}')
        return 1 if any(found.values()) or too_much else 0

    def _resources(self) -> typing.Iterator[str]:
        """Print what services held; yield what is too much."""
        # A call at a time for each user and one for the services' own looks.
        most = 3 * min(_POOL, self._options.width + 1)
        for (service, pid), series in self._samples.items():
            warm, last, slope = figures.growth(series)
            connections = max(sample.connections for sample in series)
            name = f'{service} (process {pid})'
            print(f'{name}: memory {series[0].memory:.1f} MiB at the start, '
                  f'{warm.memory:.1f} at {warm.lifecycles} lifecycles, '
                  f'{last.memory:.1f} at {last.lifecycles} '
                  f'({slope:+.1f} per 100); connections {warm.connections}, '
                  f'{last.connections}, at most {connections}; threads '
                  f'{warm.threads}, {last.threads}; files {warm.files}, '
                  f'{last.files}')
            if last.memory - warm.memory > _MEMORY:
                yield (f'{name}: {last.memory - warm.memory:.1f} MiB; at '
                       f'most {_MEMORY} are allowed')
            if connections > most:
                yield f'{name}: {connections} connections instead of {most}'


def _run(options: argparse.Namespace, folder: pathlib.Path) -> int:
    with emulator.EmulatorProcess(
            emulator.Settings(nodes=3, settle=0.1)) as cluster:
        cluster.create_project(PROJECT)
        token = trouble.Token(cluster, PROJECT, folder)
        section = backend.section(
            PROJECT, cluster, '', lightos_jwt_dir=folder,
            lightos_api_service_timeout=trouble.REQUEST_TIMEOUT,
            # Short enough for users to be told of some failures.
            lightos_operation_timeout=20)
        stack = distributed.Stack(
            {PROJECT: section}, volume_hosts=SERVICES, defaults=_DEFAULTS,
            progress=sys.stdout)
        with stack:
            soak = Soak(options, cluster, stack, token)
            soak.run()
            status = soak.report()
            stack.keep_folder = options.keep or bool(status)
            if stack.keep_folder:
                print(f'The logs are in {stack.folder}.')
            return status


def main(arguments: typing.Sequence[str]) -> int:
    """Run what is asked for; the exit status."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory(prefix='lightos-soak-') as folder:
        return _run(options, pathlib.Path(folder))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
