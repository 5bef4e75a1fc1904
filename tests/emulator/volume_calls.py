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

"""The calls on volumes (REST API facts, 2.4 to 2.15)."""

from __future__ import annotations

from typing import Any
from typing import Optional

from tests.emulator import acl
from tests.emulator import calls
from tests.emulator import errors
from tests.emulator import messages
from tests.emulator import sizes
from tests.emulator import snapshots
from tests.emulator import volumes

CREATE = {
    'name': messages.text,
    'size': messages.text,
    'acl': messages.values,
    'replicaCount': messages.number,
    'projectName': messages.text,
    'compression': messages.compression,
    'IPAcl': messages.values,
    'sectorSize': messages.sector_size,
    'sourceSnapshotUUID': messages.text,
    'sourceSnapshotName': messages.text,
    'qosPolicyUUID': messages.text,
    'qosPolicyName': messages.text,
    'placementRestrictions': messages.objects,
    'labels': messages.objects,
    'minReplicas': messages.number,
}
UPDATE = {
    'UUID': messages.text,
    'name': messages.text,
    'acl': messages.values,
    'IPAcl': messages.values,
    'size': messages.text,
    'compression': messages.compression,
    'projectName': messages.text,
    'qosPolicyUUID': messages.text,
    'qosPolicyName': messages.text,
    'Force': messages.boolean,
    'labels': messages.objects,
    'newName': messages.text,
}
ROLLBACK = {
    'UUID': messages.text,
    'Name': messages.text,
    'projectName': messages.text,
    'srcSnapshotUUID': messages.text,
    'srcSnapshotName': messages.text,
}
IDENTIFY = {'name': str, 'UUID': str, 'projectName': str}
LIST: dict[str, messages.Decoder] = dict(
    calls.LIST_QUERY, name=str, failureDomain=str, snapshotUUID=str,
    projectName=str)

_POLICY = ('qosPolicyUUID', 'qosPolicyName')


def create(call: calls.Call) -> dict[str, Any]:
    """POST volumes."""
    cluster = call.cluster
    project = call.project or 'default'
    fields = call.fields
    for name in ('name', 'size', 'acl', 'replicaCount'):
        if name not in fields:
            raise errors.invalid('%s is required' % name)
    name = _check_name(fields['name'])
    size = sizes.parse(fields['size'], call.settings)
    replicas = fields['replicaCount']
    if not 1 <= replicas <= 3:
        raise errors.invalid('replicaCount must be 1, 2 or 3')
    hosts, addresses = _access_lists(call)
    compression = fields.get('compression', False)
    source = _source(call, project)
    if source:
        if size < source.size:
            raise errors.invalid('clone is smaller than its snapshot')
        if call.settings.clone_must_match and (
                (replicas, compression) !=
                (source.replicas, source.compression)):
            raise errors.invalid('clone differs from its snapshot')
    labels = _labels(call)
    if labels is None:
        labels = list(source.labels) if source else []
    policy = _policy(call, project)
    calls.check_duplicate(call, cluster.volumes.store.named(project, name))
    cluster.volumes.check_name_free(project, name)
    fails = _check_replicas(call, replicas)
    fails |= _check_capacity(call, size * replicas)
    volume = volumes.Volume(
        name=name, project=project, size=size, replicas=replicas,
        acl=hosts or [], ip_acl=addresses, nodes=cluster.nodes.place(replicas),
        created=cluster.wall(),
        qos_policy=policy or _default_policy(call, project),
        compression=compression,
        sector_size=fields.get('sectorSize') or 4096,
        source_snapshot_uuid=source.uuid if source else '',
        source_snapshot_name=source.name if source else '',
        content=source.content if source else '',
        labels=labels, placement=_placement(call, replicas, source),
        used=int(size * call.settings.written_fraction))
    cluster.volumes.create(volume, fails or call.fails)
    call.changing(volume, None)
    return cluster.volumes.wire(volume)


def get(call: calls.Call) -> dict[str, Any]:
    """GET one volume, by UUID or by name with the UUID left empty."""
    cluster = call.cluster
    volume = cluster.volumes.find(
        call.project, call.uuid, call.query.get('name', ''))
    volume.seen = True
    shown = call.show(volume, cluster.volumes.wire)
    if shown is None:
        raise errors.not_found('volume')
    chance = call.settings.migrating_probability
    if (volume.state == volumes.AVAILABLE and
            cluster.random.random() < chance):
        shown = dict(shown, state=volumes.MIGRATING)
    return shown


