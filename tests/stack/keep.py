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


"""Keeping a stack up for people to use, and ending it when they say so."""

import contextlib
import os
import pathlib
import shlex
import signal
import sys
import time
import typing

from tests.stack import identity
from tests.stack import stack


def end_on_signals() -> None:
    """Let SIGTERM and SIGINT end everything in order.

    Of the two Python handles the second, unless a shell has started it in
    the background.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _write(path: pathlib.Path, text: str) -> pathlib.Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _openrc(folder: pathlib.Path, user: identity.Identity) -> pathlib.Path:
    # What the shell has set already would come first for the client.
    forget = ''.join(f'unset {name}\n' for name in os.environ
                     if name.startswith('OS_'))
    return _write(
        folder / f'{user.username}-openrc',
        forget + "export no_proxy='*'\n" + ''.join(
            f'export {name}={shlex.quote(value)}\n'
            for name, value in user.environment().items()))


def keep(running: stack.Stack, lightos: typing.Any,
         users: typing.Iterable[identity.Identity],
         say: typing.Callable[[str], None]) -> None:
    """Tell how to use what is running, and wait until it is ended.

    Passwords and tokens are left in files that only this user can read.
    """
    folder = running.folder
    jwt = _write(folder / 'lightos-system-jwt', lightos.admin_token)
    say('\nEverything keeps running until Ctrl-C.\n\nOpenStack client:')
    for user in users:
        say(f'  source {_openrc(folder, user)}')
    say('  openstack volume list\n\nLightOS API:')
    for endpoint in lightos.endpoints:
        say(f'  https://{endpoint}')
    say(f'  JWT of its administrator: {jwt}\n'
        f'  certificate: {lightos.certificate}\n\n'
        f'Configuration and logs: {folder}')
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            running.check()
            time.sleep(1)
