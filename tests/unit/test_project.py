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

"""What is said in two places of this repository is the same in both."""

import configparser
import pathlib
import re
import shlex
import unittest

import yaml

ROOT = pathlib.Path(__file__).parents[2]


def tox():
    parser = configparser.RawConfigParser()
    parser.read(ROOT / 'tox.ini')
    return parser


def commands(environment):
    text = tox()['testenv:' + environment]['commands']
    return [line for line in text.replace('\\\n', ' ').splitlines()
            if line and not line.startswith('#')]


class ProjectTestCase(unittest.TestCase):

    def test_pre_commit_does_what_ci_does(self):
        [local] = yaml.safe_load(
            (ROOT / '.pre-commit-config.yaml').read_text())['repos']
        hooks = [shlex.split(hook['entry'].partition(' -- ')[2])
                 for hook in local['hooks']]
        checks = [shlex.split(line) for line in commands('pep8')]
        # To flake8 pre-commit names the files.
        self.assertEqual('flake8', checks[0][0])
        checks[0] = ['flake8']
        self.assertEqual(sorted(checks), sorted(hooks))

    def test_pre_commit_takes_nothing_from_the_path_of_who_commits(self):
        """tox is in .venv, as CONTRIBUTING.rst has it, and git is not."""
        [local] = yaml.safe_load(
            (ROOT / '.pre-commit-config.yaml').read_text())['repos']
        for hook in local['hooks']:
            program = shlex.split(hook['entry'])[0]
            self.assertEqual('python', hook['language'], hook['id'])
            self.assertIn(program, [
                re.match(r'[\w-]+', one).group()
                for one in hook['additional_dependencies']], hook['id'])

    def test_the_table_of_compatibility_has_each_cinder_that_is_tested(self):
        table = (ROOT / 'doc/source/compatibility.rst').read_text()
        told = dict(re.findall(
            r'^   \* - (\d{4}\.\d)\b.*\n     - (\d+)$', table, re.M))
        pinned = {path.stem: re.search(
            r'^cinder==(\d+)', path.read_text(), re.M).group(1)
            for path in (ROOT / 'tests/constraints').glob('*.txt')}
        setup = (ROOT / 'setup.cfg').read_text()
        newest = re.search(r'^ +cinder==(\d+)', setup, re.M).group(1)
        self.assertEqual(3, len(pinned))
        self.assertEqual(dict(pinned, **{'2026.2': newest}), told)
        older = tox()['testenv:cinder{26,27,28}']['deps']
        for release, version in pinned.items():
            self.assertIn('cinder%s: --constraint {tox_root}/tests/'
                          'constraints/%s.txt' % (version, release), older)

    def test_every_environment_of_tox_that_is_named_exists(self):
        exist = {name.partition(':')[2] for name in tox()
                 if name.startswith('testenv:')}
        exist |= {'cinder26', 'cinder27', 'cinder28'}
        for path in ('README.rst', 'CONTRIBUTING.rst', '.ci/run',
                     '.pre-commit-config.yaml', 'devstack/README.rst',
                     'doc/source/compatibility.rst'):
            named = set(re.findall(r'tox (?:exec |--parallel \d )?(?:-q )?-e ('
                                   r'\w+(?:,\w+)*)',
                                   (ROOT / path).read_text()))
            self.assertEqual(
                set(), {one for names in named - {'NAME'}
                        for one in names.split(',')} - exist, path)
