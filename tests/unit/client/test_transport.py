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

import http
import json
import logging
import os
import traceback
import unittest
from unittest import mock
import urllib.parse

import ddt
import hypothesis
from hypothesis import strategies as st

from lightos_cinder.client import endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import polling
from lightos_cinder.client import tls
from lightos_cinder.client import transport
from tests.unit.client import hostile
from tests.unit.client import scripted

Reply = scripted.Reply


class PathTest(unittest.TestCase):

    def test_segments_are_joined(self):
        self.assertEqual('/api/v2/projects/default/volumes',
                         transport.path('projects', 'default', 'volumes'))

    @hypothesis.given(st.lists(hostile.TEXT, min_size=1, max_size=4))
    def test_any_text_stays_one_segment_or_is_refused(self, segments):
        """Defect 32: nothing in a name leads to another path."""
        try:
            path = transport.path(*segments)
        except errors.InvalidRequest:
            self.assertFalse(all(map(hostile.is_plain, segments)))
            return
        self.assertTrue(all(map(hostile.is_plain, segments)))
        split = urllib.parse.urlsplit('https://host' + path)
        self.assertEqual(('', ''), (split.query, split.fragment))
        self.assertEqual(['', 'api', 'v2'] + segments,
                         split.path.split('/'))

    def test_what_is_not_plain_is_refused(self):
        """Defect 32: nothing in a name leads to another path."""
        for segment in ('', '.', '..', 'a/b', '%2e', 'a?b', 'a b', 'a\n',
                        '\ud800', 'a\udcff' * 9999):
            self.assertRaises(errors.InvalidRequest, transport.path,
                              'projects', segment, 'volumes')


