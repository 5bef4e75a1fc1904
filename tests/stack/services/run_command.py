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


"""A program of others as a service of the stack, ended with its parent."""

import os
import pwd
import signal
import subprocess
import sys
import threading
import typing


def _as_user(account: str) -> dict[str, typing.Any]:
    entry = pwd.getpwnam(account)
    return {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}


def main(account: str, *command: str) -> int:
    """Run a command until it ends, or until it shall.

    It shall end when this process is sent SIGTERM, and when its standard
    input ends, as it does with the parent (see lifeline.py). It is given no
    time then: nothing that it keeps is needed again.

    :param account: as whom to run it, if this is root; may be empty.
    """
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True,
        **(_as_user(account) if account else {}))

    def kill(*_signal: object) -> None:
        # With all processes that it has started itself.
        os.killpg(child.pid, signal.SIGKILL)

    def watch() -> None:
        while os.read(0, 1):
            pass
        kill()

    signal.signal(signal.SIGTERM, kill)
    threading.Thread(target=watch, daemon=True).start()
    return abs(child.wait())


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
