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

"""What Cinder has on record of volumes, types and attachments."""

import datetime
import math
from typing import Any
from typing import Iterable
from typing import Mapping
from typing import Optional
from typing import Sequence

from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.volume import volume_types
from cinder.volume import volume_utils
from oslo_utils import timeutils
from oslo_utils import uuidutils

from lightos_cinder import acl
from lightos_cinder import connection
from lightos_cinder import naming
from lightos_cinder import specs

#: What comes before the NQN of a host in the metadata of a volume that
#: Cinder keeps for administrators. At most 255 characters, all in all.
_UNCONFIRMED = 'lightos_unconfirmed:'

#: Status and migration status of a volume that nothing of Cinder's own is
#: attached to.
_AT_REST = ('available', 'in-use')
_NOT_MIGRATING = (None, 'success', 'error', 'deleting')

#: Status of a volume, and of an attachment, that a host is about to attach,
#: or was, and nothing came of it.
_RESERVED = ('reserved', 'attaching', 'error_attaching')


def type_of(volume: Any) -> Any:
    """The volume's type, also if the user may not see it any more."""
    if 'volume_type' in volume or not volume.volume_type_id:
        return volume.volume_type
    with volume.obj_as_admin():
        return volume.volume_type


def back_end_qos(volume_type: Any) -> Mapping[str, str]:
    """What the QoS specs of a volume type ask of the backend.

    :raises InvalidQoSSpecs: names what they may not ask
    """
    if not volume_type or not volume_type.qos_specs_id:
        return {}
    # Users may not see them.
    with volume_type.obj_as_admin():
        found = volume_type.qos_specs
    return specs.back_end_qos(found.name, found.consumer, found.specs)


def names_qos_policy(volume_type: Any) -> bool:
    """Whether a volume type names a QoS policy, whatever else it says."""
    extra_specs = (volume_type.extra_specs or {}) if volume_type else {}
    try:
        return bool(back_end_qos(volume_type).get(specs.QOS_SPEC)
                    or extra_specs.get(specs.QOS_POLICY))
    except exception.InvalidQoSSpecs:
        # It may have been right when the volume was created.
        return True


def volume_ref(volume: Any) -> naming.Ref:
    """Where a volume is."""
    # Its type need not be loaded, nor be there at all.
    return naming.volume_ref(volume,
                             lambda: specs.project_of(type_of(volume)),
                             lambda: bool(_others_at(volume)))


def taken_over_by(volume: Any) -> Optional[str]:
    """The id of the volume that has the object of this one for its own.

    At the end of a migration Cinder gives the original what its temporary
    volume had, one row after the other. Stopped in between, it leaves both
    with the same.
    """
    if volume.use_quota:
        # Not a temporary volume: these count against nobody's quota. To
        # look for the others takes Cinder's whole table.
        return None
    return next((other.id for other in _others_at(volume)
                 if other.name_id == volume.id), None)


def _others_at(volume: Any) -> list[Any]:
    """Other volumes that are on record in the same place."""
    if not naming.parse_provider_id(volume.provider_id)[1]:
        return []
    return [other for other in objects.VolumeList.get_all(
        context.get_admin_context(),
        filters={'provider_id': volume.provider_id})
        if other.id != volume.id]


def snapshot_ref(snapshot: Any) -> naming.Ref:
    """Where a snapshot is."""
    return naming.snapshot_ref(snapshot, volume_ref(snapshot.volume))


def connectors(volume: Any) -> list[Mapping[str, Any]]:
    """Connectors of the attachments of a volume."""
    return [attachment.connector for attachment in volume.volume_attachment
            if connection.names_host(attachment.connector)]


def attached(volume: Any, networks: Sequence[acl.Network]
             ) -> list[acl.Host]:
    """The hosts that a volume is attached to, as they would be let in."""
    return [connection.host_of(connector, networks)
            for connector in connectors(volume)]


def is_migrating(volume: Any) -> bool:
    """Whether it is being migrated, or is what another is migrated to."""
    return volume.migration_status not in _NOT_MIGRATING


def is_at_rest(volume: Any) -> bool:
    """Whether Cinder itself does nothing with a volume."""
    return volume.status in _AT_REST and not is_migrating(volume)


def attachments_of(volume: Any, nqn: str) -> frozenset[str]:
    """The ids of the attachments of a volume that a host has."""
    return frozenset(
        attachment.id for attachment in volume.volume_attachment
        if connection.names_host(attachment.connector)
        and attachment.connector['nqn'] == nqn)


def tells_all_hosts(volume: Any, idle: bool = False) -> bool:
    """Whether all hosts that a volume may be opened to are on record.

    They are not while Cinder has it attached for its own purposes, or has
    attachments that have no connector yet.

    :param idle: whether it is known that nothing goes on with those that
        hosts were to attach
    """
    ignored = _RESERVED if idle else ()
    return (volume.status in _AT_REST + ignored and not is_migrating(volume)
            and all(connection.names_host(attachment.connector)
                    or attachment.attach_status in ignored
                    for attachment in volume.volume_attachment))


