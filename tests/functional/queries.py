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

"""The command line, with all that it asks a database written down.

The first argument is the path of a file: a line for each statement.
"""

import sys
from typing import Any

import sqlalchemy
from sqlalchemy import event

from lightos_cinder.cli import __main__


def main() -> int:
    """Run a command; the exit status."""
    with open(sys.argv.pop(1), 'w') as file:

        @event.listens_for(sqlalchemy.Engine, 'before_cursor_execute')
        def _write_down(_connection: Any, _cursor: Any, statement: str,
                        *_more: Any) -> None:
            file.write(' '.join(statement.split()) + '\n')

        return __main__.main()


if __name__ == '__main__':
    sys.exit(main())
