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
from unittest import mock

from cinder import exception
from cinder.volume import driver
import ddt

from lightos_cinder import specs
from tests.unit import cinder_objects

UUID = '76c3eae5-7ade-4394-82e5-056d05a92b5e'


def read(**extra_specs):
    return specs.from_volume_type(cinder_objects.volume_type(**extra_specs),
                                  default_replicas=2,
                                  default_compression=False)


@ddt.ddt
class VolumeSpecTest(unittest.TestCase):

    def test_a_volume_without_type_has_the_defaults(self):
        """Defect 11: untyped volumes can be created."""
        self.assertEqual(
            specs.VolumeSpec(project='default', replicas=2,
                             compression=True),
            specs.from_volume_type(None, default_replicas=2,
                                   default_compression=True))

    def test_a_type_without_extra_specs_has_the_defaults_too(self):
        volume_type = cinder_objects.volume_type()
        for extra_specs in ({}, None):
            volume_type.extra_specs = extra_specs
            self.assertEqual(
                specs.VolumeSpec(project='default', replicas=3,
                                 compression=False, volume_type='gold'),
                specs.from_volume_type(volume_type, 3, False))

    def test_every_extra_spec_is_read(self):
        self.assertEqual(
            specs.VolumeSpec(project='tenant-1', replicas=1,
                             compression=True, qos_policy='fast',
                             volume_type='gold'),
            read(lightos__project_name='tenant-1', lightos__num_replicas='1',
                 compression='<is> True', lightos__qos_policy='fast'))

    def test_what_others_read_is_left_alone(self):
        self.assertEqual(read(), read(volume_backend_name='lightstack',
                                      multiattach='<is> True'))

    @ddt.data('1', '2', '3', ' 3 ')
    def test_replicas_of_one_to_three(self, text):
        self.assertEqual(int(text), read(lightos__num_replicas=text).replicas)

    @ddt.data('0', '4', '7', '-1', '2.5', 'two', '', '<is> 2')
    def test_any_other_number_is_refused(self, text):
        """Defect 43: it does not reach the API."""
        self.assert_refused('lightos:num_replicas', text,
                            lightos__num_replicas=text)

    @ddt.data(('<is> True', True), ('<is> False', False), ('True', True),
              ('false', False), ('<is>true', True), (' TRUE ', True))
    @ddt.unpack
    def test_compression_as_the_scheduler_reads_it(self, text, truth):
        self.assertIs(truth, read(compression=text).compression)

    @ddt.data('', 'yes', '1', '<is>', '<is> maybe', '<or> True')
    def test_any_other_word_is_refused(self, text):
        self.assert_refused('compression', text, compression=text)

    @ddt.data('default', 'a', '0', 'tenant-1.example', 'a' * 63)
    def test_names_of_projects(self, name):
        self.assertEqual(name, read(lightos__project_name=name).project)

    @ddt.data('', '-a', 'a-', '.', '..', 'A', 'a_b', 'a b', 'a/b', 'a' * 64,
              'a\n', 'caf\xe9')
    def test_any_other_name_is_refused(self, name):
        """Defect 32: it does not reach a path or a provider_id."""
        self.assert_refused('lightos:project_name', name,
                            lightos__project_name=name)

    @ddt.data((None, None), ('', None), (' ', None), ('fast', 'fast'),
              (' fast\n', 'fast'), (UUID, UUID), (UUID.upper(), UUID))
    @ddt.unpack
    def test_a_qos_policy_by_name_or_by_uuid(self, text, policy):
        """Defect 47: a policy is honoured by name too."""
        self.assertEqual(policy, read(lightos__qos_policy=text).qos_policy)

    @ddt.data(({'qos_policy': 'fast'}, 'fast'), ({'qos_policy': ''}, 'gold'),
              ({}, 'gold'))
    @ddt.unpack
    def test_qos_specs_come_before_the_extra_spec(self, asked, policy):
        volume_type = cinder_objects.volume_type(lightos__qos_policy='gold')
        self.assertEqual(policy, specs.from_volume_type(
            volume_type, 3, False, asked).qos_policy)

    @ddt.data(('back-end', {'qos_policy': 'fast'}, {'qos_policy': 'fast'}),
              ('both', {'qos_policy': 'fast', 'total_iops_sec': '5'},
               {'qos_policy': 'fast'}),
              ('both', {'total_iops_sec': '5'}, {'qos_policy': ''}),
              ('front-end', {'qos_policy': 'fast'}, {}))
    @ddt.unpack
    def test_qos_specs_for_the_backend(self, consumer, given, asked):
        self.assertEqual(asked, specs.back_end_qos('q', consumer, given))

    def test_qos_specs_that_lightos_cannot_keep_are_refused(self):
        with self.assertRaises(exception.InvalidQoSSpecs) as caught:
            specs.back_end_qos('quick', 'back-end', {'maxIOPS': '5'})
        for text in ('quick', 'maxIOPS', 'allowed: qos_policy'):
            self.assertIn(text, str(caught.exception))

    def assert_refused(self, name, value, **extra_specs):
        """The error names the type, the extra spec, its value, and a way."""
        with self.assertRaises(exception.InvalidVolumeType) as caught:
            read(**extra_specs)
        for text in ('gold', name, repr(value), 'allowed: '):
            self.assertIn(text, str(caught.exception))

    def test_tells_all_that_was_asked_for(self):
        """Defect 47: an error can say what was asked for."""
        text = str(read(lightos__project_name='tenant',
                        lightos__num_replicas='1', compression='<is> True',
                        lightos__qos_policy='fast'))
        for part in ('gold', 'tenant', '1 replicas', 'compression True',
                     'fast'):
            self.assertIn(part, text)
        self.assertIn('(none)', str(specs.from_volume_type(None, 3, False)))


