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


import datetime
import math
import unittest
from unittest import mock

from cinder import context
from cinder.db import api as db
from cinder import exception
from cinder import objects
import ddt
from oslo_utils import fixture as timeutils_fixture

from lightos_cinder import records
from tests.unit import cinder_objects
from tests.unit import driver_case

UUID = driver_case.UUID


class SharedTest(driver_case.ReadyDriverTestCase):
    """A provider_id that several volumes have on record."""

    def setUp(self):
        super().setUp()
        self.volume = cinder_objects.volume(
            cinder_objects.volume_type(lightos__project_name='of-type'),
            provider_id='tenant u-1')

    def test_of_one_volume_it_is_its_own(self):
        self.assertIsNone(records.volume_ref(self.volume).inherited())

    def test_of_several_it_may_be_copied(self):
        self.others = [cinder_objects.volume(volume_id=UUID)]
        self.assertEqual('of-type',
                         records.volume_ref(self.volume).inherited())
        self.assertIsNone(records.taken_over_by(self.volume))

    def test_taken_over_it_must_not_be_deleted(self):
        """The original is under the name of this one by now."""
        self.others = [cinder_objects.volume(
            volume_id=UUID, name_id=self.volume.id)]
        self.volume.use_quota = False
        message = self.assert_raises(
            exception.VolumeBackendAPIException, self.driver.delete_volume,
            self.volume)
        self.assertIn(UUID, message)
        self.backend.delete_volume.assert_not_called()

    def test_only_of_temporary_volumes_others_are_looked_for(self):
        """There is no index by which Cinder would find them."""
        self.patch(records, '_others_at', self.fail)
        self.driver.delete_volume(self.volume)


@ddt.ddt
class MarkTest(unittest.TestCase):
    """Hosts that may have access without any attachment."""

    def setUp(self):
        super().setUp()
        self.time = timeutils_fixture.TimeFixture(
            datetime.datetime(2026, 1, 1))
        self.time.setUp()
        self.addCleanup(self.time.cleanUp)
        self.volume = cinder_objects.volume(multiattach=True)
        patcher = mock.patch.object(
            db, 'volume_admin_metadata_update',
            lambda context, volume_id, metadata, delete:
            self.volume.admin_metadata.update(metadata))
        patcher.start()
        self.addCleanup(patcher.stop)

    def mark(self, again=False, nqn='nqn-a'):
        return records.mark_unconfirmed(self.volume, [nqn], again)[nqn]

    def test_each_is_another(self):
        marks = []
        for again in (False, False, True, False):
            marks.append(self.mark(again))
            self.assertEqual({'nqn-a': marks[-1]},
                             records.unconfirmed(self.volume))
            self.time.advance_time_seconds(1)
        self.assertEqual(4, len(set(marks)))
        self.assertEqual(['2026-01-01T00:00:0%d' % second
                          for second in range(4)],
                         [records.since(mark) for mark in marks])

    def test_who_comes_for_the_first_time(self):
        self.mark()
        self.assertEqual(math.inf, records.came_again(self.volume, 'nqn-a'))
        self.assertEqual(math.inf, records.came_again(self.volume, 'nqn-b'))

    def test_who_comes_again(self):
        self.mark(again=True)
        self.time.advance_time_seconds(3)
        self.assertEqual(3, records.came_again(self.volume, 'nqn-a'))
        self.assertEqual(math.inf, records.came_again(self.volume, 'nqn-b'))

    def test_another_mark_does_not_change_when_it_came_again(self):
        """Others that come mark it, too."""
        self.mark(again=True)
        for _ in range(2):
            self.time.advance_time_seconds(3)
            self.mark()
        self.assertEqual(6, records.came_again(self.volume, 'nqn-a'))

    def test_by_a_clock_that_is_ahead(self):
        self.mark(again=True)
        self.time.advance_time_seconds(-3)
        self.assertEqual(-3, records.came_again(self.volume, 'nqn-a'))

    def test_several_at_once(self):
        again = self.mark(again=True)
        marks = records.mark_unconfirmed(self.volume, ['nqn-a', 'nqn-b'])
        self.assertEqual(marks, records.unconfirmed(self.volume))
        self.assertEqual({'nqn-a': again,
                          'nqn-b': records.since(again)}, marks)

    @ddt.data('', 'soon', 'again and again', 'mark again',
              'mark 2026-01-01T00:00:00+00:00')
    def test_what_nobody_here_wrote(self, mark):
        self.volume.admin_metadata['lightos_unconfirmed:nqn-a'] = mark
        self.assertEqual(math.inf, records.came_again(self.volume, 'nqn-a'))


