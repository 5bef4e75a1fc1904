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

import contextlib
import dataclasses
import io
import pathlib
import tempfile
import unittest

import ddt

from tests.benchmark import __main__ as program
from tests.benchmark import figures
from tests.benchmark import report
from tests.benchmark import sizing
from tests.benchmark import targets

SETTING = figures.Setting('threading', 0.2, 1, 'create')
OURS = figures.Figure(SETTING, figures.OURS, (0.25, 0.2, 0.3), 0.8, 0.03, 6,
                      1)
THEIRS = figures.Figure(SETTING, figures.THEIRS, (1.2, 1.0, 1.4), 4.0, 0.9, 9,
                        9)
GROWTH = figures.Growth(
    (0, 10_000), {'create': (10.0, 14.0), 'attach': (10.0, 10.0)},
    {'create': (2.0, 2.0), 'attach': (3.0, 3.0)}, 1, 11, (100, 10_000),
    (150.0, 154.0), 256, 0, 31, (1.0, 2.0))
SERVICE = figures.Service('threading', 100, 50.0, {
    'cinder-api': 0.6, 'cinder-scheduler': 0.12, 'volume-1': 0.3,
    'mariadbd': 0.1})


def both(operation, ours=0.2, theirs=2.0, width=1, **more):
    """Both drivers' figures of an operation that takes so many seconds."""
    setting = dataclasses.replace(SETTING, operation=operation, width=width)
    return [dataclasses.replace(
        one, setting=setting, seconds=(seconds,) * 4, wall=4 * seconds,
        **(more if one is OURS else {}))
        for one, seconds in ((OURS, ours), (THEIRS, theirs))]


class FiguresTest(unittest.TestCase):

    def test_what_one_has_needed(self):
        self.assertEqual(0.25, OURS.median)
        self.assertEqual(0.3, OURS.p95)
        self.assertEqual(2, OURS.calls_each)
        self.assertAlmostEqual(0.01, OURS.cpu_each)
        self.assertAlmostEqual(3.75, OURS.rate)

    def test_of_twenty_the_second_longest_is_p95(self):
        seconds = tuple(float(one) for one in range(20, 0, -1))
        self.assertEqual(
            19.0, dataclasses.replace(OURS, seconds=seconds).p95)

    def test_ratios_are_of_both(self):
        pair, = figures.pairs([THEIRS, OURS, *both('delete')[:1]])
        self.assertAlmostEqual(4.8, pair.ratio('median'))
        self.assertAlmostEqual(30, pair.ratio('cpu'))
        self.assertEqual(9, pair.ratio('handshakes'))

    def test_nothing_has_no_ratio(self):
        none = dataclasses.replace(OURS, handshakes=0)
        self.assertIsNone(figures.Pair(none, THEIRS).ratio('handshakes'))

    def test_found_is_what_was_done_that_way(self):
        found = figures.pairs([OURS, THEIRS, *both('delete')])
        self.assertEqual(
            'delete',
            figures.find(found, 'delete', 0.2, 1,
                         'threading').setting.operation)
        for other in (('attach', 0.2, 1, 'threading'),
                      ('delete', 1, 1, 'threading'),
                      ('delete', 0.2, 8, 'threading'),
                      ('delete', 0.2, 1, 'eventlet')):
            self.assertIsNone(figures.find(found, *other))


@ddt.ddt
class TargetsTest(unittest.TestCase):

    def verdict(self, what, measured):
        """Whether the only target that is called so is reached."""
        one, = (target for target in targets.of_pairs(
            figures.pairs(measured), 'threading') if what in target.what)
        return one.verdict

    def test_what_was_not_measured_is_not_reached(self):
        for target in targets.of_pairs([], 'threading'):
            self.assertEqual(
                'reached' if 'failed' in target.what else 'not measured',
                target.verdict)

    @ddt.data(('times as fast: attach', 'attach', 0.5, 0.51),
              ('times as fast: delete', 'delete', 2.0, 2.1),
              ('0.2 s: create', 'create', 0.259, 0.261),
              ('0.2 s: extend', 'extend', 0.279, 0.281))
    @ddt.unpack
    def test_seconds(self, what, operation, good, bad):
        for seconds, verdict in ((good, 'reached'), (bad, 'MISSED')):
            one, = (target for target in targets.of_pairs(figures.pairs(
                both(operation, seconds)), 'threading')
                if target.what.endswith(what))
            self.assertEqual(verdict, one.verdict)

    @ddt.data(8, 32)
    def test_lifecycles_at_once(self, width):
        for seconds, verdict in ((0.4, 'reached'), (0.41, 'MISSED')):
            self.assertEqual(verdict, self.verdict(
                'a second, %d at once' % width,
                both('lifecycle', seconds, width=width)))

    @ddt.data(('processor time', 'cpu', 0.18, 0.19),
              ('calls of a lifecycle', 'calls', 44, 45))
    @ddt.unpack
    def test_of_a_lifecycle(self, what, name, good, bad):
        for value, verdict in ((good, 'reached'), (bad, 'MISSED')):
            self.assertEqual(verdict, self.verdict(
                what, both('lifecycle', **{name: value})))

    @ddt.data(('set-up', 'of a set-up', 3), ('statistics', 'statistics', 2),
              ('attach again', 'there already', 1))
    @ddt.unpack
    def test_calls(self, operation, what, most):
        for calls, verdict in ((4 * most, 'reached'),
                               (4 * most + 1, 'MISSED')):
            self.assertEqual(verdict, self.verdict(
                what, both(operation, calls=calls)))

    def test_handshakes_are_those_of_a_run(self):
        for handshakes, verdict in ((16, 'reached'), (17, 'MISSED')):
            self.assertEqual(verdict, self.verdict('handshakes', [
                one for operation in ('create', 'delete')
                for one in both(operation, handshakes=handshakes)]))

    def test_a_failure_is_one(self):
        self.assertEqual('MISSED', self.verdict(
            'failed', both('create', failed=1)))

    @ddt.data({'calls': {'create': (2.0, 3.0)}},
              {'milliseconds': {'create': (10.0, 15.1)}},
              {'start_calls': 4}, {'listing_calls': 12},
              {'memory': (150.0, 155.1)}, {'crowd_failed': 1},
              {'crowd_handshakes': 33}, {'crowd_seconds': (1.0, 5.1)})
    def test_growth(self, bad):
        self.assertEqual({'reached'}, {
            one.verdict for one in targets.of_growth(GROWTH)})
        missed = [one for one in targets.of_growth(
            dataclasses.replace(GROWTH, **bad)) if one.verdict == 'MISSED']
        self.assertEqual(1, len(missed))


