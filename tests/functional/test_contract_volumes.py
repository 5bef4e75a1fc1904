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

"""REST API facts, 1.6, 1.8 and 2: volumes and how they change."""

from __future__ import annotations

from typing import Any

import ddt

from tests.functional.contract import base

GIB = base.GIB


@ddt.ddt
class CreateTest(base.ContractTest):
    """2.4: what a create needs and gives."""

    def create(self, **fields: Any) -> Any:
        return self.call('POST', '/projects/default/volumes',
                         self.volume_body(**fields))

    def test_2_4_answer_is_creating(self) -> None:
        self.lightos.set_settings(create_settle=1.5)
        volume = self.volume()
        self.assertEqual('Creating', volume['state'])
        self.assertEqual('default', volume['projectName'])
        self.assertEqual(3, len(set(volume['nodeList'])))
        self.assertIn(volume['primaryNodeUUID'], volume['nodeList'])
        self.clock.advance(1.4)
        self.assertEqual('Creating', self.again(volume)['state'])
        self.clock.advance(0.1)
        volume = self.again(volume)
        self.assertEqual('Available', volume['state'])
        self.assertEqual('FullyProtected', volume['protectionState'])
        self.assertEqual(1, volume['nsid'])

    @ddt.data('name', 'size', 'acl', 'replicaCount')
    def test_2_4_required(self, field: str) -> None:
        self.refused(400, 3, self.create(**{field: None}))

    @ddt.data('', 'a b', 'a/b', 'ä', 'x' * 254)
    def test_2_4_bad_name(self, name: str) -> None:
        self.refused(400, 3, self.create(name=name))

    def test_2_4_long_name(self) -> None:
        self.assertEqual(200, self.create(name='x' * 253).status_code)

    @ddt.data(0, 4, 7)
    def test_2_4_bad_replica_count(self, replicas: int) -> None:
        self.refused(400, 3, self.create(replicaCount=replicas))

    @ddt.data('true', 'True', 'enable', 'enabled')
    def test_2_4_compressed(self, word: str) -> None:
        self.assertEqual(
            'true', self.volume(compression=word)['compression'])

    @ddt.data('false', 'False', 'disable', 'disabled')
    def test_2_4_not_compressed(self, word: str) -> None:
        self.assertEqual(
            'false', self.volume(compression=word)['compression'])

    def test_2_4_bad_compression(self) -> None:
        self.refused(400, 3, self.create(compression='perhaps'))

    def test_2_4_name_taken(self) -> None:
        self.volume()
        self.refused(409, 6, self.create())
        self.assertEqual(['created a name again without looking for it'],
                         self.complaints())
        self.get('/projects/default/volumes/?name=v')
        self.refused(409, 6, self.create())
        self.assertEqual(1, len(self.complaints()))

    def test_unknown_9_name_of_a_deleting_volume(self) -> None:
        self.lightos.set_settings(delete_settle=5)
        first = self.volume()
        self.delete(first)
        second = self.volume()
        self.assertNotEqual(first['UUID'], second['UUID'])
        self.assertEqual('Deleting', self.again(first)['state'])
        path = '/projects/default/volumes/?name=v'
        self.assertEqual(second['UUID'], self.get(path)['UUID'])
        # Unknown 10.
        self.lightos.set_settings(name_lookup='deleting')
        self.assertEqual(first['UUID'], self.get(path)['UUID'])
        self.clock.advance(5)
        self.assertEqual(second['UUID'], self.get(path)['UUID'])

    def test_unknown_9_switch_deleting_frees_name(self) -> None:
        self.lightos.set_settings(
            delete_settle=5, deleting_frees_name=False)
        self.delete(self.volume())
        self.refused(409, 6, self.create())
        self.clock.advance(5)
        self.assertEqual(200, self.create().status_code)

    @ddt.data(False, True)
    def test_unknown_9_switch_failed_frees_name(self, free: bool) -> None:
        self.lightos.set_settings(failed_frees_name=free)
        volume = self.volume()
        self.lightos.edit_volume(volume['UUID'], state='Failed')
        self.assertEqual(200 if free else 409, self.create().status_code)

    def test_unknown_16_too_few_nodes(self) -> None:
        self.lightos.node(0, 'down')
        self.refused(400, 3, self.create())
        self.assertEqual(200, self.create(replicaCount=2).status_code)

    def test_unknown_16_switch_too_many_replicas(self) -> None:
        self.lightos.set_settings(too_many_replicas='fail')
        self.lightos.node(0, 'down')
        volume = self.volume()
        self.assertEqual('Creating', volume['state'])
        self.assertEqual('Failed', self.again(volume)['state'])

    @ddt.data('429', '400', '500')
    def test_switch_full_cluster(self, status: str) -> None:
        self.lightos.set_settings(
            node_capacity=10 * GIB, full_cluster=status)
        volume = self.volume()
        self.assertEqual(int(status),
                         self.create(name='w').status_code)
        self.assertEqual(
            int(status), self.put(volume, {'size': '11 gib'}).status_code)
        self.delete(volume)
        self.assertEqual(200, self.create(name='w').status_code)

    def test_switch_full_cluster_fails_later(self) -> None:
        self.lightos.set_settings(node_capacity=GIB, full_cluster='fail')
        self.assertEqual('Failed', self.again(self.volume())['state'])

    def test_2_12_placement(self) -> None:
        placement = [{'operator': 'In', 'labelValueKeyPairs': [
            {'key': 'FD', 'value': 'rack1'}]}]
        self.refused(400, 3, self.create(placementRestrictions=placement))
        volume = self.volume(
            replicaCount=1, placementRestrictions=placement)
        self.assertEqual(placement, volume['placementRestrictions'])

    def test_2_13_labels(self) -> None:
        labels = [{'key': 'a', 'value': '1'}, {'key': 'b', 'value': '2'}]
        volume = self.volume(labels=labels)
        self.assertEqual(labels, volume['labels'])
        self.put(volume, {'size': '11 gib'})
        self.assertEqual(labels, self.again(volume)['labels'])
        # The whole set is replaced.
        self.put(volume, {'labels': labels[:1]})
        self.assertEqual(labels[:1], self.again(volume)['labels'])

    @ddt.data([{'key': 'a b', 'value': '1'}], [{'key': 'a'}],
              [{'key': 'a', 'value': 'x' * 254}],
              [{'key': 'k%d' % n, 'value': '1'} for n in range(17)])
    def test_2_13_bad_labels(self, labels: Any) -> None:
        self.refused(400, 3, self.create(labels=labels))

    def test_unknown_32_switch_label_prefix(self) -> None:
        self.lightos.set_settings(label_prefix='lb')
        volume = self.volume(labels=[{'key': 'lb-a', 'value': '1'}])
        self.assertEqual([{'key': 'a', 'value': '1'}], volume['labels'])

    def test_7_switch_supports_labels(self) -> None:
        self.lightos.set_settings(supports_labels=False)
        self.assertNotIn('labels', self.volume(
            labels=[{'key': 'a', 'value': '1'}]))

    def test_unknown_34_nsid(self) -> None:
        first = self.again(self.volume())
        self.delete(first)
        second = self.again(self.volume(name='w'))
        self.assertEqual(first['nsid'], second['nsid'])
        self.lightos.set_settings(reuse_nsid=False)
        self.delete(second)
        self.assertEqual(2, self.again(self.volume(name='x'))['nsid'])


