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

"""JSON Web Tokens (JWT), and the files that they are kept in."""

import contextlib
import dataclasses
import datetime
import logging
import os
import re
import stat
from typing import Any
from typing import Mapping
from typing import Optional

import jwt

LOG = logging.getLogger(__name__)

#: Clocks of a controller and of a cluster may differ by so much without
#: anybody calling it a fault.
LEEWAY = datetime.timedelta(seconds=60)

#: Base64 of three parts, for URLs (RFC 7515, 7.1).
_COMPACT = re.compile(r'[\w.-]+', re.ASCII)

#: Bytes. No header of a request can be as long.
_MOST = 65536


class BadToken(ValueError):
    """A token that cannot be used; says why and never shows the token."""


@dataclasses.dataclass(frozen=True)
class Token:
    """A token and where it is from.

    :param text: what is sent
    :param source: the option or the file it is in, for people
    :param expiry: when it expires; None if it never does
    :param begin: before when it is not valid; None if it always was
    :param roles: ``<project>:admin``, ``<project>:viewer`` or
        ``system:cluster-admin`` (REST API facts, 1.7); empty if it does
        not say
    """

    text: str = dataclasses.field(repr=False)
    source: str
    expiry: Optional[datetime.datetime] = None
    begin: Optional[datetime.datetime] = None
    roles: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, source: str) -> 'Token':
        """Read a token, which may end in a line break.

        The signature is the cluster's to verify: only it has the key.

        :raises BadToken: if it is no JWT
        """
        text = text.strip()
        try:
            claims = _claims(text)
            return cls(text, source, _moment(claims, 'exp'),
                       _moment(claims, 'nbf'), _roles(claims))
        except BadToken as error:
            reason = str(error)
        # Out here, and with nothing left of it: an error holds the one that
        # it was raised in, and both hold what their frames had.
        text, claims = '', {}
        raise BadToken(reason)

    def check(self, now: datetime.datetime) -> None:
        """Refuse what no cluster can accept now.

        :raises BadToken: if it has expired or is not yet valid
        """
        fault = self.fault(now)
        if fault:
            raise BadToken(fault)

    def fault(self, now: datetime.datetime) -> Optional[str]:
        """Why no cluster can accept it now; None if one may."""
        if self.expiry and now >= self.expiry + LEEWAY:
            return 'it expired at %s' % self.expiry.isoformat()
        if self.begin and now < self.begin - LEEWAY:
            return 'it is not valid before %s' % self.begin.isoformat()
        return None


class TokenFile:
    """A file with a token, which may be replaced at any time.

    Either way of doing so will do: to rename another over it, or to write
    it anew. What cannot be read, or is half written, is no reason to stop:
    the token that was read last stays in use, and the cluster says for how
    long. A file that is not there any more was taken away on purpose, and
    its token is not used again.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        #: What was last read from it.
        self.token: Optional[Token] = None
        #: Why its present content cannot be used.
        self.trouble: Optional[str] = None
        #: Whether the cluster has refused this token.
        self.refused = False
        # By what a change is noticed; None to read in any case.
        self._seen: Optional[tuple[int, ...]] = None

    def __repr__(self) -> str:
        return '<TokenFile %s>' % self.path

    @property
    def exists(self) -> bool:
        """Whether it was there when it was last looked at."""
        return self.token is not None or self.trouble is not None

    def refresh(self, anew: bool = False) -> None:
        """Read it if it has changed.

        :param anew: read it even if it seems not to have changed: one
            clock tick can hold two changes
        """
        seen = None
        trouble = None
        try:
            status = os.stat(self.path)
            seen = (status.st_dev, status.st_ino, status.st_size,
                    status.st_mtime_ns, status.st_ctime_ns)
            if seen == self._seen and not anew:
                return
            self._replace(Token.parse(_content(self.path, status),
                                      self.path))
        except (FileNotFoundError, NotADirectoryError):
            if self.exists:
                LOG.info('Token file %s is gone.', self.path)
            self.token = seen = None
        except (OSError, BadToken) as error:
            trouble = getattr(error, 'strerror', None) or str(error)
            seen = None
            if trouble != self.trouble:
                LOG.warning(
                    'Token file %s cannot be used: %s.%s', self.path, trouble,
                    ' The token that was read from it before stays in use.'
                    if self.token else '')
        self.trouble = trouble
        self._seen = seen

    def _replace(self, token: Token) -> None:
        if token == self.token:
            return
        if self.token:
            LOG.info('Token file %s has another token now.', self.path)
        self.token = token
        self.refused = False


def _content(path: str, status: os.stat_result) -> str:
    # To open a pipe would be to wait for somebody who writes into it.
    if not stat.S_ISREG(status.st_mode):
        raise BadToken('it is not a regular file')
    with open(path, 'rb') as file:
        content = file.read(_MOST)
    if len(content) == _MOST:
        raise BadToken('it is longer than any token')
    return content.decode('utf-8', 'replace')


def _claims(text: str) -> Mapping[str, Any]:
    # The decoder passes over anything else, line breaks among it.
    if _COMPACT.fullmatch(text):
        with contextlib.suppress(RecursionError, jwt.InvalidTokenError):
            return jwt.decode(text, options={'verify_signature': False})
    raise BadToken('it is not a JSON Web Token')


def _moment(claims: Mapping[str, Any], name: str
            ) -> Optional[datetime.datetime]:
    if claims.get(name) is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(float(claims[name]),
                                               datetime.timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadToken('its claim %r is not a time' % name) from None


def _roles(claims: Mapping[str, Any]) -> tuple[str, ...]:
    roles = claims.get('roles')
    if not isinstance(roles, list):
        return ()
    return tuple(role for role in roles if isinstance(role, str))
