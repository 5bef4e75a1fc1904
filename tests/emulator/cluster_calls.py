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

"""The calls on the cluster, nodes, projects and policies."""

from __future__ import annotations

from typing import Any

from tests.emulator import calls
from tests.emulator import errors
from tests.emulator import messages
from tests.emulator import nodes

API_VERSION = 'v2.0'

PROJECT_CREATE = {
    'name': messages.text,
    'description': messages.text,
    'defaultPolicies': messages.objects,
}
PROJECT_UPDATE = {
    'projectName': messages.text,
    'defaultPolicies': messages.objects,
}
CREDENTIAL_CREATE = {
    'projectName': messages.text,
    'ID': messages.text,
    'type': messages.text,
    'payload': messages.text,
}
POLICY_CREATE = {
    'name': messages.text,
    'description': messages.text,
    # The answer calls it QoSRateLimitPolicy (6).
    'qoSRateLimitPolicy': messages.mapping,
}
POLICY_UPDATE = dict(POLICY_CREATE, UUID=messages.text)
POLICY_IDENTIFY = {'name': str}
POLICY_LIST = {'UUID': str, 'name': str, 'projectName': str}
NODE_LIST = {'name': str, 'UUID': str, 'failureDomain': str}
HOST_LIST = {'volumeUUID': str, 'hostNQN': str}


# Cluster and nodes (4)

def version(call: calls.Call) -> dict[str, Any]:
    """GET version: of the API, not of the product (4.1)."""
    return {'apiVersion': API_VERSION}


def info(call: calls.Call) -> dict[str, Any]:
    """GET clusterinfo."""
    return call.cluster.info()


def overview(call: calls.Call) -> dict[str, Any]:
    """GET cluster."""
    return call.cluster.overview()


def list_nodes(call: calls.Call) -> dict[str, Any]:
    """GET nodes, by one filter at most (4.4)."""
    messages.only_one(call.query, tuple(NODE_LIST))
    query = call.query
    return {'nodes': [
        call.cluster.nodes.wire(node, call.settings)
        for node in call.cluster.nodes.all
        if query.get('name') in (None, '', node.name) and
        query.get('UUID') in (None, '', node.uuid) and
        query.get('failureDomain') in (
            None, '', 'server%02d' % node.index)]}


def get_node(call: calls.Call) -> dict[str, Any]:
    """GET one node."""
    node = call.cluster.nodes.get(call.uuid)
    if node is None:
        raise errors.not_found('node')
    return call.cluster.nodes.wire(node, call.settings)


def list_servers(call: calls.Call) -> dict[str, Any]:
    """GET servers (4.5)."""
    cluster = call.cluster
    return {'servers': [{
        'UUID': node.server_uuid,
        'name': 'server%02d' % node.index,
        'RiskOfServiceLossState': (
            'NoRiskOfServiceLoss' if cluster.nodes.all_active
            else 'InRiskOfServiceLoss'),
        'NodesUUIDs': [node.uuid],
        'state': 'Enabled',
        'ETag': str(node.etag),
        'LightOSVersion': '3.18.1~b1',
        'ApiEndpoints': [nodes.host_port(node.address, cluster.port)],
        'LastUpgrade': {'Status': 'None'},
    } for node in cluster.nodes.all]}


def list_hosts(call: calls.Call) -> dict[str, Any]:
    """GET connectedHosts; the filter by host is ignored (4.6)."""
    wanted = call.query.get('volumeUUID', '')
    hosts: dict[str, list[str]] = {}
    for volume in call.cluster.volumes.store:
        if wanted in ('', volume.uuid):
            for nqn in volume.connected_hosts:
                hosts.setdefault(nqn, []).append(volume.uuid)
    return {'connectedHosts': [
        {'hostNQN': nqn, 'iPAddress': '', 'hostname': '',
         'volumeUUIDs': uuids} for nqn, uuids in sorted(hosts.items())]}


# Projects (5)

def list_projects(call: calls.Call) -> dict[str, Any]:
    """GET projects: all for the cluster admin, its own for a tenant."""
    return {'projects': [
        project.wire() for name, project
        in sorted(call.cluster.projects.all.items())
        if call.caller.reader or name == call.caller.project]}


def create_project(call: calls.Call) -> dict[str, Any]:
    """POST projects."""
    project = call.cluster.projects.create(
        call.text('name'), call.text('description'),
        call.fields.get('defaultPolicies'))
    return project.wire()


def get_project(call: calls.Call) -> dict[str, Any]:
    """GET one project."""
    return call.cluster.projects.find(
        call.variables['projectName']).wire()


