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


"""Chapter 5, "OpenStack Project Configuration": who may use which tier."""

import dataclasses
import pathlib
import secrets

from tests.stack.demo import tour as shared
from tests.stack import volumes


@dataclasses.dataclass(frozen=True)
class Tier:
    """A class of service, offered as a volume type."""

    name: str
    replicas: int
    compression: bool


GOLD = Tier('lightstack-Gold', 3, True)
SILVER = Tier('lightstack-Silver', 2, True)
BRONZE = Tier('lightstack-Bronze', 1, False)
TIERS = (GOLD, SILVER, BRONZE)

#: Where they are from.
_FILE = pathlib.Path(__file__).parents[3] / 'etc' / 'tiers.yaml'

PUBLIC_TYPES = ['__DEFAULT__']


def walk(tour: shared.Tour) -> None:
    """Set up the project, its user and its volume types in OpenStack."""
    show, admin = tour.show, tour.stack.admin
    show.chapter('5. OpenStack Project Configuration')

    show.step('5.1 Create a new project')
    tour.openstack(admin, 'project', 'create', '--description',
                   'Lightstack Project', shared.PROJECT,
                   '-c', 'name', '-c', 'id', '-c', 'enabled')

    show.step('5.1.1 Create a new user for the project')
    password = secrets.token_urlsafe(12)
    tour.user = tour.stack.user('lightstack', shared.PROJECT, password)
    tour.openstack(admin, 'user', 'create', '--domain', 'default',
                   '--project', shared.PROJECT, '--password', password,
                   'lightstack', '-c', 'name', '-c', 'id')
    for user, role in (('lightstack', 'manager'), ('admin', 'admin')):
        tour.openstack(admin, 'role', 'add', '--project', shared.PROJECT,
                       '--user', user, role)
    tour.openstack(admin, 'role', 'assignment', 'list', '--names',
                   '--project', shared.PROJECT, '-c', 'Role', '-c', 'User',
                   '-c', 'Project')
    tour.volumes = volumes.Volumes(tour.user, show.wait)
    show.check('the volumes that the user sees',
               tour.volumes.client.volumes.list(), [])

    show.step('5.2.1 Create the volume types')
    tour.operate(admin, 'tiers', 'apply', str(_FILE), '--yes')
    tour.operate(admin, 'tiers', 'apply', str(_FILE), '--yes')
    tour.operate(admin, 'tiers', 'show', '-c', 'Name', '-c', 'Replicas',
                 '-c', 'Compression', '-c', 'LightOS project', '-c',
                 'Access')
    tour.openstack(tour.user, 'volume', 'type', 'list')
    show.check('the volume types that the user may use',
               sorted(kind.name for kind
                      in tour.volumes.client.volume_types.list()),
               sorted([*PUBLIC_TYPES, *(tier.name for tier in TIERS)]))
    show.step('Is all as it must be?')
    tour.operate(admin, 'check', '-c', 'Check', '-c', 'Result', '-c', 'What')

    show.step('5.3, 5.4 Network and instance')
    show.note('There is no Neutron and no Nova here. In chapter 7, Nova '
              'with its compute hosts is played: the same calls to Cinder, '
              'with the connector that os-brick makes on such a host.')


def create_volumes(tour: shared.Tour) -> str:
    """Create a volume of each tier; return the id of the Gold one."""
    show = tour.show
    show.step('5.5 Create a new volume')
    ids = []
    for name, tier, size in (('Vol1', GOLD, 20), ('Vol-Silver', SILVER, 10),
                             ('Vol-Bronze', BRONZE, 5)):
        tour.openstack(tour.user, 'volume', 'create', '--size', str(size),
                       '--type', tier.name, name, '-c', 'id', '-c', 'name',
                       '-c', 'size', '-c', 'status', '-c', 'type')
        ids.append(tour.volume_id(name))
        tour.volumes.settled(ids[-1])
        tour.check_volume(ids[-1], size, tier.replicas, tier.compression)
        tour.check_access(ids[-1], shared.CLOSED, shared.CLOSED)
    tour.openstack(tour.user, 'volume', 'list')
    tour.show_cluster()
    return ids[0]
