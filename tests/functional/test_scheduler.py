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


"""Two clusters as backends of one Cinder: its scheduler and its API."""

import collections
import io
import typing
import unittest
import uuid

from cinderclient import exceptions

from tests import emulator
from tests.functional import stack_case
from tests.stack import backend
from tests.stack import client
from tests.stack import compute
from tests.stack import process
from tests.stack import stack
from tests.stack import volumes

GIB = 2 ** 30
A = 'lightstack-a'
B = 'lightstack-b'
HOST = compute.Host('compute-a', ('192.0.2.11', '2001:db8::11'))

#: Which backend a volume type names; None for one that leaves it to Cinder.
TYPES: dict[str, dict[str, str]] = {
    'Any': {},
    'OnlyA': {'volume_backend_name': A},
    'OnlyB': {'volume_backend_name': B},
    'Healthy': {'lightos_cluster_health': 'OK'},
}


class SchedulerTestCase(unittest.TestCase):
    """One stack for all tests; each leaves both clusters empty and well.

    Each has room for 100 GiB of volumes with three replicas.
    """

    clusters: dict[str, emulator.EmulatorProcess]
    stack: stack.Stack
    volumes: volumes.Volumes
    cinder: typing.Any
    admin: typing.Any
    nova: compute.Compute

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.clusters = {name: cls.enterClassContext(emulator.EmulatorProcess(
            emulator.Settings(nodes=3, node_capacity=100 * GIB)))
            for name in (A, B)}
        cls.stack = cls.enterClassContext(stack.Stack({
            name: backend.section(
                name, lightos, lightos.admin_token,
                lightos_api_service_timeout=1,
                lightos_default_compression_enabled=name == B)
            for name, lightos in cls.clusters.items()},
            defaults={'backend_stats_polling_interval': 3,
                      'periodic_interval': 1, 'periodic_fuzzy_delay': 0},
            progress=io.StringIO()))
        cls.volumes = volumes.Volumes(cls.stack.admin, cls._wait)
        cls.cinder = cls.volumes.client
        cls.admin = cls.stack.admin.session()
        cls.nova = compute.Compute(cls.stack.admin, cls.stack.nova)
        for name, specs in TYPES.items():
            cls.cinder.volume_types.create(name).set_keys(specs)

    @classmethod
    def _wait(cls, what: str, ready: typing.Callable[[], bool]) -> None:
        process.wait_until(ready, what, cls.stack.processes, 60.0)

    def setUp(self) -> None:
        super().setUp()
        self._told(A, free_capacity_gb=100, provisioned_capacity_gb=0)
        self._told(B, free_capacity_gb=100, provisioned_capacity_gb=0)
        self.addCleanup(self._check_clusters_are_empty)

    def _check_clusters_are_empty(self) -> None:
        for lightos in self.clusters.values():
            self._wait('the cluster to be empty',
                       lambda one=lightos: not one.volumes())
            self.assertEqual([], lightos.complaints())

    # Cinder

    def _pool(self, name: str) -> dict[str, typing.Any]:
        """What the scheduler was last told of a backend."""
        pools = self.admin.get(f'{self.stack.cinder.url}/scheduler-stats/'
                               'get_pools?detail=true').json()['pools']
        return {pool['name']: pool['capabilities']
                for pool in pools}[f'controller@{name}#{name}']

    def _told(self, name: str, **capabilities: typing.Any) -> None:
        """Wait until the scheduler has been told that."""
        def told() -> bool:
            pool = self._pool(name)
            return capabilities == {key: pool.get(key)
                                    for key in capabilities}

        self._wait(f'{name} to have {capabilities}', told)

    def _create(self, size: int, volume_type: str = 'Any',
                status: str = 'available') -> typing.Any:
        """Create a volume when the scheduler knows of those before."""
        for name, lightos in self.clusters.items():
            if self._pool(name)['backend_state'] == 'up':
                self._told(name, provisioned_capacity_gb=sum(
                    int(one['size']) for one in lightos.volumes()
                    if one['state'] == 'Available') / GIB)
        volume = self.cinder.volumes.create(size, volume_type=volume_type)
        self.addCleanup(self._delete, volume.id)
        return self.volumes.settled(volume.id, status)

    def _delete(self, volume: str) -> None:
        self.cinder.volumes.delete(volume)
        self.volumes.gone(volume)

    def _placed(self, size: int = 1, volume_type: str = 'Any') -> str:
        """Create a volume and return the backend that it is on."""
        volume = self._create(size, volume_type)
        on = [name for name, lightos in self.clusters.items()
              if f'volume-{volume.id}' in [
                  one['name'] for one in lightos.volumes()
                  if one['state'] == 'Available']]
        host = getattr(volume, 'os-vol-host-attr:host')
        self.assertEqual([f'controller@{name}#{name}' for name in on],
                         [host])
        return on[0]

    def _set(self, name: str, **settings: typing.Any) -> None:
        """Turn switches of a cluster for this test."""
        lightos = self.clusters[name]
        before = lightos.settings_in_force()
        self.addCleanup(lightos.set_settings,
                        **{key: before[key] for key in settings})
        lightos.set_settings(**settings)

    def _endpoints(self, name: str, mode: str) -> None:
        for index in range(3):
            self.clusters[name].endpoint(index, mode)

    # Placement

    def test_the_emptier_one_comes_first_and_then_both(self) -> None:
        self._create(2, 'OnlyB')
        self.assertEqual([A, A], [self._placed(), self._placed()])
        self.assertEqual({A: 2, B: 2}, collections.Counter(
            self._placed() for _ in range(4)))

    def test_a_full_one_gets_none(self) -> None:
        """Far more is provisioned on the other one, but not written."""
        self._set(A, written_fraction=1.0)
        self._create(100, 'OnlyA')
        self._create(200, 'OnlyB')
        self._told(A, free_capacity_gb=0, backend_state='up')
        self._told(B, free_capacity_gb=100)
        self.assertEqual([B, B], [self._placed(), self._placed()])
        self._create(1, 'OnlyA', status='error')

    def test_one_that_is_away_gets_none_until_it_is_back(self) -> None:
        self._create(5, 'OnlyB')
        self.addCleanup(self._endpoints, A, 'up')
        self._endpoints(A, 'refuse')
        self._told(A, backend_state='down', total_capacity_gb=0)
        self.assertEqual(B, self._placed())
        self._create(1, 'OnlyA', status='error')
        self.assertEqual({A: 'down', B: 'up'}, {
            one.host.partition('@')[2]: one.backend_state
            for one in self.cinder.services.list(binary='cinder-volume')})
        self._endpoints(A, 'up')
        self._told(A, backend_state='up', free_capacity_gb=100)
        self.assertEqual(A, self._placed())

    def test_a_type_that_asks_for_health(self) -> None:
        self._create(2, 'OnlyB')
        self.assertEqual(A, self._placed(1, 'Healthy'))
        self.addCleanup(self._told, A, lightos_cluster_health='OK')
        self.addCleanup(self.clusters[A].node, 0, 'up')
        self.clusters[A].node(0, 'down')
        self._told(A, lightos_cluster_health='Warning', backend_state='up',
                   lightos_current_max_replicas=2)
        self.assertEqual(B, self._placed(1, 'Healthy'))

    # Capabilities

    def test_capabilities_of_a_backend(self) -> None:
        for name, compressed in ((A, False), (B, True)):
            told = self.cinder.capabilities.get(f'controller@{name}')
            self.assertEqual(
                ('LightOS Storage', 'lightos', name),
                (told.vendor_name, told.storage_protocol,
                 told.volume_backend_name))
            shown = {key: {field: value for field, value in one.items()
                           if field not in ('title', 'description')}
                     for key, one in told.properties.items()}
            self.assertLessEqual({
                'compression': {'type': 'boolean', 'default': compressed},
                'lightos:num_replicas': {'type': 'integer', 'minimum': 1,
                                         'maximum': 3, 'default': 3},
                'lightos:project_name': {'type': 'string',
                                         'default': 'default'},
                'lightos:qos_policy': {'type': 'string'},
            }.items(), shown.items())

    def test_the_client_shows_them(self) -> None:
        said = client.run(self.stack.admin, 'volume', 'backend',
                          'capability', 'show', f'controller@{A}')
        for word in ('compression', 'lightos:num_replicas', 'integer',
                     'lightos:project_name', 'lightos:qos_policy'):
            self.assertIn(word, said)

    # Connectors

    def _bad(self, **wrong: typing.Any) -> dict[str, typing.Any]:
        return HOST.connector() | wrong

    def test_a_bad_connector_is_a_bad_request(self) -> None:
        volume = self._create(1, 'OnlyA')
        attachment = self.nova.reserve(volume.id, str(uuid.uuid4()))
        for wrong in ({'nqn': ''}, {'nqn': 'ALLOW_ANY'}, {'nqn': 7},
                      {'found_dsc': ''}, {'host_ips': []},
                      {'host_ips': 'everywhere'}):
            for error, call in (
                    (stack_case.UPDATE_REFUSED,
                     lambda bad: self.cinder.attachments.update(
                         attachment, bad)),
                    (exceptions.BadRequest,
                     lambda bad: self.cinder.volumes.initialize_connection(
                         volume, bad))):
                with self.subTest(wrong=wrong), self.assertRaises(
                        error) as caught:
                    call(self._bad(**wrong))
                self.assertIn(next(iter(wrong)), str(caught.exception))
        self.nova.detach(attachment)
        held, = self.clusters[A].volumes()
        self.assertEqual(['ALLOW_NONE'], held['acl']['values'])

    def test_a_bad_connector_at_creation_is_said_too(self) -> None:
        """There Cinder's API makes HTTP 500 of all but a few errors."""
        volume = self._create(1, 'OnlyA')
        with self.assertRaisesRegex(exceptions.ClientException, 'nqn'):
            self.cinder.attachments.create(
                volume.id, self._bad(nqn='ALLOW_ANY'), str(uuid.uuid4()))
        held, = self.clusters[A].volumes()
        self.assertEqual(['ALLOW_NONE'], held['acl']['values'])
        for attachment in self.cinder.attachments.list(
                search_opts={'volume_id': volume.id}):
            self.nova.detach(attachment.id)
