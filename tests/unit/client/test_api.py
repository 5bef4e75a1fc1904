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
from unittest import mock

import ddt
import hypothesis

from lightos_cinder.client import api
from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import settling
from tests.unit.client import hostile
from tests.unit import fake_clock

HERE = '/api/v2/projects/tenant/'


class ApiTestCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        self.transport = mock.Mock(spec=['request', 'clock'],
                                   clock=self.clock)
        self.request = self.transport.request
        self.client = api.LightOSClient(
            self.transport, polling.Deadline(self.clock, 100),
            settling.SettleTimes(self.clock))

    def assert_sent(self, method, path, **expected):
        """Exactly one request was sent, and it was this one."""
        self.request.assert_called_once_with(
            method, path, deadline=self.client.deadline,
            project=expected.get('project', 'tenant'),
            query=expected.get('query'), body=expected.get('body'),
            etag=expected.get('etag'))


class VolumesTest(ApiTestCase):

    def test_get(self):
        self.request.return_value = {'UUID': 'v1', 'size': '4096'}
        volume = self.client.volumes.get('tenant', 'v1')
        self.assertEqual(4096, volume.size)
        self.assert_sent('GET', HERE + 'volumes/v1')

    def test_create(self):
        self.request.return_value = {'UUID': 'v1', 'state': 'Creating'}
        volume = self.client.volumes.create(
            'tenant', name='volume-1', size=1024 ** 3, replicas=2,
            compression=True, acl={'b', 'a'}, ip_acl={'ALLOW_NONE'})
        self.assertEqual('v1', volume.uuid)
        self.assert_sent('POST', HERE + 'volumes', body={
            'name': 'volume-1', 'size': '1073741824', 'replicaCount': 2,
            'compression': 'true', 'acl': {'values': ['a', 'b']},
            'IPAcl': {'values': ['ALLOW_NONE']}})

    def test_create_of_a_snapshot_with_a_qos_policy(self):
        self.request.return_value = {'UUID': 'v1'}
        self.client.volumes.create(
            'tenant', name='volume-1', size=4096, replicas=1,
            compression=False, acl=['ALLOW_NONE'], ip_acl=['ALLOW_ANY'],
            source_snapshot_uuid='s1', qos_policy='gold')
        body = self.request.call_args.kwargs['body']
        self.assertEqual('false', body['compression'])
        self.assertEqual('s1', body['sourceSnapshotUUID'])
        self.assertEqual('gold', body['qosPolicyName'])

    def test_create_answered_without_a_uuid_has_an_unknown_outcome(self):
        """Defect 17: a reply without a UUID is no crash."""
        self.request.return_value = {}
        with self.assertRaises(errors.ReplyLost) as caught:
            self.client.volumes.create(
                'tenant', name='volume-1', size=4096, replicas=1,
                compression=False, acl=['ALLOW_NONE'], ip_acl=['ALLOW_ANY'])
        self.assertIs(errors.Outcome.UNKNOWN, caught.exception.outcome)

    def test_update_swaps_only_what_was_read(self):
        self.request.return_value = {}
        self.client.volumes.update('tenant', 'v1', api.resized(8192), '17')
        self.assert_sent('PUT', HERE + 'volumes/v1', body={'size': '8192'},
                         etag='17')

    def test_update_of_both_access_lists(self):
        self.request.return_value = {}
        self.client.volumes.update(
            'tenant', 'v1', api.opened({'n2', 'n1'}, {'10.0.0.2'}))
        self.assert_sent('PUT', HERE + 'volumes/v1', body={
            'acl': {'values': ['n1', 'n2']},
            'IPAcl': {'values': ['10.0.0.2']}})

    def test_delete(self):
        self.request.return_value = {}
        self.client.volumes.delete('tenant', 'v1')
        self.assert_sent('DELETE', HERE + 'volumes/v1')


