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


"""From create to delete through Cinder's API, all services running."""

import uuid

from tests.functional import stack_case

HOST = stack_case.HOST
PROJECT = stack_case.PROJECT


class StackTest(stack_case.StackTestCase):
    """What every user does, one after the other."""

    @classmethod
    def setUpClass(cls) -> None:
        """Make the volume types."""
        super().setUpClass()
        cls.create_type('Gold')
        cls.create_type('Shared', multiattach='<is> True')

    def test_volume_of_a_type(self) -> None:
        volume = self.create(2, volume_type='Gold')

        self.assert_on_cluster(volume, 2, replicaCount=3,
                               compression='true', projectName=PROJECT)

    def test_volume_without_a_type(self) -> None:
        volume = self.create(1)

        self.assert_on_cluster(volume, 1, replicaCount=3,
                               compression='false', projectName='default')

    def test_extend(self) -> None:
        volume = self.create(1, volume_type='Gold')

        self.cinder.volumes.extend(volume, 3)

        self.assertEqual(3, self.volumes.settled(volume.id).size)
        self.assert_on_cluster(volume, 3)

    def test_snapshot_volume_from_it_and_clone(self) -> None:
        volume = self.create(1, volume_type='Gold')

        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.addCleanup(self.delete_snapshot, snapshot.id)
        self.volumes.settled_snapshot(snapshot.id)
        restored = self.create(2, snapshot_id=snapshot.id)
        clone = self.create(1, source_volid=volume.id)

        for copy, size in ((restored, 2), (clone, 1)):
            self.assert_on_cluster(copy, size, replicaCount=3,
                                   compression='true', projectName=PROJECT)
        # The one that the clone was made from may take its time to go.
        self.assertEqual([f'snapshot-{snapshot.id}'], [
            item['name'] for item in self.lightos.snapshots()
            if item['state'] != 'Deleting'])

    def test_attach_and_detach(self) -> None:
        volume = self.create(1, volume_type='Gold')

        attachment = self.nova.reserve(volume.id, str(uuid.uuid4()))
        self.assert_open_to(volume)
        connection = self.nova.connect(attachment, HOST)
        self.nova.complete(attachment)

        self.volumes.settled(volume.id, 'in-use')
        self.assert_open_to(volume, HOST)
        self.assertEqual('lightos', connection['driver_volume_type'])
        self.assertEqual(self.on_cluster(volume)['UUID'],
                         connection['uuid'])
        self.assertEqual(set(self.lightos.addresses),
                         set(connection['lightos_nodes']))

        self.nova.detach(attachment)
        self.volumes.settled(volume.id)
        self.assert_open_to(volume)

    def test_two_servers_on_one_host(self) -> None:
        volume = self.create(1, volume_type='Shared')
        attachments = [
            self.nova.attach(volume.id, str(uuid.uuid4()), HOST)
            for _ in range(2)]

        self.nova.detach(attachments[0])
        self.assert_open_to(volume, HOST)

        self.nova.detach(attachments[1])
        self.assert_open_to(volume)
        self.volumes.settled(volume.id)
