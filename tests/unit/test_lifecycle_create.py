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

from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from lightos_cinder import lifecycle
from lightos_cinder import naming
from tests.unit import fake_cluster

State = models.State

NAME = 'volume-3b1a8f4e-6f0f-4000-8000-000000000001'
REF = naming.Ref('cinder-id', 'tenant', NAME)


class CreateTestCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.client = fake_cluster.Client()
        self.clock = self.client.clock
        self.volumes = self.client.volumes
        self.posted = 0

    def post(self):
        self.posted += 1
        return self.volumes.create(
            'tenant', name=NAME, size=4096, replicas=2, compression=True,
            acl=['ALLOW_NONE'], ip_acl=['ALLOW_NONE'])

    @staticmethod
    def check(volume):
        return {'size': (4096, volume.size),
                'number of replicas': (2, volume.replicas)}

    def put(self, **fields):
        """Have a volume of that name there already, as asked."""
        return self.volumes.put(**dict(
            {'name': NAME, 'size': 4096, 'replicas': 2}, **fields))

    def create(self):
        return lifecycle.of_volume(self.client, REF).create(self.post,
                                                            self.check)

    def assert_error(self, kind):
        with self.assertRaises(kind) as caught:
            self.create()
        self.assertIs(kind, type(caught.exception))
        return str(caught.exception)

    def states(self):
        return [one.state for one in self.volumes.now().values()]


@ddt.ddt
class CreateTest(CreateTestCase):

    def test_is_settled_when_it_is_done(self):
        made = self.create()
        self.assertIs(State.AVAILABLE, made.state)
        self.assertEqual(made, self.volumes.now()[made.uuid])
        self.assertEqual(1, self.posted)

    def test_waiting_takes_few_looks(self):
        self.volumes.takes = 60
        self.create()
        self.assertLess(self.volumes.count('get'), 45)

    def test_a_lost_reply_is_resolved_by_reading(self):
        """Defect 26: the volume is there, and not made twice."""
        self.volumes.lose_reply('create')
        made = self.create()
        self.assertEqual([made.uuid], list(self.volumes.now()))
        self.assertEqual(1, self.posted)

    def test_what_was_lost_on_its_way_is_asked_for_again(self):
        self.volumes.refuse('create', fake_cluster.lost())
        self.create()
        self.assertEqual(2, self.posted)
        self.assertEqual([State.AVAILABLE], self.states())

    def test_what_shows_only_after_the_next_request_is_adopted(self):
        """Defect 34: 409 after a lost reply is no error."""
        self.volumes.lose_reply('create')
        found = [None]
        find = self.volumes.find
        self.volumes.find = lambda *args: (found.pop() if found
                                           else find(*args))
        self.create()
        self.assertEqual(2, self.posted)
        self.assertEqual([State.AVAILABLE], self.states())

    @ddt.data(client_errors.Busy, client_errors.PreconditionFailed,
              client_errors.ServerError)
    def test_what_was_refused_for_now_is_asked_for_again(self, kind):
        """Defect 35: 409, 412, 429 and 503 pass."""
        self.volumes.refuse('create', *[fake_cluster.answered(kind)] * 3)
        self.create()
        self.assertEqual(4, self.posted)
        self.assertGreaterEqual(len(self.clock.pauses), 3)

    @ddt.data(client_errors.BadRequest, client_errors.Forbidden,
              client_errors.Unauthenticated, client_errors.NotFound)
    def test_what_was_refused_for_good_ends_at_once(self, kind):
        """Defects 29 and 35: permanent errors are not repeated."""
        self.volumes.refuse_always('create', fake_cluster.answered(kind))
        self.assert_error(kind)
        self.assertEqual(1, self.posted)
        self.assertEqual([], self.clock.pauses)

    def test_what_a_node_does_not_show_yet_is_waited_for(self):
        self.volumes.takes = 1
        self.volumes.hide(0, 2)
        self.assertIs(State.AVAILABLE, self.create().state)

    def test_what_nobody_shows_for_long_is_an_error(self):
        self.volumes.takes = 500
        self.volumes.hide(0, 100)
        self.assert_error(client_errors.NotFound)
        self.assertLess(self.clock.now(), 1020)

    def test_time_ends_it_with_the_last_word_of_the_cluster(self):
        self.volumes.refuse_always('create', fake_cluster.answered(
            client_errors.Busy, 429))
        self.assert_error(client_errors.Busy)
        self.assertEqual(1100, self.clock.now())
        self.assertLess(self.posted, 70)

    def test_what_somebody_deletes_meanwhile_is_not_waited_for(self):
        self.volumes.takes = 20
        self.volumes.after(5, lambda: self.volumes.delete(
            'tenant', list(self.volumes.now())[0]))
        self.assertIn('was deleted while it was created',
                      self.assert_error(errors.Failed))
        self.assertLess(self.clock.now(), 1010)