@ddt.ddt
class SizeTest(base.ContractTest):
    """2.9: sizes in words."""

    @ddt.data(
        ('10 gib', 10 * GIB), ('4 Gib', 4 * GIB), ('5TiB', 5 * 2 ** 40),
        ('107374182400', 107374182400), ('107374182400b', 107374182400),
        ('107374182400 B', 107374182400), ('1 mib', 2 ** 20),
        ('8KiB', 8192), ('1.5 gib', 3 * 2 ** 29), ('511', 4096),
        ('4097', 8192), (' 1 gib ', GIB), ('1gb', 1000001536),
        ('1 G', 1000001536), ('1 PiB', 2 ** 50))
    @ddt.unpack
    def test_2_9_size(self, text: str, size: int) -> None:
        self.assertEqual(str(size), self.volume(size=text)['size'])

    @ddt.data('', '0', '-1', '-1 gib', '0 gib', 'gib', '1 xib', '1 gigs',
              'ten', '1 2', '9223372036854775807', '1e3', '0x10')
    def test_2_9_bad_size(self, text: str) -> None:
        self.refused(400, 3, self.call(
            'POST', '/projects/default/volumes',
            self.volume_body(size=text)))

    def test_unknown_12_switches(self) -> None:
        self.lightos.set_settings(min_size=GIB, max_size=2 * GIB)
        for text in ('1 mib', '3 gib'):
            self.refused(400, 3, self.call(
                'POST', '/projects/default/volumes',
                self.volume_body(size=text)))

    def test_unknown_13_switch_round_sizes(self) -> None:
        self.lightos.set_settings(round_sizes=False)
        self.assertEqual('4097', self.volume(size='4097')['size'])

    def test_unknown_14_switch_decimal_units(self) -> None:
        self.lightos.set_settings(decimal_units=False)
        self.assertEqual(str(GIB), self.volume(size='1gb')['size'])

    def test_2_9_shrink_needs_force(self) -> None:
        volume = self.volume()
        self.refused(400, 3, self.put(volume, {'size': '9 gib'}))
        self.done('PUT', self.path(volume), {'size': '9 gib',
                                             'Force': True})
        self.assertEqual(str(9 * GIB), self.again(volume)['size'])

    def test_unknown_15_switch_shrink(self) -> None:
        self.lightos.set_settings(shrink='accept')
        volume = self.volume()
        self.assertEqual(
            200, self.put(volume, {'size': '9 gib'}).status_code)


