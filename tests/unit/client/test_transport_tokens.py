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

import logging
import os
import tempfile

import ddt

from lightos_cinder.client import errors
from tests.unit.client import scripted
from tests.unit.client import token_files

A = scripted.A
B = scripted.B
C = scripted.C
Reply = scripted.Reply

METHODS = ('GET', 'POST', 'PUT', 'DELETE')


class TokenFilesTestCase(scripted.TransportTestCase):
    """A transport whose tokens are in files, which tests replace."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for project in ('default', 'gold', 'silver'):
            self.put(project)
        self.transport = self.make(token=None, directory=self.folder)

    def text(self, owner):
        return token_files.token(owner, token_files.moment(
            self.clock.wall(), 30))

    def put(self, project, owner=None):
        return token_files.put(self.folder, project,
                               self.text(owner or project))

    def tokens_sent(self):
        return [request.headers['Authorization']
                for request in self.adapter.requests]

    def assert_sent(self, *owners):
        self.assertEqual(['Bearer ' + self.text(owner) for owner in owners],
                         self.tokens_sent())


class ProjectTest(TokenFilesTestCase):

    def test_each_request_bears_the_token_of_its_project(self):
        for project in ('gold', 'silver', 'default', None):
            self.request(project=project)
        self.assert_sent('gold', 'silver', 'default', 'default')

    def test_without_a_token_nothing_is_sent(self):
        with self.assertRaises(errors.NoToken) as caught:
            self.request(project='bronze')
        self.assertIn('bronze', str(caught.exception))
        self.assertEqual([], self.adapter.requests)
        self.assertEqual([], self.clock.pauses)

    def test_without_a_token_no_connection_is_lost(self):
        self.transport = self.make(token=None, directory=self.folder,
                                   pool_size=1)
        for _ in range(3):
            self.assertRaises(errors.NoToken, self.request, project='bronze')
        self.request(project='gold')


@ddt.ddt
class RefusedTest(TokenFilesTestCase):
    """The cluster answers with 401."""

    def replace(self, owner='new'):
        """A reply of 401; by then there is another token in the file."""
        def reply():
            self.put('gold', owner)
            return Reply(401, {'message': 'token is expired'})

        return reply

    @ddt.data(*METHODS)
    def test_it_is_sent_again_with_the_token_in_its_place(self, method):
        """Nothing was done for somebody whom the cluster did not know."""
        self.adapter.tell(A, self.replace(), Reply(body={'done': 'yes'}))
        self.assertEqual({'done': 'yes'}, self.request(method,
                                                       project='gold'))
        self.assert_sent('gold', 'new')
        self.assertEqual([A, A], self.adapter.asked())

    def test_it_is_sent_again_as_it_was(self):
        self.adapter.tell(A, self.replace(), Reply())
        self.request('PUT', project='gold', query={'a': 'b'},
                     body={'size': '4096'}, etag='7')
        first, second = self.adapter.requests
        self.assertEqual(
            (first.method, first.url, first.body, first.headers['If-Match']),
            (second.method, second.url, second.body,
             second.headers['If-Match']))

    @ddt.data(*METHODS)
    def test_the_same_token_is_not_sent_again(self, method):
        """Defect 29: what is refused for good is asked once."""
        self.adapter.tell(A, Reply(401))
        with self.assertRaises(errors.Unauthenticated) as caught:
            self.request(method, project='gold')
        self.assert_sent('gold')
        self.assertEqual([], self.clock.pauses)
        self.assertEqual(token_files.path(self.folder, 'gold'),
                         caught.exception.credential)

    @ddt.data(*METHODS)
    def test_another_is_tried_once_only(self, method):
        self.adapter.tell(A, self.replace('new'), self.replace('newer'),
                          self.replace('newest'))
        self.assertRaises(errors.Unauthenticated, self.request, method,
                          project='gold')
        self.assert_sent('gold', 'new')

    @ddt.data(Reply(403), Reply(404), Reply(400))
    def test_no_other_refusal_is_a_reason(self, reply):
        def outcome():
            self.put('gold', 'new')
            return reply

        self.adapter.tell(A, outcome)
        self.assertRaises(errors.ApiError, self.request, project='gold')
        self.assert_sent('gold')

    def test_what_comes_of_it_is_as_if_it_was_the_first(self):
        self.adapter.tell(A, self.replace(), scripted.reset())
        self.assertRaises(errors.ReplyLost, self.request, 'PUT',
                          project='gold')
        self.adapter.requests.clear()
        self.adapter.tell(B, self.replace('newer'), scripted.refused())
        self.request('PUT', project='gold')
        self.assert_sent('new', 'newer', 'newer')
        self.assertEqual([B, B, C], self.adapter.asked())

    def test_a_call_in_no_project_goes_on_with_the_next_token(self):
        """A tenant's token that was revoked is that tenant's trouble."""
        self.adapter.tell(A, Reply(401), Reply())
        self.request()
        self.request()
        self.assert_sent('default', 'gold', 'gold')

    def test_a_file_that_was_taken_away(self):
        def outcome():
            os.remove(token_files.path(self.folder, 'gold'))
            return Reply(401)

        self.adapter.tell(A, outcome)
        self.assertRaises(errors.NoToken, self.request, project='gold')
        self.assert_sent('gold')

    def test_since_when_it_has_expired_is_told(self):
        self.clock.advance(31 * token_files.DAY)
        self.adapter.tell(A, Reply(401))
        with self.assertRaises(errors.Unauthenticated) as caught:
            self.request(project='gold')
        self.assertRegex(caught.exception.credential,
                         r'/gold\.jwt \(it expired at 2026-07-01T')

    def test_no_token_is_told(self):
        self.adapter.tell(A, self.replace(), Reply(401))
        with self.assertLogs(level=logging.DEBUG) as logs:
            with self.assertRaises(errors.Unauthenticated) as caught:
                self.request(project='gold')
        said = '\n'.join(logs.output + [str(caught.exception),
                                        repr(vars(caught.exception))])
        self.assertIn('/gold.jwt', said)
        for owner in ('gold', 'new'):
            for part in self.text(owner).split('.')[1:]:
                self.assertNotIn(part, said)
