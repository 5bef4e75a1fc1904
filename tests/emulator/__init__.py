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

"""An emulated LightOS cluster: its REST API, over HTTPS, with faults.

    settings = emulator.Settings(settle=0.3)
    with emulator.Emulator(settings) as lightos:
        ... https://<lightos.endpoints[0]>/api/v2/ ...

`EmulatorProcess` offers the same in a process of its own, and `python -m
tests.emulator` serves one to people. What it does is what is known of a
LightOS cluster; what is not known is a switch in Settings. Citations such
as "2.8" are sections of the project's collection of REST API facts.
"""

from tests.emulator.control import Emulator
from tests.emulator.process import EmulatorProcess
from tests.emulator.settings import Settings

__all__ = ('Emulator', 'EmulatorProcess', 'Settings')
