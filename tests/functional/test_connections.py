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

"""Attach and detach on an emulated cluster."""

from concurrent import futures
import socket
import threading
from unittest import mock

from cinder import context
from cinder import coordination
from cinder import exception
from cinder import objects
from cinder.objects import fields
import ddt

from lightos_cinder import attachments
from lightos_cinder import connection
from lightos_cinder import records
from tests.functional import base
from tests.functional import database


def _nqn(number: int) -> str:
    return base.connector(number)['nqn']


def _ips(*numbers: int) -> list[str]:
    return sorted(address for number in numbers
                  for address in base.connector(number)['host_ips'])


@ddt.ddt
class AttachTestCase(base.DriverTestCase):

    def test_the_host_is_in_both_lists_and_told_how_to_connect(self):
        volume = self.created()
        info = self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(([_nqn(1)], _ips(1)), self.acls(volume))
        self.assertEqual('lightos', info['driver_volume_type'])
        self.assertEqual(self.on_cluster(volume)['UUID'],
                         info['data']['uuid'])
        self.assertTrue(info['data']['subsysnqn'].startswith('nqn.'))
        self.assertEqual(
            {address: {'target_portal': address, 'target_port': 8009,
                       'transport_type': 'tcp'}
             for address in self.lightos.addresses},
            info['data']['lightos_nodes'])

    def test_once_more_sends_nothing(self):
        """Defect 20: a PUT was sent even when nothing changed."""
        volume = self.created()
        first = self.driver.initialize_connection(volume, base.connector())
        self.lightos.clear_records()
        self.assertEqual(
            first, self.driver.initialize_connection(volume,
                                                     base.connector()))
        self.assertEqual(1, len(self.calls()))
        self.assertEqual([], self.lightos.complaints())

    def test_access_is_there_when_it_returns(self):
        """Defect 21: only the NQN was waited for."""
        self.lightos.set_settings(update_settle=0.4)
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(([_nqn(1)], _ips(1)), self.acls(volume))

    def test_without_ip_acl_addresses_do_not_matter(self):
        """Defects 12, 19 and 22: lightos_use_ipacl=False was not usable."""
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.created()
        connector = base.connector(host_ips=[])
        self.driver.validate_connector(connector)
        self.driver.initialize_connection(volume, connector)
        self.assertEqual(([_nqn(1)], ['ALLOW_ANY']), self.acls(volume))
        self.driver.terminate_connection(volume, connector, force=False)
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_ANY']), self.acls(volume))

    def test_without_ip_acl_an_administrators_list_is_not_opened(self):
        """Defect 19: any attach overwrote it with ALLOW_ANY."""
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 ip_acl=['192.0.2.200'])
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(sorted(_ips(1) + ['192.0.2.200']),
                         self.acls(volume)[1])

    def test_without_ip_acl_an_administrators_list_outlives_its_host(self):
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 ip_acl=_ips(1))
        for number in (1, 2):
            self.driver.initialize_connection(volume, base.connector(number))
            self.driver.terminate_connection(volume, base.connector(number),
                                             force=False)
            self.assertEqual((['ALLOW_NONE'], _ips(1)), self.acls(volume))

    @ddt.data(True, False)
    def test_an_ip_acl_that_nobody_set(self, shown):
        """Defect 12: a missing IPAcl crashed an attach."""
        self.lightos.set_settings(show_default_ip_acl=shown)
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 ip_acl=None)
        for use_ipacl in (True, False):
            self.driver = self.make_driver(lightos_use_ipacl=use_ipacl)
            self.driver.initialize_connection(volume, base.connector())
            self.driver.terminate_connection(volume, base.connector(),
                                             force=False)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_a_volume_that_was_open_to_all(self):
        """Defect 18: ALLOW_ANY and entries were sent together."""
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 acl=['ALLOW_ANY'], ip_acl=['ALLOW_ANY'])
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(([_nqn(1)], _ips(1)), self.acls(volume))

    def test_ip_acl_switched_on_while_hosts_are_attached(self):
        """Defect 18: attached hosts were cut off, or attach broke."""
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.created()
        self.attached(volume, 1)
        self.driver = self.make_driver(lightos_use_ipacl=True)
        self.attached(volume, 2)
        self.assertEqual((sorted([_nqn(1), _nqn(2)]), _ips(1, 2)),
                         self.acls(volume))

    def test_ip_acl_switched_on_with_a_host_inside_that_is_not_known(self):
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector(1))
        self.driver = self.make_driver(lightos_use_ipacl=True)
        self.driver.initialize_connection(volume, base.connector(2))
        self.assertEqual((sorted([_nqn(1), _nqn(2)]), ['ALLOW_ANY']),
                         self.acls(volume))

    def test_another_spelling_of_an_address_is_no_other_address(self):
        volume = self.created()
        spelled = base.connector(host_ips=['2001:DB8:0:0::1', '192.0.2.1'])
        self.driver.initialize_connection(volume, spelled)
        self.lightos.edit_volume(
            self.on_cluster(volume)['UUID'],
            ip_acl=['2001:0DB8::0001', '192.0.2.1'])
        self.lightos.clear_records()
        self.driver.initialize_connection(volume, spelled)
        self.assertEqual([], self.calls('PUT'))

    def test_useless_addresses_are_not_sent(self):
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector(host_ips=[
            '127.0.0.1', '::1', 'fe80::1', 'fe80::2%eth0', '169.254.1.1',
            'junk', '', '198.51.100.7']))
        self.assertEqual(['198.51.100.7'], self.acls(volume)[1])

    def test_too_many_addresses_say_what_to_configure(self):
        """Defect 7: an arbitrary 16 were kept, somebody lost his."""
        volume = self.created()
        self.attached(volume, 1)
        many = base.connector(2, host_ips=[
            '198.51.100.%d' % last for last in range(15)])
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    '17.*lightos_ipacl_networks'):
            self.driver.initialize_connection(volume, many)
        self.assertEqual(([_nqn(1)], _ips(1)), self.acls(volume))
        self.driver = self.make_driver(
            lightos_ipacl_networks=['198.51.100.0/29'])
        self.driver.initialize_connection(volume, many)
        self.assertEqual(2 + 8, len(self.acls(volume)[1]))

    def test_as_many_as_fit_and_one_more(self):
        volume = self.created()
        full = base.connector(1, host_ips=[
            '198.51.100.%d' % last for last in range(16)])
        self.attach(volume, full)
        self.driver.initialize_connection(volume, full)
        before = self.acls(volume)
        self.assertEqual(16, len(before[1]))
        for other in (base.connector(2),
                      # Attached already, and has one more by now.
                      dict(full, host_ips=full['host_ips'] + ['10.0.0.1'])):
            with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                        '%s.*lightos_ipacl_networks'
                                        % volume.id):
                self.driver.initialize_connection(volume, other)
            self.assertEqual(before, self.acls(volume))

    def test_only_the_storage_networks_are_let_in(self):
        self.driver = self.make_driver(
            lightos_ipacl_networks=['198.51.100.0/24', '2001:db8::/64'])
        volume = self.created()
        self.driver.initialize_connection(volume, base.connector(host_ips=[
            '198.51.100.1', '2001:db8::1', '192.0.2.1', '2001:db8:0:1::1',
            '::ffff:198.51.100.2', 'fe80::1', '172.17.0.1']))
        self.assertEqual(['198.51.100.1', '198.51.100.2', '2001:db8::1'],
                         self.acls(volume)[1])

    def test_a_host_with_no_address_in_the_storage_networks(self):
        self.driver = self.make_driver(
            lightos_ipacl_networks=['198.51.100.0/24'])
        volume = self.created()
        with self.assertRaisesRegex(exception.InvalidConnectorException,
                                    'lightos_ipacl_networks'):
            self.driver.initialize_connection(volume, base.connector())
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))

    def test_networks_configured_while_hosts_are_attached(self):
        """Nobody loses an address, until he leaves, and then all of them."""
        volume = self.created()
        one = base.connector(1, host_ips=['192.0.2.1', '198.51.100.1',
                                          '172.17.0.1'])
        self.driver.initialize_connection(volume, one)
        self.attach(volume, one)
        self.driver = self.make_driver(
            lightos_ipacl_networks=['192.0.2.0/24'])
        two = base.connector(2, host_ips=['192.0.2.2', '172.17.0.1'])
        self.driver.initialize_connection(volume, two)
        self.attach(volume, one, two)
        self.assertEqual(
            ['172.17.0.1', '192.0.2.1', '192.0.2.2', '198.51.100.1'],
            self.acls(volume)[1])
        self.driver.initialize_connection(volume, one)
        self.assertEqual(4, len(self.acls(volume)[1]))
        self.driver.terminate_connection(volume, one, force=False)
        # The bridge is on record for the other one, too.
        self.assertEqual(['172.17.0.1', '192.0.2.2'], self.acls(volume)[1])

    def test_addresses_of_no_use_make_room(self):
        """Defect 7: lists that were filled up before can be attached."""
        volume = self.created()
        many = base.connector(1, host_ips=['192.0.2.1'] + [
            '198.51.100.%d' % last for last in range(14)])
        self.driver.initialize_connection(volume, many)
        self.attach(volume, many)
        self.driver = self.make_driver(
            lightos_ipacl_networks=['192.0.2.0/24'])
        for number in (2, 3):
            self.attached(volume, number)
        self.assertEqual((sorted(map(_nqn, (1, 2, 3))),
                          ['192.0.2.1', '192.0.2.2', '192.0.2.3']),
                         self.acls(volume))

    def test_many_hosts_at_once(self):
        self.lightos.set_settings(update_settle=0.02)
        self.driver = self.make_driver(lightos_operation_timeout=30)
        other = self.make_driver(lightos_operation_timeout=30)
        volume = self.created()
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(
                lambda number: (self.driver if number % 2 else other)
                .initialize_connection(volume, base.connector(number)),
                range(1, 9)))
        self.assertEqual((sorted(map(_nqn, range(1, 9))),
                          _ips(*range(1, 9))), self.acls(volume))
        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(
                lambda number: (self.driver if number % 2 else other)
                .terminate_connection(volume, base.connector(number),
                                      force=False), range(1, 9)))
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))

    def test_a_host_that_comes_between_reading_and_writing(self):
        """Defect 7: an attached host lost its place to a newer one."""
        volume = self.created()
        fault = self.lightos.add_fault(kind='delay', seconds=0.5,
                                       method='PUT', when='before', times=1)
        with futures.ThreadPoolExecutor() as pool:
            # By two services on two controllers, which share no lock.
            slow = pool.submit(self.driver._backend.grant,
                               records.volume_ref(volume),
                               connection.host_of(base.connector(1)), [])
            while not self._hits(fault):
                pass
            self.driver.initialize_connection(volume, base.connector(2))
            slow.result()
        self.assertEqual((sorted([_nqn(1), _nqn(2)]), _ips(1, 2)),
                         self.acls(volume))
        self.assertEqual([], [one for one in self.lightos.requests()
                              if one['method'] == 'PUT'
                              and not one['if_match']])

    def _hits(self, fault):
        return [one for one in self.lightos.faults()
                if one['id'] == fault and one['hits']]

    @ddt.data(('nqn', None), ('nqn', ''), ('found_dsc', ''),
              ('found_dsc', None), ('host_ips', []),
              ('host_ips', ['fe80::1', '127.0.0.1']))
    @ddt.unpack
    def test_a_connector_that_lacks_something(self, field, value):
        connector = base.connector(**{field: value})
        volume = self.created()
        for call in (lambda: self.driver.validate_connector(connector),
                     lambda: self.driver.initialize_connection(
                         volume, connector)):
            with self.assertRaisesRegex(
                    exception.InvalidConnectorException, field):
                call()
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_a_connector_of_a_host_without_lightos(self):
        self.assertRaises(exception.InvalidConnectorException,
                          self.driver.validate_connector, {'ip': '1.2.3.4'})

    def test_a_volume_that_is_gone(self):
        volume = self.created()
        self.driver.delete_volume(volume)
        self.assertRaises(exception.VolumeNotFound,
                          self.driver.initialize_connection, volume,
                          base.connector())

    def test_one_error_while_waiting_does_not_end_it(self):
        """Defect 10: one transient reply failed an attach that was done."""
        self.lightos.set_settings(update_settle=0.3)
        volume = self.created()
        self.lightos.add_fault(kind='status', status=500, code=13,
                               message='oops', method='GET', times=2)
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual([_nqn(1)], self.acls(volume)[0])

    @ddt.data((401, 16), (403, 7), (400, 3))
    @ddt.unpack
    def test_a_refusal_is_an_error_at_once(self, status, code):
        """Defect 29: permanent errors were repeated for 100 s."""
        volume = self.created()
        self.lightos.add_fault(kind='status', status=status, code=code,
                               message='no', method='PUT', times=None)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.initialize_connection, volume,
                          base.connector())
        self.assertEqual(1, len(self.calls('PUT')))


