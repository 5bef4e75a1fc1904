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

"""What an operator is told of a cluster, good and broken."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time

import ddt

from tests import emulator
from tests.functional import cli_case

PROJECT = 'lightstack'
DAY = 24 * 3600.0


class CheckTestCase(cli_case.CommandLineTestCase):
    """On a cluster whose discovery services listen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Nothing else listens on the addresses of this cluster, least a test
        # at the same time.
        number = os.getpid()
        cls.lightos = cls.enterClassContext(emulator.EmulatorProcess(
            emulator.Settings(address_base='127.%d.%d' % (
                100 + number // 250 % 100, number % 250),
                discovery_port=18009)))
        cls.discovery = []
        for address in cls.lightos.addresses:
            listener = cls.enterClassContext(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, 18009))
            listener.listen(16)
            cls.discovery.append(listener)

    def setUp(self):
        super().setUp()
        self.lightos.reset()
        self.lightos.create_project(PROJECT)

    def token(self, project=PROJECT, **claims):
        """A token that lasts."""
        return self.lightos.token(project, **{'lifetime': 30 * DAY,
                                              **claims})

    def check(self, *words, **section):
        """The rows by what they are of, of a check of such a section."""
        jwt = section.pop('lightos_jwt', None) or self.token()
        self.cinder_conf(self.lightos, jwt, **section)
        self.ended = self.cli.run('check', '-f', 'json', *words)
        self.assertEqual('', self.ended.errors)
        rows = self.ended.rows
        self.assertEqual(
            int(any(row['Result'] == 'failed' for row in rows)),
            self.ended.status)
        for row in rows:
            # What is wrong comes with what to do.
            self.assertEqual(row['Result'] in ('failed', 'warning'),
                             bool(row['What to do']), row)
        self.assertNotIn(jwt, self.ended.output)
        return {row['Check']: row for row in rows}

    def endpoint(self, index):
        return 'API endpoint ' + self.lightos.endpoints[index]

    def assert_row(self, rows, check, result, *texts):
        self.assertEqual(result, rows[check]['Result'], rows[check])
        for text in texts:
            self.assertIn(text, '%(What)s %(What to do)s' % rows[check])


class CheckTest(CheckTestCase):

    def test_all_is_well(self):
        rows = self.check(lightos_jwt=self.lightos.token(
            'system', role='cluster-admin', lifetime=30 * DAY))
        self.assertEqual(0, self.ended.status)
        self.assertEqual(
            ['options', self.endpoint(0), self.endpoint(1), self.endpoint(2),
             'TLS', 'token in lightos_jwt', 'volume types',
             'LightOS projects', 'replicas: 3', 'QoS policies', 'capacity']
            + ['discovery endpoint %s:18009' % address
               for address in self.lightos.addresses], list(rows))
        self.assertEqual(
            {'ok', 'skipped'}, {row['Result'] for row in rows.values()})
        self.assert_row(rows, 'token in lightos_jwt', 'ok',
                        'system:cluster-admin', 'in 29 days')
        self.assert_row(rows, 'volume types', 'skipped', '--os-cloud')
        self.assert_row(rows, 'capacity', 'ok', 'GiB free of 49152.0 GiB',
                        'health OK')
        self.assertEqual([], self.lightos.complaints())

    def test_nothing_is_changed(self):
        self.check()
        self.assertEqual({'GET'}, {one['method'] for one
                                   in self.lightos.requests()})

    def test_a_tenant_may_not_read_the_capacity(self):
        rows = self.check()
        self.assertEqual(0, self.ended.status)
        self.assert_row(rows, 'capacity', 'warning',
                        'AllocatedCapacityWeigher')
        self.assert_row(rows, 'LightOS project lightstack', 'ok')

    def test_an_option_that_cannot_be_hides_nothing_else(self):
        rows = self.check(lightos_ipacl_networks='10.0.0.0/33',
                          lightos_operation_timeout=0)
        self.assertEqual(1, self.ended.status)
        self.assertEqual(
            {'lightos_ipacl_networks', 'lightos_operation_timeout'},
            {row['What to do'].split()[1] for row in self.ended.rows
             if row['Check'] == 'options' and row['Result'] == 'failed'})
        self.assert_row(rows, 'LightOS project lightstack', 'ok')

    def test_the_driver_inside_cinder(self):
        rows = self.check(
            volume_driver='cinder.volume.drivers.lightos.LightOSVolumeDriver')
        self.assertEqual(0, self.ended.status)
        self.assert_row(rows, 'options', 'warning',
                        'lightos_cinder.driver.LightOSVolumeDriver')

    def test_a_section_that_enables_no_lightos(self):
        self.write('.cinder/cinder.conf',
                   '[DEFAULT]\nenabled_backends = lvm\n')
        ended = self.cli.run('check')
        self.assertEqual(1, ended.status)
        self.assertIn('enabled_backends is lvm', ended.errors)
        self.assertIn('volume_driver = lightos_cinder.driver', ended.errors)

    def test_several_backends(self):
        path = self.cinder_conf(self.lightos, self.token())
        with open(path) as file:
            text = file.read()
        self.write('.cinder/cinder.conf', text.replace(
            'enabled_backends = lightstack',
            'enabled_backends = lightstack,lvm,second')
            + text.partition('[lightstack]')[2].join(['[second]', ''])
            + '[lvm]\n')
        ended = self.cli.run('check', '-f', 'json', '-c', 'Check')
        self.assertEqual({'lightstack', 'second'}, {
            row['Check'].partition(':')[0] for row in ended.rows})
        ended = self.cli.run('--backend', 'second', 'check', '-f', 'json')
        self.assertEqual('options', ended.rows[0]['Check'])
        ended = self.cli.run('check', '--backend', 'lvm')
        self.assertEqual(1, ended.status)
        self.assertIn('--backend lvm', ended.errors)


