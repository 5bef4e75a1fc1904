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

"""What the API tells of volumes, snapshots and the cluster.

Zero values may be left out of a reply, 64-bit numbers come as strings, and
newer versions have more fields (REST API facts, 1.3): absent and unknown
fields are normal. A field of a wrong type counts as absent.
"""

import dataclasses
import enum
import ipaddress
import re
from typing import Any
from typing import Iterable
from typing import Mapping
from typing import Optional

JSON = Mapping[str, Any]

ALLOW_ANY = 'ALLOW_ANY'
ALLOW_NONE = 'ALLOW_NONE'

#: What a project can be called (REST API facts, 5).
PROJECT_NAME = re.compile('[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?')

#: What it takes for a UUID to be a part of a path and nothing else.
_UUID = re.compile('[0-9A-Za-z-]{1,64}')


class State(enum.Enum):
    """State of a volume or a snapshot (REST API facts, 2.2 and 3)."""

    UNKNOWN = 'Unknown'
    CREATING = 'Creating'
    AVAILABLE = 'Available'
    UPDATING = 'Updating'
    ROLLBACK = 'Rollback'
    MIGRATING = 'Migrating'
    DELETING = 'Deleting'
    DELETED = 'Deleted'
    FAILED = 'Failed'

    @classmethod
    def _missing_(cls, value: object) -> 'State':
        return cls.UNKNOWN

    @property
    def usable(self) -> bool:
        """Settled, and ready for hosts and for changes."""
        return self in (State.AVAILABLE, State.MIGRATING)

    @property
    def gone(self) -> bool:
        """On its way out, never to come back."""
        return self in (State.DELETING, State.DELETED)


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume on the cluster.

    :param size: bytes
    :param acl: host NQNs, or one of ALLOW_ANY and ALLOW_NONE
    :param ip_acl: IP addresses as Python spells them, or one of ALLOW_ANY
        and ALLOW_NONE
    :param etag: opaque; changes with the volume
    """

    uuid: str
    name: str
    project: str
    state: State
    size: int
    replicas: int
    compression: bool
    acl: frozenset[str]
    ip_acl: frozenset[str]
    etag: str
    source_snapshot_uuid: str
    qos_policy_uuid: str
    qos_policy_name: str

    @classmethod
    def from_json(cls, json: JSON) -> 'Volume':
        """Read the API's Volume (REST API facts, 2.1)."""
        return cls(
            uuid=_uuid(json, 'UUID'),
            name=_text(json, 'name'),
            project=_text(json, 'projectName'),
            state=State(json.get('state')),
            size=_number(json, 'size'),
            replicas=_number(json, 'replicaCount'),
            compression=_truth(json, 'compression'),
            # No ACL at all is nobody, no IP ACL at all is anywhere
            # (REST API facts, 2.4 and 2.10).
            acl=_values(json, 'acl') or frozenset({ALLOW_NONE}),
            ip_acl=(frozenset(map(address, _values(json, 'IPAcl')))
                    or frozenset({ALLOW_ANY})),
            etag=_text(json, 'ETag'),
            source_snapshot_uuid=_uuid(json, 'sourceSnapshotUUID'),
            qos_policy_uuid=_text(json, 'qosPolicyUUID'),
            qos_policy_name=_text(json, 'qosPolicyName'))

    @property
    def closed(self) -> bool:
        """No host has access."""
        return self.acl == {ALLOW_NONE}

    def has_qos_policy(self, policy: str) -> bool:
        """Whether its QoS policy has that name or UUID."""
        return policy in (self.qos_policy_name, self.qos_policy_uuid)


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A snapshot on the cluster.

    :param size: bytes
    :param expires: whether the cluster deletes it by itself some time
    """

    uuid: str
    name: str
    project: str
    state: State
    size: int
    source_volume_uuid: str
    source_volume_name: str
    etag: str
    expires: bool

    @classmethod
    def from_json(cls, json: JSON) -> 'Snapshot':
        """Read the API's Snapshot (REST API facts, 3)."""
        return cls(
            uuid=_uuid(json, 'UUID'),
            name=_text(json, 'name'),
            project=_text(json, 'projectName'),
            state=State(json.get('state')),
            size=_number(json, 'size'),
            source_volume_uuid=_uuid(json, 'sourceVolumeUUID'),
            source_volume_name=_text(json, 'sourceVolumeName'),
            etag=_text(json, 'ETag'),
            # A duration, such as "3600s"; none, or of nothing, is for ever.
            expires=bool(_text(json, 'retentionTime').strip('0.s')))


