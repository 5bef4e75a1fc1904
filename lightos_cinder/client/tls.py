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

"""Whom to believe: certificates, fingerprints, and the pool that checks.

The certificate that LightOS ships with names no host and is signed by a CA
that is not handed out (REST API facts, 1.2). It can therefore be pinned by
its fingerprint; one that an administrator installed can be verified.
"""

import dataclasses
import hashlib
import os
import re
import ssl
from typing import Any
from typing import cast
from typing import Optional

from requests import adapters
from requests import utils
from urllib3 import connection
from urllib3 import connectionpool
from urllib3 import exceptions
from urllib3.util import ssl_
from urllib3.util import ssl_match_hostname

from lightos_cinder.client import reply

_FINGERPRINT = re.compile('[0-9a-f]{64}')


class UntrustedCertificate(exceptions.NewConnectionError):
    """The other side could not prove who it is; nothing was sent."""


def fingerprint(text: str) -> str:
    """Bring a SHA-256 fingerprint to 64 lower-case digits.

    :param text: hexadecimal, with or without colons, in any case
    :raises ValueError: if it is none
    """
    # As openssl prints it, too: "sha256 Fingerprint=77:F7:...".
    digits = text.rpartition('=')[2].replace(':', '').strip().lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise ValueError('%r is not a SHA-256 fingerprint: 64 hexadecimal '
                         'digits, colons allowed' % text)
    return digits


@dataclasses.dataclass(frozen=True)
class Trust:
    """What a certificate must be.

    :param verify: whether it must be signed by a trusted CA and name the
        address that was asked
    :param ca_file: path of the trusted CAs, a file or a directory; None for
        those that requests knows
    :param fingerprints: SHA-256 of the certificates of which it must be
        one, as :func:`fingerprint` writes them; empty for any
    """

    verify: bool = False
    ca_file: Optional[str] = None
    fingerprints: frozenset[str] = frozenset()

    @property
    def any_check(self) -> bool:
        """Whether it matters at all who answers."""
        return self.verify or bool(self.fingerprints)

    def context(self) -> ssl.SSLContext:
        """What shakes hands, for any number of connections."""
        context = ssl_.create_urllib3_context(
            cert_reqs=ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE)
        if self.verify:
            path = self.ca_file or utils.DEFAULT_CA_BUNDLE_PATH
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        return context


class Adapter(adapters.HTTPAdapter):
    """A pool of kept-alive connections that checks before it sends.

    :param pool_size: connections per endpoint; one more waits for a free one
    """

    def __init__(self, trust: Trust, pool_size: int) -> None:
        self._trust = trust
        super().__init__(pool_connections=pool_size, pool_maxsize=pool_size,
                         pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of this adapter use connections that check.

        With one context: to read all CAs anew for each connection takes ten
        times as long as to shake hands.
        """
        trust = self._trust
        super().init_poolmanager(*args, ssl_context=trust.context(),
                                 **kwargs)

        class Connection(_CheckedConnection):
            fingerprints = trust.fingerprints

        class Pool(connectionpool.HTTPSConnectionPool):
            ConnectionCls = Connection

        self.poolmanager.pool_classes_by_scheme = {'https': Pool}

    def cert_verify(self, conn: Any, *args: Any, **kwargs: Any) -> None:
        """Leave it to the context, which has the CAs already."""
        conn.cert_reqs = ('CERT_REQUIRED' if self._trust.verify
                          else 'CERT_NONE')


class _CheckedConnection(connection.HTTPSConnection):
    """A connection that is made whole, or for certain not at all."""

    fingerprints: frozenset[str] = frozenset()
    response_class = reply.Reply

    def connect(self) -> None:
        """Connect, shake hands and check the fingerprint.

        Whatever fails here becomes a NewConnectionError, also a reset or
        a time-out within the handshake: later on it could not be told
        from one after the request was sent.
        """
        try:
            super().connect()
            self._check_fingerprint()
        except (exceptions.NewConnectionError,
                exceptions.ConnectTimeoutError):
            self.close()
            raise
        except (OSError, exceptions.HTTPError,
                ssl_match_hostname.CertificateError) as error:
            self.close()
            kind = (UntrustedCertificate if isinstance(error, (
                ssl.SSLCertVerificationError,
                ssl_match_hostname.CertificateError))
                else exceptions.NewConnectionError)
            raise kind(self, 'TLS: %s' % error) from error
        # Verification off, or by fingerprint, is the operator's decision.
        # It is told once at start-up and not at each connection.
        self.is_verified = True

    def _check_fingerprint(self) -> None:
        if not self.fingerprints:
            return
        certificate = cast(ssl.SSLSocket, self.sock).getpeercert(
            binary_form=True)
        presented = hashlib.sha256(certificate or b'').hexdigest()
        if presented not in self.fingerprints:
            raise UntrustedCertificate(
                self, 'the certificate has the SHA-256 fingerprint %s, '
                'which is not among the expected ones' % presented)
