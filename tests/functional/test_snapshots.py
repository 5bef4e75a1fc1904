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

"""Snapshots, volumes from them, and clones on an emulated cluster."""

from concurrent import futures

from cinder import exception
import ddt

from tests.functional import base


@ddt.ddt
class SnapshotTestCase(base.DriverTestCase):

    def test_create_and_delete(self):
        volume = self.created()
        snapshot = self.snapped(volume)
        held, = self.lightos.snapshots(base.PROJECT)
        self.assertEqual(
            (snapshot.name, self.on_cluster(volume)['UUID'], 'Available'),
            (held['name'], held['sourceVolumeUUID'], held['state']))
        self.assertEqual('%s %s' % (base.PROJECT, held['UUID']),
                         snapshot.provider_id)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual([volume.name], self.names())

    def test_one_made_by_the_driver_inside_cinder_has_no_provider_id(self):
        snapshot = self.snapped(self.created())
        snapshot.provider_id = None
        self.driver.delete_snapshot(snapshot)
        self.assertNotIn(snapshot.name, self.names())

    def test_twice_makes_one_snapshot(self):
        snapshot = self.snapshot(self.created())
        first = self.driver.create_snapshot(snapshot)
        self.assertEqual(first, self.driver.create_snapshot(snapshot))
        self.assertEqual(1, len(self.lightos.snapshots()))

    def test_a_snapshot_of_another_volume_is_not_taken(self):
        """Defect 35: the source of an existing snapshot was not checked."""
        snapshot = self.snapped(self.created())
        impostor = self.snapshot(self.created(), id=snapshot.id)
        self.assertRaisesRegex(exception.VolumeBackendAPIException,
                               'source volume',
                               self.driver.create_snapshot, impostor)
        self.assertIn(snapshot.name, self.names())

    @ddt.data('400', '503')
    def test_of_a_volume_that_is_being_updated(self, busy):
        self.lightos.set_settings(update_settle=0.5, snapshot_busy=busy)
        volume = self.created()
        uuid = self.on_cluster(volume)['UUID']
        self.lightos.edit_volume(uuid, state='Updating')
        with futures.ThreadPoolExecutor() as pool:
            made = pool.submit(self.snapped, volume)
            self.lightos.edit_volume(uuid, state='Available')
            made.result()
        self.assertEqual(1, len(self.lightos.snapshots()))

    @ddt.data(409, 412, 429, 500, 503, 504)
    def test_what_passes_is_waited_for(self, status):
        """Defect 35: 409, 412, 429 and 504 were not tried again."""
        volume = self.created()
        self.lightos.add_fault(kind='status', status=status, code=10,
                               message='etag' if status == 500 else 'later',
                               method='POST', path='/snapshots', times=2)
        self.snapped(volume)
        self.assertEqual(1, len(self.lightos.snapshots()))

    def test_a_refusal_is_an_error_at_once(self):
        """Defect 35: a bad request was repeated for 30 s."""
        volume = self.created()
        self.lightos.add_fault(kind='status', status=400, code=3,
                               message='bad', method='POST', times=None)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.snapped, volume)
        self.assertEqual(1, len(self.calls('POST')) - 1)

    @ddt.data('503', '500', '409')
    def test_many_of_one_volume_at_once(self, refusal):
        self.lightos.set_settings(snapshot_settle=0.05,
                                  concurrent_snapshots=refusal)
        volume = self.created()
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.snapped(volume), range(8)))
        self.assertEqual({'Available'}, {
            one['state'] for one in self.lightos.snapshots()})
        self.assertEqual(8, len(self.lightos.snapshots()))

    @ddt.data((503, 14, exception.SnapshotIsBusy),
              (409, 10, exception.SnapshotIsBusy),
              (412, 9, exception.SnapshotIsBusy),
              (500, 13, exception.VolumeBackendAPIException),
              (401, 16, exception.VolumeBackendAPIException),
              (403, 7, exception.VolumeBackendAPIException),
              (400, 3, exception.VolumeBackendAPIException))
    @ddt.unpack
    def test_a_refused_delete_is_an_error(self, status, code, error):
        """Defect 2: a refused delete was a success, the snapshot leaked."""
        snapshot = self.snapped(self.created())
        self.lightos.add_fault(kind='status', status=status, code=code,
                               message='no', method='DELETE', times=None)
        self.assertRaises(error, self.driver.delete_snapshot, snapshot)
        self.assertIn(snapshot.name, self.names())

    def test_a_delete_refused_for_a_while(self):
        """Defect 2: 503 while the source is Updating was not retried."""
        snapshot = self.snapped(self.created())
        self.lightos.add_fault(kind='status', status=503, code=14,
                               message='Updating', method='DELETE', times=3)
        self.driver.delete_snapshot(snapshot)
        self.assertNotIn(snapshot.name, self.names())

    @ddt.data('wait', 'at_once')
    def test_a_snapshot_with_a_clone(self, switch):
        self.lightos.set_settings(snapshot_with_clone=switch)
        volume = self.created()
        snapshot = self.snapped(volume)
        clone = self.volume()
        self.driver.create_volume_from_snapshot(clone, snapshot)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual(sorted([volume.name, clone.name]), self.names())

    def test_a_snapshot_that_failed_is_an_error_and_tidied_away(self):
        self.lightos.set_settings(failed_delete='accept')
        volume = self.created()
        first = self.snapped(volume)
        self.lightos.set_settings(snapshot_delete_settle=60)
        self.driver.delete_snapshot(first)
        # The name of a snapshot that is being deleted: accepted, Failed.
        again = self.snapshot(volume, id=first.id)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.create_snapshot, again)
        self.assertNotIn('Failed', {
            one['state'] for one in self.lightos.snapshots()})


