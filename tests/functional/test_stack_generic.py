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

"""What Cinder does for every driver, and what its users get to see of it."""

import re
import typing
import uuid

from cinderclient import exceptions

from tests.functional import stack_case
from tests.stack import compute
from tests.stack.demo import cluster
from tests.stack import identity
from tests.stack import volumes

HOST = stack_case.HOST
OTHER_HOST = stack_case.OTHER_HOST
GIB = stack_case.GIB

# What a tenant could not do anything with, and has no business to know.
_STORAGE = re.compile(
    r'\d+\.\d+\.\d+\.\d+|nqn\.|https?:|/api/v2|lightos_|Bearer|eyJ'
    rf'|LightOS project|projects/|{stack_case.PROJECT}')

_NOT_CREATED = (
    'create volume from backend storage:Driver failed to create the volume.',
    'schedule allocate volume:Could not find any available weighted backend.')


class GenericTest(stack_case.StackTestCase):
    """As an administrator, as a tenant, and as another tenant."""

    # What is refused for now is asked for again until then.
    options = {'lightos_operation_timeout': 4}
    sections = {'key_manager': {
        'backend': 'cinder.keymgr.conf_key_mgr.ConfKeyManager',
        'fixed_key': '00112233445566778899aabbccddeeff' * 2}}

    tenant: identity.Identity
    other: identity.Identity
    #: What the tenant has, and through whom servers get it.
    theirs: volumes.Volumes
    their_nova: compute.Compute

    @classmethod
    def setUpClass(cls) -> None:
        """Make the volume types and two tenants."""
        super().setUpClass()
        cls.create_type('Gold')
        cls.create_type('Shared', multiattach='<is> True')
        for name in ('tenant', 'other'):
            user = cls.stack.user(name, f'{name}-project', 'secret')
            cls.stack.keystone.add_user(user, 'member')
            setattr(cls, name, user)
        cls.theirs = volumes.Volumes(cls.tenant, cls.wait)
        cls.their_nova = compute.Compute(cls.tenant, cls.stack.nova)

    def _server(self) -> str:
        return str(uuid.uuid4())

    # Attachments

    def test_servers_of_two_hosts(self) -> None:
        volume = self.create(1, volume_type='Shared')
        first, second, third = (
            self.nova.attach(volume.id, self._server(), host)
            for host in (HOST, OTHER_HOST, HOST))
        self.assert_open_to(volume, HOST, OTHER_HOST)

        self.nova.detach(first)
        self.assert_open_to(volume, HOST, OTHER_HOST)
        self.nova.detach(third)
        self.assert_open_to(volume, OTHER_HOST)
        self.nova.detach(second)
        self.assert_open_to(volume)
        self.volumes.settled(volume.id)

    def test_read_only_attachment(self) -> None:
        volume = self.create(1, volume_type='Shared')
        attachments = []
        for host, mode in ((HOST, 'ro'), (OTHER_HOST, 'rw')):
            attachment = self.nova.reserve(volume.id, self._server(), mode)
            self.nova.connect(attachment, host)
            self.nova.complete(attachment)
            self.assertEqual(mode, self.cinder.attachments.show(
                attachment).attach_mode)
            attachments.append(attachment)
        self.assert_open_to(volume, HOST, OTHER_HOST)

        for attachment in attachments:
            self.nova.detach(attachment)
        self.assert_open_to(volume)

    def test_read_only_volume(self) -> None:
        volume = self.create(1, volume_type='Gold')
        self.cinder.volumes.update_readonly_flag(volume.id, True)
        attachment = self.nova.reserve(volume.id, self._server())

        connection = self.nova.connect(attachment, HOST)

        self.assertEqual('ro', connection['access_mode'])
        self.assert_open_to(volume, HOST)
        self.nova.detach(attachment)
        self.assert_open_to(volume)

    def test_forced_detach_of_one_host(self) -> None:
        volume = self.create(1, volume_type='Shared')
        staying, leaving = (
            self.nova.attach(volume.id, self._server(), host)
            for host in (HOST, OTHER_HOST))

        self.nova.force_detach(volume.id, leaving, OTHER_HOST)

        self.assert_open_to(volume, HOST)
        self.assertEqual([staying], [
            attachment.id for attachment in self.cinder.attachments.list(
                search_opts={'volume_id': volume.id})])
        self.nova.detach(staying)
        self.assert_open_to(volume)

    def test_forced_detach_of_whoever_it_is(self) -> None:
        volume = self.create(1, volume_type='Gold')
        attachment = self.nova.attach(volume.id, self._server(), HOST)

        self.nova.force_detach(volume.id, attachment)

        self.volumes.settled(volume.id)
        self.assert_open_to(volume)

    def test_detach_before_a_host_is_known(self) -> None:
        volume = self.create(1, volume_type='Gold')
        attachment = self.nova.reserve(volume.id, self._server())

        self.nova.detach(attachment)

        self.volumes.settled(volume.id)
        self.assert_open_to(volume)

    def test_detach_of_a_volume_that_vanished(self) -> None:
        volume = self.create(1, volume_type='Gold')
        attachment = self.nova.attach(volume.id, self._server(), HOST)
        api = cluster.Api(self.lightos.addresses[0], self.lightos.port,
                          self.lightos.fingerprint, self.lightos.admin_token)
        number = self.on_cluster(volume)['UUID']
        self.assertEqual(200, api.call('DELETE', (
            f'/projects/{stack_case.PROJECT}/volumes/{number}')).status)
        self.wait('the volume to vanish', lambda: not self.lightos.volumes())

        self.nova.detach(attachment)

        # It is deleted after the test like any other.
        self.volumes.settled(volume.id)

    # What Cinder does without the driver

    def test_group_and_group_snapshot(self) -> None:
        kind = self.cinder.group_types.create('generic')
        self.addCleanup(self.cinder.group_types.delete, kind.id)
        gold = self.cinder.volume_types.find(name='Gold').id
        group = self._settled_group(
            self.cinder.groups.create(kind.id, gold, name='group').id)
        for _ in range(2):
            self.volumes.settled(self.cinder.volumes.create(
                1, volume_type='Gold', group_id=group.id).id)
        other = self.create(1, volume_type='Gold')
        group.update(add_volumes=other.id)
        self.wait('it to be added', lambda: len(self._members(group)) == 3)
        group.update(remove_volumes=other.id)
        self.wait('it to be removed', lambda: len(self._members(group)) == 2)
        members = self._members(group)

        taken = self.cinder.group_snapshots.create(group.id)
        self._settled(self.cinder.group_snapshots, taken.id)
        self.assertEqual(
            sorted(self.on_cluster(member)['UUID'] for member in members),
            sorted(snapshot['sourceVolumeUUID']
                   for snapshot in self.lightos.snapshots()))
        copy = self._settled_group(
            self.cinder.groups.create_from_src(taken.id, None)['id'])
        for member in self._members(copy):
            self.volumes.settled(member.id)
            self.assert_on_cluster(member, 1, replicaCount=3,
                                   projectName=stack_case.PROJECT)
        self.assertEqual(5, len(self.lightos.volumes()))

        self.cinder.group_snapshots.delete(taken.id)
        self._gone(self.cinder.group_snapshots, taken.id)
        # The cluster lets them go completely when their clones have gone.
        self.assertEqual({'Deleting'}, {
            snapshot['state'] for snapshot in self.lightos.snapshots()})

    def _members(self, group: typing.Any) -> list[typing.Any]:
        return [volume for volume in self.cinder.volumes.list()
                if volume.group_id == group.id]

    def _settled_group(self, key: str) -> typing.Any:
        """Return a group, which goes after the test with all in it."""
        self.addCleanup(self._gone, self.cinder.groups, key)
        self.addCleanup(self.cinder.groups.delete, key, delete_volumes=True)
        self._settled(self.cinder.groups, key)
        return self.cinder.groups.get(key)

    def _settled(self, manager: typing.Any, key: str) -> None:
        def settled() -> bool:
            status = manager.get(key).status
            self.assertNotEqual('error', status)
            return status == 'available'

        self.wait(f'{key} to be available', settled)

    def _gone(self, manager: typing.Any, key: str) -> None:
        self.wait(f'{key} to go', lambda: key not in [
            item.id for item in manager.list()])

    def test_limits_of_size_in_a_volume_type(self) -> None:
        self.create_type('Middle', **{'provisioning:min_vol_size': '2',
                                      'provisioning:max_vol_size': '3'})

        for size in (1, 4):
            with self.assertRaises(exceptions.BadRequest):
                self.cinder.volumes.create(size, volume_type='Middle')
        volume = self.create(2, volume_type='Middle')
        with self.assertRaises(exceptions.BadRequest):
            self.cinder.volumes.extend(volume, 4)
        self.cinder.volumes.extend(volume, 3)

        self.volumes.settled(volume.id)
        self.assert_on_cluster(volume, 3)

    def test_encrypted_volume(self) -> None:
        self.cinder.volume_encryption_types.create(
            self.create_type('Secret'), {
                'provider': 'luks', 'control_location': 'front-end',
                'cipher': 'aes-xts-plain64', 'key_size': 256})
        volume = self.create(1, volume_type='Secret')

        self.assertTrue(volume.encrypted)
        self.assert_on_cluster(volume, 1)
        attachment = self.nova.reserve(volume.id, self._server())
        self.assertTrue(self.nova.connect(attachment, HOST)['encrypted'])
        self.assert_open_to(volume, HOST)
        self.nova.detach(attachment)
        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.volumes.settled_snapshot(snapshot.id)
        self.delete_snapshot(snapshot.id)

    def test_encryption_is_no_change_in_place(self) -> None:
        self.cinder.volume_encryption_types.create(
            self.create_type('Hidden'), {
                'provider': 'luks', 'control_location': 'front-end',
                'cipher': 'aes-xts-plain64', 'key_size': 256})
        self.create_type('Open')
        volume = self.create(1, volume_type='Open')

        self.cinder.volumes.retype(volume, 'Hidden', 'never')

        self.wait('the retype to be refused', lambda: any(
            'Retype requires migration' in service.tail()
            for service in self.stack.processes))
        volume = self.volumes.settled(volume.id)
        self.assertEqual(('Open', False),
                         (volume.volume_type, volume.encrypted))
        self.assert_on_cluster(volume, 1)

    def test_transfer_to_another_tenant(self) -> None:
        volume = self._create_theirs()
        before = self.on_cluster(volume)
        others = volumes.Volumes(self.other, self.wait)

        transfer = self.theirs.client.transfers.create(volume.id)
        others.client.transfers.accept(transfer.id, transfer.auth_key)

        others.settled(volume.id)
        with self.assertRaises(exceptions.NotFound):
            self.theirs.client.volumes.get(volume.id)
        self.assertEqual(before, self.on_cluster(volume))
        nova = compute.Compute(self.other, self.stack.nova)
        attachment = nova.attach(volume.id, self._server(), HOST)
        self.assert_open_to(volume, HOST)
        nova.detach(attachment)
        others.settled(volume.id)
        self.assert_open_to(volume)

    # What users see when something fails

    def _create_theirs(self, size: int = 1) -> typing.Any:
        volume = self.theirs.client.volumes.create(size, volume_type='Gold')
        self.addCleanup(self.delete, volume.id)
        return self.theirs.settled(volume.id)

    def _fault(self, **fault: typing.Any) -> int:
        self.addCleanup(self.lightos.clear_faults)
        return self.lightos.add_fault('status', **fault)

    def _assert_told(self, resource: str, *texts: str) -> None:
        """Check what the tenant was told, and that it tells no secrets."""
        messages = [message for message in self.theirs.client.messages.list()
                    if message.resource_uuid == resource]
        self.assertEqual(set(texts), {message.user_message
                                      for message in messages})
        for message in messages:
            told = message.to_dict() | {'links': 'to the API of Cinder'}
            self.assertIsNone(_STORAGE.search(str(told)), told)

    def test_busy_volume_is_available_again(self) -> None:
        volume = self._create_theirs()
        fault = self._fault(status=503, method='DELETE', path='/volumes/')

        self.theirs.client.volumes.delete(volume.id)
        self.wait('the request to delete', lambda: any(
            item['hits'] for item in self.lightos.faults()))

        self.theirs.settled(volume.id)
        self.lightos.clear_faults(fault)
        attachment = self.their_nova.attach(volume.id, self._server(), HOST)
        self.assert_open_to(volume, HOST)
        self.their_nova.detach(attachment)

    def test_busy_snapshot_is_available_again(self) -> None:
        volume = self._create_theirs()
        snapshot = self.theirs.client.volume_snapshots.create(volume.id)
        self.addCleanup(self.delete_snapshot, snapshot.id)
        self.theirs.settled_snapshot(snapshot.id)
        fault = self._fault(status=503, method='DELETE', path='/snapshots/')

        self.theirs.client.volume_snapshots.delete(snapshot.id)
        self.wait('the request to delete', lambda: any(
            item['hits'] for item in self.lightos.faults()))

        self.theirs.settled_snapshot(snapshot.id)
        self.lightos.clear_faults(fault)
        self._assert_told(snapshot.id, 'delete snapshot:Snapshot is busy.')

    def test_no_room_to_extend(self) -> None:
        volume = self._create_theirs()
        before = self.on_cluster(volume)
        self._fault(status=429, method='PUT', path='/volumes/',
                    message=f'no room for {stack_case.PROJECT}')

        self.theirs.client.volumes.extend(volume.id, 2)

        # Cinder knows no other status after that, whatever the reason.
        self.assertEqual(1, self.theirs.settled(
            volume.id, 'error_extending').size)
        self._assert_told(volume.id, (
            'extend volume:Volume Driver failed to extend volume.'))
        self.assertEqual(before['size'], self.on_cluster(volume)['size'])
        self.lightos.clear_faults()
        self.cinder.volumes.reset_state(volume.id, 'available')
        self.theirs.client.volumes.extend(volume.id, 2)
        self.assertEqual(2, self.theirs.settled(volume.id).size)

    def test_no_room_to_create(self) -> None:
        self._fault(status=400, code=9, method='POST', path='/volumes',
                    message=f'no room for {stack_case.PROJECT}')

        volume = self.theirs.client.volumes.create(1, volume_type='Gold')
        self.addCleanup(self.delete, volume.id)
        self.theirs.settled(volume.id, 'error')

        self._assert_told(volume.id, *_NOT_CREATED)

    def test_volume_type_that_cannot_be(self) -> None:
        self.create_type('Nine', **{'lightos:num_replicas': '9'})

        volume = self.theirs.client.volumes.create(1, volume_type='Nine')
        self.addCleanup(self.delete, volume.id)
        self.theirs.settled(volume.id, 'error')

        self._assert_told(volume.id, *_NOT_CREATED)
        self.assertEqual([], self.lightos.volumes())

    def test_host_that_cannot_attach(self) -> None:
        volume = self._create_theirs()
        attachment = self.their_nova.reserve(volume.id, self._server())

        with self.assertRaises(stack_case.UPDATE_REFUSED) as caught:
            self.theirs.client.attachments.update(attachment, {
                name: value for name, value in HOST.connector().items()
                if name != 'nqn'})

        self.assertIn('nqn', str(caught.exception))
        self.assert_open_to(volume)
        self.their_nova.connect(attachment, HOST)
        self.assert_open_to(volume, HOST)
        self.their_nova.detach(attachment)
        self.theirs.settled(volume.id)

    def test_cluster_that_refuses_to_attach(self) -> None:
        volume = self._create_theirs()
        attachment = self.their_nova.reserve(volume.id, self._server())
        self._fault(status=400, method='PUT', path='/volumes/')

        with self.assertRaises(exceptions.ClientException) as caught:
            self.theirs.client.attachments.update(attachment,
                                                  HOST.connector())

        self.assertIsNone(_STORAGE.search(str(caught.exception)),
                          caught.exception)
        self.assertIn(volume.id, str(caught.exception))
        self.lightos.clear_faults()
        self.assert_open_to(volume)
        self.their_nova.detach(attachment)
        self.theirs.settled(volume.id)
