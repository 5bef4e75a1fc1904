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

"""Retype in place, and what is left to migration."""

import uuid

from cinder import exception
from cinder import objects
import ddt

from tests.functional import base

PLAIN = {'lightos:project_name': base.PROJECT, 'lightos:num_replicas': '3'}


def spec(**changes):
    return dict(PLAIN, **{('lightos:' + key if key != 'compression' else key):
                          value for key, value in changes.items()})


@ddt.ddt
class RetypeTestCase(base.DriverTestCase):

    def retype(self, volume, extra_specs):
        """As the manager calls it; the type that the volume has then."""
        new_type = self.volume(extra_specs).volume_type
        done = self.driver.retype(self.context, volume, new_type, {}, {})
        if done:
            volume.volume_type = new_type
        return done

    def changes(self):
        return [one['body'] for one in self.lightos.requests()
                if one['method'] == 'PUT']

    @ddt.data(
        ({}, {'compression': '<is> True'}, {'compression': 'true'}),
        ({'compression': '<is> True'}, {'compression': '<is> False'},
         {'compression': 'false'}),
        ({'compression': '<is> True'}, {}, {'compression': 'false'}),
        ({}, {'qos_policy': 'fast'}, {'qosPolicyName': 'fast'}),
        ({'qos_policy': 'fast'}, {'qos_policy': 'slow'},
         {'qosPolicyName': 'slow'}),
        ({'compression': '<is> True', 'qos_policy': 'fast'},
         {'compression': '<is> False', 'qos_policy': 'slow'},
         {'compression': 'false', 'qosPolicyName': 'slow'}),
    )
    @ddt.unpack
    def test_one_change_in_place(self, before, after, change):
        """Defects 39 and 45: compression was not, and no ETag was sent."""
        self.policy('fast')
        self.policy('slow')
        self.lightos.set_settings(update_settle=0.2)
        volume = self.created(spec(**before))
        uuid_ = self.on_cluster(volume)['UUID']
        self.lightos.clear_records()
        self.assertTrue(self.retype(volume, spec(**after)))
        self.assertEqual([change], self.changes())
        self.assertTrue([one for one in self.lightos.requests()
                         if one['method'] == 'PUT'][0]['if_match'])
        held = self.on_cluster(volume)
        self.assertEqual(uuid_, held['UUID'])
        for key, value in change.items():
            self.assertEqual(value, held[key])

    @ddt.data(
        ({'compression': '<is> True'}, {'compression': 'true'}),
        ({'compression': '<is> False'}, {}),
        ({'num_replicas': '3'}, {'num_replicas': ' 3 '}),
        ({'qos_policy': 'fast'}, {'qos_policy': ' fast'}),
        ({}, {'other:spec': 'of another driver'}),
    )
    @ddt.unpack
    def test_another_spelling_is_no_change(self, before, after):
        self.policy('fast')
        volume = self.created(spec(**before))
        self.lightos.clear_records()
        self.assertTrue(self.retype(volume, spec(**after)))
        self.assertEqual([], self.changes())

    def test_a_policy_by_uuid_is_the_one_by_name(self):
        fast = self.policy('fast')
        volume = self.created(spec(qos_policy='fast'))
        for policy in (fast, fast.upper()):
            self.assertTrue(self.retype(volume, spec(qos_policy=policy)))
        self.assertEqual([], self.changes())
        self.assertTrue(self.retype(
            volume, spec(qos_policy=self.policy('slow'))))
        self.assertEqual('slow', self.on_cluster(volume)['qosPolicyName'])

    @ddt.data({'num_replicas': '2'}, {'project_name': 'default'},
              {'project_name': 'default', 'compression': '<is> True'})
    def test_what_never_changes_is_left_to_migration(self, after):
        volume = self.created(PLAIN)
        self.lightos.clear_records()
        self.assertFalse(self.retype(volume, spec(**after)))
        self.assertEqual([], self.changes())

    def test_a_policy_no_more_is_the_default_of_the_project(self):
        self.policy('fast')
        self.policy('usual', base.PROJECT)
        volume = self.created(spec(qos_policy='fast'))
        self.assertTrue(self.retype(volume, PLAIN))
        self.assertEqual('usual', self.on_cluster(volume)['qosPolicyName'])

    def test_without_a_known_default_it_is_left_to_migration(self):
        self.policy('fast')
        volume = self.created(spec(qos_policy='fast'))
        self.assertFalse(self.retype(volume, spec(compression='<is> True')))
        self.policy('usual', base.PROJECT)
        self.lightos.set_settings(tenant_reads_project=False)
        self.driver = self.make_driver(
            lightos_jwt=self.token(base.PROJECT))
        self.assertFalse(self.retype(volume, spec(compression='<is> True')))
        self.assertEqual('fast', self.on_cluster(volume)['qosPolicyName'])
        self.assertEqual('false', self.on_cluster(volume)['compression'])

    def test_a_policy_that_a_type_never_named_is_left_alone(self):
        """An administrator may have given it to this one volume."""
        self.policy('special')
        volume = self.created(PLAIN)
        self.ask('PUT', 'volumes/' + self.on_cluster(volume)['UUID'],
                 {'qosPolicyName': 'special', 'projectName': base.PROJECT})
        self.assertTrue(self.retype(volume, spec(compression='<is> True')))
        self.assertEqual('special', self.on_cluster(volume)['qosPolicyName'])

    def test_a_policy_that_is_not_there_is_named(self):
        volume = self.created(PLAIN)
        for policy in ('platinum', str(uuid.uuid4())):
            with self.assertRaises(
                    exception.VolumeBackendAPIException) as caught:
                self.retype(volume, spec(qos_policy=policy))
            self.assertIn(policy, str(caught.exception))

    @ddt.data('412', '400', '500')
    def test_a_change_by_another_in_between_is_kept(self, status):
        """Compare and swap: the ACL that came meanwhile stays."""
        self.lightos.set_settings(etag_mismatch=status)
        volume = self.created(PLAIN)
        self.attached(volume, 1)
        self.lightos.add_fault(
            kind='status', method='PUT', times=1,
            **{'412': {'status': 412, 'code': 9},
               '400': {'status': 400, 'code': 9},
               '500': {'status': 500, 'body': 'etag mismatch'}}[status])
        self.assertTrue(self.retype(volume, spec(compression='<is> True')))
        self.assertEqual([base.connector(1)['nqn']], self.acls(volume)[0])
        self.assertEqual('true', self.on_cluster(volume)['compression'])

    def test_a_volume_that_is_gone_is_an_error(self):
        volume = self.created(PLAIN)
        self.driver.delete_volume(volume)
        self.assertRaises(exception.VolumeNotFound, self.retype, volume,
                          spec(compression='<is> True'))


