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


"""cinder-volume as on a host for LightOS, on a machine that is none.

It has an identity as an NVMe host, which to make takes root, and it copies
data between volumes no more than data_path says.
"""

import sys

from cinder.cmd import volume  # which monkey patches, hence first

import data_path
import os_brick.utils

from cinder import objects

HOST_NQN = 'nqn.2014-08.org.nvmexpress:uuid:8d0c6a4e-7f3b-4e52-9a61-controller'


def _host_nqn(system_uuid: str | None = None) -> str:
    return HOST_NQN


if __name__ == '__main__':
    objects.register_all()
    data_path.do_without()
    os_brick.utils.get_host_nqn = _host_nqn
    sys.exit(volume.main())