@ddt.ddt
class AclTest(base.ContractTest):
    """2.10: access lists."""

    def test_2_10_hosts_are_any_text(self) -> None:
        volume = self.volume(acl={'values': ['ace-1', 'nqn.x:uuid:1']})
        self.assertEqual({'values': ['ace-1', 'nqn.x:uuid:1']},
                         volume['acl'])

    @ddt.data([], ['ALLOW_ANY', 'a'], ['a', 'ALLOW_NONE'],
              ['ALLOW_ANY', 'ALLOW_NONE'], [''])
    def test_2_10_bad_acl(self, values: list[str]) -> None:
        self.refused(400, 3, self.call(
            'POST', '/projects/default/volumes',
            self.volume_body(acl={'values': values})))
        volume = self.volume()
        self.refused(400, 3, self.put(volume, {'acl': {'values': values}}))
        mixed = len(values) > 1
        self.assertEqual(
            ['acl mixes a sentinel with entries'] * 2 if mixed else [],
            self.complaints())

    @ddt.data([], ['ALLOW_ANY', '192.0.2.1'], ['192.0.2.0/24'],
              ['192.0.2'], ['host'], ['fe80::1%eth0'], ['256.0.0.1'],
              ['192.0.2.%d' % n for n in range(17)])
    def test_2_10_bad_ip_acl(self, values: list[str]) -> None:
        volume = self.volume()
        self.refused(400, 3, self.put(
            volume, {'IPAcl': {'values': values}}))

    @ddt.data(['192.0.2.1'], ['192.0.2.1', '2001:db8::1'], ['ALLOW_NONE'],
              ['ALLOW_ANY'], ['192.0.2.%d' % n for n in range(16)])
    def test_2_10_ip_acl(self, values: list[str]) -> None:
        volume = self.volume(IPAcl={'values': values})
        self.assertEqual({'values': values}, volume['IPAcl'])

    @ddt.data(('ip_acl_limit', 2, ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
               400),
              ('ip_acl_limit', 0, ['192.0.2.%d' % n for n in range(20)],
               200),
              ('ip_acl_cidr', True, ['192.0.2.0/24'], 200),
              ('ip_acl_ipv6', False, ['2001:db8::1'], 400),
              ('ip_acl_zones', True, ['fe80::1%eth0'], 200),
              ('ip_acl_mapped', False, ['::ffff:192.0.2.1'], 400),
              ('ip_acl_allow_none', False, ['ALLOW_NONE'], 400))
    @ddt.unpack
    def test_unknown_19_switches(self, switch: str, value: Any,
                                 values: list[str], status: int) -> None:
        self.lightos.set_settings(**{switch: value})
        volume = self.volume()
        self.assertEqual(status, self.put(
            volume, {'IPAcl': {'values': values}}).status_code)

    def test_unknown_18_switch_acl_limit(self) -> None:
        values = ['h%d' % n for n in range(200)]
        volume = self.volume(acl={'values': values})
        self.assertEqual(values, volume['acl']['values'])
        self.lightos.set_settings(acl_limit=2)
        self.refused(400, 3, self.put(
            volume, {'acl': {'values': values[:3]}}))

    def test_unknown_21_switch_show_default_ip_acl(self) -> None:
        volume = self.volume()
        self.assertEqual({'values': ['ALLOW_ANY']}, volume['IPAcl'])
        self.lightos.set_settings(show_default_ip_acl=False)
        self.assertNotIn('IPAcl', self.again(volume))

    def test_2_10_duplicates(self) -> None:
        volume = self.volume(acl={'values': ['b', 'a', 'b']})
        self.assertEqual(['b', 'a'], volume['acl']['values'])

    def test_2_10_more_than_16_addresses_is_a_complaint(self) -> None:
        volume = self.volume()
        self.put(volume, {'IPAcl': {'values': [
            '192.0.2.%d' % n for n in range(17)]}})
        self.assertEqual(['IPAcl of more than 16 addresses'],
                         self.complaints())


