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

"""What ``lightos-cinder check`` looks at for a backend in cinder.conf."""

import collections
import contextlib
import dataclasses
import types
from typing import Any
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional
from typing import Sequence

from cinder import exception

from lightos_cinder.cli import base
from lightos_cinder.cli import cinder_conf
from lightos_cinder.cli import cloud as openstack_cloud
from lightos_cinder.cli import errors as cli_errors
from lightos_cinder.cli import findings
from lightos_cinder.cli import probe
from lightos_cinder.client import api
from lightos_cinder.client import credentials as jwt_credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import tls
from lightos_cinder.client import tokens
from lightos_cinder.client import transport
from lightos_cinder import connection
from lightos_cinder import options
from lightos_cinder import specs

Row = findings.Row


class VolumeTypes:
    """OpenStack's volume types and QoS specs, read when they are needed."""

    def __init__(self, cloud: openstack_cloud.Cloud) -> None:
        self._cloud = cloud
        self._read: Optional[tuple[list[Any], dict[str, Any]]] = None
        self._error: Optional[cli_errors.CommandError] = None

    def read(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The volume types, and the QoS specs by their ids.

        :raises CommandError: if OpenStack cannot be asked
        """
        try:
            if self._error is None and self._read is None:
                found = self._cloud.volume_types()
                # Whoever is not shown the ones may not read the others.
                qos = ([] if openstack_cloud.are_hidden(found)
                       else self._cloud.qos_specs())
                self._read = found, {one['id']: one for one in qos}
        except cli_errors.CommandError as error:
            self._error = error
        if self._read is None:
            assert self._error is not None  # For mypy.  # nosec B101
            raise self._error
        return self._read


class BackendCheck:
    """The check of one backend.

    :param wait: seconds for each answer
    :param on_compute: whether this host shall attach volumes
    """

    def __init__(self, section: cinder_conf.Section,
                 volume_types: Optional[VolumeTypes], wait: float,
                 on_compute: bool) -> None:
        self._section = section
        self._volume_types = volume_types
        self._wait = wait
        self._on_compute = on_compute
        self._clock = polling.Clock()
        self._options, self._faults = options.read_each(
            section.configuration, self._clock)

    def rows(self) -> Iterator[Row]:
        """All rows, each as soon as it is known."""
        yield from findings.options(
            [fault for field, fault in self._faults.items()
             if field != 'credentials'],
            self._section.driver == cinder_conf.OURS, self._section.driver)
        trust = self._options.get('trust', tls.Trust())
        seen = [probe.look(endpoint, trust, self._wait)
                for endpoint in self._options.get('endpoints', ())]
        yield from findings.api_endpoints(seen)
        yield (findings.trust(trust, seen) if 'trust' in self._options
               else findings.skipped('TLS', 'its options are not valid'))
        usable = [one.endpoint for one in seen if one.usable
                  ] if 'trust' in self._options else []
        yield from self._token_rows(usable)
        credentials = self._options.get('credentials')
        why = None
        if not usable:
            why = ('no certificate is trusted, and no token is sent'
                   if any(one.untrusted for one in seen)
                   else 'there is no endpoint to ask')
        elif not credentials:
            why = 'there is no valid token'
        cluster = None
        if credentials and usable:
            with self._connected(usable, credentials) as client:
                try:
                    cluster = client.get_cluster_info()
                except errors.LightOSError as error:
                    why = 'the cluster says: %s' % error
                    yield Row('cluster', findings.FAILED, str(error),
                              'See the rows above')
        if cluster:
            yield from findings.unnamed_endpoints(seen, cluster)
        askers = yield from self._type_rows()
        if credentials is None or not usable or cluster is None:
            for check in ('LightOS projects', 'replicas', 'QoS policies',
                          'capacity', 'discovery endpoints'):
                yield findings.skipped(check, why or '')
            return
        with self._connected(usable, credentials) as client:
            yield from self._project_rows(client, credentials, askers)
            yield from self._replicas_rows(cluster, askers)
            yield from self._policy_rows(client, askers)
            yield self._capacity_row(client)
        yield from findings.discovery(
            {one: probe.listens(one, self._wait)
             for one in connection.discovery_endpoints(cluster)},
            self._on_compute)

    def _connected(self, usable: Sequence[endpoints.Endpoint],
                   credentials: jwt_credentials.Credentials) -> Any:
        return _connected(usable, credentials, self._options['trust'],
                          self._clock, self._wait)

    def _token_rows(self, usable: Sequence[endpoints.Endpoint]
                    ) -> Iterator[Row]:
        fault = self._faults.get('credentials')
        if fault:
            yield Row('token', findings.FAILED, str(fault),
                      'Have an administrator of the cluster make one ("lbcli '
                      'create jwt") and put it there')
            return
        held = self._options['credentials'].held()
        if not usable:
            # What they say of themselves can be told all the same.
            for token in held:
                row = findings.token(token, self._clock.wall(), None)
                yield row if row.result != findings.OK else dataclasses \
                    .replace(row, result=findings.SKIPPED,
                             what=row.what + '; the cluster was not asked')
            return
        if not held:
            yield findings.no_token(self._ask_with(None, usable))
        for token in held:
            yield findings.token(token, self._clock.wall(),
                                 self._ask_with(token, usable))

    def _ask_with(self, token: Optional[tokens.Token],
                  usable: Sequence[endpoints.Endpoint]
                  ) -> Optional[errors.LightOSError]:
        with self._connected(usable, jwt_credentials.Credentials(
                token, None, self._clock)) as client:
            return _refusal(client.get_cluster_info)

    def _type_rows(self) -> Any:
        """Rows of the volume types; returns who asks for what."""
        backend = self._section.backend_name
        try:
            assert self._volume_types  # For mypy.  # nosec B101
            found, qos = self._volume_types.read()
        except cli_errors.NoCredentials as error:
            yield findings.skipped('volume types', str(error))
            return []
        except cli_errors.CommandError as error:
            yield Row('volume types', findings.FAILED, str(error),
                      'See that OpenStack serves these credentials')
            return []
        faults = set(self._faults) & {'default_replicas',
                                      'default_compression'}
        if faults:
            yield findings.skipped('volume types',
                                   'the options of their defaults are not '
                                   'valid')
            return []
        hidden = openstack_cloud.are_hidden(found)
        askers, rows = askers_of(
            [] if hidden else found, qos, backend,
            self._options['default_replicas'],
            self._options['default_compression'])
        yield findings.volume_types(askers, backend, hidden)
        yield from rows
        return askers

    def _project_rows(self, client: api.LightOSClient,
                      credentials: jwt_credentials.Credentials,
                      askers: Sequence[findings.Asker]) -> Iterator[Row]:
        by_project = _grouped(askers, lambda one: one.project)
        if not askers:
            # Not known which are needed: those that tokens are for.
            by_project = {name: [] for name in sorted({
                role.rpartition(':')[0] for token in credentials.held()
                for role in token.roles} - {'system', ''})
                if models.PROJECT_NAME.fullmatch(name)}
        if not by_project:
            yield findings.skipped('LightOS projects', 'neither volume types '
                                   'nor tokens name one')
        for name, these in sorted(by_project.items()):
            held = None
            with contextlib.suppress(errors.NoToken):
                held = credentials.token(name)
            refusal = None
            if held is None or findings.grants(held, name):
                refusal = _refusal(
                    client.renewed(self._wait).call, 'GET', 'projects', name,
                    'volumes', query={'limit': '1'})
            yield findings.project(name, these, held, refusal)

    def _replicas_rows(self, cluster: models.ClusterInfo,
                       askers: Sequence[findings.Asker]) -> Iterator[Row]:
        by_number = _grouped(askers, lambda one: one.replicas)
        if not askers and 'default_replicas' in self._options:
            by_number = {self._options['default_replicas']: []}
        for number, these in sorted(by_number.items()):
            yield findings.replicas(number, these, cluster)

    def _policy_rows(self, client: api.LightOSClient,
                     askers: Sequence[findings.Asker]) -> Iterator[Row]:
        by_policy = _grouped(
            [one for one in askers if one.qos_policy],
            lambda one: (one.qos_policy, one.project))
        if not by_policy:
            yield findings.skipped('QoS policies', 'no volume type that is '
                                   'known names one')
        for (policy, project), these in sorted(by_policy.items()):
            try:
                there = client.renewed(self._wait).list_policies(project)
            except errors.LightOSError as error:
                yield Row('QoS policy %s' % policy, findings.WARNING,
                          'cannot be looked for: %s' % error,
                          'See that it is on the cluster with a token that '
                          'may read policies')
                continue
            yield findings.qos_policy(policy, project, these, there)

    def _capacity_row(self, client: api.LightOSClient) -> Row:
        try:
            return findings.capacity(
                client.renewed(self._wait).get_cluster(), None)
        except errors.LightOSError as error:
            return findings.capacity(None, error)


def askers_of(found: Iterable[Mapping[str, Any]],
              qos: Mapping[str, Mapping[str, Any]], backend: str,
              default_replicas: int, default_compression: bool
              ) -> tuple[list[findings.Asker], list[Row]]:
    """The volume types that may put volumes on a backend.

    :param found: volume types as Cinder's API shows them
    :param qos: QoS specs as it shows them, by their ids
    :param backend: volume_backend_name
    :returns: those that are valid, and a row for each that is not
    """
    askers, rows = [], []
    for one in found:
        extra_specs = one.get('extra_specs') or {}
        named = extra_specs.get('volume_backend_name')
        if named not in (None, backend):
            continue
        certain = named is not None or any(
            key.startswith('lightos:') for key in extra_specs)
        try:
            of_type: Mapping[str, str] = {}
            associated = qos.get(one.get('qos_specs_id') or '')
            if associated:
                of_type = specs.back_end_qos(
                    associated['name'], associated['consumer'],
                    associated['specs'])
            spec = specs.from_volume_type(
                types.SimpleNamespace(name=one['name'],
                                      extra_specs=extra_specs),
                default_replicas, default_compression, of_type)
        except exception.CinderException as error:
            rows.append(Row(
                'volume type %s' % one['name'],
                findings.FAILED if certain else findings.WARNING,
                str(error), 'Correct it; volumes of this type cannot be '
                'created'))
            continue
        askers.append(findings.Asker(one['name'], spec.project,
                                     spec.replicas, spec.qos_policy,
                                     certain))
    return askers, rows


@contextlib.contextmanager
def _connected(usable: Sequence[endpoints.Endpoint],
               credentials: jwt_credentials.Credentials, trust: tls.Trust,
               clock: polling.Clock, wait: float
               ) -> Iterator[api.LightOSClient]:
    made = transport.Transport(
        endpoints.Endpoints(usable, clock), credentials, trust, clock,
        request_timeout=wait, user_agent=base.USER_AGENT)
    try:
        yield base.client_of(made, wait)
    finally:
        made.close()


def _refusal(call: Any, *args: Any, **kwargs: Any
             ) -> Optional[errors.LightOSError]:
    try:
        call(*args, **kwargs)
    except errors.LightOSError as error:
        return error
    return None


def _grouped(askers: Iterable[findings.Asker], key: Any
             ) -> dict[Any, list[findings.Asker]]:
    groups: dict[Any, list[findings.Asker]] = collections.defaultdict(list)
    for one in askers:
        groups[key(one)].append(one)
    return groups