class QosSpecsTestCase(base.DriverTestCase):

    def with_qos(self, consumer, **keys):
        volume = self.volume(PLAIN)
        volume.volume_type.qos_specs_id = str(uuid.uuid4())
        volume.volume_type.qos_specs = objects.QualityOfServiceSpecs(
            self.context, name='quick', consumer=consumer, specs=keys)
        return volume

    def test_a_policy_from_qos_specs(self):
        self.policy('fast')
        for consumer in ('back-end', 'both'):
            volume = self.with_qos(consumer, qos_policy='fast')
            self.driver.create_volume(volume)
            self.assertEqual('fast', self.on_cluster(volume)['qosPolicyName'])

    def test_those_for_the_front_end_are_for_nova(self):
        volume = self.with_qos('front-end', qos_policy='no such policy')
        self.driver.create_volume(volume)
        self.assertEqual('no-limit-policy',
                         self.on_cluster(volume)['qosPolicyName'])

    def test_a_policy_that_is_not_there_is_named(self):
        with self.assertRaises(exception.VolumeBackendAPIException) as caught:
            self.driver.create_volume(
                self.with_qos('back-end', qos_policy='platinum'))
        self.assertIn('platinum', str(caught.exception))
        self.assertEqual([], self.names())

    def test_a_retype_to_one_and_back(self):
        self.policy('fast')
        usual = self.policy('usual', base.PROJECT)
        volume = self.created(PLAIN)
        self.assertEqual(usual, self.on_cluster(volume)['qosPolicyUUID'])
        new = self.with_qos('back-end', qos_policy='fast').volume_type
        old = volume.volume_type
        self.assertTrue(self.driver.retype(self.context, volume, new, {}, {}))
        self.assertEqual('fast', self.on_cluster(volume)['qosPolicyName'])
        volume.volume_type = new
        self.assertTrue(self.driver.retype(self.context, volume, old, {}, {}))
        self.assertEqual('usual', self.on_cluster(volume)['qosPolicyName'])
