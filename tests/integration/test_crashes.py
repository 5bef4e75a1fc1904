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


"""cinder-volume is killed in the middle of operations, and comes back.

Where Cinder leaves an object in between for good (extending, retyping,
reverting, a snapshot that is being deleted) an administrator has to reset
its state, whatever the backend: it is no state that its clean-up at the
start of the service knows. All else is for the user to do.
"""

import concurrent.futures
import time
import typing
import uuid

from cinderclient import exceptions

from tests.functional import stack_case
from tests.integration import base

HOST = base.HOSTS[0]
# Seconds.
AWAY = 10.0
# Longer than any temporary snapshot stays.
EXPIRY = 4 * 3600.0


class Operation:
    """What somebody asks for, with the objects that it takes."""

    #: What it is called in the table.
    name = ''
    #: The status of what it is about, if all went well, and those that
    #: Cinder may leave it in. What is not there any more is gone.
    good = 'available'
    bad: tuple[str, ...] = ()

    def __init__(self, case: 'CrashTestCase') -> None:
        self.case = case
        self.cinder = case.cinder
        self.volumes = case.volumes
        self.prepare()

    def prepare(self) -> None:
        """Have what it needs."""

    def begin(self) -> None:
        """Ask for it; that may take until it has ended."""
        raise NotImplementedError()

    def subject(self) -> typing.Any:
        """Return what it is about, as Cinder has it now."""
        raise NotImplementedError()

    def check(self) -> None:
        """See that it has ended well."""
        raise NotImplementedError()

    def mend(self) -> str:
        """Bring it to an end otherwise; return what that takes."""
        raise NotImplementedError()

    def status(self) -> str:
        """Return the status of what it is about."""
        try:
            return self.subject().status
        except exceptions.NotFound:
            return 'gone'

    def end(self) -> str:
        """Wait until Cinder does no more for it, and return its status."""
        self.case.wait(f'{self.name} to end', lambda: (
            self.status() in (self.good, *self.bad)))
        return self.status()

    def end_well(self) -> None:
        """Wait until it has ended well."""
        self.case.wait(f'{self.name} to end well', lambda: (
            self.status() == self.good))

    def resume(self) -> str:
        """See what became of it, and bring it to an end."""
        status = self.end()
        if status != self.good:
            return f'{status}: {self.mend()}'
        self.check()
        return 'it ended'

    def volume(self, **source: str) -> typing.Any:
        """Return a new volume."""
        return self.volumes.settled(self.cinder.volumes.create(
            1, **source or {'volume_type': 'Shared'}).id)

    def snapshot(self, volume: typing.Any) -> typing.Any:
        """Return a new snapshot."""
        return self.volumes.settled_snapshot(
            self.cinder.volume_snapshots.create(volume.id).id)


class Create(Operation):
    """A new volume, empty."""

    name = 'create'
    bad = ('error',)
    source: dict[str, str] = {'volume_type': 'Shared'}

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.made = self.cinder.volumes.create(1, **self.source)

    def subject(self) -> typing.Any:
        """Return the volume."""
        return self.cinder.volumes.get(self.made.id)

    def check(self) -> None:
        """See that it is on the cluster."""
        self.case.assert_on_cluster(self.made, 1)

    def mend(self) -> str:
        """Give up."""
        self.case.delete(self.made.id)
        return 'its user deletes it'


class CreateFromSnapshot(Create):
    """A new volume with the content of a snapshot."""

    name = 'create from snapshot'

    def prepare(self) -> None:
        """Have a snapshot."""
        self.source = {'snapshot_id': self.snapshot(self.volume()).id}


class Clone(Create):
    """A new volume with the content of another."""

    name = 'clone'

    def prepare(self) -> None:
        """Have another volume."""
        self.of = self.volume()
        self.source = {'source_volid': self.of.id}

    def mend(self) -> str:
        """Give up; what it was made from is no obstacle."""
        left = [one for one in self.case.lightos.snapshots()
                if one['sourceVolumeName'] == stack_case.name_of(self.of)
                and one['state'] != 'Deleting']
        # That they really do is seen at the end of the test.
        self.case.assertTrue(all(one['retentionTime'] for one in left))
        return super().mend() + (
            ', its snapshot expires' if left else '')


