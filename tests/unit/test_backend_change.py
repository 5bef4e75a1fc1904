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


import ddt

from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from lightos_cinder import naming
from lightos_cinder import specs
from tests.unit import backend_case
from tests.unit import fake_cluster

GIB = backend_case.GIB
State = models.State


def spec(replicas=2, compression=False, qos_policy=None, project='tenant'):
    return specs.VolumeSpec(project, replicas, compression, qos_policy)


class ChangeTestCase(backend_case.BackendTestCase):

    def setUp(self):
        super().setUp()
        self.there = self.volumes.put(
            name='volume-' + backend_case.ID, size=GIB, replicas=2,
            acl=backend_case.NONE, ip_acl=backend_case.NONE,
            qos_policy_name='usual')
        self.ref = naming.Ref(backend_case.ID, 'tenant', self.there.name,
                              self.there.uuid)

    def present(self):
        return self.volumes.now()[self.there.uuid]

    def changes(self):
        return [change for change, _etag in self.volumes.changes]


@ddt.ddt
class RetypeTest(ChangeTestCase):

    def retype(self, drops=False, **fields):
        return self.backend.retype_volume(self.ref, spec(**fields), drops)

    def test_nothing_to_change_changes_nothing(self):
        self.assertTrue(self.retype())
        self.assertTrue(self.retype(qos_policy='usual'))
        self.assertEqual([], self.changes())

    def test_compression_and_policy_in_one_change_by_etag(self):
        """Defect 45: one PUT without ETag, and no look at what it did."""
        self.assertTrue(self.retype(compression=True, qos_policy='fast'))
        self.assertEqual([({'compression': 'true', 'qosPolicyName': 'fast'},
                           '1')], self.volumes.changes)
        self.assertEqual((True, 'fast'), (self.present().compression,
                                          self.present().qos_policy_name))

    def test_a_change_that_does_not_come_is_an_error(self):
        self.volumes.ignores_changes = True
        with self.assertRaises(client_errors.LightOSError):
            self.retype(compression=True)

    @ddt.data({'replicas': 3}, {'project': 'elsewhere'},
              {'replicas': 1, 'compression': True})
    def test_what_cannot_be_had_here(self, fields):
        self.assertFalse(self.retype(**fields))
        self.assertEqual([], self.changes())

    def test_no_policy_any_more_is_the_default_one(self):
        self.cluster.projects['tenant'] = backend_case.SOURCE_ID
        self.assertTrue(self.retype(drops=True))
        self.assertEqual(backend_case.SOURCE_ID,
                         self.present().qos_policy_uuid)

    @ddt.data({}, {'tenant': ''})
    def test_a_default_that_nobody_tells(self, projects):
        self.cluster.projects.update(projects)
        self.assertFalse(self.retype(drops=True, compression=True))
        self.assertEqual([], self.changes())


class RollBackTest(ChangeTestCase):

    def setUp(self):
        super().setUp()
        self.snapshot = self.put_snapshot(
            size=GIB, source_volume_uuid=self.there.uuid,
            source_volume_name=self.there.name)
        self.volumes.contents[self.snapshot.uuid] = {'size': GIB}

    def roll_back(self, size=GIB, attached=False):
        return self.backend.roll_back_volume(self.ref, self.snapshot, size,
                                             attached)

    def test_once(self):
        self.roll_back()
        self.assertEqual(1, self.volumes.count('roll_back'))
        self.assertEqual([], self.changes())
        self.assertIs(State.AVAILABLE, self.present().state)

    def test_a_volume_grown_since_has_its_size_again(self):
        self.volumes.amend(self.there.uuid, size=3 * GIB)
        self.assertEqual(3 * GIB, self.roll_back(3 * GIB).size)
        self.assertEqual([{'size': str(3 * GIB)}], self.changes())

    def test_it_is_closed_whatever_was_open_with_the_snapshot(self):
        """Some versions bring back its access lists (unknown 24)."""
        self.volumes.contents[self.snapshot.uuid]['acl'] = {'nqn-a'}
        self.roll_back()
        self.assertEqual(backend_case.NONE, self.present().acl)

    def test_access_is_as_before_if_there_are_attachments(self):
        self.volumes.amend(self.there.uuid, acl=frozenset({'nqn-b'}))
        self.volumes.contents[self.snapshot.uuid]['acl'] = {'nqn-a'}
        self.roll_back(attached=True)
        self.assertEqual({'nqn-b'}, self.present().acl)

    def test_a_failure_leaves_it_closed(self):
        self.volumes.contents[self.snapshot.uuid].update(
            acl=frozenset({'nqn-a'}))
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.Forbidden, 403))
        with self.assertRaises(client_errors.Forbidden):
            self.roll_back()
        self.assertEqual(backend_case.NONE, self.present().acl)

    def test_what_cannot_be_closed_is_told(self):
        self.volumes.contents[self.snapshot.uuid].update(
            acl=frozenset({'nqn-a'}))
        self.volumes.refuse_always('update', fake_cluster.answered(
            client_errors.Forbidden, 403))
        with (self.assertRaises(client_errors.Forbidden),
              self.assertLogs('lightos_cinder', 'ERROR') as logs):
            self.roll_back()
        self.assertIn(backend_case.ID, logs.output[0])

    def test_a_reading_of_before_is_not_taken_for_the_end(self):
        """A node may lag behind: the ETag tells."""
        began = self.clock.now()
        self.volumes.stale_reads('roll_back', 2)
        self.roll_back()
        self.assertEqual(GIB, self.present().size)
        self.assertIs(State.AVAILABLE, self.present().state)
        self.assertGreaterEqual(self.clock.now() - began, 1)

    def test_a_lost_reply_is_resolved(self):
        self.volumes.lose_reply('roll_back')
        self.roll_back()
        self.assertEqual(GIB, self.present().size)

    def test_a_refusal_is_an_error(self):
        self.volumes.refuse('roll_back', fake_cluster.answered(
            client_errors.BadRequest, 400))
        with self.assertRaises(client_errors.BadRequest):
            self.roll_back()

    def test_a_volume_that_goes_meanwhile_is_missing(self):
        self.volumes.goes_with('roll_back', self.there.uuid)
        with self.assertRaises(errors.Missing) as caught:
            self.roll_back()
        self.assertEqual('volume', caught.exception.noun)

    def test_one_of_another_volume_is_refused(self):
        self.snapshots.amend(self.snapshot.uuid, source_volume_uuid='other',
                             source_volume_name='volume-other')
        with self.assertRaises(errors.Different) as caught:
            self.roll_back()
        for text in (self.snapshot.cinder_id, backend_case.ID,
                     'volume-other'):
            self.assertIn(text, str(caught.exception))
        self.assertEqual(0, self.volumes.count('roll_back'))

    def test_it_is_waited_for_no_longer_than_the_operation_may_take(self):
        self.volumes.takes = 1000
        began = self.clock.now()
        with self.assertRaises(errors.NotSettled):
            self.roll_back()
        # And then to see to it that it is closed.
        self.assertEqual(110, self.clock.now() - began)