@ddt.ddt
class DetachTestCase(base.DriverTestCase):

    def test_the_last_host_closes_the_door(self):
        volume = self.created()
        self.attached(volume, 1)
        self.assertFalse(self.driver.terminate_connection(
            volume, base.connector(), force=False))
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))
        self.assertFalse(self.driver.terminate_connection(
            volume, base.connector(), force=False))

    def test_as_in_a_live_migration(self):
        volume = self.created()
        self.attached(volume, 1, 2)
        self.assertEqual((sorted([_nqn(1), _nqn(2)]), _ips(1, 2)),
                         self.acls(volume))
        self.driver.terminate_connection(volume, base.connector(1),
                                         force=False)
        self.assertEqual(([_nqn(2)], _ips(2)), self.acls(volume))

    def test_one_of_two_instances_on_a_host(self):
        """Defect 5: the other instance lost its disk."""
        volume = self.created(multiattach=True)
        self.attached(volume, 1, 1)
        before = self.acls(volume)
        self.assertTrue(self.driver.terminate_connection(
            volume, base.connector(), force=False))
        self.assertEqual(before, self.acls(volume))
        self.attach(volume, base.connector())
        self.assertFalse(self.driver.terminate_connection(
            volume, base.connector(), force=False))
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_cinders_own_copying_on_a_host_that_runs_an_instance(self):
        """Defect 5: the end of a copy took the instance's disk away."""
        volume = self.created()
        instance = base.connector(mountpoint='/dev/vdb')
        self.driver.initialize_connection(volume, instance)
        self.attach(volume, instance)
        self.assertTrue(self.driver.terminate_connection(
            volume, base.connector(host=socket.gethostname()), force=False))
        self.assertEqual([_nqn(1)], self.acls(volume)[0])

    def test_a_connector_that_is_told_otherwise_than_on_record(self):
        volume = self.created()
        recorded = base.connector(mountpoint='/dev/vdb', mode='rw')
        self.driver.initialize_connection(volume, recorded)
        self.attach(volume, recorded)
        self.assertFalse(self.driver.terminate_connection(
            volume, {'nqn': _nqn(1), 'host': 'compute-1'}, force=True))
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))

    def test_a_tenant_who_may_not_see_the_volume_type_any_more(self):
        """A private type is withdrawn; what is attached can be detached."""
        def load(tenant, _type_id):
            if not tenant.is_admin:
                raise exception.VolumeTypeNotFound(volume_type_id='gold')
            return made.volume_type

        made = self.created()
        tenant = context.RequestContext('user', 'tenant', is_admin=False)
        for provider_id in (made.provider_id, None):
            volume = objects.Volume(
                tenant, id=made.id, _name_id=None, volume_type_id='gold',
                migration_status=None, provider_location=None,
                provider_id=provider_id, multiattach=False)
            self.attach(volume, base.connector())
            self.driver.initialize_connection(made, base.connector())
            with mock.patch.object(objects.VolumeType, 'get_by_id', load):
                self.driver.terminate_connection(volume, base.connector(),
                                                 force=False)
            self.assertEqual(['ALLOW_NONE'], self.acls(made)[0])

    def test_an_address_that_another_host_has_too_stays(self):
        """Defect 6: shared addresses were taken from those who stay."""
        volume = self.created()
        one = base.connector(1, host_ips=['192.0.2.1', '172.17.0.1'])
        two = base.connector(2, host_ips=['192.0.2.2', '172.17.0.1'])
        for connector in (one, two):
            self.driver.initialize_connection(volume, connector)
        self.attach(volume, one, two)
        self.driver.terminate_connection(volume, one, force=False)
        self.assertEqual((_nqn(2), ['172.17.0.1', '192.0.2.2']),
                         (self.acls(volume)[0][0], self.acls(volume)[1]))

    @ddt.data(True, False)
    def test_no_connector_means_everybody(self, force):
        volume = self.created()
        self.attached(volume, 1, 2)
        self.assertFalse(self.driver.terminate_connection(
            volume, None, force=force))
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))

    @ddt.data(True, False)
    def test_a_connector_without_nqn_does_not_mean_everybody(self, force):
        """Defect 4: it took all hosts away, forced or not."""
        volume = self.created()
        self.attached(volume, 1, 2)
        before = self.acls(volume)
        for connector in ({}, base.connector(nqn=None)):
            self.assertRaisesRegex(
                exception.InvalidConnectorException, 'nqn',
                self.driver.terminate_connection, volume, connector,
                force=force)
        self.assertEqual(before, self.acls(volume))

    def test_a_failure_is_not_hidden(self):
        """Defect 8: the host kept access and nobody was told."""
        volume = self.created()
        self.attached(volume, 1)
        self.lightos.add_fault(kind='status', status=500, code=13,
                               message='no', method='PUT', times=None)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.terminate_connection, volume,
                          base.connector(), force=False)

    @ddt.data({'status': 502, 'kind': 'html'},
              {'status': 503, 'code': 14, 'kind': 'status'})
    def test_a_volume_that_cannot_be_read_for_a_while(self, fault):
        """Defect 13: a text body crashed a detach."""
        volume = self.created()
        self.attached(volume, 1)
        self.lightos.add_fault(method='GET', times=4, **fault)
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_a_volume_that_is_gone_is_detached(self):
        """Defect 13: a volume that is gone was retried for 100 s."""
        volume = self.created()
        self.attached(volume, 1)
        self.driver.delete_volume(volume)
        self.lightos.clear_records()
        self.assertFalse(self.driver.terminate_connection(
            volume, base.connector(), force=False))
        self.assertLessEqual(len(self.calls()), 2)

    def test_success_on_the_last_look_is_success(self):
        """Defect 14: the end of the time was an error in itself."""
        volume = self.created()
        self.attached(volume, 1)
        self.lightos.set_settings(update_settle=1.9)
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_a_host_that_was_let_in_by_allow_any(self):
        volume = self.created()
        self.lightos.edit_volume(self.on_cluster(volume)['UUID'],
                                 acl=['ALLOW_ANY'])
        self.attach(volume, base.connector(1), base.connector(2))
        self.driver.terminate_connection(volume, base.connector(1),
                                         force=False)
        self.assertEqual([_nqn(2)], self.acls(volume)[0])


