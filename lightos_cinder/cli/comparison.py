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

"""Cinder's records and the cluster's objects, side by side.

Nothing here reads or changes anything.
"""

import collections
import dataclasses
import datetime
import enum
from typing import Any
from typing import Callable
from typing import Collection
from typing import Iterable
from typing import Iterator
from typing import Optional
from typing import Sequence
from typing import TypeVar
from typing import Union

from cinder.i18n import _
from oslo_utils import timeutils

from lightos_cinder import acl
from lightos_cinder.client import models
from lightos_cinder import manageable
from lightos_cinder import naming

#: What the driver inside Cinder calls the snapshot that it clones; the id of
#: the clone comes behind it.
_INSIDE_CINDER = 'for_clone_'

#: How long cinder-volume may take to find out whether a host that was let
#: in has an attachment. It looks each minute.
_OVERDUE = datetime.timedelta(minutes=10)

_NOBODY = frozenset({models.ALLOW_ANY, models.ALLOW_NONE})


class Kind(enum.Enum):
    """What is wrong, in the order in which it is told."""

    LOST = 'lost'
    SIZE = 'size'
    NO_ACCESS = 'no access'
    ACCESS = 'access'
    UNCONFIRMED = 'unconfirmed'
    ORPHAN = 'orphan'
    LEFTOVER = 'leftover'


@dataclasses.dataclass(frozen=True)
class VolumeRecord:
    """What Cinder has on record of a volume.

    :param size: GiB
    :param backend: that it is on
    :param there: whether Cinder says that it is on the cluster
    :param at_rest: whether nothing of Cinder's own is under way with it
    :param failed: whether nothing will be under way with it any more
    :param hosts: that it is attached to
    :param tells_all_hosts: whether no host may have access but these
    :param unconfirmed: NQNs of hosts of which it is not known yet whether
        they have an attachment
    :param overdue: those of them that should be known by now
    :param status: as Cinder calls it
    :param host: that serves it, ``host@backend#pool``
    """

    ref: naming.Ref
    size: int
    backend: str
    there: bool = True
    at_rest: bool = True
    failed: bool = False
    hosts: frozenset[acl.Host] = frozenset()
    tells_all_hosts: bool = True
    unconfirmed: frozenset[str] = frozenset()
    overdue: frozenset[str] = frozenset()
    status: str = 'available'
    host: str = ''


@dataclasses.dataclass(frozen=True)
class SnapshotRecord:
    """What Cinder has on record of a snapshot.

    :param size: GiB
    :param backend: that it is on
    :param there: whether Cinder says that it is on the cluster
    :param host: that serves it, ``host@backend#pool``
    """

    ref: naming.Ref
    size: int
    backend: str
    there: bool = True
    host: str = ''


@dataclasses.dataclass(frozen=True)
class Records:
    """All volumes and snapshots that Cinder has, on whatever backend."""

    volumes: tuple[VolumeRecord, ...] = ()
    snapshots: tuple[SnapshotRecord, ...] = ()

    def projects(self, backend: str) -> set[str]:
        """The LightOS projects that those on a backend are in."""
        found = {one.ref.project for one in self.volumes
                 if one.backend == backend}
        return found.union(one.ref.project for one in self.snapshots
                           if one.backend == backend)


@dataclasses.dataclass(frozen=True)
class Objects:
    """What is in some LightOS projects of one cluster.

    :param backends: of Cinder that are on this cluster
    :param projects: those that it was read from
    """

    backends: frozenset[str]
    projects: frozenset[str]
    volumes: tuple[models.Volume, ...] = ()
    snapshots: tuple[models.Snapshot, ...] = ()

    def joined(self, others: 'Objects') -> 'Objects':
        """With what was read from other projects."""
        return dataclasses.replace(
            self, projects=self.projects.union(others.projects),
            volumes=self.volumes + others.volumes,
            snapshots=self.snapshots + others.snapshots)


