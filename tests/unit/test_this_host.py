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

import os
import tempfile
import unittest
from unittest import mock

import ddt

from lightos_cinder import this_host


@ddt.ddt
class NqnTest(unittest.TestCase):

    @ddt.data((b'nqn.2014-08.org.nvmexpress:uuid:1\n',
               'nqn.2014-08.org.nvmexpress:uuid:1'),
              (b'', None), (b'ALLOW_ANY\n', None), (b'two words', None),
              (b'\xff\xfe', None), (None, None))
    @ddt.unpack
    def test_what_is_in_the_file(self, content, nqn):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'hostnqn')
            if content is not None:
                with open(path, 'wb') as file:
                    file.write(content)
            with mock.patch.object(this_host, 'NQN_FILE', path):
                self.assertEqual(nqn, this_host.nqn())


@ddt.ddt
class NvmeTcpTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.object(
            this_host, '_LOADED', os.path.join(self.folder, 'loaded')))
        self.enterContext(mock.patch.object(
            this_host, '_MODULES', os.path.join(self.folder, 'modules')))

    def write(self, name, text):
        path = os.path.join(self.folder, 'modules', os.uname().release, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)

    def test_none(self):
        self.assertIsNone(this_host.nvme_tcp())
        self.write('modules.dep', 'kernel/drivers/nvme/target/nvmet-tcp.ko:\n'
                   'kernel/x/nvme-fabrics.ko: kernel/x/nvme-core.ko\n')
        self.assertIsNone(this_host.nvme_tcp())

    def test_loaded(self):
        os.makedirs(os.path.join(self.folder, 'loaded', 'nvme_tcp'))
        self.assertIs(True, this_host.nvme_tcp())

    @ddt.data(('modules.dep', 'ko.xz: kernel/x/nvme-fabrics.ko.xz', False),
              ('modules.dep', 'ko:', False), ('modules.builtin', 'ko', True))
    @ddt.unpack
    def test_of_the_kernel(self, name, ending, found):
        self.write(name, 'kernel/drivers/nvme/host/nvme-tcp.%s\n' % ending)
        self.assertIs(found, this_host.nvme_tcp())
