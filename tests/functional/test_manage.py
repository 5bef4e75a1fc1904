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

"""Volumes and snapshots that are on the cluster before Cinder knows."""

from unittest import mock
import uuid

from cinder import exception
from cinder import objects
import ddt

from lightos_cinder import lifecycle
from tests.functional import base
from tests.functional import database

OTHER = 'elsewhere'


class ManageTestCase(database.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.lightos.create_project(OTHER)
        self.gold = self.type('gold', base.GOLD)

    def put(self, name='crm-data', project=base.PROJECT, **fields):
        """Have a volume that somebody else made; its UUID."""
        return self.ask('POST', 'projects/%s/volumes' % project, dict({
            'name': name, 'size': '%d' % base.GIB, 'replicaCount': 3,
            'compression': 'true', 'acl': {'values': ['ALLOW_NONE']}},
            **fields))['UUID']

    def put_snapshot(self, source, name='crm-before', project=base.PROJECT):
        return self.ask('POST', 'projects/%s/snapshots' % project, {
            'name': name, 'sourceVolumeUUID': source})['UUID']

    def manage(self, volume, **ref):
        """As the manager does it; the volume that is on record then."""
        ref = {key.replace('_', '-'): value for key, value in ref.items()}
        size = self.driver.manage_existing_get_size(volume, ref)
        update = self.driver.manage_existing(volume, ref)
        return self.save(volume, dict(update, size=size))

    def manage_snapshot(self, snapshot, **ref):
        ref = {key.replace('_', '-'): value for key, value in ref.items()}
        size = self.driver.manage_existing_snapshot_get_size(snapshot, ref)
        update = self.driver.manage_existing_snapshot(snapshot, ref)
        return self.save(snapshot, dict(update, volume_size=size))

    def cannot_rename(self):
        """As clusters before newName; it takes a while to see that."""
        self.lightos.set_settings(supports_new_name=False)
        patcher = mock.patch.object(lifecycle, '_RENAME_TIMEOUT', 0.3)
        patcher.start()
        self.addCleanup(patcher.stop)

    def held(self, uuid_):
        return [one for one in self.lightos.volumes()
                if one['UUID'] == uuid_][0]

    def lives_a_whole_life(self, volume, uuid_):
        """Whatever Cinder does is done to that object on the cluster."""
        self.driver.extend_volume(volume, volume.size + 1)
        self.assertEqual(str((volume.size + 1) * base.GIB),
                         self.held(uuid_)['size'])
        volume = self.save(volume, {'size': volume.size + 1})
        properties = self.driver.initialize_connection(volume,
                                                       base.connector(1))
        self.assertEqual(uuid_, properties['data']['uuid'])
        self.assertEqual([base.connector(1)['nqn']],
                         self.held(uuid_)['acl']['values'])
        self.driver.terminate_connection(volume, base.connector(1),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'], self.held(uuid_)['acl']['values'])
        snapshot = self.record_snapshot(volume)
        snapshot = self.save(snapshot, self.driver.create_snapshot(snapshot))
        self.driver.revert_to_snapshot(self.context, volume, snapshot)
        clone = self.record(self.gold, size=volume.size)
        clone = self.save(clone, self.driver.create_cloned_volume(clone,
                                                                  volume))
        self.driver.delete_volume(clone)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())


@ddt.ddt
class ManageVolumeTestCase(ManageTestCase):

    @ddt.data('source_name', 'source_id')
    def test_a_volume_becomes_one_of_cinder(self, by):
        self.lightos.set_settings(update_settle=0.2)
        uuid_ = self.put(size='%d' % (3 * base.GIB))
        ref = {'source_name': 'crm-data', 'source_id': uuid_}[by]
        volume = self.manage(self.record(self.gold), **{by: ref})
        self.assertEqual((3, base.PROJECT + ' ' + uuid_, None),
                         (volume.size, volume.provider_id,
                          volume.provider_location))
        self.assertEqual(uuid_, self.on_cluster(volume)['UUID'])
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']), self.acls(volume))
        self.lives_a_whole_life(volume, uuid_)

    @ddt.data((1, 1), (base.GIB - 4096, 1), (base.GIB + 1, 2),
              (5 * base.GIB // 2, 3))
    @ddt.unpack
    def test_a_size_between_is_rounded_up_and_made_true(self, size, whole):
        uuid_ = self.put(size=str(size))
        volume = self.manage(self.record(self.gold), source_id=uuid_)
        self.assertEqual(whole, volume.size)
        self.assertEqual(str(whole * base.GIB), self.held(uuid_)['size'])

    def test_where_the_cluster_cannot_rename_the_uuid_tells(self):
        self.cannot_rename()
        uuid_ = self.put()
        volume = self.manage(self.record(self.gold), source_name='crm-data')
        self.assertEqual('crm-data', self.held(uuid_)['name'])
        self.assertEqual(volume.id + ' crm-data', volume.provider_location)
        self.lives_a_whole_life(volume, uuid_)

    def test_a_namesake_of_one_that_could_not_be_renamed_is_safe(self):
        self.cannot_rename()
        uuid_ = self.put()
        volume = self.manage(self.record(self.gold), source_name='crm-data')
        self.ask('DELETE', 'projects/%s/volumes/%s' % (base.PROJECT, uuid_))
        other = self.put()
        self.assertRaises(exception.VolumeNotFound,
                          self.driver.extend_volume, volume, 5)
        self.driver.delete_volume(volume)
        self.assertEqual('Available', self.held(other)['state'])

    def test_a_temporary_volume_that_inherited_it_is_not_it(self):
        """Cinder copies the row of a volume that it migrates."""
        self.cannot_rename()
        uuid_ = self.put()
        volume = self.manage(self.record(self.gold), source_name='crm-data')
        copy = self.record(self.gold, size=1,
                           provider_id=volume.provider_id,
                           provider_location=volume.provider_location)
        self.driver.delete_volume(copy)
        self.assertEqual('Available', self.held(uuid_)['state'])
        copy = self.save(copy, self.driver.create_volume(copy))
        self.driver.delete_volume(copy)
        self.assertEqual(['crm-data'], self.names())

    def test_the_policy_of_the_type_is_given(self):
        self.policy('fast')
        fast = self.type('fast', dict(base.GOLD,
                                      **{'lightos:qos_policy': 'fast'}))
        uuid_ = self.put()
        self.manage(self.record(fast), source_id=uuid_)
        self.assertEqual('fast', self.held(uuid_)['qosPolicyName'])

    def refused(self, kind, *texts, volume=None, **ref):
        ref = {key.replace('_', '-'): value for key, value in ref.items()}
        volume = volume or self.record(self.gold)
        before = self.lightos.volumes()
        for hook in (self.driver.manage_existing_get_size,
                     self.driver.manage_existing):
            with self.assertRaises(kind) as caught:
                hook(volume, ref)
            for text in texts:
                self.assertIn(text, str(caught.exception))
        self.assertEqual(before, self.lightos.volumes())

    @ddt.data({}, {'name': 'x'}, {'source_name': ''}, {'source_id': 'x'},
              {'source_name': 'x', 'source_id': str(uuid.uuid4())})
    def test_a_reference_that_means_nothing(self, ref):
        self.refused(exception.ManageExistingInvalidReference, 'source-id',
                     **ref)

    @ddt.data({'source_name': 'nobody'}, {'source_name': '../x'},
              {'source_name': 'a b?c'}, {'source_id': str(uuid.uuid4())})
    def test_one_that_is_not_there(self, ref):
        self.refused(exception.ManageExistingInvalidReference,
                     'no such volume in LightOS project ' + base.PROJECT,
                     **ref)

    def test_one_that_is_managed_already(self):
        volume = self.manage(self.record(self.gold),
                             source_id=self.put())
        self.refused(exception.ManageExistingAlreadyManaged, volume.id,
                     source_name=volume.name)
        self.refused(exception.ManageExistingAlreadyManaged, volume.id,
                     source_id=volume.provider_id.split()[1])

    def test_one_that_is_managed_under_another_name(self):
        self.cannot_rename()
        volume = self.manage(self.record(self.gold), source_id=self.put())
        self.refused(exception.ManageExistingAlreadyManaged, volume.id,
                     source_name='crm-data')

    def test_one_that_goes_by_another_id_after_a_migration(self):
        """Volumes of before UUIDs were recorded are known by their names."""
        other = str(uuid.uuid4())
        self.put('volume-' + other)
        self.record(self.gold, provider_id=base.PROJECT, _name_id=other)
        self.refused(exception.ManageExistingAlreadyManaged,
                     source_name='volume-' + other)

    @ddt.data(True, False)
    def test_one_that_two_ask_for_at_once(self, renames):
        if not renames:
            self.cannot_rename()
        uuid_ = self.put()
        first, second = self.record(self.gold), self.record(self.gold)
        adopt = self.driver._backend.adopt_volume

        def meanwhile(*args):
            self.assertRaises(exception.ManageExistingAlreadyManaged,
                              self.driver.manage_existing, second,
                              {'source-id': uuid_})
            return adopt(*args)

        with mock.patch.object(self.driver._backend, 'adopt_volume',
                               autospec=True, side_effect=meanwhile):
            self.manage(first, source_id=uuid_)
        self.driver.delete_volume(
            objects.Volume.get_by_id(self.context, second.id))
        self.assertEqual('Available', self.held(uuid_)['state'])

    def test_one_that_is_opened_meanwhile(self):
        uuid_ = self.put()
        look_up = self.driver._backend.look_up_volume

        def opened_then(*args):
            found = look_up(*args)
            self.lightos.edit_volume(uuid_, acl=['nqn-a'])
            return found

        volume = self.record(self.gold)
        with (mock.patch.object(self.driver._backend, 'look_up_volume',
                                autospec=True, side_effect=opened_then),
              self.assertRaises(exception.VolumeBackendAPIException)):
            self.driver.manage_existing(volume, {'source-id': uuid_})
        self.assertEqual(['nqn-a'], self.held(uuid_)['acl']['values'])
        self.assertIsNone(volume.provider_id)

    def test_one_that_is_being_deleted(self):
        self.lightos.set_settings(delete_settle=60)
        uuid_ = self.put()
        self.ask('DELETE', 'projects/%s/volumes/%s' % (base.PROJECT, uuid_))
        self.refused(exception.ManageExistingInvalidReference,
                     'being deleted', source_id=uuid_)
        # Its name is free again.
        self.refused(exception.ManageExistingInvalidReference,
                     'no such volume', source_name='crm-data')

    def test_one_that_failed(self):
        uuid_ = self.put()
        self.lightos.edit_volume(uuid_, state='Failed')
        self.refused(exception.ManageExistingInvalidReference,
                     'failed to create', source_id=uuid_)

    @ddt.data('ALLOW_ANY', 'nqn.of.a.host')
    def test_one_that_is_open_to_others(self, who):
        uuid_ = self.put(acl={'values': [who]})
        self.refused(exception.ManageExistingInvalidReference, 'open to',
                     source_id=uuid_)

    @ddt.data(({'replicaCount': 2}, 'lightos:num_replicas is 2'),
              ({'compression': 'false'}, 'compression is False'))
    @ddt.unpack
    def test_one_that_is_not_as_its_type_says(self, fields, text):
        self.refused(exception.ManageExistingVolumeTypeMismatch, text, 'gold',
                     source_id=self.put(**fields))

    @ddt.data('source_name', 'source_id')
    def test_one_in_another_project_than_its_type_says(self, by):
        self.type('other', {'lightos:project_name': OTHER})
        uuid_ = self.put(project=OTHER)
        ref = {'source_name': 'crm-data', 'source_id': uuid_}[by]
        self.refused(exception.ManageExistingVolumeTypeMismatch, OTHER,
                     base.PROJECT, **{by: ref})

    def test_unmanaged_it_stays_and_can_be_managed_again(self):
        uuid_ = self.put()
        volume = self.manage(self.record(self.gold), source_id=uuid_)
        before = self.held(uuid_)
        self.driver.unmanage(volume)
        self.assertEqual(before, self.held(uuid_))
        volume.destroy()
        again = self.manage(self.record(self.gold), source_name=volume.name)
        self.assertEqual(uuid_, self.on_cluster(again)['UUID'])


class ManageSnapshotTestCase(ManageTestCase):

    def setUp(self):
        super().setUp()
        self.source = self.put()
        self.of = self.manage(self.record(self.gold), source_id=self.source)

    def test_a_snapshot_becomes_one_of_cinder(self):
        for ref, name in (('source_name', 'a'), ('source_id', 'b')):
            uuid_ = self.put_snapshot(self.source, name)
            snapshot = self.manage_snapshot(
                self.record_snapshot(self.of),
                **{ref: {'source_name': name, 'source_id': uuid_}[ref]})
            self.assertEqual(base.PROJECT + ' ' + uuid_,
                             snapshot.provider_id)
            self.assertEqual(snapshot.id + ' ' + name,
                             snapshot.provider_location)
            copy = self.record(self.gold, size=1)
            copy = self.save(copy, self.driver.create_volume_from_snapshot(
                copy, snapshot))
            self.assertEqual(uuid_,
                             self.on_cluster(copy)['sourceSnapshotUUID'])
            self.driver.revert_to_snapshot(self.context, self.of, snapshot)
            self.driver.delete_volume(copy)
            self.driver.delete_snapshot(snapshot)
            self.assertEqual([self.of.name], self.names())

    def test_unmanaged_it_stays(self):
        uuid_ = self.put_snapshot(self.source)
        snapshot = self.manage_snapshot(self.record_snapshot(self.of),
                                        source_id=uuid_)
        self.driver.unmanage_snapshot(snapshot)
        snapshot.destroy()
        again = self.manage_snapshot(self.record_snapshot(self.of),
                                     source_name='crm-before')
        self.assertEqual(base.PROJECT + ' ' + uuid_, again.provider_id)

    def test_one_of_cinder_is_itself_again(self):
        """Unmanaged and managed, it has a name of Cinder, of another id."""
        snapshot = self.record_snapshot(self.of)
        snapshot = self.save(snapshot, self.driver.create_snapshot(snapshot))
        name = snapshot.name
        snapshot.destroy()
        again = self.manage_snapshot(self.record_snapshot(self.of),
                                     source_name=name)
        self.driver.delete_snapshot(again)
        self.assertEqual([self.of.name], self.names())

    def refused(self, *texts, **ref):
        ref = {key.replace('_', '-'): value for key, value in ref.items()}
        snapshot = self.record_snapshot(self.of)
        for hook in (self.driver.manage_existing_snapshot_get_size,
                     self.driver.manage_existing_snapshot):
            with self.assertRaises(
                    exception.ManageExistingInvalidReference) as caught:
                hook(snapshot, ref)
            for text in texts:
                self.assertIn(text, str(caught.exception))

    def test_one_that_is_not_there(self):
        self.refused('no such snapshot', source_name='nobody')
        self.refused('no such snapshot', source_id=str(uuid.uuid4()))

    def test_one_of_another_volume(self):
        other = self.put('other')
        self.refused('other', self.of.id,
                     source_id=self.put_snapshot(other))

    def test_one_that_is_managed_already(self):
        uuid_ = self.put_snapshot(self.source)
        snapshot = self.manage_snapshot(self.record_snapshot(self.of),
                                        source_id=uuid_)
        self.refused(snapshot.id, source_name='crm-before')
        taken = self.record_snapshot(self.of)
        taken = self.save(taken, self.driver.create_snapshot(taken))
        self.refused(taken.id, source_name=taken.name)

    def test_one_that_failed_or_is_for_a_moment_only(self):
        failed = self.put_snapshot(self.source, 'failed')
        self.lightos.edit_snapshot(failed, state='Failed')
        self.refused('failed to create', source_id=failed)
        self.refused('temporary', source_id=self.put_snapshot(
            self.source, 'clone-volume-%s-0123456789ab' % uuid.uuid4()))
        self.refused('by itself', source_id=self.ask(
            'POST', 'projects/%s/snapshots' % base.PROJECT,
            {'name': 'of-a-schedule',
             'sourceVolumeUUID': self.source,
             'retentionTime': '3600s'})['UUID'])

    def test_one_that_two_ask_for_at_once(self):
        uuid_ = self.put_snapshot(self.source)
        first = self.record_snapshot(self.of)
        self.driver.manage_existing_snapshot(first, {'source-id': uuid_})
        # Cinder has not recorded the update yet.
        self.refused(first.id, source_id=uuid_)


@ddt.ddt
class ListTestCase(ManageTestCase):

    def listed(self, volumes=(), marker=None, limit=1000, offset=0,
               keys=('size',), dirs=('asc',)):
        return self.driver.get_manageable_volumes(
            list(volumes), marker, limit, offset, list(keys), list(dirs))

    def test_volumes_of_every_project_and_whether_they_are_safe(self):
        self.type('other', {'lightos:project_name': OTHER})
        self.type('not ours', {'lightos:project_name': 'nowhere',
                               'volume_backend_name': 'another'})
        free = self.put('free', size=str(base.GIB + 1))
        there = self.put('there', OTHER)
        is_open = self.put('open', acl={'values': ['nqn-a']})
        failed = self.put('failed')
        self.lightos.edit_volume(failed, state='Failed')
        ours = self.manage(self.record(self.gold), source_id=self.put())
        others = self.put('volume-' + self.record(
            self.gold).id)
        entries = {one['reference']['source-id']: one
                   for one in self.listed([ours])}
        self.assertEqual(
            {free, there, is_open, failed, others,
             ours.provider_id.split()[1]}, set(entries))
        for uuid_, safe, reason in (
                (free, True, None), (there, True, None),
                (is_open, False, 'it is open to nqn-a'),
                (failed, False, 'failed to create'),
                (others, False, 'managed by Cinder already'),
                (ours.provider_id.split()[1], False, 'managed by Cinder')):
            self.assertEqual(safe, entries[uuid_]['safe_to_manage'])
            self.assertIn(reason or 'None',
                          str(entries[uuid_]['reason_not_safe']))
        self.assertEqual(2, entries[free]['size'])
        self.assertEqual(
            ours.id, entries[ours.provider_id.split()[1]]['cinder_id'])
        self.assertEqual({'project': OTHER, 'name': 'there',
                          'replicas': '3', 'compression': 'True'},
                         entries[there]['extra_info'])

    def test_what_is_safe_can_be_managed_by_its_reference(self):
        self.put()
        ref = self.listed()[0]['reference']
        volume = self.record(self.gold)
        self.driver.manage_existing(volume, ref)
        self.assertEqual([volume.name], self.names())

    @ddt.data('nowhere', '..', 'a b')
    def test_a_project_that_is_closed_to_us_is_left_out(self, project):
        self.type('nowhere', {'lightos:project_name': project})
        self.put()
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.assertEqual(1, len(self.listed()))
        self.assertIn('LightOS project', logs.output[0])

    def test_an_error_is_an_error(self):
        self.lightos.add_fault(kind='status', status=500, times=None,
                               method='GET', path='/volumes')
        self.assertRaises(exception.VolumeBackendAPIException, self.listed)

    def test_pages_as_cinder_expects(self):
        for number in (3, 1, 2):
            self.put('v%d' % number, size=str(number * base.GIB))
        self.assertEqual([1, 2, 3], [one['size'] for one in self.listed()])
        self.assertEqual([3, 2], [one['size'] for one in self.listed(
            dirs=['desc'], limit=2)])
        self.assertEqual([2], [one['size'] for one in self.listed(
            limit=1, offset=1)])
        first = self.listed(limit=1)[0]
        self.assertEqual([2, 3], [one['size'] for one in self.listed(
            marker=first['reference'])])
        self.assertEqual(
            sorted(one['reference']['source-id'] for one in self.listed()),
            [one['reference']['source-id']
             for one in self.listed(keys=['reference'])])

    def test_more_than_ten_thousand_take_a_call_for_each_thousand(self):
        self.driver = self.make_driver(lightos_operation_timeout=60,
                                       lightos_api_service_timeout=20)
        self.lightos.fill(base.PROJECT, 10500)
        self.lightos.clear_records()
        page = self.listed(limit=3, offset=10400, keys=['reference'],
                           dirs=['desc'])
        uuids = sorted((one['UUID'] for one in self.lightos.volumes()),
                       reverse=True)
        self.assertEqual(uuids[10400:10403],
                         [one['reference']['source-id'] for one in page])
        listings = [one for one in self.lightos.requests()
                    if one['path'].endswith('%s/volumes' % base.PROJECT)]
        self.assertEqual(11, len(listings))

    def test_snapshots(self):
        source = self.put()
        volume = self.manage(self.record(self.gold), source_id=source)
        free = self.put_snapshot(source, 'free')
        taken = self.record_snapshot(volume)
        taken = self.save(taken, self.driver.create_snapshot(taken))
        managed = self.manage_snapshot(
            self.record_snapshot(volume),
            source_id=self.put_snapshot(source, 'kept'))
        passing = self.put_snapshot(
            source, 'clone-volume-%s-0123456789ab' % uuid.uuid4())
        entries = {
            one['reference']['source-id']: one
            for one in self.driver.get_manageable_snapshots(
                [taken, managed], None, 1000, 0, ['size'], ['asc'])}
        self.assertEqual(4, len(entries))
        self.assertTrue(entries[free]['safe_to_manage'])
        self.assertEqual({'source-id': source},
                         entries[free]['source_reference'])
        self.assertEqual('free', entries[free]['extra_info']['name'])
        self.assertIn('temporary', entries[passing]['reason_not_safe'])
        for one in (taken, managed):
            entry = entries[one.provider_id.split()[1]]
            self.assertEqual((one.id, False), (entry['cinder_id'],
                                               entry['safe_to_manage']))
