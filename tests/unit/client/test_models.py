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

import json
import unittest

import ddt
import hypothesis
from hypothesis import strategies as st

from lightos_cinder.client import models

VOLUME = {
    'state': 'Available', 'protectionState': 'FullyProtected',
    'replicaCount': 3, 'nodeList': ['n1', 'n2', 'n3'], 'UUID': 'v1',
    'nsid': 12, 'acl': {'values': ['nqn-a', 'nqn-b']},
    'compression': 'true', 'size': '10737418240', 'name': 'volume-6f0f',
    'rebuildProgress': 'None', 'statistics': {'compressionRatio': 1},
    'IPAcl': {'values': ['192.0.2.17']}, 'ETag': '4', 'sectorSize': 4096,
    'projectName': 'tenant', 'qosPolicyUUID': 'q1',
    'qosPolicyName': 'gold', 'sourceSnapshotUUID': 's1',
}
SNAPSHOT = {
    'state': 'Creating', 'UUID': 's1', 'name': 'snapshot-0a1b',
    'sourceVolumeUUID': 'v1', 'sourceVolumeName': 'v', 'size': '4096',
    'ETag': '1',
    'projectName': 'tenant', 'compression': True,
}
CLUSTER_INFO = {
    'UUID': 'c1', 'subsystemNQN': 'nqn-of-it', 'currentMaxReplicas': 2,
    'supportedMaxReplicas': 3, 'clusterName': 'lab',
    'apiEndpoints': ['192.0.2.1:443', '[fd00::1]:443'],
    'discoveryEndpoints': ['192.0.2.1:8009'],
    'nvmeEndpoints': ['192.0.2.1:4420'],
}
HEALTH = {
    'state': 'Error', 'numDegradedVolumes': 4, 'numReadOnlyVolumes': 2,
    'numNotAvailableVolumes': 1, 'numInactiveNodes': 3,
    'numHealthyVolumes': 8,
}
ALL = (models.Volume, models.Snapshot, models.ClusterInfo, models.Cluster,
       models.Node)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.sampled_from([1e300, 0.5, float('inf'), float('nan')]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(['values', 'x', *HEALTH]), inner,
                      max_size=2),
    max_leaves=5)
FIELDS = sorted({*VOLUME, *SNAPSHOT, *CLUSTER_INFO, *HEALTH,
                 'nvmeEndpoint', 'statistics', 'health'})


@ddt.ddt
class StateTest(unittest.TestCase):

    @ddt.data(
        ('Creating', False, False), ('Available', True, False),
        ('Updating', False, False), ('Rollback', False, False),
        ('Migrating', True, False), ('Deleting', False, True),
        ('Deleted', False, True), ('Failed', False, False),
        ('Unknown', False, False),
    )
    @ddt.unpack
    def test_what_a_state_means(self, text, usable, gone):
        """Defect 9: an unknown state is not taken for deleted."""
        state = models.State(text)
        self.assertEqual(text, state.value)
        self.assertIs(usable, state.usable)
        self.assertIs(gone, state.gone)

    @ddt.data('Paused', None, 3, '', 'available', [], {})
    def test_one_that_is_not_known_is_neither_usable_nor_gone(self, text):
        self.assertIs(models.State.UNKNOWN, models.State(text))


class VolumeTest(unittest.TestCase):

    def test_reads_every_field(self):
        self.assertEqual(
            models.Volume(
                uuid='v1', name='volume-6f0f', project='tenant',
                state=models.State.AVAILABLE, size=10 * 1024 ** 3,
                replicas=3, compression=True,
                acl=frozenset({'nqn-a', 'nqn-b'}),
                ip_acl=frozenset({'192.0.2.17'}), etag='4',
                source_snapshot_uuid='s1', qos_policy_uuid='q1',
                qos_policy_name='gold'),
            models.Volume.from_json(VOLUME))

    def test_fields_left_out_are_empty(self):
        """Defects 12 and 17: absent fields are normal."""
        volume = models.Volume.from_json({'UUID': 'v1'})
        self.assertEqual(('v1', '', 0, False, '', ''),
                         (volume.uuid, volume.name, volume.size,
                          volume.compression, volume.etag,
                          volume.source_snapshot_uuid))
        self.assertIs(models.State.UNKNOWN, volume.state)

    def test_no_acl_is_nobody_and_no_ip_acl_is_anywhere(self):
        """Defect 12: a missing IPAcl is no crash."""
        for absent in ({}, {'acl': None, 'IPAcl': None},
                       {'acl': {}, 'IPAcl': {'values': []}}):
            volume = models.Volume.from_json(absent)
            self.assertEqual({models.ALLOW_NONE}, volume.acl)
            self.assertEqual({models.ALLOW_ANY}, volume.ip_acl)


