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

"""The volume types that a tenant is to have."""

import unittest

import ddt

from lightos_cinder.cli import errors
from lightos_cinder.cli import tenant_types
from lightos_cinder.cli import tier_file

GOLD = {'lightos:num_replicas': '3', 'compression': '<is> True',
        'volume_backend_name': 'lightstack'}


class FakeCloud:
    """OpenStack with these volume types."""

    def __init__(self, *types):
        self.types = types

    def volume_types(self):
        return list(self.types)

    def projects(self):
        return {'id-acme': 'acme', 'id-other': 'other'}

    def qos_specs(self):
        return []

    def type_access(self, type_id):
        return {'id-other'}


def volume_type(name, public=True, **more):
    return {'id': 'id-' + name, 'name': name, 'description': None,
            'os-volume-type-access:is_public': public, 'is_public': public,
            'qos_specs_id': None, 'extra_specs': dict(GOLD, **more)}


@ddt.ddt
class TenantTypesTest(unittest.TestCase):

    @ddt.data(('Gold', {}, 'Gold'), ('lightstack-Gold', {}, 'lightstack-Gold'),
              ('lightstack-Gold', {'lightos:project_name': 'lightstack'},
               'Gold'),
              ('Gold', {'lightos:project_name': 'lightstack'}, 'Gold'))
    @ddt.unpack
    def test_short_name(self, name, more, short):
        tier = tier_file.Tier(name, None, None, dict(GOLD, **more), None,
                              None)
        self.assertEqual(short, tenant_types.short_name(tier))

    def plan(self, *types, wanted=('Gold',), project='acme'):
        return tenant_types.plan(FakeCloud(*types), 'acme', 'lightstack',
                                 wanted, project, None)

    def test_new(self):
        made, = self.plan(volume_type('Gold'), wanted=['Gold', 'Gold'])
        self.assertTrue(made.is_new)
        self.assertEqual('acme-Gold', made.tier)
        text = str(made)
        self.assertIn('lightos:project_name = acme', text)
        self.assertIn('public = False', text)
        self.assertIn('access for acme', text)

    def test_others_keep_their_access(self):
        made, = self.plan(
            volume_type('Gold'),
            volume_type('acme-Gold', public=False,
                        **{'lightos:project_name': 'acme'}))
        self.assertEqual(['+   access for acme'],
                         [line for step in made.steps
                          for line in step.lines])

    def test_refused(self):
        for types, wanted, told in (
                ([volume_type('Gold', public=False)], ['Gold'], '(none)'),
                ([volume_type('Gold')], ['Iron'], 'allowed: Gold'),
                ([volume_type('Gold', volume_backend_name='b')], ['Gold'],
                 'allowed: lightstack')):
            with self.subTest(told=told):
                with self.assertRaises(errors.CommandError) as caught:
                    self.plan(*types, wanted=wanted)
                self.assertIn(told, str(caught.exception))
        with self.assertRaises(errors.CommandError) as caught:
            self.plan(volume_type('Gold'), project='nobody')
        self.assertIn('nobody', str(caught.exception))

    def test_of_another_backend(self):
        """Another cluster may have a project of the same name."""
        project = {'lightos:project_name': 'acme'}
        cloud = FakeCloud(volume_type('a', **project), volume_type('b'),
                          volume_type('c', volume_backend_name='second',
                                      **project))
        self.assertEqual(['a'], [one['name'] for one in
                                 tenant_types.of_project(
                                     cloud, 'acme', 'lightstack')])
