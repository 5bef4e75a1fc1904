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


"""Volumes and snapshots of one user, as Cinder's API has them."""

import typing

from cinderclient import client
from cinderclient import exceptions

from tests.stack import identity

# The attachments API with access modes; later ones change nothing here.
MICROVERSION = '3.54'

Waiter = typing.Callable[[str, typing.Callable[[], bool]], None]


class UnexpectedStatus(Exception):
    """A volume or snapshot came to rest in a status nobody wanted."""


def cinder_client(user: identity.Identity, auth: typing.Any = None
                  ) -> typing.Any:
    """Return the Cinder client that works as this user."""
    return client.Client(
        MICROVERSION, session=user.session(auth),
        service_type='block-storage', region_name=identity.REGION)


class Volumes:
    """What a user has in Cinder, and waiting until it has settled.

    :param wait: waits until a condition, described by the text, is true.
    """

    def __init__(self, user: identity.Identity, wait: Waiter) -> None:
        self.client = cinder_client(user)
        self._wait = wait

    def settled(self, volume: str, status: str = 'available'
                ) -> typing.Any:
        """Wait for a volume to get into that status, and return it."""
        return self._settled(self.client.volumes, 'volume', volume, status)

    def settled_snapshot(self, snapshot: str, status: str = 'available'
                         ) -> typing.Any:
        """Wait for a snapshot to get into that status, and return it."""
        return self._settled(self.client.volume_snapshots, 'snapshot',
                             snapshot, status)

    def gone(self, volume: str) -> None:
        """Wait for a volume to be deleted."""
        self._gone(self.client.volumes, 'volume', volume)

    def gone_snapshot(self, snapshot: str) -> None:
        """Wait for a snapshot to be deleted."""
        self._gone(self.client.volume_snapshots, 'snapshot', snapshot)

    def _settled(self, manager: typing.Any, kind: str, key: str,
                 status: str) -> typing.Any:
        found: list[typing.Any] = []

        def arrived() -> bool:
            found[:] = [self._look(manager, kind, key, status)]
            return found[0].status == status

        self._wait(f'{kind} {key} to be {status}', arrived)
        return found[0]

    def _gone(self, manager: typing.Any, kind: str, key: str) -> None:
        def absent() -> bool:
            try:
                self._look(manager, kind, key, 'deleted')
            except exceptions.NotFound:
                return True
            return False

        self._wait(f'{kind} {key} to be deleted', absent)

    @staticmethod
    def _look(manager: typing.Any, kind: str, key: str, status: str
              ) -> typing.Any:
        item = manager.get(key)
        if item.status.startswith('error') and item.status != status:
            raise UnexpectedStatus(
                f'{kind} {key} is in status {item.status} instead of '
                f'{status}')
        return item
