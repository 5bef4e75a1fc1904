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

"""lightos-cinder tenant, on an emulated cluster and with a real Cinder."""

import datetime
import fcntl
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
from unittest import mock
import uuid

from cinderclient import client as cinder_client
import jwt
import requests
import yaml

from lightos_cinder.cli import keys
from lightos_cinder.client import tokens
from tests.functional import base
from tests.functional import cli_case
from tests.functional import stack_case
from tests.stack import backend
from tests.stack import client
from tests.stack import compute
from tests.stack import identity
from tests.stack import settings
from tests.stack import volumes

EXAMPLE = pathlib.Path(__file__).parents[2] / 'etc' / 'tiers.yaml'


class TenantTestCase(cli_case.CommandLineTestCase):
    """A backend whose tenants have tokens of their own."""

    def setUp(self):
        super().setUp()
        self.lightos = base.cluster(False)
        self.lightos.reset()
        # A larger one takes its time.
        self.enterContext(mock.patch.object(keys, '_KEY_SIZE', 2048))
        self.tokens = pathlib.Path(self.folder, 'tokens')
        self.tokens.mkdir(mode=0o700)
        self.conf()
        self.secrets = {self.lightos.admin_token}

    def conf(self, token=None, **section):
        self.cinder_conf(self.lightos, token or self.lightos.admin_token,
                         **{'lightos_jwt_dir': str(self.tokens),
                            'lightos_operation_timeout': 5, **section})

    def tenant(self, *words, status=0):
        """Run a command, which shows nobody a secret."""
        ended = self.cli.run('tenant', *words)
        self.assertEqual(status, ended.status, ended)
        self.secrets |= {path.read_text().strip()
                         for path in self.tokens.glob('*.jwt')}
        for secret in self.secrets:
            self.assertNotIn(secret, ended.output + ended.errors)
            self.assertNotIn(secret.split('.')[2],
                             ended.output + ended.errors)
        return ended

    @property
    def token(self):
        return (self.tokens / 'acme.jwt').read_text().strip()

    def ask(self, method, path, token=None, body=None):
        """Status and content of a reply of the cluster."""
        reply = requests.request(
            method, 'https://%s:%d/api/v2/%s' % (
                self.lightos.addresses[0], self.lightos.port, path),
            json=body, verify=False, timeout=10, headers={
                'Authorization': 'Bearer %s' % (
                    token or self.lightos.admin_token)})
        return reply.status_code, reply.json()

    def credentials(self):
        _status, reply = self.ask('GET', 'projects/acme/credentials')
        return [one['ID'] for one in reply.get('credentials', [])]

    def changes(self):
        return ['%s %s' % (one['method'], one['path'])
                for one in self.lightos.requests()
                if one['method'] != 'GET']

    def may_look(self, token, project='acme'):
        return self.ask('GET', 'projects/%s/volumes' % project, token)[0]


