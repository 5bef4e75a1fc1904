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

from concurrent import futures
import os
import tempfile
import unittest
from unittest import mock

import ddt

from lightos_cinder.client import credentials
from lightos_cinder.client import errors
from lightos_cinder.client import tokens
from tests.unit.client import token_files
from tests.unit import fake_clock


class CredentialsTestCase(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        token_files.keep_quiet(self)

    def text(self, owner, days=20):
        """A token that expires in so many days."""
        return token_files.token(owner, token_files.moment(
            self.clock.wall(), days))

    def put(self, project, days=20, owner=None, **options):
        """Put a token into a file.

        :param owner: who is told by the token, if not the project
        """
        return token_files.put(self.folder, project,
                               self.text(owner or project, days), **options)

    def make(self, common=None, directory=True):
        if common:
            common = tokens.Token.parse(common, 'lightos_jwt')
        return credentials.Credentials(
            common, self.folder if directory else None, self.clock)

    def assert_no_token(self, held, project, *texts):
        with self.assertRaises(errors.NoToken) as caught:
            held.token(project)
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def said(self, call, level='INFO'):
        """What is logged: lines with their levels."""
        with self.assertLogs('lightos_cinder', level) as logs:
            call()
        return logs.output


class HeldTest(CredentialsTestCase):

    def test_all_tokens(self):
        self.put('gold')
        self.put('acme', days=-1)
        self.assertEqual(
            ['lightos_jwt', token_files.path(self.folder, 'acme'),
             token_files.path(self.folder, 'gold')],
            [one.source for one in self.make(self.text('all')).held()])
        self.assertEqual([], self.make(directory=False).held())

    def test_a_directory_that_is_gone(self):
        held = self.make(self.text('all'))
        os.rmdir(self.folder)
        self.assertEqual(['lightos_jwt'],
                         [one.source for one in held.held()])
        os.mkdir(self.folder)


@ddt.ddt
class CommonTest(CredentialsTestCase):
    """No directory: one token or none for everything."""

    @ddt.data('default', 'gold', None, '../gold', '')
    def test_one_token_serves_every_project(self, project):
        text = self.text('common')
        held = self.make(text, directory=False)
        held.check()
        self.assertEqual(text, held.token(project).text)

    @ddt.data('default', None)
    def test_a_cluster_without_tenants_needs_none(self, project):
        held = self.make(directory=False)
        held.check()
        held.review()
        self.assertIsNone(held.token(project))
        self.assertIsNone(held.another(project, None))
        self.assertIsNone(held.describe(None))

    def test_there_is_no_other_after_a_refusal(self):
        held = self.make(self.text('common'), directory=False)
        self.assertIsNone(held.another('gold', held.token('gold')))

    def test_is_never_shown(self):
        text = self.text('common')
        held = self.make(text)
        for shown in (repr(held), str(held), '%s' % [held],
                      held.describe(held.token('gold'))):
            self.assertNotIn(text, shown)


@ddt.ddt
class DirectoryTest(CredentialsTestCase):

    def test_each_project_has_its_own(self):
        for project in ('gold', 'silver', 'a.b-c'):
            self.put(project)
        held = self.make()
        held.check()
        for project in ('gold', 'silver', 'a.b-c'):
            token = held.token(project)
            self.assertEqual(self.text(project), token.text)
            self.assertEqual(token_files.path(self.folder, project),
                             token.source)

    def test_a_file_serves_no_other_project(self):
        """Whatever the project is called, and whichever files are there."""
        self.put('gold')
        self.put('default')
        held = self.make()
        for project in ('silver', 'GOLD', 'gold.jwt', 'gol', 'gold2'):
            self.assert_no_token(held, project, project, self.folder)

    @ddt.data('../gold', 'x/../gold', '/gold', '', '.', '..', 'gold\0',
              'gold/', './gold')
    def test_no_name_leads_out_of_the_directory_or_around_in_it(self, name):
        """Defect 32: nothing in a name leads to another path."""
        inner = os.path.join(self.folder, 'inner')
        os.mkdir(inner)
        self.put('gold')
        token_files.put(inner, 'gold', self.text('inner'))
        self.folder = inner
        self.assert_no_token(self.make(), name)
        self.assertEqual(self.text('common'),
                         self.make(self.text('common')).token(name).text)

    def test_the_common_one_serves_projects_without_a_file(self):
        self.put('gold')
        held = self.make(self.text('common'))
        held.check()
        self.assertEqual(self.text('gold'), held.token('gold').text)
        for project in ('silver', None):
            self.assertEqual(self.text('common'), held.token(project).text)

    def test_a_new_file_is_found(self):
        self.put('gold')
        held = self.make(self.text('common'))
        held.token('silver')
        self.put('silver')
        self.assertEqual(self.text('silver'), held.token('silver').text)

    def test_a_file_taken_away_is_not_used_again(self):
        path = self.put('gold')
        held, shared = self.make(), self.make(self.text('common'))
        for one in (held, shared):
            one.token('gold')
        os.remove(path)
        self.assert_no_token(held, 'gold', 'gold')
        self.assertEqual(self.text('common'), shared.token('gold').text)

    def test_a_file_that_never_was_right_is_not_passed_over(self):
        """Somebody wanted another token than the common one."""
        self.put('default')
        held = self.make(self.text('common'))
        held.check()
        path = token_files.put(self.folder, 'gold', 'broken')
        self.assert_no_token(held, 'gold', path, 'JSON Web Token')

    def test_many_at_once_get_the_right_ones(self):
        projects = ['p%d' % number for number in range(8)]
        for project in projects:
            self.put(project)
        held = self.make()

        def ask(number):
            project = projects[number % len(projects)]
            self.put(project)
            return held.token(project).text == self.text(project)

        with futures.ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(ask, range(400))))


