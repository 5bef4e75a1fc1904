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

import base64
import datetime
import json
import unittest

import ddt
import hypothesis
from hypothesis import strategies as st
import jwt

from lightos_cinder.client import credentials

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
KEY = 'a key that nobody verifies, 32 bytes or longer'


def token(**claims):
    return jwt.encode(claims, KEY, algorithm='HS256')


def odd_token(claims):
    """One that a careful library would not write."""
    header, _, signature = token().split('.')
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode())
    return '.'.join([header, payload.decode().rstrip('='), signature])


def seconds(moment):
    return int((NOW + datetime.timedelta(seconds=moment)).timestamp())


@ddt.ddt
class CredentialsTest(unittest.TestCase):

    def test_a_token_serves_every_project(self):
        text = token(roles=['system:cluster-admin'])
        held = credentials.Credentials(text)
        self.assertEqual(text, held.token('default'))
        self.assertEqual(text, held.token(None))

    def test_a_line_break_at_its_end_does_not_count(self):
        text = token()
        self.assertEqual(text,
                         credentials.Credentials(text + '\n').token('p'))

    @ddt.data(None, '')
    def test_a_cluster_without_tenants_needs_none(self, text):
        held = credentials.Credentials(text)
        held.check(NOW)
        self.assertIsNone(held.token('default'))

    def test_is_never_shown(self):
        text = token()
        held = credentials.Credentials(text)
        for shown in (repr(held), str(held), '%s' % [held]):
            self.assertNotIn(text, shown)

    @ddt.data({}, {'exp': seconds(1)}, {'exp': seconds(-59)},
              {'nbf': seconds(-1)}, {'nbf': seconds(60)}, {'exp': None},
              {'exp': seconds(3600), 'nbf': seconds(-3600)})
    def test_accepts_a_token_that_is_valid_now(self, claims):
        credentials.Credentials(token(**claims)).check(NOW)

    @ddt.data(
        ({'exp': seconds(-61)}, 'expired'),
        ({'exp': seconds(-60)}, 'expired'),
        ({'nbf': seconds(61)}, 'not valid before'),
        ({'exp': 'tomorrow'}, 'exp'),
        ({'exp': 1e300}, 'exp'),
        ({'nbf': [1]}, 'nbf'),
    )
    @ddt.unpack
    def test_refuses_one_that_no_cluster_accepts(self, claims, why):
        """Defect 31: an expired token is named, not met as time-outs."""
        text = odd_token(claims)
        with self.assertRaises(credentials.BadToken) as caught:
            credentials.Credentials(text).check(NOW)
        self.assertIn(why, str(caught.exception))
        self.assertNotIn(text, str(caught.exception))

    @ddt.data('secret', 'a.b.c', '/etc/lightos/jwt', 'Bearer x.y.z',
              'caf\xe9.b.c', '\u2028')
    def test_refuses_what_is_no_token_without_showing_it(self, text):
        with self.assertRaises(credentials.BadToken) as caught:
            credentials.Credentials(text).check(NOW)
        self.assertNotIn(text, str(caught.exception))
        self.assertTrue(caught.exception.__suppress_context__)

    @hypothesis.given(at=st.integers(1, len(token(a='x')) - 1),
                      white=st.sampled_from('\r\n\t '))
    def test_refuses_a_token_broken_over_lines(self, at, white):
        whole = token(a='x')
        held = credentials.Credentials(whole[:at] + white + whole[at:])
        self.assertRaises(credentials.BadToken, held.check, NOW)
