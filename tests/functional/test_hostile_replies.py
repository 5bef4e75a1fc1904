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

"""A cluster, or whoever answers in its place, that means no good."""

import itertools
import json

from cinder import exception
import ddt

from tests.functional import base
from tests.functional import test_hostile
from tests.unit.client import loopback

#: How deep no parser can follow.
DEEP = 100000

BODIES = (
    '[' * DEEP + ']' * DEEP, '{"a":' * DEEP + '1' + '}' * DEEP,
    '{"UUID": ' + '9' * 5000 + '}', '[]', '3', 'null', 'true', '""', '"x"',
    '{', '\0', '\ufeff{}', '{}', '{"volumes": {}}', '{"volumes": [[]]}',
    '{"volumes": [null]}', '{"volumes": "x"}', '{"volumes": 3}',
    '{"volumes": [{"name": []}]}', 'NaN', '{"size": NaN}', '<html>',
    ' ' * 1000000, '"' + 'x' * 1000000,
)


class RepliesTestCase(test_hostile.HostileTestCase):

    def answer(self, body, **fields):
        """The next reply has that for its body."""
        self.lightos.clear_faults()
        self.lightos.add_fault(**dict(dict(
            kind='status', status=200, times=1,
            body=body if isinstance(body, str) else json.dumps(body)),
            **fields))

    def test_a_uuid_of_what_was_created(self):
        """It would be on record, and in the next path."""
        for text in test_hostile.TEXTS:
            volume = self.volume()
            self.answer({'UUID': text, 'name': volume.name,
                         'projectName': test_hostile.OTHER,
                         'state': 'Creating'}, method='POST', when='after')
            with self.subTest(text=text[:40]):
                self.tried(lambda: self.stamp(
                    volume, self.driver.create_volume(volume)))
                if test_hostile.plain(text) and len(text) < 65:
                    # It could be one, and so there is no such volume.
                    continue
                self.assertEqual(
                    '%s %s' % (base.PROJECT,
                               self.on_cluster(volume)['UUID']),
                    volume.provider_id)

    def assert_contained(self, *projects):
        """Nothing was asked of other projects, and nothing in odd words."""
        for request in self.lightos.requests():
            self.assertRegex(
                request['path'], r'\A/api/v2/(clusterinfo|cluster|nodes|'
                'projects/%s/(volumes|snapshots)(/[A-Za-z0-9-]{1,64})?)\\Z'
                % base.PROJECT)

    def test_a_uuid_in_a_listing(self):
        for text in test_hostile.TEXTS:
            volume = self.volume()
            self.answer({'volumes': [{'UUID': text, 'name': volume.name,
                                      'state': 'Available'}]}, times=None)
            with self.subTest(text=text[:40]):
                self.tried(self.driver.delete_volume, volume)
        self.assert_contained()
        for call in self.calls('DELETE'):
            self.assertTrue(test_hostile.plain(call.rpartition('/')[2]))

    def test_another_object_than_was_asked_for(self):
        volume, other = self.created(), self.created()
        held = self.on_cluster(other)
        self.answer(held, times=None, method='GET')
        for do, args in (
                (self.driver.extend_volume, (volume, 5)),
                (self.driver.delete_volume, (volume,)),
                (self.driver.initialize_connection, (volume,
                                                     base.connector()))):
            self.lightos.clear_records()
            self.refused(do, *args)
            self.assertEqual([], self.calls('PUT', 'DELETE', 'POST'))
        self.lightos.clear_faults()
        self.assertEqual(held, self.on_cluster(other))

    def test_an_etag(self):
        """It goes into a header."""
        for text in test_hostile.TEXTS:
            volume = self.created()
            held = self.on_cluster(volume)
            self.answer(dict(held, ETag=text), method='GET')
            self.lightos.clear_records()
            with self.subTest(text=text[:40]):
                self.tried(self.driver.extend_volume, volume, 2)
                for request in self.lightos.requests():
                    self.assertIn(request['if_match'], (
                        None, text.strip(' \t'), held['ETag']))
                    self.assertNotIn('X-Other', str(request))
        self.assert_contained()

    def test_endpoints(self):
        """Requests go to some, and the hosts' agents to the others."""
        info = self.ask('GET', 'clusterinfo')
        odd = [form % text for text in test_hostile.TEXTS
               for form in ('%s', '%s:443', '192.0.2.9:%s', '[%s]:443',
                            '%s@192.0.2.9:443', '192.0.2.9/%s:443')
               if not test_hostile.plain(text)]
        self.answer(dict(
            info, apiEndpoints=odd + info['apiEndpoints'],
            discoveryEndpoints=odd + info['discoveryEndpoints']),
            times=None, path='clusterinfo')
        known = self.driver._transport.endpoints
        before = set(known.in_order())
        volume = self.created()
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual('up', stats['backend_state'])
        self.assertEqual(before, set(known.in_order()))
        told = self.driver.initialize_connection(volume, base.connector())
        self.assertEqual(set(self.lightos.addresses),
                         set(told['data']['lightos_nodes']))

    def test_bodies(self):
        """Defect 17: a reply was taken to be what it should be."""
        volume = self.created()
        snapshot = self.snapped(volume)
        hooks = (
            (self.driver.create_volume, (self.volume(),)),
            (self.driver.extend_volume, (volume, 2)),
            (self.driver.initialize_connection, (volume, base.connector())),
            (self.driver.terminate_connection, (volume, base.connector())),
            (self.driver.revert_to_snapshot, (self.context, volume,
                                              snapshot)),
            (self.driver.get_volume_stats, (True,)),
        )
        for body, (do, args), status in itertools.product(
                BODIES, hooks, (200, 400)):
            self.answer(body, status=status)
            with self.subTest(body=body[:40], do=do.__name__,
                              status=status):
                self.tried(do, *args)
        self.assertEqual([], self.lightos.volumes(test_hostile.OTHER)[1:])
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)

    def test_the_words_of_an_error(self):
        """They are told, on one line, and not all of a book."""
        volume = self.created()
        for text in test_hostile.TEXTS:
            self.answer({'message': text, 'error': text, 'code': 3},
                        status=400)
            with self.subTest(text=text[:40]):
                said = self.refused(self.driver.extend_volume, volume, 9)
                self.assertNotIn('\n', said)
                self.assertIn(' '.join(text.split())[:400], said)


