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

"""The emulator's own promises: faults, endpoint modes, its process."""

from __future__ import annotations

from concurrent import futures
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import Any
from typing import Callable

import ddt
import jwt
import requests

from tests import emulator
from tests.functional.contract import base

LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@ddt.ddt
class FaultTest(base.ContractTest):
    """Faults in single requests (recipe 9.1)."""

    def fault(self, kind: str, **fields: Any) -> int:
        return self.lightos.add_fault(kind, **fields)

    def lost(self, method: str = 'GET', path: str = '/version',
             body: Any = None, **kwargs: Any) -> None:
        try:
            response = self.call(method, path, body, **kwargs)
        except LOST:
            return
        # Before its version 2 urllib3 is silent about what is missing.
        self.assertLess(len(response.content),
                        int(response.headers['Content-Length']))

    @ddt.data((500, 13), (503, 14), (429, 8), (401, 16), (403, 7),
              (404, 5), (409, 10), (412, 9), (504, 4))
    @ddt.unpack
    def test_status(self, status: int, code: int) -> None:
        self.fault('status', status=status, message='m', times=1)
        self.assertEqual('m', self.refused(
            status, code, self.call('GET', '/version')))
        self.get('/version')

    def test_status_with_code_and_body(self) -> None:
        self.fault('status', status=400, code=9, times=1)
        self.refused(400, 9, self.call('GET', '/version'))
        self.fault('status', status=500, body='etag mismatch', times=1)
        self.assertEqual('etag mismatch',
                         self.call('GET', '/version').text)

    def test_html(self) -> None:
        self.fault('html', times=1)
        response = self.call('GET', '/version')
        self.assertEqual(502, response.status_code)
        self.assertEqual('text/html', response.headers['Content-Type'])

    def test_not_json_and_empty(self) -> None:
        self.fault('not_json', times=1)
        response = self.call('GET', '/version')
        self.assertEqual(200, response.status_code)
        self.assertRaises(ValueError, response.json)
        self.fault('empty', times=1)
        self.assertEqual(b'', self.call('GET', '/version').content)

    @ddt.data('before', 'after')
    def test_truncated(self, when: str) -> None:
        self.fault('truncated', times=1, when=when)
        self.lost()
        self.get('/version')

    @ddt.data('before', 'after')
    def test_drip(self, when: str) -> None:
        self.fault('drip', times=1, when=when, seconds=0.002)
        chunks = [len(chunk) for chunk in self.call(
            'GET', '/version', stream=True).raw.stream(1)]
        self.assertGreater(len(chunks), 10)
        self.assertEqual({1}, set(chunks))

    @ddt.data('reset', 'close')
    def test_dropped_before(self, kind: str) -> None:
        self.fault(kind, method='POST', times=1)
        self.lost('POST', '/projects/default/volumes', self.volume_body())
        self.assertEqual([], self.lightos.volumes())

    @ddt.data('reset', 'close', 'truncated', 'hang')
    def test_dropped_after(self, kind: str) -> None:
        self.fault(kind, method='POST', times=1, when='after',
                   seconds=0.0)
        self.lost('POST', '/projects/default/volumes', self.volume_body())
        self.assertEqual(
            ['v'], [v['name'] for v in self.lightos.volumes()])
        self.assertEqual('POST', self.lightos.requests()[-1]['method'])

    def test_reset_is_recorded_without_status(self) -> None:
        self.fault('reset')
        self.lost()
        self.assertIsNone(self.lightos.requests()[-1]['status'])

    def test_hang_until_the_client_gives_up(self) -> None:
        fault = self.fault('hang', times=1)
        self.assertRaises(requests.Timeout, self.call, 'GET', '/version',
                          timeout=0.05)
        self.lightos.clear_faults(fault)
        self.get('/version')

    def test_hang_until_released(self) -> None:
        self.fault('hang', times=1)

        def release() -> None:
            _becomes(lambda: self.lightos.faults()[0]['hits'] == 1)
            self.lightos.clear_faults()

        thread = threading.Thread(target=release)
        thread.start()
        self.addCleanup(thread.join)
        self.lost()

    def test_hang_for_a_time(self) -> None:
        self.fault('hang', times=1, seconds=0.05)
        self.lost()

    @ddt.data('before', 'after')
    def test_delay(self, when: str) -> None:
        self.fault('delay', times=1, seconds=0.1, when=when)
        start = time.monotonic()
        self.get('/version')
        self.assertGreaterEqual(time.monotonic() - start, 0.1)

    def test_delay_then_another(self) -> None:
        self.fault('delay', times=1, seconds=0.01)
        self.fault('status', status=503, times=1)
        self.assertEqual(503, self.call('GET', '/version').status_code)

    def test_redirect(self) -> None:
        self.fault('redirect', location='https://192.0.2.9/', times=1)
        response = self.call('GET', '/version')
        self.assertEqual(302, response.status_code)
        self.assertEqual('https://192.0.2.9/', response.headers['Location'])
        self.fault('redirect', status=308, times=1)
        self.assertEqual(308, self.call('GET', '/version').status_code)

    def test_fail(self) -> None:
        self.fault('fail', method='POST', times=2)
        volume = self.volume()
        self.assertEqual('Creating', volume['state'])
        self.assertEqual('Failed', self.again(volume)['state'])
        good = self.volume(name='w')
        self.assertEqual('Failed', self.again(good)['state'])
        good = self.volume(name='x')
        self.fault('fail', times=1)
        self.assertEqual(
            'Failed', self.again(self.snapshot(good))['state'])

    def test_matching(self) -> None:
        self.fault('status', status=503, method='GET', path='/nodes$',
                   endpoints=[1])
        self.get('/nodes')
        self.get('/version', node=1)
        self.get('/nodes/' + self.get('/nodes')['nodes'][0]['UUID'],
                 node=1)
        for query in ('', '?name=x'):
            self.assertEqual(503, self.call(
                'GET', '/nodes' + query, node=1).status_code)

    def test_matching_the_query(self) -> None:
        self.fault('status', status=503, path=r'/volumes/\?name=v')
        self.get('/projects/default/volumes?name=v')
        self.assertEqual(503, self.call(
            'GET', '/projects/default/volumes/?name=v').status_code)

    def test_times_and_skip(self) -> None:
        fault = self.fault('status', status=503, times=2, skip=1)
        statuses = [self.call('GET', '/version').status_code
                    for _time in range(5)]
        self.assertEqual([200, 503, 503, 200, 200], statuses)
        [listed] = self.lightos.faults()
        self.assertEqual((fault, 2), (listed['id'], listed['hits']))
        self.lightos.clear_faults()
        self.assertEqual([], self.lightos.faults())

    def test_probability(self) -> None:
        self.fault('status', status=503, probability=0.5)
        statuses = [self.call('GET', '/version').status_code
                    for _time in range(40)]
        self.assertEqual({200, 503}, set(statuses))

    @ddt.data({'kind': 'magic'}, {'kind': 'reset', 'when': 'later'})
    def test_bad_fault(self, fields: dict[str, Any]) -> None:
        self.assertRaises(ValueError, self.lightos.add_fault, **fields)

    def test_unknown_28_switch_rate_limit(self) -> None:
        self.lightos.set_settings(rate_limit=5)
        statuses = {self.call('GET', '/version').status_code
                    for _time in range(20)}
        self.assertEqual({200, 429}, statuses)

    @ddt.data('503', '500', 'hang')
    def test_unknown_27_switch_down_node_api(self, mode: str) -> None:
        self.lightos.set_settings(down_node_api=mode)
        self.lightos.node(0, 'down')
        self.get('/version', node=1)
        if mode == 'hang':
            self.assertRaises(requests.Timeout, self.call, 'GET',
                              '/version', timeout=0.05)
            self.lightos.endpoint(0, 'refuse')
        else:
            self.assertEqual(
                int(mode), self.call('GET', '/version').status_code)


