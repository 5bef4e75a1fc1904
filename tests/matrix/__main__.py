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

"""Runs cells of the matrix in worker processes and prints their table.

A cell is one operation of the driver, one fault of so many endpoints for so
long from such a request on, and one kind of cluster. Unless asked for the
whole, each operation and fault is tried on one of the four clusters, in turn;
``--share 3`` takes every third cell of these.
"""

import argparse
import collections
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any
from typing import Iterator
from typing import Sequence

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

#: As Cinder 29 is told how to run several things at once.
_MODES = ('threading', 'eventlet')

#: Fields of an outcome, as a worker tells it.
Outcome = dict[str, Any]


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.matrix', description=__doc__)
    parser.add_argument(
        '--mode', choices=_MODES, default=_MODES[0],
        help='native threads, or green ones (default: %(default)s)')
    parser.add_argument('--whole', action='store_true',
                        help='all cells on all four clusters')
    parser.add_argument('--share', type=int, default=1, metavar='N',
                        help='every Nth cell only')
    parser.add_argument('--offset', type=int, default=0,
                        help='begin with this cell')
    parser.add_argument('--operation', default='', metavar='NAME',
                        help='this operation only')
    parser.add_argument('--kind', default='', metavar='TEXT',
                        help='kinds of faults with this in their names')
    parser.add_argument('--cell', default='', metavar='CELL',
                        help='this cell only, as violations name it')
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--worker', type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _work(options: argparse.Namespace) -> None:
    """Try a worker's cells; tell of each in a line of JSON."""
    # It patches what the mode needs, before anything else is imported.
    importlib.import_module('tests.functional')
    from tests.matrix import bench
    ready = bench.Bench()
    ready.setUp()
    try:
        for cell in ready.cells(options):
            print(json.dumps(dataclasses.asdict(ready.run_cell(cell))),
                  flush=True)
    finally:
        ready.doCleanups()


def _outcomes(options: argparse.Namespace, arguments: Sequence[str]
              ) -> Iterator[Outcome]:
    """What all workers tell, as they tell it."""
    told: list[Outcome] = []
    ready = threading.Condition()
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(
        None, (_ROOT, os.environ.get('PYTHONPATH')))))
    environment['OS_CINDER_DISABLE_EVENTLET_PATCHING'] = str(
        options.mode == 'threading')
    environment['PYTHONWARNINGS'] = 'ignore'
    workers = [subprocess.Popen(
        [sys.executable, '-m', 'tests.matrix', *arguments, '--worker',
         str(number)], stdout=subprocess.PIPE, text=True, env=environment)
        for number in range(options.workers)]

    def listen(worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            with ready:
                told.append(json.loads(line))
                ready.notify()

    threads = [threading.Thread(target=listen, args=(worker,))
               for worker in workers]
    for thread in threads:
        thread.start()
    try:
        while True:
            ended = not any(thread.is_alive() for thread in threads)
            with ready:
                if not told and not ended:
                    ready.wait(1)
                batch, told[:] = list(told), []
            yield from batch
            if ended and not batch:
                break
        for worker in workers:
            if worker.wait():
                raise SystemExit('a worker ended with %d' % worker.returncode)
    finally:
        for worker in workers:
            worker.kill()


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A line for each kind of fault, a column for each operation.

    Each field tells how many cells ended well and how many in an error.
    """
    from tests.matrix import faults
    from tests.matrix import operations
    counts: dict[tuple[str, str], collections.Counter[str]] = (
        collections.defaultdict(collections.Counter))
    for one in outcomes:
        counts[one['kind'], one['operation']][
            'violated' if one['violations']
            else 'error' if one['error'] else 'done'] += 1
    kinds = [kind.name for kind in faults.KINDS
             if any(kind.name == name for name, _ in counts)]
    columns = [name for name in operations.OPERATIONS
               if any(name == operation for _, operation in counts)]
    width = max(map(len, kinds))
    for number, name in enumerate(columns):
        yield '%*s%s%s' % (width, '', ' ' * 8 * number, name)
    for kind in kinds:
        fields = []
        for name in columns:
            count = counts[kind, name]
            fields.append(('%d/%d' % (count['done'], count['error']) + (
                '!%d' % count['violated'] if count['violated'] else '')
            ).ljust(8))
        yield '%-*s%s' % (width, kind, ''.join(fields).rstrip())
    yield ('In each field: cells in which the operation succeeded / in which '
           'it told an error.')


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for; the exit status."""
    options = _parse(arguments)
    if options.worker is not None:
        _work(options)
        return 0
    began = time.monotonic()
    outcomes: list[Outcome] = []
    violated = 0
    for one in _outcomes(options, arguments):
        outcomes.append(one)
        for violation in one['violations']:
            print('VIOLATED %s: %s' % (one['cell'], violation), flush=True)
        violated += bool(one['violations'])
    if not outcomes:
        print('there is no such cell')
        return 2
    print('\n'.join(_table(outcomes)))
    errors = sum(bool(one['error']) for one in outcomes)
    print('%d cells (%s) in %d s: %d succeeded, %d told an error, %d '
          'violated an invariant. At most %d requests and %d s of the '
          'driver\'s time.' % (
              len(outcomes), options.mode, time.monotonic() - began,
              len(outcomes) - errors, errors, violated,
              max(one['requests'] for one in outcomes),
              max(one['seconds'] for one in outcomes)))
    return 1 if violated else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
