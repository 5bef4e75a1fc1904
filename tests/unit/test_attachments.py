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

import math
import os
import socket
import tempfile
from unittest import mock

from cinder import coordination
from cinder import exception
import ddt
from oslo_config import cfg

from lightos_cinder import acl
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder import errors
from lightos_cinder import records
from tests.unit import cinder_objects
from tests.unit import driver_case
from tests.unit import fake_clock
from tests.unit import fake_cluster

UUID = driver_case.UUID

connector = cinder_objects.connector

HERE = connector('nqn-a', '10.0.0.1', '172.17.0.1', mountpoint='/dev/vdb')
HERE_TOO = connector('nqn-a', '10.0.0.1', '172.17.0.1',
                     mountpoint='/dev/vdc')
THERE = connector('nqn-b', '10.0.0.2', '172.17.0.1')
#: As Cinder makes it for itself, on the same host as the first two.
OWN = connector('nqn-a', '10.0.0.1', '172.17.0.1',
                host=socket.gethostname())

A = acl.Host('nqn-a', frozenset({'10.0.0.1', '172.17.0.1'}))
B = acl.Host('nqn-b', frozenset({'10.0.0.2', '172.17.0.1'}))

TOO_FEW = ({}, {'host': 'compute'}, connector(''), connector(None))


@ddt.ddt
class InitializeTest(driver_case.ReadyDriverTestCase):

    def setUp(self):
        super().setUp()
        self.backend.grant.return_value = self.made(), False

    def initialize(self, by=HERE, **volume):
        return self.driver.initialize_connection(
            cinder_objects.volume(**volume), by)

    def test_tells_the_host_how_to_connect(self):
        self.assertEqual(
            {'driver_volume_type': 'lightos',
             'data': {'uuid': UUID, 'subsysnqn': 'nqn-of-the-cluster',
                      'lightos_nodes': {'10.0.0.1': {
                          'target_portal': '10.0.0.1', 'target_port': 8009,
                          'transport_type': 'tcp'}}}},
            self.initialize())

    def test_lets_the_host_in_beside_those_that_are(self):
        self.initialize(attached=[THERE, None, {}, {'host': 'no nqn'}],
                        provider_id='tenant ' + UUID)
        self.backend.grant.assert_called_once_with(
            self.ref('tenant', UUID), A, [B])

    def test_who_came_as_it_waited_for_its_turn_keeps_its_addresses(self):
        by_now = cinder_objects.volume(attached=[THERE, None],
                                       multiattach=True)
        self.patch(records, 'now', lambda volume_id: by_now)
        self.initialize(attached=[None], multiattach=True)
        self.backend.grant.assert_called_once_with(self.ref(), A, [B])

    def test_the_uuid_is_that_of_the_cluster_and_not_of_the_database(self):
        """Volumes without UUID in their provider_id can be attached."""
        self.assertEqual(UUID, self.initialize(
            provider_id='tenant')['data']['uuid'])

    @ddt.data(*TOO_FEW, None, connector('nqn-a', found_dsc=''),
              connector('nqn-a', 'fe80::1'))
    def test_a_host_that_cannot_attach_is_refused(self, by):
        """Defect 15: an error that says what is missing."""
        for call in (self.driver.validate_connector, self.initialize):
            self.assert_raises(exception.InvalidConnectorException, call, by)
        self.backend.grant.assert_not_called()

    def test_a_host_that_can_attach_is_not_refused(self):
        self.driver.validate_connector(HERE)

    def test_too_many_addresses_say_what_to_configure(self):
        """Defect 7: an error instead of a lost address."""
        self.backend.grant.side_effect = acl.TooManyAddresses(19)
        message = self.assert_raises(exception.VolumeBackendAPIException,
                                     self.initialize)
        for text in ('19', '16', 'lightos_ipacl_networks',
                     cinder_objects.VOLUME_ID):
            self.assertIn(text, message)

    @ddt.data((errors.Missing('volume', None), exception.VolumeNotFound),
              (fake_cluster.busy(), exception.VolumeBackendAPIException),
              (errors.NotSettled('it is Updating'),
               exception.VolumeBackendAPIException))
    @ddt.unpack
    def test_that_fails_is_an_error(self, error, kind):
        if isinstance(error, errors.Missing):
            error = errors.Missing('volume', self.ref())
        self.backend.grant.side_effect = error
        self.assert_raises(kind, self.initialize)
        self.assertEqual([], self.held)

    @ddt.data(errors.Different('volume in LightOS project tenant'),
              client_errors.Unreachable({'10.0.0.1:443': 'refused'}))
    def test_what_the_storage_says_is_for_the_log_alone(self, error):
        """Cinder's answer with the error goes to tenants, too."""
        self.backend.grant.side_effect = error
        with self.assertLogs('lightos_cinder', 'ERROR') as logs:
            message = self.assert_raises(
                exception.VolumeBackendAPIException, self.initialize)
        self.assertIn(cinder_objects.VOLUME_ID, message)
        self.assertNotIn(str(error), message)
        self.assertNotIn('lightos_', message)
        self.assertIn(str(error), logs.output[0])


