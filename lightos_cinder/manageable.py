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

"""What of a cluster Cinder can take under its management, and why not."""

import math
import reprlib
from typing import Any
from typing import Mapping
from typing import Optional
from typing import Union
import uuid as uuid_module

from cinder import exception
from cinder.i18n import _
from oslo_utils import units
from oslo_utils import uuidutils

from lightos_cinder.client import models
from lightos_cinder import naming
from lightos_cinder import specs

_SOURCE_ID = 'source-id'
_SOURCE_NAME = 'source-name'


#: Writes what anybody may have sent, within bounds.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 300


def source(existing_ref: Any) -> naming.Source:
    """Read the reference that an administrator gave.

    :param existing_ref: a mapping with ``source-id``, a UUID on the
        cluster, or ``source-name``
    :raises ManageExistingInvalidReference: for anything else
    """
    given = existing_ref if isinstance(existing_ref, dict) else {}
    uuid, name = given.get(_SOURCE_ID), given.get(_SOURCE_NAME)
    if bool(uuid) == bool(name) or not isinstance(uuid or name, str):
        raise refused(existing_ref, _('allowed is either source-id, the '
                                      'UUID on the cluster, or source-name, '
                                      'as a text'))
    if uuid and not uuidutils.is_uuid_like(uuid):
        raise refused(existing_ref, _('source-id is not a UUID'))
    if uuid:
        return naming.Source(uuid=str(uuid_module.UUID(uuid)))
    try:
        str(name).encode()
    except UnicodeError:
        # Half a surrogate pair, which JSON can hold.
        raise refused(existing_ref, _('source-name is no valid text'))
    return naming.Source(name=name)


def refused(existing_ref: Any, reason: str
            ) -> exception.ManageExistingInvalidReference:
    """The error for a reference that cannot be managed."""
    return exception.ManageExistingInvalidReference(
        existing_ref=_SHORT.repr(existing_ref), reason=reason)


def gibibytes(size: int) -> int:
    """A size in bytes as Cinder counts it: rounded up, and at least 1."""
    return max(1, math.ceil(size / units.Gi))


def obstacle(found: Union[models.Volume, models.Snapshot]) -> Optional[str]:
    """Why an object on the cluster cannot be managed; None if it can."""
    if found.state is models.State.FAILED:
        return _('the cluster failed to create it')
    if found.state.gone:
        return _('it is being deleted')
    if not found.state.usable:
        return _('it is in state %s') % found.state.value
    if isinstance(found, models.Volume):
        if models.ALLOW_ANY in found.acl:
            return _('it is open to every host')
        if not found.closed:
            return _('it is open to %s') % ', '.join(sorted(found.acl))
    elif naming.is_temporary(found.name):
        return _('it is the temporary snapshot of a clone')
    elif found.expires:
        return _('the cluster deletes it by itself when its time is up')
    return None


def check_type(found: models.Volume, spec: specs.VolumeSpec) -> None:
    """Refuse a volume that is not as its volume type says.

    Its QoS policy is not looked at, which can be changed where it is.

    :raises ManageExistingVolumeTypeMismatch: names what differs
    """
    pairs = {specs.REPLICAS: (found.replicas, spec.replicas),
             specs.COMPRESSION: (found.compression, spec.compression)}
    different = [_('%(spec)s is %(found)s, and %(wanted)s is what volume '
                   'type %(type)s says')
                 % {'spec': name, 'found': has, 'wanted': wanted,
                    'type': spec.volume_type or _('(none)')}
                 for name, (has, wanted) in pairs.items() if has != wanted]
    if different:
        raise exception.ManageExistingVolumeTypeMismatch(
            reason='; '.join(different))


def elsewhere(project: str, spec: specs.VolumeSpec
              ) -> exception.ManageExistingVolumeTypeMismatch:
    """The error for a volume that is in another project than its type's."""
    return exception.ManageExistingVolumeTypeMismatch(
        reason=_('it is in LightOS project %(project)s, and %(spec)s of '
                 'volume type %(type)s is %(wanted)s')
        % {'project': project, 'spec': specs.PROJECT,
           'type': spec.volume_type or _('(none)'), 'wanted': spec.project})


def volume_entry(volume: models.Volume, cinder_id: Optional[str],
                 reason: Optional[str]) -> dict[str, Any]:
    """A volume as Cinder lists what can be managed.

    :param cinder_id: under which Cinder has it already
    :param reason: why it is not safe to manage; None if it is
    """
    return dict(
        _entry(volume, cinder_id, reason),
        extra_info={'project': volume.project, 'name': volume.name,
                    'replicas': str(volume.replicas),
                    'compression': str(volume.compression)})


def snapshot_entry(snapshot: models.Snapshot, cinder_id: Optional[str],
                   reason: Optional[str]) -> dict[str, Any]:
    """The same of a snapshot."""
    return dict(
        _entry(snapshot, cinder_id, reason),
        source_reference={_SOURCE_ID: snapshot.source_volume_uuid},
        extra_info={'project': snapshot.project, 'name': snapshot.name,
                    'volume': snapshot.source_volume_name})


def _entry(found: Union[models.Volume, models.Snapshot],
           cinder_id: Optional[str], reason: Optional[str]
           ) -> Mapping[str, Any]:
    # By UUID: a name is unique within a project only.
    return {'reference': {_SOURCE_ID: found.uuid},
            'size': gibibytes(found.size),
            'safe_to_manage': reason is None,
            'reason_not_safe': reason,
            'cinder_id': cinder_id}