def list_volumes(call: calls.Call) -> dict[str, Any]:
    """GET volumes, one page."""
    cluster = call.cluster
    domain = call.query.get('failureDomain', '')
    name = call.query.get('name', '')
    source = call.query.get('snapshotUUID', '')

    def accept(volume: volumes.Volume) -> bool:
        return ((not name or volume.name == name) and
                (not source or volume.source_snapshot_uuid == source) and
                (not domain or domain in _domains(call, volume)))

    shown = []
    for volume in calls.page(call, cluster.volumes.store, accept):
        volume.seen = volume.seen or bool(name)
        wire = call.show(volume, cluster.volumes.wire)
        if wire is not None:
            shown.append(wire)
    return {'volumes': shown}


def update(call: calls.Call) -> dict[str, Any]:
    """PUT a volume. The answer means accepted, not done."""
    cluster = call.cluster
    fields = call.fields
    changes: dict[str, Any] = {}
    hosts, addresses = _access_lists(call)
    if hosts is not None:
        changes['acl'] = hosts
        if call.settings.acl_update_resets_ip_acl:
            changes['ip_acl'] = [acl.ALLOW_ANY]
    if addresses is not None:
        changes['ip_acl'] = addresses
    if 'size' in fields:
        changes['size'] = sizes.parse(fields['size'], call.settings)
    if 'compression' in fields:
        changes['compression'] = fields['compression']
    labels = _labels(call)
    if labels is not None:
        changes['labels'] = labels
    if fields.get('newName') and call.settings.supports_new_name:
        changes['name'] = _check_name(fields['newName'])
    volume = cluster.volumes.find(
        call.project, call.uuid, fields.get('name', ''))
    policy = _policy(call, volume.project)
    if policy:
        changes['qos_policy'] = policy
    call.check_settled(volume, deleting=False)
    call.check_etag(volume)
    _check_resize(call, volume, changes)
    if changes.get('name', volume.name) != volume.name:
        cluster.volumes.check_name_free(volume.project, changes['name'])
    if not _differs(volume, changes):
        call.complain('PUT that changes nothing')
        if call.settings.update_without_change == 'ignore':
            return {}
    call.changing(volume, cluster.volumes.wire(volume))
    cluster.volumes.update(volume, changes)
    return {}


def delete(call: calls.Call) -> dict[str, Any]:
    """DELETE a volume."""
    cluster = call.cluster
    volume = cluster.volumes.find(
        call.project, call.uuid, call.query.get('name', ''))
    call.check_settled(volume, deleting=True)
    call.check_etag(volume)
    if (call.settings.delete_with_acl == 'refuse' and
            volume.acl != [acl.ALLOW_NONE]):
        raise errors.wrong_state('volume is accessible by hosts')
    call.changing(volume, cluster.volumes.wire(volume))
    cluster.volumes.delete(volume)
    return {}


def roll_back(call: calls.Call) -> dict[str, Any]:
    """PUT rollback: content and size of a snapshot of this volume."""
    cluster = call.cluster
    messages.only_one(call.fields, ('srcSnapshotUUID', 'srcSnapshotName'))
    project = call.project
    if project is None:
        raise errors.invalid('projectName is required')
    volume = cluster.volumes.find(project, call.uuid, call.text('Name'))
    snapshot = cluster.snapshots.find(
        project, call.text('srcSnapshotUUID'), call.text('srcSnapshotName'))
    if snapshot.source_uuid != volume.uuid:
        raise errors.invalid('the snapshot is of another volume')
    if volume.state not in volumes.USABLE + (volumes.FAILED,):
        raise errors.ApiError(
            errors.UNAVAILABLE, 'volume is %s' % volume.state)
    if volume.state == volumes.FAILED:
        raise errors.wrong_state('volume has failed')
    if snapshot.state != volumes.AVAILABLE:
        raise errors.wrong_state('snapshot is %s' % snapshot.state)
    if volume.connected_hosts and (
            call.settings.rollback_with_hosts == 'refuse'):
        raise errors.wrong_state('hosts are connected to the volume')
    changes: dict[str, Any] = {'size': snapshot.size,
                               'content': snapshot.content}
    if call.settings.rollback_resets_acl:
        changes.update(acl=list(snapshot.source_acl),
                       ip_acl=snapshot.source_ip_acl)
    call.changing(volume, cluster.volumes.wire(volume))
    cluster.volumes.roll_back(volume, changes)
    if call.settings.rollback_drops_later_snapshots:
        cluster.snapshots.drop_later(snapshot)
    return {}


# What the calls check

def _check_name(name: str) -> str:
    if not calls.NAME.fullmatch(name):
        raise errors.invalid('invalid volume name %r' % name)
    return name


