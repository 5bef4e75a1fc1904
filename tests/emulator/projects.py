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

"""Projects, their credentials and roles (REST API facts, 5)."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from typing import Any
from typing import Optional
import uuid

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import serialization

from tests.emulator import errors

PUBLIC_KEY = 'RS256PubKey'
CREDENTIAL_TYPES = (PUBLIC_KEY, 'TlsCertChainPem', 'TlsPrivKeyPem')

_NAME = re.compile(r'[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?')


@dataclasses.dataclass
class Credential:
    """A key or certificate that a project has."""

    id: str
    kind: str
    payload: str
    # Set for a key that verifies tokens.
    key: Optional[rsa.RSAPublicKey] = None

    def wire(self, project: str) -> dict[str, Any]:
        """The Credential object."""
        return {'ID': self.id, 'projectName': project, 'type': self.kind,
                'kind': 'UserCreds', 'payload': self.payload}


@dataclasses.dataclass
class Project:
    """A tenant."""

    name: str
    description: str = ''
    default_policies: list[dict[str, Any]] = dataclasses.field(
        default_factory=list)
    uuid: str = dataclasses.field(
        default_factory=lambda: str(uuid.uuid4()))
    credentials: dict[str, Credential] = dataclasses.field(
        default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """The Project object."""
        return {'UUID': self.uuid, 'name': self.name,
                'description': self.description,
                'defaultPolicies': self.default_policies}

    @property
    def roles(self) -> list[dict[str, Any]]:
        """What tokens of this project can grant (1.7)."""
        names = ['admin', 'viewer']
        if self.name == 'system':
            names = ['cluster-admin', 'viewer']
        return [{'name': name, 'projectName': self.name,
                 'rulesJson': _rules(self.name, name)} for name in names]


def _rules(project: str, role: str) -> str:
    everywhere = project == 'system'
    return json.dumps([{
        'path': '/' if everywhere else '/projects/%s/' % project,
        'methods': ['GET'] if role == 'viewer' else ['*']}])


class Projects:
    """All projects; `default` and `system` are there from the start."""

    def __init__(self) -> None:
        self.all: dict[str, Project] = {}
        # Tells that tokens verified earlier must be verified again.
        self.generation = 0
        for name in ('default', 'system'):
            self.create(name)

    def find(self, name: str) -> Project:
        """The project of that name."""
        project = self.all.get(name)
        if project is None:
            raise errors.not_found('project')
        return project

    def create(self, name: str, description: str = '',
               default_policies: Optional[list[dict[str, Any]]] = None
               ) -> Project:
        """A new project, without any credential."""
        if not _NAME.fullmatch(name):
            raise errors.invalid('invalid project name %r' % name)
        if len(description.encode()) > 256:
            raise errors.invalid('description is longer than 256 bytes')
        if name in self.all:
            raise errors.exists('project %s already exists' % name)
        project = Project(name, description, default_policies or [])
        self.all[name] = project
        return project

    def delete(self, name: str) -> None:
        """Forget a project and its credentials."""
        del self.all[name]
        self.generation += 1

    def add_credential(self, project: Project, credential_id: str,
                       kind: str, payload: str) -> Credential:
        """Give a project a key or certificate."""
        if not credential_id:
            raise errors.invalid('credential ID required')
        if kind not in CREDENTIAL_TYPES:
            raise errors.invalid('invalid credential type %r' % kind)
        if credential_id in project.credentials:
            raise errors.exists(
                'credential %s already exists' % credential_id)
        credential = Credential(
            credential_id, kind, payload, _public_key(kind, payload))
        project.credentials[credential_id] = credential
        self.generation += 1
        return credential

    def remove_credential(self, project: Project,
                          credential_id: str) -> None:
        """Take it away; tokens signed with it end at once."""
        if credential_id not in project.credentials:
            raise errors.not_found('credential')
        del project.credentials[credential_id]
        self.generation += 1


def _public_key(kind: str, payload: str) -> Optional[rsa.RSAPublicKey]:
    try:
        content = base64.b64decode(payload, validate=True)
    except binascii.Error:
        raise errors.invalid('payload is not base64')
    if kind != PUBLIC_KEY:
        return None
    try:
        key = serialization.load_pem_public_key(content)
    except ValueError:
        raise errors.invalid('payload is not a public key')
    if not isinstance(key, rsa.RSAPublicKey):
        raise errors.invalid('payload is not an RSA public key')
    return key
