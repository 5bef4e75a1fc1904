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

"""What others write, which may be meant to do harm.

Volume types, records, references, connectors, files, options and replies
hold text of somebody else's. Whatever it is, the cluster is asked for what
is in the project that is meant, or for nothing; and who asked is told by an
error of Cinder's, of a bearable length.
"""

import os
import re
from unittest import mock
import uuid

from cinder import exception
from cinder.volume import configuration
from cinder.volume import qos_specs
from oslo_config import cfg

from lightos_cinder.client import polling
from lightos_cinder import driver
from lightos_cinder import lifecycle
from lightos_cinder import options
from tests.functional import base
from tests.functional import database

#: Somebody else's project, which none of this may lead to.
OTHER = 'silver'

LONG = 'x' * 10000

TEXTS = (
    '/', '.', '..', '/..', '../' + OTHER, '../../projects/' + OTHER,
    'a/b', 'a\\b', base.PROJECT + '/../' + OTHER, '%2e%2e%2f' + OTHER,
    'a%2fb', '%2e%2e', '%', '%00', 'a?b=c', '?name=x', 'a&name=x',
    'a;b', '#', 'a#b', ' ', 'a b', '\t', '\n', 'a\nb',
    'a\r\nX-Other: 1\r\n\r\nDELETE / HTTP/1.1\r\n', '\0', 'a\0b', '\x7f',
    'gr\xfcn', '\u202e' + OTHER, '\ufeff', '\u0130', '\U0001f4a9',
    '\ud800', 'a\udcff', '%s%s%n', '%(project)s', '{0}', '{0.__class__}',
    '$(id)', '`id`', "'", '"', '\\', "'; DROP TABLE volumes; --",
    '{"UUID": "x"}', '[]', 'null', '<b>', '*', '~', 'ALLOW_ANY', '-1', '0',
    '9' * 5000, '1e999', 'NaN', '\u0663', LONG, LONG + '/', '\xe4' * 10000,
)

#: What JSON can hold where a text is meant.
THINGS = (None, True, 3, -1, 1.5, 10 ** 100, [], ['x'], {}, {'x': 'y'},
          ['ALLOW_ANY'], {'UUID': 'x'}, [['x']] * 1000)

UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'

#: All that may be asked for of objects in a project.
PATHS = re.compile(
    '/api/v2/(clusterinfo|cluster|nodes|projects/[a-z-]+'
    '(/(volumes|snapshots)(/%s(/rollback)?)?)?)' % UUID)


def storable(text):
    """Whether a database or a file can hold it."""
    return text.isprintable() or not any(
        '\ud800' <= one <= '\udfff' for one in text)


#: What a project can be called.
PROJECT = re.compile('[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?')


def plain(text):
    """Whether it means nothing but itself in a path."""
    return text not in ('.', '..') and re.fullmatch('[A-Za-z0-9._~-]+', text)


class HostileTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        patcher = mock.patch.object(lifecycle, '_PACE',
                                    polling.Pace(first=0.001, most=0.1))
        patcher.start()
        self.addCleanup(patcher.stop)
        self.lightos.create_project(OTHER)
        self.ask('POST', 'projects/%s/volumes' % OTHER, {
            'name': 'theirs', 'size': str(base.GIB), 'replicaCount': 1,
            'compression': 'false', 'acl': {'values': ['ALLOW_NONE']}})
        [self.theirs] = self.lightos.volumes(OTHER)
        self.lightos.clear_records()

    def assert_contained(self, *projects):
        """Nothing was asked of other projects, and nothing in odd words."""
        for request in self.lightos.requests():
            path = request['path']
            self.assertIsNotNone(PATHS.fullmatch(path), request)
            if '/projects/' in path:
                self.assertIn(path.split('/')[4],
                              projects or (base.PROJECT,), request)
            self.assertRegex(request['if_match'] or '0', r'\A[0-9]+\Z')
            self.assertNotIn('rollback', request['query'] or '')
        for one in self.lightos.complaints():
            for word in ('quoted', 'odd segments', 'no such call',
                         'unknown'):
                self.assertNotIn(word, one['reason'], one)
        held = [one for one in self.lightos.volumes(OTHER)
                if one['UUID'] == self.theirs['UUID']]
        self.assertEqual([(self.theirs['ETag'], 'Available')],
                         [(one['ETag'], one['state']) for one in held])

    def tried(self, do, *args, **kwargs):
        """Do something; the error if it is one of Cinder's."""
        try:
            do(*args, **kwargs)
        except exception.CinderException as error:
            text = str(error)
            self.assertLess(len(text), 2000)
            return text
        return None

    def refused(self, do, *args, **kwargs):
        text = self.tried(do, *args, **kwargs)
        self.assertIsNotNone(text, 'it was accepted')
        return text

    def shown(self, value):
        """How a value is quoted in errors."""
        return repr(value)[:250].rstrip("'\"")


