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

"""What the benchmark measures: either driver, on an emulated cluster."""

import unittest

from tests.benchmark import bench
from tests.benchmark import figures
from tests.functional import base


class BenchmarkTestCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.bench = self.enterContext(bench.Bench().ready())

    def test_each_operation_of_ours(self):
        self.bench.lightos.create_project(base.PROJECT)
        found = {one.setting.operation: one
                 for one in self.bench.measure_driver(
                     figures.OURS, 'threading', 0, 2, 3)}
        self.assertEqual(
            {'set-up', 'statistics', *bench.Life.OPERATIONS, 'lifecycle'},
            set(found))
        self.assertEqual({0}, {one.failed for one in found.values()})
        self.assertEqual([], self.bench.lightos.volumes())
        self.assertEqual([], self.bench.lightos.snapshots())
        for operation, calls in (('attach again', 1), ('set-up', 1),
                                 ('statistics', 2)):
            self.assertEqual(calls, found[operation].calls_each, operation)
        self.assertLess(0, found['create'].cpu)
        self.assertLess(0, found['set-up'].handshakes)

    def test_the_driver_inside_cinder_starts_on_the_same_cluster(self):
        self.bench.make(figures.THEIRS)
        self.assertLess(0, len(self.bench.lightos.requests()))

    def test_what_fails_is_counted_as_failed(self):
        def fail():
            raise ValueError

        figure = self.bench.measure(
            figures.Setting('threading', 0, 2, 'create'), figures.OURS,
            [fail, str, fail])
        self.assertEqual(2, figure.failed)
        self.assertEqual(3, len(figure.seconds))
