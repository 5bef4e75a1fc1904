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

"""What can go wrong between a client and a LightOS cluster.

::

    LightOSError
        InvalidRequest          never sent: it cannot be put into a path
        NoToken                 never sent: there is no token to send with it
        Unreachable             nothing was sent: no endpoint could be asked
            Untrusted           ... for the certificate is not trusted
        ReplyLost               sent, and no usable reply came back
        DeadlineExceeded        the time was up before the cluster was so
        ApiError                the cluster answered with an error
            BadRequest          400, 3xx, 405: asked for something impossible
            Unauthenticated     401
            Forbidden           403
            NotFound            404
            AlreadyExists       409 of a name
            Busy                409 of an operation, 429, 503
            PreconditionFailed  412, code 9, "etag": what was read has changed
            Unimplemented       501
            ServerError         any other 5xx

Every error tells by its :class:`Outcome` what is known of the request it
stands for. No error ever holds a token.
"""

import enum
from typing import Any
from typing import Mapping
from typing import Optional


class Outcome(enum.Enum):
    """What is known about a request that did not succeed."""

    #: It never left: nothing happened.
    NOT_SENT = 'not sent'
    #: The cluster refused it in its present state: nothing happened, and
    #: the same request may be granted later.
    REFUSED_FOR_NOW = 'refused for now'
    #: The cluster refused it and will go on to refuse it.
    REFUSED = 'refused'
    #: It may or may not have been applied: only reading tells.
    UNKNOWN = 'unknown'


class LightOSError(Exception):
    """Base of all errors of this client."""

    outcome = Outcome.UNKNOWN


class InvalidRequest(LightOSError, ValueError):
    """The request cannot be expressed; it was not sent."""

    outcome = Outcome.REFUSED


class NoToken(LightOSError):
    """There is no token for the request; it was not sent."""

    outcome = Outcome.REFUSED


class Unreachable(LightOSError):
    """No API endpoint could be asked; nothing was sent.

    :param reasons: for each endpoint that was tried, why it failed
    """

    outcome = Outcome.NOT_SENT

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__('no LightOS API endpoint could be reached: %s'
                         % '; '.join('%s: %s' % item
                                     for item in self.reasons.items()))


class Untrusted(Unreachable):
    """No endpoint could prove who it is; asking again would not help."""

    outcome = Outcome.REFUSED


class ReplyLost(LightOSError):
    """The request was sent and its reply is missing or unreadable."""

    def __init__(self, method: str, path: str, endpoint: str,
                 reason: str) -> None:
        self.endpoint = endpoint
        self.reason = reason
        super().__init__('%s %s was sent to %s and its outcome is unknown: %s'
                         % (method, path, endpoint, reason))


class DeadlineExceeded(LightOSError):
    """The cluster did not become as asked in time.

    :param what: what was waited for
    :param last: what was seen last, an error or a state
    """

    def __init__(self, what: str, last: Optional[object] = None) -> None:
        self.what = what
        self.last = last
        super().__init__('time is up waiting for %s%s' % (
            what, '; last seen: %s' % last if last is not None else ''))


class ApiError(LightOSError):
    """The cluster answered with an error.

    :param status: HTTP status
    :param code: gRPC status code, None if the body held none
    :param message: the cluster's own words
    :param method: HTTP method of the request
    :param path: path of the request
    """

    outcome = Outcome.REFUSED

    #: Where the token of the request is from, and what is known to be wrong
    #: with it; None if none was sent.
    credential: Optional[str] = None

    def __init__(self, status: int, code: Optional[int], message: str,
                 method: str, path: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.method = method
        self.path = path
        super().__init__('%s %s was answered with %d%s: %s' % (
            method, path, status,
            ' (code %d)' % code if code is not None else '', message))


class BadRequest(ApiError):
    """The request asks for something that is not possible."""


class Unauthenticated(ApiError):
    """The token is missing, malformed, expired or revoked."""


class Forbidden(ApiError):
    """The token gives no such right, or the project does not exist."""


class NotFound(ApiError):
    """There is no such object."""


class AlreadyExists(ApiError):
    """The name is taken in that project."""


class Busy(ApiError):
    """The object or the cluster is busy with something else."""

    outcome = Outcome.REFUSED_FOR_NOW


class PreconditionFailed(ApiError):
    """The object is no longer, or not yet, in the state that was read."""

    outcome = Outcome.REFUSED_FOR_NOW


class Unimplemented(ApiError):
    """This version of LightOS does not have that call."""


class ServerError(ApiError):
    """The cluster failed while it handled the request."""

    outcome = Outcome.UNKNOWN


#: Characters of somebody else's words that go on into logs.
_WORDS = 500

# gRPC status codes (google.rpc.Code) that change what a status means.
_ALREADY_EXISTS = 6
_FAILED_PRECONDITION = 9

_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    412: PreconditionFailed,
    429: Busy,
    501: Unimplemented,
    503: Busy,
}


def from_reply(status: int, body: Any, method: str, path: str) -> ApiError:
    """Make the error that an HTTP reply stands for.

    A mismatch of the ETag may come as 412, as 400 with code 9, or as 500
    with an "etag" in its text (REST API facts, 1.5 and 1.6).

    :param status: HTTP status, not a success
    :param body: the parsed JSON body, or its text where it is not JSON
    """
    code: Optional[int] = None
    if isinstance(body, dict):
        message = next((body[key] for key in ('message', 'error')
                        if body.get(key) and isinstance(body[key], str)), '')
        if isinstance(body.get('code'), int):
            code = body['code']
    else:
        message = str(body)
    message = brief(message)
    return _class_for(status, code, message, method)(
        status, code, message, method, path)


def brief(words: str) -> str:
    """Somebody else's words as they may go on: one line of some length."""
    return ' '.join(words.split())[:_WORDS]


def _class_for(status: int, code: Optional[int], message: str,
               method: str) -> type[ApiError]:
    if code == _FAILED_PRECONDITION and status in (400, 500):
        return PreconditionFailed
    if status == 500 and 'etag' in message.lower():
        return PreconditionFailed
    if status == 409:
        taken = code == _ALREADY_EXISTS or (code is None and method == 'POST')
        return AlreadyExists if taken else Busy
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    # 408 and 504 say that the server gave up while it worked on it.
    if status >= 500 or status == 408:
        return ServerError
    return BadRequest
