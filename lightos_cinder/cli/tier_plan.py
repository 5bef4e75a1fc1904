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

"""What must be changed for volume types to be as a file says.

A plan is data: requests to Cinder's API, with what they change as people
read it. Nothing is sent here.
"""

import dataclasses
from typing import Any
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional

from lightos_cinder.cli import errors
from lightos_cinder.cli import tier_file

IS_PUBLIC = 'os-volume-type-access:is_public'

#: What stands in paths for an id that is not known before it is made.
TYPE = '{type}'
QOS = '{qos}'


@dataclasses.dataclass(frozen=True)
class Step:
    """A request to Cinder's API.

    :param lines: what it changes, as in a diff
    :param makes: what the id in its reply stands for from then on,
        :data:`TYPE` or :data:`QOS`
    """

    method: str
    path: str
    body: Optional[Mapping[str, Any]]
    lines: tuple[str, ...]
    makes: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done for one tier, in that order.

    :param ids: what is known of what :data:`TYPE` and :data:`QOS` stand for
    """

    tier: str
    is_new: bool
    steps: tuple[Step, ...]
    ids: Mapping[str, str]

    def __str__(self) -> str:
        if not self.steps:
            return '  volume type %s: as in the file' % self.tier
        return '\n'.join(['%s volume type %s' % (
            '+' if self.is_new else '~', self.tier)] + [
            line for step in self.steps for line in step.lines])


def resolve(names: Iterable[str], projects: Mapping[str, str], tier: str
            ) -> dict[str, str]:
    """The names of OpenStack projects by their ids.

    :param names: names or ids
    :param projects: names of all by their ids
    :raises CommandError: for one that is not there, or not the only one
    """
    found = {}
    for name in names:
        ids = [name] if name in projects else [
            one for one, known in projects.items() if known == name]
        if len(ids) != 1:
            raise errors.CommandError(
                'tier %s: access is %s; allowed: %s' % (
                    tier, name, 'the id of one of the projects of that name: '
                    '%s' % ', '.join(sorted(ids)) if ids else 'name or id of '
                    'an OpenStack project that is there, as in "openstack '
                    'project list"'))
        found[ids[0]] = projects[ids[0]]
    return found


def make(tier: tier_file.Tier, present: Optional[Mapping[str, Any]],
         present_access: Iterable[str], qos: Iterable[Mapping[str, Any]],
         projects: Mapping[str, str]) -> Plan:
    """What is to be done for a tier.

    :param present: the volume type of that name as Cinder's API shows it;
        None if there is none
    :param present_access: ids of the projects that may use it
    :param qos: all QoS specs as Cinder's API shows them
    :param projects: names of OpenStack's projects by their ids
    """
    associated = present.get('qos_specs_id') if present else None
    named = [one for one in qos if one['name'] == tier.name]
    ids = {}
    if present:
        ids[TYPE] = present['id']
    if named:
        ids[QOS] = named[0]['id']
    steps = [*(_change(tier, present) if present else _creation(tier)),
             *_qos(tier, named[0] if named else None, associated),
             *_access(tier, present, set(present_access), projects)]
    return Plan(tier.name, present is None, tuple(steps), ids)


def _creation(tier: tier_file.Tier) -> Iterator[Step]:
    public = bool(tier.public)
    lines = ['+   public = %s' % public]
    if tier.description is not None:
        lines.append('+   description = %s' % tier.description)
    yield Step('POST', '/types', {'volume_type': {
        'name': tier.name, 'description': tier.description,
        IS_PUBLIC: public, 'extra_specs': dict(tier.extra_specs)}},
        tuple(lines + _added(tier.extra_specs)), makes=TYPE)


def _change(tier: tier_file.Tier, present: Mapping[str, Any]
            ) -> Iterator[Step]:
    values: dict[str, Any] = {}
    lines: list[str] = []
    for key, shown, wanted, held in (
            ('description', 'description', tier.description,
             present.get('description')),
            ('is_public', 'public', tier.public, present.get(IS_PUBLIC))):
        if wanted is not None and wanted != (held or type(wanted)()):
            values[key] = wanted
            lines += _changed(shown, held, wanted)
    if values.get('is_public') is False and tier.access is not None:
        # Cinder keeps who had access before, and does not show it now.
        lines.append('    then its access is compared')
    if values:
        yield Step('PUT', '/types/' + TYPE, {'volume_type': values},
                   tuple(lines))
    held_specs = present.get('extra_specs') or {}
    other = {key: value for key, value in tier.extra_specs.items()
             if held_specs.get(key) != value}
    if other:
        yield Step('POST', '/types/%s/extra_specs' % TYPE,
                   {'extra_specs': other},
                   tuple(line for key in sorted(other) for line in _changed(
                       key, held_specs.get(key), other[key])))
    for key in tier_file.OURS:
        if key in held_specs and key not in tier.extra_specs:
            yield Step('DELETE', '/types/%s/extra_specs/%s' % (TYPE, key),
                       None, tuple(_changed(key, held_specs[key], None)))


def _qos(tier: tier_file.Tier, named: Optional[Mapping[str, Any]],
         associated: Optional[str]) -> Iterator[Step]:
    if tier.qos is None:
        return
    wanted = {'consumer': tier.qos.consumer, **tier.qos.specs}
    if named is None:
        yield Step('POST', '/qos-specs', {'qos_specs': {
            'name': tier.name, **wanted}},
            tuple(_added(wanted, 'QoS ')), makes=QOS)
    else:
        held = {'consumer': named['consumer'], **named['specs']}
        other = {key: value for key, value in wanted.items()
                 if held.get(key) != value}
        if other:
            yield Step('PUT', '/qos-specs/' + QOS, {'qos_specs': other},
                       tuple(line for key in sorted(other)
                             for line in _changed('QoS ' + key,
                                                  held.get(key),
                                                  other[key])))
        gone = sorted(held.keys() - wanted.keys())
        if gone:
            yield Step('PUT', '/qos-specs/%s/delete_keys' % QOS,
                       {'keys': gone},
                       tuple(line for key in gone for line in _changed(
                           'QoS ' + key, held[key], None)))
    if named is not None and associated == named['id']:
        return
    if associated:
        yield Step('GET', '/qos-specs/%s/disassociate?vol_type_id=%s' % (
            associated, TYPE), None, ('-   QoS specs %s' % associated,))
    yield Step('GET', '/qos-specs/%s/associate?vol_type_id=%s' % (QOS, TYPE),
               None, ('+   QoS specs %s' % tier.name,))


def _access(tier: tier_file.Tier, present: Optional[Mapping[str, Any]],
            held: set[str], projects: Mapping[str, str]) -> Iterator[Step]:
    if tier.access is None:
        return
    if present and present.get(IS_PUBLIC):
        if tier.public is None:
            raise errors.CommandError(
                'tier %s: access is %s, but the volume type is public; '
                'allowed: with public: false' % (
                    tier.name, ', '.join(tier.access)))
        return
    wanted = resolve(tier.access, projects, tier.name)
    for sign, action, ids in (
            ('+', 'addProjectAccess', wanted.keys() - held),
            ('-', 'removeProjectAccess', held - wanted.keys())):
        for one in sorted(ids, key=lambda id_: projects.get(id_, id_)):
            yield Step('POST', '/types/%s/action' % TYPE,
                       {action: {'project': one}},
                       ('%s   access for %s' % (sign, projects.get(one, one)),
                        ))


def _added(values: Mapping[str, str], what: str = '') -> list[str]:
    return ['+   %s%s = %s' % (what, key, values[key])
            for key in sorted(values)]


def _changed(key: str, before: Any, after: Any) -> list[str]:
    return ['%s   %s = %s' % (sign, key, value)
            for sign, value in (('-', before), ('+', after))
            if value is not None]
