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

"""That a run of tempest is called a success only if it is one."""

import io
import json
import unittest

import subunit

from tests.tempest import leftovers
from tests.tempest import report
from tests.tempest import results

ONE = 'api.volume.OneTest.test_one[id-1]'
TWO = 'api.volume.OneTest.test_two[id-2,smoke]'
OTHER = 'api.volume.OtherTest.test_one[id-3]'
NO_NOVA = 'Skipped because the compute service is not available'


def record(*events):
    """A record as a runner keeps it: (test, status, text) for each."""
    written = io.BytesIO()
    stream = subunit.StreamResultToBytes(written)
    for name, status, text in events:
        stream.status(test_id=name, test_status='inprogress')
        if text:
            stream.status(
                test_id=name, eof=True, file_bytes=text.encode(),
                file_name='reason' if status == 'skip' else 'traceback',
                mime_type='text/plain; charset=utf8')
        if status:
            stream.status(test_id=name, test_status=status)
    return io.BytesIO(written.getvalue())


class ReportTestCase(unittest.TestCase):

    def report(self, *events, tests=(ONE,), left=(), left_out=None,
               at_least=1):
        found = results.settle(tests, results.read(record(*events)))
        return report.Report('a.Driver', '.', 61.4, found, left_out or {},
                             left, at_least)

    def test_all_have_passed(self):
        run = self.report((ONE, 'success', ''), (OTHER, 'success', ''),
                          tests=[ONE, OTHER])
        self.assertEqual([], run.wrong())
        self.assertEqual({
            'driver': 'a.Driver', 'selection': '.', 'seconds': 61,
            'passed': ['api.volume.OneTest.test_one',
                       'api.volume.OtherTest.test_one'],
            'skipped': {}, 'failed': {}, 'left out': {}, 'left over': [],
            'wrong': [],
        }, json.loads(run.json()))
        self.assertIn('passed   2\n', run.text())
        self.assertTrue(run.text().endswith('result   good'))

    def test_nothing_was_run(self):
        self.assertEqual(['fewer than 1 were run'],
                         self.report(tests=[]).wrong())

    def test_a_test_of_which_nothing_is_known(self):
        run = self.report((ONE, 'success', ''), tests=[ONE, TWO])
        self.assertEqual(['1 failed'], run.wrong())
        self.assertEqual({'api.volume.OneTest.test_two': 'was never run'},
                         run.results.failed)

    def test_one_has_failed(self):
        run = self.report((ONE, 'success', ''), (TWO, 'fail', 'Went\nwrong'),
                          tests=[ONE, TWO])
        self.assertEqual(['1 failed'], run.wrong())
        self.assertIn('api.volume.OneTest.test_two\n        wrong\n',
                      run.text())

    def test_one_never_came_to_an_end(self):
        run = self.report((ONE, None, ''))
        self.assertEqual({'api.volume.OneTest.test_one': 'inprogress'},
                         run.results.failed)

    def test_what_has_failed_once_has_failed(self):
        for events in (('fail', 'success'), ('success', 'fail')):
            run = self.report(*((ONE, status, '') for status in events))
            self.assertEqual(['1 failed'], run.wrong())

    def test_what_is_not_there_is_a_reason_to_skip(self):
        run = self.report((ONE, 'success', ''), (TWO, 'skip', NO_NOVA),
                          tests=[ONE, TWO])
        self.assertEqual([], run.wrong())
        self.assertEqual({NO_NOVA: 1}, run.results.reasons())

    def test_another_reason_to_skip(self):
        run = self.report((ONE, 'success', ''),
                          (TWO, 'skip', 'Manage tests are disabled'),
                          tests=[ONE, TWO])
        self.assertEqual(
            ['skipped for another reason: Manage tests are disabled'],
            run.wrong())

    def test_a_class_is_skipped(self):
        """Each of its tests counts."""
        run = self.report((OTHER, 'success', ''),
                          ('setUpClass (api.volume.OneTest)', 'skip',
                           NO_NOVA), tests=[ONE, TWO, OTHER])
        self.assertEqual([], run.wrong())
        self.assertEqual({NO_NOVA: 2}, run.results.reasons())
        self.assertEqual(1, len(run.results.passed))

    def test_a_class_cannot_be_set_up(self):
        run = self.report((OTHER, 'success', ''),
                          ('setUpClass (api.volume.OneTest)', 'fail', 'no'),
                          tests=[ONE, TWO, OTHER])
        self.assertEqual(['2 failed'], run.wrong())

    def test_a_class_cannot_be_ended(self):
        run = self.report((ONE, 'success', ''),
                          ('tearDownClass (api.volume.OneTest)', 'fail', ''))
        self.assertEqual(['1 failed'], run.wrong())

    def test_all_are_skipped(self):
        self.assertEqual(['fewer than 1 were run'],
                         self.report((ONE, 'skip', NO_NOVA)).wrong())

    def test_fewer_than_there_are(self):
        self.assertEqual(['fewer than 2 were run'],
                         self.report((ONE, 'success', ''), at_least=2
                                     ).wrong())

    def test_what_is_left_out_is_told(self):
        run = self.report((ONE, 'success', ''), left_out={TWO: 'no Nova'})
        self.assertEqual([], run.wrong())
        self.assertIn(TWO + '\n        no Nova\n', run.text())

    def test_something_is_left(self):
        run = self.report((ONE, 'success', ''), left=['volume-1 is there'])
        self.assertEqual(['1 left over'], run.wrong())
        self.assertIn('    volume-1 is there\n', run.text())


