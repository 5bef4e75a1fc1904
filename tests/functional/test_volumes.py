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

"""Create, delete and extend on an emulated cluster."""

from concurrent import futures
import os
import uuid

from cinder import exception
import ddt

from tests.functional import base


@ddt.ddt
class CreateTestCase(base.DriverTestCase):

    @ddt.data(('Gold', base.GOLD, 3, 'true'),
              ('Silver', base.SILVER, 2, 'true'),
              ('Bronze', base.BRONZE, 1, 'false'))
    @ddt.unpack
    def test_a_tier_gives_its_replicas_and_compression(
            self, _tier, extra_specs, replicas, compression):
        volume = self.created(extra_specs, size=20)
        held = self.on_cluster(volume, base.PROJECT)
        self.assertEqual(
            ('Available', replicas, compression, str(20 * base.GIB)),
            (held['state'], held['replicaCount'], held['compression'],
             held['size']))
        self.assertEqual('%s %s' % (base.PROJECT, held['UUID']),
                         volume.provider_id)

    @ddt.data(True, False)
    def test_a_new_volume_is_closed_to_everybody(self, use_ipacl):
        self.driver = self.make_driver(lightos_use_ipacl=use_ipacl)
        self.assertEqual(
            (['ALLOW_NONE'], ['ALLOW_NONE'] if use_ipacl
             else ['ALLOW_ANY']), self.acls(self.created()))

    @ddt.data((3, False, 'false'), (2, True, 'true'))
    @ddt.unpack
    def test_a_volume_without_type_gets_the_defaults(
            self, replicas, compression, held_compression):
        """Defect 11: an untyped volume could not be created."""
        self.driver = self.make_driver(
            lightos_jwt=self.lightos.admin_token,
            lightos_default_num_replicas=replicas,
            lightos_default_compression_enabled=compression)
        held = self.on_cluster(self.created(None))
        self.assertEqual(
            ('default', replicas, held_compression),
            (held['projectName'], held['replicaCount'],
             held['compression']))

    def test_twice_makes_one_volume(self):
        volume = self.volume()
        first = self.driver.create_volume(volume)
        self.assertEqual(first, self.driver.create_volume(volume))
        self.on_cluster(volume)

    @ddt.data({'size': 2}, {'extra_specs': base.SILVER},
              {'extra_specs': dict(base.GOLD, compression='<is> False')})
    def test_a_volume_of_that_name_that_differs_is_not_taken(self, other):
        """Defect 34: whatever had the name was taken for the volume."""
        volume_id = str(uuid.uuid4())
        first = self.created(id=volume_id)
        before = self.on_cluster(first)
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'is not as asked'):
            self.created(**dict({'extra_specs': base.GOLD}, **other),
                         id=volume_id)
        self.assertEqual(before, self.on_cluster(first))

    def test_what_was_there_before_is_not_tidied_away(self):
        volume_id = str(uuid.uuid4())
        first = self.created(id=volume_id)
        self.lightos.add_fault(kind='reset', method='POST', when='after',
                               times=1)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.created, size=9, id=volume_id)
        self.on_cluster(first)

    def test_a_volume_of_that_name_that_is_open_is_not_taken(self):
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector())
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'ACL'):
            self.driver.create_volume(volume)

    def test_what_the_cluster_made_otherwise_than_asked_is_no_success(self):
        self.lightos.set_settings(create_settle=0.5)
        with futures.ThreadPoolExecutor() as pool:
            made = pool.submit(self.created)
            while not self.lightos.volumes():
                pass
            self.lightos.edit_volume(self.lightos.volumes()[0]['UUID'],
                                     replicas=1)
            self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                   'number of replicas is 1 instead of 3',
                                   made.result)
        self.assertEqual([], self.names())

    def test_the_name_of_a_volume_on_its_way_out_is_waited_for(self):
        self.lightos.set_settings(delete_settle=0.5,
                                  deleting_frees_name=False)
        volume = self.created()
        self.driver.delete_volume(volume)
        self.stamp(volume, self.driver.create_volume(volume))
        self.assertEqual('Available', self.on_cluster(volume)['state'])

    def test_an_inherited_provider_id_is_not_trusted(self):
        source = self.created()
        temporary = self.volume(provider_id=source.provider_id)
        update = self.driver.create_volume(temporary)
        self.assertNotEqual(source.provider_id, update['provider_id'])

    @ddt.data('old', 'new')
    def test_slow_and_fast_clusters(self, visible):
        self.lightos.set_settings(settle=0.3, visible_during_update=visible)
        volume = self.created()
        self.assertEqual('Available', self.on_cluster(volume)['state'])
        self.driver.extend_volume(volume, 3)
        self.assertEqual(str(3 * base.GIB), self.on_cluster(volume)['size'])

    def test_zero_values_may_be_sent_or_left_out(self):
        """Defect 17: fields were taken for granted."""
        self.lightos.set_settings(emit_defaults=True, settle=0.1)
        self.driver = self.make_driver()
        volume = self.created(base.BRONZE)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def test_more_replicas_than_nodes_that_are_up(self):
        for switch in ('400', 'fail'):
            self.lightos.set_settings(too_many_replicas=switch)
            self.lightos.node(0, 'down')
            with self.assertRaises(exception.VolumeBackendAPIException):
                self.created()

    def test_a_failed_creation_is_said_and_can_be_deleted(self):
        self.lightos.set_settings(full_cluster='fail', node_capacity=1)
        volume = self.volume()
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'failed to create'):
            self.driver.create_volume(volume)
        self.driver.delete_volume(volume)

    @ddt.data(('lightos:num_replicas', 'three'),
              ('lightos:num_replicas', '0'),
              ('lightos:num_replicas', '4'),
              ('lightos:num_replicas', '2.5'),
              ('compression', 'maybe'),
              ('compression', '<is> untrue'),
              ('lightos:project_name', ''),
              ('lightos:project_name', 'Light Stack'),
              ('lightos:project_name', '../default'),
              ('lightos:project_name', 'a' * 64))
    @ddt.unpack
    def test_a_bad_extra_spec_is_named_with_its_value(self, spec, value):
        """Defect 43: replicas went to the API unchecked."""
        self.lightos.clear_records()
        with self.assertRaises(exception.InvalidVolumeType) as caught:
            self.created(dict(base.GOLD, **{spec: value}))
        self.assertIn(spec, str(caught.exception))
        self.assertIn(repr(value), str(caught.exception))
        self.assertIn('allowed', str(caught.exception))
        self.assertEqual([], self.calls())

    def test_a_project_that_is_not_there_is_named(self):
        for token in (self.token(base.PROJECT), self.lightos.admin_token):
            self.driver = self.make_driver(lightos_jwt=token)
            with self.assertRaisesRegex(
                    exception.VolumeBackendAPIException,
                    'LightOS project nowhere.*lightos:project_name'):
                self.created(dict(base.GOLD,
                                  **{'lightos:project_name': 'nowhere'}))

    def test_a_project_that_is_not_ours_is_named(self):
        self.lightos.create_project('acme')
        self.driver = self.make_driver(
            lightos_jwt=self.lightos.token(base.PROJECT))
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'LightOS project acme'):
            self.created(dict(base.GOLD,
                              **{'lightos:project_name': 'acme'}))

    @ddt.data('no-limit-policy', None)
    def test_a_qos_policy_by_name(self, policy):
        specs = dict(base.GOLD)
        if policy:
            specs['lightos:qos_policy'] = policy
        held = self.on_cluster(self.created(specs))
        self.assertEqual('no-limit-policy', held['qosPolicyName'])

    def test_a_qos_policy_that_is_not_there_is_named(self):
        """Defect 47: a wrong policy gave a generic message."""
        for policy in ('platinum', str(uuid.uuid4())):
            with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                        policy):
                self.created(dict(base.GOLD,
                                  **{'lightos:qos_policy': policy}))
        self.assertEqual([], self.names())


