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

"""The commands of the pages for operators, as they are written there.

They need bash, curl and openssl, as those who type them do.
"""

import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing

from tests.functional import stack_case
from tests.stack.demo import cluster
from tests.stack import identity
from tests.stack import process
from tests.stack import stack
from tests.stack import volumes

ROOT = pathlib.Path(__file__).parents[2]
PASSWORD = 'not-a-secret'

#: What begins a command that needs what the stack has not: Nova, Neutron, a
#: host that is prepared to attach, a real cluster's CA, or the packages of a
#: distribution.
_LACKING = ('openstack network', 'openstack subnet', 'openstack server',
            'systemctl', 'grep', 'cat', 'curl', 'scp', 'oslo-config-generator',
            '<python', 'lightos-cinder check --compute',
            'openssl s_client -connect 192.0.2.41:443 -CAfile')

_BLOCK = re.compile(
    r'^( *)\.\. code-block:: console\n((?:\n|\1 +.*\n)+)', re.MULTILINE)
_PROMPT = re.compile(r'^ *[$#] ', re.MULTILINE)


def commands(page: str, begin: str = '', end: str = '') -> list[str]:
    """Return the commands of a page, each with all of its lines.

    :param begin: heading of the first section, the whole page if empty
    :param end: heading of the section after the last
    """
    text = (ROOT / 'doc' / 'source' / f'{page}.rst').read_text()
    for heading in filter(None, (begin, end)):
        if f'\n{heading}\n' not in text:
            raise ValueError(f'{page} has no section {heading}')
    text = text.partition(f'\n{begin}\n')[2] if begin else text
    text = text.partition(f'\n{end}\n')[0] if end else text
    found = []
    for indent, block in _BLOCK.findall(text):
        lines = [line[len(indent) + 3:] for line in block.splitlines()]
        found += _PROMPT.split('\n'.join(lines))[1:]
    return [command for command in found
            if not command.startswith(_LACKING)]


class PagesTestCase(stack_case.StackTestCase):
    """A stack with a directory of tokens, and a shell beside it."""

    folder: pathlib.Path
    tokens: pathlib.Path

    @classmethod
    def setUpClass(cls) -> None:
        """Make the folders, and find the programs."""
        cls.folder = pathlib.Path(cls.enterClassContext(
            tempfile.TemporaryDirectory()))
        cls.tokens = cls.folder / 'tokens'
        cls.tokens.mkdir(mode=0o700)
        cls.options = {'lightos_jwt': '',
                       'lightos_jwt_dir': str(cls.tokens)}
        super().setUpClass()

    @classmethod
    def make_stack(cls, sections: dict[str, dict[str, typing.Any]]
                   ) -> stack.Stack:
        """Leave a token for calls in no project, and in the default one."""
        cls.keep(cls.tokens / 'default.jwt', cls.lightos.admin_token)
        cls.keep(cls.folder / 'lightos-system-jwt', cls.lightos.admin_token)
        return super().make_stack(sections)

    @staticmethod
    def keep(path: pathlib.Path, text: str) -> None:
        """Write a file that is for us alone."""
        path.touch(mode=0o600)
        path.write_text(text)

    def here(self, text: str, **more: str) -> str:
        """Return commands with what operators replace, replaced."""
        endpoint = self.lightos.endpoints[0]
        for there, ours in {
                'https://192.0.2.41:443': f'https://{endpoint}',
                '192.0.2.41:443': endpoint,
                '--owner cinder --group cinder ': '',
                '/etc/cinder/lightos': str(self.tokens),
                '/etc/bash_completion.d': str(self.folder),
                'etc/tiers.yaml': str(ROOT / 'etc/tiers.yaml'),
                'etc/volume-types.sh': str(ROOT / 'etc/volume-types.sh'),
                '--password-prompt': f'--password {PASSWORD}',
                '<host>@': 'controller@', **more}.items():
            text = text.replace(there, ours)
        self.assertNotRegex(text, '<(?!is>)[a-z ]+>')
        return text

    def shell(self, user: identity.Identity, said: typing.Iterable[str],
              **more: str) -> str:
        """Run commands in one shell until one fails; return the output."""
        script = '\n'.join(
            ['set -Eeuo pipefail',
             "trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR",
             *(self.here(command, **more) for command in said)])
        # Where the command line finds cinder.conf as cinder-volume does.
        home = self.folder / '.cinder'
        home.mkdir(exist_ok=True)
        link = home / 'cinder.conf'
        if not link.exists():
            link.symlink_to(self.stack.folder / 'cinder' / 'cinder.conf')
        path = os.pathsep.join([os.path.dirname(sys.executable),
                                os.environ['PATH']])
        done = subprocess.run(
            ['bash', '-c', script], cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, timeout=300,
            env=process.clean_environment() | user.environment() | {
                'HOME': str(self.folder), 'PATH': path,
                'PYTHONWARNINGS': 'ignore'})
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout


