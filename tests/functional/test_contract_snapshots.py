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

"""REST API facts, 2.15 and 3: snapshots, clones and rollback."""

from __future__ import annotations

from typing import Any

import ddt

from tests.functional.contract import base

GIB = base.GIB


@ddt.ddt
class SnapshotTest(base.ContractTest):
    """3: snapshots."""

    def create(self, source: Any, name: str = 's', **fields: Any) -> Any:
        return self.call('POST', '/projects/default/snapshots', dict(
            {'name': name, 'sourceVolumeUUID': source['UUID']}, **fields))

    def test_3_creating_then_available(self) -> None:
        source = self.volume(compression='true', sectorSize=512)
        self.lightos.set_settings(snapshot_settle=1)
        snapshot = self.snapshot(source, description='d')
        self.assertEqual('Creating', snapshot['state'])
        self.assertNotIn('creationTime', snapshot)
        self.assertNotIn('retentionTime', snapshot)
        self.clock.advance(1)
        snapshot = self.again(snapshot)
        self.assertEqual('Available', snapshot['state'])
        self.assertIn('creationTime', snapshot)
        self.assertEqual(
            (source['UUID'], 'v', source['size'], 3, 512, 'd', 'default'),
            tuple(snapshot[k] for k in (
                'sourceVolumeUUID', 'sourceVolumeName', 'size',
                'replicaCount', 'sectorSize', 'description',
                'projectName')))

    def test_3_source_by_name(self) -> None:
        source = self.volume()
        snapshot = self.done('POST', '/projects/default/snapshots', {
            'name': 's', 'sourceVolumeName': 'v'})
        self.assertEqual(source['UUID'], snapshot['sourceVolumeUUID'])
        # The UUID wins.
        other = self.volume(name='w')
        snapshot = self.snapshot(source, 't', sourceVolumeName='w')
        self.assertNotEqual(other['UUID'], snapshot['sourceVolumeUUID'])

    @ddt.data({'name': ''}, {'name': 'a b'}, {'description': 'x' * 257},
              {'retentionTime': '1h'}, {'retentionTime': 3600},
              {'sourceVolumeUUID': 'text'}, {'sourceVolumeUUID': ''})
    def test_3_bad_argument(self, fields: dict[str, Any]) -> None:
        self.refused(400, 3, self.create(
            self.volume(), **{'name': 's', **fields}))

    def test_3_no_source(self) -> None:
        self.refused(404, 5, self.create({'UUID': base.NOWHERE}))

    def test_3_source_of_another_project(self) -> None:
        self.lightos.create_project('gold')
        self.refused(404, 5, self.create(self.volume('gold')))

    def test_3_name_taken(self) -> None:
        source = self.volume()
        self.snapshot(source)
        self.refused(409, 6, self.create(source))

    @ddt.data(('400', 9), ('503', 14))
    @ddt.unpack
    def test_3_switch_snapshot_busy(self, status: str, code: int) -> None:
        self.lightos.set_settings(
            create_settle=1, update_settle=1, rollback_settle=1,
            snapshot_busy=status)
        source = self.volume()
        self.refused(int(status), code, self.create(source))
        self.clock.advance(1)
        self.put(source, {'size': '11 gib'})
        self.refused(int(status), code, self.create(source))
        self.clock.advance(1)
        snapshot = self.snapshot(source)
        self.done('PUT', self.path(source) + '/rollback',
                  {'srcSnapshotUUID': snapshot['UUID']})
        self.refused(int(status), code, self.create(source, 't'))

    @ddt.data('Deleting', 'Failed')
    def test_3_source_in_wrong_state(self, state: str) -> None:
        source = self.volume()
        self.lightos.edit_volume(source['UUID'], state=state)
        self.refused(400, 9, self.create(source))

    @ddt.data(('503', 503, 14), ('500', 500, 13), ('409', 409, 10))
    @ddt.unpack
    def test_3_switch_concurrent_snapshots(self, mode: str, status: int,
                                           code: int) -> None:
        self.lightos.set_settings(
            snapshot_settle=1, concurrent_snapshots=mode)
        source = self.volume()
        self.snapshot(source)
        self.refused(status, code, self.create(source, 't'))
        self.lightos.set_settings(concurrent_snapshots='accept')
        self.assertEqual(200, self.create(source, 't').status_code)
        self.clock.advance(1)
        self.lightos.set_settings(concurrent_snapshots=mode)
        self.assertEqual(200, self.create(source, 'u').status_code)

    def test_1_6_snapshot_changes_the_etag_of_its_source(self) -> None:
        source = self.again(self.volume())
        self.snapshot(source)
        after = self.again(source)['ETag']
        self.assertNotEqual(source['ETag'], after)
        self.lightos.set_settings(snapshot_changes_etag=False)
        self.snapshot(source, 't')
        self.assertEqual(after, self.again(source)['ETag'])

    @ddt.data(('fail', 200, 'Failed'), ('accept', 200, 'Available'),
              ('409', 409, None))
    @ddt.unpack
    def test_3_switch_snapshot_reused_name(self, mode: str, status: int,
                                           state: str) -> None:
        self.lightos.set_settings(
            snapshot_delete_settle=5, snapshot_reused_name=mode)
        source = self.volume()
        self.delete(self.snapshot(source))
        response = self.create(source)
        self.assertEqual(status, response.status_code)
        if state:
            self.assertEqual(state, self.again(response.json())['state'])

    def test_3_delete(self) -> None:
        self.lightos.set_settings(snapshot_delete_settle=5)
        snapshot = self.snapshot(self.volume())
        self.assertEqual({}, self.done('DELETE', self.path(snapshot)))
        self.assertEqual('Deleting', self.again(snapshot)['state'])
        self.refused(400, 9, self.delete(snapshot))
        self.clock.advance(5)
        self.refused(404, 5, self.call('GET', self.path(snapshot)))
        self.refused(404, 5, self.delete(snapshot))

    def test_3_delete_while_creating(self) -> None:
        self.lightos.set_settings(snapshot_settle=5)
        snapshot = self.snapshot(self.volume())
        self.refused(503, 14, self.delete(snapshot))

    def test_3_delete_while_the_source_is_updating(self) -> None:
        source = self.volume()
        snapshot = self.snapshot(source)
        self.lightos.set_settings(update_settle=5)
        self.put(source, {'size': '11 gib'})
        self.refused(503, 14, self.delete(snapshot))
        self.clock.advance(5)
        self.assertEqual(200, self.delete(snapshot).status_code)

    def test_3_delete_with_if_match(self) -> None:
        snapshot = self.again(self.snapshot(self.volume()))
        self.refused(412, 9, self.delete(snapshot, if_match='99'))
        self.assertEqual(200, self.delete(
            snapshot, if_match=snapshot['ETag']).status_code)

    def test_3_failed_is_not_deleted(self) -> None:
        snapshot = self.snapshot(self.volume())
        self.lightos.edit_snapshot(snapshot['UUID'], state='Failed')
        self.refused(400, 9, self.delete(snapshot))

    def test_2_8_snapshots_outlive_their_volume(self) -> None:
        source = self.volume()
        snapshot = self.snapshot(source)
        self.delete(source)
        self.assertEqual('Available', self.again(snapshot)['state'])
        self.assertEqual(200, self.delete(snapshot).status_code)
        self.assertEqual([], self.lightos.snapshots())

    def test_3_retention(self) -> None:
        self.lightos.set_settings(snapshot_delete_settle=10)
        snapshot = self.snapshot(self.volume(), retentionTime='3600s')
        self.assertEqual('3600s', snapshot['retentionTime'])
        self.clock.advance(3599)
        self.assertEqual('Available', self.again(snapshot)['state'])
        self.clock.advance(1)
        self.assertEqual('Deleting', self.again(snapshot)['state'])
        self.clock.advance(10)
        self.refused(404, 5, self.call('GET', self.path(snapshot)))

    def test_3_no_retention(self) -> None:
        snapshot = self.snapshot(self.volume(), retentionTime='0s')
        self.assertNotIn('retentionTime', snapshot)
        self.clock.advance(10 * 24 * 3600)
        self.assertEqual(
            ['Available'], [s['state'] for s in self.lightos.snapshots()])

    def test_3_no_update(self) -> None:
        snapshot = self.snapshot(self.volume())
        self.assertEqual(
            405, self.call('PUT', self.path(snapshot), {}).status_code)

    def test_2_13_labels_are_inherited(self) -> None:
        labels = [{'key': 'a', 'value': '1'}]
        snapshot = self.snapshot(self.volume(labels=labels))
        clone = self.volume(name='c', sourceSnapshotUUID=snapshot['UUID'])
        self.assertEqual(labels, clone['labels'])
        clone = self.volume(name='d', sourceSnapshotUUID=snapshot['UUID'],
                            labels=[])
        self.assertNotIn('labels', clone)


