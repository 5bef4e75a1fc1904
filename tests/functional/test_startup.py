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

"""Set-up, its checks, statistics and endpoints on an emulated cluster."""

from concurrent import futures
import dataclasses
import datetime
from unittest import mock

from cinder import exception
import ddt

from lightos_cinder import connection
from tests.functional import base


@ddt.ddt
class OptionsTestCase(base.DriverTestCase):

    def refused(self, **options):
        driver = self.bare_driver(**options)
        with self.assertRaises(exception.InvalidConfigurationValue) as caught:
            driver.do_setup(self.context)
        return str(caught.exception)

    @ddt.data(None, [])
    def test_no_api_address(self, value):
        """Defect 16: an unset address was a TypeError."""
        message = self.refused(lightos_api_address=value)
        self.assertIn('lightos_api_address', message)
        self.assertIn('allowed: one or more IP addresses', message)

    def test_a_port_that_cannot_be_used(self):
        message = self.refused(lightos_api_port=0)
        self.assertIn('lightos_api_port is 0; allowed: 1 to 65535', message)

    def test_every_port_is_spoken_to_over_https(self):
        """Defect 44: the help promised HTTP on ports other than 443."""
        self.assertNotEqual(443, self.lightos.port)
        self.make_driver()

    def test_a_certificate_file_that_cannot_be_used(self):
        for path in (self.folder + '/none.pem',
                     self.write_file('bad.pem', 'not PEM')):
            message = self.refused(driver_ssl_cert_verify=True,
                                   driver_ssl_cert_path=path)
            self.assertIn('driver_ssl_cert_path is ' + path, message)
            self.assertIn('PEM', message)

    def test_a_certificate_file_of_no_effect_is_a_warning(self):
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.make_driver(driver_ssl_cert_path='/nowhere.pem')
        self.assertTrue(any('driver_ssl_cert_path has no effect' in line
                            for line in logs.output))

    @ddt.data([], ['ab:cd'], ['g' * 64])
    def test_fingerprints_that_cannot_be_used(self, value):
        message = self.refused(lightos_tls_fingerprints=value)
        self.assertIn('lightos_tls_fingerprints', message)
        self.assertIn('SHA-256', message)

    def test_networks_that_cannot_be_used(self):
        message = self.refused(lightos_ipacl_networks=['10.0.0.0/33'])
        self.assertIn('lightos_ipacl_networks is 10.0.0.0/33', message)

    @ddt.data('no-token', 'a.b.c', 'line\nbreak', 'gr\xfc\xdfe')
    def test_a_token_that_is_none(self, token):
        message = self.refused(lightos_jwt=token)
        self.assertIn('lightos_jwt', message)
        self.assertNotIn(token, message)

    def test_an_expired_token_says_since_when(self):
        """Defect 31: expiry showed as time-outs and as not found."""
        token = self.lightos.token(base.PROJECT, lifetime=-86400)
        message = self.refused(lightos_jwt=token)
        yesterday = (datetime.datetime.now(datetime.timezone.utc)
                     - datetime.timedelta(days=1))
        self.assertIn('it expired at %s' % yesterday.date(), message)
        self.assertNotIn(token, message)

    def test_a_token_file_may_end_in_a_line_break(self):
        self.make_driver(lightos_jwt=self.token(base.PROJECT) + '\n')


