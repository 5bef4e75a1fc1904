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

import ipaddress
import os
import shutil
import socket
import unittest
from unittest import mock

from cinder import exception
import ddt
from os_brick.initiator.connectors import lightos
from os_brick.privileged import lightos as priv_lightos
from os_brick import utils

from lightos_cinder import acl
from lightos_cinder.client import models
from lightos_cinder import connection
from tests.unit import cinder_objects

NETWORKS = [ipaddress.ip_network('10.0.0.0/24')]

connector = cinder_objects.connector


@ddt.ddt
class ValidateTest(unittest.TestCase):

    def test_a_host_that_can_attach(self):
        self.assertEqual(
            acl.Host('nqn-a', frozenset({'10.0.0.1', 'fd00::1'})),
            connection.validate(connector(
                'nqn-a', '10.0.0.1', 'fe80::1%eth0', 'fd00::1'), True))

    def test_only_addresses_of_the_storage_network_count(self):
        """Defect 7: the list is not filled with bridges."""
        self.assertEqual(
            acl.Host('nqn-a', frozenset({'10.0.0.1'})),
            connection.validate(
                connector('nqn-a', '10.0.0.1', '172.17.0.1'), True,
                NETWORKS))

    @ddt.data(
        (None, 'nqn'),
        ({}, 'nqn'),
        (connector('', '10.0.0.1'), 'nqn'),
        ({'host_ips': ['10.0.0.1'], 'found_dsc': 'found'}, 'nqn'),
        (connector('nqn-a', '10.0.0.1', found_dsc=''), 'found_dsc'),
        ({'nqn': 'nqn-a', 'host_ips': ['10.0.0.1']}, 'found_dsc'),
        (connector('nqn-a'), 'host_ips'),
        (connector('nqn-a', '127.0.0.1', 'fe80::1'), 'host_ips'),
        ({'nqn': 'nqn-a', 'found_dsc': 'found'}, 'host_ips'),
        ({'nqn': 'nqn-a', 'found_dsc': 'found', 'host_ips': None},
         'host_ips'),
        ({'nqn': 'nqn-a', 'found_dsc': 'found', 'host_ips': 1}, 'host_ips'),
        ({'nqn': 'nqn-a', 'found_dsc': 'found', 'host_ips': [None, 1, {}]},
         'host_ips'),
        (connector(['nqn-a'], '10.0.0.1'), "['nqn-a']"),
        (connector(7, '10.0.0.1'), '7'),
        (connector('nqn a', '10.0.0.1'), 'nqn a'),
        (connector('nqn-a\n', '10.0.0.1'), 'nqn-a'),
        (connector('n' * 224, '10.0.0.1'), '223'),
        # To the cluster these are everybody and nobody.
        (connector('ALLOW_ANY', '10.0.0.1'), 'ALLOW_ANY'),
        (connector('ALLOW_NONE', '10.0.0.1'), 'ALLOW_NONE'),
        (connector('nqn-a', '192.168.0.1'), 'lightos_ipacl_networks'),
    )
    @ddt.unpack
    def test_what_is_missing_or_cannot_be_is_named(self, given, missing):
        """Defect 15: no KeyError where a host has no NQN."""
        with self.assertRaises(
                exception.InvalidConnectorException) as caught:
            connection.validate(given, True, NETWORKS)
        self.assertIn(missing, str(caught.exception))

    def test_the_longest_nqn(self):
        longest = 'nqn.' + 'n' * 219
        self.assertEqual(longest, connection.validate(
            connector(longest, '10.0.0.1'), True).nqn)

    def test_without_ip_acl_no_address_is_needed(self):
        """Defect 22: host_ips do not matter with the IP ACL off."""
        self.assertEqual(acl.Host('nqn-a'),
                         connection.validate(connector('nqn-a'), False))


@ddt.ddt
class SharesHostTest(unittest.TestCase):
    """Defect 5: the last attachment of a host takes its access away."""

    first = connector('nqn-a', '10.0.0.1', mountpoint='/dev/vdb')
    second = connector('nqn-a', '10.0.0.1', mountpoint='/dev/vdc')
    other = connector('nqn-b', '10.0.0.2')
    # As Cinder makes it for itself, on a host that runs an instance too.
    own = connector('nqn-a', '10.0.0.1', host=socket.gethostname())
    # As an administrator types it, or after the addresses have changed.
    typed = {'nqn': 'nqn-a', 'host': 'compute'}
    moved = connector('nqn-a', '10.0.0.9')

    @ddt.data(
        ('first', ['first'], False),
        ('first', ['first', 'other'], False),
        ('first', ['first', 'second'], True),
        ('second', ['first', 'second', 'other'], True),
        # Two that cannot be told apart are two all the same.
        ('first', ['first', 'first'], True),
        # Cinder makes no record of its own attachments.
        ('own', [], False),
        ('own', ['other'], False),
        ('own', ['first'], True),
        # One record is that of the leaving one, however it is told.
        ('typed', ['first'], False),
        ('moved', ['first', 'other'], False),
        ('typed', ['first', 'second'], True),
    )
    @ddt.unpack
    def test_two_attachments_share_a_host_if_their_nqns_are_equal(
            self, leaving, attached, shared):
        self.assertIs(shared, connection.shares_host(
            getattr(self, leaving),
            [getattr(self, name) for name in attached]))

    def test_a_host_is_known_by_its_nqn_and_not_by_its_name(self):
        self.assertFalse(connection.shares_host(
            connector('nqn-a', host='compute-1'),
            [connector('nqn-a', host='compute-1'),
             connector('nqn-b', host='compute-1'), {}]))

    def test_the_records_are_left_as_they_are(self):
        attached = [self.first, self.second]
        connection.shares_host(self.first, attached)
        self.assertEqual([self.first, self.second], attached)


