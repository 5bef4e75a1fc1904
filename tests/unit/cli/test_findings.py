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

import datetime
import unittest

import ddt

from lightos_cinder.cli import findings
from lightos_cinder.cli import probe
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import tls
from lightos_cinder.client import tokens

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
ONE, TWO = (endpoints.Endpoint('10.0.0.%d' % number, 443)
            for number in (1, 2))
PRINT = 'a' * 64
GOLD = findings.Asker('Gold', 'acme', 3)
ANY = findings.Asker('__DEFAULT__', 'default', 3, certain=False)
FORBIDDEN = errors.from_reply(403, {'message': 'no'}, 'GET', '/x')
LOST = errors.ReplyLost('GET', '/x', '10.0.0.1:443', 'reset')


def token(days=30, roles=('acme:admin',)):
    return tokens.Token('text', 'lightos_jwt',
                        NOW + datetime.timedelta(days=days), roles=roles)


def info(**values):
    return models.ClusterInfo.from_json(values)


def policy(name='gold', state='Active', scope=None):
    return models.Policy('1-2-3', name, state, scope)


@ddt.ddt
class FindingsTest(unittest.TestCase):

    def assert_row(self, row, result, *texts):
        self.assertEqual(result, row.result, row)
        self.assertEqual(result in ('failed', 'warning'), bool(row.todo), row)
        for text in texts:
            self.assertIn(text, '%s %s' % (row.what, row.todo))

    def test_one_endpoint_away_is_not_the_end(self):
        away = probe.Seen(ONE, trouble='refused')
        self.assertEqual(['warning', 'ok'], [
            row.result for row in findings.api_endpoints(
                [away, probe.Seen(TWO, PRINT)])])
        self.assertEqual(['failed'], [
            row.result for row in findings.api_endpoints([away])])
        self.assertEqual([], findings.api_endpoints([]))

    def test_endpoints_that_are_not_configured(self):
        cluster = info(apiEndpoints=['10.0.0.1:443', '10.0.0.2:443', 'x'])
        row, = findings.unnamed_endpoints([probe.Seen(ONE)], cluster)
        self.assert_row(row, 'warning', '10.0.0.2:443')
        self.assertEqual([], findings.unnamed_endpoints(
            [probe.Seen(ONE), probe.Seen(TWO)], cluster))
        self.assertEqual([], findings.unnamed_endpoints(
            [probe.Seen(ONE)], info()))

    @ddt.data(
        (tls.Trust(), {}, 'warning', ('tokens go', PRINT)),
        (tls.Trust(fingerprints=frozenset([PRINT])), {}, 'ok',
         ('certificate has a fingerprint',)),
        (tls.Trust(verify=True), {}, 'ok', ('verified by its CA',)),
        (tls.Trust(verify=True, fingerprints=frozenset([PRINT])), {}, 'ok',
         ('is verified by its CA and address and has a fingerprint',)),
        (tls.Trust(verify=True), {'untrusted': 'self-signed'}, 'failed',
         ('10.0.0.1:443', 'self-signed', 'driver_ssl_cert_path', PRINT)),
        (tls.Trust(fingerprints=frozenset(['b' * 64])),
         {'untrusted': 'other'}, 'failed',
         ('lightos_tls_fingerprints = ' + PRINT,)))
    @ddt.unpack
    def test_trust(self, wanted, seen, result, texts):
        self.assert_row(findings.trust(
            wanted, [probe.Seen(ONE, PRINT, **seen)]), result, *texts)

    def test_trust_of_nobody(self):
        self.assert_row(findings.trust(
            tls.Trust(), [probe.Seen(ONE, trouble='away')]), 'skipped')

    def test_the_same_reason_is_told_once(self):
        row = findings.trust(tls.Trust(verify=True), [
            probe.Seen(one, PRINT, untrusted='self-signed')
            for one in (ONE, TWO)])
        self.assertEqual('10.0.0.1:443, 10.0.0.2:443: self-signed', row.what)

    @ddt.data(
        (token(), None, 'ok', ('acme:admin', 'in 30 days')),
        (token(roles=()), None, 'ok', ('no roles',)),
        (token(6), None, 'warning', ('in 6 days', 'lbcli create jwt')),
        (token(-1), None, 'failed', ('it expired at 2026-05-31',)),
        (token(), errors.from_reply(401, {'message': 'bad key'}, 'GET', '/'),
         'failed', ('bad key',)),
        (token(), LOST, 'warning', ('reset', 'Check again')),
        (tokens.Token('text', 'x'), None, 'ok', ('does not expire',)))
    @ddt.unpack
    def test_token(self, held, refusal, result, texts):
        row = findings.token(held, NOW, refusal)
        self.assert_row(row, result, *texts)
        self.assertNotIn('text', str(row))

    def test_no_token(self):
        self.assert_row(findings.no_token(None), 'warning')
        self.assert_row(findings.no_token(FORBIDDEN), 'failed',
                        'lightos_jwt_dir')

    def test_volume_types(self):
        def row(*askers, hidden=False):
            return findings.volume_types(askers, 'lightstack', hidden)
        self.assert_row(row(GOLD, ANY), 'ok', 'Gold')
        self.assert_row(row(ANY), 'warning', 'volume_backend_name = lightst')
        self.assert_row(row(hidden=True), 'failed', 'administrator')

    @ddt.data(
        ([GOLD], token(), None, 'ok', ('for Gold',)),
        ([], token(), None, 'ok', ()),
        ([GOLD], token(roles=('system:cluster-admin',)), None, 'ok', ()),
        ([GOLD], token(roles=()), None, 'ok', ()),
        ([GOLD], token(roles=('acme:viewer',)), None, 'failed',
         ('acme:viewer', 'role acme:admin')),
        ([GOLD], token(), FORBIDDEN, 'failed', ('no such project', 'Gold')),
        ([ANY], token(), FORBIDDEN, 'warning', ('__DEFAULT__',)),
        ([ANY, GOLD], token(), FORBIDDEN, 'failed', ()),
        ([], token(), FORBIDDEN, 'failed', ()),
        ([GOLD], None, errors.NoToken('there is none'), 'failed',
         ('there is none', 'acme.jwt')),
        ([GOLD], token(), LOST, 'failed', ('reset',)))
    @ddt.unpack
    def test_project(self, askers, held, refusal, result, texts):
        self.assert_row(findings.project('acme', askers, held, refusal),
                        result, *texts)

    @ddt.data((3, 3, 'ok'), (2, 3, 'failed'), (3, 2, 'failed'),
              (0, 0, 'ok'))
    @ddt.unpack
    def test_replicas(self, most, now, result):
        cluster = info(supportedMaxReplicas=most, currentMaxReplicas=now)
        self.assert_row(findings.replicas(3, [GOLD], cluster), result, 'Gold')
        if result == 'failed':
            self.assert_row(findings.replicas(3, [ANY], cluster), 'warning')

    @ddt.data(
        ([policy()], 'ok', ()),
        ([models.Policy('gold', 'other', '')], 'ok', ()),
        ([policy(scope=('acme',))], 'ok', ()),
        ([policy(scope=('other',)), policy('free')], 'failed',
         ('not for use', 'name another: free')),
        ([policy('silver')], 'failed', ('none of that name', 'silver')),
        ([], 'failed', ('there is none',)),
        ([policy(state='Failed')], 'warning', ('Failed',)))
    @ddt.unpack
    def test_qos_policy(self, there, result, texts):
        self.assert_row(findings.qos_policy('gold', 'acme', [GOLD], there),
                        result, 'acme', *texts)

    @ddt.data(
        ({'estimatedLogicalStorage': str(2 ** 40),
          'estimatedFreeLogicalStorage': str(2 ** 39)}, 'OK', 'ok',
         '512.0 GiB free of 1024.0 GiB'),
        ({'estimatedLogicalStorage': str(2 ** 40),
          'estimatedFreeLogicalStorage': str(2 ** 39)}, 'Warning', 'warning',
         'health Warning'),
        ({'estimatedLogicalStorage': str(2 ** 40)}, 'OK', 'warning',
         'smallest volume'),
        ({}, 'OK', 'warning', 'does not tell'))
    @ddt.unpack
    def test_capacity(self, statistics, health, result, text):
        self.assert_row(findings.capacity(models.Cluster.from_json(
            {'statistics': statistics, 'health': {'state': health}}), None),
            result, text)

    def test_capacity_that_cannot_be_read(self):
        self.assert_row(findings.capacity(None, FORBIDDEN), 'warning',
                        'AllocatedCapacityWeigher')
        self.assert_row(findings.capacity(None, LOST), 'failed', 'reset')

    @ddt.data((True, {ONE: 'away', TWO: None}, ['warning', 'ok']),
              (True, {ONE: 'away'}, ['failed']),
              (False, {ONE: 'away'}, ['warning']),
              (False, {}, ['failed']))
    @ddt.unpack
    def test_discovery(self, on_compute, found, results):
        rows = findings.discovery(found, on_compute)
        self.assertEqual(results, [row.result for row in rows])
        for row, result in zip(rows, results):
            self.assert_row(row, result)

    def test_host(self):
        nqn, module, client = findings.host('nqn.x', '/f', True, True)
        self.assert_row(nqn, 'ok', 'nqn.x')
        self.assert_row(module, 'ok')
        self.assert_row(client, 'ok')
        nqn, module, client = findings.host(None, '/f', None, False)
        self.assert_row(nqn, 'failed', 'nvme gen-hostnqn > /f')
        self.assert_row(module, 'failed', 'this kernel has none')
        self.assert_row(client, 'failed', 'discovery-client')
        module = findings.host(None, '/f', False, False)[1]
        self.assert_row(module, 'warning', 'modprobe nvme-tcp')

    def test_options(self):
        row, = findings.options([], True, 'ours')
        self.assert_row(row, 'ok')
        bad, other = findings.options(
            [ValueError('lightos_api_port is 0')], False, 'theirs')
        self.assert_row(bad, 'failed', 'Correct lightos_api_port')
        self.assert_row(other, 'warning', 'theirs')