@ddt.ddt
class NameTakenTest(CreateTestCase):

    @ddt.data(State.AVAILABLE, State.CREATING, State.UPDATING)
    def test_what_is_as_asked_is_adopted(self, state):
        there = self.put(state=state)
        self.volumes.after(3, lambda: self.volumes.amend(
            there.uuid, state=State.AVAILABLE))
        made = self.create()
        self.assertEqual(there.uuid, made.uuid)
        self.assertIs(State.AVAILABLE, made.state)

    def test_what_is_not_as_asked_is_an_error_that_says_how(self):
        """Defect 34: size and replicas are compared."""
        there = self.put(size=8192, replicas=3)
        message = self.assert_error(errors.Different)
        self.assertIn('size is 8192 instead of 4096', message)
        self.assertIn('number of replicas is 3 instead of 2', message)
        self.assertEqual({there.uuid: there}, self.volumes.now())

    def test_what_is_not_as_asked_is_not_waited_for(self):
        self.put(size=8192, state=State.UPDATING)
        self.assert_error(errors.Different)
        self.assertEqual([], self.clock.pauses)

    def test_what_is_being_deleted_is_waited_for(self):
        """Defect 34: a namesake on its way out is not deleted again."""
        there = self.put()
        self.volumes.takes = 20
        self.volumes.delete('tenant', there.uuid)
        self.volumes.refuse('create', *[
            fake_cluster.answered(client_errors.AlreadyExists)] * 4)
        made = self.create()
        self.assertNotEqual(there.uuid, made.uuid)
        self.assertEqual(1, self.volumes.count('delete'))

    def test_what_failed_before_makes_way(self):
        """Defect 34: a namesake that failed is out of the way first."""
        self.put(state=State.FAILED)
        made = self.create()
        self.assertEqual([made.uuid], list(self.volumes.now()))

    def test_what_failed_and_cannot_be_deleted_is_an_error_soon(self):
        self.put(state=State.FAILED)
        self.volumes.keeps_remains = True
        self.assertIn('its name is still held',
                      self.assert_error(errors.Failed))
        self.assertLess(self.clock.now(), 1010)

    def test_what_failed_before_may_hold_its_name_a_moment_longer(self):
        self.put(state=State.FAILED)
        self.volumes.takes = 0
        self.volumes.refuse('create', None, fake_cluster.answered(
            client_errors.AlreadyExists))
        self.assertIs(State.AVAILABLE, self.create().state)

    @ddt.data((), (fake_cluster.lost(),))
    def test_what_failed_and_stays_but_frees_its_name(self, faults):
        self.put(state=State.FAILED)
        self.volumes.keeps_remains = True
        self.volumes.remains_free_names = True
        self.volumes.refuse('create', *faults)
        self.assertIs(State.AVAILABLE, self.create().state)

    def test_a_name_that_is_held_by_nothing_shown_is_waited_for(self):
        self.volumes.refuse('create', *[
            fake_cluster.answered(client_errors.AlreadyExists)] * 5)
        self.create()
        self.assertEqual(6, self.posted)

    def test_a_name_that_stays_held_ends_with_the_time(self):
        self.volumes.refuse_always(
            'create', fake_cluster.answered(client_errors.AlreadyExists))
        self.assert_error(errors.NotSettled)
        self.assertEqual(1100, self.clock.now())

    @ddt.data(client_errors.Forbidden, client_errors.Unauthenticated)
    def test_what_cannot_be_read_is_not_taken_for_nothing(self, kind):
        """Defect 34: a failed look-up is no "not there"."""
        self.put()
        self.volumes.refuse_always('find', fake_cluster.answered(kind))
        self.assert_error(kind)


