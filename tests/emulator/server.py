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

"""The API endpoints: one HTTPS server for each node, over one application.

Cheroot serves HTTP. What is added here lets a test break it: connections
that end without an answer, and endpoints that refuse, that accept without
a word, or that do not speak TLS.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import socket
import ssl
import struct
import sys
import threading
from typing import Any
from typing import Callable
from typing import Optional

from cheroot import errors as cheroot_errors
from cheroot import makefile
from cheroot import server
from cheroot import ssl as cheroot_ssl
from cheroot import wsgi

from tests.emulator import faults
from tests.emulator import settings as settings_module

MODES = ('up', 'refuse', 'blackhole', 'plaintext')

# Close at once with a reset instead of the usual farewell.
_RESET = struct.pack('ii', 1, 0)


class Connection(server.HTTPConnection):
    """A connection that shakes hands in a worker and can be dropped."""

    reset = False
    shaken = False

    def communicate(self) -> bool:
        """Serve one request; says whether to keep the connection."""
        if not self.shaken:
            # Not where connections are accepted: a client that connects
            # and says nothing must not keep others out.
            try:
                self.socket.do_handshake()
            except OSError:
                return False
            self.shaken = True
            self.server.node.count_connection()
        return bool(super().communicate())

    def close(self) -> None:
        """End it, the hard way if a fault asks for that."""
        try:
            if self.reset:
                self.socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.rfile.close()
                self.socket.close()
            else:
                super().close()
        except OSError:
            self.socket.close()


class Gateway(wsgi.Gateway_10):
    """Tells the application where it is, and lets it give no answer."""

    def respond(self) -> None:
        """Answer, or end the connection."""
        node = self.req.server.node
        self.env.update({
            'lightos.endpoint': node.index,
            'lightos.stopping': node.stopping,
            'lightos.request': self.req,
        })
        try:
            super().respond()
        except faults.Dropped as dropped:
            self.req.conn.reset = dropped.reset
            self.req.close_connection = True
            # Keeps the server from answering on its own.
            self.req.ready = False


class _Adapter(cheroot_ssl.Adapter):
    """TLS with the cluster's one certificate."""

    def __init__(self, node: Node, context: ssl.SSLContext) -> None:
        super().__init__(None, None)
        self._node = node
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        """The listening socket as it is."""
        return sock

    def wrap(self, sock: socket.socket) -> tuple[Any, dict[str, Any]]:
        """The socket with TLS around it, or its end."""
        if self._node.mode != 'up':
            self._node.misbehave(sock)
            raise cheroot_errors.FatalSSLAlert()
        wrapped = self.context.wrap_socket(
            sock, do_handshake_on_connect=False, server_side=True)
        return wrapped, {'wsgi.url_scheme': 'https', 'HTTPS': 'on'}

    def get_environ(self) -> dict[str, Any]:
        """Nothing about TLS is of interest to the application."""
        return {}

    def makefile(self, sock: Any, mode: str = 'r', bufsize: int = -1) -> Any:
        """A file object around a TLS socket."""
        return makefile.MakeFile(sock, mode, bufsize)


class _Server(wsgi.Server):
    """A cheroot server that belongs to a node."""

    ConnectionClass = Connection
    # Bounds how long stopping takes.
    expiration_interval = 0.1

    def __init__(self, node: Node, app: Any, address: tuple[str, int],
                 settings: settings_module.Settings) -> None:
        super().__init__(
            address, app, numthreads=settings.threads,
            request_queue_size=256, timeout=settings.keep_alive,
            shutdown_timeout=1, server_name='lightos-emulator')
        self.gateway = Gateway
        self.keep_alive_conn_limit = 10000
        self.node = node

    def process_conn(self, conn: Any) -> None:
        """Take up a request, or let it wait for ever."""
        if self.node.mode == 'blackhole':
            self.node.park(conn)
        else:
            super().process_conn(conn)

    def error_log(self, msg: str = '', level: int = 20,
                  traceback: bool = False) -> None:
        """Say what is wrong here, not what clients do."""
        if level >= 40:
            super().error_log(msg, level, traceback)
            sys.stderr.flush()


