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

"""Cinder's own database, for what the driver reads in it."""

from typing import Any
from typing import Mapping

from cinder import objects
from cinder.volume import volume_types

from tests.functional import base

HOST = 'controller@%s#%s' % (base.GROUP, base.GROUP)


class DatabaseTestCase(base.DriverTestCase):
    """Volumes, snapshots and types are on record, as the manager has them."""

    def type(self, name: str, extra_specs: Mapping[str, str]
             ) -> objects.VolumeType:
        """A volume type that lasts as long as the test."""
        made = volume_types.create(self.context, name, dict(extra_specs))
        self.addCleanup(volume_types.destroy, self.context, made['id'])
        return objects.VolumeType.get_by_id(self.context, made['id'])

    def record(self, volume_type: objects.VolumeType, size: int = 0,
               **values: Any) -> objects.Volume:
        """A volume that is on record and not yet on the cluster."""
        made = objects.Volume(
            self.context, size=size, host=HOST, project_id='p', user_id='u',
            volume_type_id=volume_type.id, **values)
        made.create()
        self.addCleanup(self._forget, made)
        return objects.Volume.get_by_id(self.context, made.id)

    def record_snapshot(self, volume: objects.Volume, **values: Any
                        ) -> objects.Snapshot:
        """A snapshot that is on record and not yet on the cluster."""
        made = objects.Snapshot(
            self.context, volume_id=volume.id, volume_size=volume.size,
            project_id='p', user_id='u', **values)
        made.create()
        self.addCleanup(self._forget, made)
        return objects.Snapshot.get_by_id(self.context, made.id)

    def save(self, made: Any, update: Mapping[str, Any]) -> Any:
        """Record a model update."""
        made.update(dict(update))
        made.save()
        return type(made).get_by_id(self.context, made.id)

    def _forget(self, made: Any) -> None:
        if type(made).exists(self.context, made.id):
            made.destroy()
