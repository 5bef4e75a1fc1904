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

"""What processes hold: memory, connections to the cluster, threads."""

import contextlib
import dataclasses
import pathlib
import re
import typing

_PROC = pathlib.Path('/proc')


@dataclasses.dataclass(frozen=True)
class Sample:
    """What the processes of a service held at one time.

    :param lifecycles: that had ended by then
    :param memory: resident, MiB
    :param connections: to the cluster, in any state
    :param threads: native ones
    :param files: open files of any kind
    """

    lifecycles: int
    memory: float
    connections: int
    threads: int
    files: int


def sample(pids: typing.Iterable[int], port: int, lifecycles: int
           ) -> Sample | None:
    """Measure processes; None if one of them has just ended.

    :param port: of the cluster's API
    """
    memory = connections = threads = files = 0
    try:
        for pid in pids:
            status = (_PROC / str(pid) / 'status').read_text()
            memory += _field(status, 'VmRSS')
            threads += _field(status, 'Threads')
            links = _links(pid)
            files += len(links)
            connections += len(_sockets(pid, port).intersection(links))
    except OSError:
        return None
    if not files:
        return None
    return Sample(lifecycles, memory / 1024, connections, threads, files)


def _field(status: str, name: str) -> int:
    found = re.search(rf'^{name}:\s+(\d+)', status, re.MULTILINE)
    return int(found[1]) if found else 0


def _links(pid: int) -> list[str]:
    """What the open files of a process are."""
    links = []
    for link in (_PROC / str(pid) / 'fd').iterdir():
        with contextlib.suppress(FileNotFoundError):  # Closed meanwhile.
            links.append(str(link.readlink()))
    return links


def _sockets(pid: int, port: int) -> set[str]:
    """The sockets whose far end is that port, as links name them."""
    table = (_PROC / str(pid) / 'net' / 'tcp').read_text().splitlines()
    return {f'socket:[{fields[9]}]' for fields in map(str.split, table[1:])
            if int(fields[2].partition(':')[2], 16) == port}
