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

import functools

from cinder import context
from cinder import exception
from cinder import objects
import ddt
from oslo_utils import units

from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from lightos_cinder import specs
from tests.unit import cinder_objects
from tests.unit import driver_case
from tests.unit import fake_cluster

UUID = driver_case.UUID

#: provider_id, and what it tells where the type names project "of-type".
PROVIDER_IDS = (
    ('tenant ' + UUID, 'tenant', UUID),
    ('tenant', 'tenant', None),
    (None, 'of-type', None),
)

typed = functools.partial(cinder_objects.volume_type,
                          lightos__project_name='of-type')


@ddt.ddt
class CreateTest(driver_case.ReadyDriverTestCase):

    def setUp(self):
        super().setUp()
        self.backend.create_volume.return_value = self.made()
        self.backend.clone_volume.return_value = self.made()

    def test_a_volume_without_type(self):
        """Defect 11: untyped volumes can be created."""
        update = self.driver.create_volume(cinder_objects.volume())
        self.assertEqual({'provider_id': 'default ' + UUID,
                          'provider_location': None}, update)
        self.backend.create_volume.assert_called_once_with(
            self.ref(), specs.VolumeSpec('default', 3, False),
            10 * units.Gi)

    def test_a_volume_as_its_type_says(self):
        volume_type = typed(lightos__num_replicas='2',
                            compression='<is> True',
                            lightos__qos_policy='fast')
        update = self.driver.create_volume(
            cinder_objects.volume(volume_type, size=7))
        self.assertEqual({'provider_id': 'of-type ' + UUID,
                          'provider_location': None}, update)
        self.backend.create_volume.assert_called_once_with(
            self.ref('of-type'),
            specs.VolumeSpec('of-type', 2, True, 'fast', 'gold'),
            7 * units.Gi)

    def test_an_inherited_provider_id_is_not_trusted(self):
        """Cinder copies that of a source onto temporary volumes."""
        self.driver.create_volume(cinder_objects.volume(
            typed(), provider_id='elsewhere ' + UUID))
        self.assertEqual(self.ref('of-type'),
                         self.backend.create_volume.call_args.args[0])

    def test_a_volume_is_named_as_cinder_names_it(self):
        self.driver.create_volume(cinder_objects.volume(name_id=UUID))
        self.assertEqual('volume-' + UUID,
                         self.backend.create_volume.call_args.args[0].name)

    @ddt.data({'lightos__num_replicas': '7'}, {'compression': 'odd'},
              {'lightos__project_name': '../x'})
    def test_an_impossible_type_is_refused_before_anything_is_asked(
            self, extra_specs):
        """Defect 43: it does not reach the API."""
        volume_type = cinder_objects.volume_type(**extra_specs)
        self.assert_raises(exception.InvalidVolumeType,
                           self.driver.create_volume,
                           cinder_objects.volume(volume_type))
        self.backend.create_volume.assert_not_called()

    def test_from_a_snapshot(self):
        source = cinder_objects.snapshot(
            cinder_objects.volume(), provider_id='default ' + UUID)
        update = self.driver.create_volume_from_snapshot(
            cinder_objects.volume(size=20), source)
        self.assertEqual({'provider_id': 'default ' + UUID,
                          'provider_location': None}, update)
        self.backend.create_volume.assert_called_once_with(
            self.ref(), specs.VolumeSpec('default', 3, False),
            20 * units.Gi, snapshot=self.snapshot_ref(uuid=UUID))

    @ddt.data(*PROVIDER_IDS)
    @ddt.unpack
    def test_from_a_snapshot_wherever_it_is(self, provider_id, project,
                                            uuid):
        """Defect 37: not where the new volume's type says."""
        source = cinder_objects.snapshot(cinder_objects.volume(typed()),
                                         provider_id=provider_id)
        volume_type = cinder_objects.volume_type(
            lightos__project_name=project)
        self.driver.create_volume_from_snapshot(
            cinder_objects.volume(volume_type), source)
        self.assertEqual(
            self.snapshot_ref(project, uuid),
            self.backend.create_volume.call_args.kwargs['snapshot'])

    def test_of_another_volume(self):
        source = cinder_objects.volume(volume_id=UUID,
                                       provider_id='default ' + UUID)
        update = self.driver.create_cloned_volume(
            cinder_objects.volume(size=20), source)
        self.assertEqual({'provider_id': 'default ' + UUID,
                          'provider_location': None}, update)
        self.backend.clone_volume.assert_called_once_with(
            self.ref(), specs.VolumeSpec('default', 3, False),
            20 * units.Gi,
            source=self.ref(uuid=UUID, name='volume-' + UUID,
                            cinder_id=UUID))

    def test_not_from_a_source_in_another_project(self):
        """Defects 36 and 37: said before anything is created."""
        source = cinder_objects.volume(provider_id='elsewhere ' + UUID)
        volume = cinder_objects.volume(typed())
        for create, of in (
                (self.driver.create_cloned_volume, source),
                (self.driver.create_volume_from_snapshot,
                 cinder_objects.snapshot(source))):
            message = self.assert_raises(specs.OtherProject, create,
                                         volume, of)
            self.assertIsInstance(specs.OtherProject(reason='x'),
                                  exception.InvalidVolumeType)
            for text in ("'of-type'", "'elsewhere'",
                         'lightos:project_name'):
                self.assertIn(text, message)
        self.backend.clone_volume.assert_not_called()
        self.backend.create_volume.assert_not_called()

    def test_a_refusal_is_told_with_what_was_asked_for(self):
        """Defect 47: a wrong QoS policy is named."""
        self.backend.create_volume.side_effect = fake_cluster.answered(
            client_errors.BadRequest, 400)
        message = self.assert_raises(
            exception.VolumeBackendAPIException, self.driver.create_volume,
            cinder_objects.volume(typed(lightos__qos_policy='no-such')))
        self.assertIn('no-such', message)
        self.assertIn('the words of the cluster', message)

    def test_a_source_that_is_missing_is_named(self):
        source = cinder_objects.snapshot(cinder_objects.volume())
        self.backend.create_volume.side_effect = errors.Missing(
            'snapshot', self.snapshot_ref())
        message = self.assert_raises(
            exception.SnapshotNotFound,
            self.driver.create_volume_from_snapshot,
            cinder_objects.volume(), source)
        self.assertIn(source.id, message)


