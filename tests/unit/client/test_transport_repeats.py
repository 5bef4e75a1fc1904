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

"""What is sent again, to which endpoint, and for how long."""

import ddt

from lightos_cinder.client import errors
from lightos_cinder.client import transport
from tests.unit.client import scripted

A = scripted.A
B = scripted.B
C = scripted.C
Reply = scripted.Reply

CHANGES = ('POST', 'PUT', 'DELETE')


@ddt.ddt
class MayRepeatTest(scripted.TransportTestCase):

    @ddt.data('GET', *CHANGES)
    def test_what_was_not_sent_may_be_sent(self, method):
        self.assertTrue(transport.may_repeat(method,
                                             errors.Outcome.NOT_SENT))

    @ddt.data('GET', *CHANGES)
    def test_what_was_refused_for_good_is_not_asked_again(self, method):
        self.assertFalse(transport.may_repeat(method,
                                              errors.Outcome.REFUSED))

    @ddt.data(errors.Outcome.UNKNOWN, errors.Outcome.REFUSED_FOR_NOW)
    def test_only_a_reading_is_repeated_as_it_is(self, outcome):
        """Defect 26: a change may have been made although no reply came."""
        self.assertTrue(transport.may_repeat('GET', outcome))
        for method in CHANGES:
            self.assertFalse(transport.may_repeat(method, outcome))


@ddt.ddt
class FailoverTest(scripted.TransportTestCase):

    @ddt.data(scripted.refused, scripted.black_hole, scripted.no_reply,
              scripted.reset, scripted.cut_short)
    def test_a_reading_goes_on_to_the_next_endpoint(self, failure):
        self.adapter.tell(A, failure())
        self.adapter.tell(B, Reply(body={'from': 'B'}))
        self.assertEqual({'from': 'B'}, self.request())
        self.assertEqual([A, B], self.adapter.asked())
        self.assertEqual([], self.clock.pauses)

    @ddt.data(408, 429, 500, 502, 503, 504, 409, 412)
    def test_a_reading_goes_on_after_such_a_status(self, status):
        """Defect 23: a node that answers 503 is left."""
        self.adapter.tell(A, Reply(status))
        self.request()
        self.assertEqual([A, B], self.adapter.asked())

    @ddt.data(scripted.refused, scripted.black_hole, scripted.untrusted)
    def test_a_change_goes_on_if_it_was_not_sent(self, failure):
        self.adapter.tell(A, failure())
        for method in CHANGES:
            self.request(method)
        self.assertEqual([A, B, B, B], self.adapter.asked())

    @ddt.data(scripted.no_reply(), scripted.reset(), scripted.cut_short(),
              scripted.unforeseen(), Reply(500), Reply(503), Reply(409),
              Reply(body=b'garbage'))
    def test_a_change_that_may_have_been_made_is_sent_once(self, outcome):
        """Defect 26: no change is repeated on another node."""
        for method in CHANGES:
            with self.subTest(method=method):
                self.adapter.requests.clear()
                for endpoint in self.seeds:
                    self.adapter.tell(endpoint, outcome)
                self.assertRaises(errors.LightOSError, self.request, method)
                self.assertEqual(1, len(self.adapter.requests))

    def test_stays_with_the_endpoint_that_worked(self):
        self.adapter.tell(A, scripted.refused(), Reply())
        for _ in range(3):
            self.request()
        self.assertEqual([A, B, B, B], self.adapter.asked())

    @ddt.data(Reply(), Reply(404))
    def test_stays_with_it_though_the_first_one_may_be_back(self, outcome):
        self.adapter.tell(A, scripted.refused())
        self.adapter.tell(B, outcome)
        for _ in range(2):
            try:
                self.request()
            except errors.NotFound:
                pass
            self.clock.advance(3600)
        self.assertEqual([A, B, B], self.adapter.asked())

    def test_an_endpoint_that_lost_a_reply_is_not_asked_next(self):
        self.adapter.tell(A, scripted.reset())
        self.assertRaises(errors.ReplyLost, self.request, 'PUT')
        self.request()
        self.assertEqual([A, B], self.adapter.asked())

    def test_a_dead_endpoint_is_asked_after_one_in_trouble(self):
        self.adapter.tell(A, scripted.refused())
        self.adapter.tell(B, Reply(500), Reply())
        self.adapter.tell(C, scripted.refused())
        self.assertRaises(errors.ServerError, self.request, 'PUT')
        self.request()
        self.assertEqual([A, B, C, B], self.adapter.asked())

    def test_a_dead_endpoint_costs_one_request_and_not_each(self):
        """Defect 25: black holes do not use up the time of the others."""
        self.adapter.tell(A, scripted.black_hole())
        self.adapter.tell(B, scripted.black_hole())
        for _ in range(3):
            self.request()
        self.assertEqual([A, B, C, C, C], self.adapter.asked())
        self.assertEqual(1010, self.clock.now())

    def test_one_that_failed_is_asked_again_when_the_others_fail(self):
        self.adapter.tell(A, scripted.refused(), Reply())
        self.request()
        for endpoint in (B, C):
            self.adapter.tell(endpoint, scripted.refused())
        self.request()
        self.assertEqual([A, B, B, C, A], self.adapter.asked())

    def test_a_refusal_does_not_make_an_endpoint_a_bad_one(self):
        self.adapter.tell(A, Reply(404))
        for _ in range(2):
            self.assertRaises(errors.NotFound, self.request)
        self.assertEqual([A, A], self.adapter.asked())

    def test_a_busy_volume_does_not_make_an_endpoint_a_bad_one(self):
        self.adapter.tell(A, Reply(409, {'code': 10}))
        for _ in range(2):
            self.assertRaises(errors.Busy, self.request, 'PUT')
        self.assertEqual([A, A], self.adapter.asked())

    def test_a_server_error_to_a_change_sends_the_next_request_on(self):
        """Defect 23: a node that answers 500 is left."""
        self.adapter.tell(A, Reply(500))
        self.assertRaises(errors.ServerError, self.request, 'PUT')
        self.request()
        self.assertEqual([A, B], self.adapter.asked())

    @ddt.data(429, 503)
    def test_a_node_that_refuses_every_change_for_now_is_left(self, status):
        """Defect 23: a node that answers 503 is left."""
        self.adapter.tell(A, Reply(status))
        self.assertRaises(errors.Busy, self.request, 'POST')
        self.request('POST')
        self.assertEqual([A, B], self.adapter.asked())


