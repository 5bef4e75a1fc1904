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

"""How large a Cinder must be for a cloud, by what was measured of one.

A model: what it assumes is said in doc/source/sizing.rst.
"""

import dataclasses
import math
from typing import Iterator
from typing import Sequence

from tests.benchmark import figures

#: Share of a processor that a process is to use at the most.
UTILIZATION = 0.6

#: Of each volume's life: create, attach, detach, delete.
OPERATIONS = 4

#: Seconds between two statistics of a backend, as Cinder is by default, and
#: the REST calls of each.
STATISTICS_EVERY, STATISTICS_CALLS = 60, 2

#: Volumes and operations a second of clouds that are shown.
CLOUDS = ((1_000, 0.5), (10_000, 5.0), (100_000, 50.0), (1_000_000, 500.0))

#: LightOS clusters that share the work.
CLUSTERS = (1, 4)

#: Volumes of a page when all are listed.
_PAGE = 1000


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one life of a volume takes.

    :param cpu: seconds of a processor, by the program of Cinder
    :param calls: REST calls
    :param seconds: for which the driver is at it
    """

    cpu: dict[str, float]
    calls: float
    seconds: float


def measured(found: Sequence[figures.Pair], service: figures.Service
             ) -> Measured:
    """Take it from what a benchmark found, at settle 0.2 s, 8 at once."""
    pair = figures.find(found, 'lifecycle', 0.2, 8, service.mode)
    assert pair
    return Measured(service.cpu, pair.ours.calls_each, pair.ours.median)


@dataclasses.dataclass(frozen=True)
class Cloud:
    """What a cloud needs.

    :param volumes: that it holds
    :param operations: a second, of all its users
    :param clusters: of LightOS, each a backend, which share them evenly
    :param one: what a volume's life takes
    """

    volumes: int
    operations: float
    clusters: int
    one: Measured

    @property
    def lives(self) -> float:
        """Volumes a second that are created and deleted."""
        return self.operations / OPERATIONS

    def processes(self, program: str, share: float = 1) -> int:
        """How many of a program must run, one more than do the work.

        :param share: of the work that they do
        """
        busy = self.lives * share * self.one.cpu[program]
        return math.ceil(busy / UTILIZATION) + 1

    @property
    def services(self) -> int:
        """cinder-volume services of all clusters."""
        return self.clusters * self.processes('volume-1', 1 / self.clusters)

    @property
    def database(self) -> float:
        """Processors that the database is busy with."""
        return self.lives * self.one.cpu['mariadbd']

    @property
    def calls(self) -> float:
        """REST calls a second that each cluster sees."""
        return (self.lives * self.one.calls / self.clusters
                + self.services / self.clusters
                * STATISTICS_CALLS / STATISTICS_EVERY)

    @property
    def busy(self) -> float:
        """Operations that each cluster has at work at any time."""
        return self.lives * self.one.seconds / self.clusters

    @property
    def pages(self) -> int:
        """REST calls to list all volumes of a cluster once."""
        return math.ceil(self.volumes / self.clusters / _PAGE) + 1


def lines(found: Sequence[figures.Pair], service: figures.Service
          ) -> Iterator[str]:
    """A table of clouds."""
    one = measured(found, service)
    yield ('Measured, %s: %.1f REST calls and %.2f s of each volume\'s life; '
           'ms of a processor:' % (service.mode, one.calls, one.seconds))
    yield ', '.join('%s %.0f' % ('cinder-volume' if name == 'volume-1'
                                 else name, 1000 * seconds)
                    for name, seconds in one.cpu.items())
    yield ''
    yield ('%9s %6s %9s %14s %11s %10s %9s %10s %8s %8s' % (
        'volumes', 'ops/s', 'clusters', 'cinder-volume', 'cinder-api',
        'scheduler', 'database', 'calls/s', 'at work', 'listing'))
    yield ('%9s %6s %9s %14s %11s %10s %9s %10s %8s %8s' % (
        '', '', '', 'services', 'processes', 'processes', 'cores',
        'a cluster', 'a cluster', 'calls'))
    for volumes, operations in CLOUDS:
        for clusters in CLUSTERS:
            cloud = Cloud(volumes, operations, clusters, one)
            yield '%9d %6g %9d %14d %11d %10d %9.1f %10.1f %8.1f %8d' % (
                volumes, operations, clusters, cloud.services,
                cloud.processes('cinder-api'),
                cloud.processes('cinder-scheduler'), cloud.database,
                cloud.calls, cloud.busy, cloud.pages)
