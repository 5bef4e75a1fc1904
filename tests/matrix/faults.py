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

"""What can go wrong with a request, and what must become of it.

A fault says what strikes, where and for how long; what it is a sign of
decides what an operation may make of it.
"""

import dataclasses
import itertools
from typing import Any
from typing import Iterator
from typing import Mapping
from typing import Optional

#: How long it lasts.
ONCE, A_WHILE, FOREVER = 'once', 'a while', 'for ever'

#: How often a fault strikes that lasts for a while.
_WHILE_TIMES = 4

#: Seconds for which an endpoint is down that is down for a while.
WHILE_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to go wrong.

    :param fields: of the emulator's fault; None if it is the endpoint's
    :param mode: of the endpoint, if it is the endpoint's
    :param passes: whether it says nothing of the request itself, so that
        the operation must succeed once it is over
    :param local: whether another endpoint does not have it
    :param absence: whether it says that the object is not there
    :param refusal: whether nothing was done, and may be later
    :param waits: whether each takes the time of a whole request
    """

    name: str
    fields: Optional[Mapping[str, Any]] = None
    mode: str = ''
    passes: bool = True
    local: bool = True
    absence: bool = False
    refusal: bool = False
    waits: bool = False


def _status(status: int, code: int, message: str = 'no') -> dict[str, Any]:
    return {'kind': 'status', 'status': status, 'code': code,
            'message': message}


def _lost() -> Iterator[Kind]:
    """Replies that do not arrive, of requests carried out or not."""
    for name, fields in (
            ('reset', {'kind': 'reset'}),
            ('closed', {'kind': 'close'}),
            ('hanging', {'kind': 'hang'}),
            ('dripping', {'kind': 'drip', 'seconds': 0.1}),
            ('truncated', {'kind': 'truncated'}),
            ('not JSON', {'kind': 'not_json'}),
            ('HTML 502', {'kind': 'html', 'status': 502}),
            ('empty', {'kind': 'empty'}),
            ('500', {'kind': 'status', 'status': 500, 'code': 13,
                     'message': 'internal'}),
            ('504', {'kind': 'status', 'status': 504, 'code': 4,
                     'message': 'deadline'})):
        waits = name in ('hanging', 'dripping')
        yield Kind(name + ', not done', dict(fields, when='before'),
                   waits=waits)
        yield Kind(name + ', done', dict(fields, when='after'), waits=waits)


KINDS = (
    # The endpoint, before any request.
    Kind('refused', mode='refuse'),
    Kind('silent', mode='blackhole', waits=True),
    Kind('no TLS', mode='plaintext'),
    # Whoever answers is not to be told anything.
    Kind('untrusted', mode='untrusted', passes=False),
    *_lost(),
    Kind('creation fails', {'kind': 'fail', 'method': 'POST'}, passes=False),
    Kind('slow', {'kind': 'delay', 'seconds': 0.02}),
    Kind('400 code 3', _status(400, 3), passes=False, local=False),
    Kind('400 code 9', _status(400, 9), local=False, refusal=True),
    Kind('401', _status(401, 16), passes=False, local=False),
    Kind('403', _status(403, 7), passes=False, local=False),
    Kind('404', _status(404, 5), passes=False, local=False, absence=True),
    Kind('409', _status(409, 10), local=False, refusal=True),
    Kind('412', _status(412, 9), local=False, refusal=True),
    Kind('429', _status(429, 8), refusal=True),
    Kind('500 etag', _status(500, 2, 'ETag mismatch'), local=False,
         refusal=True),
    Kind('503', _status(503, 14), refusal=True),
)


@dataclasses.dataclass(frozen=True)
class Fault:
    """A way to go wrong, on so many endpoints, for so long.

    :param endpoints: how many have it, the one in use first
    :param first: the request of the operation that it strikes first, from 0
    """

    kind: Kind
    endpoints: int
    lasting: str
    first: int = 0

    def __str__(self) -> str:
        return '%s/%d/%s/%d' % (self.kind.name, self.endpoints,
                                self.lasting, self.first)

    @property
    def times(self) -> Optional[int]:
        """How many requests it strikes; None for all."""
        return {ONCE: 1, A_WHILE: _WHILE_TIMES}.get(self.lasting)

    @property
    def survived(self) -> bool:
        """Whether the operation must succeed in spite of it."""
        return self.kind.passes and (
            self.lasting != FOREVER or self.kind.name == 'slow'
            or (self.kind.local and self.endpoints < 3))


def faults(kind: Kind, requests: int) -> Iterator[Fault]:
    """All faults of a kind for an operation of so many requests."""
    if kind.mode == 'untrusted':
        # The nodes of a cluster have one certificate.
        yield Fault(kind, 3, FOREVER)
        return
    first = range(1 if kind.mode else requests)
    for number in first:
        # What strikes once strikes one endpoint, whatever the others are.
        yield Fault(kind, 3, ONCE, number)
    for endpoints, lasting, number in itertools.product(
            (1, 2, 3), (A_WHILE, FOREVER), first):
        yield Fault(kind, endpoints, lasting, number)


@dataclasses.dataclass(frozen=True)
class World:
    """What the cluster is like apart from faults."""

    sends_zeros: bool
    late: bool

    def __str__(self) -> str:
        return 'zeros %s, changes %s' % (
            'sent' if self.sends_zeros else 'omitted',
            'late' if self.late else 'at once')

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the emulator."""
        return dict({'emit_defaults': self.sends_zeros}, **(
            {'settle': 0.3, 'visible_during_update': 'old',
             'follower_lag': 0.3} if self.late else {}))


WORLDS = tuple(World(zeros, late) for zeros in (False, True)
               for late in (False, True))
