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

from lightos_cinder.client import api
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from tests.unit import fake_cluster
from tests.unit import lifecycle_case

State = models.State


@ddt.ddt
class FindTest(lifecycle_case.LifecycleTestCase):

    def assert_missing(self, **fields):
        with self.assertRaises(errors.Missing) as caught:
            self.lifecycle(**fields).find()
        self.assertEqual('volume', caught.exception.noun)
        self.assertEqual('cinder-id', caught.exception.ref.cinder_id)

    def test_by_uuid(self):
        self.assertEqual(self.there, self.lifecycle().find())
        self.assertEqual([('get', self.there.uuid)], self.volumes.calls)

    def test_by_name_where_no_uuid_is_known(self):
        """Defect 1: volumes made before the UUID was recorded."""
        self.assertEqual(self.there, self.lifecycle(uuid=None).find())
        self.assertEqual(0, self.volumes.count('get'))

    def test_by_name_where_the_uuid_is_of_nothing(self):
        self.assertEqual(self.there, self.lifecycle(uuid='stale').find())

    def test_by_name_where_the_uuid_is_of_another_volume(self):
        """Cinder copies a provider_id onto temporary volumes."""
        other = self.volumes.put(name=lifecycle_case.OTHER_NAME)
        self.assertEqual(self.there, self.lifecycle(
            uuid=other.uuid, inherited=lambda: 'tenant').find())

    def test_where_the_type_says_if_all_else_is_of_another_volume(self):
        other = self.volumes.put(name=lifecycle_case.OTHER_NAME,
                                 project='elsewhere')
        found = self.lifecycle(project='elsewhere', uuid=other.uuid,
                               inherited=lambda: 'tenant')
        self.assertEqual(self.there, found.find())
        # That is where it is changed then, too.
        self.assertEqual(20, found.change(
            lambda volume: None if volume.size == 20
            else api.resized(20)).size)
        self.assertEqual(other, self.volumes.now()[other.uuid])

    def test_under_its_own_name_it_is_not_asked_whose_it_is(self):
        self.assertEqual(self.there, self.lifecycle(
            inherited=lambda: self.fail('asked')).find())

    def test_what_is_neither_there_by_uuid_nor_by_name(self):
        self.assert_missing(uuid='stale', name='nobody')
        self.assert_missing(uuid=None, name='nobody')

    def test_only_another_volume_is_there(self):
        self.assert_missing(name=lifecycle_case.OTHER_NAME,
                            inherited=lambda: 'tenant')

    @ddt.data('renamed', lifecycle_case.OTHER_NAME)
    def test_a_volume_that_somebody_renamed_is_itself(self, name):
        """Defect 1: Cinder forgets nothing that still exists."""
        self.volumes.amend(self.there.uuid, name=name)
        for inherited in (None, lambda: None):
            self.assertEqual(name, self.lifecycle(
                inherited=inherited).find().name)

    def test_one_that_is_managed_is_itself_under_any_name(self):
        for name in ('crm-data', lifecycle_case.OTHER_NAME):
            self.volumes.amend(self.there.uuid, name=name)
            self.assertEqual(name, self.lifecycle(
                name='crm-data', managed=True).find().name)

    def test_a_namesake_of_one_that_is_managed_is_not_it(self):
        self.volumes.amend(self.there.uuid, name='crm-data')
        self.assert_missing(name='crm-data', uuid='gone', managed=True)

    def test_one_that_is_managed_and_listed_is_there(self):
        """404 to its UUID can be of a node that does not know yet."""
        self.volumes.refuse('get', fake_cluster.answered(
            client_errors.NotFound, 404))
        self.assertEqual(self.there, self.lifecycle(managed=True).find())

    def test_one_that_is_managed_is_gone_only_if_its_project_is_open(self):
        """Defect 1: a project that is closed proves nothing."""
        self.volumes.refuse('find', fake_cluster.answered(
            client_errors.Forbidden, 403))
        with self.assertRaises(client_errors.Forbidden):
            self.lifecycle(uuid='gone', managed=True).find()

    @ddt.data(State.DELETING, State.DELETED)
    def test_what_is_on_its_way_out_is_missing(self, state):
        self.volumes.amend(self.there.uuid, state=state)
        self.assert_missing()

    def test_what_was_never_created_is_no_volume(self):
        self.volumes.amend(self.there.uuid, state=State.FAILED)
        self.assertRaises(errors.Failed, self.lifecycle().find)

    @ddt.data('get', 'find')
    def test_what_may_not_be_read_is_not_missing(self, method):
        """Defect 1: 403 is no "not found"."""
        self.volumes.refuse_always(method, fake_cluster.answered(
            client_errors.Forbidden, 403))
        uuid = self.there.uuid if method == 'get' else 'stale'
        self.assertRaises(client_errors.Forbidden,
                          self.lifecycle(uuid=uuid).find)


