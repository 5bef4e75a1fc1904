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

"""Sizes as requests write them (REST API facts, 2.9)."""

from __future__ import annotations

import decimal
import re

from tests.emulator import errors
from tests.emulator import settings as settings_module

GRANULE = 4096

_TEXT = re.compile(r'\s*(-?\d+(?:\.\d+)?)\s*([a-z]*)\s*', re.IGNORECASE)
_POWERS = {'': 0, 'k': 1, 'm': 2, 'g': 3, 't': 4, 'p': 5}


def parse(text: str, settings: settings_module.Settings) -> int:
    """Bytes that a text such as `10 gib` asks for, rounded up to 4 KiB."""
    match = _TEXT.fullmatch(text)
    if not match:
        raise errors.invalid('invalid size %r' % text)
    unit = match.group(2).lower()
    size = int(decimal.Decimal(match.group(1)) * _factor(unit, settings))
    if size <= 0:
        raise errors.invalid('size must be positive')
    if size > settings.max_size:
        raise errors.invalid('size %s is above the maximum' % text)
    if settings.round_sizes:
        size = -(-size // GRANULE) * GRANULE
    if size < settings.min_size:
        raise errors.invalid('size %s is below the minimum' % text)
    return size


def _factor(unit: str, settings: settings_module.Settings) -> int:
    if unit in ('', 'b'):
        return 1
    if unit.endswith('ib') and unit[:-2] in _POWERS and len(unit) == 3:
        return int(1024 ** _POWERS[unit[0]])
    letter = unit[:-1] if unit.endswith('b') else unit
    if letter in _POWERS and letter:
        base = 1000 if settings.decimal_units else 1024
        return int(base ** _POWERS[letter])
    raise errors.invalid('unknown unit of size %r' % unit)
