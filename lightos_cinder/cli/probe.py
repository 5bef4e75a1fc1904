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

"""Looking at an address from here: does it answer, and who is it."""

import dataclasses
import hashlib
import socket
import ssl
from typing import Optional

from lightos_cinder.cli import base
from lightos_cinder.client import credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import polling
from lightos_cinder.client import tls
from lightos_cinder.client import transport


@dataclasses.dataclass(frozen=True)
class Seen:
    """What an API endpoint looks like from here.

    :param fingerprint: SHA-256 of the certificate that it presents; None
        if it presents none
    :param trouble: why it does not answer as it should; None if it does
    :param untrusted: why its certificate is not trusted; None if it is
    """

    endpoint: endpoints.Endpoint
    fingerprint: Optional[str] = None
    trouble: Optional[str] = None
    untrusted: Optional[str] = None

    @property
    def usable(self) -> bool:
        """Whether a token can be sent to it."""
        return not (self.trouble or self.untrusted)


def look(endpoint: endpoints.Endpoint, trust: tls.Trust, seconds: float
         ) -> Seen:
    """Look at an API endpoint; no token is sent.

    :param seconds: to wait for an answer
    """
    try:
        presented = _fingerprint(endpoint, seconds)
    except (OSError, ValueError) as error:
        return Seen(endpoint, trouble=_reason(error))
    clock = polling.Clock()
    connection = transport.Transport(
        endpoints.Endpoints([endpoint], clock),
        credentials.Credentials(None, None, clock), trust, clock,
        request_timeout=seconds, user_agent=base.USER_AGENT)
    try:
        connection.request('GET', transport.path('version'),
                           deadline=polling.Deadline(clock, seconds))
    except (errors.Unauthenticated, errors.Forbidden):
        # It asks who we are: that is an answer.
        pass
    except errors.Untrusted as error:
        return Seen(endpoint, presented,
                    untrusted='; '.join(error.reasons.values()))
    except errors.LightOSError as error:
        return Seen(endpoint, presented, trouble=str(error))
    finally:
        connection.close()
    return Seen(endpoint, presented)


def _fingerprint(endpoint: endpoints.Endpoint, seconds: float) -> str:
    # Whoever it is: what is presented is to be shown.
    context = tls.Trust().context()
    context.check_hostname = False
    with socket.create_connection((endpoint.host, endpoint.port),
                                  timeout=seconds) as plain:
        with context.wrap_socket(plain) as secure:
            return hashlib.sha256(
                secure.getpeercert(binary_form=True) or b'').hexdigest()


def listens(endpoint: endpoints.Endpoint, seconds: float) -> Optional[str]:
    """Why nothing accepts connections there; None if something does."""
    try:
        socket.create_connection((endpoint.host, endpoint.port),
                                 timeout=seconds).close()
    except OSError as error:
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return 'it does not speak TLS (%s)' % (error.reason or error)
    if isinstance(error, socket.timeout):
        return 'no answer in time'
    return getattr(error, 'strerror', None) or str(error)
