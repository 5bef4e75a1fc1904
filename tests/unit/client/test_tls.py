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

import contextlib
import dataclasses
import gzip
import os
import socket
import ssl
import tempfile
import time
import unittest
from unittest import mock
import warnings

import ddt
import hypothesis
from hypothesis import strategies as st
import requests
from urllib3 import exceptions
from urllib3.util import ssl_

from lightos_cinder.client import credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import polling
from lightos_cinder.client import reply
from lightos_cinder.client import tls
from lightos_cinder.client import transport
from tests.unit.client import loopback
from tests.unit import fake_clock

DIGEST = '0123456789abcdef' * 4
SECRET = 'Bearer top-secret'


@ddt.ddt
class FingerprintTest(unittest.TestCase):

    @ddt.data(DIGEST, DIGEST.upper(), ' %s\n' % DIGEST,
              ':'.join(DIGEST[at:at + 2] for at in range(0, 64, 2)))
    def test_one_certificate_has_one_fingerprint_however_written(self, text):
        self.assertEqual(DIGEST, tls.fingerprint(text))

    @ddt.data('', DIGEST[:-1], DIGEST + '0', 'g' * 64, 'a' * 40)
    def test_refuses_what_is_none(self, text):
        """Defect 33: a mistyped pin is an error, not "no check"."""
        with self.assertRaises(ValueError) as caught:
            tls.fingerprint(text)
        self.assertIn(repr(text), str(caught.exception))

    @hypothesis.given(st.binary(min_size=32, max_size=32))
    def test_every_digest_is_accepted(self, digest):
        self.assertEqual(digest.hex(), tls.fingerprint(digest.hex(':')))


@ddt.ddt
class TrustTest(unittest.TestCase):

    @ddt.data(
        (tls.Trust(), False, ssl.CERT_NONE),
        (tls.Trust(ca_file='/ca.pem'), False, ssl.CERT_NONE),
        (tls.Trust(verify=True), True, ssl.CERT_REQUIRED),
        (tls.Trust(fingerprints=frozenset({DIGEST})), True, ssl.CERT_NONE),
    )
    @ddt.unpack
    def test_what_is_checked(self, trust, any_check, mode):
        self.assertIs(any_check, trust.any_check)
        context = trust.context()
        self.assertIs(mode, context.verify_mode)
        # Before its version 2 urllib3 does it itself; see the handshakes.
        self.assertLessEqual(context.check_hostname, trust.verify)


class HandshakeTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.ours = loopback.Identity(folder.name, 'ours')
        cls.foreign = loopback.Identity(folder.name, 'foreign')
        cls.elsewhere = loopback.Identity(folder.name, 'elsewhere',
                                          '192.0.2.1')

    def setUp(self):
        super().setUp()
        self.trust = tls.Trust()

    def serve(self, converse):
        """Serve that conversation until the test is over."""
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        port, received = stack.enter_context(loopback.serving(converse))
        return 'https://127.0.0.1:%d/' % port, received

    def session(self):
        session = requests.Session()
        session.trust_env = False
        session.mount('https://', tls.Adapter(self.trust, 4))
        self.addCleanup(session.close)
        return session

    def ask(self, url, timeout=5):
        return self.session().get(
            url, timeout=timeout, verify=self.trust.verify,
            headers={'Authorization': SECRET})

    def assert_not_sent(self, url, received, kind, **options):
        """Nothing but a handshake left, and the error says so."""
        with self.assertRaises(requests.ConnectionError) as caught:
            self.ask(url, **options)
        reason = caught.exception.args[0].reason
        self.assertIs(kind, type(reason))
        self.assertNotIn(SECRET.encode(), b''.join(received))
        self.assertNotIn(b'GET /', b''.join(received))
        return str(reason)


class PinTest(HandshakeTestCase):

    def pin(self, *identities):
        self.trust = tls.Trust(fingerprints=frozenset(
            identity.fingerprint for identity in identities))

    def test_the_pinned_certificate_is_trusted(self):
        self.pin(self.ours)
        url, received = self.serve(loopback.speak_https(self.ours))
        self.assertEqual(200, self.ask(url).status_code)
        self.assertIn(SECRET.encode(), received[0])

    def test_one_of_several_pins_suffices(self):
        self.pin(self.ours, self.foreign)
        url, _ = self.serve(loopback.speak_https(self.foreign))
        self.assertEqual(200, self.ask(url).status_code)

    def test_another_certificate_is_sent_nothing(self):
        """Defect 33: no token to whoever answers."""
        self.pin(self.ours)
        url, received = self.serve(loopback.speak_https(self.foreign))
        reason = self.assert_not_sent(url, received,
                                      tls.UntrustedCertificate)
        self.assertIn(self.foreign.fingerprint, reason)

    def test_a_pin_and_verification_must_both_hold(self):
        self.pin(self.ours)
        self.trust = dataclasses.replace(
            self.trust, verify=True, ca_file=self.foreign.certificate_file)
        url, received = self.serve(loopback.speak_https(self.ours))
        self.assert_not_sent(url, received, tls.UntrustedCertificate)
        url, received = self.serve(loopback.speak_https(self.foreign))
        self.assert_not_sent(url, received, tls.UntrustedCertificate)


