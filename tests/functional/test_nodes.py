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

"""Nodes that come, go and change, and a cluster on IPv6."""

from cinder import exception
import ddt

from tests.functional import base


def targets(info):
    """Where a host is told to find the discovery service."""
    return {(node['target_portal'], node['target_port'])
            for node in info['data']['lightos_nodes'].values()}


@ddt.ddt
class NodesTestCase(base.DriverTestCase):

    def connect(self, volume):
        return targets(self.driver.initialize_connection(
            volume, base.connector()))

    def refresh(self):
        """What Cinder does once a minute."""
        return self.driver.get_volume_stats(refresh=True)

    @ddt.data(False, True)
    def test_all_nodes_are_replaced_one_after_the_other(self, old):
        """Defect 41: the addresses of the start-up were kept for ever."""
        self.lightos.set_settings(old_clusterinfo=old)
        self.driver = self.make_driver()
        volume = self.created()
        before = set(self.lightos.addresses)
        now = set(self.lightos.addresses)
        for index, address in enumerate(self.lightos.addresses):
            now = now - {address} | {self.lightos.replace_node(index)}
            self.refresh()
            self.assertEqual({(one, 8009) for one in now},
                             self.connect(volume))
        # Nothing that was configured answers any more.
        self.assertFalse(now & before)
        self.driver.extend_volume(volume, 2)
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())
        self.assertEqual('up', self.refresh()['backend_state'])

    def test_a_replaced_node_is_asked_no_more(self):
        first = self.lightos.replace_node(0)
        self.refresh()
        self.lightos.replace_node(0)
        self.refresh()
        known = [endpoint.host for endpoint
                 in self.driver._transport.endpoints.in_order()]
        self.assertNotIn(first, known)
        # The configured one might come back.
        self.assertEqual(4, len(known))

    def test_the_ports_follow_too(self):
        volume = self.created()
        self.lightos.set_settings(discovery_port=18009)
        self.refresh()
        self.assertEqual({(address, 18009)
                          for address in self.lightos.addresses},
                         self.connect(volume))

    @ddt.data(False, True)
    def test_an_inactive_node_is_still_of_use_for_discovery(self, old):
        """Its discovery service answers, and names the others."""
        self.lightos.set_settings(old_clusterinfo=old)
        self.driver = self.make_driver()
        volume = self.created()
        for state in ('down', 'up'):
            self.lightos.node(1, state)
            self.refresh()
            self.assertEqual({(address, 8009)
                              for address in self.lightos.addresses},
                             self.connect(volume))

    @ddt.data('503', '500', 'hang')
    def test_an_inactive_node_whose_api_service_is_not_well(self, mode):
        self.lightos.set_settings(down_node_api=mode)
        self.driver = self.make_driver(lightos_operation_timeout=10)
        for index in range(3):
            # One of the three is the one that is asked first.
            self.lightos.node(index, 'down')
            volume = self.created(base.SILVER)
            self.driver.delete_volume(volume)
            self.assertEqual('up', self.refresh()['backend_state'])
            self.lightos.node(index, 'up')


class Ipv6TestCase(base.DriverTestCase):
    """All on IPv6: the API, the discovery service and the hosts."""

    ipv6 = True

    def host(self, number, *more):
        return base.connector(number, ip='2001:db8::%d' % number, host_ips=[
            '2001:db8::%d' % number, *more])

    def test_the_life_of_a_volume(self):
        volume = self.created(base.BRONZE)
        snapshot = self.snapped(volume)
        info = self.driver.initialize_connection(volume, self.host(1))
        self.assertEqual(
            {'::1': {'target_portal': '::1', 'target_port': 8009,
                     'transport_type': 'tcp'}},
            info['data']['lightos_nodes'])
        self.driver.extend_volume(volume, 2)
        self.driver.terminate_connection(volume, self.host(1), force=False)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())
        self.assertEqual('up', self.driver.get_volume_stats(
            refresh=True)['backend_state'])

    def test_an_older_cluster_that_names_its_nodes_only(self):
        self.lightos.set_settings(old_clusterinfo=True)
        self.driver = self.make_driver()
        self.assertEqual({('::1', 8009)}, targets(
            self.driver.initialize_connection(self.created(base.BRONZE),
                                              self.host(1))))

    def test_an_address_is_one_address_however_it_is_written(self):
        long = '0:0:0:0:0:0:0:1'
        self.driver = self.make_driver(lightos_api_address=[long, '::1'])
        self.assertEqual([('::1', self.lightos.port)], [
            (endpoint.host, endpoint.port) for endpoint
            in self.driver._transport.endpoints.in_order()])
        volume = self.created(base.BRONZE)
        self.driver.initialize_connection(
            volume, self.host(1, 'FD00:0:0::0A', 'fd00::a', 'fe80::1'))
        self.assertEqual(['2001:db8::1', 'fd00::a'], self.acls(volume)[1])
        # An administrator may write otherwise; nothing is sent for that.
        self.lightos.edit_volume(
            self.on_cluster(volume)['UUID'],
            ip_acl=['2001:0DB8::0001', 'FD00::000A'])
        self.lightos.clear_records()
        self.driver.initialize_connection(volume, self.host(1, 'fd00::a'))
        self.assertEqual([], self.calls('PUT'))
        self.driver.initialize_connection(volume, self.host(2))
        self.assertEqual(['2001:db8::1', '2001:db8::2', 'fd00::a'],
                         self.acls(volume)[1])
        self.attach(volume, self.host(2))
        self.driver.terminate_connection(
            volume, self.host(1, 'fd00:0::a'), force=False)
        self.assertEqual(['2001:db8::2'], self.acls(volume)[1])

    def test_only_the_storage_network_is_let_in(self):
        self.driver = self.make_driver(
            lightos_ipacl_networks=['2001:db8::/32'])
        volume = self.created(base.BRONZE)
        self.driver.initialize_connection(
            volume, self.host(1, 'fd00::1', '10.0.0.1'))
        self.assertEqual(['2001:db8::1'], self.acls(volume)[1])

    def test_what_does_not_answer_is_named_as_it_was_asked(self):
        self.lightos.endpoint(0, 'refuse')
        with self.assertRaisesRegex(
                exception.VolumeBackendAPIException,
                # eventlet says ECONNREFUSED.
                r'\[::1\]:%d: .*(?i:refused)' % self.lightos.port):
            self.created(base.BRONZE)
