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


"""python -m tests.stack: an OpenStack with a LightOS cluster, to try out."""

import argparse
import functools
import sys

from tests import emulator
from tests.stack import backend
from tests.stack import keep
from tests.stack import process
from tests.stack import stack

BACKEND = 'lightstack'


def main() -> int:
    """Bring everything up; with --keep, until told to end."""
    parser = argparse.ArgumentParser(prog='python -m tests.stack',
                                     description=__doc__)
    parser.add_argument(
        '--keep', action='store_true',
        help='stay up until Ctrl-C instead of ending when all is ready')
    arguments = parser.parse_args()
    keep.end_on_signals()
    try:
        with emulator.EmulatorProcess(
                emulator.Settings(nodes=3, settle=0.3)) as lightos:
            section = backend.section(BACKEND, lightos, lightos.admin_token)
            with stack.Stack({BACKEND: section}) as running:
                if arguments.keep:
                    keep.keep(running, lightos, [running.admin],
                              functools.partial(print, flush=True))
    except process.StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
