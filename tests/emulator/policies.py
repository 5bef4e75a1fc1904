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

"""QoS policies (REST API facts, 2.11 and 6)."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Iterator
from typing import Optional
import uuid

from tests.emulator import errors
from tests.emulator import messages
from tests.emulator import rendering

NO_LIMIT = 'no-limit-policy'

#: Exactly one of these, each with two numbers where 0 is no limit.
LIMITS = {
    'limitIOPS': ('readIOPSLimit', 'writeIOPSLimit'),
    'limitBw': ('readBWLimit', 'writeBWLimit'),
    'limitIOPSPerGB': ('readIOPSPerGBLimit', 'writeIOPSPerGBLimit'),
}


@dataclasses.dataclass
class Policy:
    """A QoS policy, for all projects or for some."""

    name: str
    description: str
    visibility: str
    projects: list[str]
    kind: str
    limits: dict[str, int]
    uuid: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))

    def wire(self, admin: bool) -> dict[str, Any]:
        """The Policy object; others than the admin see no visibility."""
        visibility = self.visibility if admin else 'Unavailable'
        return {
            'UUID': self.uuid,
            'name': self.name,
            'description': self.description,
            'state': 'Active',
            'QoSRateLimitPolicy': {
                'policyVisibility': rendering.enum(
                    visibility, 'Unavailable'),
                'projectsNamesScope': self.projects if admin else [],
                self.kind: dict(self.limits),
            },
        }

    def usable_by(self, project: str) -> bool:
        """Scoped policies belong to the projects they name."""
        return self.visibility == 'Global' or project in self.projects


class Policies:
    """All policies of the cluster."""

    def __init__(self) -> None:
        self.all: dict[str, Policy] = {}
        self.no_limit = self.create(NO_LIMIT, '', {
            'policyVisibility': 'Global',
            'limitIOPS': {}})

    def __iter__(self) -> Iterator[Policy]:
        return iter(sorted(self.all.values(), key=lambda p: p.uuid))

    def name_of(self, policy_uuid: str) -> str:
        """Its name, or nothing when it is not there."""
        policy = self.all.get(policy_uuid)
        return policy.name if policy else ''

    def find(self, policy_uuid: str = '', name: str = '') -> Policy:
        """The policy of that UUID or else name."""
        if policy_uuid:
            policy = self.all.get(policy_uuid)
        elif name:
            policy = self._named(name)
        else:
            raise errors.invalid('policy UUID or name required')
        if policy is None:
            raise errors.not_found('policy')
        return policy

    def _named(self, name: str) -> Optional[Policy]:
        return next(
            (p for p in self.all.values() if p.name == name), None)

    def create(self, name: str, description: str,
               rules: dict[str, Any]) -> Policy:
        """A new policy from its `qoSRateLimitPolicy`."""
        if not name:
            raise errors.invalid('policy name required')
        if self._named(name):
            raise errors.exists('policy %s already exists' % name)
        policy = Policy(name, description, *_rules(rules))
        self.all[policy.uuid] = policy
        return policy

    def update(self, policy: Policy, rules: dict[str, Any]) -> None:
        """Other limits, at once for every volume that has the policy."""
        (policy.visibility, policy.projects, policy.kind,
         policy.limits) = _rules(rules)


def _rules(rules: dict[str, Any]
           ) -> tuple[str, list[str], str, dict[str, int]]:
    kinds = [kind for kind in LIMITS if rules.get(kind) is not None]
    if len(kinds) != 1:
        raise errors.invalid(
            'exactly one of %s must be set' % ', '.join(LIMITS))
    kind = kinds[0]
    visibility = rules.get('policyVisibility', 'Global')
    if visibility not in ('Global', 'Scoped'):
        raise errors.invalid('invalid policyVisibility %r' % visibility)
    limits = {}
    for name in LIMITS[kind]:
        try:
            limit = messages.number(rules[kind].get(name, 0))
        except ValueError as error:
            raise errors.invalid('%s %s' % (name, error))
        # IOPS are kept in steps of 256.
        step = 256 if kind == 'limitIOPS' else 1
        limits[name] = -(-limit // step) * step
    return visibility, list(rules.get('projectsNamesScope', ())), kind, limits
