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

"""lightos-cinder audit, on what the driver made and what went wrong."""

import os
import pty
import select
import subprocess
import sys
import time
from typing import Any
from typing import Mapping
import uuid

from cinder.db import api as db
from cinder import objects
from cinder.objects import fields
import requests
import sqlalchemy

from lightos_cinder.cli import comparison
from lightos_cinder.cli import mending
from tests.functional import base
from tests.functional import command_case
from tests.functional import database
from tests.functional import stack_case

AGO = '2026-01-01T00:00:00'


class AuditTestCase(command_case.CommandTestCase):
    """Volumes that the driver made, on record as Cinder has them."""

    def setUp(self) -> None:
        super().setUp()
        self.gold = self.type('gold', base.GOLD)

    def made(self, **values: Any) -> Any:
        """A volume on record and on the cluster."""
        volume = self.record(self.gold, 1, status='creating')
        return self.save(volume, dict(
            self.driver.create_volume(volume), status='available', **values))

    def made_snapshot(self, volume: Any) -> Any:
        """A snapshot on record and on the cluster."""
        snapshot = self.record_snapshot(volume, status='creating')
        return self.save(snapshot, dict(
            self.driver.create_snapshot(snapshot), status='available'))

    def attach_to(self, volume: Any, *numbers: int, opened: bool = True
                  ) -> Any:
        """Attach it to hosts on record, and let these in."""
        for number in numbers:
            if opened:
                self.driver.initialize_connection(
                    volume, base.connector(number))
            attachment = objects.VolumeAttachment(
                self.context, volume_id=volume.id,
                attach_status=fields.VolumeAttachStatus.ATTACHED,
                connector=base.connector(number))
            attachment.create()
            self.addCleanup(attachment.destroy)
        return self.save(volume, {'status': 'in-use'})

    def audit(self, *words: str, status: int = 1) -> list[tuple[str, ...]]:
        """Kind and object of each finding, as the command tells them."""
        result = self.command('audit', '-f', 'json', *words)
        self.assertEqual(status, result.status, result)
        self.result = result
        return [(row['Kind'], row['Object']) for row in result.json]

    def put(self, volume: Any, change: Mapping[str, Any]) -> None:
        """Change a volume on the cluster behind Cinder's back."""
        self.ask('PUT', 'projects/%s/volumes/%s' % (
            base.PROJECT, self.on_cluster(volume)['UUID']), change)
        while self.on_cluster(volume)['state'] != 'Available':
            time.sleep(0.05)

    def temporary(self, source: Any, clone: str) -> str:
        """The name of what a clone left of that name."""
        name = 'clone-%s-0123456789ab' % clone
        self.ask('POST', 'projects/%s/snapshots' % base.PROJECT, {
            'name': name, 'retentionTime': '3600s',
            'sourceVolumeUUID': self.on_cluster(source)['UUID']})
        return name

    def mark(self, volume: Any, number: int, since: str = AGO) -> None:
        """Have it to be found out about a host since then."""
        db.volume_admin_metadata_update(
            self.context, volume.id, {
                'lightos_unconfirmed:' + base.connector(number)['nqn']: since
            }, False)


