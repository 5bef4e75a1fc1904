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

"""Several LightOS projects through one backend, each with its own token."""

from concurrent import futures
import contextlib
import datetime
import os
import re
import threading
import time
from unittest import mock
import warnings

from cinder import exception
import ddt
import requests
import urllib3

from lightos_cinder.client import polling
from lightos_cinder import connection
from tests.functional import base
from tests.functional import database

DAY = 24 * 3600
TENANTS = ('gold', 'silver')
PROJECTS = TENANTS + ('default',)


def type_in(project):
    """Extra specs of a volume type."""
    return {'lightos:project_name': project, 'lightos:num_replicas': '1'}


class TenancyTestCase(base.DriverTestCase):
    """A driver with a directory of tokens and nothing else."""

    def setUp(self):
        # Of this host nothing is to be told.
        patcher = mock.patch.object(connection, 'lacking_here', autospec=True,
                                    return_value=[])
        patcher.start()
        self.addCleanup(patcher.stop)
        super().setUp()
        self.tokens = os.path.join(self.folder, 'tokens')
        os.mkdir(self.tokens, 0o700)
        self.session = requests.Session()
        self.addCleanup(self.session.close)
        self.session.trust_env = False
        for project in PROJECTS:
            self.lightos.create_project(project)
            self.put(project)
        self.driver = self.make_tenants_driver()
        self.lightos.clear_records()

    def make_tenants_driver(self, **changes):
        options = dict(lightos_jwt=None, lightos_jwt_dir=self.tokens,
                       lightos_tls_fingerprints=[self.lightos.fingerprint])
        return self.make_driver(**dict(options, **changes))

    def path(self, project):
        return os.path.join(self.tokens, project + '.jwt')

    def put(self, project, token=None, **claims):
        """Put a token into a file, as a careful operator does it."""
        if token is None:
            claims.setdefault('lifetime', 30 * DAY)
            token = self.lightos.token(project, **claims)
        path = self.path(project)
        with open(os.open(path + '.new', os.O_WRONLY | os.O_CREAT, 0o600),
                  'w') as file:
            file.write(token + '\n')
        os.rename(path + '.new', path)
        return token

    def write(self, project, text):
        """Write into the file that is there."""
        with open(self.path(project), 'w') as file:
            file.write(text)

    def as_admin(self, method, path, body=None):
        """What the administrator of the cluster does."""
        with warnings.catch_warnings():
            urllib3.disable_warnings(
                urllib3.exceptions.InsecureRequestWarning)
            reply = self.session.request(
                method, 'https://%s/api/v2%s' % (self.lightos.endpoints[0],
                                                 path),
                json=body, verify=False, timeout=10, headers={
                    'Authorization': 'Bearer ' + self.lightos.admin_token})
        self.assertEqual(200, reply.status_code, reply.text)
        return reply.json()

    def add_credential(self, project, name):
        """Another name of a project's key: tokens are signed for it."""
        credentials = '/projects/%s/credentials' % project
        present = self.as_admin('GET', credentials)['credentials'][0]
        self.as_admin('POST', credentials, {
            'ID': name, 'type': present['type'],
            'payload': present['payload']})
        return '%s:%s' % (project, name)

    def drop_credential(self, project, name='root'):
        """From now on its tokens are not accepted any more."""
        self.as_admin('DELETE', '/projects/%s/credentials/%s' % (project,
                                                                 name))

    def lives_in(self, project):
        """Have a volume in a project and have it gone again."""
        volume = self.created(type_in(project))
        self.on_cluster(volume, project)
        self.driver.delete_volume(volume)

    def refused(self, project):
        """The error at the creation of a volume."""
        with self.assertRaises(exception.VolumeBackendAPIException) as caught:
            self.driver.create_volume(self.volume(type_in(project)))
        return str(caught.exception)

    def assert_each_with_its_own(self):
        """Every request carried the token of its project."""
        seen = set()
        for request in self.lightos.requests():
            if '/credentials' in request['path']:
                # That was the administrator.
                continue
            found = re.match('/api/v2/projects/([^/]+)', request['path'])
            wanted = found.group(1) if found else 'default'
            if request['status'] != 401:
                self.assertEqual(wanted, request['project'], request)
            seen.add(wanted)
        self.assertEqual([], self.lightos.complaints())
        return seen

    @contextlib.contextmanager
    def later(self, seconds):
        """Time has passed, on the cluster and here."""
        self.lightos.advance(seconds)
        now = (datetime.datetime.now(datetime.timezone.utc)
               + datetime.timedelta(seconds=seconds))
        with mock.patch.object(polling.Clock, 'wall', autospec=True,
                               return_value=now):
            yield now


