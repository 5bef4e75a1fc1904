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

"""The cluster: its state, its clock and the changes that are pending.

No thread moves anything. A change that takes time is put on a heap with the
time it is due, and whoever looks at the cluster advances it first.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
import threading
import time
from typing import Any
from typing import Callable
from typing import Sequence
from typing import Union
import uuid

from tests.emulator import nodes
from tests.emulator import policies
from tests.emulator import projects
from tests.emulator import rendering
from tests.emulator import settings as settings_module
from tests.emulator import snapshots
from tests.emulator import volumes

Clock = Callable[[], float]
Stored = Union[volumes.Volume, snapshots.Snapshot]


class Cluster:
    """Everything that all API endpoints share, under one lock."""

    def __init__(self, settings: settings_module.Settings, clock: Clock,
                 addresses: Sequence[str]) -> None:
        self.settings = settings
        self.addresses = list(addresses)
        self.port = settings.port
        self.lock = threading.RLock()
        self.uuid = str(uuid.uuid4())
        self.subsystem_nqn = (
            'nqn.2016-01.com.lightbitslabs:uuid:%s' % uuid.uuid4())
        self._clock = clock
        self._epoch = time.time() - clock()
        self.clear()

    def clear(self) -> None:
        """An empty cluster, as after installation."""
        self._skipped = 0.0
        self.now = self._clock()
        self.random = random.Random(self.settings.seed)
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._nsids = itertools.count(1)
        self._free_nsids: list[int] = []
        self.nodes = nodes.Nodes(self.addresses)
        self.projects = projects.Projects()
        self.policies = policies.Policies()
        self.volumes = volumes.Volumes(self)
        self.snapshots = snapshots.Snapshots(self)
        self.etag = 0

    # Time

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        present = self._clock() + self._skipped
        while self._pending and self._pending[0][0] <= present:
            due, _order, action = heapq.heappop(self._pending)
            # What follows from a change counts from when it happened, not
            # from when somebody looked.
            self.now = max(self.now, due)
            action()
        self.now = max(self.now, present)

    def skip(self, seconds: float) -> None:
        """Let time pass at once."""
        self._skipped += seconds
        self.advance()

    def wall(self) -> float:
        """The time of day, as seconds since 1970."""
        return self._epoch + self.now

    def schedule(self, delay: float, action: Callable[[], None]) -> None:
        """Let something happen after a delay."""
        heapq.heappush(
            self._pending, (self.now + delay, next(self._order), action))

    def later(self, item: Any, kind: str,
              action: Callable[[], None]) -> None:
        """Let an object's transition end after that kind's settle time.

        Another transition of the same object makes this one void.
        """
        item.generation += 1
        generation = item.generation

        def finish() -> None:
            if item.generation == generation:
                action()

        self.schedule(self.settings.delay(kind), finish)

    # What objects share

    def take_nsid(self) -> int:
        """A namespace id that nobody has."""
        if self._free_nsids and self.settings.reuse_nsid:
            return heapq.heappop(self._free_nsids)
        return next(self._nsids)

    def return_nsid(self, nsid: int) -> None:
        """The namespace of a deleted object can be numbered again."""
        if nsid:
            heapq.heappush(self._free_nsids, nsid)

    def etag_text(self, item: Stored) -> str:
        """An object's ETag (1.6)."""
        if self.settings.etag_style == 'counter':
            return str(item.etag)
        return hashlib.sha256(
            ('%s %d' % (item.uuid, item.etag)).encode()).hexdigest()[:16]

    def set_node(self, index: int, state: str) -> None:
        """Take a storage node down or bring it back."""
        node = self.nodes.all[index]
        node.etag += 1
        self.etag += 1
        if state == 'down':
            node.generation += 1
            node.state = nodes.INACTIVE
            return
        if state != 'up':
            raise ValueError('a node is up or down, not %r' % state)
        node.state = nodes.ACTIVATING

        def finish() -> None:
            node.state = nodes.ACTIVE

        self.later(node, 'node', finish)
        self.advance()

    def replace_node(self, index: int, address: str) -> None:
        """Name another address for a node from now on."""
        self.addresses[index] = address
        self.nodes.replace(index, address)
        self.etag += 1

    # Cluster-wide answers

    def info(self) -> dict[str, Any]:
        """What a tenant sees of the cluster (4.2)."""
        settings = self.settings
        info = self._common()
        info['nvmeEndpoints'] = [
            nodes.host_port(a, settings.nvme_port) for a in self.addresses]
        if settings.old_clusterinfo:
            del info['nvmeEndpoints']
            del info['clusterName']
        return info

    def overview(self) -> dict[str, Any]:
        """What the cluster admin sees of it (4.3)."""
        settings = self.settings
        overview = self._common()
        overview.update(
            statistics=nodes.capacity_statistics(
                self.capacity, self.volumes.provisioned, self.volumes.used,
                settings.compression_ratio),
            health=self._health(),
            MinVersionInCluster='3.18.1',
            MinAllowedVersion='3.17.1',
            MaxAllowedVersion='3.19.99')
        return overview

    @property
    def capacity(self) -> int:
        """Bytes over all nodes."""
        return self.settings.node_capacity * len(self.nodes.all)

    def _common(self) -> dict[str, Any]:
        host_port = nodes.host_port
        return {
            'UUID': self.uuid,
            'subsystemNQN': self.subsystem_nqn,
            'currentMaxReplicas': self.nodes.current_max_replicas,
            'supportedMaxReplicas': self.nodes.supported_max_replicas,
            'ETag': str(self.etag),
            'apiEndpoints': [
                host_port(a, self.port) for a in self.addresses],
            'discoveryEndpoints': [
                host_port(a, self.settings.discovery_port)
                for a in self.addresses],
            'clusterName': self.settings.cluster_name,
            'lastUpgrade': {'Status': 'None'},
            'encryptionStatus': {},
            'inBandAuthMode': 'Disabled',
        }

    def _health(self) -> dict[str, Any]:
        counts = {'FullyProtected': 0, 'Degraded': 0, 'ReadOnly': 0,
                  'NotAvailable': 0}
        if self.nodes.all_active:
            counts['FullyProtected'] = len(self.volumes.store)
        else:
            for volume in self.volumes.store:
                counts[self.nodes.protection(volume.nodes)] += 1
        inactive = sum(
            node.state != nodes.ACTIVE for node in self.nodes.all)
        state = 'OK'
        if inactive or counts['Degraded']:
            state = 'Warning'
        if counts['ReadOnly'] or counts['NotAvailable']:
            state = 'Error'
        return {
            'state': rendering.enum(state, 'None'),
            'numDegradedVolumes': counts['Degraded'],
            'numReadOnlyVolumes': counts['ReadOnly'],
            'numNotAvailableVolumes': counts['NotAvailable'],
            'numInactiveNodes': inactive,
            'numHealthyVolumes': counts['FullyProtected'],
        }
