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


"""What the audience sees: steps, what was said to each, and the verdict."""

import json
import sys
import textwrap
import time
import typing

_FIRST_NOTICE = 3.0
_NOTICE_INTERVAL = 5.0
_LOOK_INTERVAL = 0.15


class Failed(Exception):
    """A step did not turn out as it must."""


class Show:
    """The running account of the demonstration."""

    def __init__(self, stream: typing.TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._step = ''
        self.checks = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._print(f'\n{title}\n{"=" * len(title)}')

    def step(self, title: str) -> None:
        """Begin a step of the chapter."""
        self._step = title
        self._print(f'\n{title}')

    def note(self, text: str) -> None:
        """Explain something."""
        self._print(textwrap.fill(text, 78, initial_indent='  ',
                                  subsequent_indent='  '))

    def said(self, text: str) -> None:
        """Show what somebody did, typed or answered."""
        self._print(textwrap.indent(text.rstrip(), '    '))

    def data(self, what: str, value: typing.Any) -> None:
        """Show a piece of data as JSON."""
        self.said(f'{what} {json.dumps(value)}')

    def table(self, heading: str, rows: typing.Sequence[
            typing.Mapping[str, str]], columns: typing.Sequence[str]) -> None:
        """Show what there is as a table."""
        self._print(f'  {heading}: {len(rows) or "none"}')
        if not rows:
            return
        lines = [columns, *([str(row[column]) for column in columns]
                            for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines)]
        for line in lines:
            self.said('  '.join(cell.ljust(width) for cell, width
                                in zip(line, widths)))

    def check(self, what: str, found: typing.Any, wanted: typing.Any) -> None:
        """Say that something is so, or fail because it is not."""
        if found != wanted:
            raise Failed(f'{what}: {found!r}, but it must be {wanted!r}')
        self.checks += 1
        shown = '' if wanted is True else f': {_plain(wanted)}'
        self._print(textwrap.fill(f'ok  {what}{shown}', 94,
                                  initial_indent='  ',
                                  subsequent_indent='      ',
                                  break_on_hyphens=False))

    def wait(self, what: str, ready: typing.Callable[[], bool],
             timeout: float = 60.0) -> None:
        """Wait until it is so, telling from time to time that one waits."""
        began = time.monotonic()
        notice = _FIRST_NOTICE
        while not ready():
            waited = time.monotonic() - began
            if waited > timeout:
                raise Failed(f'waited {timeout:.0f} s in vain for {what}')
            if waited > notice:
                self._print(f'  ... waiting for {what}, {waited:.0f} s')
                notice += _NOTICE_INTERVAL
            time.sleep(_LOOK_INTERVAL)

    def failed(self, text: str) -> None:
        """Show why the demonstration ends here."""
        self.end(f'FAILED  {self._step}: {text}')

    def end(self, text: str) -> None:
        """Show the one line that sums it all up."""
        self._print(f'\n{text}')

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def _plain(value: typing.Any) -> str:
    if isinstance(value, dict):
        return ', '.join(f'{name} {_plain(item)}'
                         for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_plain, value)) or 'none'
    return str(value)
