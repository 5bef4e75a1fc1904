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


import unittest

from cinder import exception
from cinder import objects
import ddt

from lightos_cinder.client import models
from lightos_cinder import manageable
from lightos_cinder import naming
from lightos_cinder import specs

UUID = '76c3eae5-7ade-4394-82e5-056d05a92b5e'
GIB = 1024 ** 3


def volume(**fields):
    return models.Volume.from_json(dict({
        'UUID': UUID, 'name': 'crm-data', 'projectName': 'tenant',
        'state': 'Available', 'size': str(GIB), 'replicaCount': 2,
        'compression': 'true', 'acl': {'values': ['ALLOW_NONE']}}, **fields))


def snapshot(**fields):
    return models.Snapshot.from_json(dict({
        'UUID': UUID, 'name': 'before', 'projectName': 'tenant',
        'state': 'Available', 'size': str(GIB), 'sourceVolumeUUID': 'v1',
        'sourceVolumeName': 'crm-data'}, **fields))


@ddt.ddt
class SourceTest(unittest.TestCase):

    def test_what_is_refused_is_told_within_bounds(self):
        deep = [9]
        for _ in range(5000):
            deep = [deep]
        for ref in ({'source-id': 'x' * 10000}, deep, 'x' * 10000,
                    {'source-name': deep}, {'x': 'y' * 10000}):
            with self.assertRaises(
                    exception.ManageExistingInvalidReference) as caught:
                manageable.source(ref)
            self.assertLess(len(str(caught.exception)), 700)

    def test_by_uuid_or_by_name(self):
        self.assertEqual(naming.Source(name='crm-data'),
                         manageable.source({'source-name': 'crm-data'}))
        self.assertEqual(naming.Source(uuid=UUID),
                         manageable.source({'source-id': UUID.upper()}))
        self.assertEqual(naming.Source(uuid=UUID), manageable.source(
            {'source-id': UUID.replace('-', '')}))

    @ddt.data(None, '', 'crm-data', [], {}, {'name': 'x'}, 3, [UUID],
              {'source-name': 3}, {'source-name': ['x']}, {'source-id': 3},
              {'source-name': {'x': 'y'}}, {'source-id': [UUID]},
              {'source-name': ''}, {'source-id': 'crm-data'},
              {'source-id': UUID, 'source-name': 'crm-data'})
    def test_anything_else_is_refused(self, ref):
        with self.assertRaises(
                exception.ManageExistingInvalidReference) as caught:
            manageable.source(ref)
        self.assertIn('source-id', str(caught.exception))


@ddt.ddt
class DecisionTest(unittest.TestCase):

    @ddt.data((0, 1), (1, 1), (GIB, 1), (GIB + 1, 2), (3 * GIB, 3))
    @ddt.unpack
    def test_sizes_are_rounded_up(self, size, gibibytes):
        self.assertEqual(gibibytes, manageable.gibibytes(size))

    @ddt.data(
        (volume(), 'None'),
        (volume(state='Migrating'), 'None'),
        (volume(state='Failed'), 'failed to create'),
        (volume(state='Updating'), 'in state Updating'),
        (volume(state='Deleting'), 'being deleted'),
        (volume(acl={'values': ['ALLOW_ANY']}), 'every host'),
        (volume(acl={'values': ['nqn-b', 'nqn-a']}), 'nqn-a, nqn-b'),
        (snapshot(), 'None'),
        (snapshot(state='Creating'), 'in state Creating'),
        (snapshot(name='clone-volume-%s-0123' % UUID), 'temporary'),
        (snapshot(name='clone-of-crm'), 'None'),
        (snapshot(retentionTime='3600s'), 'by itself'),
        (snapshot(retentionTime='0.5s'), 'by itself'),
        (snapshot(retentionTime='0s'), 'None'),
    )
    @ddt.unpack
    def test_obstacles(self, found, text):
        self.assertIn(text, str(manageable.obstacle(found)))

    def test_a_type_that_fits(self):
        manageable.check_type(volume(), specs.VolumeSpec(
            'tenant', 2, True, 'another policy', 'gold'))

    def test_a_type_that_does_not(self):
        with self.assertRaises(
                exception.ManageExistingVolumeTypeMismatch) as caught:
            manageable.check_type(volume(), specs.VolumeSpec(
                'tenant', 3, False, None, 'gold'))
        for text in ('lightos:num_replicas is 2', '3 is what', 'gold',
                     'compression is True'):
            self.assertIn(text, str(caught.exception))


class EntryTest(unittest.TestCase):

    def test_of_a_volume(self):
        self.assertEqual(
            {'reference': {'source-id': UUID}, 'size': 1,
             'safe_to_manage': True, 'reason_not_safe': None,
             'cinder_id': None,
             'extra_info': {'project': 'tenant', 'name': 'crm-data',
                            'replicas': '2', 'compression': 'True'}},
            manageable.volume_entry(volume(), None, None))

    def test_of_a_snapshot(self):
        self.assertEqual(
            {'reference': {'source-id': UUID}, 'size': 1,
             'safe_to_manage': False, 'reason_not_safe': 'taken',
             'cinder_id': 'an-id', 'source_reference': {'source-id': 'v1'},
             'extra_info': {'project': 'tenant', 'name': 'before',
                            'volume': 'crm-data'}},
            manageable.snapshot_entry(snapshot(), 'an-id', 'taken'))

    def test_as_cinder_sends_them_to_its_api(self):
        for kind, entry in (
                (objects.ManageableVolumeList,
                 manageable.volume_entry(volume(), None, 'taken')),
                (objects.ManageableSnapshotList,
                 manageable.snapshot_entry(snapshot(), UUID, None))):
            sent, = kind.from_primitives(None, [entry])
            self.assertEqual({'source-id': UUID}, sent.reference)
            self.assertEqual('tenant', sent.extra_info['project'])
