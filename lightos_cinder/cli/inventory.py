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

"""What an audit reads: all that Cinder has on record, and the clusters.

Cinder's API does not tell what is needed: a connector, with the NQN and the
addresses by which a host has access, is in no reply, nor is the metadata for
administrators that the driver marks volumes with. So Cinder's records are
read as cinder-manage reads them, with the [database] of cinder.conf.
"""

import contextlib
import json
import logging
from typing import Any
from typing import Callable
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional
from typing import Sequence

from cinder.common import config  # noqa: F401 (Cinder's own options)
from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.objects import base as object_base
from cinder.volume import volume_types
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_db import exception as db_errors
import sqlalchemy.exc

from lightos_cinder import acl
from lightos_cinder.cli import comparison
from lightos_cinder.cli import errors
from lightos_cinder.client import api
from lightos_cinder import naming
from lightos_cinder import records
from lightos_cinder import specs

#: Records in one query.
_PAGE = 1000

#: In these Cinder does not say that an object is on the cluster.
_MAY_BE_MISSING = ('creating', 'deleting', 'managing', 'unmanaging', 'error',
                   'error_deleting', 'error_managing',
                   'error_managing_deleting', 'deleted')

#: Told how many more have been read, and what is being read.
Progress = Callable[[int, str], None]


def open_database(files: Sequence[str], folders: Sequence[str]) -> None:
    """Read cinder.conf for Cinder's own code, once in a process.

    :param files: as for :func:`lightos_cinder.cli.cinder_conf.read`
    :raises CommandError: if it cannot be read
    """
    words = [word for option, paths in (('--config-file', files),
                                        ('--config-dir', folders))
             for path in paths for word in (option, path)]
    try:
        cfg.CONF(words, project='cinder', prog='cinder-volume')
    except cfg.Error as error:
        raise errors.CommandError('cinder.conf cannot be read: %s' % error)
    # Unless it is asked for: who waits at a terminal wants to know soon.
    cfg.CONF.set_default('max_retries', 1, group='database')
    # What is wrong with the database is told once, by what it raises.
    logging.getLogger('oslo_db').setLevel(logging.CRITICAL)
    objects.register_all()


class Cinder:
    """What Cinder has on record.

    Methods raise :class:`lightos_cinder.cli.errors.CommandError` if the
    database cannot be read.

    :param networks: lightos_ipacl_networks by the name of the backend
    """

    def __init__(self, networks: Mapping[str, Sequence[acl.Network]]
                 ) -> None:
        self._networks = networks
        self._context = context.get_admin_context()

    def count(self) -> int:
        """How many volumes and snapshots there are."""
        with _database():
            return sum(count(self._context, False)[0] for count in (
                db.get_volume_summary, db.get_snapshot_summary))

    def projects(self, backend_name: str) -> list[str]:
        """The LightOS projects that volume types of a backend name."""
        with _database():
            return records.projects(backend_name)

    def read(self, progress: Progress) -> comparison.Records:
        """All volumes and snapshots, in one query for each thousand."""
        with _database():
            projects = {
                one['id']: (one.get('extra_specs') or {}).get(specs.PROJECT)
                for one in volume_types.get_all_types(
                    self._context).values()}
            volumes = {
                one.id: self._volume(one, projects) for one in _all(
                    self._volumes, progress, "Cinder's volumes")}
            snapshots = tuple(
                _snapshot(one, volumes[one.volume_id]) for one in _all(
                    self._snapshots, progress, "Cinder's snapshots")
                # A new one, of a volume that is newer than the others.
                if one.volume_id in volumes)
        return comparison.Records(tuple(volumes.values()), snapshots)

    def _volumes(self, marker: Optional[str]) -> Sequence[Any]:
        rows = db.volume_get_all(
            self._context, marker, _PAGE, sort_keys=['id'],
            sort_dirs=['asc'], filters={})
        found = object_base.obj_make_list(
            self._context, objects.VolumeList(self._context), objects.Volume,
            rows, expected_attrs=['admin_metadata'])
        for volume, row in zip(found, rows):
            volume.volume_attachment = objects.VolumeAttachmentList(
                self._context, objects=[
                    self._attachment(one) for one in row.volume_attachment])
        return found

    def _attachment(self, row: Any) -> Any:
        # Cinder makes its object of each with a query of its own, and moves
        # connectors that an old release left in another table; none is left
        # there once "cinder-manage db online_data_migrations" is through.
        return objects.VolumeAttachment(
            self._context, id=row.id, volume_id=row.volume_id,
            attach_status=row.attach_status,
            connector=json.loads(row.connector or 'null'))

    def _snapshots(self, marker: Optional[str]) -> Sequence[Any]:
        return objects.SnapshotList.get_all(
            self._context, {}, marker=marker, limit=_PAGE, sort_keys=['id'],
            sort_dirs=['asc'])

    def _volume(self, volume: Any, projects: Mapping[str, Any]
                ) -> comparison.VolumeRecord:
        backend = comparison.backend_of(volume.host)
        status = volume.status or ''
        # Cinder attaches its temporary volumes without telling where.
        settled = volume.use_quota and not records.is_migrating(volume)
        marks = records.unconfirmed(volume)
        return comparison.VolumeRecord(
            naming.volume_ref(
                volume, lambda: (projects.get(volume.volume_type_id)
                                 or naming.DEFAULT_PROJECT), lambda: False),
            volume.size, backend,
            there=settled and status not in _MAY_BE_MISSING,
            at_rest=settled and records.is_at_rest(volume),
            failed=status.startswith('error'),
            hosts=frozenset(records.attached(
                volume, self._networks.get(backend, ()))),
            tells_all_hosts=settled and records.tells_all_hosts(volume),
            unconfirmed=frozenset(marks),
            overdue=frozenset(nqn for nqn, mark in marks.items()
                              if comparison.is_overdue(records.since(mark))),
            status=status, host=volume.host or '')


