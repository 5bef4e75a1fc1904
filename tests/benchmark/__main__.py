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

"""Measures our driver next to the driver inside Cinder, in turn.

Both work on an emulated cluster of three endpoints over TLS that runs in a
process of its own. Prints one table and whether targets are reached; writes
that, the raw figures and a chart. All of it takes about an hour. Ratios are
what counts: seconds are of one machine, on which nothing else should run.
"""

import argparse
import dataclasses
import importlib
import json
import os
import pathlib
import subprocess
import sys
from typing import Any
from typing import Iterator
from typing import Sequence

_ROOT = pathlib.Path(__file__).resolve().parents[2]

_MODES = ('threading', 'eventlet')
_SETTLE = (0, 0.2, 1)

#: How many volumes at once, and how many in all.
_WIDTHS = {1: 5, 8: 16, 32: 32}


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.benchmark', description=__doc__)
    parser.add_argument(
        '--mode', choices=_MODES, action='append', dest='modes',
        help='native threads, or green ones (default: both)')
    parser.add_argument(
        '--settle', type=float, action='append', metavar='SECONDS',
        help='that the cluster takes for a change (default: 0, 0.2, 1)')
    parser.add_argument(
        '--width', type=int, action='append', choices=tuple(_WIDTHS),
        help='how many at once (default: 1, 8, 32)')
    parser.add_argument(
        '--lifecycles', type=int, default=10_000, metavar='N',
        help='for which memory is watched; 0 leaves growth out '
        '(default: %(default)s)')
    parser.add_argument(
        '--services', type=int, default=200, metavar='N',
        help='lifecycles of a whole Cinder, which sizing is derived from; it '
        'needs RabbitMQ, MariaDB and Redis installed; 0 leaves it out '
        '(default: %(default)s)')
    parser.add_argument(
        '--output', type=pathlib.Path, default=pathlib.Path(), metavar='DIR',
        help='for benchmark.json, .txt and .png, and sizing.txt '
        '(default: here)')
    parser.add_argument(
        '--from', type=pathlib.Path, metavar='FILE', dest='read',
        help='measure nothing: show the raw figures of an earlier run')
    parser.add_argument('--worker', help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.modes = options.modes or list(_MODES)
    options.settle = options.settle or list(_SETTLE)
    options.width = options.width or list(_WIDTHS)
    return options


def _work(options: argparse.Namespace) -> None:
    """Measure in one mode; tell of each figure in a line of JSON."""
    def tell(**what: Any) -> None:
        print(json.dumps(what), flush=True)

    # It patches what the mode needs, before anything else is imported.
    importlib.import_module('tests.functional')
    from tests.benchmark import bench
    from tests.benchmark import growth
    with bench.Bench().ready() as ready:
        for settle in options.settle:
            for width in options.width:
                tell(doing='settle %g s, %d at once' % (settle, width))
                for figure in ready.compare(options.worker, settle, width,
                                            _WIDTHS[width]):
                    tell(figure=figure.to_json())
        if options.lifecycles:
            tell(growth=dataclasses.asdict(growth.measure(
                ready, options.worker, options.lifecycles,
                lambda what: tell(doing=what))))


def _measure(mode: str, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What a process that works in that mode tells."""
    environment = dict(
        os.environ, PYTHONWARNINGS='ignore',
        PYTHONPATH=os.pathsep.join(filter(None, (
            str(_ROOT), os.environ.get('PYTHONPATH')))),
        OS_CINDER_DISABLE_EVENTLET_PATCHING=str(mode == 'threading'))
    with subprocess.Popen(
            [sys.executable, '-m', 'tests.benchmark', *arguments,
             '--worker', mode], stdout=subprocess.PIPE, text=True,
            env=environment) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            yield json.loads(line)
    if worker.returncode:
        raise SystemExit('the benchmark ended early')


def _run(options: argparse.Namespace, arguments: Sequence[str]) -> Any:
    from tests.benchmark import figures
    from tests.benchmark import report
    if options.read:
        return report.Run.load(options.read)
    measured: list[figures.Figure] = []
    grown = {}
    for mode in options.modes:
        for told in _measure(mode, arguments):
            if 'doing' in told:
                print('%s: %s' % (mode, told['doing']), file=sys.stderr)
            elif 'figure' in told:
                measured.append(figures.Figure.from_json(told['figure']))
            else:
                grown[mode] = figures.Growth(**told['growth'])
    services = []
    if options.services:
        from tests.benchmark import service
        services = [service.measure(options.services, mode)
                    for mode in options.modes]
    return report.Run(measured, grown, services)


def main(arguments: Sequence[str]) -> None:
    """Measure, or show what was."""
    options = _parse(arguments)
    if options.worker:
        _work(options)
        return
    run = _run(options, arguments)
    if not options.read:
        run.save(options.output / 'benchmark.json')
    for name, lines in (('benchmark.txt', run.lines()),
                        ('sizing.txt', run.sizing())):
        text = '\n'.join([*lines, ''])
        (options.output / name).write_text(text)
        print(text)
    from tests.benchmark import report
    report.chart(run, options.output / 'benchmark.png')


if __name__ == '__main__':
    main(sys.argv[1:])
