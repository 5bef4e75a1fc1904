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

"""The figures of a run, for people, and whether they will do."""

import collections
import dataclasses
import typing

from tests import emulator
from tests.soak import figures
from tests.soak import gauges

#: Connections of the driver's pool, for each endpoint, and the endpoints.
_POOL, _ENDPOINTS = 32, 3

#: MiB that a cinder-volume service may grow by once it is warm. It grew by
#: 1 to 7 in 40 and in 110 lifecycles: pools and caches of Cinder's that fill
#: as more is done at once. To keep a KiB of each call would be 5 in 110.
_MEMORY = 24.0

#: Violations of one kind that are told.
_TOLD = 20


@dataclasses.dataclass
class Run:
    """What was noticed besides the counts.

    :param width: how many lifecycles at once
    :param struck: how often each kind of fault has struck
    :param flaps: how often the endpoint went
    :param refused: calls that were sent with the withdrawn token
    :param looks: at all that was at rest
    :param temporary: snapshots that were left to expire, and did
    :param samples: of each service, by its name and its first process
    """

    width: int
    seconds: float = 0.0
    struck: dict[str, int] = dataclasses.field(default_factory=dict)
    flaps: int = 0
    refused: int = 0
    looks: int = 0
    temporary: int = 0
    samples: dict[tuple[str, int], list[gauges.Sample]] = (
        dataclasses.field(default_factory=lambda: collections.defaultdict(
            list)))


def lines(run: Run, counted: figures.Figures,
          cluster: emulator.EmulatorProcess) -> typing.Iterator[str]:
    """What happened."""
    calls = len(cluster.requests())
    struck = sum(run.struck.values())
    complaints = collections.Counter(
        one['reason'] for one in cluster.complaints())
    yield from counted.times()
    yield (f'{counted.lifecycles} lifecycles, {run.width} at once: '
           f'{counted.operations} operations, {calls} calls to the cluster '
           f'in {run.seconds:.0f} s; {run.looks} looks at what was at rest')
    yield (f'{struck} faults struck ({100 * struck / calls:.1f} % of all '
           f'calls): {_counts(run.struck)}')
    yield (f'one endpoint went {run.flaps} times; {run.refused} calls were '
           f'sent with the withdrawn token; '
           f'{cluster.connections()["all"]} connections were made in all')
    yield f'errors told to users: {sum(counted.told.values())}'
    yield from (f'  {words}' for words in counted.words)
    yield (f'done again by users: {sum(counted.repeated.values())}; by an '
           f'administrator: {_counts(counted.administered)}')
    yield (f'temporary snapshots left, and expired: {run.temporary}; '
           f'complaints of the cluster: {_counts(complaints)}')
    for (service, pid), series in run.samples.items():
        yield f'{service} (process {pid}): {_held(series)}'
    yield _counts({kind: len(texts) for kind, texts
                   in counted.violations().items()})


def objections(run: Run, counted: figures.Figures) -> typing.Iterator[str]:
    """What will not do; nothing if all is well."""
    for kind, texts in counted.violations().items():
        yield from (f'{kind.upper()}: {text}' for text in texts[:_TOLD])
        if len(texts) > _TOLD:
            yield f'{kind.upper()}: and {len(texts) - _TOLD} more'
    # A call at a time for each user, and one for the service's own looks.
    most = _ENDPOINTS * min(_POOL, run.width + 1)
    for (service, pid), series in run.samples.items():
        warm, last, _ = figures.growth(series)
        connections = max(sample.connections for sample in series)
        if last.memory - warm.memory > _MEMORY:
            yield (f'GROWN: {service} (process {pid}) by '
                   f'{last.memory - warm.memory:.1f} MiB; at most {_MEMORY} '
                   'are allowed')
        if connections > most:
            yield (f'GROWN: {service} (process {pid}) to {connections} '
                   f'connections; at most {most} are allowed')


def _counts(counts: typing.Mapping[str, int]) -> str:
    return ', '.join(f'{what}: {times}' for what, times in counts.items()
                     ) or 'none'


def _held(series: typing.Sequence[gauges.Sample]) -> str:
    warm, last, slope = figures.growth(series)
    most = max(sample.connections for sample in series)
    return (f'memory {warm.memory:.1f} MiB at {warm.lifecycles} lifecycles, '
            f'{last.memory:.1f} MiB at {last.lifecycles} ({slope:+.1f} per '
            f'100); connections {warm.connections}, {last.connections}, at '
            f'most {most}; threads {warm.threads}, {last.threads}; files '
            f'{warm.files}, {last.files}')
