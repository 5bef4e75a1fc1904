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

import unittest

import ddt

from lightos_cinder.client import errors

ETAG_MISMATCH = ('rpc error: code = FailedPrecondition desc = '
                 'ETag mismatch, expected 4')


def body(code, message='the words of the cluster'):
    return {'error': message, 'code': code, 'message': message}


@ddt.ddt
class FromReplyTest(unittest.TestCase):

    @ddt.data(
        (400, body(3), 'PUT', errors.BadRequest),
        (400, body(9), 'PUT', errors.PreconditionFailed),
        (400, body(11), 'PUT', errors.BadRequest),
        (400, 'no JSON', 'PUT', errors.BadRequest),
        (302, '', 'GET', errors.BadRequest),
        (405, 'Method Not Allowed', 'GET', errors.BadRequest),
        (401, body(16), 'GET', errors.Unauthenticated),
        (403, body(7), 'GET', errors.Forbidden),
        (404, body(5), 'GET', errors.NotFound),
        (404, 'Not Found', 'GET', errors.NotFound),
        (408, body(1), 'PUT', errors.ServerError),
        (409, body(6), 'POST', errors.AlreadyExists),
        (409, body(6), 'PUT', errors.AlreadyExists),
        (409, {}, 'POST', errors.AlreadyExists),
        (409, {}, 'PUT', errors.Busy),
        (409, {}, 'DELETE', errors.Busy),
        (409, body(10), 'POST', errors.Busy),
        (409, body(10), 'PUT', errors.Busy),
        (412, body(9), 'PUT', errors.PreconditionFailed),
        (412, '', 'DELETE', errors.PreconditionFailed),
        (429, body(8), 'POST', errors.Busy),
        (500, body(13), 'PUT', errors.ServerError),
        (500, body(13, ETAG_MISMATCH), 'PUT', errors.PreconditionFailed),
        (500, ETAG_MISMATCH, 'PUT', errors.PreconditionFailed),
        (500, body(9), 'DELETE', errors.PreconditionFailed),
        (501, body(12), 'GET', errors.Unimplemented),
        (502, '<html>Bad Gateway</html>', 'PUT', errors.ServerError),
        (503, body(14), 'PUT', errors.Busy),
        (504, body(4), 'PUT', errors.ServerError),
        (599, '', 'GET', errors.ServerError),
    )
    @ddt.unpack
    def test_status_code_and_text_tell_the_kind(self, status, content,
                                                method, kind):
        """Defect 1: only 404 is "not found"."""
        self.assertIs(kind, type(errors.from_reply(status, content, method,
                                                   '/api/v2/x')))

    @ddt.data({}, {'message': 3, 'code': 'x'}, {'code': None}, [], [1], None,
              '', 'text', 3)
    def test_any_body_makes_an_error(self, content):
        """Defect 13: a body that is not as expected is no crash."""
        error = errors.from_reply(500, content, 'GET', '/api/v2/x')
        self.assertIs(errors.ServerError, type(error))
        self.assertIsNone(error.code)

    def test_the_error_says_what_was_asked_and_what_was_answered(self):
        error = errors.from_reply(400, body(3), 'PUT', '/api/v2/x')
        for text in ('PUT', '/api/v2/x', '400', 'code 3',
                     'the words of the cluster'):
            self.assertIn(text, str(error))

    def test_the_other_field_for_the_message_serves_too(self):
        error = errors.from_reply(400, {'error': 'so'}, 'PUT', '/api/v2/x')
        self.assertEqual('so', error.message)

    @ddt.data(str, lambda text: {'message': text},
              lambda text: {'message': [text], 'error': text})
    def test_a_page_of_text_becomes_one_short_line(self, form):
        error = errors.from_reply(
            502, form('<html>\n  <p>Bad</p>\n' * 100), 'GET', '/api/v2/x')
        self.assertTrue(error.message.startswith('<html> <p>Bad</p>'))
        self.assertNotIn('\n', str(error))
        self.assertLess(len(str(error)), 600)


@ddt.ddt
class OutcomeTest(unittest.TestCase):

    @ddt.data(
        (errors.InvalidRequest, errors.Outcome.REFUSED),
        (errors.Unreachable, errors.Outcome.NOT_SENT),
        (errors.Untrusted, errors.Outcome.REFUSED),
        (errors.ReplyLost, errors.Outcome.UNKNOWN),
        (errors.DeadlineExceeded, errors.Outcome.UNKNOWN),
        (errors.BadRequest, errors.Outcome.REFUSED),
        (errors.Unauthenticated, errors.Outcome.REFUSED),
        (errors.Forbidden, errors.Outcome.REFUSED),
        (errors.NotFound, errors.Outcome.REFUSED),
        (errors.AlreadyExists, errors.Outcome.REFUSED),
        (errors.Busy, errors.Outcome.REFUSED_FOR_NOW),
        (errors.PreconditionFailed, errors.Outcome.REFUSED_FOR_NOW),
        (errors.Unimplemented, errors.Outcome.REFUSED),
        (errors.ServerError, errors.Outcome.UNKNOWN),
    )
    @ddt.unpack
    def test_each_kind_tells_what_is_known_of_the_request(self, kind,
                                                          outcome):
        self.assertIs(outcome, kind.outcome)
        self.assertTrue(issubclass(kind, errors.LightOSError))

    def test_a_new_kind_is_taken_for_unknown_until_it_says_otherwise(self):
        self.assertIs(errors.Outcome.UNKNOWN, errors.LightOSError.outcome)

    def test_not_to_be_trusted_is_a_way_of_not_being_reached(self):
        self.assertTrue(issubclass(errors.Untrusted, errors.Unreachable))


class TextTest(unittest.TestCase):

    def test_unreachable_names_every_endpoint_and_why(self):
        error = errors.Unreachable({'10.0.0.1:443': 'refused',
                                    '[::1]:443': 'timed out'})
        self.assertIn('10.0.0.1:443: refused', str(error))
        self.assertIn('[::1]:443: timed out', str(error))

    def test_a_lost_reply_says_that_the_outcome_is_unknown(self):
        error = errors.ReplyLost('POST', '/api/v2/x', '10.0.0.1:443',
                                 'reset')
        for text in ('POST /api/v2/x', '10.0.0.1:443', 'unknown', 'reset'):
            self.assertIn(text, str(error))

    def test_time_up_says_what_was_seen_last(self):
        self.assertIn('last seen: Updating',
                      str(errors.DeadlineExceeded('it', 'Updating')))
        self.assertNotIn('last seen', str(errors.DeadlineExceeded('it')))
