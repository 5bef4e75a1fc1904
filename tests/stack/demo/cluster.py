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


"""The LightOS REST API as an administrator of the cluster or a tenant uses it.

It is no part of the driver: what the driver and its command line have done is
seen here with other eyes.
"""

import dataclasses
import typing

from cryptography.hazmat.primitives.asymmetric import rsa
import jwt
import requests
from requests import adapters


class _Pinned(adapters.HTTPAdapter):
    """HTTPS that trusts one certificate, known by its fingerprint."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *args: typing.Any, **more: typing.Any) -> None:
        super().init_poolmanager(
            *args, assert_fingerprint=self._fingerprint, **more)

    def cert_verify(self, conn: typing.Any, url: str, verify: typing.Any,
                    cert: typing.Any) -> None:
        super().cert_verify(conn, url, False, cert)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the API service said."""

    status: int
    body: dict[str, typing.Any]


class Api:
    """The API service, spoken to with one token.

    :param address: the IP address of a node.
    :param fingerprint: SHA-256 of the certificate it shows.
    """

    def __init__(self, address: str, port: int, fingerprint: str,
                 token: str) -> None:
        self._base = f'https://{address}:{port}'
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount('https://', _Pinned(fingerprint))
        self._session.headers['Authorization'] = f'Bearer {token}'

    def call(self, method: str, path: str,
             body: dict[str, typing.Any] | None = None) -> Answer:
        """Send one request below /api/v2."""
        reply = self._session.request(
            method, f'{self._base}/api/v2{path}', json=body, timeout=30)
        try:
            content = reply.json()
        except requests.exceptions.JSONDecodeError:
            content = {'message': reply.text}
        return Answer(reply.status_code, content)


def forged(claims: dict[str, typing.Any], key_id: str) -> str:
    """Return a token that says the same, signed with another key.

    :param key_id: names the credential that would verify the true one.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm='RS256',
                      headers={'kid': key_id})
