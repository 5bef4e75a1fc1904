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

"""What must be true of volumes, snapshots and access, and what can go wrong.

The model knows nothing of how the driver works: only what Cinder has on
record, and what the cluster may then look like.
"""

import dataclasses
import datetime
import time
from typing import Any
from typing import Iterable
from typing import Optional

from hypothesis import strategies as st

from lightos_cinder.client import polling
from tests.functional import base

OTHER = 'elsewhere'


class Clock(polling.Clock):
    """Passes when somebody sleeps, and then at once.

    The driver and the cluster live by it: what takes a minute takes no
    time, and as long on a busy machine as on an idle one.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        self._since: Optional[float] = None

    def now(self) -> float:
        # Or a loop without a pause would never end.
        self._now += 0.0005
        if self._since is not None:
            real = time.monotonic()
            self._now, self._since = self._now + real - self._since, real
        return self._now

    def wall(self) -> datetime.datetime:
        return (super().wall() + datetime.timedelta(seconds=self._now))

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    def real(self, counts: bool) -> None:
        """Whether real time counts too, as where a reply never comes."""
        self._since = time.monotonic() if counts else None


# What can go wrong

#: The cluster's own refusals: it then has done nothing. That there is no
#: such object is its word, too, which it does not say of one that is there.
REFUSALS = {
    '400': {'kind': 'status', 'status': 400, 'code': 3},
    '400/9': {'kind': 'status', 'status': 400, 'code': 9},
    '401': {'kind': 'status', 'status': 401, 'code': 16},
    '403': {'kind': 'status', 'status': 403, 'code': 7},
    '404': {'kind': 'status', 'status': 404, 'code': 5},
    '409/6': {'kind': 'status', 'status': 409, 'code': 6},
    '409/10': {'kind': 'status', 'status': 409, 'code': 10},
    '412': {'kind': 'status', 'status': 412, 'code': 9},
    '429': {'kind': 'status', 'status': 429, 'code': 8},
}

#: Replies that do not tell whether anything was done.
LOSSES = {
    '500': {'kind': 'status', 'status': 500, 'code': 13},
    '503': {'kind': 'status', 'status': 503, 'code': 14},
    '504': {'kind': 'status', 'status': 504, 'code': 4},
    'html': {'kind': 'html'},
    'not JSON': {'kind': 'not_json'},
    'truncated': {'kind': 'truncated'},
    'empty': {'kind': 'empty'},
    'reset': {'kind': 'reset'},
    'close': {'kind': 'close'},
}

#: Those that take real time.
DELAYS = {
    'drip': {'kind': 'drip', 'seconds': 0.05},
    'hang': {'kind': 'hang', 'seconds': 30},
    'delay': {'kind': 'delay', 'seconds': 0.05},
}

KINDS = dict(REFUSALS, **LOSSES, **DELAYS, fail={'kind': 'fail'})

_CHANGES = ('POST', 'PUT', 'DELETE')

#: What can be struck: requests by their methods and their paths.
_ON = {
    'changes': (_CHANGES, None),
    'anything': ((None,), None),
    'GET': (('GET',), None),
    'POST': (('POST',), None),
    'PUT': (('PUT',), None),
    'DELETE': (('DELETE',), None),
    'snapshots': ((None,), '/snapshots'),
    'changes of snapshots': (_CHANGES, '/snapshots'),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that goes wrong while one operation lasts.

    :param kind: of KINDS; slow: no change ends before the operation does
    :param on: of _ON
    :param times: None for as long as the operation lasts
    """

    kind: str
    on: str = 'anything'
    times: Optional[int] = 1
    after: bool = False
    skip: int = 0
    nodes: tuple[int, ...] = ()

    def __repr__(self) -> str:
        words = [self.kind]
        if self.kind != 'slow':
            words.append('after' if self.after else 'at')
            words.append(self.on)
            words.append('for ever' if self.times is None
                         else 'x%d' % self.times)
            if self.skip:
                words.append('from the %d. on' % (self.skip + 1))
            if self.nodes:
                words.append('on nodes %s' % (self.nodes,))
        return '<%s>' % ' '.join(words)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Hypothesis would write a dataclass field by field.
        printer.text(repr(self))

    @property
    def takes_time(self) -> bool:
        """Real time."""
        return self.kind in DELAYS

    def fields(self) -> list[dict[str, Any]]:
        """As the emulator wants it told, one for each method."""
        methods, path = _ON[self.on]
        return [dict(KINDS[self.kind], method=method, path=path,
                     times=self.times, skip=self.skip,
                     when='after' if self.after else 'before',
                     endpoints=list(self.nodes) or None)
                for method in methods]


@st.composite
def _faults(draw: Any) -> Fault:
    kind = draw(st.sampled_from(sorted(KINDS) + ['slow']))
    if kind == 'slow':
        return Fault(kind)
    places = [on for on in _ON if kind != '404'
              or not {None, 'GET'}.intersection(_ON[on][0])]
    if kind == 'fail':
        places = ['POST']
    return Fault(
        kind, draw(st.sampled_from(places)),
        times=draw(st.sampled_from(
            [1, 2] if kind in DELAYS else [None, 1, 2, 4])),
        after=(kind in LOSSES or kind in DELAYS) and draw(st.booleans()),
        skip=draw(st.sampled_from([0, 0, 0, 1, 2, 4])),
        nodes=draw(st.sampled_from([(), (), (0,), (0, 1)])))


FAULTS = st.one_of(_faults(), st.none())