@ddt.ddt
class DeleteTestCase(base.DriverTestCase):

    def test_the_volume_is_gone_and_once_more_does_no_harm(self):
        volume = self.created()
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())
        self.driver.delete_volume(volume)

    def test_its_lock_files_go_with_it(self):
        volume = self.created()
        before = set(os.listdir(self.folder))
        self.driver.initialize_connection(volume, base.connector())
        self.snapped(volume)
        self.assertNotEqual(before, set(os.listdir(self.folder)))
        self.driver.clean_volume_file_locks(volume.id)
        self.assertEqual(before, set(os.listdir(self.folder)))

    @ddt.data(None, base.PROJECT)
    def test_a_volume_of_which_no_uuid_is_recorded(self, provider_id):
        volume = self.created()
        volume.provider_id = provider_id
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def test_a_volume_whose_name_still_tells_its_id_is_found(self):
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector())
        uuid_ = self.on_cluster(volume)['UUID']
        self.lightos.edit_volume(uuid_, name=volume.name + '-keep')
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'],
                         self.lightos.volumes()[0]['acl']['values'])
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def test_after_a_change_of_the_name_template(self):
        volume = self.created()
        base.CONF.set_override('volume_name_template', 'vol-%s')
        self.addCleanup(base.CONF.clear_override, 'volume_name_template')
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def test_a_volume_that_was_never_finished_is_not_called_available(self):
        """The manager calls available what is said to be busy."""
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 state='Creating')
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.delete_volume, volume)

    def test_what_kept_it_busy_is_said(self):
        volume = self.created()
        self.lightos.add_fault(kind='status', status=503, code=14,
                               message='is being rebalanced',
                               method='DELETE', times=None)
        self.assertRaisesRegex(exception.VolumeIsBusy, 'is being rebalanced',
                               self.driver.delete_volume, volume)

    def test_a_volume_that_was_renamed_is_not_taken_for_gone(self):
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 name='renamed')
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    @ddt.data((401, 16), (403, 7), (500, 13), (503, 14))
    @ddt.unpack
    def test_an_error_is_never_taken_for_not_found(self, status, code):
        """Defect 1: any error of the look-up was a successful delete."""
        volume = self.created()
        volume.provider_id = None
        self.lightos.add_fault(kind='status', status=status, code=code,
                               message='no', method='GET', times=None)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.delete_volume, volume)
        self.assertEqual([volume.name], self.names())

    def test_a_project_that_is_closed_is_not_an_empty_one(self):
        volume = self.created()
        driver = self.make_driver(lightos_jwt=self.lightos.token('default'))
        self.assertRaises(exception.VolumeBackendAPIException,
                          driver.delete_volume, volume)

    def test_a_slow_deletion_is_done_once_it_has_begun(self):
        self.lightos.set_settings(delete_settle=60)
        volume = self.created()
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())
        self.assertEqual(1, len(self.calls('DELETE')))

    def test_once_more_while_it_is_going(self):
        """Defect 38: DELETE was repeated for 100 s while it was going."""
        self.lightos.set_settings(delete_settle=60)
        volume = self.created()
        self.driver.delete_volume(volume)
        self.driver.delete_volume(volume)
        self.assertEqual(1, len(self.calls('DELETE')))
        self.assertEqual([], self.lightos.complaints())

    def test_a_volume_that_stays_busy_goes_back_to_available(self):
        """The manager gives a busy volume its old status back."""
        volume = self.created()
        self.lightos.add_fault(kind='status', status=503, code=14,
                               message='Updating', method='DELETE',
                               times=None)
        self.assertRaises(exception.VolumeIsBusy,
                          self.driver.delete_volume, volume)
        self.assertEqual([volume.name], self.names())

    @ddt.data('503', '409', '412')
    def test_a_volume_that_is_busy_for_a_while(self, busy):
        self.lightos.set_settings(update_settle=0.5, update_busy=busy)
        volume = self.created()
        self.lightos.set_settings(etag_on_settle=True)
        self.driver.extend_volume(volume, 2)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    @ddt.data('400', 'accept')
    def test_the_remains_of_a_failed_creation(self, failed_delete):
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 state='Failed')
        self.lightos.set_settings(failed_delete=failed_delete)
        self.driver.delete_volume(volume)


