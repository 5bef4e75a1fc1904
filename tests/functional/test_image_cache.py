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

"""Cinder's image-volume cache, which clones a volume of the image."""

import importlib
import types

from tests.functional import base
from tests.functional import database

# Its import needs all of cinder.objects, which base sees to.
create_volume = importlib.import_module(
    'cinder.volume.flows.manager.create_volume')


class ImageCacheTestCase(database.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.gold = self.type('gold', base.GOLD)
        cached = self.record(self.gold, size=1)
        self.cached = self.save(cached, self.driver.create_volume(cached))
        self.driver.set_initialized()
        self.driver.capabilities = {}
        self.task = create_volume.CreateVolumeFromSpecTask(
            None, None, self.driver, image_volume_cache=types.SimpleNamespace(
                get_entry=lambda *args, **kwargs: {
                    'volume_id': self.cached.id}))

    def from_cache(self, volume):
        return self.task._create_from_image_cache(
            self.context, self.context, volume, 'image-id', {})

    def test_a_volume_is_a_clone_of_the_cached_one(self):
        volume = self.record(self.gold, size=2)
        update, cloned = self.from_cache(volume)
        self.assertTrue(cloned)
        volume = self.save(volume, update)
        held = self.on_cluster(volume)
        self.assertEqual(str(2 * base.GIB), held['size'])
        self.assertTrue(held['sourceSnapshotUUID'])

    def test_in_another_project_the_image_is_fetched_again(self):
        """Not an error: the tenant did not choose who came first."""
        other = self.type('other', {'lightos:project_name': 'default'})
        self.assertEqual((None, False),
                         self.from_cache(self.record(other, size=1)))
        self.assertEqual([self.cached.name], self.names())
