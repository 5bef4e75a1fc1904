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

"""The capabilities that Cinder's scheduler chooses a backend by."""

from typing import Any
from typing import Optional

from oslo_utils import units

from lightos_cinder.client import models

# As the driver inside Cinder says it: volume types may ask for it.
VENDOR = 'LightOS Storage'


def capabilities(capacity: Optional[models.Capacity], replicas: int
                 ) -> dict[str, Any]:
    """What the driver can do and how much room there is.

    The cluster counts every replica, Cinder counts volumes: capacity is
    told in volumes of the default number of replicas.

    :param capacity: None where the token may not read it
    :param replicas: default number of replicas
    """
    return dict(
        _room(capacity, replicas),
        vendor_name=VENDOR,
        storage_protocol='lightos',
        QoS_support=True,
        compression=[True, False],
        multiattach=True,
        online_extend_support=True,
        sparse_copy_volume=True,
        thin_provisioning_support=True,
        thick_provisioning_support=False)


def _room(capacity: Optional[models.Capacity], replicas: int
          ) -> dict[str, Any]:
    if capacity is None or not capacity.total:
        # 'unknown' lets the scheduler try, and prefers backends that tell.
        return {'total_capacity_gb': 'unknown',
                'free_capacity_gb': 'unknown'}

    def gigabytes(count: int) -> float:
        return round(count / replicas / units.Gi, 2)

    return {'total_capacity_gb': gigabytes(capacity.total),
            'free_capacity_gb': gigabytes(capacity.free),
            'provisioned_capacity_gb': gigabytes(capacity.provisioned)}