@ddt.ddt
class UpdateTest(base.ContractTest):
    """1.6, 2.2 and 2.7: updates, states and ETags."""

    def test_2_7_accepted_then_done(self) -> None:
        volume = self.again(self.volume())
        self.lightos.set_settings(update_settle=2)
        self.assertEqual({}, self.done(
            'PUT', self.path(volume), {'size': '11 gib'}))
        during = self.again(volume)
        self.assertEqual('Updating', during['state'])
        self.assertEqual(volume['size'], during['size'])
        self.clock.advance(2)
        after = self.again(volume)
        self.assertEqual('Available', after['state'])
        self.assertEqual(str(11 * GIB), after['size'])

    def test_unknown_7_switch_visible_during_update(self) -> None:
        volume = self.volume()
        self.get(self.path(volume))
        self.lightos.set_settings(
            update_settle=2, visible_during_update='new')
        self.put(volume, {'size': '11 gib'})
        during = self.again(volume)
        self.assertEqual(('Updating', str(11 * GIB)),
                         (during['state'], during['size']))

    def test_2_7_absent_fields_stay(self) -> None:
        volume = self.again(self.volume(
            IPAcl={'values': ['192.0.2.1']}, compression='true'))
        self.put(volume, {'acl': {'values': ['h1']}})
        after = self.again(volume)
        for field in set(volume) - {'acl', 'ETag'}:
            self.assertEqual(volume[field], after[field])
        self.put(volume, {'acl': {'values': ['h2']}})
        self.assertEqual(['h2'], self.again(volume)['acl']['values'])

    def test_unknown_6_switch_acl_update_resets_ip_acl(self) -> None:
        self.lightos.set_settings(acl_update_resets_ip_acl=True)
        volume = self.volume(IPAcl={'values': ['192.0.2.1']})
        self.put(volume, {'acl': {'values': ['h1']}})
        self.assertEqual(['ALLOW_ANY'],
                         self.again(volume)['IPAcl']['values'])

    def test_1_6_each_update_changes_the_etag(self) -> None:
        volume = self.again(self.volume())
        seen = {volume['ETag']}
        for size in ('11 gib', '12 gib'):
            self.put(volume, {'size': size})
            seen.add(self.again(volume)['ETag'])
        self.assertEqual(3, len(seen))

    def test_1_6_the_end_of_updating_changes_it_too(self) -> None:
        volume = self.volume()
        self.lightos.set_settings(update_settle=2)
        self.put(volume, {'size': '11 gib'})
        during = self.again(volume)['ETag']
        self.clock.advance(2)
        self.assertNotEqual(during, self.again(volume)['ETag'])

    def test_1_6_switch_etag_on_settle(self) -> None:
        self.lightos.set_settings(etag_on_settle=False)
        volume = self.volume()
        self.assertEqual('0', self.again(volume)['ETag'])
        self.put(volume, {'size': '11 gib'})
        self.assertEqual('1', self.again(volume)['ETag'])

    @ddt.data(('412', 412, 9), ('400', 400, 9), ('409', 409, 10),
              ('500', 500, 13))
    @ddt.unpack
    def test_unknown_2_switch_etag_mismatch(self, mode: str, status: int,
                                            code: int) -> None:
        self.lightos.set_settings(etag_mismatch=mode)
        volume = self.again(self.volume())
        self.put(volume, {'size': '11 gib'})
        for response in (
                self.put(volume, {'size': '12 gib'},
                         if_match=volume['ETag']),
                self.delete(volume, if_match=volume['ETag'])):
            self.assertIn('etag', self.refused(status, code, response))
        self.assertEqual(str(11 * GIB), self.again(volume)['size'])
        self.assertEqual([], self.complaints())

    def test_1_6_if_match(self) -> None:
        volume = self.again(self.volume())
        self.assertEqual(200, self.put(
            volume, {'size': '11 gib'},
            if_match=volume['ETag']).status_code)
        # None, and an empty one, are unconditional.
        self.assertEqual(200, self.put(
            volume, {'size': '12 gib'}, if_match='').status_code)
        self.assertEqual(200, self.delete(
            volume, if_match=self.again(volume)['ETag']).status_code)

    def test_unknown_4_quoted_if_match(self) -> None:
        volume = self.again(self.volume())
        quoted = '"%s"' % volume['ETag']
        self.refused(412, 9, self.put(
            volume, {'size': '11 gib'}, if_match=quoted))
        self.lightos.set_settings(quoted_if_match='accept')
        self.assertEqual(200, self.put(
            volume, {'size': '11 gib'}, if_match=quoted).status_code)
        self.assertEqual(
            ['If-Match is quoted; the ETag is sent verbatim'] * 2,
            self.complaints())

    def test_unknown_4_switch_etag_style(self) -> None:
        self.lightos.set_settings(etag_style='opaque')
        volume = self.again(self.volume())
        self.assertRegex(volume['ETag'], '^[0-9a-f]{16}$')
        self.assertEqual(200, self.put(
            volume, {'size': '11 gib'},
            if_match=volume['ETag']).status_code)
        self.assertNotEqual(volume['ETag'], self.again(volume)['ETag'])

    def test_unknown_5_update_without_change(self) -> None:
        volume = self.again(self.volume(acl={'values': ['a', 'b']}))
        same = {'size': '10 gib', 'acl': {'values': ['b', 'a']}}
        self.put(volume, same)
        after = self.again(volume)
        self.assertNotEqual(volume['ETag'], after['ETag'])
        self.lightos.set_settings(update_without_change='ignore')
        self.put(volume, same)
        self.assertEqual(after['ETag'], self.again(volume)['ETag'])
        self.assertEqual(['PUT that changes nothing'] * 2,
                         self.complaints())

    @ddt.data(('503', 503, 14), ('409', 409, 10), ('412', 412, 9))
    @ddt.unpack
    def test_2_7_switch_update_busy(self, mode: str, status: int, code: int
                                    ) -> None:
        self.lightos.set_settings(
            create_settle=1, update_settle=1, update_busy=mode)
        volume = self.volume()
        for _state in ('Creating', 'Updating'):
            for response in (self.put(volume, {'size': '12 gib'}),
                             self.delete(volume)):
                self.refused(status, code, response)
            self.clock.advance(1)
            self.put(volume, {'size': '11 gib'})

    @ddt.data('Deleting', 'Failed')
    def test_2_7_wrong_state(self, state: str) -> None:
        volume = self.volume()
        self.lightos.edit_volume(volume['UUID'], state=state)
        self.refused(400, 9, self.put(volume, {'size': '11 gib'}))
        self.refused(400, 9, self.delete(volume))

    def test_2_2_switch_failed_delete(self) -> None:
        self.lightos.set_settings(failed_delete='accept')
        volume = self.volume()
        self.lightos.edit_volume(volume['UUID'], state='Failed')
        self.assertEqual(200, self.delete(volume).status_code)
        self.refused(404, 5, self.call('GET', self.path(volume)))

    def test_2_2_migrating_is_usable(self) -> None:
        volume = self.volume()
        self.lightos.edit_volume(volume['UUID'], state='Migrating')
        self.assertEqual('Migrating', self.again(volume)['state'])
        self.assertEqual(
            200, self.put(volume, {'size': '11 gib'}).status_code)

    def test_2_2_switch_migrating_probability(self) -> None:
        self.lightos.set_settings(migrating_probability=0.5)
        volume = self.volume()
        states = {self.again(volume)['state'] for _time in range(30)}
        self.assertEqual({'Available', 'Migrating'}, states)

    def test_2_7_not_found(self) -> None:
        path = '/projects/default/volumes/'
        self.refused(404, 5, self.call(
            'PUT', path + base.NOWHERE, {'size': '1 gib'}))
        self.refused(400, 3, self.call(
            'PUT', path + 'text', {'size': '1 gib'}))

    def test_2_7_by_name(self) -> None:
        volume = self.volume()
        self.done('PUT', '/projects/default/volumes/',
                  {'name': 'v', 'size': '11 gib'})
        self.assertEqual(str(11 * GIB), self.again(volume)['size'])

    def test_2_7_new_name(self) -> None:
        volume = self.volume()
        self.volume(name='taken')
        self.refused(409, 6, self.put(volume, {'newName': 'taken'}))
        self.refused(400, 3, self.put(volume, {'newName': 'a b'}))
        self.done('PUT', self.path(volume), {'newName': 'w'})
        self.assertEqual('w', self.again(volume)['name'])
        self.assertEqual(volume['UUID'], self.get(
            '/projects/default/volumes/?name=w')['UUID'])
        self.refused(404, 5, self.call(
            'GET', '/projects/default/volumes/?name=v'))

    def test_7_switch_supports_new_name(self) -> None:
        self.lightos.set_settings(supports_new_name=False)
        volume = self.volume()
        self.done('PUT', self.path(volume), {'newName': 'w'})
        self.assertEqual('v', self.again(volume)['name'])

    def test_unknown_30_switch_follower_lag(self) -> None:
        self.lightos.set_settings(follower_lag=1)
        path = '/projects/default/volumes'
        volume = self.volume()
        self.assertEqual({}, self.get(path, node=1))
        self.refused(404, 5, self.call('GET', self.path(volume), node=1))
        self.assertEqual(volume['UUID'], self.again(volume)['UUID'])
        self.clock.advance(1)
        self.get(self.path(volume), node=1)
        self.put(volume, {'size': '11 gib'})
        self.assertEqual(volume['size'],
                         self.get(self.path(volume), node=1)['size'])
        self.assertNotEqual(volume['size'], self.again(volume)['size'])