class ExportTestCase(base.DriverTestCase):

    def test_exports_ask_the_cluster_nothing(self):
        volume = self.created()
        self.lightos.clear_records()
        self.driver.ensure_export(self.context, volume)
        self.driver.create_export(self.context, volume, base.connector())
        self.driver.remove_export(self.context, volume)
        self.assertEqual([], self.calls())


class FailedAttachTestCase(base.DriverTestCase):

    def test_a_host_that_could_not_be_let_in_in_time_stays_out(self):
        volume = self.created()
        self.attached(volume, 1)
        before = self.acls(volume)
        self.lightos.set_settings(update_settle=3)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.initialize_connection, volume,
                          base.connector(2))
        self.lightos.set_settings(update_settle=0)
        self.assertEqual(before, self.acls(volume))

    def test_a_host_that_was_inside_before_stays_inside(self):
        volume = self.created()
        self.attached(volume, 1)
        moved = base.connector(1, host_ips=['198.51.100.1'])
        self.lightos.add_fault(kind='status', status=500, code=13,
                               message='no', method='PUT', times=None)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.initialize_connection, volume, moved)
        self.assertEqual([_nqn(1)], self.acls(volume)[0])

    def test_a_host_that_cannot_be_shown_out_again_is_said(self):
        volume = self.created()
        self.lightos.set_settings(update_settle=60)
        with self.assertLogs('lightos_cinder', 'ERROR') as logs:
            self.assertRaises(exception.VolumeBackendAPIException,
                              self.driver.initialize_connection, volume,
                              base.connector())
        self.assertIn('may be open to host %s' % _nqn(1),
                      ' '.join(logs.output))


