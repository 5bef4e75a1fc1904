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

"""The switches of the emulated cluster, one for each thing not known.

Nobody has documented everything a LightOS cluster does. Where the REST API
facts leave a question open (its table of unknowns), the emulator does what
its default says and can be told to do the other thing, so that the driver
is proven against both.
"""

from __future__ import annotations

import dataclasses
from typing import Any
from typing import Iterable
from typing import Mapping
from typing import Optional

#: Settings that shape the listening sockets, fixed once those are open.
STRUCTURAL = frozenset({
    'nodes', 'address_base', 'ipv6', 'port', 'threads', 'keep_alive'})


def _switch(default: Any, doc: str, *choices: str) -> Any:
    """A setting with its meaning and, for a switch, what it can be."""
    return dataclasses.field(
        default=default, metadata={'doc': doc, 'choices': choices})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything about the cluster that a test or a person may choose."""

    # Where it listens.
    nodes: int = _switch(3, 'servers, each with one API endpoint')
    address_base: str = _switch(
        '127.77.0', 'first three octets; node N listens on .N+1')
    ipv6: bool = _switch(False, 'one node, on [::1]')
    port: int = _switch(0, 'the same on all nodes; 0 finds a free one')
    threads: int = _switch(24, 'requests in progress on one node at most')
    keep_alive: int = _switch(
        60, 'seconds after which an idle connection is closed')
    discovery_port: int = _switch(8009, 'of the discovery service (1.1)')
    nvme_port: int = _switch(4420, 'of the NVMe/TCP targets (1.1)')
    cluster_name: str = _switch('lab', 'clusterName (4.2)')

    # How long a change takes: seconds in the transient state.
    settle: float = _switch(0.0, 'for every kind not set on its own')
    create_settle: Optional[float] = _switch(None, 'volume Creating (2.2)')
    update_settle: Optional[float] = _switch(None, 'volume Updating (2.2)')
    delete_settle: Optional[float] = _switch(None, 'volume Deleting (2.8)')
    rollback_settle: Optional[float] = _switch(None, 'Rollback (2.15)')
    snapshot_settle: Optional[float] = _switch(None, 'snapshot Creating (3)')
    snapshot_delete_settle: Optional[float] = _switch(
        None, 'snapshot Deleting (3)')
    node_settle: Optional[float] = _switch(
        None, 'node Activating after it came back (2.3)')

    # What answers look like (1.3, 1.5).
    emit_defaults: bool = _switch(
        False, 'unknown 1: send zero values instead of leaving them out')
    error_body: str = _switch(
        'json', 'unknown 3: shape of an error body', 'json', 'message',
        'text', 'empty')
    expired_token: str = _switch(
        '401', 'unknown 26: status for an expired token', '401', '403')
    unknown_project: str = _switch(
        '403', 'unknown 25: a project that is not there, asked for by the '
        'cluster admin (others have no role there: always 403)',
        '403', '404')
    old_clusterinfo: bool = _switch(
        False, 'clusterinfo without nvmeEndpoints and clusterName (4.2)')
    inactive_node_endpoint: bool = _switch(
        True, 'an inactive node still names its nvmeEndpoint (4.4)')
    supports_labels: bool = _switch(
        True, 'False: labels are ignored as by servers before 3.x (7)')
    supports_new_name: bool = _switch(
        True, 'False: newName is ignored as by servers before 3.x (7)')
    label_prefix: str = _switch(
        '', 'unknown 32: drop this leading "<prefix>-" or "<prefix>." of a '
        'label key (2.13)')

    # ETags and updates (1.6, 2.7).
    etag_mismatch: str = _switch(
        '412', 'unknown 2: answer to a stale If-Match', '412', '400',
        '409', '500')
    etag_style: str = _switch(
        'counter', 'unknown 4: what an ETag looks like', 'counter',
        'opaque')
    quoted_if_match: str = _switch(
        'mismatch', 'unknown 4: a quoted If-Match', 'mismatch', 'accept')
    etag_on_settle: bool = _switch(
        True, 'the end of a transition changes the ETag too')
    update_without_change: str = _switch(
        'update', 'unknown 5: a PUT of what is there already', 'update',
        'ignore')
    acl_update_resets_ip_acl: bool = _switch(
        False, 'unknown 6: a PUT of acl alone sets IPAcl to ALLOW_ANY')
    visible_during_update: str = _switch(
        'old', 'unknown 7: values that GET shows while Updating', 'old',
        'new')
    update_busy: str = _switch(
        '503', 'PUT or DELETE on a Creating or Updating object', '503',
        '409', '412')
    migrating_probability: float = _switch(
        0.0, 'how often a GET shows an Available volume as Migrating')
    follower_lag: float = _switch(
        0.0, 'unknown 30: seconds for which the other endpoints still show '
        'what an object was before a change, while it is there')
    seed: int = _switch(0, 'of everything random here')

    # Who may read what (1.7).
    tenant_reads_nodes: bool = _switch(True, 'unknown 8: GET /nodes')
    tenant_reads_cluster: bool = _switch(False, 'unknown 8: GET /cluster')
    tenant_reads_hosts: bool = _switch(
        False, 'unknown 8: GET /connectedHosts')
    tenant_reads_policies: bool = _switch(True, 'unknown 8: GET /policies')
    tenant_reads_project: bool = _switch(
        True, 'unknown 25: GET of its own /projects/{name}')

    # Names and lists (1.8, 2.4, 2.5).
    deleting_frees_name: bool = _switch(
        True, 'unknown 9: the name of a Deleting volume can be used again')
    failed_frees_name: bool = _switch(
        False, 'unknown 9: the name of a Failed volume can be used again')
    failed_delete: str = _switch(
        '400', 'DELETE of a Failed object (2.2)', '400', 'accept')
    name_lookup: str = _switch(
        'live', 'unknown 10: which of two namesakes a GET by name gives, '
        'the live or the Deleting one', 'live', 'deleting')
    list_deleting: bool = _switch(
        False, 'unknown 11: lists show Deleting objects unasked')
    page_limit: int = _switch(1000, 'objects in one page at most (1.8)')

    # Sizes and capacity (2.9, 4.3).
    min_size: int = _switch(4096, 'unknown 12: bytes, smaller is refused')
    max_size: int = _switch(
        2 ** 56, 'unknown 12: bytes, larger is refused')
    round_sizes: bool = _switch(True, 'unknown 13: up to 4 KiB')
    decimal_units: bool = _switch(
        True, 'unknown 14: "gb" is 10^9 bytes, not 2^30')
    shrink: str = _switch(
        'refuse', 'unknown 15: a smaller size without Force', 'refuse',
        'accept')
    node_capacity: int = _switch(16 * 2 ** 40, 'bytes on each node')
    compression_ratio: float = _switch(1.0, 'of all data (4.3)')
    written_fraction: float = _switch(
        0.0, 'share of each volume that counts as written')
    full_cluster: str = _switch(
        'accept', 'a volume beyond the capacity', 'accept', '429', '400',
        '500', 'fail')
    overcommit: float = _switch(
        1.0, 'provisioned bytes per byte of capacity before it is full')

    # Replicas and clones (2.4, 2.9).
    too_many_replicas: str = _switch(
        '400', 'unknown 16: replicaCount above currentMaxReplicas; fail is '
        '200 and then state Failed', '400', 'fail')
    clone_must_match: bool = _switch(
        False, 'unknown 17: a clone needs the replica count and the '
        'compression of its source')
    unknown_policy: str = _switch(
        '404', 'a QoS policy that the project cannot use (6)', '404', '400')

    # Access lists (2.10).
    acl_limit: int = _switch(0, 'unknown 18: NQNs in an ACL, 0 for any')
    ip_acl_limit: int = _switch(16, 'unknown 19: addresses in an IP ACL')
    ip_acl_cidr: bool = _switch(False, 'unknown 19: networks accepted')
    ip_acl_ipv6: bool = _switch(True, 'unknown 19: IPv6 accepted')
    ip_acl_zones: bool = _switch(
        False, 'unknown 19: IPv6 zone ids accepted')
    ip_acl_mapped: bool = _switch(
        True, 'unknown 19: IPv4-mapped IPv6 accepted')
    ip_acl_allow_none: bool = _switch(
        True, 'unknown 20: an IP ACL of ALLOW_NONE is accepted')
    show_default_ip_acl: bool = _switch(
        True, 'unknown 21: an IP ACL that nobody set reads ALLOW_ANY')
    delete_with_acl: str = _switch(
        'accept', 'unknown 22: DELETE while the ACL names a host',
        'accept', 'refuse')

    # Snapshots and rollback (2.15, 3).
    snapshot_busy: str = _switch(
        '400', 'snapshot of a volume that is Updating; 400 is code 9',
        '400', '503')
    concurrent_snapshots: str = _switch(
        '503', 'a snapshot while another of that volume is Creating',
        '503', '500', '409', 'accept')
    snapshot_reused_name: str = _switch(
        'fail', 'the name of a Deleting snapshot; fail is 200 and then '
        'Failed', 'fail', 'accept', '409')
    snapshot_with_clone: str = _switch(
        'wait', 'a snapshot deleted under its clone stays Deleting until '
        'the clone goes, or not', 'wait', 'at_once')
    snapshot_changes_etag: bool = _switch(
        True, 'a snapshot changes the ETag of its volume (1.6)')
    rollback_with_hosts: str = _switch(
        'accept', 'unknown 23: rollback while hosts are connected',
        'accept', 'refuse')
    rollback_drops_later_snapshots: bool = _switch(
        False, 'unknown 24: later snapshots vanish')
    rollback_resets_acl: bool = _switch(
        False, 'unknown 24: both access lists go back to the snapshot\'s')

    # Health (2.3) and load.
    down_node_api: str = _switch(
        'serve', 'unknown 27: the API service on a node that is down',
        'serve', '503', '500', 'hang')
    rate_limit: int = _switch(
        0, 'unknown 28: requests a second on one endpoint, beyond it 429; '
        '0 for any')
    reuse_nsid: bool = _switch(
        True, 'unknown 34: the number of a deleted volume is given again')
    record_limit: int = _switch(
        200000, 'requests remembered, older ones are dropped')

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            choices = field.metadata.get('choices')
            value = getattr(self, field.name)
            if choices and value not in choices:
                raise ValueError('%s is one of %s, not %r' % (
                    field.name, ', '.join(choices), value))
        if self.ipv6 and self.nodes != 1:
            object.__setattr__(self, 'nodes', 1)
        if not 1 <= self.nodes <= 16:
            raise ValueError('nodes is from 1 to 16')

    def delay(self, kind: str) -> float:
        """Seconds that a transition takes, `kind` as in `<kind>_settle`."""
        own = getattr(self, kind + '_settle')
        return self.settle if own is None else own

    def replace(self, **changes: Any) -> Settings:
        """The same with some switches turned, which must exist."""
        unknown = set(changes) - {f.name for f in dataclasses.fields(self)}
        if unknown:
            raise ValueError('no such setting: ' + ', '.join(sorted(unknown)))
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON can carry them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a mapping of some of them."""
        return cls().replace(**values)

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> dict[str, Any]:
        """Changes from `switch=value` texts of a command line."""
        types = {f.name: f.type for f in dataclasses.fields(cls)}
        changes: dict[str, Any] = {}
        for pair in pairs:
            name, _, text = pair.partition('=')
            if name not in types:
                raise ValueError('no such setting: %s' % name)
            changes[name] = _convert(str(types[name]), text)
        return changes


def _convert(kind: str, text: str) -> Any:
    if kind == 'bool':
        if text.lower() not in ('true', 'false', '1', '0', 'yes', 'no'):
            raise ValueError('%r is neither true nor false' % text)
        return text.lower() in ('true', '1', 'yes')
    if kind == 'int':
        return int(text)
    if 'float' in kind:
        return None if text.lower() == 'none' else float(text)
    return text


def describe() -> str:
    """All settings with their defaults and meanings, for people."""
    lines = []
    for field in dataclasses.fields(Settings):
        choices = field.metadata['choices']
        lines.append('%s=%s' % (field.name, field.default))
        lines.append('    %s%s' % (
            field.metadata['doc'],
            ' [%s]' % ', '.join(choices) if choices else ''))
    return '\n'.join(lines)