class VerifyTest(HandshakeTestCase):

    def verify(self, identity):
        self.trust = tls.Trust(verify=True,
                               ca_file=identity.certificate_file)

    def test_a_certificate_of_the_ca_is_trusted(self):
        self.verify(self.ours)
        url, received = self.serve(loopback.speak_https(self.ours))
        self.assertEqual(200, self.ask(url).status_code)
        self.assertIn(SECRET.encode(), received[0])

    def test_one_of_another_ca_is_sent_nothing(self):
        """Defect 33: no token to whoever answers."""
        self.verify(self.ours)
        url, received = self.serve(loopback.speak_https(self.foreign))
        self.assert_not_sent(url, received, tls.UntrustedCertificate)

    def test_one_for_another_address_is_sent_nothing(self):
        self.verify(self.elsewhere)
        url, received = self.serve(loopback.speak_https(self.elsewhere))
        self.assert_not_sent(url, received, tls.UntrustedCertificate)

    def test_the_cas_are_read_once_for_all_connections(self):
        read = []

        class Context(ssl.SSLContext):
            def load_verify_locations(self, *args, **kwargs):
                read.append((args, kwargs))
                super().load_verify_locations(*args, **kwargs)

        self.verify(self.ours)
        url, _ = self.serve(loopback.speak_https(self.ours))
        with mock.patch.object(ssl_, 'SSLContext', Context):
            session = self.session()
            for _time in range(2):
                session.get(url, timeout=5, verify=True,
                            headers={'Connection': 'close'})
        self.assertEqual(
            [((), {'cafile': self.ours.certificate_file})], read)

    def test_a_folder_of_cas(self):
        context = tls.Trust(verify=True, ca_file=os.path.dirname(
            self.ours.certificate_file)).context()
        self.assertIs(ssl.CERT_REQUIRED, context.verify_mode)

    def test_the_usual_cas_do_not_know_the_certificate_of_a_cluster(self):
        self.trust = tls.Trust(verify=True)
        url, received = self.serve(loopback.speak_https(self.ours))
        self.assert_not_sent(url, received, tls.UntrustedCertificate)