@ddt.ddt
class SeparationTestCase(TenancyTestCase):

    def test_whatever_is_done_is_done_with_the_projects_own_token(self):
        for project in PROJECTS:
            volume = self.created(type_in(project))
            snapshot = self.snapped(volume)
            self.attached(volume, 1)
            self.driver.terminate_connection(volume, base.connector(1))
            self.driver.extend_volume(volume, 2)
            clone = self.volume(type_in(project), size=2)
            self.stamp(clone, self.driver.create_cloned_volume(clone, volume))
            copy = self.volume(type_in(project))
            self.stamp(copy, self.driver.create_volume_from_snapshot(
                copy, snapshot))
            for one in (copy, clone):
                self.on_cluster(one, project)
                self.driver.delete_volume(one)
            self.driver.delete_snapshot(snapshot)
            self.driver.delete_volume(volume)
            self.driver.get_volume_stats(refresh=True)
        self.assertEqual(set(PROJECTS), self.assert_each_with_its_own())

    def test_a_volume_without_a_type_is_in_the_project_default(self):
        self.on_cluster(self.created(None), 'default')
        self.assertEqual({'default'}, self.assert_each_with_its_own())

    def test_many_at_once(self):
        with futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(self.lives_in, PROJECTS * 4))
        self.assertEqual(set(PROJECTS), self.assert_each_with_its_own())

    def test_projects_without_a_file_share_the_common_token(self):
        for project in ('bronze', 'iron'):
            self.lightos.create_project(project)
        self.driver = self.make_tenants_driver(
            lightos_jwt=self.lightos.admin_token)
        self.lightos.clear_records()
        for project in ('gold', 'bronze', 'iron'):
            self.lives_in(project)
        self.driver.get_volume_stats(refresh=True)
        self.assertEqual(
            {'gold': {'gold'}, 'bronze': {'system'}, 'iron': {'system'},
             'cluster': {'system'}}, self.senders())
        # Which may know what tenants may not.
        self.assertNotEqual('unknown', self.driver.get_volume_stats()[
            'total_capacity_gb'])

    def senders(self):
        """By project of the request: projects of the tokens it came with."""
        found = {}
        for request in self.lightos.requests():
            words = request['path'].split('/')
            about = words[4] if words[3] == 'projects' else 'cluster'
            found.setdefault(about, set()).add(request['project'])
        return found

    def test_a_project_added_later_needs_no_restart(self):
        self.lightos.create_project('bronze')
        text = self.refused('bronze')
        for word in ('bronze', self.tokens, 'lightos_jwt_dir',
                     '<project>.jwt'):
            self.assertIn(word, text)
        self.assertEqual([], self.calls())
        self.put('bronze')
        self.lives_in('bronze')
        self.assert_each_with_its_own()

    def test_no_token_is_logged(self):
        held = [self.put(project) for project in PROJECTS]
        with self.assertLogs(level='DEBUG') as everywhere:
            with self.assertLogs('lightos_cinder', 'DEBUG') as ours:
                self.driver = self.make_tenants_driver()
                for project in PROJECTS:
                    self.lives_in(project)
                kid = self.add_credential('gold', 'second')
                held.append(self.put('gold', kid=kid))
                self.lives_in('gold')
                self.drop_credential('silver')
                said = [self.refused('silver')]
                self.put('silver', 'not.a.token')
                self.driver.get_volume_stats(refresh=True)
        said = '\n'.join(said + everywhere.output + ours.output)
        self.assertIn('/projects/gold/volumes', said)
        for token in held:
            for part in token.split('.')[1:]:
                self.assertNotIn(part, said)