@ddt.ddt
class ChangeTest(lifecycle_case.LifecycleTestCase):

    def grow(self, size=20):
        return self.lifecycle().change(
            lambda volume: None if volume.size >= size
            else api.resized(size))

    def assert_error(self, kind):
        with self.assertRaises(kind) as caught:
            self.grow()
        self.assertIs(kind, type(caught.exception))

    def test_is_done_when_it_returns(self):
        """Defect 3: "accepted" is not "done"."""
        self.volumes.takes = 20
        grown = self.grow()
        self.assertEqual(20, grown.size)
        self.assertIs(State.AVAILABLE, grown.state)
        self.assertEqual(1, self.volumes.count('update'))

    def test_nothing_is_sent_where_nothing_is_to_be_changed(self):
        """Defect 20: no needless Updating state."""
        self.grow(10)
        self.assertEqual(0, self.volumes.count('update'))

    def test_is_made_to_what_was_read_or_not_at_all(self):
        self.grow()
        self.assertEqual([({'size': '20'}, '1')], self.volumes.changes)

    def test_is_made_again_to_what_somebody_else_has_changed(self):
        """Defect 45: a mismatch of the ETag is read and tried again."""
        def wanted(volume):
            if volume.etag == '1':
                self.volumes.amend(self.there.uuid, etag='7')
            return None if volume.size >= 20 else api.resized(20)

        self.assertEqual(20, self.lifecycle().change(wanted).size)
        self.assertEqual(['1', '7'],
                         [etag for _, etag in self.volumes.changes])

    def test_what_somebody_else_does_meanwhile_may_leave_nothing_to_do(self):
        def wanted(volume):
            if volume.size < 20:
                self.volumes.amend(self.there.uuid, etag='7', size=30)
                return api.resized(20)

        self.assertEqual(30, self.lifecycle().change(wanted).size)
        self.assertEqual(1, self.volumes.count('update'))

    def test_what_was_accepted_is_not_asked_for_again(self):
        """Defect 3: a change may show some time later."""
        self.volumes.shows_updating = False
        self.volumes.takes = 20
        self.assertEqual(20, self.grow().size)
        self.assertEqual(1, self.volumes.count('update'))

    def test_what_was_undone_is_asked_for_again(self):
        self.volumes.shows_updating = False
        self.volumes.takes = 20
        self.volumes.after(5, lambda: self.volumes.amend(
            self.there.uuid, etag='9'))
        self.assertEqual(20, self.grow().size)
        self.assertEqual(['1', '9'],
                         [etag for _, etag in self.volumes.changes])

    def test_an_older_cluster_without_etags(self):
        self.volumes.amend(self.there.uuid, etag='')
        self.assertEqual(20, self.grow().size)
        self.assertEqual(({'size': '20'}, ''), self.volumes.changes[0])

    def test_what_the_cluster_ignores_is_an_error(self):
        """Defect 3: never a success that did not happen."""
        self.volumes.ignores_changes = True
        self.assert_error(errors.NotSettled)
        self.assertEqual(1100, self.clock.now())
        self.assertEqual(1, self.volumes.count('update'))

    def test_what_does_not_show_in_time_is_an_error(self):
        """Defect 3: never a success that did not happen."""
        self.volumes.takes = 500
        self.assert_error(errors.NotSettled)
        self.assertEqual(1100, self.clock.now())

    def test_a_lost_reply_is_resolved_by_reading(self):
        self.volumes.lose_reply('update')
        self.assertEqual(20, self.grow().size)
        self.assertEqual(1, self.volumes.count('update'))

    def test_what_was_lost_on_its_way_is_asked_for_again(self):
        self.volumes.refuse('update', fake_cluster.lost())
        self.assertEqual(20, self.grow().size)
        self.assertEqual(2, self.volumes.count('update'))

    @ddt.data(client_errors.Busy, client_errors.PreconditionFailed,
              client_errors.ServerError)
    def test_what_was_refused_for_now_is_asked_for_again(self, kind):
        """Defect 45: 409 and 503 pass."""
        self.volumes.refuse('update', *[fake_cluster.answered(kind)] * 3)
        self.assertEqual(20, self.grow().size)

    @ddt.data(client_errors.BadRequest, client_errors.Forbidden,
              client_errors.Unauthenticated)
    def test_what_was_refused_for_good_ends_at_once(self, kind):
        """Defect 29: permanent errors are not repeated."""
        self.volumes.refuse_always('update', fake_cluster.answered(kind))
        self.assert_error(kind)
        self.assertEqual(1, self.volumes.count('update'))
        self.assertEqual([], self.clock.pauses)

    def test_a_volume_that_vanishes_meanwhile_is_missing(self):
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.NotFound, 404))
        self.volumes.goes_with('update', self.there.uuid)
        self.assert_error(errors.Missing)

    def test_a_volume_that_a_node_does_not_show_is_looked_for_again(self):
        self.volumes.refuse('update', fake_cluster.lost())
        self.volumes.hide(1, 2)
        self.grow()
        self.assertEqual(2, self.volumes.count('update'))

    def test_what_a_change_names_can_be_what_is_not_there(self):
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.NotFound, 404))
        self.assert_error(client_errors.NotFound)

    @ddt.data(State.UPDATING, State.CREATING, State.ROLLBACK, State.UNKNOWN)
    def test_a_volume_that_is_busy_is_waited_for(self, state):
        """Defect 10: a state that passes, or is not known, ends nothing."""
        self.volumes.amend(self.there.uuid, state=state)
        self.volumes.after(10, lambda: self.volumes.amend(
            self.there.uuid, state=State.AVAILABLE))
        self.assertEqual(20, self.grow().size)
        self.assertEqual(1, self.volumes.count('update'))

    def test_a_volume_that_migrates_can_be_changed(self):
        self.volumes.amend(self.there.uuid, state=State.MIGRATING)
        self.grow()
        self.assertLess(self.clock.now(), 1010)

    def test_a_volume_that_stays_busy_ends_with_the_time(self):
        self.volumes.amend(self.there.uuid, state=State.UPDATING)
        self.assert_error(errors.NotSettled)
        self.assertEqual(1100, self.clock.now())
        self.assertEqual(0, self.volumes.count('update'))

    def test_looks_stay_few(self):
        """Defect 30: no loop without a pause."""
        self.volumes.takes = 500
        self.assert_error(errors.NotSettled)
        self.assertLess(self.volumes.count('get'), 70)

    def test_an_error_of_the_arithmetic_ends_it_at_once(self):
        def wanted(volume):
            raise KeyError('too many')

        self.assertRaises(KeyError, self.lifecycle().change, wanted)
        self.assertEqual([], self.clock.pauses)
