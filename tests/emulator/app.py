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

"""The API as a WSGI application: from a request to its answer."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import Any
from typing import Callable
from typing import Iterable
from typing import Iterator
from typing import Optional
import urllib.parse

from tests.emulator import access
from tests.emulator import calls
from tests.emulator import cluster as cluster_module
from tests.emulator import errors
from tests.emulator import faults as faults_module
from tests.emulator import messages
from tests.emulator import nodes
from tests.emulator import records as records_module
from tests.emulator import rendering
from tests.emulator import routes

Response = faults_module.Response

#: What a path is made of when each segment is quoted as it should be.
_PLAIN = frozenset(
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
    "-._~!$&'()*+,;=:@/%")


class App:
    """One endpoint's application is every endpoint's application."""

    def __init__(self, cluster: cluster_module.Cluster,
                 faults: faults_module.Faults,
                 records: records_module.Records) -> None:
        self._cluster = cluster
        self._faults = faults
        self._records = records
        self._access = access.Access(cluster)
        # By endpoint: (second, requests in it).
        self._rates: dict[int, tuple[int, int]] = {}
        self._rates_lock = threading.Lock()

    def __call__(self, environ: dict[str, Any],
                 start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ['REQUEST_METHOD']
        target = environ['REQUEST_URI']
        endpoint = environ['lightos.endpoint']
        body = _read_body(environ)
        record = self._record(environ, method, target, endpoint, body)
        stopping = environ['lightos.stopping']
        response = None
        fails = False
        try:
            response = self._before(endpoint, stopping)
            if response is None:
                for fault in self._faults.strike(
                        'before', method, target, endpoint):
                    fails |= fault.kind == 'fail'
                    response = faults_module.act(fault, None, stopping)
                    if response is not None:
                        break
            if response is None:
                response = self._answer(
                    environ, method, target, endpoint, body, fails, record)
                for fault in self._faults.strike(
                        'after', method, target, endpoint):
                    response = faults_module.act(
                        fault, response, stopping) or response
        finally:
            # None: the connection ends without an answer.
            record['status'] = response.status if response else None
        return _send(response, environ, start_response)

    def _record(self, environ: dict[str, Any], method: str, target: str,
                endpoint: int, body: bytes) -> dict[str, Any]:
        path, _, query = target.partition('?')
        content: Any = None
        if body:
            try:
                content = json.loads(body)
            except ValueError:
                content = body.decode('utf-8', 'replace')
        record = {
            'method': method, 'path': path, 'query': query,
            'body': content, 'status': None, 'endpoint': endpoint,
            'if_match': environ.get('HTTP_IF_MATCH'),
            # To tell which one was sent, also if it is not accepted.
            'token': _digest(environ.get('HTTP_AUTHORIZATION')),
            # Of the token, as far as it is valid.
            'project': None,
            'time': time.monotonic(),
        }
        self._records.add(record)
        return record

    def _before(self, endpoint: int, stopping: threading.Event
                ) -> Optional[Response]:
        """What the switches refuse before anything is looked at."""
        settings = self._cluster.settings
        if settings.rate_limit:
            second = int(time.monotonic())
            with self._rates_lock:
                last, count = self._rates.get(endpoint, (second, 0))
                count = count + 1 if last == second else 1
                self._rates[endpoint] = (second, count)
            if count > settings.rate_limit:
                return self._error(errors.ApiError(
                    errors.RESOURCE_EXHAUSTED, 'too many requests'))
        mode = settings.down_node_api
        if mode == 'serve':
            return None
        if self._cluster.nodes.all[endpoint].state == nodes.ACTIVE:
            return None
        if mode == 'hang':
            faults_module.hold(3600.0, stopping)
            raise faults_module.Dropped(reset=False)
        return self._error(errors.with_status(
            mode, 'cluster state is not available'))

    def _answer(self, environ: dict[str, Any], method: str, target: str,
                endpoint: int, body: bytes, fails: bool,
                record: dict[str, Any]) -> Response:
        quoted, _, query = target.partition('?')
        path = urllib.parse.unquote(quoted)

        def complain(reason: str) -> None:
            self._records.complain(method, target, reason)

        self._inspect(environ, method, quoted, body, complain)
        route, variables, known = routes.find(method, path)
        if route is None:
            complain('no such call')
            if known:
                return Response(405, b'Method Not Allowed\n',
                                'text/plain; charset=utf-8')
            return Response(404, b'Not Found\n', 'text/plain; charset=utf-8')
        if '{UUID}' in route.segments or method != 'GET':
            self._records.watch_pace(method, '%s:%s' % (
                environ.get('REMOTE_ADDR'), environ.get('REMOTE_PORT')),
                target)
        try:
            if '{UUID}' in route.segments and not variables['UUID'] and (
                    method != 'PUT' and not query):
                complain('neither UUID nor name')
            # Names that the path gives are not taken from elsewhere.
            fields, unknown = messages.decode_body(body, route.fields)
            for name in unknown:
                complain('unknown field %s' % name)
            parameters, unknown = messages.decode_query(query, {
                name: decoder for name, decoder in route.query.items()
                if name not in variables})
            for name in unknown:
                complain('unknown query parameter %s' % name)
            fields.update(variables)
            with self._cluster.lock:
                self._cluster.advance()
                caller = self._access.authenticate(
                    environ.get('HTTP_AUTHORIZATION'))
                record['project'] = caller.project
                call = calls.Call(
                    self._cluster, caller, endpoint, method, variables,
                    fields, parameters, environ.get('HTTP_IF_MATCH'),
                    complain, fails)
                self._authorise(call, route)
                content = route.handler(call)
                content = rendering.render(
                    content, self._cluster.settings.emit_defaults)
        except errors.ApiError as error:
            return self._error(error)
        return Response(200, json.dumps(content).encode())

    def _inspect(self, environ: dict[str, Any], method: str, quoted: str,
                 body: bytes, complain: Callable[[str], None]) -> None:
        """Notice what servers tolerate and clients should not send."""
        if not _PLAIN.issuperset(quoted):
            complain('path is not quoted')
        if '//' in quoted or '/../' in quoted or '/./' in quoted:
            complain('path has odd segments')
        if body and method in ('GET', 'DELETE'):
            complain('%s with a body' % method)
        if body and 'json' not in environ.get('CONTENT_TYPE', ''):
            complain('body is not announced as JSON')

    def _authorise(self, call: calls.Call, route: routes.Route) -> None:
        """Refuse what the caller may not do (1.7)."""
        caller = call.caller
        kind = route.access
        try:
            if kind == routes.ADMIN:
                if not caller.admin:
                    raise errors.forbidden()
            elif kind in (routes.PROJECT, routes.OWN_PROJECT):
                self._authorise_project(call, kind)
            elif kind != routes.ANY and not caller.reader:
                if not getattr(call.settings, kind):
                    raise errors.forbidden()
        except errors.ApiError as error:
            if (error.status == 403 and call.project and
                    call.project != caller.project and
                    call.project in self._cluster.projects.all):
                call.complain('token of another project')
            raise

    def _authorise_project(self, call: calls.Call, kind: str) -> None:
        caller = call.caller
        project = call.project
        if project is None:
            # Only the cluster admin may leave it out (2.6).
            if not (caller.admin or
                    caller.reader and call.method == 'GET'):
                raise errors.forbidden('projectName is required')
            return
        caller.check_project(project, call.method != 'GET')
        if project not in self._cluster.projects.all:
            if call.settings.unknown_project == '403':
                raise errors.forbidden()
            raise errors.not_found('project')
        if kind == routes.OWN_PROJECT and not caller.reader and (
                not call.settings.tenant_reads_project):
            raise errors.forbidden()

    def _error(self, error: errors.ApiError) -> Response:
        shape = self._cluster.settings.error_body
        if shape == 'text':
            return Response(error.status, error.message.encode(),
                            'text/plain; charset=utf-8')
        if shape == 'empty':
            return Response(error.status, b'')
        body: dict[str, Any] = {'message': error.message}
        if shape == 'json':
            body = {'error': error.message, 'code': error.code,
                    'message': error.message}
        return Response(error.status, json.dumps(body).encode())


def _digest(authorization: Optional[str]) -> Optional[str]:
    """SHA-256 of a token; None for none."""
    scheme, _, token = (authorization or '').partition(' ')
    if scheme != 'Bearer':
        return None
    return hashlib.sha256(token.encode('latin-1')).hexdigest()


def _read_body(environ: dict[str, Any]) -> bytes:
    content = environ['wsgi.input']
    if environ.get('wsgi.input_terminated'):
        return bytes(content.read())
    length = int(environ.get('CONTENT_LENGTH') or 0)
    return bytes(content.read(length)) if length else b''


def _send(response: Response, environ: dict[str, Any],
          start_response: Callable[..., Any]) -> Iterable[bytes]:
    headers = [('Content-Type', response.content_type),
               ('Content-Length', str(len(response.body)))]
    headers.extend(response.headers.items())
    start_response(response.status_line, headers)
    if response.cut is not None:
        environ['lightos.request'].close_connection = True
        return [response.body[:response.cut]]
    if response.pause:
        return _drip(response, environ['lightos.stopping'])
    return [response.body]


def _drip(response: Response, stopping: threading.Event) -> Iterator[bytes]:
    for byte in response.body:
        faults_module.hold(response.pause, stopping)
        yield bytes([byte])
