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

"""Coming from the driver inside Cinder, and going back to it.

Both drivers are the real ones, on one emulated cluster, with the same
section of cinder.conf. Cinder's rows stay as they are in between.
"""

import importlib
import itertools
import logging
import os
from unittest import mock

from cinder import exception
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers import lightos as inside_cinder
import ddt
from oslo_config import cfg
from oslo_utils import importutils
from oslo_utils import timeutils

from lightos_cinder import options
from tests.functional import base
from tests.functional import database

# It logs each request, and each look that was one too early.
inside_cinder.LOG.logger.addHandler(logging.NullHandler())
inside_cinder.LOG.logger.propagate = False

#: The options that only our driver has.
OUR_OWN = ({opt.name for opt in options.OPTS}
           - {opt.name for opt in inside_cinder.lightos_opts})

MOVES = (('theirs', 'ours'), ('ours', 'theirs'))
FORMS = ('none', 'project', 'project and UUID')
#: Since Cinder 2026.2 theirs has provider_id too, and before it none at all.
THEY_RECORD = hasattr(inside_cinder.LightOSVolumeDriver,
                      '_parse_provider_id')
#: Who made a volume, who goes on with it, and what is on record of it.
CASES = tuple(
    (move, form) for move, form in itertools.product(MOVES, FORMS)
    if THEY_RECORD or form == 'none'
    or (move[0], form) == ('ours', 'project and UUID'))


def nqn(number):
    return base.connector(number)['nqn']


def ips(*numbers):
    return sorted(address for number in numbers
                  for address in base.connector(number)['host_ips'])


def many_addresses(*more):
    """A host with the addresses of 14 container bridges too."""
    return base.connector(host_ips=['192.0.2.1', *more] + [
        '10.%d.0.1' % bridge for bridge in range(14)])


class DropInTestCase(base.DriverTestCase):
    """Two drivers on one cluster; `self.driver` is the one at work."""

    def setUp(self):
        super().setUp()
        for patcher in (
                # The host of cinder-volume has an identity; making one
                # takes root.
                mock.patch('os_brick.utils.get_host_nqn', autospec=True,
                           return_value='nqn.controller'),
                # For each request theirs reads all the CAs of this host,
                # verifies by none of them, and takes most of its time.
                mock.patch.dict(os.environ, SSL_CERT_FILE=os.devnull)):
            patcher.start()
            self.addCleanup(patcher.stop)
        self.move()

    def move(self, **changes):
        """Both drivers start with these options; ours is at work."""
        self.drivers = {'ours': self.make_driver(**changes),
                        'theirs': self.make_their_driver(**changes)}
        self.use('ours')

    def use(self, which):
        """The operator has changed volume_driver to that one."""
        self.driver = self.drivers[which]

    def make_their_driver(self, **changes):
        made = inside_cinder.LightOSVolumeDriver(
            configuration=configuration.Configuration(
                volume_driver.volume_opts, config_group=base.GROUP),
            host='controller@' + base.GROUP)
        made.do_setup(self.context)
        made.check_for_setup_error()
        return made

    def recorded(self, made, form):
        """The row of something, with a provider_id of that form."""
        if form != 'project and UUID':
            made.provider_id = None
        if form == 'project':
            # As it comes to be: at the start of Cinder 2026.2.
            [update], _ = self.drivers['theirs'].update_provider_info(
                [made], [])
            made.provider_id = update['provider_id']
        words = (made.provider_id or '').split()
        self.assertEqual(FORMS.index(form), len(words))
        return made

    def connected(self, volume, connector):
        """Attach, and record it as the manager does."""
        before = [one.connector for one in volume.volume_attachment]
        info = self.driver.initialize_connection(volume, connector)
        self.attach(volume, *before, connector)
        return info

    def disconnected(self, volume, connector):
        """Detach, and record it as the manager does."""
        self.driver.terminate_connection(volume, connector, force=False)
        self.attach(volume, *[
            one.connector for one in volume.volume_attachment
            if one.connector['nqn'] != connector['nqn']])


