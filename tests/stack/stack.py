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


"""The stack as a whole: up, ready, and down again whatever happens."""

import contextlib
import pathlib
import random
import secrets
import shutil
import socket
import sys
import tempfile
import time
import types
import typing

from tests.stack import cinder
from tests.stack import identity
from tests.stack import keystone
from tests.stack import process
from tests.stack import settings


# Below those that connections of whatever runs here are given: RabbitMQ takes
# ten seconds until it listens.
_PORTS = range(15000, 32768)


def free_ports(count: int) -> list[int]:
    """Return different ports of the loopback that nobody listens on."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise process.StackError(f'no {count} ports are free')


class Stack:
    """Keystone and Cinder in a temporary folder, as a context manager.

    The folder, with all configuration and logs, goes when it ends, unless
    that is because of an error.

    :param backends: for each Cinder backend its section of options.
    :param defaults: options for the section DEFAULT of cinder.conf.
    :param sections: other sections of cinder.conf, on top of ours.
    :param data_path: False makes migrations from backend to backend go on
        as if their data had been copied, which this machine may not be
        able to do: it needs NVMe/TCP in the kernel.
    :param timeout: seconds for everything to become ready.
    :param progress: where to tell what is being waited for.
    """

    def __init__(self, backends: settings.Sections, *,
                 defaults: settings.Options | None = None,
                 sections: settings.Sections | None = None,
                 data_path: bool = True,
                 timeout: float = 120.0,
                 progress: typing.TextIO | None = None) -> None:
        self._backends = backends
        self._defaults = defaults
        self._sections = sections
        self._data_path = data_path
        self._timeout = timeout
        self._progress = progress or sys.stderr
        # Leave the folder behind, for what the logs in it may tell.
        self.keep_folder = False
        self._end = contextlib.ExitStack()
        self.processes: list[process.Process] = []
        self.folder: pathlib.Path
        self.keystone: keystone.Keystone
        self.cinder: cinder.Cinder
        self.nova: identity.Identity

    @property
    def admin(self) -> identity.Identity:
        """The administrator of the cloud."""
        return self.keystone.admin

    def user(self, name: str, project: str, password: str
             ) -> identity.Identity:
        """Return the way into this cloud of a user that exists."""
        return identity.Identity(self.keystone.url, name, project, password)

    def __enter__(self) -> 'Stack':
        try:
            self._start()
        except BaseException as error:
            self._close(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 traceback: types.TracebackType | None) -> None:
        self._close(error)

    def _close(self, error: BaseException | None) -> None:
        if isinstance(error, Exception):  # rather than, say, Ctrl-C
            self.keep_folder = True
        self._end.close()

    def _remove_folder(self) -> None:
        if not self.keep_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def check(self) -> None:
        """Raise if one of the services has ended."""
        for service in self.processes:
            service.check()

    def logs(self) -> str:
        """Return the end of the log of each service."""
        return '\n'.join(service.tail() for service in self.processes)

    def _start(self) -> None:
        began = time.monotonic()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='lightos-stack-'))
        self._end.callback(self._remove_folder)
        self._start_servers()
        ports = free_ports(2)
        self.keystone = self._make_keystone(self._subfolder('keystone'),
                                            ports[0])
        self.cinder = self._make_cinder(self._subfolder('cinder'), ports[1])
        # Both at once: each spends seconds on imports and on its tables,
        # and Cinder wants Keystone only with the first request.
        user = identity.Identity(self.keystone.url, 'cinder', 'service',
                                 secrets.token_urlsafe(12))
        self.keystone.start(self._look_after)
        self.cinder.start(user, self._look_after)

        self._wait('Keystone', self.keystone.answers)
        self.keystone.add_service_user(user)
        self.nova = identity.Identity(self.keystone.url, 'nova', 'service',
                                      secrets.token_urlsafe(12))
        self.keystone.add_service_user(self.nova)
        self.keystone.add_endpoint('cinder', 'block-storage',
                                   self.cinder.url)
        session = self.admin.session()
        self._wait('Cinder', lambda: not self.cinder.missing(session))
        self._say(f'ready after {time.monotonic() - began:.1f} s')

    def _start_servers(self) -> None:
        """Start what the services need; these need nothing."""

    def _make_keystone(self, folder: pathlib.Path, port: int
                       ) -> keystone.Keystone:
        return keystone.Keystone(folder, port)

    def _make_cinder(self, folder: pathlib.Path, port: int) -> cinder.Cinder:
        return cinder.Cinder(folder, port, self._backends, self._defaults,
                             self._data_path, self._sections)

    def _look_after(self, service: process.Process) -> process.Process:
        self.processes.append(service)
        self._end.callback(service.end)
        return service

    def _subfolder(self, name: str) -> pathlib.Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def _wait(self, what: str, ready: typing.Callable[[], bool]) -> None:
        process.wait_until(
            ready, what, self.processes, self._timeout,
            lambda waited: self._say(f'waiting for {what}, {waited:.0f} s'))
        self._say(f'{what} answers')

    def _say(self, text: str) -> None:
        print(f'stack: {text}', file=self._progress, flush=True)