class CreateTest(TenantTestCase):

    def test_create(self):
        ended = self.tenant('create', 'acme', '--lifetime', '12h')
        self.assertIn('LightOS project acme: made.', ended.output)
        path = self.tokens / 'acme.jwt'
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        self.assertEqual([path], list(self.tokens.iterdir()))
        self.assertEqual(200, self.may_look(self.token))
        self.assertEqual(403, self.may_look(self.token, 'default'))
        parsed = tokens.Token.parse(self.token, 'here')
        left = parsed.expiry - datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(11.9 * 3600, left.total_seconds())
        self.assertGreater(12.1 * 3600, left.total_seconds())
        self.assertEqual([keys.credential_of(parsed)[1]],
                         self.credentials())
        claims = jwt.decode(self.token, options={'verify_signature': False})
        self.assertEqual(['acme:admin'], claims['roles'])

    def test_create_again(self):
        self.tenant('create', 'acme')
        before = self.token
        self.lightos.clear_records()
        ended = self.tenant('create', 'acme')
        self.assertIn('nothing was changed', ended.output)
        self.assertEqual([], self.changes())
        self.assertEqual(before, self.token)

    def test_goes_on(self):
        """After an interruption it makes what is missing."""
        self.tenant('create', 'acme')
        (self.tokens / 'acme.jwt').unlink()
        ended = self.tenant('create', 'acme')
        self.assertNotIn('project acme: made', ended.output)
        self.assertEqual(200, self.may_look(self.token))

    def test_token_that_ended(self):
        self.tenant('create', 'acme')
        self.ask('DELETE',
                 'projects/acme/credentials/' + self.credentials()[0])
        self.assertEqual(401, self.may_look(self.token))
        self.tenant('create', 'acme')
        self.assertEqual(200, self.may_look(self.token))

    def test_token_of_another(self):
        """It is not what its name says, whatever it can be used for."""
        self.lightos.create_project('other')
        (self.tokens / 'acme.jwt').write_text(self.lightos.token('other'))
        self.tenant('create', 'acme')
        self.assertEqual(200, self.may_look(self.token))

    def test_admin_token_file(self):
        """It need not be in cinder.conf, where there are no tokens yet."""
        path = self.write('admin', self.lightos.admin_token + '\n')
        self.cinder_conf(self.lightos, None,
                         lightos_jwt_dir=str(self.tokens))
        ended = self.tenant('create', 'acme', status=1)
        self.assertIn('--admin-token-file', ended.errors)
        self.tenant('create', 'acme', '--admin-token-file', path)
        self.assertEqual(200, self.may_look(self.token))

    def test_not_an_administrator(self):
        self.conf(self.lightos.token('default'))
        ended = self.tenant('create', 'acme', status=1)
        self.assertIn('403', ended.errors)
        self.assertFalse(list(self.tokens.iterdir()))

    def test_reply_lost(self):
        """What was done without a reply is not done twice."""
        self.lightos.add_fault('close', method='POST', path='.*credentials',
                               when='after', times=1)
        self.tenant('create', 'acme')
        self.assertEqual(1, len(self.credentials()))
        self.assertEqual(200, self.may_look(self.token))

    def test_nowhere_to_write(self):
        self.conf(lightos_jwt_dir=None)
        self.assertIn('lightos_jwt_dir is not set',
                      self.tenant('create', 'acme', status=1).errors)
        self.conf(lightos_jwt_dir=str(self.tokens) + '/nothing')
        self.assertIn('install -d',
                      self.tenant('create', 'acme', status=1).errors)
        self.assertEqual([], self.changes())

    def test_cannot_write(self):
        """A credential whose token nobody has is of no use."""
        (self.tokens / 'acme.jwt').mkdir()
        ended = self.cli.run('tenant', 'create', 'acme')
        self.assertEqual(1, ended.status)
        self.assertIn('cannot be written', ended.errors)
        self.assertEqual([], self.credentials())
        self.assertEqual(['acme.jwt'], os.listdir(self.tokens))

    def test_wrong_words(self):
        for words, told in (
                (('Acme_1',), 'lower-case'), (('../acme',), 'lower-case'),
                (('system',), 'cannot be a tenant'),
                (('acme', '--lifetime', '5'), 'such as 12h'),
                (('acme', '--lifetime', '0d'), 'such as 12h')):
            with self.subTest(words=words):
                ended = self.tenant('create', *words, status=2)
                self.assertIn(told, ended.errors)
        ended = self.tenant('create', 'acme', '--owner', 'nobody-such',
                            status=1)
        self.assertIn('no such user', ended.errors)
        self.assertEqual([], self.changes())

    def test_tiers_need_openstack(self):
        ended = self.tenant('create', 'acme', '--tier', 'Gold', status=1)
        self.assertIn('OpenStack credentials', ended.errors)
        self.assertEqual([], self.changes())


class ShowTest(TenantTestCase):

    def test_show(self):
        self.tenant('create', 'acme')
        self.assertEqual(201 // 100, self.ask(
            'POST', 'projects/acme/volumes', body={
                'name': 'v', 'size': '1 gib', 'replicaCount': 1,
                'acl': {'values': ['ALLOW_NONE']}})[0] // 100)
        shown = self.tenant('show', 'acme', '-f', 'json').rows
        self.assertEqual(1, shown['Volumes'])
        self.assertEqual(0, shown['Snapshots'])
        self.assertEqual('the cluster accepts it', shown['Token'])
        self.assertEqual(self.credentials(), [shown['Credential in use']])
        self.assertEqual('(no OpenStack credentials)',
                         shown['Volume types'])

    def test_trouble(self):
        self.assertIn('no LightOS project acme',
                      self.tenant('show', 'acme', status=1).errors)
        self.tenant('create', 'acme')
        (self.tokens / 'acme.jwt').unlink()
        shown = self.tenant('show', 'acme', '-f', 'json', status=1).rows
        self.assertEqual('there is no such file', shown['Token'])