class ReviewTestCase(database.DatabaseTestCase):

    def minutes_later(self, *drivers):
        with mock.patch.object(attachments, '_SETTLED', 0):
            for one in drivers or [self.driver]:
                one.get_volume_stats(refresh=True)

    def now(self, volume):
        return objects.Volume.get_by_id(self.context, volume.id)

    def in_use(self, **values):
        """A volume that is on record and on the cluster."""
        volume = self.record(self.type('gold', base.GOLD), size=1,
                             status='in-use', **values)
        return self.save(volume, self.driver.create_volume(volume))

    def row(self, volume, connector=None):
        """An attachment on record."""
        made = objects.VolumeAttachment(
            self.context, volume_id=volume.id, connector=connector,
            attach_status=fields.VolumeAttachStatus.RESERVED)
        made.create()
        return made

    def let_in(self, volume, row, number):
        """Cinder records the connector once the driver has answered."""
        self.driver.initialize_connection(self.now(volume),
                                          base.connector(number))
        self.record_host(row, number)

    def record_host(self, row, number):
        row.connector = base.connector(number)
        row.save()

    def end(self, driver, volume):
        return driver.terminate_connection(volume, base.connector(1))


class KilledTestCase(ReviewTestCase):
    """Cinder that ends as the driver has let a host in."""

    def setUp(self):
        super().setUp()
        volume = self.in_use()
        self.attachment = self.row(volume)
        # As it was read before there was an attachment.
        self.driver.initialize_connection(volume, base.connector(1))
        self.volume = self.now(volume)
        # Whoever starts next has not heard of it.
        self.driver = self.make_driver()
        self.driver.update_provider_info([self.volume], [])

    def test_the_host_is_shown_out_if_its_attachment_is_gone(self):
        self.minutes_later()
        self.assertEqual([_nqn(1)], self.acls(self.volume)[0])
        self.attachment.destroy()
        self.minutes_later()
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(self.volume))
        self.assertEqual({}, self.now(self.volume).admin_metadata)

    def test_not_if_it_is_on_record_after_all(self):
        self.addCleanup(self.attachment.destroy)
        self.attachment.connector = base.connector(1)
        self.attachment.save()
        self.minutes_later()
        self.assertEqual([_nqn(1)], self.acls(self.volume)[0])
        self.assertEqual({}, self.now(self.volume).admin_metadata)


