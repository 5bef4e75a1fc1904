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

"""A directive that writes tables of the driver's options from its code.

Cinder need not be there: what the module of the options wants of it is
wanted when cinder.conf is read, and here it is not.
"""

from typing import Any

from docutils import nodes
from oslo_config import cfg
from oslo_config import types
from sphinx import application
from sphinx.ext.autodoc.mock import mock
from sphinx.util import docutils

with mock(['cinder']):
    from lightos_cinder import options

_OPTIONS = {opt.name: opt for opt in options.OPTS}

_KINDS = (
    (types.Boolean, 'true or false'),
    (types.Port, 'port'),
    (types.Integer, 'number'),
    (types.List, 'list'),
    (types.String, 'text'),
)


class OptionTable(docutils.SphinxDirective):
    """A table of some options: name, values, default, meaning.

    Its content is their names, one a line. All options must be in the
    tables of a page, and each in one of them.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write the table."""
        shown = self.env.metadata[self.env.docname].setdefault(
            'lightos_options', '')
        rows = []
        for name in filter(None, map(str.strip, self.content)):
            if name not in _OPTIONS or name in shown.split():
                raise self.error('%s is no option, or is in a table above'
                                 % name)
            shown += ' ' + name
            rows.append(_OPTIONS[name])
        self.env.metadata[self.env.docname]['lightos_options'] = shown
        return self.parse_text_to_nodes('\n'.join(_table(rows)))


class AllShown(docutils.SphinxDirective):
    """Nothing, or an error that names the options not shown above."""

    def run(self) -> list[nodes.Node]:
        """Compare."""
        shown = self.env.metadata[self.env.docname].get(
            'lightos_options', '').split()
        missing = [name for name in _OPTIONS if name not in shown]
        if missing:
            raise self.error('not in any table: %s' % ', '.join(missing))
        return []


def _table(rows: list[cfg.Opt]) -> list[str]:
    lines = ['.. list-table::', '   :header-rows: 1',
             '   :widths: 28 12 12 48', '']
    cells = [('Option', 'Values', 'Default', 'Meaning')] + [
        ('``%s``' % opt.name, _values(opt), _default(opt), _meaning(opt))
        for opt in rows]
    for row in cells:
        for number, cell in enumerate(row):
            first, *more = cell.split('\n')
            lines.append('   %s - %s' % (' ' if number else '*', first))
            lines.extend('       ' + line if line else '' for line in more)
    return lines


def _values(opt: cfg.Opt) -> str:
    kind = next(text for known, text in _KINDS
                if isinstance(opt.type, known))
    low, high = (getattr(opt.type, name, None) for name in ('min', 'max'))
    if kind == 'port':
        # oslo.config knows a port 0, which no service listens on.
        low, high = 1, 65535
    if high is not None:
        return '%d to %d' % (low, high)
    return '%d or more' % low if low is not None else kind


def _default(opt: cfg.Opt) -> str:
    if opt.default in (None, []):
        return '(none)'
    return '``%s``' % str(opt.default).lower()


def _meaning(opt: cfg.Opt) -> str:
    # A line of its own in a help text is a command, or what comes after.
    text = '\n\n'.join(
        '``%s``' % line if line.startswith('openssl') else line
        for line in opt.help.split('\n'))
    if opt.secret:
        text += ' It is never logged.'
    if opt.deprecated_for_removal:
        text = 'Deprecated. %s %s' % (text, opt.deprecated_reason)
    return text


def setup(app: application.Sphinx) -> dict[str, Any]:
    """Make the directives known to Sphinx."""
    app.add_directive('lightos-options', OptionTable)
    app.add_directive('lightos-options-all-shown', AllShown)
    return {'parallel_read_safe': True}