@ddt.ddt
class ObjectsTestCase(DropInTestCase):
    """What one driver made, the other goes on with."""

    @ddt.data(*itertools.product(CASES, (
        None, base.PROJECT, 'another-project')))
    @ddt.unpack
    def test_all_that_is_done_to_a_volume(self, case, project):
        (maker, heir), form = case
        specs = {'lightos:num_replicas': '2'}
        if project:
            self.lightos.create_project(project)
            specs['lightos:project_name'] = project
        self.use(maker)
        volume = self.recorded(self.created(specs), form)

        self.use(heir)
        self.connected(volume, base.connector())
        self.assertEqual(([nqn(1)], ips(1)), self.acls(volume))
        self.driver.extend_volume(volume, 3)
        volume.size = 3
        snapshot = self.snapped(volume)
        restored = self.volume(specs, size=4)
        self.stamp(restored, self.driver.create_volume_from_snapshot(
            restored, snapshot))
        clone = self.volume(specs, size=3)
        self.stamp(clone, self.driver.create_cloned_volume(clone, volume))
        for one, size in ((volume, 3), (restored, 4), (clone, 3)):
            held = self.on_cluster(one, project or 'default')
            self.assertEqual(str(size * base.GIB), held['size'])
            self.assertEqual(2, held['replicaCount'])
        self.disconnected(volume, base.connector())
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))
        self.driver.delete_volume(restored)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(clone)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    @ddt.data(*itertools.product(MOVES, ('none', 'project and UUID')))
    @ddt.unpack
    def test_all_that_is_done_to_a_snapshot(self, move, form):
        maker, heir = move
        self.use(maker)
        volume = self.created()
        snapshot = self.snapped(volume)
        if maker == 'theirs':
            self.assertIsNone(snapshot.provider_id)
        if form == 'none':
            volume.provider_id = snapshot.provider_id = None

        self.use(heir)
        # The same snapshot and no second one.
        self.driver.create_snapshot(snapshot)
        restored = self.volume(size=2)
        self.stamp(restored, self.driver.create_volume_from_snapshot(
            restored, snapshot))
        held = self.on_cluster(restored)
        [source] = self.lightos.snapshots()
        self.assertEqual((source['UUID'], str(2 * base.GIB)),
                         (held['sourceSnapshotUUID'], held['size']))
        self.driver.delete_volume(restored)
        self.driver.delete_snapshot(snapshot)
        self.assertEqual([volume.name], self.names())

    @ddt.data(*MOVES)
    @ddt.unpack
    def test_a_volume_that_a_migration_left_under_another_name(self, maker,
                                                               heir):
        self.use(maker)
        volume = self.recorded(self.created(), 'none')
        migrated = self.volume()
        migrated._name_id = volume.id
        self.use(heir)
        self.driver.extend_volume(migrated, 2)
        self.assertEqual(str(2 * base.GIB), self.on_cluster(volume)['size'])
        self.driver.delete_volume(migrated)
        self.assertEqual([], self.names())

    # Without a record the type is all that theirs goes by.
    @ddt.data(*(case for case in CASES if THEY_RECORD and case[1] != 'none'))
    @ddt.unpack
    def test_a_volume_whose_type_names_another_project_by_now(self, move,
                                                              form):
        maker, heir = move
        self.use(maker)
        volume = self.recorded(self.created(), form)
        volume.volume_type.extra_specs = {
            'lightos:project_name': 'another-project'}
        self.use(heir)
        self.driver.extend_volume(volume, 2)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def test_a_volume_without_type(self):
        volume = self.created(None)
        self.use('theirs')
        self.driver.extend_volume(volume, 2)
        self.assertEqual(str(2 * base.GIB),
                         self.on_cluster(volume, 'default')['size'])
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    @ddt.data(*MOVES)
    @ddt.unpack
    def test_a_creation_that_the_other_began_is_finished(self, maker, heir):
        """cinder-volume ended before it had recorded where the volume is."""
        volume = self.volume()
        self.use(maker)
        first = self.driver.create_volume(volume)
        self.use(heir)
        second = self.driver.create_volume(volume)
        if THEY_RECORD:
            self.assertEqual(first['provider_id'], second['provider_id'])
        self.assertEqual([volume.name], self.names())

    @ddt.data(*MOVES)
    @ddt.unpack
    def test_what_one_has_deleted_is_gone_for_the_other(self, maker, heir):
        self.use(maker)
        volume = self.created()
        snapshot = self.snapped(volume)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        self.use(heir)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())


