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

"""Volumes and the states they pass through (REST API facts, 2)."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Optional
from typing import TYPE_CHECKING
import uuid

from tests.emulator import acl
from tests.emulator import errors
from tests.emulator import rendering
from tests.emulator import store

if TYPE_CHECKING:
    from tests.emulator import cluster as cluster_module

CREATING = 'Creating'
AVAILABLE = 'Available'
DELETING = 'Deleting'
FAILED = 'Failed'
UPDATING = 'Updating'
ROLLBACK = 'Rollback'
MIGRATING = 'Migrating'

USABLE = (AVAILABLE, MIGRATING)
BUSY = (CREATING, UPDATING, ROLLBACK)


@dataclasses.dataclass
class Volume:
    """One volume as the cluster keeps it."""

    name: str
    project: str
    size: int
    replicas: int
    acl: list[str]
    # None: nobody has set it, which means ALLOW_ANY.
    ip_acl: Optional[list[str]]
    nodes: list[str]
    created: float
    qos_policy: str
    uuid: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))
    state: str = CREATING
    sector_size: int = 4096
    compression: bool = False
    nsid: int = 0
    etag: int = 0
    used: int = 0
    # Stands for what hosts have written, which no API call shows.
    content: str = ''
    source_snapshot_uuid: str = ''
    source_snapshot_name: str = ''
    labels: list[dict[str, str]] = dataclasses.field(default_factory=list)
    placement: list[dict[str, Any]] = dataclasses.field(
        default_factory=list)
    connected_hosts: list[str] = dataclasses.field(default_factory=list)
    rebuild_progress: str = 'None'
    # Overrides what the health of the nodes says, for tests.
    protection_state: Optional[str] = None
    # Which transition is the pending one; older ones are void.
    generation: int = 0
    snapshots_creating: int = 0
    # What the other endpoints still show: (until, endpoint, wire form).
    shadow: Optional[tuple[float, int, Optional[dict[str, Any]]]] = None
    # Somebody has looked since it was created.
    seen: bool = False

    @property
    def provisioned(self) -> int:
        """Bytes over all replicas."""
        return self.size * self.replicas


class Volumes:
    """All volumes, and the changes they go through."""

    def __init__(self, cluster: cluster_module.Cluster) -> None:
        self._cluster = cluster
        self.store: store.Store[Volume] = store.Store()
        self.provisioned = 0
        self.used = 0
        # Which volumes were cloned from a snapshot and still exist.
        self.clones: dict[str, set[str]] = {}

    # Finding

    def find(self, project: Optional[str], uuid: str = '',
             name: str = '') -> Volume:
        """The volume of that UUID or else name, in a project (2.5).

        Without a project, which only the cluster admin may leave out, a
        UUID is looked for everywhere.
        """
        if uuid:
            volume = self.store.get(check_uuid(uuid))
            if volume and project in (None, volume.project):
                return volume
            raise errors.not_found('volume')
        if not name:
            raise errors.invalid('volume UUID or name required')
        found = self.store.named(project or 'default', name)
        if not found:
            raise errors.not_found('volume')
        live = [v for v in found if v.state != DELETING]
        gone = [v for v in found if v.state == DELETING]
        if self._cluster.settings.name_lookup == 'deleting':
            return (gone + live)[0]
        return (live + gone)[0]

    def check_name_free(self, project: str, name: str) -> None:
        """Refuse the name of a volume in the way (2.4)."""
        settings = self._cluster.settings
        for other in self.store.named(project, name):
            if other.state == DELETING and settings.deleting_frees_name:
                continue
            if other.state == FAILED and settings.failed_frees_name:
                continue
            raise errors.exists('volume %s already exists' % name)

    # Changing

    def create(self, volume: Volume, fails: bool = False) -> None:
        """Take in a new volume; it is Available later, or Failed."""
        self.store.add(volume)
        self._account(volume, 1)
        if volume.source_snapshot_uuid:
            self.clones.setdefault(
                volume.source_snapshot_uuid, set()).add(volume.uuid)

        def finish() -> None:
            volume.state = FAILED if fails else AVAILABLE
            if not fails:
                volume.nsid = self._cluster.take_nsid()
            self._settled(volume)

        self._cluster.later(volume, 'create', finish)

    def update(self, volume: Volume, changes: dict[str, Any]) -> None:
        """Give fields new values, by way of Updating."""
        volume.etag += 1
        volume.state = UPDATING
        early = self._cluster.settings.visible_during_update == 'new'
        if early:
            self.apply(volume, changes)

        def finish() -> None:
            if not early:
                self.apply(volume, changes)
            volume.state = AVAILABLE
            self._settled(volume)

        self._cluster.later(volume, 'update', finish)

    def apply(self, volume: Volume, changes: dict[str, Any]) -> None:
        """Set fields at once, with all that is derived from them."""
        self._account(volume, -1)
        for name, value in changes.items():
            if name == 'name':
                if value != volume.name:
                    self.store.rename(volume, value)
            else:
                setattr(volume, name, value)
        if 'size' in changes and 'used' not in changes:
            volume.used = int(
                volume.size * self._cluster.settings.written_fraction)
        self._account(volume, 1)

    def roll_back(self, volume: Volume, changes: dict[str, Any]) -> None:
        """Return to a snapshot, by way of Rollback (2.15)."""
        volume.etag += 1
        volume.state = ROLLBACK

        def finish() -> None:
            self.apply(volume, changes)
            volume.state = AVAILABLE
            self._settled(volume)

        self._cluster.later(volume, 'rollback', finish)

    def delete(self, volume: Volume) -> None:
        """Let it go, by way of Deleting (2.8)."""
        volume.etag += 1
        volume.state = DELETING
        self._cluster.later(volume, 'delete', lambda: self._gone(volume))

    def _gone(self, volume: Volume) -> None:
        self.store.remove(volume)
        self._account(volume, -1)
        self._cluster.return_nsid(volume.nsid)
        source = volume.source_snapshot_uuid
        clones = self.clones.get(source)
        if clones is not None:
            clones.discard(volume.uuid)
            if not clones:
                del self.clones[source]
                self._cluster.snapshots.clones_gone(source)

    def _settled(self, volume: Volume) -> None:
        if self._cluster.settings.etag_on_settle:
            volume.etag += 1

    def _account(self, volume: Volume, sign: int) -> None:
        provisioned = sign * volume.provisioned
        used = sign * volume.used
        self.provisioned += provisioned
        self.used += used * volume.replicas
        for node_uuid in volume.nodes:
            node = self._cluster.nodes.get(node_uuid)
            if node:
                node.allocated += sign * volume.size
                node.used += used
                node.volumes += sign

    # Showing

    def wire(self, volume: Volume) -> dict[str, Any]:
        """The Volume object (2.1)."""
        cluster = self._cluster
        ip_acl = volume.ip_acl
        if ip_acl is None and cluster.settings.show_default_ip_acl:
            ip_acl = [acl.ALLOW_ANY]
        protection = volume.protection_state
        if protection is None:
            protection = ('Unknown' if volume.state == CREATING else
                          cluster.nodes.protection(volume.nodes))
        return {
            'state': rendering.enum(volume.state),
            'protectionState': rendering.enum(protection),
            'replicaCount': volume.replicas,
            'nodeList': volume.nodes,
            'UUID': volume.uuid,
            'nsid': volume.nsid,
            'acl': {'values': volume.acl},
            'compression': 'true' if volume.compression else 'false',
            'size': rendering.Uint64(volume.size),
            'name': volume.name,
            'rebuildProgress': volume.rebuild_progress,
            'statistics': self._statistics(volume),
            'IPAcl': None if ip_acl is None else {'values': ip_acl},
            'ETag': cluster.etag_text(volume),
            'connectedHosts': volume.connected_hosts,
            'sectorSize': volume.sector_size,
            'projectName': volume.project,
            'sourceSnapshotUUID': volume.source_snapshot_uuid,
            'sourceSnapshotName': volume.source_snapshot_name,
            'qosPolicyUUID': volume.qos_policy,
            'qosPolicyName': cluster.policies.name_of(volume.qos_policy),
            'placementRestrictions': volume.placement,
            'primaryNodeUUID': volume.nodes[0] if volume.nodes else '',
            'labels': volume.labels,
            'creationTime': rendering.timestamp(volume.created),
            'clusterId': cluster.uuid,
            'pgUUID': '',
        }

    def _statistics(self, volume: Volume) -> dict[str, Any]:
        size = rendering.Uint64
        ratio = self._cluster.settings.compression_ratio
        # A volume takes some metadata even when nothing is written.
        physical = size(max(4096, int(volume.used / ratio)))
        return {
            'logicalUsedStorage': size(volume.used),
            'physicalUsedStorage': physical,
            'compressionRatio': ratio,
            'totalCompressionRatio': ratio,
            'physicalCapacity': physical,
            'physicalOwnedCapacity': physical,
            'physicalOwnedMemory': size(1024),
            'physicalMemory': size(1024),
            'userWritten': size(volume.used),
            'unrecoverableDataIntegrityErrors': 0,
            'recoverableDataIntegrityErrors': 0,
        }


def check_uuid(text: str) -> str:
    """The UUID in its usual form, or a refusal (2.5)."""
    try:
        if len(text) != 36:
            raise ValueError
        return str(uuid.UUID(text))
    except ValueError:
        raise errors.invalid('invalid UUID %r' % text)
