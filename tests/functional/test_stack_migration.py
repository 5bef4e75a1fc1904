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

"""Volumes that move from one cluster to another through Cinder's API."""

import contextlib
import sqlite3
import typing
import uuid

from tests.functional import stack_case

HOST = stack_case.HOST

# Longer than anything here takes; the test lets go before.
HELD = 60.0


class MigrationTestCase(stack_case.StackTestCase):
    """Two backends on two clusters, and a volume type on either."""

    backends = ('cluster-a', 'cluster-b')

    @classmethod
    def setUpClass(cls) -> None:
        """Make the volume types, one of which fits both backends."""
        super().setUpClass()
        for name in cls.backends:
            cls.create_type(f'Gold-{name}', volume_backend_name=name)
        cls.create_type('Gold').unset_keys(['volume_backend_name'])

    def create_to_move(self) -> tuple[typing.Any, str, str]:
        """Create a volume; return it, its backend and the other one."""
        volume = self.create(1, volume_type='Gold')
        source = self.records()[volume.id]['host'].partition('#')[2]
        destination, = set(self.backends) - {source}
        return volume, source, destination

    def migrate(self, volume: typing.Any, name: str) -> None:
        """Ask for a volume to be migrated, by copying it."""
        self.cinder.volumes.migrate_volume(
            volume, f'controller@{name}#{name}', True, False)

    def ended(self, volume: typing.Any, status: str = 'success'
              ) -> typing.Any:
        """Wait until the migration has come to its end."""
        found: list[typing.Any] = []

        def over() -> bool:
            found[:] = [self.cinder.volumes.get(volume.id)]
            return migration_status(found[0]) in ('success', 'error')

        self.wait('the migration to end', over)
        self.assertEqual(status, migration_status(found[0]))
        return self.volumes.settled(volume.id)

    def records(self) -> dict[str, dict[str, str]]:
        """Return what Cinder has on record of each volume, by its id."""
        with contextlib.closing(sqlite3.connect(
                f'file:{self.stack.folder}/cinder/cinder.db?mode=ro',
                uri=True)) as database:
            database.row_factory = sqlite3.Row
            return {row['id']: dict(row) for row in database.execute(
                'SELECT * FROM volumes WHERE NOT deleted')}

    def assert_found(self, volume: str) -> dict[str, typing.Any]:
        """Check that a volume's record names one object in every respect.

        Its UUID and its name are of the same object on the cluster of its
        backend, and the UUID is on no other cluster.

        :param volume: its id in Cinder
        """
        record = self.records()[volume]
        project, number = record['provider_id'].split()
        found = [(name, item) for name, cluster in self.clusters.items()
                 for item in cluster.volumes() if item['UUID'] == number]
        self.assertEqual(1, len(found), found)
        (name, item), = found
        self.assertEqual(f'controller@{name}#{name}', record['host'])
        self.assertEqual(project, item['projectName'])
        self.assertEqual(f'volume-{record["_name_id"] or volume}',
                         item['name'])
        return item


