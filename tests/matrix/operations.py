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

"""The operations of the driver, with what success makes of the cluster."""

import dataclasses
from typing import Any
from typing import Mapping
from typing import Optional
from typing import Sequence

from lightos_cinder import lifecycle
from tests.functional import base

NONE = ('ALLOW_NONE',)


@dataclasses.dataclass(frozen=True)
class Item:
    """A volume or a snapshot on the cluster, as far as it matters.

    :param size: GiB
    :param content: stands for what hosts have written
    """

    project: str = base.PROJECT
    size: float = 1
    replicas: int = 3
    compression: str = 'true'
    acl: tuple[str, ...] = NONE
    ip_acl: tuple[str, ...] = NONE
    policy: str = 'no-limit-policy'
    content: str = ''
    state: str = 'Available'


#: By noun and name.
Inventory = Mapping[tuple[str, str], Item]


class Operation:
    """One operation on objects of its own.

    :param bench: with a driver and an empty cluster
    """

    #: Whether some of it has no more time than one request.
    quick = False

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.driver = bench.driver
        #: What it has told of objects: what was made, and its record.
        self.made: list[Any] = []

    def prepare(self) -> None:
        """Have what it needs, before anything goes wrong."""

    def run(self) -> None:
        """Do it, as the manager does."""
        raise NotImplementedError

    def want(self, before: Inventory) -> Inventory:
        """What success makes of the cluster."""
        return before

    def wrong(self, excused: bool) -> Optional[str]:
        """What is wrong with what it told, if anything.

        :param excused: whether it may lack something: the log says so, or
            the token may not know it
        """

    def recover(self) -> None:
        """What a user does after it failed: the same once more."""
        self.run()

    def recovered(self, before: Inventory) -> Inventory:
        """What that makes of the cluster."""
        return self.want(before)

    # For the operations below

    def have(self, size: int = 1, content: str = 'data', **values: Any
             ) -> Any:
        """A volume that hosts have written to."""
        volume = self.bench.created(size=size, **values)
        self.write(volume, content)
        return volume

    def write(self, volume: Any, content: str) -> None:
        """Let hosts have written that to a volume."""
        self.bench.lightos.edit_volume(volume.provider_id.split()[1],
                                       content=content)

    @staticmethod
    def changed(before: Inventory, name: str, **fields: Any) -> Inventory:
        """With a volume that differs."""
        return {**before, ('volume', name): dataclasses.replace(
            before['volume', name], **fields)}

    @staticmethod
    def without(before: Inventory, noun: str, name: str) -> Inventory:
        """With one object less."""
        return {key: item for key, item in before.items()
                if key != (noun, name)}


class Setup(Operation):
    """do_setup and check_for_setup_error."""

    quick = True

    def run(self) -> None:
        """Start the driver once more."""
        self.driver.do_setup(self.bench.context)
        self.driver.check_for_setup_error()


class Statistics(Operation):
    """get_volume_stats, which never fails."""

    quick = True
    told: Mapping[str, Any] = {}

    def run(self) -> None:
        """Ask for the statistics."""
        self.told = self.driver.get_volume_stats(refresh=True)

    def wrong(self, excused: bool) -> Optional[str]:
        """What is not known has been logged."""
        known = (self.told['backend_state'] == 'up'
                 and self.told['free_capacity_gb'] != 'unknown')
        return None if known or excused else 'told %s' % self.told


class Create(Operation):
    """create_volume."""

    size = 1
    content = ''
    volume: Any

    def prepare(self) -> None:
        """Put it on record only."""
        self.volume = self.bench.volume(size=self.size)

    def run(self) -> None:
        """Have it made."""
        self.bench.stamp(self.volume, self.make())
        self.made.append(self.volume)

    def make(self) -> Optional[Mapping[str, Any]]:
        """Call the driver."""
        return self.driver.create_volume(self.volume)

    def want(self, before: Inventory) -> Inventory:
        """It is there, and closed."""
        return {**before, ('volume', self.volume.name): Item(
            size=self.size, content=self.content)}

    def recover(self) -> None:
        """Delete what is in state error."""
        self.driver.delete_volume(self.volume)

    def recovered(self, before: Inventory) -> Inventory:
        """Nothing is there of it."""
        return before