@ddt.ddt
class RedirectTestCase(test_hostile.HostileTestCase):
    """Nobody sends a token elsewhere: elsewhere is not even asked."""

    @ddt.data('GET', 'POST', 'PUT', 'DELETE')
    def test_no_redirect_is_followed(self, method):
        """Defect 33: the token goes nowhere that was not configured."""
        volume = self.created()
        do = {'GET': lambda: self.driver.extend_volume(volume, 1),
              'POST': lambda: self.driver.create_volume(self.volume()),
              'PUT': lambda: self.driver.extend_volume(volume, 9),
              'DELETE': lambda: self.driver.delete_volume(volume)}[method]

        def note(connection, came):
            came.append(connection.recv(65536) or b'nothing')

        with loopback.serving(note) as (port, came):
            locations = (
                'https://127.0.0.1:%d/' % port, 'http://127.0.0.1:%d/' % port,
                '//127.0.0.1:%d/api/v2/clusterinfo' % port,
                'https://%s/api/v2/projects/%s/volumes/%s' % (
                    self.lightos.endpoints[1], test_hostile.OTHER,
                    self.theirs['UUID']),
                '/api/v2/projects/%s/volumes/%s' % (
                    test_hostile.OTHER, self.theirs['UUID']),
                '../../../%s/volumes' % test_hostile.OTHER, '', '?x', '#',
                'https://[', 'file:///etc/passwd')
            for status, location in itertools.product(
                    (300, 301, 302, 303, 304, 305, 307, 308), locations):
                self.lightos.clear_faults()
                self.lightos.clear_records()
                self.lightos.add_fault(kind='redirect', status=status,
                                       method=method, location=location)
                with self.subTest(status=status, location=location):
                    text = self.refused(do)
                    self.assertIn('answered with %d' % status, text)
                    self.assertEqual(1, len(self.calls(method)))
                    self.assert_contained()
        self.assertEqual([], came)

    def test_at_the_start(self):
        for status in (301, 302, 303, 307, 308):
            self.lightos.clear_faults()
            self.lightos.add_fault(kind='redirect', status=status,
                                   location='https://192.0.2.1/')
            with self.assertRaisesRegex(exception.VolumeBackendAPIException,
                                        'answered with %d' % status):
                self.make_driver()
