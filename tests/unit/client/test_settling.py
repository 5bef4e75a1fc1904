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

    @ddt.data(0.03, 0.2, 1, 1.4)
    def test_one_look_in_time_is_enough_soon(self, takes):
        for _ in range(8):
            self.change(takes)
        for _ in range(5):
            looks, late = self.change(takes)
            self.assertEqual(1, looks)
            self.assertLess(late, max(0.021, 0.06 * takes))

    def test_of_its_own_kind(self):
        for _ in range(8):
            self.change(5)
        looks, late = self.change(0.2, 'create volume')
        self.assertLess(late, 0.1)

    def test_one_that_is_held_up_does_not_hold_up_the_others(self):
        for _ in range(8):
            self.change(0.2)
        looks, late = self.change(10)
        self.assertLess(looks, 20)
        looks, late = self.change(0.2)
        self.assertLess(late, 0.021)

    def test_a_little_slower_is_learnt_at_once(self):
        for _ in range(6):
            self.change(1)
        for _ in range(3):
            self.change(1.1)
        self.assertEqual(1, self.change(1.1)[0])

    def test_faster_is_learnt_soon(self):
        for _ in range(8):
            self.change(5)
        self.assertGreater(self.change(0.2)[1], 4)
        # What was learnt of eight changes is forgotten by now.
        for _ in range(12):
            self.change(0.2)
        self.assertLess(self.change(0.2)[1], 0.021)

    def test_much_slower_is_learnt_soon(self):
        for _ in range(8):
            self.change(0.2)
        for _ in range(7 + 4):
            self.change(3)
        self.assertEqual(1, self.change(3)[0])

    def test_a_change_asked_for_again_is_another(self):
        for _ in range(8):
            self.change(1)
        wait = settling.Wait(self.times, STEADY)
        for _ in range(2):
            wait.asked('update acl')
            pause = wait.pause(1)
            self.assertAlmostEqual(1, pause, delta=0.06)
            self.clock.sleep(pause)

    def test_without_a_look_nothing_is_learnt(self):
        wait = settling.Wait(self.times, STEADY)
        wait.asked('update acl')
        wait.settled()
        wait = settling.Wait(self.times, STEADY)
        wait.settled()
        self.assertEqual((), self.times.looks('update acl'))

    @hypothesis.settings(deadline=None)
    @hypothesis.given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
    def test_it_is_never_late_by_more_than_what_others_took(self, takes):
        """Nor, for the first of its kind, by more than two seconds."""
        clock = fake_clock.FakeClock()
        self.clock, self.times = clock, settling.SettleTimes(clock)
        longest = 0
        for one in takes:
            looks, late = self.change(one)
            self.assertLessEqual(late, max(longest * 1.5, one * 0.5 + 0.06))
            self.assertLess(looks, 40)
            longest = max(longest, one)
