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

"""What etc/ and devstack/ have for the tools that deploy OpenStack."""

import configparser
import itertools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
from unittest import mock

from cinder.volume import configuration
from cinder.volume import driver as volume_driver
import ddt
import jinja2
from oslo_config import cfg
from oslo_utils import importutils
import yaml

from lightos_cinder import driver
from lightos_cinder import options
from tests.unit.client import token_files

ROOT = pathlib.Path(__file__).parents[2]
ETC = ROOT / 'etc'
BACKEND = 'lightstack'
#: Where the snippets have the tokens.
TOKENS = '/etc/cinder/lightos'
#: What stands for the token where a snippet has it in it.
PLACEHOLDER = 'REPLACE-WITH-THE-TOKEN'

#: What each snippet comes to.
SECTION = {
    'volume_driver': 'lightos_cinder.driver.LightOSVolumeDriver',
    'volume_backend_name': BACKEND,
    'lightos_api_address': '192.0.2.41,192.0.2.42,192.0.2.43',
    'lightos_tls_fingerprints': '0' * 64,
    'lightos_ipacl_networks': '192.0.2.0/24',
}
#: What the values.yaml of the cinder chart of OpenStack-Helm, with its images
#: of 2025.1, has where the snippet has something else, and beside it.
CHART = {
    'conf': {
        'enable_iscsi': False,
        'cinder': {'DEFAULT': {
            'volume_name_template': '%s',
            'host': 'cinder-volume-worker',
            'enabled_backends': 'rbd1',
            'default_volume_type': 'rbd1',
            'backup_driver': 'cinder.backup.drivers.swift.SwiftBackupDriver',
        }},
        'backends': {'rbd1': {
            'volume_driver': 'cinder.volume.drivers.rbd.RBDDriver',
            'volume_backend_name': 'rbd1',
            'rbd_pool': 'cinder.volumes',
        }},
    },
    'pod': {
        'useHostNetwork': {'volume': False, 'backup': False},
        'mounts': {'cinder_volume': {'cinder_volume': {
            'volumeMounts': None, 'volumes': None}}},
    },
    # It makes a volume type of the name of each backend.
    'bootstrap': {'enabled': True, 'bootstrap_conf_backends': True},
}
KNOWN = {'volume_driver'} | {
    opt.name for opt in (*options.OPTS, *volume_driver.volume_opts)}

# DevStack's own functions, which are not to be had here, as far as the
# plugin calls them; iniset writes what it was told, one item a line.
_DEVSTACK = r'''
set -eu
function iniset { printf '%s\0' "$@"; }
function die { shift; echo "$*" >&2; exit 1; }
function setup_develop { echo "setup_develop $1"; }
function install_package { echo "install_package $*"; }
function pip_uninstall { echo "pip_uninstall $1"; }
function sudo { echo "sudo $*"; }
function echo_summary { :; }
CINDER_CONF=/etc/cinder/cinder.conf
set -- "$@"
source "$PLUGIN/settings"
source "$PLUGIN/plugin.sh" "$1" "$2"
if [ "$2" = post-config ]; then
    configure_cinder_backend_lightos lightstack
fi
'''


def ini(text):
    parser = configparser.RawConfigParser(default_section='')
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def loaded(*path):
    """The only document of a YAML file."""
    [document] = yaml.safe_load_all(ETC.joinpath(*path).read_text())
    return document


def kolla_ansible():
    return ini((ETC / 'kolla-ansible/config/cinder/cinder-volume.conf')
               .read_text())


def openstack_ansible():
    """As its template writes it: key=value."""
    backends = loaded('openstack-ansible',
                      'user_variables_lightos.yml')['cinder_backends']
    return {'DEFAULT': {'enabled_backends': ','.join(sorted(backends))},
            **backends}


def merged(defaults, values):
    """As Helm does: what is null takes away what the chart has there."""
    result = {**defaults, **values}
    for key in defaults.keys() & values.keys():
        if isinstance(defaults[key], dict) and isinstance(values[key], dict):
            result[key] = merged(defaults[key], values[key])
    return {key: value for key, value in result.items()
            if value is not None}


def chart():
    """The values of the chart with the snippet."""
    return merged(CHART, loaded('openstack-helm', 'cinder.yaml'))


def openstack_helm():
    """The sections that the chart writes of them."""
    conf = chart()['conf']
    return {**conf['cinder'], **conf['backends']}


def puppet():
    data = loaded('puppet', 'lightos.yaml')
    sections = {'DEFAULT': {'enabled_backends': ','.join(
        data['cinder::backends::enabled_backends'])}}
    for path, given in data['cinder::config::cinder_config'].items():
        section, _, option = path.partition('/')
        sections.setdefault(section, {})[option] = given['value']
    return sections


