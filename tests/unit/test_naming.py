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

import unittest

import ddt
import hypothesis
from hypothesis import strategies as st

from lightos_cinder import naming
from tests.unit import cinder_objects

VOLUME_NAME = 'volume-' + cinder_objects.VOLUME_ID
SNAPSHOT_NAME = 'snapshot-' + cinder_objects.SNAPSHOT_ID
UUID = '76c3eae5-7ade-4394-82e5-056d05a92b5e'


@ddt.ddt
class ProviderIdTest(unittest.TestCase):

    def test_is_the_text_that_the_driver_inside_cinder_writes(self):
        self.assertEqual('default ' + UUID,
                         naming.provider_id('default', UUID))

    @ddt.data(
        ('tenant ' + UUID, ('tenant', UUID)),
        ('tenant', ('tenant', None)),
        ('', (None, None)),
        (None, (None, None)),
        ('  tenant  %s ' % UUID, ('tenant', UUID)),
        ('one two three', (None, None)),
    )
    @ddt.unpack
    def test_is_read_in_all_its_forms(self, text, expected):
        self.assertEqual(expected, naming.parse_provider_id(text))

    @hypothesis.given(
        st.from_regex('[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?',
                      fullmatch=True), st.uuids().map(str))
    def test_what_is_written_is_read_back(self, project, uuid):
        self.assertEqual(
            (project, uuid),
            naming.parse_provider_id(naming.provider_id(project, uuid)))

    @hypothesis.given(st.none() | st.text())
    def test_any_text_can_be_read(self, text):
        project, uuid = naming.parse_provider_id(text)
        for word in (project, uuid):
            self.assertTrue(word is None or word.split() == [word])


@ddt.ddt
class OwnNameTest(unittest.TestCase):

    ref = naming.Ref('the-id', 'p', 'volume-' + UUID)

    @ddt.data('volume-' + UUID, UUID, 'kept-volume-%s-2' % UUID)
    def test_a_name_with_its_id_is_its_own(self, name):
        """volume_name_template may have been another once."""
        self.assertTrue(naming.is_own(self.ref, name))

    @ddt.data(VOLUME_NAME, SNAPSHOT_NAME, cinder_objects.VOLUME_ID)
    def test_a_name_with_another_id_is_not_its_own(self, name):
        self.assertFalse(naming.is_own(self.ref, name))

    @ddt.data('', 'renamed', 'volume-' + UUID[:-1])
    def test_a_name_without_an_id_is_not_its_own(self, name):
        self.assertFalse(naming.is_own(self.ref, name))

    def test_a_name_needs_no_id_to_be_its_own(self):
        ref = naming.Ref('the-id', 'p', 'a-name')
        self.assertTrue(naming.is_own(ref, 'a-name'))
        self.assertFalse(naming.is_own(ref, 'another-name'))


def volume_ref(volume, type_project, inherited=False):
    return naming.volume_ref(volume, lambda: type_project,
                             lambda: inherited)


