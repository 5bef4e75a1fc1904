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

"""Key pairs, tokens and the certificate of the emulated cluster.

Making keys takes most of the start-up, so a process makes each only once.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
from typing import Any
import uuid

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509.oid import NameOID
import jwt

#: The credential that the emulator gives each project it makes.
CREDENTIAL_ID = 'root'


@functools.lru_cache(maxsize=None)
def private_key(owner: str) -> rsa.RSAPrivateKey:
    """The key of a project, or of the API service."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_payload(owner: str) -> str:
    """The public key of a project as a credential's payload (5)."""
    pem = private_key(owner).public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(pem).decode()


def sign(project: str, role: str, lifetime: float, now: float,
         **claims: Any) -> str:
    """A JWT as LightOS clients carry it (1.7).

    `claims` replace those of the usual token; None leaves one out. `kid`
    among them replaces the header's.
    """
    kid = claims.pop('kid', '%s:%s' % (project, CREDENTIAL_ID))
    content: dict[str, Any] = {
        'aud': 'LightOS',
        'iss': 'lightos-emulator',
        'sub': 'lightos-client',
        'jti': str(uuid.uuid4()),
        'iat': int(now) - 60,
        'nbf': int(now) - 60,
        'exp': int(now + lifetime),
        'roles': ['%s:%s' % (project, role)],
    }
    content.update(claims)
    content = {k: v for k, v in content.items() if v is not None}
    return jwt.encode(content, private_key(project), algorithm='RS256',
                      headers={'kid': kid})


@functools.lru_cache(maxsize=None)
def certificate() -> tuple[bytes, bytes, str]:
    """Certificate PEM, key PEM and SHA-256 fingerprint.

    CN=api.service without alternative names, the same on all nodes, as
    seen on a live cluster (1.2): it cannot match a host name or address.
    """
    key = private_key('')
    name = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, 'api.service')])
    start = datetime.datetime.now(
        datetime.timezone.utc) - datetime.timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(
            key.public_key()), False)
        .add_extension(x509.KeyUsage(
            digital_signature=True, content_commitment=False,
            key_encipherment=True, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True,
            encipher_only=False, decipher_only=False), True)
        .sign(key, hashes.SHA256()))
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())
    der = built.public_bytes(serialization.Encoding.DER)
    return (built.public_bytes(serialization.Encoding.PEM), key_pem,
            hashlib.sha256(der).hexdigest())