@ddt.ddt
class ConnectionsTestCase(DropInTestCase):
    """Hosts that one driver has let in, the other shows out."""

    @ddt.data(*itertools.product(CASES, (True, False)))
    @ddt.unpack
    def test_attached_by_one_and_detached_by_the_other(self, case,
                                                       use_ipacl):
        (maker, heir), form = case
        self.move(lightos_use_ipacl=use_ipacl)
        self.use(maker)
        volume = self.recorded(self.created(), form)
        self.connected(volume, base.connector(1))
        self.connected(volume, base.connector(2))
        self.use(heir)
        self.connected(volume, base.connector(3))
        self.assertEqual(
            (sorted(map(nqn, (1, 2, 3))),
             ips(1, 2, 3) if use_ipacl else ['ALLOW_ANY']),
            self.acls(volume))
        self.disconnected(volume, base.connector(1))
        self.assertEqual(
            (sorted(map(nqn, (2, 3))),
             ips(2, 3) if use_ipacl else ['ALLOW_ANY']), self.acls(volume))
        self.disconnected(volume, base.connector(2))
        self.disconnected(volume, base.connector(3))
        self.assertEqual(
            (['ALLOW_NONE'], ['ALLOW_NONE' if use_ipacl else 'ALLOW_ANY']),
            self.acls(volume))

    @ddt.data(True, False)
    def test_hosts_are_told_the_same(self, use_ipacl):
        """os-brick can disconnect by one what it connected by the other."""
        self.move(lightos_use_ipacl=use_ipacl)
        volume = self.created()
        self.lightos.node(1, 'down')
        told = {}
        for which in ('ours', 'theirs'):
            self.use(which)
            told[which] = self.connected(volume, base.connector())
        self.assertEqual(told['theirs'], told['ours'])
        self.assertEqual(3, len(told['ours']['data']['lightos_nodes']))

    def test_addresses_that_ours_would_not_have_sent(self):
        """A host leaves nothing of its own behind."""
        one, two = (base.connector(number, host_ips=ips(number) + [
            'fe80::%d' % number, 'fe80::ff', '169.254.0.%d' % number])
            for number in (1, 2))
        self.use('theirs')
        volume = self.created()
        self.connected(volume, one)
        self.connected(volume, two)
        self.assertIn('fe80::1', self.acls(volume)[1])
        self.use('ours')
        self.disconnected(volume, one)
        self.assertEqual(([nqn(2)], sorted(two['host_ips'])),
                         self.acls(volume))
        self.disconnected(volume, two)
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))

    def test_addresses_that_theirs_does_not_find_there(self):
        """They were left out by ours, as in no use to reach the cluster."""
        volume = self.created()
        host = base.connector(host_ips=ips(1) + ['fe80::1', '169.254.0.1'])
        self.connected(volume, host)
        self.assertEqual(ips(1), self.acls(volume)[1])
        self.use('theirs')
        self.disconnected(volume, host)
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))

    def test_an_ip_acl_that_theirs_has_filled(self):
        """It keeps the first sixteen of more; an attached host stays in."""
        one = many_addresses('172.17.0.1', 'fd00::1', 'fd00::2')
        self.use('theirs')
        volume = self.created()
        self.connected(volume, one)
        before = self.acls(volume)
        self.assertEqual(16, len(before[1]))
        self.use('ours')
        with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                    'lightos_ipacl_networks'):
            self.driver.initialize_connection(volume, base.connector(2))
        self.assertEqual(before, self.acls(volume))
        self.driver = self.make_driver(
            lightos_ipacl_networks=['192.0.2.0/24'])
        self.connected(volume, base.connector(2))
        self.assertEqual((sorted([nqn(1), nqn(2)]),
                          ['192.0.2.1', '192.0.2.2']), self.acls(volume))
        self.disconnected(volume, one)
        self.assertEqual(([nqn(2)], ['192.0.2.2']), self.acls(volume))

    @ddt.data(*MOVES)
    @ddt.unpack
    def test_a_volume_is_deleted_that_a_host_was_never_shown_out_of(
            self, maker, heir):
        self.use(maker)
        volume = self.created()
        self.connected(volume, base.connector())
        self.use(heir)
        self.driver.terminate_connection(volume, None, force=True)
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(volume))
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())


class ManagedTestCase(DropInTestCase, database.DatabaseTestCase):
    """What only ours can do leaves nothing that theirs cannot go on with."""

    def test_a_volume_that_ours_has_managed_and_reverted(self):
        self.ask('POST', 'projects/%s/volumes' % base.PROJECT, {
            'name': 'crm-data', 'size': str(base.GIB), 'replicaCount': 3,
            'compression': 'true', 'acl': {'values': ['ALLOW_NONE']}})
        volume = self.record(self.type('gold', base.GOLD))
        volume = self.save(volume, dict(self.driver.manage_existing(
            volume, {'source-name': 'crm-data'}), size=1))
        snapshot = self.record_snapshot(volume)
        snapshot = self.save(snapshot, self.driver.create_snapshot(snapshot))
        self.driver.revert_to_snapshot(self.context, volume, snapshot)
        # Its IP ACL was open to anybody, which theirs cannot narrow.
        self.driver.initialize_connection(volume, base.connector())
        self.driver.terminate_connection(volume, base.connector())
        self.use('theirs')
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(([nqn(1)], ips(1)), self.acls(volume))
        self.driver.terminate_connection(volume, base.connector())
        self.driver.extend_volume(volume, 2)
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())


class Ipv6TestCase(DropInTestCase):

    ipv6 = True

    def test_hosts_are_told_the_same(self):
        told = []
        for which in ('theirs', 'ours'):
            self.use(which)
            volume = self.created(base.BRONZE)
            told.append(self.connected(volume, base.connector()))
            del told[-1]['data']['uuid']
        self.assertEqual(*told)
        self.assertEqual({'::1'}, set(told[0]['data']['lightos_nodes']))


