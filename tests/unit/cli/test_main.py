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

"""The program where less is installed than it needs."""

import contextlib
import io
import sys
import unittest
from unittest import mock

from lightos_cinder.cli import __main__ as program


class MainTest(unittest.TestCase):

    def test_ctrl_c_while_it_is_imported(self):
        with mock.patch('importlib.util.find_spec', autospec=True,
                        side_effect=KeyboardInterrupt):
            self.assertEqual(130, program.main())

    def test_the_extra_is_not_installed(self):
        errors = io.StringIO()
        with mock.patch.dict(sys.modules, cliff=None, yaml=None), \
                contextlib.redirect_stderr(errors):
            self.assertEqual(1, program.main())
        self.assertIn('missing: cliff, yaml. Install them with: pip install '
                      'lightos-cinder[cli]', errors.getvalue())
