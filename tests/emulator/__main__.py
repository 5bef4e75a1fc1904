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

"""Serve an emulated LightOS cluster to people, or to EmulatorProcess."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import tempfile
import textwrap
from typing import Any
from typing import NoReturn
from typing import Optional
from typing import Sequence

from tests.emulator import control
from tests.emulator import process
from tests.emulator import settings as settings_module

_EXAMPLE = '''\
    The emulated LightOS cluster serves at
        {endpoints}
    certificate          {certificate}
    its fingerprint      {fingerprint}
    cluster admin token  {token}
    For example:
        curl --insecure --oauth2-bearer "$(cat {token})" \\
            https://{endpoint}/api/v2/clusterinfo
    Ctrl-C ends it.'''


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tests.emulator', description=__doc__)
    parser.add_argument('--nodes', type=int, metavar='N')
    parser.add_argument('--settle', type=float, metavar='SECONDS',
                        help='how long a change takes')
    parser.add_argument('--address-base', metavar='A.B.C')
    parser.add_argument('--port', type=int)
    parser.add_argument('--set', action='append', default=[],
                        metavar='SWITCH=VALUE', dest='switches',
                        help='any setting, see --list')
    parser.add_argument('--list', action='store_true',
                        help='list all settings and end')
    # For EmulatorProcess.
    parser.add_argument('--settings-json', help=argparse.SUPPRESS)
    parser.add_argument('--ready-json', action='store_true',
                        help='print one line of JSON when ready, and end '
                        'when standard input is closed')
    return parser


def _settings(arguments: argparse.Namespace) -> settings_module.Settings:
    values: dict[str, Any] = {}
    if arguments.settings_json:
        values.update(json.loads(arguments.settings_json))
    values.update(settings_module.Settings.parse(arguments.switches))
    for name in ('nodes', 'settle', 'address_base', 'port'):
        given = getattr(arguments, name)
        if given is not None:
            values[name] = given
    return settings_module.Settings.from_dict(values)


def _stop(*_signal: object) -> NoReturn:
    raise SystemExit(0)


def _until_parent_ends() -> None:
    """Return when standard input is closed or the parent has gone.

    The first is not enough: a process that the parent has forked keeps the
    other end of standard input open.
    """
    parent = os.getppid()
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], 1.0)
        if readable and not os.read(0, 4096):
            return


def _serve_parent(emulator: control.Emulator) -> None:
    with contextlib.closing(process.Listener(emulator)) as listener:
        ready = {name: getattr(emulator, name) for name in control.FACTS}
        ready['control_port'] = listener.port
        ready['control_secret'] = listener.secret
        print(json.dumps(ready), flush=True)
        _until_parent_ends()


def _serve_people(emulator: control.Emulator) -> None:
    with tempfile.TemporaryDirectory(prefix='lightos-') as folder:
        token = os.path.join(folder, 'system.jwt')
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600),
                  'w') as file:
            file.write(emulator.admin_token)
        print(textwrap.dedent(_EXAMPLE).format(
            endpoints='\n    '.join(emulator.endpoints), token=token,
            endpoint=emulator.endpoints[0],
            certificate=emulator.certificate,
            fingerprint=emulator.fingerprint), flush=True)
        while True:
            signal.pause()


def main(argv: Optional[Sequence[str]] = None) -> int:
    """The command line."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.list:
        print(settings_module.describe())
        return 0
    try:
        settings = _settings(arguments)
    except ValueError as error:
        parser.error(str(error))
    signal.signal(signal.SIGTERM, _stop)
    if arguments.ready_json:
        # Ctrl-C reaches the parent too, which may still need the cluster.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        # A shell that starts it in the background has it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    emulator = control.Emulator(settings)
    try:
        emulator.start()
    except OSError as error:
        print('cannot serve: %s' % error, file=sys.stderr)
        return 1
    try:
        if arguments.ready_json:
            _serve_parent(emulator)
        else:
            _serve_people(emulator)
    except KeyboardInterrupt:
        pass
    finally:
        emulator.stop()
    return 0


if __name__ == '__main__':
    sys.exit(main())
