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

import ddt
from oslo_utils import units

from lightos_cinder.client import models
from lightos_cinder import stats


@ddt.ddt
class CapabilitiesTest(unittest.TestCase):

    def test_capacity_is_told_in_volumes_of_the_default_replicas(self):
        """Defect 40: numbers, not "infinite"."""
        told = stats.capabilities(models.Capacity(
            total=900 * units.Gi, free=600 * units.Gi,
            provisioned=450 * units.Gi), 3)
        self.assertEqual((300, 200, 150),
                         (told['total_capacity_gb'],
                          told['free_capacity_gb'],
                          told['provisioned_capacity_gb']))

    def test_a_fraction_of_a_gigabyte_is_told(self):
        told = stats.capabilities(models.Capacity(
            total=units.Gi, free=units.Gi // 3, provisioned=0), 1)
        self.assertEqual(0.33, told['free_capacity_gb'])

    def test_a_full_cluster_has_nothing_free(self):
        """Defect 40: a full cluster gets no volumes."""
        told = stats.capabilities(models.Capacity(
            total=900, free=0, provisioned=900), 1)
        self.assertEqual(0, told['free_capacity_gb'])

    @ddt.data(None, models.Capacity(0, 0, 0))
    def test_what_a_tenant_may_not_know_is_unknown(self, capacity):
        told = stats.capabilities(capacity, 3)
        self.assertEqual('unknown', told['total_capacity_gb'])
        self.assertEqual('unknown', told['free_capacity_gb'])
        self.assertNotIn('provisioned_capacity_gb', told)

    def test_what_the_driver_can_do(self):
        told = stats.capabilities(None, 3)
        self.assertEqual('lightos', told['storage_protocol'])
        self.assertEqual('LightOS Storage', told['vendor_name'])
        # A list: types that ask for either find this backend.
        self.assertEqual([True, False], told['compression'])
        for name in ('QoS_support', 'multiattach', 'online_extend_support',
                     'sparse_copy_volume', 'thin_provisioning_support'):
            self.assertIs(True, told[name], name)
        self.assertIs(False, told['thick_provisioning_support'])