class ConnectionTest(HandshakeTestCase):

    def test_without_any_check_any_certificate_does_and_no_warning(self):
        url, _ = self.serve(loopback.speak_https(self.foreign))
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            self.assertEqual(200, self.ask(url).status_code)

    def test_connections_are_kept_alive(self):
        """Defect 28: no new connection and handshake for each call."""
        accepted = []
        speak = loopback.speak_https(self.ours)

        def count(connection, received):
            accepted.append(connection)
            speak(connection, received)

        url, received = self.serve(count)
        session = self.session()
        for _ in range(3):
            session.get(url, timeout=5, verify=False)
        self.assertEqual(3, len(received))
        self.assertEqual(1, len(accepted))

    def test_a_server_without_tls_is_sent_nothing(self):
        url, received = self.serve(loopback.speak_plainly)
        self.assert_not_sent(url, received, exceptions.NewConnectionError)

    def test_a_reset_within_the_handshake_is_no_lost_reply(self):
        """Defect 26: what was surely not sent may be sent again."""
        url, received = self.serve(loopback.reset_at_once)
        self.assert_not_sent(url, received, exceptions.NewConnectionError)

    def test_silence_within_the_handshake_is_no_lost_reply(self):
        url, received = self.serve(loopback.say_nothing)
        self.assert_not_sent(url, received, exceptions.NewConnectionError,
                             timeout=0.1)

    def test_nobody_listening_is_no_lost_reply(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
        self.assert_not_sent('https://127.0.0.1:%d/' % port, [],
                             exceptions.NewConnectionError)


class OutcomeTest(HandshakeTestCase):
    """What a transport makes of real failures."""

    def post(self, converse, **options):
        url, received = self.serve(converse)
        clock = fake_clock.FakeClock()
        sender = transport.Transport(
            endpoints.Endpoints([endpoints.Endpoint.parse(url[8:-1])], clock),
            credentials.Credentials(None, None, clock), self.trust,
            clock, **options)
        self.addCleanup(sender.close)
        sender.request('POST', '/x', deadline=polling.Deadline(clock, 0))
        return received

    def test_a_whole_conversation(self):
        received = self.post(loopback.speak_https(self.ours))
        self.assertTrue(received[0].startswith(b'POST /x HTTP/1.1\r\n'))

    def test_a_failed_handshake_means_not_sent(self):
        """Defect 26: what was surely not sent may be sent again."""
        for converse in (loopback.speak_plainly, loopback.reset_at_once):
            with self.assertRaises(errors.LightOSError) as caught:
                self.post(converse)
            self.assertIs(errors.Outcome.NOT_SENT, caught.exception.outcome)

    def test_a_wrong_certificate_is_named_as_such(self):
        self.trust = tls.Trust(
            fingerprints=frozenset({self.ours.fingerprint}))
        with self.assertRaises(errors.Untrusted) as caught:
            self.post(loopback.speak_https(self.foreign))
        self.assertIn(self.foreign.fingerprint, str(caught.exception))
        self.assertNotIn('object at', str(caught.exception))

    def test_hanging_up_after_the_request_leaves_it_unknown(self):
        with self.assertRaises(errors.LightOSError) as caught:
            self.post(loopback.speak_https(self.ours, answer=False))
        self.assertIs(errors.Outcome.UNKNOWN, caught.exception.outcome)

    def drip(self, said, after):
        """A conversation: `said` at once, then `after` byte by byte."""
        def converse(connection, received):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ours.certificate_file,
                                    self.ours.key_file)
            with context.wrap_socket(connection, server_side=True) as secure:
                received.append(secure.recv(65536))
                secure.sendall(said)
                for byte in after:
                    secure.sendall(bytes([byte]))
                    time.sleep(0.02)

        return converse

    def test_a_reply_that_drips_in_is_lost(self):
        """Each byte came in time, the reply never did."""
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n'
        for said, after in ((head + b'\r\n', b' ' * 1000),
                            (head + b'X-A: ', b'a' * 1000),
                            (b'', b'HTTP/1.1 100 Continue\r\n\r\n' * 40)):
            with self.assertRaises(errors.ReplyLost) as caught:
                self.post(self.drip(said, after), request_timeout=0.2)
            self.assertRegex(str(caught.exception),
                             'timed out|did not arrive in time')

    def flood(self, said, after):
        """A conversation: `said`, and then `after` until nobody listens."""
        def converse(connection, received):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ours.certificate_file,
                                    self.ours.key_file)
            with context.wrap_socket(connection, server_side=True) as secure:
                received.append(secure.recv(65536))
                secure.sendall(said)
                while after:
                    secure.sendall(after)

        return converse

    def test_a_reply_without_an_end_is_not_kept(self):
        patcher = mock.patch.object(reply, '_MOST', 100000)
        patcher.start()
        self.addCleanup(patcher.stop)
        head = b'HTTP/1.1 200 OK\r\n'
        for said, after in (
                (head + b'Content-Length: 99999999\r\n\r\n', b' ' * 4096),
                (head + b'\r\n', b' ' * 4096),
                (head + b'Transfer-Encoding: chunked\r\n\r\n',
                 b'4\r\n    \r\n' * 400),
                (b'', b'HTTP/1.1 100 Continue\r\n\r\n' * 400)):
            with self.assertRaises(errors.ReplyLost) as caught:
                self.post(self.flood(said, after))
            self.assertRegex(str(caught.exception),
                             'longer than 100000 bytes')

    def test_a_reply_that_is_none_is_told_in_brief(self):
        for said in (b'x' * 60000 + b'\r\n', b'HTTP/1.1 x' + b'y' * 60000
                     + b'\r\n', b'a b c\r\n' * 9999):
            with self.assertRaises(errors.ReplyLost) as caught:
                self.post(self.flood(said, b''))
            self.assertLess(len(str(caught.exception)), 700)
            self.assertNotIn('\n', str(caught.exception))

    def test_a_reply_that_was_packed_is_not_unpacked(self):
        """A few bytes may become as many as there is memory."""
        content = gzip.compress(b'{}')
        head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n' % len(content)
        for packed in (b'gzip', b'GZIP', b'deflate', b'gzip, gzip'):
            with self.assertRaises(errors.ReplyLost) as caught:
                self.post(self.flood(b'%sContent-Encoding: %s\r\n\r\n%s' % (
                    head, packed, content), b''))
            self.assertIn('packed', str(caught.exception))
        received = self.post(self.flood(
            b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'
            b'Content-Encoding: identity\r\n\r\n{}', b''))
        self.assertIn(b'Accept-Encoding: identity\r\n', received[0])
