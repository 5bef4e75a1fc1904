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


"""What a run of tempest says, to people and to programs."""

import dataclasses
import json
import re
import typing

from tests.tempest import results

#: What tests may be skipped for: what there is not, and known defects of
#: Cinder. The volume API has no microversion 2, the compute API has.
ABSENT = re.compile(
    r'\bnova\b|compute|glance|image|backup|replication|consistency group'
    r'|barbican|microversion range\[2\.|until bug: http', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Report:
    """A run: with what, of which tests, and what came of it.

    :param left_out: the tests of the selection that it does not have, and
        why.
    :param left: what differs between the cluster and Cinder's records.
    :param at_least: how many tests have to be run for a success.
    """

    driver: str
    selection: str
    seconds: float
    results: results.Results
    left_out: typing.Mapping[str, str]
    left: typing.Sequence[str]
    at_least: int

    def wrong(self) -> list[str]:
        """Return why the run is no success: nothing if it is one."""
        found = self.results
        wrong = []
        if found.failed:
            wrong.append(f'{len(found.failed)} failed')
        if len(found.passed) + len(found.failed) < self.at_least:
            wrong.append(f'fewer than {self.at_least} were run')
        others = [reason for reason in found.reasons()
                  if not ABSENT.search(reason)]
        if others:
            wrong.append(f'skipped for another reason: {"; ".join(others)}')
        if self.left:
            wrong.append(f'{len(self.left)} left over')
        return wrong

    def text(self) -> str:
        """Return it for people."""
        found = self.results
        return '\n'.join([
            f'driver   {self.driver}',
            f'passed   {len(found.passed)}',
            f'skipped  {len(found.skipped)}',
            *(f'    {count:3} {reason}'
              for reason, count in found.reasons().items()),
            f'failed   {len(found.failed)}',
            *(f'    {name}\n        {(text.splitlines() or [""])[-1]}'
              for name, text in found.failed.items()),
            f'left out {len(self.left_out)}',
            *(f'    {name}\n        {reason}'
              for name, reason in self.left_out.items()),
            f'left over {len(self.left)}',
            *(f'    {line}' for line in self.left),
            f'time     {self.seconds:.0f} s',
            'result   ' + ('; '.join(self.wrong()) or 'good')])

    def json(self) -> str:
        """Return it for programs, with all names."""
        found = self.results
        values = {
            'driver': self.driver, 'selection': self.selection,
            'seconds': round(self.seconds), 'passed': sorted(found.passed),
            'skipped': dict(found.skipped), 'failed': dict(found.failed),
            'left out': dict(self.left_out),
            'left over': list(self.left), 'wrong': self.wrong()}
        return json.dumps(values, indent=2) + '\n'
