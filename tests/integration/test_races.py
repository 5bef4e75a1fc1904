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


"""Operations on one volume at the same time, through several services.

Each as Cinder's API lets it through: of a volume that is being extended,
retyped or attached it refuses all others of these, and snapshots. Snapshots
are no obstacle to anything, and hosts may always go.
"""

import concurrent.futures
import itertools
import threading
import typing
import uuid

from cinderclient import exceptions

from tests.functional import stack_case
from tests.integration import base
from tests.stack import compute
from tests.stack import volumes

STAYING, HOST, OTHER_HOST = base.HOSTS[:3]
TYPES = ('Shared', 'Plain')
ROUNDS = 9
# Volumes on which the same happens at once, and how often.
VOLUMES = 6
BATCHES = 3


class RacesTest(base.DistributedTestCase):
    """In the end those have access whom Cinder knows, and nobody else."""

    defaults = {
        **base.DistributedTestCase.defaults,
        # Who stayed inside by mistake is found with the statistics.
        'backend_stats_polling_interval': 3, 'periodic_interval': 3,
        'periodic_fuzzy_delay': 0,
        'quota_volumes': 100, 'quota_snapshots': 100,
    }

    @classmethod
    def setUpClass(cls) -> None:
        """Have a second volume type, and users who are logged in."""
        super().setUpClass()
        cls.create_type('Plain', multiattach='<is> True',
                        compression='<is> False')
        cls.users = [volumes.Volumes(cls.stack.admin, cls.wait).client
                     for _ in range(8)]
        cls.computes = [compute.Compute(cls.stack.admin, cls.stack.nova)
                        for _ in range(2 * VOLUMES)]
        for each in cls.users:
            each.volumes.list()
        for each in cls.computes:
            each.log_in()

    def at_once(self, *calls: typing.Callable[[], typing.Any]
                ) -> list[typing.Any]:
        """Make calls at the same time; return what became of each.

        :returns: for each its answer, or Cinder's refusal
        """
        start = threading.Barrier(len(calls))

        def make(call: typing.Callable[[], typing.Any]) -> typing.Any:
            start.wait()
            try:
                return call()
            except exceptions.ClientException as refusal:
                return refusal

        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(make, calls))

    def create_many(self, count: int) -> list[typing.Any]:
        """Create volumes, which are deleted after the test."""
        made = [self.cinder.volumes.create(1, volume_type='Shared')
                for _ in range(count)]
        self.addCleanup(self.delete_many, made)
        return [self.volumes.settled(volume.id) for volume in made]

    def delete_many(self, made: list[typing.Any]) -> None:
        """Delete volumes and wait until they are gone."""
        for volume in made:
            self.cinder.volumes.delete(volume)
        for volume in made:
            self.volumes.gone(volume.id)

    def assert_access_is_right(self, volume: typing.Any,
                               *hosts: compute.Host) -> None:
        """Check that these have access, as Cinder knows, and nobody else."""
        self.assertEqual({host.nqn for host in hosts}, self.on_record(volume))
        self.assert_open_to(volume, *hosts)

    def test_all_at_once(self) -> None:
        # What is changed takes a while: the next comes in between.
        self.lightos.set_settings(update_settle=0.4, snapshot_settle=0.8)
        self.addCleanup(self.lightos.set_settings, update_settle=None,
                        snapshot_settle=None)
        volume = self.create(1, volume_type=TYPES[0])
        staying = self.nova.attach(volume.id, str(uuid.uuid4()), STAYING)
        hosts = itertools.cycle([HOST, OTHER_HOST])
        leaving = self.nova.attach(volume.id, str(uuid.uuid4()), next(hosts))
        size, kind = 1, TYPES[0]
        old: list[str] = []
        for turn in range(ROUNDS):
            host = next(hosts)
            inside = [STAYING]
            taken = self.at_once(*(
                lambda user=user: user.volume_snapshots.create(
                    volume.id, force=True).id for user in self.users[:2]))
            last = [lambda: self.computes[0].detach(leaving)]
            last += [lambda user=user, one=one: user.volume_snapshots.delete(
                one) for user, one in zip(self.users[2:], old)]
            # Cinder lets one of these through while it takes snapshots, and
            # anybody go meanwhile.
            if turn % 3 == 0:
                size += 1
                self.cinder.volumes.extend(volume, size)
            elif turn % 3 == 1:
                kind = TYPES[kind == TYPES[0]]
                self.cinder.volumes.retype(volume, kind, 'never')
            else:
                coming = self.nova.reserve(volume.id, str(uuid.uuid4()))
                last.append(lambda: self.computes[1].connect(coming, host))
                inside.append(host)
            failed = [one for one in taken + self.at_once(*last)
                      if isinstance(one, Exception)]
            self.assertEqual([], failed)

            if host in inside:
                self.nova.complete(coming)
            self.wait('all to be done', lambda: (
                lambda seen: (seen.status, seen.size, seen.volume_type) == (
                    'in-use', size, kind))(
                        self.cinder.volumes.get(volume.id)))
            for one in old:
                self.volumes.gone_snapshot(one)
            for one in taken:
                self.volumes.settled_snapshot(one)
            item = self.on_cluster(volume)
            self.assertEqual(
                (size * stack_case.GIB, str(kind == 'Shared').lower()),
                (int(item['size']), item['compression']))
            self.assertEqual(
                sorted(f'snapshot-{one}' for one in taken),
                sorted(one['name'] for one in self.lightos.snapshots()
                       if one['state'] == 'Available'))
            self.assert_access_is_right(volume, *inside)
            if host not in inside:
                coming = self.nova.attach(volume.id, str(uuid.uuid4()), host)
            leaving, old = coming, taken

        for attachment in (staying, leaving):
            self.nova.detach(attachment)
        self.assert_access_is_right(volume)
        for one in old:
            self.delete_snapshot(one)

    def test_two_detaches_of_one_host(self) -> None:
        made = self.create_many(VOLUMES * BATCHES)
        for batch in range(BATCHES):
            at_work = made[batch * VOLUMES:][:VOLUMES]
            attached = []
            for volume in at_work:
                self.nova.attach(volume.id, str(uuid.uuid4()), STAYING)
                for _ in range(2):
                    attached.append(self.nova.attach(
                        volume.id, str(uuid.uuid4()), HOST))
            answers = self.at_once(*(
                lambda one=one, nova=nova: nova.detach(one)
                for one, nova in zip(attached, self.computes)))
            self.assertEqual([None] * len(attached), answers)
        for volume in made:
            # Where both had the other on record that takes a while.
            self.wait('the host to be shown out', lambda volume=volume:
                      HOST.nqn not in self.with_access(volume))
            self.assert_access_is_right(volume, STAYING)
            for attachment in self.cinder.attachments.list(
                    search_opts={'volume_id': volume.id}):
                self.nova.detach(attachment.id)

    def test_a_host_comes_as_its_last_attachment_goes(self) -> None:
        made = self.create_many(VOLUMES)
        going = {}
        for volume in made:
            self.nova.attach(volume.id, str(uuid.uuid4()), STAYING)
            going[volume.id] = self.nova.attach(
                volume.id, str(uuid.uuid4()), HOST)
        for _ in range(BATCHES):
            coming = {volume.id: self.nova.reserve(
                volume.id, str(uuid.uuid4())) for volume in made}
            calls: list[typing.Callable[[], typing.Any]] = []
            for volume, first, second in zip(
                    made, self.computes[::2], self.computes[1::2]):
                calls += [
                    lambda one=coming[volume.id], nova=first: nova.connect(
                        one, HOST),
                    lambda one=going[volume.id], nova=second: nova.detach(
                        one)]
            answers = self.at_once(*calls)
            self.assertEqual([], [one for one in answers
                                  if isinstance(one, Exception)])
            for volume in made:
                self.nova.complete(coming[volume.id])
                self.assert_access_is_right(volume, STAYING, HOST)
            going = coming
        for volume in made:
            for attachment in self.cinder.attachments.list(
                    search_opts={'volume_id': volume.id}):
                self.nova.detach(attachment.id)
