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

from cinder import exception
from cinder import objects
import ddt
from oslo_utils import units

from lightos_cinder.client import errors as client_errors
from lightos_cinder import specs
from tests.unit import cinder_objects
from tests.unit import driver_case
from tests.unit import fake_cluster

UUID = driver_case.UUID

FAILURES = (fake_cluster.answered(client_errors.Forbidden, 403),
            fake_cluster.lost())


@ddt.ddt
class RetypeTest(driver_case.ReadyDriverTestCase):

    def retype(self, new_type, old_type=None):
        volume = cinder_objects.volume(old_type,
                                       provider_id='default ' + UUID)
        return self.driver.retype(None, volume, new_type, {}, {})

    @ddt.data(True, False)
    def test_it_is_done_here_or_by_migration(self, done):
        self.backend.retype_volume.return_value = done
        new_type = cinder_objects.volume_type(lightos__qos_policy='fast')
        self.assertIs(done, self.retype(new_type))
        self.backend.retype_volume.assert_called_once_with(
            self.ref(uuid=UUID),
            specs.VolumeSpec('default', 3, False, 'fast', 'gold'),
            drops_qos_policy=False)

    def test_the_type_before_says_whether_a_policy_is_dropped(self):
        self.retype(cinder_objects.volume_type(),
                    cinder_objects.volume_type(lightos__qos_policy='fast'))
        self.assertTrue(self.backend.retype_volume.call_args.kwargs[
            'drops_qos_policy'])

    def test_qos_specs_that_became_wrong_count_as_a_policy(self):
        old = cinder_objects.volume_type()
        old.qos_specs_id = UUID
        old.qos_specs = objects.QualityOfServiceSpecs(
            old._context, name='quick', consumer='back-end',
            specs={'maxIOPS': '5'})
        self.retype(cinder_objects.volume_type(), old)
        self.assertTrue(self.backend.retype_volume.call_args.kwargs[
            'drops_qos_policy'])

    def test_a_type_that_is_impossible(self):
        self.assert_raises(exception.InvalidVolumeType, self.retype,
                           cinder_objects.volume_type(compression='odd'))
        self.backend.retype_volume.assert_not_called()

    @ddt.data(*FAILURES)
    def test_a_failure_is_an_error(self, failure):
        self.backend.retype_volume.side_effect = failure
        self.assert_raises(exception.VolumeBackendAPIException, self.retype,
                           cinder_objects.volume_type())


class QosSpecsTest(driver_case.ReadyDriverTestCase):

    def typed(self, consumer, **keys):
        volume_type = cinder_objects.volume_type()
        volume_type.qos_specs_id = UUID
        volume_type.qos_specs = objects.QualityOfServiceSpecs(
            volume_type._context, name='quick', consumer=consumer,
            specs=keys)
        return volume_type

    def test_they_are_part_of_what_a_type_asks(self):
        self.backend.create_volume.return_value = self.made()
        self.driver.create_volume(cinder_objects.volume(
            self.typed('back-end', qos_policy='fast')))
        self.assertEqual(
            'fast', self.backend.create_volume.call_args.args[1].qos_policy)

    def test_what_lightos_cannot_keep_is_refused(self):
        message = self.assert_raises(
            exception.InvalidQoSSpecs, self.driver.create_volume,
            cinder_objects.volume(self.typed('back-end', maxIOPS='5')))
        self.assertIn('maxIOPS', message)


@ddt.ddt
class RevertTest(driver_case.ReadyDriverTestCase):

    def revert(self):
        volume = cinder_objects.volume(size=7,
                                       provider_id='default ' + UUID)
        self.driver.revert_to_snapshot(None, volume, cinder_objects.snapshot(
            volume, provider_id='default ' + UUID))

    def test_the_cluster_rolls_back(self):
        self.revert()
        self.backend.roll_back_volume.assert_called_once_with(
            self.ref(uuid=UUID), self.snapshot_ref(uuid=UUID), 7 * units.Gi,
            attached=False)

    def test_nobody_comes_or_goes_meanwhile(self):
        held = []
        self.backend.roll_back_volume.side_effect = (
            lambda *args, **kwargs: held.extend(self.held))
        self.revert()
        self.assertEqual(['lightos-access-' + cinder_objects.VOLUME_ID],
                         [name.rpartition('/')[2] for name in held])

    @ddt.data(*FAILURES)
    def test_a_failure_is_an_error(self, failure):
        """Not NotImplementedError, upon which Cinder would copy."""
        self.backend.roll_back_volume.side_effect = failure
        self.assert_raises(exception.VolumeBackendAPIException, self.revert)


@ddt.ddt
class MigratedTest(driver_case.ReadyDriverTestCase):

    def setUp(self):
        super().setUp()
        self.volume = cinder_objects.volume(provider_id='tenant u-1')
        self.new = cinder_objects.volume(volume_id=UUID,
                                         provider_id='default ' + UUID)

    def updated(self):
        return self.driver.update_migrated_volume(None, self.volume, self.new,
                                                  'available')

    def test_it_has_its_name_again(self):
        self.backend.rename_volume.return_value = True
        self.assertEqual({'_name_id': None, 'provider_location': None},
                         self.updated())
        self.assertEqual('volume-' + self.volume.id,
                         self.backend.rename_volume.call_args.args[1])

    def test_where_the_old_one_is_is_recorded_before_its_type_changes(self):
        self.volume.provider_id = None
        with mock.patch.object(objects.Volume, 'save', autospec=True) as save:
            self.updated()
        save.assert_called_once_with(self.volume)
        self.assertEqual('default', self.volume.provider_id)

    def test_it_keeps_that_of_the_new_one(self):
        self.backend.rename_volume.return_value = False
        self.assertEqual(UUID, self.updated()['_name_id'])

    @ddt.data(*FAILURES)
    def test_a_failure_does_not_fail_the_migration(self, failure):
        self.backend.rename_volume.side_effect = failure
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.assertEqual(UUID, self.updated()['_name_id'])
        self.assertIn(self.volume.id, logs.output[0])


class ProviderInfoTest(driver_case.ReadyDriverTestCase):

    def test_of_volumes_without(self):
        volumes = [cinder_objects.volume(
            cinder_objects.volume_type(lightos__project_name='tenant'),
            provider_id=text) for text in (None, '', 'tenant', 'tenant u')]
        for volume, status in zip(volumes, ('error', 'creating')):
            volume.status = status
        updates, snapshots = self.driver.update_provider_info(volumes, [])
        self.assertEqual([{'id': volumes[0].id, 'provider_id': 'tenant'}],
                         updates)
        self.assertIsNone(snapshots)