class ComplaintTest(base.ContractTest):
    """What servers put up with and clients should not do."""

    def test_a_careful_client_is_not_complained_about(self) -> None:
        volume = self.volume()
        volume = self.again(volume)
        self.put(volume, {'size': '11 gib'}, if_match=volume['ETag'])
        self.put(volume, {'size': '12 gib'}, if_match=volume['ETag'])
        self.again(volume)
        self.delete(volume)
        self.call('GET', self.path(volume))
        self.assertEqual([], self.lightos.complaints())

    def test_polling_without_a_pause(self) -> None:
        volume = self.volume()
        for _time in range(20):
            self.again(volume)
        self.assertIn('polled faster than every 10 ms', self.complaints())

    def test_polling_with_a_pause(self) -> None:
        volume = self.volume()
        for _time in range(4):
            self.again(volume)
            time.sleep(0.011)
        self.assertEqual([], self.complaints())

    def test_odd_requests(self) -> None:
        self.call('DELETE', '/projects/default/volumes/' + base.NOWHERE, {})
        self.call('GET', '/projects//volumes')
        self.call('POST', '/projects/default/volumes', data=b'{}')
        self.assertEqual(
            ['DELETE with a body', 'path has odd segments',
             'body is not announced as JSON'], self.complaints())

    def test_complaints_say_where(self) -> None:
        self.volume(colour='red')
        self.assertEqual([{
            'method': 'POST', 'path': '/api/v2/projects/default/volumes',
            'reason': 'unknown field colour'}], self.lightos.complaints())
        self.lightos.clear_records()
        self.assertEqual([], self.lightos.complaints())
        self.assertEqual([], self.lightos.requests())


