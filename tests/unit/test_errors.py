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

import unittest

from cinder import exception
import ddt

from lightos_cinder.client import errors as client_errors
from lightos_cinder import errors
from lightos_cinder import naming
from lightos_cinder import specs

VOLUME = naming.Ref('volume-id', 'tenant', 'volume-name', 'uuid')
SNAPSHOT = naming.Ref('snapshot-id', 'tenant', 'snapshot-name', 'uuid')
SPEC = specs.VolumeSpec('tenant', 3, False, 'fast', 'gold')


def refusal(kind, status=400):
    return kind(status, None, 'the words of the cluster', 'PUT', '/api/v2/x')


@ddt.ddt
class TranslatedTest(unittest.TestCase):

    def translate(self, error, expected, *about):
        with self.assertRaises(expected) as caught:
            with errors.translated(*about):
                raise error
        self.assertIs(expected, type(caught.exception))
        self.assertIs(error, caught.exception.__cause__)
        return str(caught.exception)

    def test_what_goes_well_is_left_alone(self):
        with errors.translated(VOLUME):
            pass

    def test_errors_of_others_are_left_alone(self):
        with self.assertRaises(exception.InvalidVolumeType):
            with errors.translated(VOLUME):
                raise exception.InvalidVolumeType(reason='so')

    @ddt.data(
        (errors.Missing('volume', VOLUME), exception.VolumeNotFound,
         'volume-id'),
        (errors.Missing('snapshot', SNAPSHOT), exception.SnapshotNotFound,
         'snapshot-id'),
    )
    @ddt.unpack
    def test_what_is_missing_is_named_and_not_what_was_to_be(
            self, error, expected, name):
        other = naming.Ref('other-id', 'tenant', 'other-name')
        for about in ((), (other,), (VOLUME,)):
            self.assertIn(name, self.translate(error, expected, *about))
        self.assertEqual('%s %s is not on the cluster'
                         % (error.noun, error.ref), str(error))

    @ddt.data(
        ('volume', VOLUME, exception.VolumeIsBusy, 'volume-name'),
        ('snapshot', SNAPSHOT, exception.SnapshotIsBusy, 'snapshot-name'),
    )
    @ddt.unpack
    def test_what_is_busy_goes_back_to_the_status_it_had(self, noun, ref,
                                                         expected, name):
        """Defect 2: a snapshot that is busy is said to be so."""
        error = errors.StillBusy(noun, ref, refusal(client_errors.Busy, 503))
        self.assertIn(name, self.translate(error, expected, ref))
        self.assertTrue(str(error).startswith('%s %s is busy: ' % (noun,
                                                                   ref)))
        self.assertIn('the words of the cluster', str(error))

    @ddt.data(
        refusal(client_errors.BadRequest),
        refusal(client_errors.NotFound, 404),
        refusal(client_errors.Unauthenticated, 401),
        refusal(client_errors.Forbidden, 403),
        refusal(client_errors.Busy, 503),
        refusal(client_errors.ServerError, 500),
        client_errors.Unreachable({'10.0.0.1:443': 'refused'}),
        client_errors.ReplyLost('PUT', '/x', '10.0.0.1:443', 'reset'),
        client_errors.DeadlineExceeded('it to be done'),
        client_errors.InvalidRequest('no such path'),
        client_errors.NoToken('there is no token'),
        errors.Different('it is not as asked'),
        errors.Failed('it was never created'),
        errors.NotSettled('it is Updating'),
    )
    def test_nothing_else_is_taken_for_missing_or_busy(self, error):
        """Defect 1: only the cluster's word that it is gone counts."""
        for about in ((), (VOLUME,), (VOLUME, SPEC)):
            self.assertIn(str(error), self.translate(
                error, exception.VolumeBackendAPIException, *about))


@ddt.ddt
class ExplainTest(unittest.TestCase):

    def test_a_token_that_is_not_accepted(self):
        """Defect 31: an expired token is told as what it is."""
        text = errors.explain(refusal(client_errors.Unauthenticated, 401))
        self.assertIn('lightos_jwt', text)
        self.assertIn('expired', text)

    @ddt.data((client_errors.Forbidden, 403), (client_errors.NotFound, 404),
              (client_errors.Unauthenticated, 401))
    @ddt.unpack
    def test_a_project_that_may_not_exist(self, kind, status):
        text = errors.explain(refusal(kind, status), VOLUME)
        for word in ('LightOS project tenant', 'lightos:project_name',
                     'role', 'token in lightos_jwt has'):
            self.assertIn(word, text)

    @ddt.data((client_errors.Forbidden, 403), (client_errors.NotFound, 404),
              (client_errors.Unauthenticated, 401))
    @ddt.unpack
    def test_the_file_that_the_token_is_in(self, kind, status):
        error = refusal(kind, status)
        error.credential = '/tokens/tenant.jwt (it expired at noon)'
        text = errors.explain(error, VOLUME, SPEC)
        self.assertIn('token in /tokens/tenant.jwt (it expired at noon)',
                      text)
        self.assertNotIn('lightos_jwt', text)

    def test_a_project_that_no_token_is_for(self):
        text = errors.explain(client_errors.NoToken(
            'there is no token for LightOS project tenant'), VOLUME, SPEC)
        for word in ('LightOS project tenant', 'lightos_jwt_dir',
                     '<project>.jwt'):
            self.assertIn(word, text)

    def test_a_certificate_that_is_not_trusted(self):
        text = errors.explain(client_errors.Untrusted({'e': 'unknown CA'}))
        for word in ('unknown CA', 'driver_ssl_cert_verify',
                     'driver_ssl_cert_path', 'lightos_tls_fingerprints'):
            self.assertIn(word, text)

    def test_what_was_asked_for_if_that_can_be_why(self):
        """Defect 47: a wrong QoS policy is told with its name."""
        text = errors.explain(refusal(client_errors.BadRequest), VOLUME, SPEC)
        self.assertIn('the words of the cluster', text)
        self.assertIn(str(SPEC), text)

    def test_where_the_cluster_was_looked_for(self):
        self.assertIn('lightos_api_address', errors.explain(
            client_errors.Unreachable({'e': 'refused'}), VOLUME))

    @ddt.data(refusal(client_errors.Busy, 503))
    def test_no_advice_where_there_is_none(self, error):
        self.assertEqual(str(error), errors.explain(error, VOLUME))
