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

"""The command line, started as an operator does."""

import fcntl
import json
import os
import pty
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from typing import Any
from typing import Mapping
from typing import NamedTuple
from typing import Optional
from typing import Sequence

from cinder import coordination

from tests.functional import base
from tests.functional import cli_case
from tests.functional import database

#: Seconds that a command may take.
_LONG = 300


class Result(NamedTuple):
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    def __repr__(self) -> str:
        return '%d\n%s\n%s' % self

    @property
    def json(self) -> Any:
        """What -f json printed."""
        return json.loads(self.out)


def program(module: str = 'lightos_cinder.cli') -> list[str]:
    """How a module is run in a process of its own."""
    # Where coverage is measured stestr is told so, and this is to count.
    return [*(shlex.split(os.environ.get('PYTHON', '')) or [sys.executable]),
            '-m', module]


def run(conf: str, *words: str, stdin: str = '') -> Result:
    """Run ``lightos-cinder`` without a terminal, in a process of its own.

    :param conf: path of cinder.conf
    """
    done = subprocess.run(
        [*program(), '--config-file', conf, *words], input=stdin,
        capture_output=True, text=True, timeout=_LONG)
    return Result(done.returncode, done.stdout, done.stderr)


def at_terminal(words: Sequence[str], columns: int = 80,
                answers: Optional[Mapping[str, str]] = None,
                all_of_it: bool = False) -> Result:
    """Run a program for somebody who sits at a terminal.

    :param words: the program and its arguments
    :param columns: of the terminal
    :param answers: what is typed, by what is shown just before
    :param all_of_it: whether standard output is the terminal, too, and not
        a pipe
    :returns: what the terminal was sent, as ``err``
    """
    waiting = list((answers or {}).items())
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack('HHHH', 25, columns,
                                                     0, 0))
    shown, out = b'', b''
    end = time.monotonic() + _LONG
    with subprocess.Popen(
            words, stdin=its, stderr=its,
            stdout=its if all_of_it else subprocess.PIPE) as process:
        os.close(its)
        sources = [mine] + ([process.stdout.fileno()]
                            if process.stdout else [])
        while sources:
            ready = select.select(sources, [], [], end - time.monotonic())[0]
            if not ready:
                process.kill()
                raise TimeoutError('%s: %r' % (words, shown))
            for source in ready:
                try:
                    read = os.read(source, 65536)
                except OSError:  # Nobody has the terminal any more.
                    read = b''
                if not read:
                    sources.remove(source)
                elif source == mine:
                    shown += read
                else:
                    out += read
            if waiting and shown.endswith(waiting[0][0].encode()):
                os.write(mine, waiting.pop(0)[1].encode())
    os.close(mine)
    return Result(process.returncode, out.decode(), shown.decode())


class CommandTestCase(database.DatabaseTestCase):
    """cinder.conf of the driver, in a file for a command to read."""

    def setUp(self) -> None:
        super().setUp()
        self.conf = os.path.join(self.folder, 'cinder.conf')
        self.write_conf()

    def write_conf(self, **changes: Any) -> None:
        """Write cinder.conf.

        :param changes: options of the backend; None leaves one out
        """
        section = dict(self.backend_options(), **self.options)
        section.update(
            volume_driver='lightos_cinder.driver.LightOSVolumeDriver',
            lightos_tls_fingerprints=self.lightos.fingerprint)
        section.update(changes)
        self.write_sections({
            'DEFAULT': {'enabled_backends': base.GROUP,
                        'state_path': self.folder},
            'database': {'connection': base.CONF.database.connection},
            'coordination': {'backend_url': 'file://' + self.folder},
            base.GROUP: section})

    def write_sections(self, sections: Mapping[str, Mapping[str, Any]]
                       ) -> None:
        """Write a cinder.conf."""
        with open(self.conf, 'w') as file:
            for name, values in sections.items():
                file.write('[%s]\n' % name)
                for key, value in values.items():
                    if isinstance(value, (list, tuple)):
                        value = ','.join(map(str, value))
                    if value is not None:
                        file.write('%s = %s\n' % (key, value))

    def command(self, *words: str, stdin: str = '') -> Result:
        """Run ``lightos-cinder`` without a terminal."""
        return run(self.conf, *words, stdin=stdin)

    def command_here(self, *words: str) -> Result:
        """The same in this process, which takes no time to begin.

        Cinder's own code has the [database] and the [coordination] of this
        process then, whatever cinder.conf says.
        """
        try:
            return Result(*cli_case.CommandLine(self.folder, {}).run(
                '--config-file', self.conf, *words))
        finally:
            base.CONF.clear()
            # A command that changes something has stopped it.
            coordination.COORDINATOR.start()

    def at_terminal(self, *words: str, **how: Any) -> Result:
        """Run ``lightos-cinder`` at a terminal, see :func:`at_terminal`."""
        return at_terminal([*program(), '--config-file', self.conf, *words],
                           **how)
