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

import ast
import configparser
import pathlib
import re
import unittest

from lightos_cinder.cli import comparison
from lightos_cinder import options
from lightos_cinder import specs

ROOT = pathlib.Path(__file__).parents[2]
PAGES = ROOT / 'doc' / 'source'
CODE = ROOT / 'lightos_cinder'

#: What the command line says is on its own page.
COMMANDS = CODE / 'cli'
#: What these find comes with what to do, beside it, or is a plan that is
#: shown. What they raise is explained.
FINDERS = {'backend_check.py', 'check.py', 'comparison.py', 'findings.py',
           'tier_plan.py'}
RAISED = {'CommandError', 'NoCredentials', 'ArgumentTypeError', 'wrong',
          '_fail'}

#: Who calls these is told nothing, or another module tells it.
NOT_TOLD = {
    # Names of outcomes, for the code alone.
    'not sent', 'refused for now',
    # What cannot happen.
    'a retrying loop returns or raises',
    # No trouble: what there is in place of a name, and of a vendor.
    '(none)', 'LightOS Storage',
    # Another says what is allowed, or it is passed over.
    '<> is not host:port',
    '<> is not a SHA-256 fingerprint: 64 hexadecimal digits, colons allowed',
}

#: What the command line says where all is well, and parts of what it says.
NO_TROUBLE = {
    # Headings, and what stands where there is nothing.
    'LightOS project', 'QoS policy', 'What to do', 'OpenStack tenant',
    'Credential in use', 'Token expires', 'Token file', 'Volume types',
    '(not set)', '(no OpenStack credentials)',
    # Where, in messages that are explained.
    ': tier <>', '<>: qos_specs', '<> <>',
    'the public volume types with extra specs',
    # How far it is.
    "Cinder's snapshots", "Cinder's volumes", '[<><>] <>%% reading <>',
    # What will be done, with a question, and that it was answered with no.
    'This can be put right:', 'Go on?', 'This was not done.',
    '<> to create, <> to change, <> as in the file.',
    # What was done.
    'LightOS project <>: made.', 'LightOS project <>: deleted.',
    'Credential <>: made.', 'Credential <>: removed.',
    'Token file <>: removed.',
    'Token file <>: written for user <> alone, and good until <>.',
    'Volume type <>: made.', 'Volume type <>: changed. <>',
    'Volume type <>: deleted.',
    # That it is so already.
    'Nothing was found.', 'Everything is there; nothing was changed.',
    'There is no other; nothing was changed.',
    'There is no LightOS project <>.', 'the cluster accepts it',
}

#: Calls and keywords with texts that are no messages of trouble.
QUIET = {'debug', 'info', 'set_property', 'add_argument_group'}
HELP = {'help', 'deprecated_reason', 'description'}
#: Names of what is behind --help.
HELPS = {'_DESCRIPTION', '_EPILOG', 'epilog'}

MARK = '.. lightos-message::\n'


def plain(text):
    """A message with its variable parts, and line breaks, all alike."""
    text = re.sub(r'%(\(\w+\))?[.0-9]*[srd]', '<>', text)
    return ' '.join(re.sub('<[^<>]*>', '<>', text).split())


def is_translated(node):
    return (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            and node.func.id == '_')


def told_by(tree):
    """All texts for people in a module but its docstrings and helps."""
    quiet = set()
    said = set()
    for node in ast.walk(tree):
        if (isinstance(node, ast.Expr)
                or isinstance(node, ast.keyword) and node.arg in HELP
                and (is_translated(node.value)
                     or not isinstance(node.value, ast.Call))
                or isinstance(node, ast.Assign)
                and {one.id for one in node.targets
                     if isinstance(one, ast.Name)} & HELPS
                or isinstance(node, ast.FunctionDef)
                and node.name in ('__repr__',)
                or isinstance(node, ast.Call)
                and getattr(node.func, 'attr', getattr(node.func, 'id', None)
                            ) in QUIET):
            # A docstring is the whole of an expression; a call that logs
            # is one, too, and has what it says below it.
            inner = [node.value] if isinstance(node, ast.Expr) else list(
                ast.walk(node))
            quiet.update(map(id, inner))
        if is_translated(node):
            said.add(id(node.args[0]))
    return {node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str) and id(node) not in quiet
            and (id(node) in said
                 or re.search('[A-Za-z]{2}', node.value)
                 and ' ' in node.value.strip())}


def in_code():
    found = {}
    for path in sorted(CODE.rglob('*.py')):
        if COMMANDS in path.parents:
            continue
        for text in told_by(ast.parse(path.read_text())):
            found.setdefault(plain(text), path.name)
    return {text: name for text, name in found.items()
            if text not in NOT_TOLD}


def raised_by(tree):
    """The texts that a module of the command line ends a command with."""
    return {node.value for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            and getattr(call.func, 'attr', None) in RAISED
            for node in ast.walk(call)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and ' ' in node.value.strip(', ')
            and node.value != '(not set)'}


def in_commands(texts_of):
    """What that finds in all modules of the command line.

    :param texts_of: told of the tree of a module, and of its name
    """
    return {plain(text): path.name for path in sorted(COMMANDS.rglob('*.py'))
            for text in texts_of(ast.parse(path.read_text()), path.name)}


def explainable(tree, name):
    """What a page has to explain of a module of the command line."""
    return raised_by(tree) if name in FINDERS else told_by(tree)


