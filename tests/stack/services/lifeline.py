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


"""The line that ties a service to the process which started it."""

import _thread
import os
import typing


def _watch(read: typing.Callable[[int, int], bytes],
           leave: typing.Callable[[int], typing.NoReturn]) -> None:
    while read(0, 1):
        pass
    leave(1)


def hold() -> None:
    """End this process as soon as its standard input ends.

    The parent keeps the other end and never writes to it, so the input ends
    when the parent does, however it died. To be called before anything is
    monkey patched: the watch needs a thread and a read that really block.
    """
    _thread.start_new_thread(_watch, (os.read, os._exit))