@ddt.ddt
class FieldTest(unittest.TestCase):

    @ddt.data(('true', True), ('True', True), ('enabled', True),
              ('enable', True), (True, True), ('false', False),
              ('False', False), ('disabled', False), (False, False),
              (None, False), (1, False), ('', False))
    @ddt.unpack
    def test_compression_is_a_text_or_a_bool(self, value, truth):
        self.assertIs(truth, models.Volume.from_json(
            {'compression': value}).compression)

    @ddt.data(('4096', 4096), (4096, 4096), (None, 0), ('', 0), ('4k', 0),
              ({}, 0))
    @ddt.unpack
    def test_sizes_are_texts_or_numbers(self, value, size):
        self.assertEqual(size, models.Snapshot.from_json(
            {'size': value}).size)

    @hypothesis.given(st.dictionaries(st.sampled_from(FIELDS), JSON))
    def test_any_reply_can_be_read(self, reply):
        """Defect 17: nothing is taken for granted in a reply."""
        for model in ALL:
            model.from_json(reply)

    @ddt.data('a b', 'a/b', '../x', '', '%2e', 'a\nb', 'x' * 65, '\ud800', 3)
    def test_what_cannot_be_a_uuid_is_none(self, text):
        reply = {'UUID': text, 'sourceVolumeUUID': text,
                 'sourceSnapshotUUID': text}
        volume = models.Volume.from_json(reply)
        snapshot = models.Snapshot.from_json(reply)
        self.assertEqual(('', '', '', ''), (
            volume.uuid, volume.source_snapshot_uuid, snapshot.uuid,
            snapshot.source_volume_uuid))

    def test_a_number_beyond_all_numbers_can_be_read(self):
        reply = json.loads('{"size": 1e999}')
        self.assertEqual(0, models.Volume.from_json(reply).size)


@ddt.ddt
class OtherModelsTest(unittest.TestCase):

    def test_snapshot_reads_every_field(self):
        self.assertEqual(
            models.Snapshot(
                uuid='s1', name='snapshot-0a1b', project='tenant',
                state=models.State.CREATING, size=4096,
                source_volume_uuid='v1', source_volume_name='v',
                etag='1', expires=False),
            models.Snapshot.from_json(SNAPSHOT))

    def test_cluster_info_reads_every_field(self):
        self.assertEqual(
            models.ClusterInfo(
                uuid='c1', name='lab', subsystem_nqn='nqn-of-it',
                max_replicas=3,
                api_endpoints=('192.0.2.1:443', '[fd00::1]:443'),
                discovery_endpoints=('192.0.2.1:8009',),
                nvme_endpoints=('192.0.2.1:4420',),
                # Follows the health of the nodes, the other does not.
                current_max_replicas=2),
            models.ClusterInfo.from_json(CLUSTER_INFO))

    def test_cluster_info_takes_endpoints_from_elsewhere(self):
        info = models.ClusterInfo.from_json({'UUID': 'c1'})
        changed = info.with_nvme_endpoints(['10.0.0.1:4420'])
        self.assertEqual(('10.0.0.1:4420',), changed.nvme_endpoints)
        self.assertEqual('c1', changed.uuid)
        self.assertEqual((), info.nvme_endpoints)

    def test_capacity_reads_the_estimates(self):
        self.assertEqual(
            models.Capacity(total=900, free=600, provisioned=450),
            models.Cluster.from_json({'statistics': {
                'estimatedLogicalStorage': '900',
                'estimatedFreeLogicalStorage': '600',
                'logicalStorage': '450', 'installedPhysicalStorage': '1'}
            }).capacity)

    def test_capacity_without_statistics_is_nothing(self):
        for reply in ({}, {'statistics': None}, {'statistics': []}):
            self.assertEqual(models.Capacity(0, 0, 0),
                             models.Cluster.from_json(reply).capacity)

    def test_health_counts_all_volumes(self):
        self.assertEqual(
            models.Health(state='Error', inactive_nodes=3,
                          degraded_volumes=4, read_only_volumes=2,
                          unavailable_volumes=1, volumes=15),
            models.Cluster.from_json({'health': HEALTH}).health)

    def test_health_is_put_into_words(self):
        self.assertEqual(
            'Error (inactive nodes: 3; volumes degraded: 4, read-only: 2, '
            'not available: 1)', str(models.Health.from_json(HEALTH)))

    @ddt.data({}, {'health': None}, {'health': {}}, {'health': 'OK'},
              {'health': {'state': 'None'}})
    def test_health_that_is_not_told(self, reply):
        """Older servers do not count healthy volumes: nothing is guessed."""
        health = models.Cluster.from_json(reply).health
        self.assertEqual(('', None), (health.state, health.volumes))

    def test_node_may_have_no_endpoint(self):
        """Defect 17: a node that is not attached has no endpoint."""
        self.assertEqual(models.Node('n1', ''),
                         models.Node.from_json({'UUID': 'n1'}))