class EndpointsTest(CheckTestCase):

    def test_a_node_that_refuses(self):
        self.lightos.endpoint(1, 'refuse')
        rows = self.check()
        self.assertEqual(0, self.ended.status)
        self.assert_row(rows, self.endpoint(0), 'ok')
        self.assert_row(rows, self.endpoint(1), 'warning',
                        'Connection refused', 'lightos_api_address')
        self.assert_row(rows, 'LightOS project lightstack', 'ok')

    def test_a_cluster_that_is_away(self):
        for index in range(3):
            self.lightos.endpoint(index, 'refuse')
        rows = self.check()
        self.assertEqual(1, self.ended.status)
        for index in range(3):
            self.assert_row(rows, self.endpoint(index), 'failed')
        self.assert_row(rows, 'options', 'ok')
        # What the token says of itself is told all the same.
        self.assert_row(rows, 'token in lightos_jwt', 'skipped',
                        'lightstack:admin', 'not asked')
        for check in ('TLS', 'LightOS projects', 'replicas', 'capacity',
                      'discovery endpoints'):
            self.assert_row(rows, check, 'skipped')

    def test_a_node_that_hangs(self):
        self.lightos.endpoint(2, 'blackhole')
        began = time.monotonic()
        rows = self.check('--wait', '1')
        self.assertLess(time.monotonic() - began, 20)
        self.assert_row(rows, self.endpoint(2), 'warning',
                        'no answer in time')
        self.assert_row(rows, 'LightOS project lightstack', 'ok')

    def test_what_speaks_no_tls(self):
        self.lightos.endpoint(0, 'plaintext')
        rows = self.check()
        self.assert_row(rows, self.endpoint(0), 'warning', 'TLS')

    def test_one_address_of_a_cluster_that_has_more(self):
        rows = self.check(lightos_api_address=self.lightos.addresses[1])
        self.assertEqual(0, self.ended.status)
        self.assert_row(rows, 'API endpoints', 'warning',
                        self.lightos.endpoints[0], self.lightos.endpoints[2])

    def test_discovery_endpoints(self):
        self.lightos.set_settings(discovery_port=18008)
        rows = self.check()
        self.assert_row(
            rows, 'discovery endpoint %s:18008' % self.lightos.addresses[0],
            'warning', 'refused', '--compute')
        rows = self.check('--compute')
        self.assert_row(
            rows, 'discovery endpoint %s:18008' % self.lightos.addresses[0],
            'failed', 'storage network')
        self.assertIn('host NQN', rows)
        self.assertIn('discovery client', rows)

    def test_a_compute_host_has_no_cinder_conf(self):
        ended = self.cli.run('check', '--compute', '-f', 'json')
        self.assertEqual(['cinder.conf', 'discovery endpoints', 'host NQN',
                          'kernel module nvme-tcp', 'discovery client'],
                         [row['Check'] for row in ended.rows])

    def test_a_compute_host_is_told_the_discovery_endpoints(self):
        there, port = self.lightos.addresses[0], 18009
        ended = self.cli.run(
            'check', '--compute', '-f', 'json',
            '--discovery', '%s:%d' % (there, port), '--discovery', there)
        rows = {row['Check']: row for row in ended.rows}
        self.assert_row(rows, 'discovery endpoint %s:18009' % there, 'ok')
        self.assert_row(rows, 'discovery endpoint %s:8009' % there,
                        'warning', 'refused')
        ended = self.cli.run('check', '--discovery', there)
        self.assertEqual((1, '--discovery is for --compute\n'),
                         (ended.status, ended.errors))

    def test_a_compute_host_has_no_cinder(self):
        def run(*words):
            # Cinder is hidden from a process of its own.
            return subprocess.run(
                [sys.executable, '-W', 'ignore', '-c',
                 'import sys; sys.modules["cinder"] = None; '
                 'from lightos_cinder.cli import __main__; '
                 'sys.exit(__main__.main())', *words],
                env=dict(os.environ, HOME=self.folder), check=False,
                capture_output=True, text=True)

        done = run('check', '--compute', '-f', 'json', '--discovery',
                   '%s:18009' % self.lightos.addresses[0])
        rows = {row['Check']: row for row in json.loads(done.stdout)}
        self.assertEqual('', done.stderr)
        self.assert_row(rows, 'cinder.conf', 'skipped', 'package cinder')
        self.assert_row(rows, 'discovery endpoint %s:18009'
                        % self.lightos.addresses[0], 'ok')
        self.assertIn('host NQN', rows)
        for words in (['check'], ['audit'], ['tenant', 'show', 'x'],
                      ['help', 'audit']):
            done = run(*words)
            self.assertEqual((1, ''), (done.returncode, done.stdout))
            self.assertRegex(done.stderr, 'The Python package cinder[^ ]* is '
                             'missing. Run lightos-cinder with [^\\n]*\\n$')
        done = run('--help')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertRegex(done.stdout, r'(?m)^  check\b')
        self.assertNotRegex(done.stdout, r'(?m)^  audit\b|Could not load')

    def test_a_command_loads_nothing_that_it_does_without(self):
        """All of Cinder, and OpenStack's SDK, take their time."""
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c',
             'import sys; from lightos_cinder.cli import app; '
             'app.main(["check", "--help"]); '
             'print(*sorted(sys.modules), sep="\\n")'],
            check=False, capture_output=True, text=True)
        self.assertEqual('', done.stderr)
        loaded = done.stdout.splitlines()
        self.assertIn('lightos_cinder.cli.check', loaded)
        for name in ('cinder', 'openstack', 'lightos_cinder.cli.audit'):
            self.assertNotIn(name, loaded)


