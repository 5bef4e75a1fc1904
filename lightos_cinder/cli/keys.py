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

"""Key pairs of LightOS projects, and the tokens that they sign.

A private key signs one token and is forgotten: whoever wants another token
has another key pair made.
"""

import contextlib
import datetime
import fcntl
import os
import pwd
import re
import secrets
import tempfile
from typing import Any
from typing import Iterator
from typing import Optional
import uuid

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import serialization
import jwt

from lightos_cinder.cli import errors
from lightos_cinder.client import tokens

#: What the IDs of credentials begin with that are made here.
PREFIX = 'lightos-cinder-'

#: Bits. What the white paper's ssh-keygen makes, or more.
_KEY_SIZE = 3072

_UNITS = {'h': datetime.timedelta(hours=1), 'd': datetime.timedelta(days=1),
          'w': datetime.timedelta(weeks=1)}

_MOST = datetime.timedelta(days=3650)


class Key:
    """A new key pair.

    :param project: that it is for
    """

    def __init__(self, project: str) -> None:
        self.project = project
        #: The ID of the credential that the cluster is to know it by.
        self.credential = PREFIX + secrets.token_hex(4)
        self._private = rsa.generate_private_key(
            public_exponent=65537, key_size=_KEY_SIZE)

    def __repr__(self) -> str:
        return '<Key %s of %s>' % (self.credential, self.project)

    def public(self) -> bytes:
        """The public key in PEM."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo)

    def token(self, lifetime: datetime.timedelta, now: datetime.datetime,
              source: str) -> tokens.Token:
        """A token that administers the project (REST API facts, 1.7).

        :param source: where it will be, for people
        """
        begin = now - tokens.LEEWAY
        return tokens.Token.parse(jwt.encode({
            'aud': 'LightOS',
            'exp': int((now + lifetime).timestamp()),
            'iat': int(begin.timestamp()),
            'iss': 'lightos-cinder',
            'jti': str(uuid.uuid4()),
            'nbf': int(begin.timestamp()),
            'roles': ['%s:admin' % self.project],
            'sub': 'lightos-client',
        }, self._private, algorithm='RS256', headers={
            'kid': '%s:%s' % (self.project, self.credential)}), source)


def credential_of(token: tokens.Token) -> tuple[str, str]:
    """Project and ID of the credential that a token is verified with.

    Empty where it does not say (REST API facts, 1.7).
    """
    with contextlib.suppress(jwt.InvalidTokenError):
        header: dict[str, Any] = jwt.get_unverified_header(token.text)
        project, _colon, credential = str(header.get('kid') or ''
                                          ).partition(':')
        return project, credential
    return '', ''


def lifetime(text: str) -> datetime.timedelta:
    """Read a lifetime: a number of hours, days or weeks.

    :raises ValueError: for anything else, or more than ten years
    """
    match = re.fullmatch('([1-9][0-9]{0,5})([hdw])', text.strip())
    if not match:
        raise ValueError(text)
    found = int(match[1]) * _UNITS[match[2]]
    if found > _MOST:
        raise ValueError(text)
    return found


def write(path: str, token: tokens.Token, owner: Optional[str] = None
          ) -> None:
    """Have a file with a token, which its owner alone may read.

    Whoever reads it meanwhile reads the old one or the new one. It belongs
    to whom the one before it did, or else its directory, as far as the user
    who runs this may give it away.

    :param owner: name of another user that it shall belong to
    :raises CommandError: names the file and why it cannot be written
    """
    folder = os.path.dirname(path)
    temporary = None
    try:
        uid, gid = _owner(path, folder, owner)
        # Of another ending than those that are read.
        handle, temporary = tempfile.mkstemp(
            prefix='.%s.' % os.path.basename(path), dir=folder)
        with os.fdopen(handle, 'w') as file:
            os.fchmod(handle, 0o600)
            if (uid, gid) != (os.geteuid(), os.getegid()) and (
                    owner or os.geteuid() == 0):
                os.fchown(handle, uid, gid)
            file.write(token.text + '\n')
            file.flush()
            os.fsync(handle)
        os.replace(temporary, path)
        temporary = None
        _sync(folder)
    except OSError as error:
        raise errors.CommandError('Token file %s cannot be written: %s' % (
            path, error.strerror)) from None
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def owner_of(path: str) -> str:
    """The user who may read a token file."""
    uid = os.stat(path).st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextlib.contextmanager
def one_at_a_time(folder: str) -> Iterator[None]:
    """Have no other process change tokens and their credentials meanwhile.

    One would remove the credential that another is making a token of.

    :raises CommandError: if another does
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # novermin
        yield
    except BlockingIOError:
        raise errors.CommandError(
            'Nothing was changed: another lightos-cinder is changing tokens '
            'in %s. Repeat this when it is done' % folder) from None
    finally:
        os.close(handle)


def check_writable(path: str, owner: Optional[str]) -> None:
    """Refuse what :func:`write` would, before anything is changed.

    :param path: of the file
    :raises CommandError: names the file, the directory or the user
    """
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise errors.CommandError(
            'lightos_jwt_dir is %s, which is no directory. Make it for the '
            'user of cinder-volume alone: install -d -m 0700 -o cinder %s'
            % (folder, folder))
    if not os.access(folder, os.W_OK | os.X_OK):  # novermin
        raise errors.CommandError(
            'lightos_jwt_dir is %s, where this user may not write. Run this '
            'as the user of cinder-volume, or as root' % folder)
    # Another user could not give the new one to whom the old one belongs.
    if os.geteuid() != 0 and os.path.exists(path) and (
            os.stat(path).st_uid != os.geteuid()):
        raise errors.CommandError(
            'Token file %s belongs to user %s. Run this as that user, or as '
            'root' % (path, owner_of(path)))
    if owner:
        try:
            pwd.getpwnam(owner)
        except KeyError:
            raise errors.CommandError(
                '--owner %s: there is no such user on this host' % owner
            ) from None


def _owner(path: str, folder: str, name: Optional[str]) -> tuple[int, int]:
    if name:
        user = pwd.getpwnam(name)
        return user.pw_uid, user.pw_gid
    try:
        found = os.stat(path)
    except FileNotFoundError:
        found = os.stat(folder)
    return found.st_uid, found.st_gid


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
