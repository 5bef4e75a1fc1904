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


"""Keystone: its configuration, its process, what it knows about others."""

import contextlib
import pathlib
import secrets
import sqlite3

from keystoneauth1 import exceptions

from tests.stack import identity
from tests.stack import process
from tests.stack import settings

HOST = '127.0.0.1'


class Keystone:
    """The identity service of a stack.

    :param folder: an existing folder for everything it writes.
    :param port: where it listens.
    :param database: where its tables are, a file in the folder if left out.
    """

    def __init__(self, folder: pathlib.Path, port: int,
                 database: str = '') -> None:
        self.folder = folder
        self.port = port
        self.database = database or f'sqlite:///{folder}/keystone.db'
        self.url = f'http://{HOST}:{port}/v3'
        self.admin = identity.Identity(self.url, 'admin', 'admin',
                                       secrets.token_urlsafe(12))
        self._session = self.admin.session()

    def start(self, launch: process.Launch) -> None:
        """Start to start; it answers later."""
        if self.database.startswith('sqlite:///'):
            # Before 2026.2 Keystone reads on while it writes elsewhere; this
            # is what SQLite needs for that, and it stays with the file.
            with contextlib.closing(sqlite3.connect(
                    self.database.removeprefix('sqlite:///'))) as file:
                file.execute('PRAGMA journal_mode=WAL')
        path = settings.write(self.folder / 'keystone.conf', {
            'DEFAULT': {'public_endpoint': self.url.removesuffix('/v3')},
            'database': {'connection': self.database},
            'fernet_tokens': {'key_repository': self.folder / 'fernet'},
            'fernet_receipts': {'key_repository': self.folder / 'receipts'},
            'credential': {'key_repository': self.folder / 'credential'},
            # Nobody attacks these passwords: the cheapest hash will do.
            'identity': {'password_hash_rounds': 4,
                         'max_password_length': 72},
            'oslo_messaging_notifications': {'driver': 'noop'},
        })
        launch(process.Process(
            'keystone', 'run_keystone.py',
            [str(path), HOST, str(self.port), identity.REGION], self.folder,
            {'OS_BOOTSTRAP_PASSWORD': self.admin.password}))

    def answers(self) -> bool:
        """Tell whether it gives out tokens."""
        try:
            return bool(self._session.get_token())
        except (exceptions.ConnectFailure, exceptions.DiscoveryFailure):
            return False

    def add_service_user(self, user: identity.Identity) -> None:
        """Create a user as which a service authenticates itself."""
        self.add_user(user, 'admin', 'service')

    def add_user(self, user: identity.Identity, *roles: str) -> None:
        """Create a user, with these roles in their project."""
        project = self._find('projects', user.project) or self._create(
            'projects', name=user.project, domain_id=identity.DOMAIN)
        user_id = self._create(
            'users', name=user.username, domain_id=identity.DOMAIN,
            password=user.password)
        for name in roles:
            self._session.put(
                f'{self.url}/projects/{project}/users/{user_id}'
                f'/roles/{self._find("roles", name)}')

    def add_endpoint(self, name: str, kind: str, url: str) -> None:
        """Put a service into the catalogue."""
        service = self._create('services', name=name, type=kind)
        for interface in ('public', 'internal'):
            self._create('endpoints', service_id=service, url=url,
                         interface=interface, region_id=identity.REGION)

    def _create(self, collection: str, **body: str) -> str:
        key = collection.removesuffix('s')
        answer = self._session.post(f'{self.url}/{collection}',
                                    json={key: body})
        return answer.json()[key]['id']

    def _find(self, collection: str, name: str) -> str | None:
        answer = self._session.get(f'{self.url}/{collection}',
                                   params={'name': name})
        found = answer.json()[collection]
        return found[0]['id'] if found else None
