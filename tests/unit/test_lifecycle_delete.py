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
from tests.unit import fake_cluster
from tests.unit import lifecycle_case

State = models.State


@ddt.ddt
class DeleteTest(lifecycle_case.LifecycleTestCase):

    def delete(self, **fields):
        self.lifecycle(**fields).delete()

    def assert_error(self, kind, **fields):
        with self.assertRaises(kind) as caught:
            self.delete(**fields)
        self.assertIs(kind, type(caught.exception))
        return caught.exception

    def assert_on_its_way_out(self):
        there = self.volumes.now().get(self.there.uuid)
        self.assertTrue(there is None or there.state.gone)

    def assert_still_there(self):
        self.assertIs(State.AVAILABLE, self.present().state)

    def test_is_on_its_way_out_when_it_returns(self):
        self.volumes.takes = 40
        self.delete()
        self.assertIs(State.DELETING, self.present().state)
        # Deleting never turns back; nobody waits for its end.
        self.assertLess(self.clock.now(), 1001)

    def test_by_name_where_no_uuid_is_known(self):
        """Defect 1: old volumes are deleted and not forgotten."""
        self.delete(uuid=None)
        self.assert_on_its_way_out()

    @ddt.data({'uuid': 'stale', 'name': 'nobody'},
              {'uuid': None, 'name': 'nobody'})
    def test_what_is_not_there_is_deleted(self, fields):
        self.delete(**fields)
        self.assertEqual(0, self.volumes.count('delete'))
        self.assertEqual([], self.clock.pauses)

    def test_a_namesake_in_another_project_is_left_alone(self):
        self.delete(project='another')
        self.assert_still_there()

    def test_another_volume_that_has_the_uuid_is_left_alone(self):
        """A copied provider_id is not a reason to delete."""
        self.delete(name=lifecycle_case.OTHER_NAME,
                    inherited=lambda: 'tenant')
        self.assert_still_there()

    def test_where_the_type_says_if_all_else_is_of_another_volume(self):
        other = self.volumes.put(name=lifecycle_case.OTHER_NAME,
                                 project='elsewhere')
        self.delete(project='elsewhere', uuid=other.uuid,
                    inherited=lambda: 'tenant')
        self.assert_on_its_way_out()
        self.assertEqual(other, self.volumes.now()[other.uuid])

    def test_one_that_has_its_name_by_then_is_left_alone(self):
        """The new volume of a migration is given the name of the old."""
        self.volumes.takes = 0
        other = self.volumes.put(name=lifecycle_case.NAME)
        self.delete()
        self.assertEqual({other.uuid: other}, self.volumes.now())

    @ddt.data('renamed', lifecycle_case.OTHER_NAME)
    def test_a_volume_that_somebody_renamed_is_not_forgotten(self, name):
        """Defect 1: Cinder forgets nothing that still exists."""
        self.volumes.amend(self.there.uuid, name=name)
        self.delete(inherited=lambda: None)
        self.assert_on_its_way_out()

    @ddt.data(State.DELETING, State.DELETED)
    def test_what_is_on_its_way_out_is_not_deleted_again(self, state):
        """Defect 38: a second request would be refused."""
        self.volumes.amend(self.there.uuid, state=state)
        self.delete()
        self.assertEqual(0, self.volumes.count('delete'))

    def test_a_refusal_because_it_is_on_its_way_out_is_success(self):
        """Defect 38: 400 because somebody else was faster."""
        self.volumes.lose_reply('delete', fake_cluster.answered(
            client_errors.BadRequest, 400))
        self.delete()
        self.assert_on_its_way_out()
        self.assertEqual(1, self.volumes.count('delete'))

    def test_gone_between_two_calls_is_success(self):
        self.volumes.lose_reply('delete', fake_cluster.answered(
            client_errors.NotFound, 404))
        self.delete()
        self.assert_on_its_way_out()

    def test_a_lost_reply_is_resolved_by_reading(self):
        """Defects 26 and 38: not repeated for a hundred seconds."""
        self.volumes.lose_reply('delete')
        self.delete()
        self.assertEqual(1, self.volumes.count('delete'))
        self.assertLess(self.clock.now(), 1001)

    def test_what_was_lost_on_its_way_is_asked_for_again(self):
        self.volumes.refuse('delete', fake_cluster.lost())
        self.delete()
        self.assert_on_its_way_out()

    @ddt.data(client_errors.Busy, client_errors.PreconditionFailed,
              client_errors.ServerError)
    def test_what_was_refused_for_now_is_asked_for_again(self, kind):
        """Defect 2: 503 is normal while a source is Updating."""
        self.volumes.refuse('delete', *[fake_cluster.answered(kind)] * 3)
        self.delete()
        self.assert_on_its_way_out()

    @ddt.data(client_errors.Busy, client_errors.PreconditionFailed)
    def test_what_stays_busy_is_busy_and_as_it_was(self, kind):
        """Defect 2: never a success that did not happen."""
        self.volumes.refuse_always('delete', fake_cluster.answered(kind))
        error = self.assert_error(errors.StillBusy)
        self.assertEqual(('volume', 'cinder-id'),
                         (error.noun, error.ref.cinder_id))
        self.assertIn('the words of the cluster', str(error))
        self.assertEqual(1100, self.clock.now())
        self.assertLess(self.volumes.count('delete'), 70)
        self.assert_still_there()

    @ddt.data(State.UPDATING, State.CREATING, State.FAILED)
    def test_what_is_not_usable_is_not_said_to_be_as_it_was(self, state):
        self.volumes.amend(self.there.uuid, state=state)
        self.volumes.refuse_always('delete', fake_cluster.busy())
        self.assert_error(client_errors.Busy)

    def test_what_may_have_been_deleted_is_not_said_to_be_as_it_was(self):
        self.volumes.refuse('delete', fake_cluster.lost(),
                            *[fake_cluster.busy()] * 1000)
        self.assert_error(client_errors.Busy)

    def test_what_was_accepted_is_not_said_to_be_as_it_was(self):
        accepted = []

        def delete(project, uuid):
            if accepted:
                raise fake_cluster.busy()
            accepted.append(uuid)
            self.volumes.refuse('get', fake_cluster.busy())

        self.volumes.delete = delete
        self.assert_error(client_errors.Busy)

    def test_what_cannot_be_read_is_not_said_to_be_as_it_was(self):
        """Defect 9: an unreadable state is neither gone nor busy."""
        self.volumes.refuse_always('get', fake_cluster.busy())
        self.assert_error(client_errors.Busy)

    def test_what_does_not_go_in_time_is_an_error(self):
        """Defect 9: only the cluster's word ends an object."""
        self.volumes.refuse('delete')
        self.volumes.delete = lambda project, uuid: None
        self.assert_error(client_errors.DeadlineExceeded)
        self.assertEqual(1100, self.clock.now())
        self.assert_still_there()

    @ddt.data(client_errors.BadRequest, client_errors.Forbidden,
              client_errors.Unauthenticated)
    def test_what_was_refused_for_good_ends_at_once(self, kind):
        """Defects 2 and 29: a refusal is an error, and not repeated."""
        self.volumes.refuse_always('delete', fake_cluster.answered(kind))
        self.assert_error(kind)
        self.assertEqual(1, self.volumes.count('delete'))
        self.assertEqual([], self.clock.pauses)
        self.assert_still_there()

    @ddt.data(('get', client_errors.Unauthenticated),
              ('get', client_errors.Forbidden),
              ('find', client_errors.Unauthenticated),
              ('find', client_errors.Forbidden),
              ('find', client_errors.NotFound))
    @ddt.unpack
    def test_what_may_not_be_read_is_not_gone(self, method, kind):
        """Defect 1: 401 and 403 do not mean "deleted"."""
        self.volumes.refuse_always(method, fake_cluster.answered(kind))
        self.assert_error(kind, uuid=self.there.uuid if method == 'get'
                          else 'stale')
        self.assert_still_there()

    @ddt.data(('get', client_errors.ServerError), ('get', client_errors.Busy),
              ('find', client_errors.ServerError),
              ('find', client_errors.Busy))
    @ddt.unpack
    def test_what_cannot_be_read_for_long_is_not_gone(self, method, kind):
        """Defects 1 and 9: 500 and 503 do not mean "deleted"."""
        self.volumes.refuse_always(method, fake_cluster.answered(kind))
        self.assert_error(kind, uuid=self.there.uuid if method == 'get'
                          else 'stale')
        self.assert_still_there()

    def test_remains_are_deleted_where_the_cluster_can(self):
        self.volumes.amend(self.there.uuid, state=State.FAILED)
        self.delete()
        self.assert_on_its_way_out()

    @ddt.data(client_errors.BadRequest, client_errors.PreconditionFailed)
    def test_remains_are_let_be_where_it_cannot(self, kind):
        """Defect 34: not asked for in vain for a hundred seconds."""
        self.volumes.amend(self.there.uuid, state=State.FAILED)
        self.volumes.refuse_always('delete', fake_cluster.answered(kind))
        with self.assertLogs('lightos_cinder.lifecycle', 'INFO'):
            self.delete()
        self.assertEqual(1, self.volumes.count('delete'))

    def test_remains_that_may_not_be_deleted_are_an_error(self):
        self.volumes.amend(self.there.uuid, state=State.FAILED)
        self.volumes.refuse_always('delete', fake_cluster.answered(
            client_errors.Forbidden))
        self.assert_error(client_errors.Forbidden)
