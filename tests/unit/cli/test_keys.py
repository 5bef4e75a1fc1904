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

"""Key pairs, and the files that tokens are kept in."""

import datetime
import os
import stat
import tempfile
import unittest
from unittest import mock

import ddt
import jwt

from lightos_cinder.cli import errors
from lightos_cinder.cli import keys
from lightos_cinder.client import tokens

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


@ddt.ddt
class LifetimeTest(unittest.TestCase):

    @ddt.data(('12h', 0.5), ('1d', 1), ('2w', 14), (' 30d ', 30))
    @ddt.unpack
    def test_good(self, text, days):
        self.assertEqual(datetime.timedelta(days), keys.lifetime(text))

    @ddt.data('', '5', '0d', '-1d', '1.5d', '1m', '3651d', '999999w',
              'd', '1d1h', '²d')
    def test_bad(self, text):
        self.assertRaises(ValueError, keys.lifetime, text)


class KeyTest(unittest.TestCase):

    def test_token(self):
        key = keys.Key('acme')
        token = key.token(datetime.timedelta(days=2), NOW, 'here')
        claims = jwt.decode(token.text, key.public(), algorithms=['RS256'],
                            audience='LightOS', options={
                                'verify_exp': False, 'verify_nbf': False,
                                'verify_iat': False})
        self.assertEqual(['acme:admin'], claims['roles'])
        self.assertEqual(NOW + datetime.timedelta(days=2), token.expiry)
        # The cluster's clock may be behind.
        self.assertEqual(NOW - tokens.LEEWAY, token.begin)
        self.assertEqual(('acme', key.credential),
                         keys.credential_of(token))
        self.assertNotIn(token.text, repr(token) + repr(key))
        self.assertNotIn('PRIVATE', repr(vars(key)))

    def test_token_without_kid(self):
        text = jwt.encode({'exp': 1}, 'x' * 32, algorithm='HS256')
        self.assertEqual(('', ''), keys.credential_of(
            tokens.Token(text, 'here')))


class WriteTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(self.folder, 'acme.jwt')
        self.token = tokens.Token('a.b.c', self.path)

    def test_write(self):
        with open(self.path, 'w') as file:
            file.write('old')
        os.chmod(self.path, 0o644)
        old = os.stat(self.path).st_ino
        keys.write(self.path, self.token)
        with open(self.path) as file:
            self.assertEqual('a.b.c\n', file.read())
        status = os.stat(self.path)
        self.assertEqual(0o600, stat.S_IMODE(status.st_mode))
        self.assertNotEqual(old, status.st_ino)
        self.assertEqual(['acme.jwt'], os.listdir(self.folder))

    def test_never_readable_by_others(self):
        modes = []
        real = os.replace

        def replace(source, target):
            modes.append(stat.S_IMODE(os.stat(source).st_mode))
            real(source, target)

        before = os.umask(0)
        self.addCleanup(os.umask, before)
        with mock.patch.object(os, 'replace', replace):
            keys.write(self.path, self.token)
        self.assertEqual([0o600], modes)

    def test_failure_leaves_nothing(self):
        os.mkdir(self.path)
        with self.assertRaises(errors.CommandError) as caught:
            keys.write(self.path, self.token)
        self.assertIn(self.path, str(caught.exception))
        self.assertNotIn('a.b.c', str(caught.exception))
        self.assertEqual(['acme.jwt'], os.listdir(self.folder))

    def test_owner(self):
        """It belongs to whom the one before it, or the directory, did."""
        given = []
        there = os.stat(self.folder)

        def fchown(handle, uid, gid):
            given.append((uid, gid))

        # As root does, whoever runs this.
        with mock.patch.object(os, 'geteuid', lambda: 0), \
                mock.patch.object(os, 'getegid', lambda: there.st_gid + 1), \
                mock.patch.object(os, 'fchown', fchown):
            keys.write(self.path, self.token)
        self.assertEqual([(there.st_uid, there.st_gid)], given)

    def test_owner_that_is_not_there(self):
        self.assertRaises(errors.CommandError, keys.check_writable,
                          self.path, 'nobody-such')
        self.assertRaises(errors.CommandError, keys.check_writable,
                          self.folder + '/nothing/acme.jwt', None)
        keys.check_writable(self.path, None)

    def test_file_of_another_user(self):
        """Who could not read what this user would put in its place."""
        keys.write(self.path, self.token)
        keys.check_writable(self.path, None)
        with mock.patch.object(
                os, 'geteuid', lambda: os.stat(self.path).st_uid + 1):
            with self.assertRaises(errors.CommandError) as caught:
                keys.check_writable(self.path, None)
        self.assertIn('belongs to user %s' % keys.owner_of(self.path),
                      str(caught.exception))
