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

"""How far something has come, for those who wait at a terminal."""

import os
import time
from typing import Any

from lightos_cinder.cli import words

_WIDTH = 40

#: Seconds between two pictures; a terminal takes its time, too.
_PACE = 0.1


class Bar:
    """A bar on standard error, if that is a terminal; nothing elsewhere.

    :param total: of steps, as far as that is known beforehand
    """

    def __init__(self, stream: Any, total: int) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._total = max(1, total)
        self._done = 0
        self._drawn = 0.0
        self._width = 0

    def advance(self, steps: int, what: str) -> None:
        """Show that so many more steps have been done, and with what."""
        self._done += steps
        now = time.monotonic()
        if self._shown and now - self._drawn >= _PACE:
            self._drawn = now
            # There may turn out to be more of them than was known.
            share = min(1.0, self._done / self._total)
            full = int(_WIDTH * share)
            self._write('[%s%s] %3d%% reading %s' % (
                '#' * full, '.' * (_WIDTH - full), int(100 * share),
                words.printable(what, '')))

    def close(self) -> None:
        """Leave the line as it was."""
        if self._shown and self._drawn:
            self._write('')

    def _write(self, text: str) -> None:
        # To the beginning of the line, and nothing behind the text.
        blank = '\x1b[K'
        if os.environ.get('TERM') == 'dumb':
            blank = ' ' * self._width + '\r'
        self._stream.write('\r' + blank + text)
        self._width = len(text)
        self._stream.flush()
