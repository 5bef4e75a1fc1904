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

"""What happened, counted, and whether that will do."""

import collections
import statistics
import threading
import time
import typing

from tests.soak import gauges

#: What must not happen even once.
KINDS = ('lost', 'orphaned', 'stuck', 'unauthorised')

#: Errors of one operation that are quoted, and their characters.
_QUOTED, _LENGTH = 8, 200


class Figures:
    """Counts of one run. Safe to share between threads."""

    def __init__(self) -> None:
        self.lifecycles = 0
        #: Errors that users were told, what they did again because of that,
        #: and what only an administrator could end, each by operation.
        self.told: collections.Counter[str] = collections.Counter()
        self.repeated: collections.Counter[str] = collections.Counter()
        self.administered: collections.Counter[str] = collections.Counter()
        #: Some of the errors of each operation, word by word.
        self.words: list[str] = []
        self._seconds: dict[str, list[float]] = collections.defaultdict(list)
        self._violations: dict[str, dict[str, None]] = {
            kind: {} for kind in KINDS}
        self._lock = threading.Lock()

    @property
    def operations(self) -> int:
        """How many have succeeded."""
        with self._lock:
            return sum(map(len, self._seconds.values()))

    def lived(self) -> None:
        """A lifecycle has ended."""
        with self._lock:
            self.lifecycles += 1

    def did(self, operation: str, seconds: float) -> None:
        """An operation succeeded."""
        with self._lock:
            self._seconds[operation].append(seconds)

    def error(self, operation: str, words: str) -> None:
        """A user was told that an operation failed."""
        with self._lock:
            self.told[operation] += 1
            if self.told[operation] <= _QUOTED:
                self.words.append(f'{time.strftime("%H:%M:%S")} {operation}: '
                                  f'{words[:_LENGTH]}')

    def again(self, operation: str) -> None:
        """A user does it once more."""
        with self._lock:
            self.repeated[operation] += 1

    def by_administrator(self, what: str) -> None:
        """An administrator did what the user could not."""
        with self._lock:
            self.administered[what] += 1

    def violation(self, kind: str, words: str) -> None:
        """What must not be; the same is counted once."""
        with self._lock:
            self._violations[kind][words] = None

    def violations(self) -> dict[str, list[str]]:
        """All of these, by kind."""
        with self._lock:
            return {kind: list(found)
                    for kind, found in self._violations.items()}

    def times(self) -> typing.Iterator[str]:
        """A line for each operation: how often and how long."""
        yield (f'{"operation":<22}{"done":>6}{"p50":>8}{"p95":>8}'
               f'{"most":>8}{"errors":>8}{"again":>7}')
        with self._lock:
            for name in sorted(self._seconds.keys() | self.told.keys()):
                taken = sorted(self._seconds.get(name, ()))
                yield (f'{name:<22}{len(taken):>6}'
                       f'{_share(taken, 0.5):>7.1f}s'
                       f'{_share(taken, 0.95):>7.1f}s'
                       f'{_share(taken, 1.0):>7.1f}s'
                       f'{self.told[name]:>8}{self.repeated[name]:>7}')


def _share(ordered: typing.Sequence[float], share: float) -> float:
    """The time that so many of all did not exceed."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def growth(series: typing.Sequence[gauges.Sample]
           ) -> tuple[gauges.Sample, gauges.Sample, float]:
    """What a process had when warm, and at the end, and MiB per 100.

    It is warm after a tenth of the lifecycles that it saw. The slope is that
    of the line through all samples since, by least squares.
    """
    first, last = series[0].lifecycles, series[-1].lifecycles
    warm = [sample for sample in series
            if sample.lifecycles >= first + (last - first) / 10]
    slope = 0.0
    if warm[0].lifecycles < last:
        slope = 100 * statistics.linear_regression(
            [sample.lifecycles for sample in warm],
            [sample.memory for sample in warm]).slope
    return warm[0], warm[-1], slope
