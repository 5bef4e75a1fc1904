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


"""Somebody who uses the stack: a user, with the project they work in."""

import dataclasses
import typing

from keystoneauth1.identity import v3
from keystoneauth1 import session as keystone_session

REGION = 'RegionOne'
DOMAIN = 'default'


@dataclasses.dataclass(frozen=True)
class Identity:
    """A user's way into the cloud."""

    auth_url: str
    username: str
    project: str
    password: str = dataclasses.field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return what the openstack client reads from its environment."""
        return {
            'OS_AUTH_URL': self.auth_url,
            'OS_IDENTITY_API_VERSION': '3',
            'OS_REGION_NAME': REGION,
            'OS_PROJECT_NAME': self.project,
            'OS_PROJECT_DOMAIN_ID': DOMAIN,
            'OS_USERNAME': self.username,
            'OS_USER_DOMAIN_ID': DOMAIN,
            'OS_PASSWORD': self.password,
        }

    def auth(self) -> v3.Password:
        """Return the authentication plugin of this user."""
        return v3.Password(
            self.auth_url, username=self.username, password=self.password,
            user_domain_id=DOMAIN, project_name=self.project,
            project_domain_id=DOMAIN)

    def session(self, auth: typing.Any = None) -> keystone_session.Session:
        """Return a session that sends this user's token."""
        session = keystone_session.Session(auth=auth or self.auth())
        session.session.trust_env = False  # no proxy, no other CA bundle
        return session
