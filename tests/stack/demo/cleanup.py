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


"""The end: everything is deleted, and the cluster is as it was."""

from tests.stack.demo import tour as shared


def walk(tour: shared.Tour) -> None:
    """Delete all volumes and snapshots; see that nothing is left."""
    show, user = tour.show, tour.user
    show.chapter('Delete everything')
    show.step('Delete the snapshot and the volumes')
    cinder = tour.volumes.client
    snapshots = [item.id for item in cinder.volume_snapshots.list()]
    volumes = [item.id for item in cinder.volumes.list()]
    tour.openstack(user, 'volume', 'snapshot', 'delete', *snapshots)
    for snapshot in snapshots:
        tour.volumes.gone_snapshot(snapshot)
    tour.openstack(user, 'volume', 'delete', *volumes)
    for volume in volumes:
        tour.volumes.gone(volume)
    tour.openstack(user, 'volume', 'list')
    show.check('the volumes in Cinder', cinder.volumes.list(), [])

    for kind in ('volumes', 'snapshots'):
        show.wait(f'the cluster to drop its {kind}',
                  lambda: not tour.holds(kind))
    show.check('the volumes on the cluster', tour.holds(), [])
    show.check('the snapshots on the cluster', tour.holds('snapshots'), [])
    tour.check_careful()