class VolumeTypeTestCase(HostileTestCase):
    """Extra specs and QoS specs, which Cinder keeps as texts."""

    def refused_spec(self, spec, value):
        """By all that looks at a type before anything is asked for."""
        odd = self.volume({'lightos:project_name': base.PROJECT,
                           spec: value})
        well = self.volume()
        for do, args in (
                (self.driver.create_volume, (odd,)),
                (self.driver.create_cloned_volume, (odd, well)),
                (self.driver.create_volume_from_snapshot,
                 (odd, self.snapshot(well))),
                (self.driver.retype,
                 (self.context, well, odd.volume_type, {}, {})),
                (self.driver.manage_existing_get_size,
                 (odd, {'source-name': 'theirs'})),
                (self.driver.manage_existing,
                 (odd, {'source-name': 'theirs'}))):
            with self.subTest(spec=spec, value=value[:40], do=do.__name__):
                text = self.refused(do, *args)
                self.assertIn(spec, text)
                self.assertIn(self.shown(value), text)
        self.assertEqual([], self.calls())

    def test_a_project(self):
        """Defect 32: it went into the path as it was."""
        for text in TEXTS + ('', 'A', 'a' * 64, '-a', 'a-', 'a_b'):
            if not PROJECT.fullmatch(text):
                self.refused_spec('lightos:project_name', text)

    def test_a_number_of_replicas(self):
        for text in TEXTS + ('', '1.5', '0x1', '1_0', '4', '\u0664'):
            if text != '\u0663':
                self.refused_spec('lightos:num_replicas', text)

    def test_compression(self):
        for text in TEXTS + ('', '<is>', '<is> maybe', '<is> True\0'):
            self.refused_spec('compression', text)

    def test_a_qos_policy(self):
        """It has a field of its own in the body; the cluster knows it."""
        volume = self.created()
        for text in TEXTS:
            if not text.strip():
                continue
            for do, args in (
                    (self.driver.create_volume, (self.volume(dict(
                        base.GOLD, **{'lightos:qos_policy': text})),)),
                    (self.driver.retype, (
                        self.context, volume, self.volume(dict(
                            base.GOLD, **{'lightos:qos_policy': text})
                        ).volume_type, {}, {}))):
                with self.subTest(text=text[:40], do=do.__name__):
                    said = self.refused(do, *args)
                    self.assertIn('lightos:qos_policy', said)
                    self.assertIn(text.strip()[:250], said)
        self.assert_contained()
        for request in self.lightos.requests():
            for name, value in (request['body'] or {}).items():
                if name not in ('qosPolicyName', 'qosPolicyUUID'):
                    self.assertNotIn('x' * 1000, str(value))

    def test_a_type_that_was_changed_after_its_volumes_were_made(self):
        """They can be deleted, if they say where they are."""
        for text in TEXTS:
            with self.subTest(text=text[:40]):
                volume = self.created()
                volume.volume_type.extra_specs = {
                    'lightos:project_name': text}
                self.driver.delete_volume(volume)
                volume.provider_id = None
                said = self.tried(self.driver.delete_volume, volume)
                if not plain(text):
                    self.assertIn('lightos:project_name', said)
        self.assertEqual([], self.names_in(base.PROJECT))

    def names_in(self, project):
        return [one['name'] for one in self.lightos.volumes(project)
                if one['state'] != 'Deleting']


