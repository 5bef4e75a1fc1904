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

"""What administrators do with volumes, by the openstack client."""

import json
import typing

import requests

from tests.functional import stack_case
from tests.stack import client

POOL = 'controller@lightstack#lightstack'


class AdministratorTest(stack_case.StackTestCase):
    """With types that differ in what can be changed in place, or cannot."""

    @classmethod
    def setUpClass(cls) -> None:
        """Have the types and the QoS policies."""
        super().setUpClass()
        cls.create_type('Gold')
        cls.create_type('Plain', compression='<is> False')
        cls.create_type('Mirrored', **{'lightos:num_replicas': '2'})
        for name in ('fast', 'usual'):
            cls.ask('POST', 'policies', {
                'name': name, 'qoSRateLimitPolicy': {
                    'policyVisibility': 'Global',
                    'limitIOPS': {'readIOPSLimit': 1024}}})
        cls.create_type('Fast', **{'lightos:qos_policy': 'fast'})
        cls.create_type('Quick')
        for words in (
                'qos create --consumer back-end --property qos_policy=fast q',
                'qos associate q Quick'):
            client.run(cls.stack.admin, 'volume', *words.split())

    @classmethod
    def ask(cls, method: str, path: str,
            body: dict[str, typing.Any] | None = None) -> typing.Any:
        """Do something on the cluster as its administrator."""
        response = requests.request(
            method, f'https://{cls.lightos.addresses[0]}:{cls.lightos.port}'
            f'/api/v2/{path}', json=body, verify=False, timeout=10,
            headers={'Authorization': f'Bearer {cls.lightos.admin_token}'})
        response.raise_for_status()
        found = response.json()
        if 'UUID' in found and path.startswith('projects'):
            cls.wait(f'{path} to be done', lambda: all(
                one['state'] == 'Available' for one in
                cls.lightos.volumes() + cls.lightos.snapshots()
                if one['UUID'] == found['UUID']))
        return found

    def openstack(self, *words: str) -> typing.Any:
        """Run a command that shows something."""
        return json.loads(client.run(
            self.stack.admin, '--os-volume-api-version', '3.54', *words,
            '-f', 'json'))

    def make(self, volume_type: str, size: int = 1) -> typing.Any:
        """Create a volume of that type."""
        return self.create(size, volume_type=volume_type)

    def retype(self, volume: typing.Any, volume_type: str,
               policy: str = 'never') -> typing.Any:
        """Retype a volume, and return it when that is over."""
        client.run(self.stack.admin, 'volume', 'set', '--type', volume_type,
                   '--retype-policy', policy, volume.id)
        return self.volumes.settled(volume.id)

    def test_retype_in_place(self) -> None:
        volume = self.make('Gold')
        before = self.on_cluster(volume)['UUID']

        self.assertEqual('Plain', self.retype(volume, 'Plain').volume_type)
        self.assert_on_cluster(volume, 1, compression='false', UUID=before)
        self.assertEqual('Fast', self.retype(volume, 'Fast').volume_type)
        self.assert_on_cluster(volume, 1, compression='true', UUID=before,
                               qosPolicyName='fast')

    def test_what_needs_a_migration_is_left_alone_if_none_is_allowed(
            self) -> None:
        volume = self.make('Gold')
        before = self.on_cluster(volume)['UUID']

        self.assertEqual('Gold', self.retype(volume, 'Mirrored').volume_type)

        self.assert_on_cluster(volume, 1, replicaCount=3, UUID=before)

    def test_qos_specs(self) -> None:
        volume = self.make('Quick')

        self.assert_on_cluster(volume, 1, qosPolicyName='fast')

    def test_revert_to_a_snapshot(self) -> None:
        volume = self.make('Gold')
        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.addCleanup(self.delete_snapshot, snapshot.id)
        self.volumes.settled_snapshot(snapshot.id)

        client.run(self.stack.admin, 'volume', 'revert', snapshot.id)

        self.volumes.settled(volume.id)
        self.volumes.settled_snapshot(snapshot.id)
        self.assert_on_cluster(volume, 1)
        self.assertEqual(1, len([
            one for one in self.lightos.requests()
            if one['path'].endswith('/rollback')
            and self.on_cluster(volume)['UUID'] in one['path']]))
        self.assertEqual([f'snapshot-{snapshot.id}'], [
            one['name'] for one in self.lightos.snapshots()])

    def manageable(self, kind: str) -> dict[str, dict[str, typing.Any]]:
        """What can be managed, by UUID on the cluster."""
        return {one['reference']['source-id']: one
                for one in self.openstack(
                    'block', 'storage', kind, 'manageable', 'list', '--long',
                    POOL)}

    def manage(self, **source: str) -> str:
        """Have Cinder take a volume of the cluster; return its ID there.

        Not by the openstack client, whose releases before 10 ask for images
        first, and these are not here.
        """
        return typing.cast(str, self.cinder.volumes.manage(
            POOL, {name.replace('_', '-'): value
                   for name, value in source.items()},
            name='crm', volume_type='Gold').id)

    def test_manage_and_unmanage(self) -> None:
        there = self.ask('POST', 'projects/lightstack/volumes', {
            'name': 'crm-data', 'size': str(stack_case.GIB + 4096),
            'replicaCount': 3, 'compression': 'true',
            'acl': {'values': ['ALLOW_NONE']}})['UUID']
        kept = self.ask('POST', 'projects/lightstack/snapshots', {
            'name': 'crm-before', 'sourceVolumeUUID': there})['UUID']
        self.assertEqual('true', str(
            self.manageable('volume')[there]['safe_to_manage']).lower())

        volume = self.manage(source_name='crm-data')
        self.assertEqual(2, self.volumes.settled(volume).size)
        self.assert_on_cluster(self.volumes.settled(volume), 2, UUID=there)
        listed = self.manageable('volume')[there]
        self.assertEqual(volume, listed['cinder_id'])

        self.assertIn(kept, self.manageable('snapshot'))
        snapshot = self.openstack(
            'volume', 'snapshot', 'create', '--volume', volume,
            '--remote-source', f'source-id={kept}', 'before')['id']
        self.volumes.settled_snapshot(snapshot)
        client.run(self.stack.admin, 'volume', 'revert', snapshot)
        self.volumes.settled(volume)

        client.run(self.stack.admin, 'volume', 'snapshot', 'delete',
                   '--remote', snapshot)
        self.volumes.gone_snapshot(snapshot)
        client.run(self.stack.admin, 'volume', 'delete', '--remote', volume)
        self.volumes.gone(volume)
        self.assertEqual([there], [one['UUID']
                                   for one in self.lightos.volumes()])
        self.assertEqual([kept], [one['UUID']
                                  for one in self.lightos.snapshots()])

        again = self.manage(source_id=there)
        self.volumes.settled(again)
        snapshot = self.openstack(
            'volume', 'snapshot', 'create', '--volume', again,
            '--remote-source', 'source-name=crm-before', 'before')['id']
        self.volumes.settled_snapshot(snapshot)
        self.delete_snapshot(snapshot)
        self.delete(again)

    def test_one_that_is_refused_is_left_alone(self) -> None:
        there = self.ask('POST', 'projects/lightstack/volumes', {
            'name': 'of-others', 'size': '1 gib', 'replicaCount': 3,
            'compression': 'true', 'acl': {'values': ['nqn-a']}})['UUID']
        listed = self.manageable('volume')[there]
        self.assertEqual('it is open to nqn-a', listed['reason_not_safe'])

        refused = self.manage(source_id=there)
        self.volumes.settled(refused, 'error')
        self.delete(refused)

        self.assertEqual([there], [one['UUID']
                                   for one in self.lightos.volumes()])
        self.ask('DELETE', f'projects/lightstack/volumes/{there}')
