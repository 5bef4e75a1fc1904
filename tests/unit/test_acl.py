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

import ipaddress
import unittest

import ddt

from lightos_cinder import acl
from lightos_cinder.client import models

ANY = frozenset({models.ALLOW_ANY})
NONE = frozenset({models.ALLOW_NONE})

A = acl.Host('nqn-a', frozenset({'10.0.0.1', '10.1.0.1'}))
B = acl.Host('nqn-b', frozenset({'10.0.0.2', '10.1.0.2'}))
C = acl.Host('nqn-c', frozenset({'10.0.0.3'}))


def access(entries, addresses):
    return acl.Access(frozenset(entries), frozenset(addresses))


def addresses(count, prefix='10.9.0.'):
    return frozenset('%s%d' % (prefix, number)
                     for number in range(1, count + 1))


@ddt.ddt
class UsableTest(unittest.TestCase):

    @ddt.data(
        ('10.0.0.1', '10.0.0.1'),
        ('fd00::1', 'fd00::1'),
        ('FD00:0:0::1', 'fd00::1'),
        ('2001:db8::1%eth0', '2001:db8::1'),
        ('::ffff:10.0.0.1', '10.0.0.1'),
        ('172.17.0.1', '172.17.0.1'),
    )
    @ddt.unpack
    def test_addresses_of_the_storage_network_are_kept(self, text, kept):
        self.assertEqual({kept}, acl.usable([text]))

    @ddt.data('127.0.0.1', '::1', '169.254.1.1', 'fe80::1%eth0', 'fe80::1',
              '0.0.0.0', '::', '224.0.0.1', 'ff02::1', '::ffff:127.0.0.1',
              '', 'eth0', '10.0.0.0/24', None, 7.5)
    def test_what_no_host_can_come_from_is_dropped(self, text):
        """Defect 7: useless addresses do not use up the list."""
        self.assertEqual(frozenset(), acl.usable([text]))

    def test_only_the_configured_networks_are_kept(self):
        """Defect 6: bridges that every host has alike are left out."""
        networks = [ipaddress.ip_network('10.0.0.0/24'),
                    ipaddress.ip_network('fd00::/64')]
        self.assertEqual(
            {'10.0.0.7', 'fd00::7'},
            acl.usable(['10.0.0.7', '10.0.1.7', '172.17.0.1',
                        '192.168.122.1', 'fd00::7', 'fd01::7'], networks))

    def test_one_address_written_in_several_ways_counts_once(self):
        self.assertEqual({'fd00::1'}, acl.usable(['fd00::1', 'FD00::0:1']))

    def test_whoever_leaves_takes_the_useless_ones_too(self):
        self.assertEqual(
            {'10.0.0.1', 'fe80::1', '127.0.0.1'},
            acl.every(['10.0.0.1', 'FE80:0::1%eth0', '127.0.0.1',
                       '::ffff:10.0.0.1', '', 'eth0', None]))


