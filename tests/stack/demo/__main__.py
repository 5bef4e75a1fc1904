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


"""python -m tests.stack.demo: walk the white paper, and check each step."""

import argparse
import contextlib
import functools
import pathlib
import sys
import tempfile
import time
import traceback

from tests import emulator
from tests.stack import backend
from tests.stack import client
from tests.stack.demo import chapter3
from tests.stack.demo import chapter4
from tests.stack.demo import chapter5
from tests.stack.demo import chapter7
from tests.stack.demo import cleanup
from tests.stack.demo import show
from tests.stack.demo import tenancy
from tests.stack.demo import tour as shared
from tests.stack import keep
from tests.stack import process
from tests.stack import stack
from tests.stack import volumes

# What says of itself all that there is to say.
_PLAIN = (show.Failed, client.CommandFailed, process.StackError,
          volumes.UnexpectedStatus)


def _walk(tour: shared.Tour, until_end: contextlib.ExitStack,
          arguments: argparse.Namespace) -> None:
    chapter3.walk(tour)
    sections = chapter4.section(tour, arguments.driver)
    tour.stack = until_end.enter_context(
        stack.Stack(sections, progress=sys.stdout))
    chapter4.verify(tour)
    chapter5.walk(tour)
    volume = chapter5.create_volumes(tour)
    chapter7.walk(tour, volume)
    tenancy.walk(tour, volume)
    cleanup.walk(tour)


def _perform(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    account = show.Show()
    with (emulator.EmulatorProcess(
            emulator.Settings(nodes=3, settle=0.3)) as lightos,
          contextlib.ExitStack() as until_end):
        folder = pathlib.Path(until_end.enter_context(
            tempfile.TemporaryDirectory(prefix='lightos-demo-')))
        tour = shared.Tour(account, lightos, folder)
        status = 0
        try:
            _walk(tour, until_end, arguments)
        except Exception as error:
            status = 1
            _explain(tour, error)
        else:
            account.end(f'PASSED  {account.checks} checks in '
                        f'{time.monotonic() - began:.0f} s')
        if arguments.keep and hasattr(tour, 'stack'):
            users = [tour.stack.admin]
            if hasattr(tour, 'user'):
                users.append(tour.user)
            keep.keep(tour.stack, lightos, users,
                      functools.partial(print, flush=True))
    return status


def _explain(tour: shared.Tour, error: Exception) -> None:
    if hasattr(tour, 'stack'):
        tour.stack.keep_folder = True
        tour.show.said(tour.stack.logs())
    if not isinstance(error, _PLAIN):
        traceback.print_exception(error, file=sys.stdout)
    summary, _, details = str(error).partition('\n')
    tour.show.said(details)
    tour.show.failed(f'{type(error).__name__}: {summary}')


def main() -> int:
    """Run the demonstration; return its exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.stack.demo', description=__doc__)
    parser.add_argument(
        '--keep', action='store_true',
        help='leave everything running in the end, until Ctrl-C')
    parser.add_argument(
        '--driver', default=backend.DRIVER, metavar='CLASS',
        help='the volume driver to show (default: %(default)s)')
    arguments = parser.parse_args()
    keep.end_on_signals()
    try:
        return _perform(arguments)
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
