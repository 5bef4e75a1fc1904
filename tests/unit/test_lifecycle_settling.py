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

"""How often the cluster is looked at, once it is known how long it takes."""

import itertools

import ddt

from lightos_cinder.client import api
from tests.unit import lifecycle_case


@ddt.ddt
class SettlingTest(lifecycle_case.LifecycleTestCase):

    def setUp(self):
        super().setUp()
        self.volumes.takes = 0.4
        self.sizes = itertools.count(20)
        self.names = itertools.count(100)

        self.snapshot = self.client.snapshots.put(
            name='snapshot', size=10,
            source_volume_uuid=self.there.uuid)
        self.volumes.contents[self.snapshot.uuid] = {'size': 10}

    def looks(self, operation):
        """How often the volume is read for it, and how long it takes."""
        before, began = self.volumes.count('get'), self.clock.now()
        getattr(self, operation)()
        return self.volumes.count('get') - before, self.clock.now() - began

    def create(self):
        name = 'volume-%d' % next(self.names)
        self.lifecycle(name=name, uuid=None).create(
            lambda: self.volumes.create(
                'tenant', name=name, size=10, replicas=3, compression=False,
                acl=[], ip_acl=[]), lambda made: {})

    def change(self):
        size = next(self.sizes)
        self.lifecycle().change(lambda volume: (
            None if volume.size >= size else api.resized(size)))

    def roll_back(self):
        self.lifecycle().roll_back(self.snapshot)

    # What is changed is read first, too.
    @ddt.data(('create', 1), ('change', 2), ('roll_back', 2))
    @ddt.unpack
    def test_one_look_in_time(self, operation, looks):
        self.assertLess(looks, self.looks(operation)[0])
        for _ in range(8):
            self.looks(operation)
        for _ in range(3):
            found, seconds = self.looks(operation)
            self.assertEqual(looks, found)
            self.assertLess(seconds, 0.43)