@ddt.ddt
class RequestTest(scripted.TransportTestCase):

    def test_goes_to_the_path_with_the_query_encoded(self):
        """Defect 32: the query is encoded."""
        self.request(query={'name': 'a&b=c d', 'limit': '1000'})
        url = urllib.parse.urlsplit(self.adapter.requests[0].url)
        self.assertEqual('/api/v2/x', url.path)
        self.assertEqual({'name': ['a&b=c d'], 'limit': ['1000']},
                         urllib.parse.parse_qs(url.query))

    def test_carries_its_body_as_json(self):
        self.request('POST', body={'size': '4096'})
        sent = self.adapter.requests[0]
        self.assertEqual('application/json', sent.headers['Content-Type'])
        self.assertEqual({'size': '4096'}, json.loads(sent.body))

    def test_a_reading_has_no_body(self):
        self.request()
        self.assertIsNone(self.adapter.requests[0].body)

    def test_bears_the_token(self):
        self.request(project='default')
        headers = self.adapter.requests[0].headers
        self.assertEqual('Bearer ' + scripted.TOKEN,
                         headers['Authorization'])
        self.assertEqual('lightos-cinder/test', headers['User-Agent'])

    def test_bears_nothing_where_there_is_no_token(self):
        self.transport = self.make(token=None)
        self.request()
        self.assertNotIn('Authorization', self.adapter.requests[0].headers)

    @ddt.data('17', '0', '"quoted"', 'W/"odd, value"')
    def test_the_etag_is_sent_as_it_was_read(self, etag):
        self.request('PUT', body={}, etag=etag)
        self.assertEqual(etag, self.adapter.requests[0].headers['If-Match'])

    @ddt.data('', None)
    def test_no_etag_sends_no_condition(self, etag):
        self.request('PUT', body={}, etag=etag)
        self.assertNotIn('If-Match', self.adapter.requests[0].headers)

    @ddt.data(('10.0.0.1', 8080, 'https://10.0.0.1:8080/api/v2/x'),
              ('fd00::1', 8443, 'https://[fd00::1]:8443/api/v2/x'))
    @ddt.unpack
    def test_is_always_made_over_https(self, host, port, url):
        """Defect 44: whatever the port is."""
        endpoint = endpoints.Endpoint(host, port)
        self.seeds = (endpoint,)
        self.adapter.tell(endpoint, Reply())
        self.transport = self.make()
        self.request()
        self.assertEqual(url, self.adapter.requests[0].url)

    def test_no_single_request_outlasts_its_time_or_the_operation(self):
        self.request()
        self.clock.advance(90)
        self.request()
        self.clock.advance(7)
        self.request()
        self.clock.advance(50)
        self.request()
        self.assertEqual([(5, 30), (5, 10), (3, 3), (1, 1)],
                         [sent['timeout'] for sent in
                          self.adapter.sent_with])

    def test_a_cookie_is_never_sent_back(self):
        self.adapter.tell(scripted.A, Reply(headers={
            'Set-Cookie': 'session=1; Path=/'}))
        self.request()
        self.request()
        self.assertNotIn('Cookie', self.adapter.requests[1].headers)

    def test_a_redirection_is_not_followed(self):
        """Defect 33: the token goes nowhere that was not configured."""
        self.adapter.tell(scripted.A, Reply(
            302, headers={'Location': 'https://10.0.0.2/elsewhere'}))
        self.assertRaises(errors.BadRequest, self.request)
        self.assertEqual([scripted.A], self.adapter.asked())

    @ddt.data('https://[', '//', 'https://10.0.0.2:port/')
    def test_a_redirection_is_not_even_looked_at(self, location):
        self.adapter.tell(scripted.A, Reply(
            307, headers={'Location': location}))
        self.assertRaises(errors.BadRequest, self.request)

    @ddt.data('HTTPS_PROXY', 'ALL_PROXY', 'REQUESTS_CA_BUNDLE',
              'CURL_CA_BUNDLE')
    def test_the_environment_changes_nothing(self, name):
        """Defect 33: what is verified is what was configured."""
        self.transport = self.make(trust=tls.Trust(verify=True))
        with mock.patch.dict(os.environ, {name: 'http://127.0.0.1:9'}):
            self.request()
        sent = self.adapter.sent_with[0]
        self.assertIs(True, sent['verify'])
        self.assertFalse(sent['proxies'])

    def test_who_waits_for_a_free_connection_does_not_wait_for_ever(self):
        self.transport = self.make(pool_size=1)
        self.deadline = polling.Deadline(self.clock, 0)

        def while_it_is_taken(*args, **kwargs):
            with self.assertRaises(errors.Unreachable) as caught:
                self.request('POST')
            self.assertIn('no connection became free',
                          str(caught.exception))
            return Reply()

        self.adapter.tell(scripted.A, while_it_is_taken)
        self.request()
        self.adapter.tell(scripted.A, Reply())
        # It is free again, also after an error.
        self.request()

    @ddt.data(Reply(404), scripted.reset())
    def test_a_connection_is_free_again_after_an_error(self, outcome):
        self.transport = self.make(pool_size=1)
        self.adapter.tell(scripted.A, outcome)
        for _ in range(2):
            self.adapter.requests.clear()
            self.assertRaises(errors.LightOSError, self.request, 'PUT')
            self.assertEqual(1, len(self.adapter.requests))
            self.clock.advance(3600)
            self.adapter.tell(scripted.B, outcome)

    def test_closing_closes_the_pool(self):
        self.transport.close()
        self.assertTrue(self.adapter.closed)