class SizingTest(unittest.TestCase):

    def cloud(self, operations=50.0, clusters=1, volumes=100_000):
        one = sizing.Measured(SERVICE.cpu, 11, 0.8)
        return sizing.Cloud(volumes, operations, clusters, one)

    def test_as_many_processes_as_do_the_work_and_one(self):
        # 12.5 lives a second at 0.3 s: 3.75 processors, 60 % of each.
        self.assertEqual(8, self.cloud().services)
        self.assertEqual(14, self.cloud().processes('cinder-api'))
        self.assertEqual(2, self.cloud(operations=0.1).services)

    def test_each_cluster_has_services_of_its_own(self):
        self.assertEqual(4 * 3, self.cloud(clusters=4).services)

    def test_the_clusters_share_the_calls(self):
        self.assertAlmostEqual(12.5 * 11 + 8 / 30, self.cloud().calls)
        self.assertAlmostEqual(12.5 * 11 / 4 + 3 / 30,
                               self.cloud(clusters=4).calls)

    def test_what_is_at_work_at_any_time(self):
        self.assertAlmostEqual(10.0, self.cloud().busy)

    def test_pages_of_a_listing(self):
        self.assertEqual(101, self.cloud().pages)
        self.assertEqual(2, self.cloud(volumes=999).pages)

    def test_by_what_a_benchmark_found(self):
        found = figures.pairs(both('lifecycle', 0.8, width=8, calls=44))
        one = sizing.measured(found, SERVICE)
        self.assertEqual((SERVICE.cpu, 11.0, 0.8),
                         (one.cpu, one.calls, one.seconds))
        lines = list(sizing.lines(found, SERVICE))
        self.assertIn('cinder-volume 300', lines[1])
        self.assertIn(['100000', '50', '1', '8'],
                      [line.split()[:4] for line in lines])


class ReportTest(unittest.TestCase):

    def test_files_hold_all_of_it(self):
        run = report.Run([OURS, THEIRS, *both('lifecycle', width=8)],
                         {'threading': GROWTH}, [SERVICE])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'run.json'
            run.save(path)
            read = report.Run.load(path)
        self.assertEqual(list(run.measured), read.measured)
        self.assertEqual(list(run.lines()), list(read.lines()))
        self.assertEqual(list(run.sizing()), list(read.sizing()))

    def test_a_row_tells_both_and_the_ratio(self):
        row = report.row(figures.Pair(OURS, THEIRS)).split()
        self.assertEqual(
            ['threading', '0.2', '1', 'create', '0.250', '1.200', 'x4.8',
             '0.300', '1.400', 'x4.7', '2.0', '3.0', 'x1.5', '1', '9', 'x9.0',
             '10.0', '300.0', 'x30.0'], row)

    def test_a_row_tells_of_failures(self):
        failed = dataclasses.replace(THEIRS, failed=2)
        self.assertTrue(report.row(figures.Pair(OURS, failed)).endswith(
            'theirs: 2 failed'))


class PublishedTest(unittest.TestCase):
    """What the documentation shows is what was measured."""

    FOLDER = pathlib.Path(program.__file__).parents[2] / 'doc/source'

    def setUp(self):
        super().setUp()
        self.run_ = report.Run.load(self.FOLDER / 'benchmark.json')

    def test_tables_are_of_the_raw_figures(self):
        for name, lines in (('benchmark.txt', self.run_.lines()),
                            ('sizing.txt', self.run_.sizing())):
            self.assertEqual('\n'.join([*lines, '']),
                             (self.FOLDER / name).read_text())

    def test_all_settings_were_measured(self):
        self.assertEqual(
            {(mode, settle, width) for mode in ('threading', 'eventlet')
             for settle in (0, 0.2, 1) for width in (1, 8, 32)},
            {(one.setting.mode, one.setting.settle, one.setting.width)
             for one in figures.pairs(self.run_.measured)})

    def test_each_target_is_reached(self):
        for mode, reached in self.run_.targets().items():
            for target in reached:
                self.assertEqual('reached', target.verdict,
                                 '%s: %s' % (mode, target))


class ProgramTest(unittest.TestCase):

    def test_unknown_settings_are_refused(self):
        for arguments in (['--mode', 'asyncio'], ['--width', '7'],
                          ['--settle', 'soon']):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, program._parse, arguments)

    def test_all_of_it_unless_told(self):
        options = program._parse([])
        self.assertEqual((['threading', 'eventlet'], [0, 0.2, 1], [1, 8, 32]),
                         (options.modes, options.settle, options.width))
