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

"""The page that says of each defect who has it, and how that is known."""

import json
import os
import textwrap
from typing import Any
from typing import Mapping
from typing import Sequence

from tests.defects import proofs
from tests.defects import table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, 'doc', 'source', 'defects.rst')
#: What the last run found of the driver inside Cinder.
RESULTS = os.path.join(ROOT, 'tests', 'defects', 'inside_cinder.json')

_HEAD = '''\
.. Written by "tox -e defects" from tests. Do not change it by hand.

=======
Defects
=======

What is known to go wrong with drivers for LightOS, and whether it does with
the driver inside Cinder %(cinder)s and with this one.

**shown**: a statement of ``tests/functional/test_yardstick.py`` does not hold
for that driver on an emulated cluster, its time limits and pauses shortened.
The same statement holds for ours. **not shown**: it holds for that driver.
**by reading**: no test shows it; it is to be seen in the code.

**not ours**: it is ruled out by the tests that are listed below the table,
which passed when this page was written, and pass in each run of the tests.

.. list-table::
   :header-rows: 1
   :widths: 5 55 20 20

   * - No.
     - What goes wrong
     - Driver inside Cinder
     - lightos-cinder
'''

_TAIL = '''
The tests of ours
=================
'''


def results() -> dict[str, Any]:
    """What the last run found: ``cinder``, its version, and ``shown``."""
    with open(RESULTS, encoding='utf-8') as file:
        return json.load(file)


def render(found: Mapping[str, Any],
           proven: Mapping[int, Sequence[proofs.Proof]]) -> str:
    """The page as reStructuredText.

    :param found: as :func:`results` gives it
    :param proven: as :func:`proofs.collect` gives it
    """
    lines = [_HEAD % found]
    for number, defect in table.DEFECTS.items():
        tests = proven.get(number, ())
        shown = found['shown'].get(str(number))
        theirs = ('shown' if shown else 'not shown'
                  if shown is not None else 'by reading: %s'
                  % defect.reading)
        ours = defect.never or 'not ours: %d test%s, `Defect %d`_' % (
            len(tests), '' if len(tests) == 1 else 's', number)
        lines.append('   * - %d' % number)
        for cell in (defect.text, theirs, ours):
            lines.append(textwrap.fill(
                cell, 79, initial_indent='     - ',
                subsequent_indent=' ' * 7, break_on_hyphens=False))
    lines.append(_TAIL)
    for number, tests in sorted(proven.items()):
        title = 'Defect %d' % number
        lines += [title, '-' * len(title), '']
        lines += ['- ``%s``' % test for test in tests] + ['']
    return '\n'.join(lines)
