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
import datetime
import os
import tempfile
import unittest
from unittest import mock

from cinder import exception
from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume.drivers import lightos as driver_inside_cinder
import ddt
import jwt
from oslo_config import cfg

from lightos_cinder.client import endpoints
from lightos_cinder.client import tls
from lightos_cinder import options
from tests.unit.client import loopback
from tests.unit.client import token_files
from tests.unit import fake_clock

BACKEND = 'lightstack'
FINGERPRINT = '0123456789abcdef' * 4
NOW = datetime.datetime.now(datetime.timezone.utc)


def token(hours):
    return jwt.encode({'exp': NOW + datetime.timedelta(hours=hours)},
                      'a key of at least thirty-two bytes',
                      algorithm='HS256')


class SettingsTestCase(unittest.TestCase):

    #: Options that somebody else has registered before.
    registered = ()

    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        patcher = mock.patch.object(configuration, 'CONF', self.conf)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.conf([], project='cinder', default_config_files=[])
        self.configuration = configuration.Configuration(
            driver.volume_opts, config_group=BACKEND)
        self.configuration.append_config_values(self.registered)
        self.configuration.append_config_values(options.OPTS)
        self.set(lightos_api_address=['10.0.0.1'])

    def set(self, **values):
        for name, value in values.items():
            self.conf.set_override(name, value, group=BACKEND)

    def load(self, **values):
        self.set(**values)
        return options.Settings.load(self.configuration)

    def assert_refused(self, *texts, **values):
        with self.assertRaises(
                exception.InvalidConfigurationValue) as caught:
            self.load(**values)
        for text in texts:
            self.assertIn(text, str(caught.exception))
        return str(caught.exception)


@ddt.ddt
class LoadTest(SettingsTestCase):

    def test_one_address_is_enough(self):
        settings = self.load()
        self.assertEqual((endpoints.Endpoint('10.0.0.1', 443),),
                         settings.endpoints)
        self.assertIsNone(settings.credentials.token('default'))
        self.assertEqual(tls.Trust(), settings.trust)
        self.assertEqual((3, False, True, 30, 100, ()), (
            settings.default_replicas, settings.default_compression,
            settings.use_ip_acl, settings.request_timeout,
            settings.operation_timeout, settings.ip_acl_networks))

    def test_every_option_is_read(self):
        text = token(1)
        settings = self.load(
            lightos_api_address=['10.0.0.1', 'fd00::1'],
            lightos_api_port=8443, lightos_jwt=text,
            lightos_default_num_replicas=2,
            lightos_default_compression_enabled=True,
            lightos_api_service_timeout=7, lightos_operation_timeout=70,
            lightos_use_ipacl=False,
            lightos_ipacl_networks=['10.0.0.0/24', 'fd00::/64'],
            lightos_tls_fingerprints=[FINGERPRINT.upper()])
        self.assertEqual((endpoints.Endpoint('10.0.0.1', 8443),
                          endpoints.Endpoint('fd00::1', 8443)),
                         settings.endpoints)
        self.assertEqual(text, settings.credentials.token('default').text)
        self.assertEqual(frozenset({FINGERPRINT}),
                         settings.trust.fingerprints)
        self.assertEqual((2, True, False, 7, 70), (
            settings.default_replicas, settings.default_compression,
            settings.use_ip_acl, settings.request_timeout,
            settings.operation_timeout))
        self.assertEqual(['10.0.0.0/24', 'fd00::/64'],
                         [str(one) for one in settings.ip_acl_networks])

    def test_what_all_backends_share_is_read_too(self):
        self.conf.set_override('lightos_operation_timeout', 55,
                               group='backend_defaults')
        self.assertEqual(55, self.load().operation_timeout)
        self.assertEqual(66, self.load(
            lightos_operation_timeout=66).operation_timeout)

    def test_reads_a_file_as_an_operator_writes_it(self):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[lightstack]\n'
                       'lightos_api_address = 10.0.0.1, 10.0.0.2\n'
                       'lightos_ipacl_networks = 10.0.0.0/24 , 10.1.0.0/24\n'
                       'lightos_use_ipacl = false\n')
            file.flush()
            self.conf.clear_override('lightos_api_address', group=BACKEND)
            self.conf([], project='cinder', default_config_files=[file.name])
            settings = self.load()
        self.assertEqual(['10.0.0.1:443', '10.0.0.2:443'],
                         [str(one) for one in settings.endpoints])
        self.assertEqual(2, len(settings.ip_acl_networks))
        self.assertFalse(settings.use_ip_acl)

    @ddt.data({'lightos_default_num_replicas': 1},
              {'lightos_default_num_replicas': 3},
              {'lightos_api_port': 1}, {'lightos_api_port': 65535},
              {'lightos_api_service_timeout': 1},
              {'lightos_operation_timeout': 1})
    def test_what_is_just_allowed(self, values):
        self.load(**values)

    def test_settings_are_shown_without_the_token(self):
        text = token(1)
        self.assertNotIn(text, repr(self.load(lightos_jwt=text)))


