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

import time
import unittest
from unittest import mock

import ddt

from lightos_cinder.client import errors
from lightos_cinder.client import polling
from tests.unit import fake_clock

STEADY = polling.Pace(jitter=0)


class Trouble(Exception):
    """Something to repeat for."""


def always(error):
    return True


def never(error):
    return False


class Work:
    """Fails until a moment of the clock, and notes when it was tried."""

    def __init__(self, clock, ready_at=float('inf')):
        self.clock = clock
        self.ready_at = ready_at
        self.tried = []

    def __call__(self):
        self.tried.append(self.clock.now())
        if self.clock.now() < self.ready_at:
            raise Trouble('attempt %d' % len(self.tried))
        return 'done'


class ClockTest(unittest.TestCase):

    def test_time_never_goes_back(self):
        clock = polling.Clock()
        before = clock.now()
        self.assertLessEqual(before, clock.now())

    def test_sleeping_lets_green_threads_run(self):
        with mock.patch.object(time, 'sleep', autospec=True) as sleep:
            polling.Clock().sleep(1.5)
        sleep.assert_called_once_with(1.5)


class DeadlineTest(unittest.TestCase):

    def test_time_left_shrinks_to_nothing_and_no_further(self):
        clock = fake_clock.FakeClock()
        deadline = polling.Deadline(clock, 10)
        self.assertEqual(10, deadline.left())
        clock.advance(4)
        self.assertEqual(6, deadline.left())
        clock.advance(60)
        self.assertEqual(0, deadline.left())


@ddt.ddt
class PaceTest(unittest.TestCase):

    def test_pauses_relax_up_to_the_longest(self):
        pauses = [STEADY.pause(attempt) for attempt in range(1, 30)]
        self.assertEqual(sorted(pauses), pauses)
        self.assertLess(pauses[0], 0.1)
        self.assertEqual(STEADY.most, pauses[-1])

    @ddt.data(1, 64, 65, 10 ** 9)
    def test_the_longest_pause_holds_after_any_number_of_attempts(
            self, attempt):
        self.assertLessEqual(STEADY.pause(attempt), STEADY.most)

    def test_clients_refused_together_do_not_come_back_together(self):
        pace = polling.Pace(jitter=0.2)
        pauses = {pace.pause(20) for _ in range(20)}
        self.assertGreater(len(pauses), 1)
        self.assertLessEqual(max(pauses), pace.most)
        self.assertGreaterEqual(min(pauses), pace.most * 0.8)


class RetryingTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        self.deadline = polling.Deadline(self.clock, 100)

    def retrying(self, again=always):
        return polling.retrying(self.deadline, STEADY, again)

    def test_goes_on_until_it_succeeds(self):
        work = Work(self.clock, ready_at=1030)
        self.assertEqual('done', self.retrying()(work))
        self.assertLess(work.tried[-1], 1030 + STEADY.most)

    def test_does_not_pause_after_success(self):
        self.retrying()(Work(self.clock, ready_at=0))
        self.assertEqual([], self.clock.pauses)

    def test_what_is_not_to_be_repeated_is_raised_at_once(self):
        """Defect 29: permanent errors are not hammered."""
        work = Work(self.clock)
        self.assertRaises(Trouble, self.retrying(never), work)
        self.assertEqual(1, len(work.tried))
        self.assertEqual([], self.clock.pauses)

    def test_the_last_attempt_is_made_at_the_deadline_itself(self):
        """Defect 14: success at the last moment is success."""
        work = Work(self.clock, ready_at=1100)
        self.assertEqual('done', self.retrying()(work))
        self.assertEqual(1100, work.tried[-1])

    def test_the_last_error_is_raised_when_time_is_up(self):
        work = Work(self.clock)
        with self.assertRaises(Trouble) as caught:
            self.retrying()(work)
        self.assertEqual('attempt %d' % len(work.tried),
                         str(caught.exception))
        self.assertEqual(1100, self.clock.now())

    def test_attempts_stay_few(self):
        """Defects 24 and 30: no loop without a pause."""
        work = Work(self.clock)
        self.assertRaises(Trouble, self.retrying(), work)
        self.assertLess(len(work.tried), 70)

    def test_one_attempt_is_made_even_without_time(self):
        """Defect 14: a deadline that has passed is no crash."""
        self.clock.advance(500)
        work = Work(self.clock)
        self.assertRaises(Trouble, self.retrying(), work)
        self.assertEqual(1, len(work.tried))

    def test_serves_as_a_loop(self):
        work = Work(self.clock, ready_at=1001)
        for attempt in self.retrying():
            with attempt:
                result = work()
        self.assertEqual('done', result)


class WaitUntilTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        self.deadline = polling.Deadline(self.clock, 100)
        self.looked = []

    def look(self):
        self.looked.append(self.clock.now())
        return self.clock.now()

    def wait(self, ready_at, **options):
        return polling.wait_until(self.look, lambda now: now >= ready_at,
                                  self.deadline, 'the moment', STEADY,
                                  **options)

    def test_returns_what_the_last_look_read(self):
        seen = self.wait(1010)
        self.assertEqual(self.looked[-1], seen)
        self.assertLess(seen, 1010 + STEADY.most)

    def test_the_first_look_comes_at_once(self):
        self.wait(1010)
        self.assertEqual(1000, self.looked[0])

    def test_what_was_just_read_needs_no_look(self):
        self.assertEqual(1010, self.wait(1010, seen=1010))
        self.assertEqual([], self.looked)
        self.assertEqual([], self.clock.pauses)

    def test_the_first_look_after_what_was_just_read_comes_soon(self):
        self.wait(1000.01, seen=1)
        self.assertEqual(1, len(self.looked))
        self.assertGreater(self.looked[0], 1000)
        self.assertLess(self.looked[0], 1000.1)

    def test_time_up_is_an_error_that_says_what_was_waited_for(self):
        """Defect 3: a wait that ends in vain is never a success."""
        with self.assertRaises(errors.DeadlineExceeded) as caught:
            self.wait(float('inf'))
        self.assertIn('the moment', str(caught.exception))
        self.assertEqual(1100, self.looked[-1])

    def test_a_look_at_the_deadline_itself_counts(self):
        """Defect 14: success at the last moment is success."""
        self.assertEqual(1100, self.wait(1100))

    def test_what_is_seen_after_the_deadline_is_still_looked_at_once(self):
        self.clock.advance(500)
        self.assertEqual(1500, self.wait(1200, seen=1))

    def test_an_error_of_a_look_ends_the_wait(self):
        look = mock.Mock(side_effect=Trouble, spec=[])
        self.assertRaises(Trouble, polling.wait_until, look, bool,
                          self.deadline, 'nothing', STEADY)
        self.assertEqual(1, look.call_count)

    def test_an_error_of_the_judgement_ends_the_wait(self):
        def done(now):
            raise Trouble

        self.assertRaises(Trouble, polling.wait_until, self.look, done,
                          self.deadline, 'nothing', STEADY)
        self.assertEqual(1, len(self.looked))
