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

"""Pure arithmetic of a volume's two access lists: ACL and IP ACL.

A host reaches a volume only if its NQN is in the ACL and the address it
comes from is in the IP ACL. Either list holds entries, or exactly one of
ALLOW_ANY and ALLOW_NONE (REST API facts, 2.10).
"""

import dataclasses
import ipaddress
from typing import Iterable
from typing import Iterator
from typing import Sequence
from typing import Union

from lightos_cinder.client import models

#: Entries that an IP ACL can hold (REST API facts, 2.10).
MAX_ADDRESSES = 16

_ANY = frozenset({models.ALLOW_ANY})
_NONE = frozenset({models.ALLOW_NONE})

_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class TooManyAddresses(Exception):
    """An IP ACL would need more entries than it can hold.

    :param count: how many it would need
    """

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__('%d addresses do not fit into an IP ACL of %d'
                         % (count, MAX_ADDRESSES))


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as its volumes see it.

    :param nqn: its identity
    :param addresses: from which it may come, as :func:`usable` or
        :func:`every` made them
    """

    nqn: str
    addresses: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Access:
    """Both access lists of a volume."""

    acl: frozenset[str]
    ip_acl: frozenset[str]

    @property
    def closed(self) -> bool:
        """Nobody has access."""
        return self.acl == _NONE


def shut(use_ip_acl: bool) -> Access:
    """The access lists of a volume that nobody may reach."""
    return Access(_NONE, _NONE if use_ip_acl else _ANY)


def usable(addresses: Iterable[str],
           networks: Sequence[Network] = ()) -> frozenset[str]:
    """Keep the addresses from which a host could reach the cluster.

    A host reports every address of every interface. Those that exist on
    each host alike, such as link-local ones, say nothing about who comes.

    :param networks: if any are given, the only ones to keep
    """
    return frozenset(
        str(address) for address in _read(addresses)
        if not (address.is_loopback or address.is_link_local
                or address.is_unspecified or address.is_multicast)
        and (not networks or any(address in one for one in networks)))


def every(addresses: Iterable[str]) -> frozenset[str]:
    """All the addresses of a host, those of no use among them.

    The driver inside Cinder lets a host in by all that it reports.
    """
    return frozenset(map(str, _read(addresses)))


def _read(addresses: Iterable[str]) -> Iterator[_Address]:
    for text in addresses:
        try:
            address = ipaddress.ip_address(str(text).split('%')[0])
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        yield address


def grant(access: Access, host: Host, others: Iterable[Host],
          use_ip_acl: bool) -> Access:
    """Let a host in, and take nothing from a host that is in already.

    :param others: the hosts that Cinder knows to be attached
    :raises TooManyAddresses: if the IP ACL cannot hold them all
    """
    known = _addresses_by_nqn(others)
    if models.ALLOW_ANY in access.acl:
        # Opened to everybody by something else. From now on only to those
        # whom Cinder attached.
        inside = access.acl - _ANY | known.keys()
    else:
        inside = access.acl - _NONE
    inside = inside - {host.nqn}
    ip_acl = access.ip_acl - _NONE
    if not use_ip_acl:
        # An administrator's list is not ours to open; the new host only
        # finds its place in it.
        ip_acl = (ip_acl if models.ALLOW_ANY in ip_acl
                  else ip_acl | host.addresses if ip_acl else _ANY)
    elif models.ALLOW_ANY not in ip_acl:
        ip_acl = ip_acl | host.addresses
    elif all(known.get(nqn) for nqn in inside):
        ip_acl = host.addresses.union(*(known[nqn] for nqn in inside))
    # Otherwise a host is inside whose addresses nobody knows: narrowing
    # the list would cut it off.
    if (len(ip_acl) > MAX_ADDRESSES and use_ip_acl
            and all(known.get(nqn) for nqn in inside)):
        # Some may be of hosts that left, or on networks of no use.
        ip_acl = min(ip_acl, host.addresses.union(
            *(known[nqn] for nqn in inside)), key=len)
    if len(ip_acl) > MAX_ADDRESSES:
        raise TooManyAddresses(len(ip_acl))
    return Access(inside | {host.nqn}, ip_acl)


def revoke(access: Access, host: Host, others: Iterable[Host],
           use_ip_acl: bool) -> Access:
    """Show a host out, and take nothing from those that stay.

    :param others: the hosts that Cinder knows to be attached still
    """
    known = _addresses_by_nqn(others)
    known.pop(host.nqn, None)
    if models.ALLOW_ANY in access.acl:
        inside = frozenset(access.acl - _ANY | known.keys())
    elif host.nqn in access.acl:
        inside = access.acl
    else:
        return access
    inside = inside - {host.nqn}
    ip_acl = access.ip_acl
    if all(known.get(nqn) for nqn in inside):
        needed = frozenset[str]().union(*(known[nqn] for nqn in inside))
        if use_ip_acl and models.ALLOW_ANY not in ip_acl:
            # Those too of hosts that left while another was about to come,
            # of which Cinder had nothing on record yet.
            ip_acl = ip_acl & needed
        else:
            ip_acl = ip_acl - (host.addresses - needed)
    # Otherwise a host stays whose addresses nobody knows. An address of
    # the leaving host may be its own too, and opens nothing by itself.
    left = Access(inside, ip_acl or access.ip_acl)
    return left if inside else shut_out(left, use_ip_acl)


def shut_out(access: Access, use_ip_acl: bool) -> Access:
    """Show everybody out."""
    return Access(_NONE, _NONE if use_ip_acl else access.ip_acl)


def _addresses_by_nqn(hosts: Iterable[Host]) -> dict[str, frozenset[str]]:
    """All that is known of each host, which may be attached twice."""
    known: dict[str, frozenset[str]] = {}
    for host in hosts:
        known[host.nqn] = known.get(host.nqn, frozenset()) | host.addresses
    return known