#: What clusters differ in, and nobody knows of this one.
SETTINGS = st.fixed_dictionaries({}, optional={
    'settle': st.sampled_from([0.1, 0.6]),
    'delete_settle': st.sampled_from([0.0, 4.0]),
    'emit_defaults': st.just(True),
    'error_body': st.sampled_from(['message', 'text', 'empty']),
    'old_clusterinfo': st.just(True),
    'supports_new_name': st.just(False),
    'etag_mismatch': st.sampled_from(['400', '409', '500']),
    'etag_style': st.just('opaque'),
    'etag_on_settle': st.just(False),
    'update_without_change': st.just('ignore'),
    'acl_update_resets_ip_acl': st.just(True),
    'visible_during_update': st.just('new'),
    'update_busy': st.sampled_from(['409', '412']),
    'migrating_probability': st.just(0.3),
    'follower_lag': st.just(0.3),
    'deleting_frees_name': st.just(False),
    'failed_frees_name': st.just(True),
    'failed_delete': st.just('accept'),
    'name_lookup': st.just('deleting'),
    'list_deleting': st.just(True),
    'clone_must_match': st.just(True),
    'show_default_ip_acl': st.just(False),
    'snapshot_busy': st.just('503'),
    'concurrent_snapshots': st.sampled_from(['500', '409', 'accept']),
    'snapshot_with_clone': st.just('at_once'),
    'snapshot_changes_etag': st.just(False),
    'rollback_drops_later_snapshots': st.just(True),
    'rollback_resets_acl': st.just(True),
})

# Who and what there is

#: Volume types: LightOS project, replicas, compression, QoS policy.
TYPES = {
    'gold': (base.PROJECT, 3, True, None),
    'lean': (base.PROJECT, 3, False, 'slow'),
    'fast': (base.PROJECT, 3, True, 'fast'),
    'silver': (base.PROJECT, 2, True, None),
    'bronze': (OTHER, 1, False, None),
}


def extra_specs(name: str) -> dict[str, str]:
    """Of a volume type of TYPES."""
    project, replicas, compression, policy = TYPES[name]
    specs = {'lightos:project_name': project,
             'lightos:num_replicas': str(replicas),
             'compression': '<is> %s' % compression}
    if policy:
        specs['lightos:qos_policy'] = policy
    return specs


NETWORK = '192.0.2.0/24'

#: Addresses of hosts, as os-brick reports them. Two have the same address
#: of a bridge, and one has so many that it does not fit in with others.
_REPORTED = {
    1: ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0'],
    2: ['192.0.2.2', '172.17.0.1'],
    3: ['192.0.2.3', '172.17.0.1', '127.0.0.1'],
    4: ['192.0.2.4'] + ['198.51.100.%d' % n for n in range(1, 14)],
}
HOSTS = tuple(_REPORTED)

#: Addresses that an IP ACL can hold.
MOST = 16


def connector(host: int) -> dict[str, Any]:
    """What os-brick reports of a host."""
    return base.connector(host, host_ips=list(_REPORTED[host]))


def nqn(host: int) -> str:
    """By which the cluster knows it."""
    return str(connector(host)['nqn'])


def addresses(hosts: Iterable[int], network: bool) -> set[str]:
    """From which hosts may come.

    :param network: whether only those on NETWORK count
    """
    return {address for host in hosts for address in _REPORTED[host]
            if not address.startswith(('fe80', '127.'))
            and (not network or address.startswith('192.0.2.'))}


@dataclasses.dataclass(eq=False)
class Volume:
    """A volume that Cinder has on record, or left to others.

    Where an operation failed, a set holds all that may be so.
    """

    label: str
    id: str
    name: str
    type: str
    #: GiB that Cinder believes it has.
    gib: int
    uuid: str = ''
    #: What Cinder has it attached to, one entry for each attachment.
    hosts: list[int] = dataclasses.field(default_factory=list)
    #: Whether Cinder believes that it can be used.
    good: bool = False
    # On the cluster:
    there: set[bool] = dataclasses.field(default_factory=lambda: {False})
    names: set[str] = dataclasses.field(default_factory=set)
    sizes: set[int] = dataclasses.field(default_factory=set)
    compression: set[bool] = dataclasses.field(default_factory=set)
    policies: set[str] = dataclasses.field(default_factory=set)
    inside: set[frozenset[int]] = dataclasses.field(
        default_factory=lambda: {frozenset()})
    #: Whether addresses of hosts that left may be in the IP ACL, because
    #: somebody was inside whose addresses Cinder did not know.
    loose: bool = False

    def __str__(self) -> str:
        return self.label

    @property
    def project(self) -> str:
        """Where it is on the cluster."""
        return TYPES[self.type][0]

    @property
    def usable(self) -> bool:
        """Whether Cinder would let users do something with it."""
        return self.good and self.there == {True}

    @property
    def guests(self) -> frozenset[int]:
        """Who is inside; known when the cluster has been looked at."""
        [inside] = self.inside
        return inside


@dataclasses.dataclass(eq=False)
class Snapshot:
    """A snapshot that Cinder has on record."""

    label: str
    id: str
    name: str
    volume: Volume
    #: GiB of the volume as it was taken, as Cinder believes and in truth.
    gib: int
    size: int
    #: Who was inside the volume then.
    inside: frozenset[int]
    uuid: str = ''
    good: bool = False
    there: set[bool] = dataclasses.field(default_factory=lambda: {False})

    def __str__(self) -> str:
        return self.label

    @property
    def usable(self) -> bool:
        """Whether Cinder would let users do something with it."""
        return self.good and self.there == {True}
