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

"""What the contract tests share: a cluster, a clock and a plain client.

These tests hold the emulated cluster to the collected REST API facts. The
number in the name of each test is the section it speaks about.
"""

from __future__ import annotations

from typing import Any
from typing import Optional
import warnings

import requests
import testtools
import urllib3

from tests import emulator

GIB = 2 ** 30
NOWHERE = '00000000-0000-4000-8000-000000000000'


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class QuietTest(testtools.TestCase):
    """Tests that talk to a certificate nobody can verify."""

    def setUp(self) -> None:
        super().setUp()
        catcher = warnings.catch_warnings()
        catcher.__enter__()
        self.addCleanup(catcher.__exit__, None, None, None)
        urllib3.disable_warnings(
            urllib3.exceptions.InsecureRequestWarning)


class ContractTest(QuietTest):
    """A class of tests with one cluster, empty before each."""

    SETTINGS = emulator.Settings(threads=6)

    lightos: emulator.Emulator
    clock: Clock
    session: requests.Session

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.clock = Clock()
        cls.lightos = emulator.Emulator(cls.SETTINGS, clock=cls.clock)
        cls.lightos.start()
        cls.addClassCleanup(cls.lightos.stop)
        cls.session = requests.Session()
        cls.addClassCleanup(cls.session.close)
        # The environment may name a certificate store; it is not asked.
        cls.session.trust_env = False
        cls.session.verify = False

    def setUp(self) -> None:
        super().setUp()
        self.lightos.reset()

    def call(self, method: str, path: str, body: Any = None, *,
             token: Optional[str] = None, node: int = 0,
             if_match: Optional[str] = None, timeout: float = 5,
             **kwargs: Any) -> requests.Response:
        """One request, by default as the cluster admin."""
        headers = kwargs.pop('headers', {})
        if token != '':
            headers['Authorization'] = 'Bearer ' + (
                token or self.lightos.admin_token)
        if if_match is not None:
            headers['If-Match'] = if_match
        return self.session.request(
            method, 'https://%s/api/v2%s' % (
                self.lightos.endpoints[node], path),
            json=body, headers=headers, timeout=timeout,
            allow_redirects=False, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        """The JSON of a GET that must succeed."""
        response = self.call('GET', path, **kwargs)
        self.assertEqual(200, response.status_code, response.text)
        return response.json()

    def done(self, method: str, path: str, body: Any = None,
             **kwargs: Any) -> Any:
        """The JSON of a change that must be accepted."""
        response = self.call(method, path, body, **kwargs)
        self.assertEqual(200, response.status_code, response.text)
        return response.json()

    def refused(self, status: int, code: int, response: requests.Response
                ) -> str:
        """Check a refusal and return its message (1.5)."""
        self.assertEqual(status, response.status_code, response.text)
        body = response.json()
        self.assertEqual({'error', 'code', 'message'}, set(body))
        self.assertEqual(code, body['code'], body)
        self.assertEqual(body['error'], body['message'])
        return str(body['message'])

    # Objects

    def volume_body(self, **fields: Any) -> dict[str, Any]:
        """A good body to create a volume."""
        return dict({'name': 'v', 'size': '10 gib', 'replicaCount': 3,
                     'acl': {'values': ['ALLOW_NONE']}}, **fields)

    def volume(self, project: str = 'default', **fields: Any) -> Any:
        """A new volume, as the answer to its creation shows it."""
        return self.done('POST', '/projects/%s/volumes' % project,
                         self.volume_body(**fields))

    def path(self, item: Any) -> str:
        """The path of a volume or a snapshot."""
        kind = 'snapshots' if 'sourceVolumeUUID' in item else 'volumes'
        return '/projects/%s/%s/%s' % (
            item['projectName'], kind, item['UUID'])

    def again(self, item: Any) -> Any:
        """The object as it is now."""
        return self.get(self.path(item))

    def put(self, item: Any, body: Any, **kwargs: Any
            ) -> requests.Response:
        """Update a volume."""
        return self.call('PUT', self.path(item), body, **kwargs)

    def delete(self, item: Any, **kwargs: Any) -> requests.Response:
        """Delete an object."""
        return self.call('DELETE', self.path(item), **kwargs)

    def snapshot(self, source: Any, name: str = 's', **fields: Any) -> Any:
        """A new snapshot, as the answer to its creation shows it."""
        return self.done(
            'POST', '/projects/%s/snapshots' % source['projectName'],
            dict({'name': name, 'sourceVolumeUUID': source['UUID']},
                 **fields))

    def complaints(self) -> list[str]:
        """The reasons of all complaints."""
        return [c['reason'] for c in self.lightos.complaints()]