def update_project(call: calls.Call) -> dict[str, Any]:
    """PUT a project: other default policies, for new volumes only."""
    project = call.cluster.projects.find(call.variables['projectName'])
    if 'defaultPolicies' in call.fields:
        for default in call.fields['defaultPolicies']:
            if default.get('policyType') == 'qosRateLimit':
                call.cluster.policies.find(default.get('policyUUID', ''))
        project.default_policies = call.fields['defaultPolicies']
    return {}


def delete_project(call: calls.Call) -> dict[str, Any]:
    """DELETE a project: not while it holds anything.

    Deleting objects count until they are drained.
    """
    cluster = call.cluster
    name = call.variables['projectName']
    cluster.projects.find(name)
    if (cluster.volumes.store.count(name) or
            cluster.snapshots.store.count(name)):
        raise errors.wrong_state('project %s is not empty' % name)
    if name in ('default', 'system'):
        raise errors.wrong_state('project %s cannot be deleted' % name)
    cluster.projects.delete(name)
    return {}


def list_credentials(call: calls.Call) -> dict[str, Any]:
    """GET credentials of a project."""
    project = call.cluster.projects.find(call.variables['projectName'])
    return {'credentials': [
        c.wire(project.name) for _id, c in
        sorted(project.credentials.items())]}


def create_credential(call: calls.Call) -> dict[str, Any]:
    """POST credentials."""
    projects = call.cluster.projects
    project = projects.find(call.variables['projectName'])
    return projects.add_credential(
        project, call.text('ID'), call.text('type'),
        call.text('payload')).wire(project.name)


def get_credential(call: calls.Call) -> dict[str, Any]:
    """GET one credential."""
    project = call.cluster.projects.find(call.variables['projectName'])
    credential = project.credentials.get(call.variables['ID'])
    if credential is None:
        raise errors.not_found('credential')
    return credential.wire(project.name)


def delete_credential(call: calls.Call) -> dict[str, Any]:
    """DELETE a credential."""
    projects = call.cluster.projects
    projects.remove_credential(
        projects.find(call.variables['projectName']), call.variables['ID'])
    return {}


def list_roles(call: calls.Call) -> dict[str, Any]:
    """GET roles of a project."""
    return {'roles': call.cluster.projects.find(
        call.variables['projectName']).roles}


def get_role(call: calls.Call) -> dict[str, Any]:
    """GET one role."""
    project = call.cluster.projects.find(call.variables['projectName'])
    for role in project.roles:
        if role['name'] == call.variables['name']:
            return role
    raise errors.not_found('role')


# QoS policies (6)

def list_policies(call: calls.Call) -> dict[str, Any]:
    """GET policies: a tenant sees those it can use."""
    query = call.query
    caller = call.caller
    scope = query.get('projectName') or (
        None if caller.reader else caller.project)
    return {'policies': [
        policy.wire(caller.admin) for policy in call.cluster.policies
        if query.get('UUID') in (None, '', policy.uuid) and
        query.get('name') in (None, '', policy.name) and
        (scope is None or policy.usable_by(scope))]}


def get_policy(call: calls.Call) -> dict[str, Any]:
    """GET one policy, by UUID or by name with the UUID left empty."""
    policy = call.cluster.policies.find(
        call.uuid, call.query.get('name', ''))
    caller = call.caller
    if not caller.reader and not policy.usable_by(caller.project):
        raise errors.not_found('policy')
    return policy.wire(caller.admin)


def create_policy(call: calls.Call) -> dict[str, Any]:
    """POST policies."""
    return call.cluster.policies.create(
        call.text('name'), call.text('description'),
        call.fields.get('qoSRateLimitPolicy', {})).wire(True)


def update_policy(call: calls.Call) -> dict[str, Any]:
    """PUT a policy."""
    policies = call.cluster.policies
    policy = policies.find(call.uuid, call.text('name'))
    if 'qoSRateLimitPolicy' in call.fields:
        policies.update(policy, call.fields['qoSRateLimitPolicy'])
    return {}


def delete_policy(call: calls.Call) -> dict[str, Any]:
    """DELETE a policy that nothing uses."""
    cluster = call.cluster
    policy = cluster.policies.find(call.uuid, call.query.get('name', ''))
    if policy is cluster.policies.no_limit or any(
            v.qos_policy == policy.uuid for v in cluster.volumes.store):
        raise errors.wrong_state('policy %s is in use' % policy.name)
    del cluster.policies.all[policy.uuid]
    return {}
