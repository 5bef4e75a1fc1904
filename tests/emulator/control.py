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

"""The emulated cluster as tests hold it in their hands."""

from __future__ import annotations

import dataclasses
import os
import ssl
import tempfile
import time
from typing import Any
from typing import Callable
from typing import Iterable
from typing import Mapping
from typing import Optional
from typing import Union

from tests.emulator import app
from tests.emulator import cluster
from tests.emulator import errors
from tests.emulator import faults
from tests.emulator import keys
from tests.emulator import nodes
from tests.emulator import records
from tests.emulator import rendering
from tests.emulator import server
from tests.emulator import settings as settings_module
from tests.emulator import snapshots
from tests.emulator import volumes

Settings = settings_module.Settings

#: What EmulatorProcess can call from another process; arguments and answers
#: are what JSON can carry.
METHODS = (
    'add_fault', 'advance', 'clear_faults', 'clear_records', 'complaints',
    'connections', 'contents', 'create_project', 'edit_snapshot',
    'edit_volume', 'endpoint', 'faults', 'fill', 'hold',
    'install_certificate', 'node', 'replace_node', 'requests', 'reset',
    'set_settings', 'settings_in_force', 'snapshots', 'token', 'volumes')

#: What it knows from the start.
FACTS = ('addresses', 'port', 'endpoints', 'certificate', 'fingerprint',
         'admin_token')

_MONTH = 30 * 24 * 3600.0