class MeanwhileTestCase(ReviewTestCase):
    """What others do as the driver, or its review, waits for its turn."""

    def test_an_attachment_is_given_to_another_host(self):
        volume = self.in_use()
        row = self.row(volume)
        self.let_in(volume, row, 1)
        self.minutes_later()
        self.let_in(volume, row, 2)
        self.minutes_later()
        self.assertEqual(([_nqn(2)], _ips(2)), self.acls(volume))
        self.assertEqual({}, self.now(volume).admin_metadata)
        row.destroy()

    def test_an_attachment_is_given_up_before_its_host_is_let_in(self):
        volume = self.in_use()
        row = self.row(volume)
        lock = coordination.COORDINATOR.get_lock(
            'lightos-access-' + volume.id)
        lock.acquire()
        with futures.ThreadPoolExecutor(1) as pool:
            asked = threading.Event()
            awaits = records.awaits_host

            def awaits_host(volume_id):
                try:
                    return awaits(volume_id)
                finally:
                    asked.set()

            with mock.patch.object(records, 'awaits_host', awaits_host):
                done = pool.submit(self.driver.initialize_connection,
                                   self.now(volume), base.connector(1))
                # Nova hears nothing for a minute, and removes it.
                asked.wait(10)
                row.destroy()
                lock.release()
                done.result()
        self.assertEqual([_nqn(1)], self.acls(volume)[0])
        self.minutes_later()
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']), self.acls(volume))

    def test_a_host_comes_again_before_its_first_attachment_ends(self):
        volume = self.in_use(multiattach=True)
        first, second = self.row(volume), self.row(volume)
        self.let_in(volume, first, 1)
        second.destroy()
        read_before_its_turn = self.now(volume)
        second = self.row(volume)
        self.let_in(volume, second, 1)
        self.assertTrue(self.end(self.driver, read_before_its_turn))
        first.destroy()
        self.minutes_later()
        self.assertEqual(([_nqn(1)], _ips(1)), self.acls(volume))
        second.destroy()

    def test_a_host_is_recorded_late_for_its_second_attachment(self):
        volume = self.in_use(multiattach=True)
        first, second = self.row(volume), self.row(volume)
        self.let_in(volume, first, 1)
        self.driver.initialize_connection(self.now(volume),
                                          base.connector(1))
        # Cinder is busy, and others come meanwhile.
        others = [self.row(volume), self.row(volume)]
        self.let_in(volume, others[0], 2)
        self.assertTrue(self.end(self.driver, self.now(volume)))
        first.destroy()
        self.minutes_later()
        self.assert_open_to(volume, 1, 2)
        self.record_host(second, 1)
        self.minutes_later()
        self.assert_open_to(volume, 1, 2)
        for row in [second, *others]:
            row.destroy()

    def test_a_host_that_never_is_recorded_is_shown_out_later(self):
        volume = self.in_use(multiattach=True)
        first, second = self.row(volume), self.row(volume)
        self.let_in(volume, first, 1)
        self.driver.initialize_connection(self.now(volume),
                                          base.connector(1))
        self.assertTrue(self.end(self.driver, self.now(volume)))
        first.destroy()
        self.minutes_later()
        self.assert_open_to(volume, 1)
        with mock.patch.object(attachments, '_IDLE', 0):
            self.minutes_later()
        self.assert_open_to(volume)
        self.assertEqual({}, self.now(volume).admin_metadata)
        second.destroy()

    def test_a_host_is_recorded_late_that_cinder_itself_leaves(self):
        """The one that cinder-volume runs on, for an image."""
        volume = self.in_use(multiattach=True)
        own = base.connector(1, host=socket.gethostname())
        self.driver.initialize_connection(self.now(volume), own)
        row = self.row(volume)
        self.driver.initialize_connection(self.now(volume),
                                          base.connector(1))
        self.assertTrue(self.driver.terminate_connection(self.now(volume),
                                                         own))
        self.record_host(row, 1)
        self.minutes_later()
        self.assert_open_to(volume, 1)
        row.destroy()

    def test_nova_asks_again_to_end_an_attachment(self):
        """As the first time is under way, or has just been done."""
        volume = self.in_use(multiattach=True)
        first, second = self.row(volume), self.row(volume)
        for row in (first, second):
            self.let_in(volume, row, 1)
        self.minutes_later()
        asked = threading.Event()
        attachments_of = records.attachments_of

        def had(*args):
            try:
                return attachments_of(*args)
            finally:
                asked.set()

        lock = coordination.COORDINATOR.get_lock(
            'lightos-access-' + volume.id)
        lock.acquire()
        with futures.ThreadPoolExecutor(1) as pool:
            with mock.patch.object(records, 'attachments_of', had):
                again = pool.submit(self.end, self.driver, self.now(volume))
                asked.wait(10)
                first.destroy()
                lock.release()
                self.assertTrue(again.result())
        self.minutes_later()
        self.assert_open_to(volume, 1)
        self.assertFalse(self.end(self.driver, self.now(volume)))
        self.assert_open_to(volume)
        second.destroy()

    def assert_open_to(self, volume, *numbers):
        self.assertCountEqual([_nqn(number) for number in numbers]
                              or ['ALLOW_NONE'], self.acls(volume)[0])

    def test_a_host_stays_once_more_for_another_service(self):
        volume = self.in_use(multiattach=True)
        rows = [self.row(volume) for _ in range(3)]
        for row in rows:
            self.let_in(volume, row, 1)
        self.minutes_later()
        other = self.make_driver()
        self.assertTrue(self.end(self.driver, self.now(volume)))
        rows.pop().destroy()
        for _ in rows:
            self.assertTrue(self.end(other, self.now(volume)))
        # Cinder has not removed these yet.
        self.minutes_later()
        for row in rows:
            row.destroy()
        self.minutes_later(self.driver, other)
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']), self.acls(volume))
        self.assertEqual({}, self.now(volume).admin_metadata)