class SnapshotsTest(ApiTestCase):

    def test_get(self):
        self.request.return_value = {'UUID': 's1', 'sourceVolumeUUID': 'v1'}
        snapshot = self.client.snapshots.get('tenant', 's1')
        self.assertEqual('v1', snapshot.source_volume_uuid)
        self.assert_sent('GET', HERE + 'snapshots/s1')

    def test_create(self):
        self.request.return_value = {'UUID': 's1'}
        self.client.snapshots.create('tenant', name='snapshot-1',
                                     source_volume_uuid='v1')
        self.assert_sent('POST', HERE + 'snapshots', body={
            'name': 'snapshot-1', 'sourceVolumeUUID': 'v1'})

    def test_create_one_that_expires(self):
        self.request.return_value = {'UUID': 's1'}
        self.client.snapshots.create('tenant', name='temporary',
                                     source_volume_uuid='v1', retention=3600)
        self.assertEqual('3600s', self.request.call_args.kwargs['body'][
            'retentionTime'])

    def test_delete(self):
        self.request.return_value = {}
        self.client.snapshots.delete('tenant', 's1')
        self.assert_sent('DELETE', HERE + 'snapshots/s1')


@ddt.ddt
class FindTest(ApiTestCase):

    @ddt.data(('volumes', 'name'), ('snapshots', 'Name'))
    @ddt.unpack
    def test_asks_with_the_filter_in_its_own_case(self, kind, name_filter):
        """Defect 32: names go into the query, which is encoded."""
        self.request.return_value = {kind: [{'UUID': 'u', 'name': 'a b'}]}
        found = getattr(self.client, kind).find('tenant', 'a b')
        self.assertEqual('u', found.uuid)
        query = self.request.call_args.kwargs['query']
        self.assertEqual('a b', query[name_filter])
        self.assertEqual('1000', query['limit'])

    def test_nothing_of_that_name(self):
        self.request.return_value = {'volumes': []}
        self.assertIsNone(self.client.volumes.find('tenant', 'x'))

    def test_a_filter_that_the_cluster_ignores_finds_nothing_else(self):
        self.request.return_value = {'volumes': [
            {'UUID': 'u1', 'name': 'volume-12'},
            {'UUID': 'u2', 'name': 'volume-1'}]}
        self.assertEqual(
            'u2', self.client.volumes.find('tenant', 'volume-1').uuid)
        self.assertIsNone(self.client.volumes.find('tenant', 'volume'))

    @ddt.data(('Deleting', 'Available'), ('Available', 'Deleting'),
              ('Failed', 'Available'), ('Available', 'Failed'))
    def test_of_two_it_is_the_one_that_stays(self, states):
        self.request.return_value = {'volumes': [
            {'UUID': state, 'name': 'x', 'state': state}
            for state in states]}
        self.assertEqual('Available',
                         self.client.volumes.find('tenant', 'x').uuid)

    def test_one_that_is_on_its_way_out_is_better_than_none(self):
        self.request.return_value = {'volumes': [
            {'UUID': 'u', 'name': 'x', 'state': 'Deleting'}]}
        self.assertEqual('u', self.client.volumes.find('tenant', 'x').uuid)

    @ddt.data(errors.Forbidden, errors.Unauthenticated, errors.ServerError,
              errors.Busy, errors.NotFound)
    def test_an_error_is_not_taken_for_nothing(self, kind):
        """Defect 1: 401, 403, 500 and 503 do not mean "not there"."""
        self.request.side_effect = kind(0, None, 'no', 'GET', '/')
        self.assertRaises(kind, self.client.volumes.find, 'tenant', 'x')

    @ddt.data({}, {'volumes': None}, {'volumes': []}, {'more': 'later'})
    def test_a_listing_without_volumes_is_empty(self, reply):
        self.request.return_value = reply
        self.assertIsNone(self.client.volumes.find('tenant', 'x'))

    @ddt.data({'volumes': {}}, {'volumes': 'x'}, {'volumes': [None]},
              {'volumes': [[]]}, {'error': 'not ready'})
    def test_a_listing_of_an_odd_shape_is_not_taken_for_nothing(self, reply):
        """Defect 1: a body that is not as expected is not "not there"."""
        self.request.return_value = reply
        self.assertRaises(errors.ReplyLost, self.client.volumes.find,
                          'tenant', 'x')

    @ddt.data('v', '')
    def test_a_listing_that_does_not_end_is_not_read_for_ever(self, last):
        self.request.return_value = {
            'volumes': [{'UUID': last, 'name': 'y'}] * 1000}
        self.assertRaises(errors.ReplyLost, self.client.volumes.find,
                          'tenant', 'x')
        self.assertLess(self.request.call_count, 3)


