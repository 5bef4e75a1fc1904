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


"""Chapter 4, "Configure Cinder to Use Lightbits": the backend section."""

import importlib.metadata

from tests.stack import backend
from tests.stack.demo import tour as shared
from tests.stack import settings


def section(tour: shared.Tour, driver: str) -> settings.Sections:
    """Show and return the section that makes the cluster a backend."""
    show = tour.show
    show.chapter('4. Configure Cinder to Use Lightbits')

    show.step('4.1.1 Adding the lightstack backend')
    options = tour.section(
        volume_driver=driver,
        # The driver inside Cinder knows of no directory of tokens.
        jwt=(None if driver == backend.DRIVER
             else tour.token(shared.PROJECT)))
    show.said(settings.render({shared.BACKEND: {
        name: '***' if name == 'lightos_jwt' else value
        for name, value in options.items()}}))

    show.step('4.1.2 Enable the backend')
    show.said(f'[DEFAULT]\nenabled_backends = {shared.BACKEND}')
    show.note('Keystone, cinder-api, cinder-scheduler and cinder-volume '
              f'start: {_versions()}.')
    return {shared.BACKEND: options}


def _versions() -> str:
    found = []
    for name in ('keystone', 'cinder', 'lightos-cinder'):
        try:
            found.append(f'{name} {importlib.metadata.version(name)}')
        except importlib.metadata.PackageNotFoundError:
            found.append(f'{name} from these sources')
    return ', '.join(found)


def verify(tour: shared.Tour) -> None:
    """See that Cinder has the backend."""
    show, admin = tour.show, tour.stack.admin
    tour.openstack(admin, 'volume', 'service', 'list', '-c', 'Binary',
                   '-c', 'Host', '-c', 'Status', '-c', 'State')
    tour.openstack(admin, 'volume', 'backend', 'pool', 'list')
    pools = admin.session().get(
        f'{tour.stack.cinder.url}/scheduler-stats/get_pools?detail=true'
    ).json()['pools']
    show.check('the pools of Cinder', [pool['name'] for pool in pools],
               [f'controller@{shared.BACKEND}#{shared.BACKEND}'])
    show.check('its storage protocol',
               pools[0]['capabilities']['storage_protocol'], 'lightos')