@ddt.ddt
class GrantTest(unittest.TestCase):

    @ddt.data(
        # A volume as we make it.
        (access(NONE, NONE), access(['nqn-a'], A.addresses)),
        # A host that is in already, and one that nobody knows.
        (access(['nqn-b'], B.addresses),
         access(['nqn-a', 'nqn-b'], A.addresses | B.addresses)),
        (access(['nqn-x'], ['10.7.0.1']),
         access(['nqn-a', 'nqn-x'], A.addresses | {'10.7.0.1'})),
        # Nothing left to do.
        (access(['nqn-a'], A.addresses), access(['nqn-a'], A.addresses)),
    )
    @ddt.unpack
    def test_the_host_joins_those_that_are_in(self, before, after):
        self.assertEqual(after, acl.grant(before, A, [B], True))

    @ddt.data(
        # Opened to everybody: from now on only to those known.
        (access(ANY, ANY), [B],
         access(['nqn-a', 'nqn-b'], A.addresses | B.addresses)),
        (access(ANY, ANY), [], access(['nqn-a'], A.addresses)),
        # Any address, as with lightos_use_ipacl off before.
        (access(['nqn-b'], ANY), [B],
         access(['nqn-a', 'nqn-b'], A.addresses | B.addresses)),
        # A host whose addresses nobody knows keeps its access.
        (access(['nqn-x'], ANY), [B], access(['nqn-a', 'nqn-x'], ANY)),
        (access(['nqn-b'], ANY), [acl.Host('nqn-b')],
         access(['nqn-a', 'nqn-b'], ANY)),
    )
    @ddt.unpack
    def test_a_sentinel_gives_way_to_entries(self, before, others, after):
        """Defect 18: sentinels are never mixed with entries."""
        self.assertEqual(after, acl.grant(before, A, others, True))

    @ddt.data(
        (NONE, ANY),
        (ANY, ANY),
        # An administrator's list stays a list.
        (frozenset({'10.7.0.1'}), A.addresses | {'10.7.0.1'}),
        (A.addresses, A.addresses),
    )
    @ddt.unpack
    def test_without_ip_acl_no_list_is_opened_that_was_made(self, before,
                                                            after):
        """Defect 19: ALLOW_ANY does not overwrite an IP ACL."""
        self.assertEqual(
            access(['nqn-a', 'nqn-b'], after),
            acl.grant(access(['nqn-b'], before), A, [B], False))

    def test_without_ip_acl_a_host_needs_no_address(self):
        """Defect 22: host_ips do not matter with the IP ACL off."""
        self.assertEqual(access(['nqn-a'], ANY),
                         acl.grant(access(NONE, NONE), acl.Host('nqn-a'), [],
                                   False))

    def test_sixteen_addresses_fit(self):
        host = acl.Host('nqn-a', addresses(14))
        granted = acl.grant(access(['nqn-b'], B.addresses), host, [B], True)
        self.assertEqual(addresses(14) | B.addresses, granted.ip_acl)

    @ddt.data((NONE, addresses(17), 17), (B.addresses, addresses(15), 17))
    @ddt.unpack
    def test_the_seventeenth_is_refused_and_not_dropped(self, before, more,
                                                        count):
        """Defect 7: no address is lost silently."""
        with self.assertRaises(acl.TooManyAddresses) as caught:
            acl.grant(access(['nqn-b'], before), acl.Host('nqn-a', more),
                      [B], True)
        self.assertEqual(count, caught.exception.count)
        self.assertIn('17', str(caught.exception))
        self.assertIn('16', str(caught.exception))

    def test_a_full_list_makes_room_by_what_nobody_there_has(self):
        """Defect 7: sixteen entries are not used up by hosts that left."""
        before = access(['nqn-b'], B.addresses | addresses(14))
        self.assertEqual(
            access(['nqn-a', 'nqn-b'], A.addresses | B.addresses),
            acl.grant(before, A, [B], True))

    def test_a_list_that_is_not_full_makes_no_room(self):
        before = access(['nqn-b'], B.addresses | addresses(12))
        self.assertEqual(16, len(acl.grant(before, A, [B], True).ip_acl))

    @ddt.data(([], True), ([acl.Host('nqn-b')], True), ([B], False))
    @ddt.unpack
    def test_no_room_is_made_at_the_cost_of_others(self, others, use_ip_acl):
        before = access(['nqn-b'], B.addresses | addresses(14))
        with self.assertRaises(acl.TooManyAddresses) as caught:
            acl.grant(before, A, others, use_ip_acl)
        self.assertEqual(18, caught.exception.count)

    def test_a_host_attached_twice_keeps_all_its_addresses(self):
        before = access(['nqn-b'], ANY)
        others = [acl.Host('nqn-b', frozenset({'10.0.0.2'})),
                  acl.Host('nqn-b', frozenset({'10.1.0.2'}))]
        for known in (others, others[::-1]):
            self.assertLessEqual(
                {'10.0.0.2', '10.1.0.2'},
                acl.grant(before, A, known, True).ip_acl)


