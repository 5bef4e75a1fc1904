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

"""One cell: an operation, a fault, a cluster, and the four invariants."""

import argparse
import contextlib
import dataclasses
import itertools
import logging
import os
from typing import Any
from typing import Iterator
from typing import Mapping
from typing import Optional
from unittest import mock
import zlib

from cinder import exception

from lightos_cinder.client import polling
from lightos_cinder.client import transport
from lightos_cinder import lifecycle
from tests.emulator import keys
from tests.functional import base
from tests.functional import database
from tests.matrix import clock as matrix_clock
from tests.matrix import faults
from tests.matrix import operations

#: Requests of one operation at the most, with its tidying up.
CALM = 120

#: Seconds of the driver: an operation, tidying up twice, and for each the
#: request that was begun at the last moment.
DEADLINE = (matrix_clock.OPERATION_TIMEOUT + 2 * lifecycle.TIDY_TIMEOUT
            + 4 * matrix_clock.REQUEST_TIMEOUT)

#: Seconds after which temporary snapshots have expired.
_EXPIRED = 4000

#: Errors of Cinder that say what the object is now.
_BUSY = (exception.VolumeIsBusy, exception.SnapshotIsBusy)
_GONE = (exception.VolumeNotFound, exception.SnapshotNotFound)


@dataclasses.dataclass(frozen=True)
class Cell:
    """What is tried."""

    operation: str
    fault: faults.Fault
    world: faults.World

    def __str__(self) -> str:
        return '%s/%s/%d' % (self.operation, self.fault,
                             faults.WORLDS.index(self.world))

    def wanted(self, options: argparse.Namespace) -> bool:
        """Whether it is asked for, and of that worker."""
        if options.cell:
            return str(self) == options.cell and options.worker == 0
        # By its name: workers that count differently miss none.
        number = zlib.crc32(('%s/%s' % (self.operation, self.fault)).encode()
                            ) + options.offset
        turn, number = number % len(faults.WORLDS), number // len(
            faults.WORLDS)
        if not options.whole:
            if self.world != faults.WORLDS[turn] or number % options.share:
                return False
        return (options.kind in self.fault.kind.name and
                zlib.crc32(str(self).encode()) // 97 % options.workers
                == options.worker)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of it.

    :param error: what it failed with; empty if it succeeded
    :param requests: how many were sent
    :param seconds: of the driver's time
    :param violations: of the invariants
    """

    cell: str
    operation: str
    kind: str
    error: str
    requests: int
    seconds: float
    violations: tuple[str, ...]


class _Log(logging.Handler):
    """What the driver has logged for operators."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        (self.errors if record.levelno >= logging.ERROR
         else self.warnings).append(record.getMessage())