def _snapshot(snapshot: Any, volume: comparison.VolumeRecord
              ) -> comparison.SnapshotRecord:
    return comparison.SnapshotRecord(
        naming.snapshot_ref(snapshot, volume.ref), snapshot.volume_size,
        volume.backend, there=snapshot.status not in _MAY_BE_MISSING,
        host=volume.host)


def read_cluster(client: api.LightOSClient, project: str,
                 progress: Progress) -> comparison.Objects:
    """What is in one LightOS project, in one call for each thousand.

    :param client: whose time is for this
    :raises LightOSError: if the project cannot be read
    """
    what = 'LightOS project ' + project
    return comparison.Objects(
        frozenset(), frozenset({project}),
        tuple(_counted(client.volumes.list(project), progress, what)),
        tuple(_counted(client.snapshots.list(project), progress, what)))


def named_by_cinder(name: str) -> bool:
    """Whether a name is made by the templates in cinder.conf."""
    return any(map(lambda read: read(name), (
        volume_utils.extract_id_from_volume_name,
        volume_utils.extract_id_from_snapshot_name)))


def _all(page: Callable[[Optional[str]], Sequence[Any]], progress: Progress,
         what: str) -> Iterator[Any]:
    """All records in the order of their ids.

    :param page: tells those behind one
    """
    ids: list[Optional[str]] = [None]
    while True:
        try:
            found = page(ids[-1])
        except (exception.VolumeNotFound, exception.SnapshotNotFound):
            # The one that the next page was to begin behind is gone.
            ids.pop()
            continue
        yield from found
        progress(len(found), what)
        if len(found) < _PAGE:
            return
        ids += [one.id for one in found]


def _counted(found: Iterable[Any], progress: Progress, what: str
             ) -> Iterator[Any]:
    for one in found:
        progress(1, what)
        yield one


@contextlib.contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    except sqlalchemy.exc.ArgumentError:
        # It may tell the whole of it, password included.
        why = 'that is not the URL of a database'
    except (db_errors.DBError, ImportError) as error:
        # Without the statement and what is put into it.
        why = (getattr(error, 'inner_exception', None) or error).args[0]
    else:
        return
    raise errors.CommandError(
        "Cinder's database ([database] connection in cinder.conf) cannot be "
        'read: %s' % why)
