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

"""HTTPS to a cluster: the pool, the endpoints, and what may be repeated."""

import http.cookiejar
import json
import logging
import re
import threading
from typing import Any
from typing import Mapping
from typing import Optional

import requests
from requests import auth
from urllib3 import exceptions as urllib3_errors

from lightos_cinder.client import credentials as jwt_credentials
from lightos_cinder.client import endpoints as api_endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import polling
from lightos_cinder.client import tls
from lightos_cinder.client import tokens

LOG = logging.getLogger(__name__)

_PREFIX = '/api/v2'

#: Seconds for an address to answer at all. A node that is down and does not
#: even refuse must not use up the time that its neighbours would need.
_CONNECT_TIMEOUT = 5.0

#: Seconds for which an endpoint that answers with a server error is asked
#: last: long enough for another to be asked, too short to be missed.
_ERROR_COOLDOWN = 1.0


#: What needs no quoting (RFC 3986, 2.3), as long as one can be at the most.
_UNRESERVED = re.compile('[A-Za-z0-9._~-]{1,255}')

#: What urllib3 puts before a reason: the connection, which is told anyway;
#: before its version 2.6 as Python shows an object, here of a local class.
_WHERE = re.compile(r'^(<([^<>]|<locals>)*>|\w+\(host=[^)]*\)): ')


def path(*segments: str) -> str:
    """Join path segments.

    :raises InvalidRequest: for one that would need quoting, as neither a
        project nor a UUID does (REST API facts, 5): some servers and
        proxies undo that before they look for slashes. Also for an empty
        one, which the API would take for another call, and for dots
    """
    for segment in segments:
        if segment in ('.', '..') or not _UNRESERVED.fullmatch(segment):
            raise errors.InvalidRequest(
                '%.300r cannot be part of a path' % segment)
    return '/'.join((_PREFIX,) + segments)


def may_repeat(method: str, outcome: errors.Outcome) -> bool:
    """Whether the same request may be sent once more as it is.

    The only place that decides it. A reading may be repeated unless it was
    refused for good. A change may be repeated only if it was surely not
    sent: whoever wants it must otherwise first read what has become of it.
    """
    if outcome is errors.Outcome.NOT_SENT:
        return True
    return method == 'GET' and outcome is not errors.Outcome.REFUSED


class _Session(requests.Session):
    """A session that does not so much as look where a redirect leads."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Answer: nowhere. A token is for the configured endpoints."""


class _Bearer(auth.AuthBase):
    """Puts a token into a request, and shows it in no traceback."""

    def __init__(self, token: tokens.Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest
                 ) -> requests.PreparedRequest:
        """Give a request its token."""
        bearer = 'Bearer ' + self._token.text
        # As requests does with the headers that it is given at once.
        requests.utils.check_header_validity(('Authorization', bearer))
        request.headers['Authorization'] = bearer
        return request


