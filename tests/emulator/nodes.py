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

"""The servers of the cluster and what their health does to volumes."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Optional
from typing import Sequence
import uuid

from tests.emulator import rendering

ACTIVE = 'Active'
ACTIVATING = 'Activating'
INACTIVE = 'Inactive'

#: Protection state by replicas lost (REST API facts, 2.3).
_PROTECTION = {
    3: ('FullyProtected', 'Degraded', 'ReadOnly', 'NotAvailable'),
    2: ('FullyProtected', 'ReadOnly', 'NotAvailable'),
    1: ('FullyProtected', 'NotAvailable'),
}


@dataclasses.dataclass
class Node:
    """One server with one storage node."""

    index: int
    address: str
    uuid: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))
    server_uuid: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))
    state: str = ACTIVE
    etag: int = 0
    allocated: int = 0
    used: int = 0
    volumes: int = 0
    generation: int = 0

    @property
    def name(self) -> str:
        return 'server%02d-0' % self.index


class Nodes:
    """All nodes, in the order of their API endpoints."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.all = [Node(index, address)
                    for index, address in enumerate(addresses)]
        self._by_uuid = {node.uuid: node for node in self.all}

    def replace(self, index: int, address: str) -> None:
        """Let another server take over a storage node, with its data."""
        node = self.all[index]
        node.address = address
        node.server_uuid = str(uuid.uuid4())
        node.etag += 1

    def get(self, node_uuid: str) -> Optional[Node]:
        """The node with that UUID."""
        return self._by_uuid.get(node_uuid)

    def place(self, replicas: int) -> list[str]:
        """Nodes for the replicas of a new volume, the emptiest first."""
        active = [node for node in self.all if node.state == ACTIVE]
        active.sort(key=lambda node: (node.allocated, node.volumes))
        return [node.uuid for node in active[:replicas]]

    def protection(self, node_list: Sequence[str]) -> str:
        """The protection state of a volume with replicas on these nodes."""
        lost = sum(self._by_uuid[uuid].state != ACTIVE
                   for uuid in node_list if uuid in self._by_uuid)
        return _PROTECTION.get(len(node_list), _PROTECTION[3])[lost]

    @property
    def all_active(self) -> bool:
        return all(node.state == ACTIVE for node in self.all)

    @property
    def current_max_replicas(self) -> int:
        """Follows health (4.2)."""
        return min(3, sum(node.state == ACTIVE for node in self.all))

    @property
    def supported_max_replicas(self) -> int:
        """Follows the installation (4.2)."""
        return min(3, len(self.all))

    def wire(self, node: Node, settings: Any) -> dict[str, Any]:
        """The Node object (4.4)."""
        endpoint = host_port(node.address, settings.nvme_port)
        if node.state != ACTIVE and not settings.inactive_node_endpoint:
            endpoint = ''
        capacity = settings.node_capacity
        return {
            'name': node.name,
            'UUID': node.uuid,
            'state': node.state,
            'status': 'ConnectivityOK',
            'nvmeEndpoint': endpoint,
            'failureDomains': ['server%02d' % node.index],
            'failureInfo': None,
            'hostname': 'server%02d' % node.index,
            'inLocalRebuild': False,
            'localRebuildProgress': 0,
            'numManagedDevices': 6,
            'maxNvmeDevices': 12,
            'ec': False,
            'statistics': capacity_statistics(
                capacity, node.allocated, node.used,
                settings.compression_ratio),
            'serverUUID': node.server_uuid,
            'ETag': str(node.etag),
            'readOnly': False,
            'powerupProgress': 0,
            'permanentFailure': False,
        }


def host_port(address: str, port: int) -> str:
    """`ip:port`, an IPv6 address in brackets (4.2)."""
    form = '[%s]:%d' if ':' in address else '%s:%d'
    return form % (address, port)


def capacity_statistics(capacity: int, allocated: int, used: int,
                        ratio: float) -> dict[str, Any]:
    """Capacity figures, in bytes over all replicas (4.3)."""
    physical = int(used / ratio)
    free = max(0, capacity - physical)
    size = rendering.Uint64
    return {
        'installedPhysicalStorage': size(capacity),
        'managedPhysicalStorage': size(capacity),
        'effectivePhysicalStorage': size(capacity),
        'logicalStorage': size(allocated),
        'logicalUsedStorage': size(used),
        'physicalUsedStorage': size(physical),
        'physicalUsedStorageIncludingParity': size(physical),
        'freePhysicalStorage': size(free),
        'estimatedFreeLogicalStorage': size(free * ratio),
        'estimatedLogicalStorage': size(capacity * ratio),
        'compressionRatio': ratio,
    }
