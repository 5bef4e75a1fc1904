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


"""The command line lightos-cinder, as an operator runs it."""

import pathlib
import subprocess
import sys

from tests.stack import client
from tests.stack import identity
from tests.stack import process

_PROGRAM = pathlib.Path(sys.executable).with_name('lightos-cinder')


def run(user: identity.Identity | None, *arguments: str) -> str:
    """Run a command in a process of its own and return its output.

    :param user: whose OpenStack credentials it finds; None for nobody's
    :raises CommandFailed: with what it printed as its error
    """
    # The program itself is there once the driver is installed.
    program = [str(_PROGRAM)] if _PROGRAM.exists() else [
        sys.executable, '-m', 'lightos_cinder.cli']
    done = subprocess.run(
        [*program, *arguments], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
        env=(process.python_environment()
             | (user.environment() if user else {})
             | {'CLIFF_MAX_TERM_WIDTH': client.WIDTH}))
    if done.returncode:
        raise client.CommandFailed(
            done.stderr.strip() or done.stdout.strip()
            or f'exit status {done.returncode}')
    return done.stdout