class NetworksTest(driver_case.ReadyDriverTestCase):

    options = {'lightos_ipacl_networks': ['10.0.0.0/24']}

    def test_only_addresses_of_the_storage_network_are_let_in(self):
        """Defect 6: bridges that all hosts have alike are left out."""
        self.backend.grant.return_value = self.made(), False
        self.driver.initialize_connection(
            cinder_objects.volume(attached=[THERE]), HERE)
        self.backend.grant.assert_called_once_with(
            self.ref(), acl.Host('nqn-a', frozenset({'10.0.0.1'})),
            [acl.Host('nqn-b', frozenset({'10.0.0.2'}))])

    def test_all_addresses_matter_of_those_that_leave_and_that_stay(self):
        """Others may have been let in before the option was set.

        Defect 6: no remaining host loses an address.
        """
        self.driver.terminate_connection(
            cinder_objects.volume(attached=[THERE]), HERE, force=False)
        self.backend.revoke.assert_called_once_with(self.ref(), A, [B])

    def test_addresses_that_would_not_be_let_in_leave_too(self):
        """The driver inside Cinder let hosts in by all they have."""
        self.driver.terminate_connection(
            cinder_objects.volume(attached=[connector('nqn-b', 'fe80::b')]),
            connector('nqn-a', 'fe80::a%eth0', '169.254.0.1'), force=False)
        self.backend.revoke.assert_called_once_with(
            self.ref(),
            acl.Host('nqn-a', frozenset({'fe80::a', '169.254.0.1'})),
            [acl.Host('nqn-b', frozenset({'fe80::b'}))])

    def test_a_host_elsewhere_is_refused(self):
        self.assertIn('lightos_ipacl_networks', self.assert_raises(
            exception.InvalidConnectorException,
            self.driver.validate_connector, connector('nqn-a', '10.1.0.1')))


class WithoutIpAclTest(driver_case.ReadyDriverTestCase):

    options = {'lightos_use_ipacl': False}

    def test_a_host_needs_no_address(self):
        """Defect 22: host_ips do not matter with the IP ACL off."""
        self.backend.grant.return_value = self.made(), False
        self.driver.validate_connector(connector('nqn-a'))
        self.driver.initialize_connection(cinder_objects.volume(),
                                          connector('nqn-a'))
        self.assertIs(False, self.made_with[0][2])


