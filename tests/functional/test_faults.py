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

"""Every change to the cluster, with a reply that is lost or useless.

Whatever happens to one request: success means that the cluster is so, and
an error leaves nothing behind.
"""

import time
import uuid

from cinder import exception
import ddt

from tests.functional import base

#: How a reply can fail to arrive, and whether the request was carried out.
LOST = tuple(
    (kind, dict(fault, when=when))
    for when in ('before', 'after')
    for kind, fault in (
        ('reset', {'kind': 'reset'}),
        ('hang', {'kind': 'hang', 'seconds': 30}),
        ('drip', {'kind': 'drip', 'seconds': 0.1}),
        ('truncated', {'kind': 'truncated'}),
        ('html', {'kind': 'html', 'status': 502}),
        ('not_json', {'kind': 'not_json'}),
        ('empty', {'kind': 'empty'}),
        ('internal', {'kind': 'status', 'status': 500, 'code': 13,
                      'message': 'internal'}),
        ('gateway', {'kind': 'status', 'status': 504, 'code': 4,
                     'message': 'deadline'}),
        ('refused', {'kind': 'status', 'status': 503, 'code': 14,
                     'message': 'busy'}),
    ))


def _named(test):
    """One test for each way to lose a reply, named after it."""
    for kind, fault in LOST:
        name = '%s_%s_%s' % (test.__name__, kind, fault['when'])

        def run(self, fault=fault):
            test(self, fault)

        run.__name__ = name
        run.__doc__ = test.__doc__
        yield name, run


def each_loss(cls):
    """Replace each ``lost_*`` method by a test for every loss."""
    for name in [one for one in vars(cls) if one.startswith('lost_')]:
        method = getattr(cls, name)
        delattr(cls, name)
        for test_name, run in _named(method):
            setattr(cls, 'test_' + test_name, run)
    return cls


@each_loss
class LostReplyTestCase(base.DriverTestCase):

    options = {'lightos_operation_timeout': 20}

    def lose(self, method, path, fault, times=1):
        """Lose the next reply to such a request."""
        self.lightos.add_fault(method=method, path=path, times=times,
                               **fault)

    def lost_create(self, fault):
        """Defects 26 and 34: created, 409, and the volume was orphaned."""
        volume = self.volume()
        self.lose('POST', '/volumes$', fault)
        update = self.driver.create_volume(volume)
        self.assertEqual('%s %s' % (base.PROJECT,
                                    self.on_cluster(volume)['UUID']),
                         update['provider_id'])

    def lost_wait(self, fault):
        """Defect 10: one bad reply while waiting was the end of it."""
        self.lightos.set_settings(settle=0.2)
        self.lose('GET', '/volumes/', fault)
        volume = self.created()
        self.assertEqual('Available', self.on_cluster(volume)['state'])

    def lost_delete(self, fault):
        """Defects 26 and 38: deleted, 400, and then error_deleting."""
        self.lightos.set_settings(delete_settle=60)
        volume = self.created()
        self.lose('DELETE', '/volumes/', fault)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())

    def lost_extend(self, fault):
        volume = self.created()
        self.lose('PUT', '/volumes/', fault)
        self.driver.extend_volume(volume, 7)
        self.assertEqual(str(7 * base.GIB), self.on_cluster(volume)['size'])

    def lost_snapshot(self, fault):
        """Defect 10: a good snapshot was deleted for one bad reply."""
        volume = self.created()
        self.lose('POST', '/snapshots$', fault)
        snapshot = self.snapped(volume)
        self.assertEqual(sorted([volume.name, snapshot.name]), self.names())

    def lost_snapshot_delete(self, fault):
        """Defect 2: refused, and told as a success."""
        snapshot = self.snapped(self.created())
        self.lose('DELETE', '/snapshots/', fault)
        self.driver.delete_snapshot(snapshot)
        self.assertNotIn(snapshot.name, self.names())

    def lost_clone(self, fault):
        source, clone = self.created(), self.volume()
        self.lose('POST', None, fault, times=2)
        self.driver.create_cloned_volume(clone, source)
        self.assertEqual(sorted([source.name, clone.name]), self.names())

    def lost_attach(self, fault):
        volume = self.created()
        self.lose('PUT', '/volumes/', fault)
        self.driver.initialize_connection(volume, base.connector())
        self.assertEqual([base.connector()['nqn']], self.acls(volume)[0])

    def lost_detach(self, fault):
        """Defect 8: the host kept access."""
        volume = self.created()
        self.attached(volume, 1)
        self.lose('PUT', '/volumes/', fault)
        self.driver.terminate_connection(volume, base.connector(),
                                         force=False)
        self.assertEqual(['ALLOW_NONE'], self.acls(volume)[0])

    def lost_look_up(self, fault):
        """Defects 1 and 9: any error was taken for not found."""
        volume = self.created()
        volume.provider_id = None
        self.lose('GET', '/volumes', fault)
        self.driver.delete_volume(volume)
        self.assertEqual([], self.names())