class PropertiesTest(unittest.TestCase):

    def properties(self, **cluster_info):
        volume = models.Volume.from_json({'UUID': 'v1'})
        return connection.properties(volume, models.ClusterInfo.from_json(
            dict({'subsystemNQN': 'nqn-of-the-cluster'}, **cluster_info)))

    def test_what_os_brick_needs(self):
        """Defect 41: discovery endpoints as the cluster tells them."""
        self.assertEqual(
            {'uuid': 'v1', 'subsysnqn': 'nqn-of-the-cluster',
             'lightos_nodes': {
                 '192.0.2.1': {'target_portal': '192.0.2.1',
                               'target_port': 8010,
                               'transport_type': 'tcp'},
                 'fd00::2': {'target_portal': 'fd00::2',
                             'target_port': 8009,
                             'transport_type': 'tcp'}}},
            self.properties(discoveryEndpoints=['192.0.2.1:8010',
                                                '[fd00::2]:8009'],
                            nvmeEndpoints=['192.0.2.9:4420']))

    def test_older_clusters_name_only_where_the_data_is(self):
        nodes = self.properties(nvmeEndpoints=[
            '192.0.2.1:4420', '192.0.2.1:4421', '192.0.2.2:4420'])
        self.assertEqual({'192.0.2.1': 8009, '192.0.2.2': 8009},
                         {host: node['target_port'] for host, node
                          in nodes['lightos_nodes'].items()})

    def test_a_node_without_endpoint_is_left_out(self):
        """Defect 17: an inactive node has no endpoint."""
        self.assertEqual({'192.0.2.1'}, set(self.properties(
            nvmeEndpoints=['', '192.0.2.1:4420'])['lightos_nodes']))

    def test_os_brick_finds_all_that_it_looks_for(self):
        written = []

        def move(source, destination):
            with open(source) as file:
                written.extend(file.read().splitlines()[1:])
            os.remove(source)

        brick = lightos.LightOSConnector(root_helper='')
        with mock.patch.object(
                priv_lightos, 'move_dsc_file', autospec=True,
                side_effect=move), mock.patch.object(
                utils, 'get_host_nqn', autospec=True,
                return_value='nqn-a'):
            brick.dsc_connect_volume(self.properties(
                discoveryEndpoints=['192.0.2.1:8009']))
        self.assertEqual(['-t tcp -a 192.0.2.1 -s 8009 -q nqn-a '
                          '-n nqn-of-the-cluster'], written)


@ddt.ddt
class LackingHereTest(unittest.TestCase):

    def lacking(self, hostnqn, nvme, dsc):
        with mock.patch.object(
                os.path, 'exists', autospec=True,
                return_value=hostnqn), mock.patch.object(
                shutil, 'which', autospec=True,
                return_value='/sbin/nvme' if nvme else None), \
                mock.patch.object(lightos.LightOSConnector, 'find_dsc',
                                  autospec=True,
                                  return_value='found' if dsc else ''):
            return connection.lacking_here()

    @ddt.data((True, True, True), (True, False, True), (False, True, True))
    @ddt.unpack
    def test_a_host_that_can_attach_lacks_nothing(self, *present):
        self.assertEqual([], self.lacking(*present))

    def test_what_is_lacking_is_told_with_what_to_do(self):
        """Defect 15: the intended message is reached."""
        nqn, dsc = self.lacking(False, False, False)
        self.assertIn('/etc/nvme/hostnqn', nqn)
        self.assertIn('nvme-cli', nqn)
        self.assertIn('discovery-client', dsc)

    def test_nothing_is_changed_on_the_host(self):
        with mock.patch.object(os, 'makedirs', autospec=True) as makedirs, \
                mock.patch('builtins.open', autospec=True) as opened:
            self.lacking(False, False, False)
        makedirs.assert_not_called()
        opened.assert_not_called()
