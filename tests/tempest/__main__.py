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


"""python -m tests.tempest: tempest's volume tests and those of its plug-in.

On a real Keystone and a real Cinder, with MariaDB and RabbitMQ, and two
backends on an emulated cluster. There is no Nova and no Glance: tempest
skips what needs them. tempest must be installed next to Cinder, and
RabbitMQ, MariaDB and Redis in the system.
"""

import argparse
import pathlib
import sys
import time

from tests import emulator
from tests.stack import backend
from tests.stack import distributed
from tests.stack import keep
from tests.stack import process
from tests.stack import stack
from tests.stack import volumes
from tests.tempest import configuration
from tests.tempest import leftovers
from tests.tempest import report
from tests.tempest import results
from tests.tempest import runner
from tests.tempest import selection

BACKENDS = ('lightos-1', 'lightos-2')
PROJECT = 'lightstack'
VOLUME_TYPE = 'Gold'
# The plug-in has tests of the roles as they are to be.
POLICY = {'enforce_scope': True, 'enforce_new_defaults': True}


def make_type(running: stack.Stack) -> None:
    """Make the volume type that tempest makes its volumes of."""
    client = volumes.cinder_client(running.admin)
    client.volume_types.create(VOLUME_TYPE).set_keys({
        'compression': '<is> True', 'lightos:num_replicas': '3',
        'lightos:project_name': PROJECT})


def api_log(running: stack.Stack) -> str:
    """Return all that cinder-api has said."""
    return (running.cinder.folder / 'controller' / 'cinder-api.log'
            ).read_text(errors='replace')


def run(arguments: argparse.Namespace, chosen: selection.Selection) -> bool:
    """Start everything, run the tests, and tell whether all is well."""
    with emulator.EmulatorProcess(
            emulator.Settings(nodes=3, settle=0.1)) as lightos:
        lightos.create_project(PROJECT)
        backends = {
            name: backend.section(
                name, lightos, lightos.admin_token,
                volume_driver=arguments.driver)
            for name in BACKENDS}
        with distributed.Stack(
                backends, volume_hosts=['storage'], data_path=False,
                sections={'oslo_policy': POLICY}) as running:
            running.keep_folder = arguments.keep_logs
            make_type(running)
            folder = running.folder / 'tempest'
            folder.mkdir()
            tempest = runner.Runner(folder, configuration.sections(
                running.admin, folder, BACKENDS, VOLUME_TYPE))
            tests, left_out = tempest.tests(chosen.regex)
            print(f'{len(tests)} tests', file=sys.stderr)
            began = time.monotonic()
            outcomes = tempest.run(tests, arguments.concurrency,
                                   running.check)
            seconds = time.monotonic() - began
            released = leftovers.unmanaged(api_log(running))
            left = leftovers.leftovers(
                lightos, running.cinder, running.admin.session(),
                running.processes, released)
            summary = report.Report(
                arguments.driver, chosen.regex, seconds,
                results.settle(tests, outcomes), left_out, left,
                chosen.at_least)
            print('\n' + summary.text())
            if arguments.summary:
                arguments.summary.write_text(summary.json())
            if summary.wrong() or running.keep_folder:
                running.keep_folder = True
                print(f'logs     {running.folder}')
    return not summary.wrong()


def main() -> int:
    """Run the tests; the status says whether all is well."""
    parser = argparse.ArgumentParser(prog='python -m tests.tempest',
                                     description=__doc__)
    parser.add_argument(
        '--driver', default=backend.DRIVER, metavar='CLASS',
        help='volume_driver of the backends (default: %(default)s)')
    parser.add_argument(
        '--concurrency', type=int, default=2, metavar='N',
        help='tests at the same time (default: %(default)s)')
    parser.add_argument(
        '--smoke', action='store_true',
        help="only tempest's smoke tests and the plug-in's that are not "
        'about roles')
    parser.add_argument(
        '--summary', type=pathlib.Path, metavar='FILE',
        help='where to write all results, as JSON')
    parser.add_argument(
        '--keep-logs', action='store_true',
        help='leave all logs behind also if all is well')
    parser.add_argument(
        'selection', nargs='?', metavar='REGEX',
        help='only tests whose names match')
    arguments = parser.parse_args()
    if arguments.smoke and arguments.selection:
        parser.error('--smoke is a selection itself')
    chosen = selection.SMOKE if arguments.smoke else selection.WHOLE
    if arguments.selection:
        chosen = selection.Selection(arguments.selection)
    keep.end_on_signals()
    try:
        return 0 if run(arguments, chosen) else 1
    except (process.StackError, runner.RunnerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
