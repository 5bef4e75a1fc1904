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

"""Names of Cinder's objects on the cluster, and where they are."""

import dataclasses
import re
from typing import Any
from typing import Callable
from typing import Optional
import uuid

_UUID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')

# An extra spec left out means this project, which every cluster has.
DEFAULT_PROJECT = 'default'


@dataclasses.dataclass(frozen=True)
class Ref:
    """Where an object of Cinder is on the cluster.

    :param cinder_id: its id in Cinder, for logs and errors
    :param project: the LightOS project
    :param name: its name there
    :param uuid: its UUID there, if it is known
    :param managed: whether it kept a name that somebody else gave it, so
        that its UUID alone says which one it is
    :param inherited: tells the project that it is in if project and UUID
        are those of another volume, from which Cinder copied them, and
        None if they are not; None if they cannot be
    """

    cinder_id: str
    project: str
    name: str
    uuid: Optional[str] = None
    managed: bool = False
    inherited: Optional[Callable[[], Optional[str]]] = dataclasses.field(
        default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return '%s (%s in LightOS project %s)' % (
            self.cinder_id, self.name, self.project)


@dataclasses.dataclass(frozen=True)
class Source:
    """What an administrator asks Cinder to manage: by UUID, or by name."""

    uuid: Optional[str] = None
    name: Optional[str] = None

    def __str__(self) -> str:
        return self.uuid or self.name or ''


def provider_id(project: str, object_uuid: str) -> str:
    """The text in Cinder's database that says where an object is."""
    return '%s %s' % (project, object_uuid)


def parse_provider_id(text: Optional[str]
                      ) -> tuple[Optional[str], Optional[str]]:
    """Read a provider_id of ours or of the driver inside Cinder.

    :param text: ``project UUID``; older ones: ``project``, or nothing
    :returns: project and UUID, each None where it is not told
    """
    words = (text or '').split()
    if len(words) > 2:
        return None, None
    return (words[0] if words else None,
            words[1] if len(words) == 2 else None)


def provider_location(name_id: str, name: str) -> str:
    """The text in Cinder's database for a name that Cinder did not give.

    :param name_id: that Cinder would have put into the name. It tells the
        object from others: Cinder copies a volume's provider_location, as
        it does with its provider_id, onto temporary volumes
    """
    # The UUID tells which one it is; the name is for people, and the column
    # of the database has an end.
    return ('%s %s' % (name_id, name))[:255]


def parse_provider_location(text: Optional[str]
                            ) -> tuple[Optional[str], Optional[str]]:
    """Read a provider_location.

    :returns: the id of whose it is and the name on the cluster; None and
        None where there is none of ours
    """
    name_id, _space, name = (text or '').partition(' ')
    if not name or not _UUID.fullmatch(name_id):
        return None, None
    return name_id, name


def is_own(ref: Ref, name: str) -> bool:
    """Whether a name on the cluster is that of an object of Cinder.

    However volume_name_template and snapshot_name_template are set, or
    once were, they put the object's id into its name; or the other id that
    a migrated volume goes by.
    """
    own = {ref.cinder_id}.union(_UUID.findall(ref.name))
    return name == ref.name or not own.isdisjoint(_UUID.findall(name))


def volume_ref(volume: Any, type_project: Callable[[], str],
               inherited: Callable[[], bool]) -> Ref:
    """Where a volume is.

    :param volume: Cinder's Volume
    :param type_project: tells the project that its volume type names, for
        volumes that do not say where they are, or say it of another
    :param inherited: tells whether another volume is on record there too
    """
    owner, kept = parse_provider_location(volume.provider_location)
    project, object_uuid = parse_provider_id(volume.provider_id)
    managed = owner == volume.name_id and bool(object_uuid)
    return Ref(volume.id, project or type_project(),
               kept if managed and kept else volume.name, object_uuid,
               managed, lambda: type_project() if inherited() else None)


def new_volume_ref(volume: Any, type_project: str) -> Ref:
    """Where a volume will be.

    Its provider_id is not looked at: Cinder copies that of the source onto
    the temporary volume of a migration.
    """
    return Ref(volume.id, type_project, volume.name)


def snapshot_ref(snapshot: Any, source: Ref) -> Ref:
    """Where a snapshot is.

    :param snapshot: Cinder's Snapshot
    :param source: the volume it was taken of, whose project it shares
    """
    project, object_uuid = parse_provider_id(snapshot.provider_id)
    _owner, kept = parse_provider_location(snapshot.provider_location)
    return Ref(snapshot.id, project or source.project,
               kept or snapshot.name, object_uuid,
               managed=bool(kept and object_uuid))


def is_temporary(name: str) -> bool:
    """Whether a snapshot is one of :func:`temporary_snapshot_ref`."""
    return name.startswith('clone-') and bool(_UUID.search(name))


def clone_of(name: str) -> str:
    """The name of the volume that a temporary snapshot was made for."""
    return name.partition('-')[2].rpartition('-')[0]


def temporary_snapshot_ref(clone: Ref, source: Ref) -> Ref:
    """Where the snapshot will be that a clone is made of.

    Its name is never used again: a name whose holder is being deleted can
    be taken and then fail (REST API facts, 3).
    """
    return Ref(clone.cinder_id, source.project,
               'clone-%s-%s' % (clone.name, uuid.uuid4().hex[:12]))
