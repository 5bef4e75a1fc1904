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

"""Tokens and keys: where they must not be found, however one looks."""

import base64
import contextlib
import gc
import io
import json
import logging
import os
import sys
import traceback
import types
from unittest import mock

from cinder import version
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_reports import guru_meditation_report
from oslo_reports import opts as report_opts
from oslo_utils import excutils

from lightos_cinder.client import tokens
from lightos_cinder import lifecycle
from tests.functional import base
from tests.functional import test_tenancy
from tests.unit.client import loopback

report_opts.set_defaults(base.CONF)

#: What starts another process, as Python's audit events call it.
CHILDREN = ('subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.system',
            'os.spawn', 'os.fork', 'os.forkpty', 'pty.spawn')

_started = []


def _note(event, args):
    if event in CHILDREN:
        _started.append((event, args))


# There is no way to take one away again.
sys.addaudithook(_note)


def parts(token):
    """A token, and what somebody could make of it."""
    header, payload, signature = token.split('.')
    found = {token, payload, signature, payload + '.' + signature}
    for one in (token, payload, signature):
        found.add(base64.b64encode(one.encode()).decode().rstrip('='))
    claims = base64.urlsafe_b64decode(payload + '==')
    raw = base64.urlsafe_b64decode(signature + '==')
    return found | {claims.decode(), repr(json.loads(claims)), raw.hex(),
                    base64.b64encode(raw).decode()}


