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

import dataclasses
from importlib import metadata
import logging
import socket
import threading
from unittest import mock

from cinder import exception
import ddt
import requests

from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import transport
from lightos_cinder import connection
from lightos_cinder import driver
from lightos_cinder import options
from tests.unit import cinder_objects
from tests.unit.client import token_files
from tests.unit import driver_case
from tests.unit import fake_cluster

GIB = 1024 ** 3


class ConstructorTest(driver_case.DriverTestCase):

    def test_opens_nothing(self):
        """It runs before the service forks."""
        def opened(*args, **kwargs):
            raise AssertionError('opened in the constructor')

        for where, name in ((socket, 'socket'), (requests, 'Session'),
                            (threading.Thread, 'start')):
            self.patch(where, name, opened)
        with mock.patch('builtins.open', opened):
            driver.LightOSVolumeDriver(configuration=self.configuration)
        self.assertEqual([], self.made_with)

    def test_needs_no_option_yet(self):
        """Defect 16: an option that is not set is an error later."""
        self.conf.clear_override('lightos_api_address',
                                 group=driver_case.BACKEND)
        driver.LightOSVolumeDriver(configuration=self.configuration)

    def test_tells_its_options_before_it_is_set_up(self):
        told = {opt.name for opt
                in driver.LightOSVolumeDriver.get_driver_options()}
        self.assertLess({opt.name for opt in options.OPTS}, told)
        self.assertLess({'driver_ssl_cert_verify', 'driver_ssl_cert_path',
                         'max_over_subscription_ratio',
                         'reserved_percentage', 'volume_backend_name'},
                        told)

    def test_is_what_it_says(self):
        self.assertTrue(driver.LightOSVolumeDriver.SUPPORTS_ACTIVE_ACTIVE)
        self.assertEqual('LightbitsLabs_CI',
                         driver.LightOSVolumeDriver.CI_WIKI_NAME)


class VersionTest(driver_case.DriverTestCase):

    def setUp(self):
        super().setUp()
        driver.installed_version.cache_clear()
        self.addCleanup(driver.installed_version.cache_clear)

    def version_of_pip(self, **outcome):
        asked = mock.patch.object(metadata, 'version', autospec=True,
                                  **outcome)
        self.addCleanup(asked.stop)
        return asked.start()

    def test_it_is_that_of_what_is_installed(self):
        self.assertEqual(metadata.version('lightos-cinder'),
                         driver.LightOSVolumeDriver.VERSION)

    def test_everywhere_it_is_told(self):
        self.version_of_pip(return_value='21.4.0')
        self.assertEqual('21.4.0', driver.LightOSVolumeDriver.VERSION)
        self.assertEqual('21.4.0', self.driver.get_version())
        with mock.patch.object(transport, 'Transport',
                               autospec=True) as opened:
            self.driver.do_setup(None)
        self.assertEqual('lightos-cinder/21.4.0',
                         opened.call_args.kwargs['user_agent'])

    def test_it_stays_that_of_the_code_that_runs(self):
        """Until the service starts again, whatever is installed by then."""
        asked = self.version_of_pip(return_value='21.4.0')
        self.assertEqual('21.4.0', self.driver.get_version())
        asked.return_value = '21.5.0'
        self.assertEqual('21.4.0', self.driver.get_version())

    def test_of_sources_that_nobody_installed(self):
        self.version_of_pip(side_effect=metadata.PackageNotFoundError)
        self.assertEqual('unknown', driver.LightOSVolumeDriver.VERSION)


@ddt.ddt
class SetupTest(driver_case.DriverTestCase):

    options = {'lightos_api_service_timeout': 7,
               'lightos_operation_timeout': 70}

    def test_takes_its_times_from_the_options(self):
        self.setup_driver()
        self.assertEqual((70, True), self.made_with[0][1:])
        # An operator who restarts the service waits for this one: no longer
        # than it takes if one node does not answer, and another does.
        self.backend.cluster_info.assert_called_once_with(timeout=14)

    def test_may_run_again(self):
        first, second = [mock.create_autospec(transport.Transport,
                                              instance=True)
                         for _ in range(2)]
        with mock.patch.object(transport, 'Transport', autospec=True,
                               side_effect=[first, second]):
            self.setup_driver()
            first.close.assert_not_called()
            self.set(lightos_operation_timeout=80)
            self.setup_driver()
        first.close.assert_called_once_with()
        second.close.assert_not_called()
        self.assertEqual([(first, 70, True), (second, 80, True)],
                         self.made_with)

    def test_may_run_again_after_it_failed(self):
        self.backend.cluster_info.side_effect = [
            client_errors.Unreachable({'10.0.0.1:443': 'refused'}),
            driver_case.CLUSTER_INFO]
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.setup_driver)
        self.setup_driver()

    def test_an_option_that_cannot_be_right_fails_first(self):
        self.set(lightos_api_address=[])
        self.assertRaises(exception.InvalidConfigurationValue,
                          self.driver.do_setup, None)
        self.assertEqual([], self.made_with)

    @ddt.data(
        (client_errors.Unreachable({'10.0.0.1:443': 'refused'}),
         ['10.0.0.1:443', 'refused']),
        (client_errors.Untrusted({'10.0.0.1:443': 'unknown CA'}),
         ['unknown CA', 'driver_ssl_cert_verify',
          'lightos_tls_fingerprints']),
        (fake_cluster.answered(client_errors.Unauthenticated, 401),
         ['lightos_jwt', 'expired']),
    )
    @ddt.unpack
    def test_a_cluster_that_does_not_answer_is_an_error_that_says_why(
            self, error, texts):
        """Defect 31: and not a time-out a hundred seconds later."""
        self.backend.cluster_info.side_effect = error
        with self.assertRaises(
                exception.VolumeBackendAPIException) as caught:
            self.driver.do_setup(None)
        for text in texts:
            self.assertIn(text, str(caught.exception))
        self.assertNotIn(driver_case.TOKEN, str(caught.exception))