@dataclasses.dataclass(frozen=True)
class Close:
    """Show a host out of a volume that it has no attachment of."""

    volume_id: str
    nqn: str

    def __str__(self) -> str:
        return _('close volume %(volume)s to %(host)s') % {
            'volume': self.volume_id, 'host': self.nqn}


@dataclasses.dataclass(frozen=True)
class Open:
    """Let a host in to a volume that it has an attachment of."""

    volume_id: str
    nqn: str

    def __str__(self) -> str:
        return _('open volume %(volume)s to %(host)s') % {
            'volume': self.volume_id, 'host': self.nqn}


@dataclasses.dataclass(frozen=True)
class Settle:
    """Have found out whether a host has an attachment of a volume."""

    volume_id: str
    nqn: str

    def __str__(self) -> str:
        return _('find out whether %(host)s has an attachment of volume '
                 '%(volume)s') % {'volume': self.volume_id,
                                  'host': self.nqn}


@dataclasses.dataclass(frozen=True)
class Drop:
    """Delete the temporary snapshot of a clone that is not being made.

    :param clone_id: of the clone
    """

    project: str
    name: str
    uuid: str
    clone_id: str

    def __str__(self) -> str:
        return _('delete snapshot %(name)s in LightOS project %(project)s'
                 ) % {'name': self.name, 'project': self.project}


Mend = Union[Close, Open, Settle, Drop]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    :param subject: the object
    :param text: what is wrong with it
    :param advice: what to do
    :param mend: what would put it right, and can neither lose data nor
        cut off a host that is attached
    :param backend: that Cinder has it on; empty where it has no record
    """

    kind: Kind
    subject: str
    project: str
    text: str
    advice: str
    mend: Optional[Mend] = None
    backend: str = ''


T = TypeVar('T')
Record = TypeVar('Record', VolumeRecord, SnapshotRecord)
Object = TypeVar('Object', models.Volume, models.Snapshot)


def compare(records: Records, objects: Objects,
            named_by_cinder: Callable[[str], bool]) -> list[Finding]:
    """What is not the same on both sides, in the order to be told.

    :param named_by_cinder: whether an object of that name is Cinder's, if
        anybody's; others are not told of
    """
    found: list[Finding] = []
    volumes = _pair(records.volumes, objects.volumes, objects)
    snapshots = _pair(records.snapshots, objects.snapshots, objects)
    for volume, volume_there in volumes.pairs:
        found += _judge_volume(volume, volume_there)
    for snapshot, snapshot_there in snapshots.pairs:
        found += _judge_snapshot(snapshot, snapshot_there)
    for one in volumes.unclaimed:
        if named_by_cinder(one.name):
            found.append(_orphan(_('volume %s'), one))
    cloned = {volume.ref.name: volume for volume in records.volumes}
    cloned_ids = {volume.ref.cinder_id: volume for volume in records.volumes}
    for each in snapshots.unclaimed:
        if naming.is_temporary(each.name):
            clone = cloned.get(naming.clone_of(each.name))
        elif each.name.startswith(_INSIDE_CINDER):
            clone = cloned_ids.get(each.name[len(_INSIDE_CINDER):])
        else:
            if named_by_cinder(each.name):
                found.append(_orphan(_('snapshot %s'), each))
            continue
        if clone is None or clone.at_rest or clone.failed:
            found.append(_leftover(each, clone))
    order = list(Kind)
    return sorted(found, key=lambda one: (
        order.index(one.kind), one.project, one.subject, one.text))


def backend_of(host: Optional[str]) -> str:
    """The section that the host of a volume names, ``host@backend#pool``."""
    return (host or '').partition('@')[2].partition('#')[0]


def is_overdue(since: str) -> bool:
    """Whether cinder-volume should have found out what was marked then."""
    try:
        return timeutils.utcnow() - datetime.datetime.fromisoformat(
            since) > _OVERDUE
    except (TypeError, ValueError):
        # Nobody who writes these wrote that.
        return True