class CreateSnapshot(Operation):
    """A new snapshot."""

    name = 'create snapshot'
    bad = ('error',)

    def prepare(self) -> None:
        """Have a volume."""
        self.of = self.volume()

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.made = self.cinder.volume_snapshots.create(self.of.id)

    def subject(self) -> typing.Any:
        """Return the snapshot."""
        return self.cinder.volume_snapshots.get(self.made.id)

    def check(self) -> None:
        """See that it is on the cluster."""
        self.case.assertIn(f'snapshot-{self.made.id}', self.on_cluster())

    def mend(self) -> str:
        """Give up."""
        self.case.delete_snapshot(self.made.id)
        return 'its user deletes it'

    def on_cluster(self) -> list[str]:
        """Return the names of all snapshots that stay."""
        return [one['name'] for one in self.case.lightos.snapshots()
                if one['state'] != 'Deleting']


class DeleteSnapshot(CreateSnapshot):
    """The end of a snapshot."""

    name = 'delete snapshot'
    good = 'gone'
    bad = ('deleting',)

    def prepare(self) -> None:
        """Have a snapshot."""
        self.made = self.snapshot(self.volume())

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.cinder.volume_snapshots.delete(self.made)

    def check(self) -> None:
        """See that it is not on the cluster."""
        self.case.assertNotIn(f'snapshot-{self.made.id}', self.on_cluster())

    def mend(self) -> str:
        """Try again, as soon as Cinder lets anybody."""
        self.cinder.volume_snapshots.reset_state(self.made, 'available')
        self.begin()
        self.end_well()
        self.check()
        return 'reset, asked for again'


class Extend(Operation):
    """More room."""

    name = 'extend'
    bad = ('extending', 'error_extending')

    def prepare(self) -> None:
        """Have a volume."""
        self.of = self.volume()

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.cinder.volumes.extend(self.of, 2)

    def subject(self) -> typing.Any:
        """Return the volume."""
        return self.cinder.volumes.get(self.of.id)

    def check(self) -> None:
        """See that there is."""
        self.case.assert_on_cluster(self.of, self.subject().size)
        self.case.assertEqual(2, self.subject().size)

    def mend(self) -> str:
        """Try again, as soon as Cinder lets anybody."""
        self.cinder.volumes.reset_state(self.of, 'available')
        self.begin()
        self.end_well()
        self.check()
        return 'reset, asked for again'


class Retype(Extend):
    """Another type, where the volume is."""

    name = 'retype'
    bad = ('retyping',)

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.cinder.volumes.retype(self.of, 'Plain', 'never')

    def check(self) -> None:
        """See that it is of that type."""
        self.case.assertEqual('Plain', self.subject().volume_type)
        self.case.assert_on_cluster(self.of, 1, compression='false')


class Revert(Extend):
    """The content of a snapshot, where the volume is."""

    name = 'revert to snapshot'
    bad = ('reverting', 'error')

    def prepare(self) -> None:
        """Have a snapshot."""
        super().prepare()
        self.to = self.snapshot(self.of)

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.cinder.volumes.revert_to_snapshot(self.of, self.to)

    def check(self) -> None:
        """See that both can be used."""
        self.volumes.settled_snapshot(self.to.id)
        self.case.assert_on_cluster(self.of, 1)

    def mend(self) -> str:
        """Try again, as soon as Cinder lets anybody."""
        self.cinder.volume_snapshots.reset_state(self.to, 'available')
        return super().mend()


class Attach(Operation):
    """Access for a host."""

    name = 'attach'
    good = 'in-use'
    bad = ('reserved', 'attaching')

    def prepare(self) -> None:
        """Have a volume, reserved for a server."""
        self.of = self.volume()
        self.nova = self.case.nova_of_thread()
        self.attachment = self.nova.reserve(self.of.id, str(uuid.uuid4()))

    def begin(self) -> None:
        """Ask Cinder, which answers when it is done."""
        self.nova.connect(self.attachment, HOST)
        self.nova.complete(self.attachment)

    def subject(self) -> typing.Any:
        """Return the volume."""
        return self.cinder.volumes.get(self.of.id)

    def check(self) -> None:
        """See that it has access."""
        self.case.assert_open_to(self.of, HOST)
        self.nova.detach(self.attachment)
        self.case.assert_open_to(self.of)

    def mend(self) -> str:
        """Try again."""
        self.begin()
        self.end_well()
        self.check()
        return 'asked for again'


class AttachGivenUp(Attach):
    """Access for a host, which Nova does without where it fails."""

    name = 'attach, given up'

    def check(self) -> None:
        """See that it has access, and that nobody doubts it for long."""
        self.case.wait('Cinder to be sure of it', self.is_confirmed)
        super().check()

    def mend(self) -> str:
        """Give up: Cinder does not tell the driver of a host not on record.
        """
        self.nova.detach(self.attachment)
        self.case.wait('the driver to find out', self.is_confirmed)
        self.case.assert_open_to(self.of)
        return 'Nova gives up'

    def is_confirmed(self) -> bool:
        """Return whether no host may have access without attachment."""
        return not any('unconfirmed' in key for key in
                       self.case.stack.cinder.admin_metadata(self.of.id))


