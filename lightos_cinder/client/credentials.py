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

"""The JSON Web Tokens (JWT) that a cluster knows its clients by."""

import datetime
from typing import Optional

import jwt

# Clocks of a controller and of a cluster may differ by so many seconds
# without anybody calling it a fault.
LEEWAY = 60


class BadToken(ValueError):
    """A token that cannot be used; says why and never shows the token."""


class Credentials:
    """One token for everything.

    The project is asked for with every token because a cluster keeps its
    tenants apart by it.

    :param token: a JWT, or None for a cluster without multi-tenancy
    """

    def __init__(self, token: Optional[str]) -> None:
        self._token = token.strip() if token else None

    def __repr__(self) -> str:
        return '<Credentials>'

    def token(self, project: Optional[str]) -> Optional[str]:
        """The token for calls in that project, None for cluster-wide ones.

        :returns: the JWT, or None if none is to be sent
        """
        return self._token

    def check(self, now: datetime.datetime) -> None:
        """Refuse what no cluster can accept.

        The signature is the cluster's to verify: only it has the key.

        :raises BadToken: if it is no JWT, has expired or is not yet valid
        """
        if self._token is None:
            return
        try:
            # A clear text check first: http.client would refuse a line
            # break with an error that quotes the header.
            self._token.encode('ascii')
            claims = jwt.decode(self._token,
                                options={'verify_signature': False})
        except (UnicodeError, jwt.InvalidTokenError):
            # What was tried to be decoded would be in the cause.
            raise BadToken('it is not a JSON Web Token') from None
        expiry = _moment(claims, 'exp')
        if expiry and now >= expiry + datetime.timedelta(seconds=LEEWAY):
            raise BadToken('it expired at %s' % expiry.isoformat())
        begin = _moment(claims, 'nbf')
        if begin and now < begin - datetime.timedelta(seconds=LEEWAY):
            raise BadToken('it is not valid before %s' % begin.isoformat())


def _moment(claims: dict, name: str) -> Optional[datetime.datetime]:
    if claims.get(name) is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(float(claims[name]),
                                               datetime.timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadToken('its claim %r is not a time' % name) from None
