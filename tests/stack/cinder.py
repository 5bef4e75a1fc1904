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


"""Cinder: its configuration, its process, and whether it is ready."""

import importlib.metadata
import pathlib

from keystoneauth1 import exceptions
from keystoneauth1 import session as keystone_session

from tests.stack import identity
from tests.stack import process
from tests.stack import settings

HOST = '127.0.0.1'


def _installed_file(name: str) -> str:
    """Return the path of a configuration file that Cinder installs."""
    for file in importlib.metadata.files('cinder') or ():
        if file.parts[-3:] == ('etc', 'cinder', name):
            return str(pathlib.Path(str(file.locate())).resolve())
    raise process.StackError(f'cinder is installed without its {name}')


class Cinder:
    """The block storage service of a stack, in one process.

    :param folder: an existing folder for everything it writes.
    :param port: where cinder-api listens.
    :param backends: for each backend its section of the configuration.
    :param defaults: options of the section DEFAULT on top of ours.
    :param data_path: whether it copies data from volume to volume itself.
    :param more: other sections on top of ours.
    """

    def __init__(self, folder: pathlib.Path, port: int,
                 backends: settings.Sections,
                 defaults: settings.Options | None = None,
                 data_path: bool = True,
                 more: settings.Sections | None = None) -> None:
        self.folder = folder
        self.port = port
        self.backends = backends
        self.defaults = defaults or {}
        self.more = more or {}
        self.options = [] if data_path else ['--without-data-path']
        self.url = f'http://{HOST}:{port}/v3'

    def sections(self, user: identity.Identity) -> settings.Sections:
        """Return the whole configuration, the backends included."""
        return {
            'DEFAULT': {
                'enabled_backends': list(self.backends),
                'transport_url': 'fake:/',
                'host': 'controller',
                'my_ip': HOST,
                'osapi_volume_listen': HOST,
                'osapi_volume_listen_port': self.port,
                'osapi_volume_workers': 1,
                'auth_strategy': 'keystone',
                'api_paste_config': _installed_file('api-paste.ini'),
                'resource_query_filters_file': _installed_file(
                    'resource_filters.json'),
                'state_path': self.folder / 'state',
                # Cinder gives running operations a minute by default.
                'graceful_shutdown_timeout': 3,
                # There is no Nova to be told of extended volumes: without
                # this each one is a long traceback.
                'default_log_levels': [
                    'cinder.compute.nova=CRITICAL', 'sqlalchemy=WARNING',
                    'stevedore=WARNING', 'urllib3=WARNING',
                    'keystoneauth=WARNING', 'oslo_messaging=INFO'],
                **self.defaults,
            },
            'database': {'connection': f'sqlite:///{self.folder}/cinder.db'},
            'oslo_concurrency': {'lock_path': self.folder / 'locks'},
            'coordination': {
                'backend_url': f'file://{self.folder}/coordination'},
            'keystone_authtoken': {
                'www_authenticate_uri': user.auth_url,
                'auth_url': user.auth_url,
                'auth_type': 'password',
                'username': user.username,
                'user_domain_id': identity.DOMAIN,
                'password': user.password,
                'project_name': user.project,
                'project_domain_id': identity.DOMAIN,
                'region_name': identity.REGION,
                'service_token_roles': 'service',
                'service_token_roles_required': True,
            },
            **self.backends,
            **self.more,
        }

    def start(self, user: identity.Identity, launch: process.Launch
              ) -> None:
        """Start to start, as this service user; it is ready later."""
        (self.folder / 'state').mkdir()
        path = settings.write(self.folder / 'cinder.conf',
                              self.sections(user))
        launch(process.Process('cinder', 'run_cinder.py',
                               [str(path), *self.options], self.folder))

    def missing(self, admin: keystone_session.Session) -> list[str]:
        """Return what is not there yet: the API, or backends' pools.

        A pool that the scheduler knows proves the whole way: API, database,
        scheduler, the volume service and its driver.
        """
        try:
            answer = admin.get(f'{self.url}/scheduler-stats/get_pools')
        except (exceptions.ConnectFailure, exceptions.HttpError):
            return ['cinder-api']
        hosts = {pool['name'].partition('@')[2].partition('#')[0]
                 for pool in answer.json()['pools']}
        return [name for name in self.backends if name not in hosts]
