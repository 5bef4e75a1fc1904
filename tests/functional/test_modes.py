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

"""The two ways in which Cinder does several things at once.

Before 2026.2 (29) it has eventlet only, and cannot be told.
"""

import importlib
import os
import socket
import subprocess
import sys
import threading
import time
import unittest

from cinder import utils
import ddt
from eventlet import patcher

_GREEN = ('thread', 'time', 'socket', 'select', 'os')


def _asked_for() -> str:
    """What this run is for: its tox environment says so, if it has one."""
    if 'TOX_ENV_NAME' in os.environ:
        return ('eventlet' if os.environ['TOX_ENV_NAME'] == 'eventlet'
                else 'threading')
    return ('eventlet' if os.environ.get(
        'OS_CINDER_DISABLE_EVENTLET_PATCHING', '').lower()
        in ('0', 'false', 'no') else 'threading')


@ddt.ddt
class ModeTestCase(unittest.TestCase):
    """Without it, a run under eventlet may be one more of the other kind."""

    def setUp(self) -> None:
        super().setUp()
        self.green = _asked_for() == 'eventlet'

    def test_cinder_and_oslo_are_in_it(self):
        # Here, since what an older Cinder lacks would stop its tests.
        monkey_patch = importlib.import_module('cinder.monkey_patch')
        backend = importlib.import_module('oslo_service.backend')
        self.assertEqual(self.green, monkey_patch.is_patched())
        self.assertEqual(not self.green, utils.concurrency_mode_threading())
        self.assertEqual(_asked_for(), backend.get_backend_type().value)

    def test_a_thread_is_what_it_is_called(self):
        seen = []
        thread = threading.Thread(
            target=lambda: seen.append(threading.get_native_id()))
        thread.start()
        thread.join()
        self.assertEqual(self.green, seen == [threading.get_native_id()])

    def test_whoever_waits_lets_others_work(self):
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        ready = threading.Event()

        def answer():
            ready.wait()
            time.sleep(0.01)
            there.send(b'!')

        thread = threading.Thread(target=answer)
        thread.start()
        ready.set()
        # Where only some of it is green, this waits for ever.
        here.settimeout(10)
        self.assertEqual(b'!', here.recv(1))
        thread.join()

    def test_all_of_it_is_green_or_nothing(self):
        self.assertEqual(dict.fromkeys(_GREEN, self.green), {
            name: patcher.is_monkey_patched(name) for name in _GREEN})

    @ddt.data(('true', 'threading'), ('false', 'eventlet'),
              ('', 'threading'))
    @ddt.unpack
    def test_the_variable_of_cinder_decides(self, value, mode):
        told = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c',
             'import tests.functional\n'
             'from oslo_service import backend\n'
             'print(backend.get_backend_type().value)'],
            env=dict(os.environ, OS_CINDER_DISABLE_EVENTLET_PATCHING=value),
            capture_output=True, text=True, check=True)
        self.assertEqual(mode, told.stdout.strip())