class ListTest(ApiTestCase):

    def listing(self, count):
        """A collection of so many that pages as the cluster does."""
        uuids = ['u%04d' % number for number in range(count)]

        def request(*args, query, **kwargs):
            begin = 0
            if 'offsetUUID' in query:
                begin = uuids.index(query['offsetUUID']) + 1
            return {'volumes': [{'UUID': uuid, 'name': 'x'} for uuid in
                                uuids[begin:begin + int(query['limit'])]]}

        self.request.side_effect = request
        return uuids

    def test_goes_on_until_a_page_is_not_full(self):
        for count, pages in ((0, 1), (999, 1), (1000, 2), (1001, 2),
                             (2500, 3)):
            with self.subTest(count=count):
                self.request.reset_mock()
                uuids = self.listing(count)
                self.assertEqual(uuids, [
                    one.uuid for one in self.client.volumes.list('tenant')])
                self.assertEqual(pages, self.request.call_count)


@ddt.ddt
class ClusterTest(ApiTestCase):

    def test_cluster_info_is_of_no_project(self):
        self.request.return_value = {'clusterName': 'lab'}
        self.assertEqual('lab', self.client.get_cluster_info().name)
        self.assert_sent('GET', '/api/v2/clusterinfo', project=None)

    def test_cluster(self):
        self.request.return_value = {'statistics': {'logicalStorage': '7'}}
        self.assertEqual(7, self.client.get_cluster().capacity.provisioned)
        self.assert_sent('GET', '/api/v2/cluster', project=None)

    def test_nodes(self):
        self.request.return_value = {'nodes': [
            {'UUID': 'n1', 'nvmeEndpoint': '10.0.0.1:4420'}]}
        self.assertEqual([models.Node('n1', '10.0.0.1:4420')],
                         self.client.list_nodes())
        self.assert_sent('GET', '/api/v2/nodes', project=None)

    def test_renewed_has_a_time_of_its_own(self):
        self.clock.advance(200)
        renewed = self.client.renewed(10)
        self.assertEqual(0, self.client.deadline.left())
        self.assertEqual(10, renewed.deadline.left())
        self.request.return_value = {}
        renewed.volumes.delete('tenant', 'v1')
        self.assertIs(renewed.deadline,
                      self.request.call_args.kwargs['deadline'])

    @ddt.data('', 'v2', 'V1', None)
    def test_an_answer_about_another_object_is_none(self, uuid):
        self.request.return_value = {'UUID': uuid, 'name': 'x'}
        for collection in (self.client.volumes, self.client.snapshots):
            self.assertRaises(errors.ReplyLost, collection.get, 'tenant',
                              'v1')

    def test_an_object_is_where_it_was_asked_for(self):
        for reply in ({'UUID': 'v1', 'projectName': 'other'},
                      {'UUID': 'v1', 'projectName': 3}, {'UUID': 'v1'}):
            self.request.return_value = dict(reply, volumes=[reply])
            self.assertEqual(
                ['tenant', 'tenant'],
                [self.client.volumes.get('tenant', 'v1').project]
                + [one.project for one
                   in self.client.volumes.list('tenant')])

    @hypothesis.given(project=hostile.TEXT, uuid=hostile.TEXT)
    def test_no_text_leads_to_another_call(self, project, uuid):
        """Defect 32: every part of a path is plain, or refused."""
        self.request.reset_mock()
        self.request.return_value = {}
        try:
            self.client.volumes.delete(project, uuid)
        except errors.InvalidRequest:
            self.assertFalse(hostile.is_plain(project)
                             and hostile.is_plain(uuid))
            self.request.assert_not_called()
            return
        path = self.request.call_args.args[1]
        self.assertEqual(7, len(path.split('/')))
        self.assertEqual(project, self.request.call_args.kwargs['project'])