class TenantsTest(PagesTestCase):
    """From a LightOS project to a volume, and back to nothing."""

    def test_by_command(self) -> None:
        admin = self.stack.admin
        said = commands('tenants', 'The OpenStack project',
                        'In OpenStack, by Horizon')
        used = [command for command in said if command.startswith((
            'openstack volume type list', 'openstack volume create',
            'openstack volume show'))]
        output = self.shell(admin, [command for command in said
                                    if command not in used])
        self.assertIn('the cluster accepts it', output)
        self.assert_token_is_private()

        tenant = self.stack.user('acme', 'acme', PASSWORD)
        output = self.shell(tenant, used)
        for tier in ('Gold', 'Silver', 'Bronze'):
            self.assertIn(f'acme-{tier}', output)
        volume, = volumes.Volumes(
            tenant, self.wait).client.volumes.list()
        self.volumes.settled(volume.id)
        self.assert_on_cluster(volume, 20, projectName='acme',
                               replicaCount=3, compression='true')
        self.delete(volume.id)

        self.lightos.advance(600)
        self.shell(admin, commands('tenants', 'A tenant that leaves',
                                   'By hand'))
        self.assertFalse((self.tokens / 'acme.jwt').exists())
        self.assertNotIn('acme-', self.shell(
            admin, ['openstack volume type list']))

    def test_by_hand(self) -> None:
        admin = self.stack.admin
        self.shell(admin, ['openstack project create --or-show acme'])
        said = commands('tenants', 'By hand', 'And back')
        self.shell(admin, said)
        self.assert_token_is_private()
        self.assertIn('acme:admin', self.shell(
            admin, ['lightos-cinder check -f json']))
        types = ' '.join(f'acme-{tier}' for tier in (
            'Gold', 'Silver', 'Bronze', 'Platinum'))
        self.shell(admin, [f'openstack volume type delete {types}'] + [
            command for command in said if command.startswith(
                ('export', 'LIGHTOS_KEY', 'lightos()'))
        ] + commands('tenants', 'And back'))
        self.assertFalse((self.tokens / 'acme.jwt').exists())

    def assert_token_is_private(self) -> None:
        self.assertEqual(0o600, (self.tokens / 'acme.jwt').stat().st_mode
                         & 0o777)


class OtherPagesTest(PagesTestCase):
    """What needs a tenant, and gets one that is called lightstack."""

    def test_types(self) -> None:
        self.lightos.create_project('acme')
        self.keep(self.tokens / 'acme.jwt', self.lightos.token('acme'))
        api = cluster.Api(self.lightos.addresses[0], self.lightos.port,
                          self.lightos.fingerprint, self.lightos.admin_token)
        policy = api.call('POST', '/policies', {
            'name': 'gold', 'qoSRateLimitPolicy': {
                'policyVisibility': 'Global',
                'limitIOPS': {'readIOPSLimit': 1024,
                              'writeIOPSLimit': 1024}}})
        self.assertEqual(200, policy.status, policy.body)
        closed = {'values': stack_case.CLOSED}
        made = api.call('POST', '/projects/acme/volumes', {
            'name': 'old', 'size': '3 gib', 'replicaCount': 3,
            'compression': 'true', 'acl': closed, 'IPAcl': closed})
        self.assertEqual(200, made.status, made.body)
        self.addCleanup(api.call, 'DELETE',
                        '/projects/acme/volumes/' + made.body['UUID'])
        self.shell(self.stack.admin, [
            'openstack project create --or-show ' + name
            for name in ('acme', stack_case.PROJECT)])
        self.create_type('plain', compression='<is> False',
                         **{'lightos:project_name': 'acme',
                            'lightos:qos_policy': 'gold'})
        said = commands('volume-types')
        last = next(number for number, command in enumerate(said)
                    if 'volume create' in command) + 1
        # They are on the page before what they act on is made.
        retype = [command for command in said if 'volume set' in command]

        output = self.shell(self.stack.admin, [
            command for command in said[:last] if command not in retype],
            **{'<policy>': 'gold', '<name>': 'old', '<new name>': 'taken'})

        self.assertIn(made.body['UUID'], output)
        volume, = self.cinder.volumes.list()
        self.volumes.settled(volume.id)
        self.assert_on_cluster(volume, 3, projectName='acme',
                               qosPolicyName='gold', compression='true')
        self.shell(self.stack.admin, retype,
                   **{'<volume>': 'taken', '<type>': 'plain'})
        self.wait('the retyping', lambda: self.cinder.volumes.get(
            volume.id).volume_type == 'plain')
        self.assert_on_cluster(volume, 3, compression='false')
        self.shell(self.stack.admin, said[last:], **{'<volume>': 'taken'})
        self.volumes.gone(volume.id)
        self.assertEqual([made.body['UUID']], [
            item['UUID'] for item in self.lightos.volumes()])

    def test_tokens(self) -> None:
        of_acme = 'acme --admin-token-file lightos-system-jwt'
        self.shell(self.stack.admin, [
            'lightos-cinder tenant create ' + of_acme,
            'cp /etc/cinder/lightos/acme.jwt acme.jwt'])
        self.shell(self.stack.admin, commands(
            'tokens', 'Replacing a token', 'Expiry'))
        self.assertEqual(
            [], [file for file in self.tokens.iterdir()
                 if file.suffix != '.jwt' or file.stat().st_mode & 0o77])
        self.assertNotEqual((self.folder / 'acme.jwt').read_text(),
                            (self.tokens / 'acme.jwt').read_text())
        self.shell(self.stack.admin, [
            'lightos-cinder tenant delete --keep-types ' + of_acme])

    def test_fingerprint(self) -> None:
        output = self.shell(self.stack.admin, commands(
            'tls', 'By fingerprint', 'By CA'))
        self.assertIn(self.lightos.fingerprint.lower(),
                      output.replace(':', '').lower())

    def test_operation(self) -> None:
        self.shell(self.stack.admin, [
            'openstack project create --or-show ' + stack_case.PROJECT])
        # For the volume types that the page of the command line makes.
        self.keep(self.tokens / (stack_case.PROJECT + '.jwt'),
                  self.lightos.token(stack_case.PROJECT))
        said = [command for page in ('install', 'configuration',
                                     'high-availability', 'upgrade',
                                     'troubleshooting', 'cli')
                for command in commands(page)]
        self.assertLess(5, len(said))
        output = self.shell(self.stack.admin, said)
        self.assertIn('"driver_version": "%s"'
                      % importlib.metadata.version('lightos-cinder'), output)
        self.assertIn('lightos:num_replicas', output)
