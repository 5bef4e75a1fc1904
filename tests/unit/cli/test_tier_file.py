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

import os
import pathlib
import tempfile
import unittest

import ddt
import yaml

from lightos_cinder.cli import errors
from lightos_cinder.cli import tier_file
from lightos_cinder.cli import tiers

EXAMPLE = pathlib.Path(__file__).parents[3] / 'etc' / 'tiers.yaml'
PATH = 'tiers.yaml'


def content(defaults=None, **values):
    return {'defaults': {'volume_backend_name': 'lightstack',
                         **(defaults or {})},
            'tiers': {'Gold': values}}


def parse(*args, **values):
    return tier_file.parse(content(*args, **values), PATH)[0]


@ddt.ddt
class ParseTest(unittest.TestCase):

    def test_the_example(self):
        found = tier_file.load(str(EXAMPLE))
        self.assertEqual(
            [('lightstack-Gold', '3', '<is> True'),
             ('lightstack-Silver', '2', '<is> True'),
             ('lightstack-Bronze', '1', '<is> False')],
            [(one.name, one.extra_specs['lightos:num_replicas'],
              one.extra_specs['compression']) for one in found])
        for one in found:
            self.assertEqual(('lightstack',), one.access)
            self.assertIs(False, one.public)

    def test_the_example_of_help(self):
        example = tiers.Apply.epilog.split('):\n')[1].split('\nexamples:')[0]
        gold, bronze = tier_file.parse(yaml.safe_load(example), PATH)
        self.assertEqual(('Gold', ('lightstack',)), (gold.name, gold.access))
        self.assertEqual(('Bronze', True), (bronze.name, bronze.public))

    def test_all_keys(self):
        tier = parse(
            description='Best', replicas=3, compression=True,
            project='acme', qos_policy='gold', public=False,
            access=['a', 'b'], extra_specs={'multiattach': '<is> True',
                                            'weight': 3},
            qos_specs={'consumer': 'both', 'specs': {'total_iops_sec': 5}})
        self.assertEqual(tier_file.Tier(
            'Gold', 'Best', False,
            {'compression': '<is> True', 'lightos:num_replicas': '3',
             'lightos:project_name': 'acme', 'lightos:qos_policy': 'gold',
             'volume_backend_name': 'lightstack',
             'multiattach': '<is> True', 'weight': '3'},
            ('a', 'b'), tier_file.Qos('both', {'total_iops_sec': '5'})),
            tier)

    def test_what_is_not_said_is_not_decided_on(self):
        self.assertEqual(tier_file.Tier(
            'Gold', None, None, {'volume_backend_name': 'lightstack'}, None,
            None), parse())

    def test_a_tier_without_anything_of_its_own(self):
        tiers = tier_file.parse({'defaults': {
            'volume_backend_name': 'x', 'replicas': 2},
            'tiers': {'Plain': None}}, PATH)
        self.assertEqual('2', tiers[0].extra_specs['lightos:num_replicas'])

    def test_a_tier_decides_before_the_defaults(self):
        tier = parse({'replicas': 2, 'access': ['a']}, replicas=1,
                     public=True)
        self.assertEqual('1', tier.extra_specs['lightos:num_replicas'])
        self.assertIsNone(tier.access)

    @ddt.data(
        (dict(replicas=4), 'lightos:num_replicas', "'4'", '1 to 3'),
        (dict(replicas='3'), 'replicas is the text "3"', 'whole number'),
        (dict(replicas=True), 'replicas is True', 'whole number'),
        (dict(replicas=2.5), 'replicas is 2.5', 'whole number'),
        (dict(compression='yes'), 'compression is the text "yes"',
         'true or false'),
        (dict(compression=1), 'compression is 1', 'true or false'),
        (dict(project='Not_A_Project'), 'lightos:project_name',
         'Not_A_Project'),
        (dict(qos_policy=5), 'qos_policy is 5', 'UUID'),
        (dict(volume_backend_name=''), 'volume_backend_name', 'not set'),
        (dict(public='no'), 'public is the text "no"', 'true or false'),
        (dict(public=True, access=['a']), 'access is a', 'public'),
        (dict(access='a'), 'access is the text "a"', 'list'),
        (dict(access=[1]), 'access is 1', 'names or ids'),
        (dict(extra_specs={'compression': 'x'}), 'extra_specs is compression',
         'key of their own'),
        (dict(extra_specs={'multiattach': True}), 'extra_specs', '<is> True'),
        (dict(extra_specs=['a']), 'extra_specs is', 'keys with'),
        (dict(qos_specs={'consumer': 'x', 'specs': {'a': 1}}),
         'consumer is x', 'front-end'),
        (dict(qos_specs={'consumer': 'both'}), 'specs is', 'keys with'),
        (dict(qos_specs={'consumer': 'back-end', 'specs': {'iops': 1}}),
         'iops', 'qos_policy'),
        (dict(qos_specs={'consumers': 'both'}), 'no key consumers',
         'consumer, specs'),
        (dict(replica=3), 'no key replica', 'replicas'),
        (dict(description=5), 'description is 5', 'a text'),
    )
    @ddt.unpack
    def test_what_cannot_be(self, values, *texts):
        with self.assertRaises(errors.CommandError) as caught:
            parse(**values)
        for text in (PATH, 'tier Gold') + texts:
            self.assertIn(text, str(caught.exception))

    @ddt.data(
        ([], 'it is []'), (None, 'it is None'), ({}, 'tiers is None'),
        ({'tiers': []}, 'tiers is []'), ({'tiers': {}}, 'tiers is {}'),
        ({'tiers': {5: {}}}, 'tiers is 5'),
        ({'defaults': {'volume_backend_name': 'x'},
          'tiers': {'Gold': {}, 'Gold ': {}}},
         'tiers is Gold twice; allowed: each name once'),
        ({'tiers': {'a': 5}}, 'tier a: it is 5'),
        ({'tires': {}}, 'no key tires'),
        ({'defaults': {'description': 'x'}, 'tiers': {'a': {}}},
         'no key description'),
    )
    @ddt.unpack
    def test_what_is_no_file_of_tiers(self, whole, text):
        with self.assertRaises(errors.CommandError) as caught:
            tier_file.parse(whole, PATH)
        self.assertIn(text, str(caught.exception))
        self.assertIn(PATH, str(caught.exception))


@ddt.ddt
class LoadTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(
            self.enterContext(tempfile.TemporaryDirectory()), PATH)

    @ddt.data(
        (b'tiers: {a: 1', 'is no YAML'),
        (b'tiers:\n  Gold: {}\n  Gold: {}\n', 'Gold is there twice'),
        (b'tiers:\n  Gold: {replicas: 1, replicas: 2}', 'replicas is there'),
        (b'a: \xff\xfe', 'is no YAML'),
        (b'a: !!python/object:os.system x', 'is no YAML'),
        (b'tiers: {? [a, b] : {}}', 'a key must be a text'),
        (b'tiers: {? {a: b} : {}}', 'a key must be a text'),
        (b'[' * 5000, 'is no YAML: it is nested too deeply'),
        (b'', 'it is None'),
    )
    @ddt.unpack
    def test_what_cannot_be_read(self, text, reason):
        with open(self.path, 'wb') as file:
            file.write(text)
        with self.assertRaises(errors.CommandError) as caught:
            tier_file.load(self.path)
        self.assertIn(reason, str(caught.exception))
        self.assertIn(self.path, str(caught.exception))
        self.assertNotIn('\n', str(caught.exception))

    def test_no_file(self):
        with self.assertRaisesRegex(errors.CommandError, 'No such file'):
            tier_file.load(self.path)