@ddt.ddt
class TidyTest(CreateTestCase):
    """Defect 10: what a failed creation made is not left behind."""

    def test_what_the_cluster_failed_to_create(self):
        self.volumes.fails_to_create = True
        self.assert_error(errors.Failed)
        self.assertIn(self.states(), ([], [State.DELETING]))

    def test_what_did_not_settle_in_time(self):
        self.volumes.takes = 500
        self.assert_error(client_errors.DeadlineExceeded)
        self.assertEqual([State.DELETING], self.states())
        # With a time of its own, for that of the operation is over.
        self.assertLess(self.clock.now(), 1111)

    def test_what_was_made_other_than_asked(self):
        """Defect 17: what comes back is compared too."""
        self.check = lambda volume: {'size': (4096, volume.size + 1)}
        self.assert_error(errors.Different)
        self.assertIn(self.states(), ([], [State.DELETING]))

    def test_what_was_made_although_the_reply_was_lost(self):
        self.volumes.lose_reply('create')
        self.volumes.takes = 500
        self.assert_error(client_errors.DeadlineExceeded)
        self.assertEqual([State.DELETING], self.states())

    def test_what_cannot_be_read_any_more_after_it_was_made(self):
        self.volumes.refuse('get', fake_cluster.answered(
            client_errors.Forbidden))
        self.assert_error(client_errors.Forbidden)
        self.assertIn(self.states(), ([], [State.DELETING]))

    def test_what_a_listing_does_not_show_yet(self):
        self.volumes.takes = 500
        self.volumes.find = lambda project, name: None
        self.assert_error(client_errors.DeadlineExceeded)
        self.assertEqual([State.DELETING], self.states())

    def test_what_a_node_does_not_show_yet(self):
        """Another than the one that made it."""
        self.volumes.refuse('get', fake_cluster.answered(
            client_errors.Forbidden))
        self.volumes.hide(0, 2)
        self.assert_error(client_errors.Forbidden)
        self.assertIn(self.states(), ([], [State.DELETING]))

    def test_what_is_not_shown_after_its_deletion_was_lost(self):
        """It was lost on its way there."""
        self.volumes.refuse('get', fake_cluster.answered(
            client_errors.Forbidden))
        self.volumes.refuse('delete', fake_cluster.lost())
        self.volumes.hide(1, 1)
        self.assert_error(client_errors.Forbidden)
        self.assertIn(self.states(), ([], [State.DELETING]))

    @ddt.data(fake_cluster.lost(), fake_cluster.busy())
    def test_what_may_have_been_made_and_is_not_shown_yet(self, told):
        """503 is also what a gateway says that loses the cluster."""
        self.volumes.lose_reply('create', told)
        self.volumes.refuse('find', fake_cluster.answered(
            client_errors.Forbidden))
        self.volumes.hide(0, 2)
        self.assert_error(client_errors.Forbidden)
        self.assertIn(self.states(), ([], [State.DELETING]))

    def test_what_cannot_be_deleted_is_said_to_be_left(self):
        self.volumes.takes = 500
        self.volumes.refuse_always('delete', fake_cluster.busy())
        with self.assertLogs('lightos_cinder.lifecycle', 'ERROR') as logs:
            self.assert_error(client_errors.DeadlineExceeded)
        self.assertIn(NAME, logs.output[0])
        self.assertIn('may be left', logs.output[0])

    @ddt.data({'state': State.CREATING}, {'state': State.UPDATING})
    def test_but_not_what_was_there_before(self, fields):
        there = self.put(**fields)
        self.assert_error(client_errors.DeadlineExceeded)
        self.assertEqual({there.uuid: there}, self.volumes.now())

    def test_but_not_what_another_has_though_the_reply_was_lost(self):
        """The request whose reply was lost had been refused with 409."""
        there = self.put(size=8192)
        self.volumes.refuse('create', fake_cluster.lost())
        self.assert_error(errors.Different)
        self.assertEqual({there.uuid: there}, self.volumes.now())

    def test_but_not_what_another_has_though_time_is_up(self):
        there = self.put(size=8192)
        self.volumes.refuse_always('create', fake_cluster.lost())
        self.volumes.refuse('find', *[fake_cluster.lost()] * 1000)
        self.client.renewed = self.after_the_end
        with self.assertLogs('lightos_cinder.lifecycle', 'ERROR') as logs:
            self.assert_error(client_errors.ReplyLost)
        self.assertIn('size is 8192 instead of 4096', logs.output[0])
        self.assertEqual({there.uuid: there}, self.volumes.now())

    def after_the_end(self, seconds):
        """Once the time is up, what is there can be read again."""
        self.volumes.refuse('find')
        return fake_cluster.Client.renewed(self.client, seconds)

    def test_nothing_is_deleted_where_nothing_was_made(self):
        self.volumes.refuse_always('create', fake_cluster.busy())
        self.assert_error(client_errors.Busy)
        self.assertEqual(0, self.volumes.count('delete'))