class EndpointTest(base.ContractTest):
    """Endpoints that are not well."""

    def test_refuse(self) -> None:
        self.get('/version')
        self.lightos.endpoint(0, 'refuse')
        # The connection from before has gone as well.
        error = self.assertRaises(
            requests.ConnectionError, self.call, 'GET', '/version')
        self.assertIn('refused', str(error))
        with socket.socket() as plain:
            self.assertRaises(ConnectionRefusedError, plain.connect, (
                self.lightos.addresses[0], self.lightos.port))
        self.get('/version', node=1)
        self.lightos.endpoint(0, 'up')
        self.get('/version')

    def test_blackhole(self) -> None:
        self.get('/version')
        self.lightos.endpoint(0, 'blackhole')
        # On the connection from before, and on a new one.
        for _time in range(2):
            self.assertRaises(requests.Timeout, self.call, 'GET',
                              '/version', timeout=0.05)
        with socket.create_connection((
                self.lightos.addresses[0], self.lightos.port)) as plain:
            plain.settimeout(0.05)
            self.assertRaises(TimeoutError, plain.recv, 1)
        self.get('/version', node=1)
        self.lightos.endpoint(0, 'up')
        self.get('/version')

    def test_plaintext(self) -> None:
        self.lightos.endpoint(0, 'plaintext')
        self.session.close()
        self.assertRaises(requests.exceptions.SSLError, self.call, 'GET',
                          '/version')
        self.lightos.endpoint(0, 'up')
        self.get('/version')

    def test_from_one_to_another(self) -> None:
        for mode in ('refuse', 'blackhole', 'refuse', 'plaintext', 'up'):
            self.lightos.endpoint(1, mode)
        self.get('/version', node=1)
        self.assertRaises(ValueError, self.lightos.endpoint, 1, 'sideways')

    def test_reset_mends_everything(self) -> None:
        self.volume()
        self.lightos.create_project('gold')
        self.lightos.add_fault('reset')
        self.lightos.endpoint(0, 'refuse')
        self.lightos.endpoint(1, 'blackhole')
        self.lightos.node(2, 'down')
        self.lightos.advance(100)
        self.lightos.set_settings(settle=7)
        self.lightos.reset()
        for node in range(3):
            self.get('/version', node=node)
        self.assertEqual(
            3, self.get('/clusterinfo')['currentMaxReplicas'])
        self.assertEqual([], self.lightos.volumes())
        self.assertEqual(
            ['default', 'system'],
            [p['name'] for p in self.get('/projects')['projects']])
        self.assertEqual(0.0, self.lightos.settings_in_force()['settle'])
        self.lightos.reset({'settle': 2.0})
        self.assertEqual(2.0, self.lightos.settings_in_force()['settle'])

    def test_settings(self) -> None:
        self.assertRaises(
            ValueError, self.lightos.set_settings, no_such=1)
        self.assertRaises(
            ValueError, self.lightos.set_settings, etag_mismatch='200')
        self.assertRaises(ValueError, self.lightos.set_settings, nodes=2)

    def test_edit_volume(self) -> None:
        volume = self.again(self.volume())
        self.lightos.edit_volume(
            volume['UUID'], acl=['h1'], ip_acl=None, size=2 * base.GIB)
        after = self.again(volume)
        self.assertEqual(['h1'], after['acl']['values'])
        self.assertEqual(str(2 * base.GIB), after['size'])
        self.assertNotEqual(volume['ETag'], after['ETag'])
        self.assertRaises(ValueError, self.lightos.edit_volume,
                          volume['UUID'], colour='red')

    def test_edit_snapshot(self) -> None:
        self.lightos.set_settings(snapshot_settle=60)
        volume = self.volume()
        snapshot = self.snapshot(volume)
        self.lightos.edit_snapshot(
            snapshot['UUID'], state='Failed', name='t')
        self.assertEqual('Failed', self.get(
            '/projects/default/snapshots/?Name=t')['state'])
        # Its volume can be snapshotted again.
        self.snapshot(volume)

    def test_mute_clients_keep_nobody_out(self) -> None:
        for _time in range(3):
            plain = socket.create_connection((
                self.lightos.addresses[2], self.lightos.port))
            self.addCleanup(plain.close)
        self.get('/version', node=2)

    def test_nothing_is_left_behind(self) -> None:
        before = set(threading.enumerate())
        lightos = emulator.Emulator(emulator.Settings(threads=4))
        with lightos:
            self.assertTrue(os.path.exists(lightos.certificate))
            lightos.add_fault('hang')
            with requests.Session() as session:
                session.trust_env = False
                self.assertRaises(
                    requests.Timeout, session.get,
                    'https://%s/api/v2/version' % lightos.endpoints[0],
                    verify=False, timeout=0.05)
        self.assertEqual(set(), set(threading.enumerate()) - before)
        self.assertFalse(os.path.exists(lightos.certificate))