@ddt.ddt
class VolumeRefTest(unittest.TestCase):

    @ddt.data(
        ('tenant ' + UUID, 'tenant', UUID),
        ('tenant', 'tenant', None),
        (None, 'of-the-type', None),
        ('', 'of-the-type', None),
        ('not one of ours', 'of-the-type', None),
    )
    @ddt.unpack
    def test_a_volume_is_where_its_provider_id_says(self, provider_id,
                                                    project, uuid):
        volume = cinder_objects.volume(provider_id=provider_id)
        self.assertEqual(
            naming.Ref(volume.id, project, VOLUME_NAME, uuid),
            volume_ref(volume, 'of-the-type'))

    def test_a_volume_knows_where_it_is_if_its_uuid_is_anothers(self):
        volume = cinder_objects.volume(provider_id='tenant ' + UUID)
        self.assertIsNone(volume_ref(volume, 'of-the-type').inherited())
        self.assertEqual('of-the-type', volume_ref(
            volume, 'of-the-type', True).inherited())

    def test_a_volume_that_kept_its_name_goes_by_its_uuid(self):
        volume = cinder_objects.volume(provider_id='tenant ' + UUID)
        volume.provider_location = volume.id + ' crm data'
        self.assertEqual(
            naming.Ref(volume.id, 'tenant', 'crm data', UUID, managed=True),
            volume_ref(volume, 'of-the-type'))

    def test_what_another_volume_kept_is_not_its_own(self):
        """Cinder copies both texts onto temporary volumes."""
        volume = cinder_objects.volume(provider_id='tenant ' + UUID)
        volume.provider_location = UUID + ' crm-data'
        self.assertEqual(naming.Ref(volume.id, 'tenant', VOLUME_NAME, UUID),
                         volume_ref(volume, 'of-the-type'))

    def test_temporary_snapshot_tells_the_clone(self):
        clone = naming.Ref('id', 'tenant', VOLUME_NAME)
        name = naming.temporary_snapshot_ref(clone, clone).name
        self.assertEqual(VOLUME_NAME, naming.clone_of(name))
        self.assertEqual('', naming.clone_of('snapshot'))

    def test_what_is_recorded_of_a_name_fits_into_the_database(self):
        text = naming.provider_location(UUID, 'n' * 253)
        self.assertEqual(255, len(text))
        self.assertEqual((UUID, 'n' * 218),
                         naming.parse_provider_location(text))

    def test_after_a_migration_the_other_id_tells_whose_it_is(self):
        volume = cinder_objects.volume(provider_id='tenant ' + UUID,
                                       name_id=UUID)
        volume.provider_location = UUID + ' crm-data'
        self.assertTrue(volume_ref(volume, 'p').managed)

    @ddt.data(None, '', 'of another driver', UUID, UUID + ' ',
              '192.0.2.1:3260,1 iqn.x 0')
    def test_a_provider_location_that_is_not_ours(self, text):
        volume = cinder_objects.volume(provider_id='tenant ' + UUID)
        volume.provider_location = text
        self.assertEqual(naming.Ref(volume.id, 'tenant', VOLUME_NAME, UUID),
                         volume_ref(volume, 'of-the-type'))

    def test_a_new_volume_has_no_uuid_whatever_it_inherited(self):
        volume = cinder_objects.volume(provider_id='other ' + UUID)
        self.assertEqual(
            naming.Ref(volume.id, 'of-the-type', VOLUME_NAME),
            naming.new_volume_ref(volume, 'of-the-type'))

    def test_a_migrated_volume_keeps_the_name_it_has_on_the_cluster(self):
        volume = cinder_objects.volume(name_id=UUID)
        for ref in (volume_ref(volume, 'p'),
                    naming.new_volume_ref(volume, 'p')):
            self.assertEqual('volume-' + UUID, ref.name)
            self.assertEqual(cinder_objects.VOLUME_ID, ref.cinder_id)


@ddt.ddt
class SnapshotRefTest(unittest.TestCase):

    @ddt.data(
        ('tenant ' + UUID, 'tenant', UUID),
        ('tenant', 'tenant', None),
        (None, 'of-the-source', None),
    )
    @ddt.unpack
    def test_a_snapshot_is_in_the_project_of_its_source(self, provider_id,
                                                        project, uuid):
        """Defect 37: not in that of some other volume's type."""
        snapshot = cinder_objects.snapshot(cinder_objects.volume(),
                                           provider_id=provider_id)
        source = naming.Ref('v', 'of-the-source', VOLUME_NAME, 'u')
        self.assertEqual(
            naming.Ref(snapshot.id, project, SNAPSHOT_NAME, uuid),
            naming.snapshot_ref(snapshot, source))

    def test_a_snapshot_that_kept_its_name_goes_by_its_uuid(self):
        snapshot = cinder_objects.snapshot(cinder_objects.volume(),
                                           provider_id='tenant ' + UUID)
        snapshot.provider_location = naming.provider_location(
            snapshot.id, 'crm-before')
        source = naming.Ref('v', 'of-the-source', VOLUME_NAME, 'u')
        self.assertEqual(
            naming.Ref(snapshot.id, 'tenant', 'crm-before', UUID,
                       managed=True),
            naming.snapshot_ref(snapshot, source))

    def test_a_temporary_snapshot_is_in_the_project_of_its_source(self):
        """Defect 36: not in that of the new volume's type."""
        source = naming.Ref('s', 'of-the-source', 'volume-s', 'u')
        clone = naming.Ref('c', 'of-the-clone', 'volume-c')
        ref = naming.temporary_snapshot_ref(clone, source)
        self.assertEqual(('c', 'of-the-source', None),
                         (ref.cinder_id, ref.project, ref.uuid))
        self.assertIn('volume-c', ref.name)

    def test_the_name_of_a_temporary_snapshot_is_never_used_again(self):
        """Defect 36: a retry does not meet what is being deleted."""
        ref = naming.Ref('c', 'p', 'volume-' + UUID)
        names = {naming.temporary_snapshot_ref(ref, ref).name
                 for _ in range(50)}
        self.assertEqual(50, len(names))
        for name in names:
            self.assertRegex(name, r'\A[a-zA-Z0-9_.-]{1,253}\Z')
            self.assertTrue(naming.is_temporary(name))
        self.assertFalse(naming.is_temporary(SNAPSHOT_NAME))


class RefTest(unittest.TestCase):

    def test_is_shown_by_cinder_id_name_and_project(self):
        text = str(naming.Ref('the-id', 'the-project', 'the-name', UUID))
        for word in ('the-id', 'the-project', 'the-name'):
            self.assertIn(word, text)
