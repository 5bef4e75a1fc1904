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

"""What must be true of a driver for LightOS, whichever it is.

Here each statement is put to our driver. ``python -m tests.defects`` puts
the same ones to the driver inside Cinder, which has to be as good for the
defect not to be one of its own.
"""

import contextlib
import logging
import os
import re
import time
import types
from unittest import mock

from cinder import exception
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers import lightos as inside_cinder

from lightos_cinder import lifecycle
from tests.functional import base
from tests.unit.client import loopback

# It logs each request, and each look that was one too early.
inside_cinder.LOG.logger.addHandler(logging.NullHandler())
inside_cinder.LOG.logger.propagate = False

OURS, THEIRS = 'ours', 'theirs'

#: Hammering has no pauses; this many requests have, in a few seconds.
PATIENT = 60

#: The pauses of the driver inside Cinder are made so much shorter.
HASTE = 20


def nqn(number):
    return base.connector(number)['nqn']


class YardstickTestCase(base.DriverTestCase):

    #: Which driver is put to the test.
    which = OURS

    def setUp(self):
        for patcher in (
                mock.patch('os_brick.utils.get_host_nqn', autospec=True,
                           return_value='nqn.controller'),
                mock.patch.dict(os.environ, SSL_CERT_FILE=os.devnull),
                mock.patch.object(lifecycle, 'TIDY_TIMEOUT', 1),
                mock.patch.object(inside_cinder, 'time',
                                  types.SimpleNamespace(
                                      time=time.time, sleep=lambda seconds:
                                      time.sleep(seconds / HASTE)))):
            patcher.start()
            self.addCleanup(patcher.stop)
        super().setUp()

    def make_driver(self, **changes):
        """A driver of the kind that is put to the test."""
        ours = self.bare_driver(**changes)
        if self.which == OURS:
            made = ours
        else:
            made = inside_cinder.LightOSVolumeDriver(
                configuration=configuration.Configuration(
                    volume_driver.volume_opts, config_group=base.GROUP),
                host='controller@' + base.GROUP)
            # As long as ours has. By its options it cannot be below 13 s.
            made.logical_op_timeout = 3
        made.do_setup(self.context)
        made.check_for_setup_error()
        return made

    def fault(self, kind='status', status=503, **fields):
        fields.setdefault('times', None)
        return self.lightos.add_fault(kind=kind, status=status, **fields)

    def put(self, **fields):
        """A volume that an administrator of the cluster made."""
        volume = self.volume(base.BRONZE)
        made = self.ask('POST', 'projects/%s/volumes' % base.PROJECT, dict(
            {'name': volume.name, 'size': str(base.GIB), 'replicaCount': 1,
             'compression': 'false', 'acl': {'values': ['ALLOW_NONE']}},
            **fields))
        volume.provider_id = '%s %s' % (base.PROJECT, made['UUID'])
        return volume

    def connect(self, volume, *connectors):
        """Attach, as the manager does."""
        for one in connectors:
            before = [each.connector for each in volume.volume_attachment]
            self.driver.initialize_connection(volume, one)
            self.attach(volume, *before, one)

    @contextlib.contextmanager
    def failing(self, *kinds):
        """It is an error, and one that Cinder knows what to do with."""
        with self.assertRaises(kinds or (exception.CinderException,)
                               ) as caught:
            yield caught

    def stays(self, volume):
        self.assertEqual('Available', self.on_cluster(volume)['state'])

    def test_00_what_any_driver_can_do(self):
        """Else all the rest would say nothing."""
        volume = self.created()
        self.connect(volume, base.connector(1), base.connector(2))
        self.driver.extend_volume(volume, 2)
        volume.size = 2
        snapshot = self.snapped(volume)
        copy, clone = self.volume(size=2), self.volume(size=2)
        self.stamp(copy, self.driver.create_volume_from_snapshot(copy,
                                                                 snapshot))
        self.stamp(clone, self.driver.create_cloned_volume(clone, volume))
        for number in (1, 2):
            self.driver.terminate_connection(
                volume, base.connector(number), force=False)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])
        self.driver.delete_snapshot(snapshot)
        for one in (copy, clone, volume):
            self.driver.delete_volume(one)
        self.assertEqual([], self.names())

    # Data loss, leaks, success that was none

    def test_01_what_cannot_be_looked_up_is_not_deleted(self):
        """Defect 1: a volume that exists is not told to be deleted."""
        volume = self.created()
        volume.provider_id = None
        self.fault(method='GET', path='/volumes')
        with self.failing():
            self.driver.delete_volume(volume)
        self.lightos.clear_faults()
        self.stays(volume)

    def test_02_a_snapshot_that_stays_is_not_told_to_be_deleted(self):
        """Defect 2: what a busy volume refuses is not told as done."""
        snapshot = self.snapped(self.created())
        self.fault(method='DELETE', path='/snapshots')
        with self.failing():
            self.driver.delete_snapshot(snapshot)
        self.assertEqual(1, len(self.lightos.snapshots()))

    def test_03_a_volume_has_its_new_size_when_it_is_told(self):
        """Defect 3: extended is what is as large as that."""
        volume = self.created()
        self.lightos.set_settings(update_settle=0.5)
        self.driver.extend_volume(volume, 2)
        held = self.on_cluster(volume)
        self.assertEqual((str(2 * base.GIB), 'Available'),
                         (held['size'], held['state']))

    def test_04_who_is_not_named_is_not_shown_out(self):
        """Defect 4: only by force, a host without a name takes others out."""
        volume = self.created()
        self.connect(volume, base.connector(1), base.connector(2))
        with contextlib.suppress(exception.CinderException):
            self.driver.terminate_connection(volume, {'host': 'x'},
                                             force=False)
        self.assertEqual(sorted([nqn(1), nqn(2)]), self.acls(volume)[0])

    def test_05_the_second_instance_on_a_host_keeps_its_disk(self):
        """Defect 5: of two attachments of a host one ends."""
        volume = self.created()
        self.connect(volume, base.connector(), base.connector())
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual([nqn(1)], self.acls(volume)[0])

    def test_06_a_shared_address_stays_for_who_stays(self):
        """Defect 6: every host with containers has 172.17.0.1."""
        volume = self.created()
        one, two = (base.connector(number, host_ips=[
            '192.0.2.%d' % number, '172.17.0.1']) for number in (1, 2))
        self.connect(volume, one, two)
        self.driver.terminate_connection(volume, one, force=False)
        self.assertEqual(sorted(two['host_ips']), self.acls(volume)[1])

    def test_07_nobody_loses_an_address_to_somebody_else(self):
        """Defect 7: of more than 16 addresses none may just be dropped."""
        volume = self.created()
        inside = []
        for number in (1, 2):
            host = base.connector(number, host_ips=[
                '10.%d.0.%d' % (number, last) for last in range(1, 12)])
            with contextlib.suppress(exception.CinderException):
                self.connect(volume, host)
                inside.append(host)
            for one in inside:
                self.assertLessEqual(set(one['host_ips']),
                                     set(self.acls(volume)[1]))

    def test_08_a_host_that_was_not_shown_out_is_told(self):
        """Defect 8: the next one would share the disk with it."""
        volume = self.created()
        self.connect(volume, base.connector())
        self.fault(status=500, method='PUT')
        with self.failing():
            self.driver.terminate_connection(volume, base.connector(),
                                             force=False)

    def test_09_an_error_while_waiting_is_no_proof_of_deletion(self):
        """Defect 9: deleted is what is seen to be gone."""
        volume = self.created()
        volume.provider_id = None
        # Accepted, and then nothing is done, or told.
        self.fault(status=200, body='{}', method='DELETE')
        self.fault(method='GET', path='/volumes', skip=1)
        with self.failing():
            self.driver.delete_volume(volume)
        self.lightos.clear_faults()
        self.stays(volume)

    def test_10_a_bad_moment_while_waiting_is_not_the_end(self):
        """Defect 10: a volume comes to be all the same."""
        self.lightos.set_settings(create_settle=0.3)
        self.fault(method='GET', path='/volumes', skip=1, times=1)
        self.stays(self.created())

    # Crashes

    def test_11_a_volume_without_type(self):
        """Defect 11: it has no extra specs, and the defaults then."""
        self.on_cluster(self.created(None), 'default')

    def test_12_a_volume_whose_ip_acl_is_not_told(self):
        """Defect 12: as of volumes that were made without one."""
        self.lightos.set_settings(show_default_ip_acl=False)
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.put()
        self.connect(volume, base.connector())
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'],
                         self.on_cluster(volume)['acl']['values'])

    def test_13_a_page_of_a_proxy_while_detaching(self):
        """Defect 13: a body of text is a bad moment like others."""
        volume = self.created()
        self.connect(volume, base.connector())
        self.fault(kind='html', method='GET', path='/volumes', skip=1,
                   times=1)
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def test_15_a_controller_without_a_host_nqn(self):
        """Defect 15: it starts, or says what is lacking."""
        with mock.patch('os_brick.utils.get_host_nqn', lambda *args: None):
            with contextlib.suppress(exception.CinderException):
                self.make_driver()

    def test_16_no_address(self):
        """Defect 16: the option is named that is not set."""
        for addresses in (None, []):
            with self.failing() as caught:
                self.make_driver(lightos_api_address=addresses)
            self.assertIn('lightos_api_address', str(caught.exception))

    def test_17_a_node_without_an_endpoint(self):
        """Defect 17: as one that is not in service."""
        self.lightos.set_settings(inactive_node_endpoint=False)
        self.lightos.node(1, 'down')
        self.driver = self.make_driver()
        self.connect(self.created(base.BRONZE), base.connector())

    # Access lists

    def test_18_a_volume_that_was_open_to_everybody(self):
        """Defect 18: from now on it is open to the host that attaches."""
        volume = self.put(acl={'values': ['ALLOW_ANY']})
        self.connect(volume, base.connector())
        self.assertEqual([nqn(1)], self.acls(volume)[0])

    def test_19_the_addresses_of_an_administrator(self):
        """Defect 19: without IP ACLs his list is left as it was."""
        self.driver = self.make_driver(lightos_use_ipacl=False)
        volume = self.put(IPAcl={'values': ['192.0.2.77']})
        self.connect(volume, base.connector())
        self.assertIn('192.0.2.77', self.acls(volume)[1])
        self.assertNotIn('ALLOW_ANY', self.acls(volume)[1])

    def test_20_what_is_there_is_not_written_again(self):
        """Defect 20: an update makes the volume busy for others."""
        volume = self.created()
        self.connect(volume, base.connector())
        self.lightos.clear_records()
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual([], self.calls('PUT'))

    def test_21_a_host_is_in_both_lists_when_it_is_told(self):
        """Defect 21: with one of them alone it cannot connect."""
        volume = self.put(acl={'values': [nqn(1)]},
                          IPAcl={'values': ['192.0.2.77']})
        # The change is accepted, and comes to nothing.
        self.fault(status=200, body='{}', method='PUT', times=1)
        try:
            self.connect(volume, base.connector())
        except exception.CinderException:
            # That is as good.
            return
        self.assertIn('192.0.2.1', self.acls(volume)[1])

    def test_22_addresses_nobody_asks_for(self):
        """Defect 22: a host by its NQN alone, if that is configured."""
        self.driver = self.make_driver(lightos_use_ipacl=False)
        self.connect(self.created(), base.connector(host_ips=[]))

    # Requests

    def test_23_a_node_in_trouble_is_left(self):
        """Defect 23: the others answer."""
        volume = self.created()
        self.fault(endpoints=[self.lightos.requests()[-1]['endpoint']])
        self.driver.extend_volume(volume, 2)
        self.assertEqual(str(2 * base.GIB), self.on_cluster(volume)['size'])

    def test_24_one_address_that_does_not_answer(self):
        """Defect 24: it is not asked without a pause."""
        self.driver = self.make_driver(
            lightos_api_address=self.lightos.addresses[:1])
        volume = self.created()
        self.lightos.clear_records()
        self.fault(kind='reset')
        with self.failing():
            self.driver.extend_volume(volume, 2)
        self.assertLess(len(self.calls()), PATIENT)

    def test_25_a_moment_in_which_nobody_answers(self):
        """Defect 25: the time for an operation is not over by then."""
        self.fault(kind='reset', times=4)
        self.stays(self.created())

    def test_26_a_reply_that_is_lost(self):
        """Defect 26: created, and not known to be."""
        self.fault(kind='reset', method='POST', when='after', times=1)
        self.stays(self.created())
        self.assertEqual(1, len(self.names()))

    def test_28_connections_are_kept(self):
        """Defect 28: not one handshake for each request."""
        before = self.lightos.connections()['all']
        for _ in range(5):
            self.driver.delete_volume(self.created())
        self.assertLessEqual(self.lightos.connections()['all'] - before, 3)

    def test_29_what_is_refused_for_good(self):
        """Defect 29: it is not asked for again and again."""
        volume = self.created()
        self.fault(status=403, method='PUT')
        with contextlib.suppress(exception.CinderException):
            self.driver.extend_volume(volume, 2)
        self.assertLessEqual(len(self.calls('PUT')), 3)

    def test_30_no_loop_without_a_pause(self):
        """Defect 30: while a volume cannot be looked at."""
        volume = self.created()
        self.connect(volume, base.connector())
        self.lightos.clear_records()
        self.fault(method='GET', path='/volumes')
        with contextlib.suppress(exception.CinderException):
            self.driver.terminate_connection(volume, base.connector(),
                                             force=False)
        self.assertLess(len(self.calls()), PATIENT)

    def test_31_a_token_that_is_not_accepted_any_more(self):
        """Defect 31: it is told, and not that there is no volume."""
        volume = self.created()
        self.fault(status=401, message='unauthenticated')
        with self.failing() as caught:
            self.driver.extend_volume(volume, 2)
        self.assertNotIsInstance(caught.exception, exception.NotFound)
        self.assertIn('token', str(caught.exception))

    def test_32_a_project_that_is_none(self):
        """Defect 32: no text leads to another path."""
        volume = self.created()
        uuid_ = volume.provider_id.split()[1]
        for project in ('a/../' + base.PROJECT, base.PROJECT + '?x=',
                        '%2e%2e/' + base.PROJECT, base.PROJECT + '#'):
            volume.provider_id = '%s %s' % (project, uuid_)
            self.lightos.clear_records()
            with contextlib.suppress(exception.CinderException):
                self.driver.extend_volume(volume, 2)
            self.assertEqual([], [
                call for call in self.calls()
                if '/projects/' + base.PROJECT in call])

    def test_33_nothing_goes_to_who_is_not_trusted(self):
        """Defect 33: a token is for the cluster, wherever it points."""
        volume = self.created()
        came = []

        def note(connection, received):
            came.append(connection.recv(65536))

        with loopback.serving(note) as (port, _received):
            self.fault(kind='redirect', status=307, method='GET',
                       location='https://127.0.0.1:%d/' % port)
            with contextlib.suppress(exception.CinderException):
                self.driver.extend_volume(volume, 2)
        self.assertEqual([], came)

    # Create, clone, snapshot

    def test_34_a_namesake_that_is_something_else(self):
        """Defect 34: it is not taken for the volume that was asked for."""
        volume = self.put(size=str(7 * base.GIB))
        volume.provider_id = None
        with self.failing():
            self.driver.create_volume(volume)

    def test_35_a_snapshot_of_that_name_of_another_volume(self):
        """Defect 35: its content is not that of the one asked for."""
        other, volume = self.created(), self.created()
        snapshot = self.snapshot(volume)
        self.ask('POST', 'projects/%s/snapshots' % base.PROJECT, {
            'name': snapshot.name,
            'sourceVolumeUUID': other.provider_id.split()[1]})
        with self.failing():
            self.driver.create_snapshot(snapshot)

    def test_36_nothing_is_left_of_a_clone(self):
        """Defect 36: the snapshot in between goes, now or by itself."""
        volume, clone = self.created(), self.volume()
        self.fault(method='DELETE', path='/snapshots', times=2)
        self.driver.create_cloned_volume(clone, volume)
        self.stays(clone)
        self.assertEqual([], [one for one in self.lightos.snapshots()
                              if one['state'] != 'Deleting'
                              and not one.get('retentionTime')])

    def test_37_a_source_in_another_project(self):
        """Defect 37: the request is at fault, and not the storage."""
        self.lightos.create_project('elsewhere')
        snapshot = self.snapped(self.created())
        copy = self.volume(dict(base.GOLD, **{
            'lightos:project_name': 'elsewhere'}))
        with self.failing(exception.Invalid):
            self.driver.create_volume_from_snapshot(copy, snapshot)

    def test_38_the_reply_to_a_deletion_is_lost(self):
        """Defect 38: a second request is refused, for it is under way."""
        volume = self.created()
        self.lightos.set_settings(delete_settle=0.5)
        self.fault(kind='reset', method='DELETE', when='after', times=1)
        self.driver.delete_volume(volume)
        self.assertLessEqual(len(self.calls('DELETE')), 2)

    def test_39_a_volume_is_rolled_back_by_the_cluster(self):
        """Defect 39: and not by copying it through the controller."""
        volume = self.created()
        snapshot = self.snapped(volume)
        self.driver.revert_to_snapshot(self.context, volume, snapshot)

    # What is reported, what is configured

    def test_40_capacity(self):
        """Defect 40: by it the scheduler chooses."""
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertIsInstance(stats.get('free_capacity_gb'), (int, float))
        self.assertIsInstance(stats.get('total_capacity_gb'), (int, float))

    def test_41_a_node_that_is_replaced(self):
        """Defect 41: hosts are told of the one that is there now."""
        volume = self.created()
        new = self.lightos.replace_node(0)
        self.driver.get_volume_stats(refresh=True)
        told = self.driver.initialize_connection(volume, base.connector())
        self.assertIn(new, [node['target_portal'] for node in
                            told['data']['lightos_nodes'].values()])

    def test_42_a_token_that_may_not_read_the_nodes(self):
        """Defect 42: the cluster tells tenants what is needed."""
        self.lightos.set_settings(tenant_reads_nodes=False)
        self.driver = self.make_driver(
            lightos_jwt=self.lightos.token(base.PROJECT))
        self.connect(self.created(), base.connector())

    def test_43_a_number_of_replicas_that_cannot_be(self):
        """Defect 43: the type is at fault, and no request is made."""
        for number in ('0', '7', 'many'):
            self.lightos.clear_records()
            with self.failing(exception.Invalid):
                self.driver.create_volume(self.volume(dict(
                    base.GOLD, **{'lightos:num_replicas': number})))
            self.assertEqual([], self.calls('POST'))

    def test_44_what_the_help_says_of_the_port(self):
        """Defect 44: it is HTTPS on any."""
        [help_] = [opt.help for opt in self.driver.get_driver_options()
                   if opt.name == 'lightos_api_port']
        self.assertIsNone(re.search(r'\bHTTP\b(?!S)', help_))

    def test_45_a_change_of_policy_at_a_busy_moment(self):
        """Defect 45: refused for now is not refused."""
        volume = self.created()
        policy = self.policy('fast')
        new = self.volume(dict(base.GOLD, **{'lightos:qos_policy': policy}))
        self.fault(method='PUT', times=1)
        self.assertTrue(self.driver.retype(
            self.context, volume, new.volume_type, {
                'extra_specs': {'lightos:qos_policy': (None, policy)},
                'qos_specs': {}, 'encryption': {}}, {}))
        self.assertEqual(policy, self.on_cluster(volume)['qosPolicyUUID'])

    def test_47_a_policy_by_its_name(self):
        """Defect 47: a wrong one is named, a right one is what is had."""
        policy = self.policy('fast')
        volume = self.created(dict(base.GOLD, **{
            'lightos:qos_policy': 'fast'}))
        self.assertEqual(policy, self.on_cluster(volume)['qosPolicyUUID'])
        with self.failing() as caught:
            self.created(dict(base.GOLD, **{'lightos:qos_policy': 'none'}))
        self.assertIn('lightos:qos_policy', str(caught.exception))
