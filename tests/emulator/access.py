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

"""Who a request is from and what it may do (REST API facts, 1.7)."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Optional
from typing import TYPE_CHECKING

import jwt

from tests.emulator import errors

if TYPE_CHECKING:
    from tests.emulator import cluster as cluster_module

AUDIENCE = 'LightOS'


@dataclasses.dataclass(frozen=True)
class Caller:
    """The bearer of a verified token."""

    project: str
    credential: str
    roles: frozenset[str]
    not_before: float
    expires: float

    @property
    def admin(self) -> bool:
        """May do everything everywhere."""
        return 'system:cluster-admin' in self.roles

    @property
    def reader(self) -> bool:
        """May read everything everywhere."""
        return self.admin or 'system:viewer' in self.roles

    def check_project(self, project: str, write: bool) -> None:
        """Refuse what the roles do not allow in that project."""
        if self.admin or '%s:admin' % project in self.roles:
            return
        if not write and (self.reader or
                          '%s:viewer' % project in self.roles):
            return
        raise errors.forbidden()


class Access:
    """Verifies tokens with the credentials of the projects."""

    def __init__(self, cluster: cluster_module.Cluster) -> None:
        self._cluster = cluster
        # Verifying a signature each time would be most of a request's
        # work. Void when any credential changes.
        self._known: dict[str, Caller] = {}
        self._state: Any = None

    def authenticate(self, header: Optional[str]) -> Caller:
        """The caller that the Authorization header names, or 401."""
        scheme, _, token = (header or '').partition(' ')
        if scheme.lower() != 'bearer' or not token:
            raise errors.unauthenticated('missing bearer token')
        projects = self._cluster.projects
        state = (projects, projects.generation)
        if self._state != state or len(self._known) > 10000:
            self._known.clear()
            self._state = state
        caller = self._known.get(token)
        if caller is None:
            caller = self._verify(token)
            self._known[token] = caller
        now = self._cluster.wall()
        if now < caller.not_before:
            raise errors.unauthenticated('token is not valid yet')
        if now >= caller.expires:
            if self._cluster.settings.expired_token == '403':
                raise errors.forbidden('token is expired')
            raise errors.unauthenticated('token is expired')
        return caller

    def _verify(self, token: str) -> Caller:
        try:
            kid = str(jwt.get_unverified_header(token).get('kid', ''))
            name, _, credential_id = kid.partition(':')
            project = self._cluster.projects.all.get(name)
            credential = (
                project.credentials.get(credential_id) if project else None)
            if credential is None or credential.key is None:
                raise errors.unauthenticated('unknown key %r' % kid)
            # Times are checked against the emulated clock, each time.
            claims = jwt.decode(
                token, credential.key, algorithms=['RS256'],
                audience=AUDIENCE, options={
                    'verify_exp': False, 'verify_nbf': False,
                    'verify_iat': False, 'require': ['exp', 'aud']})
            expires = float(claims['exp'])
            not_before = float(claims.get('nbf', 0))
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise errors.unauthenticated('invalid token: %s' % error)
        roles = claims.get('roles')
        granted = frozenset(
            role for role in roles if isinstance(role, str) and
            # A project's key can grant that project's roles only.
            role.startswith(name + ':')
        ) if isinstance(roles, list) else frozenset()
        return Caller(name, credential_id, granted, not_before, expires)
