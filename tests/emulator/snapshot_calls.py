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

"""The calls on snapshots (REST API facts, 3)."""

from __future__ import annotations

from typing import Any

from tests.emulator import calls
from tests.emulator import errors
from tests.emulator import messages
from tests.emulator import snapshots
from tests.emulator import volumes

CREATE = {
    'name': messages.text,
    'sourceVolumeUUID': messages.text,
    'sourceVolumeName': messages.text,
    'retentionTime': messages.duration,
    'description': messages.text,
    'projectName': messages.text,
    'labels': messages.objects,
}
# Not `name` as for volumes (1.4).
IDENTIFY = {'Name': str, 'UUID': str}
LIST: dict[str, messages.Decoder] = dict(calls.LIST_QUERY, Name=str)


def create(call: calls.Call) -> dict[str, Any]:
    """POST snapshots."""
    cluster = call.cluster
    fields = call.fields
    project = call.variables['projectName']
    name = fields.get('name', '')
    if not calls.NAME.fullmatch(name):
        raise errors.invalid('invalid snapshot name %r' % name)
    if len(fields.get('description', '').encode()) > 256:
        raise errors.invalid('description is longer than 256 bytes')
    source = cluster.volumes.find(
        project, fields.get('sourceVolumeUUID', ''),
        fields.get('sourceVolumeName', ''))
    given = fields.get('labels', [])
    labels = (calls.labels(call, given)
              if given and call.settings.supports_labels
              else list(source.labels))
    namesakes = cluster.snapshots.store.named(project, name)
    calls.check_duplicate(call, namesakes)
    fails = _check_name_free(call, name, namesakes)
    _check_source(call, source)
    snapshot = snapshots.Snapshot(
        name=name, project=project, source_uuid=source.uuid,
        source_name=source.name, size=source.size,
        replicas=source.replicas, compression=source.compression,
        sector_size=source.sector_size, nodes=list(source.nodes),
        labels=labels, content=source.content,
        source_acl=list(source.acl),
        source_ip_acl=source.ip_acl,
        description=fields.get('description', ''),
        retention=fields.get('retentionTime', 0.0))
    cluster.snapshots.create(snapshot, source, fails or call.fails)
    call.changing(snapshot, None)
    return cluster.snapshots.wire(snapshot)


def _check_name_free(call: calls.Call, name: str,
                     namesakes: list[snapshots.Snapshot]) -> bool:
    """Whether the new snapshot will fail because of its name.

    Seen live: the name of one that is Deleting is accepted, and the new
    one ends in Failed.
    """
    settings = call.settings
    deleting = False
    for other in namesakes:
        if other.state == volumes.DELETING and (
                settings.snapshot_reused_name != '409'):
            deleting = True
        elif other.state != volumes.FAILED or (
                not settings.failed_frees_name):
            raise errors.exists('snapshot %s already exists' % name)
    if deleting:
        call.complain('used the name of a snapshot that is Deleting')
    return deleting and settings.snapshot_reused_name == 'fail'


def _check_source(call: calls.Call, source: volumes.Volume) -> None:
    """Refuse a volume that is changing, or being snapshotted (3)."""
    settings = call.settings
    if source.state in volumes.BUSY:
        raise errors.with_status(
            settings.snapshot_busy, 'volume is %s' % source.state)
    if source.state not in volumes.USABLE:
        raise errors.wrong_state('volume is %s' % source.state)
    if source.snapshots_creating and (
            settings.concurrent_snapshots != 'accept'):
        raise errors.with_status(
            settings.concurrent_snapshots,
            'another snapshot of the volume is being created')


def get(call: calls.Call) -> dict[str, Any]:
    """GET one snapshot, by UUID or by Name with the UUID left empty."""
    found = call.cluster.snapshots
    snapshot = found.find(call.variables['projectName'], call.uuid,
                          call.query.get('Name', ''))
    snapshot.seen = True
    shown = call.show(snapshot, found.wire)
    if shown is None:
        raise errors.not_found('snapshot')
    return shown


def list_snapshots(call: calls.Call) -> dict[str, Any]:
    """GET snapshots, one page; no filter by volume exists."""
    found = call.cluster.snapshots
    name = call.query.get('Name', '')

    def accept(snapshot: snapshots.Snapshot) -> bool:
        return not name or snapshot.name == name

    shown = []
    for snapshot in calls.page(call, found.store, accept):
        snapshot.seen = snapshot.seen or bool(name)
        wire = call.show(snapshot, found.wire)
        if wire is not None:
            shown.append(wire)
    return {'snapshots': shown}


def delete(call: calls.Call) -> dict[str, Any]:
    """DELETE a snapshot; a clone of it does not stand in the way."""
    cluster = call.cluster
    snapshot = cluster.snapshots.find(
        call.variables['projectName'], call.uuid,
        call.query.get('Name', ''))
    call.check_settled(snapshot, deleting=True)
    source = cluster.volumes.store.get(snapshot.source_uuid)
    if source and source.state == volumes.UPDATING:
        raise errors.ApiError(
            errors.UNAVAILABLE, 'the source volume is Updating')
    call.check_etag(snapshot)
    call.changing(snapshot, cluster.snapshots.wire(snapshot))
    cluster.snapshots.delete(snapshot)
    return {}
