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

"""The program itself, at odd terminals and at none."""

import contextlib
import os
import pty
import subprocess
import sys
import tempfile
import unittest

import ddt


@ddt.ddt
class TerminalTest(unittest.TestCase):

    def on_terminal(self, *words, **environment):
        """The status and all that a terminal gets to see."""
        mine, its = pty.openpty()
        self.addCleanup(os.close, mine)
        home = self.enterContext(tempfile.TemporaryDirectory())
        with subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m', 'lightos_cinder.cli',
                 *words], stdin=its, stdout=its, stderr=its,
                env=dict(os.environ, HOME=home, **environment)) as running:
            os.close(its)
            shown = b''
            with contextlib.suppress(OSError):
                while True:
                    more = os.read(mine, 65536)
                    if not more:
                        break
                    shown += more
        return running.returncode, shown

    @ddt.data((['--help'], 0), (['help', 'check'], 0),
              (['check', '--compute'], 1), (['check', '--nope'], 2),
              (['chekc'], 2))
    @ddt.unpack
    def test_no_colours(self, words, status):
        found, shown = self.on_terminal(*words, TERM='xterm-256color')
        self.assertEqual(status, found, shown)
        self.assertNotIn(b'\x1b', shown)
        self.assertGreater(len(shown), 50)

    def test_no_colours_where_they_are_not_wanted(self):
        for environment in ({'TERM': 'dumb'}, {'NO_COLOR': '1'}):
            found, shown = self.on_terminal('--help', **environment)
            self.assertEqual(0, found)
            self.assertNotIn(b'\x1b', shown)

    def test_an_encoding_that_has_not_all_letters(self):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'lightos_cinder.cli',
             '--config-file', '/n\xf6', 'check', '--compute'],
            env=dict(os.environ, PYTHONIOENCODING='ascii'), check=False,
            capture_output=True, text=True)
        self.assertIn(r'/n\xf6', done.stdout)
        self.assertIn('host NQN', done.stdout)

    def test_nobody_wants_the_output(self):
        done = subprocess.run(
            ['/bin/sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', sys.executable,
             '-m', 'lightos_cinder.cli', '--help'], check=False)
        self.assertEqual(0, done.returncode)

    def test_errors_where_there_is_no_output(self):
        done = subprocess.run(
            ['/bin/sh', '-c', 'exec "$@" >&-', 'sh', sys.executable,
             '-W', 'ignore', '-m', 'lightos_cinder.cli', 'help', 'nope'],
            check=False, capture_output=True, text=True)
        self.assertEqual(2, done.returncode)
        self.assertIn('there is no command nope', done.stderr)
        self.assertNotIn('NoneType', done.stderr)
