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

"""What holds of the access lists whatever happened to them before."""

import unittest

import hypothesis
from hypothesis import strategies as st

from lightos_cinder import acl
from lightos_cinder.client import models

ANY = frozenset({models.ALLOW_ANY})
NONE = frozenset({models.ALLOW_NONE})

NQNS = ['nqn-%s' % letter for letter in 'abcde']
ADDRESSES = ['10.0.0.%d' % number for number in range(1, 22)]


def subsets(pool, at_most):
    """Non-empty subsets of neighbours in a pool.

    From one number each, which is much quicker than element by element.
    """
    def subset(number):
        start, mask = divmod(number, 2 ** at_most)
        return frozenset(value for at, value in enumerate(
            pool[start:start + at_most]) if mask >> at & 1) or frozenset(
                pool[start:start + 1])

    return st.integers(
        1, (len(pool) - at_most + 1) * 2 ** at_most - 1).map(subset)


hosts = st.builds(acl.Host, st.sampled_from(NQNS), subsets(ADDRESSES, 8))
accesses = st.builds(
    acl.Access,
    st.sampled_from([ANY, NONE]) | subsets(NQNS, len(NQNS)),
    st.sampled_from([ANY, NONE]) | subsets(ADDRESSES, acl.MAX_ADDRESSES))
several_hosts = st.lists(hosts, max_size=4, unique_by=lambda host: host.nqn)
use_ip_acls = st.booleans()

given = hypothesis.given(accesses, hosts, several_hosts, use_ip_acls)


def grant(access, host, others, use_ip_acl):
    """As acl.grant, for lists that are not too long."""
    try:
        return acl.grant(access, host, others, use_ip_acl)
    except acl.TooManyAddresses:
        hypothesis.reject()


def well_formed(entries):
    return (entries in (ANY, NONE)
            or bool(entries) and entries.isdisjoint(ANY | NONE))


def reaches(access, nqn, address):
    """Whether a host that comes from that address gets to the volume."""
    return (not access.acl.isdisjoint({nqn, models.ALLOW_ANY})
            and not access.ip_acl.isdisjoint({address, models.ALLOW_ANY}))


class AccessTestCase(unittest.TestCase):

    def assert_well_formed(self, access):
        self.assertTrue(well_formed(access.acl), access)
        self.assertTrue(well_formed(access.ip_acl), access)
        self.assertLessEqual(len(access.ip_acl), acl.MAX_ADDRESSES)

    def assert_keeps(self, nqn, addresses, before, after):
        for address in addresses:
            if reaches(before, nqn, address):
                self.assertTrue(reaches(after, nqn, address),
                                '%s at %s lost its access: %s became %s'
                                % (nqn, address, before, after))

    def assert_nobody_loses(self, leaving, others, before, after):
        """Neither those whom Cinder attached nor those unknown to it."""
        known = {other.nqn for other in others}
        for other in others:
            if other.nqn != leaving:
                self.assert_keeps(other.nqn, other.addresses, before, after)
        for nqn in before.acl - ANY - NONE - known - {leaving}:
            self.assert_keeps(nqn, ADDRESSES, before, after)


