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

from lightos_cinder import acl
from lightos_cinder.client import errors as client_errors
from lightos_cinder import errors
from tests.unit import backend_case
from tests.unit import fake_cluster

A = backend_case.A
B = backend_case.B
ANY = backend_case.ANY
NONE = backend_case.NONE


class AccessTestCase(backend_case.BackendTestCase):

    def setUp(self):
        super().setUp()
        self.ref = self.put_source(acl=NONE, ip_acl=NONE)

    def have(self, entries, addresses):
        self.volumes.amend(self.ref.uuid, acl=frozenset(entries),
                           ip_acl=frozenset(addresses))

    def present(self):
        there = self.volumes.now()[self.ref.uuid]
        return there.acl, there.ip_acl

    def somebody_else(self, entries, addresses):
        """Let another process change the lists just before us."""
        update = self.volumes.update

        def overtaken(*args):
            self.volumes.update = update
            self.have(entries, addresses)
            self.volumes.amend(self.ref.uuid, etag='7')
            return update(*args)

        self.volumes.update = overtaken


@ddt.ddt
class GrantTest(AccessTestCase):

    def test_the_host_is_in_when_it_returns(self):
        """Defects 10 and 21: both lists are waited for."""
        self.volumes.takes = 20
        opened, _was_inside = self.backend.grant(self.ref, A, [])
        self.assertEqual(({'nqn-a'}, A.addresses),
                         (opened.acl, opened.ip_acl))
        self.assertEqual(1, len(self.volumes.changes))

    def test_one_request_changes_both_lists(self):
        self.backend.grant(self.ref, A, [])
        self.assertEqual([({'acl': {'values': ['nqn-a']},
                            'IPAcl': {'values': ['10.0.0.1']}}, '1')],
                         self.volumes.changes)

    def test_nothing_is_sent_for_a_host_that_is_in(self):
        """Defect 20: no needless Updating state."""
        self.have(['nqn-a'], A.addresses)
        self.backend.grant(self.ref, A, [])
        self.assertEqual([], self.volumes.changes)

    def test_it_tells_whether_the_host_was_in_before(self):
        self.volumes.refuse('update', fake_cluster.busy())
        self.assertIs(False, self.backend.grant(self.ref, A, [])[1])
        self.assertIs(True, self.backend.grant(self.ref, A, [])[1])
        self.assertIs(False, self.backend.grant(self.ref, B, [A])[1])

    def test_who_is_attached_was_in_whatever_the_cluster_has(self):
        self.have(ANY, ANY)
        self.assertIs(True, self.backend.grant(self.ref, A, [A])[1])

    def test_a_host_that_came_meanwhile_is_not_lost(self):
        self.somebody_else(['nqn-b'], B.addresses)
        self.backend.grant(self.ref, A, [])
        self.assertEqual(({'nqn-a', 'nqn-b'}, A.addresses | B.addresses),
                         self.present())

    def test_the_others_may_be_told_one_by_one(self):
        """They are needed again for each look."""
        self.have(ANY, ANY)
        self.volumes.refuse('update', fake_cluster.busy())
        self.backend.grant(self.ref, A, iter([B]))
        self.assertEqual(({'nqn-a', 'nqn-b'}, A.addresses | B.addresses),
                         self.present())

    def test_too_many_addresses_change_nothing(self):
        """Defect 7: an error instead of a lost address."""
        host = acl.Host('nqn-a', frozenset(
            '10.0.1.%d' % number for number in range(17)))
        self.assertRaises(acl.TooManyAddresses, self.backend.grant,
                          self.ref, host, [])
        self.assertEqual([], self.volumes.changes)

    def test_a_volume_that_is_not_there(self):
        self.assertRaises(errors.Missing, self.backend.grant,
                          backend_case.REF, A, [])