class RotateTest(TenantTestCase):

    def setUp(self):
        super().setUp()
        self.tenant('create', 'acme')
        self.old = self.token
        self.old_credential, = self.credentials()

    def test_rotate(self):
        self.tenant('rotate', 'acme')
        self.assertEqual(200, self.may_look(self.token))
        self.assertEqual(401, self.may_look(self.old))
        self.assertEqual(1, len(self.credentials()))
        self.assertNotEqual([self.old_credential], self.credentials())

    def test_keep_old(self):
        self.tenant('rotate', 'acme', '--keep-old')
        self.assertEqual({200}, {self.may_look(self.token),
                                 self.may_look(self.old)})
        self.ask('POST', 'projects/acme/credentials', body={
            'ID': 'of-others', 'type': 'TlsCertChainPem', 'payload': 'AAAA'})
        new = self.token
        self.tenant('rotate', 'acme', '--finish')
        self.assertEqual(new, self.token)
        self.assertEqual(200, self.may_look(new))
        self.assertEqual(401, self.may_look(self.old))
        self.assertEqual(2, len(self.credentials()))
        self.assertIn('of-others', self.credentials())

    def test_secrets(self):
        """They are nowhere, however much is to be told."""
        log = pathlib.Path(self.folder, 'log')
        secrets = [self.lightos.admin_token, self.token]
        ended = self.cli.run('-vvv', '--debug', '--log-file', str(log),
                             'tenant', 'rotate', 'acme')
        self.assertEqual(0, ended.status, ended)
        shown = ended.output + ended.errors + log.read_text()
        self.assertIn('credentials', shown)
        for secret in secrets + [self.token]:
            for part in secret.split('.')[1:]:
                self.assertNotIn(part, shown)
        self.assertNotIn('PRIVATE', shown)

    def test_closed_pipe(self):
        """It is not left half done once nobody listens any more."""
        old = self.credentials()
        with subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m',
                 'lightos_cinder.cli', 'tenant', 'rotate', 'acme'],
                env=dict(os.environ, HOME=self.folder),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            running.stdout.close()
            errors = running.stderr.read()
        self.assertEqual((0, b''), (running.returncode, errors))
        new = self.credentials()
        self.assertEqual(1, len(new))
        self.assertNotEqual(old, new)
        self.assertEqual(200, self.may_look(self.token))

    def test_new_one_does_not_work(self):
        """Then all is as it was."""
        self.conf(lightos_operation_timeout=2)
        self.lightos.add_fault('status', status=401, path='acme/volumes')
        ended = self.tenant('rotate', 'acme', status=1)
        self.assertIn('401', ended.errors)
        self.assertEqual([self.old_credential], self.credentials())
        self.assertEqual(self.old, self.token)

    def test_each_node(self):
        """cinder-volume may ask any of them, if it is not down."""
        self.lightos.endpoint(1, 'refuse')
        self.addCleanup(self.lightos.endpoint, 1, 'up')
        self.tenant('rotate', 'acme')
        with self.subTest('one does not know it'):
            before = self.token, self.credentials()
            self.conf(lightos_operation_timeout=2)
            self.lightos.add_fault('status', status=401, path='acme/volumes',
                                   endpoints=[2])
            ended = self.tenant('rotate', 'acme', status=1)
            self.assertIn('401', ended.errors)
            self.assertEqual(before, (self.token, self.credentials()))

    def test_left_by_an_interruption(self):
        """Whose token nobody knows to be accepted any more."""
        self.tenant('rotate', 'acme', '--keep-old')
        ended = self.tenant('rotate', 'acme')
        self.assertIn('still accepted: %s. Give --finish'
                      % self.old_credential, ended.output)
        self.tenant('rotate', 'acme', '--finish')
        self.assertEqual(401, self.may_look(self.old))
        self.assertNotIn('still accepted',
                         self.tenant('rotate', 'acme').output)

    def test_two_at_once(self):
        handle = os.open(self.tokens, os.O_RDONLY)
        self.addCleanup(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        for words in (['rotate', 'acme'], ['rotate', 'acme', '--finish'],
                      ['create', 'other'], ['delete', 'acme']):
            ended = self.tenant(*words, status=1)
            self.assertIn('another lightos-cinder', ended.errors)
        self.assertEqual(self.old, self.token)
        self.tenant('show', 'acme')

    def test_finish_without_a_token(self):
        (self.tokens / 'acme.jwt').unlink()
        ended = self.tenant('rotate', 'acme', '--finish', status=1)
        self.assertIn('Nothing was removed', ended.errors)
        self.assertEqual([self.old_credential], self.credentials())

    def test_reader(self):
        """Who reads meanwhile reads the old one or the new one."""
        file = tokens.TokenFile(str(self.tokens / 'acme.jwt'))
        file.refresh()
        self.tenant('rotate', 'acme')
        file.refresh()
        self.assertEqual(self.token, file.token.text)
        self.assertIsNone(file.trouble)


class DeleteTest(TenantTestCase):

    def setUp(self):
        super().setUp()
        self.tenant('create', 'acme')

    def test_delete(self):
        old = self.token
        self.tenant('delete', 'acme', '--keep-types')
        self.assertEqual([], os.listdir(self.tokens))
        _status, reply = self.ask('GET', 'projects')
        self.assertNotIn('acme', [one['name'] for one in reply['projects']])
        self.assertEqual(401, self.may_look(old))
        ended = self.tenant('delete', 'acme', '--keep-types')
        self.assertIn('There is no LightOS project', ended.output)

    def test_refused(self):
        self.ask('POST', 'projects/acme/volumes', body={
            'name': 'v', 'size': '1 gib', 'replicaCount': 1,
            'acl': {'values': ['ALLOW_NONE']}})
        self.lightos.clear_records()
        ended = self.tenant('delete', 'acme', '--keep-types', status=1)
        self.assertIn('1 volumes and 0 snapshots, among them v',
                      ended.errors)
        self.assertEqual([], self.changes())
        self.assertTrue(self.token)

    def test_reserved(self):
        for name, status in (('default', 1), ('system', 2)):
            self.tenant('delete', name, status=status)
        self.assertEqual(200, self.may_look(self.token))


class StackTest(stack_case.StackTestCase):
    """A tenant from its first token to its last, on a real Cinder."""

    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(cls.enterClassContext(
            tempfile.TemporaryDirectory()))
        cls.tokens = cls.home / 'tokens'
        cls.tokens.mkdir(mode=0o700)
        cls.options = {'lightos_jwt_dir': str(cls.tokens)}
        super().setUpClass()
        cls.openstack('project', 'create', 'acme')
        (cls.home / '.cinder').mkdir()
        settings.write(cls.home / '.cinder' / 'cinder.conf', {
            'DEFAULT': {'enabled_backends': 'lightstack'},
            'lightstack': backend.section(
                'lightstack', cls.lightos, cls.lightos.admin_token,
                **cls.options)})
        cls.cli = cli_case.CommandLine(
            str(cls.home), dict(cls.stack.admin.environment(),
                                no_proxy='*'))

    @classmethod
    def openstack(cls, *words):
        return client.run(cls.stack.admin, *words)

    def tenant(self, *words, status=0):
        ended = self.cli.run('tenant', *words)
        self.assertEqual(status, ended.status, ended)
        return ended

    def types(self):
        return {one.name: one for one in
                self.cinder.volume_types.list(is_public=None)
                if one.name != '__DEFAULT__'}

    def test_life(self):
        self.tenant('create', 'acme', '--tiers', str(EXAMPLE),
                    '--tier', 'Gold', '--tier', 'Bronze')
        types = self.types()
        self.assertEqual({'acme-Gold', 'acme-Bronze'}, set(types))
        gold = types['acme-Gold']
        self.assertFalse(gold.is_public)
        self.assertEqual('acme', gold.get_keys()['lightos:project_name'])
        self.assertEqual('3', gold.get_keys()['lightos:num_replicas'])
        shown = self.tenant('show', 'acme', '-f', 'json').rows
        self.assertEqual('acme-Bronze (acme), acme-Gold (acme)',
                         shown['Volume types'])
        ended = self.tenant('create', 'acme', '--tiers', str(EXAMPLE),
                            '--tier', 'Gold', '--tier', 'Bronze')
        self.assertIn('nothing was changed', ended.output)

        # cinder-volume finds the token, the old one and the new one.
        anna = self.stack.user('anna', 'acme', 'of-this-test')
        self.stack.keystone.add_user(anna, 'member')
        hers = volumes.Volumes(anna, self.wait)
        volume = hers.client.volumes.create(1, volume_type='acme-Gold')
        hers.settled(volume.id)
        self.assertEqual('acme', self.on_cluster(volume)['projectName'])
        nova = compute.Compute(anna, self.stack.nova)
        attachment = nova.attach(volume.id, str(uuid.uuid4()),
                                 stack_case.HOST)
        self.assert_open_to(volume, stack_case.HOST)
        nova.detach(attachment)
        self.assert_open_to(volume)
        bert = self.stack.user('bert', 'other', 'of-this-test')
        self.stack.keystone.add_user(bert, 'member')
        self.assertEqual(['__DEFAULT__'], [one.name for one in volumes.Volumes(
            bert, self.wait).client.volume_types.list()])
        self.tenant('rotate', 'acme')
        self.cinder.volumes.extend(volume.id, 2)
        self.volumes.settled(volume.id)
        ended = self.tenant('delete', 'acme', status=1)
        self.assertIn('1 volumes and 0 snapshots', ended.errors)
        self.assertEqual(types.keys(), self.types().keys())
        self.delete(volume.id)
        self.wait('the cluster to be empty',
                  lambda: not self.lightos.volumes())
        self.tenant('delete', 'acme')
        self.assertEqual({}, self.types())
        self.assertEqual([], os.listdir(self.tokens))

    def test_default_type(self):
        """Nothing is deleted if not all can be."""
        self.tenant('create', 'acme', '--tiers', str(EXAMPLE),
                    '--tier', 'Gold', '--tier', 'Bronze')
        types = self.types()
        project = self.openstack('project', 'show', 'acme', '-f', 'value',
                                 '-c', 'id').strip()
        defaults = cinder_client.Client(
            '3.62', session=self.stack.admin.session(),
            service_type='block-storage',
            region_name=identity.REGION).default_types
        defaults.create(types['acme-Gold'].id, project)
        ended = self.tenant('delete', 'acme', status=1)
        self.assertIn('default-type-unset ' + project, ended.errors)
        self.assertEqual(types.keys(), self.types().keys())
        defaults.delete(project)
        self.tenant('delete', 'acme')
        self.assertEqual({}, self.types())

    def test_from_public_type(self):
        made = self.create_type('Silver', **{'lightos:num_replicas': '2'})
        self.addCleanup(self.cinder.volume_types.delete, made)
        ended = self.tenant('create', 'acme', '--tier', 'Iron', status=1)
        self.assertIn('allowed: Silver', ended.errors)
        self.tenant('create', 'acme', '--tier', 'Silver')
        held = self.types()['acme-Silver'].get_keys()
        self.assertEqual(dict(made.get_keys(), **{
            'lightos:project_name': 'acme'}), held)
        self.tenant('delete', 'acme')
        self.assertEqual({'Silver'}, set(self.types()))

    def test_wrong_backend(self):
        path = self.home / 'tiers.yaml'
        content = yaml.safe_load(EXAMPLE.read_text())
        content['defaults']['volume_backend_name'] = 'other'
        path.write_text(yaml.safe_dump(content))
        ended = self.tenant('create', 'acme', '--tiers', str(path),
                            '--tier', 'Gold', status=1)
        self.assertIn('its volume_backend_name is other', ended.errors)
        self.assertEqual({}, self.types())