def rhoso():
    """Its operator enables what cinderVolumes names; the secret is last."""
    volumes = loaded('rhoso', 'openstack_control_plane.yaml')[
        'spec']['cinder']['template']['cinderVolumes']
    secret = loaded('rhoso', 'secret.yaml')
    [volume] = volumes.values()
    assert volume['customServiceConfigSecrets'] == [
        secret['metadata']['name']]
    sections = {'DEFAULT': {'enabled_backends': ','.join(volumes)}}
    for text in (volume['customServiceConfig'],
                 *secret['stringData'].values()):
        for name, section in ini(text).items():
            sections.setdefault(name, {}).update(section)
    return sections


def plugin(*arguments, **variables):
    return subprocess.run(
        ['bash', '-c', _DEVSTACK, 'devstack', *arguments],
        env={'PATH': os.environ['PATH'], 'PLUGIN': str(ROOT / 'devstack'),
             **variables}, capture_output=True, text=True)


def devstack():
    told = plugin(
        'stack', 'post-config', LIGHTOS_JWT_DIR=TOKENS,
        LIGHTOS_API_ADDRESS=SECTION['lightos_api_address'],
        LIGHTOS_TLS_FINGERPRINTS=SECTION['lightos_tls_fingerprints'],
        LIGHTOS_IPACL_NETWORKS=SECTION['lightos_ipacl_networks'])
    assert told.returncode == 0, told.stderr
    words = told.stdout.split('\0')[:-1]
    sections = {'DEFAULT': {'enabled_backends': BACKEND}}
    for at in range(0, len(words), 4):
        path, section, option, value = words[at:at + 4]
        assert path == '/etc/cinder/cinder.conf'
        sections.setdefault(section, {})[option] = value
    return sections


TOOLS = (kolla_ansible, openstack_ansible, openstack_helm, puppet, rhoso,
         devstack)
YAML = sorted(path for path in ETC.rglob('*.y*ml'))


@ddt.ddt
class RenderedTestCase(unittest.TestCase):
    """The part of cinder.conf that each comes to."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory()))
        self.token = token_files.token('storage')
        token_files.put(self.folder, 'default', self.token)

    def load(self, sections):
        """The driver's settings, by way of a file as Cinder reads it."""
        path = self.folder / 'cinder.conf'
        path.write_text('\n'.join(
            '\n'.join(['[%s]' % name, *(
                '%s = %s' % item for item in section.items())])
            for name, section in sections.items()
        ).replace(PLACEHOLDER, self.token).replace(
            TOKENS, str(self.folder)))
        conf = cfg.ConfigOpts()
        conf(['--config-file', str(path)])
        with mock.patch.object(configuration, 'CONF', conf):
            made = configuration.Configuration(
                volume_driver.volume_opts, config_group=BACKEND)
            made.append_config_values(options.OPTS)
            return options.Settings.load(made)

    @ddt.data(*TOOLS)
    def test_it_is_the_same_everywhere(self, tool):
        sections = tool()
        self.assertEqual({'DEFAULT', BACKEND}, set(sections))
        self.assertEqual(BACKEND, sections['DEFAULT']['enabled_backends'])
        section = dict(sections[BACKEND])
        tokens = [section.pop(name, None)
                  for name in ('lightos_jwt', 'lightos_jwt_dir')]
        self.assertIn(tokens, ([PLACEHOLDER, None], [None, TOKENS]))
        self.assertEqual(SECTION, section)

    @ddt.data(*TOOLS)
    def test_a_volume_without_a_type_can_be_created(self, tool):
        """By the type that Cinder has, unless there is said another."""
        default = tool()['DEFAULT'].get('default_volume_type')
        if tool is openstack_helm:
            values = chart()
            self.assertTrue(values['bootstrap']['enabled'])
            self.assertTrue(values['bootstrap']['bootstrap_conf_backends'])
            self.assertIn(default, values['conf']['backends'])
        else:
            self.assertIsNone(default)

    def test_nothing_is_left_of_the_backend_of_the_chart(self):
        for name, section in openstack_helm().items():
            self.assertNotIn('rbd', ' '.join([name, *section,
                                              *section.values()]))

    @ddt.data(*TOOLS)
    def test_every_option_exists(self, tool):
        self.assertEqual(set(), set(tool()[BACKEND]) - KNOWN)

    @ddt.data(*TOOLS)
    def test_the_driver_takes_it(self, tool):
        sections = tool()
        settings = self.load(sections)
        self.assertIs(driver.LightOSVolumeDriver, importutils.import_class(
            sections[BACKEND]['volume_driver']))
        self.assertEqual(
            ['192.0.2.41:443', '192.0.2.42:443', '192.0.2.43:443'],
            list(map(str, settings.endpoints)))
        self.assertEqual(frozenset({'0' * 64}), settings.trust.fingerprints)
        self.assertEqual('192.0.2.0/24', str(*settings.ip_acl_networks))
        self.assertEqual(self.token, settings.credentials.token(None).text)


