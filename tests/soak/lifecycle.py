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

"""What users do with volumes, and what they do when told of an error.

They try again; what failed half way they delete first. Where Cinder leaves
them nothing to do, an administrator resets the status, which is counted.
"""

import collections.abc
import time
import typing
import uuid

from cinderclient import exceptions

from tests.soak import figures
from tests.soak import outage
from tests.soak import watch
from tests.stack import compute
from tests.stack import distributed
from tests.stack import volumes

Result = typing.TypeVar('Result')

#: How often somebody tries the same before giving up, each time after twice
#: as long: in all more than the minute after which Cinder's scheduler hears
#: again of a cluster that was told to be down.
_ATTEMPTS = 7

#: Seconds after which nobody waits any longer for a status to end, and the
#: same where a service that may have had the work was killed, from when it
#: is back. An operation takes the driver half a minute at the most.
_PATIENCE = 120.0
_PATIENCE_KILLED = 30.0

#: Seconds between two looks, from the first to the last one.
_FIRST_LOOK, _LAST_LOOK = 0.3, 1.5

_TEMPORARY = ('creating', 'deleting', 'extending', 'reserved', 'attaching',
              'detaching')


class Failed(Exception):
    """It came to rest in another status than it should."""


class GivenUp(Exception):
    """Often tried, each time in vain."""


class Source(typing.NamedTuple):
    """A volume that others are made of, and its snapshot."""

    volume: str
    snapshot: str


