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

"""The command line as somebody at a terminal has it."""

import contextlib
import io
import json
import logging
import os
import pathlib
import sys
import tempfile
import typing
import unittest
from unittest import mock

from cinder import i18n

from lightos_cinder.cli import app
from tests.stack import backend
from tests.stack import settings

#: What somebody may have set who runs these tests.
_FOREIGN = ('OS_', 'CLIFF_', 'COLUMNS', 'HOME', 'XDG_')


class Terminal(io.StringIO):
    """Somebody types at it."""

    def isatty(self) -> bool:
        """Answer: yes."""
        return True


class Ended(typing.NamedTuple):
    """How a command ended."""

    status: int
    output: str
    errors: str

    @property
    def rows(self) -> list[dict[str, str]]:
        """What it listed with -f json."""
        return json.loads(self.output)


class CommandLine:
    """Runs commands, in a home folder where nothing is.

    :param environment: variables on top of those of nobody in particular
    """

    def __init__(self, home: str, environment: typing.Mapping[str, str]
                 ) -> None:
        self.home = home
        self.environment = dict(environment)

    def run(self, *words: str, typed: typing.Optional[str] = None) -> Ended:
        """Run a command to its end.

        :param typed: what somebody answers; None if nobody sits there
        """
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        output, errors = io.StringIO(), io.StringIO()
        stdin = io.StringIO() if typed is None else Terminal(typed)
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(_FOREIGN)
                or name == 'OS_CINDER_DISABLE_EVENTLET_PATCHING'}
        try:
            with mock.patch.dict(os.environ, clear=True, values=dict(
                    kept, HOME=self.home, **self.environment)), \
                    mock.patch.object(sys, 'stdin', stdin), \
                    contextlib.redirect_stdout(output), \
                    contextlib.redirect_stderr(errors):
                status = app.main(words)
        finally:
            # As other tests of this process have it (base), and Cinder.
            i18n.enable_lazy()
            root.handlers[:] = handlers
            root.setLevel(level)
        return Ended(status, output.getvalue(), errors.getvalue())


class CommandLineTestCase(unittest.TestCase):
    """Gives each test a home folder and a place for its cinder.conf."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.cli = CommandLine(self.folder, {})

    def write(self, name: str, text: str) -> str:
        """A file in the home folder; its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def cinder_conf(self, lightos: typing.Any, jwt: str,
                    **more: typing.Any) -> str:
        """The configuration of one backend on a cluster; its path."""
        path = pathlib.Path(self.folder, '.cinder', 'cinder.conf')
        path.parent.mkdir(exist_ok=True)
        section = backend.section('lightstack', lightos, jwt, **more)
        settings.write(path, {
            'DEFAULT': {'enabled_backends': 'lightstack'},
            'lightstack': {name: value for name, value in section.items()
                           if value is not None}})
        return str(path)