@ddt.ddt
class NoProjectTest(CredentialsTestCase):
    """Calls in no project, and no common token."""

    def chosen(self, held):
        return os.path.basename(held.token(None).source)

    @ddt.data((['gold', 'default', 'acme'], 'default.jwt'),
              (['silver', 'gold', 'zinc'], 'gold.jwt'))
    @ddt.unpack
    def test_default_first_and_then_by_name(self, projects, expected):
        for project in projects:
            self.put(project)
        self.assertEqual(expected, self.chosen(self.make()))

    def test_the_first_valid_one(self):
        self.put('default', days=-1)
        self.put('gold', days=-2)
        self.put('iron')
        self.put('silver')
        token_files.put(self.folder, 'aaa', 'broken')
        self.assertEqual('iron.jwt', self.chosen(self.make()))

    def test_one_that_expires_is_left(self):
        self.put('default', days=1)
        self.put('gold', days=3)
        held = self.make()
        self.assertEqual('default.jwt', self.chosen(held))
        self.clock.advance(2 * token_files.DAY)
        self.assertEqual('gold.jwt', self.chosen(held))
        self.clock.advance(2 * token_files.DAY)
        # None is valid: the cluster shall say so.
        self.assertEqual('default.jwt', self.chosen(held))

    def test_one_that_was_refused_is_left(self):
        """One tenant's token does not cost the others the backend."""
        for project in ('default', 'gold', 'silver'):
            self.put(project)
        held = self.make()
        refused = held.token('default')
        self.assertEqual(token_files.path(self.folder, 'gold'),
                         held.another(None, refused).source)
        self.assertEqual('gold.jwt', self.chosen(held))
        # But not for its own project, which has no other.
        self.assertEqual(refused, held.token('default'))
        self.put('default', owner='new')
        self.assertEqual('default.jwt', self.chosen(held))

    def test_none_that_is_left_if_all_were_refused(self):
        for project in ('default', 'gold'):
            self.put(project)
        held = self.make()
        for _ in range(3):
            held.another(None, held.token(None))
        self.assertEqual('default.jwt', self.chosen(held))

    def test_a_directory_without_any(self):
        self.assert_no_token(self.make(), None, self.folder)

    def test_a_directory_that_can_no_more_be_listed(self):
        self.put('gold')
        held = self.make()
        held.token(None)
        with mock.patch('os.listdir', autospec=True,
                        side_effect=PermissionError(13, 'No such luck')):
            self.assertEqual('gold.jwt', self.chosen(held))


