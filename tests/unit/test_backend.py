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

import dataclasses

import ddt

from lightos_cinder.client import endpoints
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from lightos_cinder import naming
from tests.unit import backend_case
from tests.unit import fake_cluster

GIB = backend_case.GIB
REF = backend_case.REF
SPEC = backend_case.SPEC

State = models.State


@ddt.ddt
class CreateVolumeTest(backend_case.BackendTestCase):

    def create(self, **options):
        return self.backend.create_volume(REF, SPEC, GIB, **options)

    def test_is_as_asked_and_closed_to_everybody(self):
        made = self.create()
        self.assertEqual(
            ('tenant', REF.name, State.AVAILABLE, GIB, 2, True,
             backend_case.NONE, backend_case.NONE, '', 'fast'),
            (made.project, made.name, made.state, made.size, made.replicas,
             made.compression, made.acl, made.ip_acl,
             made.source_snapshot_uuid, made.qos_policy_name))

    def test_has_one_time_for_all_its_calls(self):
        self.create()
        self.assertEqual([100], self.deadlines)

    def test_of_a_snapshot(self):
        snapshot = self.put_snapshot()
        made = self.create(snapshot=snapshot)
        self.assertEqual(snapshot.uuid, made.source_snapshot_uuid)

    def test_of_a_snapshot_that_is_known_by_name_only(self):
        """Defect 37: the source is looked for where it is."""
        snapshot = self.put_snapshot()
        made = self.create(snapshot=dataclasses.replace(snapshot, uuid=None))
        self.assertEqual(snapshot.uuid, made.source_snapshot_uuid)

    def test_of_a_snapshot_that_is_not_there(self):
        with self.assertRaises(errors.Missing) as caught:
            self.create(snapshot=naming.Ref('s', 'tenant', 'snapshot-s'))
        self.assertEqual(('snapshot', 's'), (caught.exception.noun,
                                             caught.exception.ref.cinder_id))
        self.assertEqual({}, self.volumes.now())

    @ddt.data(
        {'size': 2 * GIB}, {'size': GIB - 1}, {'replicas': 3},
        {'compression': False}, {'source_snapshot_uuid': 'another'},
        {'acl': frozenset({'nqn-a'})},
    )
    def test_adopts_nothing_that_is_not_as_asked(self, fields):
        """Defect 34: what is there is compared with what was asked."""
        there = self.volumes.put(**dict(
            {'name': REF.name, 'size': GIB, 'replicas': 2,
             'compression': True}, **fields))
        self.assertRaises(errors.Different, self.create)
        self.assertEqual({there.uuid: there}, self.volumes.now())

    @ddt.data(GIB, GIB + 4096)
    def test_adopts_what_it_made_before_rounded_or_not(self, size):
        there = self.volumes.put(name=REF.name, size=size, replicas=2,
                                 compression=True)
        self.assertEqual(there, self.create())


