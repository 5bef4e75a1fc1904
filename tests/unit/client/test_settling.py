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
import hypothesis
from hypothesis import strategies as st

from lightos_cinder.client import polling
from lightos_cinder.client import settling
from tests.unit import fake_clock

STEADY = polling.Pace(jitter=0)


@ddt.ddt
class WaitTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        self.times = settling.SettleTimes(self.clock)

    def change(self, takes, kind='update acl'):
        """Wait for a change; return when it was looked, and how late."""
        wait = settling.Wait(self.times, STEADY)
        asked = self.clock.now()
        wait.asked(kind)
        looks = 0
        while self.clock.now() < asked + takes or not looks:
            self.clock.sleep(wait.pause(looks + 1))
            looks += 1
        wait.settled()
        return looks, self.clock.now() - asked - takes

    def test_as_ever_as_long_as_nothing_is_asked_for(self):
        wait = settling.Wait(self.times, STEADY)
        for attempt in range(1, 20):
            self.assertEqual(STEADY.pause(attempt), wait.pause(attempt))

    def test_what_is_not_known_is_looked_at_as_ever(self):
        wait = settling.Wait(self.times, STEADY)
        wait.asked('create volume')
        for attempt in range(20):
            pause = wait.pause(3)
            self.assertAlmostEqual(STEADY.pause(attempt), pause)
            self.clock.sleep(pause)

    @ddt.data(0.03, 0.2, 0.4)
    def test_one_look_in_time_is_enough_soon(self, takes):
        for _ in range(8):
            self.change(takes)
        for _ in range(5):
            looks, late = self.change(takes)
            self.assertEqual(1, looks)
            self.assertLess(late, max(0.021, 0.06 * takes))

    @ddt.data((1, 2), (7.5, 5), (60, 8))
    @ddt.unpack
    def test_what_takes_long_may_be_over_sooner(self, takes, most):
        for _ in range(8):
            self.change(takes)
        looks, late = self.change(takes)
        self.assertLessEqual(looks, most)
        self.assertLess(late, 0.06 * takes)
        for sooner in (takes / 2, takes / 3, takes / 20):
            self.assertLess(self.change(sooner)[1], max(0.5, 1.1 * sooner))

    def test_of_its_own_kind(self):
        for _ in range(8):
            self.change(5)
        looks, late = self.change(0.2, 'create volume')
        self.assertLess(late, 0.1)

    def test_the_first_tells_nothing_of_the_second(self):
        self.change(10)
        self.assertLess(self.change(0.2)[1], 0.1)

    def test_one_that_is_held_up_does_not_hold_up_the_others(self):
        for _ in range(8):
            self.change(0.2)
        looks, late = self.change(10)
        self.assertLess(looks, 20)
        looks, late = self.change(0.2)
        self.assertLess(late, 0.021)
        self.assertEqual(1, looks)

    def test_two_that_are_held_up_now_and_then_neither(self):
        for _ in range(3):
            self.change(10)
            for _ in range(4):
                self.change(0.2)
        self.assertEqual(1, self.change(0.2)[0])

    def test_whether_it_is_faster_is_asked_also_if_never_at_rest(self):
        looks = []
        for _ in range(20):
            self.clock.sleep(5)
            looks.append(self.change(0.2)[0])
        self.assertEqual(1, looks[8:].count(2))

    @ddt.data(1.1, 3)
    def test_slower_is_learnt_soon(self, factor):
        for _ in range(8):
            self.change(0.4)
        for _ in range(6):
            self.change(0.4 * factor)
        looks, late = self.change(0.4 * factor)
        self.assertLessEqual(looks, 3)
        self.assertLess(late, 0.07 * factor)

    @ddt.data(0.4, 5)
    def test_faster_is_learnt_soon(self, once):
        for _ in range(8):
            self.change(once)
        self.clock.sleep(60)
        for _ in range(8):
            self.change(0.1)
        self.assertLess(self.change(0.1)[1], 0.021)

    def test_whether_it_is_faster_is_asked_now_and_then(self):
        for _ in range(8):
            self.change(0.2)
        self.clock.sleep(60)
        self.assertEqual([2, 1, 1], [self.change(0.2)[0] for _ in range(3)])

    def test_a_change_asked_for_again_is_another(self):
        for _ in range(8):
            self.change(0.4)
        wait = settling.Wait(self.times, STEADY)
        for _ in range(2):
            wait.asked('update acl')
            pause = wait.pause(1)
            self.assertAlmostEqual(0.4, pause, delta=0.03)
            self.clock.sleep(pause)

    def test_without_a_look_nothing_is_learnt(self):
        for _ in range(3):
            wait = settling.Wait(self.times, STEADY)
            wait.asked('update acl')
            wait.settled()
            wait = settling.Wait(self.times, STEADY)
            wait.settled()
        self.assertEqual((), self.times.looks('update acl'))

    @ddt.data((0, 4), (3, 4), (3.9, 4), (4, 10))
    @ddt.unpack
    def test_no_look_comes_twice_as_late_as_the_one_before(
            self, after, before):
        looks = settling.Window(after, before).looks(0.3)
        self.assertEqual(before, looks[-1])
        self.assertLessEqual(looks[0], 0.6)
        for earlier, later in zip(looks, looks[1:]):
            self.assertLess(earlier, later)
            self.assertLessEqual(later, 2 * earlier)

    @hypothesis.settings(deadline=None)
    @hypothesis.given(st.lists(st.floats(0, 60), min_size=1, max_size=60))
    def test_whatever_others_took_it_is_not_late(self, takes):
        """By more than it took itself, or than half a second or so."""
        clock = fake_clock.FakeClock()
        self.clock, self.times = clock, settling.SettleTimes(clock)
        for one in takes:
            looks, late = self.change(one)
            self.assertLessEqual(late, max(0.57, 1.01 * one))
            self.assertLess(looks, 60)
