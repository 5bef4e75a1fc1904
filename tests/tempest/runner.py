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


"""tempest's own runner, as a process of its own."""

import io
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import typing

from tests.stack import process
from tests.stack import settings
from tests.tempest import results
from tests.tempest import selection

_ROOT = pathlib.Path(__file__).parents[2]
_DISCOVERY = pathlib.Path(__file__).parent / 'discovery'


class RunnerError(Exception):
    """tempest cannot be run, or does not say what it did."""


class Runner:
    """A folder in which tempest runs, with the configuration it reads.

    :param folder: an existing folder, where everything is left that
        tempest writes.
    :param configuration: the sections of tempest.conf.
    """

    def __init__(self, folder: pathlib.Path,
                 configuration: settings.Sections) -> None:
        self.folder = folder
        self._configuration = settings.write(folder / 'tempest.conf',
                                             configuration)
        (folder / '.stestr.conf').write_text(
            f'[DEFAULT]\ntest_path={_DISCOVERY}\ntop_dir={_ROOT}\n'
            # As tempest has it: the tests of a class stay together.
            'group_regex=([^\\.]*\\.)*\n')
        # Without an empty record it does not even list its tests.
        self._call(self._program('stestr'), 'init')

    def tests(self, regex: str) -> tuple[list[str], dict[str, str]]:
        """Return the tests that a regular expression selects.

        And those of them that are left out, with the reasons.
        """
        listed = self._call(*self._tempest(), '--list-tests', '--regex',
                            regex).decode()
        tests = []
        left_out = {}
        for line in listed.splitlines():
            name, tags, _ = line.partition('[')  # with its id at least
            if name in selection.LEFT_OUT:
                left_out[name] = selection.LEFT_OUT[name]
            elif tags:
                tests.append(line)
        if not tests:
            raise RunnerError(f'there is no such test: {regex}')
        return tests, left_out

    def run(self, tests: typing.Iterable[str], concurrency: int,
            watch: typing.Callable[[], None]) -> dict[str, results.Outcome]:
        """Run tests and return what became of them and of their classes.

        How it goes is shown on the terminal meanwhile.

        :param tests: as they are listed.
        :param watch: is called again and again; what it raises ends the run.
        """
        chosen = self.folder / 'tests'
        chosen.write_text(''.join(f'{test}\n' for test in tests))
        run = subprocess.Popen(
            [*self._tempest(), '--concurrency', str(concurrency),
             '--load-list', str(chosen)],
            cwd=self.folder, env=process.clean_environment(),
            stdin=subprocess.DEVNULL, stdout=sys.stderr)
        try:
            while True:
                try:
                    run.wait(2)
                    break
                except subprocess.TimeoutExpired:
                    watch()
        finally:
            run.terminate()
            run.wait()
        found = results.read(io.BytesIO(
            self._call(self._program('stestr'), 'last', '--subunit')))
        if not found:
            raise RunnerError(f'tempest ended with status {run.returncode} '
                              'and has no test on record')
        return found

    def _tempest(self) -> list[str]:
        return [self._program('tempest'), 'run', '--config-file',
                str(self._configuration)]

    def _call(self, *command: str) -> bytes:
        done = subprocess.run(
            command, cwd=self.folder, env=process.clean_environment(),
            stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors='replace')
            raise RunnerError(f'{" ".join(command)} ended with status '
                              f'{done.returncode}: {said}')
        return done.stdout

    @staticmethod
    def _program(name: str) -> str:
        found = shutil.which(name, path=sysconfig.get_path('scripts'))
        if not found:
            raise RunnerError(f'{name} is not installed: see the extra '
                              'named tempest in setup.cfg')
        return found