@ddt.ddt
class CalmTestCase(base.DriverTestCase):

    def attempts(self, run, *args):
        self.lightos.clear_records()
        self.assertRaises(exception.CinderException, run, *args)
        return len(self.calls())

    @ddt.data('GET', 'PUT', 'DELETE', 'POST')
    def test_errors_for_ever_end_calmly(self, method):
        """Defects 24, 29 and 30: busy loops, up to 150,000 attempts."""
        volume = self.created()
        self.lightos.add_fault(kind='status', status=503, code=14,
                               message='no', method=method, times=None)
        run, args = {
            'GET': (self.driver.delete_volume, (volume,)),
            'PUT': (self.driver.extend_volume, (volume, 9)),
            'DELETE': (self.driver.delete_volume, (volume,)),
            'POST': (self.driver.create_volume, (self.volume(),)),
        }[method]
        self.assertLess(self.attempts(run, *args), 60)

    def test_a_single_endpoint_that_refuses(self):
        """Defect 24: a tight loop until the time was up."""
        self.driver = self.make_driver(
            lightos_api_address=self.lightos.addresses[:1])
        volume = self.created()
        for index in range(3):
            self.lightos.endpoint(index, 'refuse')
        with self.assertLogs('lightos_cinder', 'DEBUG') as logs:
            self.assertRaises(exception.VolumeBackendAPIException,
                              self.driver.delete_volume, volume)
        self.assertLess(len(logs.output), 60)

    def test_a_reply_that_drips_in_does_not_hold_an_operation_up(self):
        """Every byte came in time; the operation took minutes."""
        volume = self.created()
        self.lightos.add_fault(kind='drip', seconds=0.2, times=None)
        began = time.monotonic()
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.extend_volume, volume, 9)
        self.assertLess(time.monotonic() - began, 60)

    def test_a_change_that_never_shows_is_an_error(self):
        """Defect 3: the time was up, and that was a success."""
        volume = self.created()
        self.lightos.set_settings(update_settle=60)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.driver.extend_volume, volume, 9)

    def test_a_deletion_that_cannot_be_seen_is_an_error(self):
        """Defect 9: any error while waiting counted as deleted."""
        for kind in (self.created, lambda: self.snapped(self.created())):
            made = kind()
            made.provider_id = None
            fault = self.lightos.add_fault(
                kind='status', status=503, code=14, message='no',
                method='GET', path='/(volumes|snapshots)/', times=None)
            delete = (self.driver.delete_snapshot
                      if made.name.startswith('snapshot')
                      else self.driver.delete_volume)
            # Not "busy", after which Cinder would call it available.
            self.assertRaises(exception.VolumeBackendAPIException,
                              delete, made)
            self.assertIsNotNone(fault)
            self.lightos.clear_faults()

    def test_a_creation_that_takes_too_long_is_tidied_away(self):
        """Defect 10: the volume stayed behind as an orphan."""
        self.lightos.set_settings(create_settle=3)
        self.assertRaises(exception.VolumeBackendAPIException,
                          self.created)
        self.assertEqual([], self.names())

    def test_what_was_created_and_answered_with_503_is_found(self):
        """A gateway that loses the cluster half way says that, too."""
        self.lightos.add_fault(kind='status', status=503, code=14,
                               message='unavailable', method='POST',
                               path='/volumes$', when='after', times=None)
        volume = self.created()
        self.assertEqual([volume.name], self.names())

    def test_what_cannot_be_tidied_away_is_said(self):
        self.lightos.set_settings(full_cluster='fail', node_capacity=1)
        self.lightos.add_fault(kind='status', status=403, code=7,
                               message='no', method='DELETE', times=None)
        volume = self.volume()
        with self.assertLogs('lightos_cinder', 'ERROR') as logs:
            self.assertRaises(exception.VolumeBackendAPIException,
                              self.driver.create_volume, volume)
        self.assertIn(volume.name, logs.output[-1])
        self.assertIn('may be left on the cluster', logs.output[-1])

    def test_a_redirect_is_not_followed(self):
        self.lightos.add_fault(kind='redirect', method='POST', times=None,
                               location='https://127.0.0.1:1/')
        self.assertRaises(exception.VolumeBackendAPIException, self.created)

    def test_names_are_quoted(self):
        """Defect 32: parts of a path were not quoted."""
        for project in ('a/b', 'a?name=x', 'a%2fb', 'a b', '..', '.',
                        'gr\xfcn', 'a\nb', '\x00'):
            volume = self.volume(
                provider_id='%s %s' % (project.replace(' ', ''),
                                       uuid.uuid4()))
            self.lightos.clear_records()
            self.assertRaises((exception.VolumeBackendAPIException,
                               exception.VolumeNotFound),
                              self.driver.extend_volume, volume, 9)
            for call in self.calls():
                self.assertRegex(
                    call, '^GET /api/v2/projects/[^/]+/volumes')

    def test_a_careful_client_gives_no_cause_for_complaint(self):
        self.lightos.set_settings(settle=0.1)
        volume = self.created()
        self.attached(volume, 1, 2)
        self.driver.extend_volume(volume, 2)
        snapshot = self.snapped(volume)
        copy, clone = self.volume(size=2), self.volume(size=3)
        self.driver.create_volume_from_snapshot(copy, snapshot)
        self.driver.create_cloned_volume(clone, volume)
        for number in (1, 2):
            self.driver.terminate_connection(
                volume, base.connector(number), force=False)
        for one in (copy, clone):
            self.driver.delete_volume(one)
        self.driver.revert_to_snapshot(self.context, volume, snapshot)
        self.assertTrue(self.driver.retype(
            self.context, volume, self.volume(dict(
                base.GOLD, compression='<is> False')).volume_type, {}, {}))
        self.driver.delete_snapshot(snapshot)
        self.driver.delete_volume(volume)
        self.driver.get_volume_stats(refresh=True)
        self.assertEqual([], self.names())
        self.assertEqual([], self.lightos.complaints())

    def test_no_token_in_any_log(self):
        token = self.token(base.PROJECT)
        with self.assertLogs(level='DEBUG') as logs:
            self.driver = self.make_driver(lightos_jwt=token)
            self.created()
            self.lightos.add_fault(kind='status', status=401, code=16,
                                   message='no', times=None)
            with self.assertRaises(exception.CinderException) as caught:
                self.created()
        for text in logs.output + [str(caught.exception),
                                   repr(self.driver._settings)]:
            self.assertNotIn(token, text)
            self.assertNotIn(token.split('.')[2], text)