@ddt.ddt
class ExtendTestCase(base.DriverTestCase):

    def test_the_size_is_so_when_it_returns(self):
        """Defect 3: the new size was told before it existed."""
        self.lightos.set_settings(update_settle=0.4)
        volume = self.created()
        self.driver.extend_volume(volume, 5)
        held = self.on_cluster(volume)
        self.assertEqual((str(5 * base.GIB), 'Available'),
                         (held['size'], held['state']))

    def test_while_attached(self):
        volume = self.created()
        self.attached(volume, 1)
        acls = self.acls(volume)
        self.driver.extend_volume(volume, 5)
        self.assertEqual(acls, self.acls(volume))

    def test_nothing_is_sent_if_it_is_large_enough(self):
        volume = self.created(size=5)
        self.driver.extend_volume(volume, 5)
        self.assertEqual([], self.calls('PUT'))

    @ddt.data('412', '400', '500')
    def test_a_change_by_another_in_between(self, mismatch):
        self.lightos.set_settings(etag_mismatch=mismatch)
        volume = self.created()
        self.lightos.add_fault(
            kind='status', status=int(mismatch),
            code={'412': 9, '400': 9, '500': 13}[mismatch],
            message='etag mismatch', method='PUT', times=2)
        self.driver.extend_volume(volume, 5)
        self.assertEqual(str(5 * base.GIB), self.on_cluster(volume)['size'])

    def test_one_error_while_waiting_does_not_end_it(self):
        """Defect 3: one 503 was an error_extending."""
        self.lightos.set_settings(update_settle=0.3)
        volume = self.created()
        self.lightos.add_fault(kind='status', status=503, code=14,
                               message='no leader', method='GET', times=3)
        self.driver.extend_volume(volume, 5)
        self.assertEqual(str(5 * base.GIB), self.on_cluster(volume)['size'])

    def test_a_refusal_is_an_error_at_once(self):
        """Defects 3 and 29: refused for good, and asked for 100 s."""
        volume = self.created()
        self.lightos.add_fault(kind='status', status=400, code=3,
                               message='too large', method='PUT',
                               times=None)
        self.assertRaisesRegex(exception.VolumeBackendAPIException,
                               'too large', self.driver.extend_volume,
                               volume, 5)
        self.assertEqual(1, len(self.calls('PUT')))

    def test_a_volume_that_is_gone(self):
        volume = self.created()
        self.driver.delete_volume(volume)
        self.assertRaises(exception.VolumeNotFound,
                          self.driver.extend_volume, volume, 5)