class MigrationTest(MigrationTestCase):
    """Migrations that end well; only the data itself is not copied."""

    data_path = False
    # What is refused for now is asked for again until then.
    options = {'lightos_operation_timeout': 15}

    def _hold(self, name: str, **request: str) -> None:
        """Let a cluster keep the next such request waiting."""
        self.clusters[name].add_fault('delay', seconds=HELD, times=1,
                                      **request)
        self.addCleanup(self.clusters[name].clear_faults)

    def _held(self, name: str) -> None:
        """Wait until the cluster has got that request."""
        self.wait(f'{name} to be asked', lambda: any(
            fault['hits'] for fault in self.clusters[name].faults()))

    def _release(self, name: str) -> None:
        self.clusters[name].clear_faults()

    def _assert_only_at(self, volume: typing.Any, name: str) -> None:
        for other, cluster in self.clusters.items():
            self.wait(f'{other} to have no other volume', lambda: len(
                cluster.volumes()) == (1 if other == name else 0))
        self.assertEqual([volume.id], list(self.records()))
        self.assert_found(volume.id)
        self.assert_open_to(volume, name=name)

    def _assert_works_on(self, volume: typing.Any, name: str) -> None:
        self.cinder.volumes.extend(volume, volume.size + 1)
        volume = self.volumes.settled(volume.id)
        self.assertEqual(volume.size * stack_case.GIB,
                         int(self.on_cluster(volume, name)['size']))

        snapshot = self.cinder.volume_snapshots.create(volume.id)
        self.volumes.settled_snapshot(snapshot.id)
        taken, = self.clusters[name].snapshots()
        self.assertEqual(self.on_cluster(volume, name)['UUID'],
                         taken['sourceVolumeUUID'])
        self.delete_snapshot(snapshot.id)

        attachment = self.nova.attach(volume.id, str(uuid.uuid4()), HOST)
        self.assert_open_to(volume, HOST, name=name)
        self.nova.detach(attachment)
        self.volumes.settled(volume.id)
        self.assert_open_to(volume, name=name)

    def test_records_point_at_the_right_object_throughout(self) -> None:
        volume, source, destination = self.create_to_move()
        original = self.assert_found(volume.id)

        self._hold(destination, method='POST', path='/volumes$')
        self._hold(source, method='DELETE', path='/volumes/')
        self.migrate(volume, destination)

        self._held(destination)
        self.assertEqual(original, self.assert_found(volume.id))
        temporary, = set(self.records()) - {volume.id}
        self.assertEqual([], self.clusters[destination].volumes())
        self._release(destination)

        self._held(source)
        volume = self.ended(volume)
        copy = self.assert_found(volume.id)
        self.assertNotEqual(original['UUID'], copy['UUID'])
        self.assertEqual(original, self.assert_found(temporary))
        # What comes now is for the new one, while the old is there.
        self.cinder.volumes.extend(volume, 2)
        self.volumes.settled(volume.id)
        self.assertEqual(original, self.assert_found(temporary))
        self.assertEqual(str(2 * stack_case.GIB),
                         str(self.assert_found(volume.id)['size']))
        self._release(source)

        self._assert_only_at(volume, destination)

    def test_there_and_back(self) -> None:
        volume, source, destination = self.create_to_move()

        for name in (destination, source):
            self.migrate(volume, name)
            volume = self.ended(volume)
            self._assert_only_at(volume, name)
            self._assert_works_on(volume, name)

    def test_retype_to_another_backend(self) -> None:
        source, destination = self.backends
        volume = self.create(1, volume_type=f'Gold-{source}')

        self.cinder.volumes.retype(volume, f'Gold-{destination}',
                                   'on-demand')
        volume = self.ended(volume)

        self.assertEqual(f'Gold-{destination}', volume.volume_type)
        self._assert_only_at(volume, destination)
        self._assert_works_on(volume, destination)

    def test_full_destination(self) -> None:
        volume, source, destination = self.create_to_move()
        original = self.assert_found(volume.id)
        cluster = self.clusters[destination]
        # The scheduler does not see it coming.
        cluster.set_settings(full_cluster='400', overcommit=0.0)
        self.addCleanup(cluster.set_settings, full_cluster='accept',
                        overcommit=1.0)

        self.migrate(volume, destination)
        volume = self.ended(volume, 'error')

        self._assert_only_at(volume, source)
        self.assertEqual(original, self.assert_found(volume.id))


class FailingMigrationTest(MigrationTestCase):
    """Migrations whose data this machine shall copy and cannot."""

    def test_nothing_is_left_of_it(self) -> None:
        volume, source, destination = self.create_to_move()
        original = self.assert_found(volume.id)

        self.migrate(volume, destination)
        volume = self.ended(volume, 'error')

        self.wait('the temporary volume to go', lambda: not self.clusters[
            destination].volumes())
        self.assertEqual(original, self.assert_found(volume.id))
        self.assert_open_to(volume, name=source)
        self.wait('its record to go', lambda: [volume.id] == list(
            self.records()))


def migration_status(volume: typing.Any) -> str:
    """How far the migration of a volume is."""
    return getattr(volume, 'os-vol-mig-status-attr:migstat')