def _access_lists(call: calls.Call
                  ) -> tuple[Optional[list[str]], Optional[list[str]]]:
    """Both lists as the cluster keeps them, None where not given."""
    hosts: Any = call.fields.get('acl')
    addresses: Any = call.fields.get('IPAcl')
    for name, values in (('acl', hosts), ('IPAcl', addresses)):
        if values and len(values) > 1 and (
                any(s in values for s in acl.SENTINELS)):
            call.complain('%s mixes a sentinel with entries' % name)
    if addresses and len(addresses) > 16:
        call.complain('IPAcl of more than 16 addresses')
    if hosts is not None:
        hosts = acl.hosts(hosts, call.settings)
    if addresses is not None:
        addresses = acl.addresses(addresses, call.settings)
    return hosts, addresses


def _labels(call: calls.Call) -> Optional[list[dict[str, str]]]:
    if 'labels' not in call.fields or not call.settings.supports_labels:
        return None
    return calls.labels(call, call.fields['labels'])


def _source(call: calls.Call, project: str
            ) -> Optional[snapshots.Snapshot]:
    """The snapshot to clone, usable, or None for an empty volume."""
    uuid = call.text('sourceSnapshotUUID')
    name = call.text('sourceSnapshotName')
    if not uuid and not name:
        return None
    if uuid and name:
        call.complain('both sourceSnapshotUUID and sourceSnapshotName')
    source = call.cluster.snapshots.find(project, uuid, name)
    if source.state != volumes.AVAILABLE:
        raise errors.wrong_state('snapshot is %s' % source.state)
    return source


def _policy(call: calls.Call, project: str) -> str:
    """The UUID of the policy that the request names, or nothing (2.11)."""
    messages.only_one(call.fields, _POLICY)
    uuid, name = (call.text(field) for field in _POLICY)
    if not uuid and not name:
        return ''
    try:
        policy = call.cluster.policies.find(uuid, name)
        if not policy.usable_by(project):
            raise errors.not_found('policy')
    except errors.ApiError as error:
        if call.settings.unknown_policy == '400':
            raise errors.invalid(error.message)
        raise
    return policy.uuid


def _default_policy(call: calls.Call, project: str) -> str:
    for default in call.cluster.projects.find(project).default_policies:
        if default.get('policyType') == 'qosRateLimit':
            return str(default.get('policyUUID', ''))
    return call.cluster.policies.no_limit.uuid


def _placement(call: calls.Call, replicas: int,
               source: Optional[snapshots.Snapshot]
               ) -> list[dict[str, Any]]:
    placement: list[dict[str, Any]] = call.fields.get(
        'placementRestrictions', [])
    if placement and replicas != 1:
        raise errors.invalid('placement is for one replica only')
    if placement and source:
        raise errors.invalid('placement is not for clones')
    return placement


def _domains(call: calls.Call, volume: volumes.Volume) -> list[str]:
    nodes = call.cluster.nodes
    return ['server%02d' % node.index for node in nodes.all
            if node.uuid in volume.nodes]


def _check_replicas(call: calls.Call, replicas: int) -> bool:
    """Whether the volume will fail for want of healthy nodes (2.4)."""
    if replicas <= call.cluster.nodes.current_max_replicas:
        return False
    if call.settings.too_many_replicas == 'fail':
        return True
    raise errors.invalid(
        'replicaCount %d is above the current maximum' % replicas)


def _check_capacity(call: calls.Call, more: int) -> bool:
    """Whether the volume will fail for want of space."""
    mode = call.settings.full_cluster
    cluster = call.cluster
    limit = cluster.capacity * call.settings.overcommit
    if mode == 'accept' or cluster.volumes.provisioned + more <= limit:
        return False
    if mode == 'fail':
        return True
    raise errors.with_status(mode, 'not enough capacity')


def _check_resize(call: calls.Call, volume: volumes.Volume,
                  changes: dict[str, Any]) -> None:
    """Refuse to shrink without Force (2.9), or to outgrow the cluster."""
    size = changes.get('size', volume.size)
    if size < volume.size and not call.fields.get('Force') and (
            call.settings.shrink == 'refuse'):
        raise errors.invalid('shrinking needs Force')
    if size > volume.size and _check_capacity(
            call, (size - volume.size) * volume.replicas):
        raise errors.with_status('429', 'not enough capacity')


def _differs(volume: volumes.Volume, changes: dict[str, Any]) -> bool:
    for name, value in changes.items():
        present = getattr(volume, name)
        if name == 'ip_acl' and present is None:
            present = [acl.ALLOW_ANY]
        if name in ('acl', 'ip_acl'):
            # Order means nothing in an access list.
            present, value = sorted(present), sorted(value)
        if present != value:
            return True
    return False
