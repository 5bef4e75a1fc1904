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

"""What the host that this runs on has to attach volumes with.

Nothing of Cinder is imported: compute hosts have none.
"""

import os
import re
from typing import Optional

from os_brick.initiator.connectors import lightos

from lightos_cinder.client import models

NQN_FILE = '/etc/nvme/hostnqn'

#: Bytes of an NVMe Qualified Name, by the NVMe Base Specification.
NQN_LENGTH = 223

#: What an ACL can hold instead of host NQNs (REST API facts, 2.10).
_NOT_A_HOST = (models.ALLOW_ANY, models.ALLOW_NONE)

_MODULES = '/lib/modules'
_LOADED = '/sys/module'


def is_nqn(value: object) -> bool:
    """Whether that can be the NQN of a host."""
    return (isinstance(value, str) and value not in _NOT_A_HOST
            and re.fullmatch(r'[!-~]{1,%d}' % NQN_LENGTH, value) is not None)


def nqn() -> Optional[str]:
    """The NQN of this host; None if it has none that can be used."""
    try:
        with open(NQN_FILE) as file:
            found = file.read().strip()
    except (OSError, ValueError):
        return None
    return found if is_nqn(found) else None


def discovery_client_answers() -> bool:
    """Whether a discovery client runs on this host, as os-brick finds it."""
    return bool(lightos.LightOSConnector(root_helper='').find_dsc())


def nvme_tcp() -> Optional[bool]:
    """Whether the kernel has its module nvme-tcp.

    :returns: True if it is in the kernel, False if it can be loaded, and
        None if there is none
    """
    if os.path.isdir(os.path.join(_LOADED, 'nvme_tcp')):
        return True
    folder = os.path.join(_MODULES, os.uname().release)
    for name, there in (('modules.builtin', True), ('modules.dep', False)):
        try:
            with open(os.path.join(folder, name)) as file:
                if re.search(r'/nvme-tcp\.ko\b', file.read()):
                    return there
        except (OSError, ValueError):
            continue
    return None