class RefusedTest(CredentialsTestCase):
    """What comes after the cluster has refused a token."""

    def test_the_file_is_read_in_any_case(self):
        path = self.put('gold')
        held = self.make()
        refused = held.token('gold')
        status = os.stat(path)
        self.put('gold', owner='new')
        with mock.patch('os.stat', autospec=True,
                        return_value=status):
            self.assertEqual(refused, held.token('gold'))
            self.assertEqual(self.text('new'),
                             held.another('gold', refused).text)

    def test_the_same_again_is_no_other(self):
        self.put('gold')
        held = self.make()
        refused = held.token('gold')
        self.put('gold')
        self.assertIsNone(held.another('gold', refused))

    def test_another_thread_may_have_read_it_already(self):
        self.put('gold')
        held = self.make()
        refused = held.token('gold')
        self.put('gold', owner='new')
        held.token('gold')
        self.assertEqual(self.text('new'),
                         held.another('gold', refused).text)

    def test_never_the_one_of_another_project(self):
        self.put('default')
        self.put('gold')
        held = self.make(self.text('common'))
        self.assertIsNone(held.another('gold', held.token('gold')))

    def test_the_common_one_after_the_file_was_taken_away(self):
        path = self.put('gold')
        held, alone = self.make(self.text('common')), self.make()
        refused = held.token('gold')
        alone.token('gold')
        os.remove(path)
        self.assertEqual(self.text('common'),
                         held.another('gold', refused).text)
        self.assertRaises(errors.NoToken, alone.another, 'gold', refused)

    def test_what_is_wrong_with_it_is_told(self):
        path = self.put('gold', days=1)
        held = self.make()
        token = held.token('gold')
        self.assertEqual(path, held.describe(token))
        self.clock.advance(2 * token_files.DAY)
        self.assertEqual('%s (it expired at %s)' % (
            path, token.expiry.isoformat()), held.describe(token))
        token_files.put(self.folder, 'gold', 'half')
        held.token('gold')
        self.assertRegex(held.describe(token),
                         'expired at .*; the file cannot be used any more: '
                         'it is not a JSON Web Token')


class CheckTest(CredentialsTestCase):

    def assert_bad(self, held, *texts):
        with self.assertRaises(tokens.BadToken) as caught:
            held.check()
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def test_a_directory_that_is_not_there(self):
        os.rmdir(self.folder)
        try:
            for held in (self.make(), self.make(self.text('common'))):
                self.assertRaises(FileNotFoundError, held.check)
        finally:
            os.mkdir(self.folder)

    def test_an_empty_directory(self):
        for name in ('README', 'gold.jwt.new', 'No_Project.jwt', '.jwt'):
            with open(os.path.join(self.folder, name), 'w'):
                pass
        self.assert_bad(self.make(), '<project>.jwt')
        self.make(self.text('common')).check()

    def test_a_file_that_is_no_token(self):
        self.put('default')
        path = token_files.put(self.folder, 'gold', 'secret')
        for held in (self.make(), self.make(self.text('common'))):
            self.assert_bad(held, path, 'JSON Web Token')
            with self.assertRaises(tokens.BadToken) as caught:
                held.check()
            self.assertNotIn('secret', str(caught.exception))

    def test_one_expired_token_is_no_reason_to_stop(self):
        self.put('gold', days=-1)
        self.put('silver')
        self.make().check()

    def test_nothing_but_expired_tokens_is_one(self):
        gold, silver = self.put('gold', days=-1), self.put('silver', days=-1)
        self.assert_bad(self.make(), gold, silver, 'expired at 2026-05-31')
        self.make(self.text('common')).check()


