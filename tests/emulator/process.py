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

"""The emulated cluster in a process of its own.

The child is driven over plain HTTP on the loopback interface: one POST for
each method call, JSON both ways. What can be called is one table in
control, so this is not a second implementation of anything.
"""

from __future__ import annotations

import contextlib
import hmac
import http.client
import http.server
import json
import os
import secrets
import subprocess
import sys
import threading
from typing import Any
from typing import Callable
from typing import Optional

from tests.emulator import control
from tests.emulator import settings as settings_module

# The folder that holds the package `tests`.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class _Server(http.server.ThreadingHTTPServer):
    """Has room for as many callers at once as a test may have threads."""

    daemon_threads = True
    request_queue_size = 128


class Listener:
    """Lets another process call the methods of an emulator."""

    def __init__(self, emulator: control.Emulator) -> None:
        # Others on this machine can connect too; only the parent knows it.
        self.secret = secrets.token_urlsafe(16)
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            # Headers and body are two writes.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers.get('Content-Length', 0))
                body = self.rfile.read(length)
                status, answer = listener.call(emulator, self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = _Server(('127.0.0.1', 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def call(self, emulator: control.Emulator, path: str, body: bytes
             ) -> tuple[int, dict[str, Any]]:
        """Call one method: the HTTP status and `result` or `error`."""
        secret, _, name = path.lstrip('/').partition('/')
        if not hmac.compare_digest(secret, self.secret) or (
                name not in control.METHODS):
            return 404, {'error': 'no such method: %s' % name}
        try:
            arguments = json.loads(body)
            result = getattr(emulator, name)(
                *arguments['args'], **arguments['kwargs'])
            return 200, {'result': result}
        except Exception as error:
            return 400, {'error': '%s: %s' % (type(error).__name__, error)}

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class EmulatorProcess:
    """The same as control.Emulator, but in a child process.

    It can be used where this process must not run native threads, as under
    eventlet. The child ends with this object, and also when this process
    dies, since it notices that its standard input is closed.
    """

    addresses: list[str]
    port: int
    endpoints: list[str]
    certificate: str
    fingerprint: str
    admin_token: str

    def __init__(self, settings: Optional[
            settings_module.Settings] = None) -> None:
        self._settings = settings or settings_module.Settings()
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._control: tuple[int, str] = (0, '')

    def __enter__(self) -> EmulatorProcess:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the child and wait until it serves."""
        environment = dict(os.environ)
        environment['PYTHONPATH'] = os.pathsep.join(filter(None, (
            _ROOT, environment.get('PYTHONPATH'))))
        self._child = subprocess.Popen(
            [sys.executable, '-m', 'tests.emulator', '--ready-json',
             '--settings-json', json.dumps(self._settings.to_dict())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError('the emulator did not start')
        ready = json.loads(line)
        self._control = (ready['control_port'], ready['control_secret'])
        for name in control.FACTS:
            setattr(self, name, ready[name])

    def stop(self) -> None:
        """End the child, whatever it is doing."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
        # A process that was forked from this one may keep it open.
        for insist in (child.terminate, child.kill):
            try:
                child.wait(5)
                break
            except subprocess.TimeoutExpired:
                insist()
        child.wait()
        child.stdout.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in control.METHODS:
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        return call

    def _call(self, name: str, args: tuple[Any, ...],
              kwargs: dict[str, Any]) -> Any:
        args = tuple(
            arg.to_dict() if isinstance(arg, settings_module.Settings)
            else arg for arg in args)
        kwargs = {
            key: arg.to_dict() if isinstance(arg, settings_module.Settings)
            else arg for key, arg in kwargs.items()}
        port, secret = self._control
        connection = http.client.HTTPConnection(
            '127.0.0.1', port, timeout=60)
        try:
            connection.request(
                'POST', '/%s/%s' % (secret, name),
                json.dumps({'args': args, 'kwargs': kwargs}))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if 'error' in answer:
            raise ValueError(answer['error'])
        return answer.get('result')
