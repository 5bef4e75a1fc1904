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

"""A driver, as Cinder makes it, on an emulated cluster over HTTPS."""

import atexit
import functools
import logging
import os
import shutil
import tempfile
from typing import Any
from typing import Iterable
from typing import Mapping
from typing import Optional
import unittest
import uuid

from cinder import context
from cinder import coordination
from cinder.db import migration
from cinder import i18n
from cinder import objects
from cinder.objects import fields
from cinder.volume import configuration
from oslo_config import cfg
import requests

from lightos_cinder import driver
from lightos_cinder import options
from tests import emulator

# As Cinder's services do: texts that are put together must stand it.
i18n.enable_lazy()

# Cinder's objects are attributes of cinder.objects only after this.
objects.register_all()

# What is logged is asked for with assertLogs, not read off the terminal.
logging.getLogger('lightos_cinder').addHandler(logging.NullHandler())
logging.getLogger('lightos_cinder').propagate = False

CONF = cfg.CONF
GROUP = 'lightstack'
PROJECT = 'lightstack'
GIB = 1024 ** 3

GOLD = {'compression': '<is> True', 'lightos:num_replicas': '3',
        'lightos:project_name': PROJECT}
SILVER = {'compression': '<is> True', 'lightos:num_replicas': '2',
          'lightos:project_name': PROJECT}
BRONZE = {'compression': '<is> False', 'lightos:num_replicas': '1',
          'lightos:project_name': PROJECT}


@functools.lru_cache(maxsize=None)
def cluster(ipv6: bool) -> emulator.EmulatorProcess:
    """The cluster of this test process, started with the first test.

    In a process of its own, so that it is the same for tests under
    eventlet and under native threads.
    """
    lightos = emulator.EmulatorProcess(emulator.Settings(ipv6=ipv6))
    lightos.start()
    atexit.register(lightos.stop)
    return lightos


_folder: Optional[str] = None


