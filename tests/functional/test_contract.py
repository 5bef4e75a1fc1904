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

"""REST API facts, 1 and 4 to 6: transport, encoding, access, cluster."""

from __future__ import annotations

import base64
import hashlib
import ssl
import tempfile
from typing import Any
import urllib.parse

from cryptography import x509
import ddt
import jwt
import requests

from tests import emulator
from tests.emulator import keys
from tests.functional.contract import base
from tests.unit.client import loopback


class TransportTest(base.ContractTest):
    """1.1 and 1.2: where it listens, and its certificate."""

    def test_1_1_every_endpoint_shows_the_same_state(self) -> None:
        volume = self.volume()
        for node in range(3):
            self.assertEqual(
                volume['UUID'],
                self.get(self.path(volume), node=node)['UUID'])

    def test_1_1_any_endpoint_takes_changes(self) -> None:
        volume = self.done('POST', '/projects/default/volumes',
                           self.volume_body(), node=1)
        self.assertEqual(
            200, self.delete(volume, node=2).status_code)

    def test_1_2_one_certificate_without_names(self) -> None:
        seen = {ssl.get_server_certificate((a, self.lightos.port))
                for a in self.lightos.addresses}
        self.assertEqual(1, len(seen))
        pem = seen.pop()
        with open(self.lightos.certificate) as file:
            self.assertEqual(pem.split(), file.read().split())
        self.assertEqual(
            self.lightos.fingerprint,
            hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())
        certificate = x509.load_pem_x509_certificate(pem.encode())
        self.assertEqual('CN=api.service',
                         certificate.subject.rfc4514_string())
        self.assertRaises(
            x509.ExtensionNotFound,
            certificate.extensions.get_extension_for_class,
            x509.SubjectAlternativeName)

    def test_1_2_the_certificate_matches_no_address(self) -> None:
        session = requests.Session()
        self.addCleanup(session.close)
        session.trust_env = False
        self.assertRaises(
            requests.exceptions.SSLError, session.get,
            'https://%s/api/v2/version' % self.lightos.endpoints[0],
            verify=self.lightos.certificate)

    def test_1_2_an_administrator_installs_another_certificate(self
                                                               ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            own = loopback.Identity(folder, 'own',
                                    self.lightos.addresses[0])
            self.get('/version')
            self.lightos.endpoint(1, 'refuse')
            self.lightos.install_certificate(own.certificate_file,
                                             own.key_file)
            with requests.Session() as session:
                session.trust_env = False
                self.assertEqual(200, session.get(
                    'https://%s/api/v2/version' % self.lightos.endpoints[0],
                    verify=own.certificate_file, headers={
                        'Authorization': 'Bearer '
                        + self.lightos.admin_token}).status_code)
            self.assertRaises(requests.ConnectionError, self.call, 'GET',
                              '/version', node=1)
        self.lightos.reset()
        for address in self.lightos.addresses:
            pem = ssl.get_server_certificate((address, self.lightos.port))
            self.assertEqual(
                self.lightos.fingerprint,
                hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())

    def test_connections_are_kept_alive_and_counted(self) -> None:
        self.get('/version')
        self.lightos.clear_records()
        for _time in range(5):
            self.get('/version')
        self.assertEqual({'all': 0, 'endpoints': [0, 0, 0]},
                         self.lightos.connections())
        with requests.Session() as session:
            session.trust_env = False
            session.get('https://%s/' % self.lightos.endpoints[1],
                        verify=False)
        self.assertEqual({'all': 1, 'endpoints': [0, 1, 0]},
                         self.lightos.connections())


class Ipv6Test(base.ContractTest):
    """4.2: IPv6 endpoints are written in brackets."""

    SETTINGS = emulator.Settings(ipv6=True, threads=2)

    def test_4_2_brackets(self) -> None:
        info = self.get('/clusterinfo')
        self.assertEqual(['[::1]:%d' % self.lightos.port],
                         info['apiEndpoints'])
        self.assertEqual(['[::1]:8009'], info['discoveryEndpoints'])
        self.assertEqual(['[::1]:4420'], info['nvmeEndpoints'])
        self.assertEqual(info['apiEndpoints'], self.lightos.endpoints)

    def test_no_node_can_be_replaced(self) -> None:
        self.assertRaises(ValueError, self.lightos.replace_node, 0)


@ddt.ddt
class EncodingTest(base.ContractTest):
    """1.3: how values are written and read."""

    def test_1_3_numbers(self) -> None:
        volume = self.volume()
        self.assertEqual('10737418240', volume['size'])
        self.assertEqual(3, volume['replicaCount'])
        self.assertEqual(4096, volume['sectorSize'])
        self.assertEqual(
            '4096', volume['statistics']['physicalUsedStorage'])

    def test_1_3_zero_values_are_left_out(self) -> None:
        volume = self.volume()
        for name in ('nsid', 'protectionState', 'connectedHosts', 'labels',
                     'sourceSnapshotUUID'):
            self.assertNotIn(name, volume)
        # A string of zero is not a zero value.
        self.assertEqual('0', volume['ETag'])

    def test_1_3_empty_list(self) -> None:
        self.assertEqual({}, self.get('/projects/default/volumes'))
        self.assertEqual({}, self.get('/projects/default/snapshots'))

    def test_1_3_switch_emit_defaults(self) -> None:
        self.lightos.set_settings(emit_defaults=True)
        volume = self.volume()
        self.assertEqual(0, volume['nsid'])
        self.assertEqual('Unknown', volume['protectionState'])
        self.assertEqual([], volume['connectedHosts'])
        self.assertEqual({'snapshots': []},
                         self.get('/projects/default/snapshots'))

    def test_1_3_empty_message(self) -> None:
        self.assertEqual({}, self.get('/clusterinfo')['encryptionStatus'])
        volume = self.volume()
        self.assertEqual({}, self.done('DELETE', self.path(volume)))

    def test_1_3_timestamp(self) -> None:
        self.assertRegex(self.volume()['creationTime'],
                         r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$')

    def test_1_3_compression_of_volume_and_snapshot(self) -> None:
        volume = self.volume(compression='True')
        self.assertEqual('true', volume['compression'])
        snapshot = self.again(self.snapshot(volume))
        self.assertIs(True, snapshot['compression'])
        plain = self.volume(name='w')
        self.assertEqual('false', plain['compression'])
        self.assertNotIn('compression', self.snapshot(plain, 't'))

    @ddt.data(3, '3')
    def test_1_3_quoted_number(self, value: Any) -> None:
        self.assertEqual(3, self.volume(replicaCount=value)['replicaCount'])

    @ddt.data('sectorSize_512B', 512)
    def test_1_3_enumeration(self, value: Any) -> None:
        self.assertEqual(512, self.volume(sectorSize=value)['sectorSize'])

    @ddt.data({'size': 10737418240}, {'replicaCount': 'three'},
              {'replicaCount': True}, {'acl': ['ALLOW_NONE']},
              {'acl': {'values': 'ALLOW_NONE'}}, {'name': 7},
              {'compression': True}, {'sectorSize': 'big'})
    def test_1_3_wrong_type(self, fields: dict[str, Any]) -> None:
        self.refused(400, 3, self.call(
            'POST', '/projects/default/volumes',
            self.volume_body(**fields)))

    def test_1_3_boolean_is_not_text(self) -> None:
        volume = self.volume()
        self.refused(400, 3, self.put(
            volume, {'size': '5 gib', 'Force': 'true'}))

    def test_1_3_unknown_field_is_ignored(self) -> None:
        self.volume(colour='red')
        self.assertEqual(['unknown field colour'], self.complaints())

    def test_1_3_null_is_not_set(self) -> None:
        self.assertEqual(
            'false', self.volume(compression=None)['compression'])

    def test_1_3_two_of_one_oneof(self) -> None:
        self.refused(400, 3, self.call(
            'POST', '/projects/default/volumes', self.volume_body(
                qosPolicyUUID=base.NOWHERE, qosPolicyName='gold')))

    @ddt.data(b'{"name":', b'[]', b'text')
    def test_1_3_malformed_body(self, body: bytes) -> None:
        self.refused(400, 3, self.call(
            'POST', '/projects/default/volumes', data=body,
            headers={'Content-Type': 'application/json'}))

    def test_1_3_path_wins_over_body(self) -> None:
        self.lightos.create_project('gold')
        volume = self.volume('gold', projectName='default')
        self.assertEqual('gold', volume['projectName'])

    def test_1_3_content_type(self) -> None:
        self.assertEqual(
            'application/json',
            self.call('GET', '/version').headers['Content-Type'])


@ddt.ddt
class RoutingTest(base.ContractTest):
    """1.4: paths and queries."""

    def test_1_4_name_after_a_slash_is_one_volume(self) -> None:
        volume = self.volume()
        found = self.get('/projects/default/volumes/?name=v')
        self.assertEqual(volume['UUID'], found['UUID'])
        self.refused(404, 5, self.call(
            'GET', '/projects/default/volumes/?name=w'))

    def test_1_4_name_without_a_slash_is_a_list(self) -> None:
        volume = self.volume()
        self.volume(name='w')
        found = self.get('/projects/default/volumes?name=v')
        self.assertEqual([volume['UUID']],
                         [v['UUID'] for v in found['volumes']])
        self.assertEqual({}, self.get('/projects/default/volumes?name=x'))

    def test_1_4_snapshots_are_found_by_capital_name(self) -> None:
        snapshot = self.snapshot(self.volume())
        found = self.get('/projects/default/snapshots/?Name=s')
        self.assertEqual(snapshot['UUID'], found['UUID'])
        # Ignored, so that nothing says which one is meant.
        self.refused(400, 3, self.call(
            'GET', '/projects/default/snapshots/?name=s'))
        self.assertEqual(['unknown query parameter name'],
                         self.complaints())

    def test_1_4_unknown_parameter_does_not_filter(self) -> None:
        self.volume()
        found = self.get('/projects/default/volumes?Name=other')
        self.assertEqual(1, len(found['volumes']))

    @ddt.data('limit=many', 'limit=-1', 'showAll=perhaps',
              'limit=1&limit=2', 'offsetUUID=text', 'UUID=text')
    def test_1_4_query_of_wrong_type(self, query: str) -> None:
        self.refused(400, 3, self.call(
            'GET', '/projects/default/volumes?' + query))

    @ddt.data('/nothing', '/snapshots', '/projects/default/volumes/a/b',
              '/clusterinfo/', '/volumes/%s/rollback' % base.NOWHERE)
    def test_1_4_unknown_path(self, path: str) -> None:
        response = self.call('GET', path)
        self.assertEqual(404, response.status_code)
        self.assertEqual('Not Found', response.text.strip())
        self.assertIn('text/plain', response.headers['Content-Type'])

    @ddt.data(('PATCH', '/volumes'), ('POST', '/version'),
              ('DELETE', '/projects/default/volumes'))
    @ddt.unpack
    def test_1_4_wrong_method(self, method: str, path: str) -> None:
        response = self.call(method, path)
        self.assertEqual(405, response.status_code)
        self.assertEqual('Method Not Allowed', response.text.strip())

    def test_1_4_segments_are_unquoted(self) -> None:
        volume = self.volume(name='a.b-c_d')
        name = urllib.parse.quote('a.b-c_d', safe='')
        self.assertEqual(
            volume['UUID'],
            self.get('/projects/defaul%74/volumes/?name=' + name)['UUID'])

    def test_2_volumes_without_project_in_the_path(self) -> None:
        self.lightos.create_project('gold')
        volume = self.done('POST', '/volumes', self.volume_body(
            projectName='gold'))
        self.assertEqual('gold', volume['projectName'])
        one = '/volumes/%s' % volume['UUID']
        self.assertEqual(
            'gold', self.get(one + '?projectName=gold')['projectName'])
        self.refused(404, 5, self.call('GET', one + '?projectName=default'))
        self.assertEqual(1, len(self.get('/volumes')['volumes']))
        self.assertEqual({}, self.get('/volumes?projectName=default'))
        self.done('PUT', one, {'projectName': 'gold', 'size': '11 gib'})
        self.done('DELETE', one + '?projectName=gold')
        self.refused(404, 5, self.call('GET', one + '?projectName=gold'))

    def test_2_6_only_the_admin_may_leave_the_project_out(self) -> None:
        token = self.lightos.token('default')
        self.refused(403, 7, self.call('GET', '/volumes', token=token))
        self.get('/volumes?projectName=default', token=token)


@ddt.ddt
class ErrorTest(base.ContractTest):
    """1.5: what a refusal looks like."""

    def test_1_5_body(self) -> None:
        message = self.refused(404, 5, self.call(
            'GET', '/projects/default/volumes/' + base.NOWHERE))
        self.assertEqual('volume not found', message)

    @ddt.data(('json', '{"error"'), ('message', '{"message"'),
              ('text', 'volume not found'), ('empty', ''))
    @ddt.unpack
    def test_unknown_3_switch_error_body(self, shape: str, start: str
                                         ) -> None:
        self.lightos.set_settings(error_body=shape)
        response = self.call(
            'GET', '/projects/default/volumes/' + base.NOWHERE)
        self.assertEqual(404, response.status_code)
        self.assertTrue(response.text.startswith(start), response.text)


@ddt.ddt
class AccessTest(base.ContractTest):
    """1.7: tokens, and what they are good for."""

    def ask(self, token: str, path: str = '/clusterinfo'
            ) -> requests.Response:
        return self.call('GET', path, token=token)

    def test_1_7_no_token(self) -> None:
        self.refused(401, 16, self.call('GET', '/version', token=''))

    @ddt.data('text', 'a.b.c', 'Bearer')
    def test_1_7_malformed(self, token: str) -> None:
        self.refused(401, 16, self.ask(token))

    def test_1_7_expired(self) -> None:
        self.refused(401, 16, self.ask(
            self.lightos.token('default', lifetime=-1)))
        token = self.lightos.token('default', lifetime=60)
        self.assertEqual(200, self.ask(token).status_code)
        self.clock.advance(61)
        self.refused(401, 16, self.ask(token))

    def test_unknown_26_switch_expired_token(self) -> None:
        self.lightos.set_settings(expired_token='403')
        self.refused(403, 7, self.ask(
            self.lightos.token('default', lifetime=-1)))

    def test_1_7_claims(self) -> None:
        token = self.lightos.token
        for claims in ({'aud': 'other'}, {'aud': None}, {'exp': None},
                       {'nbf': 4e9}, {'kid': 'default:other'},
                       {'kid': 'system:root'}, {'kid': 'nowhere:root'},
                       {'kid': 'root'}):
            self.refused(401, 16, self.ask(token('default', **claims)))

    def test_1_7_another_algorithm(self) -> None:
        token = jwt.encode(
            {'aud': 'LightOS', 'exp': 4e9, 'roles': ['default:admin']},
            'x' * 64, algorithm='HS256', headers={'kid': 'default:root'})
        self.refused(401, 16, self.ask(token))

    def test_1_7_a_key_grants_its_own_project_only(self) -> None:
        for roles in (['system:cluster-admin'], ['gold:admin'], [], None,
                      ['default']):
            self.lightos.create_project('gold')
            token = self.lightos.token('default', roles=roles)
            self.assertEqual(200, self.ask(token).status_code)
            for path in ('/projects/gold/volumes',
                         '/projects/default/volumes', '/cluster'):
                self.refused(403, 7, self.ask(token, path))

    def test_1_7_another_project(self) -> None:
        self.lightos.create_project('gold')
        token = self.lightos.token('gold')
        self.assertEqual(
            200, self.ask(token, '/projects/gold/volumes').status_code)
        self.refused(403, 7, self.ask(token, '/projects/default/volumes'))
        self.assertEqual(['token of another project'], self.complaints())
        # As a project that does not exist: nobody has a role in it.
        self.refused(403, 7, self.ask(token, '/projects/none/volumes'))

    @ddt.data(('403', 7), ('404', 5))
    @ddt.unpack
    def test_unknown_25_switch_unknown_project(self, status: str, code: int
                                               ) -> None:
        self.lightos.set_settings(unknown_project=status)
        self.refused(int(status), code,
                     self.call('GET', '/projects/none/volumes'))

    def test_1_7_viewer_reads_only(self) -> None:
        volume = self.volume()
        token = self.lightos.token('default', role='viewer')
        self.get(self.path(volume), token=token)
        for response in (
                self.put(volume, {'size': '11 gib'}, token=token),
                self.delete(volume, token=token),
                self.call('POST', '/projects/default/volumes',
                          self.volume_body(name='w'), token=token)):
            self.refused(403, 7, response)

    def test_1_7_project_admin_changes_its_project(self) -> None:
        token = self.lightos.token('default')
        volume = self.done('POST', '/projects/default/volumes',
                           self.volume_body(), token=token)
        self.assertEqual(
            200, self.delete(volume, token=token).status_code)

    @ddt.data('/servers',)
    def test_1_7_admin_only(self, path: str) -> None:
        self.get(path)
        self.refused(403, 7, self.ask(self.lightos.token('default'), path))

    @ddt.data(('/nodes', 'tenant_reads_nodes', True),
              ('/cluster', 'tenant_reads_cluster', False),
              ('/connectedHosts', 'tenant_reads_hosts', False),
              ('/policies', 'tenant_reads_policies', True),
              ('/projects/default', 'tenant_reads_project', True))
    @ddt.unpack
    def test_unknown_8_switches(self, path: str, switch: str, usual: bool
                                ) -> None:
        token = self.lightos.token('default')
        self.get(path)
        for allowed in (usual, not usual):
            self.lightos.set_settings(**{switch: allowed})
            self.assertEqual(200 if allowed else 403,
                             self.ask(token, path).status_code)

    def test_1_7_deleted_key(self) -> None:
        self.lightos.create_project('gold')
        token = self.lightos.token('gold')
        self.assertEqual(200, self.ask(token).status_code)
        self.done('DELETE', '/projects/gold/credentials/root')
        self.refused(401, 16, self.ask(token))

    def test_1_7_a_second_key(self) -> None:
        self.done('POST', '/projects/default/credentials', {
            'ID': 'new', 'type': 'RS256PubKey',
            'payload': keys.public_payload('other')})
        token = keys.sign('other', 'admin', 3600, 2e9, kid='default:new',
                          roles=['default:admin'], nbf=0)
        self.assertEqual(
            200, self.ask(token, '/projects/default/volumes').status_code)

    def test_requests_are_recorded_without_tokens(self) -> None:
        self.lightos.clear_records()
        self.ask(self.lightos.token('default'), '/nodes?name=x')
        self.ask('bad')
        first, second = self.lightos.requests()
        self.assertNotIn('Bearer', repr(first))
        self.assertEqual(
            ('GET', '/api/v2/nodes', 'name=x', None, 200, 0, None,
             'default'),
            tuple(first[k] for k in (
                'method', 'path', 'query', 'body', 'status', 'endpoint',
                'if_match', 'project')))
        self.assertEqual((401, None), (second['status'], second['project']))
        # But it can be told which one it was.
        self.assertEqual(hashlib.sha256(b'bad').hexdigest(),
                         second['token'])
        self.assertNotEqual(second['token'], first['token'])


@ddt.ddt
class ProjectTest(base.ContractTest):
    """5: projects, credentials and roles."""

    def test_5_from_the_start(self) -> None:
        names = [p['name'] for p in self.get('/projects')['projects']]
        self.assertEqual(['default', 'system'], names)
        self.assertEqual('default', self.get('/projects/default')['name'])

    def test_5_a_tenant_sees_its_own(self) -> None:
        found = self.get('/projects', token=self.lightos.token('default'))
        self.assertEqual(['default'], [p['name'] for p in found['projects']])

    def test_5_create_and_delete(self) -> None:
        project = self.done('POST', '/projects', {
            'name': 'gold', 'description': 'x'})
        self.assertEqual('gold', project['name'])
        self.refused(409, 6, self.call('POST', '/projects',
                                       {'name': 'gold'}))
        self.done('DELETE', '/projects/gold')
        self.lightos.set_settings(unknown_project='404')
        self.refused(404, 5, self.call('GET', '/projects/gold'))
        self.refused(404, 5, self.call('DELETE', '/projects/gold'))

    @ddt.data('', 'UPPER', '-x', 'a' * 64, 'a/b')
    def test_5_bad_name(self, name: str) -> None:
        self.refused(400, 3, self.call('POST', '/projects',
                                       {'name': name}))

    def test_5_long_description(self) -> None:
        self.refused(400, 3, self.call('POST', '/projects', {
            'name': 'gold', 'description': 'x' * 257}))

    def test_5_tenants_create_none(self) -> None:
        self.refused(403, 7, self.call(
            'POST', '/projects', {'name': 'gold'},
            token=self.lightos.token('default')))

    def test_5_not_deleted_until_drained(self) -> None:
        self.lightos.create_project('gold')
        self.lightos.set_settings(delete_settle=5)
        volume = self.volume('gold')
        self.refused(400, 9, self.call('DELETE', '/projects/gold'))
        self.delete(volume)
        self.refused(400, 9, self.call('DELETE', '/projects/gold'))
        self.clock.advance(5)
        self.done('DELETE', '/projects/gold')

    def test_5_names_are_per_project(self) -> None:
        self.lightos.create_project('gold')
        self.assertNotEqual(self.volume()['UUID'],
                            self.volume('gold')['UUID'])

    def test_2_5_a_volume_is_not_in_another_project(self) -> None:
        self.lightos.create_project('gold')
        volume = self.volume()
        for method in ('GET', 'PUT', 'DELETE'):
            self.refused(404, 5, self.call(
                method, '/projects/gold/volumes/' + volume['UUID']))

    def test_5_credentials(self) -> None:
        path = '/projects/default/credentials'
        body = {'ID': 'tls', 'type': 'TlsCertChainPem',
                'payload': base64.b64encode(b'x').decode()}
        self.assertEqual('UserCreds',
                         self.done('POST', path, body)['kind'])
        self.refused(409, 6, self.call('POST', path, body))
        self.assertEqual('tls', self.get(path + '/tls')['ID'])
        self.assertEqual(
            ['root', 'tls'],
            [c['ID'] for c in self.get(path)['credentials']])
        self.done('DELETE', path + '/tls')
        self.refused(404, 5, self.call('GET', path + '/tls'))
        self.refused(404, 5, self.call('DELETE', path + '/tls'))

    @ddt.data({'ID': ''}, {'type': 'Password'}, {'payload': '!'},
              {'payload': base64.b64encode(b'no key').decode()})
    def test_5_bad_credential(self, change: dict[str, str]) -> None:
        self.refused(400, 3, self.call(
            'POST', '/projects/default/credentials', dict({
                'ID': 'x', 'type': 'RS256PubKey',
                'payload': keys.public_payload('x')}, **change)))

    def test_5_roles(self) -> None:
        path = '/projects/default/roles'
        self.assertEqual({'admin', 'viewer'},
                         {r['name'] for r in self.get(path)['roles']})
        self.assertIn('rulesJson', self.get(path + '/admin'))
        self.refused(404, 5, self.call('GET', path + '/owner'))

    def test_5_default_policy(self) -> None:
        policy = self.done('POST', '/policies', {
            'name': 'gold', 'qoSRateLimitPolicy': {
                'policyVisibility': 'Global',
                'limitIOPS': {'readIOPSLimit': 1}}})
        before = self.volume()
        self.done('PUT', '/projects/default', {'defaultPolicies': [
            {'policyType': 'qosRateLimit', 'policyUUID': policy['UUID']}]})
        self.assertEqual('gold', self.volume(name='w')['qosPolicyName'])
        self.assertEqual('no-limit-policy',
                         self.again(before)['qosPolicyName'])


@ddt.ddt
class PolicyTest(base.ContractTest):
    """2.11 and 6: QoS policies."""

    def policy(self, **rules: Any) -> Any:
        return self.done('POST', '/policies', {
            'name': 'gold', 'qoSRateLimitPolicy': dict({
                'policyVisibility': 'Global',
                'limitIOPS': {'readIOPSLimit': 1000}}, **rules)})

    def test_6_create_and_find(self) -> None:
        policy = self.policy()
        self.assertEqual('Active', policy['state'])
        # Rounded up to 256; 0 is no limit and left out.
        self.assertEqual({'readIOPSLimit': 1024},
                         policy['QoSRateLimitPolicy']['limitIOPS'])
        self.assertEqual(policy, self.get('/policies/?name=gold'))
        self.assertEqual(policy, self.get('/policies/' + policy['UUID']))
        self.assertEqual(2, len(self.get('/policies')['policies']))
        self.assertEqual(
            [policy], self.get('/policies?name=gold')['policies'])

    def test_6_tenants_see_no_visibility(self) -> None:
        self.policy()
        seen = self.get('/policies/?name=gold',
                        token=self.lightos.token('default'))
        self.assertNotIn('policyVisibility', seen['QoSRateLimitPolicy'])

    @ddt.data({}, {'limitBw': {}, 'limitIOPS': {}},
              {'limitIOPS': {'readIOPSLimit': -1}},
              {'limitIOPS': {}, 'policyVisibility': 'Hidden'})
    def test_6_bad_rules(self, rules: dict[str, Any]) -> None:
        self.refused(400, 3, self.call('POST', '/policies', {
            'name': 'gold', 'qoSRateLimitPolicy': rules}))

    def test_2_11_volume_with_a_policy(self) -> None:
        policy = self.policy()
        self.assertEqual('no-limit-policy', self.volume()['qosPolicyName'])
        by_uuid = self.volume(name='a', qosPolicyUUID=policy['UUID'])
        by_name = self.volume(name='b', qosPolicyName='gold')
        for volume in (by_uuid, by_name):
            self.assertEqual(policy['UUID'], volume['qosPolicyUUID'])
            self.assertEqual('gold', volume['qosPolicyName'])
        self.refused(400, 9, self.call(
            'DELETE', '/policies/' + policy['UUID']))
        self.put(by_uuid, {'qosPolicyName': 'no-limit-policy'})
        self.assertEqual('no-limit-policy',
                         self.again(by_uuid)['qosPolicyName'])
        self.delete(by_name)
        self.done('DELETE', '/policies/' + policy['UUID'])

    @ddt.data(('404', 5), ('400', 3))
    @ddt.unpack
    def test_6_switch_unknown_policy(self, status: str, code: int) -> None:
        self.lightos.set_settings(unknown_policy=status)
        self.policy(policyVisibility='Scoped', projectsNamesScope=['gold'])
        for name in ('gold', 'none'):
            self.refused(int(status), code, self.call(
                'POST', '/projects/default/volumes',
                self.volume_body(qosPolicyName=name)))


class ClusterTest(base.ContractTest):
    """4: the cluster and its nodes."""

    def test_4_1_version(self) -> None:
        self.assertEqual({'apiVersion': 'v2.0'}, self.get('/version'))

    def test_4_2_clusterinfo(self) -> None:
        info = self.get('/clusterinfo',
                        token=self.lightos.token('default'))
        self.assertEqual(self.lightos.endpoints, info['apiEndpoints'])
        self.assertEqual(['127.77.0.%d:8009' % n for n in (1, 2, 3)],
                         info['discoveryEndpoints'])
        self.assertEqual(['127.77.0.%d:4420' % n for n in (1, 2, 3)],
                         info['nvmeEndpoints'])
        self.assertTrue(info['subsystemNQN'].startswith('nqn.'))
        self.assertEqual(3, info['currentMaxReplicas'])
        self.assertEqual(3, info['supportedMaxReplicas'])
        for name in ('UUID', 'ETag', 'clusterName', 'lastUpgrade',
                     'inBandAuthMode'):
            self.assertIn(name, info)
        self.assertEqual(info, self.get('/clusterinfo', node=2))

    def test_4_2_switch_old_clusterinfo(self) -> None:
        self.lightos.set_settings(old_clusterinfo=True)
        info = self.get('/clusterinfo')
        self.assertNotIn('nvmeEndpoints', info)
        self.assertNotIn('clusterName', info)

    def test_4_3_cluster(self) -> None:
        cluster = self.get('/cluster')
        self.assertNotIn('nvmeEndpoints', cluster)
        self.assertEqual('OK', cluster['health']['state'])
        self.assertIn('MinVersionInCluster', cluster)

    def test_4_3_statistics_follow_the_volumes(self) -> None:
        self.lightos.set_settings(
            node_capacity=100 * base.GIB, written_fraction=0.5)

        def figures() -> dict[str, int]:
            statistics = self.get('/cluster')['statistics']
            self.assertIsInstance(
                statistics['installedPhysicalStorage'], str)
            return {k: int(v) // base.GIB for k, v in statistics.items()}

        self.assertEqual(300, figures()['effectivePhysicalStorage'])
        self.assertEqual(300, figures()['estimatedFreeLogicalStorage'])
        volume = self.volume()
        # Physical over the cluster: three replicas take three times.
        self.assertEqual(30, figures()['logicalStorage'])
        self.assertEqual(15, figures()['physicalUsedStorage'])
        self.assertEqual(285, figures()['freePhysicalStorage'])
        self.put(volume, {'size': '20 gib'})
        self.assertEqual(60, figures()['logicalStorage'])
        node = self.get('/nodes')['nodes'][0]
        self.assertEqual(str(20 * base.GIB),
                         node['statistics']['logicalStorage'])
        self.delete(volume)
        self.assertEqual(300, figures()['freePhysicalStorage'])

    def test_4_4_nodes(self) -> None:
        nodes = self.get('/nodes')['nodes']
        self.assertEqual(['server00-0', 'server01-0', 'server02-0'],
                         [n['name'] for n in nodes])
        self.assertEqual({'Active'}, {n['state'] for n in nodes})
        self.assertEqual('127.77.0.1:4420', nodes[0]['nvmeEndpoint'])
        self.assertEqual(
            [nodes[1]],
            self.get('/nodes?UUID=' + nodes[1]['UUID'])['nodes'])
        self.assertEqual(nodes[1], self.get('/nodes/' + nodes[1]['UUID']))
        self.refused(404, 5, self.call('GET', '/nodes/' + base.NOWHERE))
        self.refused(400, 3, self.call('GET', '/nodes?name=a&UUID=b'))

    def test_4_4_node_down_and_up(self) -> None:
        self.lightos.set_settings(node_settle=40)
        volume = self.volume()
        self.lightos.node(0, 'down')
        self.assertEqual(
            ['Inactive', 'Active', 'Active'],
            [n['state'] for n in self.get('/nodes')['nodes']])
        info = self.get('/clusterinfo')
        self.assertEqual(2, info['currentMaxReplicas'])
        self.assertEqual(3, info['supportedMaxReplicas'])
        # Its API service goes on serving (1.1).
        self.assertEqual(
            'Degraded',
            self.get(self.path(volume), node=0)['protectionState'])
        health = self.get('/cluster')['health']
        self.assertEqual(('Warning', 1, 1), (
            health['state'], health['numInactiveNodes'],
            health['numDegradedVolumes']))
        self.lightos.node(0, 'up')
        self.assertEqual(
            'Activating', self.get('/nodes')['nodes'][0]['state'])
        self.clock.advance(40)
        self.assertEqual('FullyProtected',
                         self.again(volume)['protectionState'])
        self.assertEqual(
            3, self.get('/clusterinfo')['currentMaxReplicas'])

    def test_2_3_protection_states(self) -> None:
        self.lightos.set_settings(too_many_replicas='fail')
        volumes = [self.volume(name='v%d' % n, replicaCount=n)
                   for n in (1, 2, 3)]
        nodes = [n['UUID'] for n in self.get('/nodes')['nodes']]
        expected = {
            1: ['FullyProtected', 'NotAvailable'],
            2: ['FullyProtected', 'ReadOnly', 'NotAvailable'],
            3: ['FullyProtected', 'Degraded', 'ReadOnly', 'NotAvailable']}
        for down in range(4):
            if down:
                self.lightos.node(down - 1, 'down')
            for volume in volumes:
                shown = self.again(volume)
                self.assertEqual(shown['replicaCount'],
                                 len(shown['nodeList']))
                lost = sum(nodes.index(n) < down
                           for n in shown['nodeList'])
                self.assertEqual(
                    expected[shown['replicaCount']][lost],
                    shown['protectionState'])
        self.assertEqual('Error', self.get('/cluster')['health']['state'])

    def test_4_4_a_node_is_replaced(self) -> None:
        before = self.get('/clusterinfo')
        [old] = [node for node in self.get('/nodes')['nodes']
                 if self.lightos.addresses[1] in node['nvmeEndpoint']]
        address = self.lightos.replace_node(1)
        self.assertNotIn(address, self.lightos.addresses)
        expected = list(self.lightos.addresses)
        expected[1] = address
        info = self.get('/clusterinfo')
        self.assertNotEqual(before['ETag'], info['ETag'])
        for field in ('apiEndpoints', 'discoveryEndpoints',
                      'nvmeEndpoints'):
            self.assertEqual(expected, [
                text.rpartition(':')[0] for text in info[field]], field)
        new = self.get('/nodes/%s' % old['UUID'])
        self.assertEqual(address + ':4420', new['nvmeEndpoint'])
        self.assertNotEqual(old['serverUUID'], new['serverUUID'])
        self.assertRaises(requests.ConnectionError, self.call, 'GET',
                          '/version', node=1)
        self.assertEqual(200, self.session.get(
            'https://%s:%d/api/v2/version' % (address, self.lightos.port),
            headers={'Authorization': 'Bearer ' + self.lightos.admin_token}
        ).status_code)
        self.assertNotEqual(address, self.lightos.replace_node(1))
        self.lightos.reset()
        self.assertEqual(self.lightos.endpoints,
                         self.get('/clusterinfo', node=1)['apiEndpoints'])

    def test_4_4_switch_inactive_node_endpoint(self) -> None:
        self.lightos.set_settings(inactive_node_endpoint=False)
        self.lightos.node(1, 'down')
        self.assertNotIn(
            'nvmeEndpoint', self.get('/nodes')['nodes'][1])

    def test_4_5_servers(self) -> None:
        servers = self.get('/servers')['servers']
        self.assertEqual(3, len(servers))
        self.assertIn('LightOSVersion', servers[0])

    def test_4_6_connected_hosts(self) -> None:
        first, second = self.volume(), self.volume(name='w')
        self.lightos.edit_volume(first['UUID'], connected_hosts=['h1'])
        self.lightos.edit_volume(
            second['UUID'], connected_hosts=['h1', 'h2'])
        self.assertEqual(['h1'], self.again(first)['connectedHosts'])
        hosts = self.get('/connectedHosts')['connectedHosts']
        self.assertEqual(
            {'h1': {first['UUID'], second['UUID']},
             'h2': {second['UUID']}},
            {h['hostNQN']: set(h['volumeUUIDs']) for h in hosts})
        # The filter by host is ignored, the one by volume is not.
        self.assertEqual(2, len(self.get(
            '/connectedHosts?hostNQN=h2')['connectedHosts']))
        self.assertEqual(1, len(self.get(
            '/connectedHosts?volumeUUID=' + first['UUID']
        )['connectedHosts']))
