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

"""The page of known defects is what the tests say."""

import unittest

from tests.defects import page
from tests.defects import proofs
from tests.defects import table


class DefectsTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.found = page.results()
        self.proven = proofs.collect(page.ROOT)

    def test_there_are_as_many_as_are_known(self):
        self.assertEqual(list(range(1, 48)), list(table.DEFECTS))

    def test_each_is_ruled_out_by_a_test_or_says_why_it_cannot_be(self):
        for number, defect in table.DEFECTS.items():
            self.assertNotEqual(bool(self.proven.get(number)),
                                bool(defect.never), number)

    def test_no_test_names_another(self):
        self.assertLessEqual(self.proven.keys(), table.DEFECTS.keys())

    def test_each_is_shown_inside_cinder_or_says_where_it_is(self):
        for number, defect in table.DEFECTS.items():
            self.assertNotEqual(str(number) in self.found['shown'],
                                bool(defect.reading), number)

    def test_every_test_that_is_named_can_be_run(self):
        for tests in self.proven.values():
            for one in tests:
                if one.module.startswith('tests.unit.'):
                    one.load()

    def test_the_page_is_the_one_that_would_be_written(self):
        """If it is not: tox -e defects, or python -m tests.defects."""
        with open(page.PAGE, encoding='utf-8') as file:
            self.assertEqual(page.render(self.found, self.proven),
                             file.read())
