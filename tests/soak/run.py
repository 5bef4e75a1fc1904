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

"""One run: users at work, trouble, and looks at it all."""

import concurrent.futures
import threading
import time
import typing

from tests import emulator
from tests.soak import figures
from tests.soak import gauges
from tests.soak import inventory
from tests.soak import lifecycle
from tests.soak import outage
from tests.soak import report
from tests.soak import trouble
from tests.soak import watch
from tests.stack import compute
from tests.stack import distributed
from tests.stack import volumes

PROJECT = 'lightstack'
SERVICES = ('volume-1', 'volume-2')
HOSTS = [compute.Host(f'compute-{number}', (f'192.0.2.{number}',))
         for number in range(1, 17)]

#: Seconds between two looks, two measurements, two lines of progress.
_LOOK_INTERVAL = 1.0
_SAMPLE_INTERVAL = 2.0
_PROGRESS_INTERVAL = 30.0


class Soak:
    """One run.

    :param lifecycles: how many in all
    :param width: how many at once
    """

    def __init__(self, lifecycles: int, width: int,
                 cluster: emulator.EmulatorProcess,
                 stack: distributed.Stack, token: trouble.Token) -> None:
        self.figures = figures.Figures()
        self.seen = report.Run(width)
        self._lifecycles = lifecycles
        self._cluster = cluster
        self._stack = stack
        self._token = token
        self._cinder = volumes.cinder_client(stack.admin)
        self._watch = watch.Watch(cluster, self.figures)
        self._killed = outage.Outage()
        self._ended = threading.Event()
        self._began = time.monotonic()

    def run(self) -> None:
        """Do it all, and see what is left."""
        kind = self._cinder.volume_types.create('Soak')
        kind.set_keys({'compression': '<is> True',
                       'lightos:num_replicas': '3',
                       'lightos:project_name': PROJECT,
                       'volume_backend_name': PROJECT})
        users = [lifecycle.User(self._stack, 'Soak', HOSTS, self._watch,
                                self.figures, self._killed)
                 for _ in range(self.seen.width)]
        source = users[0].source()
        self._began = time.monotonic()
        calls = trouble.Calls(self._cluster)
        calls.begin()
        with trouble.Flapping(self._cluster, 1) as flapping:
            self._live(users, source)
        self.seen.flaps = flapping.times
        self.seen.struck = calls.end()
        self._watch.look()
        inventory.compare(self._cinder, self._cluster, self.figures)
        self._remove_all(users)
        self.seen.temporary = inventory.empty(self._cinder, self._cluster,
                                              self.figures)
        self._sample()
        self.seen.looks = self._watch.looks
        self.seen.refused = self._token.refused()
        self.seen.seconds = time.monotonic() - self._began

    def _live(self, users: typing.Sequence[lifecycle.User],
              source: lifecycle.Source) -> None:
        """Run all lifecycles, with trouble in between."""
        numbers = iter(range(1, self._lifecycles + 1))
        lock = threading.Lock()

        def work(user: lifecycle.User) -> None:
            while not self._ended.is_set():
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    user.live(number, source)
                except lifecycle.GivenUp as error:
                    print(f'lifecycle {number}: {error}', flush=True)
                self.figures.lived()

        with concurrent.futures.ThreadPoolExecutor(len(users) + 1) as pool:
            running = [pool.submit(work, user) for user in users]
            running.append(pool.submit(self._trouble))
            try:
                self._look_after(running)
            finally:
                # Whatever it is that ends this, nobody begins anything more.
                self._ended.set()
            for one in running:
                one.result()

    def _trouble(self) -> None:
        """Rotate the token and kill a service, when it is time."""
        for share, event in (
                (1 / 2, self._token.rotate),
                (2 / 3, lambda: trouble.kill_and_start(
                    self._stack, SERVICES[1], self._killed))):
            while self.figures.lifecycles < share * self._lifecycles:
                if self._ended.wait(0.2):
                    return
            event()

    def _look_after(self, running: typing.Sequence[
            concurrent.futures.Future[None]]) -> None:
        """Look, measure and tell, as long as something is going on."""
        due = {self._watch.look: _LOOK_INTERVAL,
               self._sample: _SAMPLE_INTERVAL,
               self._tell: _PROGRESS_INTERVAL}
        last = dict.fromkeys(due, time.monotonic())
        while not all(one.done() for one in running):
            for one in running:
                if one.done():
                    # Tell of what was not foreseen at once.
                    one.result()
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
                                     self.figures.lifecycles)
            if measured:
                self.seen.samples[service, pids[0]].append(measured)

    def _tell(self) -> None:
        print(f'{time.monotonic() - self._began:6.0f} s: '
              f'{self.figures.lifecycles} lifecycles, '
              f'{sum(self.figures.told.values())} errors told', flush=True)

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