class TestFindings(AuditTestCase):
    """What differs is told, and what does not is not."""

    def test_clean(self) -> None:
        """What the driver made is found to be right."""
        volume = self.attach_to(self.made(), 1, 2)
        self.made_snapshot(volume)
        self.record(self.gold, 1, status='creating')
        self.record(self.gold, 1, status='error')
        self.assertEqual([], self.audit(status=0))
        self.assertEqual('', self.result.err)

    def test_each_kind(self) -> None:
        lost, small, open_, shut, marked, snapped, fine = [
            self.made() for _number in range(7)]
        orphan = self.made()
        lost_snapshot = self.made_snapshot(snapped)
        self.driver.delete_volume(lost)
        self.driver.delete_snapshot(lost_snapshot)
        self.save(small, {'size': 2})
        self.driver.initialize_connection(open_, base.connector(3))
        self.attach_to(shut, 1, opened=False)
        self.mark(marked, 4)
        self.mark(fine, 5, '2999-01-01T00:00:00')
        # One that came for a second attachment.
        self.mark(fine, 6, '2999-01-01T00:00:00 2999-01-01T00:00:00')
        held = self.on_cluster(orphan)
        orphan.destroy()
        clone = 'clone-%s-0123456789ab' % fine.name
        made = self.ask('POST', 'projects/%s/snapshots' % base.PROJECT, {
            'name': clone, 'retentionTime': '3600s',
            'sourceVolumeUUID': held['UUID']})

        found = self.audit()

        self.assertEqual([
            *sorted([('lost', 'volume ' + lost.id),
                     ('lost', 'snapshot ' + lost_snapshot.id)]),
            ('size', 'volume ' + small.id),
            ('no access', 'volume ' + shut.id),
            ('access', 'volume ' + open_.id),
            ('unconfirmed', 'volume ' + marked.id),
            ('orphan', 'volume %s (%s)' % (held['name'], held['UUID'])),
            ('leftover', 'snapshot %s (%s)' % (clone, made['UUID']))], found)
        self.assertNotIn(self.lightos.admin_token, repr(self.result))

    def test_nothing_is_changed(self) -> None:
        self.driver.delete_volume(self.made())
        self.lightos.clear_records()
        self.audit()
        self.assertEqual({'GET'}, {call.split()[0] for call in self.calls()})

    def test_clone_under_way(self) -> None:
        volume = self.made()
        clone = self.record(self.gold, 1, status='creating')
        self.ask('POST', 'projects/%s/snapshots' % base.PROJECT, {
            'name': 'clone-%s-0123456789ab' % clone.name,
            'retentionTime': '3600s',
            'sourceVolumeUUID': self.on_cluster(volume)['UUID']})
        self.assertEqual([], self.audit(status=0))
        self.save(clone, {'status': 'error'})
        self.assertEqual(['leftover'], [kind for kind, _ in self.audit()])

    def test_foreign(self) -> None:
        self.ask('POST', 'projects/%s/volumes' % base.PROJECT, {
            'name': 'by-hand', 'size': '1 gib', 'replicaCount': 1,
            'acl': {'values': ['ALLOW_NONE']}})
        self.assertEqual([], self.audit(status=0))
        (kind, subject), = self.audit('--foreign')
        self.assertEqual('orphan', kind)
        self.assertIn('by-hand', subject)

    def test_migrating(self) -> None:
        """Both volumes of a migration are somebody's business already."""
        volume = self.made(migration_status='migrating')
        self.driver.initialize_connection(volume, base.connector(1))
        self.made(migration_status='target:' + volume.id, use_quota=False)
        self.assertEqual([], self.audit(status=0))

    def test_temporary_volume(self) -> None:
        """A backup attaches those without any record."""
        volume = self.made(use_quota=False)
        self.driver.initialize_connection(volume, base.connector(1))
        self.assertEqual([], self.audit(status=0))


