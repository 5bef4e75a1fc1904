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

"""Whom the driver believes to be the cluster, and who can change that."""

import os
from unittest import mock

from cinder import exception
import ddt

from tests.functional import base
from tests.unit.client import loopback

PROXY = 'http://127.0.0.1:1'
VARIABLES = ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE',
             'SSL_CERT_DIR', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY',
             'all_proxy', 'NETRC')


class TrustTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.own, self.foreign = (
            loopback.Identity(self.folder, name, *self.lightos.addresses)
            for name in ('own', 'foreign'))

    def install(self, name):
        """An administrator gives the cluster another certificate."""
        installed = getattr(self, name)
        self.lightos.install_certificate(installed.certificate_file,
                                         installed.key_file)

    def verify(self, name):
        """The options that verify by that certificate."""
        return {'driver_ssl_cert_verify': True,
                'driver_ssl_cert_path': getattr(self, name).certificate_file}


class CheckTestCase(TrustTestCase):

    def test_the_right_fingerprint(self):
        """Defect 33: there was no way to know who answered."""
        colons = ':'.join(
            self.lightos.fingerprint[i:i + 2].upper()
            for i in range(0, 64, 2))
        self.driver = self.make_driver(
            lightos_tls_fingerprints=['0' * 64, colons])
        self.created()

    def test_a_wrong_fingerprint_sends_nothing(self):
        self.lightos.clear_records()
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'lightos_tls_fingerprints'):
            self.make_driver(lightos_tls_fingerprints=['0' * 64])
        self.assertEqual([], self.calls())

    def test_a_certificate_that_names_no_address(self):
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'driver_ssl_cert_verify'):
            self.make_driver(driver_ssl_cert_verify=True,
                             driver_ssl_cert_path=self.lightos.certificate)

    def test_a_ca_file(self):
        self.install('own')
        self.driver = self.make_driver(**self.verify('own'))
        self.created()
        with self.assertNoLogs('lightos_cinder', 'WARNING'):
            self.driver.get_volume_stats(refresh=True)

    def test_a_certificate_that_the_ca_file_does_not_vouch_for(self):
        self.install('own')
        self.lightos.clear_records()
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'driver_ssl_cert_verify'):
            self.make_driver(**self.verify('foreign'))
        self.assertEqual([], self.calls())

    def test_a_fingerprint_and_a_ca_file_must_both_hold(self):
        self.install('own')
        self.make_driver(lightos_tls_fingerprints=[self.own.fingerprint],
                         **self.verify('own'))
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'lightos_tls_fingerprints'):
            self.make_driver(
                lightos_tls_fingerprints=[self.lightos.fingerprint],
                **self.verify('own'))

    def test_unchecked_is_one_warning(self):
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.make_driver()
            self.created()
        self.assertEqual(1, sum('lightos_tls_fingerprints' in line
                                for line in logs.output))


class RotationTestCase(TrustTestCase):
    """The certificate of the cluster is exchanged while we are at work."""

    def test_both_fingerprints_are_configured(self):
        self.driver = self.make_driver(lightos_tls_fingerprints=[
            self.lightos.fingerprint, self.own.fingerprint])
        volume = self.created()
        self.install('own')
        self.driver.extend_volume(volume, 2)
        # And now the old one is taken away.
        self.driver = self.make_driver(
            lightos_tls_fingerprints=[self.own.fingerprint])
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def test_the_new_fingerprint_is_not_configured(self):
        self.driver = self.make_driver(
            lightos_tls_fingerprints=[self.lightos.fingerprint])
        volume = self.created()
        self.install('own')
        self.lightos.clear_records()
        with self.assertRaisesRegex(
                exception.VolumeBackendAPIException,
                '%s.*lightos_tls_fingerprints' % self.own.fingerprint):
            self.driver.delete_volume(volume)
        self.assertEqual([], self.calls())
        self.assertEqual('down', self.driver.get_volume_stats(
            refresh=True)['backend_state'])

    def test_the_ca_file_has_both(self):
        both = ''
        for identity in (self.own, self.foreign):
            with open(identity.certificate_file) as file:
                both += file.read()
        self.install('own')
        self.driver = self.make_driver(
            driver_ssl_cert_verify=True,
            driver_ssl_cert_path=self.write_file('both.pem', both))
        volume = self.created()
        self.install('foreign')
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())


@ddt.ddt
class EnvironmentTestCase(TrustTestCase):
    """Defect 33: what is configured holds, whatever the environment says."""

    def environment(self, name, value):
        """Of all that matters to HTTPS elsewhere, only this is set."""
        patcher = mock.patch.dict(os.environ)
        patcher.start()
        self.addCleanup(patcher.stop)
        for variable in VARIABLES:
            os.environ.pop(variable, None)
        os.environ[name] = value

    @ddt.data(*VARIABLES)
    def test_what_was_to_work_works(self, name):
        values = {'NETRC': self.write_file('netrc', ''.join(
            'machine %s login somebody password other\n' % address
            for address in self.lightos.addresses))}
        values['SSL_CERT_DIR'] = self.folder
        for proxy in ('HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'):
            values[proxy] = PROXY
        self.environment(name,
                         values.get(name, self.foreign.certificate_file))
        self.install('own')
        for trust in (
                {}, {'lightos_tls_fingerprints': [self.own.fingerprint]},
                self.verify('own')):
            self.driver = self.make_driver(**trust)
            self.driver.delete_volume(self.created())

    @ddt.data('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE')
    def test_who_was_not_to_be_trusted_is_not_trusted(self, name):
        self.install('own')
        self.environment(name, self.own.certificate_file)
        self.lightos.clear_records()
        for trust in (
                # By the usual CAs, and by a CA of one's own.
                {'driver_ssl_cert_verify': True}, self.verify('foreign')):
            with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                        'driver_ssl_cert_verify'):
                self.make_driver(**trust)
        self.assertEqual([], self.calls())
