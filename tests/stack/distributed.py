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


"""The stack as a cloud runs it: each service a process, on shared servers.

cinder-volume runs several times, as on several hosts. Together the services
are one Cinder cluster, active-active: each may be given any operation.
"""

import pathlib
import subprocess
import sys
import sysconfig
import typing

from keystoneauth1 import session as keystone_session

from tests.stack import cinder
from tests.stack import identity
from tests.stack import keystone
from tests.stack import process
from tests.stack import servers
from tests.stack import settings
from tests.stack import stack

CLUSTER = 'active'


def _script(name: str) -> str:
    """Return the path of a program that Cinder installs."""
    return str(pathlib.Path(sysconfig.get_path('scripts')) / name)


def _subfolder(folder: pathlib.Path, name: str) -> pathlib.Path:
    made = folder / name
    made.mkdir(mode=0o700)
    return made


class Servers:
    """What the services share: broker, locks, database.

    :param folder: an existing folder for everything that they write.
    """

    #: The services that have a database.
    databases = ('keystone', 'cinder')

    def __init__(self, folder: pathlib.Path) -> None:
        # The users that these run as must come through to their folders.
        for path in (folder, folder.parent):
            path.chmod(0o711)
        ports = stack.free_ports(5)
        self.broker = servers.RabbitMQ(_subfolder(folder, 'rabbitmq'),
                                       ports[0], ports[3:])
        self.locks = servers.Redis(_subfolder(folder, 'redis'), ports[1])
        self.database = servers.MariaDB(_subfolder(folder, 'mariadb'),
                                        ports[2], self.databases)

    def start(self, launch: process.Launch) -> None:
        """Start them and wait until they answer."""
        started: list[process.Process] = []

        def looked_after(service: process.Process) -> process.Process:
            started.append(service)
            return launch(service)

        every = (self.broker, self.locks, self.database)
        for server in every:
            server.start(looked_after)
        for server in every:
            process.wait_until(server.answers, server.package, started, 60.0)


class Cinder(cinder.Cinder):
    """The block storage service, each program in a process of its own.

    :param shared: the servers, which answer already when it is started.
    :param volume_hosts: the names of the hosts that run cinder-volume.
    :param data_path: whether these copy data from volume to volume.
    :param more: other sections of the configuration.
    """

    def __init__(self, folder: pathlib.Path, port: int,
                 backends: settings.Sections, shared: Servers,
                 defaults: settings.Options | None = None,
                 volume_hosts: typing.Sequence[str] = (),
                 data_path: bool = True,
                 more: settings.Sections | None = None) -> None:
        super().__init__(folder, port, backends, defaults, data_path, more)
        #: The volume services that live, by their hosts.
        self.volume_services: dict[str, process.Process] = {}
        self._shared = shared
        self._volume_hosts = volume_hosts
        self._volume_program = [_script('cinder-volume')] if data_path else [
            sys.executable, str(process.SERVICES / 'run_volume.py')]

    def sections(self, user: identity.Identity) -> settings.Sections:
        """Return what the configurations of all services have in common."""
        found = dict(super().sections(user))
        found['DEFAULT'] = {**found['DEFAULT'],
                            'transport_url': self._shared.broker.url}
        found['database'] = {
            'connection': self._shared.database.url('cinder')}
        found['coordination'] = {'backend_url': self._shared.locks.url}
        return found

    def start(self, user: identity.Identity, launch: process.Launch
              ) -> None:
        """Make its tables and start to start it."""
        common = self._configure('controller', user)
        self._create_tables(common)
        for name in ('cinder-api', 'cinder-scheduler'):
            launch(self._service(name, [_script(name)], common))
        for host in self._volume_hosts:
            self.volume_services[host] = launch(self._service(
                host, self._volume_program,
                self._configure(host, user, cluster=CLUSTER)))

    def missing(self, admin: keystone_session.Session) -> list[str]:
        """Return what is not there yet, volume services included."""
        return super().missing(admin) or [
            host for host in self.volume_services
            if host not in self.alive(admin)]

    def alive(self, admin: keystone_session.Session) -> set[str]:
        """Return the hosts whose volume services Cinder holds for alive."""
        answer = admin.get(f'{self.url}/os-services',
                           params={'binary': 'cinder-volume'})
        return {service['host'].partition('@')[0]
                for service in answer.json()['services']
                if service['state'] == 'up'}

    def _configure(self, host: str, user: identity.Identity,
                   **options: str) -> pathlib.Path:
        """Write the configuration of a host, with a folder of its own.

        Nothing is shared with another host through files, locks least.
        """
        folder = _subfolder(self.folder, host)
        (folder / 'state').mkdir()
        sections = dict(self.sections(user))
        sections['DEFAULT'] = {**sections['DEFAULT'], 'host': host,
                               'state_path': folder / 'state', **options}
        sections['oslo_concurrency'] = {'lock_path': folder / 'locks'}
        return settings.write(folder / 'cinder.conf', sections)

    @staticmethod
    def _create_tables(configuration: pathlib.Path) -> None:
        done = subprocess.run(
            [_script('cinder-manage'), '--config-file', str(configuration),
             'db', 'sync'], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, env=process.clean_environment())
        if done.returncode:
            raise process.StackError(
                f'cinder-manage db sync: {done.stdout}{done.stderr}')

    @staticmethod
    def _service(name: str, program: typing.Sequence[str],
                 configuration: pathlib.Path) -> process.Process:
        return process.Process(
            name, 'run_command.py',
            ['', *program, '--config-file', str(configuration)],
            configuration.parent)


class Stack(stack.Stack):
    """Keystone and a distributed Cinder, as a context manager.

    :param volume_hosts: the names of the hosts that run cinder-volume.
    """

    cinder: Cinder

    def __init__(self, backends: settings.Sections, *,
                 volume_hosts: typing.Sequence[str],
                 defaults: settings.Options | None = None,
                 sections: settings.Sections | None = None,
                 data_path: bool = True,
                 timeout: float = 120.0,
                 progress: typing.TextIO | None = None) -> None:
        super().__init__(backends, defaults=defaults, sections=sections,
                         data_path=data_path, timeout=timeout,
                         progress=progress)
        self._volume_hosts = volume_hosts
        self._servers: Servers

    def kill(self, host: str) -> None:
        """End the volume service of a host without any notice."""
        service = self.cinder.volume_services.pop(host)
        self.processes.remove(service)
        service.end()

    def _start_servers(self) -> None:
        self._servers = Servers(self._subfolder('servers'))
        self._servers.start(self._look_after)

    def _make_keystone(self, folder: pathlib.Path, port: int
                       ) -> keystone.Keystone:
        return keystone.Keystone(folder, port,
                                 self._servers.database.url('keystone'))

    def _make_cinder(self, folder: pathlib.Path, port: int) -> Cinder:
        return Cinder(folder, port, self._backends, self._servers,
                      self._defaults,
                      self._volume_hosts, self._data_path, self._sections)
