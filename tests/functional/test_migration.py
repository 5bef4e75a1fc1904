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

"""Host-assisted migration, as far as it is the driver's.

The steps between are those of Cinder's manager, on its own database; only
the data is not copied. The stack's tests show the whole of it.
"""

import importlib
import types
from unittest import mock
import uuid

from cinder import exception
from cinder import objects
from cinder.objects import fields
import ddt

from lightos_cinder import lifecycle
from tests.functional import base
from tests.functional import database

# Its import needs all of cinder.objects, which base sees to.
manager = importlib.import_module('cinder.volume.manager')

_SKIPPED = manager.VolumeManager._VOLUME_CLONE_SKIP_PROPERTIES | {
    'host', 'cluster_name', 'availability_zone', 'snapshot_id',
    'source_volid'}


@ddt.ddt
class MigrationTestCase(database.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.gold = self.type('gold', base.GOLD)
        self.silver = self.type('silver', base.SILVER)
        self.other = self.type('other', {'lightos:project_name': 'default'})

    def recorded(self):
        """A volume of gold, made by the driver."""
        volume = self.record(self.gold, size=1)
        return self.save(volume, self.driver.create_volume(volume))

    def copy_of(self, volume, new_type):
        """The temporary volume, with the row that Cinder gives it."""
        made = objects.Volume(
            self.context, host=database.HOST,
            attach_status=fields.VolumeAttachStatus.DETACHED,
            migration_status='target:' + volume.id, use_quota=False,
            **dict({key: volume[key] for key in set(volume.keys()) - _SKIPPED},
                   volume_type_id=new_type.id))
        made.create()
        self.addCleanup(self._forget, made)
        return objects.Volume.get_by_id(self.context, made.id)

    def complete(self, volume, new_volume):
        """What follows when the data is there; both volumes afterwards."""
        self.update_migrated(volume, new_volume)
        old = volume.finish_volume_migration(new_volume)
        return [objects.Volume.get_by_id(self.context, one.id)
                for one in (volume, old)]

    def update_migrated(self, volume, new_volume):
        manager.VolumeManager.update_migrated_volume(
            types.SimpleNamespace(driver=self.driver), self.context, volume,
            new_volume, 'available')
        volume.refresh()
        new_volume.refresh()

    def migrate(self, volume, new_type):
        """The whole; the volume afterwards, and its UUIDs there."""
        before = volume.provider_id.split()[1]
        new_volume = self.copy_of(volume, new_type)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        after = new_volume.provider_id.split()[1]
        self.assertNotEqual(before, after)
        volume, old = self.complete(volume, new_volume)
        self.assertEqual(after, self.meant(volume))
        self.assertEqual(before, self.meant(old))
        self.driver.delete_volume(old)
        old.destroy()
        self.assertEqual([after], self.uuids())
        return volume, after

    def uuids(self):
        return sorted(one['UUID'] for one in self.lightos.volumes()
                      if one['state'] != 'Deleting')

    def meant(self, volume):
        """UUID of what the driver takes for the volume."""
        properties = self.driver.initialize_connection(volume,
                                                       base.connector(7))
        self.driver.terminate_connection(volume, base.connector(7),
                                         force=False)
        return properties['data']['uuid']

    def name_there(self, uuid_):
        return [one['name'] for one in self.lightos.volumes()
                if one['UUID'] == uuid_][0]

    def test_to_another_project_it_gets_its_name_back(self):
        volume, there = self.migrate(self.recorded(), self.other)
        self.assertEqual('volume-' + volume.id, self.name_there(there))
        self.assertIsNone(volume._name_id)
        self.driver.extend_volume(volume, 2)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.uuids())

    def test_within_a_project_the_name_is_taken(self):
        volume, there = self.migrate(self.recorded(), self.silver)
        self.assertEqual(volume.name, self.name_there(there))
        self.assertNotEqual('volume-' + volume.id, volume.name)
        # The next time it is free.
        volume, there = self.migrate(volume, self.gold)
        self.assertEqual('volume-' + volume.id, self.name_there(there))
        volume, there = self.migrate(volume, self.silver)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.uuids())

    def test_on_clusters_that_cannot_rename(self):
        self.cannot_rename()
        volume, there = self.migrate(self.recorded(), self.other)
        self.assertEqual(volume.name, self.name_there(there))
        volume, there = self.migrate(volume, self.silver)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.uuids())

    def cannot_rename(self):
        self.lightos.set_settings(supports_new_name=False)
        patcher = mock.patch.object(lifecycle, '_RENAME_TIMEOUT', 0.3)
        patcher.start()
        self.addCleanup(patcher.stop)

    @ddt.data(
        {'kind': 'status', 'status': 500, 'times': None},
        {'kind': 'status', 'status': 403, 'times': None},
        {'kind': 'reset', 'when': 'after', 'times': None},
    )
    def test_a_name_is_no_reason_to_fail(self, fault):
        """Even if it is not known whether it was given."""
        volume = self.recorded()
        new_volume = self.copy_of(volume, self.other)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        there = new_volume.provider_id.split()[1]
        before = volume.provider_id.split()[1]
        with mock.patch.object(lifecycle, '_RENAME_TIMEOUT', 0.3):
            number = self.lightos.add_fault(method='PUT', **fault)
            volume, old = self.complete(volume, new_volume)
            self.lightos.clear_faults(number)
        self.assertEqual(there, self.meant(volume))
        self.assertEqual(before, self.meant(old))
        self.driver.delete_volume(old)
        self.assertEqual([there], self.uuids())
        self.driver.delete_volume(volume)
        self.assertEqual([], self.uuids())

    @ddt.data('silver', 'other')
    def test_stopped_before_the_rows_are_swapped_nothing_is_lost(self, to):
        volume = self.recorded()
        before = volume.provider_id.split()[1]
        new_volume = self.copy_of(volume, getattr(self, to))
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        self.update_migrated(volume, new_volume)
        self.assertEqual(before, self.meant(volume))
        self.driver.delete_volume(new_volume)
        self.assertEqual([before], self.uuids())
        self.assertEqual(before, self.meant(volume))

    @ddt.data('gold', 'other')
    def test_stopped_in_its_second_migration_it_is_itself_still(self, to):
        """Cinder has forgotten by which name it goes on the cluster."""
        volume, before = self.migrate(self.recorded(), self.silver)
        self.driver.initialize_connection(volume, base.connector(3))
        new_volume = self.copy_of(volume, getattr(self, to))
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        self.update_migrated(volume, new_volume)
        volume = objects.Volume.get_by_id(self.context, volume.id)
        self.assertIs(False, self.driver.terminate_connection(
            volume, base.connector(3), force=False))
        for one in self.lightos.volumes():
            self.assertEqual(['ALLOW_NONE'], one['acl']['values'])
        self.driver.extend_volume(volume, 2)
        self.assertEqual(before, self.meant(volume))
        self.driver.delete_volume(volume)
        self.assertEqual([new_volume.provider_id.split()[1]], self.uuids())

    @ddt.data('crm-data', 'crm-%s' % uuid.uuid4())
    def test_stopped_with_a_name_that_somebody_gave_it(self, name):
        self.cannot_rename()
        there = self.ask('POST', 'projects/%s/volumes' % base.PROJECT, {
            'name': name, 'size': '1 gib', 'replicaCount': 3,
            'compression': 'true', 'acl': {'values': ['ALLOW_NONE']}})['UUID']
        volume = self.record(self.gold, size=1)
        volume = self.save(volume, self.driver.manage_existing(
            volume, {'source-id': there}))
        new_volume = self.copy_of(volume, self.other)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        self.update_migrated(volume, new_volume)
        volume = objects.Volume.get_by_id(self.context, volume.id)
        self.assertEqual(there, self.meant(volume))
        self.driver.delete_volume(volume)
        self.assertEqual([new_volume.provider_id.split()[1]], self.uuids())

    def test_done_again_after_it_was_stopped(self):
        volume = self.recorded()
        before = volume.provider_id.split()[1]
        stopped = self.copy_of(volume, self.silver)
        stopped = self.save(stopped, self.driver.create_volume(stopped))
        self.update_migrated(volume, stopped)
        # As Cinder does when it starts again.
        stopped = self.save(stopped, {'migration_status': None})
        volume = objects.Volume.get_by_id(self.context, volume.id)
        new_volume = self.copy_of(volume, self.silver)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        volume, old = self.complete(volume, new_volume)
        self.assertEqual(before, self.meant(old))
        self.driver.delete_volume(old)
        self.assertEqual(sorted(one.provider_id.split()[1]
                                for one in (stopped, volume)), self.uuids())

    def test_a_copy_that_is_given_up_at_the_end_is_not_left_behind(self):
        volume = self.recorded()
        before = volume.provider_id.split()[1]
        new_volume = self.copy_of(volume, self.other)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        self.update_migrated(volume, new_volume)
        new_volume = self.save(new_volume, {'migration_status': None})
        self.driver.delete_volume(new_volume)
        self.assertEqual([before], self.uuids())

    @ddt.data(True, False)
    def test_stopped_between_the_two_rows_the_data_is_safe(self, reset):
        volume = self.recorded()
        new_volume = self.copy_of(volume, self.silver)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        there = new_volume.provider_id.split()[1]
        self.update_migrated(volume, new_volume)
        with (mock.patch.object(new_volume, 'save', autospec=True,
                                side_effect=SystemExit),
              self.assertRaises(SystemExit)):
            volume.finish_volume_migration(new_volume)
        volume, new_volume = [objects.Volume.get_by_id(
            self.context, one.id) for one in (volume, new_volume)]
        if reset:
            new_volume = self.save(new_volume, {'migration_status': None})
        with self.assertRaises(
                exception.VolumeBackendAPIException) as caught:
            self.driver.delete_volume(new_volume)
        for text in (volume.id, new_volume.id, 'Unmanage'):
            self.assertIn(text, str(caught.exception))
        self.assertEqual(there, self.meant(volume))

    def test_whatever_it_is_named_on_the_cluster_it_is_itself(self):
        volume = self.recorded()
        before = volume.provider_id.split()[1]
        for name in ('renamed', 'crm-%s' % uuid.uuid4()):
            self.ask('PUT', 'projects/%s/volumes/%s' % (base.PROJECT, before),
                     {'newName': name})
            self.assertEqual(before, self.meant(volume))
        self.driver.delete_volume(volume)
        self.assertEqual([], self.uuids())

    @ddt.data('silver', 'other')
    def test_a_copy_that_was_never_made_is_not_the_original(self, to):
        volume = self.recorded()
        new_volume = self.copy_of(volume, getattr(self, to))
        self.assertEqual(volume.provider_id, new_volume.provider_id)
        self.driver.delete_volume(new_volume)
        self.assertEqual([volume.provider_id.split()[1]], self.uuids())

    @ddt.data('silver', 'other')
    def test_a_copy_that_was_made_and_not_recorded_is_not_left(self, to):
        """It has the row of its original still, and an object elsewhere."""
        volume = self.recorded()
        new_volume = self.copy_of(volume, getattr(self, to))
        self.driver.create_volume(new_volume)
        self.driver.delete_volume(new_volume)
        self.assertEqual([volume.provider_id.split()[1]], self.uuids())

    def test_of_a_volume_that_kept_somebody_elses_name(self):
        self.cannot_rename()
        uuid_ = self.ask('POST', 'projects/%s/volumes' % base.PROJECT, {
            'name': 'crm-data', 'size': '1 gib', 'replicaCount': 3,
            'compression': 'true', 'acl': {'values': ['ALLOW_NONE']}})['UUID']
        volume = self.record(self.gold, size=1)
        volume = self.save(volume, self.driver.manage_existing(
            volume, {'source-id': uuid_}))
        for new_type in (self.silver, self.other, self.gold):
            volume, there = self.migrate(volume, new_type)
            self.assertIsNone(volume.provider_location)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.uuids())

    @ddt.data('', base.PROJECT)
    def test_of_a_volume_of_before_uuids_were_recorded(self, provider_id):
        volume = self.recorded()
        before = volume.provider_id.split()[1]
        volume = self.save(volume, {'provider_id': provider_id or None})
        new_volume = self.copy_of(volume, self.other)
        new_volume = self.save(new_volume,
                               self.driver.create_volume(new_volume))
        there = new_volume.provider_id.split()[1]
        volume, old = self.complete(volume, new_volume)
        self.assertEqual(there, self.meant(volume))
        self.assertEqual(before, self.meant(old))
        self.driver.delete_volume(old)
        self.assertEqual([there], self.uuids())


class ProviderInfoTestCase(database.DatabaseTestCase):

    def test_volumes_that_do_not_say_where_they_are(self):
        """The project of today, before a type is changed."""
        gold = self.type('gold', base.GOLD)
        old = self.record(gold, size=1)
        new = self.record(gold, size=1, provider_id=base.PROJECT + ' u-1')
        self.driver.create_volume(old)
        self.lightos.clear_records()
        updates, snapshots = self.driver.update_provider_info(
            [old, new], [self.record_snapshot(new)])
        self.assertEqual([{'id': old.id, 'provider_id': base.PROJECT}],
                         updates)
        self.assertIsNone(snapshots)
        self.assertEqual([], self.lightos.requests())
        old = self.save(old, {'provider_id': updates[0]['provider_id']})
        self.driver.extend_volume(old, 3)