@ddt.ddt
class DeleteTest(base.ContractTest):
    """2.5 and 2.8: deletion, and looking at what is going away."""

    def test_2_8_deleting_then_gone(self) -> None:
        self.lightos.set_settings(delete_settle=42)
        volume = self.volume()
        self.assertEqual({}, self.done('DELETE', self.path(volume)))
        self.assertEqual('Deleting', self.again(volume)['state'])
        self.assertEqual('Deleting', self.get(
            '/projects/default/volumes/?name=v')['state'])
        self.assertEqual(
            ['Deleting'], [v['state'] for v in self.lightos.volumes()])
        self.clock.advance(42)
        for path in (self.path(volume), '/projects/default/volumes/?name=v'):
            self.refused(404, 5, self.call('GET', path))
        self.refused(404, 5, self.delete(volume))

    def test_2_8_second_delete_is_refused(self) -> None:
        self.lightos.set_settings(delete_settle=5)
        volume = self.volume()
        self.delete(volume)
        self.refused(400, 9, self.delete(volume))
        self.refused(400, 9, self.put(volume, {'size': '11 gib'}))
        self.assertEqual(['DELETE of an object that is Deleting',
                          'PUT of an object that is Deleting'],
                         self.complaints())

    def test_2_8_by_name(self) -> None:
        volume = self.volume()
        self.done('DELETE', '/projects/default/volumes/?name=v')
        self.refused(404, 5, self.call('GET', self.path(volume)))

    @ddt.data('text', 'a-b', '123')
    def test_2_5_bad_uuid(self, uuid: str) -> None:
        for method in ('GET', 'DELETE'):
            self.refused(400, 3, self.call(
                method, '/projects/default/volumes/' + uuid))

    def test_2_5_neither_uuid_nor_name(self) -> None:
        self.refused(400, 3, self.call('GET', '/projects/default/volumes/'))
        self.assertEqual(['neither UUID nor name'], self.complaints())

    def test_unknown_22_hosts_in_the_acl(self) -> None:
        volume = self.volume(acl={'values': ['h1']})
        self.lightos.set_settings(delete_with_acl='refuse')
        self.refused(400, 9, self.delete(volume))
        self.lightos.set_settings(delete_with_acl='accept')
        self.assertEqual(200, self.delete(volume).status_code)


