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

"""Whether our driver stays as fast as it is while work grows."""

import functools
import gc
import pathlib
import re
from typing import Any
from typing import Callable

from tests.benchmark import bench as bench_module
from tests.benchmark import figures
from tests.functional import base

#: Volumes in the project.
SIZES = (0, 10, 100, 1000, 10_000)

#: Times that each operation is done with so many.
_COUNT = 20

#: Operations at once.
_CROWD = 256

#: Lifecycles before memory is looked at for the first time.
_EARLY = 100

#: Lifecycles at once.
_WIDTH = 8


def measure(bench: bench_module.Bench, mode: str, lifecycles: int,
            tell: Callable[[str], None]) -> figures.Growth:
    """Measure all of it.

    :param lifecycles: after which memory is looked at for the last time
    """
    by_size = []
    for size in SIZES:
        tell('with %d volumes in the project' % size)
        by_size.append(_with_volumes(bench, mode, size))
    tell('start and listing with %d volumes' % SIZES[-1])
    start, listing = _start_and_list(bench)
    tell('%d at once' % _CROWD)
    crowd = _crowd(bench, mode)
    tell('memory of %d lifecycles' % lifecycles)
    done, memory = _memory(bench, mode, lifecycles)
    return figures.Growth(
        SIZES,
        {name: tuple(1000 * one[name].median for one in by_size)
         for name in bench_module.Life.OPERATIONS},
        {name: tuple(one[name].calls_each for one in by_size)
         for name in bench_module.Life.OPERATIONS},
        start, listing, done, memory, _CROWD, crowd.failed,
        crowd.handshakes, (crowd.median, max(crowd.seconds)))


def _fresh(bench: bench_module.Bench, settle: float = 0) -> Any:
    bench.lightos.reset()
    bench.lightos.set_settings(settle=settle)
    bench.lightos.create_project(base.PROJECT)
    return bench.make(figures.OURS)


def _with_volumes(bench: bench_module.Bench, mode: str, size: int
                  ) -> dict[str, figures.Figure]:
    driver = _fresh(bench)
    bench.lightos.fill(base.PROJECT, size)
    lives = [bench_module.Life(bench, driver) for _ in range(_COUNT)]
    found = {}
    for name in bench_module.Life.OPERATIONS:
        found[name] = bench.measure(
            figures.Setting(mode, 0, 1, name), figures.OURS,
            [functools.partial(life.do, name) for life in lives])
        if found[name].failed:
            raise RuntimeError('%s failed' % name)
    return found


def _start_and_list(bench: bench_module.Bench) -> tuple[int, int]:
    """REST calls of a start, and of a listing, with the most volumes."""
    _fresh(bench)
    # Of the project that is there without any volume type.
    bench.lightos.fill('default', SIZES[-1])
    volumes = [bench.volume(status='available', provider_id='default ' + str(
        number)) for number in range(SIZES[-1])]
    bench.lightos.clear_records()
    driver = bench.make(figures.OURS)
    driver.update_provider_info(volumes, [])
    start = len(bench.lightos.requests())
    bench.lightos.clear_records()
    listed = driver.get_manageable_volumes(
        [], None, SIZES[-1], 0, ['size'], ['asc'])
    if len(listed) != SIZES[-1]:
        raise RuntimeError('%d volumes are listed' % len(listed))
    return start, len(bench.lightos.requests())


def _crowd(bench: bench_module.Bench, mode: str) -> figures.Figure:
    driver = _fresh(bench, 0.2)
    return bench.measure(
        figures.Setting(mode, 0.2, _CROWD, 'create'), figures.OURS,
        [functools.partial(bench_module.Life(bench, driver).do, 'create')
         for _ in range(_CROWD)])


def _memory(bench: bench_module.Bench, mode: str, lifecycles: int
            ) -> tuple[tuple[int, ...], tuple[float, ...]]:
    driver = _fresh(bench)
    done, memory = [0], []
    for until in (_EARLY, lifecycles // 10, lifecycles // 2, lifecycles):
        while done[-1] < until:
            # In parts, so that figures of the benchmark are no memory.
            count = min(100, until - done[-1])
            figure = bench.measure(
                figures.Setting(mode, 0, _WIDTH, 'lifecycle'), figures.OURS,
                [bench_module.Life(bench, driver).lifecycle
                 for _ in range(count)])
            if figure.failed:
                raise RuntimeError('%d lifecycles failed' % figure.failed)
            done[-1] += count
        gc.collect()
        memory.append(_resident())
        done.append(done[-1])
    return tuple(done[:-1]), tuple(memory)


def _resident() -> float:
    """MiB of memory that this process has."""
    status = pathlib.Path('/proc/self/status').read_text()
    found = re.search(r'VmRSS:\s+(\d+) kB', status)
    assert found
    return int(found[1]) / 1024
