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

"""``lightos-cinder tiers``: classes of service as volume types."""

import argparse
from typing import Any
from typing import Iterable
from typing import Optional
from typing import Sequence

from cliff import command
from cliff import lister

from lightos_cinder.cli import base
from lightos_cinder.cli import cloud as openstack_cloud
from lightos_cinder.cli import errors
from lightos_cinder.cli import tier_file
from lightos_cinder.cli import tier_plan
from lightos_cinder import specs

_EPILOG = """\
a file of tiers (etc/tiers.yaml of the source has all keys):
  defaults:                      # of all tiers that do not say it themselves
    volume_backend_name: lightstack        # as in cinder.conf; needed
    project: lightstack                    # the LightOS project
    access: [lightstack]                   # OpenStack projects
  tiers:
    Gold: {replicas: 3, compression: true}
    Bronze: {replicas: 1, public: true}

examples:
  lightos-cinder tiers apply tiers.yaml --dry-run
  lightos-cinder tiers apply tiers.yaml --yes
"""


class Apply(base.Base, command.Command):
    """Make volume types as a YAML file says.

    Shows what is to be created and changed, asks, and does it; then reads
    it back, and goes on if that shows more. Repeating it changes nothing.

    Volume types that the file does not name are left alone, and so is what
    it does not say of a tier. Two things it decides on: a LightOS extra
    spec (replicas, compression, project, qos_policy) that it does not name
    is taken away, for the defaults of the driver to apply; and projects
    that are not in the list "access" lose it. Cinder changes no extra specs
    of a type that has volumes.
    """

    epilog = _EPILOG

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of this command."""
        parser = super().get_parser(prog_name)
        parser.add_argument('file', metavar='FILE', help='tiers, in YAML')
        group = parser.add_mutually_exclusive_group()
        group.add_argument('--dry-run', action='store_true',
                           help='show the plan and change nothing')
        group.add_argument('--yes', action='store_true',
                           help='do not ask')
        return parser

    def take_action(self, parsed_args: Any) -> None:
        """Plan, show, ask, do, and look again."""
        tiers = tier_file.load(parsed_args.file)
        done: Optional[list[tier_plan.Plan]] = None
        while True:
            plans = plan(self.cloud, tiers)
            new = sum(one.is_new for one in plans)
            changed = sum(bool(one.steps) for one in plans) - new
            if done and not new + changed:
                self.say('Done.')
                return
            self.say('\n'.join(map(str, plans)))
            self.say('%d to create, %d to change, %d as in the file.' % (
                new, changed, len(plans) - new - changed))
            if parsed_args.dry_run or not new + changed:
                return
            if plans == done:
                raise errors.CommandError(
                    'Cinder accepted this, and yet it is not so')
            if not self.confirmed('Go on?', parsed_args):
                self.say('This was not done.')
                self.failed = True
                return
            apply(self.cloud, plans)
            done = plans


def plan(cloud: openstack_cloud.Cloud, tiers: Iterable[tier_file.Tier]
         ) -> list[tier_plan.Plan]:
    """What is to be done for tiers, by what is there now."""
    tiers = list(tiers)
    types = {one['name']: one for one in _volume_types(cloud)}
    qos = cloud.qos_specs()
    projects: dict[str, str] = {}
    if any(tier.access is not None for tier in tiers):
        projects = cloud.projects()
    plans = []
    for tier in tiers:
        present = types.get(tier.name)
        access: set[str] = set()
        if (present and tier.access is not None
                and not present.get(tier_plan.IS_PUBLIC)):
            access = cloud.type_access(present['id'])
        plans.append(tier_plan.make(tier, present, access, qos, projects))
    return plans


def _volume_types(cloud: openstack_cloud.Cloud) -> list[dict[str, Any]]:
    found = cloud.volume_types()
    if openstack_cloud.are_hidden(found):
        raise errors.CommandError(
            'OpenStack does not show the extra specs of volume types; use '
            'the credentials of an administrator')
    return found


def apply(cloud: openstack_cloud.Cloud, plans: Iterable[tier_plan.Plan]
          ) -> None:
    """Do what is planned.

    :raises CommandError: at the first step that Cinder refuses; those
        before it are done
    """
    for one in plans:
        ids = dict(one.ids)
        for step in one.steps:
            path = step.path
            for placeholder, known in ids.items():
                path = path.replace(placeholder, known)
            try:
                reply = cloud.call(step.method, path, json=step.body)
            except errors.CommandError as error:
                raise errors.CommandError(
                    'tier %s: %s. This was to be changed:\n%s\nWhat comes '
                    'before it in the plan is done; once that is mended, '
                    'apply the file again' % (one.tier, error,
                                              '\n'.join(step.lines)))
            if step.makes:
                ids[step.makes] = next(
                    value['id'] for value in reply.values()
                    if isinstance(value, dict) and 'id' in value)


class Show(base.Base, lister.Lister):
    """List the volume types that ask something of LightOS.

    That is those with an extra spec lightos:*. An empty column means that
    the type does not say: the default of the driver applies. Access lists
    the OpenStack projects that may use a private type.
    """

    def take_action(self, parsed_args: Any
                    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        """Read volume types and who may use them."""
        cloud = self.cloud
        types = _volume_types(cloud)
        qos = {one['id']: one for one in cloud.qos_specs()}
        projects = cloud.projects()
        return (('Name', 'Public', 'Backend', 'LightOS project', 'Replicas',
                 'Compression', 'QoS policy', 'Access'),
                [row(one, qos, [] if one[tier_plan.IS_PUBLIC] else sorted(
                    projects.get(id_, id_)
                    for id_ in cloud.type_access(one['id'])))
                 for one in types if is_tier(one)])


def is_tier(volume_type: Any) -> bool:
    """Whether a volume type asks something of LightOS."""
    return any(key.startswith('lightos:')
               for key in volume_type['extra_specs'])


def row(volume_type: Any, qos: Any, access: Sequence[str]
        ) -> tuple[Any, ...]:
    """A volume type as it is listed.

    :param qos: QoS specs by their ids
    :param access: names of the projects that may use it
    """
    held = volume_type['extra_specs']
    associated = qos.get(volume_type.get('qos_specs_id') or '', {})
    of_type = {}
    if associated.get('consumer') in ('back-end', 'both'):
        of_type = associated['specs']
    return (volume_type['name'], volume_type[tier_plan.IS_PUBLIC],
            held.get(tier_file.BACKEND_NAME, ''),
            held.get(specs.PROJECT, ''), held.get(specs.REPLICAS, ''),
            held.get(specs.COMPRESSION, ''),
            of_type.get(specs.QOS_SPEC) or held.get(specs.QOS_POLICY, ''),
            ', '.join(access))
