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

"""The capabilities that Cinder's scheduler chooses a backend by.

Its CapacityFilter lets a backend of unknown capacity pass, and for thin
volumes compares total capacity times max_over_subscription_ratio with what
is provisioned: it looks neither at what is free nor at backend_state. So
a backend that shall get no volume has to say so by its capacity.
"""

import math
from typing import Any
from typing import Optional

from oslo_utils import units

from lightos_cinder.client import models

# As the driver inside Cinder says it: volume types may ask for it.
VENDOR = 'LightOS Storage'

#: Capabilities of ours. They have no colon, so that a volume type can ask
#: for them: the scheduler does not look at what has one.
HEALTH = 'lightos_cluster_health'
REPLICAS = 'lightos_current_max_replicas'

_ABILITIES = {
    'vendor_name': VENDOR,
    'storage_protocol': 'lightos',
    'QoS_support': True,
    'compression': [True, False],
    'multiattach': True,
    'online_extend_support': True,
    'sparse_copy_volume': True,
    'thin_provisioning_support': True,
    'thick_provisioning_support': False,
}


def capabilities(info: models.ClusterInfo,
                 cluster: Optional[models.Cluster], replicas: int
                 ) -> dict[str, Any]:
    """What a cluster that answers can do, and how much room there is.

    It is up whatever its health: Error says that some volumes cannot be
    written, not that none can be created, and Cinder should go on with the
    others. A volume type that asks more has ``lightos_cluster_health``
    (OK, Warning, Error) and ``lightos_current_max_replicas`` (1 to 3,
    which follows the nodes that are active). What the cluster does not
    tell is left out.

    :param cluster: None where the token may not read it
    :param replicas: default number of replicas
    """
    told = dict(_ABILITIES, backend_state='up')
    if info.max_replicas:
        replicas = min(replicas, info.max_replicas)
    if info.current_max_replicas:
        told[REPLICAS] = info.current_max_replicas
    if cluster and cluster.health.state:
        told[HEALTH] = cluster.health.state
    if cluster and cluster.health.volumes is not None:
        told['total_volumes'] = cluster.health.volumes
    told.update(_room(cluster.capacity if cluster else None, replicas))
    return told


def of_silence() -> dict[str, Any]:
    """What to tell of a cluster that does not answer.

    No room at all: with its capacity unknown it would still be given
    volumes, whenever no other backend has room.
    """
    return dict(_ABILITIES, backend_state='down',
                total_capacity_gb=0, free_capacity_gb=0)


def _room(capacity: Optional[models.Capacity], replicas: int
          ) -> dict[str, Any]:
    """Capacity in GiB.

    The cluster counts every replica, Cinder counts volumes: capacity is
    told in volumes of this number of replicas.
    """
    if capacity is None or not capacity.total:
        # The scheduler does the same with 'infinite': both pass its
        # filter, and come after every backend that tells a number. Only
        # 'unknown' is true.
        return {'total_capacity_gb': 'unknown',
                'free_capacity_gb': 'unknown'}

    def gigabytes(count: int) -> float:
        # Rounded down: what is told to be free can be used.
        return math.floor(count * 100 / replicas / units.Gi) / 100

    free = gigabytes(max(0, min(capacity.free, capacity.total)))
    return {
        'total_capacity_gb': gigabytes(capacity.total),
        'free_capacity_gb': free,
        'provisioned_capacity_gb': gigabytes(capacity.provisioned),
        # Nothing is left to be over-subscribed if not even the smallest
        # volume fits. Without thin provisioning what is free counts.
        'thin_provisioning_support': free >= 1,
    }