@ddt.ddt
class RevokeTest(unittest.TestCase):

    @ddt.data(
        # The others keep what is theirs.
        (access(['nqn-a', 'nqn-b'], A.addresses | B.addresses), [B],
         access(['nqn-b'], B.addresses)),
        # An address that another host has too stays.
        (access(['nqn-a', 'nqn-b'], A.addresses | B.addresses),
         [acl.Host('nqn-b', B.addresses | {'10.0.0.1'})],
         access(['nqn-b'], B.addresses | {'10.0.0.1'})),
        # What no host there has goes, as that of one that left when Cinder
        # did not know yet of the one that came.
        (access(['nqn-a', 'nqn-b'],
                A.addresses | B.addresses | {'10.7.0.1'}), [B],
         access(['nqn-b'], B.addresses)),
        # All stay where nobody knows who has which.
        (access(['nqn-a', 'nqn-x'], A.addresses | {'10.7.0.1'}), [B],
         access(['nqn-x'], A.addresses | {'10.7.0.1'})),
        # The last one leaves nobody.
        (access(['nqn-a'], A.addresses), [], access(NONE, NONE)),
        (access(['nqn-a'], A.addresses | {'10.7.0.1'}), [],
         access(NONE, NONE)),
        # A host that is not in takes nothing away.
        (access(['nqn-b'], A.addresses | B.addresses), [B],
         access(['nqn-b'], A.addresses | B.addresses)),
        (access(NONE, ANY), [], access(NONE, ANY)),
        # Its own records, of attachments that are about to go, do not count.
        (access(['nqn-a', 'nqn-b'], A.addresses | B.addresses), [A, B],
         access(['nqn-b'], B.addresses)),
    )
    @ddt.unpack
    def test_the_host_leaves_and_the_others_stay(self, before, others,
                                                 after):
        """Defect 6: no remaining host loses an address."""
        self.assertEqual(after, acl.revoke(before, A, others, True))

    @ddt.data(
        (access(ANY, ANY), [B], access(['nqn-b'], ANY)),
        (access(ANY, A.addresses | B.addresses), [B],
         access(['nqn-b'], B.addresses)),
        (access(ANY, ANY), [], access(NONE, NONE)),
        (access(ANY, ANY), [A], access(NONE, NONE)),
    )
    @ddt.unpack
    def test_from_a_volume_open_to_everybody(self, before, others, after):
        """Defect 18: ALLOW_ANY does not keep a host in."""
        self.assertEqual(after, acl.revoke(before, A, others, True))

    @ddt.data(ANY, NONE, frozenset({'10.7.0.1'}))
    def test_without_ip_acl_the_last_one_leaves_the_ip_acl_alone(self,
                                                                 ip_acl):
        """Defect 19: an administrator's IP ACL is not overwritten."""
        self.assertEqual(access(NONE, ip_acl),
                         acl.revoke(access(['nqn-a'], ip_acl), A, [], False))

    def test_without_ip_acl_only_what_the_host_brought_goes(self):
        before = access(['nqn-a', 'nqn-b'],
                        A.addresses | B.addresses | {'10.7.0.1'})
        self.assertEqual(
            access(['nqn-b'], B.addresses | {'10.7.0.1'}),
            acl.revoke(before, A, [B], False))

    def test_the_only_address_stays_for_a_host_that_says_none(self):
        """Without IP ACL a host may have been let in without addresses."""
        before = access(['nqn-a', 'nqn-b'], A.addresses)
        self.assertEqual(
            access(['nqn-b'], A.addresses),
            acl.revoke(before, A, [acl.Host('nqn-b')], False))

    def test_a_host_that_says_no_addresses_loses_none(self):
        before = access(['nqn-a', 'nqn-b'], A.addresses | {'10.7.0.1'})
        self.assertEqual(
            A.addresses | {'10.7.0.1'},
            acl.revoke(before, A, [acl.Host('nqn-b')], True).ip_acl)

    def test_a_host_attached_twice_keeps_all_its_addresses(self):
        before = access(['nqn-a', 'nqn-b'],
                        A.addresses | B.addresses)
        others = [acl.Host('nqn-b', frozenset({'10.0.0.2', '10.0.0.1'})),
                  acl.Host('nqn-b', frozenset({'10.1.0.2'}))]
        for known in (others, others[::-1]):
            self.assertIn('10.0.0.1',
                          acl.revoke(before, A, known, True).ip_acl)

    def test_coming_and_going_does_not_fill_an_administrators_list(self):
        """Defect 7: sixteen entries are not used up by hosts that left."""
        present = access(NONE, ['10.7.0.1'])
        for number in range(20):
            host = acl.Host('nqn-%d' % number,
                            frozenset({'10.0.0.%d' % number}))
            present = acl.grant(present, host, [], False)
            present = acl.revoke(present, host, [], False)
        self.assertTrue(present.closed)


@ddt.ddt
class ShutTest(unittest.TestCase):

    @ddt.data((True, access(NONE, NONE)), (False, access(NONE, ANY)))
    @ddt.unpack
    def test_a_new_volume_is_closed_to_everybody(self, use_ip_acl, closed):
        self.assertEqual(closed, acl.shut(use_ip_acl))
        self.assertTrue(acl.shut(use_ip_acl).closed)

    @ddt.data((True, NONE), (False, A.addresses))
    @ddt.unpack
    def test_everybody_is_shown_out(self, use_ip_acl, ip_acl):
        self.assertEqual(
            acl.Access(NONE, ip_acl),
            acl.shut_out(access(['nqn-a', 'nqn-b'], A.addresses),
                         use_ip_acl))

    def test_a_volume_with_anybody_in_it_is_not_closed(self):
        self.assertFalse(access(['nqn-a'], NONE).closed)
        self.assertFalse(access(ANY, NONE).closed)