class QosSpecsTestCase(HostileTestCase, database.DatabaseTestCase):

    def test_keys_and_values(self):
        for text in TEXTS:
            if not storable(text) or len(text) > 255 or not text.strip():
                continue
            made = qos_specs.create(self.context, str(uuid.uuid4()), {
                'consumer': 'back-end', 'qos_policy': text})
            volume_type = self.type(str(uuid.uuid4()), base.GOLD)
            qos_specs.associate_qos_with_type(self.context, made.id,
                                              volume_type.id)
            volume = self.record(volume_type, size=1)
            with self.subTest(text=text[:40]):
                said = self.refused(self.driver.create_volume, volume)
                self.assertIn('QoS policy', said)
                self.assertIn(text.strip()[:250], said)
            qos_specs.delete(self.context, made.id, force=True)
        self.assert_contained()


class RecordTestCase(HostileTestCase):
    """What is on record of a volume or a snapshot."""

    def hooks(self, odd):
        """All that is done to a volume, or with it."""
        well = self.volume(provider_id='%s %s' % (base.PROJECT, uuid.uuid4()))
        snapshot = self.snapshot(odd)
        yield self.driver.extend_volume, (odd, 9)
        yield self.driver.delete_volume, (odd,)
        yield self.driver.create_snapshot, (snapshot,)
        yield self.driver.delete_snapshot, (snapshot,)
        yield self.driver.create_cloned_volume, (well, odd)
        yield self.driver.create_volume_from_snapshot, (well, snapshot)
        yield self.driver.revert_to_snapshot, (self.context, odd, snapshot)
        yield self.driver.initialize_connection, (odd, base.connector())
        yield self.driver.terminate_connection, (odd, base.connector())
        yield self.driver.terminate_connection, (odd, None)
        yield self.driver.retype, (self.context, odd, well.volume_type, {},
                                   {})
        yield self.driver.unmanage, (odd,)
        yield self.driver.unmanage_snapshot, (snapshot,)
        yield self.driver.update_migrated_volume, (self.context, well, odd,
                                                   'available')
        yield self.driver.manage_existing_snapshot_get_size, (
            snapshot, {'source-name': 'theirs'})

    def go_through(self, **values):
        for do, args in self.hooks(self.volume(**values)):
            with self.subTest(do=do.__name__, **{
                    key: value[:60] for key, value in values.items()}):
                self.tried(do, *args)

    def test_a_project_in_a_provider_id(self):
        """Defect 32: it went into the path as it was."""
        for text in TEXTS:
            words = text.split()
            if len(words) != 1 or plain(text):
                # Of more words, or none, the type tells the project.
                continue
            self.go_through(provider_id='%s %s' % (text, uuid.uuid4()))
        self.assertEqual([], self.calls())

    def test_any_provider_id(self):
        for text in ('', ' ', '\0', 'a b c', '%s %s %s' % (
                OTHER, self.theirs['UUID'], 'x'), '\n\n', '  ' * 5000):
            self.go_through(provider_id=text)
        self.assert_contained()

    def test_a_uuid_in_a_provider_id(self):
        """Defect 32: it went into the path as it was."""
        crafted = tuple(form % self.theirs['UUID'] for form in (
            '../../%s/volumes/%%s' % OTHER, '%s?x', '%s/rollback', '%s%%2f',
            '..%%2f..%%2f' + OTHER + '%%2fvolumes%%2f%s', '%s#', '%s;'))
        for text in TEXTS + crafted:
            if len(text.split()) == 1 and not plain(text):
                self.go_through(provider_id='%s %s' % (base.PROJECT, text))
        self.assert_contained()
        self.assertEqual([], self.calls('DELETE', 'PUT', 'POST'))

    def test_the_error_says_what_to_check(self):
        volume = self.volume(provider_id='../%s %s' % (OTHER, uuid.uuid4()))
        text = self.refused(self.driver.delete_volume, volume)
        for word in ('provider_id', volume.id, "'../%s'" % OTHER,
                     'lightos:project_name'):
            self.assertIn(word, text)

    def test_a_provider_location(self):
        """A name may be anything: it goes into the query."""
        for text in filter(storable, TEXTS):
            volume = self.created()
            volume.provider_location = '%s %s' % (volume.id, text)
            self.driver.extend_volume(volume, 2)
            self.driver.delete_volume(volume)
            snapshot = self.snapshot(volume, provider_location='%s %s' % (
                uuid.uuid4(), text), provider_id='%s %s' % (
                    base.PROJECT, uuid.uuid4()))
            with self.subTest(text=text[:40]):
                self.tried(self.driver.delete_snapshot, snapshot)
        self.assert_contained()

    def test_a_template_of_names(self):
        """It goes into bodies and queries."""
        for text in TEXTS:
            if '%' in text or len(text) > 1000:
                continue
            base.CONF.set_override('volume_name_template', text + '%s')
            self.addCleanup(base.CONF.clear_override,
                            'volume_name_template')
            with self.subTest(text=text):
                volume = self.volume()
                self.tried(lambda: self.stamp(
                    volume, self.driver.create_volume(volume)))
                self.tried(self.driver.extend_volume, volume, 2)
                self.tried(self.driver.delete_volume, volume)
        self.assert_contained()
        self.assertEqual(['theirs'], self.names())