@ddt.ddt
class RefusalTest(SettingsTestCase):
    """Each error names the option, its value and what is allowed."""

    @ddt.data(None, [])
    def test_no_address(self, value):
        """Defect 16: an error that says so, and no TypeError."""
        self.assert_refused('lightos_api_address', 'not set', 'IP addresses',
                            lightos_api_address=value)

    def test_a_name_for_an_address(self):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[lightstack]\nlightos_api_address = cluster.local\n')
            file.flush()
            self.conf.clear_override('lightos_api_address', group=BACKEND)
            self.conf([], project='cinder', default_config_files=[file.name])
            self.assert_refused('lightos_api_address', 'cluster.local')

    def test_no_port(self):
        self.assert_refused('lightos_api_port', '0', '1 to 65535',
                            lightos_api_port=0)

    @ddt.data('no token', 'a.b.c', token(1)[:40])
    def test_no_token_without_showing_it(self, text):
        message = self.assert_refused('lightos_jwt', 'JSON Web Token',
                                      lightos_jwt=text)
        self.assertNotIn(text, message)

    def test_an_expired_token_without_showing_it(self):
        """Defect 31: told at the start and not met as time-outs."""
        text = token(-1)
        message = self.assert_refused('lightos_jwt', 'expired',
                                      lightos_jwt=text)
        self.assertNotIn(text, message)

    @ddt.data('10.0.0.1/24', '10.0.0.0/33', 'storage', '')
    def test_no_network(self, text):
        self.assert_refused('lightos_ipacl_networks', text, 'CIDR',
                            lightos_ipacl_networks=['10.1.0.0/16', text])

    def test_no_fingerprint(self):
        """Defect 33: a mistyped pin is an error, not "no check"."""
        self.assert_refused('lightos_tls_fingerprints', 'abc', '64',
                            lightos_tls_fingerprints=[FINGERPRINT, 'abc'])

    def test_a_pin_that_is_set_but_empty(self):
        """Defect 33: never silently unverified."""
        self.assert_refused('lightos_tls_fingerprints', 'empty', 'unset',
                            lightos_tls_fingerprints=[])

    @ddt.data(('lightos_default_num_replicas', '17'),
              ('lightos_default_num_replicas', 'three'),
              ('lightos_operation_timeout', '-70'),
              ('lightos_api_service_timeout', '-71'),
              ('lightos_api_port', '70000'),
              ('lightos_use_ipacl', 'perhaps'))
    @ddt.unpack
    def test_what_oslo_config_refuses(self, name, value):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[lightstack]\n%s = %s\n' % (name, value))
            file.flush()
            self.conf([], project='cinder', default_config_files=[file.name])
            self.assert_refused(name, value)


@ddt.ddt
class BesideTheOtherDriverTest(SettingsTestCase):
    """The driver inside Cinder has registered its options first."""

    registered = driver_inside_cinder.lightos_opts

    def test_the_options_are_read_all_the_same(self):
        settings = self.load(lightos_default_num_replicas=2)
        self.assertEqual((endpoints.Endpoint('10.0.0.1', 443),),
                         settings.endpoints)
        self.assertEqual((2, False, 30, 100, True), (
            settings.default_replicas, settings.default_compression,
            settings.request_timeout, settings.operation_timeout,
            settings.use_ip_acl))

    @ddt.data('0', '-7')
    def test_its_limits_are_not_ours(self, value):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
            file.write('[lightstack]\nlightos_api_service_timeout = %s\n'
                       % value)
            file.flush()
            self.conf([], project='cinder', default_config_files=[file.name])
            self.assert_refused('lightos_api_service_timeout', value,
                                'seconds')


