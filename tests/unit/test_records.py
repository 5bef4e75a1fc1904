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


from unittest import mock

from cinder import context
from cinder import exception
from cinder import objects
import ddt

from lightos_cinder import records
from tests.unit import cinder_objects
from tests.unit import driver_case

UUID = driver_case.UUID


class TemporaryTest(driver_case.ReadyDriverTestCase):
    """The temporary volume of a migration has the row of its original."""

    def setUp(self):
        super().setUp()
        self.origin = cinder_objects.volume(volume_id=UUID,
                                            provider_id='tenant origin-uuid')
        self.patch(objects.Volume, 'get_by_id', self.get_by_id)

    def get_by_id(self, context, volume_id):
        if self.origin is None:
            raise exception.VolumeNotFound(volume_id=volume_id)
        self.assertTrue(context.is_admin)
        self.assertEqual(UUID, volume_id)
        return self.origin

    def ref_of(self, provider_id):
        volume = cinder_objects.volume(
            cinder_objects.volume_type(lightos__project_name='of-type'),
            provider_id=provider_id)
        volume.migration_status = 'target:' + UUID
        return records.volume_ref(volume)

    def test_not_created_yet(self):
        self.assertEqual(self.ref('of-type'),
                         self.ref_of('tenant origin-uuid'))

    def test_created_it_is_itself_under_any_name(self):
        ref = self.ref_of('of-type new-uuid')
        self.assertEqual(('of-type', 'new-uuid', True),
                         (ref.project, ref.uuid, ref.managed))

    def test_without_an_original_its_name_tells(self):
        self.origin = None
        ref = self.ref_of('tenant origin-uuid')
        self.assertEqual(('tenant', 'origin-uuid', False),
                         (ref.project, ref.uuid, ref.managed))


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
              ('volume-x', None), ('my-volume-' + UUID, None),
              ('volume-' + cinder_objects.VOLUME_ID, None))
    @ddt.unpack
    def test_of_a_volume_by_name(self, name, holder):
        self.exists(objects.Volume, UUID)
        self.assertEqual(holder, records.volume_of(name))

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
