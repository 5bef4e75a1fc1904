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

"""What must be on the cluster, looked at while all goes on.

Who works on a volume or a snapshot says so, and says what it must be like as
soon as it is at rest again.
"""

import dataclasses
import itertools
import threading

from tests import emulator
from tests.soak import figures
from tests.stack import compute

GIB = 2 ** 30

#: States of what will not be there for long.
GONE = ('Deleting', 'Deleted')


@dataclasses.dataclass(frozen=True)
class Expected:
    """A volume or a snapshot as its user has left it.

    :param noun: volume or snapshot
    :param size: GiB
    :param hosts: that it is attached to, and no others
    :param turn: differs from what it was before
    """

    noun: str
    size: int
    hosts: tuple[compute.Host, ...]
    turn: int


class Watch:
    """Compares the cluster with what users were told."""

    def __init__(self, cluster: emulator.EmulatorProcess,
                 found: figures.Figures) -> None:
        self.looks = 0
        self._cluster = cluster
        self._figures = found
        self._turns = itertools.count()
        self._lock = threading.Lock()
        self._expected: dict[str, Expected] = {}

    def volume(self, key: str, size: int, *hosts: compute.Host) -> None:
        """A volume is at rest: of so many GiB, open to these hosts."""
        self._rest(f'volume-{key}', Expected('volume', size, hosts,
                                             next(self._turns)))

    def snapshot(self, key: str, size: int) -> None:
        """A snapshot is at rest."""
        self._rest(f'snapshot-{key}', Expected('snapshot', size, (),
                                               next(self._turns)))

    def move(self, key: str) -> None:
        """It is being worked on, or it is gone: anything may be so."""
        with self._lock:
            for noun in ('volume', 'snapshot'):
                self._expected.pop(f'{noun}-{key}', None)

    def look(self) -> None:
        """Compare all that is at rest before and after the look."""
        before = self._at_rest()
        seen = {item['name']: item
                for item in self._cluster.volumes() + self._cluster.snapshots()
                if item['state'] not in GONE}
        after = self._at_rest()
        for name, expected in before.items():
            if after.get(name) == expected:
                self._compare(name, expected, seen.get(name))
        self.looks += 1

    def _rest(self, name: str, expected: Expected) -> None:
        with self._lock:
            self._expected[name] = expected

    def _at_rest(self) -> dict[str, Expected]:
        with self._lock:
            return dict(self._expected)

    def _compare(self, name: str, expected: Expected,
                 item: dict[str, object] | None) -> None:
        if item is None:
            self._figures.violation('lost', f'{name} is not on the cluster')
            return
        if int(str(item['size'])) != expected.size * GIB:
            self._figures.violation(
                'lost', f'{name} has {item["size"]} bytes instead of '
                f'{expected.size} GiB')
        if expected.noun == 'volume':
            self._compare_access(name, expected.hosts, item)

    def _compare_access(self, name: str, hosts: tuple[compute.Host, ...],
                        item: dict[str, object]) -> None:
        open_to, addresses = (
            set(values['values']) for values in (item['acl'], item['IPAcl'])
            if isinstance(values, dict))
        attached = {host.nqn for host in hosts}
        for nqn in open_to - attached - {'ALLOW_NONE'}:
            self._figures.violation(
                'unauthorised', f'{name} is open to {nqn}, which it is not '
                'attached to')
        lacking = attached - open_to | {
            address for host in hosts for address in host.addresses
        } - addresses
        if lacking:
            self._figures.violation(
                'lost', f'{name} is closed to {sorted(lacking)}, which it is '
                'attached to')