class ProjectsTest(driver_case.ReadyDriverTestCase):

    def test_projects_are_those_of_types_for_this_backend(self):
        types = {
            'a': {'extra_specs': {'lightos:project_name': 'one'}},
            'b': {'extra_specs': {'lightos:project_name': 'two',
                                  'volume_backend_name': 'lightstack'}},
            'c': {'extra_specs': {'lightos:project_name': 'no',
                                  'volume_backend_name': 'other'}},
            'd': {'extra_specs': {}}, 'e': {}}
        with mock.patch('cinder.volume.volume_types.get_all_types',
                        autospec=True, return_value=types):
            self.assertEqual(['default', 'one', 'two'],
                             records.projects('lightstack'))


@ddt.ddt
class HolderTest(driver_case.ReadyDriverTestCase):
    """Who has an object of the cluster already, by name and by UUID."""

    def exists(self, kind, known):
        patcher = mock.patch.object(
            kind, 'exists', autospec=True,
            side_effect=lambda context, found: found == known)
        patcher.start()
        self.addCleanup(patcher.stop)

    @ddt.data(('volume-' + UUID, UUID), ('crm-data', None),
              ('volume-x', None), ('my-volume-' + UUID, None))
    @ddt.unpack
    def test_of_a_volume_by_name(self, name, holder):
        self.exists(objects.Volume, UUID)
        self.assertEqual(holder, records.volume_of(name))

    def test_of_a_migrated_volume_by_name(self):
        """It goes by the id of its temporary volume."""
        self.exists(objects.Volume, None)
        with mock.patch.object(objects.VolumeList, 'get_all', autospec=True,
                               return_value=[]) as get_all:
            self.assertIsNone(records.volume_of('volume-' + UUID))
            get_all.return_value = [cinder_objects.volume(name_id=UUID)]
            self.assertEqual(cinder_objects.VOLUME_ID,
                             records.volume_of('volume-' + UUID))
        self.assertEqual({'_name_id': UUID},
                         get_all.call_args.kwargs['filters'])

    @ddt.data(('snapshot-' + UUID, UUID), ('crm-before', None),
              ('snapshot-' + cinder_objects.VOLUME_ID, None))
    @ddt.unpack
    def test_of_a_snapshot_by_name(self, name, holder):
        self.exists(objects.Snapshot, UUID)
        self.assertEqual(holder, records.snapshot_of(name))

    @ddt.data((objects.VolumeList, records.volume_at),
              (objects.SnapshotList, records.snapshot_at))
    @ddt.unpack
    def test_by_provider_id(self, listing, ask):
        with mock.patch.object(listing, 'get_all', autospec=True,
                               return_value=[]) as get_all:
            self.assertIsNone(ask('tenant u-1'))
            get_all.return_value = [cinder_objects.volume()]
            self.assertEqual(cinder_objects.VOLUME_ID, ask('tenant u-1'))
        self.assertIsInstance(get_all.call_args.args[0],
                              context.RequestContext)
        self.assertEqual({'provider_id': 'tenant u-1'},
                         get_all.call_args.kwargs['filters'])

    def test_those_of_a_list(self):
        self.assertEqual(
            {'u-1': cinder_objects.VOLUME_ID,
             'volume-' + UUID: UUID},
            records.ids([cinder_objects.volume(provider_id='tenant u-1'),
                         cinder_objects.volume(volume_id=UUID,
                                               provider_id='tenant')]))
