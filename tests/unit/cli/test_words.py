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

from lightos_cinder.cli import words


@ddt.ddt
class PrintableTest(unittest.TestCase):

    @ddt.data(('Gold \xe4\u4e2d \\x1b', 'Gold \xe4\u4e2d \\x1b'),
              ('\x1b[31mred\x07\x9b', r'\x1b[31mred\x07\x9b'),
              ('a\rb\x00\x7f', r'a\rb\x00\x7f'),
              ('\u202egnp', r'\u202egnp'), ('\udcff', r'\udcff'),
              ('two\nlines', 'two\nlines'))
    @ddt.unpack
    def test_line(self, text, shown):
        self.assertEqual(shown, words.printable(text))

    @ddt.data(('two\nlines', r'two\nlines'), (3, 3), (None, None))
    @ddt.unpack
    def test_cell(self, value, shown):
        self.assertEqual(shown, words.cell(value))
