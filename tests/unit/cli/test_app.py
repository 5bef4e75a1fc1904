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

"""The program as somebody has it who makes slips."""

import contextlib
from importlib import metadata
import io
import json
import logging
import os
import tempfile
import unittest
from unittest import mock

from cliff import lister
from cliff import show
import ddt

from lightos_cinder.cli import app
from lightos_cinder.cli import base
from lightos_cinder.cli import cloud
from lightos_cinder.cli import errors

ODD = 'red \x1b[31m\x07\nnext'


class List(base.Base, lister.Lister):
    """Lists a name that somebody chose."""

    def take_action(self, parsed_args):
        self.say('say ' + ODD)
        self.tell('tell ' + ODD)
        logging.getLogger('x').warning('log %s', ODD)
        return ('Name', 'Size'), [(ODD, 3)]


class ShowOne(base.Base, show.ShowOne):
    """Shows one."""

    def take_action(self, parsed_args):
        return ('Name', 'Size'), (ODD, 3)


@ddt.ddt
class AppTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        self.addCleanup(root.setLevel, level)
        self.addCleanup(root.handlers.__setitem__, slice(None), handlers)
        # They are put back as they were for other tests.
        self.enterContext(mock.patch('oslo_i18n.enable_lazy', autospec=True))

    def run_app(self, *argv, **commands):
        output, told = io.StringIO(), io.StringIO()
        made = app.App.__init__

        def init(one):
            made(one)
            for name, command in commands.items():
                one.command_manager.add_command(name, command)

        with contextlib.redirect_stdout(output), \
                contextlib.redirect_stderr(told), \
                mock.patch.object(app.App, '__init__', init):
            return app.main(argv), output.getvalue(), told.getvalue()

    @ddt.data(['--nope'], ['--nope', 'check'], ['--config', 'x', 'check'])
    def test_a_wrong_flag_before_the_command(self, words):
        status, output, told = self.run_app(*words)
        self.assertEqual((2, ''), (status, output))
        self.assertIn('unrecognized arguments: ' + words[0], told)

    def test_help_for_what_is_no_command(self):
        status, output, told = self.run_app('help', 'nope')
        self.assertEqual((2, ''), (status, output))
        self.assertIn('there is no command nope', told)

    @ddt.data(ImportError, AttributeError)
    def test_what_does_not_load(self, kind):
        """It is in nobody's way, and says why as it is asked for."""
        load = metadata.EntryPoint.load

        def loaded(entry):
            if entry.name == 'audit':
                raise kind('broken on this host')
            return load(entry)

        with mock.patch.object(metadata.EntryPoint, 'load', loaded):
            status, output, told = self.run_app('--help')
            self.assertEqual((0, ''), (status, told))
            self.assertRegex(output, r'(?m)^  check\b')
            self.assertNotRegex(output, r'(?m)^  audit\b|Could not load')
            for words in (['audit'], ['help', 'audit']):
                self.assertEqual((1, '', 'broken on this host\n'),
                                 self.run_app(*words))

    @ddt.data('list', 'show')
    def test_tables_have_escapes(self, command):
        _status, output, _told = self.run_app(command, list=List,
                                              show=ShowOne)
        self.assertIn(r'red \x1b[31m\x07\nnext', output)
        self.assertNotIn('\x1b', output)
        self.assertNotIn('\x07', output)

    def test_lines_have_escapes(self):
        _status, output, told = self.run_app('list', list=List)
        self.assertIn('say red \\x1b[31m\\x07\nnext', output)
        self.assertIn('tell red \\x1b[31m\\x07\nnext', told)
        self.assertIn('log red \\x1b[31m\\x07\nnext', told)
        self.assertNotIn('\x1b', output + told)

    @ddt.data('list', 'show')
    def test_programs_get_names_as_they_are(self, command):
        with mock.patch.object(List, 'say', autospec=True):
            output = self.run_app(command, '-f', 'json', list=List,
                                  show=ShowOne)[1]
            value = self.run_app(command, '-f', 'value', list=List,
                                 show=ShowOne)[1]
        found = json.loads(output)
        self.assertEqual(ODD, (found[0] if command == 'list' else found)
                         ['Name'])
        self.assertIn(ODD, value)


class CloudTest(unittest.TestCase):

    def test_an_entry_of_clouds_yaml_that_is_not_there(self):
        home = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(
            os.environ, {'OS_CLOUD': 'nope', 'HOME': home}))
        with self.assertRaisesRegex(errors.NoCredentials,
                                    'Cloud nope was not found'):
            cloud.Cloud().sdk