def both(first: Iterable[T], second: Iterable[T]) -> list[T]:
    """What was found twice, in the order of the second time.

    What Cinder and the cluster have is not read at one moment: what was
    only under way is gone when one looks again.
    """
    before = set(first)
    return [one for one in second if one in before]


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """Records with their objects, and objects that are no record's."""

    pairs: Sequence[tuple[Any, Optional[Any]]]
    unclaimed: Sequence[Any]


def _pair(records: Collection[Record], objects: Collection[Object],
          cluster: Objects) -> _Pairs:
    """Find the object of each record that is on this cluster.

    By its UUID, whatever its name is. But Cinder copies the provider_id of
    a volume onto temporary ones, whose own object has their name; and old
    records tell no UUID. Of a volume that is on another cluster by now, what
    has its name here is none of its own.
    """
    staying = [one for one in objects if not one.state.gone]
    by_uuid = {(one.project, one.uuid): one for one in staying}
    by_name: dict[tuple[str, str], Object] = {}
    for one in staying:
        # Of several, rather one that is to stay than failed remains.
        if (one.state is not models.State.FAILED
                or (one.project, one.name) not in by_name):
            by_name[one.project, one.name] = one
    pairs: list[tuple[Record, Optional[Object]]] = []
    claimed: set[str] = set()
    for record in records:
        ref = record.ref
        known = by_uuid.get((ref.project, ref.uuid or ''))
        here = record.backend in cluster.backends
        named = None
        if not (ref.managed or known and naming.is_own(ref, known.name)) and (
                here or not ref.uuid):
            named = by_name.get((ref.project, ref.name))
        claimed.update(one.uuid for one in (known, named) if one)
        if here and ref.project in cluster.projects:
            pairs.append((record, named or known))
    return _Pairs(pairs, [one for one in staying if one.uuid not in claimed])


def _judge_volume(record: VolumeRecord, there: Optional[models.Volume]
                  ) -> Iterator[Finding]:
    subject = _('volume %s') % record.ref.cinder_id
    if there is None or there.state is models.State.FAILED:
        if record.there:
            yield _lost(subject, record, there)
        return
    if record.at_rest and there.state.usable:
        yield from _judge_size(subject, record.ref, record.size, there.size)
        yield from _judge_access(subject, record, there)
    elif not record.at_rest:
        for nqn in sorted(record.overdue):
            yield Finding(
                Kind.UNCONFIRMED, subject, record.ref.project,
                _('it may be open to %(host)s without any attachment, and '
                  'its status %(status)s keeps cinder-volume from finding '
                  'out') % {'host': nqn, 'status': record.status},
                _('wait for what is under way; if nothing is, see why with '
                  '"openstack volume message list" and reset its state'))


def _judge_snapshot(record: SnapshotRecord,
                    there: Optional[models.Snapshot]) -> Iterator[Finding]:
    subject = _('snapshot %s') % record.ref.cinder_id
    if not record.there:
        return
    if there is None or there.state is models.State.FAILED:
        yield _lost(subject, record, there)
    elif there.state.usable:
        yield from _judge_size(subject, record.ref, record.size, there.size,
                               grows=False)


def _lost(subject: str, record: Union[VolumeRecord, SnapshotRecord],
          there: Union[models.Volume, models.Snapshot, None]) -> Finding:
    # A backend of the same name on another host may be of another cluster.
    return Finding(
        Kind.LOST, subject, record.ref.project,
        _('the cluster failed to create it') if there
        else _('it is not on the cluster'),
        _('see that the backend of %s is on this cluster; if so, restore its '
          'content from a backup into a new one, if it had any, and delete '
          'it in Cinder') % record.host)