class User:
    """Somebody with sessions of their own, one lifecycle after the other.

    :param volume_type: of all volumes
    """

    def __init__(self, stack: distributed.Stack, volume_type: str,
                 hosts: typing.Sequence[compute.Host],
                 watcher: watch.Watch, counted: figures.Figures,
                 killed: outage.Outage) -> None:
        self._client = volumes.cinder_client(stack.admin)
        self._nova = compute.Compute(stack.admin, stack.nova)
        self._type = volume_type
        self._hosts = hosts
        self._watch = watcher
        self._figures = counted
        self._killed = killed

    def source(self) -> Source:
        """Make what volumes can be made of."""
        volume = self.create('create', 1)
        return Source(volume, self.snapshot(volume, 1))

    def live(self, number: int, source: Source) -> None:
        """One volume, from its creation to its deletion.

        Numbers differ in what a volume is made of, in whether it is
        extended while it is attached, in what is deleted first, and in
        whether it is deleted at all: every tenth stays, with all it has.
        """
        name, origin = (
            ('create', {}), ('create from snapshot',
                             {'snapshot_id': source.snapshot}),
            ('create', {}), ('clone', {'source_volid': source.volume}),
        )[number % 4]
        host = self._hosts[number % len(self._hosts)]
        volume = self.create(name, 1, **origin)
        if number % 3 == 0:
            self.extend(volume, 2)
        attachment = self.attach(volume, 2 if number % 3 == 0 else 1, host)
        if number % 3:
            self.extend(volume, 2, host)
        snapshot = self.snapshot(volume, 2)
        copy = self.create('create from snapshot', 2, snapshot_id=snapshot)
        if number % 10 == 0:
            return
        other = self._hosts[(number + 1) % len(self._hosts)]
        last = self.attach(copy, 2, other)
        self.detach(volume, 2, attachment)
        self.detach(copy, 2, last)
        if number % 2:
            self.delete(copy)
            self.delete_snapshot(snapshot)
        else:
            self.delete_snapshot(snapshot)
            self.delete(copy)
        self.delete(volume)

    # Operations, each until it has succeeded

    def create(self, name: str, size: int, **origin: str) -> str:
        """Have a volume of so many GiB."""
        def attempt() -> str:
            began = time.monotonic()
            made = self._client.volumes.create(
                size, volume_type=self._type, **origin).id
            status = self._settled(self._client.volumes, made, 'error',
                                   began)
            if status != 'available':
                self.delete(made)
                raise Failed(f'volume {made} is {status}')
            return made

        made = self._until_done(name, attempt)
        self._watch.volume(made, size)
        return made

    def snapshot(self, volume: str, size: int) -> str:
        """Have a snapshot of a volume, attached or not."""
        snapshots = self._client.volume_snapshots

        def attempt() -> str:
            began = time.monotonic()
            made = snapshots.create(volume, force=True).id
            status = self._settled(snapshots, made, 'error', began)
            if status != 'available':
                self.delete_snapshot(made)
                raise Failed(f'snapshot {made} is {status}')
            return made

        made = self._until_done('snapshot', attempt)
        self._watch.snapshot(made, size)
        return made

    def extend(self, volume: str, size: int, *hosts: compute.Host) -> None:
        """Have the volume larger.

        :param hosts: that it is attached to
        """
        before = 'in-use' if hosts else 'available'

        def attempt() -> None:
            began = time.monotonic()
            self._client.volumes.extend(volume, size)
            status = self._settled(self._client.volumes, volume, before,
                                   began)
            if status != before:
                self._reset(self._client.volumes, volume, str(status),
                            before)
            elif self._client.volumes.get(volume).size == size:
                return
            raise Failed(f'volume {volume} was not extended: {status}')

        self._watch.move(volume)
        self._until_done('extend attached' if hosts else 'extend', attempt)
        self._watch.volume(volume, size, *hosts)

    def attach(self, volume: str, size: int, host: compute.Host) -> str:
        """Let a host have the volume; return the attachment."""
        def attempt() -> str:
            began = time.monotonic()
            attachment = self._nova.reserve(volume, str(uuid.uuid4()))
            try:
                self._nova.connect(attachment, host)
                self._nova.complete(attachment)
            except exceptions.ClientException:
                # As Nova does when a server cannot have its volume.
                self._detach(volume, attachment, began)
                if not self._killed.excuses(began):
                    # Whoever was told that it failed is not inside.
                    self._watch.volume(volume, size)
                    self._watch.look()
                    self._watch.move(volume)
                raise
            return attachment

        self._watch.move(volume)
        attachment = self._until_done('attach', attempt)
        self._watch.volume(volume, size, host)
        return attachment

    def detach(self, volume: str, size: int, attachment: str) -> None:
        """Have the host of an attachment out."""
        self._watch.move(volume)
        self._detach(volume, attachment, time.monotonic())
        self._watch.volume(volume, size)

    def _detach(self, volume: str, attachment: str, began: float) -> None:
        def attempt() -> None:
            try:
                self._nova.detach(attachment)
            except exceptions.NotFound:
                pass
            status = self._settled(self._client.volumes, volume, 'available',
                                   began)
            if status != 'available':
                raise Failed(f'volume {volume} is {status}')

        self._until_done('detach', attempt)

    def delete(self, volume: str) -> None:
        """Have the volume gone."""
        self._delete('delete', self._client.volumes, volume)

    def delete_snapshot(self, snapshot: str) -> None:
        """Have the snapshot gone."""
        self._delete('delete snapshot', self._client.volume_snapshots,
                     snapshot)

    def remove(self, volume: str) -> None:
        """Have the volume gone, attached or not."""
        self._watch.move(volume)
        for attachment in self._client.attachments.list(
                search_opts={'volume_id': volume}):
            self._detach(volume, attachment.id, time.monotonic())
        self.delete(volume)

    def _delete(self, name: str, manager: typing.Any, key: str) -> None:
        def attempt() -> None:
            began = time.monotonic()
            try:
                status = manager.get(key).status
                if status == 'error_deleting':
                    self._figures.by_administrator(f'{status}: delete')
                    manager.force_delete(key)
                elif status != 'deleting':
                    manager.delete(key)
                status = self._settled(manager, key, 'error', began)
            except exceptions.NotFound:
                return
            if status is not None:
                raise Failed(f'{name}: {key} is {status}')

        self._watch.move(key)
        self._until_done(name, attempt)

    # What to do about errors

    def _until_done(self, name: str,
                    attempt: collections.abc.Callable[[], Result]) -> Result:
        for turn in range(1, _ATTEMPTS + 1):
            began = time.monotonic()
            try:
                done = attempt()
            except (exceptions.ClientException, Failed) as error:
                self._figures.error(name, str(error))
                if turn == _ATTEMPTS:
                    self._figures.violation(
                        'stuck', f'{name}, after {turn} attempts: {error}')
                    raise GivenUp(f'{name}: {error}') from error
                self._figures.again(name)
                time.sleep(2 ** (turn - 1))
            else:
                self._figures.did(name, time.monotonic() - began)
                return done
        raise AssertionError('a loop that returns or raises')

    def _settled(self, manager: typing.Any, key: str, fallback: str,
                 began: float) -> str | None:
        """Wait until something is at rest; return its status.

        :param fallback: what an administrator sets if it never is
        :param began: when that was asked for which it is busy with
        :returns: None if it is gone
        """
        pause = _FIRST_LOOK
        while True:
            time.sleep(pause)
            pause = min(pause * 1.3, _LAST_LOOK)
            try:
                status = manager.get(key).status
            except exceptions.NotFound:
                return None
            if status not in _TEMPORARY:
                return status
            excused = self._killed.excuses(began)
            if not excused and time.monotonic() - began > _PATIENCE:
                self._figures.violation(
                    'stuck', f'{manager.resource_class.__name__} {key} is '
                    f'{status} for {_PATIENCE:.0f} s')
            elif not (excused and self._killed.over_since(began)
                      > _PATIENCE_KILLED):
                continue
            self._reset(manager, key, status, fallback)
            return fallback

    def _reset(self, manager: typing.Any, key: str, status: str,
               wanted: str) -> None:
        """Set a status, as only an administrator may."""
        self._figures.by_administrator(f'{status}: reset to {wanted}')
        if manager is self._client.volumes:
            manager.reset_state(key, wanted, attach_status=(
                'attached' if wanted == 'in-use' else 'detached'))
        else:
            manager.reset_state(key, wanted)
