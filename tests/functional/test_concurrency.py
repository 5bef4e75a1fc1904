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

"""Many things at once."""

from concurrent import futures
import threading
import time

from tests.functional import base

#: More than the driver has connections.
WORKERS = 64


class ManyAtOnceTestCase(base.DriverTestCase):
    """Many operations of one driver, in threads native or green."""

    options = {'lightos_operation_timeout': 120,
               'lightos_api_service_timeout': 30}

    def at_once(self, work):
        """Run it for each worker, all at the same time; what they return."""
        together = threading.Barrier(WORKERS)
        inside = []
        most = []

        def alongside(number):
            together.wait()
            inside.append(number)
            most.append(len(inside))
            try:
                return work(number)
            finally:
                inside.remove(number)

        with futures.ThreadPoolExecutor(WORKERS) as pool:
            made = list(pool.map(alongside, range(WORKERS)))
        self.assertEqual(WORKERS, max(most))
        return made

    def trouble(self, *changes):
        """As much as a bad day brings: none of it needs to fail anything.

        :param changes: methods whose effect comes without an answer
        """
        self.lightos.clear_faults()
        self.lightos.endpoint(2, 'refuse')
        for fault in (
                {'kind': 'delay', 'seconds': 0.5, 'times': WORKERS},
                {'kind': 'status', 'status': 503},
                {'kind': 'status', 'status': 500, 'method': 'GET'},
                {'kind': 'reset', 'skip': 10},
                *({'kind': 'close', 'when': 'after', 'method': method}
                  for method in changes)):
            self.lightos.add_fault(**dict({'times': 8, 'skip': 4}, **fault))

    def assert_troubled(self):
        """Nothing of it was in vain."""
        self.assertEqual([], [fault for fault in self.lightos.faults()
                              if not fault['hits']])

    def test_nobody_waits_for_others(self):
        self.lightos.add_fault('delay', seconds=1, method='POST',
                               path='/volumes$')
        began = time.monotonic()
        volumes = self.at_once(lambda number: self.created())
        self.assertLess(time.monotonic() - began, WORKERS / 2)
        self.assertEqual(sorted(volume.name for volume in volumes),
                         self.names())

    def test_lives_of_many_volumes_in_trouble(self):
        shared = self.created()

        def live(number):
            volume = self.created()
            snapshot = self.snapped(volume)
            clone = self.volume(size=2)
            self.stamp(clone, self.driver.create_cloned_volume(
                clone, volume))
            self.driver.extend_volume(volume, 3)
            host = base.connector(number + 1)
            self.driver.initialize_connection(clone, host)
            if number < 8:
                # As many as an IP ACL has room for.
                self.driver.initialize_connection(shared, host)
            self.assertEqual(str(3 * base.GIB),
                             self.on_cluster(volume)['size'])
            self.assertEqual(([host['nqn']], sorted(host['host_ips'])),
                             self.acls(clone))
            return volume, snapshot, clone, host

        def die(number):
            volume, snapshot, clone, host = lives[number]
            self.driver.terminate_connection(clone, host)
            if number < 8:
                self.driver.terminate_connection(shared, host)
            self.driver.delete_snapshot(snapshot)
            self.driver.delete_volume(clone)
            self.driver.delete_volume(volume)

        self.trouble('POST', 'PUT')
        lives = self.at_once(live)
        self.assertEqual(sorted(
            [shared.name] + [made.name for life in lives
                             for made in life[:3]]), self.names())
        self.assertEqual((sorted(host['nqn'] for *_, host in lives[:8]),
                          sorted(address for *_, host in lives[:8]
                                 for address in host['host_ips'])),
                         self.acls(shared))

        self.assert_troubled()
        self.trouble('PUT', 'DELETE')
        self.at_once(die)
        self.assert_troubled()
        self.assertEqual([shared.name], self.names())
        self.assertEqual((['ALLOW_NONE'], ['ALLOW_NONE']),
                         self.acls(shared))
        self.assertEqual([], self.lightos.complaints())
