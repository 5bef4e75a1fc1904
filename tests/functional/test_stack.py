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

import io
import typing
import unittest
import uuid

from tests import emulator
from tests.stack import backend
from tests.stack import compute
from tests.stack import process
from tests.stack import stack
from tests.stack import volumes

GIB = 2 ** 30
BACKEND = 'lightstack'
PROJECT = 'lightstack'
CLOSED = ['ALLOW_NONE']
HOST = compute.Host('compute-a', ('192.0.2.11', '2001:db8::11'))


class StackTest(unittest.TestCase):
    """One stack for all tests; each leaves the cluster as it found it."""

    lightos: emulator.EmulatorProcess
    stack: stack.Stack
    volumes: volumes.Volumes
    cinder: typing.Any
    nova: compute.Compute

    @classmethod
    def setUpClass(cls) -> None:
        """Start an emulated cluster, and Cinder with it as its backend."""
        super().setUpClass()
        cls.lightos = cls.enterClassContext(emulator.EmulatorProcess(
            emulator.Settings(nodes=3, settle=0.1)))
        cls.lightos.create_project(PROJECT)
        # A token for both projects: untyped volumes go to the default one.
        cls.stack = cls.enterClassContext(stack.Stack(
            {BACKEND: backend.section(BACKEND, cls.lightos,
                                      cls.lightos.admin_token)},
            progress=io.StringIO()))
        cls.volumes = volumes.Volumes(cls.stack.admin, cls._wait)
        cls.cinder = cls.volumes.client
        cls.nova = compute.Compute(cls.stack.admin, cls.stack.nova)
        gold = {'compression': '<is> True', 'lightos:num_replicas': '3',
                'lightos:project_name': PROJECT,
                'volume_backend_name': BACKEND}
        shared = {'multiattach': '<is> True'}
        for name, specs in (('Gold', gold), ('Shared', gold | shared)):
            cls.cinder.volume_types.create(name).set_keys(specs)

    @classmethod
    def _wait(cls, what: str, ready: typing.Callable[[], bool]) -> None:
        process.wait_until(ready, what, cls.stack.processes, 60.0)

    def setUp(self) -> None:
        """See afterwards that nothing is left and nothing was careless."""
        super().setUp()
        self.addCleanup(self._check_cluster_is_empty)

    def _check_cluster_is_empty(self) -> None:
        self._wait('the cluster to be empty', lambda: not (
            self.lightos.volumes() or self.lightos.snapshots()))
        self.assertEqual([], self.lightos.complaints())

    def _create(self, size: int, **source: str) -> typing.Any:
        volume = self.cinder.volumes.create(size, **source)
        self.addCleanup(self._delete, volume.id)
        return self.volumes.settled(volume.id)

    def _delete(self, volume: str) -> None:
        self.cinder.volumes.delete(volume)
        self.volumes.gone(volume)

    def _delete_snapshot(self, snapshot: str) -> None:
        self.cinder.volume_snapshots.delete(snapshot)
        self.volumes.gone_snapshot(snapshot)

    def _on_cluster(self, volume: typing.Any) -> dict[str, typing.Any]:
        named = [item for item in self.lightos.volumes()
                 if item['name'] == f'volume-{volume.id}']
        self.assertEqual(1, len(named))
        return named[0]

    def _assert_on_cluster(self, volume: typing.Any, size: int,
                           **fields: typing.Any) -> None:
        item = self._on_cluster(volume)
        self.assertEqual(size * GIB, int(item['size']))
        self.assertEqual('Available', item['state'])
        self.assertEqual(fields, {name: item[name] for name in fields})
        self._assert_access(volume, CLOSED, CLOSED)

    def _assert_access(self, volume: typing.Any,
                       nqns: typing.Iterable[str],
                       addresses: typing.Iterable[str]) -> None:
        item = self._on_cluster(volume)
        self.assertEqual(sorted(nqns), sorted(item['acl']['values']))
        self.assertEqual(sorted(addresses),
                         sorted(item['IPAcl']['values']))

    def test_volume_of_a_type(self) -> None:
        volume = self._create(2, volume_type='Gold')

        self._assert_on_cluster(volume, 2, replicaCount=3,
                                compression='true', projectName=PROJECT)

    def test_volume_without_a_type(self) -> None:
        volume = self._create(1)

        self._assert_on_cluster(volume, 1, replicaCount=3,
                                compression='false', projectName='default')

    def test_extend(self) -> None:
        volume = self._create(1, volume_type='Gold')

        self.cinder.volumes.extend(volume, 3)

        self.assertEqual(3, self.volumes.settled(volume.id).size)
        self._assert_on_cluster(volume, 3)

    def test_snapshot_volume_from_it_and_clone(self) -> None:
        volume = self._create(1, volume_type='Gold')

        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.addCleanup(self._delete_snapshot, snapshot.id)
        self.volumes.settled_snapshot(snapshot.id)
        restored = self._create(2, snapshot_id=snapshot.id)
        clone = self._create(1, source_volid=volume.id)

        for copy, size in ((restored, 2), (clone, 1)):
            self._assert_on_cluster(copy, size, replicaCount=3,
                                    compression='true', projectName=PROJECT)
        # The one that the clone was made from may take its time to go.
        self.assertEqual([f'snapshot-{snapshot.id}'], [
            item['name'] for item in self.lightos.snapshots()
            if item['state'] != 'Deleting'])

    def test_attach_and_detach(self) -> None:
        volume = self._create(1, volume_type='Gold')

        attachment = self.nova.reserve(volume.id, str(uuid.uuid4()))
        self._assert_access(volume, CLOSED, CLOSED)
        connection = self.nova.connect(attachment, HOST)
        self.nova.complete(attachment)

        self.volumes.settled(volume.id, 'in-use')
        self._assert_access(volume, [HOST.nqn], HOST.addresses)
        self.assertEqual('lightos', connection['driver_volume_type'])
        self.assertEqual(self._on_cluster(volume)['UUID'],
                         connection['uuid'])
        self.assertEqual(set(self.lightos.addresses),
                         set(connection['lightos_nodes']))

        self.nova.detach(attachment)
        self.volumes.settled(volume.id)
        self._assert_access(volume, CLOSED, CLOSED)

    def test_two_servers_on_one_host(self) -> None:
        volume = self._create(1, volume_type='Shared')
        attachments = [
            self.nova.attach(volume.id, str(uuid.uuid4()), HOST)
            for _ in range(2)]

        self.nova.detach(attachments[0])
        self._assert_access(volume, [HOST.nqn], HOST.addresses)

        self.nova.detach(attachments[1])
        self._assert_access(volume, CLOSED, CLOSED)
        self.volumes.settled(volume.id)