class TestThousands(AuditTestCase):
    """One query and one call for a thousand, not for each."""

    def test_calls(self) -> None:
        number = 2100
        template = self.record(self.gold, 1, status='available')
        rows = []
        for _number in range(number):
            rows.append({
                'id': str(uuid.uuid4()), 'size': 1, 'status': 'available',
                'host': database.HOST, 'project_id': 'p', 'user_id': 'u',
                'volume_type_id': self.gold.id, 'use_quota': True})
        self.insert(rows)
        template.destroy()
        self.lightos.clear_records()
        began = time.monotonic()
        result = self.command('audit', '-f', 'value', '-c', 'Kind')
        self.assertEqual(1, result.status, result.err)
        self.assertEqual(number, len(result.out.split()))
        self.assertLess(len(self.calls()), 20)
        self.assertLess(time.monotonic() - began, 60)

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Put volumes on record, all at once."""
        engine = sqlalchemy.create_engine(base.CONF.database.connection)
        # Cinder's own class for it moved between the releases.
        table = sqlalchemy.Table('volumes', sqlalchemy.MetaData(),
                                 autoload_with=engine)
        with engine.begin() as connection:
            connection.execute(table.insert(), [
                dict(row, deleted=False) for row in rows])
        self.addCleanup(self._delete, engine, table,
                        [row['id'] for row in rows])

    @staticmethod
    def _delete(engine: Any, table: sqlalchemy.Table, ids: list[str]) -> None:
        with engine.begin() as connection:
            for one in ids:
                connection.execute(table.delete().where(table.c.id == one))
        engine.dispose()


class TestFix(AuditTestCase):
    """What is safe is put right, and nothing else."""

    def test_safe_ones(self) -> None:
        lost, open_, shut, marked = [self.made() for _number in range(4)]
        self.driver.delete_volume(lost)
        self.attach_to(open_, 1)
        self.driver.initialize_connection(open_, base.connector(3))
        self.attach_to(shut, 1, opened=False)
        self.mark(marked, 4)
        self.temporary(open_, self.made().name)

        self.assertEqual([('lost', 'volume ' + lost.id)],
                         self.audit('--fix', '--yes'))

        host = base.connector(1)
        for volume in (open_, shut):
            self.assertEqual(([host['nqn']], sorted(host['host_ips'])),
                             self.acls(volume))
        self.assertEqual({}, objects.Volume.get_by_id(
            self.context, marked.id).admin_metadata)
        self.assertFalse([one for one in self.names() if 'clone' in one])
        self.assertIn('close volume %s' % open_.id, self.result.err)

    def test_clone_of_another_cloud(self) -> None:
        """Which shares the project, and may be making it right now."""
        name = self.temporary(self.made(), 'volume-%s' % uuid.uuid4())
        (kind, _subject), = self.audit('--fix', '--yes')
        self.assertEqual('leftover', kind)
        self.assertIn(name, self.names())
        self.assertNotIn('--fix', self.result.out)

    def test_two_backends_of_one_cluster(self) -> None:
        """Hosts have the access that a volume's own backend gives."""
        self.made()
        shut = self.made(host='controller@second#second')
        self.attach_to(shut, 1, opened=False)
        section = dict(
            self.backend_options(),
            volume_driver='lightos_cinder.driver.LightOSVolumeDriver',
            lightos_tls_fingerprints=self.lightos.fingerprint)
        self.write_sections({
            'DEFAULT': {'enabled_backends': base.GROUP + ',second',
                        'state_path': self.folder},
            'database': {'connection': base.CONF.database.connection},
            'coordination': {'backend_url': 'file://' + self.folder},
            base.GROUP: dict(section,
                             lightos_ipacl_networks='198.51.100.0/24'),
            'second': section})
        self.assertEqual([], self.audit('--fix', '--yes', status=0))
        host = base.connector(1)
        self.assertEqual(([host['nqn']], sorted(host['host_ips'])),
                         self.acls(shut))

    def test_changed_since(self) -> None:
        """Each is looked at again, and left alone if it is another case."""
        mender = mending.Mender(base.GROUP, self.driver._backend, ())
        open_, clone = self.made(), self.made()
        host = base.connector(3)
        self.driver.initialize_connection(open_, host)
        name = self.temporary(open_, clone.name)
        close = comparison.Close(open_.id, host['nqn'])
        self.mark(open_, 3, '2999-01-01T00:00:00')
        self.assertIn('just now', mender.apply(close))
        self.save(open_, {'host': 'controller@other#other'})
        self.assertIn('gone from there', mender.apply(close))
        self.assertEqual([host['nqn']], self.acls(open_)[0])
        self.save(clone, {'status': 'creating'})
        self.assertIn('being made', mender.apply(comparison.Drop(
            base.PROJECT, name, str(uuid.uuid4()), clone.id)))
        self.assertIn(name, self.names())

    def test_asks(self) -> None:
        """Without a terminal nothing is changed but by --yes."""
        open_ = self.made()
        self.driver.initialize_connection(open_, base.connector(3))
        result = self.command('audit', '--fix', stdin='y\n')
        self.assertEqual(1, result.status, result)
        self.assertIn('--yes', result.err)
        self.assertEqual([base.connector(3)['nqn']], self.acls(open_)[0])

    def test_cannot(self) -> None:
        """What could not be done is told, and the rest is done."""
        shut, open_ = self.made(), self.made()
        self.attach_to(shut, 1, opened=False)
        self.driver.initialize_connection(open_, base.connector(3))
        self.put(shut, {'IPAcl': {'values': [
            '198.51.100.%d' % number for number in range(1, 17)]}, 'acl': {
                'values': ['nqn.2014-08.org.example:stranger']}})
        self.audit('--fix', '--yes', status=1)
        self.assertIn('It was not possible to open volume ' + shut.id,
                      self.result.err)
        self.assertEqual(['ALLOW_NONE'], self.acls(open_)[0])

    def test_locks_of_another_user(self) -> None:
        """A file that cinder-volume could not lock would stop it."""
        locks = '/'
        if os.geteuid() == 0:
            locks = os.path.join(self.folder, 'locks')
            os.mkdir(locks)
            os.chown(locks, 65534, 65534)
        self.driver.initialize_connection(self.made(), base.connector(3))
        with open(self.conf) as file:
            text = file.read()
        with open(self.conf, 'w') as file:
            file.write(text.replace('file://' + self.folder,
                                    'file://' + locks))
        result = self.command('audit', '--fix', '--yes')
        self.assertEqual(1, result.status, result)
        self.assertIn('sudo -u cinder', result.err)

    def test_locks_out_of_reach(self) -> None:
        self.driver.initialize_connection(self.made(), base.connector(3))
        with open(self.conf) as file:
            text = file.read()
        with open(self.conf, 'w') as file:
            file.write(text.replace('file://' + self.folder,
                                    'nothing://:secret@127.0.0.1:1'))
        result = self.command('audit', '--fix', '--yes')
        self.assertEqual(1, result.status, result)
        self.assertIn('[coordination] backend_url', result.err)
        self.assertNotIn('secret', result.err)