class FromSnapshot(Create):
    """create_volume_from_snapshot, to a larger one."""

    size = 2
    content = 'data'
    snapshot: Any

    def prepare(self) -> None:
        """Have a snapshot of a volume that has changed since."""
        super().prepare()
        source = self.have()
        self.snapshot = self.bench.snapped(source)
        self.write(source, 'later')

    def make(self) -> Optional[Mapping[str, Any]]:
        """Call the driver."""
        return self.driver.create_volume_from_snapshot(self.volume,
                                                       self.snapshot)


class Clone(Create):
    """create_cloned_volume, to a larger one."""

    size = 2
    content = 'data'
    source: Any

    def prepare(self) -> None:
        """Have a volume."""
        super().prepare()
        self.source = self.have()

    def make(self) -> Optional[Mapping[str, Any]]:
        """Call the driver."""
        return self.driver.create_cloned_volume(self.volume, self.source)


class OnVolume(Operation):
    """What is done to a volume."""

    volume: Any

    def prepare(self) -> None:
        """Have it."""
        self.volume = self.have()


class Delete(OnVolume):
    """delete_volume."""

    def run(self) -> None:
        """Delete it."""
        self.driver.delete_volume(self.volume)

    def want(self, before: Inventory) -> Inventory:
        """It is gone."""
        return self.without(before, 'volume', self.volume.name)


class Extend(OnVolume):
    """extend_volume."""

    def run(self) -> None:
        """Extend it."""
        self.driver.extend_volume(self.volume, 3)

    def want(self, before: Inventory) -> Inventory:
        """It is larger."""
        return self.changed(before, self.volume.name, size=3)


class Snapshot(OnVolume):
    """create_snapshot."""

    snapshot: Any

    def prepare(self) -> None:
        """Put it on record only."""
        super().prepare()
        self.snapshot = self.bench.snapshot(self.volume)

    def run(self) -> None:
        """Have it made."""
        self.bench.stamp(self.snapshot,
                         self.driver.create_snapshot(self.snapshot))
        self.made.append(self.snapshot)

    def want(self, before: Inventory) -> Inventory:
        """It is there."""
        return {**before, ('snapshot', self.snapshot.name): Item(
            content='data')}

    def recover(self) -> None:
        """Delete what is in state error."""
        self.driver.delete_snapshot(self.snapshot)

    def recovered(self, before: Inventory) -> Inventory:
        """Nothing is there of it."""
        return before


class DeleteSnapshot(OnVolume):
    """delete_snapshot."""

    snapshot: Any

    def prepare(self) -> None:
        """Have one."""
        super().prepare()
        self.snapshot = self.bench.snapped(self.volume)

    def run(self) -> None:
        """Delete it."""
        self.driver.delete_snapshot(self.snapshot)

    def want(self, before: Inventory) -> Inventory:
        """It is gone."""
        return self.without(before, 'snapshot', self.snapshot.name)


class Access(OnVolume):
    """What is done to a volume that two hosts have."""

    def prepare(self) -> None:
        """Attach it to them."""
        super().prepare()
        self.bench.attached(self.volume, 1, 2)

    def open_to(self, before: Inventory, *numbers: int) -> Inventory:
        """With access for exactly these hosts."""
        hosts = [base.connector(number) for number in numbers]
        return self.changed(
            before, self.volume.name,
            acl=tuple(sorted(host['nqn'] for host in hosts)) or NONE,
            ip_acl=tuple(sorted(address for host in hosts
                                for address in host['host_ips'])) or NONE)


class Attach(Access):
    """initialize_connection, for a third host."""

    told: Mapping[str, Any] = {}

    def run(self) -> None:
        """Let it in."""
        self.told = self.driver.initialize_connection(self.volume,
                                                      base.connector(3))

    def wrong(self, excused: bool) -> Optional[str]:
        """It was told which volume to connect to."""
        uuid_ = self.told['data']['uuid']
        return (None if uuid_ == self.volume.provider_id.split()[1]
                else 'told to connect to %s' % uuid_)

    def want(self, before: Inventory) -> Inventory:
        """All three have access."""
        return self.open_to(before, 1, 2, 3)

    def recover(self) -> None:
        """Detach: this is what Nova does."""
        self.driver.terminate_connection(self.volume, base.connector(3),
                                         force=False)

    def recovered(self, before: Inventory) -> Inventory:
        """The two have access."""
        return self.open_to(before, 1, 2)


