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

"""What was measured, and what it is next to what the other driver needs."""

import dataclasses
import statistics
from typing import Any
from typing import Optional
from typing import Sequence

OURS, THEIRS = 'ours', 'theirs'


@dataclasses.dataclass(frozen=True)
class Setting:
    """How an operation was done.

    :param mode: threading or eventlet
    :param settle: seconds that the cluster takes for every change
    :param width: how many at once
    :param operation: what was done
    """

    mode: str
    settle: float
    width: int
    operation: str


@dataclasses.dataclass(frozen=True)
class Figure:
    """What one driver needed for it.

    :param seconds: that each took
    :param wall: seconds that all together took
    :param cpu: seconds of processor time in the driver's process, in all
    :param calls: REST calls in all
    :param handshakes: connections to the cluster in all, with a TLS
        handshake each
    :param failed: what ended with an error
    """

    setting: Setting
    driver: str
    seconds: tuple[float, ...]
    wall: float
    cpu: float
    calls: int
    handshakes: int
    failed: int = 0

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """Seconds; the longest, of fewer than twenty."""
        ordered = sorted(self.seconds)
        return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]

    @property
    def calls_each(self) -> float:
        """REST calls of one."""
        return self.calls / len(self.seconds)

    @property
    def cpu_each(self) -> float:
        """Seconds of processor time of one."""
        return self.cpu / len(self.seconds)

    @property
    def rate(self) -> float:
        """How many were done in a second."""
        return len(self.seconds) / self.wall

    def to_json(self) -> dict[str, Any]:
        """As it is written to a file."""
        return dict(dataclasses.asdict(self), seconds=[
            round(one, 4) for one in self.seconds])

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> 'Figure':
        """As it was read from a file."""
        return cls(**dict(read, setting=Setting(**read['setting']),
                          seconds=tuple(read['seconds'])))


@dataclasses.dataclass(frozen=True)
class Pair:
    """The same of both drivers."""

    ours: Figure
    theirs: Figure

    @property
    def setting(self) -> Setting:
        """How it was done."""
        return self.ours.setting

    def ratio(self, name: str) -> Optional[float]:
        """How many times as much the other driver needs; None of nothing."""
        mine = getattr(self.ours, name)
        return getattr(self.theirs, name) / mine if mine else None


def pairs(figures: Sequence[Figure]) -> list[Pair]:
    """Those that were measured of both drivers, in their order."""
    found = {(one.setting, one.driver): one for one in figures}
    return [Pair(one, found[one.setting, THEIRS]) for one in figures
            if one.driver == OURS and (one.setting, THEIRS) in found]


def find(found: Sequence[Pair], operation: str, settle: float, width: int,
         mode: str) -> Optional[Pair]:
    """What was measured of an operation; None if it was not."""
    return next((one for one in found if one.setting == Setting(
        mode, settle, width, operation)), None)


@dataclasses.dataclass(frozen=True)
class Growth:
    """How costs grow with what there is.

    :param sizes: volumes in the project
    :param milliseconds: median of each operation, for each of the sizes
    :param calls: of each operation, for each of the sizes
    :param start_calls: REST calls of a start with the most volumes
    :param listing_calls: REST calls of listing that many as manageable
    :param lifecycles: as memory was looked at, and memory then: MiB
    :param crowd: how many creations were done at once
    :param crowd_failed: how many of them failed
    :param crowd_handshakes: connections that they took
    :param crowd_seconds: median and longest of them
    """

    sizes: Sequence[int]
    milliseconds: dict[str, Sequence[float]]
    calls: dict[str, Sequence[float]]
    start_calls: int
    listing_calls: int
    lifecycles: Sequence[int]
    memory: Sequence[float]
    crowd: int
    crowd_failed: int
    crowd_handshakes: int
    crowd_seconds: Sequence[float]


@dataclasses.dataclass(frozen=True)
class Service:
    """What Cinder as a whole takes for the life of a volume.

    :param mode: threading or eventlet
    :param lifecycles: create, attach, detach, delete; asked for by users
    :param seconds: that all together took
    :param cpu: seconds of processor time of one of them, by program
    """

    mode: str
    lifecycles: int
    seconds: float
    cpu: dict[str, float]