def entries(name='troubleshooting'):
    """Of a page: messages that stand together, and what follows them."""
    page = (PAGES / (name + '.rst')).read_text()
    for part in page.split(MARK)[1:]:
        block, after = re.match(r'((?:\n|   .*\n)+)(.*)', part).groups()
        yield [plain(text) for text in block.strip().split('\n\n')], after


class MessagesTest(unittest.TestCase):
    """Nobody meets a message that the pages do not explain."""

    def test_every_message_is_explained(self):
        told = {text for texts, _after in entries() for text in texts}
        missing = {text: name for text, name in in_code().items()
                   if text not in told}
        self.assertEqual({}, missing)

    def test_every_message_that_is_explained_is_in_the_code(self):
        known = in_code()
        self.assertEqual([], [text for texts, _after in entries()
                              for text in texts if text not in known])

    def test_none_is_explained_twice(self):
        told = [text for texts, _after in entries() for text in texts]
        self.assertEqual(sorted(set(told)), sorted(told))

    def test_an_explanation_follows(self):
        for texts, after in entries():
            self.assertRegex(after, '^[A-Za-z*`]', texts)

    def test_a_new_message_is_noticed(self):
        """In whatever form it may be told."""
        tree = ast.parse(
            '"""A docstring."""\n'
            'def one():\n'
            '    """Another docstring."""\n'
            '    LOG.warning("volume %s is " "blue", 1)\n'
            '    LOG.debug("not this")\n'
            '    raise Bad(reason=_("empty"))\n'
            '    return fault or "it is %r" % 3\n')
        self.assertEqual({'volume %s is blue', 'empty', 'it is %r'},
                         told_by(tree))


class CommandsTest(unittest.TestCase):
    """Nobody meets a command, or what ends one, without explanation."""

    def test_every_error_is_explained(self):
        told = {text for page in ('cli', 'troubleshooting')
                for texts, _after in entries(page) for text in texts}
        missing = {text: name for text, name
                   in in_commands(explainable).items()
                   if text not in told | NO_TROUBLE}
        self.assertEqual({}, missing)

    def test_what_is_no_trouble_is_still_said_and_not_explained(self):
        told = {text for texts, _after in entries('cli') for text in texts}
        self.assertEqual(set(), NO_TROUBLE & told)
        self.assertEqual(set(), NO_TROUBLE - set(in_commands(explainable)))

    def test_every_error_that_is_explained_is_in_the_code(self):
        known = in_commands(lambda tree, _name: told_by(tree))
        told = [text for texts, _after in entries('cli') for text in texts]
        self.assertEqual([], [text for text in told if text not in known])
        self.assertEqual(sorted(set(told)), sorted(told))

    def test_an_explanation_follows(self):
        for texts, after in entries('cli'):
            self.assertRegex(after, '^[A-Za-z*`]', texts)

    def test_a_new_error_is_noticed(self):
        tree = ast.parse(
            'def one(self):\n'
            '    self.say("not this")\n'
            '    if wrong:\n'
            '        raise part.wrong("key", 1, "a whole number")\n'
            '    raise errors.CommandError("%s is gone" % name)\n')
        self.assertEqual({'a whole number', '%s is gone'}, raised_by(tree))
        self.assertEqual({'a whole number', '%s is gone'},
                         explainable(tree, 'check.py'))

    def test_a_new_error_is_noticed_in_whatever_form_it_is_told(self):
        tree = ast.parse(
            '_EPILOG = "not this"\n'
            'why = "it is in a variable"\n'
            'fault = InUse(fault="it is %s" % "of an argument")\n'
            'raise others.Error(None, "it is of others", mark)\n'
            'self.parser.error("name a thing")\n'
            'sys.stderr.write(_("gone"))\n'
            'parser.add_argument("--all", help="not that")\n')
        self.assertEqual(
            {'it is in a variable', 'it is %s', 'of an argument',
             'it is of others', 'name a thing', 'gone'},
            explainable(tree, 'tenant.py'))

    def test_every_command_has_its_options_written_from_the_code(self):
        setup_cfg = configparser.ConfigParser()
        setup_cfg.read(ROOT / 'setup.cfg')
        page = (PAGES / 'cli.rst').read_text()
        for line in setup_cfg['entry_points']['lightos_cinder.cli'].split(
                '\n')[1:]:
            name = line.partition('=')[0].strip().replace('_', ' ')
            self.assertIn('\n.. lightos-command:: %s\n' % name, page)

    def test_every_kind_of_finding_is_told(self):
        page = (PAGES / 'cli.rst').read_text()
        for kind in comparison.Kind:
            self.assertIn('* - ``%s``' % kind.value, page)


class TablesTest(unittest.TestCase):

    def test_every_option_is_in_a_table_written_from_the_code(self):
        page = (PAGES / 'configuration.rst').read_text()
        for opt in options.OPTS:
            self.assertRegex(page, r'(?m)^   %s$' % opt.name)

    def test_every_extra_spec_is_told(self):
        page = (PAGES / 'volume-types.rst').read_text()
        for spec in (specs.COMPRESSION, specs.REPLICAS, specs.PROJECT,
                     specs.QOS_POLICY):
            self.assertIn('* - ``%s``' % spec, page)

    def test_every_page_is_in_the_index(self):
        index = (PAGES / 'index.rst').read_text()
        for page in PAGES.glob('*.rst'):
            if page.stem != 'index':
                self.assertRegex(index, r'(?m)^   %s$' % page.stem)
