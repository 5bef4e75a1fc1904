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


from cinder import exception
import ddt

from lightos_cinder import driver
from tests.functional import base

NODE = 30 * base.GIB


class StatsTestCase(base.DriverTestCase):
    """Three nodes of 30 GiB, so 30 GiB of volumes with three replicas."""

    settings = {'node_capacity': NODE}

    def told(self):
        """What the driver tells, after another look at the cluster."""
        return self.driver.get_volume_stats(refresh=True)

    def assert_told(self, **expected):
        told = self.told()
        self.assertEqual(expected, {key: told.get(key) for key in expected})

    def logged(self):
        """What is logged of one look at the cluster."""
        with self.assertLogs('lightos_cinder.driver', 'DEBUG') as logs:
            self.told()
            driver.LOG.debug('the end')
        return logs.output[:-1]

    def endpoints(self, mode):
        for index in range(3):
            self.lightos.endpoint(index, mode)


@ddt.ddt
class TokenTestCase(StatsTestCase):

    def test_an_administrator_of_the_cluster_knows_all(self):
        """Defect 40: free capacity was 'infinite', nothing else told."""
        self.created(size=2)
        self.assert_told(
            backend_state='up', total_capacity_gb=30, free_capacity_gb=30,
            provisioned_capacity_gb=2, total_volumes=1,
            lightos_cluster_health='OK', lightos_current_max_replicas=3,
            reserved_percentage=0, max_over_subscription_ratio='20.0',
            volume_backend_name=base.GROUP, thin_provisioning_support=True)

    def test_a_tenant_knows_what_it_may(self):
        """It is no error, and the scheduler goes on to try."""
        self.driver = self.make_driver(lightos_jwt=self.token(base.PROJECT))
        self.created(size=2)
        self.assert_told(
            backend_state='up', total_capacity_gb='unknown',
            free_capacity_gb='unknown', provisioned_capacity_gb=None,
            total_volumes=None, lightos_cluster_health=None,
            lightos_current_max_replicas=3, thin_provisioning_support=True)
        self.assertEqual([], self.logged())

    def test_a_tenant_who_may_read_the_cluster(self):
        self.lightos.set_settings(tenant_reads_cluster=True)
        self.driver = self.make_driver(lightos_jwt=self.token(base.PROJECT))
        self.assert_told(total_capacity_gb=30, lightos_cluster_health='OK')

    @ddt.data(404, 501)
    def test_a_cluster_without_that_call(self, status):
        self.lightos.add_fault(kind='status', status=status, method='GET',
                               path='/cluster$', times=None)
        self.assert_told(backend_state='up', free_capacity_gb='unknown')

    def test_a_token_that_is_not_accepted_any_more(self):
        self.lightos.add_fault(kind='status', status=401, code=16,
                               times=None)
        self.assert_told(backend_state='down', free_capacity_gb=0)

    def test_at_most_two_calls(self):
        for token in (self.token(base.PROJECT), self.lightos.admin_token):
            self.driver = self.make_driver(lightos_jwt=token)
            self.lightos.clear_records()
            self.told()
            self.assertEqual(['GET /api/v2/clusterinfo',
                              'GET /api/v2/cluster'], self.calls())
            self.driver.get_volume_stats()
            self.assertEqual(2, len(self.calls()))


class CapacityTestCase(StatsTestCase):

    def test_volumes_are_provisioned_and_what_is_written_is_used(self):
        self.lightos.set_settings(written_fraction=0.5)
        self.created(size=4)
        self.assert_told(total_capacity_gb=30, free_capacity_gb=28,
                         provisioned_capacity_gb=4, total_volumes=1)
        # Three volumes of one replica are one of three.
        for _ in range(3):
            volume = self.created(base.BRONZE, size=4)
        self.assert_told(free_capacity_gb=26, provisioned_capacity_gb=8,
                         total_volumes=4)
        self.driver.extend_volume(volume, 7)
        self.assert_told(provisioned_capacity_gb=9)
        self.driver.delete_volume(volume)
        told = self.told()
        self.assertLess(told['provisioned_capacity_gb'], 8)
        self.assertEqual(3, told['total_volumes'])

    def test_more_nodes_or_a_better_compression_is_more_capacity(self):
        self.lightos.set_settings(compression_ratio=2.0)
        self.assert_told(total_capacity_gb=60, free_capacity_gb=60)
        self.lightos.set_settings(node_capacity=2 * NODE)
        self.assert_told(total_capacity_gb=120, free_capacity_gb=120)

    def test_more_may_be_provisioned_than_there_is(self):
        self.created(size=100)
        self.assert_told(total_capacity_gb=30, free_capacity_gb=30,
                         provisioned_capacity_gb=100,
                         thin_provisioning_support=True)

    def test_a_full_cluster(self):
        """Defect 40: it got volumes as long as it was there."""
        self.lightos.set_settings(written_fraction=1.0)
        volume = self.created(size=30)
        self.assert_told(backend_state='up', total_capacity_gb=30,
                         free_capacity_gb=0, provisioned_capacity_gb=30,
                         thin_provisioning_support=False)
        self.driver.delete_volume(volume)
        self.assert_told(free_capacity_gb=30, provisioned_capacity_gb=0,
                         thin_provisioning_support=True)

    def test_the_default_number_of_replicas_counts(self):
        self.driver = self.make_driver(lightos_default_num_replicas=2)
        self.assert_told(total_capacity_gb=45)


