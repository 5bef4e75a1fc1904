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

import json
import pathlib
import subprocess
import sys
import sysconfig
import typing

from keystoneauth1 import session as keystone_session
import sqlalchemy

from tests.stack import cinder
from tests.stack import identity
from tests.stack import keystone
from tests.stack import process
from tests.stack import servers
from tests.stack import settings
from tests.stack import stack

CLUSTER = 'active'

#: How Cinder does several things at once, and what tells it so.
_MODES = {'eventlet': 'false', 'threading': 'true'}
_MODE_VARIABLE = 'OS_CINDER_DISABLE_EVENTLET_PATCHING'

# Cinder's own program for its API cannot do without eventlet.
_THREADING_API = pathlib.Path(__file__).parent / 'services/serve_cinder.py'


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

        self.all = (self.broker, self.locks, self.database)
        for server in self.all:
            server.start(looked_after)
        for server in self.all:
            process.wait_until(server.answers, server.package, started, 60.0)


class Cinder(cinder.Cinder):
    """The block storage service, each program in a process of its own.

    :param shared: the servers, which answer already when it is started.
    :param volume_hosts: the names of the hosts that run cinder-volume.
    :param cluster: the name of the Cinder cluster that these are; none if
        it is empty, and each has volumes of its own.
    :param mode: eventlet or threading.
    :param data_path: whether these copy data from volume to volume.
    :param more: other sections of the configuration.
    """

    def __init__(self, folder: pathlib.Path, port: int,
                 backends: settings.Sections, shared: Servers,
                 defaults: settings.Options | None = None,
                 volume_hosts: typing.Sequence[str] = (),
                 cluster: str = CLUSTER, mode: str = 'eventlet',
                 data_path: bool = True,
                 more: settings.Sections | None = None) -> None:
        super().__init__(folder, port, backends, defaults, data_path, more)
        self._shared = shared
        self._volume_hosts = volume_hosts
        self._of_all = {'cluster': cluster} if cluster else {}
        self._environment = {_MODE_VARIABLE: _MODES[mode]}
        self._api_program = [_script('cinder-api')] if (
            mode == 'eventlet') else [sys.executable, str(_THREADING_API)]
        self._volume_program = [_script('cinder-volume')] if data_path else [
            sys.executable, str(process.SERVICES / 'run_volume.py')]

    def sections(self, user: identity.Identity) -> settings.Sections:
        """Return what the configurations of all services have in common."""
        found = dict(super().sections(user))
        found['DEFAULT'] = {**found['DEFAULT'],
                            'transport_url': self._shared.broker.url}
        # What is on its way when the broker dies shall arrive nevertheless.
        found['oslo_messaging_rabbit'] = {'amqp_durable_queues': True}
        found['database'] = {
            'connection': self._shared.database.url('cinder')}
        found['coordination'] = {'backend_url': self._shared.locks.url}
        return found

    def start(self, user: identity.Identity, launch: process.Launch
              ) -> None:
        """Make its tables and start to start it."""
        common = self._configure('controller', user)
        self._create_tables(common)
        for name, program in (
                ('cinder-api', self._api_program),
                ('cinder-scheduler', [_script('cinder-scheduler')])):
            launch(self._service(name, program, common))
        for host in self._volume_hosts:
            launch(self._service(
                host, self._volume_program,
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

    def connectors(self, volume: str) -> list[dict[str, typing.Any]]:
        """Return the connectors of the attachments of a volume on record.

        Of those that have one: Cinder's API does not tell.
        """
        return [json.loads(row.connector) for row in self._rows(
            'SELECT connector FROM volume_attachment WHERE volume_id = '
            ':volume AND deleted = 0 AND connector IS NOT NULL', volume)]

    def admin_metadata(self, volume: str) -> dict[str, str]:
        """Return what is on record of a volume for administrators."""
        return {row.key: row.value for row in self._rows(
            'SELECT `key`, value FROM volume_admin_metadata WHERE '
            'volume_id = :volume AND deleted = 0', volume)}

    def _rows(self, query: str, volume: str
              ) -> typing.Sequence[sqlalchemy.Row]:
        engine = sqlalchemy.create_engine(
            self._shared.database.url('cinder'),
            poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            return connection.execute(sqlalchemy.text(query),
                                      {'volume': volume}).all()

    def _services(self, admin: keystone_session.Session
                  ) -> dict[str, dict[str, str]]:
        answer = admin.get(f'{self.url}/os-services').json()
        return {service['host'].partition('@')[0]
                if service['binary'] == 'cinder-volume'
                else service['binary']: service
                for service in answer['services']}

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

    def _service(self, name: str, program: typing.Sequence[str],
                 configuration: pathlib.Path) -> process.Process:
        return process.Process(
            name, 'run_command.py',
            ['', *program, '--config-file', str(configuration)],
            configuration.parent, self._environment)


class Stack(stack.Stack):
    """Keystone and a distributed Cinder, as a context manager.

    Its services, by name: cinder-api, cinder-scheduler, each cinder-volume
    by its host, rabbitmq-server, mariadbd and redis-server.

    :param volume_hosts: the names of the hosts that run cinder-volume.
    :param cluster: the name of the Cinder cluster that these are; none if
        it is empty, and each has volumes of its own.
    :param mode: how Cinder does several things at once, under eventlet or,
        threading, in native threads.
    """

    cinder: Cinder

    def __init__(self, backends: settings.Sections, *,
                 volume_hosts: typing.Sequence[str],
                 cluster: str = CLUSTER,
                 mode: str = 'eventlet',
                 defaults: settings.Options | None = None,
                 sections: settings.Sections | None = None,
                 data_path: bool = True,
                 timeout: float = 120.0,
                 progress: typing.TextIO | None = None) -> None:
        super().__init__(backends, defaults=defaults, sections=sections,
                         data_path=data_path, timeout=timeout,
                         progress=progress)
        self._volume_hosts = volume_hosts
        self._cluster = cluster
        self._mode = mode
        self._servers: Servers
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
                 for server in self._servers.all}
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

    def _start_servers(self) -> None:
        self._servers = Servers(self._subfolder('servers'))
        self._servers.start(self._look_after)

    def _make_keystone(self, folder: pathlib.Path, port: int
                       ) -> keystone.Keystone:
        return keystone.Keystone(folder, port,
                                 self._servers.database.url('keystone'))

    def _make_cinder(self, folder: pathlib.Path, port: int) -> Cinder:
        return Cinder(folder, port, self._backends, self._servers,
                      self._defaults, self._volume_hosts, self._cluster,
                      self._mode, self._data_path, self._sections)