class GrantTest(AccessTestCase):

    @given
    def test_never_mixes_sentinels_and_entries_nor_exceeds_16(
            self, access, host, others, use_ip_acl):
        """Defects 7 and 18: such lists are what a cluster refuses."""
        self.assert_well_formed(grant(access, host, others, use_ip_acl))

    @given
    def test_lets_the_host_in_from_each_of_its_addresses(
            self, access, host, others, use_ip_acl):
        """Defect 7: no address of a host is dropped."""
        granted = grant(access, host, others, use_ip_acl)
        for address in host.addresses:
            self.assertTrue(reaches(granted, host.nqn, address))
        self.assertIn(host.nqn, granted.acl)

    @given
    def test_takes_nothing_from_anybody(self, access, host, others,
                                        use_ip_acl):
        """Defect 7: no other host is cut off by an attachment."""
        granted = grant(access, host, others, use_ip_acl)
        self.assert_nobody_loses(host.nqn, others, access, granted)

    @given
    def test_lets_nobody_in_who_is_not_known(self, access, host, others,
                                             use_ip_acl):
        granted = grant(access, host, others, use_ip_acl)
        known = {other.nqn for other in others} | {host.nqn}
        self.assertLessEqual(granted.acl, access.acl | known)

    @given
    def test_doing_it_twice_changes_nothing(self, access, host, others,
                                            use_ip_acl):
        """Defect 20: what is there already is not written again."""
        granted = grant(access, host, others, use_ip_acl)
        self.assertEqual(granted,
                         acl.grant(granted, host, others, use_ip_acl))

    @given
    def test_the_order_of_the_others_does_not_matter(self, access, host,
                                                     others, use_ip_acl):
        self.assertEqual(grant(access, host, others, use_ip_acl),
                         grant(access, host, others[::-1], use_ip_acl))

    @hypothesis.given(accesses, hosts, hosts, use_ip_acls)
    def test_the_order_of_arrival_does_not_matter(self, access, one,
                                                  another, use_ip_acl):
        hypothesis.assume(one.nqn != another.nqn)
        both = [one, another]
        self.assertEqual(
            grant(grant(access, one, both, use_ip_acl), another, both,
                  use_ip_acl),
            grant(grant(access, another, both, use_ip_acl), one, both,
                  use_ip_acl))

    @given
    def test_is_refused_only_if_the_addresses_do_not_fit(
            self, access, host, others, use_ip_acl):
        try:
            acl.grant(access, host, others, use_ip_acl)
        except acl.TooManyAddresses as error:
            needed = access.ip_acl.union(
                host.addresses, *(other.addresses for other in others))
            self.assertGreater(error.count, acl.MAX_ADDRESSES)
            self.assertLessEqual(error.count, len(needed))


class RevokeTest(AccessTestCase):

    @given
    def test_never_mixes_sentinels_and_entries_nor_exceeds_16(
            self, access, host, others, use_ip_acl):
        """Defect 18: such lists are what a cluster refuses."""
        self.assert_well_formed(acl.revoke(access, host, others, use_ip_acl))

    @given
    def test_leaves_the_host_no_access(self, access, host, others,
                                       use_ip_acl):
        """Defects 8 and 18: a host that left has no access."""
        revoked = acl.revoke(access, host, others, use_ip_acl)
        for address in ADDRESSES:
            self.assertFalse(reaches(revoked, host.nqn, address))

    @given
    def test_takes_nothing_from_anybody_else(self, access, host, others,
                                             use_ip_acl):
        """Defect 6: no remaining host is cut off by a detachment."""
        revoked = acl.revoke(access, host, others, use_ip_acl)
        self.assert_nobody_loses(host.nqn, others, access, revoked)

    @given
    def test_opens_nothing(self, access, host, others, use_ip_acl):
        revoked = acl.revoke(access, host, others, use_ip_acl)
        for nqn in NQNS:
            for address in ADDRESSES:
                if reaches(revoked, nqn, address):
                    self.assertTrue(reaches(access, nqn, address))

    @given
    def test_doing_it_twice_changes_nothing(self, access, host, others,
                                            use_ip_acl):
        """Defect 20: what is gone already is not written again."""
        revoked = acl.revoke(access, host, others, use_ip_acl)
        self.assertEqual(revoked,
                         acl.revoke(revoked, host, others, use_ip_acl))

    @given
    def test_the_order_of_the_others_does_not_matter(self, access, host,
                                                     others, use_ip_acl):
        self.assertEqual(acl.revoke(access, host, others, use_ip_acl),
                         acl.revoke(access, host, others[::-1], use_ip_acl))

    @given
    def test_after_a_grant_everybody_else_has_what_they_had(
            self, access, host, others, use_ip_acl):
        """Defects 6 and 7: coming and going costs nobody access."""
        hypothesis.assume(host.nqn not in access.acl)
        granted = grant(access, host, others, use_ip_acl)
        revoked = acl.revoke(granted, host, others, use_ip_acl)
        self.assert_nobody_loses(host.nqn, others, access, revoked)

    @hypothesis.given(several_hosts, st.randoms())
    def test_when_all_have_left_the_volume_is_as_it_was(self, several,
                                                        random):
        access = acl.shut(True)
        for at, host in enumerate(several):
            access = grant(access, host, several[:at], True)
        staying = list(several)
        while staying:
            leaving = staying.pop(random.randrange(len(staying)))
            access = acl.revoke(access, leaving, staying, True)
        self.assertEqual(acl.shut(True), access)
