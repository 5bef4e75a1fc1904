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

import argparse
import unittest

import ddt

from lightos_cinder.cli import check


@ddt.ddt
class DiscoveryEndpointTest(unittest.TestCase):

    @ddt.data(('192.0.2.41', '192.0.2.41:8009'),
              ('192.0.2.41:18009', '192.0.2.41:18009'),
              ('2001:db8::42', '[2001:db8::42]:8009'),
              ('[2001:db8::42]', '[2001:db8::42]:8009'),
              ('[2001:db8::42]:1', '[2001:db8::42]:1'),
              ('node-1.storage', 'node-1.storage:8009'))
    @ddt.unpack
    def test_read(self, text, endpoint):
        self.assertEqual(endpoint, str(check.discovery_endpoint(text)))

    @ddt.data('', 'a:b:c', '192.0.2.41:0', '192.0.2.41:x', 'two words')
    def test_refused(self, text):
        with self.assertRaisesRegex(argparse.ArgumentTypeError, 'allowed'):
            check.discovery_endpoint(text)