class Detach(Attach):
    """No access any more."""

    name = 'detach'
    good = 'available'
    bad = ('in-use',)

    def prepare(self) -> None:
        """Have a volume that is attached."""
        super().prepare()
        super().begin()

    def begin(self) -> None:
        """Ask Cinder, which answers when it is done."""
        self.nova.detach(self.attachment)

    def check(self) -> None:
        """See that nobody has access."""
        self.case.assert_open_to(self.of)


class Delete(Operation):
    """The end of a volume."""

    name = 'delete'
    good = 'gone'
    bad = ('error_deleting',)

    def prepare(self) -> None:
        """Have a volume."""
        self.of = self.volume()

    def begin(self) -> None:
        """Ask Cinder, which answers before it is done."""
        self.cinder.volumes.delete(self.of)

    def subject(self) -> typing.Any:
        """Return the volume."""
        return self.cinder.volumes.get(self.of.id)

    def check(self) -> None:
        """See that it is not on the cluster."""
        self.case.assertNotIn(stack_case.name_of(self.of), [
            one['name'] for one in self.case.lightos.volumes()])

    def mend(self) -> str:
        """Try again."""
        self.begin()
        self.end_well()
        self.check()
        return 'its user deletes it again'


ALL = (Create, CreateFromSnapshot, Clone, CreateSnapshot, Extend, Retype,
       Revert, Attach, Detach, Delete, DeleteSnapshot)


class CrashTestCase(base.DistributedTestCase):
    """Every operation, killed before and after each of its changes."""

    defaults = {
        **base.DistributedTestCase.defaults,
        'rpc_response_timeout': 10,
        # Who was let in and is not on record is found with the statistics.
        'backend_stats_polling_interval': 3, 'periodic_interval': 3,
        'periodic_fuzzy_delay': 0,
        'quota_volumes': 100, 'quota_snapshots': 100,
    }
    # What is held is not to be asked for again elsewhere.
    options = {'lightos_api_service_timeout': 300,
               'lightos_operation_timeout': 600}
    table: list[tuple[str, str, str]]

    @classmethod
    def setUpClass(cls) -> None:
        """Have a second volume type."""
        super().setUpClass()
        cls.create_type('Plain', multiattach='<is> True',
                        compression='<is> False')
        cls.table = []
        cls.addClassCleanup(cls._print_table)

    @classmethod
    def _print_table(cls) -> None:
        print(f'\n{cls.__name__}: killed, and started again')
        for row in cls.table:
            print('  {:22}{:34}{}'.format(*row))

    def changes_of(self, kind: type[Operation]) -> list[str]:
        """Do it undisturbed; return the methods of the changes it makes."""
        operation = kind(self)
        self.lightos.clear_records()
        operation.begin()
        operation.end_well()
        changes = [request['method'] for request in self.lightos.requests()
                   if request['method'] != 'GET']
        operation.check()
        return changes

    def hold(self, operation: Operation, method: str = '', skip: int = 0,
             when: str = 'after') -> concurrent.futures.Future:
        """Begin an operation and keep it where it makes a request.

        :param method: of that change; the first request if left out
        :param skip: how many by that method to let pass first
        :param when: after it has been made, or before: then it never is
        :returns: what becomes of the request to Cinder
        """
        fault = self.lightos.add_fault(
            'hang' if when == 'before' else 'delay', when=when,
            seconds=120.0, method=method or None, times=1, skip=skip,
            path='/(volumes|snapshots)')
        begun = self.pool.submit(operation.begin)
        self.wait(f'{operation.name} to be under way', lambda: fault in [
            one['id'] for one in self.lightos.faults() if one['hits']])
        return begun

    def crash(self, *kinds: type[Operation]) -> None:
        """Kill all services amid operations, each at every point it has.

        :param kinds: those last that cannot be held for long
        """
        held = []
        for kind in kinds:
            methods = self.changes_of(kind)
            for number, method in enumerate(methods):
                for when in ('before', 'after'):
                    operation = kind(self)
                    begun = self.hold(operation, method,
                                      methods[:number].count(method), when)
                    held.append((operation, begun, f'{when} {method} '
                                 f'({number + 1} of {len(methods)})'))
        self.restart()
        for operation, begun, point in held:
            # Some were answered at once, others never.
            begun.exception()
            with self.subTest(operation.name, point=point):
                self.note(operation, point, operation.resume())

    def restart(self) -> None:
        """Kill all services, and start them again."""
        for service in self.services:
            self.stack.kill(service)
        self.lightos.clear_faults()
        for service in self.services:
            self.stack.start(service)

    def outage(self, server: str, *kinds: type[Operation]
               ) -> list[tuple[Operation, bool]]:
        """Take a server away amid operations, and bring it back.

        :returns: each operation, and whether Cinder has answered well
        """
        operations = [kind(self) for kind in kinds]
        begun = [self.hold(operation) for operation in operations]
        self.stack.kill(server)
        self.lightos.clear_faults()
        # Somebody asks for more meanwhile.
        late = Create(self)
        begun_late = self.pool.submit(late.begin)
        time.sleep(AWAY)
        self.stack.start(server)
        if begun_late.exception():
            self.note(late, f'{server} away before', 'refused')
        else:
            operations.append(late)
            begun.append(begun_late)
        return [(operation, not answer.exception())
                for operation, answer in zip(operations, begun)]

    def note(self, operation: Operation, point: str, outcome: str) -> None:
        """Put a row into the table."""
        self.table.append((operation.name, point, outcome))

    def setUp(self) -> None:
        """See that in the end nothing is left that stays."""
        super().setUp()
        self.addCleanup(self.lightos.advance, EXPIRY)
        self.addCleanup(self.delete_all)
        self.pool = self.enterContext(
            concurrent.futures.ThreadPoolExecutor(32))
        self.addCleanup(self.lightos.clear_faults)

    def delete_all(self) -> None:
        """Delete what there is, as its user can."""
        snapshots = self.cinder.volume_snapshots.list()
        for snapshot in snapshots:
            self.cinder.volume_snapshots.delete(snapshot)
        for snapshot in snapshots:
            self.volumes.gone_snapshot(snapshot.id)
        made = self.cinder.volumes.list()
        for volume in made:
            self.cinder.volumes.delete(volume)
        for volume in made:
            self.volumes.gone(volume.id)
        left = [one for one in self.lightos.snapshots()
                if one['state'] != 'Deleting']
        # Of killed clones; nobody else would delete them.
        self.assertEqual([], [one for one in left
                              if not one.get('retentionTime')])