@ddt.ddt
class TerminateTest(driver_case.ReadyDriverTestCase):

    def terminate(self, by=HERE, force=False, **volume):
        return self.driver.terminate_connection(
            cinder_objects.volume(**volume), by, force=force)

    @ddt.data({}, [], 'nqn-a', 3, {'nqn': None}, {'nqn': ['nqn-a']},
              {'nqn': {}}, {'nqn': 3}, {'nqn': ''})
    def test_a_connector_that_names_no_host_ends_nothing(self, by):
        self.assertIn('nqn', self.assert_raises(
            exception.InvalidConnectorException, self.terminate, by,
            attached=[HERE]))
        self.backend.revoke.assert_not_called()
        self.backend.revoke_all.assert_not_called()

    @ddt.data({}, {'nqn': ['nqn-b']}, {'nqn': 3})
    def test_a_record_that_names_no_host_counts_for_nobody(self, record):
        self.assertIs(False, self.terminate(attached=[HERE, record]))
        self.backend.revoke.assert_called_once_with(self.ref(), A, [A])

    @ddt.data(True, False)
    def test_the_last_attachment_of_a_host_ends_its_access(self, force):
        self.assertIs(False, self.terminate(
            attached=[HERE, THERE], force=force,
            provider_id='tenant ' + UUID))
        self.backend.revoke.assert_called_once_with(
            self.ref('tenant', UUID), A, [A, B])

    @ddt.data(True, False)
    def test_an_earlier_one_changes_nothing_and_says_so(self, force):
        """Defect 5: another instance on the host keeps its disk."""
        self.assertIs(True, self.terminate(attached=[HERE, HERE_TOO],
                                           force=force))
        self.backend.revoke.assert_not_called()
        self.backend.revoke_all.assert_not_called()

    def test_cinders_own_attachment_beside_an_instance(self):
        """Defect 5: a backup does not cost an instance its disk."""
        self.assertIs(True, self.terminate(OWN, attached=[HERE]))
        self.backend.revoke.assert_not_called()

    def test_cinders_own_attachment_has_no_record(self):
        self.assertIs(False, self.terminate(OWN))
        self.backend.revoke.assert_called_once_with(self.ref(), A, [])

    def test_an_attachment_without_a_host_is_nobody(self):
        self.assertIs(False, self.terminate(attached=[HERE, None, {}]))
        self.backend.revoke.assert_called_once_with(self.ref(), A, [A])

    @ddt.data(True, False)
    def test_no_connector_means_everybody(self, force):
        self.assertIs(False, self.terminate(
            None, attached=[HERE, HERE_TOO, THERE], force=force))
        self.backend.revoke_all.assert_called_once_with(self.ref())
        self.backend.revoke.assert_not_called()

    @ddt.data(*TOO_FEW)
    def test_a_connector_without_nqn_does_not_mean_everybody(self, by):
        """Defect 4: other hosts keep their access, forced or not."""
        for force in (True, False):
            self.assertIn('nqn', self.assert_raises(
                exception.InvalidConnectorException, self.terminate, by,
                force=force))
        self.backend.revoke_all.assert_not_called()
        self.backend.revoke.assert_not_called()

    @ddt.data(HERE, None)
    def test_of_a_volume_that_is_gone_is_done(self, by):
        self.backend.revoke.side_effect = errors.Missing('volume', self.ref())
        self.backend.revoke_all.side_effect = self.backend.revoke.side_effect
        with self.assertLogs('lightos_cinder', 'WARNING'):
            self.assertIs(False, self.terminate(by))

    @ddt.data(
        fake_cluster.busy(), fake_cluster.lost(),
        fake_cluster.answered(client_errors.Forbidden, 403),
        errors.NotSettled('it is Updating'), errors.Different('renamed'),
    )
    def test_that_fails_is_an_error(self, error):
        """Defect 8: a host does not keep its access in silence."""
        self.backend.revoke.side_effect = error
        self.backend.revoke_all.side_effect = error
        for by in (HERE, None):
            for force in (True, False):
                self.assert_raises(exception.VolumeBackendAPIException,
                                   self.terminate, by, force=force)
        self.assertEqual([], self.held)

    def test_a_host_whose_address_is_not_told_can_leave(self):
        self.terminate({'nqn': 'nqn-a'})
        self.backend.revoke.assert_called_once_with(
            self.ref(), acl.Host('nqn-a'), [])


class ExportTest(driver_case.ReadyDriverTestCase):

    def test_exports_change_nothing(self):
        volume = cinder_objects.volume()
        for call in (lambda: self.driver.create_export(None, volume, HERE),
                     lambda: self.driver.ensure_export(None, volume),
                     lambda: self.driver.remove_export(None, volume)):
            self.assertIsNone(call())
        self.assertEqual([mock.call.cluster_info(timeout=60)],
                         self.backend.method_calls)