class CloneTest(base.ContractTest):
    """2.4, 2.9 and 3: volumes made from snapshots."""

    def test_2_4_clone(self) -> None:
        snapshot = self.snapshot(self.volume())
        clone = self.volume(name='c', sourceSnapshotUUID=snapshot['UUID'])
        self.assertEqual((snapshot['UUID'], 's'), (
            clone['sourceSnapshotUUID'], clone['sourceSnapshotName']))
        by_name = self.volume(name='d', sourceSnapshotName='s')
        self.assertEqual(
            snapshot['UUID'], by_name['sourceSnapshotUUID'])

    def test_2_9_clone_size(self) -> None:
        snapshot = self.snapshot(self.volume())
        larger = self.volume(name='c', size='20 gib',
                             sourceSnapshotUUID=snapshot['UUID'])
        self.assertEqual(str(20 * GIB), larger['size'])
        self.refused(400, 3, self.call(
            'POST', '/projects/default/volumes', self.volume_body(
                name='d', size='9 gib',
                sourceSnapshotUUID=snapshot['UUID'])))

    def test_2_4_no_such_snapshot(self) -> None:
        self.refused(404, 5, self.call(
            'POST', '/projects/default/volumes', self.volume_body(
                sourceSnapshotUUID=base.NOWHERE)))

    def test_2_4_snapshot_not_available(self) -> None:
        self.lightos.set_settings(snapshot_settle=1)
        snapshot = self.snapshot(self.volume())
        body = self.volume_body(
            name='c', sourceSnapshotUUID=snapshot['UUID'])
        path = '/projects/default/volumes'
        self.refused(400, 9, self.call('POST', path, body))
        self.clock.advance(1)
        self.done('POST', path, body)

    def test_unknown_17_switch_clone_must_match(self) -> None:
        snapshot = self.snapshot(self.volume())
        body = self.volume_body(name='c', replicaCount=2,
                                sourceSnapshotUUID=snapshot['UUID'])
        path = '/projects/default/volumes'
        self.lightos.set_settings(clone_must_match=True)
        self.refused(400, 3, self.call('POST', path, body))
        self.lightos.set_settings(clone_must_match=False)
        self.done('POST', path, body)

    def test_3_snapshot_waits_for_its_clones(self) -> None:
        snapshot = self.snapshot(self.volume())
        clones = [self.volume(name=n, sourceSnapshotUUID=snapshot['UUID'])
                  for n in 'cd']
        self.assertEqual(200, self.delete(snapshot).status_code)
        for clone in clones:
            self.assertEqual('Deleting', self.again(snapshot)['state'])
            self.delete(clone)
        self.refused(404, 5, self.call('GET', self.path(snapshot)))

    def test_3_switch_snapshot_with_clone(self) -> None:
        self.lightos.set_settings(snapshot_with_clone='at_once')
        snapshot = self.snapshot(self.volume())
        clone = self.volume(name='c', sourceSnapshotUUID=snapshot['UUID'])
        self.delete(snapshot)
        self.refused(404, 5, self.call('GET', self.path(snapshot)))
        self.assertEqual('Available', self.again(clone)['state'])