@dataclasses.dataclass(frozen=True)
class ClusterInfo:
    """What every tenant may know of the cluster.

    :param max_replicas: that the installation supports; 0 if it does not say
    :param api_endpoints: ``ip:port``, IPv6 in brackets, as all three
    :param current_max_replicas: that its active nodes have room for just
        now; 0 if it does not say
    """

    uuid: str
    name: str
    subsystem_nqn: str
    max_replicas: int
    api_endpoints: tuple[str, ...]
    discovery_endpoints: tuple[str, ...]
    nvme_endpoints: tuple[str, ...]
    current_max_replicas: int = 0

    @classmethod
    def from_json(cls, json: JSON) -> 'ClusterInfo':
        """Read the reply of ``GET /clusterinfo`` (REST API facts, 4.2)."""
        return cls(
            uuid=_text(json, 'UUID'),
            name=_text(json, 'clusterName'),
            subsystem_nqn=_text(json, 'subsystemNQN'),
            max_replicas=_number(json, 'supportedMaxReplicas'),
            api_endpoints=_texts(json, 'apiEndpoints'),
            discovery_endpoints=_texts(json, 'discoveryEndpoints'),
            nvme_endpoints=_texts(json, 'nvmeEndpoints'),
            current_max_replicas=_number(json, 'currentMaxReplicas'))

    @property
    def connectable(self) -> bool:
        """Whether it tells what a host needs to connect."""
        return bool(self.subsystem_nqn and (self.discovery_endpoints
                                            or self.nvme_endpoints))

    def with_nvme_endpoints(self, found: Iterable[str]) -> 'ClusterInfo':
        """The same, with endpoints that were found elsewhere."""
        return dataclasses.replace(self, nvme_endpoints=tuple(found))


@dataclasses.dataclass(frozen=True)
class Capacity:
    """Capacity of the whole cluster in bytes, not divided by replicas.

    :param total: that volumes could hold at the present compression ratio
    :param free: of it
    :param provisioned: sum of the sizes of all volumes
    """

    total: int
    free: int
    provisioned: int

    @classmethod
    def from_json(cls, json: JSON) -> 'Capacity':
        """Read the API's cluster statistics (REST API facts, 4.3)."""
        return cls(
            total=_number(json, 'estimatedLogicalStorage'),
            free=_number(json, 'estimatedFreeLogicalStorage'),
            provisioned=_number(json, 'logicalStorage'))


