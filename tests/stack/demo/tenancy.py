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


"""Multi-tenancy, the point of it all: another tenant sees none of this."""

import secrets

from tests.stack.demo import chapter3
from tests.stack.demo import chapter5
from tests.stack.demo import tour as shared
from tests.stack import volumes

OTHER = 'acme'


def walk(tour: shared.Tour, volume: str) -> None:
    """Let a second tenant look for the first one's volumes."""
    tour.show.chapter('A second tenant')
    _in_openstack(tour, volume)
    tour.check_careful()
    _on_cluster(tour, volume)
    # What it tried in vain is not to be held against Cinder.
    tour.lightos.clear_records()


def _in_openstack(tour: shared.Tour, volume: str) -> None:
    show, admin = tour.show, tour.stack.admin
    show.step('In OpenStack')
    password = secrets.token_urlsafe(12)
    other = tour.stack.user(OTHER, OTHER, password)
    tour.openstack(admin, 'project', 'create', OTHER, '-c', 'name',
                   '-c', 'id')
    tour.openstack(admin, 'user', 'create', '--domain', 'default',
                   '--project', OTHER, '--password', password, OTHER,
                   '-c', 'name', '-c', 'id')
    tour.openstack(admin, 'role', 'add', '--project', OTHER, '--user',
                   OTHER, 'manager')
    theirs = volumes.Volumes(other, show.wait).client

    tour.openstack(other, 'volume', 'list')
    show.check('the volumes that it sees', theirs.volumes.list(), [])
    show.check('the snapshots that it sees',
               theirs.volume_snapshots.list(), [])
    why = tour.refused(other, 'volume', 'show', volume)
    show.check('the volume is not found', volume in why, True)
    tour.openstack(other, 'volume', 'type', 'list')
    show.check('the volume types that it may use',
               [kind.name for kind in theirs.volume_types.list()],
               chapter5.PUBLIC_TYPES)
    why = tour.refused(other, 'volume', 'create', '--size', '1', '--type',
                       chapter5.GOLD.name, 'Vol1')
    show.check('the volume type is not found', 'could not be found' in why,
               True)


def _on_cluster(tour: shared.Tour, volume: str) -> None:
    show = tour.show
    show.step('On the cluster, with a JWT of its own')
    chapter3.create(tour, OTHER)
    api = tour.cluster_api(tour.token(OTHER))
    uuid = tour.on_cluster(volume)['UUID']

    for path, status in (
            (f'/projects/{OTHER}/volumes', 200),
            (f'/projects/{OTHER}/volumes/{uuid}', 404),
            (f'/projects/{shared.PROJECT}/volumes', 403),
            (f'/projects/{shared.PROJECT}/volumes/{uuid}', 403),
            (f'/projects/{shared.PROJECT}/snapshots', 403)):
        answer = chapter3.call(tour, api, 'GET', path)
        show.check(f'GET {path} with its token', answer.status, status)
        show.check('volumes that it sees', answer.body.get('volumes', []),
                   [])
    answer = chapter3.call(
        tour, api, 'PUT', f'/projects/{shared.PROJECT}/volumes/{uuid}',
        {'acl': {'values': ['ALLOW_ANY']}})
    show.check('opening the volume to everybody', answer.status, 403)
    tour.check_access(volume, shared.CLOSED, shared.CLOSED)