@ddt.ddt
class ReviewTest(CredentialsTestCase):

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o700)

    def review(self, held):
        """Warnings and errors of one review; the next must say nothing."""
        said = self.said(held.review, 'WARNING')
        self.assert_quiet(held)
        return said

    def assert_quiet(self, held):
        with self.assertNoLogs('lightos_cinder', 'WARNING'):
            held.review()

    def test_where_all_is_well_nothing_is_said(self):
        self.put('gold', days=7.01)
        self.put('silver', days=365)
        token_files.put(self.folder, 'bronze', token_files.token('bronze'))
        self.assert_quiet(self.make(self.text('common')))

    def test_a_week_before_it_expires(self):
        path = self.put('gold', days=10)
        self.put('silver')
        held = self.make()
        self.assert_quiet(held)
        self.clock.advance(3 * token_files.DAY)
        said = self.review(held)
        self.assertEqual(1, len(said))
        self.assertIn('WARNING', said[0])
        self.assertIn(path, said[0])
        self.assertIn('2026-06-11T00:16:40+00:00', said[0])
        # Another is another, and one that lasts is the end of it.
        self.put('gold', days=2)
        self.assertEqual(1, len(self.review(held)))
        self.put('gold')
        self.assert_quiet(held)

    def test_the_common_one_is_looked_at_too(self):
        held = self.make(self.text('common', days=1), directory=False)
        said = self.review(held)
        self.assertEqual(1, len(said))
        self.assertIn('lightos_jwt', said[0])
        self.assertNotIn(self.text('common', days=1), said[0])

    def test_one_that_has_expired_is_an_error(self):
        path = self.put('gold', days=1)
        held = self.make()
        self.review(held)
        self.clock.advance(2 * token_files.DAY)
        said = self.review(held)
        self.assertEqual(1, len(said))
        self.assertIn('ERROR', said[0])
        self.assertIn(path, said[0])
        self.assertIn('expired at 2026-06-02', said[0])

    def test_a_file_that_broke_is_noticed_though_nobody_uses_it(self):
        self.put('gold')
        held = self.make()
        self.assert_quiet(held)
        path = token_files.put(self.folder, 'gold', 'half')
        said = self.review(held)
        self.assertEqual(1, len(said))
        self.assertIn(path, said[0])

    @ddt.data((0o600, 0o700, 0), (0o640, 0o750, 0), (0o600, 0o711, 0),
              (0o644, 0o700, 1), (0o600, 0o755, 1), (0o644, 0o755, 1))
    @ddt.unpack
    def test_what_everybody_may_read_is_one_warning(self, file_mode,
                                                    directory_mode, count):
        paths = [self.put(project, mode=file_mode)
                 for project in ('gold', 'silver')]
        os.chmod(self.folder, directory_mode)
        held = self.make()
        if not count:
            self.assert_quiet(held)
            return
        said = self.review(held)
        self.assertEqual(1, len(said))
        for path in paths:
            self.assertEqual(file_mode == 0o644, path in said[0])
        # Replaced in the same way: it has been said.
        self.put('gold', owner='new', mode=file_mode)
        self.assert_quiet(held)

    def test_names_of_no_project_are_one_warning(self):
        self.put('gold')
        for name in ('Gold.jwt', '-.jwt', '.gold.jwt', 'gold.jwt.bak',
                     'gold.txt', 'a' * 64 + '.jwt'):
            with open(os.path.join(self.folder, name), 'w'):
                pass
        held = self.make()
        held.check()
        said = self.review(held)
        self.assertEqual(1, len(said))
        for name in ('Gold.jwt', '-.jwt', '.gold.jwt', 'aaa.jwt'):
            self.assertIn(name, said[0])
        for name in ('gold.jwt.bak', 'gold.txt'):
            self.assertNotIn(name, said[0])

    def test_a_directory_that_cannot_be_listed_any_more(self):
        self.put('gold', days=1)
        held = self.make()
        self.review(held)
        with mock.patch('os.listdir', autospec=True,
                        side_effect=PermissionError(13, 'No such luck')):
            said = self.review(held)
            self.assertEqual(1, len(said))
            self.assertIn(self.folder, said[0])
            self.assertIn('No such luck', said[0])
            self.assertEqual(self.text('gold', 1), held.token('gold').text)
        self.assert_quiet(held)

    def test_a_file_that_goes_while_it_is_looked_at(self):
        path = self.put('gold', mode=0o644)
        os.symlink(path + '.gone', token_files.path(self.folder, 'silver'))
        self.assertEqual(1, len(self.review(self.make())))
