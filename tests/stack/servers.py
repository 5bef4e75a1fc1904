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


"""The servers that OpenStack's services share: broker, database, locks.

Each is that of the distribution, started with a configuration, a folder and
ports of its own. One that the distribution has started is left alone.
"""

import os
import pathlib
import pwd
import secrets
import shutil
import socket
import subprocess
import typing

from tests.stack import process

HOST = '127.0.0.1'

# Where distributions keep what users do not start.
_MORE_PATHS = ('/usr/lib/rabbitmq/bin', '/usr/local/sbin', '/usr/sbin')


def _program(name: str, package: str) -> str:
    path = os.pathsep.join([*_MORE_PATHS, os.environ.get('PATH', '')])
    found = shutil.which(name, path=path)
    if not found:
        raise process.StackError(
            f'{name} is not installed: apt-get install {package}')
    return found


class Server:
    """A server with a folder of its own.

    :param folder: an existing folder for everything it writes.
    :param port: where it listens.
    """

    #: The Debian package that brings it, its process, and the user who
    #: shall run it if this is root.
    package = ''
    name = ''
    account = ''
    #: What to say to it and what it answers, as soon as it is ready.
    greeting = b''
    answer = b''

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        self.folder = self.give(folder)
        self.port = port
        self.password = secrets.token_urlsafe(12)

    def start(self, launch: process.Launch) -> None:
        """Start to start; it answers later."""
        raise NotImplementedError()

    def answers(self) -> bool:
        """Tell whether it does its work already."""
        try:
            with socket.create_connection((HOST, self.port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(self.greeting)
                return self.answer in connection.recv(256)
        except OSError:
            return False

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return _program(name, self.package)

    def run_as(self) -> str:
        """Return the user who runs it if that is somebody else."""
        return '' if os.geteuid() else self.account

    def give(self, path: pathlib.Path) -> pathlib.Path:
        """Hand a file or folder over to the user who runs it."""
        if self.run_as():
            entry = pwd.getpwnam(self.run_as())
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def write(self, name: str, text: str) -> pathlib.Path:
        """Write a file that only it can read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return self.give(path)

    def command(self, *command: str,
                **environment: str) -> process.Process:
        """Start a command of it in its folder."""
        return process.Process(
            pathlib.Path(command[0]).name, 'run_command.py',
            [self.run_as(), *command], self.folder,
            {'HOME': str(self.folder), **environment})


class MariaDB(Server):
    """The database, with one user, who has one database."""

    package = 'mariadb-server'
    name = 'mariadbd'
    account = 'mysql'
    answer = b'MariaDB'  # It speaks first, and tells its version.

    def url(self, name: str) -> str:
        """Return where SQLAlchemy finds a database of that user."""
        return (f'mysql+pymysql://{name}:{self.password}@{HOST}:{self.port}'
                f'/{name}?charset=utf8mb4')

    def start(self, launch: process.Launch, name: str = 'cinder') -> None:
        """Create its files and the database, and start to start."""
        data = self.give(self._data_folder())
        installed = subprocess.run(
            [self.program('mariadb-install-db'), '--no-defaults',
             f'--datadir={data}', f'--tmpdir={data}', '--skip-test-db',
             '--skip-name-resolve',
             *([f'--user={self.run_as()}'] if self.run_as() else [])],
            capture_output=True, text=True, cwd=self.folder)
        if installed.returncode:
            raise process.StackError(
                f'mariadb-install-db: {installed.stdout}{installed.stderr}')
        first = self.write('first.sql', (
            f'CREATE DATABASE IF NOT EXISTS {name} '
            'CHARACTER SET utf8mb4;\n'
            f"CREATE USER IF NOT EXISTS {name}@'{HOST}' "
            f"IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON {name}.* TO {name}@'{HOST}';\n"))
        launch(self.command(
            self.program(self.name), '--no-defaults', f'--datadir={data}',
            f'--tmpdir={data}', f'--bind-address={HOST}',
            f'--port={self.port}',
            f'--socket={self.folder}/socket', '--skip-name-resolve',
            f'--init-file={first}',
            # What is committed shall survive its process, not the machine.
            '--innodb-flush-log-at-trx-commit=2'))

    def _data_folder(self) -> pathlib.Path:
        path = self.folder / 'data'
        path.mkdir(mode=0o700)
        return path


class Redis(Server):
    """The keeper of locks."""

    package = 'redis-server'
    name = 'redis-server'
    account = 'redis'
    greeting = b'PING\r\n'
    answer = b'-NOAUTH'

    @property
    def url(self) -> str:
        """Where tooz finds it; a lock survives its holder by 10 seconds."""
        return (f'redis://:{self.password}@{HOST}:{self.port}'
                '?lock_timeout=10')

    def start(self, launch: process.Launch) -> None:
        """Start to start; it keeps nothing on disk."""
        configuration = self.write('redis.conf', (
            f'bind {HOST}\nport {self.port}\n'
            f'requirepass {self.password}\n'
            f'dir {self.folder}\nsave ""\nappendonly no\n'))
        launch(self.command(self.program(self.name),
                            str(configuration)))


class RabbitMQ(Server):
    """The broker, with a port mapper of its own.

    :param erlang_ports: two more, for itself and the port mapper.
    """

    package = 'rabbitmq-server'
    name = 'rabbitmq-server'
    account = 'rabbitmq'
    greeting = b'AMQP\x00\x00\x09\x01'
    answer = b'capabilities'

    def __init__(self, folder: pathlib.Path, port: int,
                 erlang_ports: typing.Sequence[int]) -> None:
        super().__init__(folder, port)
        self._mapper_port, self._erlang_port = map(str, erlang_ports)

    @property
    def url(self) -> str:
        """Where oslo.messaging finds it."""
        return f'rabbit://cinder:{self.password}@{HOST}:{self.port}/'

    def start(self, launch: process.Launch) -> None:
        """Start to start, with a user for Cinder and no plug-in."""
        # It would start a mapper itself, and leave that behind.
        launch(self.command(self.program('epmd'), '-port', self._mapper_port,
                            '-address', HOST))
        self.write('rabbitmq.conf', (
            f'listeners.tcp.default = {HOST}:{self.port}\n'
            'default_user = cinder\n'
            f'default_pass = {self.password}\n'))
        launch(self.command(
            self.program(self.name),
            ERL_EPMD_PORT=self._mapper_port,
            RABBITMQ_DIST_PORT=self._erlang_port,
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                '-kernel inet_dist_use_interface {127,0,0,1}'),
            RABBITMQ_NODENAME=f'stack{self.port}@localhost',
            RABBITMQ_CONF_ENV_FILE=str(self.write('environment', '')),
            RABBITMQ_CONFIG_FILE=f'{self.folder}/rabbitmq',
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self.write('plugins', '[].')),
            RABBITMQ_GENERATED_CONFIG_DIR=f'{self.folder}/generated',
            RABBITMQ_LOG_BASE=str(self.folder), RABBITMQ_LOGS='-',
            RABBITMQ_MNESIA_BASE=f'{self.folder}/mnesia',
            RABBITMQ_PID_FILE=f'{self.folder}/pid'))