class CheckTest(driver_case.DriverTestCase):

    def warnings(self, logger='lightos_cinder.driver'):
        with self.assertLogs(logger, 'INFO') as logs:
            self.setup_driver()
        self.assertNotIn(driver_case.TOKEN, '\n'.join(logs.output))
        return [line for line in logs.output if line.startswith('WARNING')]

    def test_a_backend_that_is_well_warns_of_nothing(self):
        self.assertEqual([], self.warnings())

    def test_a_certificate_that_nobody_checks(self):
        """Defect 33: the operator is told that anybody may answer."""
        self.conf.clear_override('lightos_tls_fingerprints',
                                 group=driver_case.BACKEND)
        warnings = self.warnings()
        self.assertEqual(1, len(warnings))
        for text in ('driver_ssl_cert_verify', 'lightos_tls_fingerprints'):
            self.assertIn(text, warnings[0])

    def test_a_ca_that_is_not_used(self):
        self.set(driver_ssl_cert_path='/ca.pem')
        warnings = self.warnings()
        self.assertEqual(1, len(warnings))
        for text in ('driver_ssl_cert_path', 'driver_ssl_cert_verify'):
            self.assertIn(text, warnings[0])

    def test_a_token_that_will_expire(self):
        self.set(lightos_jwt=token_files.token(
            'cinder', token_files.moment(polling.Clock().wall(), 3)))
        warnings = self.warnings('lightos_cinder')
        self.assertEqual(1, len(warnings))
        for text in ('lightos_jwt', 'expires at'):
            self.assertIn(text, warnings[0])

    def test_a_host_that_cannot_attach_volumes_itself(self):
        """Defect 15: a warning that says what is missing."""
        self.patch(connection, 'lacking_here', lambda: ['this', 'that'])
        warnings = self.warnings()
        self.assertEqual(1, len(warnings))
        self.assertIn('this and that', warnings[0])


