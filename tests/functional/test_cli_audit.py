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

import collections
import itertools
import json
import os
import re
import subprocess
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

#: Has a shell complete the last word, and tell what it could be.
_COMPLETE = '''
typed=("$@")
_get_comp_words_by_ref() {
    # Into the variables that are named: -n characters cur prev words.
    cur=${typed[-1]}
    prev=${typed[-2]}
    words=("${typed[@]}")
    cword=$((${#typed[@]} - 1))
}
. "$0"
# What "complete" was told is called as the shell calls it at a tab.
read -r _ _ function _ <<< "$(complete -p lightos-cinder)"
"$function" lightos-cinder "${typed[-1]}" "${typed[-2]}"
printf '%s\n' "${COMPREPLY[@]}"
'''


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
        result = self.command_here('audit', '-f', 'json', *words)
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

    def test_reserved(self) -> None:
        """Whose an attachment will be that names no host is not known."""
        volume = self.attach_to(self.made(), 1)
        self.driver.initialize_connection(volume, base.connector(2))
        reserved = objects.VolumeAttachment(
            self.context, volume_id=volume.id,
            attach_status=fields.VolumeAttachStatus.RESERVED)
        reserved.create()
        self.assertEqual([], self.audit(status=0))
        reserved.destroy()
        self.assertEqual([('access', 'volume ' + volume.id)], self.audit())

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

    # A thousand take their time on a busy machine, and no call is repeated.
    options = {'lightos_api_service_timeout': 60,
               'lightos_operation_timeout': 120}
    VOLUMES = 10000
    SNAPSHOTS = 3000
    ATTACHED = 2000

    def setUp(self) -> None:
        super().setUp()
        self.engine = sqlalchemy.create_engine(
            base.CONF.database.connection)
        self.addCleanup(self.engine.dispose)
        self.ids = [str(uuid.uuid4()) for _number in range(self.VOLUMES)]
        self.snapshot_ids = [str(uuid.uuid4())
                             for _number in range(self.SNAPSHOTS)]

    def test_ten_thousand(self) -> None:
        expected = self.differ()
        self.lightos.clear_records()
        log = os.path.join(self.folder, 'queries')
        result = command_case.at_terminal([
            *command_case.program('tests.functional.queries'), log,
            '--config-file', self.conf, 'audit', '-f', 'json'])
        self.assertEqual(1, result.status, result.err)
        self.assertEqual(expected, [(row['Kind'], row['Object'])
                                    for row in result.json])
        self.assert_calls()
        self.assert_queries(log)
        self.assert_bar(result.err)

    def differ(self) -> list[tuple[str, str]]:
        """Have all of it, with some findings; these as they are told."""
        ids, host = self.ids, base.connector(1)
        there = {one: {'name': 'volume-' + one, 'uuid': str(uuid.uuid4())}
                 for one in ids}
        self.insert('volumes', [{
            'id': one, 'size': 1, 'host': database.HOST, 'project_id': 'p',
            'user_id': 'u', 'volume_type_id': self.gold.id,
            'use_quota': True, 'provider_id': '%s %s' % (
                base.PROJECT, there[one]['uuid']),
            'status': 'in-use' if number < self.ATTACHED else 'available'}
            for number, one in enumerate(ids)])
        self.insert('volume_attachment', [{
            'id': str(uuid.uuid4()), 'volume_id': one,
            'attach_status': 'attached', 'connector': json.dumps(host)}
            for one in ids[:self.ATTACHED]])
        for one in ids[:self.ATTACHED]:
            there[one].update(acl=[host['nqn']], ip_acl=host['host_ips'])
        snapshots = {
            one: {'name': 'snapshot-' + one, 'uuid': str(uuid.uuid4()),
                  'source_uuid': there[volume]['uuid']}
            # Some of volumes with an attachment, and some of others.
            for one, volume in zip(self.snapshot_ids, ids[1000:])}
        self.insert('snapshots', [{
            'id': one, 'volume_id': volume, 'volume_size': 1,
            'status': 'available', 'project_id': 'p', 'user_id': 'u',
            'volume_type_id': self.gold.id, 'use_quota': True,
            'provider_id': '%s %s' % (base.PROJECT, snapshots[one]['uuid'])}
            for one, volume in zip(self.snapshot_ids, ids[1000:])])

        there[ids[0]].update(acl=['ALLOW_NONE'], ip_acl=['ALLOW_NONE'])
        there[ids[1]].update(ip_acl=host['host_ips'][:1])
        lost, large, open_ = ids[-3:], ids[-5:-3], ids[-7:-5]
        for one in lost:
            del there[one]
        for one in large:
            there[one]['size'] = 2 * base.GIB
        for one in open_:
            there[one]['acl'] = [host['nqn']]
        marked = ids[-8]
        db.volume_admin_metadata_update(
            self.context, marked, {'lightos_unconfirmed:nqn.x': AGO}, False)
        self.addCleanup(db.volume_admin_metadata_delete, self.context,
                        marked, 'lightos_unconfirmed:nqn.x')
        lost_snapshots = self.snapshot_ids[-2:]
        for one in lost_snapshots:
            del snapshots[one]
        orphans = [{'name': 'volume-%s' % uuid.uuid4(),
                    'uuid': str(uuid.uuid4())} for _number in range(2)]
        leftover = {'name': 'clone-volume-%s-0123456789ab' % ids[5],
                    'uuid': str(uuid.uuid4()),
                    'source_uuid': there[ids[6]]['uuid']}
        self.lightos.hold(base.PROJECT, [*there.values(), *orphans],
                          [*snapshots.values(), leftover])
        return [
            *sorted([('lost', 'volume ' + one) for one in lost]
                    + [('lost', 'snapshot ' + one)
                       for one in lost_snapshots]),
            *sorted(('size', 'volume ' + one) for one in large),
            *sorted(('no access', 'volume ' + one) for one in ids[:2]),
            *sorted(('access', 'volume ' + one) for one in open_),
            ('unconfirmed', 'volume ' + marked),
            *sorted(('orphan', 'volume %(name)s (%(uuid)s)' % one)
                    for one in orphans),
            ('leftover', 'snapshot %(name)s (%(uuid)s)' % leftover)]

    def assert_calls(self) -> None:
        """It looked twice, at a thousand each time that it asked."""
        path = 'GET /api/v2/projects/%s/'
        self.assertEqual({
            'GET /api/v2/clusterinfo': 1,
            path % base.PROJECT + 'volumes': 2 * 10,
            path % base.PROJECT + 'snapshots': 2 * 3,
            path % 'default' + 'volumes': 2,
            path % 'default' + 'snapshots': 2,
        }, collections.Counter(self.calls()))

    def assert_queries(self, log: str) -> None:
        """A few for each thousand volumes, or snapshots."""
        with open(log) as file:
            statements = file.read().splitlines()
        self.assertEqual({'BEGIN', 'SELECT'}, {
            one.split()[0] for one in statements})
        # Less than eight for each of the 2 * 13 pages; one for each volume,
        # snapshot or attachment would be thousands.
        self.assertGreater(len(statements), 26)
        self.assertLess(len(statements), 200)

    def assert_bar(self, shown: str) -> None:
        """It moved on, twice, and was gone in the end."""
        first, *pictures, last = shown.split('\r\x1b[K')
        self.assertNotIn('% reading', first)
        self.assertEqual('', last)
        looks: list[list[int]] = []
        told: set[str] = set()
        # The first look leaves an empty line behind.
        for there, group in itertools.groupby(pictures, bool):
            if not there:
                continue
            found = [re.fullmatch(
                r'\[(#*)(\.*)\] +(\d+)% reading (.*)', one) for one in group]
            self.assertEqual({40}, {len(one[1] + one[2]) for one in found})
            looks.append([int(one[3]) for one in found])
            told.update(one[4] for one in found)
        self.assertEqual(2, len(looks), shown)
        for shares in looks:
            self.assertEqual(sorted(shares), shares)
            self.assertGreater(len(set(shares)), 8, shares)
            self.assertLess(shares[0], 25)
            self.assertGreater(shares[-1], 75)
        self.assertLessEqual({"Cinder's volumes",
                              'LightOS project ' + base.PROJECT}, told)

    def insert(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Put rows into a table, all at once, until the test ends."""
        # Cinder's own classes for them moved between the releases.
        table = sqlalchemy.Table(name, sqlalchemy.MetaData(),
                                 autoload_with=self.engine)
        with self.engine.begin() as connection:
            connection.execute(table.insert(), [
                dict(row, deleted=False) for row in rows])
        self.addCleanup(self._delete, table, rows)

    def _delete(self, table: sqlalchemy.Table, rows: list[dict[str, Any]]
                ) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                table.delete().where(table.c.id == sqlalchemy.bindparam(
                    'one')), [{'one': row['id']} for row in rows])


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

    def test_reserved_and_unconfirmed(self) -> None:
        """It may come to that attachment at any moment."""
        volume = self.attach_to(self.made(), 1)
        self.driver.initialize_connection(volume, base.connector(4))
        self.mark(volume, 4)
        reserved = objects.VolumeAttachment(
            self.context, volume_id=volume.id,
            attach_status=fields.VolumeAttachStatus.RESERVED)
        reserved.create()
        self.addCleanup(reserved.destroy)
        self.assertEqual([('unconfirmed', 'volume ' + volume.id)],
                         self.audit('--fix', '--yes'))
        close = comparison.Close(volume.id, base.connector(4)['nqn'])
        self.assertIn('about to do something', mending.Mender(
            base.GROUP, self.driver._backend, ()).apply(close))
        self.assertEqual(2, len(self.acls(volume)[0]))

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
        self.mark(open_, 3, '2999-01-01T00:00:00 2999-01-01T00:00:00')
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

    def test_at_a_terminal(self) -> None:
        """Nothing is changed but by who says yes."""
        open_, host = self.made(), base.connector(3)
        self.driver.initialize_connection(open_, host)
        self.lightos.clear_records()
        result = self.ask_for('n')
        self.assertEqual(['access'], [row['Kind'] for row in result.json])
        self.assertEqual(1, result.status, result)
        self.assertEqual({'GET'}, {call.split()[0] for call in self.calls()})
        self.assertEqual([host['nqn']], self.acls(open_)[0])

        result = self.ask_for('y')
        self.assertEqual((0, []), (result.status, result.json), result)
        self.assertEqual(['ALLOW_NONE'], self.acls(open_)[0])

    def ask_for(self, answer: str) -> command_case.Result:
        """Mend at a terminal, where that is typed when it is asked for."""
        question = 'Go on? [y/N] '
        result = self.at_terminal('audit', '--fix', '-f', 'json',
                                  answers={question: answer + '\n'})
        told, asked, after = result.err.partition(question)
        self.assertEqual(question, asked, result)
        self.assertIn('This can be put right:\r\n  close volume ', told)
        self.assertTrue(after.startswith(answer + '\r\n'), result)
        return result

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
        result = self.at_terminal('audit', '-f', 'json')
        self.assertEqual((0, '[]\n'), (result.status, result.out))
        self.assertIn('% reading ', result.err)
        self.assertTrue(
            result.err.endswith('\r\x1b[KNothing was found.\r\n'), result)

    def test_narrow_terminal(self) -> None:
        """The table is as wide as the terminal, whatever is in it."""
        for columns in (60, 100):
            result = self.at_terminal('check', columns=columns,
                                      all_of_it=True)
            table = result.err.split('\r\n')
            self.assertEqual('', table.pop())
            self.assertEqual({columns}, set(map(len, table)), result)

    def test_completion(self) -> None:
        """In a shell, with what its package for completion provides."""
        script = self.write_file(
            'completion', self.command_here('complete').out)
        for typed, expected in (('ten', ['tenant']),
                                ('tenant ro', ['rotate']),
                                ('audit --fo', ['--format', '--foreign']),
                                ('audit --fix --y', ['--yes'])):
            with self.subTest(typed=typed):
                words = ['lightos-cinder', *typed.split()]
                done = subprocess.run(
                    ['bash', '--norc', '-c', _COMPLETE, script,
                     *words], capture_output=True, text=True, timeout=30)
                self.assertEqual((0, '', expected), (
                    done.returncode, done.stderr, done.stdout.split()))


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