@ddt.ddt
class CloneVolumeTest(backend_case.BackendTestCase):

    def setUp(self):
        super().setUp()
        self.source = self.put_source()

    def clone(self):
        return self.backend.clone_volume(REF, SPEC, GIB, self.source)

    def assert_nothing_temporary_stays(self):
        for snapshot in self.snapshots.now().values():
            self.assertTrue(snapshot.state.gone, snapshot)

    def test_is_made_of_a_snapshot_that_goes_again(self):
        made = self.clone()
        self.assertIs(State.AVAILABLE, made.state)
        self.assertEqual('snapshot-1', made.source_snapshot_uuid)
        self.assert_nothing_temporary_stays()

    def test_the_snapshot_would_go_by_itself_and_not_too_early(self):
        """Defect 36: no leak, though this process does not live on."""
        self.clone()
        self.assertEqual(1, len(self.snapshots.retentions))
        self.assertGreater(self.snapshots.retentions[0], 2 * 100)

    def test_is_done_though_the_snapshot_cannot_be_deleted(self):
        """Defect 36: a finished clone does not fail for that."""
        self.snapshots.refuse_always('delete', fake_cluster.busy())
        with self.assertLogs('lightos_cinder.backend', 'WARNING') as logs:
            made = self.clone()
        self.assertIs(State.AVAILABLE, made.state)
        self.assertEqual({State.AVAILABLE}, {
            one.state for one in self.volumes.now().values()})
        self.assertIn('will expire by itself', logs.output[0])
        # With a time of its own, so that nobody waits long in vain.
        self.assertLess(self.clock.now(), 1020)

    def test_that_fails_says_why_and_leaves_no_snapshot(self):
        """Defect 36: the first error is not hidden by the second."""
        self.volumes.refuse_always('create', fake_cluster.answered(
            client_errors.BadRequest))
        self.assertRaises(client_errors.BadRequest, self.clone)
        self.assert_nothing_temporary_stays()

    def test_that_fails_says_why_though_the_snapshot_stays(self):
        """Defect 36: the first error is not hidden by the second."""
        self.volumes.refuse_always('create', fake_cluster.answered(
            client_errors.BadRequest))
        self.snapshots.refuse_always('delete', fake_cluster.busy())
        with self.assertLogs('lightos_cinder.backend', 'WARNING'):
            self.assertRaises(client_errors.BadRequest, self.clone)

    def test_whose_time_is_up_leaves_no_snapshot(self):
        """Defect 36: tidying up has a time of its own."""
        self.volumes.takes = 500
        self.assertRaises(client_errors.DeadlineExceeded, self.clone)
        self.assert_nothing_temporary_stays()

    def test_a_second_attempt_does_not_meet_the_snapshot_of_the_first(self):
        """Defect 36: what is being deleted is not in the way."""
        self.snapshots.takes = 500
        self.snapshots.after(0, lambda: None)
        self.assertRaises(client_errors.DeadlineExceeded, self.clone)
        self.snapshots.takes = 1
        self.assertIs(State.AVAILABLE, self.clone().state)

    def test_of_a_volume_that_is_not_there(self):
        self.source = naming.Ref('v', 'tenant', 'volume-v')
        with self.assertRaises(errors.Missing) as caught:
            self.clone()
        self.assertEqual('v', caught.exception.ref.cinder_id)
        self.assertEqual({}, self.snapshots.now())

    @ddt.data('lost', 'refused')
    def test_a_lost_reply_for_the_snapshot_is_resolved(self, how):
        if how == 'lost':
            self.snapshots.lose_reply('create')
        else:
            self.snapshots.refuse('create', fake_cluster.lost())
        self.assertIs(State.AVAILABLE, self.clone().state)
        self.assertEqual(1, len([name for method, name
                                 in self.snapshots.calls
                                 if method == 'delete']))


@ddt.ddt
class OtherOperationsTest(backend_case.BackendTestCase):

    def test_grow(self):
        source = self.put_source()
        self.assertEqual(5 * GIB,
                         self.backend.grow_volume(source, 5 * GIB).size)

    @ddt.data(GIB, GIB - 1)
    def test_a_volume_that_is_large_enough_is_left_alone(self, size):
        """Defect 3: a second request changes nothing."""
        source = self.put_source()
        self.assertEqual(GIB, self.backend.grow_volume(source, size).size)
        self.assertEqual([], self.volumes.changes)

    def test_delete_a_volume(self):
        source = self.put_source()
        self.backend.delete_volume(source)
        self.assertTrue(self.volumes.now()[source.uuid].state.gone)

    def test_snapshot(self):
        source = self.put_source()
        ref = naming.Ref('s', 'tenant', 'snapshot-s')
        made = self.backend.create_snapshot(ref, source)
        self.assertEqual(('snapshot-s', source.uuid, State.AVAILABLE),
                         (made.name, made.source_volume_uuid, made.state))
        # To stay until somebody deletes it.
        self.assertEqual([None], self.snapshots.retentions)

    def test_a_snapshot_of_another_volume_is_not_adopted(self):
        """Defect 35: the source of what is there is compared."""
        there = self.put_snapshot(source_volume_uuid='another')
        source = self.put_source()
        with self.assertRaises(errors.Different) as caught:
            self.backend.create_snapshot(
                dataclasses.replace(there, uuid=None), source)
        self.assertIn('source volume is another', str(caught.exception))
        self.assertIn(there.uuid, self.snapshots.now())

    def test_a_snapshot_made_before_is_adopted(self):
        source = self.put_source()
        there = self.put_snapshot(source_volume_uuid=source.uuid)
        self.assertEqual(there.uuid, self.backend.create_snapshot(
            dataclasses.replace(there, uuid=None), source).uuid)

    def test_delete_a_snapshot(self):
        there = self.put_snapshot()
        self.backend.delete_snapshot(there)
        self.assertTrue(self.snapshots.now()[there.uuid].state.gone)

    def test_a_snapshot_with_clones_may_stay_deleting(self):
        self.snapshots.takes = 10 ** 6
        self.backend.delete_snapshot(self.put_snapshot())
        self.assertLess(self.clock.now(), 1001)