class Transport:
    """Sends requests to whichever endpoint answers.

    Safe to share between threads, native and green alike.

    :param request_timeout: seconds to wait for one reply
    :param pool_size: connections to one endpoint at the most
    """

    def __init__(self, endpoints: api_endpoints.Endpoints,
                 credentials: jwt_credentials.Credentials,
                 trust: tls.Trust,
                 clock: polling.Clock,
                 request_timeout: float = 30.0,
                 pool_size: int = 32,
                 user_agent: str = 'lightos-cinder') -> None:
        self.endpoints = endpoints
        self.clock = clock
        self._credentials = credentials
        self._trust = trust
        self._request_timeout = request_timeout
        self._pace = polling.Pace(first=0.1, factor=1.6, most=5.0)
        # As many as the pool has connections, so that whoever waits for one
        # waits here, no longer than until his deadline.
        self._free = threading.Semaphore(pool_size)
        self._session = _Session()
        # The environment must not change what was configured: neither a
        # proxy, nor ~/.netrc, nor another set of CAs.
        self._session.trust_env = False
        self._session.cookies.set_policy(
            http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers['User-Agent'] = user_agent
        # Whatever is unpacked may be far larger than what was received.
        self._session.headers['Accept-Encoding'] = 'identity'
        self._session.mount('https://', tls.Adapter(trust, pool_size))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def request(self, method: str, url_path: str, *,
                deadline: polling.Deadline,
                project: Optional[str] = None,
                query: Optional[Mapping[str, str]] = None,
                body: Optional[Mapping[str, Any]] = None,
                etag: Optional[str] = None) -> dict[str, Any]:
        """Send a request and return the JSON object of its reply.

        Goes from endpoint to endpoint, and around again, as long as the
        request may be repeated and the deadline allows.

        :param url_path: from :func:`path`
        :param project: whose token to send; None for cluster-wide calls
        :param etag: value for If-Match; none is sent if it is empty
        :raises LightOSError: with what is known of the outcome
        """
        def again(error: BaseException) -> bool:
            return (isinstance(error, errors.LightOSError)
                    and may_repeat(method, error.outcome))

        lap = polling.retrying(deadline, self._pace, again)
        return lap(self._in_turn, {}, method, url_path, deadline, project,
                   query, body, etag)

    def _in_turn(self, unreached: dict[str, str], method: str, url_path: str,
                 deadline: polling.Deadline, *args: Any) -> dict[str, Any]:
        """Wait for a free connection, then ask."""
        if not self._free.acquire(timeout=deadline.left()):
            raise errors.Unreachable(
                unreached or {'all': 'no connection became free in time'})
        try:
            return self._lap(unreached, method, url_path, deadline, *args)
        finally:
            self._free.release()

    def _lap(self, unreached: dict[str, str], method: str, url_path: str,
             deadline: polling.Deadline, *args: Any) -> dict[str, Any]:
        """Ask one endpoint after the other until one has the answer.

        :param unreached: why an endpoint could not be asked, from this lap
            and those before
        """
        kind: type[errors.Unreachable] = errors.Untrusted
        answer: Optional[errors.LightOSError] = None
        for endpoint in self.endpoints.in_order():
            try:
                reply = self._send(endpoint, method, url_path, deadline,
                                   *args)
                self.endpoints.worked(endpoint)
                return reply
            except errors.Unreachable as error:
                self.endpoints.failed(endpoint)
                unreached.update(error.reasons)
                if not isinstance(error, errors.Untrusted):
                    kind = errors.Unreachable
            except errors.ReplyLost as error:
                self.endpoints.failed(endpoint)
                answer = error
            except errors.ApiError as error:
                if error.status >= 500 or error.status == 429:
                    # A busy object or a node in trouble: the status is the
                    # same, and another node knows better. So it does where
                    # one has too many requests.
                    self.endpoints.failed(endpoint, _ERROR_COOLDOWN)
                else:
                    self.endpoints.worked(endpoint)
                answer = error
            if answer and not may_repeat(method, answer.outcome):
                raise answer
            if deadline.left() <= 0:
                break
        raise answer or kind(unreached)

    def _send(self, endpoint: api_endpoints.Endpoint, method: str,
              url_path: str, deadline: polling.Deadline,
              project: Optional[str], *args: Any) -> dict[str, Any]:
        """Ask one endpoint, and once more if the token was replaced.

        A change may be sent again, too: a cluster that does not know who
        asks has done nothing.
        """
        token = self._credentials.token(project)
        try:
            return self._ask(endpoint, method, url_path, deadline, token,
                             *args)
        except errors.Unauthenticated as error:
            another = self._credentials.another(project, token)
            if another is None:
                raise
            LOG.debug('%s. It is sent again with the token in %s.', error,
                      another.source)
        return self._ask(endpoint, method, url_path, deadline, another,
                         *args)

    def _ask(self, endpoint: api_endpoints.Endpoint, method: str,
             url_path: str, deadline: polling.Deadline,
             token: Optional[tokens.Token],
             query: Optional[Mapping[str, str]],
             body: Optional[Mapping[str, Any]],
             etag: Optional[str]) -> dict[str, Any]:
        headers = {'Accept': 'application/json'}
        if etag:
            headers['If-Match'] = etag
        # A last attempt is made at the deadline itself, and must then be
        # given a moment to succeed.
        left = max(1.0, deadline.left())
        began = self.clock.now()
        failure: Optional[errors.LightOSError] = None
        try:
            response = self._session.request(
                method, 'https://%s%s' % (endpoint, url_path),
                params=query, json=body, headers=headers,
                auth=_Bearer(token) if token else None,
                timeout=(min(_CONNECT_TIMEOUT, left),
                         min(self._request_timeout, left)),
                verify=self._trust.verify, allow_redirects=False)
        except (requests.RequestException, ValueError,
                RecursionError) as error:
            failure = self._failure(endpoint, method, url_path, error)
        if failure:
            # Not above: it would hold the other error for its context, with
            # all frames of requests and the headers that are in them.
            raise failure
        LOG.debug('%s https://%s%s %s: %d in %.3f s', method, endpoint,
                  url_path, query or body or '', response.status_code,
                  self.clock.now() - began)
        try:
            return self._read(endpoint, method, url_path, response)
        except errors.ApiError as error:
            error.credential = self._credentials.describe(token)
            raise

    @staticmethod
    def _read(endpoint: api_endpoints.Endpoint, method: str, url_path: str,
              response: requests.Response) -> dict[str, Any]:
        try:
            content: Any = json.loads(response.content)
        except (ValueError, RecursionError):
            content = response.text
        if response.status_code != 200:
            raise errors.from_reply(response.status_code, content, method,
                                    url_path)
        if not isinstance(content, dict):
            raise errors.ReplyLost(method, url_path, str(endpoint),
                                   'the reply is no JSON object')
        return content

    @staticmethod
    def _failure(endpoint: api_endpoints.Endpoint, method: str,
                 url_path: str, error: Exception) -> errors.LightOSError:
        """Tell from an exception of requests whether anything was sent."""
        cause = _root(error)
        # It may quote what came, which may be anything.
        reason = errors.brief(_WHERE.sub('', str(cause))
                              ) or type(cause).__name__
        if isinstance(error, ValueError):
            # Its text may quote a header, and so the token.
            reason = type(error).__name__
        LOG.debug('%s https://%s%s failed: %s', method, endpoint, url_path,
                  reason)
        if isinstance(error, (requests.exceptions.InvalidHeader,
                              UnicodeError)):
            return errors.InvalidRequest('%s %s cannot be sent: %s' % (
                method, url_path, reason))
        if isinstance(cause, tls.UntrustedCertificate):
            return errors.Untrusted({str(endpoint): reason})
        if isinstance(cause, (urllib3_errors.NewConnectionError,
                              urllib3_errors.ConnectTimeoutError)):
            return errors.Unreachable({str(endpoint): reason})
        return errors.ReplyLost(method, url_path, str(endpoint), reason)


def _root(error: BaseException) -> BaseException:
    """The urllib3 exception inside an exception of requests."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, urllib3_errors.MaxRetryError) and inner.reason:
        return inner.reason
    return inner if isinstance(inner, BaseException) else error