@ddt.ddt
class LapTest(scripted.TransportTestCase):

    def all_tell(self, *outcomes):
        for endpoint in self.seeds:
            self.adapter.tell(endpoint, *outcomes)

    def test_laps_go_on_until_an_endpoint_is_back(self):
        """Defect 25: one lap in vain is not the end."""
        self.all_tell(*[scripted.refused()] * 5, Reply(body={'at': 'last'}))
        self.assertEqual({'at': 'last'}, self.request('POST'))
        self.assertEqual([A, B, C] * 5 + [A], self.adapter.asked())
        self.assertEqual(5, len(self.clock.pauses))

    @ddt.data(scripted.refused(), scripted.reset(), Reply(503), Reply(500))
    def test_time_ends_the_laps_and_they_stay_calm(self, outcome):
        """Defects 24 and 30: pauses relax, no loop without one."""
        self.all_tell(outcome)
        self.assertRaises(errors.LightOSError, self.request)
        self.assertEqual(1100, self.clock.now())
        laps = len(self.adapter.requests) // 3
        self.assertGreater(laps, 10)
        self.assertLess(laps, 50)
        self.assertLess(self.clock.pauses[0], 0.5)
        self.assertGreater(self.clock.pauses[-2], 3.5)

    def test_a_single_endpoint_is_asked_calmly_too(self):
        """Defect 24: one refusing endpoint is no tight loop."""
        self.seeds = (A,)
        self.transport = self.make()
        self.all_tell(scripted.refused())
        self.assertRaises(errors.Unreachable, self.request)
        self.assertLess(len(self.adapter.requests), 50)

    def test_time_ends_a_lap_midway(self):
        """Defect 25: a lap of black holes stays within the time."""
        self.all_tell(scripted.no_reply(takes=60))
        self.assertRaises(errors.ReplyLost, self.request)
        self.assertEqual(2, len(self.adapter.requests))

    def test_an_answer_says_more_than_an_endpoint_that_is_down(self):
        self.adapter.tell(A, Reply(503, {'message': 'starting up'}))
        self.adapter.tell(B, scripted.refused())
        self.adapter.tell(C, scripted.refused())
        with self.assertRaises(errors.Busy) as caught:
            self.request()
        self.assertIn('starting up', str(caught.exception))

    def test_unreachable_names_every_endpoint(self):
        self.all_tell(scripted.refused())
        with self.assertRaises(errors.Unreachable) as caught:
            self.request()
        for endpoint in self.seeds:
            self.assertIn('%s: Connection refused' % endpoint,
                          str(caught.exception))

    @ddt.data('GET', 'POST')
    def test_when_none_is_trusted_it_ends_at_once(self, method):
        """Defect 33: the token is not sent to whoever answers."""
        self.all_tell(scripted.untrusted())
        with self.assertRaises(errors.Untrusted) as caught:
            self.request(method)
        self.assertEqual([A, B, C], self.adapter.asked())
        self.assertEqual([], self.clock.pauses)
        self.assertIn('wrong certificate', str(caught.exception))

    def test_one_that_is_down_may_yet_be_the_one_to_trust(self):
        self.all_tell(scripted.untrusted())
        self.adapter.tell(C, scripted.refused(), Reply(body={'from': 'C'}))
        self.assertEqual({'from': 'C'}, self.request('POST'))