class TrustTest(CheckTestCase):

    def test_nothing_is_checked(self):
        rows = self.check(lightos_tls_fingerprints=None)
        self.assertEqual(0, self.ended.status)
        self.assert_row(rows, 'TLS', 'warning', 'tokens go to whoever',
                        'lightos_tls_fingerprints = '
                        + self.lightos.fingerprint)

    def test_another_fingerprint(self):
        self.lightos.clear_records()
        rows = self.check(lightos_tls_fingerprints='0' * 64)
        self.assert_row(rows, 'TLS', 'failed', 'lightos_tls_fingerprints = '
                        + self.lightos.fingerprint)
        self.assert_row(rows, self.endpoint(0), 'ok')
        self.assert_row(rows, 'capacity', 'skipped', 'no token is sent')
        self.assertEqual([], self.lightos.requests())

    def test_a_certificate_that_no_ca_vouches_for(self):
        rows = self.check(driver_ssl_cert_verify=True,
                          lightos_tls_fingerprints=None)
        self.assert_row(rows, 'TLS', 'failed', 'driver_ssl_cert_path',
                        self.lightos.fingerprint)

    def test_fingerprints_that_are_none(self):
        self.lightos.clear_records()
        rows = self.check(lightos_tls_fingerprints='abc')
        self.assert_row(rows, 'options', 'failed',
                        'lightos_tls_fingerprints')
        self.assert_row(rows, 'TLS', 'skipped')
        # Whoever wants pinning must not have his token sent without.
        self.assertEqual({('/api/v2/version', 401)}, {
            (one['path'], one['status'])
            for one in self.lightos.requests()})


