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

"""An adapter of requests that answers from a script instead of a network."""

import http.client
import io
import json
import random
import unittest
from unittest import mock
import urllib.parse

import requests
from requests import adapters
import urllib3
from urllib3 import connection
from urllib3 import exceptions

from lightos_cinder.client import credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import polling
from lightos_cinder.client import tls
from lightos_cinder.client import tokens
from lightos_cinder.client import transport
from tests.unit import fake_clock

A = endpoints.Endpoint('10.0.0.1', 443)
B = endpoints.Endpoint('10.0.0.2', 443)
C = endpoints.Endpoint('10.0.0.3', 443)

TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0b3Atc2VjcmV0In0.c2lnbmF0dXJl'


class Reply:
    """A reply of the cluster.

    :param takes: seconds until it comes
    """

    def __init__(self, status=200, body=None, headers=(), takes=0.0):
        self.status = status
        self.body = (body if isinstance(body, bytes)
                     else json.dumps({} if body is None else body).encode())
        self.headers = dict(headers)
        self.takes = takes


class Failure:
    """What comes instead of a reply.

    :param error: the exception as requests raises it
    """

    def __init__(self, error, takes=0.0):
        self.error = error
        self.takes = takes


_CONNECTION = connection.HTTPSConnection('10.0.0.1', 443)


def _not_connected(reason):
    return Failure(requests.ConnectionError(exceptions.MaxRetryError(
        None, '/', reason)))


def refused():
    """Nobody listens: nothing was sent."""
    return _not_connected(exceptions.NewConnectionError(
        _CONNECTION, 'Connection refused'))


def black_hole():
    """No answer even to the attempt to connect: nothing was sent."""
    return Failure(requests.ConnectTimeout(exceptions.MaxRetryError(
        None, '/', exceptions.ConnectTimeoutError(None, 'timed out'))), 5.0)


def untrusted():
    """The certificate is not the expected one: nothing was sent."""
    return _not_connected(tls.UntrustedCertificate(_CONNECTION,
                                                   'wrong certificate'))


def no_reply(takes=30.0):
    """The request was sent and nothing came back in time."""
    return Failure(requests.ReadTimeout(exceptions.ReadTimeoutError(
        None, '/', 'Read timed out.')), takes)


def reset():
    """The connection broke after the request was sent."""
    return Failure(requests.ConnectionError(exceptions.ProtocolError(
        'Connection aborted.', ConnectionResetError(104, 'reset by peer'))))


def cut_short():
    """The connection broke within the reply."""
    return Failure(requests.exceptions.ChunkedEncodingError(
        exceptions.ProtocolError('Connection broken: IncompleteRead')))


def unforeseen():
    """Something that requests does not explain."""
    return Failure(requests.RequestException('who knows'))


class ScriptedAdapter(adapters.BaseAdapter):
    """Answers for each endpoint what it was told; the last goes on."""

    def __init__(self, clock):
        super().__init__()
        self.requests = []
        self.sent_with = []
        self._clock = clock
        self._scripts = {}

    def tell(self, endpoint, *outcomes):
        """Let that endpoint answer so, the last for all times.

        :param outcomes: or what makes one when it is time
        """
        self._scripts[str(endpoint)] = list(outcomes)

    def asked(self):
        """Which endpoint was asked, request by request."""
        return [endpoints.Endpoint.parse(self._netloc(request))
                for request in self.requests]

    def send(self, request, stream=False, timeout=None, verify=True,
             cert=None, proxies=None):
        self.requests.append(request)
        self.sent_with.append({'timeout': timeout, 'verify': verify,
                               'proxies': proxies})
        script = self._scripts[self._netloc(request)]
        outcome = script.pop(0) if len(script) > 1 else script[0]
        if callable(outcome):
            outcome = outcome()
        self._clock.advance(outcome.takes)
        if isinstance(outcome, Failure):
            raise outcome.error
        return self._response(request, outcome)

    def close(self):
        self.closed = True

    @staticmethod
    def _netloc(request):
        netloc = urllib.parse.urlsplit(request.url).netloc
        # requests leaves out a port that goes without saying.
        return netloc if netloc.count(':') else netloc + ':443'

    @staticmethod
    def _response(request, reply):
        head = http.client.HTTPMessage()
        for name, value in reply.headers.items():
            head[name] = value
        original = mock.Mock(spec=['msg', 'isclosed', 'close'], msg=head)
        return adapters.HTTPAdapter().build_response(
            request, urllib3.HTTPResponse(
                body=io.BytesIO(reply.body), headers=reply.headers,
                status=reply.status, preload_content=False,
                original_response=original))


class TransportTestCase(unittest.TestCase):
    """A transport over three scripted endpoints, the first one first."""

    seeds = (A, B, C)

    def setUp(self):
        super().setUp()
        self.clock = fake_clock.FakeClock()
        self.adapter = ScriptedAdapter(self.clock)
        for endpoint in self.seeds:
            self.adapter.tell(endpoint, Reply())
        self.deadline = polling.Deadline(self.clock, 100)
        self.transport = self.make()

    def make(self, token=TOKEN, trust=tls.Trust(), directory=None,
             **options):
        common = tokens.Token(token, 'lightos_jwt') if token else None
        with mock.patch.object(random, 'choice', lambda known: known[0]):
            known = endpoints.Endpoints(self.seeds, self.clock)
        with mock.patch.object(tls, 'Adapter',
                               lambda trust, pool_size: self.adapter):
            return transport.Transport(
                known, credentials.Credentials(
                    common, directory, self.clock), trust, self.clock,
                request_timeout=30, user_agent='lightos-cinder/test',
                **options)

    def request(self, method='GET', url_path='/api/v2/x', **options):
        return self.transport.request(method, url_path,
                                      deadline=self.deadline, **options)