@ddt.ddt
class RotationTestCase(TenancyTestCase):
    """Tokens are replaced while the driver runs."""

    def rotate(self, project, put):
        kid = self.add_credential(project, 'second')
        put(project, self.lightos.token(project, kid=kid,
                                        lifetime=30 * DAY) + '\n')
        self.drop_credential(project)

    @ddt.data('put', 'write')
    def test_a_file_replaced_or_written_anew(self, how):
        """Defect 31: a new token needed a restart."""
        volume = self.created(type_in('gold'))
        self.rotate('gold', getattr(self, how))
        self.driver.extend_volume(volume, 2)
        self.driver.delete_volume(volume)
        for project in PROJECTS:
            self.lives_in(project)
        self.assertNotIn(401, [one['status'] for one
                               in self.lightos.requests()])
        self.assert_each_with_its_own()

    @ddt.data('GET', 'POST', 'PUT', 'DELETE')
    def test_a_request_under_way_is_sent_again(self, method):
        """The cluster refuses it with 401 and so has not done it."""
        self.driver = self.make_tenants_driver(
            lightos_operation_timeout=60, lightos_api_service_timeout=30)
        volume = self.created(type_in('gold'))
        self.lightos.clear_records()
        fault = self.lightos.add_fault(
            kind='delay', seconds=30, method=method, times=1,
            path='/projects/gold/volumes')
        done = {'GET': lambda: self.driver.extend_volume(volume, 1),
                'POST': lambda: self.created(type_in('gold')),
                'PUT': lambda: self.driver.extend_volume(volume, 3),
                'DELETE': lambda: self.driver.delete_volume(volume)}[method]
        with futures.ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(done)
            while not self.lightos.faults()[0]['hits']:
                time.sleep(0.01)
            self.rotate('gold', self.put)
            self.lightos.clear_faults(fault)
            under_way.result()
        changes = [(one['method'], one['status'])
                   for one in self.lightos.requests()
                   if '/volumes' in one['path'] and one['method'] == method]
        self.assertEqual([(method, 401), (method, 200)], changes[:2])
        self.assertEqual(1, [status for _method, status
                             in changes].count(401))
        if method != 'GET':
            self.assertEqual(2, len(changes))

    def test_a_token_that_was_revoked_is_refused_once_and_loudly(self):
        """Defect 29: what is refused for good is asked once."""
        volume = self.created(type_in('gold'))
        self.drop_credential('gold')
        self.lightos.clear_records()
        text = self.refused('gold')
        self.assertEqual([401], [one['status'] for one
                                 in self.lightos.requests()])
        for word in ('token in ' + self.path('gold'), 'credential',
                     'LightOS project gold'):
            self.assertIn(word, text)
        # Defect 1: nothing is taken for deleted because of it.
        with self.assertRaises(exception.VolumeBackendAPIException):
            self.driver.delete_volume(volume)
        self.on_cluster(volume, 'gold')
        # The others' volumes are not concerned.
        self.lives_in('silver')
        self.assertEqual('up', self.driver.get_volume_stats(
            refresh=True)['backend_state'])
        self.rotate_again('gold')
        self.driver.delete_volume(volume)

    def rotate_again(self, project):
        self.lightos.create_project(project)
        self.put(project)

    def test_one_tenants_revoked_token_costs_nobody_else_the_backend(self):
        """That of the project default is taken first."""
        self.drop_credential('default')
        for _ in range(2):
            self.assertEqual('up', self.driver.get_volume_stats(
                refresh=True)['backend_state'])
        self.driver = self.make_tenants_driver()
        self.lives_in('gold')
        self.assertIn(self.path('default'), self.refused('default'))

    @ddt.data('', 'half of a tok')
    def test_a_file_half_written_stops_nobody(self, half):
        token = self.lightos.token('gold', lifetime=30 * DAY)
        self.write('gold', half)
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            self.lives_in('gold')
            self.lives_in('gold')
        self.assertEqual(1, len(logs.output))
        self.assertIn(self.path('gold'), logs.output[0])
        self.assertIn('stays in use', logs.output[0])
        self.write('gold', token)
        self.lives_in('gold')

    def test_a_file_that_went_while_half_written_is_told_with_the_error(self):
        self.write('gold', 'half of a tok')
        self.drop_credential('gold')
        with self.assertLogs('lightos_cinder', 'WARNING'):
            text = self.refused('gold')
        self.assertIn('%s (the file cannot be used any more'
                      % self.path('gold'), text)

    def test_a_file_taken_away_is_not_used_any_more(self):
        self.lives_in('gold')
        os.remove(self.path('gold'))
        self.lightos.clear_records()
        self.assertIn('no token for LightOS project gold',
                      self.refused('gold'))
        self.assertEqual([], self.calls())

    def test_rotation_while_many_work(self):
        """Each request has the old or the new token; none is lost."""
        self.driver = self.make_tenants_driver(lightos_operation_timeout=60)
        stop = threading.Event()
        rounds = []

        def work(project):
            while not stop.is_set():
                self.lives_in(project)
                if project == 'gold':
                    rounds.append(project)

        with futures.ThreadPoolExecutor(4) as pool:
            working = [pool.submit(work, project)
                       for project in ('gold', 'gold', 'silver', 'default')]
            kid = 'gold:root'
            try:
                for number in range(5):
                    new = self.add_credential('gold', 'number-%d' % number)
                    self.put('gold', kid=new)
                    self.drop_credential('gold', kid.split(':')[1])
                    kid = new
                    # No request shall live to see two of them.
                    until = len(rounds) + 4
                    while len(rounds) < until and not any(
                            one.done() for one in working):
                        time.sleep(0.01)
            finally:
                stop.set()
            for one in working:
                one.result()
        # A look that is refused with 401 is followed by another at once.
        self.assertNotIn('token of another project', [
            one['reason'] for one in self.lightos.complaints()])


