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

"""Which path and method is which call (REST API facts, 1.4)."""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Callable
from typing import Mapping
from typing import Optional

from tests.emulator import calls
from tests.emulator import cluster_calls
from tests.emulator import messages
from tests.emulator import snapshot_calls
from tests.emulator import volume_calls

PREFIX = '/api/v2'

Handler = Callable[[calls.Call], dict[str, Any]]
Fields = Mapping[str, messages.Decoder]

#: Who may call: `any` known caller, those with a role in the `project`, the
#: cluster `admin`, or tenants as far as the switch of that name lets them.
ANY = 'any'
PROJECT = 'project'
ADMIN = 'admin'
NODES = 'tenant_reads_nodes'
CLUSTER = 'tenant_reads_cluster'
HOSTS = 'tenant_reads_hosts'
POLICIES = 'tenant_reads_policies'
OWN_PROJECT = 'tenant_reads_project'


@dataclasses.dataclass(frozen=True)
class Route:
    """One call."""

    method: str
    segments: tuple[str, ...]
    handler: Handler
    access: str
    fields: Fields
    query: Fields

    def match(self, segments: list[str]) -> Optional[dict[str, str]]:
        """The path variables if the path is this one.

        A variable takes an empty segment too: that is how objects are
        found by name, `/volumes/?name=N`.
        """
        if len(segments) != len(self.segments):
            return None
        variables = {}
        for pattern, segment in zip(self.segments, segments):
            if pattern.startswith('{'):
                variables[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return variables


_NOTHING: Fields = {}
_ROUTES: list[Route] = []


def _route(method: str, path: str, handler: Handler, access: str,
           fields: Fields = _NOTHING, query: Fields = _NOTHING) -> None:
    _ROUTES.append(Route(
        method, tuple((PREFIX + path).split('/')[1:]), handler, access,
        fields, query))


for _base in ('/projects/{projectName}/volumes', '/volumes'):
    _one = _base + '/{UUID}'
    _route('GET', _base, volume_calls.list_volumes, PROJECT,
           query=volume_calls.LIST)
    _route('POST', _base, volume_calls.create, PROJECT,
           volume_calls.CREATE)
    _route('GET', _one, volume_calls.get, PROJECT,
           query=volume_calls.IDENTIFY)
    _route('PUT', _one, volume_calls.update, PROJECT, volume_calls.UPDATE)
    _route('DELETE', _one, volume_calls.delete, PROJECT,
           query=volume_calls.IDENTIFY)
_PROJECT = '/projects/{projectName}'
# Only with a project in the path (2.15, 3).
_route('PUT', _PROJECT + '/volumes/{UUID}/rollback', volume_calls.roll_back,
       PROJECT, volume_calls.ROLLBACK)
_base = _PROJECT + '/snapshots'
_one = _base + '/{UUID}'
_route('GET', _base, snapshot_calls.list_snapshots, PROJECT,
       query=snapshot_calls.LIST)
_route('POST', _base, snapshot_calls.create, PROJECT, snapshot_calls.CREATE)
_route('GET', _one, snapshot_calls.get, PROJECT,
       query=snapshot_calls.IDENTIFY)
_route('DELETE', _one, snapshot_calls.delete, PROJECT,
       query=snapshot_calls.IDENTIFY)

_route('GET', '/version', cluster_calls.version, ANY)
_route('GET', '/clusterinfo', cluster_calls.info, ANY)
_route('GET', '/cluster', cluster_calls.overview, CLUSTER)
_route('GET', '/nodes', cluster_calls.list_nodes, NODES,
       query=cluster_calls.NODE_LIST)
_route('GET', '/nodes/{UUID}', cluster_calls.get_node, NODES)
_route('GET', '/servers', cluster_calls.list_servers, ADMIN)
_route('GET', '/connectedHosts', cluster_calls.list_hosts, HOSTS,
       query=cluster_calls.HOST_LIST)

_route('GET', '/projects', cluster_calls.list_projects, ANY)
_route('POST', '/projects', cluster_calls.create_project, ADMIN,
       cluster_calls.PROJECT_CREATE)
_route('GET', _PROJECT, cluster_calls.get_project, OWN_PROJECT)
_route('PUT', _PROJECT, cluster_calls.update_project, ADMIN,
       cluster_calls.PROJECT_UPDATE)
_route('DELETE', _PROJECT, cluster_calls.delete_project, ADMIN)
_base = _PROJECT + '/credentials'
_one = _base + '/{ID}'
_route('GET', _base, cluster_calls.list_credentials, PROJECT)
_route('POST', _base, cluster_calls.create_credential, PROJECT,
       cluster_calls.CREDENTIAL_CREATE)
_route('GET', _one, cluster_calls.get_credential, PROJECT)
_route('DELETE', _one, cluster_calls.delete_credential, PROJECT)
_route('GET', _PROJECT + '/roles', cluster_calls.list_roles, PROJECT)
_route('GET', _PROJECT + '/roles/{name}', cluster_calls.get_role, PROJECT)

_route('GET', '/policies', cluster_calls.list_policies, POLICIES,
       query=cluster_calls.POLICY_LIST)
_route('POST', '/policies', cluster_calls.create_policy, ADMIN,
       cluster_calls.POLICY_CREATE)
_route('GET', '/policies/{UUID}', cluster_calls.get_policy, POLICIES,
       query=cluster_calls.POLICY_IDENTIFY)
_route('PUT', '/policies/{UUID}', cluster_calls.update_policy, ADMIN,
       cluster_calls.POLICY_UPDATE)
_route('DELETE', '/policies/{UUID}', cluster_calls.delete_policy, ADMIN,
       query=cluster_calls.POLICY_IDENTIFY)


def find(method: str, path: str
         ) -> tuple[Optional[Route], dict[str, str], bool]:
    """The call, its path variables, and whether the path is known."""
    segments = path.split('/')[1:]
    known = False
    for route in _ROUTES:
        variables = route.match(segments)
        if variables is not None:
            if route.method == method:
                return route, variables, True
            known = True
    return None, {}, known