class SecretsTestCase(test_tenancy.TenancyTestCase):
    """Everything that is said at DEBUG, with all traces on."""

    def setUp(self):
        super().setUp()
        self.secrets = set()
        for project in test_tenancy.PROJECTS:
            with open(self.path(project)) as file:
                self.secrets |= parts(file.read().strip())
        self.common = self.lightos.admin_token
        self.secrets |= parts(self.common)
        # The keys that signed them are not even in this process.
        self.secrets.add('PRIVATE KEY')
        self.said = io.StringIO()

    def assert_no_secret(self, text, where=''):
        for secret in self.secrets:
            self.assertNotIn(secret, text, where)

    @contextlib.contextmanager
    def listening(self):
        """Everything that any module logs goes to `said`."""
        handler = logging.StreamHandler(self.said)
        handler.setFormatter(logging.Formatter(
            '%(name)s %(levelname)s %(message)s'))
        manager = logging.root.manager
        chosen = [logging.root] + [
            one for one in list(manager.loggerDict.values())
            if isinstance(one, logging.Logger)]
        before = [(one, one.level, one.propagate, one.disabled)
                  for one in chosen]
        silenced = manager.disable
        logging.disable(logging.NOTSET)
        for one in chosen:
            one.setLevel(logging.DEBUG)
            one.disabled = False
            one.propagate = True
        # In place of oslo.log's own, which has standard error.
        handlers = logging.root.handlers[:]
        logging.root.handlers[:] = [handler]
        # As a driver does with trace_flags when it is made.
        volume_utils.setup_tracing(['method', 'api'])
        try:
            yield
        finally:
            volume_utils.setup_tracing([])
            logging.root.handlers[:] = handlers
            manager.disable = silenced
            for one, level, propagate, disabled in before:
                one.setLevel(level)
                one.propagate = propagate
                one.disabled = disabled

    def failed(self, do, *args):
        """Fail, and have it told in every way there is."""
        try:
            do(*args)
        except Exception as error:
            logging.getLogger('cinder.volume.manager').exception(
                'It failed: %s', error)
            with contextlib.suppress(Exception):
                with excutils.save_and_reraise_exception():
                    self.said.write(repr(error))
            seen = error
            while seen is not None:
                self.said.write('%s %r %r\n' % (seen, seen, vars(seen)))
                # As those do who collect crashes: with all variables.
                self.said.writelines(
                    traceback.TracebackException.from_exception(
                        seen, capture_locals=True).format(chain=False))
                seen = seen.__cause__ or seen.__context__
        else:
            self.fail('it did not fail')

    def not_started(self, **changes):
        chosen = dict({'lightos_jwt': self.common,
                       'lightos_jwt_dir': self.tokens}, **changes)
        # Made here: nobody's variables but the driver's shall be shown.
        self.failed(self.bare_driver(**chosen).do_setup, self.context)

    def lead_a_life(self):
        gold = test_tenancy.type_in('gold')
        volume = self.created(gold)
        snapshot = self.snapped(volume)
        told = [self.driver.initialize_connection(volume, base.connector())]
        self.driver.terminate_connection(volume, base.connector())
        self.driver.extend_volume(volume, 2)
        clone = self.volume(gold, size=2)
        self.stamp(clone, self.driver.create_cloned_volume(clone, volume))
        self.driver.revert_to_snapshot(self.context, volume, snapshot)
        self.driver.retype(self.context, volume, self.volume(dict(
            gold, compression='<is> True')).volume_type, {}, {})
        self.driver.delete_volume(clone)
        told += [volume.provider_id, volume.provider_location,
                 snapshot.provider_id,
                 self.driver.get_volume_stats(refresh=True),
                 self.driver.capabilities,
                 self.driver.init_capabilities(),
                 self.driver.capabilities]
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        return told

    def fail_in_every_way(self):
        gold = test_tenancy.type_in('gold')
        volume = self.created(gold)
        for fault in (
                {'kind': 'status', 'status': 401}, {'kind': 'status',
                                                    'status': 403},
                {'kind': 'status', 'status': 500}, {'kind': 'reset'},
                {'kind': 'html'}, {'kind': 'truncated'}, {'kind': 'empty'},
                {'kind': 'close'}, {'kind': 'hang'}, {'kind': 'redirect'},
                {'kind': 'not_json'}, {'kind': 'drip', 'seconds': 0.3},
                {'kind': 'status', 'status': 400, 'body': '[' * 9999}):
            self.lightos.add_fault(**fault)
            for do, args in ((self.driver.extend_volume, (volume, 5)),
                             (self.driver.create_volume,
                              (self.volume(gold),))):
                self.failed(do, *args)
            self.lightos.clear_faults()

    def test_nothing_is_told_by_a_life(self):
        with self.listening():
            self.driver = self.make_tenants_driver(lightos_jwt=self.common)
            told = self.lead_a_life()
        said = self.said.getvalue()
        # It was indeed all said.
        for text in ('==> create_volume: call', '<== extend_volume: return',
                     'urllib3.connectionpool DEBUG', '/projects/gold/volumes',
                     'lightos_cinder.client.transport DEBUG'):
            self.assertIn(text, said)
        self.assert_no_secret(said)
        self.assert_no_secret(repr(told) + json.dumps(told, default=str))

    def test_nothing_is_told_by_failures(self):
        patcher = mock.patch.object(lifecycle, 'TIDY_TIMEOUT', 1)
        patcher.start()
        self.addCleanup(patcher.stop)
        with self.listening():
            self.driver = self.make_tenants_driver(
                lightos_jwt=self.common, lightos_operation_timeout=1,
                lightos_api_service_timeout=1)
            self.fail_in_every_way()
        said = self.said.getvalue()
        for text in ('It failed: ', 'answered with 401', 'outcome is unknown',
                     '<== create_volume: exception', '_ask', 'etag = '):
            self.assertIn(text, said)
        self.assert_no_secret(said)

    def test_nothing_is_told_where_nobody_can_be_trusted(self):
        """TLS fails, the certificate is another's, nobody is there."""
        foreign = loopback.Identity(self.folder, 'foreign')
        conversations = (loopback.speak_plainly, loopback.reset_at_once,
                         loopback.speak_https(foreign))
        with self.listening():
            for converse in conversations:
                with loopback.serving(converse) as (port, received):
                    self.not_started(
                        lightos_api_address=['127.0.0.1'],
                        lightos_api_port=port,
                        lightos_api_service_timeout=1)
                    self.assert_no_secret(repr(received))
            for trust in ({'driver_ssl_cert_verify': True},
                          {'lightos_tls_fingerprints': ['0' * 64]}):
                self.not_started(**trust)
        self.assertIn('fingerprint', self.said.getvalue())
        self.assert_no_secret(self.said.getvalue())

    def test_nothing_is_told_of_a_bad_token(self):
        """Of the option, and of a file."""
        half = self.common[:len(self.common) // 2]
        odd = self.common.replace('.', '.\n', 1)
        self.secrets |= {half, half.split('.')[1]}
        with self.listening():
            for text in (half, odd, self.common + '=', '\xe4' + self.common):
                self.not_started(lightos_jwt=text)
            expired = self.lightos.token('gold', lifetime=-test_tenancy.DAY)
            self.secrets |= parts(expired)
            self.not_started(lightos_jwt=expired)
            for text in (half, odd):
                self.write('silver', text)
                self.not_started()
                self.driver._settings.credentials._files.clear()
                self.failed(self.created, test_tenancy.type_in('silver'))
        self.assert_no_secret(self.said.getvalue())

    def test_no_object_shows_one(self):
        """repr and str of all that a driver leads to."""
        self.driver = self.make_tenants_driver(lightos_jwt=self.common)
        volume = self.created(test_tenancy.type_in('gold'))
        self.driver.extend_volume(volume, 2)
        seen, todo, found = {}, [self.driver], []
        holders = 0
        while todo:
            one = todo.pop()
            if id(one) in seen or isinstance(one, (
                    type, types.ModuleType, types.FunctionType,
                    types.BuiltinFunctionType, types.CodeType,
                    cfg.ConfigOpts, cfg.ConfigOpts.GroupAttr)):
                continue
            seen[id(one)] = one
            if isinstance(one, tokens.Token):
                # The text of a token is in it and in nothing else.
                holders += 1
                self.assert_no_secret(repr(one) + str(one))
                continue
            if isinstance(one, types.MethodType):
                todo.append(one.__self__)
                continue
            if type(one).__module__.split('.')[0] in (
                    'lightos_cinder', 'requests', 'urllib3', 'http', 'io',
                    'ssl', 'socket', 'builtins', 'collections', 'queue',
                    'eventlet'):
                found.append(one)
                todo.extend(gc.get_referents(one))
        # The common one and three of files.
        self.assertEqual(4, holders)
        self.assertEqual(set(), {
            'LightOSVolumeDriver', 'Credentials', 'TokenFile', 'Transport',
            'Settings', '_Session', 'Adapter', 'PoolManager', 'Pool',
            'Connection', 'SSLSocket'} - {
                type(one).__name__.replace('Green', '') for one in found})
        for one in found:
            self.assert_no_secret('%r %s' % (one, one), type(one))

    def test_no_report_shows_one(self):
        """What a service writes of its configuration."""
        self.driver = self.make_tenants_driver(lightos_jwt=self.common)
        with self.listening():
            base.CONF.log_opt_values(logging.getLogger('cinder'),
                                     logging.DEBUG)
        self.assertIn('lightos_jwt ', self.said.getvalue())
        self.assert_no_secret(self.said.getvalue())
        text = guru_meditation_report.TextGuruMeditation(version).run()
        self.assertIn('lightos_jwt = ***', text)
        self.assert_no_secret(text)

    def test_no_process_is_started(self):
        """None, and so none that shows a token to all on the host."""
        os.system('true')
        self.assertEqual('os.system', _started[-1][0])
        del _started[:]
        before = dict(os.environ)
        self.driver = self.make_tenants_driver(lightos_jwt=self.common)
        self.lead_a_life()
        self.assertEqual([], _started)
        self.assertEqual(before, dict(os.environ))
        for path in ('cmdline', 'environ'):
            with open('/proc/self/' + path, errors='replace') as file:
                self.assert_no_secret(file.read())
