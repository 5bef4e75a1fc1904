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

"""How objects become JSON (REST API facts, 1.3).

The gateway leaves zero values out of its answers. Text alone does not tell
a zero from a value: the ETag "0" is sent and the size "0" is not. So what
is rendered is marked with its protocol type here.
"""

from __future__ import annotations

import datetime
from typing import Any


class Uint64(int):
    """Sent as a string of digits."""


class Zero(str):
    """The name of an enumeration's number 0, such as `Unknown`."""


def enum(name: str, zero: str = 'Unknown') -> str:
    """An enumeration's value by name."""
    return Zero(name) if name == zero else name


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC."""
    moment = datetime.datetime.fromtimestamp(
        seconds, datetime.timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def _is_zero(value: Any) -> bool:
    if value is None or isinstance(value, Zero):
        return True
    # An empty message that is set, {}, is a value.
    return not isinstance(value, dict) and not value


def render(value: Any, emit_defaults: bool) -> Any:
    """The same as plain JSON types."""
    if isinstance(value, dict):
        return {key: render(item, emit_defaults)
                for key, item in value.items()
                if emit_defaults or not _is_zero(item)}
    if isinstance(value, (list, tuple)):
        return [render(item, emit_defaults) for item in value]
    if isinstance(value, Uint64):
        return str(int(value))
    if isinstance(value, Zero):
        return str(value)
    return value
