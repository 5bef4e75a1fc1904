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

"""A directive that writes the usage and options of a command from its code.

Cinder need not be there, nor what asks OpenStack: both are wanted when a
command is run, and here none is.
"""

import argparse
import configparser
import importlib
import pathlib
from typing import Any

from docutils import nodes
from sphinx import application
from sphinx.ext.autodoc.mock import mock
from sphinx.util import docutils

_SETUP = pathlib.Path(__file__).resolve().parents[2] / 'setup.cfg'


def _parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command; of the program for an empty name."""
    setup_cfg = configparser.ConfigParser()
    setup_cfg.read(_SETUP)
    lines = setup_cfg['entry_points']['lightos_cinder.cli'].split('\n')
    found = {}
    with mock(['cinder', 'cryptography', 'keystoneauth1', 'openstack',
               'os_brick', 'oslo_db', 'sqlalchemy', 'yaml']):
        from lightos_cinder.cli import app
        program = app.App()
        found[''] = program.parser
        for line in filter(None, map(str.strip, lines)):
            name, module, attribute = line.replace(':', '=').split('=')
            command = getattr(importlib.import_module(module.strip()),
                              attribute.strip())
            name = name.strip().replace('_', ' ')
            found[name] = command(program, None).get_parser(
                '%s %s' % (program.NAME, name))
    return found


_PARSERS = _parsers()


class Command(docutils.SphinxDirective):
    """The usage of a command, and a table of its options.

    Its argument is the name of the command; without one, the options of
    all are meant. Those for the form of the output are left out.
    """

    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Write both."""
        name = self.arguments[0] if self.arguments else ''
        if name not in _PARSERS:
            raise self.error('%s is no command; there are: %s'
                             % (name, ', '.join(sorted(_PARSERS))))
        parser = _PARSERS[name]
        actions = [
            action for group in parser._action_groups
            if 'formatter' not in (group.title or '').lower()
            for action in group._group_actions]
        usage = argparse.ArgumentParser(
            parser.prog, add_help=False, formatter_class=lambda prog: (
                argparse.HelpFormatter(prog, width=79)))
        for action in actions:
            if action.dest not in ('help', 'deferred_help'):
                usage._add_action(action)
        # Without the word "usage: " and as much before other lines.
        text = usage.format_usage().rstrip()[7:].replace(
            '\n' + ' ' * 7, '\n')
        shown: list[nodes.Node] = [nodes.literal_block(
            text, text, language='none')]
        rows = [action for action in actions
                if action.dest not in ('help', 'deferred_help')]
        if rows:
            shown += self.parse_text_to_nodes('\n'.join(_table(rows)))
        return shown


def _table(actions: list[argparse.Action]) -> list[str]:
    lines = ['.. list-table::', '   :widths: 35 65', '']
    for action in actions:
        name = ', '.join(action.option_strings) or str(action.metavar)
        if action.option_strings and action.nargs != 0:
            name += ' %s' % (action.metavar or action.dest.upper())
        meaning = ' '.join((action.help or '').split()) % {
            'default': action.default}
        # It is plain text: nothing in it is markup.
        meaning = meaning.replace('\\', '\\\\').replace('*', '\\*')
        lines += ['   * - ``%s``' % name, '     - ' + meaning]
    return lines


def setup(app: application.Sphinx) -> dict[str, Any]:
    """Make the directive known to Sphinx."""
    app.add_directive('lightos-command', Command)
    return {'parallel_read_safe': True}
