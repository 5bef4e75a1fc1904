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

"""Revert to a snapshot, by rollback on the cluster."""

from cinder import exception
import ddt

from tests.functional import base
from tests.functional import test_faults


@ddt.ddt
class RevertTestCase(base.DriverTestCase):

    def revert(self, volume, snapshot):
        self.driver.revert_to_snapshot(self.context, volume, snapshot)

    def opened_then_closed(self):
        """A volume that a host had as the snapshot was taken.

        Some versions bring back its access lists, too (unknown 24).
        """
        self.lightos.set_settings(rollback_resets_acl=True)
        volume = self.created()
        self.attached(volume, 1)
        snapshot = self.snapped(volume)
        self.driver.terminate_connection(volume, base.connector(1),
                                         force=False)
        self.attach(volume)
        return volume, snapshot

    def rollbacks(self):
        return [one['body'] for one in self.lightos.requests()
                if one['path'].endswith('/rollback')]

    def test_the_cluster_rolls_back(self):
        """Defect 39: Cinder copied all data through the controller."""
        self.lightos.set_settings(rollback_settle=0.3)
        volume = self.created(size=2)
        snapshot = self.snapped(volume)
        later = self.snapped(volume)
        self.assertFalse(self.driver.snapshot_revert_use_temp_snapshot())
        self.revert(volume, snapshot)
        self.assertEqual(
            [{'srcSnapshotUUID': snapshot.provider_id.split()[1]}],
            self.rollbacks())
        held = self.on_cluster(volume)
        self.assertEqual(('Available', str(2 * base.GIB)),
                         (held['state'], held['size']))
        self.assertEqual(
            sorted([volume.name, snapshot.name, later.name]), self.names())

    def test_a_volume_grown_since_keeps_its_size(self):
        self.lightos.set_settings(rollback_settle=0.2, update_settle=0.2)
        volume = self.created(size=1)
        snapshot = self.snapped(volume)
        self.driver.extend_volume(volume, 5)
        volume.size = 5
        self.revert(volume, snapshot)
        self.assertEqual(str(5 * base.GIB), self.on_cluster(volume)['size'])

    def test_a_failure_leaves_it_closed_and_so_does_the_next_try(self):
        volume, snapshot = self.opened_then_closed()
        self.lightos.add_fault(
            kind='status', status=403, code=7, method='PUT',
            path='/volumes/[^/]+$', times=1, message='no')
        self.assertRaises(exception.VolumeBackendAPIException, self.revert,
                          volume, snapshot)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])
        self.lightos.edit_volume(volume.provider_id.split()[1],
                                 acl=[base.connector(1)['nqn']])
        self.revert(volume, snapshot)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_what_a_node_shows_of_before_is_not_the_end(self):
        self.lightos.set_settings(rollback_settle=1, follower_lag=0.5)
        self.driver = self.make_driver(lightos_operation_timeout=20)
        volume = self.created()
        snapshot = self.snapped(volume)
        self.lightos.add_fault(kind='reset', method='PUT', when='after',
                               path='/rollback$', times=1)
        self.revert(volume, snapshot)
        self.assertEqual('Available', self.on_cluster(volume)['state'])

    def test_it_is_closed_as_before(self):
        volume, snapshot = self.opened_then_closed()
        closed = self.acls(volume)
        self.revert(volume, snapshot)
        self.assertEqual(closed, self.acls(volume))
        self.assertEqual(['ALLOW_NONE'], closed[0])

    def test_the_snapshot_of_another_volume_is_refused(self):
        volume, other = self.created(), self.created()
        snapshot = self.snapped(other)
        with self.assertRaises(exception.CinderException) as caught:
            self.revert(volume, snapshot)
        for text in (snapshot.id, volume.id, other.name):
            self.assertIn(text, str(caught.exception))
        self.assertEqual([], self.rollbacks())

    def test_what_is_not_there_is_named(self):
        volume = self.created()
        snapshot = self.snapped(volume)
        self.driver.delete_snapshot(snapshot)
        self.assertRaises(exception.SnapshotNotFound, self.revert, volume,
                          snapshot)
        snapshot = self.snapped(volume)
        self.driver.delete_volume(volume)
        self.assertRaises(exception.VolumeNotFound, self.revert, volume,
                          snapshot)

    def test_a_rollback_that_never_ends_is_an_error(self):
        self.lightos.set_settings(rollback_settle=60)
        volume = self.created()
        snapshot = self.snapped(volume)
        self.assertRaises(exception.VolumeBackendAPIException, self.revert,
                          volume, snapshot)

    def test_once_more_after_a_failure(self):
        volume = self.created()
        snapshot = self.snapped(volume)
        self.driver.extend_volume(volume, 3)
        volume.size = 3
        fault = self.lightos.add_fault(
            kind='status', status=503, code=14, method='PUT',
            path='/volumes/[^/]+$', times=None, message='busy')
        self.assertRaises(exception.VolumeBackendAPIException, self.revert,
                          volume, snapshot)
        self.lightos.clear_faults(fault)
        self.revert(volume, snapshot)
        self.assertEqual(str(3 * base.GIB), self.on_cluster(volume)['size'])


@test_faults.each_loss
class LostReplyTestCase(base.DriverTestCase):

    options = {'lightos_operation_timeout': 20}

    def lost_revert(self, fault):
        volume = self.created()
        snapshot = self.snapped(volume)
        self.driver.extend_volume(volume, 4)
        volume.size = 4
        self.lightos.add_fault(method='PUT', path='/rollback$', times=1,
                               **fault)
        self.driver.revert_to_snapshot(self.context, volume, snapshot)
        held = self.on_cluster(volume)
        self.assertEqual(('Available', str(4 * base.GIB)),
                         (held['state'], held['size']))

    def lost_retype(self, fault):
        volume = self.created(base.BRONZE)
        new_type = self.volume(dict(
            base.BRONZE, compression='<is> True')).volume_type
        self.lightos.add_fault(method='PUT', path='/volumes/', times=1,
                               **fault)
        self.assertTrue(self.driver.retype(self.context, volume, new_type,
                                           {}, {}))
        self.assertEqual('true', self.on_cluster(volume)['compression'])
