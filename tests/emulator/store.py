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

"""A collection of objects found by UUID, by name and page by page."""

from __future__ import annotations

import bisect
from typing import Generic
from typing import Iterator
from typing import Optional
from typing import Protocol
from typing import TypeVar


class Stored(Protocol):
    """What the collection needs to know of an object."""

    uuid: str
    name: str
    project: str


T = TypeVar('T', bound=Stored)


class Store(Generic[T]):
    """Objects of one kind. Names may repeat: a Deleting one keeps its."""

    def __init__(self) -> None:
        self._by_uuid: dict[str, T] = {}
        self._by_name: dict[tuple[str, str], list[T]] = {}
        # Sorted, because a page starts after a given UUID; under None all
        # of the cluster.
        self._order: dict[Optional[str], list[str]] = {None: []}

    def __len__(self) -> int:
        return len(self._by_uuid)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._by_uuid.values()))

    def add(self, item: T) -> None:
        """Keep a new object."""
        self._by_uuid[item.uuid] = item
        self._by_name.setdefault((item.project, item.name), []).append(item)
        for key in (None, item.project):
            bisect.insort(self._order.setdefault(key, []), item.uuid)

    def remove(self, item: T) -> None:
        """Forget an object."""
        del self._by_uuid[item.uuid]
        self._unname(item)
        for key in (None, item.project):
            order = self._order[key]
            del order[bisect.bisect_left(order, item.uuid)]

    def rename(self, item: T, name: str) -> None:
        """Find the object under another name from now on."""
        self._unname(item)
        item.name = name
        self._by_name.setdefault((item.project, name), []).append(item)

    def _unname(self, item: T) -> None:
        key = (item.project, item.name)
        namesakes = self._by_name[key]
        namesakes.remove(item)
        if not namesakes:
            del self._by_name[key]

    def get(self, uuid: str) -> Optional[T]:
        """The object with that UUID."""
        return self._by_uuid.get(uuid)

    def named(self, project: str, name: str) -> list[T]:
        """Those of that name, oldest first."""
        return list(self._by_name.get((project, name), ()))

    def count(self, project: Optional[str] = None) -> int:
        """How many there are in a project, or in all."""
        return len(self._order.get(project, ()))

    def after(self, project: Optional[str], uuid: str = '') -> Iterator[T]:
        """Those of a project, or all, sorted by UUID, after one of them."""
        order = self._order.get(project, [])
        start = bisect.bisect_right(order, uuid) if uuid else 0
        for position in range(start, len(order)):
            yield self._by_uuid[order[position]]