@ddt.ddt
class StatsTest(driver_case.ReadyDriverTestCase):

    options = {'volume_backend_name': 'lightstack',
               'reserved_percentage': 5,
               'max_over_subscription_ratio': '7.5',
               'lightos_default_num_replicas': 2,
               'lightos_default_compression_enabled': True}

    def setUp(self):
        super().setUp()
        self.tell_health(state='OK')

    def tell_health(self, **health):
        self.backend.cluster.return_value = models.Cluster(
            models.Capacity(total=600 * GIB, free=400 * GIB,
                            provisioned=1000 * GIB),
            models.Health.from_json(health))

    def test_what_the_scheduler_is_told(self):
        """Defect 40: numbers, so that two clusters can be compared."""
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertLessEqual({
            'volume_backend_name': 'lightstack',
            'vendor_name': 'LightOS Storage',
            'driver_version': driver.LightOSVolumeDriver.VERSION,
            'storage_protocol': 'lightos',
            'total_capacity_gb': 300, 'free_capacity_gb': 200,
            'provisioned_capacity_gb': 500, 'reserved_percentage': 5,
            'max_over_subscription_ratio': '7.5', 'backend_state': 'up',
            'lightos_cluster_health': 'OK',
            'multiattach': True}.items(), {
                key: value for key, value in stats.items()
                if not isinstance(value, list)}.items())

    def test_capacity_that_a_tenant_may_not_read_is_unknown(self):
        """Defect 40: a token of a tenant is enough."""
        self.backend.cluster.return_value = None
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual(('unknown', 'unknown', 'up'), (
            stats['total_capacity_gb'], stats['free_capacity_gb'],
            stats['backend_state']))

    def test_a_token_is_noticed_as_it_comes_to_expire(self):
        """Once, and not every minute."""
        now = polling.Clock().wall()
        self.set(lightos_jwt=token_files.token(
            'cinder', token_files.moment(now, 30)))
        self.setup_driver()
        for days, said in ((22, []), (24, ['WARNING']), (25, []),
                           (31, ['ERROR']), (32, [])):
            with mock.patch.object(
                    polling.Clock, 'wall', autospec=True,
                    return_value=token_files.moment(now, days)):
                with self.assertLogs('lightos_cinder') as logs:
                    logging.getLogger('lightos_cinder').info('begin')
                    self.driver.get_volume_stats(refresh=True)
            self.assertEqual(said, [line.levelname
                                    for line in logs.records[1:]])
            for line in logs.records[1:]:
                self.assertIn('lightos_jwt', line.getMessage())

    def test_a_cluster_that_does_not_answer_is_down(self):
        self.driver.get_volume_stats(refresh=True)
        self.backend.cluster_info.side_effect = fake_cluster.lost()
        with self.assertLogs('lightos_cinder.driver', 'ERROR') as logs:
            stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual(('down', 0, 0), (stats['backend_state'],
                                          stats['total_capacity_gb'],
                                          stats['free_capacity_gb']))
        self.assertEqual(('lightstack', 'LightOS Storage'), (
            stats['volume_backend_name'], stats['vendor_name']))
        self.assertNotIn(driver_case.TOKEN, logs.output[0])

    def test_one_that_only_keeps_its_capacity_to_itself_is_up(self):
        self.backend.cluster.side_effect = fake_cluster.lost()
        with self.assertLogs('lightos_cinder.driver', 'WARNING') as logs:
            stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual(('up', 'unknown'), (stats['backend_state'],
                                             stats['total_capacity_gb']))
        self.assertNotIn(driver_case.TOKEN, logs.output[0])

    def test_a_cluster_that_answers_again_is_up(self):
        self.backend.cluster_info.side_effect = [fake_cluster.lost(),
                                                 driver_case.CLUSTER_INFO]
        with self.assertLogs('lightos_cinder.driver', 'ERROR'):
            self.driver.get_volume_stats(refresh=True)
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual(('up', 200), (stats['backend_state'],
                                       stats['free_capacity_gb']))

    def health_logged(self):
        """What is said of the cluster's health in one look at it."""
        with self.assertLogs('lightos_cinder.driver', 'DEBUG') as logs:
            self.driver.get_volume_stats(refresh=True)
            driver.LOG.debug('the end')
        return [line for line in logs.output if 'health' in line]

    def test_health_is_told_when_it_changes(self):
        self.assertEqual([], self.health_logged())
        for health, level in (
                ({'state': 'Warning', 'numInactiveNodes': 1}, 'WARNING'),
                ({'state': 'Error', 'numReadOnlyVolumes': 5}, 'ERROR'),
                ({'state': 'OK'}, 'INFO')):
            self.tell_health(**health)
            lines = self.health_logged()
            self.assertEqual(1, len(lines), lines)
            self.assertTrue(lines[0].startswith(level), lines)
            for said in ('lab', *map(str, health.values())):
                self.assertIn(said, lines[0])
            self.assertEqual([], self.health_logged())

    def test_health_that_is_not_told_any_more_is_no_change(self):
        self.tell_health(state='Warning')
        self.health_logged()
        self.tell_health()
        self.assertEqual([], self.health_logged())
        self.backend.cluster.return_value = None
        self.assertEqual([], self.health_logged())

    def test_a_new_node_is_known_to_the_next_host_that_connects(self):
        """Defect 41: without a restart."""
        self.backend.grant.return_value = self.made(), False
        self.backend.cluster_info.return_value = (
            models.ClusterInfo.from_json({
                'subsystemNQN': 'nqn',
                'discoveryEndpoints': ['10.0.0.9:8009']}))
        self.driver.get_volume_stats(refresh=True)
        told = self.driver.initialize_connection(
            cinder_objects.volume(),
            cinder_objects.connector('nqn-a', '10.0.0.1'))
        self.assertEqual(['10.0.0.9'], list(told['data']['lightos_nodes']))

    def test_the_name_of_a_backend_that_has_none(self):
        self.conf.clear_override('volume_backend_name',
                                 group=driver_case.BACKEND)
        self.assertEqual('LightOSVolumeDriver', self.driver.get_volume_stats(
            refresh=True)['volume_backend_name'])

    def test_extra_specs_are_told_with_the_capabilities(self):
        """Defect 43: both bounds of the number of replicas."""
        self.driver.init_capabilities()
        self.assertEqual('lightos', self.driver.capabilities['vendor_prefix'])
        told = {name: {key: value for key, value in one.items()
                       if key not in ('title', 'description')}
                for name, one in
                self.driver.capabilities['properties'].items()}
        self.assertLessEqual({
            'lightos:num_replicas': {'type': 'integer', 'minimum': 1,
                                     'maximum': 3, 'default': 2},
            'lightos:project_name': {'type': 'string', 'default': 'default'},
            'lightos:qos_policy': {'type': 'string'},
            'compression': {'type': 'boolean', 'default': True},
        }.items(), told.items())

    def test_the_capabilities_follow_what_the_cluster_supports(self):
        self.backend.cluster_info.return_value = dataclasses.replace(
            driver_case.CLUSTER_INFO, max_replicas=2)
        self.driver.init_capabilities()
        self.assertEqual(2, self.driver.capabilities['properties'][
            'lightos:num_replicas']['maximum'])
