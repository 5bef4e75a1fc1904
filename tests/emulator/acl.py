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

"""Which access lists the cluster accepts (REST API facts, 2.10)."""

from __future__ import annotations

import ipaddress
from typing import Sequence

from tests.emulator import errors
from tests.emulator import settings as settings_module

ALLOW_ANY = 'ALLOW_ANY'
ALLOW_NONE = 'ALLOW_NONE'
SENTINELS = (ALLOW_ANY, ALLOW_NONE)


def _unique(values: Sequence[str], what: str) -> list[str]:
    """The entries once each; a sentinel stands alone."""
    unique = list(dict.fromkeys(values))
    if not unique:
        raise errors.invalid('%s must not be empty' % what)
    if len(unique) > 1 and any(s in unique for s in SENTINELS):
        raise errors.invalid(
            '%s: ALLOW_ANY or ALLOW_NONE must be the only entry' % what)
    if not all(unique):
        raise errors.invalid('%s has an empty entry' % what)
    return unique


def hosts(values: Sequence[str],
          settings: settings_module.Settings) -> list[str]:
    """The ACL as kept, or a refusal. NQNs are any text."""
    unique = _unique(values, 'acl')
    if settings.acl_limit and len(unique) > settings.acl_limit:
        raise errors.invalid(
            'acl has more than %d entries' % settings.acl_limit)
    return unique


def addresses(values: Sequence[str],
              settings: settings_module.Settings) -> list[str]:
    """The IP ACL as kept, or a refusal."""
    unique = _unique(values, 'IPAcl')
    if settings.ip_acl_limit and len(unique) > settings.ip_acl_limit:
        raise errors.invalid(
            'IPAcl has more than %d entries' % settings.ip_acl_limit)
    if unique == [ALLOW_NONE] and not settings.ip_acl_allow_none:
        raise errors.invalid('IPAcl must name an address')
    if unique[0] not in SENTINELS:
        for value in unique:
            _check_address(value, settings)
    return unique


def _check_address(value: str, settings: settings_module.Settings) -> None:
    if '/' in value and settings.ip_acl_cidr:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise errors.invalid('IPAcl: invalid network %r' % value)
        return
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise errors.invalid('IPAcl: invalid IP address %r' % value)
    if address.version == 4:
        return
    if not settings.ip_acl_ipv6:
        raise errors.invalid('IPAcl: IPv6 is not supported: %s' % value)
    if '%' in value and not settings.ip_acl_zones:
        raise errors.invalid('IPAcl: zone in address %s' % value)
    if address.ipv4_mapped and not settings.ip_acl_mapped:
        raise errors.invalid('IPAcl: IPv4-mapped address %s' % value)