@ddt.ddt
class FailedGrantTest(AccessTestCase):
    """Defect 10: a grant that failed does not leave a volume open."""

    def assert_fails(self, kind, *others):
        self.assertRaises(kind, self.backend.grant, self.ref, A, others)
        self.clock.advance(1000)

    def test_that_was_carried_out_after_all_is_undone(self):
        self.volumes.lose_reply('update', fake_cluster.answered(
            client_errors.BadRequest))
        self.assert_fails(client_errors.BadRequest)
        self.assertEqual((NONE, NONE), self.present())

    def test_that_comes_too_late_is_undone(self):
        self.have(['nqn-b'], B.addresses)
        self.volumes.takes = 104
        self.volumes.after(102, self.hurry)
        self.assert_fails(errors.NotSettled, B)
        self.assertEqual(({'nqn-b'}, B.addresses), self.present())

    def hurry(self):
        self.volumes.takes = 1

    def test_takes_nothing_from_a_host_that_was_in_before(self):
        self.have(['nqn-a'], B.addresses)
        self.volumes.refuse_always('update', fake_cluster.busy())
        self.assert_fails(client_errors.Busy)
        self.assertEqual(({'nqn-a'}, B.addresses), self.present())

    def test_closes_nothing_that_was_open_to_everybody(self):
        self.have(ANY, ANY)
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.BadRequest))
        self.assert_fails(client_errors.BadRequest)
        self.assertEqual((ANY, ANY), self.present())

    def test_takes_nothing_from_another_attachment_of_the_host(self):
        self.have(ANY, ANY)
        self.volumes.lose_reply('update', fake_cluster.answered(
            client_errors.BadRequest))
        self.assert_fails(client_errors.BadRequest, A)
        self.assertIn('nqn-a', self.present()[0])

    def test_that_cannot_be_undone_is_told(self):
        self.volumes.refuse_always('update', fake_cluster.busy())
        self.volumes.refuse('update', fake_cluster.answered(
            client_errors.BadRequest))
        self.volumes.get = self.unreadable_after_the_first(self.volumes.get)
        with self.assertLogs('lightos_cinder.backend', 'ERROR') as logs:
            self.assert_fails(client_errors.BadRequest)
        self.assertIn('may be open to host nqn-a', logs.output[0])

    @staticmethod
    def unreadable_after_the_first(get):
        looked = []

        def read(*args):
            looked.append(args)
            if len(looked) > 1:
                raise fake_cluster.answered(client_errors.Forbidden)
            return get(*args)

        return read


class RevokeTest(AccessTestCase):

    def test_the_host_is_out_when_it_returns(self):
        """Defect 8: access ends, or it is an error."""
        self.have(['nqn-a', 'nqn-b'], A.addresses | B.addresses)
        self.volumes.takes = 20
        closed = self.backend.revoke(self.ref, A, [B])
        self.assertEqual(({'nqn-b'}, B.addresses),
                         (closed.acl, closed.ip_acl))

    def test_that_fails_is_an_error(self):
        """Defect 8: not swallowed."""
        self.have(['nqn-a'], A.addresses)
        self.volumes.refuse_always('update', fake_cluster.busy())
        self.assertRaises(client_errors.Busy, self.backend.revoke, self.ref,
                          A, [])

    def test_nothing_is_sent_for_a_host_that_is_out(self):
        """Defect 20: no needless Updating state."""
        self.backend.revoke(self.ref, A, [])
        self.assertEqual([], self.volumes.changes)

    def test_a_host_that_came_meanwhile_is_not_lost(self):
        self.have(['nqn-a'], A.addresses)
        self.somebody_else(['nqn-a', 'nqn-b'], A.addresses | B.addresses)
        self.backend.revoke(self.ref, A, iter([B]))
        self.assertEqual(({'nqn-b'}, B.addresses), self.present())

    def test_everybody_is_shown_out(self):
        self.have(['nqn-a', 'nqn-b'], A.addresses)
        self.backend.revoke_all(self.ref)
        self.assertEqual((NONE, NONE), self.present())

    def test_nothing_is_sent_where_nobody_is_in(self):
        self.have(NONE, A.addresses)
        self.backend.revoke_all(self.ref)
        self.assertEqual([], self.volumes.changes)


class WithoutIpAclTest(AccessTestCase):

    use_ip_acl = False

    def test_a_new_volume_may_be_reached_from_anywhere(self):
        made = self.backend.create_volume(backend_case.REF,
                                          backend_case.SPEC,
                                          backend_case.GIB)
        self.assertEqual((NONE, ANY), (made.acl, made.ip_acl))

    def test_coming_and_going_leaves_the_ip_acl_open(self):
        """Defect 18: the setting may be changed at any time."""
        self.have(NONE, ANY)
        self.backend.grant(self.ref, A, [])
        self.assertEqual(({'nqn-a'}, ANY), self.present())
        self.backend.revoke(self.ref, A, [])
        self.assertEqual((NONE, ANY), self.present())

    def test_an_administrators_list_stays_when_everybody_is_shown_out(self):
        """Defect 19: it is not overwritten."""
        self.have(['nqn-a'], ['10.7.0.1'])
        self.backend.revoke_all(self.ref)
        self.assertEqual((NONE, {'10.7.0.1'}), self.present())