def _have_database() -> None:
    """Cinder's own, one for the test process: Cinder opens it once."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix='lightos-db-')
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
        CONF.set_override('connection', 'sqlite:///%s/cinder.db' % _folder,
                          'database')
        migration.db_sync()


def connector(number: int = 1, **fields_: Any) -> dict[str, Any]:
    """What os-brick reports of a compute host, by its number."""
    return dict({
        'nqn': 'nqn.2014-08.org.nvmexpress:uuid:compute-%d' % number,
        'found_dsc': 'found',
        'host': 'compute-%d' % number,
        'ip': '192.0.2.%d' % number,
        'host_ips': ['192.0.2.%d' % number, '2001:db8::%d' % number],
    }, **fields_)


class DriverTestCase(unittest.TestCase):
    """Gives each test an empty cluster and a driver that is set up."""

    #: Whether the cluster is the one node on the IPv6 loopback address.
    ipv6 = False
    #: Settings of the emulator that differ from its defaults.
    settings: Mapping[str, Any] = {}
    #: Options of the backend that differ from :meth:`backend_options`.
    options: Mapping[str, Any] = {}

    def setUp(self) -> None:
        super().setUp()
        _have_database()
        self.lightos = self.emulated()
        self.lightos.reset()
        if self.settings:
            self.lightos.set_settings(**self.settings)
        self.lightos.create_project(PROJECT)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        CONF.set_override('backend_url', 'file://' + folder.name,
                          'coordination')
        self.addCleanup(CONF.clear_override, 'backend_url', 'coordination')
        coordination.COORDINATOR.start()
        self.addCleanup(coordination.COORDINATOR.stop)
        self.context = context.get_admin_context()
        self.driver = self.make_driver()

    def emulated(self) -> Any:
        """The cluster that the test is given."""
        return cluster(self.ipv6)

    def token(self, *projects: str) -> str:
        """A token that administers these projects, or all of them."""
        if len(projects) == 1:
            return self.lightos.token(projects[0])
        return self.lightos.admin_token

    def backend_options(self) -> dict[str, Any]:
        """The section of the backend in cinder.conf."""
        return {
            'lightos_api_address': self.lightos.addresses,
            'lightos_api_port': self.lightos.port,
            'lightos_jwt': self.token(),
            'lightos_operation_timeout': 2,
            'lightos_api_service_timeout': 1,
            'volume_backend_name': GROUP,
        }

    def bare_driver(self, **changes: Any) -> driver.LightOSVolumeDriver:
        """A driver as it is before do_setup.

        :param changes: of options; None unsets one
        """
        made = driver.LightOSVolumeDriver(
            configuration=configuration.Configuration(
                options.OPTS, config_group=GROUP),
            host='controller@' + GROUP)
        chosen = dict(self.backend_options(), **self.options)
        chosen.update(changes)
        for name, value in chosen.items():
            CONF.set_override(name, value, GROUP)
            self.addCleanup(CONF.clear_override, name, GROUP)
        return made

    def make_driver(self, **changes: Any) -> driver.LightOSVolumeDriver:
        """A driver that is ready for work."""
        made = self.bare_driver(**changes)
        made.do_setup(self.context)
        made.check_for_setup_error()
        return made

    # Cinder's objects, without a database

    def volume(self, extra_specs: Optional[Mapping[str, str]] = GOLD,
               size: int = 1, attached: Iterable[Mapping[str, Any]] = (),
               **values: Any) -> objects.Volume:
        """A volume of Cinder.

        :param extra_specs: of its volume type; None for a volume without
        :param attached: connectors of its attachments
        """
        volume_type = None
        if extra_specs is not None:
            volume_type = objects.VolumeType(
                self.context, id=str(uuid.uuid4()), name='lightstack-Test',
                extra_specs=dict(extra_specs), qos_specs_id=None)
        values.setdefault('id', str(uuid.uuid4()))
        values.setdefault('provider_id', None)
        values.setdefault('provider_location', None)
        values.setdefault('migration_status', None)
        values.setdefault('use_quota', True)
        values.setdefault('multiattach', False)
        values.setdefault('admin_metadata', {})
        volume = objects.Volume(
            self.context, size=size, _name_id=None, volume_type=volume_type,
            volume_type_id=volume_type.id if volume_type else None,
            **values)
        self.attach(volume, *attached)
        return volume

    def attach(self, volume: objects.Volume, *connectors: Mapping[str, Any]
               ) -> None:
        """Put exactly these attachments on record."""
        volume.volume_attachment = objects.VolumeAttachmentList(
            self.context, objects=[objects.VolumeAttachment(
                self.context, id=str(uuid.uuid4()), volume_id=volume.id,
                attach_status=fields.VolumeAttachStatus.ATTACHED,
                connector=dict(one)) for one in connectors])

    def snapshot(self, volume: objects.Volume, **values: Any
                 ) -> objects.Snapshot:
        """A snapshot of Cinder."""
        values.setdefault('id', str(uuid.uuid4()))
        values.setdefault('provider_id', None)
        values.setdefault('provider_location', None)
        return objects.Snapshot(
            self.context, volume=volume, volume_id=volume.id,
            volume_size=volume.size, **values)

    # What the manager does around the driver

    def created(self, *args: Any, **kwargs: Any) -> objects.Volume:
        """A volume that the driver has created."""
        volume = self.volume(*args, **kwargs)
        return self.stamp(volume, self.driver.create_volume(volume))

    def snapped(self, volume: objects.Volume) -> objects.Snapshot:
        """A snapshot that the driver has created."""
        snapshot = self.snapshot(volume)
        return self.stamp(snapshot, self.driver.create_snapshot(snapshot))

    @staticmethod
    def stamp(made: Any, update: Optional[Mapping[str, Any]]) -> Any:
        """Record a model update."""
        for key, value in (update or {}).items():
            setattr(made, key, value)
        return made

    def attached(self, volume: objects.Volume, *numbers: int) -> None:
        """Attach to hosts, one record each, as the manager does."""
        for number in numbers:
            before = [one.connector for one in volume.volume_attachment]
            self.driver.initialize_connection(volume, connector(number))
            self.attach(volume, *before, connector(number))

    # What the cluster holds

    def on_cluster(self, volume: objects.Volume,
                   project: Optional[str] = None) -> dict[str, Any]:
        """The one volume on the cluster that has the volume's name."""
        found = [one for one in self.lightos.volumes(project)
                 if one['name'] == volume.name
                 and one['state'] != 'Deleting']
        self.assertEqual(1, len(found), 'volumes named %s' % volume.name)
        return found[0]

    def names(self) -> list[str]:
        """Names of all volumes and snapshots that are to stay."""
        return sorted(one['name'] for one in self.lightos.volumes()
                      + self.lightos.snapshots()
                      if one['state'] != 'Deleting')

    def acls(self, volume: objects.Volume) -> tuple[list[str], list[str]]:
        """ACL and IP ACL of a volume, sorted."""
        held = self.on_cluster(volume)
        return (sorted(held['acl']['values']),
                sorted(held['IPAcl']['values']))

    def calls(self, *methods: str) -> list[str]:
        """The requests that arrived, as ``METHOD path``."""
        return ['%s %s' % (one['method'], one['path'])
                for one in self.lightos.requests()
                if not methods or one['method'] in methods]

    def ask(self, method: str, path: str,
            body: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
        """Do something on the cluster as its administrator."""
        response = requests.request(
            method, 'https://%s:%d/api/v2/%s' % (
                self.lightos.addresses[0], self.lightos.port, path),
            json=body, verify=False, timeout=10,
            headers={'Authorization': 'Bearer ' + self.lightos.admin_token})
        response.raise_for_status()
        return response.json()

    def policy(self, name: str, *projects: str) -> str:
        """Have a QoS policy; its UUID.

        :param projects: whose default it shall be
        """
        uuid_ = self.ask('POST', 'policies', {
            'name': name, 'qoSRateLimitPolicy': {
                'policyVisibility': 'Global',
                'limitIOPS': {'readIOPSLimit': 1024}}})['UUID']
        for project in projects:
            self.ask('PUT', 'projects/' + project, {'defaultPolicies': [
                {'policyType': 'qosRateLimit', 'policyUUID': uuid_}]})
        return uuid_

    def write_file(self, name: str, text: str) -> str:
        """A file that lasts as long as the test."""
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path
