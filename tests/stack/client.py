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


"""The openstack client, run as its users do but started quickly.

Importing it takes two seconds, which every command would pay. It is
imported once instead, and each command gets a fork of this process: with
the command line, environment, output and exit status of the program, whose
own entry point it is that runs there.
"""

import os
import shlex
import sys
import tempfile
import traceback
import typing

from tests.stack import identity
from tests.stack import process

_SECRETS = ('--password',)

#: Cells are wrapped where a table would be wider than this.
WIDTH = '110'


class CommandFailed(Exception):
    """The openstack client ended with an error, which it printed."""


def command_line(arguments: typing.Sequence[str], width: int = 66,
                 program: str = 'openstack') -> str:
    """Return the command as a user types it, without its secrets.

    Lines are broken before options, which stay with their values.
    """
    lines = [program]
    previous = ''
    for word in arguments:
        typed = '***' if previous in _SECRETS else shlex.quote(word)
        value = previous.startswith('-') and not word.startswith('-')
        if value or len(lines[-1]) + len(typed) < width:
            lines[-1] += f' {typed}'
        else:
            lines.append(f'    {typed}')
        previous = word
    return ' \\\n'.join(lines)


def run(user: identity.Identity, *arguments: str) -> str:
    """Run a command of the openstack client and return its output.

    :raises CommandFailed: with what it printed as its error.
    """
    from openstackclient import shell

    with (tempfile.TemporaryFile() as output,
          tempfile.TemporaryFile() as errors):
        child = os.fork()
        if not child:
            _be_the_client(shell.main, user, arguments, output.fileno(),
                           errors.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said, wrong = (_content(file) for file in (output, errors))
    if status:
        raise CommandFailed(wrong.strip() or said.strip()
                            or f'exit status {status}')
    return said


def _content(file: typing.BinaryIO) -> str:
    file.seek(0)
    return file.read().decode()


def _be_the_client(main: typing.Callable[[list[str]], int],
                   user: identity.Identity, arguments: typing.Sequence[str],
                   output: int, errors: int) -> typing.NoReturn:
    status: typing.Any = 1
    try:
        environment = process.clean_environment() | user.environment()
        os.environ.clear()
        os.environ.update(environment, CLIFF_MAX_TERMWIDTH=WIDTH)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        sys.stdout, sys.stderr = os.fdopen(1, 'w'), os.fdopen(2, 'w')
        sys.argv[:] = ['openstack', *arguments]
        status = main(list(arguments))
    except SystemExit as leaving:  # argparse, after a bad command line
        status = leaving.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1)