@dataclasses.dataclass(frozen=True)
class Health:
    """What has been lost of a cluster.

    :param state: ``OK``; ``Warning`` if nodes are inactive or volumes lack
        replicas; ``Error`` if volumes cannot be written or read; empty if
        it does not say
    :param volumes: of the whole cluster; None if it does not say, as an
        older server, or one that leaves out a zero, if none is healthy
    """

    state: str
    inactive_nodes: int
    degraded_volumes: int
    read_only_volumes: int
    unavailable_volumes: int
    volumes: Optional[int]

    @classmethod
    def from_json(cls, json: JSON) -> 'Health':
        """Read the API's cluster health (REST API facts, 4.3)."""
        state = _text(json, 'state')
        degraded = _number(json, 'numDegradedVolumes')
        read_only = _number(json, 'numReadOnlyVolumes')
        unavailable = _number(json, 'numNotAvailableVolumes')
        volumes = None
        if 'numHealthyVolumes' in json:
            # Without these no sum is right.
            volumes = (_number(json, 'numHealthyVolumes') + degraded
                       + read_only + unavailable)
        return cls(
            state='' if state == 'None' else state,
            inactive_nodes=_number(json, 'numInactiveNodes'),
            degraded_volumes=degraded,
            read_only_volumes=read_only,
            unavailable_volumes=unavailable,
            volumes=volumes)

    def __str__(self) -> str:
        return ('%s (inactive nodes: %d; volumes degraded: %d, read-only: '
                '%d, not available: %d)') % (
            self.state or 'unknown', self.inactive_nodes,
            self.degraded_volumes, self.read_only_volumes,
            self.unavailable_volumes)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What an administrator of the cluster may know of it."""

    capacity: Capacity
    health: Health

    @classmethod
    def from_json(cls, json: JSON) -> 'Cluster':
        """Read the reply of ``GET /cluster`` (REST API facts, 4.3)."""
        return cls(capacity=Capacity.from_json(_object(json, 'statistics')),
                   health=Health.from_json(_object(json, 'health')))


@dataclasses.dataclass(frozen=True)
class Project:
    """A project.

    :param qos_policy_uuid: of the QoS policy that its volumes get if none
        is asked for; empty if it names none
    """

    name: str
    qos_policy_uuid: str

    @classmethod
    def from_json(cls, json: JSON) -> 'Project':
        """Read the API's Project (REST API facts, 5)."""
        policies = json.get('defaultPolicies')
        return cls(name=_text(json, 'name'), qos_policy_uuid=next(
            (_text(policy, 'policyUUID')
             for policy in (policies if isinstance(policies, list) else ())
             if isinstance(policy, dict)
             and policy.get('policyType') == 'qosRateLimit'), ''))


@dataclasses.dataclass(frozen=True)
class Policy:
    """A QoS policy.

    :param state: ``Active`` where volumes can have it
    :param scope: the projects whose volumes can have it; None for all, or
        if a tenant asks, who is shown only what he can use
    """

    uuid: str
    name: str
    state: str
    scope: Optional[tuple[str, ...]] = None

    @classmethod
    def from_json(cls, json: JSON) -> 'Policy':
        """Read the API's Policy (REST API facts, 6)."""
        rules = _object(json, 'QoSRateLimitPolicy')
        scoped = _text(rules, 'policyVisibility') == 'Scoped'
        return cls(
            uuid=_uuid(json, 'UUID'), name=_text(json, 'name'),
            state=_text(json, 'state'),
            scope=_texts(rules, 'projectsNamesScope') if scoped else None)


@dataclasses.dataclass(frozen=True)
class Credential:
    """What a project has to verify tokens with, or a certificate.

    :param id: unique in its project
    """

    id: str
    kind: str

    @classmethod
    def from_json(cls, json: JSON) -> 'Credential':
        """Read the API's Credential (REST API facts, 5)."""
        return cls(id=_text(json, 'ID'), kind=_text(json, 'type'))


@dataclasses.dataclass(frozen=True)
class Node:
    """A storage node."""

    uuid: str
    nvme_endpoint: str

    @classmethod
    def from_json(cls, json: JSON) -> 'Node':
        """Read the API's Node (REST API facts, 4.4)."""
        return cls(uuid=_text(json, 'UUID'),
                   nvme_endpoint=_text(json, 'nvmeEndpoint'))


def address(text: str) -> str:
    """Spell an IP address in the one way in which it can be compared.

    :param text: an address, or something else, which is returned as it is
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _text(json: JSON, key: str) -> str:
    value = json.get(key)
    return value if isinstance(value, str) else ''


def _uuid(json: JSON, key: str) -> str:
    # It becomes part of a path, and a word of Cinder's records.
    value = _text(json, key)
    return value if _UUID.fullmatch(value) else ''


def _number(json: JSON, key: str) -> int:
    value = json.get(key)
    try:
        return int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0


def _truth(json: JSON, key: str) -> bool:
    # A bool in snapshots, a text in volumes.
    value = json.get(key)
    return value is True or str(value).lower() in ('true', 'enable',
                                                   'enabled')


def _object(json: JSON, key: str) -> JSON:
    value = json.get(key)
    return value if isinstance(value, dict) else {}


def _texts(json: JSON, key: str) -> tuple[str, ...]:
    value = json.get(key)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def _values(json: JSON, key: str) -> frozenset[str]:
    return frozenset(_texts(_object(json, key), 'values'))