class Node:
    """One API endpoint."""

    def __init__(self, index: int, address: str, app: Any,
                 context: ssl.SSLContext,
                 settings: settings_module.Settings) -> None:
        self.index = index
        self.mode = 'refuse'
        self.stopping = threading.Event()
        self.connections = 0
        self._address = address
        self._app = app
        self._context = context
        self._settings = settings
        self._port = 0
        self._server: Optional[_Server] = None
        self._thread: Optional[threading.Thread] = None
        self._lock = threading.Lock()
        # Sockets and connections that are kept open without a word.
        self._parked: list[Any] = []

    def start(self, port: int) -> None:
        """Listen."""
        self._port = port
        self._listen()
        self.mode = 'up'

    def _listen(self) -> None:
        self.stopping = threading.Event()
        served = _Server(
            self, self._app, (self._address, self._port), self._settings)
        served.ssl_adapter = _Adapter(self, self._context)
        served.prepare()
        self._server = served
        self._thread = threading.Thread(
            target=served.serve, name='lightos-node-%d' % self.index,
            daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything."""
        self.mode = 'refuse'
        self.stopping.set()
        if self._server:
            self._server.stop()
        if self._thread:
            self._thread.join(10)
        self._server = self._thread = None
        self._release()

    def set_mode(self, mode: str) -> None:
        """Break the endpoint in some way, or mend it."""
        if mode not in MODES:
            raise ValueError('an endpoint is one of %s, not %r' % (
                ', '.join(MODES), mode))
        if mode == self.mode:
            return
        if mode == 'refuse':
            self.stop()
            return
        self.mode = mode
        if self._server is None:
            self._listen()
        self._release()

    def restart(self, address: Optional[str] = None,
                context: Optional[ssl.SSLContext] = None) -> None:
        """End all connections; go on with what is given."""
        mode = self.mode
        self.set_mode('refuse')
        self._address = address or self._address
        self._context = context or self._context
        self.set_mode(mode)

    def _release(self) -> None:
        with self._lock:
            parked, self._parked = self._parked, []
        for item in parked:
            with contextlib.suppress(OSError):
                item.close()

    def park(self, item: Any) -> None:
        """Keep a connection open and silent."""
        with self._lock:
            self._parked.append(item)

    def misbehave(self, sock: socket.socket) -> None:
        """Receive a new connection the way the mode says."""
        self.count_connection()
        if self.mode == 'plaintext':
            with contextlib.suppress(OSError):
                sock.sendall(b'HTTP/1.1 400 Bad Request\r\n'
                             b'Connection: close\r\n\r\n')
                sock.shutdown(socket.SHUT_WR)
        self.park(sock)

    def count_connection(self) -> None:
        """One more connection has been accepted."""
        with self._lock:
            self.connections += 1


def free_port(addresses: list[str]) -> Iterator[int]:
    """Ports that are free on all addresses, as far as one can know."""
    family = socket.AF_INET6 if ':' in addresses[0] else socket.AF_INET
    for _attempt in range(100):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for address in addresses:
                    probe = stack.enter_context(
                        socket.socket(family, socket.SOCK_STREAM))
                    probe.bind((address, port))
                    port = probe.getsockname()[1]
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        yield port


def start_all(nodes: list[Node], addresses: list[str], port: int) -> int:
    """Start all nodes on one port, a free one if it is 0."""
    for candidate in [port] if port else free_port(addresses):
        try:
            _each(nodes, lambda node: node.start(candidate))
        except OSError:
            stop_all(nodes)
            if port:
                raise
            continue
        return candidate
    raise OSError(errno.EADDRINUSE, 'no port is free on all addresses')


def stop_all(nodes: list[Node]) -> None:
    """Stop all nodes."""
    _each(nodes, Node.stop)


def restart_all(nodes: list[Node], context: ssl.SSLContext) -> None:
    """End all connections and go on with another certificate."""
    _each(nodes, lambda node: node.restart(context=context))


def _each(nodes: list[Node], action: Callable[[Node], None]) -> None:
    """Do the same to all nodes at once: each has to wait a little."""
    failures: list[Exception] = []

    def guarded(node: Node) -> None:
        try:
            action(node)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(node,))
               for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
