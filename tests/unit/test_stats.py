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

import datetime
import itertools
import logging
import unittest

from cinder.scheduler.filters import capabilities_filter
from cinder.scheduler.filters import capacity_filter
from cinder.scheduler import host_manager
from cinder.scheduler.weights import capacity as capacity_weigher
import ddt
from oslo_utils import units

from lightos_cinder.client import models
from lightos_cinder import stats

INFO = models.ClusterInfo.from_json({'supportedMaxReplicas': 3,
                                     'currentMaxReplicas': 3})
FREE = models.Capacity(total=900 * units.Gi, free=600 * units.Gi,
                       provisioned=450 * units.Gi)
FULL = models.Capacity(total=900 * units.Gi, free=3 * units.Gi - 1,
                       provisioned=450 * units.Gi)


def tell(capacity, replicas=3, info=INFO, **health):
    """What is told of a cluster that an administrator's token reads."""
    return stats.capabilities(info, models.Cluster(
        capacity, models.Health.from_json(health)), replicas)


def pool(told, ratio='20.0', reserved=0):
    """What the scheduler makes of it."""
    made = host_manager.PoolState('host@backend', None, None, 'backend')
    made.update_from_volume_capability(dict(
        told, volume_backend_name='backend', driver_version='0',
        max_over_subscription_ratio=ratio, reserved_percentage=reserved,
        timestamp=datetime.datetime(2026, 1, 1)))
    return made


