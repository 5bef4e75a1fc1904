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

import json
import os
import shlex
import subprocess
import sys
from typing import Any
from typing import Mapping

from tests.functional import base
from tests.functional import database


class Result:
    """What a command printed, and how it ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self) -> str:
        return '%d\n%s\n%s' % (self.status, self.out, self.err)

    @property
    def json(self) -> Any:
        """What -f json printed."""
        return json.loads(self.out)


def run(conf: str, *words: str, stdin: str = '') -> Result:
    """Run ``lightos-cinder`` without a terminal, in a process of its own.

    It reads cinder.conf for Cinder's own code, which can do so only once.

    :param conf: path of cinder.conf
    """
    # Where coverage is measured stestr is told so, and this is to count.
    python = shlex.split(os.environ.get('PYTHON', '')) or [sys.executable]
    return Result(subprocess.run(
        [*python, '-m', 'lightos_cinder.cli', '--config-file', conf, *words],
        input=stdin, capture_output=True, text=True, timeout=300))


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
