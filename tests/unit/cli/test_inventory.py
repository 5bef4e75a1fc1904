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

"""How Cinder's records are read for an audit."""

import types
import unittest

from cinder import exception
import ddt

from lightos_cinder.cli import comparison
from lightos_cinder.cli import inventory


@ddt.ddt
class InventoryTest(unittest.TestCase):

    @ddt.data(('controller@lightstack#pool', 'lightstack'),
              ('controller@lightstack', 'lightstack'), ('controller', ''),
              (None, ''))
    @ddt.unpack
    def test_section(self, host, section):
        self.assertEqual(section, comparison.backend_of(host))

    @ddt.data(('2026-01-01T00:00:00', True), ('2999-01-01T00:00:00', False),
              ('soon', True), ('', True))
    @ddt.unpack
    def test_overdue(self, since, overdue):
        self.assertEqual(overdue, comparison.is_overdue(since))

    @ddt.data(('volume-8e3bb0c4-3b4c-4d5e-9f5a-0123456789ab', True),
              ('snapshot-8e3bb0c4-3b4c-4d5e-9f5a-0123456789ab', True),
              ('pvc-8e3bb0c4-3b4c-4d5e-9f5a-0123456789ab', False),
              ('by-hand', False))
    @ddt.unpack
    def test_named_by_cinder(self, name, named):
        self.assertEqual(named, inventory.named_by_cinder(name))


class PagesTest(unittest.TestCase):
    """Records come and go while they are read."""

    def setUp(self):
        super().setUp()
        self.ids = ['%05d' % number for number in range(2500)]
        self.asked = []

    def page(self, marker):
        self.asked.append(marker)
        if marker is not None and marker not in self.ids:
            raise exception.VolumeNotFound(volume_id=marker)
        return [types.SimpleNamespace(id=one) for one in self.ids
                if marker is None or one > marker][:1000]

    def read(self):
        self.steps = []
        return [one.id for one in inventory._all(
            self.page, lambda steps, what: self.steps.append(steps), 'v')]

    def test_all(self):
        self.assertEqual(self.ids, self.read())
        self.assertEqual([None, '00999', '01999'], self.asked)
        self.assertEqual([1000, 1000, 500], self.steps)

    def test_last_of_a_page_goes(self):
        expected = list(self.ids)
        page = self.page

        def losing(marker):
            if marker == '00999' and marker in self.ids:
                self.ids.remove('00998')
                self.ids.remove('00999')
            return page(marker)

        self.page = losing
        self.assertEqual(expected, self.read())