@ddt.ddt
class CapabilitiesTest(unittest.TestCase):

    def test_capacity_is_told_in_volumes_of_the_default_replicas(self):
        """Defect 40: numbers, not "infinite"."""
        told = tell(FREE)
        self.assertEqual((300, 200, 150),
                         (told['total_capacity_gb'],
                          told['free_capacity_gb'],
                          told['provisioned_capacity_gb']))

    def test_no_volume_has_more_replicas_than_the_cluster_supports(self):
        two = models.ClusterInfo.from_json({'supportedMaxReplicas': 2})
        self.assertEqual(300, tell(FREE, info=two)['free_capacity_gb'])
        self.assertEqual(600, tell(FREE, 1, two)['free_capacity_gb'])
        silent = models.ClusterInfo.from_json({})
        self.assertEqual(200, tell(FREE, info=silent)['free_capacity_gb'])

    @ddt.data((units.Gi // 3, 0.33), (2 * units.Gi // 3, 0.66))
    @ddt.unpack
    def test_no_more_is_free_than_can_be_used(self, free, gigabytes):
        told = tell(models.Capacity(units.Gi, free, 0), 1)
        self.assertEqual(gigabytes, told['free_capacity_gb'])

    @ddt.data((-1, 0), (900, 1))
    @ddt.unpack
    def test_free_is_within_the_total(self, free, gigabytes):
        told = tell(models.Capacity(units.Gi, free * units.Gi, 0), 1)
        self.assertEqual(gigabytes, told['free_capacity_gb'])

    @ddt.data(None, models.Cluster.from_json({}))
    def test_what_a_tenant_may_not_know_is_unknown(self, cluster):
        told = stats.capabilities(INFO, cluster, 3)
        self.assertEqual(('unknown', 'unknown', 'up', 3),
                         (told['total_capacity_gb'],
                          told['free_capacity_gb'],
                          told['backend_state'],
                          told['lightos_current_max_replicas']))
        for name in ('provisioned_capacity_gb', 'total_volumes',
                     'lightos_cluster_health'):
            self.assertNotIn(name, told)

    @ddt.data('OK', 'Warning', 'Error')
    def test_a_cluster_that_answers_is_up_in_any_health(self, health):
        told = tell(FREE, state=health, numHealthyVolumes=5,
                    numReadOnlyVolumes=2)
        self.assertEqual((health, 7, 'up', 200),
                         (told['lightos_cluster_health'],
                          told['total_volumes'], told['backend_state'],
                          told['free_capacity_gb']))

    def test_health_that_is_not_told_is_left_out(self):
        told = tell(FREE, info=models.ClusterInfo.from_json({}))
        for name in ('lightos_cluster_health', 'total_volumes',
                     'lightos_current_max_replicas'):
            self.assertNotIn(name, told)

    @ddt.data(tell(FREE), stats.of_silence())
    def test_what_the_driver_can_do(self, told):
        self.assertEqual('lightos', told['storage_protocol'])
        self.assertEqual('LightOS Storage', told['vendor_name'])
        # A list: types that ask for either find this backend.
        self.assertEqual([True, False], told['compression'])
        for name in ('QoS_support', 'multiattach', 'online_extend_support',
                     'sparse_copy_volume', 'thin_provisioning_support'):
            self.assertIs(True, told[name], name)
        self.assertIs(False, told['thick_provisioning_support'])
        # Cinder makes the only pool of volume_backend_name.
        self.assertNotIn('pools', told)
        # What the manager counts itself.
        self.assertNotIn('allocated_capacity_gb', told)


@ddt.ddt
class SchedulerTest(unittest.TestCase):
    """What Cinder's own filters and weigher do with what is told."""

    def setUp(self):
        super().setUp()
        # They say of each backend that they refuse why.
        cinder = logging.getLogger('cinder')
        handler = logging.NullHandler()
        cinder.addHandler(handler)
        self.addCleanup(cinder.removeHandler, handler)

    def passes(self, told, size=1, extra_specs=None, **how):
        volume_type = {'extra_specs': extra_specs or {}}
        properties = {'size': size, 'volume_type': volume_type,
                      'resource_type': volume_type, 'request_spec': {}}
        state = pool(told, **how)
        return all(one().backend_passes(state, properties) for one in (
            capacity_filter.CapacityFilter,
            capabilities_filter.CapabilitiesFilter))

    def weight(self, told):
        return capacity_weigher.CapacityWeigher()._weigh_object(
            pool(told), {})

    @ddt.data(*itertools.product(('20.0', '1.0', 'auto'), (0, 10)))
    @ddt.unpack
    def test_a_full_cluster_gets_no_volume(self, ratio, reserved):
        """Defect 40: also where far less is provisioned than may be."""
        how = {'ratio': ratio, 'reserved': reserved}
        self.assertTrue(self.passes(tell(FREE), **how))
        self.assertFalse(self.passes(tell(FULL), **how))
        self.assertFalse(self.passes(
            tell(models.Capacity(FULL.total, 0, 0)), **how))

    def test_capacity_can_be_over_subscribed_but_for_the_ratio(self):
        self.assertTrue(self.passes(tell(FREE), 5800))
        self.assertFalse(self.passes(tell(FREE), 5900))
        self.assertTrue(self.passes(tell(FREE), 150, ratio='1.0'))
        self.assertFalse(self.passes(tell(FREE), 151, ratio='1.0'))
        self.assertFalse(self.passes(tell(FREE), 150, ratio='1.0',
                                     reserved=10))

    @ddt.data('20.0', '1.0', 'auto')
    def test_a_cluster_that_does_not_answer_gets_no_volume(self, ratio):
        self.assertFalse(self.passes(stats.of_silence(), ratio=ratio))

    def test_a_cluster_of_unknown_capacity_gets_volumes_last(self):
        unknown = stats.capabilities(INFO, None, 3)
        self.assertTrue(self.passes(unknown, 10 ** 6))
        self.assertTrue(self.passes(unknown, 10 ** 6, reserved=10))
        self.assertLess(self.weight(unknown), self.weight(tell(FULL)))

    def test_the_emptier_cluster_weighs_more(self):
        emptier = models.Capacity(FREE.total, FREE.free,
                                  FREE.provisioned - 3 * units.Gi)
        self.assertEqual(1, self.weight(tell(emptier))
                         - self.weight(tell(FREE)))

    @ddt.data(
        ({'lightos_cluster_health': 'OK'}, (True, False, False, False)),
        ({'lightos_cluster_health': '<or> OK <or> Warning'},
         (True, True, False, False)),
        ({'lightos_current_max_replicas': '>= 3'},
         (True, False, False, False)),
        ({'lightos_current_max_replicas': '>= 2'},
         (True, True, False, False)),
        ({'thin_provisioning_support': '<is> True'},
         (True, True, True, False)),
        # What the driver reads itself is no matter to the scheduler.
        ({'lightos:num_replicas': '3', 'compression': '<is> True',
          'multiattach': '<is> True'}, (True, True, True, False)),
    )
    @ddt.unpack
    def test_a_type_can_ask_for_health(self, extra_specs, passing):
        two, one = (models.ClusterInfo.from_json({'currentMaxReplicas': n})
                    for n in (2, 1))
        told = (tell(FREE, state='OK'), tell(FREE, 3, two, state='Warning'),
                tell(FREE, 3, one), stats.of_silence())
        self.assertEqual(passing, tuple(
            self.passes(one, extra_specs=extra_specs) for one in told))