class TypeTest(driver_case.ReadyDriverTestCase):
    """A type may have been hidden from the user since."""

    def setUp(self):
        super().setUp()
        self.asked = []
        self.patch(objects.VolumeType, 'get_by_id', self.get_by_id)
        self.volume = cinder_objects.volume(typed())
        self.volume._context = context.RequestContext('user', 'project',
                                                      is_admin=False)
        del self.volume._obj_volume_type

    def get_by_id(self, asking, type_id):
        self.asked.append((asking.is_admin, type_id))
        return typed()

    def test_is_read_with_the_rights_of_cinder(self):
        self.driver.delete_volume(self.volume)
        self.backend.delete_volume.assert_called_once_with(
            self.ref('of-type'))
        self.assertEqual([(True, self.volume.volume_type_id)], self.asked)
        self.assertFalse(self.volume._context.is_admin)

    def test_is_not_read_where_it_tells_nothing_new(self):
        self.volume.provider_id = 'tenant ' + UUID
        self.driver.delete_volume(self.volume)
        self.driver.extend_volume(self.volume, 20)
        self.assertEqual([], self.asked)


class LogTest(driver_case.ReadyDriverTestCase):

    def assert_told(self, call, *args):
        with self.assertLogs('lightos_cinder', 'INFO') as logs:
            call(*args)
        self.assertEqual(1, len(logs.output), logs.output)
        self.assertTrue(logs.output[0].startswith('INFO'))
        self.assertNotIn(driver_case.TOKEN, logs.output[0])
        return logs.output[0]

    def test_an_operator_can_follow_what_was_done(self):
        for name in ('create_volume', 'clone_volume'):
            getattr(self.backend, name).return_value = self.made()
        self.backend.grant.return_value = self.made(), False
        self.backend.create_snapshot.return_value = self.made(
            models.Snapshot)
        volume = cinder_objects.volume()
        snapshot = cinder_objects.snapshot(volume)
        host = cinder_objects.connector('nqn-a', '10.0.0.1')
        shared = cinder_objects.volume(attached=[host, host])
        for what, call, *args in (
                (volume, 'create_volume', volume),
                (volume, 'create_volume_from_snapshot', volume, snapshot),
                (volume, 'create_cloned_volume', volume, volume),
                (volume, 'extend_volume', volume, 20),
                (volume, 'delete_volume', volume),
                (snapshot, 'create_snapshot', snapshot),
                (snapshot, 'delete_snapshot', snapshot),
                (volume, 'initialize_connection', volume, host),
                (volume, 'terminate_connection', volume, host),
                (volume, 'terminate_connection', volume, None),
                (volume, 'terminate_connection', shared, host)):
            with self.subTest(call=call):
                said = self.assert_told(getattr(self.driver, call), *args)
                self.assertIn(what.id, said)
                if host in args:
                    self.assertIn('nqn-a', said)


