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

"""A cluster, either driver, and what is measured of them."""

import concurrent.futures
import contextlib
import logging
import os
import time
from typing import Any
from typing import Callable
from typing import Iterable
from typing import Sequence
from unittest import mock

from cinder import objects
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers import lightos as inside_cinder

from tests.benchmark import figures
from tests.functional import base

#: Both have this much time, and do not check certificates: the driver inside
#: Cinder can check them by the CAs of the system only.
_OPTIONS = {'lightos_operation_timeout': 100,
            'lightos_api_service_timeout': 30}

#: Complete lives of volumes before anything is counted. Ours learns how long
#: the cluster takes.
_WARM_UP = {figures.OURS: 6, figures.THEIRS: 1}

CONNECTOR = base.connector(1)


class Life:
    """A volume of Cinder, and all that a driver does for it."""

    #: In the order in which they can be measured.
    OPERATIONS = ('create', 'attach', 'attach again', 'detach', 'snapshot',
                  'from snapshot', 'clone', 'extend', 'delete snapshot',
                  'delete')

    def __init__(self, bench: 'Bench', driver: Any) -> None:
        self._bench = bench
        self._driver = driver
        self.volume = bench.volume()
        self._copies: list[objects.Volume] = []

    def do(self, operation: str) -> None:
        """Do one of them."""
        getattr(self, '_' + operation.replace(' ', '_'))()

    def lifecycle(self) -> None:
        """What most volumes see of a driver."""
        for operation in ('create', 'attach', 'detach', 'delete'):
            self.do(operation)

    def tidy(self) -> None:
        """Have the cluster as it was, which nobody measures."""
        for copy in self._copies:
            self._driver.delete_volume(copy)

    def _create(self) -> None:
        self._bench.stamp(self.volume, self._driver.create_volume(
            self.volume))

    def _attach(self) -> None:
        self._driver.initialize_connection(self.volume, CONNECTOR)
        self._bench.attach(self.volume, CONNECTOR)

    def _attach_again(self) -> None:
        self._driver.initialize_connection(self.volume, CONNECTOR)

    def _detach(self) -> None:
        self._driver.terminate_connection(self.volume, CONNECTOR)
        self._bench.attach(self.volume)

    def _snapshot(self) -> None:
        self.snapshot = self._bench.snapshot(self.volume)
        self._bench.stamp(self.snapshot, self._driver.create_snapshot(
            self.snapshot))

    def _from_snapshot(self) -> None:
        self._copy(self._driver.create_volume_from_snapshot, self.snapshot)

    def _clone(self) -> None:
        self._copy(self._driver.create_cloned_volume, self.volume)

    def _copy(self, create: Callable[[Any, Any], Any], source: Any) -> None:
        copy = self._bench.volume()
        self._copies.append(self._bench.stamp(copy, create(copy, source)))

    def _extend(self) -> None:
        self._driver.extend_volume(self.volume, 2)
        self.volume.size = 2

    def _delete_snapshot(self) -> None:
        self._driver.delete_snapshot(self.snapshot)

    def _delete(self) -> None:
        self._driver.delete_volume(self.volume)


class Bench(base.DriverTestCase):
    """The cluster is in a process of its own, so its cost is not counted."""

    options = _OPTIONS

    def runTest(self) -> None:
        """Make the class usable on its own."""

    def setUp(self) -> None:
        """Have what the driver inside Cinder takes from its host."""
        # It warns of each request that its certificate is not checked.
        logging.captureWarnings(True)
        self.addCleanup(logging.captureWarnings, False)
        logging.disable(logging.ERROR)
        self.addCleanup(logging.disable, logging.NOTSET)
        for patcher in (
                mock.patch('os_brick.utils.get_host_nqn', autospec=True,
                           return_value='nqn.controller'),
                mock.patch.dict(os.environ, NO_PROXY='*')):
            patcher.start()
            self.addCleanup(patcher.stop)
        super().setUp()

    @contextlib.contextmanager
    def ready(self) -> Any:
        """Be usable, for as long as it takes."""
        self.setUp()
        try:
            yield self
        finally:
            self.doCleanups()

    def make(self, which: str) -> Any:
        """Return a driver as a service has it when it has started."""
        made = self.bare_driver()
        if which == figures.THEIRS:
            made = inside_cinder.LightOSVolumeDriver(
                configuration=configuration.Configuration(
                    volume_driver.volume_opts, config_group=base.GROUP),
                host='controller@' + base.GROUP)
        made.do_setup(self.context)
        made.check_for_setup_error()
        return made

    def compare(self, mode: str, settle: float, width: int, count: int
                ) -> Iterable[figures.Figure]:
        """Measure both drivers, one after the other.

        :param count: of volumes
        """
        for which in (figures.THEIRS, figures.OURS):
            self.lightos.reset()
            self.lightos.set_settings(settle=settle)
            self.lightos.create_project(base.PROJECT)
            yield from self.measure_driver(
                which, mode, settle, width, count)

    def measure_driver(self, which: str, mode: str, settle: float,
                       width: int, count: int) -> Iterable[figures.Figure]:
        """Measure one of them on a cluster that is there."""
        drivers: list[Any] = []

        def measure(operation: str, works: Sequence[Callable[[], Any]]
                    ) -> figures.Figure:
            return self.measure(figures.Setting(
                mode, settle, width, operation), which, works)

        yield measure('set-up', [lambda: drivers.append(self.make(which))])
        driver, = drivers
        yield measure('statistics', [
            lambda: driver.get_volume_stats(refresh=True)])
        for _ in range(_WARM_UP[which]):
            life = Life(self, driver)
            for operation in Life.OPERATIONS:
                life.do(operation)
            life.tidy()
        lives = [Life(self, driver) for _ in range(count)]
        for operation in Life.OPERATIONS:
            yield measure(operation, [
                lambda life=life: life.do(operation)  # type: ignore[misc]
                for life in lives])
        with concurrent.futures.ThreadPoolExecutor(width) as pool:
            for _ in pool.map(Life.tidy, lives):
                pass
        yield measure('lifecycle', [Life(self, driver).lifecycle
                                    for _ in range(count)])

    def measure(self, setting: figures.Setting, which: str,
                works: Sequence[Callable[[], Any]]) -> figures.Figure:
        """Do them, so many at once, and see what that takes."""
        failed = []

        def timed(work: Callable[[], Any]) -> float:
            begun = time.monotonic()
            try:
                work()
            except Exception as error:
                failed.append(error)
            return time.monotonic() - begun

        self.lightos.clear_records()
        with concurrent.futures.ThreadPoolExecutor(setting.width) as pool:
            begun, cpu = time.monotonic(), time.process_time()
            seconds = tuple(pool.map(timed, works))
            wall = time.monotonic() - begun
            cpu = time.process_time() - cpu
        return figures.Figure(
            setting, which, seconds, wall, cpu,
            len(self.lightos.requests()), self.lightos.connections()['all'],
            len(failed))