class RollbackTest(base.ContractTest):
    """2.15: return to a snapshot."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.volume()
        self.point = self.snapshot(self.source)

    def roll_back(self, volume: Any = None, **body: str) -> Any:
        return self.call(
            'PUT', self.path(volume or self.source) + '/rollback',
            body or {'srcSnapshotUUID': self.point['UUID']})

    def test_2_15_size_follows_the_snapshot(self) -> None:
        self.put(self.source, {'size': '20 gib'})
        before = self.again(self.source)
        self.lightos.set_settings(rollback_settle=1)
        response = self.roll_back()
        self.assertEqual((200, {}),
                         (response.status_code, response.json()))
        self.assertEqual('Rollback', self.again(self.source)['state'])
        self.clock.advance(1)
        after = self.again(self.source)
        self.assertEqual('Available', after['state'])
        self.assertEqual(str(10 * GIB), after['size'])
        self.assertNotEqual(before['ETag'], after['ETag'])

    def test_content_goes_where_the_calls_say(self) -> None:
        """What hosts have written, which no call shows."""
        def content(item: Any) -> str:
            return str(self.lightos.contents()[item['UUID']])

        self.lightos.edit_volume(self.source['UUID'], content='monday')
        monday = self.snapshot(self.source, name='monday')
        self.lightos.edit_volume(self.source['UUID'], content='tuesday')
        clone = self.volume(name='c', sourceSnapshotUUID=monday['UUID'])
        self.assertEqual(['', 'monday', 'monday', 'tuesday'], [
            content(item) for item in (self.point, monday, clone,
                                       self.source)])
        self.roll_back(srcSnapshotUUID=monday['UUID'])
        self.assertEqual('monday', content(self.source))

    def test_2_15_by_name(self) -> None:
        self.put(self.source, {'size': '20 gib'})
        self.done('PUT', '/projects/default/volumes//rollback',
                  {'Name': 'v', 'srcSnapshotName': 's'})
        self.assertEqual(str(10 * GIB), self.again(self.source)['size'])

    def test_2_15_snapshot_of_another_volume(self) -> None:
        self.refused(400, 3, self.roll_back(self.volume(name='w')))

    def test_2_15_not_found(self) -> None:
        self.refused(404, 5, self.roll_back(srcSnapshotUUID=base.NOWHERE))
        self.refused(404, 5, self.roll_back(
            dict(self.source, UUID=base.NOWHERE)))
        self.refused(400, 3, self.roll_back(srcSnapshotUUID=''))

    def test_2_15_wrong_state(self) -> None:
        self.lightos.set_settings(delete_settle=9)
        self.delete(self.source)
        self.refused(503, 14, self.roll_back())

    def test_2_15_any_snapshot_and_later_ones_stay(self) -> None:
        later = self.snapshot(self.source, 't')
        self.assertEqual(200, self.roll_back().status_code)
        self.assertEqual('Available', self.again(later)['state'])

    def test_unknown_24_switches(self) -> None:
        self.lightos.set_settings(
            rollback_drops_later_snapshots=True, rollback_resets_acl=True)
        later = self.snapshot(self.source, 't')
        self.put(self.source, {'acl': {'values': ['h1']}})
        self.roll_back()
        self.assertEqual(['ALLOW_NONE'],
                         self.again(self.source)['acl']['values'])
        self.refused(404, 5, self.call('GET', self.path(later)))
        self.again(self.point)

    def test_unknown_23_connected_hosts(self) -> None:
        self.lightos.edit_volume(
            self.source['UUID'], connected_hosts=['h1'])
        self.lightos.set_settings(rollback_with_hosts='refuse')
        self.refused(400, 9, self.roll_back())
        self.lightos.set_settings(rollback_with_hosts='accept')
        self.assertEqual(200, self.roll_back().status_code)
