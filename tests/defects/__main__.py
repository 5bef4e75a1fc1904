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

"""Run what is known of the defects, and write the page."""

import argparse
import importlib.metadata
import itertools
import json
import re
import sys
from typing import Any
from typing import Optional
import unittest

from tests.defects import page
from tests.defects import proofs
from tests.functional import test_yardstick


class InsideCinderTestCase(test_yardstick.YardstickTestCase):
    """The same statements about the driver inside Cinder."""

    which = test_yardstick.THEIRS


def _number(test: Any) -> Optional[int]:
    """The defect that a statement rules out; None for none."""
    found = re.fullmatch(r'Defect (\d+): .*',
                         test.shortDescription() or '')
    return int(found.group(1)) if found else None


def _measure() -> dict[str, bool]:
    """Whether each defect that has a statement shows inside Cinder."""
    shown: dict[str, bool] = {}
    for test in unittest.defaultTestLoader.loadTestsFromTestCase(
            InsideCinderTestCase):
        result = unittest.TestResult()
        test(result)
        number = _number(test)
        holds = result.wasSuccessful()
        if number is None and not holds:
            # Then it says nothing that the others do not hold either.
            sys.exit('the driver inside Cinder does not work here: %s'
                     % result)
        if number is not None:
            shown[str(number)] = not holds
            print('%2d %s' % (number, 'holds' if holds else 'does not hold'))
    return shown


def main() -> int:
    """Run it all; nothing is written if a test of ours fails."""
    parser = argparse.ArgumentParser(prog='python -m tests.defects',
                                     description=__doc__)
    parser.add_argument('--only-page', action='store_true',
                        help='run nothing, and write the page from what the '
                             'last run found')
    only_page = parser.parse_args().only_page
    proven = proofs.collect(page.ROOT)
    if not only_page:
        ours = unittest.TextTestRunner(verbosity=0).run(unittest.TestSuite(
            itertools.chain.from_iterable(proof.load() for proof in sorted(
                set(itertools.chain.from_iterable(proven.values())),
                key=str))))
        if not ours.wasSuccessful():
            return 1
        found = {'cinder': importlib.metadata.version('cinder'),
                 'shown': _measure()}
        with open(page.RESULTS, 'w', encoding='utf-8') as file:
            json.dump(found, file, indent=1)
            file.write('\n')
    with open(page.PAGE, 'w', encoding='utf-8') as file:
        file.write(page.render(page.results(), proven))
    return 0


if __name__ == '__main__':
    sys.exit(main())
