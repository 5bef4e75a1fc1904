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

import random
import unittest
from unittest import mock

import ddt
import hypothesis
from hypothesis import strategies as st

from lightos_cinder.client import endpoints
from tests.unit import fake_clock

A = endpoints.Endpoint('10.0.0.1', 443)
B = endpoints.Endpoint('10.0.0.2', 443)
C = endpoints.Endpoint('10.0.0.3', 443)
D = endpoints.Endpoint('10.0.0.4', 443)


@ddt.ddt
class EndpointTest(unittest.TestCase):

    @ddt.data(
        ('10.0.0.1:443', '10.0.0.1', 443),
        ('[fd00::1]:8443', 'fd00::1', 8443),
        ('[FD00:0::0001]:8443', 'fd00::1', 8443),
        ('[fd00::1]:8443', 'FD00:0:0::1', 8443),
        ('lightos.example.org:443', 'lightos.example.org', 443),
    )
    @ddt.unpack
    def test_reads_host_and_port(self, text, host, port):
        self.assertEqual(endpoints.Endpoint(host, port),
                         endpoints.Endpoint.parse(text))

    @ddt.data('', '10.0.0.1', ':443', '10.0.0.1:', '10.0.0.1:https',
              'fd00::1:443', '[fd00::1:443', 'fd00::1]:443', '[]:443',
              '[fd00::1]', 'me@10.0.0.1:443', '10.0.0.1/x?y=:443',
              '10.0.0.1#:443', '10.0.0.1\n:443', '-:443', 'a b:443',
              '[10.0.0.1]:443', '[fd00::1/x]:443', 'gr\xfcn:443',
              'a' * 9999 + ':443')
    def test_refuses_anything_else(self, text):
        self.assertRaises(ValueError, endpoints.Endpoint.parse, text)

    @ddt.data('10.0.0.1:0', '10.0.0.1:-1', '10.0.0.1:65536', '10.0.0.1:4_3',
              '10.0.0.1:\u0663', '10.0.0.1: 443', '10.0.0.1:+443')
    def test_refuses_what_is_no_tcp_port(self, text):
        self.assertRaises(ValueError, endpoints.Endpoint.parse, text)

    @hypothesis.given(host=st.ip_addresses().map(str),
                      port=st.integers(1, 65535))
    def test_what_is_written_is_read_back(self, host, port):
        endpoint = endpoints.Endpoint(host, port)
        self.assertEqual(endpoint, endpoints.Endpoint.parse(str(endpoint)))

    def test_parse_all_skips_what_cannot_be_read(self):
        """Defect 17: a node without an endpoint is no crash."""
        self.assertEqual([A, C], endpoints.parse_all(
            ['10.0.0.1:443', '', 'nonsense', '10.0.0.3:443']))


class ThreeNodes(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        self.endpoints = self.starting_with(A, [A, B, C])

    def starting_with(self, first, seeds):
        with mock.patch.object(random, 'choice', autospec=True,
                               return_value=first):
            return endpoints.Endpoints(seeds, self.clock, cooldown=30)


class OrderTest(ThreeNodes):

    def test_not_every_service_starts_with_the_same_endpoint(self):
        firsts = {endpoints.Endpoints([A, B, C], self.clock).in_order()[0]
                  for _ in range(100)}
        self.assertGreater(len(firsts), 1)

    def test_every_endpoint_gets_its_turn_once(self):
        """Defect 16: one endpoint, or three, never an error."""
        self.assertEqual([A, B, C], self.endpoints.in_order())
        self.assertEqual([B, C, A],
                         self.starting_with(B, [A, B, C]).in_order())
        self.assertEqual([A], self.starting_with(A, [A]).in_order())

    def test_an_endpoint_named_twice_is_asked_once(self):
        self.assertEqual([A, B], self.starting_with(A, [A, B, A]).in_order())

    def test_stays_with_the_one_that_worked(self):
        self.endpoints.worked(C)
        self.assertEqual([C, A, B], self.endpoints.in_order())

    def test_one_that_failed_is_asked_last_until_its_time_is_over(self):
        """Defect 25: a dead node does not cost every request."""
        self.endpoints.failed(A)
        self.assertEqual([B, C, A], self.endpoints.in_order())
        self.clock.advance(29)
        self.assertEqual([B, C, A], self.endpoints.in_order())
        self.clock.advance(2)
        self.assertEqual([A, B, C], self.endpoints.in_order())

    def test_when_all_failed_all_are_still_asked(self):
        for endpoint in (B, A, C):
            self.endpoints.failed(endpoint)
            self.clock.advance(1)
        # The one whose time is over soonest comes first.
        self.assertEqual([B, A, C], self.endpoints.in_order())

    def test_a_short_time_is_told_with_the_failure(self):
        self.endpoints.failed(A, 1)
        self.clock.advance(0.5)
        self.assertEqual([B, C, A], self.endpoints.in_order())
        self.clock.advance(1)
        self.assertEqual([A, B, C], self.endpoints.in_order())

    def test_one_that_works_again_is_no_longer_last(self):
        self.endpoints.failed(B)
        self.endpoints.worked(B)
        self.assertEqual([B, C, A], self.endpoints.in_order())

    def test_what_others_do_meanwhile_does_not_cut_a_lap_short(self):
        """Defect 27: a lap is one's own, not an index shared by all."""
        lap = iter(self.endpoints.in_order())
        seen = [next(lap)]
        self.endpoints.worked(C)
        self.endpoints.failed(B)
        seen += list(lap)
        self.assertEqual([A, B, C], seen)


class LearnTest(ThreeNodes):

    def test_a_new_node_is_asked_after_the_configured_ones(self):
        """Defect 41: nodes added later are found without a restart."""
        self.endpoints.learn([D])
        self.assertEqual([A, B, C, D], self.endpoints.in_order())

    def test_the_configured_ones_are_never_forgotten(self):
        self.endpoints.learn([D])
        self.endpoints.learn([])
        self.assertEqual([A, B, C], self.endpoints.in_order())

    def test_a_node_that_left_is_forgotten_even_if_it_worked_last(self):
        self.endpoints.learn([D])
        self.endpoints.worked(D)
        self.assertEqual(D, self.endpoints.in_order()[0])
        self.endpoints.learn([B])
        self.assertEqual([A, B, C], self.endpoints.in_order())

    def test_one_that_was_forgotten_meanwhile_may_still_report(self):
        self.endpoints.worked(D)
        self.endpoints.failed(D)
        self.assertEqual([A, B, C], self.endpoints.in_order())

    def test_learning_changes_neither_the_first_nor_who_has_failed(self):
        self.endpoints.worked(B)
        self.endpoints.failed(C)
        self.endpoints.learn([A, B, C])
        self.assertEqual([B, A, C], self.endpoints.in_order())

    def test_a_node_that_comes_back_starts_afresh(self):
        self.endpoints.learn([D])
        self.endpoints.failed(D)
        self.endpoints.learn([])
        self.endpoints.learn([D])
        self.endpoints.failed(C)
        self.assertEqual([A, B, D, C], self.endpoints.in_order())