@ddt.ddt
class CheckTest(unittest.TestCase):

    @ddt.data(2, 3, 0)
    def test_replicas_that_the_cluster_supports(self, cluster_max):
        specs.check_replicas(read(), cluster_max)

    def test_more_replicas_than_the_cluster_supports(self):
        with self.assertRaises(exception.InvalidVolumeType) as caught:
            specs.check_replicas(read(lightos__num_replicas='3'), 2)
        for text in ('gold', 'lightos:num_replicas', '3', 'at most 2'):
            self.assertIn(text, str(caught.exception))

    def test_another_project_than_that_of_the_source(self):
        """Defect 36: said before anything is created."""
        error = specs.other_project(read(), 'elsewhere')
        self.assertIsInstance(error, exception.InvalidVolumeType)
        for text in ('gold', 'lightos:project_name', "'default'",
                     "'elsewhere'"):
            self.assertIn(text, str(error))

    @ddt.data(({}, 'default'), ({'lightos__project_name': 'p'}, 'p'),
              ({'lightos__project_name': ''}, 'default'),
              ({'lightos__project_name': 'p', 'compression': 'odd'}, 'p'))
    @ddt.unpack
    def test_the_project_of_what_exists_is_not_checked(self, extra_specs,
                                                       project):
        self.assertEqual(project, specs.project_of(
            cinder_objects.volume_type(**extra_specs)))

    def test_the_project_of_what_exists_without_type(self):
        self.assertEqual('default', specs.project_of(None))


@ddt.ddt
class VendorPropertiesTest(unittest.TestCase):

    def setUp(self):
        super().setUp()
        base = mock.create_autospec(driver.VolumeDriver, instance=True)

        def set_property(*args, **kwargs):
            driver.VolumeDriver._set_property(base, *args, **kwargs)

        self.set_property = set_property
        self.properties = specs.vendor_properties(set_property, 2, 0)

    def test_every_extra_spec_of_ours_is_told(self):
        self.assertEqual({specs.REPLICAS, specs.PROJECT, specs.QOS_POLICY},
                         set(self.properties))

    def test_replicas_have_both_bounds(self):
        """Defect 43: "maximun" is no bound."""
        replicas = self.properties[specs.REPLICAS]
        self.assertEqual(('integer', 1, 3, 2),
                         (replicas['type'], replicas['minimum'],
                          replicas['maximum'], replicas['default']))

    @ddt.data((1, 1), (2, 2), (3, 3), (5, 3))
    @ddt.unpack
    def test_replicas_are_not_more_than_the_cluster_supports(
            self, supported, maximum):
        self.assertEqual(maximum, specs.vendor_properties(
            self.set_property, 3, supported)[specs.REPLICAS]['maximum'])

    def test_the_project_has_its_default(self):
        self.assertEqual('default',
                         self.properties[specs.PROJECT]['default'])
