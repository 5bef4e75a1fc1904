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

"""The soak would notice what it is there to notice."""

import http.client
import os
import pathlib
import socket
import ssl
import tempfile
import typing
import unittest

from tests import emulator
from tests.soak import figures
from tests.soak import gauges
from tests.soak import inventory
from tests.soak import report
from tests.soak import trouble
from tests.soak import watch
from tests.stack import compute

PROJECT = 'lightstack'
HOST = compute.Host('compute-a', ('192.0.2.11',))
STRANGER = compute.Host('compute-b', ('192.0.2.12',))


class Collection:
    """What Cinder has of a kind."""

    def __init__(self, **statuses: str) -> None:
        self._statuses = statuses

    def list(self) -> list[typing.Any]:
        """All of it."""
        return [type('Item', (), {'id': key, 'status': status})
                for key, status in self._statuses.items()]


class Records:
    """Cinder, as far as it is asked for what it has on record."""

    def __init__(self, **volumes: str) -> None:
        self.volumes = Collection(**volumes)
        self.volume_snapshots = Collection()


class ClusterTest(unittest.TestCase):
    """What is on the cluster is not as users were told."""

    lightos: emulator.EmulatorProcess

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.lightos = cls.enterClassContext(emulator.EmulatorProcess())

    def setUp(self) -> None:
        super().setUp()
        self.lightos.reset()
        self.lightos.create_project(PROJECT)
        self.lightos.fill(PROJECT, 1)
        self.uuid = self.lightos.volumes()[0]['UUID']
        self.lightos.edit_volume(self.uuid, name='volume-a')
        self.figures = figures.Figures()
        self.watch = watch.Watch(self.lightos, self.figures)

    def open_to(self, *hosts: compute.Host) -> None:
        """Let hosts in, behind Cinder's back."""
        self.lightos.edit_volume(
            self.uuid, acl=[host.nqn for host in hosts] or ['ALLOW_NONE'],
            ip_acl=[address for host in hosts for address in host.addresses]
            or ['ALLOW_NONE'])

    def assert_found(self, **counts: int) -> None:
        """Check how many violations of which kinds are known."""
        self.assertEqual(counts, {
            kind: len(texts) for kind, texts
            in self.figures.violations().items() if texts})

    def test_all_as_told(self) -> None:
        self.open_to(HOST)
        self.watch.volume('a', 1, HOST)
        self.watch.look()
        inventory.compare(Records(a='in-use'), self.lightos, self.figures)
        self.assert_found()

    def test_lost(self) -> None:
        self.watch.snapshot('b', 1)
        self.watch.look()
        self.assert_found(lost=1)
        inventory.compare(Records(a='available', c='available'),
                          self.lightos, self.figures)
        self.assert_found(lost=2)

    def test_not_extended(self) -> None:
        self.open_to()
        self.watch.volume('a', 2)
        self.watch.look()
        self.assert_found(lost=1)

    def test_open_to_a_stranger(self) -> None:
        self.open_to(HOST, STRANGER)
        self.watch.volume('a', 1, HOST)
        self.watch.look()
        self.watch.look()
        self.assert_found(unauthorised=1)

    def test_closed_to_its_host(self) -> None:
        self.open_to()
        self.watch.volume('a', 1, HOST)
        self.watch.look()
        self.assert_found(lost=1)

    def test_on_the_move(self) -> None:
        self.open_to(STRANGER)
        self.watch.volume('a', 2)
        self.watch.move('a')
        self.watch.look()
        self.assert_found()

    def test_orphaned(self) -> None:
        inventory.compare(Records(), self.lightos, self.figures)
        self.assert_found(orphaned=1)

    def test_stuck(self) -> None:
        inventory.compare(Records(a='extending'), self.lightos, self.figures)
        self.assert_found(stuck=1)


class TroubleTest(unittest.TestCase):
    """What is to go wrong does."""

    def setUp(self) -> None:
        super().setUp()
        self.lightos = self.enterContext(emulator.EmulatorProcess())
        self.lightos.create_project(PROJECT)

    def ask(self, token: str) -> int:
        """Ask for volumes; return the status."""
        connection = http.client.HTTPSConnection(
            self.lightos.addresses[0], self.lightos.port,
            context=ssl._create_unverified_context(), timeout=30)
        self.addCleanup(connection.close)
        connection.request('GET', f'/api/v2/projects/{PROJECT}/volumes',
                           headers={'Authorization': f'Bearer {token}'})
        return connection.getresponse().status

    def test_the_first_token_is_no_good_any_more(self) -> None:
        folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory()))
        token = trouble.Token(self.lightos, PROJECT, folder)
        file, = folder.iterdir()
        first = file.read_text()
        self.assertEqual(200, self.ask(first))
        token.rotate()
        self.assertEqual([file], list(folder.iterdir()))
        self.assertEqual(401, self.ask(first))
        self.assertEqual(200, self.ask(file.read_text()))
        self.assertEqual(1, token.refused())

    def test_a_share_of_all_calls_fails(self) -> None:
        calls = trouble.Calls(self.lightos)
        calls.begin()
        share = sum(fault['probability'] for fault in self.lightos.faults())
        self.assertAlmostEqual(trouble.SHARE, share)
        self.assertEqual(len(trouble.FAULTS), len(calls.end()))
        self.assertEqual([], self.lightos.faults())


class GaugesTest(unittest.TestCase):
    """What processes hold."""

    def test_connections(self) -> None:
        listener = self.enterContext(socket.create_server(('127.0.0.1', 0)))
        port = listener.getsockname()[1]

        def measure() -> gauges.Sample:
            sample = gauges.sample([os.getpid()], port, 0)
            assert sample is not None
            return sample

        before = measure()
        self.assertEqual(0, before.connections)
        for _ in range(3):
            self.enterContext(socket.create_connection(('127.0.0.1', port)))
        after = measure()
        self.assertEqual(3, after.connections)
        self.assertEqual(before.files + 3, after.files)
        self.assertLess(1, after.memory)
        self.assertLessEqual(1, after.threads)

    def test_ended(self) -> None:
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        self.assertIsNone(gauges.sample([child], 1, 0))


class ObjectionsTest(unittest.TestCase):
    """What will not do."""

    def objections(self, *samples: gauges.Sample) -> list[str]:
        """What is said of a service that held so much."""
        run = report.Run(8)
        run.samples['volume-1', 7].extend(samples)
        return list(report.objections(run, figures.Figures()))

    def test_what_grows_until_it_is_warm(self) -> None:
        self.assertEqual([], self.objections(*(
            gauges.Sample(number, 100 if number < 10 else 300, 3, 2, 30)
            for number in range(100))))

    def test_memory(self) -> None:
        said, = self.objections(*(
            gauges.Sample(number, 100.0 + number, 3, 2, 30)
            for number in range(100)))
        self.assertIn('89.0 MiB', said)

    def test_connections(self) -> None:
        said, = self.objections(gauges.Sample(0, 100, 3, 2, 30),
                                gauges.Sample(1, 100, 28, 2, 30))
        self.assertIn('28 connections', said)

    def test_violation(self) -> None:
        counted = figures.Figures()
        counted.violation('stuck', 'volume a is deleting')
        self.assertEqual(['STUCK: volume a is deleting'],
                         list(report.objections(report.Run(8), counted)))
