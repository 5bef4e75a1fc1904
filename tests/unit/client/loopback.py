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

"""A TLS server on the loopback address, and certificates for it."""

import contextlib
import datetime
import hashlib
import ipaddress
import os
import socket
import ssl
import struct
import threading

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509 import oid

_REPLY = (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
          b'Content-Length: 2\r\n\r\n{}')


class Identity:
    """A certificate that signs itself, and its key, in files of a folder.

    :param addresses: that the certificate is for
    """

    def __init__(self, folder, name, *addresses):
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        certificate = (
            x509.CertificateBuilder().subject_name(who).issuer_name(who)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - day).not_valid_after(now + day)
            .add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(address))
                 for address in addresses or ['127.0.0.1']]), False)
            .add_extension(x509.BasicConstraints(True, None), True)
            .sign(key, hashes.SHA256()))
        self.fingerprint = hashlib.sha256(certificate.public_bytes(
            serialization.Encoding.DER)).hexdigest()
        self.certificate_file = os.path.join(folder, name + '.pem')
        self.key_file = os.path.join(folder, name + '.key')
        with open(self.certificate_file, 'wb') as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(self.key_file, 'wb') as file:
            file.write(key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))


def speak_https(identity, answer=True):
    """A conversation: shake hands, then answer every request with {}.

    :param answer: whether to do so, or to hang up instead
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)

    def converse(connection, received):
        with context.wrap_socket(connection, server_side=True) as secure:
            while True:
                request = secure.recv(65536)
                if not request:
                    return
                received.append(request)
                if not answer:
                    return
                secure.sendall(_REPLY)

    return converse


def speak_plainly(connection, received):
    """A conversation: HTTP without TLS."""
    received.append(connection.recv(65536))
    connection.sendall(b'HTTP/1.1 400 Bad Request\r\n'
                       b'Content-Length: 0\r\n\r\n')


def reset_at_once(connection, received):
    """A conversation: break off within the handshake."""
    received.append(connection.recv(65536))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack('ii', 1, 0))
    connection.close()


def say_nothing(connection, received):
    """A conversation: take what comes and stay silent."""
    while True:
        some = connection.recv(65536)
        if not some:
            return
        received.append(some)


@contextlib.contextmanager
def serving(converse):
    """Serve one connection after the other until the block is left.

    :param converse: what is done with a connection
    :returns: the port, and the list of all that was received
    """
    received = []
    listener = socket.create_server(('127.0.0.1', 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                converse(connection, received)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], received
    finally:
        # Only this wakes up a thread that waits for a connection.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