class Detach(Access):
    """terminate_connection, for one of two hosts."""

    def run(self) -> None:
        """Show it out."""
        self.driver.terminate_connection(self.volume, base.connector(1),
                                         force=False)

    def want(self, before: Inventory) -> Inventory:
        """The other has access."""
        return self.open_to(before, 2)


class DetachAll(Access):
    """terminate_connection without connector."""

    def run(self) -> None:
        """Show everybody out."""
        self.driver.terminate_connection(self.volume, None, force=True)

    def want(self, before: Inventory) -> Inventory:
        """Nobody has access."""
        return self.open_to(before)


class Retype(OnVolume):
    """retype in place: compression and QoS policy."""

    new_type: Any
    done = False

    def prepare(self) -> None:
        """Have a QoS policy for the new type."""
        super().prepare()
        self.bench.policy('fast')
        self.new_type = self.bench.volume(dict(base.GOLD, **{
            'compression': '<is> False',
            'lightos:qos_policy': 'fast'})).volume_type

    def run(self) -> None:
        """Change the type."""
        self.bench.assertTrue(self.driver.retype(
            self.bench.context, self.volume, self.new_type, {}, {}))

    def want(self, before: Inventory) -> Inventory:
        """It is as that type says."""
        return self.changed(before, self.volume.name, compression='false',
                            policy='fast')


class Revert(OnVolume):
    """revert_to_snapshot, on a volume that was extended and detached."""

    snapshot: Any

    def prepare(self) -> None:
        """Have a snapshot from when it was smaller and open."""
        super().prepare()
        self.bench.attached(self.volume, 1)
        self.snapshot = self.bench.snapped(self.volume)
        self.driver.terminate_connection(self.volume, base.connector(1),
                                         force=False)
        self.bench.attach(self.volume)
        self.write(self.volume, 'later')
        self.driver.extend_volume(self.volume, 2)
        self.volume.size = 2

    def run(self) -> None:
        """Go back."""
        self.driver.revert_to_snapshot(self.bench.context, self.volume,
                                       self.snapshot)

    def want(self, before: Inventory) -> Inventory:
        """It holds what it held, and else is as it was."""
        return self.changed(before, self.volume.name, content='data')