class FewReplicasTest(driver_case.DriverTestCase):

    def test_more_replicas_than_the_cluster_has_are_refused(self):
        self.backend.cluster_info.return_value = (
            models.ClusterInfo.from_json({'subsystemNQN': 'nqn',
                                          'supportedMaxReplicas': 1}))
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.setup_driver()
        self.assertIn('lightos_default_num_replicas', logs.output[0])
        with self.assertRaises(exception.InvalidVolumeType) as caught:
            self.driver.create_volume(cinder_objects.volume())
        self.assertIn('at most 1', str(caught.exception))
        self.backend.create_volume.assert_not_called()


@ddt.ddt
class DeleteTest(driver_case.ReadyDriverTestCase):

    @ddt.data(*PROVIDER_IDS)
    @ddt.unpack
    def test_a_volume_where_its_provider_id_says(self, provider_id, project,
                                                 uuid):
        self.driver.delete_volume(cinder_objects.volume(
            typed(), provider_id=provider_id))
        self.backend.delete_volume.assert_called_once_with(
            self.ref(project, uuid))

    def test_a_volume_whose_type_has_become_impossible(self):
        self.driver.delete_volume(cinder_objects.volume(
            typed(lightos__num_replicas='7')))
        self.backend.delete_volume.assert_called_once_with(
            self.ref('of-type'))

    @ddt.data(*PROVIDER_IDS)
    @ddt.unpack
    def test_a_snapshot_where_its_provider_id_says(self, provider_id,
                                                   project, uuid):
        self.driver.delete_snapshot(cinder_objects.snapshot(
            cinder_objects.volume(typed()), provider_id=provider_id))
        self.backend.delete_snapshot.assert_called_once_with(
            self.snapshot_ref(project, uuid))

    def test_a_snapshot_without_provider_id_is_where_its_volume_is(self):
        self.driver.delete_snapshot(cinder_objects.snapshot(
            cinder_objects.volume(typed(), provider_id='tenant ' + UUID)))
        self.backend.delete_snapshot.assert_called_once_with(
            self.snapshot_ref('tenant'))

    def test_a_busy_volume_stays_as_it_was(self):
        self.backend.delete_volume.side_effect = errors.StillBusy(
            'volume', self.ref(), fake_cluster.busy())
        self.assert_raises(exception.VolumeIsBusy, self.driver.delete_volume,
                           cinder_objects.volume())

    def test_a_busy_snapshot_stays_as_it_was(self):
        """Defect 2: a refused delete is no success."""
        self.backend.delete_snapshot.side_effect = errors.StillBusy(
            'snapshot', self.snapshot_ref(), fake_cluster.busy())
        self.assert_raises(
            exception.SnapshotIsBusy, self.driver.delete_snapshot,
            cinder_objects.snapshot(cinder_objects.volume()))

    @ddt.data(
        fake_cluster.answered(client_errors.Unauthenticated, 401),
        fake_cluster.answered(client_errors.Forbidden, 403),
        fake_cluster.answered(client_errors.NotFound, 404),
        fake_cluster.answered(client_errors.ServerError, 500),
        fake_cluster.busy(), fake_cluster.lost(),
        client_errors.DeadlineExceeded('it'),
        client_errors.Unreachable({'10.0.0.1:443': 'refused'}),
    )
    def test_any_other_error_is_no_success(self, error):
        """Defects 1 and 2: Cinder forgets nothing that still exists."""
        volume = cinder_objects.volume()
        self.backend.delete_volume.side_effect = error
        self.backend.delete_snapshot.side_effect = error
        for delete, what in (
                (self.driver.delete_volume, volume),
                (self.driver.delete_snapshot,
                 cinder_objects.snapshot(volume))):
            message = self.assert_raises(exception.VolumeBackendAPIException,
                                         delete, what)
            self.assertIn(str(error), message)


