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

"""Which tests name which defect."""

import ast
import dataclasses
import os
import re
from typing import Any
from typing import Iterator
from typing import Optional
import unittest

_FOLDERS = ('tests/unit', 'tests/functional')

_NAMED = re.compile(r'\bDefects? (\d+(?:(?:,| and|, and) \d+)*)')


@dataclasses.dataclass(frozen=True, order=True)
class Proof:
    """A test, or all tests of a class."""

    module: str
    case: str
    test: Optional[str]

    def __str__(self) -> str:
        return '.'.join(filter(None, (self.module, self.case, self.test)))

    def load(self) -> list[unittest.TestCase]:
        """The tests, of which data may have made several."""
        case: Any = unittest.defaultTestLoader.loadTestsFromName(
            '%s.%s' % (self.module, self.case))
        found = [one for one in case if self.test is None or re.fullmatch(
            self.test + r'(_\d+(_.*)?)?', one._testMethodName, re.DOTALL)]
        if not found:
            raise LookupError('%s cannot be run' % self)
        return found


def collect(root: str) -> dict[int, list[Proof]]:
    """The tests by the number of the defect that they name.

    :param root: folder with the source code
    """
    found: dict[int, set[Proof]] = {}
    for path in _modules(root):
        with open(os.path.join(root, path), encoding='utf-8') as file:
            tree = ast.parse(file.read())
        module = path[:-len('.py')].replace(os.sep, '.')
        for proof, docstring in _tests(module, tree):
            for match in _NAMED.finditer(docstring):
                for number in re.findall(r'\d+', match.group(1)):
                    found.setdefault(int(number), set()).add(proof)
    return {number: sorted(proofs, key=str)
            for number, proofs in found.items()}


def _modules(root: str) -> Iterator[str]:
    for folder in _FOLDERS:
        for path, _folders, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.startswith('test_') and name.endswith('.py'):
                    yield os.path.relpath(os.path.join(path, name), root)


def _tests(module: str, tree: ast.Module) -> Iterator[tuple[Proof, str]]:
    for case in tree.body:
        if not isinstance(case, ast.ClassDef):
            continue
        yield Proof(module, case.name, None), ast.get_docstring(case) or ''
        for test in case.body:
            if (isinstance(test, ast.FunctionDef)
                    and test.name.startswith('test_')):
                yield (Proof(module, case.name, test.name),
                       ast.get_docstring(test) or '')
