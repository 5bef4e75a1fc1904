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

"""Several cinder-volume services as one, each a process, one of them killed.

RabbitMQ, MariaDB and Redis must be installed.
"""

import concurrent.futures
import threading
import time
import typing
import uuid

from cinderclient import exceptions

from tests.integration import base
from tests.stack import compute

HOSTS = base.HOSTS
ROUNDS = 4


class Watch:
    """Sees to it that hosts have access for as long as they may count on it.

    From when their attachment was answered until they begin to detach.
    """

    def __init__(self, look: typing.Callable[[], typing.Iterable[str]]
                 ) -> None:
        self.lost: set[str] = set()
        self.kept: set[str] = set()
        self._look = look
        self._lock = threading.Lock()
        self._inside: dict[str, int] = {}
        self._outside: dict[str, int] = {}
        self._moves = 0

    def move(self, host: compute.Host, inside: bool = False,
             outside: bool = False) -> None:
        """A host is inside from now on, or outside, or in between."""
        with self._lock:
            self._moves += 1
            for present, places in ((inside, self._inside),
                                    (outside, self._outside)):
                places.pop(host.nqn, None)
                if present:
                    places[host.nqn] = self._moves

    def run(self, ended: threading.Event) -> int:
        """Look again and again; return how often."""
        looks = 0
        while not ended.is_set():
            inside, outside = self._settled()
            seen = set(self._look())
            still_inside, still_outside = self._settled()
            self.lost |= {nqn for nqn, _ in inside & still_inside} - seen
            self.kept |= {nqn for nqn, _ in outside & still_outside} & seen
            looks += 1
            time.sleep(0.02)
        return looks

    def _settled(self) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        with self._lock:
            return set(self._inside.items()), set(self._outside.items())


class ManyHostsTest(base.DistributedTestCase):
    """Both services work on one volume at the same time."""

    #: Cinder's own time-out: none of them dies here.
    defaults = {**base.DistributedTestCase.defaults,
                'rpc_response_timeout': 60}

    def _attached(self, volume: typing.Any) -> set[str]:
        """Return the ids of the attachments that Cinder has on record."""
        return {attachment.id for attachment in self.cinder.attachments.list(
            search_opts={'volume_id': volume.id})}

    def test_many_hosts_at_once(self) -> None:
        volume = self.create(1, volume_type='Shared')
        watch = Watch(lambda: self.on_cluster(volume)['acl']['values'])
        # Cinder takes one server after the other for a volume, but the same
        # server on many hosts at once.
        server = str(uuid.uuid4())
        attached: dict[compute.Host, str] = {}

        def come(host: compute.Host) -> None:
            watch.move(host)
            self.nova_of_thread().connect(attached[host], host)
            watch.move(host, inside=True)

        def go(host: compute.Host) -> None:
            watch.move(host)
            self.nova_of_thread().detach(attached.pop(host))
            watch.move(host, outside=True)

        ended = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(len(HOSTS) + 1) as pool:
            looks = pool.submit(watch.run, ended)
            try:
                for turn in range(ROUNDS):
                    coming, going = HOSTS[turn % 2::2], list(attached)
                    for host in coming:
                        attached[host] = self.nova.reserve(volume.id, server)
                    moves = [pool.submit(come, host) for host in coming]
                    moves += [pool.submit(go, host) for host in going]
                    for move in moves:
                        move.result()
                    for host in coming:
                        self.nova.complete(attached[host])
                    self.volumes.settled(volume.id, 'in-use')
                    self.assertEqual(set(attached.values()),
                                     self._attached(volume))
                    self._assert_lets_in(volume, attached)
            finally:
                ended.set()
        self.assertLess(100, looks.result())
        self.assertEqual(set(), watch.lost)
        self.assertEqual(set(), watch.kept)
        for done in ('open', 'closed'):
            for service, times in self.count(
                    f'Volume {volume.id} is {done} to').items():
                self.assertLess(0, times, f'{service}: {done}')

        # Addresses of some that left at the same time as others came may
        # be there still, until the next one leaves.
        host, attachment = attached.popitem()
        self.nova.detach(attachment)
        self.assert_open_to(volume, *attached)
        for attachment in attached.values():
            self.nova.detach(attachment)
        self.volumes.settled(volume.id)
        self.assert_open_to(volume)

    def _assert_lets_in(self, volume: typing.Any,
                        hosts: typing.Collection[compute.Host]) -> None:
        """Check that the hosts have access, and no other host has."""
        item = self.on_cluster(volume)
        self.assertEqual(sorted(host.nqn for host in hosts),
                         sorted(item['acl']['values']))
        self.assertLessEqual(
            {address for host in hosts for address in host.addresses},
            set(item['IPAcl']['values']))


class KilledServiceTest(base.DistributedTestCase):
    """One of the services is killed at work, and the other goes on."""

    def test_the_other_takes_over(self) -> None:
        volume = self.create(1, volume_type='Shared')
        first, second, third = HOSTS[:3]
        staying = self.nova.attach(volume.id, str(uuid.uuid4()), first)
        attachment = self.nova.reserve(volume.id, str(uuid.uuid4()))
        calls = f'==> initialize_connection: call .*{volume.id}'
        before = self.count(calls)
        number = self.on_cluster(volume)['UUID']
        self.lightos.add_fault('delay', seconds=60.0, times=1, method='PUT',
                               path=f'/volumes/{number}')

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            cut_off = pool.submit(self.nova.connect, attachment, second)
            self.wait('the request to the cluster', lambda: any(
                fault['hits'] for fault in self.lightos.faults()))
            after = self.count(calls)
            killed, = (service for service in self.services
                       if after[service] > before[service])
            # It holds the lock on the access lists now.
            self.stack.kill(killed)
            self.lightos.clear_faults()
            # Nova learns that it got no answer; it may ask again.
            self.assertIsInstance(cut_off.exception(),
                                  exceptions.ClientException)
        self.nova.connect(attachment, second)
        self.nova.complete(attachment)
        self.assert_open_to(volume, first, second)

        # What the killed one has begun is no obstacle, nor that it is gone.
        self.wait('Cinder to miss it', lambda: self.stack.cinder.alive(
            self.stack.admin.session()) == set(self.services) - {killed})
        joining = self.nova.attach(volume.id, str(uuid.uuid4()), third)
        self.assert_open_to(volume, first, second, third)
        self.nova.detach(staying)
        self.assert_open_to(volume, second, third)
        self.nova.detach(attachment)
        self.nova.detach(joining)
        self.volumes.settled(volume.id)
        self.assert_open_to(volume)
        self.cinder.volumes.extend(volume, 2)
        self.volumes.settled(volume.id)
        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.volumes.settled_snapshot(snapshot.id)
        self.delete_snapshot(snapshot.id)
        self.assert_on_cluster(self.create(1, volume_type='Shared'), 1)
