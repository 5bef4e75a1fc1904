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

"""Tiers and the check of them, with a real Cinder and Keystone."""

import pathlib
import tempfile

import yaml

from tests.functional import cli_case
from tests.functional import stack_case
from tests.stack import backend
from tests.stack import client
from tests.stack import settings

EXAMPLE = pathlib.Path(__file__).parents[2] / 'etc' / 'tiers.yaml'
NAMES = ['lightstack-Bronze', 'lightstack-Gold', 'lightstack-Silver']


class TiersTest(stack_case.StackTestCase):
    """An administrator of a cloud with the projects lightstack and acme."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for project in ('lightstack', 'acme'):
            cls.openstack('project', 'create', project)
        cls.home = cls.enterClassContext(tempfile.TemporaryDirectory())
        folder = pathlib.Path(cls.home, '.cinder')
        folder.mkdir()
        # As Cinder has it.
        settings.write(folder / 'cinder.conf', {
            'DEFAULT': {'enabled_backends': 'lightstack'},
            'lightstack': backend.section('lightstack', cls.lightos,
                                          cls.lightos.admin_token)})
        cls.cli = cli_case.CommandLine(
            cls.home, dict(cls.stack.admin.environment(), no_proxy='*'))

    @classmethod
    def openstack(cls, *words):
        return client.run(cls.stack.admin, *words)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.forget)

    def forget(self):
        """Have no volume types of a test."""
        for one in self.cinder.volume_types.list(is_public=None):
            if one.name.startswith('lightstack-'):
                self.cinder.volume_types.delete(one)
        for one in self.cinder.qos_specs.list():
            self.cinder.qos_specs.delete(one, force=True)

    def file(self, change=None):
        """The example, changed; its path."""
        content = yaml.safe_load(EXAMPLE.read_text())
        if change:
            change(content)
        path = pathlib.Path(self.home, 'tiers.yaml')
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return str(path)

    def apply(self, change=None, *words, typed=None):
        """What applying it tells."""
        ended = self.cli.run('tiers', 'apply', self.file(change), *words,
                             typed=typed)
        self.assertEqual(0, ended.status, ended.errors)
        return ended.output

    def types(self):
        return {one.name: one for one in
                self.cinder.volume_types.list(is_public=None)
                if one.name.startswith('lightstack-')}

    def shown(self):
        ended = self.cli.run('tiers', 'show', '-f', 'json')
        self.assertEqual(0, ended.status, ended.errors)
        return {row['Name']: row for row in ended.rows}

    def rows(self, *words):
        ended = self.cli.run('check', '-f', 'json', *words)
        return ended.status, {row['Check']: row for row in ended.rows}

    # Applying

    def test_from_nothing_and_again(self):
        self.assertIn('3 to create, 0 to change, 0 as',
                      self.apply(None, '--dry-run'))
        self.assertEqual({}, self.types())
        told = self.apply(None, '--yes')
        self.assertIn('+ volume type lightstack-Gold\n', told)
        self.assertIn('+   lightos:num_replicas = 3', told)
        self.assertIn('+   access for lightstack', told)
        self.assertTrue(told.endswith('Done.\n'))
        found = self.types()
        self.assertEqual(NAMES, sorted(found))
        self.assertEqual(
            {'compression': '<is> False', 'lightos:num_replicas': '1',
             'lightos:project_name': 'lightstack',
             'volume_backend_name': 'lightstack'},
            found['lightstack-Bronze'].extra_specs)
        self.assertFalse(found['lightstack-Gold'].is_public)
        before = {one.name: one.id for one in found.values()}
        told = self.apply(None)
        self.assertIn('0 to create, 0 to change, 3 as in the file', told)
        self.assertEqual(before, {one.name: one.id for one
                                  in self.types().values()})
        self.assertEqual(
            {'Name': 'lightstack-Silver', 'Public': False,
             'Backend': 'lightstack', 'LightOS project': 'lightstack',
             'Replicas': '2', 'Compression': '<is> True', 'QoS policy': '',
             'Access': 'lightstack'}, self.shown()['lightstack-Silver'])

    def test_volumes_of_a_tier(self):
        self.apply(None, '--yes')
        volume = self.create(1, volume_type='lightstack-Silver')
        self.assert_on_cluster(volume, 1, replicaCount=2,
                               projectName='lightstack')
        # Cinder does not change the extra specs of what is in use.
        ended = self.cli.run('tiers', 'apply', '--yes', self.file(
            lambda content: content['tiers'][
                'lightstack-Silver'].update(compression=False)))
        self.assertEqual(1, ended.status)
        self.assertRegex(ended.errors, '(?s)tier lightstack-Silver: OpenStack '
                         'says: .*in use.*-   compression = <is> True')

    def test_a_change_is_shown_and_asked_for(self):
        self.apply(None, '--yes')

        def change(content):
            del content['tiers']['lightstack-Bronze']['replicas']
            content['tiers']['lightstack-Gold']['compression'] = False
            content['tiers']['lightstack-Gold']['description'] = 'Best'
            content['defaults']['access'] = ['lightstack', 'acme']

        ended = self.cli.run('tiers', 'apply', self.file(change), typed='n\n')
        self.assertEqual(1, ended.status)
        self.assertIn('Go on? [y/N]', ended.errors)
        self.assertEqual({'lightstack'}, {
            row['Access'] for row in self.shown().values()})
        told = self.apply(change, typed='y\n')
        for line in ('~ volume type lightstack-Gold', '~ volume type '
                     'lightstack-Silver', '-   compression = <is> True',
                     '+   compression = <is> False',
                     '-   lightos:num_replicas = 1', '+   access for acme',
                     '-   description = Three copies, compressed',
                     '+   description = Best'):
            self.assertIn(line + '\n', told)
        self.assertNotIn('lightos:num_replicas',
                         self.types()['lightstack-Bronze'].extra_specs)
        self.assertEqual({'acme, lightstack'}, {
            row['Access'] for row in self.shown().values()})
        self.assertIn('3 to change', self.apply(None, '--yes'))
        self.assertEqual({'lightstack'}, {
            row['Access'] for row in self.shown().values()})

    def test_nobody_to_ask(self):
        ended = self.cli.run('tiers', 'apply', self.file())
        self.assertEqual(1, ended.status)
        self.assertIn('3 to create', ended.output)
        self.assertIn('--yes', ended.errors)
        self.assertEqual({}, self.types())

    def test_what_the_file_does_not_say_stays(self):
        self.apply(None, '--yes')
        gold = self.types()['lightstack-Gold']
        gold.set_keys({'multiattach': '<is> True'})

        def change(content):
            del content['defaults']['access'], content['defaults']['public']
            del content['tiers']['lightstack-Gold']['description']

        self.assertIn('0 to change, 3 as in the file', self.apply(change))
        self.assertEqual('<is> True', self.types()['lightstack-Gold']
                         .extra_specs['multiattach'])

    def test_public(self):
        def change(content):
            content['tiers']['lightstack-Gold']['public'] = True
        self.apply(None, '--yes')
        told = self.apply(change, '--yes')
        self.assertIn('-   public = False\n+   public = True\n', told)
        self.assertTrue(self.types()['lightstack-Gold'].is_public)
        self.assertIn('3 as in the file', self.apply(change))
        # Cinder does not forget who had access before: nor does this.
        told = self.apply(lambda content: content['defaults'].update(
            access=['acme']), '--yes')
        self.assertIn('then its access is compared', told)
        self.assertEqual({'acme'}, {
            row['Access'] for row in self.shown().values()})

    def test_qos_specs(self):
        def change(content):
            content['tiers']['lightstack-Gold']['qos_specs'] = {
                'consumer': 'both', 'specs': {'total_iops_sec': 5000,
                                              'qos_policy': 'no-limit-policy'}}
        told = self.apply(change, '--yes')
        self.assertIn('+   QoS total_iops_sec = 5000', told)
        self.assertIn('+   QoS specs lightstack-Gold', told)
        self.assertIn('3 as in the file', self.apply(change))
        self.assertEqual('no-limit-policy',
                         self.shown()['lightstack-Gold']['QoS policy'])

        def less(content):
            content['tiers']['lightstack-Gold']['qos_specs'] = {
                'consumer': 'front-end', 'specs': {'total_iops_sec': 6000}}
        self.apply(less, '--yes')
        found = self.cinder.qos_specs.list()
        self.assertEqual([('lightstack-Gold', 'front-end',
                           {'total_iops_sec': '6000'})],
                         [(one.name, one.consumer, one.specs)
                          for one in found])
        # Others that somebody had given it make room.
        other = self.cinder.qos_specs.create('other', {
            'consumer': 'front-end', 'total_iops_sec': '1'})
        gold = self.types()['lightstack-Gold']
        self.cinder.qos_specs.disassociate_all(found[0])
        self.cinder.qos_specs.associate(other, gold.id)
        self.assertIn('-   QoS specs', self.apply(less, '--yes'))
        self.assertIn('3 as in the file', self.apply(less))

    def test_a_project_that_is_not_there(self):
        ended = self.cli.run('tiers', 'apply', self.file(
            lambda content: content['defaults'].update(access=['nobody'])))
        self.assertEqual(1, ended.status)
        for text in ('lightstack-Gold', 'access', 'nobody',
                     'openstack project list'):
            self.assertIn(text, ended.errors)

    def test_nobody_says_who_asks(self):
        nobody = cli_case.CommandLine(self.home, {})
        for words in (['apply', self.file()], ['show']):
            ended = nobody.run('tiers', *words)
            self.assertEqual(1, ended.status)
            self.assertIn('--os-cloud', ended.errors)
            self.assertNotIn('Traceback', ended.errors)

    def test_a_wrong_password(self):
        wrong = cli_case.CommandLine(self.home, dict(
            self.cli.environment, OS_PASSWORD='guessed'))
        ended = wrong.run('tiers', 'show')
        self.assertEqual(1, ended.status)
        self.assertIn('OpenStack says', ended.errors)
        self.assertNotIn('guessed', ended.errors)

    def test_clouds_yaml(self):
        admin = self.stack.admin
        pathlib.Path(self.home, 'clouds.yaml').write_text(yaml.safe_dump({
            'clouds': {'mine': {'region_name': 'RegionOne', 'auth': {
                'auth_url': admin.auth_url, 'username': admin.username,
                'password': admin.password, 'project_name': admin.project,
                'user_domain_id': 'default',
                'project_domain_id': 'default'}}}}))
        nobody = cli_case.CommandLine(self.home, {
            'OS_CLIENT_CONFIG_FILE': self.home + '/clouds.yaml'})
        self.assertEqual(0, nobody.run('tiers', 'show', '--os-cloud',
                                       'mine').status)
        ended = nobody.run('tiers', 'show', '--os-cloud', 'yours')
        self.assertEqual(1, ended.status)
        self.assertIn('yours', ended.errors)

    # Checking

    def test_check_of_the_tiers(self):
        self.apply(None, '--yes')
        status, rows = self.rows()
        self.assertEqual(0, status, rows)
        self.assertEqual(', '.join(NAMES), rows['volume types']['What'])
        self.assertEqual('ok', rows['LightOS project lightstack']['Result'])
        for number, tier in ((1, 'Bronze'), (2, 'Silver'), (3, 'Gold')):
            self.assertIn('lightstack-' + tier,
                          rows['replicas: %d' % number]['What'])

    def test_check_of_tiers_that_cannot_be(self):
        def change(content):
            tiers = content['tiers']
            tiers['lightstack-Gold']['project'] = 'gone'
            tiers['lightstack-Silver']['qos_policy'] = 'no-such-policy'
            tiers['lightstack-Bronze']['qos_policy'] = 'no-limit-policy'
        self.apply(change, '--yes')
        broken = self.cinder.volume_types.create('lightstack-Broken')
        broken.set_keys({'lightos:num_replicas': '7',
                         'volume_backend_name': 'lightstack'})
        self.lightos.node(2, 'down')
        self.addCleanup(self.lightos.node, 2, 'up')
        status, rows = self.rows()
        self.assertEqual(1, status)
        for check, result, text in (
                ('LightOS project gone', 'failed', 'lightstack-Gold'),
                ('LightOS project lightstack', 'ok', 'lightstack-Silver'),
                ('replicas: 3', 'failed', 'lightstack-Gold'),
                ('replicas: 2', 'ok', 'lightstack-Silver'),
                ('QoS policy no-such-policy', 'failed', 'lightstack-Silver'),
                ('QoS policy no-limit-policy', 'ok', 'lightstack-Bronze'),
                ('volume type lightstack-Broken', 'failed',
                 'lightos:num_replicas')):
            self.assertEqual(result, rows[check]['Result'], rows[check])
            self.assertIn(text, rows[check]['What'])

    def test_check_with_a_tenants_token(self):
        """The cluster need not show him any QoS policy."""
        self.apply(lambda content: content['tiers']['lightstack-Gold']
                   .update(qos_policy='no-limit-policy'), '--yes')
        path = settings.write(pathlib.Path(self.home, 'tenant.conf'), {
            'DEFAULT': {'enabled_backends': 'lightstack'},
            'lightstack': backend.section(
                'lightstack', self.lightos, self.lightos.token(
                    stack_case.PROJECT, lifetime=30 * 24 * 3600.0))})
        self.addCleanup(path.unlink)
        status, rows = self.rows('--config-file', str(path))
        self.assertEqual(0, status, rows)
        # Types that say nothing would go to the project default.
        self.assertEqual('warning',
                         rows['LightOS project default']['Result'])
        self.assertEqual('ok', rows['QoS policy no-limit-policy']['Result'])
        self.lightos.set_settings(tenant_reads_policies=False)
        self.addCleanup(self.lightos.set_settings,
                        tenant_reads_policies=True)
        status, rows = self.rows('--config-file', str(path))
        self.assertEqual(0, status, rows)
        self.assertEqual('warning',
                         rows['QoS policy no-limit-policy']['Result'])

    def test_a_user_who_is_no_administrator(self):
        self.openstack('user', 'create', '--domain', 'default', '--project',
                       'acme', '--password', 'hers', 'user')
        self.addCleanup(self.openstack, 'user', 'delete', 'user')
        self.openstack('role', 'add', '--project', 'acme', '--user', 'user',
                       'member')
        user = cli_case.CommandLine(self.home, dict(
            self.stack.user('user', 'acme', 'hers').environment(),
            no_proxy='*'))
        ended = user.run('check', '-f', 'json')
        self.assertEqual(1, ended.status)
        rows = {row['Check']: row for row in ended.rows}
        self.assertIn('administrator', rows['volume types']['What to do'])
        for words in (['show'], ['apply', self.file()]):
            ended = user.run('tiers', *words)
            self.assertEqual(1, ended.status)
            self.assertIn('credentials of an administrator', ended.errors)
            self.assertNotIn('Traceback', ended.errors)

    def test_check_without_an_openstack_that_answers(self):
        away = cli_case.CommandLine(self.home, dict(
            self.cli.environment, OS_AUTH_URL='http://127.0.0.1:1/v3'))
        ended = away.run('check', '-f', 'json')
        rows = {row['Check']: row for row in ended.rows}
        self.assertEqual(1, ended.status)
        self.assertEqual('failed', rows['volume types']['Result'])
        self.assertEqual('ok', rows['capacity']['Result'])
