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


"""A service of the stack as a process with a log of its own."""

import contextlib
import importlib.metadata
import os
import pathlib
import subprocess
import sys
import time
import typing

#: Where the programs are that Process starts.
SERVICES = pathlib.Path(__file__).parent / 'services'
_ROOT = pathlib.Path(__file__).parents[2]

# What a caller may have set for its own purposes and what would lead the
# services, or the client, somewhere else than to this machine.
_FOREIGN = ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy',
            'requests_ca_bundle', 'curl_ca_bundle', 'ssl_cert_file',
            'ssl_cert_dir', 'pythonwarnings')

_LOOK_INTERVAL = 0.2
_NOTICE_INTERVAL = 5.0


class StackError(Exception):
    """The stack, or a part of it, does not come up or went down."""


def clean_environment() -> dict[str, str]:
    """Return the caller's environment without what disturbs the stack."""
    environment = {
        name: value for name, value in os.environ.items()
        if name.lower() not in _FOREIGN and not name.startswith('OS_')}
    environment['no_proxy'] = environment['NO_PROXY'] = '*'
    return environment


def _python_path() -> str:
    """Return where to look for the driver: nowhere, once it is installed.

    An installed driver is what is to be tested then, not the sources that
    happen to lie around here.
    """
    path = [os.environ.get('PYTHONPATH', '')]
    try:
        importlib.metadata.distribution('lightos-cinder')
    except importlib.metadata.PackageNotFoundError:
        path.append(str(_ROOT))
    return os.pathsep.join(filter(None, path))


def python_environment() -> dict[str, str]:
    """Return what a program gets that is to find the driver."""
    return clean_environment() | {
        'PYTHONPATH': _python_path(), 'PYTHONUNBUFFERED': '1',
        'PYTHONWARNINGS': 'ignore'}


class Process:
    """One service: started, looked after, and ended with its parent.

    :param name: what it is called in messages and in the log's name.
    :param program: its file in the folder of the services.
    :param arguments: the arguments of the program.
    :param folder: where its log goes.
    :param environment: variables on top of the clean environment.
    """

    def __init__(self, name: str, program: str,
                 arguments: typing.Sequence[str], folder: pathlib.Path,
                 environment: typing.Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = folder / f'{name}.log'
        self._command = [sys.executable, str(SERVICES / program),
                         *arguments]
        self._environment = python_environment() | dict(environment or {})
        self.start()

    def start(self) -> None:
        """Start it, or after its end start it again; the log goes on."""
        with self.log.open('ab') as log:
            # A session of its own: Ctrl-C is for the parent, which then ends
            # its services in order. The pipe is the lifeline.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log,
                cwd=self.log.parent, env=self._environment,
                start_new_session=True)

    def pids(self) -> list[int]:
        """Return the ids of its processes, parents before children.

        The first one is ours, which looks after those of others' programs.
        """
        found = [self._process.pid]
        for pid in found:
            tasks = pathlib.Path(f'/proc/{pid}/task')
            with contextlib.suppress(OSError):  # It has just ended.
                for task in tasks.iterdir():
                    found += map(int, (task / 'children').read_text().split())
        return found

    def check(self) -> None:
        """Raise if the process has ended."""
        status = self._process.poll()
        if status is not None:
            raise StackError(f'{self.name} ended with status {status}\n'
                             f'{self.tail()}')

    def tail(self, lines: int = 40) -> str:
        """Return the end of the log, with its path.

        Warnings and errors if there are any, else whatever there is.
        """
        text = self.log.read_text(errors='replace').splitlines()
        trouble = [line for line in text
                   if ' INFO ' not in line and 'eprecated' not in line]
        return '\n'.join([f'--- {self.log}', *(trouble or text)[-lines:],
                          '---'])

    def end(self, patience: float = 5.0) -> None:
        """End the process: asked first, then without asking."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


# Takes a process that has been started, to look after it, and returns it.
Launch = typing.Callable[[Process], Process]


def wait_until(ready: typing.Callable[[], bool], what: str,
               processes: typing.Sequence[Process], timeout: float,
               waiting: typing.Callable[[float], None] = lambda waited: None
               ) -> None:
    """Wait until it is so, as long as all the processes live.

    :param waiting: is told every few seconds how long it takes already.
    """
    began = time.monotonic()
    notice = _NOTICE_INTERVAL
    while not ready():
        for process in processes:
            process.check()
        waited = time.monotonic() - began
        if waited > timeout:
            raise StackError(
                '\n'.join([f'{what}: not within {timeout:.0f} s',
                           *(process.tail() for process in processes)]))
        if waited > notice:
            waiting(waited)
            notice += _NOTICE_INTERVAL
        time.sleep(_LOOK_INTERVAL)
