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

"""The volume types of a tenant."""

import dataclasses
from typing import Any
from typing import Mapping
from typing import Optional
from typing import Sequence

from lightos_cinder.cli import cloud as openstack_cloud
from lightos_cinder.cli import errors
from lightos_cinder.cli import tier_file
from lightos_cinder.cli import tier_plan
from lightos_cinder import specs


def plan(cloud: openstack_cloud.Cloud, name: str, backend_name: str,
         wanted: Sequence[str], project: str, path: Optional[str]
         ) -> list[tier_plan.Plan]:
    """What is to be done for a tenant to have tiers.

    :param name: of the LightOS project
    :param backend_name: volume_backend_name
    :param wanted: names of tiers
    :param project: name or id of the OpenStack project
    :param path: of a file of tiers; None for public volume types
    :raises CommandError: names the tier and what is allowed
    """
    present = cloud.volume_types()
    if path:
        known = {short_name(one): one for one in tier_file.load(path)}
    else:
        known = {one['name']: _of_type(one) for one in present
                 if one[tier_plan.IS_PUBLIC] and one.get('extra_specs')}
    where = path or 'the public volume types with extra specs'
    projects = cloud.projects()
    by_name = {one['name']: one for one in present}
    plans = []
    for tier in dict.fromkeys(wanted):
        if tier not in known:
            raise errors.CommandError(
                '--tier %s: it is not among %s; allowed: %s' % (
                    tier, where, ', '.join(sorted(known)) or '(none)'))
        made = for_tenant(known[tier], tier, name, project)
        on_backend = made.extra_specs.get(tier_file.BACKEND_NAME)
        if on_backend != backend_name:
            raise errors.CommandError(
                '--tier %s: its volume_backend_name is %s; allowed: %s, '
                'that of the backend which the LightOS project is made for'
                % (tier, on_backend or '(not set)', backend_name))
        there = by_name.get(made.name)
        access: set[str] = set()
        if there and not there[tier_plan.IS_PUBLIC]:
            # Others may have been let in to it since.
            access = cloud.type_access(there['id'])
            made = dataclasses.replace(made, access=(
                *tier_plan.resolve([project], projects, made.name),
                *access))
        plans.append(tier_plan.make(made, there, access, cloud.qos_specs(),
                                    projects))
    return plans


def short_name(tier: tier_file.Tier) -> str:
    """The name of a tier without that of the project it was made for."""
    prefix = tier.extra_specs.get(specs.PROJECT, '') + '-'
    if tier.name.startswith(prefix):
        return tier.name[len(prefix):]
    return tier.name


def for_tenant(tier: tier_file.Tier, short: str, name: str, project: str
               ) -> tier_file.Tier:
    """A tier as the tenant's own, private volume type."""
    return dataclasses.replace(
        tier, name='%s-%s' % (name, short), public=False, access=(project,),
        extra_specs={**tier.extra_specs, specs.PROJECT: name})


def _of_type(volume_type: Mapping[str, Any]) -> tier_file.Tier:
    return tier_file.Tier(
        name=volume_type['name'], description=volume_type.get('description'),
        public=True, extra_specs=volume_type['extra_specs'], access=None,
        qos=None)


def of_project(cloud: openstack_cloud.Cloud, name: str, backend_name: str
               ) -> list[dict[str, Any]]:
    """The volume types that put volumes into a LightOS project.

    Another cluster may have a project of that name, too.

    :param backend_name: volume_backend_name
    """
    return [one for one in cloud.volume_types()
            for extra_specs in [one.get('extra_specs') or {}]
            if extra_specs.get(specs.PROJECT) == name
            and extra_specs.get(tier_file.BACKEND_NAME,
                                backend_name) == backend_name]


def describe(cloud: openstack_cloud.Cloud, name: str, backend_name: str
             ) -> list[str]:
    """These, each with who may use it."""
    found = of_project(cloud, name, backend_name)
    projects = cloud.projects() if found else {}
    return ['%s (%s)' % (one['name'], 'public' if one[tier_plan.IS_PUBLIC]
                         else ', '.join(sorted(
                             projects.get(id_, id_) for id_
                             in cloud.type_access(one['id']))) or 'nobody')
            for one in found]


def delete(cloud: openstack_cloud.Cloud, name: str, backend_name: str
           ) -> list[str]:
    """Have no volume types of a LightOS project; their names.

    :raises CommandError: if one is public or the default of an OpenStack
        project, with nothing changed, or in use
    """
    found = of_project(cloud, name, backend_name)
    public = [one['name'] for one in found if one[tier_plan.IS_PUBLIC]]
    if public:
        raise errors.CommandError(
            'Nothing was changed: all OpenStack projects may use volume type '
            '%s, which puts volumes into LightOS project %s. Delete it, or '
            'give it another lightos:project_name, first' % (
                public[0], name))
    defaults = cloud.default_types() if found else {}
    for one in found:
        if one['id'] in defaults:
            raise errors.CommandError(
                'Nothing was changed: volume type %s is the default of '
                'OpenStack project %s. Take it back first: cinder '
                '--os-volume-api-version 3.62 default-type-unset %s' % (
                    one['name'], *2 * (defaults[one['id']],)))
    own = {one['id']: one for one in cloud.qos_specs()}
    for one in found:
        try:
            cloud.call('DELETE', '/types/%s' % one['id'])
        except errors.CommandError as error:
            raise errors.CommandError('volume type %s: %s' % (
                one['name'], error)) from None
        # Those that "tiers apply" and "tenant create" made for it.
        qos = own.get(one.get('qos_specs_id') or '')
        if qos and qos['name'] == one['name']:
            cloud.call('DELETE', '/qos-specs/%s' % qos['id'])
    return [one['name'] for one in found]