class Bench(database.DatabaseTestCase):
    """A driver and a cluster whose time passes at once."""

    def runTest(self) -> None:
        """Make the class usable on its own."""

    def setUp(self) -> None:
        """Have the driver work by that clock."""
        self.clock = matrix_clock.Clock(
            lambda seconds: self.lightos.advance(seconds))
        for target, name, value in (
                (polling, 'Clock', lambda: self.clock),
                (transport, 'Transport', matrix_clock.Transport),
                (transport, '_CONNECT_TIMEOUT',
                 matrix_clock.REQUEST_TIMEOUT / matrix_clock.PACE)):
            patcher = mock.patch.object(target, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)
        super().setUp()
        self.gold = self.type('gold', base.GOLD)
        certificate, key, _fingerprint = keys.certificate()
        self._other = tuple(
            self.write_file(name, text.decode()) for name, text in (
                ('other.pem', certificate), ('other.key', key)))
        self._rows: list[Any] = []

    def backend_options(self) -> dict[str, Any]:
        """With times of that clock, and trust that can be lost."""
        return dict(
            super().backend_options(),
            lightos_operation_timeout=matrix_clock.OPERATION_TIMEOUT,
            lightos_api_service_timeout=matrix_clock.REQUEST_TIMEOUT,
            lightos_tls_fingerprints=[self.lightos.fingerprint])

    def record(self, *args: Any, **values: Any) -> Any:
        """A volume that lasts as long as the cell."""
        self._rows.append(super().record(*args, **values))
        return self._rows[-1]

    def record_snapshot(self, *args: Any, **values: Any) -> Any:
        """A snapshot that lasts as long as the cell."""
        self._rows.append(super().record_snapshot(*args, **values))
        return self._rows[-1]

    def cells(self, options: argparse.Namespace) -> Iterator[Cell]:
        """The cells of one worker, of those that are asked for."""
        for operation, world in itertools.product(operations.OPERATIONS,
                                                  faults.WORLDS):
            if options.operation not in ('', operation):
                continue
            requests = self._length(operation, world)
            for kind in faults.KINDS:
                for fault in faults.faults(kind, requests):
                    cell = Cell(operation, fault, world)
                    if cell.wanted(options):
                        yield cell

    def _length(self, name: str, world: faults.World) -> int:
        """How many requests an operation needs where nothing goes wrong."""
        with self._prepared(name, world) as operation:
            before = matrix_clock.Transport.attempts
            operation.run()
            return matrix_clock.Transport.attempts - before

    def run_cell(self, cell: Cell) -> Outcome:
        """Try it."""
        with self._prepared(cell.operation, cell.world) as operation:
            before = self._inventory()
            log = _Log()
            error: Optional[Exception] = None
            attempts = matrix_clock.Transport.attempts
            began = self.clock.now()
            with _logged(log), self._struck(cell.fault):
                try:
                    operation.run()
                except Exception as raised:
                    error = raised
                seconds = self.clock.now() - began
                requests = matrix_clock.Transport.attempts - attempts
            violations = list(self._violations(cell, operation, before,
                                               error, log))
        if requests > CALM:
            violations.append('%d requests' % requests)
        if seconds > DEADLINE:
            violations.append('it took %d s' % seconds)
        return Outcome(str(cell), cell.operation, cell.fault.kind.name,
                       type(error).__name__ if error else '', requests,
                       seconds, tuple(violations))

    @contextlib.contextmanager
    def _prepared(self, name: str, world: faults.World
                  ) -> Iterator[operations.Operation]:
        """An operation, on a cluster and with records of its own."""
        self.lightos.reset(dict(
            world.settings, rollback_resets_acl=True, failed_delete='accept'))
        self.lightos.create_project(base.PROJECT)
        # No endpoint is remembered for what it did to another cell.
        self.clock.sleep(60)
        operation = operations.OPERATIONS[name](self)
        operation.prepare()
        self.clock.sleep(10)
        try:
            yield operation
        finally:
            for row in self._rows:
                self._forget(row)
            self._rows.clear()

    @contextlib.contextmanager
    def _struck(self, fault: faults.Fault) -> Iterator[None]:
        """The time in which it goes wrong."""
        connection: Any = self.driver._transport
        in_use = str(connection.endpoints.in_order()[0])
        first = self.lightos.endpoints.index(in_use)
        indexes = [(first + number) % 3 for number in range(fault.endpoints)]
        mode = fault.kind.mode
        try:
            if mode == 'untrusted':
                self.lightos.install_certificate(*self._other)
            elif mode:
                # As if no connection had been open.
                connection.close()
                for index in indexes:
                    self.lightos.endpoint(index, mode)
                if fault.lasting != faults.FOREVER:
                    self.clock.after(
                        faults.WHILE_SECONDS
                        if fault.lasting == faults.A_WHILE else 0,
                        self._mend)
            else:
                self.lightos.add_fault(**dict(
                    fault.kind.fields or {}, endpoints=indexes,
                    skip=fault.first, times=fault.times))
            yield
        finally:
            self.clock.forget()
            if mode == 'untrusted':
                self.lightos.install_certificate(
                    self.lightos.certificate, os.path.join(
                        os.path.dirname(self.lightos.certificate),
                        'api.key'))
            elif mode:
                self._mend()
            self.lightos.clear_faults()
            # What has hung is over, and endpoints are as good as new.
            self.clock.sleep(300)

    def _mend(self) -> None:
        for index in range(3):
            self.lightos.endpoint(index, 'up')

    # The invariants

    def _violations(self, cell: Cell, operation: operations.Operation,
                    before: operations.Inventory,
                    error: Optional[Exception], log: _Log
                    ) -> Iterator[str]:
        after = self._inventory()
        survived = cell.fault.survived and not (operation.quick and (
            cell.fault.kind.waits
            or cell.fault.lasting == faults.A_WHILE))
        if error is None:
            yield from self._untrue(operation, before, after, log)
            wrong = operation.wrong(not survived and bool(
                log.errors or log.warnings or not cell.fault.kind.passes))
            if wrong:
                yield wrong
            return
        if survived:
            yield 'it must succeed: %s' % error
        yield from _misleading(cell.fault.kind, error, after == before)
        yield from _left_behind(before, operation.want(before), after, log)
        try:
            operation.recover()
        except Exception as again:
            yield 'what follows fails: %r' % again
            return
        self.clock.sleep(_EXPIRED)
        yield from _different('after what follows', self._inventory(),
                              operation.recovered(before))

    def _untrue(self, operation: operations.Operation,
                before: operations.Inventory, after: operations.Inventory,
                log: _Log) -> Iterator[str]:
        """What is not as a success says."""
        extra = set(after) - set(operation.want(before))
        if extra and all(noun == 'snapshot' and _named(name, log.warnings)
                         for noun, name in extra):
            # Temporary, left with a warning: gone in an hour.
            self.clock.sleep(_EXPIRED)
            after = self._inventory()
        yield from _different('told as a success', after,
                              operation.want(before))
        uuids = {one['UUID']: one['name'] for one in
                 self.lightos.volumes() + self.lightos.snapshots()}
        for made in operation.made:
            project, uuid_ = made.provider_id.split()
            if (project, uuids.get(uuid_)) != (base.PROJECT, made.name):
                yield '%s is recorded as %s' % (made.name, made.provider_id)

    def _inventory(self) -> operations.Inventory:
        """All that is on the cluster to stay, settled."""
        contents = self.lightos.contents()
        return {
            (noun, one['name']): operations.Item(
                project=one['projectName'],
                size=int(one['size']) / base.GIB,
                replicas=one['replicaCount'],
                compression=str(one['compression']).lower(),
                acl=_listed(one.get('acl')),
                ip_acl=_listed(one.get('IPAcl')),
                policy=one.get('qosPolicyName', operations.Item.policy),
                content=contents[one['UUID']],
                state=one['state'])
            for noun, found in (('volume', self.lightos.volumes()),
                                ('snapshot', self.lightos.snapshots()))
            for one in found if one['state'] != 'Deleting'}