class AdoptTest(ChangeTestCase):

    def setUp(self):
        super().setUp()
        self.volumes.amend(self.there.uuid, name='crm-data', size=GIB - 4096)
        self.ref = naming.Ref(backend_case.ID, 'tenant', 'crm-data',
                              self.there.uuid, managed=True)

    def adopt(self, **fields):
        return self.backend.adopt_volume(
            self.ref, **dict({'size': GIB, 'qos_policy': None,
                              'name': 'volume-x'}, **fields))

    def test_size_policy_and_name(self):
        self.assertTrue(self.adopt(qos_policy='fast'))
        self.assertEqual(
            ('volume-x', GIB, 'fast'),
            (self.present().name, self.present().size,
             self.present().qos_policy_name))

    def test_what_is_so_already(self):
        self.assertTrue(self.adopt(size=GIB - 4096, name='crm-data'))
        self.assertEqual([], self.changes())

    def test_one_that_was_opened_meanwhile_is_left_alone(self):
        self.volumes.amend(self.there.uuid, acl=frozenset({'nqn-a'}))
        with self.assertRaises(errors.Different):
            self.adopt()
        self.assertEqual([], self.changes())

    def test_a_name_that_does_not_come_is_given_up_soon(self):
        self.volumes.cannot_rename = True
        began = self.clock.now()
        self.assertFalse(self.adopt(size=GIB - 4096))
        self.assertEqual('crm-data', self.present().name)
        self.assertLess(self.clock.now() - began, 10)

    def test_a_name_that_comes_late(self):
        self.volumes.takes = 20
        self.assertTrue(self.adopt(size=GIB - 4096))
        self.assertEqual('volume-x', self.present().name)

    def test_a_name_that_was_given_up_is_not_late(self):
        self.volumes.cannot_rename = True
        self.volumes.takes = 20
        self.assertFalse(self.adopt(size=GIB - 4096))
        self.assertTrue(self.present().state.usable)

    def test_a_name_that_is_refused_is_given_up(self):
        for refusal in (client_errors.BadRequest,
                        client_errors.Unimplemented):
            self.volumes.refuse('update', fake_cluster.answered(refusal))
            self.assertFalse(self.adopt(size=GIB - 4096))

    def test_a_name_that_another_has(self):
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.AlreadyExists, 409))
        self.assertFalse(self.backend.rename_volume(self.ref, 'volume-x'))

    def test_any_other_error_is_an_error(self):
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.Forbidden, 403))
        with self.assertRaises(client_errors.Forbidden):
            self.adopt(size=GIB - 4096)


class LookUpTest(ChangeTestCase):

    def look_up(self, **fields):
        return self.backend.look_up_volume('tenant', naming.Source(**fields))

    def test_by_uuid_or_by_name(self):
        self.assertEqual(self.there, self.look_up(uuid=self.there.uuid))
        self.assertEqual(self.there, self.look_up(name=self.there.name))

    def test_nothing_there(self):
        self.assertIsNone(self.look_up(uuid='nothing'))
        self.assertIsNone(self.look_up(name='nothing'))

    def test_an_error_is_not_absence(self):
        """Defect 1."""
        for method, fields in (('get', {'uuid': self.there.uuid}),
                               ('find', {'name': self.there.name})):
            self.volumes.refuse(method, fake_cluster.answered(
                client_errors.Forbidden, 403))
            with self.assertRaises(client_errors.Forbidden):
                self.look_up(**fields)

    def test_a_snapshot(self):
        snapshot = self.put_snapshot()
        self.assertEqual(snapshot.uuid, self.backend.look_up_snapshot(
            'tenant', naming.Source(name=snapshot.name)).uuid)