class EndedAtOnceTestCase(ReviewTestCase):
    """The last two attachments of a host, as Cinder ends them at once."""

    def attach_twice(self) -> tuple:
        volume = self.in_use()
        rows = []
        for _ in range(2):
            self.driver.initialize_connection(volume, base.connector(1))
            row = objects.VolumeAttachment(
                self.context, volume_id=volume.id,
                connector=base.connector(1))
            row.create()
            rows.append(row)
            self.addCleanup(row.destroy)
        return objects.Volume.get_by_id(self.context, volume.id), rows

    def end_both(self, volume):
        """Cinder removes the rows only after the driver has answered."""
        for _ in range(2):
            self.assertTrue(self.driver.terminate_connection(
                volume, base.connector(1), force=False))

    def test_the_host_is_shown_out_all_the_same(self):
        volume, rows = self.attach_twice()
        self.end_both(volume)
        for row in rows:
            row.destroy()
        self.assertEqual([_nqn(1)], self.acls(volume)[0])
        self.minutes_later()
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']), self.acls(volume))

    def test_not_while_one_is_on_record(self):
        volume, rows = self.attach_twice()
        self.end_both(volume)
        rows[0].destroy()
        self.minutes_later()
        self.assertEqual([_nqn(1)], self.acls(volume)[0])