def awaits_host(volume_id: str) -> bool:
    """Whether there is an attachment that has no connector yet.

    Cinder records it after the driver has let the host in. Volumes that
    Cinder hands over may have been read before the attachment was made.
    """
    return any(not connection.names_host(one.connector) for one
               in objects.VolumeAttachmentList.get_all_by_volume_id(
                   context.get_admin_context(), volume_id))


def mark_unconfirmed(volume: Any, nqns: Iterable[str], again: bool = False
                     ) -> Mapping[str, str]:
    """Record that hosts may have access without any attachment.

    For whoever comes after this process, should it end before Cinder has
    recorded, or removed, the attachment.

    :param volume: as administrators read it, if it is a multiattach one
    :param again: whether they are let in for a second attachment
    :returns: the marks by NQNs, others each time: the time, and that when
        the host was let in for a second attachment if it was
    """
    moment = timeutils.utcnow().isoformat()
    had = unconfirmed(volume) if volume.multiattach else {}
    marks = {}
    for nqn in nqns:
        second = moment if again else had.get(nqn, '').partition(' ')[2]
        marks[nqn] = f'{moment} {second}'.rstrip()
    db.volume_admin_metadata_update(
        context.get_admin_context(), volume.id,
        {_UNCONFIRMED + nqn: mark for nqn, mark in marks.items()}, False)
    return marks


def mark_confirmed(volume_id: str, nqn: str) -> None:
    """Record that a host has an attachment, or has no access."""
    db.volume_admin_metadata_delete(
        context.get_admin_context(), volume_id, _UNCONFIRMED + nqn)


def unconfirmed(volume: Any) -> Mapping[str, str]:
    """Hosts that may have access without any attachment.

    :param volume: as administrators read it
    :returns: their marks by their NQNs
    """
    return {key[len(_UNCONFIRMED):]: mark
            for key, mark in volume.admin_metadata.items()
            if key.startswith(_UNCONFIRMED)}


def since(mark: str) -> str:
    """The time of a mark, in UTC."""
    return mark.partition(' ')[0]


def came_again(volume: Any, nqn: str) -> float:
    """Seconds since a host was let in for a second attachment.

    :param volume: as administrators read it
    :returns: without end if it was not, lately
    """
    moment = unconfirmed(volume).get(nqn, '').partition(' ')[2]
    try:
        return timeutils.delta_seconds(
            datetime.datetime.fromisoformat(moment), timeutils.utcnow())
    except (TypeError, ValueError):
        # Nobody here wrote that.
        return math.inf


def now(volume_id: str) -> Any:
    """A volume as it is on record at this moment.

    :raises VolumeNotFound: if there is none any more
    """
    return objects.Volume.get_by_id(context.get_admin_context(), volume_id)


def ids(records: Iterable[Any]) -> Mapping[str, str]:
    """The ids of volumes, or of snapshots, by what they are called there.

    :returns: keys are UUIDs on the cluster where these are recorded, and
        names on the cluster elsewhere
    """
    return {naming.parse_provider_id(one.provider_id)[1] or one.name: one.id
            for one in records}


def volume_of(name: str) -> Optional[str]:
    """The id of the volume, on any backend, that has that name there."""
    found = volume_utils.extract_id_from_volume_name(name)
    if not found or not uuidutils.is_uuid_like(found):
        return None
    everything = context.get_admin_context()
    if objects.Volume.exists(everything, found):
        return found
    # Of a migrated volume it is another id than its own.
    return next((one.id for one in objects.VolumeList.get_all(
        everything, filters={'_name_id': found})), None)


def snapshot_of(name: str) -> Optional[str]:
    """The id of the snapshot, on any backend, that has that name there."""
    found = volume_utils.extract_id_from_snapshot_name(name)
    if found and objects.Snapshot.exists(context.get_admin_context(), found):
        return found
    return None


def volume_at(provider_id: str) -> Optional[str]:
    """The id of the volume that is there; None if there is none."""
    return next((one.id for one in objects.VolumeList.get_all(
        context.get_admin_context(),
        filters={'provider_id': provider_id})), None)


def snapshot_at(provider_id: str) -> Optional[str]:
    """The id of the snapshot that is there; None if there is none."""
    return next((one.id for one in objects.SnapshotList.get_all(
        context.get_admin_context(),
        filters={'provider_id': provider_id})), None)


def projects(backend_name: str) -> list[str]:
    """The LightOS projects that volume types put volumes into.

    :param backend_name: volume_backend_name, by which types may ask for
        other backends
    """
    types = volume_types.get_all_types(context.get_admin_context())
    found = {naming.DEFAULT_PROJECT}
    for volume_type in types.values():
        extra_specs = volume_type.get('extra_specs') or {}
        if extra_specs.get('volume_backend_name',
                           backend_name) == backend_name:
            found.add(extra_specs.get(specs.PROJECT)
                      or naming.DEFAULT_PROJECT)
    return sorted(found)
