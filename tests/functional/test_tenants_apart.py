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

"""A tenant's token reaches that tenant's project, whatever is called."""

import hashlib
import os
import uuid

from cinder import exception
import ddt

from lightos_cinder import attachments
from lightos_cinder import driver
from lightos_cinder import management
from tests.functional import base
from tests.functional import database
from tests.functional import test_hostile
from tests.functional import test_tenancy

GOLD, SILVER = test_tenancy.TENANTS

#: Methods that Cinder calls and that ask nothing of a cluster.
QUIET = {'get_driver_options', 'check_for_setup_error',
         'update_provider_info', 'snapshot_revert_use_temp_snapshot',
         'clean_volume_file_locks', 'validate_connector', 'ensure_export',
         'create_export', 'remove_export', 'unmanage', 'unmanage_snapshot'}


class ApartTestCase(test_tenancy.TenancyTestCase, database.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.types = {project: self.type(
            project, test_tenancy.type_in(project)) for project
            in test_tenancy.PROJECTS}
        self.digests = {}
        for project in test_tenancy.PROJECTS:
            with open(self.path(project), 'rb') as file:
                self.digests[project] = hashlib.sha256(
                    file.read().strip()).hexdigest()
        self.assertEqual(3, len(set(self.digests.values())))
        self.lightos.clear_records()

    def made(self, project, size=1):
        """A volume of a tenant, on record and on the cluster."""
        volume = self.record(self.types[project], size=size)
        return self.save(volume, self.driver.create_volume(volume))

    def snapshot_of(self, volume):
        snapshot = self.record_snapshot(volume)
        return self.save(snapshot, self.driver.create_snapshot(snapshot))

    def foreign(self, project, name):
        """A volume that is on the cluster and not on record."""
        made = self.as_admin('POST', '/projects/%s/volumes' % project, {
            'name': name, 'size': str(base.GIB), 'replicaCount': 1,
            'compression': 'false', 'acl': {'values': ['ALLOW_NONE']}})
        return made['UUID']

    def assert_apart(self):
        """Each request has the token of the project that is in its path.

        :returns: the projects that were asked about, None for the cluster
        """
        asked = set()
        admin = hashlib.sha256(
            self.lightos.admin_token.encode()).hexdigest()
        for request in self.lightos.requests():
            if request['token'] == admin:
                # That was the administrator, and no driver has that token.
                continue
            words = request['path'].split('/')
            project = words[4] if words[3] == 'projects' else None
            self.assertEqual(self.digests[project or 'default'],
                             request['token'], request)
            asked.add(project)
        self.assertEqual([], [
            one for one in self.lightos.complaints()
            if one['reason'] == 'token of another project'])
        self.lightos.clear_records()
        return asked

    def state_of(self, project):
        return sorted((one['UUID'], one['ETag'], one['state']) for one in
                      self.lightos.volumes(project)
                      + self.lightos.snapshots(project))


class EveryHookTestCase(ApartTestCase):

    def hooks(self, project):
        """By name: all that Cinder calls, done to a tenant's volumes."""
        volume = self.made(project)
        snapshot = self.snapshot_of(volume)

        def dropped(make, *args):
            one = self.record(self.types[project], size=1)
            self.save(one, make(one, *args))
            self.driver.delete_volume(one)

        def managed():
            one = self.record(self.types[project])
            ref = {'source-id': self.foreign(project, str(uuid.uuid4()))}
            self.driver.manage_existing_get_size(one, ref)
            self.save(one, dict(self.driver.manage_existing(one, ref),
                                size=1))

        def managed_snapshot():
            made = self.as_admin('POST', '/projects/%s/snapshots' % project, {
                'name': str(uuid.uuid4()), 'sourceVolumeUUID':
                volume.provider_id.split()[1]})
            one = self.record_snapshot(volume)
            ref = {'source-id': made['UUID']}
            self.driver.manage_existing_snapshot_get_size(one, ref)
            self.driver.manage_existing_snapshot(one, ref)

        def migrated():
            old = self.made(project)
            self.driver.delete_volume(old)
            self.driver.update_migrated_volume(
                self.context, old, self.made(project), 'available')

        return {
            'do_setup': lambda: self.driver.do_setup(self.context),
            'create_volume': lambda: self.made(project),
            'create_volume_from_snapshot': lambda: dropped(
                self.driver.create_volume_from_snapshot, snapshot),
            'create_cloned_volume': lambda: dropped(
                self.driver.create_cloned_volume, volume),
            'delete_volume': lambda: self.driver.delete_volume(
                self.made(project)),
            'extend_volume': lambda: self.driver.extend_volume(volume, 2),
            'retype': lambda: self.driver.retype(
                self.context, volume, self.volume(dict(
                    test_tenancy.type_in(project),
                    compression='<is> True')).volume_type, {}, {}),
            'update_migrated_volume': migrated,
            'create_snapshot': lambda: self.snapshot_of(volume),
            'delete_snapshot': lambda: self.driver.delete_snapshot(
                self.snapshot_of(volume)),
            'revert_to_snapshot': lambda: self.driver.revert_to_snapshot(
                self.context, volume, snapshot),
            'initialize_connection': lambda:
                self.driver.initialize_connection(volume, base.connector()),
            'terminate_connection': lambda:
                self.driver.terminate_connection(volume, base.connector()),
            'manage_existing': managed,
            'manage_existing_get_size': managed,
            'manage_existing_snapshot': managed_snapshot,
            'manage_existing_snapshot_get_size': managed_snapshot,
        }

    #: Those that are for all projects at once.
    FOR_ALL = {'get_manageable_volumes', 'get_manageable_snapshots'}

    def test_every_method_with_the_token_of_its_project(self):
        for project in test_tenancy.PROJECTS:
            hooks = self.hooks(project)
            known = {
                name for part in (driver.LightOSVolumeDriver,
                                  management.Management,
                                  attachments.Attachments)
                for name, value in vars(part).items()
                if not name.startswith('_') and (
                    callable(value) or isinstance(value, classmethod))}
            self.assertEqual(known,
                             hooks.keys() | self.FOR_ALL | QUIET)
            self.lightos.clear_records()
            for name, do in hooks.items():
                with self.subTest(project=project, hook=name):
                    do()
                    asked = self.assert_apart()
                    self.assertEqual({None} if name == 'do_setup'
                                     else {project}, asked)

    def test_listings_and_statistics(self):
        for project in test_tenancy.PROJECTS:
            self.snapshot_of(self.made(project))
        self.lightos.clear_records()
        for listing in self.FOR_ALL:
            found = getattr(self.driver, listing)(
                [], None, 1000, 0, ['size'], ['asc'])
            self.assertEqual(set(test_tenancy.PROJECTS), {
                one['extra_info']['project'] for one in found})
            self.assertEqual(set(test_tenancy.PROJECTS),
                             self.assert_apart())
        self.driver.get_volume_stats(refresh=True)
        self.assertEqual({None}, self.assert_apart())


@ddt.ddt
class CraftedTestCase(ApartTestCase):
    """One who has a say in one project reaches for another's."""

    def refused(self, do, *args):
        with self.assertRaises(exception.CinderException) as caught:
            do(*args)
        return str(caught.exception)

    def test_what_is_another_tenants_is_no_source(self):
        """Of a clone, of a volume from a snapshot, of a rollback."""
        source = self.made(SILVER)
        snapshot = self.snapshot_of(source)
        before = self.state_of(SILVER)
        self.lightos.clear_records()
        new = self.record(self.types[GOLD], size=1)
        self.refused(self.driver.create_cloned_volume, new, source)
        self.refused(self.driver.create_volume_from_snapshot, new, snapshot)
        self.refused(self.driver.revert_to_snapshot, self.context,
                     self.made(GOLD), snapshot)
        self.assert_apart()
        self.assertEqual(before, self.state_of(SILVER))

    def test_a_retype_to_anothers_type_moves_nothing(self):
        volume = self.made(GOLD)
        before = self.state_of(SILVER)
        self.lightos.clear_records()
        self.assertFalse(self.driver.retype(
            self.context, volume, self.types[SILVER], {}, {}))
        self.assertEqual(set(), self.assert_apart())
        self.assertEqual(before, self.state_of(SILVER))

    def test_a_reference_to_what_is_anothers(self):
        uuid_ = self.foreign(SILVER, 'crm')
        snapshot = self.as_admin('POST', '/projects/%s/snapshots' % SILVER, {
            'name': 'crm-before', 'sourceVolumeUUID': uuid_})['UUID']
        mine = self.made(GOLD)
        before = self.state_of(SILVER)
        self.lightos.clear_records()
        for ref in ({'source-id': uuid_}, {'source-name': 'crm'}):
            for do in (self.driver.manage_existing_get_size,
                       self.driver.manage_existing):
                # To an administrator, who asked, it is said where it is.
                self.assertIn(SILVER, self.refused(
                    do, self.record(self.types[GOLD]), ref))
        for ref in ({'source-id': snapshot}, {'source-name': 'crm-before'}):
            for do in (self.driver.manage_existing_snapshot_get_size,
                       self.driver.manage_existing_snapshot):
                self.refused(do, self.record_snapshot(mine), ref)
        self.assert_apart()
        self.assertEqual(before, self.state_of(SILVER))

    def test_a_record_of_one_project_with_a_uuid_of_another(self):
        """It is not there, for it is another's."""
        theirs = self.made(SILVER)
        snapshot = self.snapshot_of(theirs)
        before = self.state_of(SILVER)
        mine = self.made(GOLD)
        self.driver.delete_volume(mine)
        mine.provider_id = '%s %s' % (GOLD, theirs.provider_id.split()[1])
        shot = self.record_snapshot(mine)
        shot.provider_id = '%s %s' % (GOLD, snapshot.provider_id.split()[1])
        self.lightos.clear_records()
        for do, args in (
                (self.driver.extend_volume, (mine, 5)),
                (self.driver.initialize_connection, (mine,
                                                     base.connector())),
                (self.driver.create_snapshot, (self.record_snapshot(mine),)),
                (self.driver.revert_to_snapshot, (self.context, mine, shot)),
                (self.driver.create_cloned_volume, (
                    self.record(self.types[GOLD], size=1), mine)),
                (self.driver.retype, (self.context, mine, self.types[GOLD],
                                      {}, {}))):
            with self.subTest(do=do.__name__):
                self.refused(do, *args)
        self.driver.delete_volume(mine)
        self.driver.delete_snapshot(shot)
        self.assertEqual({GOLD}, self.assert_apart())
        self.assertEqual(before, self.state_of(SILVER))

    def test_a_project_that_only_looks_like_another(self):
        for text in test_hostile.TEXTS + (
                GOLD + '/../' + SILVER, SILVER + '%00', GOLD + ';' + SILVER,
                'SILVER', SILVER + '.', './' + SILVER, SILVER + '.jwt'):
            volume = self.volume(provider_id='%s %s' % (
                text, uuid.uuid4()), extra_specs=test_tenancy.type_in(GOLD))
            with self.subTest(text=text[:40]):
                try:
                    self.driver.extend_volume(volume, 5)
                    self.fail('it was extended')
                except exception.CinderException:
                    pass
                self.assertLessEqual(self.assert_apart(), {GOLD})


@ddt.ddt
class TokenFilesTestCase(ApartTestCase):
    """The directory of tokens, if others could write into it."""

    def test_names(self):
        """Those that no project can have are never opened."""
        secret = 'what-is-in-another-file'
        for text in test_hostile.TEXTS + ('..', '', '.', 'A', 'a' * 64):
            if '/' in text or '\0' in text or len(text) > 200 or (
                    test_hostile.PROJECT.fullmatch(text)):
                continue
            with open(os.fsencode(self.tokens) + b'/' + text.encode(
                    'utf-8', 'surrogatepass') + b'.jwt', 'w') as file:
                file.write(secret)
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.driver = self.make_tenants_driver()
        self.assertEqual(1, len([line for line in logs.output
                                 if 'not named' in line]))
        for line in logs.output:
            # Quoted, so that nothing in a name is taken for a line.
            self.assertNotIn('\n', line)
            self.assertNotIn(secret, line)
            self.assertTrue(line.isprintable() or '\u202e' not in line)
        self.lives_in(GOLD)
        self.assert_apart()

    @ddt.data('', ' ', '\n\n', 'a.b.c', '\0' * 100, '\xff' * 100,
              'x' * 100000, '{' * 60000, '-----BEGIN RSA PRIVATE KEY-----',
              '../../etc/passwd', '%(secret)s')
    def test_contents(self, content):
        """They are told by their file, and never shown."""
        self.write(SILVER, content)
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.refused_in(SILVER)
        self.assertIn(self.path(SILVER), logs.output[0])
        if content.strip():
            for line in logs.output:
                self.assertNotIn(content, line)
        self.lives_in(GOLD)

    def refused_in(self, project):
        # One who starts now, and has not read what was there before.
        driver_ = self.driver
        driver_._settings.credentials._files.clear()
        with self.assertRaises(exception.VolumeBackendAPIException) as caught:
            driver_.create_volume(self.record(self.types[project], size=1))
        self.assertIn(self.path(project), str(caught.exception))

    def test_a_token_with_more_than_a_token_in_it(self):
        """The rest would be a header of its own."""
        good = self.lightos.token(SILVER, lifetime=test_tenancy.DAY)
        for junk in ('\r\nX-Other: 1', '\n', ' ', '\0', '\xe4', '"'):
            self.write(SILVER, good.replace('.', junk + '.', 1))
            self.refused_in(SILVER)
        self.assert_apart()

    def test_what_is_no_file(self):
        os.remove(self.path(SILVER))
        for make in (os.mkdir, os.mkfifo):
            make(self.path(SILVER))
            self.refused_in(SILVER)
            (os.rmdir if make is os.mkdir else os.remove)(self.path(SILVER))

    def test_links(self):
        """As those are made of which orchestrators make secrets."""
        os.rename(self.path(SILVER), self.path(SILVER) + '-1')
        os.symlink(self.path(SILVER) + '-1', self.path(SILVER))
        self.lives_in(SILVER)
        self.assert_apart()
        os.remove(self.path(SILVER))
        for target in ('/etc/passwd', '/dev/zero', '/', 'silver.jwt',
                       '/nowhere', '/proc/self/environ'):
            os.symlink(target, self.path(SILVER))
            self.driver._settings.credentials._files.clear()
            with self.assertRaises(exception.VolumeBackendAPIException):
                self.driver.create_volume(
                    self.record(self.types[SILVER], size=1))
            os.remove(self.path(SILVER))
        self.assertEqual(set(), self.assert_apart())