class ReferenceTestCase(HostileTestCase, database.DatabaseTestCase):
    """What an administrator wants to be managed."""

    def setUp(self):
        super().setUp()
        self.gold = self.type('gold', base.GOLD)
        # Its project is looked into, too, if only to say that it is there.
        self.bronze = self.type('silver', {'lightos:project_name': OTHER})

    def go_through(self, ref):
        volume = self.record(self.gold)
        snapshot = self.record_snapshot(self.made)
        for do, one in (
                (self.driver.manage_existing_get_size, volume),
                (self.driver.manage_existing, volume),
                (self.driver.manage_existing_snapshot_get_size, snapshot),
                (self.driver.manage_existing_snapshot, snapshot)):
            with self.subTest(do=do.__name__, ref=repr(ref)[:60]):
                text = self.refused(do, one, ref)
                self.assertIn('Manage existing', text)
                return text

    def test_references(self):
        self.made = self.record(self.gold, size=1)
        self.made = self.save(self.made,
                              self.driver.create_volume(self.made))
        self.lightos.clear_records()
        for text in TEXTS:
            self.go_through({'source-name': text})
            self.go_through({'source-id': text})
            self.go_through(text)
            self.go_through({text: text})
        for thing in THINGS:
            self.go_through({'source-name': thing})
            self.go_through({'source-id': thing})
            self.go_through(thing)
        self.assert_contained(base.PROJECT, OTHER, 'default')
        self.assertEqual([], self.calls('PUT', 'POST', 'DELETE'))

    def test_objects_of_another_project(self):
        self.made = self.record(self.gold, size=1)
        self.made = self.save(self.made,
                              self.driver.create_volume(self.made))
        before = self.ask('POST', 'projects/%s/snapshots' % OTHER, {
            'name': 'before', 'sourceVolumeUUID': self.theirs['UUID']})
        [self.theirs] = self.lightos.volumes(OTHER)
        self.lightos.clear_records()
        for ref in ({'source-id': self.theirs['UUID']},
                    {'source-name': 'theirs'}):
            text = self.refused(self.driver.manage_existing,
                                self.record(self.gold), ref)
            self.assertIn(OTHER, text)
        for ref in ({'source-id': before['UUID']},
                    {'source-name': 'before'}):
            self.assertIn('no such snapshot', self.refused(
                self.driver.manage_existing_snapshot,
                self.record_snapshot(self.made), ref))
        self.assertEqual([], self.calls('PUT', 'POST', 'DELETE'))

    def test_projects_of_types_are_listed_or_left_out(self):
        for text in TEXTS:
            if not storable(text):
                continue
            self.type(str(uuid.uuid4()), {'lightos:project_name': text})
        self.lightos.clear_records()
        found = self.driver.get_manageable_volumes([], None, 1000, 0,
                                                   ['size'], ['asc'])
        self.assertEqual([self.theirs['UUID']], [
            one['reference']['source-id'] for one in found])
        self.driver.get_manageable_snapshots([], None, 1000, 0, ['size'],
                                             ['asc'])
        for call in self.calls():
            self.assertRegex(
                call, r'\AGET /api/v2/projects/[A-Za-z0-9._~-]+/'
                '(volumes|snapshots)\\Z')