class TokenTest(CheckTestCase):

    def test_expired(self):
        rows = self.check(lightos_jwt=self.token(lifetime=-DAY))
        self.assert_row(rows, 'token', 'failed', 'it expired at',
                        'lbcli create jwt')
        self.assert_row(rows, 'TLS', 'ok')
        self.assert_row(rows, 'capacity', 'skipped', 'no valid token')

    def test_expires_soon(self):
        rows = self.check(lightos_jwt=self.token(lifetime=3 * DAY))
        self.assert_row(rows, 'token in lightos_jwt', 'warning',
                        'in 2 days')

    def test_of_another_key(self):
        rows = self.check(lightos_jwt=self.token(kid='lightstack:gone'))
        self.assert_row(rows, 'token in lightos_jwt', 'failed',
                        'the cluster refuses it')

    def test_none(self):
        self.cinder_conf(self.lightos, '')
        ended = self.cli.run('check', '-f', 'json')
        self.assertEqual(1, ended.status)
        self.assertIn('Set lightos_jwt or lightos_jwt_dir', ended.output)

    def test_a_viewer_is_not_enough(self):
        rows = self.check(lightos_jwt=self.token(role='viewer'))
        self.assert_row(rows, 'LightOS project lightstack', 'failed',
                        'lightstack:viewer', 'role lightstack:admin')

    def test_a_directory(self):
        self.lightos.create_project('acme')
        folder = os.path.join(self.folder, 'tokens')
        self.write('tokens/lightstack.jwt', self.token())
        self.write('tokens/acme.jwt', self.token('acme', lifetime=-DAY))
        self.cinder_conf(self.lightos, '', lightos_jwt_dir=folder)
        ended = self.cli.run('check', '-f', 'json')
        rows = {row['Check']: row for row in ended.rows}
        self.assertEqual(1, ended.status)
        self.assert_row(rows, 'token in %s/acme.jwt' % folder, 'failed',
                        'it expired')
        self.assert_row(rows, 'token in %s/lightstack.jwt' % folder, 'ok')
        self.assert_row(rows, 'LightOS project acme', 'failed')
        self.assert_row(rows, 'LightOS project lightstack', 'ok')

    def test_a_project_that_is_not_there(self):
        rows = self.check(lightos_jwt=self.token(
            roles=['lightstack:admin', 'gone:admin']))
        self.assert_row(rows, 'LightOS project gone', 'failed',
                        'there is no such project')
        self.assert_row(rows, 'LightOS project lightstack', 'ok')


class NodesTest(CheckTestCase):

    def test_too_few_nodes_for_the_replicas(self):
        self.lightos.node(2, 'down')
        rows = self.check(lightos_jwt=self.lightos.admin_token)
        self.assert_row(rows, 'replicas: 3', 'failed',
                        'have room for 2', 'inactive nodes')
        self.assert_row(rows, 'capacity', 'warning', 'inactive nodes: 1')


