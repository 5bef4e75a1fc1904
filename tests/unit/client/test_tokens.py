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
import os
import tempfile
import unittest
from unittest import mock

import ddt
import hypothesis
from hypothesis import strategies as st

from lightos_cinder.client import tokens
from tests.unit.client import token_files

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)


def token(**claims):
    return token_files.token('somebody', **claims)


def odd_token(claims):
    """One that a careful library would not write."""
    header, _, signature = token().split('.')
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode())
    return '.'.join([header, payload.decode().rstrip('='), signature])


def seconds(moment):
    return int((NOW + datetime.timedelta(seconds=moment)).timestamp())


@ddt.ddt
class TokenTest(unittest.TestCase):

    @ddt.data('', '\n', '\r\n', ' \n\n')
    def test_a_line_break_at_its_end_does_not_count(self, end):
        text = token()
        self.assertEqual(text, tokens.Token.parse(text + end, 'x').text)

    @ddt.data((['a:admin', 'b:viewer'], ('a:admin', 'b:viewer')),
              (['a:admin', 5, None], ('a:admin',)),
              ('a:admin', ()), ({}, ()), (None, ()))
    @ddt.unpack
    def test_roles(self, claimed, roles):
        self.assertEqual(roles, tokens.Token.parse(
            token(roles=claimed), 'x').roles)

    def test_is_never_shown(self):
        text = token()
        held = tokens.Token.parse(text, 'lightos_jwt')
        for shown in (repr(held), str(held), '%s' % [held]):
            self.assertNotIn(text, shown)
            self.assertIn('lightos_jwt', shown)

    @ddt.data({}, {'exp': seconds(1)}, {'exp': seconds(-59)},
              {'nbf': seconds(-1)}, {'nbf': seconds(60)}, {'exp': None},
              {'exp': seconds(3600), 'nbf': seconds(-3600)})
    def test_accepts_a_token_that_is_valid_now(self, claims):
        held = tokens.Token.parse(token(**claims), 'x')
        held.check(NOW)
        self.assertIsNone(held.fault(NOW))

    @ddt.data(
        ({'exp': seconds(-61)}, 'expired at 2026-05-31T23:58:59+00:00'),
        ({'exp': seconds(-60)}, 'expired at 2026-05-31T23:59:00+00:00'),
        ({'nbf': seconds(61)}, 'not valid before 2026-06-01T00:01:01+00:00'),
        ({'exp': 'tomorrow'}, 'exp'),
        ({'exp': 1e300}, 'exp'),
        ({'nbf': [1]}, 'nbf'),
    )
    @ddt.unpack
    def test_refuses_one_that_no_cluster_accepts(self, claims, why):
        """Defect 31: an expired token is named, not met as time-outs."""
        text = odd_token(claims)
        with self.assertRaises(tokens.BadToken) as caught:
            tokens.Token.parse(text, 'x').check(NOW)
        self.assertIn(why, str(caught.exception))
        self.assertNotIn(text, str(caught.exception))

    @ddt.data('', 'secret', 'a.b.c', '/etc/lightos/jwt', 'Bearer x.y.z',
              'caf\xe9.b.c', '\u2028', '\0', '\ud800')
    def test_refuses_what_is_no_token_without_showing_it(self, text):
        with self.assertRaises(tokens.BadToken) as caught:
            tokens.Token.parse(text, 'x')
        self.assertEqual('it is not a JSON Web Token', str(caught.exception))
        self.assertIsNone(caught.exception.__context__)

    @ddt.data('\n', '\r\nX-Other: 1\r\n', ' ', '\t', '\0', '%', '"', '/',
              '\xa0', '\ud800')
    def test_refuses_what_the_decoder_would_pass_over(self, junk):
        text = token().replace('.', '.' + junk, 1)
        with self.assertRaises(tokens.BadToken) as caught:
            tokens.Token.parse(text, 'x')
        self.assertEqual('it is not a JSON Web Token', str(caught.exception))

    def test_refuses_one_that_no_parser_can_follow(self):
        header = token().split('.')[0]
        nested = base64.urlsafe_b64encode(b'[' * 30000).decode()
        self.assertRaises(tokens.BadToken, tokens.Token.parse,
                          '%s.%s.x' % (header, nested), 'x')

    @hypothesis.given(at=st.integers(1, len(token(a='x')) - 1),
                      white=st.sampled_from('\r\n\t '))
    def test_refuses_a_token_broken_over_lines(self, at, white):
        whole = token(a='x')
        self.assertRaises(tokens.BadToken, tokens.Token.parse,
                          whole[:at] + white + whole[at:], 'x')