class SpeedTest(base.ContractTest):
    """Large clusters stay quick."""

    def test_many_volumes(self) -> None:
        for number in range(30):
            self.volume(name='v%d' % number)
        start = time.monotonic()
        for number in range(30):
            self.get('/projects/default/volumes/?name=v%d' % number)
        # Generous: a loaded machine is no reason to fail.
        self.assertLess(time.monotonic() - start, 5)


class ProcessTest(base.QuietTest):
    """The cluster in a process of its own."""

    lightos: emulator.EmulatorProcess

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.lightos = emulator.EmulatorProcess(
            emulator.Settings(nodes=2, threads=4, create_settle=60))
        cls.lightos.start()
        cls.addClassCleanup(cls.lightos.stop)

    def call(self, method: str, path: str, body: Any = None
             ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, 'https://%s/api/v2%s' % (
                    self.lightos.endpoints[0], path), json=body,
                verify=False, timeout=5, headers={
                    'Authorization': 'Bearer ' + self.lightos.admin_token})

    def test_the_same_methods(self) -> None:
        lightos = self.lightos
        lightos.reset()
        self.assertEqual(['127.77.0.1', '127.77.0.2'], lightos.addresses)
        self.assertEqual(['%s:%d' % (a, lightos.port)
                          for a in lightos.addresses], lightos.endpoints)
        lightos.create_project('gold')
        claims = jwt.decode(
            lightos.token('gold', role='viewer', lifetime=-5, sub='x'),
            options={'verify_signature': False})
        self.assertEqual((['gold:viewer'], 'x'),
                         (claims['roles'], claims['sub']))
        created = self.call('POST', '/projects/gold/volumes', {
            'name': 'v', 'size': '1 gib', 'replicaCount': 1,
            'acl': {'values': ['ALLOW_NONE']}})
        self.assertEqual(200, created.status_code, created.text)
        lightos.advance(60)
        [volume] = lightos.volumes('gold')
        self.assertEqual('Available', volume['state'])
        self.assertEqual([], volume['connectedHosts'])
        self.assertEqual([], lightos.volumes('default'))
        self.assertEqual('POST', lightos.requests()[0]['method'])
        lightos.set_settings(etag_mismatch='500')
        self.assertEqual(
            '500', lightos.settings_in_force()['etag_mismatch'])
        fault = lightos.add_fault('status', status=503, times=1)
        self.assertEqual(503, self.call('GET', '/version').status_code)
        self.assertEqual([fault], [f['id'] for f in lightos.faults()])
        lightos.endpoint(0, 'refuse')
        self.assertRaises(
            requests.ConnectionError, self.call, 'GET', '/version')
        lightos.reset(emulator.Settings(settle=3.0))
        self.assertEqual(200, self.call('GET', '/version').status_code)
        self.assertEqual([], lightos.volumes())
        self.assertEqual(2, lightos.settings_in_force()['nodes'])

    def test_errors_come_back(self) -> None:
        error = self.assertRaises(
            ValueError, self.lightos.set_settings, no_such=1)
        self.assertIn('no such setting', str(error))
        self.assertRaises(AttributeError, lambda: self.lightos.no_such)

    def test_is_called_by_many_at_once(self) -> None:
        together = threading.Barrier(64)

        def ask(_: int) -> list[Any]:
            together.wait()
            return self.lightos.volumes()

        with futures.ThreadPoolExecutor(64) as pool:
            for _ in range(3):
                self.assertEqual([[]] * 64, list(pool.map(ask, range(64))))

    def test_start_fails(self) -> None:
        other = emulator.EmulatorProcess(
            emulator.Settings(nodes=1, port=self.lightos.port))
        self.addCleanup(other.stop)
        self.assertRaises(RuntimeError, other.start)

    def test_ends_with_its_parent(self) -> None:
        script = ('import sys\n'
                  'from tests import emulator\n'
                  'lightos = emulator.EmulatorProcess('
                  'emulator.Settings(nodes=1))\n'
                  'lightos.start()\n'
                  'print(lightos.port, flush=True)\n'
                  'sys.stdin.read()\n')
        parent = subprocess.Popen(
            [sys.executable, '-c', script], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        with parent:
            assert parent.stdout is not None
            port = int(parent.stdout.readline())
            self.assertTrue(_listens(port))
            parent.kill()
        self.assertTrue(_becomes(lambda: not _listens(port)))

    def test_works_under_eventlet(self) -> None:
        script = ('import eventlet\n'
                  'eventlet.monkey_patch()\n'
                  'from tests import emulator\n'
                  'settings = emulator.Settings(nodes=1)\n'
                  'with emulator.EmulatorProcess(settings) as lightos:\n'
                  '    print(lightos.volumes(), lightos.port)\n')
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', script],
            stdout=subprocess.PIPE, timeout=30, check=True)
        volumes, port = done.stdout.decode().rsplit(None, 1)
        self.assertEqual('[]', volumes)
        self.assertFalse(_listens(int(port)))