@ddt.ddt
class ExpiryTestCase(TenancyTestCase):

    @ddt.data('401', '403')
    def test_an_expired_token_is_named_with_its_file(self, status):
        """Defect 31: expiry showed as time-outs and as not found."""
        self.lightos.set_settings(expired_token=status)
        token = self.put('gold', lifetime=DAY)
        volume = self.created(type_in('gold'))
        with self.later(2 * DAY) as now:
            day = (now - datetime.timedelta(days=1)).date()
            text = self.refused('gold')
            self.assertIn('token in %s (it expired at %s'
                          % (self.path('gold'), day), text)
            self.assertNotIn(token, text)
            with self.assertRaisesRegex(
                    exception.VolumeBackendAPIException, 'it expired at'):
                self.driver.delete_volume(volume)
            self.lives_in('silver')
            with self.assertLogs('lightos_cinder', 'WARNING') as logs:
                for _ in range(3):
                    stats = self.driver.get_volume_stats(refresh=True)
                    self.assertEqual('up', stats['backend_state'])
            self.assertEqual(1, len(logs.output))
            self.assertRegex(logs.output[0], 'ERROR.*%s.*it expired at %s'
                             % (self.path('gold'), day))
            # A new one is all that it takes.
            self.put('gold')
            self.driver.delete_volume(volume)

    @ddt.data('401', '403')
    def test_that_of_default_expires(self, status):
        self.lightos.set_settings(expired_token=status)
        self.put('default', lifetime=DAY)
        with self.later(2 * DAY):
            self.lightos.clear_records()
            with self.assertLogs('lightos_cinder', 'ERROR'):
                stats = self.driver.get_volume_stats(refresh=True)
            self.assertEqual('up', stats['backend_state'])
            self.assertEqual({'gold'}, {one['project'] for one
                                        in self.lightos.requests()})

    @ddt.data('401', '403')
    def test_the_common_token_expires(self, status):
        self.lightos.set_settings(expired_token=status)
        self.driver = self.make_tenants_driver(
            lightos_jwt_dir=None,
            lightos_jwt=self.lightos.token('gold', lifetime=10 * DAY))
        with self.later(11 * DAY):
            self.assertRegex(self.refused('gold'),
                             r'token in lightos_jwt \(it expired at 2')
            with self.assertLogs('lightos_cinder', 'ERROR') as logs:
                stats = self.driver.get_volume_stats(refresh=True)
            self.assertEqual('down', stats['backend_state'])
            self.assertIn('lightos_jwt cannot be used: it expired at',
                          logs.output[0])

    def test_a_week_before_it_is_a_warning(self):
        self.put('gold', lifetime=10 * DAY)

        def said():
            with self.assertLogs('lightos_cinder', 'INFO') as logs:
                self.driver.check_for_setup_error()
                for _ in range(3):
                    self.driver.get_volume_stats(refresh=True)
                    self.lives_in('gold')
            return [line for line in logs.output if 'INFO' not in line]

        self.assertEqual([], said())
        with self.later(3.5 * DAY) as now:
            lines = said()
            self.assertEqual(1, len(lines))
            self.assertRegex(
                lines[0], 'WARNING.*%s expires at %s' % (
                    self.path('gold'),
                    (now + datetime.timedelta(days=6.5)).date()))
            self.assertEqual([], said())
            self.put('gold', lifetime=5 * DAY)
            self.assertEqual(1, len(said()))
            self.put('gold')
            self.assertEqual([], said())


