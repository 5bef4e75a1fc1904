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


"""The openstack client, run as its users do but within this process.

Importing it takes two seconds, which every command would pay in a process
of its own. The command lines, the environment, the output and the exit
status are those of the program: it is its own entry point that runs.
"""

import contextlib
import io
import json
import logging
import os
import shlex
import sys
import typing
import warnings

from tests.stack import identity
from tests.stack import process

_SECRET = ('--password',)


class CommandFailed(Exception):
    """The openstack client ended with an error, which it printed."""


@contextlib.contextmanager
def _as_a_new_process(environment: typing.Mapping[str, str]
                      ) -> typing.Iterator[None]:
    """Give the client its environment; take back what it sets globally."""
    before = dict(os.environ)
    name, sys.argv[0] = sys.argv[0], 'openstack'
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    os.environ.clear()
    os.environ.update(process.clean_environment() | dict(environment))
    try:
        with warnings.catch_warnings():
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        os.environ.clear()
        os.environ.update(before)
        sys.argv[0] = name


def command_line(arguments: typing.Sequence[str]) -> str:
    """Return the command as a user types it, without its secrets."""
    words = ['openstack']
    for previous, word in zip(('', *arguments), arguments):
        words.append('***' if previous in _SECRET else shlex.quote(word))
    return ' '.join(words)


def run(user: identity.Identity, *arguments: str) -> str:
    """Run a command of the openstack client and return its output.

    :raises CommandFailed: with what it printed as its error.
    """
    from openstackclient import shell

    output, errors = io.StringIO(), io.StringIO()
    with (_as_a_new_process(user.environment()),
          contextlib.redirect_stdout(output),
          contextlib.redirect_stderr(errors)):
        try:
            status = shell.main(list(arguments))
        except SystemExit as exit:  # argparse, on a bad command line
            status = exit.code
    if status:
        raise CommandFailed(errors.getvalue().strip()
                            or output.getvalue().strip())
    return output.getvalue()


def get(user: identity.Identity, *arguments: str) -> typing.Any:
    """Run a command and return what it says in JSON."""
    return json.loads(run(user, *arguments, '-f', 'json'))
