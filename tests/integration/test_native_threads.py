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

"""Cinder in native threads, as its operators may tell it to run.

RabbitMQ, MariaDB and Redis must be installed.
"""

import io
import pathlib
import typing
import uuid

from tests.functional import stack_case
from tests.stack import distributed

HOST = stack_case.HOST
OTHER_HOST = stack_case.OTHER_HOST
SERVICE = 'volume-1'
# More than eventlet keeps native threads for itself, which are twenty.
VOLUMES = 32


class NativeThreadsTest(stack_case.StackTestCase):
    """What users do with volumes, no service with eventlet."""

    # Cinder allows ten by default.
    defaults = {'quota_volumes': 2 * VOLUMES}
    stack: distributed.Stack

    @classmethod
    def make_stack(cls, sections: dict[str, dict[str, typing.Any]]
                   ) -> distributed.Stack:
        """Return a distributed stack with these backends."""
        return distributed.Stack(sections, volume_hosts=[SERVICE],
                                 mode='threading', defaults=cls.defaults,
                                 progress=io.StringIO())

    @classmethod
    def setUpClass(cls) -> None:
        """Make the volume types."""
        super().setUpClass()
        cls.create_type('Gold')
        cls.create_type('Shared', multiattach='<is> True')

    def test_it_is_said(self) -> None:
        for folder, name in ((SERVICE, SERVICE),
                             ('controller', 'cinder-scheduler')):
            log = self.stack.cinder.folder / folder / f'{name}.log'
            text = log.read_text(errors='replace')
            self.assertIn('Service is starting with native threading', text)
            self.assertNotIn('Eventlet', text)

    def test_each_operation_has_a_thread(self) -> None:
        """Which the kernel knows of, as it does not of green ones."""
        self.lightos.add_fault('hang', method='POST', path='/volumes$')
        self.addCleanup(self.lightos.clear_faults)
        before = self._native_threads()
        volumes = [self.cinder.volumes.create(1, volume_type='Gold')
                   for _ in range(VOLUMES)]
        for volume in volumes:
            self.addCleanup(self.delete, volume.id)
        self.wait('as many threads as volumes', lambda: (
            self._native_threads() >= VOLUMES))
        self.lightos.clear_faults()
        for volume in volumes:
            self.volumes.settled(volume.id)
            self.assert_on_cluster(volume, 1)
        self.assertLess(before, VOLUMES)

    def _native_threads(self) -> int:
        """Return how many the process has that is with the cluster."""
        return max(len(list(pathlib.Path(f'/proc/{pid}/task').iterdir()))
                   for pid in self.stack.pids(SERVICE))

    def test_the_life_of_a_volume(self) -> None:
        volume = self.create(1, volume_type='Gold')
        self.assert_on_cluster(volume, 1, replicaCount=3)
        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.volumes.settled_snapshot(snapshot.id)
        restored = self.create(2, snapshot_id=snapshot.id)
        self.assert_on_cluster(restored, 2)
        clone = self.create(1, source_volid=volume.id)
        self.assert_on_cluster(clone, 1)
        self.cinder.volumes.revert_to_snapshot(
            volume, self.cinder.volume_snapshots.get(snapshot.id))
        self.volumes.settled(volume.id)
        self.assert_on_cluster(volume, 1)
        self.delete_snapshot(snapshot.id)

        attachment = self.nova.attach(clone.id, str(uuid.uuid4()), HOST)
        self.volumes.settled(clone.id, 'in-use')
        self.assert_open_to(clone, HOST)
        self.nova.detach(attachment)
        self.volumes.settled(clone.id)
        self.assert_open_to(clone)

        self.cinder.volumes.extend(clone, 3)
        self.assertEqual(3, self.volumes.settled(clone.id).size)
        self.assert_on_cluster(clone, 3)

    def test_a_volume_of_two_hosts(self) -> None:
        volume = self.create(1, volume_type='Shared')
        first, second = (
            self.nova.attach(volume.id, str(uuid.uuid4()), host)
            for host in (HOST, OTHER_HOST))
        self.assert_open_to(volume, HOST, OTHER_HOST)
        self.nova.detach(first)
        self.assert_open_to(volume, OTHER_HOST)
        self.nova.detach(second)
        self.volumes.settled(volume.id)
        self.assert_open_to(volume)