@ddt.ddt
class ClosedProjectTestCase(TenancyTestCase):
    """A volume type names a project that is not there or not ours."""

    def assert_told(self, project, token, text):
        for word in ('volume type lightstack-Test',
                     'LightOS project %s, which extra spec '
                     'lightos:project_name of the volume type names'
                     % project, 'token in ' + token, 'role'):
            self.assertIn(word, text)

    @ddt.data('403', '404')
    def test_a_project_that_is_not_there(self, status):
        """The administrator may get 404, tenants always get 403."""
        self.lightos.set_settings(unknown_project=status)
        for token in (self.lightos.admin_token, self.lightos.token('gold')):
            self.driver = self.make_tenants_driver(lightos_jwt=token)
            self.assert_told('nowhere', 'lightos_jwt',
                             self.refused('nowhere'))

    def test_a_project_that_was_deleted(self):
        """The cluster has forgotten the key of its tokens, too."""
        self.as_admin('DELETE', '/projects/silver')
        self.assert_told('silver', self.path('silver'),
                         self.refused('silver'))

    @ddt.data({'roles': []}, {'roles': ['gold:admin']}, {'role': 'viewer'})
    def test_a_project_that_is_closed_to_us(self, claims):
        self.put('silver', **claims)
        self.assert_told('silver', self.path('silver'),
                         self.refused('silver'))
        self.assertEqual([], self.lightos.volumes('silver'))

    def test_a_token_of_another_project_in_the_file(self):
        """It is sent, for the file says so, and the cluster refuses it."""
        self.put('silver', self.lightos.token('gold', lifetime=30 * DAY))
        self.assert_told('silver', self.path('silver'),
                         self.refused('silver'))