class HealthTestCase(StatsTestCase):

    def test_a_node_that_fails_and_comes_back(self):
        """The cluster is up all the while: it makes volumes still."""
        self.created()
        self.assertEqual([], self.logged())
        self.lightos.node(0, 'down')
        self.assert_told(backend_state='up',
                         lightos_cluster_health='Warning',
                         lightos_current_max_replicas=2)
        self.created(base.SILVER)
        self.assert_told(total_volumes=2)
        self.lightos.node(0, 'up')
        self.assert_told(lightos_cluster_health='OK', total_volumes=2,
                         lightos_current_max_replicas=3)

    def test_volumes_that_cannot_be_written(self):
        for specs in (base.GOLD, base.BRONZE, base.BRONZE, base.BRONZE):
            self.created(specs)
        for index in (0, 1):
            self.lightos.node(index, 'down')
        lines = self.logged()
        self.assertEqual(1, len(lines), lines)
        self.assertRegex(lines[0], r'ERROR.* lab is Error \(inactive nodes: '
                                   r'2; volumes degraded: 0, read-only: 1, ')
        self.assert_told(backend_state='up', total_volumes=4,
                         lightos_cluster_health='Error',
                         lightos_current_max_replicas=1)
        self.created(base.BRONZE)
        self.assertEqual([], self.logged())


@ddt.ddt
class ReachabilityTestCase(StatsTestCase):

    def setUp(self):
        super().setUp()
        self.driver = self.make_driver(lightos_operation_timeout=100)

    @ddt.data('refuse', 'blackhole')
    def test_a_cluster_that_is_away_and_comes_back(self, mode):
        """It is down as soon as two nodes could have answered."""
        self.created(size=2)
        self.assert_told(backend_state='up', free_capacity_gb=30)
        self.endpoints(mode)
        with self.assertLogs('lightos_cinder.driver', 'ERROR'):
            self.assert_told(
                backend_state='down', total_capacity_gb=0,
                free_capacity_gb=0, volume_backend_name=base.GROUP,
                storage_protocol='lightos', lightos_cluster_health=None)
        self.endpoints('up')
        self.assert_told(backend_state='up', free_capacity_gb=30,
                         provisioned_capacity_gb=2,
                         lightos_cluster_health='OK')

    def test_one_endpoint_of_three_is_enough(self):
        for index in range(2):
            self.lightos.endpoint(index, 'refuse')
        self.assert_told(backend_state='up', free_capacity_gb=30)

    def test_a_node_that_hangs_leaves_another_the_time_to_answer(self):
        self.lightos.add_fault('hang', path='/clusterinfo', times=1)
        self.assert_told(backend_state='up', free_capacity_gb=30)

    def test_a_service_starts_though_a_node_hangs(self):
        self.lightos.add_fault('hang', path='/clusterinfo', times=1)
        self.make_driver()

    def test_a_cluster_that_tells_nothing_is_down_and_changes_nothing(self):
        volume = self.created()
        self.lightos.add_fault(kind='status', status=200, body='{}',
                               method='GET', path='/(clusterinfo|nodes)',
                               times=None)
        self.assert_told(backend_state='down')
        info = self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(set(self.lightos.addresses),
                         set(info['data']['lightos_nodes']))
        self.assertTrue(info['data']['subsysnqn'])


class CapabilitiesTestCase(StatsTestCase):

    options = {'lightos_default_num_replicas': 2,
               'lightos_default_compression_enabled': True}

    def test_what_types_are_matched_with(self):
        self.assert_told(
            storage_protocol='lightos', vendor_name='LightOS Storage',
            volume_backend_name=base.GROUP, compression=[True, False],
            multiattach=True, online_extend_support=True, QoS_support=True)

    def test_extra_specs_with_their_bounds_and_defaults(self):
        """Defect 43: the number of replicas had no maximum."""
        self.driver.init_capabilities()
        properties = self.driver.capabilities['properties']
        self.assertEqual(
            {'type': 'integer', 'minimum': 1, 'maximum': 3, 'default': 2},
            {key: properties['lightos:num_replicas'][key]
             for key in ('type', 'minimum', 'maximum', 'default')})
        self.assertEqual(('boolean', True), (
            properties['compression']['type'],
            properties['compression']['default']))
        # What is shown as the default is what a volume gets.
        held = self.on_cluster(self.created({}))
        self.assertEqual((2, 'true', 'default'), (
            held['replicaCount'], held['compression'],
            properties['lightos:project_name']['default']))


@ddt.ddt
class ConnectorTestCase(base.DriverTestCase):

    @ddt.data({'nqn': ''}, {'nqn': None}, {'nqn': ['nqn-a']},
              {'nqn': 'ALLOW_ANY'}, {'nqn': 'two words'},
              {'found_dsc': ''}, {'host_ips': []}, {'host_ips': 'any'},
              {'host_ips': 4}, {'host_ips': ['127.0.0.1', 'fe80::1%eth0']})
    def test_one_that_cannot_be_is_refused_and_changes_nothing(self, wrong):
        """The error is the one that Cinder answers with HTTP 400."""
        volume = self.created()
        bad = base.connector(1, **wrong)
        self.lightos.clear_records()
        for call in (self.driver.validate_connector,
                     lambda one: self.driver.initialize_connection(
                         volume, one)):
            with self.assertRaisesRegex(
                    exception.InvalidConnectorException, next(iter(wrong))):
                call(bad)
        self.assertEqual([], self.calls())
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))