@ddt.ddt
class PersonTest(CheckTestCase):
    """At a terminal, with slips of the finger."""

    def test_a_wrong_flag(self):
        ended = self.cli.run('check', '--computer')
        self.assertEqual(2, ended.status)
        self.assertIn('--computer', ended.errors)

    def test_a_wrong_command(self):
        ended = self.cli.run('chekc')
        self.assertEqual(2, ended.status)
        self.assertIn('check', ended.output)

    def test_a_wrong_wait(self):
        for value in ('soon', '0', '-1', 'nan', '1e9'):
            ended = self.cli.run('check', '--wait=' + value)
            self.assertEqual(2, ended.status)
            self.assertIn(value, ended.errors)
            self.assertIn('at most 3600', ended.errors)

    def test_no_command(self):
        ended = self.cli.run()
        self.assertEqual(0, ended.status)
        for word in ('clouds.yaml', 'exit status', 'examples', 'check'):
            self.assertIn(word, ended.output)
        self.assertEqual(2, self.cli.run('--os-cloud', 'x').status)

    def test_help_teaches(self):
        for words in (['help', 'check'], ['check', '--help']):
            ended = self.cli.run(*words)
            self.assertEqual(0, ended.status)
            self.assertIn('The exit status is 0 if nothing failed',
                          ' '.join(ended.output.split()))

    def test_completion(self):
        ended = self.cli.run('complete')
        self.assertEqual(0, ended.status)
        self.assertIn('cmds_check=', ended.output)
        self.assertIn('--compute', ended.output)
        checked = subprocess.run(['bash', '-n'], input=ended.output.encode(),
                                 check=False)
        self.assertEqual(0, checked.returncode)

    def test_a_narrow_terminal(self):
        self.cinder_conf(self.lightos, self.token())
        ended = self.cli.run('check', '--max-width', '80')
        self.assertEqual({80}, {len(line) for line
                                in ended.output.splitlines()})

    def test_files_that_cannot_be(self):
        for path, text in ((self.folder + '/none', None),
                           (self.folder + '/broken', 'x\n'),
                           (self.folder, None)):
            if text:
                self.write('broken', text)
            ended = self.cli.run('--config-file', path, 'check')
            self.assertEqual(1, ended.status)
            self.assertIn('cinder.conf cannot be read', ended.errors)
            self.assertNotIn('Traceback', ended.errors)

    def test_the_token_is_shown_nowhere(self):
        jwt = self.token()
        self.cinder_conf(self.lightos, jwt)
        log = os.path.join(self.folder, 'log')
        ended = self.cli.run('check', '--debug', '-vv', '--log-file', log)
        with open(log) as file:
            written = file.read()
        self.assertIn('/clusterinfo', written)
        shown = ended.output + ended.errors + written
        for part in (jwt, jwt.split('.')[2]):
            self.assertNotIn(part, shown)
            self.assertNotIn(base64.b64encode(part.encode()).decode(), shown)

    @ddt.data('', '1')
    def test_a_closed_pipe(self, unbuffered):
        self.cinder_conf(self.lightos, self.token())
        self.assertEqual((141, ''), self.unread(unbuffered, 'check'))

    @ddt.data('', '1')
    def test_help_that_nobody_reads(self, unbuffered):
        self.assertEqual('', self.unread(unbuffered, '--help')[1])

    def unread(self, unbuffered, *words):
        """The status and the errors of what nobody reads."""
        with contextlib.ExitStack() as end:
            running = end.enter_context(subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m',
                 'lightos_cinder.cli', *words],
                env=dict(os.environ, HOME=self.folder,
                         PYTHONUNBUFFERED=unbuffered),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            running.stdout.close()
            errors = running.stderr.read().decode()
        return running.returncode, errors

    def test_as_installed(self):
        """The program itself, in a process of its own."""
        self.cinder_conf(self.lightos, self.token())
        environment = dict(os.environ, HOME=self.folder)
        environment.pop('PYTHONWARNINGS', None)
        done = subprocess.run(
            [sys.executable, '-m', 'lightos_cinder.cli', 'check', '-f',
             'csv', '--quote', 'none', '-c', 'Check', '-c', 'Result'],
            env=environment, capture_output=True, check=False)
        self.assertEqual((0, b''), (done.returncode, done.stderr))
        self.assertIn(b'TLS,ok', done.stdout)