class BackendTestCase(DropInTestCase):
    """To the scheduler, and in cinder.conf, they are one backend."""

    def pools(self, which):
        """The pools of a backend as the scheduler sees them."""
        self.use(which)
        # Not above: it cannot be imported before base has made Cinder's
        # objects known.
        host_manager = importlib.import_module('cinder.scheduler.host_manager')
        state = host_manager.BackendState('controller@' + base.GROUP, None)
        state.update_from_volume_capability(dict(
            self.driver.get_volume_stats(refresh=True),
            timestamp=timeutils.utcnow()))
        return state.pools

    def test_the_scheduler_finds_the_volumes_where_they_were(self):
        """The host of a volume in Cinder's database names its pool."""
        for name in (base.GROUP, None):
            self.move(volume_backend_name=name)
            theirs, ours = self.pools('theirs'), self.pools('ours')
            self.assertEqual(theirs.keys(), ours.keys())
            self.assertEqual([name or 'LightOSVolumeDriver'], list(ours))
            for pool, state in theirs.items():
                for fact in ('host', 'volume_backend_name', 'vendor_name',
                             'storage_protocol', 'multiattach'):
                    self.assertEqual(getattr(state, fact),
                                     getattr(ours[pool], fact), fact)

    def test_volume_types_that_matched_still_match(self):
        theirs, ours = (self.drivers[which].get_volume_stats(refresh=True)
                        for which in ('theirs', 'ours'))
        for name in sorted(theirs.keys() - {'driver_version',
                                            'free_capacity_gb'}):
            self.assertEqual(theirs[name], ours[name], name)


@ddt.ddt
class SectionTestCase(DropInTestCase):
    """cinder.conf, read as cinder-volume reads it."""

    def sections(self, **drivers):
        """A file with every option of theirs and one backend for each.

        :param drivers: class by section
        :returns: the drivers, set up, in that order
        """
        values = {
            'lightos_api_address': ', '.join(self.lightos.addresses),
            'lightos_api_port': str(self.lightos.port),
            'lightos_jwt': self.token(),
            'lightos_default_num_replicas': '2',
            'lightos_default_compression_enabled': 'True',
            'lightos_api_service_timeout': '5',
            'lightos_use_ipacl': 'false',
            'lightos_api_service_snapshots_max_calls': '7',
            'driver_ssl_cert_verify': 'False',
            'reserved_percentage': '10',
            'volume_backend_name': base.GROUP,
        }
        self.assertEqual(values.keys(), {
            opt.name for opt
            in inside_cinder.LightOSVolumeDriver.get_driver_options()})
        path = self.write_file('cinder.conf', ''.join(
            '[%s]\nvolume_driver = %s.LightOSVolumeDriver\n%s' % (
                section, module, ''.join('%s = %s\n' % item
                                         for item in values.items()))
            for section, module in drivers.items()))
        conf = cfg.ConfigOpts()
        conf([], project='cinder', default_config_files=[path])
        patcher = mock.patch.object(configuration, 'CONF', conf)
        patcher.start()
        self.addCleanup(patcher.stop)
        made = []
        manager = importlib.import_module('cinder.volume.manager')
        for section in drivers:
            settings = configuration.Configuration(
                manager.volume_backend_opts, config_group=section)
            driver = importutils.import_object(
                settings.volume_driver, configuration=settings,
                host='controller@' + section)
            driver.do_setup(self.context)
            driver.check_for_setup_error()
            made.append(driver)
        return made

    def test_a_section_of_theirs_with_every_option_it_has(self):
        [driver] = self.sections(lightstack='lightos_cinder.driver')
        self.driver = driver
        volume = self.created({'lightos:project_name': base.PROJECT})
        held = self.on_cluster(volume)
        self.assertEqual((2, 'true', ['ALLOW_ANY']), (
            held['replicaCount'], held['compression'],
            held['IPAcl']['values']))
        told = driver.get_volume_stats(refresh=True)
        self.assertEqual((10, base.GROUP), (told['reserved_percentage'],
                                            told['volume_backend_name']))

    @ddt.data(False, True)
    def test_both_in_one_service(self, ours_first):
        backends = {'old': 'cinder.volume.drivers.lightos',
                    'new': 'lightos_cinder.driver'}
        order = sorted(backends, reverse=not ours_first)
        made = dict(zip(order, self.sections(
            **{section: backends[section] for section in order})))
        self.assertIsInstance(made['old'],
                              inside_cinder.LightOSVolumeDriver)
        self.assertNotIsInstance(made['new'],
                                 inside_cinder.LightOSVolumeDriver)
        for maker, heir in (('old', 'new'), ('new', 'old')):
            self.driver = made[maker]
            volume = self.created()
            self.driver = made[heir]
            self.driver.delete_volume(volume)
        self.assertEqual([], self.names())