@ddt.ddt
class ReplyTest(scripted.TransportTestCase):

    def test_a_json_object_is_the_reply(self):
        self.adapter.tell(scripted.A, Reply(body={'UUID': 'v1'}))
        self.assertEqual({'UUID': 'v1'}, self.request())

    @ddt.data(b'', b'[]', b'"text"', b'null', b'3', b'<html></html>',
              b'{"cut": ', b'\xff\xfe',
              b'[' * 100000)
    def test_success_without_an_object_has_an_unknown_outcome(self, body):
        """Defect 13: a body that is not as expected is no crash."""
        self.adapter.tell(scripted.A, Reply(body=body))
        with self.assertRaises(errors.ReplyLost) as caught:
            self.request('PUT')
        self.assertIn(str(scripted.A), str(caught.exception))

    @ddt.data((400, errors.BadRequest), (401, errors.Unauthenticated),
              (403, errors.Forbidden), (404, errors.NotFound),
              (501, errors.Unimplemented), (201, errors.BadRequest))
    @ddt.unpack
    def test_a_refusal_is_final_and_in_the_clusters_own_words(self, status,
                                                              kind):
        """Defect 29: what is refused for good is asked once."""
        self.adapter.tell(scripted.A, Reply(status, {'message': 'so it is'}))
        with self.assertRaises(kind) as caught:
            self.request()
        self.assertIn('so it is', str(caught.exception))
        self.assertEqual(1, len(self.adapter.requests))
        self.assertEqual([], self.clock.pauses)

    def test_a_page_of_text_is_an_error_too(self):
        """Defect 13: a 502 with HTML is no crash."""
        self.adapter.tell(scripted.A, Reply(502, b'<html>Bad Gateway</html>'))
        with self.assertRaises(errors.ServerError) as caught:
            self.request('PUT')
        self.assertIn('Bad Gateway', str(caught.exception))

    @ddt.data(
        (scripted.refused, errors.Unreachable, 'Connection refused'),
        (scripted.black_hole, errors.Unreachable, 'timed out'),
        (scripted.untrusted, errors.Untrusted, 'wrong certificate'),
        (scripted.no_reply, errors.ReplyLost, 'Read timed out'),
        (scripted.reset, errors.ReplyLost, 'reset by peer'),
        (scripted.cut_short, errors.ReplyLost, 'IncompleteRead'),
        (scripted.unforeseen, errors.ReplyLost, 'who knows'),
    )
    @ddt.unpack
    def test_a_failure_tells_whether_anything_was_sent(self, failure, kind,
                                                       reason):
        """Defect 26: "refused" and "no reply" are not the same."""
        for endpoint in self.seeds:
            self.adapter.tell(endpoint, failure())
        with self.assertRaises(errors.LightOSError) as caught:
            self.request('PUT')
        self.assertIs(kind, type(caught.exception))
        self.assertIn(reason, str(caught.exception))


@ddt.ddt
class SecretsTest(scripted.TransportTestCase):
    """Nothing that an operator may pass on holds the token."""

    def everything_said(self, **options):
        """Logs at the lowest level, and the error if there is one."""
        said = []
        with self.assertLogs(level=logging.DEBUG) as logs:
            try:
                self.request(**options)
            except errors.LightOSError as error:
                said += [str(error), repr(error), repr(vars(error))]
                seen = error
                while seen:
                    # As those do who collect crashes: with all variables.
                    said += traceback.TracebackException.from_exception(
                        seen, capture_locals=True).format(chain=False)
                    seen = seen.__cause__ or seen.__context__
        said += logs.output + [repr(self.transport)]
        return '\n'.join(said)

    @ddt.data(Reply(), Reply(401), Reply(500, b'text'), Reply(body=b''),
              scripted.refused(), scripted.no_reply(), scripted.reset(),
              scripted.untrusted(), scripted.unforeseen())
    def test_the_token_is_never_told(self, outcome):
        for endpoint in self.seeds:
            self.adapter.tell(endpoint, outcome)
        said = self.everything_said(method='PUT', body={'size': '4096'})
        self.assertIn('/api/v2/x', said)
        for part in scripted.TOKEN.split('.'):
            self.assertNotIn(part, said)

    def test_where_the_token_is_from_is_told(self):
        self.adapter.tell(scripted.A, Reply(403))
        with self.assertRaises(errors.Forbidden) as caught:
            self.request()
        self.assertEqual('lightos_jwt', caught.exception.credential)
        self.transport = self.make(token=None)
        with self.assertRaises(errors.Forbidden) as caught:
            self.request()
        self.assertIsNone(caught.exception.credential)

    def test_a_token_that_cannot_be_sent_is_not_told_either(self):
        self.transport = self.make(
            token=scripted.TOKEN.replace('.', '.\n', 1))
        said = self.everything_said(method='GET')
        self.assertIn('InvalidRequest', said)
        self.assertEqual([], self.clock.pauses)
        for part in scripted.TOKEN.split('.'):
            self.assertNotIn(part, said)

    def test_a_log_line_tells_request_status_and_duration(self):
        self.adapter.tell(scripted.A, Reply(takes=1.5))
        said = self.everything_said(query={'name': 'volume-1'})
        for text in ('GET https://10.0.0.1:443/api/v2/x', 'volume-1',
                     '%d' % http.HTTPStatus.OK, 'in 1.500 s'):
            self.assertIn(text, said)
