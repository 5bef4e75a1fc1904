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

"""Request messages: which fields a call has and of what type.

As the REST gateway decodes them (REST API facts, 1.3 and 1.4): unknown
fields and `null` are ignored, a value of the wrong type is refused.
"""

from __future__ import annotations

import json
import re
from typing import Any
from typing import Callable
from typing import Mapping
from typing import Sequence
import urllib.parse

from tests.emulator import errors

Decoder = Callable[[Any], Any]

_SECTORS = {'sectorSize_Default': 0, 'sectorSize_512B': 512,
            'sectorSize_4K': 4096}
_TRUTHS = {'1': True, 't': True, 'T': True, 'TRUE': True, 'true': True,
           'True': True, '0': False, 'f': False, 'F': False,
           'FALSE': False, 'false': False, 'False': False}


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError('is not a string')
    return value


def number(value: Any) -> int:
    """A uint32, quoted or not."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError('is not a number')
    if isinstance(value, str) and not re.fullmatch(r'\d+', value):
        raise ValueError('is not a number')
    if not 0 <= int(value) < 2 ** 32:
        raise ValueError('is out of range')
    return int(value)


def boolean(value: Any) -> bool:
    """true or false and nothing else: "true" is an error."""
    if not isinstance(value, bool):
        raise ValueError('is not a boolean')
    return value


def mapping(value: Any) -> dict[str, Any]:
    """A message whose fields the call looks at itself."""
    if not isinstance(value, dict):
        raise ValueError('is not an object')
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """A repeated message."""
    if not isinstance(value, list):
        raise ValueError('is not a list')
    return [mapping(item) for item in value]


def values(value: Any) -> list[str]:
    """An access list: a message with the repeated string `values`."""
    items = mapping(value).get('values')
    if items is None:
        return []
    if not isinstance(items, list):
        raise ValueError('has values that are not a list')
    return [text(item) for item in items]


def sector_size(value: Any) -> int:
    """The enumeration of sector sizes, by name or by number."""
    if isinstance(value, str) and value in _SECTORS:
        return _SECTORS[value]
    if value in _SECTORS.values() and not isinstance(value, bool):
        return int(value)
    raise ValueError('is not a sector size')


def duration(value: Any) -> float:
    """A Duration such as `3600s`."""
    match = re.fullmatch(r'(\d+(?:\.\d{1,9})?)s', text(value))
    if not match:
        raise ValueError('is not a duration')
    return float(match.group(1))


def compression(value: Any) -> bool:
    """A volume's compression, which is text (2.4)."""
    word = text(value).lower()
    if word in ('true', 'enable', 'enabled'):
        return True
    if word in ('', 'false', 'disable', 'disabled'):
        return False
    raise ValueError('is neither enabled nor disabled')


def query_boolean(value: str) -> bool:
    """A truth value in a query, the way Go parses one."""
    if value not in _TRUTHS:
        raise ValueError('is not a boolean')
    return _TRUTHS[value]


def decode_body(raw: bytes, fields: Mapping[str, Decoder]
                ) -> tuple[dict[str, Any], list[str]]:
    """The known fields that are set, and the names of unknown ones."""
    if not raw.strip():
        return {}, []
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise errors.invalid('invalid JSON: %s' % error)
    if not isinstance(body, dict):
        raise errors.invalid('the body is not an object')
    known: dict[str, Any] = {}
    unknown = []
    for name, value in body.items():
        if name not in fields:
            unknown.append(name)
        elif value is not None:
            known[name] = _decode(name, value, fields[name])
    return known, unknown


def decode_query(query: str, fields: Mapping[str, Decoder]
                 ) -> tuple[dict[str, Any], list[str]]:
    """The known parameters, and the names of unknown ones.

    Names are case-sensitive; one that is not known changes nothing.
    """
    known: dict[str, Any] = {}
    unknown = []
    for name, value in urllib.parse.parse_qsl(query, True):
        if name not in fields:
            unknown.append(name)
        elif name in known:
            raise errors.invalid('too many values for %s' % name)
        else:
            known[name] = _decode(name, value, fields[name])
    return known, unknown


def _decode(name: str, value: Any, decoder: Decoder) -> Any:
    try:
        return decoder(value)
    except ValueError as error:
        raise errors.invalid('%s: %r %s' % (name, value, error))


def only_one(fields: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse two members of one `oneof`."""
    if sum(name in fields for name in names) > 1:
        raise errors.invalid('only one of %s may be set' % ', '.join(names))