class Emulator:
    """A LightOS cluster in this process, on threads of its own."""

    def __init__(self, settings: Optional[Settings] = None, *,
                 clock: cluster.Clock = time.monotonic) -> None:
        self._settings = settings or Settings()
        self.addresses = ['::1'] if self._settings.ipv6 else [
            '%s.%d' % (self._settings.address_base, number)
            for number in range(1, self._settings.nodes + 1)]
        self.port = 0
        self.certificate = ''
        self.fingerprint = ''
        self.admin_token = ''
        self._cluster = cluster.Cluster(
            self._settings, clock, self.addresses)
        self._faults = faults.Faults(self._settings.seed)
        self._records = records.Records(self._settings.record_limit)
        self._app = app.App(self._cluster, self._faults, self._records)
        self._nodes: list[server.Node] = []
        self._context: Optional[ssl.SSLContext] = None
        self._installed = False
        self._replaced = 0
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = None

    @property
    def endpoints(self) -> list[str]:
        """`address:port` of each node."""
        return [nodes.host_port(a, self.port) for a in self.addresses]

    # Life

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to serve."""
        self._folder = tempfile.TemporaryDirectory(prefix='lightos-')
        certificate, key, self.fingerprint = keys.certificate()
        self.certificate = os.path.join(self._folder.name, 'api.pem')
        with open(self.certificate, 'wb') as file:
            file.write(certificate)
        key_path = os.path.join(self._folder.name, 'api.key')
        with open(os.open(key_path, os.O_WRONLY | os.O_CREAT, 0o600),
                  'wb') as file:
            file.write(key)
        self._context = _context(self.certificate, key_path)
        self._install()
        self.admin_token = self.token(
            'system', role='cluster-admin', lifetime=_MONTH)
        self._nodes = [
            server.Node(index, address, self._app, self._context,
                        self._settings)
            for index, address in enumerate(self.addresses)]
        try:
            self.port = server.start_all(
                self._nodes, self.addresses, self._settings.port)
        except BaseException:
            self.stop()
            raise
        self._cluster.port = self.port

    def stop(self) -> None:
        """Stop serving and leave nothing behind."""
        self._faults.clear()
        server.stop_all(self._nodes)
        self._nodes = []
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    def _install(self) -> None:
        for name in ('default', 'system'):
            self._give_key(name)

    def reset(self, settings: Union[
            Settings, Mapping[str, Any], None] = None) -> None:
        """An empty cluster with the settings given, or the first ones.

        Faults are gone, endpoints and nodes are up and where they were,
        with the certificate of the start, and nothing is recorded.
        """
        if settings is None:
            changed = self._settings
        elif isinstance(settings, Settings):
            changed = settings
        else:
            changed = Settings.from_dict(settings)
        for name in settings_module.STRUCTURAL:
            changed = changed.replace(**{name: getattr(self._settings, name)})
        self._faults.clear()
        moved = [node for node, address, first in zip(
            self._nodes, self._cluster.addresses, self.addresses)
            if address != first]
        with self._cluster.lock:
            self._cluster.settings = changed
            self._cluster.addresses[:] = self.addresses
            self._cluster.clear()
            self._install()
        self._replaced = 0
        for node in moved:
            node.restart(self.addresses[node.index])
        if self._installed and self._context:
            server.restart_all(self._nodes, self._context)
            self._installed = False
        for node in self._nodes:
            node.set_mode('up')
        self.clear_records()

    def advance(self, seconds: float) -> None:
        """Let time pass for the cluster without waiting for it."""
        with self._cluster.lock:
            self._cluster.skip(seconds)

    # Settings

    def set_settings(self, **changes: Any) -> None:
        """Turn switches while it runs."""
        fixed = settings_module.STRUCTURAL.intersection(changes)
        if fixed:
            raise ValueError(
                'cannot be changed now: ' + ', '.join(sorted(fixed)))
        with self._cluster.lock:
            self._cluster.settings = self._cluster.settings.replace(
                **changes)

    def settings_in_force(self) -> dict[str, Any]:
        """The settings as they are now."""
        return self._cluster.settings.to_dict()

    # Projects and tokens

    def create_project(self, name: str) -> None:
        """Make a project, if need be, and give it a key pair."""
        with self._cluster.lock:
            if name not in self._cluster.projects.all:
                self._cluster.projects.create(name)
            self._give_key(name)

    def _give_key(self, name: str) -> None:
        projects = self._cluster.projects
        project = projects.find(name)
        if keys.CREDENTIAL_ID not in project.credentials:
            projects.add_credential(
                project, keys.CREDENTIAL_ID, 'RS256PubKey',
                keys.public_payload(name))

    def token(self, project: str, role: str = 'admin',
              lifetime: float = 3600, **claims: Any) -> str:
        """A JWT signed with the project's key, expired if negative.

        `claims` replace the usual ones, None leaves one out; `kid` is
        that of the header.
        """
        with self._cluster.lock:
            self._cluster.advance()
            now = self._cluster.wall()
        return keys.sign(project, role, lifetime, now, **claims)

    # Looking and editing behind the API's back

    def volumes(self, project: Optional[str] = None
                ) -> list[dict[str, Any]]:
        """All volumes as the API shows them, zero values included."""
        return self._all(lambda: self._cluster.volumes, project)

    def snapshots(self, project: Optional[str] = None
                  ) -> list[dict[str, Any]]:
        """All snapshots as the API shows them, zero values included."""
        return self._all(lambda: self._cluster.snapshots, project)

    def contents(self) -> dict[str, str]:
        """What volumes and snapshots hold, by their UUIDs.

        Hosts write with edit_volume(uuid, content=...).
        """
        with self._cluster.lock:
            self._cluster.advance()
            return {item.uuid: item.content
                    for kind in (self._cluster.volumes,
                                 self._cluster.snapshots)
                    for item in kind.store}

    def _all(self, kind: Callable[[], Any], project: Optional[str]
             ) -> list[dict[str, Any]]:
        with self._cluster.lock:
            self._cluster.advance()
            found = kind()
            return [rendering.render(found.wire(item), True)
                    for item in found.store.after(project)]

    def fill(self, project: str, count: int) -> None:
        """Have so many volumes more, of 1 GiB, as if for a long time."""
        self.hold(project, [
            {'name': 'fill-%06d' % number} for number in range(count)])

    def hold(self, project: str, having: Iterable[Mapping[str, Any]],
             snapped: Iterable[Mapping[str, Any]] = ()) -> None:
        """Have these volumes and snapshots more, as if for a long time.

        :param having: fields of volumes, by their names in volumes.Volume:
            the name at least; it has 1 GiB and no host is let in
        :param snapped: fields of snapshots, by their names in Snapshot: the
            name and the source_uuid at least
        """
        with self._cluster.lock:
            self._cluster.advance()
            policy = self._cluster.policies.no_limit.uuid
            for fields in having:
                self._cluster.volumes.create(volumes.Volume(**{
                    'size': 1024 ** 3, 'replicas': 1,
                    'acl': ['ALLOW_NONE'], 'ip_acl': None,
                    'created': self._cluster.wall(), 'qos_policy': policy,
                    **fields, 'project': project,
                    'nodes': self._cluster.nodes.place(
                        fields.get('replicas', 1))}))
            # No snapshot is taken of a volume that is being created.
            self._cluster.advance()
            for fields in snapped:
                source = self._cluster.volumes.store.get(
                    fields['source_uuid'])
                if source is None:
                    raise errors.not_found('volume')
                self._cluster.snapshots.create(snapshots.Snapshot(**{
                    'source_name': source.name, 'size': source.size,
                    'replicas': source.replicas, 'nodes': source.nodes,
                    'compression': source.compression,
                    'sector_size': source.sector_size, 'labels': [],
                    'source_acl': source.acl,
                    'source_ip_acl': source.ip_acl,
                    **fields, 'project': project}), source)

    def edit_volume(self, uuid: str, **fields: Any) -> None:
        """Set a volume's fields, by their names in volumes.Volume."""
        with self._cluster.lock:
            self._cluster.advance()
            volume = self._cluster.volumes.store.get(uuid)
            self._edit(volume, volumes.Volume, fields,
                       self._cluster.volumes.apply)

    def edit_snapshot(self, uuid: str, **fields: Any) -> None:
        """Set a snapshot's fields, by their names in Snapshot."""
        with self._cluster.lock:
            self._cluster.advance()
            snapshot = self._cluster.snapshots.store.get(uuid)
            self._edit(snapshot, snapshots.Snapshot, fields,
                       self._cluster.snapshots.apply)

    def _edit(self, item: Any, kind: Any, fields: dict[str, Any],
              apply: Callable[[Any, dict[str, Any]], None]) -> None:
        if item is None:
            raise errors.not_found('object')
        names = {f.name for f in dataclasses.fields(kind)}
        unknown = set(fields) - (names - {'uuid', 'project', 'generation'})
        if unknown:
            raise ValueError('no such field: ' + ', '.join(sorted(unknown)))
        if 'state' in fields:
            # What was under way no longer ends.
            item.generation += 1
        # As any change would, unless the test sets it.
        item.etag += 1
        apply(item, fields)

    # Trouble

    def add_fault(self, kind: str, **fields: Any) -> int:
        """Inject a fault (see faults.Fault); the number names it."""
        return self._faults.add(kind=kind, **fields)

    def clear_faults(self, fault_id: Optional[int] = None) -> None:
        """End one fault, or all; requests that hang are let go."""
        self._faults.clear(fault_id)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, with the number of `hits` of each."""
        return self._faults.list()

    def endpoint(self, index: int, mode: str) -> None:
        """Make an API endpoint refuse, blackhole, plaintext, or up."""
        self._nodes[index].set_mode(mode)

    def node(self, index: int, state: str) -> None:
        """Take a storage node down or up; its API goes on serving."""
        with self._cluster.lock:
            self._cluster.advance()
            self._cluster.set_node(index, state)

    def replace_node(self, index: int) -> str:
        """Let a new server take the place of one, at a new address.

        The old address answers no more. `addresses` and `endpoints` stay
        those of the start.

        :returns: the new address
        """
        if self._settings.ipv6:
            raise ValueError('there is one IPv6 loopback address only')
        self._replaced += 1
        address = '%s.%d' % (self._settings.address_base,
                             self._settings.nodes + self._replaced)
        self._nodes[index].restart(address)
        with self._cluster.lock:
            self._cluster.replace_node(index, address)
        return address

    def install_certificate(self, certificate: str, key: str) -> None:
        """Present another certificate from now on.

        `certificate` and `fingerprint` stay those of the start.

        :param certificate: path of a PEM file, which may hold a chain
        :param key: path of its PEM key
        """
        server.restart_all(self._nodes, _context(certificate, key))
        self._installed = True

    # Records

    def requests(self) -> list[dict[str, Any]]:
        """The requests since records were cleared, never their tokens."""
        return list(self._records.requests)

    def complaints(self) -> list[dict[str, Any]]:
        """What a careful client would not have sent."""
        return list(self._records.complaints)

    def connections(self) -> dict[str, Any]:
        """Connections accepted so far, in all and by endpoint."""
        counts = [node.connections for node in self._nodes]
        return {'all': sum(counts), 'endpoints': counts}

    def clear_records(self) -> None:
        """Forget requests, complaints and connection counts."""
        self._records.clear()
        for node in self._nodes:
            node.connections = 0


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
