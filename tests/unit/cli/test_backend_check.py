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

from lightos_cinder.cli import backend_check
from lightos_cinder.cli import findings


def volume_type(name, qos=None, **extra_specs):
    return {'name': name, 'qos_specs_id': qos, 'extra_specs': {
        key.replace('__', ':'): value for key, value in extra_specs.items()}}


QOS = {
    'q1': {'name': 'fast', 'consumer': 'back-end',
           'specs': {'qos_policy': 'fast'}},
    'q2': {'name': 'odd', 'consumer': 'back-end', 'specs': {'iops': '1'}},
    'q3': {'name': 'nova', 'consumer': 'front-end', 'specs': {'x': '1'}},
}


@ddt.ddt
class AskersTest(unittest.TestCase):

    def askers(self, *found):
        return backend_check.askers_of(found, QOS, 'lightstack', 3, False)

    def test_a_type_that_says_everything(self):
        self.assertEqual(
            ([findings.Asker('Gold', 'acme', 2, 'gold')], []),
            self.askers(volume_type(
                'Gold', volume_backend_name='lightstack',
                lightos__project_name='acme', lightos__num_replicas='2',
                lightos__qos_policy='gold')))

    def test_a_type_that_says_nothing_may_go_elsewhere(self):
        self.assertEqual(
            ([findings.Asker('__DEFAULT__', 'default', 3, None, False)], []),
            self.askers(volume_type('__DEFAULT__')))

    def test_a_type_of_another_backend(self):
        self.assertEqual(([], []), self.askers(volume_type(
            'Disk', volume_backend_name='lvm', lightos__num_replicas='9')))

    def test_qos_specs_come_first(self):
        for qos, policy in (('q1', 'fast'), ('q3', 'slow'), (None, 'slow')):
            askers, rows = self.askers(volume_type(
                'Gold', qos, lightos__qos_policy='slow'))
            self.assertEqual((policy, []), (askers[0].qos_policy, rows))

    @ddt.data(
        (volume_type('Gold', lightos__num_replicas='7'), 'failed', 'num_rep'),
        (volume_type('Gold', 'q2', volume_backend_name='lightstack'),
         'failed', 'iops'),
        (volume_type('Gold', compression='x'), 'warning', 'compression'))
    @ddt.unpack
    def test_a_type_that_cannot_be(self, one, result, text):
        askers, (row,) = self.askers(one, volume_type('Plain'))
        self.assertEqual(['Plain'], [asker.name for asker in askers])
        self.assertEqual(('volume type Gold', result),
                         (row.check, row.result))
        self.assertIn(text, row.what)