@ddt.ddt
class TokenFileTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = token_files.path(self.folder, 'gold')
        self.file = tokens.TokenFile(self.path)

    def put(self, text):
        token_files.put(self.folder, 'gold', text)

    def read(self, **how):
        """The text of the token after another look."""
        self.file.refresh(**how)
        return self.file.token and self.file.token.text

    def read_with_warning(self):
        with self.assertLogs('lightos_cinder', 'WARNING') as logs:
            text = self.read()
        self.assertEqual(1, len(logs.output))
        self.assertIn(self.path, logs.output[0])
        return text, logs.output[0]

    def test_a_file_that_is_not_there(self):
        self.assertIsNone(self.read())
        self.assertFalse(self.file.exists)

    def test_a_file_with_a_token_and_a_line_break(self):
        self.put(token() + '\n')
        self.assertEqual(token(), self.read())
        self.assertEqual(self.path, self.file.token.source)
        self.assertTrue(self.file.exists)
        self.assertNotIn(token(), repr(self.file))

    def test_a_file_renamed_over_it(self):
        self.put(token(jti='1'))
        self.read()
        self.put(token(jti='2'))
        with self.assertLogs('lightos_cinder', 'INFO') as logs:
            self.assertEqual(token(jti='2'), self.read())
        self.assertIn(self.path, logs.output[0])

    def test_a_file_written_anew(self):
        self.put(token(jti='1'))
        self.read()
        token_files.write(self.path, token(jti='2'))
        self.assertEqual(token(jti='2'), self.read())

    def test_a_link_that_is_turned(self):
        """As Kubernetes does with secrets that it mounts."""
        for name in ('1', '2'):
            token_files.put(self.folder, name, token(jti=name))
        os.symlink(token_files.path(self.folder, '1'), self.path)
        self.assertEqual(token(jti='1'), self.read())
        os.symlink(token_files.path(self.folder, '2'), self.path + '.new')
        os.rename(self.path + '.new', self.path)
        self.assertEqual(token(jti='2'), self.read())

    def test_is_not_read_unless_it_changed(self):
        self.put(token())
        self.read()
        with mock.patch('builtins.open', autospec=True) as opened:
            self.assertEqual(token(), self.read())
            opened.assert_not_called()

    def test_is_read_if_that_is_asked_for(self):
        """A clock tick can hold two changes."""
        self.put(token(jti='1'))
        self.read()
        self.file.refused = True
        status = os.stat(self.path)
        with open(self.path, 'w') as file:
            file.write(token(jti='2'))
        with mock.patch('os.stat', autospec=True,
                        return_value=status):
            self.assertEqual(token(jti='1'), self.read())
            self.assertEqual(token(jti='2'), self.read(anew=True))
        self.assertFalse(self.file.refused)

    def test_the_same_token_is_as_refused_as_it_was(self):
        self.put(token())
        self.read()
        self.file.refused = True
        self.put(token())
        self.read()
        self.assertTrue(self.file.refused)

    @ddt.data('', 'half.a', token()[:40])
    def test_half_a_token_leaves_the_one_before(self, half):
        self.put(token(jti='1'))
        self.read()
        token_files.write(self.path, half)
        text, warning = self.read_with_warning()
        self.assertEqual(token(jti='1'), text)
        self.assertIn('stays in use', warning)
        # Once, however often it is looked at.
        with self.assertNoLogs('lightos_cinder', 'WARNING'):
            self.assertEqual(token(jti='1'), self.read())
        self.assertIn('JSON Web Token', self.file.trouble)
        token_files.write(self.path, token(jti='2'))
        self.assertEqual(token(jti='2'), self.read())
        self.assertIsNone(self.file.trouble)

    def test_what_broke_again_is_told_again(self):
        self.put(token(jti='1'))
        self.read()
        for text in ('broken', token(jti='2'), 'broken'):
            self.put(text)
            if text == 'broken':
                self.read_with_warning()
            self.read()

    def test_a_file_that_may_not_be_read_leaves_the_one_before(self):
        self.put(token(jti='1'))
        self.read()
        self.put(token(jti='2'))
        with mock.patch('builtins.open', autospec=True,
                        side_effect=PermissionError(13, 'No such luck')):
            text, warning = self.read_with_warning()
        self.assertEqual(token(jti='1'), text)
        self.assertIn('No such luck', warning)
        # Permissions may change and nothing else.
        self.assertEqual(token(jti='2'), self.read())

    def test_a_file_that_never_was_right(self):
        self.put('half')
        text, warning = self.read_with_warning()
        self.assertIsNone(text)
        self.assertNotIn('stays in use', warning)
        self.assertTrue(self.file.exists)

    def test_a_file_that_is_taken_away(self):
        self.put(token())
        self.read()
        os.remove(self.path)
        with self.assertLogs('lightos_cinder', 'INFO') as logs:
            self.assertIsNone(self.read())
        self.assertIn('is gone', logs.output[0])
        self.assertFalse(self.file.exists)
        self.put(token())
        self.assertEqual(token(), self.read())

    @ddt.data(os.mkdir, os.mkfifo)
    def test_what_is_no_file_is_not_waited_for(self, make):
        make(self.path)
        self.read_with_warning()
        self.assertIn('regular file', self.file.trouble)

    def test_a_file_that_is_no_token_is_not_read_to_its_end(self):
        self.put(token() + ' ' * 70000)
        self.read_with_warning()
        self.assertIn('longer', self.file.trouble)

    def test_a_file_of_something_else(self):
        with open(self.path, 'wb') as file:
            file.write(b'\xff\xfe\x00secret')
        _text, warning = self.read_with_warning()
        self.assertNotIn('secret', warning)