@ddt.ddt
class ExtendTest(driver_case.ReadyDriverTestCase):

    @ddt.data(*PROVIDER_IDS)
    @ddt.unpack
    def test_to_so_many_gigabytes(self, provider_id, project, uuid):
        self.driver.extend_volume(
            cinder_objects.volume(typed(), provider_id=provider_id), 30)
        self.backend.grow_volume.assert_called_once_with(
            self.ref(project, uuid), 30 * units.Gi)

    @ddt.data(errors.NotSettled('it is Updating'), fake_cluster.busy(),
              fake_cluster.answered(client_errors.BadRequest, 400))
    def test_that_fails_is_an_error(self, error):
        """Defect 3: Cinder does not record a size that does not exist."""
        self.backend.grow_volume.side_effect = error
        self.assert_raises(exception.VolumeBackendAPIException,
                           self.driver.extend_volume,
                           cinder_objects.volume(), 30)

    def test_of_what_is_missing(self):
        self.backend.grow_volume.side_effect = errors.Missing(
            'volume', self.ref())
        self.assert_raises(exception.VolumeNotFound,
                           self.driver.extend_volume,
                           cinder_objects.volume(), 30)


@ddt.ddt
class CreateSnapshotTest(driver_case.ReadyDriverTestCase):

    def create(self, provider_id=None, **options):
        return self.driver.create_snapshot(cinder_objects.snapshot(
            cinder_objects.volume(typed(), **options),
            provider_id=provider_id))

    @ddt.data(*PROVIDER_IDS)
    @ddt.unpack
    def test_is_made_where_its_volume_is(self, provider_id, project, uuid):
        self.backend.create_snapshot.return_value = self.made(
            models.Snapshot, UUID='snapshot-uuid')
        update = self.driver.create_snapshot(cinder_objects.snapshot(
            cinder_objects.volume(typed(), provider_id=provider_id)))
        self.assertEqual({'provider_id': project + ' snapshot-uuid'}, update)
        self.backend.create_snapshot.assert_called_once_with(
            self.snapshot_ref(project), self.ref(project, uuid))

    def test_an_inherited_provider_id_is_not_trusted(self):
        self.backend.create_snapshot.return_value = self.made(
            models.Snapshot)
        self.create(provider_id='elsewhere ' + UUID)
        self.assertEqual(self.snapshot_ref('of-type'),
                         self.backend.create_snapshot.call_args.args[0])

    def test_of_one_volume_one_after_the_other(self):
        """Defect 35: a second one at once would be refused."""
        held = []

        def create_snapshot(ref, source):
            held.extend(self.held)
            return self.made(models.Snapshot)

        self.backend.create_snapshot.side_effect = create_snapshot
        self.create()
        self.assertEqual(1, len(held))
        self.assertIn(cinder_objects.VOLUME_ID, held[0])
        self.assertEqual([], self.held)

    def test_of_a_volume_that_is_missing_names_the_volume(self):
        self.backend.create_snapshot.side_effect = errors.Missing(
            'volume', self.ref())
        message = self.assert_raises(exception.VolumeNotFound, self.create)
        self.assertIn(cinder_objects.VOLUME_ID, message)

    def test_that_fails_is_an_error(self):
        self.backend.create_snapshot.side_effect = errors.Different('of x')
        self.assert_raises(exception.VolumeBackendAPIException, self.create)
        self.assertEqual([], self.held)
