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


"""What became of each test of a run, by the record that its runner keeps."""

import collections
import dataclasses
import re
import typing

import subunit
import testtools

# What is reported in place of the tests of a class, if that is not set up.
_CLASS = re.compile(r'^setUpClass \((?P<name>[\w.]+)\)$')

PASSED = 'success'
SKIPPED = 'skip'


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a test, or of the class it is in."""

    status: str
    #: Why it was skipped, or how it failed.
    text: str = ''


@dataclasses.dataclass(frozen=True)
class Results:
    """What became of the tests that there are."""

    passed: tuple[str, ...]
    #: The reason, by test.
    skipped: typing.Mapping[str, str]
    #: What is known of it, by test; and by class, if one cannot be ended.
    failed: typing.Mapping[str, str]

    def reasons(self) -> dict[str, int]:
        """Count the tests for each reason to skip, the most first."""
        return dict(collections.Counter(
            self.skipped.values()).most_common())


def read(record: typing.BinaryIO) -> dict[str, Outcome]:
    """Return what a subunit stream says of each test it names."""
    found: dict[str, Outcome] = {}

    def take(test: typing.Any) -> None:
        details = test['details']
        reason = details.get('reason')
        texts = [reason] if reason else [
            details[name] for name in sorted(details)
            if name.startswith('traceback')]
        outcome = Outcome(test['status'], '\n'.join(
            text.as_text().strip() for text in texts))
        before = found.get(test['id'])
        # What has failed once has failed, whatever else is told of it.
        if before is None or before.status in (PASSED, SKIPPED):
            found[test['id']] = outcome

    result = testtools.StreamToDict(take)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(
        record, non_subunit_name='stdout').run(result)
    result.stopTestRun()
    found.pop('stdout', None)
    return found


def settle(tests: typing.Iterable[str],
           outcomes: typing.Mapping[str, Outcome]) -> Results:
    """Say of each test that there is what became of it.

    One that nothing is told of counts as failed, as does all that is
    neither passed nor skipped.

    :param tests: the tests that were to be run, as the runner lists them.
    :param outcomes: what is on record.
    """
    open_ends = dict(outcomes)
    classes = {}
    for name in outcomes:
        match = _CLASS.match(name)
        if match:
            classes[match['name']] = open_ends.pop(name)
    passed = []
    skipped = {}
    failed = {}
    for test in tests:
        name = test.partition('[')[0]
        outcome = open_ends.pop(test, None) or classes.get(
            name.rpartition('.')[0], Outcome('missing', 'was never run'))
        if outcome.status == PASSED:
            passed.append(name)
        elif outcome.status == SKIPPED:
            skipped[name] = outcome.text
        else:
            failed[name] = outcome.text or outcome.status
    for name, outcome in open_ends.items():
        if outcome.status not in (PASSED, SKIPPED):
            failed[name] = outcome.text or outcome.status
    return Results(tuple(passed), skipped, failed)
