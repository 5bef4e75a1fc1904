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
import sysconfig
import typing

from keystoneauth1 import session as keystone_session

from tests.stack import cinder
from tests.stack import identity
from tests.stack import process
from tests.stack import servers
from tests.stack import settings
from tests.stack import stack

CLUSTER = 'active'


def _script(name: str) -> str:
    """Return the path of a program that Cinder installs."""
    return str(pathlib.Path(sysconfig.get_path('scripts')) / name)


class Cinder(cinder.Cinder):
    """The block storage service, each program in a process of its own.

    :param volume_hosts: the names of the hosts that run cinder-volume.
    :param cluster: the name of the Cinder cluster that these are; none if
        it is empty, and each has volumes of its own.
    """

    def __init__(self, folder: pathlib.Path, port: int,
                 backends: settings.Sections,
                 defaults: settings.Options | None = None,
                 volume_hosts: typing.Sequence[str] = (),
                 cluster: str = CLUSTER) -> None:
        super().__init__(folder, port, backends, defaults)
        self._volume_hosts = volume_hosts
        self._of_all = {'cluster': cluster} if cluster else {}
        ports = stack.free_ports(5)
        self._broker = servers.RabbitMQ(self._subfolder('rabbitmq'),
                                        ports[0], ports[3:])
        self._locks = servers.Redis(self._subfolder('redis'), ports[1])
        self._database = servers.MariaDB(self._subfolder('mariadb'),
                                         ports[2])
        self.servers = (self._broker, self._locks, self._database)
        # The users that these run as must come through to their folders.
        for path in (self.folder, self.folder.parent):
            path.chmod(0o711)

    def sections(self, user: identity.Identity) -> settings.Sections:
        """Return what the configurations of all services have in common."""
        found = dict(super().sections(user))
        found['DEFAULT'] = {**found['DEFAULT'],
                            'transport_url': self._broker.url}
        found['database'] = {'connection': self._database.url('cinder')}
        found['coordination'] = {'backend_url': self._locks.url}
        return found

    def start(self, user: identity.Identity, launch: process.Launch
              ) -> None:
        """Start the servers and, when they answer, start to start Cinder."""
        started: list[process.Process] = []

        def looked_after(service: process.Process) -> process.Process:
            started.append(service)
            return launch(service)

        for server in self.servers:
            server.start(looked_after)
        for server in self.servers:
            process.wait_until(server.answers, server.package, started, 60.0)
        common = self._configure('controller', user)
        self._create_tables(common)
        for name in ('cinder-api', 'cinder-scheduler'):
            launch(self._service(name, name, common))
        for host in self._volume_hosts:
            launch(self._service(
                host, 'cinder-volume',
                self._configure(host, user, **self._of_all)))

    def missing(self, admin: keystone_session.Session) -> list[str]:
        """Return what is not there yet, volume services included."""
        return super().missing(admin) or [
            host for host in self._volume_hosts
            if host not in self.alive(admin)]

    def alive(self, admin: keystone_session.Session) -> set[str]:
        """Return the hosts whose volume services Cinder holds for alive."""
        return {name for name, service in self._services(admin).items()
                if service['binary'] == 'cinder-volume'
                and service['state'] == 'up'}

    def heard(self, admin: keystone_session.Session, name: str) -> str:
        """Return when Cinder last heard of a service of its own.

        :param name: of a host that runs cinder-volume, or cinder-scheduler.
        """
        return self._services(admin)[name]['updated_at']

    def _services(self, admin: keystone_session.Session
                  ) -> dict[str, dict[str, str]]:
        answer = admin.get(f'{self.url}/os-services').json()
        return {service['host'].partition('@')[0]
                if service['binary'] == 'cinder-volume'
                else service['binary']: service
                for service in answer['services']}

    def _subfolder(self, name: str) -> pathlib.Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        return folder

    def _configure(self, host: str, user: identity.Identity,
                   **options: str) -> pathlib.Path:
        """Write the configuration of a host, with a folder of its own.

        Nothing is shared with another host through files, locks least.
        """
        folder = self._subfolder(host)
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
    def _service(name: str, program: str, configuration: pathlib.Path
                 ) -> process.Process:
        return process.Process(
            name, 'run_command.py',
            ['', _script(program), '--config-file', str(configuration)],
            configuration.parent)


class Stack(stack.Stack):
    """Keystone and a distributed Cinder, as a context manager.

    Its services, by name: cinder-api, cinder-scheduler, each cinder-volume
    by its host, rabbitmq-server, mariadbd and redis-server.

    :param volume_hosts: the names of the hosts that run cinder-volume.
    :param cluster: the name of the Cinder cluster that these are; none if
        it is empty, and each has volumes of its own.
    """

    cinder: Cinder

    def __init__(self, backends: settings.Sections, *,
                 volume_hosts: typing.Sequence[str],
                 cluster: str = CLUSTER,
                 defaults: settings.Options | None = None,
                 timeout: float = 120.0,
                 progress: typing.TextIO | None = None) -> None:
        super().__init__(backends, defaults=defaults, timeout=timeout,
                         progress=progress)
        self._volume_hosts = volume_hosts
        self._cluster = cluster
        self._killed: dict[str, process.Process] = {}

    def pids(self, name: str) -> list[int]:
        """Return the ids of a service's processes, parents first.

        Ours, which looks after it, is not among them.
        """
        return self._living(name).pids()[1:]

    def kill(self, name: str) -> None:
        """End a service without any notice."""
        service = self._killed[name] = self._living(name)
        self.processes.remove(service)
        service.end()

    def start(self, name: str) -> None:
        """Start a service again that was killed, and wait for it.

        It is as before: its port, its folder and what it kept there.
        """
        ready = {server.name: server.answers
                 for server in self.cinder.servers}
        admin = self.admin.session()
        if name == 'cinder-api':
            ready[name] = lambda: not self.cinder.missing(admin)
        elif name not in ready:
            before = self.cinder.heard(admin, name)
            ready[name] = lambda: self.cinder.heard(admin, name) != before
        service = self._killed.pop(name)
        service.start()
        self.processes.append(service)
        self._wait(name, ready[name])

    def _living(self, name: str) -> process.Process:
        found, = (service for service in self.processes
                  if service.name == name)
        return found

    def _make_cinder(self, folder: pathlib.Path, port: int) -> Cinder:
        return Cinder(folder, port, self._backends, self._defaults,
                      self._volume_hosts, self._cluster)