@ddt.ddt
class FromSnapshotTestCase(base.DriverTestCase):

    @ddt.data(1, 4)
    def test_the_volume_is_as_large_as_asked(self, size):
        """Defect 37: the size of the source did not count."""
        snapshot = self.snapped(self.created())
        volume = self.volume(size=size)
        self.driver.create_volume_from_snapshot(volume, snapshot)
        held = self.on_cluster(volume)
        self.assertEqual(
            (str(size * base.GIB), snapshot.provider_id.split()[1],
             ['ALLOW_NONE']),
            (held['size'], held['sourceSnapshotUUID'],
             held['acl']['values']))

    def test_into_another_project(self):
        """Defect 37: the source was looked for where it is not."""
        self.lightos.create_project('acme')
        self.driver = self.make_driver(lightos_jwt=self.lightos.admin_token)
        snapshot = self.snapped(self.created())
        acme = dict(base.GOLD, **{'lightos:project_name': 'acme'})
        self.assertRaisesRegex(
            exception.InvalidVolumeType, 'lightos:project_name.*acme',
            self.driver.create_volume_from_snapshot, self.volume(acme),
            snapshot)

    def test_of_a_snapshot_that_is_gone(self):
        snapshot = self.snapped(self.created())
        self.driver.delete_snapshot(snapshot)
        self.assertRaises(
            exception.SnapshotNotFound,
            self.driver.create_volume_from_snapshot, self.volume(), snapshot)

    def test_the_cluster_refuses_another_number_of_replicas(self):
        self.lightos.set_settings(clone_must_match=True)
        snapshot = self.snapped(self.created())
        self.assertRaises(
            exception.VolumeBackendAPIException,
            self.driver.create_volume_from_snapshot,
            self.volume(base.BRONZE), snapshot)
        self.assertEqual(2, len(self.names()))


@ddt.ddt
class CloneTestCase(base.DriverTestCase):

    @ddt.data(1, 4)
    def test_the_clone_is_there_and_nothing_else(self, size):
        self.lightos.set_settings(settle=0.1)
        source = self.created()
        clone = self.volume(size=size)
        self.driver.create_cloned_volume(clone, source)
        self.assertEqual(str(size * base.GIB),
                         self.on_cluster(clone)['size'])
        self.assertEqual(sorted([source.name, clone.name]), self.names())

    def test_while_the_source_is_attached(self):
        source = self.created()
        self.attached(source, 1)
        clone = self.volume()
        self.driver.create_cloned_volume(clone, source)
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']), self.acls(clone))

    def test_a_temporary_snapshot_that_stays_fails_nothing(self):
        """Defect 36: it made an orphan of the finished clone."""
        source = self.created()
        self.lightos.add_fault(kind='status', status=400, code=3,
                               message='no', method='DELETE',
                               path='/snapshots/', times=None)
        clone = self.volume()
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.driver.create_cloned_volume(clone, source)
        self.on_cluster(clone)
        self.assertIn('will expire by itself', logs.output[-1])
        held, = self.lightos.snapshots()
        self.assertNotIn(held['retentionTime'], ('', '0s'))

    def test_a_clone_that_fails_leaves_nothing(self):
        """Defect 36: the first error was hidden by the tidying."""
        source = self.created()
        self.lightos.add_fault(kind='status', status=400, code=3,
                               message='too many volumes', method='POST',
                               path='/volumes$', times=None)
        self.assertRaisesRegex(
            exception.VolumeBackendAPIException, 'too many volumes',
            self.driver.create_cloned_volume, self.volume(), source)
        self.assertEqual([source.name], self.names())

    def test_again_after_a_failure_does_not_meet_the_old_snapshot(self):
        """Defect 36: the name of the snapshot was used again."""
        self.lightos.set_settings(snapshot_delete_settle=60)
        source = self.created()
        clone = self.volume()
        fault = self.lightos.add_fault(
            kind='status', status=400, code=3, message='no', method='POST',
            path='/volumes$', times=1)
        self.assertIsNotNone(fault)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.create_cloned_volume, clone, source)
        self.driver.create_cloned_volume(clone, source)
        self.on_cluster(clone)

    def test_from_the_project_of_the_source(self):
        """Defect 36: the snapshot was taken in the new type's project."""
        self.lightos.create_project('acme')
        self.driver = self.make_driver(lightos_jwt=self.lightos.admin_token)
        source = self.created()
        acme = dict(base.GOLD, **{'lightos:project_name': 'acme'})
        self.assertRaises(exception.InvalidVolumeType,
                          self.driver.create_cloned_volume,
                          self.volume(acme), source)
        self.assertEqual([source.name], self.names())
