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

"""Refusals of the API: an HTTP status, a gRPC code and a message."""

from __future__ import annotations

from typing import Optional

CANCELED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16

#: gRPC code to HTTP status, as the REST gateway does it (REST API facts,
#: 1.5).
HTTP_STATUS = {
    CANCELED: 408, UNKNOWN: 500, INVALID_ARGUMENT: 400,
    DEADLINE_EXCEEDED: 504, NOT_FOUND: 404, ALREADY_EXISTS: 409,
    PERMISSION_DENIED: 403, RESOURCE_EXHAUSTED: 429,
    FAILED_PRECONDITION: 400, ABORTED: 409, OUT_OF_RANGE: 400,
    UNIMPLEMENTED: 501, INTERNAL: 500, UNAVAILABLE: 503, DATA_LOSS: 500,
    UNAUTHENTICATED: 401,
}

#: A likely gRPC code for a status, for faults that name only the status.
LIKELY_CODE = {
    400: INVALID_ARGUMENT, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED,
    404: NOT_FOUND, 408: CANCELED, 409: ABORTED,
    412: FAILED_PRECONDITION, 429: RESOURCE_EXHAUSTED, 500: INTERNAL,
    501: UNIMPLEMENTED, 503: UNAVAILABLE, 504: DEADLINE_EXCEEDED,
}


class ApiError(Exception):
    """A request refused."""

    def __init__(self, code: int, message: str,
                 status: Optional[int] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = HTTP_STATUS[code] if status is None else status


def invalid(message: str) -> ApiError:
    """The request itself is wrong; repeating it does not help."""
    return ApiError(INVALID_ARGUMENT, message)


def not_found(what: str) -> ApiError:
    """No such object where the request looks for it."""
    return ApiError(NOT_FOUND, what + ' not found')


def exists(message: str) -> ApiError:
    """The name is taken."""
    return ApiError(ALREADY_EXISTS, message)


def wrong_state(message: str) -> ApiError:
    """The state of the object forbids it: 400 with code 9."""
    return ApiError(FAILED_PRECONDITION, message)


def forbidden(message: str = 'permission denied') -> ApiError:
    """The caller is known and may not."""
    return ApiError(PERMISSION_DENIED, message)


def unauthenticated(message: str) -> ApiError:
    """The caller is not known."""
    return ApiError(UNAUTHENTICATED, message)


def with_status(status: str, message: str) -> ApiError:
    """A refusal whose status a switch has chosen; 400 means code 9."""
    number = int(status)
    code = (FAILED_PRECONDITION if number == 400
            else LIKELY_CODE[number])
    return ApiError(code, message, number)
