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

"""Unit tests: no network, no sleep, no database."""

from cinder import i18n
from cinder import objects
import hypothesis

# As Cinder's services do: texts that are put together must stand it.
i18n.enable_lazy()

# As every service of Cinder does before it imports anything else.
objects.register_all()

# The same examples at every run: a failure that comes and goes helps nobody.
hypothesis.settings.register_profile(
    'unit', derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile('unit')
