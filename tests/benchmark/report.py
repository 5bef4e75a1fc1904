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

"""The table, the chart and the raw figures."""

import dataclasses
import json
import pathlib
from typing import Any
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional
from typing import Sequence

from tests.benchmark import figures
from tests.benchmark import sizing
from tests.benchmark import targets

_HEAD = ('%-9s %6s %5s  %-16s %27s  %27s  %19s  %19s  %25s' % (
    'mode', 'settle', 'width', 'operation', 'median s: ours, theirs',
    'p95 s: ours, theirs', 'REST calls', 'TLS connections', 'CPU ms'))

#: Where nothing is drawn.
_BELOW: dict[str, Any] = {'loc': 'upper center', 'bbox_to_anchor': (0.5, -.12)}

#: Where the chart shows how both are next to each other.
_SHOWN = (('threading', 0.2, 1), ('threading', 0.2, 32))


@dataclasses.dataclass(frozen=True)
class Run:
    """All that was measured in one run.

    :param growth: by mode
    :param services: what a whole Cinder takes
    """

    measured: Sequence[figures.Figure]
    growth: Mapping[str, figures.Growth]
    services: Sequence[figures.Service]

    def save(self, path: pathlib.Path) -> None:
        """Write it to a file, a figure a line."""
        path.write_text('{"figures": [\n%s],\n"growth": %s,\n'
                        '"services": %s}\n' % (
                            ',\n'.join(json.dumps(one.to_json())
                                       for one in self.measured),
                            json.dumps({mode: dataclasses.asdict(one)
                                        for mode, one in self.growth.items()}),
                            json.dumps([dataclasses.asdict(one)
                                        for one in self.services])))

    @classmethod
    def load(cls, path: pathlib.Path) -> 'Run':
        """Read it from a file."""
        read = json.loads(path.read_text())
        return cls([figures.Figure.from_json(one) for one in read['figures']],
                   {mode: figures.Growth(**one)
                    for mode, one in read['growth'].items()},
                   [figures.Service(**one) for one in read['services']])

    def targets(self) -> dict[str, list[targets.Target]]:
        """What was to be reached, by mode."""
        found = figures.pairs(self.measured)
        modes = dict.fromkeys(one.setting.mode for one in found)
        return {mode: [
            *targets.of_pairs(found, mode),
            *(targets.of_growth(self.growth[mode])
              if mode in self.growth else ())] for mode in modes}

    def lines(self) -> Iterator[str]:
        """All of it, for people."""
        yield from table(figures.pairs(self.measured))
        for mode, grown in self.growth.items():
            yield ''
            yield from of_growth(mode, grown)
        for mode, reached in self.targets().items():
            yield ''
            yield 'Targets, %s:' % mode
            yield from map(str, reached)

    def sizing(self) -> Iterator[str]:
        """What clouds need, by that."""
        for number, service in enumerate(self.services):
            if number:
                yield ''
            yield from sizing.lines(figures.pairs(self.measured), service)


def table(found: Iterable[figures.Pair]) -> Iterable[str]:
    """Lines that put both drivers side by side."""
    yield _HEAD
    for one in found:
        yield row(one)


def row(pair: figures.Pair) -> str:
    """A line of the table."""
    setting, ours, theirs = pair.setting, pair.ours, pair.theirs
    failed = ''.join(
        '  %s: %d failed' % (one.driver, one.failed)
        for one in (ours, theirs) if one.failed)
    return '%-9s %6g %5d  %-16s %s  %s  %s  %s  %s%s' % (
        setting.mode, setting.settle, setting.width, setting.operation,
        _three('%8.3f', ours.median, theirs.median, pair.ratio('median')),
        _three('%8.3f', ours.p95, theirs.p95, pair.ratio('p95')),
        _three('%5.1f', ours.calls_each, theirs.calls_each,
               pair.ratio('calls')),
        _three('%5d', ours.handshakes, theirs.handshakes,
               pair.ratio('handshakes')),
        _three('%7.1f', 1000 * ours.cpu_each, 1000 * theirs.cpu_each,
               pair.ratio('cpu')), failed)


def _three(form: str, ours: float, theirs: float, ratio: Optional[float]
           ) -> str:
    return '%s %s %s' % (form % ours, form % theirs,
                         '%7s' % ('x%.1f' % ratio if ratio else '-'))


def of_growth(mode: str, found: figures.Growth) -> Iterable[str]:
    """Lines that tell how costs grow."""
    yield '%-28s' % ('%s: ms, volumes there:' % mode) + ''.join(
        '%9d' % size for size in found.sizes)
    for operation, median in found.milliseconds.items():
        yield '  %-26s' % operation + ''.join('%9.1f' % one for one in median)
    yield 'memory, MiB: ' + ', '.join(
        '%.1f after %d lifecycles' % (memory, done) for done, memory
        in zip(found.lifecycles, found.memory))


def chart(run: Run, path: pathlib.Path) -> None:
    """Draw what was measured."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    pairs = figures.pairs(run.measured)
    mode, grown = next(iter(run.growth.items()), (None, None))
    figure, axes = pyplot.subplots(
        1, 2 + bool(grown), figsize=(6 * (2 + bool(grown)), 5),
        layout='constrained')
    for axis, (name, settle, width) in zip(axes, _SHOWN):
        _bars(axis, [one for one in pairs if (
            one.setting.mode, one.setting.settle, one.setting.width
        ) == (name, settle, width) and one.setting.operation not in (
            'set-up', 'statistics')])
        axis.set_title('%d at once, the cluster takes %g s' % (width, settle))
    if grown:
        for operation, median in grown.milliseconds.items():
            axes[2].plot(grown.sizes, median, marker='o', label=operation)
        axes[2].set_xscale('symlog', linthresh=10)
        axes[2].set_ylim(bottom=0)
        axes[2].set_xlabel('volumes in the project')
        axes[2].set_ylabel('median, ms')
        axes[2].set_title('lightos-cinder, the cluster takes no time')
        axes[2].legend(fontsize='small', ncols=4, **_BELOW)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(axis: Any, pairs: Sequence[figures.Pair]) -> None:
    names = [one.setting.operation for one in pairs]
    places = range(len(pairs))
    for shift, label, color, medians in (
            (-0.2, 'lightos-cinder', 'tab:blue',
             [one.ours.median for one in pairs]),
            (0.2, 'driver inside Cinder', 'tab:gray',
             [one.theirs.median for one in pairs])):
        axis.barh([place + shift for place in places], medians, 0.4,
                  label=label, color=color)
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    if pairs:
        axis.set_xscale('log')
    axis.set_xlabel('median, seconds')
    axis.legend(ncols=2, **_BELOW)
