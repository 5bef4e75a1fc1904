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


from cinder import exception
from cinder import objects
import ddt

from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import naming
from lightos_cinder import records
from tests.unit import cinder_objects
from tests.unit import driver_case
from tests.unit import fake_cluster

UUID = driver_case.UUID
GIB = 1024 ** 3
REF = {'source-name': 'crm-data'}

FAILURES = (fake_cluster.answered(client_errors.Forbidden, 403),
            fake_cluster.lost())


class ManagementTestCase(driver_case.ReadyDriverTestCase):

    def setUp(self):
        super().setUp()
        self.found = self.made(name='crm-data', projectName='default',
                               size=str(GIB + 1), replicaCount=3)
        self.backend.look_up_volume.return_value = self.found
        self.backend.find_volume.return_value = self.found
        self.backend.look_up_snapshot.return_value = self.made(
            models.Snapshot, name='crm-before', projectName='default',
            size=str(GIB), sourceVolumeUUID=UUID)
        self.holders = {}
        for name in ('volume_of', 'volume_at', 'snapshot_of', 'snapshot_at'):
            self.patch(records, name, self.holders.get)
        self.patch(records, 'projects', lambda name: ['default', 'tenant'])
        self.volume = cinder_objects.volume()
        self.snapshot = cinder_objects.snapshot(self.volume)
        self.saved = []
        for kind in (objects.Volume, objects.Snapshot):
            self.patch(kind, 'save', lambda record: self.saved.append(
                (record.provider_id, list(self.held))))


@ddt.ddt
class VolumeTest(ManagementTestCase):

    def test_it_is_made_one_of_cinder(self):
        self.backend.adopt_volume.return_value = True
        self.assertEqual(2, self.driver.manage_existing_get_size(
            self.volume, REF))
        self.assertEqual({'provider_id': 'default ' + UUID,
                          'provider_location': None},
                         self.driver.manage_existing(self.volume, REF))
        self.backend.adopt_volume.assert_called_once_with(
            naming.Ref(self.volume.id, 'default', 'crm-data', UUID,
                       managed=True),
            2 * GIB, None, self.volume.name)

    def test_a_name_that_it_keeps_is_recorded(self):
        self.backend.adopt_volume.return_value = False
        self.assertEqual(
            self.volume.id + ' crm-data', self.driver.manage_existing(
                self.volume, REF)['provider_location'])

    @ddt.data('crm-data', 'default ' + UUID)
    def test_not_what_cinder_has_by_name_or_by_uuid(self, key):
        self.holders[key] = 'the-holder'
        self.assertIn('the-holder', self.assert_raises(
            exception.ManageExistingAlreadyManaged,
            self.driver.manage_existing, self.volume, REF))
        self.backend.adopt_volume.assert_not_called()

    @ddt.data(*FAILURES)
    def test_an_error_is_not_absence(self, failure):
        """Defect 1."""
        self.backend.look_up_volume.side_effect = failure
        self.assert_raises(exception.VolumeBackendAPIException,
                           self.driver.manage_existing_get_size, self.volume,
                           REF)

    @ddt.data(*FAILURES)
    def test_an_error_elsewhere_is_not_presence(self, failure):
        self.backend.look_up_volume.side_effect = [None, failure, failure]
        self.assert_raises(exception.ManageExistingInvalidReference,
                           self.driver.manage_existing_get_size, self.volume,
                           REF)

    @ddt.data(*FAILURES)
    def test_a_failure_is_an_error(self, failure):
        self.backend.adopt_volume.side_effect = failure
        self.assert_raises(exception.VolumeBackendAPIException,
                           self.driver.manage_existing, self.volume, REF)
        self.assertEqual(['default ' + UUID, None],
                         [provider_id for provider_id, _held in self.saved])

    def test_it_is_on_record_before_anything_is_changed(self):
        """Somebody else may ask for the same one."""
        self.backend.adopt_volume.side_effect = (
            lambda *args: self.assertEqual(1, len(self.saved)))
        self.driver.manage_existing(self.volume, REF)
        (provider_id, held), = self.saved
        self.assertEqual('default ' + UUID, provider_id)
        self.assertIn('lightos-manage-' + UUID, held[0])

    def test_somebody_else_may_have_been_faster(self):
        at = {}
        self.patch(records, 'volume_at', lambda key: at.setdefault(
            key, None) or at.update({key: 'the-faster'}))
        self.assertIn('the-faster', self.assert_raises(
            exception.ManageExistingAlreadyManaged,
            self.driver.manage_existing, self.volume, REF))
        self.backend.adopt_volume.assert_not_called()

    def test_left_alone_nothing_is_asked_of_the_cluster(self):
        self.backend.reset_mock()
        self.driver.unmanage(self.volume)
        self.driver.unmanage_snapshot(self.snapshot)
        self.assertEqual([], self.backend.method_calls)


@ddt.ddt
class SnapshotTest(ManagementTestCase):

    def test_it_keeps_its_name(self):
        self.assertEqual(1, self.driver.manage_existing_snapshot_get_size(
            self.snapshot, REF))
        self.assertEqual(
            {'provider_id': 'default ' + UUID,
             'provider_location': self.snapshot.id + ' crm-before'},
            self.driver.manage_existing_snapshot(self.snapshot, REF))

    @ddt.data('crm-before', 'default ' + UUID)
    def test_not_what_cinder_has(self, key):
        self.holders[key] = 'the-holder'
        self.assertIn('the-holder', self.assert_raises(
            exception.ManageExistingInvalidReference,
            self.driver.manage_existing_snapshot, self.snapshot, REF))

    def test_not_one_of_another_volume(self):
        self.backend.find_volume.return_value = self.made(UUID='another')
        self.assert_raises(exception.ManageExistingInvalidReference,
                           self.driver.manage_existing_snapshot,
                           self.snapshot, REF)

    @ddt.data(*FAILURES)
    def test_an_error_is_not_absence(self, failure):
        self.backend.look_up_snapshot.side_effect = failure
        self.assert_raises(exception.VolumeBackendAPIException,
                           self.driver.manage_existing_snapshot,
                           self.snapshot, REF)


@ddt.ddt
class ListTest(ManagementTestCase):

    def test_every_project_is_listed(self):
        self.backend.list_volumes.side_effect = lambda project: [
            self.made(UUID=project, projectName=project,
                      acl={'values': ['ALLOW_NONE']})]
        listed = self.driver.get_manageable_volumes(
            [cinder_objects.volume(provider_id='tenant tenant')], None, 10,
            0, ['reference'], ['asc'])
        self.assertEqual(
            [('default', None, True),
             ('tenant', cinder_objects.VOLUME_ID, False)],
            [(one['reference']['source-id'], one['cinder_id'],
              one['safe_to_manage']) for one in listed])

    def test_an_error_is_an_error(self):
        self.backend.list_snapshots.side_effect = fake_cluster.lost()
        self.assert_raises(exception.VolumeBackendAPIException,
                           self.driver.get_manageable_snapshots, [], None,
                           10, 0, ['size'], ['asc'])
