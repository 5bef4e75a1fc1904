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

import os
import socket
import tempfile
import unittest
from unittest import mock

from cinder import exception
import ddt

from lightos_cinder.cli import cinder_conf
from lightos_cinder.cli import errors

OURS = 'volume_driver = %s\n' % cinder_conf.OURS


@ddt.ddt
class ReadTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.home = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, HOME=self.home))

    def write(self, text, path='cinder.conf'):
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def names(self, *args, **kwargs):
        return [one.name for one in cinder_conf.read(*args, **kwargs)]

    def assert_refused(self, *texts, **kwargs):
        with self.assertRaises(errors.CommandError) as caught:
            cinder_conf.read(**kwargs)
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def test_where_cinder_volume_finds_it(self):
        self.write('[DEFAULT]\nenabled_backends = a\n[a]\n' + OURS,
                   '.cinder/cinder.conf')
        self.assertEqual(['a'], self.names())

    def test_the_file_that_is_named(self):
        self.write('[DEFAULT]\nenabled_backends = a\n[a]\n' + OURS,
                   '.cinder/cinder.conf')
        other = self.write('[DEFAULT]\nenabled_backends = b\n[b]\n' + OURS)
        self.assertEqual(['b'], self.names([other]))

    def test_a_later_file_and_a_folder_come_before(self):
        first = self.write('[DEFAULT]\nenabled_backends = a,b\n'
                           '[a]\nlightos_api_port = 1\n' + OURS)
        second = self.write('[a]\nlightos_api_port = 2\n', 'more.conf')
        self.write('[b]\n' + OURS, 'conf.d/b.conf')
        found = cinder_conf.read([first, second],
                                 [os.path.join(self.home, 'conf.d')])
        self.assertEqual(['a', 'b'], [one.name for one in found])
        self.assertEqual(2, found[0].configuration.lightos_api_port)

    def test_what_all_backends_share(self):
        path = self.write(
            '[DEFAULT]\nenabled_backends = a,b\n'
            '[backend_defaults]\nlightos_api_address = 10.0.0.1\n'
            'lightos_use_ipacl = false\ndriver_ssl_cert_verify = true\n'
            '[a]\nlightos_use_ipacl = true\ndriver_ssl_cert_verify = false\n'
            + OURS + '[b]\nvolume_backend_name = gold\n' + OURS)
        a, b = cinder_conf.read([path])
        self.assertEqual('LightOSVolumeDriver', a.backend_name)
        self.assertEqual('gold', b.backend_name)
        self.assertEqual([(True, False), (False, True)], [
            (one.settings().use_ip_acl, one.settings().trust.verify)
            for one in (a, b)])
        self.assertEqual(443, a.settings().endpoints[0].port)

    def test_only_lightos(self):
        path = self.write(
            '[DEFAULT]\nenabled_backends = lvm, a, old\n[a]\n' + OURS
            + '[old]\nvolume_driver = cinder.volume.drivers.lightos.'
            'LightOSVolumeDriver\n')
        self.assertEqual(['a', 'old'], self.names([path]))
        self.assertEqual(['old'], self.names([path], wanted=['old']))
        self.assert_refused('--backend lvm', 'LVMVolumeDriver', 'lvm, a, old',
                            files=[path], wanted=['a', 'lvm'])

    def test_one_that_is_not_enabled_can_be_named(self):
        path = self.write('[a]\n' + OURS)
        self.assertEqual(['a'], self.names([path], wanted=['a']))
        self.assert_refused('enabled_backends is (not set)', path,
                            files=[path])

    def test_none(self):
        with mock.patch('oslo_config.cfg.find_config_files', autospec=True,
                        return_value=[]):
            self.assert_refused('no cinder.conf', '--config-file')

    @ddt.data('x', '[a\n', 'enabled_backends = x\n')
    def test_what_is_no_configuration(self, text):
        self.assert_refused('cinder.conf cannot be read',
                            files=[self.write(text)])

    def test_what_refers_to_options_of_cinder(self):
        path = self.write(
            '[DEFAULT]\nenabled_backends = a\nmy_ip = 192.0.2.7\n'
            '[backend_defaults]\nlightos_api_address = $my_ip\n'
            '[a]\nlightos_jwt_dir = $state_path/tok\n'
            'volume_backend_name = at-$host\n' + OURS)
        section, = cinder_conf.read([path])
        self.assertEqual('/var/lib/cinder/tok',
                         section.configuration.lightos_jwt_dir)
        self.assertEqual(['192.0.2.7'], [
            str(one) for one in section.configuration.lightos_api_address])
        self.assertEqual('at-' + socket.gethostname(), section.backend_name)

    def test_what_refers_to_nothing(self):
        path = self.write('[DEFAULT]\nenabled_backends = a\n[a]\n'
                          'lightos_api_address = 10.0.0.1\n'
                          'lightos_jwt_dir = $nowhere/tok\n' + OURS)
        section, = cinder_conf.read([path])
        with self.assertRaisesRegex(
                ValueError, r'lightos_jwt_dir in \[a\]: .*nowhere'):
            section.configuration.lightos_jwt_dir
        with self.assertRaisesRegex(exception.InvalidConfigurationValue,
                                    r'lightos_jwt_dir in \[a\]: .*nowhere'):
            section.settings()

    def test_an_address_that_is_none(self):
        path = self.write('[DEFAULT]\nenabled_backends = a\n[a]\n'
                          'lightos_api_address = 10.0.0\n' + OURS)
        section, = cinder_conf.read([path])
        with self.assertRaises(exception.InvalidConfigurationValue) as caught:
            section.settings()
        text = str(caught.exception)
        self.assertNotIn('LocationInfo', text)
        for part in ('lightos_api_address', path, '10.0.0'):
            self.assertIn(part, text)

    def test_a_section_that_is_not_there(self):
        path = self.write('[DEFAULT]\nenabled_backends = a\n[a]\n' + OURS)
        self.assert_refused('--backend nope: there is no such section', path,
                            'Enabled backends: a',
                            files=[path], wanted=['nope'])

    def test_bad_values_are_for_who_asks(self):
        path = self.write('[DEFAULT]\nenabled_backends = a\n[a]\n'
                          'lightos_api_port = 99999\n'
                          'lightos_api_address = 10.0.0.1\n' + OURS)
        section, = cinder_conf.read([path])
        with self.assertRaisesRegex(exception.InvalidConfigurationValue,
                                    'lightos_api_port.*99999'):
            section.settings()
