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

"""The sdist and the wheel, built, installed beside Cinder and put to work.

All of it in an environment of its own, which is empty before.
"""

import email
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

import ddt
import trove_classifiers

ROOT = pathlib.Path(__file__).parents[2]
NAME = 'lightos-cinder'
ARCHIVES = {'sdist': '*.tar.gz', 'wheel': '*.whl'}

#: One volume from a real cinder-volume, which finds the driver where pip
#: puts it: see tests/stack/process.py.
_STACK = ('tests.functional.test_stack.StackTest.test_volume_of_a_type',
          'tests.functional.test_stack.StackTest.test_attach_and_detach')


def run(*command, cwd=ROOT, **environment):
    """What a command prints; if it fails, the test does with its words."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True,
                          env=os.environ | environment)
    if done.returncode:
        raise AssertionError('%s ended with %s\n%s%s' % (
            ' '.join(command), done.returncode, done.stdout, done.stderr))
    return done.stdout


class Environment:
    """A virtual environment, empty at first."""

    def __init__(self, folder):
        self.folder = folder
        run(sys.executable, '-m', 'venv', str(folder))

    def run(self, *arguments, **kwargs):
        return run(str(self.folder / 'bin/python'), '-W', 'ignore',
                   *arguments, PYTHONPATH='', **kwargs)

    def pip(self, *arguments):
        return self.run('-m', 'pip', '--disable-pip-version-check',
                        *arguments)

    def others(self):
        """What is installed, without the driver."""
        return {line for line in self.pip('freeze').splitlines()
                if not line.startswith((NAME, 'lightos_cinder'))}


@ddt.ddt
class ReleaseTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        """Build both as a release is built; the wheel is of the sdist.

        Cinder comes with what the wheel says that its tests need.
        """
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(
            tempfile.TemporaryDirectory()))
        run(sys.executable, '-m', 'build', '--outdir', str(cls.folder))
        cls.archives = {}
        for kind, pattern in ARCHIVES.items():
            [cls.archives[kind]] = cls.folder.glob(pattern)
        cls.wheel = cls.enterClassContext(
            zipfile.ZipFile(cls.archives['wheel']))
        [path] = [path for path in cls.wheel.namelist()
                  if path.endswith('.dist-info/METADATA')]
        cls.metadata = email.message_from_bytes(cls.wheel.read(path))
        cls.environment = Environment(cls.folder / 'environment')
        assert not cls.environment.others()
        cls.environment.pip(
            'install', '%s[openstack,test]' % cls.archives['wheel'])
        # The tests, and no driver beside them.
        cls.workplace = cls.folder / 'workplace'
        cls.workplace.mkdir()
        (cls.workplace / 'tests').symlink_to(ROOT / 'tests')

    def sources(self):
        return {str(path.relative_to(ROOT)) for path in
                (ROOT / 'lightos_cinder').rglob('*.py')}

    def test_the_wheel_is_the_driver_and_nothing_else(self):
        told = {path for path in self.wheel.namelist()
                if '.dist-info/' not in path}
        self.assertEqual(self.sources(), told)

    def test_the_sdist_is_all_that_git_has(self):
        tracked = set(run('git', 'ls-files').splitlines())
        with tarfile.open(self.archives['sdist']) as archive:
            held = {name.partition('/')[2] for name in archive.getnames()}
        self.assertEqual(set(), {
            path for path in tracked - held
            if not path.startswith('.git') and (ROOT / path).exists()})

    def test_both_carry_the_licence(self):
        licence = (ROOT / 'LICENSE').read_bytes()
        [path] = [path for path in self.wheel.namelist()
                  if path.endswith('/LICENSE')]
        self.assertEqual(licence, self.wheel.read(path))
        with tarfile.open(self.archives['sdist']) as archive:
            [path] = [name for name in archive.getnames()
                      if re.fullmatch('[^/]+/LICENSE', name)]
            self.assertEqual(licence, archive.extractfile(path).read())

    def test_an_index_accepts_both(self):
        """Above all it can render the README."""
        run(sys.executable, '-m', 'twine', 'check', '--strict',
            *map(str, self.archives.values()))

    def test_the_classifiers_exist(self):
        told = self.metadata.get_all('Classifier')
        self.assertEqual([], [one for one in told
                              if one not in trove_classifiers.classifiers])
        self.assertEqual(len(told), len(set(told)))

    def test_what_must_be_said_is_said(self):
        self.assertEqual(NAME, self.metadata['Name'])
        self.assertEqual('Apache-2.0',
                         self.metadata['License-Expression']
                         or self.metadata['License'])
        self.assertEqual('>=3.9', self.metadata['Requires-Python'])
        for field in ('Summary', 'Author', 'Description-Content-Type'):
            self.assertTrue(self.metadata[field], field)
        self.assertIn('A volume driver', self.metadata.get_payload())

    def test_cinder_is_not_moved_by_a_requirement(self):
        """It is there first; see setup.cfg."""
        plain = [one for one in self.metadata.get_all('Requires-Dist')
                 if 'extra ==' not in one]
        self.assertTrue(plain)
        for one in plain:
            self.assertRegex(one, r'^[\w.\-]+>=[\d.]+$')
            self.assertFalse(one.lower().startswith('cinder'))

    @ddt.data(*ARCHIVES)
    def test_it_serves_volumes_and_moves_nothing(self, kind):
        self.environment.pip('uninstall', '--yes', NAME)
        before = self.environment.others()
        self.assertTrue(any(line.startswith('cinder==') for line in before))
        self.environment.pip('install', str(self.archives[kind]))
        self.assertEqual(before, self.environment.others())
        self.environment.pip('check')
        told = self.environment.run(
            '-c', 'from importlib import metadata\n'
            'import lightos_cinder\n'
            'from lightos_cinder import driver\n'
            "print(metadata.version('%s'))\n"
            'print(driver.LightOSVolumeDriver.VERSION)\n'
            'print(lightos_cinder.__file__)' % NAME,
            cwd=self.workplace).splitlines()
        self.assertEqual([self.metadata['Version']] * 2, told[:2])
        self.assertTrue(told[2].startswith(str(self.environment.folder)),
                        told[2])
        self.environment.run('-m', 'unittest', *_STACK, cwd=self.workplace)

    def command(self, *words):
        """What lightos-cinder prints, as pip made the program."""
        return run(str(self.environment.folder / 'bin/lightos-cinder'),
                   *words, cwd=self.workplace, PYTHONPATH='')

    @ddt.data(*ARCHIVES)
    def test_the_command_line_comes_with_its_extra_and_moves_nothing(
            self, kind):
        before = self.environment.others()
        self.environment.pip('uninstall', '--yes', NAME, 'cliff')
        self.environment.pip('install', str(self.archives[kind]))
        with self.assertRaisesRegex(
                AssertionError, r'missing: cliff\..* lightos-cinder\[cli\]'):
            self.command('--version')
        self.environment.pip('install', '%s[cli]' % self.archives[kind])
        self.assertEqual(before, self.environment.others())
        self.assertEqual([NAME, self.metadata['Version']],
                         self.command('--version').split())
        told = self.command('--help')
        for words in ('audit', 'check', 'tenant create', 'tiers apply'):
            self.assertRegex(told, r'(?m)^  %s\b' % words)
        self.assertNotIn('Could not load', told)
        self.assertIn('--compute', self.command('check', '--help'))


class VersionTestCase(unittest.TestCase):
    """pbr works it out from the tags of git."""

    def setUp(self):
        super().setUp()
        self.clone = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory())) / 'clone'
        # A history of its own: that of the checkout may be cut off.
        self.clone.mkdir()
        self.unpack(ROOT, self.clone)
        self.git('init', '--quiet')
        self.git('add', '--all')
        for subject in ('Begin', 'Mend'):
            self.git('commit', '--quiet', '--allow-empty', '-m', subject)

    def unpack(self, repository, folder):
        """What is committed, without git."""
        archive = folder.with_name('all.tar')
        run('git', 'archive', '--output', str(archive), 'HEAD',
            cwd=repository)
        with tarfile.open(archive) as held:
            held.extractall(folder)

    def git(self, *arguments):
        run('git', '-c', 'user.name=Tester', '-c',
            'user.email=tester@example.com', *arguments, cwd=self.clone)

    def version(self, folder=None, **environment):
        return run(sys.executable, '-c',
                   'from pbr import packaging\n'
                   "print(packaging.get_version('%s'))" % NAME,
                   cwd=folder or self.clone, **environment).strip()

    def shallow(self, *arguments):
        folder = self.clone.with_name('shallow')
        run('git', 'clone', '--quiet', '--depth', '1', *arguments,
            self.clone.as_uri(), str(folder))
        return folder

    def test_before_the_first_tag(self):
        """What is built then is older than any release."""
        self.assertEqual('0.0.1.dev1', self.version())

    def test_of_a_tag_and_after_it(self):
        self.git('tag', '-a', '-m', 'Release', '21.4.0')
        self.assertEqual('21.4.0', self.version())
        self.git('commit', '--quiet', '--allow-empty', '-m', 'Mend')
        self.assertEqual('21.4.1.dev1', self.version())
        self.git('commit', '--quiet', '--allow-empty', '-m',
                 'Add\n\nSem-Ver: feature')
        self.assertEqual('21.5.0.dev2', self.version())

    def test_of_a_shallow_clone(self):
        """Of a tag it has all that is needed."""
        self.git('tag', '-a', '-m', 'Release', '21.4.0')
        self.assertEqual('21.4.0', self.version(
            self.shallow('--branch', '21.4.0')))

    def test_of_a_shallow_clone_that_has_no_tag(self):
        self.git('tag', '-a', '-m', 'Release', '21.4.0')
        self.git('commit', '--quiet', '--allow-empty', '-m', 'Mend')
        self.assertEqual('0.0.0', self.version(self.shallow()))

    def test_without_git_it_has_to_be_told(self):
        folder = self.clone.with_name('plain')
        folder.mkdir()
        self.unpack(self.clone, folder)
        with self.assertRaisesRegex(
                AssertionError, 'access to an upstream git repository'):
            self.version(folder)
        self.assertEqual('21.4.0', self.version(
            folder, PBR_VERSION='21.4.0'))