class ConnectorTestCase(HostileTestCase):
    """Any tenant may write one."""

    #: None of these is put anywhere.
    REST = ('host', 'ip', 'initiator', 'multipath', 'mountpoint')

    def connectors(self):
        for value in TEXTS + THINGS:
            for field in ('nqn', 'host_ips', 'found_dsc'):
                yield base.connector(1, **{field: value})
            yield base.connector(1, host_ips=[value],
                                 **dict.fromkeys(self.REST, value))
            yield value
        yield base.connector(1, host_ips=['192.0.2.%d' % number
                                          for number in range(250)])
        yield base.connector(1, host_ips=LONG)
        yield base.connector(1, host_ips=['192.0.2.1/0', '0.0.0.0', '::',
                                          '192.0.2.1%eth0', '::ffff:1.2.3.4'])

    def test_attach_and_detach(self):
        volume = self.created()
        self.attached(volume, 2)
        nqn = base.connector(2)['nqn']
        for connector in self.connectors():
            with self.subTest(connector=repr(connector)[:80]):
                self.tried(self.driver.validate_connector, connector)
                self.tried(self.driver.initialize_connection, volume,
                           connector)
                acl, ip_acl = self.acls(volume)
                self.assertIn(nqn, acl)
                self.assertNotIn('ALLOW_ANY', acl + ip_acl)
                for one in acl:
                    self.assertRegex(one, r'\A[!-~]{1,223}\Z')
                if connector is not None:
                    self.tried(self.driver.terminate_connection, volume,
                               connector, force=False)
                self.assertEqual(
                    ([nqn], sorted(base.connector(2)['host_ips'])),
                    self.acls(volume))
        self.assert_contained()

    def test_on_record(self):
        """The driver inside Cinder let them in."""
        volume = self.created()
        for connector in self.connectors():
            if not isinstance(connector, dict) or 'nqn' not in connector:
                continue
            self.attach(volume, base.connector(2), connector)
            with self.subTest(connector=repr(connector)[:80]):
                self.driver.initialize_connection(volume, base.connector(3))
                self.driver.terminate_connection(volume, base.connector(3),
                                                 force=False)
                self.assertNotIn(base.connector(3)['nqn'],
                                 self.acls(volume)[0])
        self.assert_contained()


class OptionTestCase(HostileTestCase):
    """A section of cinder.conf, as it is read."""

    def section(self, option, text):
        values = {
            'lightos_api_address': ', '.join(self.lightos.addresses),
            'lightos_api_port': str(self.lightos.port),
            'lightos_jwt': self.token(), 'lightos_api_service_timeout': '1',
            'lightos_operation_timeout': '2', option: text}
        path = os.path.join(self.folder, 'cinder.conf')
        with open(path, 'w', errors='surrogatepass') as file:
            file.write('[%s]\n' % base.GROUP + ''.join(
                '%s = %s\n' % (name, value.replace('\n', '\n  '))
                for name, value in values.items()))
        conf = cfg.ConfigOpts()
        conf([], project='cinder', default_config_files=[path])
        with mock.patch.object(configuration, 'CONF', conf):
            settings = configuration.Configuration(
                driver.LightOSVolumeDriver.get_driver_options(),
                config_group=base.GROUP)
            return options.Settings.load(settings)

    def test_every_option(self):
        for opt in options.OPTS:
            for text in TEXTS + ('', ',', ',,', '127.0.0.1/8', '0'):
                # A file is read as UTF-8, and put together by oslo.config.
                if not storable(text) or '$' in text or (
                        '\r' in text or text.startswith('#')):
                    continue
                with self.subTest(option=opt.name, text=text[:40]):
                    try:
                        self.section(opt.name, text)
                    except exception.InvalidConfigurationValue as error:
                        self.assertIn(opt.name, str(error))
                        if opt.secret and len(text) > 3:
                            self.assertNotIn(text, str(error))
        self.assertEqual([], self.calls())