class CommandLineTest(base.QuietTest):
    """python -m tests.emulator, for people."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, '-m', 'tests.emulator', *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def test_serves_until_interrupted(self) -> None:
        child = self.start('--nodes', '2', '--settle', '0.3',
                           '--address-base', '127.77.1',
                           '--set', 'etag_mismatch=500')
        assert child.stdout is not None
        text = ''
        while 'Ctrl-C' not in text:
            line = child.stdout.readline()
            self.assertNotEqual('', line, text)
            text += line
        endpoints = [t for t in text.split() if t.startswith('127.77.1.')]
        token = next(t for t in text.split() if t.endswith('.jwt'))
        self.assertEqual(2, len(endpoints))
        self.assertEqual(0o600, stat.S_IMODE(os.stat(token).st_mode))
        with open(token) as file:
            bearer = file.read()
        with requests.Session() as session:
            session.trust_env = False
            found = session.get(
                'https://%s/api/v2/clusterinfo' % endpoints[1],
                verify=False, headers={'Authorization': 'Bearer ' + bearer})
        self.assertEqual(endpoints, found.json()['apiEndpoints'])
        child.send_signal(signal.SIGINT)
        _out, errors = child.communicate(timeout=10)
        self.assertEqual((0, ''), (child.returncode, errors))
        self.assertFalse(os.path.exists(token))

    def test_ready_line(self) -> None:
        child = self.start('--nodes', '1', '--ready-json')
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        self.assertEqual(1, len(ready['endpoints']))
        self.assertIn('admin_token', ready)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(0, child.wait(10))

    def test_list_and_errors(self) -> None:
        out, _errors = self.start('--list').communicate(timeout=10)
        self.assertIn('etag_mismatch=412', out)
        child = self.start('--set', 'no_such=1')
        _out, errors = child.communicate(timeout=10)
        self.assertEqual(2, child.returncode)
        self.assertIn('no such setting', errors)


def _listens(port: int) -> bool:
    with socket.socket() as plain:
        return plain.connect_ex(('127.77.0.1', port)) == 0


def _becomes(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