@ddt.ddt
class SetUpTestCase(base.DriverTestCase):

    def test_one_call_and_no_project_is_listed(self):
        self.lightos.clear_records()
        self.make_driver()
        self.assertEqual(['GET /api/v2/clusterinfo'], self.calls())

    def test_nothing_is_opened_before_do_setup(self):
        self.lightos.clear_records()
        self.bare_driver()
        self.assertEqual([], self.calls())

    def test_do_setup_may_run_again(self):
        self.driver.do_setup(self.context)
        self.driver.check_for_setup_error()
        self.created()

    def test_a_tenant_that_may_read_nothing_else(self):
        """Defect 42: a token that may not read /nodes could not be used."""
        self.lightos.set_settings(tenant_reads_nodes=False,
                                  tenant_reads_cluster=False,
                                  tenant_reads_project=False)
        self.driver = self.make_driver()
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector())
        self.driver.delete_volume(volume)

    def test_older_clusters_name_their_endpoints_with_the_nodes(self):
        self.lightos.set_settings(old_clusterinfo=True)
        self.driver = self.make_driver()
        info = self.driver.initialize_connection(self.created(),
                                                 base.connector())
        self.assertEqual(set(self.lightos.addresses),
                         set(info['data']['lightos_nodes']))

    def test_an_inactive_node_without_endpoint(self):
        """Defect 17: its missing endpoint was a KeyError."""
        self.lightos.set_settings(old_clusterinfo=True,
                                  inactive_node_endpoint=False)
        self.lightos.node(0, 'down')
        self.make_driver()

    def test_no_endpoint_can_be_reached(self):
        for index in range(3):
            self.lightos.endpoint(index, 'refuse')
        with self.assertRaises(
                exception.VolumeBackendAPIException) as caught:
            self.make_driver()
        for endpoint in self.lightos.endpoints:
            self.assertIn(endpoint, str(caught.exception))
        # eventlet says ECONNREFUSED.
        self.assertRegex(str(caught.exception), '(?i)refused')

    def test_a_token_that_the_cluster_does_not_accept(self):
        stranger = self.lightos.token(base.PROJECT)
        head, body, signature = stranger.split('.')
        forged = '.'.join((head, body, signature[:-6] + 'AAAAAA'))
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'lightos_jwt') as caught:
            self.make_driver(lightos_jwt=forged)
        self.assertNotIn(forged, str(caught.exception))
        self.assertEqual(1, len(self.calls()) - 1)

    def test_more_default_replicas_than_the_cluster_supports(self):
        self.driver._cluster = dataclasses.replace(
            self.driver._cluster, max_replicas=2)
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.driver.check_for_setup_error()
        self.assertTrue(any('lightos_default_num_replicas is 3' in line
                            and 'supports 2' in line
                            for line in logs.output))
        for refused in (None, base.GOLD):
            with self.assertRaisesRegex(
                    exception.InvalidVolumeType,
                    'lightos:num_replicas.* 3; allowed: at most 2'):
                self.driver.create_volume(self.volume(refused))
        self.created(base.SILVER)

    @ddt.data(([], 0), (['a host NQN', 'a discovery client'], 1))
    @ddt.unpack
    def test_a_controller_that_cannot_attach_is_told_once(self, lacking,
                                                          warnings):
        """Defect 15: it could not start at all, with a KeyError."""
        with mock.patch.object(connection, 'lacking_here', autospec=True,
                               return_value=lacking):
            with self.assertLogs('lightos_cinder', 'INFO') as logs:
                self.make_driver(
                    lightos_tls_fingerprints=[self.lightos.fingerprint])
        found = [line for line in logs.output if 'WARNING' in line]
        self.assertEqual(warnings, len(found))
        for line in found:
            self.assertIn('copying images', line)
            self.assertIn('a host NQN and a discovery client', line)


class EndpointsTestCase(base.DriverTestCase):

    def test_one_seed_is_enough_once_started(self):
        """Defect 41: what was read at start-up was kept for ever."""
        self.driver = self.make_driver(
            lightos_api_address=self.lightos.addresses[:1])
        self.lightos.endpoint(0, 'refuse')
        self.created()

    def test_discovery_endpoints_follow_the_cluster(self):
        """Defect 41: port 8009 and the nodes of the start for ever."""
        volume = self.created()
        self.lightos.set_settings(discovery_port=18009)
        self.driver.get_volume_stats(refresh=True)
        info = self.driver.initialize_connection(volume, base.connector())
        self.assertEqual({18009}, {
            node['target_port']
            for node in info['data']['lightos_nodes'].values()})

    def test_an_endpoint_that_only_fails_is_left(self):
        """Defect 23: a node that answered 503 was never left."""
        for index in range(3):
            self.lightos.clear_faults()
            self.lightos.add_fault(kind='status', status=503, code=14,
                                   message='no leader', endpoints=[index],
                                   times=None)
            volume = self.created()
            self.driver.delete_volume(volume)

    def test_an_endpoint_that_hangs_or_swallows(self):
        self.driver = self.make_driver(lightos_operation_timeout=20)
        for mode in ('blackhole', 'plaintext', 'refuse'):
            for index in range(2):
                self.lightos.endpoint(index, mode)
            volume = self.created()
            self.driver.delete_volume(volume)
            for index in range(2):
                self.lightos.endpoint(index, 'up')

    def test_a_flap_of_all_endpoints_fails_nothing(self):
        """Defects 24 and 25: one lap, or a busy loop, and an error."""
        self.driver = self.make_driver(lightos_operation_timeout=20)
        for index in range(3):
            self.lightos.endpoint(index, 'refuse')
        with futures.ThreadPoolExecutor() as pool:
            made = pool.submit(self.created)
            for index in range(3):
                self.lightos.endpoint(index, 'up')
            self.on_cluster(made.result())

    def test_no_more_connections_than_the_pool_has(self):
        """Defect 25: who waits for one waits no longer than it may."""
        pool = self.driver._transport
        for _ in range(32):
            self.assertTrue(pool._free.acquire(timeout=0))
        try:
            with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                        'no connection became free'):
                self.created()
        finally:
            pool._free.release(32)
        self.created()

    def test_connections_are_kept(self):
        """Defect 28: each call made a connection and a handshake."""
        before = self.lightos.connections()
        for _ in range(10):
            self.driver.delete_volume(self.created())
        after = self.lightos.connections()
        self.assertLessEqual(after['all'] - before['all'], 1)