@ddt.ddt
class FileTestCase(unittest.TestCase):

    @ddt.data(*YAML)
    def test_it_is_yaml(self, path):
        for document in yaml.safe_load_all(path.read_text()):
            self.assertIsInstance(document, dict)

    def test_all_of_them_are_looked_at(self):
        self.assertGreaterEqual(len(YAML), 9)

    @ddt.data(*sorted({*ETC.rglob('*.sh'), ROOT / 'devstack/plugin.sh',
                       ROOT / 'devstack/settings'}))
    def test_it_is_shell(self, path):
        told = subprocess.run(['bash', '-n', str(path)],
                              capture_output=True, text=True)
        self.assertEqual((0, ''), (told.returncode, told.stderr))

    @ddt.data(*sorted(path for path in (*ETC.glob('*/**/*'),
                                        *ROOT.glob('devstack/*'))
                      if path.is_file()))
    def test_no_option_is_misspelt(self, path):
        """Not in a comment either."""
        named = set(re.findall(r'\blightos_(?!cinder\b)\w+',
                               path.read_text()))
        self.assertEqual(set(), named - {opt.name for opt in options.OPTS})

    def test_kolla_builds_the_driver_into_its_images(self):
        """As its own templates make use of the variable."""
        text = (ETC / 'kolla-ansible/template-overrides.j2').read_text()
        module = jinja2.Environment(
            autoescape=True, loader=jinja2.DictLoader({
                'ours': text, 'theirs': '{{ cinder_base_pip_packages_append '
                '| join(" ") }}'})).get_template('ours')
        self.assertEqual('lightos-cinder',
                         module.render(parent_template='theirs').strip())

    @ddt.data(*itertools.product(
        (('kolla-ansible/globals.yml', 3), ('openstack-helm/cinder.yaml', 1),
         ('openstack-helm/nova.yaml', 1),
         ('rhoso/openstack_data_plane_node_set.yaml', 1)),
        ('/etc/discovery-client/discovery.d', '/etc/nvme')))
    @ddt.unpack
    def test_what_os_brick_reads_and_writes_is_of_the_host(self, place,
                                                           folder):
        """Where it does is in os-brick; RHOSO has the NQN there anyway."""
        path, services = place
        if (path.startswith('rhoso'), folder) == (True, '/etc/nvme'):
            services = 0

        def mounts(item):
            if isinstance(item, dict):
                # src and dest, or a volume of the host with its name.
                if {'src', 'dest'} <= set(item):
                    return (item['src'] == item['dest'] == folder
                            and 'rw' in item['options'].split(','))
                if 'volumeMounts' in item:
                    [host] = [one['name'] for one in item['volumes']
                              if one.get('hostPath', {}).get('path')
                              == folder]
                    return {'name': host, 'mountPath': folder} in item[
                        'volumeMounts']
                return sum(map(mounts, item.values()))
            if isinstance(item, list):
                return sum(map(mounts, item))
            return item == folder + ':' + folder

        self.assertEqual(services, mounts(loaded(path)))


class DevStackTestCase(unittest.TestCase):

    def test_every_option_can_be_set(self):
        told = plugin('stack', 'post-config', LIGHTOS_API_ADDRESS='192.0.2.1',
                      LIGHTOS_JWT='a token', LIGHTOS_EXTRA_OPTIONS=(
                          'lightos_use_ipacl=false '
                          'lightos_operation_timeout=60'))
        self.assertEqual('', told.stderr)
        for words in ((BACKEND, 'lightos_jwt', 'a token'),
                      (BACKEND, 'lightos_use_ipacl', 'false'),
                      (BACKEND, 'lightos_operation_timeout', '60')):
            self.assertIn('\0'.join(words), told.stdout)

    def test_what_is_missing_is_named(self):
        for variables, name in (
                ({'LIGHTOS_JWT': 'x'}, 'LIGHTOS_API_ADDRESS'),
                ({'LIGHTOS_API_ADDRESS': '192.0.2.1'}, 'LIGHTOS_JWT_DIR')):
            told = plugin('stack', 'post-config', **variables)
            self.assertEqual(1, told.returncode)
            self.assertIn(name, told.stderr)

    def test_it_installs_this_tree(self):
        told = plugin('stack', 'install')
        self.assertEqual('setup_develop %s\n' % ROOT, told.stdout)

    def test_it_installs_the_discovery_client_if_it_is_told_which(self):
        told = plugin('stack', 'install', LIGHTOS_DISCOVERY_CLIENT='dc.deb')
        self.assertEqual(
            ['install_package nvme-cli dc.deb', 'sudo modprobe nvme-tcp',
             'sudo systemctl enable --now discovery-client'],
            told.stdout.splitlines()[1:])

    def test_other_phases_do_nothing_and_clean_removes_it(self):
        for phase in (('stack', 'pre-install'), ('stack', 'extra'),
                      ('unstack', '')):
            told = plugin(*phase)
            self.assertEqual((0, ''), (told.returncode, told.stdout))
        self.assertEqual('pip_uninstall lightos-cinder\n',
                         plugin('clean', '').stdout)