class ListTest(base.ContractTest):
    """1.8 and 2.6: pages and filters."""

    def uuids(self, query: str = '', **kwargs: Any) -> list[str]:
        found = self.get('/projects/default/volumes' + query, **kwargs)
        return [v['UUID'] for v in found.get('volumes', [])]

    def test_1_8_pages(self) -> None:
        made = sorted(
            self.volume(name='v%d' % n)['UUID'] for n in range(7))
        self.assertEqual(made, self.uuids())
        self.assertEqual(made[:3], self.uuids('?limit=3'))
        self.assertEqual(
            made[3:6], self.uuids('?limit=3&offsetUUID=' + made[2]))
        self.assertEqual(
            made[6:], self.uuids('?limit=3&offsetUUID=' + made[5]))
        self.assertEqual([], self.uuids('?offsetUUID=' + made[6]))
        # The page limit cannot be raised, and 0 is not set.
        self.lightos.set_settings(page_limit=5)
        self.assertEqual(made[:5], self.uuids('?limit=100'))
        self.assertEqual(made[:5], self.uuids('?limit=0'))
        self.assertEqual(made[:5], self.uuids())

    def test_1_8_limit_is_1000(self) -> None:
        self.assertEqual(
            1000, self.lightos.settings_in_force()['page_limit'])

    def test_1_8_offset_need_not_exist(self) -> None:
        made = self.volume()
        self.assertEqual([made['UUID']], self.uuids(
            '?offsetUUID=' + base.NOWHERE))

    def test_1_8_filters(self) -> None:
        first, second = self.volume(), self.volume(
            name='w', replicaCount=1)
        self.assertEqual([first['UUID']],
                         self.uuids('?UUID=' + first['UUID']))
        self.assertEqual([], self.uuids('?UUID=' + base.NOWHERE))
        self.assertEqual([second['UUID']], self.uuids('?name=w'))
        snapshot = self.snapshot(first)
        clone = self.volume(
            name='c', sourceSnapshotUUID=snapshot['UUID'])
        self.assertEqual([clone['UUID']], self.uuids(
            '?snapshotUUID=' + snapshot['UUID']))
        domains = ['server0%d' % n for n in range(3)]
        self.assertEqual(1, sum(
            second['UUID'] in self.uuids('?failureDomain=' + d)
            for d in domains))

    def test_1_8_deleting_is_hidden(self) -> None:
        self.lightos.set_settings(delete_settle=5)
        volume = self.volume()
        self.delete(volume)
        self.assertEqual([], self.uuids())
        self.assertEqual([], self.uuids('?name=v'))
        self.assertEqual([volume['UUID']], self.uuids('?showAll=true'))
        self.assertEqual([volume['UUID']],
                         self.uuids('?name=v&showAll=true'))
        # Unknown 11: seen live.
        self.lightos.set_settings(list_deleting=True)
        self.assertEqual([volume['UUID']], self.uuids())

    def test_1_8_snapshots(self) -> None:
        source = self.volume()
        self.lightos.set_settings(snapshot_delete_settle=5)
        made = sorted((self.snapshot(source, 's%d' % n)
                       for n in range(3)), key=lambda s: s['UUID'])
        path = '/projects/default/snapshots'

        def names(query: str) -> list[str]:
            return [s['name'] for s in
                    self.get(path + query).get('snapshots', [])]

        self.assertEqual([s['name'] for s in made[:2]], names('?limit=2'))
        self.assertEqual([made[2]['name']], names(
            '?limit=2&offsetUUID=' + made[1]['UUID']))
        self.assertEqual(['s1'], names('?Name=s1'))
        self.delete(made[0])
        self.assertEqual(2, len(names('')))
        self.assertEqual(3, len(names('?showAll=true')))
