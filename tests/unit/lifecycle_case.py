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

"""What the tests of a lifecycle have in common."""

import unittest

from lightos_cinder import lifecycle
from lightos_cinder import naming
from tests.unit import fake_cluster

NAME = 'volume-3b1a8f4e-6f0f-4000-8000-000000000001'
OTHER_NAME = 'volume-3b1a8f4e-6f0f-4000-8000-000000000002'


class LifecycleTestCase(unittest.TestCase):
    """A volume of 10 bytes that is on the cluster."""

    def setUp(self):
        super().setUp()
        self.client = fake_cluster.Client()
        self.clock = self.client.clock
        self.volumes = self.client.volumes
        self.there = self.volumes.put(name=NAME, size=10)

    def lifecycle(self, **fields):
        return lifecycle.of_volume(self.client, naming.Ref(**dict(
            {'cinder_id': 'cinder-id', 'project': 'tenant', 'name': NAME,
             'uuid': self.there.uuid}, **fields)))

    def present(self):
        return self.volumes.now()[self.there.uuid]
