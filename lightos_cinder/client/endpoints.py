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

"""The API endpoints of a cluster, and which of them to ask next.

The API service runs on every node over one shared state: any endpoint
answers any request (REST API facts, 1.1).
"""

import dataclasses
import ipaddress
import random
import re
import threading
from typing import Iterable
from typing import Optional
from typing import Sequence

from lightos_cinder.client import models
from lightos_cinder.client import polling


#: TCP port of the discovery service, where nobody names it (REST API facts,
#: 1.1).
DISCOVERY_PORT = 8009

#: A host name, or an IPv4 address.
_HOST = re.compile('[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?')
_PORT = re.compile('[0-9]{1,5}')


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One address and port.

    :param host: IPv4 or IPv6 address without brackets, or a host name
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        # However an operator writes it, the cluster writes it in one way.
        object.__setattr__(self, 'host', models.address(self.host))

    @classmethod
    def parse(cls, text: str) -> 'Endpoint':
        """Read ``host:port`` or ``[IPv6]:port``, as clusterinfo writes it.

        :raises ValueError: if it is neither
        """
        host, _, port = text.rpartition(':')
        if host.startswith('[') and host.endswith(']'):
            host = str(ipaddress.IPv6Address(host[1:-1]))
        elif not _HOST.fullmatch(host):
            # It is to become part of a URL, and of what hosts are told.
            raise ValueError('%r is not host:port' % text)
        if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
            raise ValueError('%r is not host:port' % text)
        return cls(host, int(port))

    def __str__(self) -> str:
        host = '[%s]' % self.host if ':' in self.host else self.host
        return '%s:%d' % (host, self.port)


class Endpoints:
    """Endpoints in the order in which to ask them.

    Sticky: the one that worked last comes first, because a follower may
    show a change a little later. One that failed is asked last until its
    cool-down is over, but still asked: when all fail, one may be back.

    :param seeds: the configured endpoints
    :param cooldown: seconds
    """

    def __init__(self, seeds: Sequence[Endpoint], clock: polling.Clock,
                 cooldown: float = 30.0) -> None:
        self._clock = clock
        self._cooldown = cooldown
        self._lock = threading.Lock()
        self._seeds = tuple(dict.fromkeys(seeds))
        self._known = list(self._seeds)
        # Many services start at one moment: let them not all begin with
        # the same node. Nobody gains by guessing which.
        self._current = random.choice(self._known)  # nosec B311
        self._cool_until: dict[Endpoint, float] = {}

    def in_order(self) -> list[Endpoint]:
        """All endpoints, the one to ask first at the front."""
        with self._lock:
            now = self._clock.now()
            start = self._known.index(self._current)
            lap = self._known[start:] + self._known[:start]
            return sorted(lap, key=lambda endpoint: max(
                0.0, self._cool_until.get(endpoint, 0.0) - now))

    def worked(self, endpoint: Endpoint) -> None:
        """That one answered: stay with it."""
        with self._lock:
            self._cool_until.pop(endpoint, None)
            if endpoint in self._known:
                self._current = endpoint

    def failed(self, endpoint: Endpoint,
               cooldown: Optional[float] = None) -> None:
        """That one did not answer, or not sensibly: ask the others first.

        :param cooldown: seconds, instead of the usual ones
        """
        with self._lock:
            if cooldown is None:
                cooldown = self._cooldown
            self._cool_until[endpoint] = self._clock.now() + cooldown

    def learn(self, endpoints: Iterable[Endpoint]) -> None:
        """Take over what the cluster says of itself.

        The configured endpoints stay, for the cluster may name addresses
        that cannot be reached from here; nodes that left are forgotten.
        """
        with self._lock:
            self._known = list(dict.fromkeys(self._seeds + tuple(endpoints)))
            if self._current not in self._known:
                self._current = self._known[0]
            self._cool_until = {endpoint: until for endpoint, until
                                in self._cool_until.items()
                                if endpoint in self._known}


def parse_all(texts: Iterable[str]) -> list[Endpoint]:
    """Read those that can be read, in their order."""
    parsed = []
    for text in texts:
        try:
            parsed.append(Endpoint.parse(text))
        except ValueError:
            continue
    return parsed