def _judge_size(subject: str, ref: naming.Ref, recorded: int, there: int,
                grows: bool = True) -> Iterator[Finding]:
    size = manageable.gibibytes(there)
    if size == recorded:
        return
    advice = _('do not use it before it is known why')
    if grows and size > recorded:
        advice = _('openstack volume set --size %(size)d %(id)s') % {
            'size': size, 'id': ref.cinder_id}
    yield Finding(
        Kind.SIZE, subject, ref.project,
        _('it has %(size)d GiB, and %(recorded)d GiB in Cinder')
        % {'size': size, 'recorded': recorded}, advice)


def _judge_access(subject: str, record: VolumeRecord, there: models.Volume
                  ) -> Iterator[Finding]:
    project, volume_id = record.ref.project, record.ref.cinder_id
    known: dict[str, set[str]] = collections.defaultdict(set)
    for host in record.hosts:
        known[host.nqn] |= host.addresses
    for nqn, addresses in known.items():
        text = ''
        if not there.acl & {nqn, models.ALLOW_ANY}:
            text = _('it is attached to %s, which has no access') % nqn
        elif there.ip_acl == {models.ALLOW_NONE}:
            text = _('it is attached to %s, which has no access from any '
                     'address') % nqn
        elif (models.ALLOW_ANY not in there.ip_acl
              and not addresses <= there.ip_acl):
            text = _('it is attached to %(host)s, which has no access from '
                     '%(addresses)s') % {
                'host': nqn,
                'addresses': ', '.join(sorted(addresses - there.ip_acl))}
        if text:
            yield Finding(Kind.NO_ACCESS, subject, project, text,
                          _('give it access: --fix'), Open(volume_id, nqn),
                          record.backend)
    if models.ALLOW_ANY in there.acl:
        yield Finding(
            Kind.ACCESS, subject, project, _('it is open to every host'),
            _('see on the cluster who is connected, then set its ACL there '
              'to those that are attached'))
    strangers = there.acl - _NOBODY - known.keys()
    for nqn in sorted(strangers):
        if nqn in record.unconfirmed - record.overdue:
            # cinder-volume finds it out in a moment.
            continue
        if record.tells_all_hosts:
            yield Finding(
                Kind.ACCESS, subject, project,
                _('it is open to %s, which has no attachment') % nqn,
                _('show it out: --fix'), Close(volume_id, nqn),
                record.backend)
    for nqn in sorted(record.overdue - (
            strangers if record.tells_all_hosts else frozenset())):
        yield Finding(
            Kind.UNCONFIRMED, subject, project,
            _('cinder-volume was to find out whether %s has an attachment, '
              'and did not') % nqn,
            _('see that its cinder-volume is up, and in its log why not; '
              'or have it found out: --fix') if record.tells_all_hosts
            else _('see that its cinder-volume is up, and in its log why '
                   'not'),
            Settle(volume_id, nqn) if record.tells_all_hosts else None,
            record.backend)


def _orphan(noun: str, there: Union[models.Volume, models.Snapshot]
            ) -> Finding:
    return Finding(
        Kind.ORPHAN, noun % ('%s (%s)' % (there.name, there.uuid)),
        there.project,
        _('Cinder has no record of it'),
        _('see that it is of no other cloud; then have Cinder manage it by '
          'source-id %s, or delete it on the cluster') % there.uuid)


def _leftover(there: models.Snapshot, clone: Optional[VolumeRecord]
              ) -> Finding:
    drop = None
    advice = _('see that it is of no other cloud, then delete it on the '
               'cluster')
    if there.expires and naming.is_temporary(there.name):
        advice = _('wait, it expires by itself')
        if clone:
            # Of another, there may be another cloud that is making it now.
            drop = Drop(there.project, there.name, there.uuid,
                        clone.ref.cinder_id)
            advice = _('wait, it expires by itself; or delete it: --fix')
    return Finding(
        Kind.LEFTOVER,
        _('snapshot %s') % ('%s (%s)' % (there.name, there.uuid)),
        there.project,
        _('a clone was interrupted and left it'), advice, drop)
