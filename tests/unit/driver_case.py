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

"""A driver that is set up, with a backend that does as it is told."""

import unittest
from unittest import mock

from cinder import coordination
from cinder.volume import configuration
from cinder.volume import driver as cinder_driver
import jwt
from oslo_config import cfg

from lightos_cinder import backend
from lightos_cinder.client import models
from lightos_cinder import connection
from lightos_cinder import driver
from lightos_cinder import naming
from lightos_cinder import records
from tests.unit import cinder_objects

BACKEND = 'lightstack'
TOKEN = jwt.encode({'sub': 'nobody else may see this'},
                   'a key of at least thirty-two bytes', algorithm='HS256')
UUID = '76c3eae5-7ade-4394-82e5-056d05a92b5e'
NAME = 'volume-' + cinder_objects.VOLUME_ID
SNAPSHOT_NAME = 'snapshot-' + cinder_objects.SNAPSHOT_ID

CLUSTER_INFO = models.ClusterInfo(
    uuid='c1', name='lab', subsystem_nqn='nqn-of-the-cluster',
    max_replicas=3, api_endpoints=('10.0.0.1:443',),
    discovery_endpoints=('10.0.0.1:8009',), nvme_endpoints=())

# Once for all tests, because looking at the signatures takes its time.
_BACKEND = mock.create_autospec(backend.Backend, instance=True)


class Lock:
    """In the place of a lock of tooz."""

    def __init__(self, name, held):
        self.name = name
        self._held = held

    def acquire(self, blocking=True):
        if not blocking and self.name in self._held:
            return False
        self._held.append(self.name)
        return True

    def release(self):
        self._held.remove(self.name)


class DriverTestCase(unittest.TestCase):
    """With options in a configuration of its own."""

    options = {}

    def setUp(self):
        super().setUp()
        self.conf = cfg.ConfigOpts()
        self.patch(configuration, 'CONF', self.conf)
        self.conf([], project='cinder', default_config_files=[])
        self.configuration = configuration.Configuration(
            cinder_driver.volume_opts, config_group=BACKEND)
        self.held = []
        self.patch(coordination.COORDINATOR, 'get_lock',
                   lambda name: Lock(name, self.held))
        self.patch(connection, 'lacking_here', lambda: [])
        #: Rows of Cinder that have the same provider_id.
        self.others = []
        self.patch(records, '_others_at', lambda volume: self.others)
        #: Whether there is an attachment that has no connector yet, and
        #: what is recorded of hosts that may have access without any.
        self.awaits_host = False
        self.patch(records, 'awaits_host', lambda volume_id:
                   self.awaits_host)
        self.unconfirmed = set()
        self.patch(records, 'mark_unconfirmed', self.mark)
        self.patch(records, 'mark_confirmed', lambda *which:
                   self.unconfirmed.discard(which))
        self.patch(records, 'unconfirmed', lambda volume: {
            nqn: 'mark' for volume_id, nqn in self.unconfirmed
            if volume_id == volume.id})
        self.backend = _BACKEND
        self.backend.reset_mock(return_value=True, side_effect=True)
        self.backend.cluster_info.return_value = CLUSTER_INFO
        self.made_with = []
        self.patch(backend, 'Backend', self.make_backend)
        self.driver = driver.LightOSVolumeDriver(
            configuration=self.configuration)
        self.set(lightos_api_address=['10.0.0.1'], lightos_jwt=TOKEN,
                 lightos_tls_fingerprints=['ab' * 32], **self.options)

    def mark(self, volume, nqns, again=False):
        """In the place of records.mark_unconfirmed."""
        self.unconfirmed.update((volume.id, nqn) for nqn in nqns)
        return dict.fromkeys(nqns, 'again' if again else 'mark')

    def make_backend(self, connection, timeout, use_ip_acl):
        """In the place of the constructor of backend.Backend."""
        self.made_with.append((connection, timeout, use_ip_acl))
        return self.backend

    def patch(self, where, name, new):
        patcher = mock.patch.object(where, name, new)
        patcher.start()
        self.addCleanup(patcher.stop)

    def set(self, **options):
        for name, value in options.items():
            self.conf.set_override(name, value, group=BACKEND)

    def setup_driver(self):
        self.driver.do_setup(None)
        self.driver.check_for_setup_error()


class ReadyDriverTestCase(DriverTestCase):

    def setUp(self):
        super().setUp()
        self.setup_driver()

    def made(self, kind=models.Volume, **fields):
        """What the backend says it has made."""
        return kind.from_json(dict({'UUID': UUID, 'state': 'Available'},
                                   **fields))

    def ref(self, project='default', uuid=None, name=NAME,
            cinder_id=cinder_objects.VOLUME_ID):
        return naming.Ref(cinder_id, project, name, uuid)

    def snapshot_ref(self, project='default', uuid=None):
        return self.ref(project, uuid, SNAPSHOT_NAME,
                        cinder_objects.SNAPSHOT_ID)

    def assert_raises(self, kind, call, *args, **kwargs):
        """The error is of that kind and does not show the token."""
        with self.assertRaises(kind) as caught:
            call(*args, **kwargs)
        self.assertIs(kind, type(caught.exception))
        message = str(caught.exception)
        self.assertNotIn(TOKEN, message)
        return message
