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

"""Commands for clusters that nobody reaches."""

import time
from unittest import mock

from lightos_cinder.cli import base as cli_base
from tests.functional import base
from tests.functional import cli_case
from tests.functional import command_case


class TenantTest(cli_case.CommandLineTestCase):

    def test_a_cluster_that_refuses_connections(self):
        """It is given up long before lightos_operation_timeout is over."""
        lightos = base.cluster(False)
        lightos.reset()
        self.cinder_conf(lightos, lightos.admin_token,
                         lightos_jwt_dir=self.folder,
                         lightos_operation_timeout=100)
        for index in range(len(lightos.addresses)):
            lightos.endpoint(index, 'refuse')
        self.addCleanup(lightos.reset)
        began = time.monotonic()
        with mock.patch.object(cli_base, 'PATIENCE', 1.0):
            ended = self.cli.run('tenant', 'show', 'acme')
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual((1, ''), (ended.status, ended.output))
        self.assertIn('The LightOS cluster says: ', ended.errors)
        self.assertIn('refused', ended.errors)
        self.assertGreater(60, cli_base.PATIENCE)


@mock.patch.object(cli_base, 'PATIENCE', 1.0)
class AuditTest(command_case.CommandTestCase):

    def write_backends(self, *names):
        section = dict(
            self.backend_options(), lightos_operation_timeout=100,
            volume_driver='lightos_cinder.driver.LightOSVolumeDriver',
            lightos_tls_fingerprints=self.lightos.fingerprint)
        sections = {
            # Nobody listens on this port.
            'away': dict(section, lightos_api_address='127.0.0.1',
                         lightos_api_port=1),
            base.GROUP: section}
        self.write_sections(dict(
            {name: sections[name] for name in names},
            DEFAULT={'enabled_backends': ','.join(names),
                     'state_path': self.folder},
            database={'connection': base.CONF.database.connection}))

    def test_one_of_two_clusters_is_away(self):
        gold = self.type('gold', base.GOLD)
        volume = self.record(gold, 1, status='creating')
        self.save(volume, dict(self.driver.create_volume(volume),
                               status='available'))
        lost = self.record(gold, 1, status='available')
        elsewhere = self.save(self.record(gold, 1, status='available'),
                              {'host': 'controller@away#away'})
        self.write_backends('away', base.GROUP)
        began = time.monotonic()
        result = self.command_here('audit', '-f', 'json')
        self.assertLess(time.monotonic() - began, 60)
        self.assertEqual(1, result.status, result)
        self.assertEqual([('lost', 'volume %s' % lost.id)], [
            (row['Kind'], row['Object']) for row in result.json])
        self.assertNotIn(elsewhere.id, result.out)
        self.assertIn('The cluster of backend away cannot be asked',
                      result.err)

    def test_the_only_cluster_is_away(self):
        self.write_backends('away')
        began = time.monotonic()
        result = self.command_here('audit')
        self.assertLess(time.monotonic() - began, 60)
        self.assertEqual((1, ''), (result.status, result.out))
        self.assertIn('The cluster of backend away cannot be asked',
                      result.err)
        self.assertEqual(1, len(result.err.splitlines()), result)
