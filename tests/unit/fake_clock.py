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

"""A clock whose time passes only when somebody sleeps."""

import datetime

from lightos_cinder.client import polling

#: The time of day of its moment 0.
EPOCH = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)

#: Pauses after which something is taken to go on for ever.
_ENDLESS = 5000


class FakeClock(polling.Clock):
    """Starts at 1000 and remembers all pauses."""

    def __init__(self):
        self._now = 1000.0
        self.pauses = []

    def now(self):
        return self._now

    def wall(self):
        return EPOCH + datetime.timedelta(seconds=self._now)

    def sleep(self, seconds):
        if seconds < 0:
            raise AssertionError('a pause of %s seconds' % seconds)
        self.pauses.append(seconds)
        if len(self.pauses) > _ENDLESS:
            raise AssertionError('still pausing after %d pauses' % _ENDLESS)
        self.advance(seconds)

    def advance(self, seconds):
        """Let time pass because something else takes it."""
        self._now += seconds
