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


"""Nova's part: what it and its compute hosts ask of Cinder.

A server gets a volume in three calls of the attachments API, and loses it
in one. Nova makes them as the user, and adds its own service token.
"""

import dataclasses
import typing
import uuid

from keystoneauth1 import service_token

from tests.stack import identity
from tests.stack import volumes


@dataclasses.dataclass(frozen=True)
class Host:
    """A compute host: its name and all the addresses it has."""

    name: str
    addresses: tuple[str, ...]

    @property
    def nqn(self) -> str:
        """Its NVMe qualified name, the same each time."""
        number = uuid.uuid5(uuid.NAMESPACE_DNS, self.name)
        return f'nqn.2014-08.org.nvmexpress:uuid:{number}'

    def connector(self) -> dict[str, typing.Any]:
        """Return what os-brick tells Cinder about this host."""
        number = str(uuid.uuid5(uuid.NAMESPACE_DNS, self.name))
        return {
            'platform': 'x86_64',
            'os_type': 'linux',
            'ip': self.addresses[0],
            'host': self.name,
            'multipath': False,
            'enforce_multipath': False,
            'initiator': f'iqn.1994-05.com.redhat:{number[:12]}',
            'do_local_attach': False,
            'nvme_hostid': number,
            'system uuid': number,
            'nvme_native_multipath': True,
            'nqn': self.nqn,
            'found_dsc': 'found',
            'host_ips': list(self.addresses),
        }


class Compute:
    """Nova, working for one of its users.

    :param user: the owner of servers and volumes.
    :param nova: as whom Nova shows Cinder that the call is its own.
    """

    def __init__(self, user: identity.Identity,
                 nova: identity.Identity) -> None:
        self._client = volumes.cinder_client(
            user, service_token.ServiceTokenAuthWrapper(
                user_auth=user.auth(), service_auth=nova.auth()))
        self._attachments = self._client.attachments

    def log_in(self) -> None:
        """Get the tokens that it needs, which takes longer than a call."""
        self._attachments.list()

    def reserve(self, volume: str, server: str, mode: str = 'null') -> str:
        """Take the volume for the server; return the attachment's id.

        :param mode: rw or ro; null leaves it to Cinder.
        """
        return self._attachments.create(volume, None, server, mode)['id']

    def connect(self, attachment: str, host: Host) -> dict[str, typing.Any]:
        """Open the volume for the host; return the connection info."""
        return self._attachments.update(
            attachment, host.connector()).connection_info

    def complete(self, attachment: str) -> None:
        """Report that the host has connected."""
        self._attachments.complete(attachment)

    def attach(self, volume: str, server: str, host: Host) -> str:
        """Do all three; return the attachment's id."""
        attachment = self.reserve(volume, server)
        self.connect(attachment, host)
        self.complete(attachment)
        return attachment

    def join(self, volume: str, server: str, host: Host) -> str:
        """Attach at a second host, the destination of a live migration.

        Nova gives the connector with the creation there: an update is not
        allowed while the volume is connected to another host.
        """
        attachment = self._attachments.create(volume, host.connector(),
                                              server)['id']
        self.complete(attachment)
        return attachment

    def detach(self, attachment: str) -> None:
        """End an attachment; the host has disconnected before."""
        self._attachments.delete(attachment)

    def force_detach(self, volume: str, attachment: str,
                     host: Host | None = None) -> None:
        """End an attachment for an administrator, whatever its state.

        :param host: the one to show out; all if it is not known.
        """
        self._client.volumes._action('os-force_detach', volume, {
            'attachment_id': attachment,
            'connector': host.connector() if host else None})
