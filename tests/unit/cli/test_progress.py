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

"""The bar for those who wait."""

import io
import os
import unittest
from unittest import mock

from lightos_cinder.cli import progress


class Terminal(io.StringIO):

    def isatty(self):
        return True


class BarTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.dict(os.environ, TERM='xterm'))

    def test_terminal(self):
        stream = Terminal()
        bar = progress.Bar(stream, 4)
        with mock.patch('time.monotonic', autospec=True,
                        side_effect=[10, 10.01, 20]):
            bar.advance(1, 'a')
            bar.advance(1, 'b')
            bar.advance(8, 'c')
        bar.close()
        pictures = stream.getvalue().split('\r\x1b[K')
        self.assertEqual(
            ['', '[%s%s]  25%% reading a' % ('#' * 10, '.' * 30),
             '[%s] 100%% reading c' % ('#' * 40), ''], pictures)

    def test_a_terminal_that_knows_no_escapes(self):
        stream = Terminal()
        with mock.patch.dict(os.environ, TERM='dumb'):
            bar = progress.Bar(stream, 1)
            bar.advance(1, 'a')
            bar.close()
        picture = '[%s] 100%% reading a' % ('#' * 40)
        self.assertEqual('\r\r%s\r%s\r' % (picture, ' ' * len(picture)),
                         stream.getvalue())

    def test_names_from_elsewhere(self):
        stream = Terminal()
        bar = progress.Bar(stream, 1)
        bar.advance(1, 'LightOS project \x1b[31m\n')
        bar.close()
        self.assertIn(r'LightOS project \x1b[31m\n', stream.getvalue())

    def test_no_terminal(self):
        stream = io.StringIO()
        bar = progress.Bar(stream, 0)
        bar.advance(1, 'a')
        bar.close()
        self.assertEqual('', stream.getvalue())