def _listed(access: Optional[Mapping[str, list[str]]]) -> tuple[str, ...]:
    """An access list; a snapshot has none."""
    return tuple(sorted(access['values'])) if access else operations.NONE


@contextlib.contextmanager
def _logged(log: _Log) -> Iterator[None]:
    logger = logging.getLogger('lightos_cinder')
    logger.addHandler(log)
    try:
        yield
    finally:
        logger.removeHandler(log)


def _misleading(kind: faults.Kind, error: Exception, untouched: bool
                ) -> Iterator[str]:
    """What an error says that is not so; Cinder acts on it."""
    if isinstance(error, _GONE):
        if not kind.absence:
            yield 'told that it is gone: %s' % error
    elif isinstance(error, exception.ManageExistingInvalidReference):
        if not kind.absence:
            yield 'told that there is no such thing: %s' % error
    elif isinstance(error, _BUSY):
        if not (kind.refusal and untouched):
            yield 'told that it is busy, and as before: %s' % error
    elif not isinstance(error, exception.VolumeBackendAPIException):
        yield 'not an error of Cinder: %r' % error


def _left_behind(before: operations.Inventory, wanted: operations.Inventory,
                 after: operations.Inventory, log: _Log) -> Iterator[str]:
    """What a failure has left, and has not said."""
    # What is to have another name may have what else it shall have already.
    renamed = dict(zip(set(before) - set(wanted), set(wanted) - set(before)))
    for key, item in after.items():
        if key not in before:
            moved = key in renamed.values() and len(after) == len(before)
            if not moved and not _named(key[1], log.errors) and not (
                    key[0] == 'snapshot' and _named(key[1], log.warnings)):
                yield 'left behind: %s %s' % key
            continue
        was = before[key]
        shall_be = wanted.get(renamed.get(key, key), was)
        for field in dataclasses.fields(item):
            value = getattr(item, field.name)
            if value not in (getattr(was, field.name),
                             getattr(shall_be, field.name)) and not any(
                    'may be open' in text for text in log.errors):
                yield '%s of %s %s is %s' % (field.name, *key, value)
        for name in set(item.acl) - set(was.acl) - set(operations.NONE):
            if not _named(name, log.errors) and not any(
                    'may be open to hosts' in text for text in log.errors):
                yield '%s %s is open to %s' % (*key, name)
    for key in before:
        if key not in after and key in wanted:
            yield 'gone: %s %s' % key


def _different(when: str, found: operations.Inventory,
               expected: operations.Inventory) -> Iterator[str]:
    for key in sorted(set(found) | set(expected)):
        if found.get(key) != expected.get(key):
            yield '%s, %s %s is %s instead of %s' % (
                when, *key, found.get(key), expected.get(key))


def _named(name: str, texts: list[str]) -> bool:
    return any(name in text for text in texts)
