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

"""Some cells of the matrix of faults, and that a cell can be violated.

``python -m tests.matrix`` runs all of them.
"""

from unittest import mock

import ddt

from lightos_cinder import backend
from lightos_cinder import errors
from lightos_cinder import lifecycle
from lightos_cinder import naming
from tests.matrix import bench
from tests.matrix import faults
from tests.matrix import operations

KINDS = {kind.name: kind for kind in faults.KINDS}


class MatrixTestCase(bench.Bench):

    def cell(self, operation, kind, lasting=faults.FOREVER, first=0,
             endpoints=3, world=faults.WORLDS[-1]):
        return self.run_cell(bench.Cell(operation, faults.Fault(
            KINDS[kind], endpoints, lasting, first), world))


@ddt.ddt
class SomeCellsTestCase(MatrixTestCase):

    @ddt.data(*operations.OPERATIONS)
    def test_cells_of(self, operation):
        for kind in ('closed, done', '500, not done', '503', '404'):
            for fault in (faults.Fault(KINDS[kind], 3, faults.ONCE),
                          faults.Fault(KINDS[kind], 3, faults.FOREVER, 1),
                          faults.Fault(KINDS[kind], 1, faults.FOREVER, 1)):
                outcome = self.run_cell(bench.Cell(operation, fault,
                                                   faults.WORLDS[-1]))
                self.assertEqual((), outcome.violations, outcome.cell)


class ViolatedTestCase(MatrixTestCase):
    """Drivers with a defect do not pass."""

    def violated(self, *args, **kwargs):
        return ' '.join(self.cell(*args, **kwargs).violations)

    def test_what_a_failure_leaves(self):
        with mock.patch.object(lifecycle.Lifecycle, '_tidy',
                               autospec=True):
            self.assertIn('left behind: volume', self.violated(
                'create', '401', first=1))

    def test_access_that_a_failure_leaves(self):
        with mock.patch.object(backend.Backend, '_show_out_again',
                               autospec=True):
            self.assertIn('is open to nqn', self.violated(
                'attach', '401', first=2))

    def test_a_success_that_is_none(self):
        with mock.patch.object(backend.Backend, 'grow_volume',
                               autospec=True):
            self.assertIn('told as a success', self.violated(
                'extend', 'slow'))

    def test_an_error_that_cinder_does_not_know(self):
        with mock.patch.object(backend.Backend, 'grow_volume',
                               autospec=True, side_effect=KeyError):
            self.assertIn('not an error of Cinder', self.violated(
                'extend', '503'))

    def test_an_error_where_there_is_none(self):
        with mock.patch.object(lifecycle, '_again', lambda error: False):
            self.assertIn('it must succeed', self.violated(
                'extend', '412', faults.ONCE, 1))

    def test_absence_that_was_not_seen(self):
        with mock.patch.object(
                lifecycle.Lifecycle, 'find', autospec=True,
                side_effect=errors.Missing('volume', naming.Ref(
                    'id', 'project', 'name'))):
            self.assertIn('told that it is gone', self.violated(
                'extend', 'slow'))
