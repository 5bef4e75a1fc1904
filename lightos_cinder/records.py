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

from typing import Any
from typing import Iterable
from typing import Mapping
from typing import Optional
from typing import Sequence

from cinder import context
from cinder import exception
from cinder import objects
from cinder.volume import volume_types
from cinder.volume import volume_utils

from lightos_cinder import acl
from lightos_cinder import connection
from lightos_cinder import naming
from lightos_cinder import specs


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


def qos_policy(volume_type: Any) -> Optional[str]:
    """The QoS policy that a volume type names, whatever else it says."""
    extra_specs = (volume_type.extra_specs or {}) if volume_type else {}
    return (back_end_qos(volume_type).get(specs.QOS_SPEC)
            or extra_specs.get(specs.QOS_POLICY))


def volume_ref(volume: Any) -> naming.Ref:
    """Where a volume is."""
    recorded, uuid = naming.parse_provider_id(volume.provider_id)
    origin = _origin_of(volume)
    if origin and origin.provider_id == volume.provider_id:
        # It has the row of its original still, and was not created yet.
        return naming.new_volume_ref(volume,
                                     specs.project_of(type_of(volume)))
    if origin and recorded and uuid:
        # It may have been given the name of its original already.
        return naming.Ref(volume.id, recorded, volume.name, uuid,
                          managed=True)
    if recorded and 'volume_type' not in volume:
        # Its type need not be loaded, nor be there at all.
        return naming.volume_ref(volume, recorded)
    return naming.volume_ref(volume, specs.project_of(type_of(volume)))


def _origin_of(volume: Any) -> Any:
    """The volume that this one is the temporary volume of a migration of."""
    status, _colon, origin = (volume.migration_status or '').partition(':')
    if status != 'target':
        return None
    try:
        return objects.Volume.get_by_id(context.get_admin_context(), origin)
    except exception.VolumeNotFound:
        return None


def snapshot_ref(snapshot: Any) -> naming.Ref:
    """Where a snapshot is."""
    return naming.snapshot_ref(snapshot, volume_ref(snapshot.volume))


def connectors(volume: Any) -> list[Mapping[str, Any]]:
    """Connectors of the attachments of a volume."""
    return [attachment.connector for attachment in volume.volume_attachment
            if attachment.connector and attachment.connector.get('nqn')]


def attached(volume: Any, networks: Sequence[acl.Network]
             ) -> list[acl.Host]:
    """The hosts that a volume is attached to, as they would be let in."""
    return [connection.host_of(connector, networks)
            for connector in connectors(volume)]


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
    return (found if volume_utils.check_already_managed_volume(found)
            else None)


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
