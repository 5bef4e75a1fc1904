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

import unittest

from lightos_cinder.cli import errors
from lightos_cinder.cli import tier_file
from lightos_cinder.cli import tier_plan

SPECS = {'compression': '<is> True', 'lightos:num_replicas': '3',
         'volume_backend_name': 'lightstack'}
PROJECTS = {'1': 'lightstack', '2': 'acme', '3': 'twin', '4': 'twin'}


def tier(**changes):
    return tier_file.Tier(**{
        'name': 'Gold', 'description': None, 'public': None,
        'extra_specs': SPECS, 'access': None, 'qos': None, **changes})


def present(**changes):
    return {'id': 'type-1', 'name': 'Gold', 'description': None,
            tier_plan.IS_PUBLIC: False, 'extra_specs': dict(SPECS),
            'qos_specs_id': None, **changes}


def qos(**changes):
    return {'id': 'qos-1', 'name': 'Gold', 'consumer': 'front-end',
            'specs': {'total_iops_sec': '5'}, **changes}


class PlanTest(unittest.TestCase):

    def plan(self, wanted, held, access=(), specs=()):
        return tier_plan.make(wanted, held, access, specs, PROJECTS)

    def calls(self, *args, **kwargs):
        return [(step.method, step.path, step.body)
                for step in self.plan(*args, **kwargs).steps]

    def test_nothing_to_do(self):
        plan = self.plan(
            tier(description='x', public=False, access=('lightstack', '2'),
                 qos=tier_file.Qos('front-end', {'total_iops_sec': '5'})),
            present(description='x', qos_specs_id='qos-1'), ['1', '2'],
            [qos()])
        self.assertEqual((), plan.steps)
        self.assertEqual('  volume type Gold: as in the file', str(plan))

    def test_no_description_is_an_empty_one(self):
        self.assertEqual([], self.calls(tier(description=''), present()))

    def test_new_and_private_unless_asked_otherwise(self):
        plan = self.plan(tier(), None)
        self.assertTrue(plan.is_new)
        self.assertFalse(
            plan.steps[0].body['volume_type'][tier_plan.IS_PUBLIC])
        plan = self.plan(tier(public=True), None)
        self.assertTrue(
            plan.steps[0].body['volume_type'][tier_plan.IS_PUBLIC])

    def test_new_with_everything(self):
        plan = self.plan(tier(
            description='Best', access=('acme',),
            qos=tier_file.Qos('both', {'qos_policy': 'gold'})), None)
        self.assertEqual([
            ('POST', '/types'), ('POST', '/qos-specs'),
            ('GET', '/qos-specs/{qos}/associate?vol_type_id={type}'),
            ('POST', '/types/{type}/action')],
            [(step.method, step.path) for step in plan.steps])
        self.assertEqual({}, plan.ids)
        self.assertEqual([tier_plan.TYPE, tier_plan.QOS, None, None],
                         [step.makes for step in plan.steps])
        self.assertEqual(
            '+ volume type Gold\n'
            '+   public = False\n'
            '+   description = Best\n'
            '+   compression = <is> True\n'
            '+   lightos:num_replicas = 3\n'
            '+   volume_backend_name = lightstack\n'
            '+   QoS consumer = both\n'
            '+   QoS qos_policy = gold\n'
            '+   QoS specs Gold\n'
            '+   access for acme', str(plan))

    def test_extra_specs(self):
        held = present(extra_specs={
            'compression': '<is> False', 'lightos:qos_policy': 'old',
            'multiattach': '<is> True', 'lightos:num_replicas': '3',
            'volume_backend_name': 'lightstack'})
        self.assertEqual([
            ('POST', '/types/{type}/extra_specs',
             {'extra_specs': {'compression': '<is> True'}}),
            ('DELETE', '/types/{type}/extra_specs/lightos:qos_policy',
             None)], self.calls(tier(), held))
        self.assertEqual(
            '~ volume type Gold\n'
            '-   compression = <is> False\n'
            '+   compression = <is> True\n'
            '-   lightos:qos_policy = old', str(self.plan(tier(), held)))

    def test_access_is_exactly_what_is_listed(self):
        self.assertEqual([
            ('POST', '/types/{type}/action',
             {'addProjectAccess': {'project': '1'}}),
            ('POST', '/types/{type}/action',
             {'removeProjectAccess': {'project': '2'}}),
            ('POST', '/types/{type}/action',
             {'removeProjectAccess': {'project': 'gone'}})],
            self.calls(tier(access=('lightstack',)), present(),
                       ['2', 'gone']))
        self.assertEqual([], self.calls(tier(), present(), ['2']))
        self.assertEqual(1, len(self.calls(tier(access=()), present(),
                                           ['2'])))

    def test_access_is_compared_once_it_is_private(self):
        plan = self.plan(tier(public=False, access=('acme',)),
                         present(**{tier_plan.IS_PUBLIC: True}))
        self.assertEqual([('PUT', '/types/{type}')], [
            (step.method, step.path) for step in plan.steps])
        self.assertIn('then its access is compared', str(plan))

    def test_access_to_a_public_type(self):
        with self.assertRaisesRegex(errors.CommandError,
                                    'Gold.*access is acme.*public: false'):
            self.plan(tier(access=('acme',)),
                      present(**{tier_plan.IS_PUBLIC: True}))

    def test_projects_that_are_not_clear(self):
        for name, texts in (('nobody', ('nobody', 'project list')),
                            ('twin', ('twin', '3, 4'))):
            with self.assertRaises(errors.CommandError) as caught:
                self.plan(tier(access=(name,)), present())
            for text in texts + ('tier Gold',):
                self.assertIn(text, str(caught.exception))
        self.assertEqual(1, len(self.calls(tier(access=('3',)), present())))

    def test_qos_specs_of_that_name_that_nobody_uses(self):
        self.assertEqual([
            ('GET', '/qos-specs/{qos}/associate?vol_type_id={type}', None)],
            self.calls(tier(qos=tier_file.Qos('front-end', {
                'total_iops_sec': '5'})), present(), specs=[qos()]))

    def test_qos_specs_that_differ(self):
        self.assertEqual([
            ('PUT', '/qos-specs/{qos}', {'qos_specs': {
                'consumer': 'both', 'qos_policy': 'gold'}}),
            ('PUT', '/qos-specs/{qos}/delete_keys',
             {'keys': ['total_iops_sec']})],
            self.calls(tier(qos=tier_file.Qos('both', {
                'qos_policy': 'gold'})), present(qos_specs_id='qos-1'),
                specs=[qos()]))

    def test_other_qos_specs_make_room(self):
        self.assertEqual(
            ['/qos-specs/qos-2/disassociate?vol_type_id={type}',
             '/qos-specs/{qos}/associate?vol_type_id={type}'],
            [path for _method, path, _body in self.calls(
                tier(qos=tier_file.Qos('front-end', {'total_iops_sec': '5'})),
                present(qos_specs_id='qos-2'),
                specs=[qos(), qos(id='qos-2', name='other')])])
