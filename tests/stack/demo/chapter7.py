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


"""Chapter 7, "Process Structure Diagram": attaching, steps 4 to 6, and on."""

import typing
import uuid

from tests.stack import compute
from tests.stack.demo import chapter5
from tests.stack.demo import tour as shared

# With a link-local address as each interface has one: not for the IP ACL.
_LINK_LOCAL = 'fe80::5054:ff:fe12:3456'

HOST_A = compute.Host('compute-a', ('192.168.20.11', '192.168.30.11',
                                    _LINK_LOCAL))
HOST_B = compute.Host('compute-b', ('192.168.20.12', '192.168.30.12',
                                    _LINK_LOCAL))


def walk(tour: shared.Tour, volume: str) -> None:
    """Attach the volume, use it in every way, and detach it."""
    nova = compute.Compute(tour.user, tour.stack.nova)
    server = str(uuid.uuid4())
    tour.show.chapter('7. Process Structure Diagram')
    attachment = _attach(tour, nova, volume, server)
    _extend(tour, volume)
    _copy(tour, volume)
    attachment = _migrate(tour, nova, volume, server, attachment)
    _detach(tour, nova, volume, attachment)


def _addresses(*hosts: compute.Host) -> list[str]:
    return [address for host in hosts for address in host.addresses
            if address != _LINK_LOCAL]


def _attach(tour: shared.Tour, nova: compute.Compute, volume: str,
            server: str) -> str:
    show = tour.show
    show.step('Steps 4 to 6: attach to the instance')
    show.note(f'Server {server} on {HOST_A.name}, which is '
              f'{HOST_A.nqn} at {", ".join(HOST_A.addresses)}.')

    show.said('nova-api: POST /v3/attachments')
    attachment = nova.reserve(volume, server)
    show.check('the volume in Cinder', _status(tour, volume), 'reserved')
    tour.check_access(volume, shared.CLOSED, shared.CLOSED)

    show.said(f'nova-compute on {HOST_A.name}: PUT /v3/attachments/'
              f'{attachment}\n    with its connector')
    connection = nova.connect(attachment, HOST_A)
    tour.check_access(volume, [HOST_A.nqn], _addresses(HOST_A))
    _check_connection(tour, volume, connection)

    show.said(f'nova-compute on {HOST_A.name}: POST /v3/attachments/'
              f'{attachment}/action\n    os-complete')
    nova.complete(attachment)
    tour.openstack(tour.user, 'volume', 'show', volume, '-c', 'name',
                   '-c', 'status', '-c', 'size', '-c', 'type')
    show.check('the volume in Cinder', _status(tour, volume), 'in-use')
    tour.show_cluster()
    return attachment


def _check_connection(tour: shared.Tour, volume: str,
                      connection: dict[str, typing.Any]) -> None:
    show = tour.show
    info = tour.api.call('GET', '/clusterinfo').body
    show.check('os-brick connects by',
               connection['driver_volume_type'], 'lightos')
    show.check('to the subsystem of the cluster',
               connection['subsysnqn'], info['subsystemNQN'])
    show.check('through the discovery services',
               sorted(f'{node["target_portal"]}:{node["target_port"]}'
                      for node in connection['lightos_nodes'].values()),
               sorted(info['discoveryEndpoints']))
    show.check('and finds the namespace of the volume',
               connection['uuid'], tour.on_cluster(volume)['UUID'])


def _extend(tour: shared.Tour, volume: str) -> None:
    show = tour.show
    show.step('Extend the volume while it is attached')
    tour.openstack(tour.user, '--os-volume-api-version', '3.42', 'volume',
                   'set', '--size', '30', volume)
    found = tour.volumes.settled(volume, 'in-use')
    show.check('its size in Cinder', found.size, 30)
    tour.check_volume(volume, 30, chapter5.GOLD.replicas,
                      chapter5.GOLD.compression)
    tour.check_access(volume, [HOST_A.nqn], _addresses(HOST_A))


def _copy(tour: shared.Tour, volume: str) -> None:
    show, user = tour.show, tour.user
    show.step('Snapshot, volume from the snapshot, clone')
    tour.openstack(user, '--os-volume-api-version', '3.66', 'volume',
                   'snapshot', 'create', '--volume', volume, 'Snap1',
                   '-c', 'id', '-c', 'name', '-c', 'size', '-c', 'status')
    snapshot = tour.volumes.client.volume_snapshots.list()[0].id
    tour.volumes.settled_snapshot(snapshot)
    found = tour.holds('snapshots')
    show.check('the snapshots on the cluster',
               [item['name'] for item in found], [f'snapshot-{snapshot}'])
    show.check('it is one of the volume', found[0]['sourceVolumeUUID'],
               tour.on_cluster(volume)['UUID'])

    for name, source, size in (
            ('Vol-from-Snap1', ('--snapshot', snapshot), 40),
            ('Vol1-clone', ('--source', volume), 30)):
        tour.openstack(user, 'volume', 'create', *source, '--size',
                       str(size), name, '-c', 'id', '-c', 'name',
                       '-c', 'size', '-c', 'status', '-c', 'type')
        copy = tour.volume_id(name)
        tour.volumes.settled(copy)
        tour.check_volume(copy, size, chapter5.GOLD.replicas,
                          chapter5.GOLD.compression)
        tour.check_access(copy, shared.CLOSED, shared.CLOSED)
    show.wait('the cluster to drop what the clone needed for a moment',
              lambda: len(tour.holds('snapshots')) == 1)
    show.check('the snapshots on the cluster',
               [item['name'] for item in tour.holds('snapshots')],
               [f'snapshot-{snapshot}'])
    tour.show_cluster()


def _migrate(tour: shared.Tour, nova: compute.Compute, volume: str,
             server: str, source: str) -> str:
    show = tour.show
    show.step('A second host, as in live migration; then the first leaves')
    show.said(f'nova-compute on {HOST_B.name}: POST /v3/attachments with '
              'its connector')
    destination = nova.join(volume, server, HOST_B)
    tour.check_access(volume, [HOST_A.nqn, HOST_B.nqn],
                      _addresses(HOST_A, HOST_B))
    show.said(f'nova-compute on {HOST_A.name}: DELETE /v3/attachments/'
              f'{source}')
    nova.detach(source)
    tour.check_access(volume, [HOST_B.nqn], _addresses(HOST_B))
    show.check('the volume in Cinder', _status(tour, volume), 'in-use')
    return destination


def _detach(tour: shared.Tour, nova: compute.Compute, volume: str,
            attachment: str) -> None:
    show = tour.show
    show.step('Detach')
    show.said(f'nova-compute on {HOST_B.name}: DELETE /v3/attachments/'
              f'{attachment}')
    nova.detach(attachment)
    tour.check_access(volume, shared.CLOSED, shared.CLOSED)
    tour.volumes.settled(volume)
    tour.openstack(tour.user, 'volume', 'show', volume, '-c', 'name',
                   '-c', 'status', '-c', 'size', '-c', 'type')
    tour.show_cluster()


def _status(tour: shared.Tour, volume: str) -> str:
    return tour.volumes.client.volumes.get(volume).status