class TestTrouble(AuditTestCase):
    """What cannot be read is told, and is no finding."""

    def test_project(self) -> None:
        self.made()
        self.write_conf(lightos_jwt=self.lightos.token('default'))
        self.assertEqual([], self.audit(status=1))
        self.assertIn('LightOS project lightstack of backend lightstack '
                      'cannot be read', self.result.err)

    def test_database(self) -> None:
        for instead in ('sqlite:////nowhere', 'nothing://u:secret@',
                        'mysql:/u:secret@'):
            with self.subTest(instead=instead):
                self.write_conf()
                with open(self.conf) as file:
                    text = file.read()
                with open(self.conf, 'w') as file:
                    file.write(text.replace('sqlite:///', instead))
                result = self.command('audit')
                self.assertEqual(1, result.status, result)
                self.assertIn('[database] connection', result.err)
                self.assertNotIn('secret', result.err)
                self.assertEqual(1, len(result.err.splitlines()), result)

    def test_terminal(self) -> None:
        """A bar for those who wait, and none in what is read by others."""
        self.made()
        mine, its = pty.openpty()
        with subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m',
                 'lightos_cinder.cli', '--config-file', self.conf,
                 'audit', '-f', 'json'], stdout=subprocess.PIPE,
                stderr=its) as process:
            out, _err = process.communicate(timeout=120)
        os.close(its)
        shown = b''
        while select.select([mine], [], [], 0)[0]:
            try:
                shown += os.read(mine, 4096)
            except OSError:
                break
        os.close(mine)
        self.assertIn(b'% reading ', shown)
        self.assertTrue(shown.endswith(b'\r\x1b[KNothing was found.\r\n'),
                        shown)
        self.assertEqual(b'[]\n', out)


class TestStack(stack_case.StackTestCase):
    """On a real Cinder, whose services are at work meanwhile."""

    def audit(self, *words: str, status: int) -> list[tuple[str, ...]]:
        result = command_case.run(
            str(self.stack.cinder.folder / 'cinder.conf'), 'audit', '-f',
            'json', *words)
        self.assertEqual(status, result.status, result)
        return [(row['Kind'], row['Object']) for row in result.json]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Do something on the cluster behind Cinder's back."""
        reply = requests.request(
            method, 'https://%s:%d/api/v2/projects/%s/%s' % (
                self.lightos.addresses[0], self.lightos.port,
                stack_case.PROJECT, path),
            json=body, verify=False, timeout=10,
            headers={'Authorization': 'Bearer ' + self.lightos.admin_token})
        reply.raise_for_status()
        return reply.json()

    def test_audit(self) -> None:
        self.create_type('Gold')
        attached = self.create(1, volume_type='Gold')
        lost = self.create(1, volume_type='Gold')
        source = self.create(1, volume_type='Gold')
        self.create(1, source_volid=source.id)
        snapshot = self.cinder.volume_snapshots.create(source.id)
        self.addCleanup(self.delete_snapshot, snapshot.id)
        self.volumes.settled_snapshot(snapshot.id)
        attachment = self.nova.attach(attached.id, str(uuid.uuid4()),
                                      stack_case.HOST)
        self.addCleanup(self.nova.detach, attachment)
        self.assertEqual([], self.audit(status=0))

        self.ask('DELETE', 'volumes/' + self.on_cluster(lost)['UUID'])
        self.ask('PUT', 'volumes/' + self.on_cluster(attached)['UUID'],
                 {'acl': {'values': [stack_case.OTHER_HOST.nqn]}})
        orphan = self.ask('POST', 'volumes', {
            'name': 'volume-%s' % uuid.uuid4(), 'size': '1 gib',
            'replicaCount': 1, 'acl': {'values': ['ALLOW_NONE']}})
        self.addCleanup(self.ask, 'DELETE', 'volumes/' + orphan['UUID'])
        self.wait('the cluster to do it', lambda: all(
            one['state'] == 'Available' for one in self.lightos.volumes()))

        expected = [('lost', 'volume ' + lost.id),
                    ('orphan', 'volume %s (%s)' % (orphan['name'],
                                                   orphan['UUID']))]
        self.assertEqual(
            [expected[0], ('no access', 'volume ' + attached.id),
             ('access', 'volume ' + attached.id), expected[1]],
            self.audit(status=1))
        self.assertEqual(expected, self.audit('--fix', '--yes', status=1))
        self.assert_open_to(attached, stack_case.HOST)