class TokenDirectoryTest(SettingsTestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        token_files.keep_quiet(self)

    def put(self, project, text):
        return token_files.put(self.folder, project, text)

    def test_a_token_for_each_project(self):
        self.put('gold', token(1) + '\n')
        self.put('silver', token(2))
        loaded = self.load(lightos_jwt_dir=self.folder).credentials
        self.assertEqual((token(1), token(2), token(1)), tuple(
            loaded.token(project).text for project
            in ('gold', 'silver', None)))

    def test_both_options_go_together(self):
        self.put('gold', token(1))
        loaded = self.load(lightos_jwt_dir=self.folder,
                           lightos_jwt=token(2)).credentials
        self.assertEqual((token(1), token(2), token(2)), tuple(
            loaded.token(project).text for project
            in ('gold', 'silver', None)))

    def test_an_empty_directory_beside_a_token(self):
        self.load(lightos_jwt_dir=self.folder, lightos_jwt=token(1))

    def test_an_empty_option_is_none(self):
        self.assertIsNone(self.load(
            lightos_jwt_dir='').credentials.token('gold'))

    def test_an_empty_directory_and_no_token(self):
        os.mkdir(os.path.join(self.folder, 'gold'))
        self.assert_refused('lightos_jwt_dir', self.folder, '<project>.jwt',
                            'no file', lightos_jwt_dir=self.folder)

    def test_a_directory_that_is_not_there(self):
        missing = os.path.join(self.folder, 'missing')
        for text in (None, token(1)):
            self.assert_refused('lightos_jwt_dir', missing, 'directory',
                                'No such file', lightos_jwt_dir=missing,
                                lightos_jwt=text)

    def test_a_file_instead_of_the_directory(self):
        path = self.put('gold', token(1))
        self.assert_refused('lightos_jwt_dir', path, 'Not a directory',
                            lightos_jwt_dir=path)

    def test_paths_that_cannot_be(self):
        for path in ('/a\0b', '/\ud800'):
            self.assert_refused('lightos_jwt_dir', lightos_jwt_dir=path)
            self.assert_refused('driver_ssl_cert_path', lightos_jwt_dir=None,
                                driver_ssl_cert_verify=True,
                                driver_ssl_cert_path=path)

    def test_a_directory_that_may_not_be_read(self):
        with mock.patch('os.listdir', autospec=True,
                        side_effect=PermissionError(13, 'No such luck')):
            self.assert_refused('lightos_jwt_dir', self.folder,
                                'No such luck',
                                lightos_jwt_dir=self.folder)

    def test_a_file_that_is_no_token(self):
        self.put('gold', token(1))
        path = self.put('silver', 'not to be shown')
        message = self.assert_refused('lightos_jwt_dir', path,
                                      'JSON Web Token',
                                      lightos_jwt_dir=self.folder)
        self.assertNotIn('not to be shown', message)

    def test_expired_tokens_only(self):
        """Defect 31: told at the start and not met as time-outs."""
        path = self.put('gold', token(-1))
        message = self.assert_refused('lightos_jwt_dir', path, 'expired at',
                                      lightos_jwt_dir=self.folder)
        self.assertNotIn(token(-1), message)

    def test_what_is_wrong_with_the_other_option_is_told_as_that(self):
        self.put('gold', token(1))
        message = self.assert_refused('lightos_jwt cannot be used', 'expired',
                                      lightos_jwt_dir=self.folder,
                                      lightos_jwt=token(-1))
        self.assertNotIn('lightos_jwt_dir', message)

    def test_the_clock_is_the_one_given(self):
        clock = fake_clock.FakeClock()
        clock.advance((NOW - clock.wall()).total_seconds() + 2 * 3600)
        self.set(lightos_jwt=token(1))
        options.Settings.load(self.configuration)
        self.assertRaises(exception.InvalidConfigurationValue,
                          options.Settings.load, self.configuration, clock)

    def test_settings_are_shown_without_tokens(self):
        self.put('gold', token(1))
        self.assertNotIn(token(1), repr(self.load(
            lightos_jwt_dir=self.folder)))


class TrustTest(SettingsTestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_a_ca_of_ones_own(self):
        ca_file = loopback.Identity(self.folder, 'ca').certificate_file
        self.assertEqual(
            tls.Trust(verify=True, ca_file=ca_file),
            self.load(driver_ssl_cert_verify=True,
                      driver_ssl_cert_path=ca_file).trust)

    def test_a_folder_of_cas(self):
        self.assertEqual(
            tls.Trust(verify=True, ca_file=self.folder),
            self.load(driver_ssl_cert_verify=True,
                      driver_ssl_cert_path=self.folder).trust)

    def test_a_file_that_is_not_there(self):
        missing = os.path.join(self.folder, 'missing.pem')
        self.assert_refused('driver_ssl_cert_path', missing, 'PEM',
                            driver_ssl_cert_verify=True,
                            driver_ssl_cert_path=missing)

    def test_a_file_without_certificates(self):
        key_file = loopback.Identity(self.folder, 'ca').key_file
        self.assert_refused('driver_ssl_cert_path', key_file, 'PEM',
                            driver_ssl_cert_verify=True,
                            driver_ssl_cert_path=key_file)

    def test_a_file_that_does_not_matter_is_not_looked_at(self):
        trust = self.load(driver_ssl_cert_verify=False,
                          driver_ssl_cert_path='/missing.pem').trust
        self.assertFalse(trust.any_check)


class ReadEachTest(SettingsTestCase):
    """As far as it can be."""

    def read(self, **values):
        self.set(**values)
        return options.read_each(self.configuration)

    def test_all_that_settings_have(self):
        usable, faults = self.read(lightos_jwt=token(1))
        self.assertEqual({}, faults)
        self.assertEqual({field.name for field in dataclasses.fields(
            options.Settings)}, set(usable))

    def test_one_that_cannot_be_hides_no_other(self):
        usable, faults = self.read(
            lightos_jwt=token(-1), lightos_api_port=0,
            lightos_ipacl_networks=['x'],
            lightos_tls_fingerprints=[FINGERPRINT])
        self.assertEqual({'credentials', 'endpoints', 'ip_acl_networks'},
                         set(faults))
        for field, option in (('credentials', 'lightos_jwt'),
                              ('endpoints', 'lightos_api_port'),
                              ('ip_acl_networks', 'lightos_ipacl_networks')):
            self.assertIn(option, str(faults[field]))
        self.assertEqual({FINGERPRINT}, usable['trust'].fingerprints)
        self.assertFalse(set(usable) & set(faults))