class ManageableTestCase(TenancyTestCase, database.DatabaseTestCase):

    def test_one_tenants_trouble_is_not_that_of_the_others(self):
        volumes = {}
        for project in PROJECTS:
            volumes[project] = self.created(type_in(project))
            self.type(project, type_in(project))
        self.type('bronze', type_in('bronze'))
        self.drop_credential('silver')
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            found = self.driver.get_manageable_volumes(
                [], None, 1000, 0, ['size'], ['asc'])
        self.assertEqual(
            {volumes[project].provider_id.split()[1]
             for project in ('gold', 'default')},
            {one['reference']['source-id'] for one in found})
        self.assertEqual(2, len(logs.output))
        said = '\n'.join(logs.output)
        for word in ('project bronze', 'lightos_jwt_dir',
                     self.path('silver')):
            self.assertIn(word, said)
        self.assert_each_with_its_own()


@ddt.ddt
class StartTestCase(TenancyTestCase):

    def not_started(self, **options):
        options = dict({'lightos_jwt': None, 'lightos_jwt_dir': self.tokens},
                       **options)
        driver = self.bare_driver(**options)
        with self.assertRaises(exception.InvalidConfigurationValue) as caught:
            driver.do_setup(self.context)
        self.assertEqual([], self.calls())
        return str(caught.exception)

    def warnings_of(self, **options):
        with self.assertLogs('lightos_cinder', 'INFO') as logs:
            self.driver = self.make_tenants_driver(**options)
            self.driver.get_volume_stats(refresh=True)
        return [line for line in logs.output if 'INFO' not in line]

    def test_a_directory_as_it_should_be_warns_of_nothing(self):
        self.assertEqual([], self.warnings_of())

    def test_a_directory_that_is_not_there(self):
        text = self.not_started(lightos_jwt_dir=self.folder + '/none')
        self.assertIn('lightos_jwt_dir is %s/none' % self.folder, text)

    def test_a_directory_without_a_token(self):
        empty = os.path.join(self.folder, 'empty')
        os.mkdir(empty)
        text = self.not_started(lightos_jwt_dir=empty)
        self.assertIn('lightos_jwt_dir is %s' % empty, text)
        self.assertIn('there is no file named <project>.jwt', text)
        self.make_driver(lightos_jwt_dir=empty)

    def test_a_file_that_is_no_token(self):
        self.write('gold', 'no token')
        text = self.not_started()
        self.assertIn('lightos_jwt_dir', text)
        self.assertIn(self.path('gold'), text)
        self.assertNotIn('no token', text)

    def test_one_expired_token_does_not_stop_the_others(self):
        self.put('gold', lifetime=-DAY)
        lines = self.warnings_of()
        self.assertEqual(1, len(lines))
        self.assertRegex(lines[0], 'ERROR.*%s.*expired'
                         % self.path('gold'))
        self.lives_in('silver')

    def test_expired_tokens_only(self):
        for project in PROJECTS:
            self.put(project, lifetime=-DAY)
        text = self.not_started()
        for project in PROJECTS:
            self.assertIn(self.path(project), text)
        self.assertIn('expired at', text)

    def test_what_everybody_may_read_is_one_warning(self):
        os.chmod(self.tokens, 0o755)
        for project in TENANTS:
            os.chmod(self.path(project), 0o644)
        lines = self.warnings_of()
        self.assertEqual(1, len(lines))
        for path in (self.tokens, self.path('gold'), self.path('silver')):
            self.assertIn(path, lines[0])
        self.assertNotIn(self.path('default'), lines[0])

    def test_names_of_no_project_are_one_warning(self):
        for name in ('Gold', 'gold_2', '-'):
            with open(self.path(name), 'w') as file:
                file.write('no token')
        lines = self.warnings_of()
        self.assertEqual(1, len(lines))
        for name in ('Gold.jwt', 'gold_2.jwt', '-.jwt'):
            self.assertIn(name, lines[0])

    @ddt.data((('default', 'gold'), 'default'), (('silver', 'gold'), 'gold'))
    @ddt.unpack
    def test_whose_token_asks_about_the_cluster(self, projects, expected):
        for project in PROJECTS:
            if project not in projects:
                os.remove(self.path(project))
        self.make_tenants_driver()
        self.assertEqual([expected], [one['project'] for one
                                      in self.lightos.requests()])
