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

"""A backend on a cluster in memory."""

import copy
import types
import unittest
from unittest import mock

from lightos_cinder import acl
from lightos_cinder import backend
from lightos_cinder.client import api
from lightos_cinder.client import models
from lightos_cinder import naming
from lightos_cinder import specs
from tests.unit import fake_cluster

GIB = 1024 ** 3
ID = '3b1a8f4e-6f0f-4000-8000-000000000001'
SOURCE_ID = '3b1a8f4e-6f0f-4000-8000-000000000002'
SNAPSHOT_ID = '9c2b7d5f-0a1b-4000-8000-000000000003'

REF = naming.Ref(ID, 'tenant', 'volume-' + ID)
SPEC = specs.VolumeSpec('tenant', 2, True, 'fast', 'gold')

ANY = frozenset({models.ALLOW_ANY})
NONE = frozenset({models.ALLOW_NONE})
A = acl.Host('nqn-a', frozenset({'10.0.0.1'}))
B = acl.Host('nqn-b', frozenset({'10.0.0.2'}))


class BackendTestCase(unittest.TestCase):

    use_ip_acl = True

    def setUp(self):
        super().setUp()
        self.cluster = fake_cluster.Client()
        self.clock = self.cluster.clock
        self.volumes = self.cluster.volumes
        self.snapshots = self.cluster.snapshots
        self.learnt = []
        self.transport = types.SimpleNamespace(
            clock=self.clock,
            endpoints=types.SimpleNamespace(learn=self.learnt.append))
        self.deadlines = []
        patcher = mock.patch.object(api, 'LightOSClient', self.client)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.backend = backend.Backend(self.transport, 100, self.use_ip_acl)

    def client(self, connection, deadline, settle_times):
        """In the place of the constructor of api.LightOSClient."""
        self.assertIs(self.transport, connection)
        self.deadlines.append(deadline.left())
        client = copy.copy(self.cluster)
        client.deadline = deadline
        client.settle_times = settle_times
        return client

    def put_source(self, **fields):
        """Have a volume to take snapshots of."""
        there = self.volumes.put(**dict(
            {'name': 'volume-' + SOURCE_ID, 'size': GIB}, **fields))
        return naming.Ref(SOURCE_ID, there.project, there.name, there.uuid)

    def put_snapshot(self, **fields):
        """Have a snapshot to make volumes of."""
        there = self.snapshots.put(**dict(
            {'name': 'snapshot-' + SNAPSHOT_ID}, **fields))
        return naming.Ref(SNAPSHOT_ID, there.project, there.name, there.uuid)