class LeftoversTestCase(unittest.TestCase):

    def volume(self, **fields):
        return dict({'id': 'a', 'status': 'available', 'attachments': []},
                    **fields)

    def held(self, name='volume-a', acl='ALLOW_NONE', ip_acl='ALLOW_NONE'):
        return {'name': name, 'state': 'Available',
                'acl': {'values': [acl]}, 'IPAcl': {'values': [ip_acl]}}

    def test_all_is_as_it_should_be(self):
        self.assertEqual([], leftovers.differences(
            [self.volume(),
             self.volume(**{'id': 'b', 'status': 'in-use',
                            'attachments': [{}],
                            'os-vol-mig-status-attr:name_id': 'c'})],
            [{'id': 'd', 'status': 'available'}],
            [self.held(), self.held('volume-c', 'nqn.1', '192.0.2.1')],
            [self.held('snapshot-d')]))

    def test_on_the_cluster_alone(self):
        self.assertEqual(
            ['volume-a is on the cluster, Available, and not in Cinder',
             'snapshot-d is on the cluster, Available, and not in Cinder'],
            leftovers.differences([], [], [self.held()],
                                  [self.held('snapshot-d')]))

    def test_what_cinder_was_told_to_know_no_longer(self):
        number = '2d681c2b-1b7a-4121-8252-8cfc65118f3b'
        released = leftovers.unmanaged(
            'INFO req-1 Unmanage volume with id: %s\n'
            'INFO req-2 Unmanage snapshot with id: %s\nmore' % (
                number, number))
        self.assertEqual({'volume-' + number, 'snapshot-' + number}, released)
        self.assertEqual([], leftovers.differences(
            [], [], [self.held('volume-' + number)], [], released))

    def test_in_cinder_alone(self):
        self.assertEqual(
            ['volume-a is in Cinder, and not on the cluster',
             'snapshot-d is in Cinder, and not on the cluster'],
            leftovers.differences(
                [self.volume()], [{'id': 'd', 'status': 'available'}],
                [], []))

    def test_a_host_has_access_still(self):
        self.assertEqual(
            ['volume-a is attached to no host, and its acl is nqn.1',
             'volume-a is attached to no host, and its IPAcl is 192.0.2.1'],
            leftovers.differences(
                [self.volume()], [],
                [self.held(acl='nqn.1', ip_acl='192.0.2.1')], []))

    def test_cinder_has_not_come_to_an_end(self):
        self.assertEqual(
            ['volume-a is error_deleting in Cinder',
             'snapshot-d is error in Cinder'],
            leftovers.differences(
                [self.volume(status='error_deleting')],
                [{'id': 'd', 'status': 'error'}],
                [self.held()], [self.held('snapshot-d')]))
