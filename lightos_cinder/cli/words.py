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

"""Words from elsewhere, as they can be shown to people.

Tenants choose the names of volumes, types and projects: one may hold what
changes the colours of a terminal, or what is on it already.
"""

import logging
from typing import Any


def printable(text: str, but: str = '\n') -> str:
    """The text with escapes, such as ``\\x1b``, for all that is not seen.

    :param but: what stays as it is; the end of a line, if nothing is said
    """
    return ''.join(
        one if one.isprintable() or one in but
        else one.encode('unicode_escape').decode('ascii') for one in text)


def cell(value: Any) -> Any:
    """A value as it can stand in a table; of one line, if it is a text."""
    return printable(value, '') if isinstance(value, str) else value


class Formatter(logging.Formatter):
    """Of what is logged on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return printable(super().format(record), '\n\t')