class LockTest(driver_case.ReadyDriverTestCase):

    def test_one_volume_is_opened_or_closed_by_one_at_a_time(self):
        held = []

        def change(*args):
            held.append(list(self.held))
            return self.made(), False

        for name in ('grant', 'revoke', 'revoke_all'):
            getattr(self.backend, name).side_effect = change
        volume = cinder_objects.volume()
        self.driver.initialize_connection(volume, HERE)
        self.driver.terminate_connection(volume, HERE)
        self.driver.terminate_connection(volume, None)
        self.assertEqual([held[0]] * 3, held)
        self.assertEqual(1, len(held[0]))
        self.assertIn(volume.id, held[0][0])
        self.assertEqual([], self.held)


class LockFilesTest(driver_case.ReadyDriverTestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        cfg.CONF.set_override('backend_url', 'file://' + self.folder,
                              group='coordination')
        self.addCleanup(cfg.CONF.clear_override, 'backend_url',
                        group='coordination')
        coordinator = coordination.Coordinator(prefix='test-')
        coordinator.start()
        self.addCleanup(coordinator.stop)
        self.patch(coordination.COORDINATOR, 'get_lock',
                   coordinator.get_lock)
        self.patch(coordination.COORDINATOR, '_file_path',
                   os.path.join(self.folder, 'test-'))

    def test_nothing_is_left_of_a_volume_that_was_deleted(self):
        self.backend.grant.return_value = self.made(), False
        volume = cinder_objects.volume()
        self.backend.create_snapshot.return_value = self.made(
            models.Snapshot)
        self.driver.initialize_connection(volume, HERE)
        self.driver.create_snapshot(cinder_objects.snapshot(volume))
        self.assertEqual(2, len(self.files(volume)))
        self.driver.clean_volume_file_locks(volume.id)
        self.assertEqual([], self.files(volume))

    def files(self, volume):
        return [name for name in os.listdir(self.folder)
                if volume.id in name]


@ddt.ddt
class ComingTest(driver_case.ReadyDriverTestCase):
    """A host that may have another attachment beside the one that ends."""

    def setUp(self):
        super().setUp()
        #: Attachments as Cinder read them for the driver, and those on
        #: record as the host asks to leave, and when it may.
        self.attached = [HERE]
        self.on_record = [[HERE, THERE]] * 2
        self.patch(records, 'now', self.now)
        #: Seconds since it came for another one.
        self.came_again = math.inf
        self.patch(records, 'came_again', lambda volume, nqn:
                   self.came_again if nqn == HERE['nqn'] else 0)

    def now(self, volume_id):
        attached = self.on_record.pop(0)
        if attached is None:
            raise exception.VolumeNotFound(volume_id=volume_id)
        return cinder_objects.volume(attached=attached, multiattach=True)

    def terminate(self, multiattach=True):
        return self.driver.terminate_connection(cinder_objects.volume(
            attached=self.attached, multiattach=multiattach), HERE)

    def assert_stays(self):
        with self.assertLogs('lightos_cinder', 'INFO') as logs:
            self.assertIs(True, self.terminate())
        self.assertIn(cinder_objects.VOLUME_ID, logs.output[0])
        self.assertIn('nqn-a', logs.output[0])
        self.backend.revoke.assert_not_called()
        self.assertEqual({(cinder_objects.VOLUME_ID, 'nqn-a')},
                         self.unconfirmed)

    def assert_leaves(self, *others, multiattach=True):
        self.assertIs(False, self.terminate(multiattach))
        self.backend.revoke.assert_called_once_with(self.ref(), A,
                                                    list(others))
        self.assertEqual(set(), self.unconfirmed)

    def test_that_has_one_only_leaves(self):
        self.assert_leaves(A, B)

    @ddt.data(0, 29.9, -3600)
    def test_that_came_for_another_stays(self, seconds):
        """Cinder may not have recorded it. Clocks of services differ."""
        self.came_again = seconds
        self.on_record[1] = [HERE, THERE, None]
        self.assert_stays()

    def test_that_came_for_another_that_is_not_any_more_leaves(self):
        self.came_again = 0
        self.assert_leaves(A, B)

    def test_that_came_for_another_long_ago_leaves(self):
        self.came_again = 30
        self.on_record[1] = [HERE, THERE, None]
        self.assert_leaves(A, B)

    def test_that_has_one_only_leaves_whoever_is_to_come(self):
        self.on_record[1] = [HERE, THERE, None]
        self.assert_leaves(A, B)

    def test_that_has_another_by_now_stays(self):
        self.on_record[1] = [HERE, HERE_TOO]
        self.assert_stays()

    def test_that_was_asked_twice_stays(self):
        """The first time its attachment went, as it waited for its turn."""
        self.on_record = [[THERE, HERE, HERE_TOO], [THERE, HERE]]
        self.assert_stays()

    def test_other_hosts_that_go_meanwhile_do_not_matter(self):
        self.on_record = [[HERE, THERE, None], [HERE]]
        self.assert_leaves(A)

    @ddt.data([None, None], [[HERE, THERE], None])
    def test_of_a_volume_without_record_leaves(self, on_record):
        self.on_record = on_record
        self.attached = [HERE, None]
        self.patch(records, 'came_again', mock.Mock(
            side_effect=exception.VolumeNotFound(volume_id=UUID)))
        self.assert_leaves(A)

    def test_where_no_host_can_have_two_nothing_is_read(self):
        self.came_again = 0
        self.on_record = []
        self.assert_leaves(A, multiattach=False)


class ReviewTestCase(driver_case.ReadyDriverTestCase):
    """Hosts that may have access without any attachment."""

    def setUp(self):
        super().setUp()
        self.host = cinder_objects.connector('nqn-a', '10.0.0.1')
        self.other = cinder_objects.connector('nqn-b', '10.0.0.2')
        self.clock = fake_clock.FakeClock()
        self.driver._clock = self.clock
        self.backend.cluster.return_value = None
        self.patch(records, 'now', self.now)
        self.on_record = []
        self.status = 'available'
        self.migration_status = None
        #: Of attachments that have no host on record.
        self.reserved = 'reserved'

    def now(self, volume_id):
        if self.on_record is None:
            raise exception.VolumeNotFound(volume_id=volume_id)
        volume = cinder_objects.volume(attached=self.on_record,
                                       provider_id='default ' + UUID)
        for attachment in volume.volume_attachment:
            attachment.attach_status = (
                'attached' if attachment.connector else self.reserved)
        volume.status = self.status
        volume.migration_status = self.migration_status
        return volume

    def review(self, seconds=60):
        self.clock.sleep(seconds)
        self.driver.get_volume_stats(refresh=True)


@ddt.ddt
class KilledTest(ReviewTestCase):
    """Cinder that ends before it has recorded whom the driver let in."""

    def setUp(self):
        super().setUp()
        self.awaits_host = True
        # One that has no host yet, of which Cinder may forget.
        self.volume = cinder_objects.volume(attached=[None],
                                            provider_id='default ' + UUID)
        self.backend.grant.return_value = models.Volume.from_json(
            {'UUID': UUID}), False

    def let_in(self):
        self.driver.initialize_connection(self.volume, self.host)

    def restart(self, *volumes):
        self.driver._unconfirmed.clear()
        self.driver.update_provider_info(volumes or [self.volume], [])

    def test_it_is_shown_out_after_the_next_start(self):
        self.let_in()
        self.restart()
        self.on_record = [self.other]
        self.review()
        ref, host, others, timeout = self.backend.revoke.call_args.args
        self.assertEqual((self.ref(uuid=UUID), 'nqn-a', ['nqn-b'], 60),
                         (ref, host.nqn, [one.nqn for one in others],
                          timeout))
        self.assertEqual(set(), self.unconfirmed)

    def test_it_is_on_record_before_it_is_let_in(self):
        def grant(*args):
            self.assertEqual({(self.volume.id, 'nqn-a')}, self.unconfirmed)
            raise fake_cluster.lost()

        self.backend.grant.side_effect = grant
        with self.assertLogs('lightos_cinder', 'ERROR'):
            self.assertRaises(exception.VolumeBackendAPIException,
                              self.let_in)
        # It may have been let in all the same.
        self.review()
        self.backend.revoke.assert_called_once()

    def test_whom_cinder_has_on_record_stays(self):
        self.let_in()
        self.on_record = [self.host]
        self.review()
        self.backend.revoke.assert_not_called()
        self.assertEqual(set(), self.unconfirmed)

    def test_who_is_on_its_way_stays(self):
        self.let_in()
        self.restart()
        self.on_record = [None]
        self.review()
        self.backend.revoke.assert_not_called()
        self.assertEqual({(self.volume.id, 'nqn-a')}, self.unconfirmed)

    def test_who_is_not_on_its_way_any_more_is_shown_out(self):
        """Somebody keeps an attachment for a host to come, or forgot it."""
        self.let_in()
        self.status = 'reserved'
        self.on_record = [None, self.other]
        for _minute in range(10):
            self.backend.revoke.assert_not_called()
            self.review(60)
        self.backend.revoke.assert_called_once()
        self.assertEqual(set(), self.unconfirmed)

    @ddt.data(('in-use', None, 'attached'),
              ('in-use', 'migrating', 'reserved'),
              ('uploading', None, 'reserved'))
    @ddt.unpack
    def test_who_may_be_another_ones_stays(self, status, migration_status,
                                           reserved):
        """Clients of old attach without telling the host."""
        self.let_in()
        self.status, self.migration_status = status, migration_status
        self.reserved = reserved
        self.on_record = [None]
        for _minute in range(20):
            self.review(60)
        self.backend.revoke.assert_not_called()

    def test_who_has_left_already_is_looked_at_no_more(self):
        self.let_in()
        self.driver.terminate_connection(
            cinder_objects.volume(attached=[self.host]), self.host)
        self.assertEqual(set(), self.unconfirmed)
        self.review()
        self.assertEqual(1, self.backend.revoke.call_count)

    def test_whom_another_process_has_looked_at(self):
        self.let_in()
        self.unconfirmed.clear()
        self.review()
        self.backend.revoke.assert_not_called()
        self.assertEqual({}, self.driver._unconfirmed)

    def test_another_is_looked_at_whose_attachment_it_may_get(self):
        self.volume = cinder_objects.volume(attached=[self.other],
                                            provider_id='default ' + UUID)
        self.awaits_host = False
        self.let_in()
        self.assertEqual({(self.volume.id, 'nqn-b')}, self.unconfirmed)

    def test_one_that_came_once_more_meanwhile_has_its_time_again(self):
        self.let_in()
        anew = {'nqn-a': 'another'}
        self.patch(records, 'unconfirmed', lambda volume: anew)
        self.review()
        self.backend.revoke.assert_not_called()
        self.review()
        self.backend.revoke.assert_called_once()

    @ddt.data((True, True, True, ['mark', 'again']),
              # Cinder itself, and clients of old.
              (True, False, True, []),
              (True, True, False, ['mark']),
              (False, True, True, ['mark']))
    @ddt.unpack
    def test_a_second_coming_is_marked(self, multiattach, awaited, was_inside,
                                       marks):
        """As that of the moment from which Cinder records it."""
        self.awaits_host = awaited
        told = []

        def mark(*args):
            marks = self.mark(*args)
            told.extend(marks.values())
            return marks

        self.patch(records, 'mark_unconfirmed', mark)
        self.backend.grant.side_effect = lambda *args: (
            self.assertEqual(['mark'] * awaited, told) or self.made(),
            was_inside)
        self.volume = cinder_objects.volume(attached=[None],
                                            multiattach=multiattach)
        self.patch(records, 'now', lambda volume_id: self.volume)
        self.let_in()
        self.assertEqual(marks, told)

    def test_without_an_attachment_nobody_is_looked_at(self):
        """Cinder itself, and clients of old, let hosts in like that."""
        self.awaits_host = False
        self.let_in()
        self.assertEqual(set(), self.unconfirmed)
        self.review()
        self.backend.revoke.assert_not_called()


@ddt.ddt
class StayedTest(ReviewTestCase):
    """The last two attachments of a host that end at once."""

    def end_both(self):
        volume = cinder_objects.volume(attached=[self.host, self.host])
        for _ in range(2):
            self.assertTrue(self.driver.terminate_connection(
                volume, self.host, force=False))
        self.backend.revoke.assert_not_called()

    def test_it_is_shown_out_in_the_end(self):
        self.end_both()
        self.on_record = [self.other]
        self.review()
        ref, host, others, timeout = self.backend.revoke.call_args.args
        self.assertEqual((self.ref(uuid=UUID), 'nqn-a', ['nqn-b'], 60),
                         (ref, host.nqn, [one.nqn for one in others],
                          timeout))
        self.review()
        self.assertEqual(1, self.backend.revoke.call_count)

    def test_not_before_cinder_has_settled(self):
        self.end_both()
        self.review(5)
        self.backend.revoke.assert_not_called()

    def test_not_if_it_is_attached(self):
        self.end_both()
        self.on_record = [self.host]
        self.review()
        self.on_record = []
        self.review()
        self.backend.revoke.assert_not_called()

    @ddt.data({'on_record': [None]}, {'status': 'uploading'},
              {'migration_status': 'migrating'},
              {'migration_status': 'target:' + UUID})
    def test_not_while_somebody_may_be_coming(self, state):
        self.end_both()
        for name, value in state.items():
            setattr(self, name, value)
        self.review()
        self.backend.revoke.assert_not_called()
        self.on_record, self.status = [], 'available'
        self.migration_status = 'success'
        self.review()
        self.backend.revoke.assert_called_once()

    def test_a_volume_that_is_gone_needs_nothing(self):
        self.end_both()
        self.on_record = None
        self.review()
        self.backend.revoke.assert_not_called()

    def test_one_that_is_gone_from_the_cluster_needs_nothing_either(self):
        self.end_both()
        self.backend.revoke.side_effect = errors.Missing('volume',
                                                         self.ref())
        self.review()
        self.review()
        self.assertEqual(1, self.backend.revoke.call_count)

    def test_a_cluster_that_does_not_answer_is_not_waited_for(self):
        self.end_both()
        self.backend.cluster_info.side_effect = fake_cluster.lost()
        with self.assertLogs('lightos_cinder', 'ERROR'):
            self.review()
        self.backend.revoke.assert_not_called()

    @ddt.data(fake_cluster.lost(), OSError('the database'))
    def test_a_failure_is_told_and_tried_again(self, failure):
        self.end_both()
        self.backend.revoke.side_effect = [failure, None]
        with self.assertLogs('lightos_cinder', 'ERROR') as logs:
            self.review()
        for text in (cinder_objects.VOLUME_ID, 'nqn-a'):
            self.assertIn(text, logs.output[0])
        self.review()
        self.assertEqual(2, self.backend.revoke.call_count)

    def test_the_statistics_do_not_wait_for_whoever_comes_or_goes(self):
        self.end_both()
        self.held.append('lightos-access-' + cinder_objects.VOLUME_ID)
        self.review()
        self.backend.revoke.assert_not_called()
        self.held.clear()
        self.review()
        self.backend.revoke.assert_called_once()

    def test_the_statistics_do_not_wait_for_one_after_the_other(self):
        self.end_both()
        self.unconfirmed.add((cinder_objects.VOLUME_ID, 'nqn-c'))
        self.driver.update_provider_info([cinder_objects.volume(
            provider_id='default ' + UUID)], [])
        told = []

        def revoke(ref, host, others, timeout):
            told.append(host.nqn)
            self.clock.sleep(timeout)
            raise fake_cluster.lost()

        self.backend.revoke.side_effect = revoke
        for number in range(3):
            with self.assertLogs('lightos_cinder', 'ERROR'):
                self.review()
            self.assertEqual(number + 1, len(told))
        self.assertEqual(told[0], told[2])
        self.assertEqual({'nqn-a', 'nqn-c'}, set(told[:2]))

    def test_under_the_lock_of_its_access(self):
        self.end_both()
        held = []
        self.backend.revoke.side_effect = (
            lambda *args: held.extend(self.held))
        self.review()
        self.assertIn('lightos-access-' + cinder_objects.VOLUME_ID, held[0])
