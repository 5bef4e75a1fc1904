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

"""Taking what is on a cluster already under Cinder's management."""

from typing import Any
from typing import Callable
from typing import Iterator
from typing import Optional
from typing import Sequence

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.volume import volume_utils
from oslo_log import log as logging
from oslo_utils import excutils
from oslo_utils import units

from lightos_cinder import backend
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from lightos_cinder import manageable
from lightos_cinder import naming
from lightos_cinder import records
from lightos_cinder import specs

LOG = logging.getLogger(__name__)


class Management:
    """The hooks of the driver for what is on the cluster already.

    An object is meant by the reference that :func:`manageable.source`
    reads. What cannot be managed is refused with
    ManageExistingInvalidReference, ManageExistingAlreadyManaged or
    ManageExistingVolumeTypeMismatch.
    """

    _backend: backend.Backend

    def _spec_of(self, volume: Any) -> specs.VolumeSpec:
        """What the type of a volume asks for."""
        raise NotImplementedError

    def _projects(self) -> list[str]:
        """The LightOS projects that this backend serves."""
        raise NotImplementedError

    @volume_utils.trace
    def manage_existing_get_size(self, volume: Any, existing_ref: Any
                                 ) -> int:
        """Size of a volume that can be managed, in GiB, rounded up."""
        return manageable.gibibytes(self._manageable_volume(
            existing_ref, self._spec_of(volume)).size)

    @volume_utils.trace
    def manage_existing(self, volume: Any, existing_ref: Any
                        ) -> dict[str, Optional[str]]:
        """Take a volume of the cluster under Cinder's management."""
        spec = self._spec_of(volume)
        found = self._manageable_volume(existing_ref, spec)
        ref = naming.Ref(volume.id, found.project, found.name, found.uuid,
                         managed=True)
        self._claim(found, volume, records.volume_at)
        try:
            with errors.translated(ref, asked=spec):
                renamed = self._backend.adopt_volume(
                    ref, manageable.gibibytes(found.size) * units.Gi,
                    spec.qos_policy, volume.name)
        except exception.CinderException:
            with excutils.save_and_reraise_exception():
                _record(volume, None)
        LOG.info('Volume %s is %s in LightOS project %s, where it was named '
                 '%s.', volume.id, found.uuid, found.project, found.name)
        return {
            'provider_id': _provider_id(found),
            'provider_location': None if renamed
            else naming.provider_location(volume.name_id, found.name)}

    def unmanage(self, volume: Any) -> None:
        """Leave a volume to others, as it is."""
        LOG.info('Volume %s is left on the cluster, where it is named %s.',
                 volume.id, records.volume_ref(volume).name)

    @volume_utils.trace
    def get_manageable_volumes(self, cinder_volumes: Sequence[Any],
                               marker: Any, limit: int, offset: int,
                               sort_keys: list[str], sort_dirs: list[str]
                               ) -> list[dict[str, Any]]:
        """List the volumes in the projects of this backend."""
        return volume_utils.paginate_entries_list(
            self._entries(cinder_volumes, self._backend.list_volumes,
                          records.volume_of, manageable.volume_entry),
            marker, limit, offset, sort_keys, sort_dirs)

    @volume_utils.trace
    def manage_existing_snapshot_get_size(self, snapshot: Any,
                                          existing_ref: Any) -> int:
        """Size of a snapshot that can be managed, in GiB, rounded up."""
        return manageable.gibibytes(self._manageable_snapshot(
            existing_ref, snapshot).size)

    @volume_utils.trace
    def manage_existing_snapshot(self, snapshot: Any, existing_ref: Any
                                 ) -> dict[str, Optional[str]]:
        """Take a snapshot of the cluster under Cinder's management.

        It keeps its name: the API renames volumes only.
        """
        found = self._manageable_snapshot(existing_ref, snapshot)
        self._claim(found, snapshot, records.snapshot_at)
        LOG.info('Snapshot %s of volume %s is %s in LightOS project %s, '
                 'where it is named %s.', snapshot.id, snapshot.volume_id,
                 found.uuid, found.project, found.name)
        return {'provider_id': _provider_id(found),
                'provider_location': None if found.name == snapshot.name
                else naming.provider_location(snapshot.id, found.name)}

    def unmanage_snapshot(self, snapshot: Any) -> None:
        """Leave a snapshot to others, as it is."""
        LOG.info('Snapshot %s is left on the cluster, where it is named %s.',
                 snapshot.id, records.snapshot_ref(snapshot).name)

    @volume_utils.trace
    def get_manageable_snapshots(self, cinder_snapshots: Sequence[Any],
                                 marker: Any, limit: int, offset: int,
                                 sort_keys: list[str], sort_dirs: list[str]
                                 ) -> list[dict[str, Any]]:
        """List the snapshots in the projects of this backend."""
        return volume_utils.paginate_entries_list(
            self._entries(cinder_snapshots, self._backend.list_snapshots,
                          records.snapshot_of, manageable.snapshot_entry),
            marker, limit, offset, sort_keys, sort_dirs)

    def _entries(self, of_cinder: Sequence[Any],
                 listing: Callable[[str], list],
                 holder_of: Callable[[str], Optional[str]],
                 entry: Callable[..., dict[str, Any]]
                 ) -> list[dict[str, Any]]:
        """What a listing has, as Cinder wants it told.

        :param holder_of: the id under which Cinder has what has that name
        """
        ids = records.ids(of_cinder)
        entries = []
        for found in self._each(listing):
            holder = (ids.get(found.uuid) or ids.get(found.name)
                      or holder_of(found.name))
            entries.append(entry(found, holder, _reason(found, holder)))
        return entries

    @coordination.synchronized('lightos-manage-{found.uuid}')
    def _claim(self, found: Any, record: Any,
               holder_at: Callable[[str], Optional[str]]) -> None:
        """Record at once where a volume or snapshot is.

        Cinder does it only later, and somebody else may ask for the same.
        """
        holder = holder_at(_provider_id(found))
        if holder:
            raise exception.ManageExistingAlreadyManaged(volume_ref=holder)
        _record(record, _provider_id(found))

    def _manageable_volume(self, existing_ref: Any, spec: specs.VolumeSpec
                           ) -> models.Volume:
        """The volume that is meant, if it can be managed as that type."""
        source = manageable.source(existing_ref)
        with errors.translated(asked=spec):
            found = self._backend.look_up_volume(spec.project, source)
        found = found or self._elsewhere(source)
        if found is None:
            raise manageable.refused(
                existing_ref, _('there is no such volume in LightOS project '
                                '%s') % spec.project)
        holder = (records.volume_of(found.name)
                  or records.volume_at(_provider_id(found)))
        if holder:
            raise exception.ManageExistingAlreadyManaged(volume_ref=holder)
        if found.project != spec.project:
            raise manageable.elsewhere(found.project, spec)
        _check(existing_ref, found)
        manageable.check_type(found, spec)
        return found

    def _elsewhere(self, source: naming.Source) -> Optional[models.Volume]:
        """The volume that is meant, in another project than its type's."""
        for project in self._projects():
            try:
                found = self._backend.look_up_volume(project, source)
            except client_errors.LightOSError as error:
                LOG.debug('%s was not looked for in LightOS project %s: %s',
                          source, project, error)
                continue
            if found:
                return found
        return None

    def _manageable_snapshot(self, existing_ref: Any, snapshot: Any
                             ) -> models.Snapshot:
        """The snapshot that is meant, if it is one of its volume."""
        source = manageable.source(existing_ref)
        volume = records.volume_ref(snapshot.volume)
        with errors.translated(volume):
            found = self._backend.look_up_snapshot(volume.project, source)
            origin = self._backend.find_volume(volume)
        if found is None:
            raise manageable.refused(
                existing_ref, _('there is no such snapshot in LightOS '
                                'project %s') % volume.project)
        if found.source_volume_uuid != origin.uuid:
            raise manageable.refused(
                existing_ref, _('it is a snapshot of volume %(name)s '
                                '(%(uuid)s), and not of volume %(volume)s')
                % {'name': found.source_volume_name,
                   'uuid': found.source_volume_uuid, 'volume': volume})
        holder = (records.snapshot_of(found.name)
                  or records.snapshot_at(_provider_id(found)))
        if holder:
            raise manageable.refused(
                existing_ref, _('it is snapshot %s already') % holder)
        _check(existing_ref, found)
        return found

    def _each(self, listing: Callable[[str], list]) -> Iterator[Any]:
        """What a listing has in any project of this backend."""
        for project in self._projects():
            with errors.translated():
                try:
                    yield from listing(project)
                except (client_errors.NoToken, client_errors.InvalidRequest,
                        client_errors.BadRequest, client_errors.Forbidden,
                        client_errors.Unauthenticated,
                        client_errors.NotFound) as error:
                    # One tenant's trouble is not that of the others.
                    LOG.warning('LightOS project %s is left out of what can '
                                'be managed: %s', project,
                                errors.explain(error))


def _provider_id(found: Any) -> str:
    return naming.provider_id(found.project, found.uuid)


def _record(record: Any, provider_id: Optional[str]) -> None:
    record.provider_id = provider_id
    record.save()


def _check(existing_ref: Any, found: Any) -> None:
    reason = manageable.obstacle(found)
    if reason:
        raise manageable.refused(existing_ref, reason)


def _reason(found: Any, holder: Optional[str]) -> Optional[str]:
    if holder:
        return _('it is managed by Cinder already')
    return manageable.obstacle(found)
