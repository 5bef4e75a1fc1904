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

"""A real Cinder on emulated clusters, which the tests of a class share."""

from importlib import metadata
import io
import typing
import unittest

from cinderclient import exceptions

from tests import emulator
from tests.stack import backend
from tests.stack import compute
from tests.stack import process
from tests.stack import stack
from tests.stack import volumes

GIB = 2 ** 30
PROJECT = 'lightstack'
CLOSED = ['ALLOW_NONE']
HOST = compute.Host('compute-a', ('192.0.2.11', '2001:db8::11'))
OTHER_HOST = compute.Host('compute-b', ('192.0.2.12', '2001:db8::12'))

# What an attachment that a connector is no good for is answered with: Cinder
# 26.0 makes HTTP 500 of it, with the same words; 26.3 does not.
UPDATE_REFUSED = (
    exceptions.ClientException if metadata.version('cinder') < '26.3'
    else exceptions.BadRequest)


class StackTestCase(unittest.TestCase):
    """One stack for all tests; each leaves the clusters as it found them."""

    #: The backends, each on a cluster of its own.
    backends: typing.Sequence[str] = ('lightstack',)
    #: Options of every backend on top of the usual.
    options: typing.Mapping[str, typing.Any] = {}
    #: Options of Cinder on top of the usual.
    defaults: typing.Mapping[str, typing.Any] = {}
    #: Sections of cinder.conf on top of the usual.
    sections: typing.Mapping[str, typing.Mapping[str, typing.Any]] = {}
    #: Whether Cinder copies data between volumes, which fails here.
    data_path = True

    clusters: dict[str, emulator.EmulatorProcess]
    lightos: emulator.EmulatorProcess
    stack: stack.Stack
    volumes: volumes.Volumes
    cinder: typing.Any
    nova: compute.Compute

    @classmethod
    def setUpClass(cls) -> None:
        """Start the clusters, and Cinder with a backend on each."""
        super().setUpClass()
        cls.clusters = {}
        for name in cls.backends:
            cls.clusters[name] = cls.enterClassContext(
                emulator.EmulatorProcess(
                    emulator.Settings(nodes=3, settle=0.1)))
            cls.clusters[name].create_project(PROJECT)
        cls.lightos = cls.clusters[cls.backends[0]]
        cls.stack = cls.enterClassContext(cls.make_stack({
            # A token for both projects: untyped volumes go to the default.
            name: backend.section(name, cluster, cluster.admin_token,
                                  **cls.options)
            for name, cluster in cls.clusters.items()}))
        cls.volumes = volumes.Volumes(cls.stack.admin, cls.wait)
        cls.cinder = cls.volumes.client
        cls.nova = compute.Compute(cls.stack.admin, cls.stack.nova)

    @classmethod
    def make_stack(cls, sections: dict[str, dict[str, typing.Any]]
                   ) -> stack.Stack:
        """Return the stack to start, with these backends."""
        return stack.Stack(sections, defaults=cls.defaults,
                           sections=cls.sections, data_path=cls.data_path,
                           progress=io.StringIO())

    @classmethod
    def create_type(cls, name: str, **specs: str) -> typing.Any:
        """Create a volume type of the project on the clusters.

        :param specs: extra specs on top of those of Gold.
        """
        made = cls.cinder.volume_types.create(name)
        made.set_keys({
            'compression': '<is> True', 'lightos:num_replicas': '3',
            'lightos:project_name': PROJECT,
            'volume_backend_name': cls.backends[0], **specs})
        return made

    @classmethod
    def wait(cls, what: str, ready: typing.Callable[[], bool]) -> None:
        """Wait until it is so."""
        process.wait_until(ready, what, cls.stack.processes, 60.0)

    def setUp(self) -> None:
        """See afterwards that nothing is left and nothing was careless."""
        super().setUp()
        self.addCleanup(self._check_clusters_are_empty)

    def _check_clusters_are_empty(self) -> None:
        for cluster in self.clusters.values():
            self.wait('the cluster to be empty', lambda: not (
                cluster.volumes() or cluster.snapshots()))
            self.assertEqual([], cluster.complaints())

    def create(self, size: int, **source: str) -> typing.Any:
        """Create a volume, which is deleted after the test."""
        volume = self.cinder.volumes.create(size, **source)
        self.addCleanup(self.delete, volume.id)
        return self.volumes.settled(volume.id)

    def delete(self, volume: str) -> None:
        """Delete a volume and wait until it is gone."""
        self.cinder.volumes.delete(volume)
        self.volumes.gone(volume)

    def delete_snapshot(self, snapshot: str) -> None:
        """Delete a snapshot and wait until it is gone."""
        self.cinder.volume_snapshots.delete(snapshot)
        self.volumes.gone_snapshot(snapshot)

    def on_cluster(self, volume: typing.Any, name: str = '') -> typing.Any:
        """Return what the volume is on the cluster.

        :param name: of the backend, the first one if left out.
        """
        cluster = self.clusters[name or self.backends[0]]
        named = [item for item in cluster.volumes()
                 if item['name'] == name_of(volume)]
        self.assertEqual(1, len(named), cluster.volumes())
        return named[0]

    def assert_on_cluster(self, volume: typing.Any, size: int,
                          **fields: typing.Any) -> None:
        """Check that it is there, as asked for and closed."""
        item = self.on_cluster(volume)
        self.assertEqual(size * GIB, int(item['size']))
        self.assertEqual('Available', item['state'])
        self.assertEqual(fields, {name: item[name] for name in fields})
        self.assert_open_to(volume)

    def assert_open_to(self, volume: typing.Any, *hosts: compute.Host,
                       name: str = '') -> None:
        """Check that these may connect from all their addresses: no others.

        :param name: of the backend, the first one if left out.
        """
        item = self.on_cluster(volume, name)
        addresses = {address for host in hosts for address in host.addresses}
        self.assertEqual(sorted(host.nqn for host in hosts) or CLOSED,
                         sorted(item['acl']['values']))
        self.assertEqual(sorted(addresses) or CLOSED,
                         sorted(item['IPAcl']['values']))


def name_of(volume: typing.Any) -> str:
    """The name that a volume has on its cluster, migrated or not."""
    name_id = getattr(volume, 'os-vol-mig-status-attr:name_id', None)
    return f'volume-{name_id or volume.id}'