class ClusterCrashTest(CrashTestCase):
    """Two services, active-active."""

    def test_creations(self) -> None:
        self.crash(Create, CreateFromSnapshot, CreateSnapshot, Clone)

    def test_changes(self) -> None:
        self.crash(Extend, Retype, Revert, Attach, AttachGivenUp, Detach)

    def test_deletions(self) -> None:
        self.crash(Delete, DeleteSnapshot)

    def test_without_rabbitmq(self) -> None:
        for operation, answered in self.outage('rabbitmq-server', *ALL):
            with self.subTest(operation.name):
                outcome = 'it ended'
                if not answered:
                    outcome = f'no answer: {operation.mend()}'
                else:
                    operation.end_well()
                    operation.check()
                self.note(operation, 'rabbitmq-server away', outcome)

    def test_without_mariadb(self) -> None:
        operations = self.outage('mariadbd', *ALL)
        # What Cinder could not write it does not write later: it begins
        # anew where an administrator starts it again.
        self.restart()
        for operation, _ in operations:
            with self.subTest(operation.name):
                self.note(operation, 'mariadbd away', operation.resume())

    def test_the_other_cleans_up(self) -> None:
        created, deleted = Create(self), Delete(self)
        self.hold(created, 'POST')
        calls = '==> delete_volume: call'
        before = self.count(calls)
        self.hold(deleted, 'DELETE')
        after = self.count(calls)
        killed, = (service for service in self.services
                   if after[service] > before[service])
        self.stack.kill(killed)
        self.lightos.clear_faults()
        self.wait('Cinder to miss it', lambda: self.stack.cinder.alive(
            self.stack.admin.session()) == set(self.services) - {killed})

        self.cinder.workers.clean(binary='cinder-volume')

        for operation in (created, deleted):
            self.note(operation, 'one of two killed, work-cleanup',
                      operation.resume())
        self.stack.start(killed)


class SingleCrashTest(CrashTestCase):
    """One service, which is of no Cinder cluster."""

    services = ('volume-1',)
    cluster = ''

    def test_all(self) -> None:
        self.crash(Create, CreateSnapshot, Extend, Attach, AttachGivenUp,
                   Delete, Clone)
