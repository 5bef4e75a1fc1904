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

"""The driver and Cinder, on an emulated cluster over HTTPS.

Under native threads or under eventlet, as Cinder is told: by the variable
OS_CINDER_DISABLE_EVENTLET_PATCHING. Native threads if nobody says anything,
and on a Cinder before 2026.2, whose services alone are under eventlet then.
"""

try:
    from cinder import monkey_patch
except ImportError:
    pass
else:
    # As Cinder's commands do, before anything else is imported.
    monkey_patch.patch('threading')