class Recorded(Operation):
    """What looks into Cinder's database."""

    volume: Any

    def prepare(self) -> None:
        """Have a volume on record that is nowhere yet."""
        self.volume = self.bench.record(self.bench.gold)

    def put(self) -> str:
        """Have a volume that somebody else made; its UUID."""
        answer = self.bench.ask(
            'POST', 'projects/%s/volumes' % base.PROJECT, {
                'name': 'theirs', 'size': '%d' % (base.GIB * 3 // 2),
                'replicaCount': 3, 'compression': 'true',
                'acl': {'values': ['ALLOW_NONE']}})
        self.bench.clock.sleep(10)
        return str(answer['UUID'])


class Manage(Recorded):
    """manage_existing_get_size and manage_existing."""

    # Renaming, which some clusters ignore.
    quick = True

    def prepare(self) -> None:
        """Have a volume that is not Cinder's."""
        super().prepare()
        self.put()

    def run(self) -> None:
        """Take it over."""
        reference = {'source-name': 'theirs'}
        size = self.driver.manage_existing_get_size(self.volume, reference)
        self.bench.assertEqual(2, size)
        self.volume = self.bench.save(self.volume, dict(
            self.driver.manage_existing(self.volume, reference), size=size))
        self.made.append(self.volume)

    def want(self, before: Inventory) -> Inventory:
        """It is Cinder's now, and of whole GiB."""
        after = dict(before)
        del after['volume', 'theirs']
        return {**after, ('volume', self.volume.name): Item(size=2)}

    def recover(self) -> None:
        """Give it up, and manage it again by the name that it has now."""
        self.volume.destroy()
        self.volume = self.bench.record(self.bench.gold)
        held, = self.bench.lightos.volumes()
        reference = {'source-name': held['name']}
        size = self.driver.manage_existing_get_size(self.volume, reference)
        self.driver.manage_existing(self.volume, reference)
        self.bench.assertEqual(2, size)


class ManageSnapshot(Recorded):
    """manage_existing_snapshot_get_size and manage_existing_snapshot."""

    snapshot: Any

    def prepare(self) -> None:
        """Have a snapshot that is not Cinder's, of a volume that is."""
        super().prepare()
        self.volume = self.bench.save(self.volume, dict(
            self.driver.create_volume(self.bench.save(self.volume,
                                                      {'size': 1}))))
        self.bench.ask('POST', 'projects/%s/snapshots' % base.PROJECT, {
            'name': 'theirs',
            'sourceVolumeUUID': self.volume.provider_id.split()[1]})
        self.snapshot = self.bench.record_snapshot(self.volume)

    def run(self) -> None:
        """Take it over."""
        reference = {'source-name': 'theirs'}
        self.bench.assertEqual(
            1, self.driver.manage_existing_snapshot_get_size(self.snapshot,
                                                             reference))
        self.bench.save(self.snapshot, self.driver.manage_existing_snapshot(
            self.snapshot, reference))


class ListManageable(Recorded):
    """get_manageable_volumes and get_manageable_snapshots."""

    told: Sequence[str] = ()
    there: Sequence[str] = ()

    def prepare(self) -> None:
        """Have a volume that is not Cinder's, with a snapshot."""
        super().prepare()
        volume = self.put()
        snapshot = self.bench.ask(
            'POST', 'projects/%s/snapshots' % base.PROJECT, {
                'name': 'theirs', 'sourceVolumeUUID': volume})
        self.there = [volume, str(snapshot['UUID'])]

    def run(self) -> None:
        """List both."""
        self.told = [
            entry['reference']['source-id']
            for listing in (self.driver.get_manageable_volumes,
                            self.driver.get_manageable_snapshots)
            for entry in listing([], None, 10, 0, ['reference'], ['asc'])]

    def wrong(self, excused: bool) -> Optional[str]:
        """A project that could not be listed has been logged."""
        return (None if self.told == self.there or excused
                else 'told %s' % self.told)


class Migrated(Recorded):
    """update_migrated_volume, which never fails."""

    quick = True
    update: Mapping[str, Any] = {}
    new_volume: Any
    late = False

    def prepare(self) -> None:
        """Have a volume on another backend, and its copy here."""
        super().prepare()
        self.volume = self.bench.save(self.volume, {
            'size': 1,
            'provider_id': 'elsewhere 6d1d1f0e-73e1-4d58-93ab-5ac1a8b2bd1e'})
        record = self.bench.record(self.bench.gold, size=1)
        self.new_volume = self.bench.save(
            record, self.driver.create_volume(record))

    def run(self) -> None:
        """End the migration."""
        clock = self.bench.clock
        began, slept = clock.now(), clock.slept()
        self.update = self.driver.update_migrated_volume(
            self.bench.context, self.volume, self.new_volume, 'available')
        # Its few seconds are a quarter of a real one, which this machine
        # may need for itself: it is excused if it used them up in work.
        self.late = (clock.slept() - slept < lifecycle._RENAME_TIMEOUT
                     <= clock.now() - began)

    def wrong(self, excused: bool) -> Optional[str]:
        """That it was not renamed has been logged."""
        return (None if excused or self.late or not self.update['_name_id']
                else 'told that it was not renamed')

    def want(self, before: Inventory) -> Inventory:
        """The copy has the name of the volume, unless told otherwise.

        Then it may have it all the same: its UUID tells which it is.
        """
        named = [one['name'] for one in self.bench.lightos.volumes()]
        if self.update['_name_id'] and self.new_volume.name in named:
            return before
        after = dict(before)
        return {('volume', self.volume.name): after.pop(
            ('volume', self.new_volume.name)), **after}


#: By the names that the table has.
OPERATIONS: Mapping[str, type[Operation]] = {
    'setup': Setup,
    'statistics': Statistics,
    'create': Create,
    'from snapshot': FromSnapshot,
    'clone': Clone,
    'delete': Delete,
    'extend': Extend,
    'snapshot': Snapshot,
    'delete snapshot': DeleteSnapshot,
    'attach': Attach,
    'detach': Detach,
    'detach all': DetachAll,
    'retype': Retype,
    'revert': Revert,
    'manage': Manage,
    'manage snapshot': ManageSnapshot,
    'list manageable': ListManageable,
    'end of migration': Migrated,
}
