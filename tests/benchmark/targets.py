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

"""What our driver is to reach, next to the other in the same run."""

import dataclasses
from typing import Iterator
from typing import Optional
from typing import Sequence

from tests.benchmark import figures

#: Seconds that the cluster takes, where a target does not say.
_SETTLE = 0.2

#: Connections that the pool may hold at most.
_POOL = 32


@dataclasses.dataclass(frozen=True)
class Target:
    """What is to be reached, and what was.

    :param what: for people
    :param measured: None if this run did not measure it
    :param most: whether the bound is the most that it may be, or the least
    """

    what: str
    measured: Optional[float]
    bound: float
    most: bool = True

    @property
    def verdict(self) -> str:
        """Whether it is reached."""
        if self.measured is None:
            return 'not measured'
        reached = (self.measured <= self.bound if self.most
                   else self.measured >= self.bound)
        return 'reached' if reached else 'MISSED'

    def __str__(self) -> str:
        measured = ('%.2f' % self.measured if self.measured is not None
                    else '-')
        return '%-64s %10s %s %-7g %s' % (
            self.what, measured, '<=' if self.most else '>=', self.bound,
            self.verdict)


def of_pairs(found: Sequence[figures.Pair], mode: str) -> Iterator[Target]:
    """The targets of operations."""
    def pair(operation: str, settle: float = _SETTLE, width: int = 1
             ) -> Optional[figures.Pair]:
        return figures.find(found, operation, settle, width, mode)

    def ratio(operation: str, name: str = 'median', width: int = 1
              ) -> Optional[float]:
        one = pair(operation, width=width)
        return one.ratio(name) if one else None

    def ours(operation: str, name: str, settle: float = _SETTLE
             ) -> Optional[float]:
        one = pair(operation, settle)
        return getattr(one.ours, name) if one else None

    def over(operation: str, settle: float) -> Optional[float]:
        median = ours(operation, 'median', settle)
        return None if median is None else 100 * (median / settle - 1)

    for operation in ('create', 'attach', 'detach', 'snapshot',
                      'from snapshot', 'clone'):
        yield Target('times as fast: ' + operation, ratio(operation), 4,
                     most=False)
    for operation in ('delete', 'delete snapshot'):
        yield Target('times as fast: ' + operation, ratio(operation), 1,
                     most=False)
    for operation, settle, bound in (('create', 0.2, 30), ('create', 1, 15),
                                     ('extend', 0.2, 40)):
        yield Target('%% above the settle time of %g s: %s'
                     % (settle, operation), over(operation, settle), bound)
    for width in (8, 32):
        one = pair('lifecycle', width=width)
        yield Target('times as many lifecycles a second, %d at once' % width,
                     one.ours.rate / one.theirs.rate if one else None, 5,
                     most=False)
    yield Target('share of the processor time of a lifecycle, %',
                 _inverse(ratio('lifecycle', 'cpu_each')), 20)
    handshakes = [one.ours.handshakes for one in found
                  if one.setting.mode == mode]
    yield Target('handshakes of a whole run at one settle time and width',
                 max(_runs(found, mode), default=None) if handshakes
                 else None, _POOL)
    yield Target('REST calls of a lifecycle', ours('lifecycle', 'calls_each'),
                 11)
    yield Target('REST calls of a set-up', ours('set-up', 'calls_each'), 3)
    yield Target('REST calls of statistics', ours('statistics', 'calls_each'),
                 2)
    yield Target('REST calls of an attach that is there already',
                 ours('attach again', 'calls_each'), 1)
    yield Target('operations that failed', float(sum(
        one.ours.failed for one in found if one.setting.mode == mode)), 0)


def of_growth(found: figures.Growth) -> Iterator[Target]:
    """The targets of growth."""
    for operation, calls in found.calls.items():
        yield Target(
            'REST calls more with %d volumes: %s'
            % (found.sizes[-1], operation), calls[-1] - calls[0], 0)
    # Of the sums: a single one takes a few milliseconds, and differs by as
    # much from run to run.
    sums = [sum(one[number] for one in found.milliseconds.values())
            for number in range(len(found.sizes))]
    yield Target('times as long with %d volumes: all operations'
                 % found.sizes[-1], sums[-1] / sums[0], 1.5)
    yield Target('REST calls of a start with %d volumes' % found.sizes[-1],
                 found.start_calls, 3)
    yield Target('REST calls of listing %d manageable volumes'
                 % found.sizes[-1], found.listing_calls,
                 found.sizes[-1] // 1000 + 1)
    yield Target('MiB more after %d lifecycles than after %d' % (
        found.lifecycles[-1], found.lifecycles[0]),
        found.memory[-1] - found.memory[0], 5)
    yield Target('failures of %d at once' % found.crowd, found.crowd_failed,
                 0)
    yield Target('connections of %d at once' % found.crowd,
                 found.crowd_handshakes, _POOL)
    yield Target('times the median that the longest of them took',
                 found.crowd_seconds[1] / found.crowd_seconds[0], 5)


def _inverse(ratio: Optional[float]) -> Optional[float]:
    return 100 / ratio if ratio else None


def _runs(found: Sequence[figures.Pair], mode: str) -> list[int]:
    """Our handshakes of each settle time and width."""
    runs: dict[tuple[float, int], int] = {}
    for one in found:
        if one.setting.mode == mode:
            key = one.setting.settle, one.setting.width
            runs[key] = runs.get(key, 0) + one.ours.handshakes
    return list(runs.values())
