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

"""Snapshots and the states they pass through (REST API facts, 3)."""

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
from tests.emulator import volumes

if TYPE_CHECKING:
    from tests.emulator import cluster as cluster_module


@dataclasses.dataclass
class Snapshot:
    """One snapshot as the cluster keeps it."""

    name: str
    project: str
    source_uuid: str
    source_name: str
    size: int
    replicas: int
    compression: bool
    sector_size: int
    nodes: list[str]
    labels: list[dict[str, str]]
    # The access lists of the volume then; a rollback may bring them back.
    source_acl: list[str]
    source_ip_acl: Optional[list[str]]
    content: str = ''
    description: str = ''
    retention: float = 0.0
    uuid: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))
    state: str = volumes.CREATING
    created: Optional[float] = None
    # Orders the snapshots of one volume.
    number: int = 0
    nsid: int = 0
    etag: int = 0
    generation: int = 0
    shadow: Optional[tuple[float, int, Optional[dict[str, Any]]]] = None
    seen: bool = False


class Snapshots:
    """All snapshots, and the changes they go through."""

    def __init__(self, cluster: cluster_module.Cluster) -> None:
        self._cluster = cluster
        self.store: store.Store[Snapshot] = store.Store()
        # Deleted ones that only their clones still hold.
        self._held: set[str] = set()
        self._taken = 0

    def find(self, project: str, uuid: str = '',
             name: str = '') -> Snapshot:
        """The snapshot of that UUID or else name, in a project."""
        if uuid:
            snapshot = self.store.get(volumes.check_uuid(uuid))
            if snapshot and snapshot.project == project:
                return snapshot
            raise errors.not_found('snapshot')
        if not name:
            raise errors.invalid('snapshot UUID or name required')
        found = self.store.named(project, name)
        if not found:
            raise errors.not_found('snapshot')
        live = [s for s in found if s.state != volumes.DELETING]
        gone = [s for s in found if s.state == volumes.DELETING]
        if self._cluster.settings.name_lookup == 'deleting':
            return (gone + live)[0]
        return (live + gone)[0]

    def create(self, snapshot: Snapshot, source: volumes.Volume,
               fails: bool = False) -> None:
        """Take in a new snapshot; it is Available later, or Failed."""
        cluster = self._cluster
        self._taken += 1
        snapshot.number = self._taken
        self.store.add(snapshot)
        source.snapshots_creating += 1
        if cluster.settings.snapshot_changes_etag:
            source.etag += 1

        def finish() -> None:
            source.snapshots_creating -= 1
            snapshot.state = (
                volumes.FAILED if fails else volumes.AVAILABLE)
            if cluster.settings.etag_on_settle:
                snapshot.etag += 1
            if fails:
                return
            snapshot.created = cluster.wall()
            snapshot.nsid = cluster.take_nsid()
            if snapshot.retention:
                # Not a transition of its own: it must survive others.
                cluster.schedule(
                    snapshot.retention, lambda: self._expire(snapshot))

        cluster.later(snapshot, 'snapshot', finish)

    def apply(self, snapshot: Snapshot, changes: dict[str, Any]) -> None:
        """Set fields at once."""
        source = self._cluster.volumes.store.get(snapshot.source_uuid)
        if (snapshot.state == volumes.CREATING and 'state' in changes and
                source):
            # Nobody waits for its creation any more.
            source.snapshots_creating -= 1
        for name, value in changes.items():
            if name == 'name':
                self.store.rename(snapshot, value)
            else:
                setattr(snapshot, name, value)

    def _expire(self, snapshot: Snapshot) -> None:
        if snapshot.state == volumes.AVAILABLE:
            self.delete(snapshot)

    def delete(self, snapshot: Snapshot) -> None:
        """Let it go, by way of Deleting."""
        snapshot.etag += 1
        snapshot.state = volumes.DELETING

        def finish() -> None:
            if (snapshot.uuid in self._cluster.volumes.clones and
                    self._cluster.settings.snapshot_with_clone == 'wait'):
                self._held.add(snapshot.uuid)
            else:
                self._gone(snapshot)

        self._cluster.later(snapshot, 'snapshot_delete', finish)

    def clones_gone(self, uuid: str) -> None:
        """The last clone has gone: so can a snapshot held by it."""
        if uuid in self._held:
            snapshot = self.store.get(uuid)
            if snapshot:
                self._gone(snapshot)

    def drop_later(self, snapshot: Snapshot) -> None:
        """Delete the snapshots of a volume taken after this one."""
        for other in self.store:
            if (other.source_uuid == snapshot.source_uuid and
                    other.number > snapshot.number and
                    other.state == volumes.AVAILABLE):
                self.delete(other)

    def _gone(self, snapshot: Snapshot) -> None:
        self._held.discard(snapshot.uuid)
        self.store.remove(snapshot)
        self._cluster.return_nsid(snapshot.nsid)

    def wire(self, snapshot: Snapshot) -> dict[str, Any]:
        """The Snapshot object (3)."""
        size = rendering.Uint64
        retention = snapshot.retention
        return {
            'state': rendering.enum(snapshot.state),
            'UUID': snapshot.uuid,
            'name': snapshot.name,
            'description': snapshot.description,
            'creationTime': (None if snapshot.created is None else
                             rendering.timestamp(snapshot.created)),
            'retentionTime': '%gs' % retention if retention else None,
            'sourceVolumeUUID': snapshot.source_uuid,
            'sourceVolumeName': snapshot.source_name,
            'replicaCount': snapshot.replicas,
            'nodeList': snapshot.nodes,
            'nsid': snapshot.nsid,
            'acl': {'values': [acl.ALLOW_NONE]},
            'IPAcl': {'values': [acl.ALLOW_NONE]},
            # A real boolean here, text in a Volume.
            'compression': snapshot.compression,
            'size': size(snapshot.size),
            'sectorSize': snapshot.sector_size,
            'statistics': {
                'physicalCapacity': size(4096),
                'physicalOwnedCapacity': size(0),
                'physicalOwnedMemory': size(0),
                'physicalMemory': size(0),
                'userWritten': size(0),
            },
            'ETag': self._cluster.etag_text(snapshot),
            'projectName': snapshot.project,
            'primaryNodeUUID': snapshot.nodes[0] if snapshot.nodes else '',
            'labels': snapshot.labels,
            'clusterId': self._cluster.uuid,
            'pgUUID': '',
        }