@ddt.ddt
class ClusterTest(backend_case.BackendTestCase):

    def tell(self, **reply):
        reply.setdefault('subsystemNQN', 'nqn.cluster')
        self.cluster.get_cluster_info = (
            lambda: models.ClusterInfo.from_json(reply))
        self.cluster.list_nodes = lambda: [
            models.Node('n1', '10.0.0.1:4420'), models.Node('n2', '')]

    @ddt.data({'discoveryEndpoints': ['10.0.0.9:8009']},
              {'nvmeEndpoints': ['10.0.0.9:4420']})
    def test_is_asked_for_its_nodes_only_if_it_must_be(self, reply):
        """Defect 42: a tenant may not be allowed to read them."""
        self.tell(**reply)
        del self.cluster.list_nodes
        info = self.backend.cluster_info()
        self.assertIn(reply.popitem()[1][0],
                      info.discovery_endpoints + info.nvme_endpoints)

    def test_an_older_one_names_its_endpoints_with_its_nodes(self):
        self.tell()
        self.assertEqual(('10.0.0.1:4420',),
                         self.backend.cluster_info().nvme_endpoints)

    @ddt.data({'subsystemNQN': ''}, {})
    def test_to_which_no_host_could_connect_is_an_error(self, reply):
        """Defect 17: what is missing is said, and is no KeyError."""
        self.tell(**reply)
        if not reply:
            self.cluster.list_nodes = lambda: [models.Node('n1', '')]
        with self.assertRaisesRegex(client_errors.ReplyLost,
                                    'subsystem NQN or no endpoints'):
            self.backend.cluster_info()

    def test_its_endpoints_are_learnt(self):
        """Defect 41: without a restart."""
        self.tell(apiEndpoints=['10.0.0.1:443', 'odd', '[fd00::1]:443'])
        self.backend.cluster_info()
        self.assertEqual([[endpoints.Endpoint('10.0.0.1', 443),
                           endpoints.Endpoint('fd00::1', 443)]],
                         self.learnt)

    def test_may_be_given_less_time_than_an_operation(self):
        self.tell()
        self.backend.cluster_info(timeout=7)
        self.backend.cluster_info()
        self.assertEqual([7, 100], self.deadlines)

    def test_capacity_and_health(self):
        cluster = models.Cluster.from_json({'health': {'state': 'OK'}})
        self.cluster.get_cluster = lambda: cluster
        self.assertEqual(cluster, self.backend.cluster())

    @ddt.data(client_errors.Forbidden, client_errors.NotFound,
              client_errors.Unimplemented)
    def test_capacity_that_a_tenant_may_not_read_is_unknown(self, kind):
        """Defect 40: a token of a tenant is enough."""
        self.refuse(kind)
        self.assertIsNone(self.backend.cluster())

    @ddt.data(client_errors.Unauthenticated, client_errors.ServerError)
    def test_capacity_that_cannot_be_read_is_an_error(self, kind):
        self.refuse(kind)
        self.assertRaises(kind, self.backend.cluster)

    def refuse(self, kind):
        def get_cluster():
            raise fake_cluster.answered(kind)

        self.cluster.get_cluster = get_cluster
