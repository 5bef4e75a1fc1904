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

"""Connectors: who wants to attach, and what os-brick needs for it."""

import collections.abc
import os
import shutil
import socket
from typing import Any
from typing import Iterable
from typing import Mapping
from typing import Optional
from typing import Sequence

from cinder import exception
from cinder.i18n import _

from lightos_cinder import acl
from lightos_cinder.client import endpoints
from lightos_cinder.client import models
from lightos_cinder import this_host


def validate(connector: Optional[Mapping[str, Any]], use_ip_acl: bool,
             networks: Sequence[acl.Network] = ()) -> acl.Host:
    """The host that a connector describes.

    :param connector: as os-brick's LightOS connector reports it: ``nqn``,
        ``found_dsc`` ('found' where a discovery client answers) and
        ``host_ips``, all addresses of all interfaces but lo
    :raises InvalidConnectorException: names what is missing or cannot be
    """
    if not isinstance(connector, collections.abc.Mapping):
        connector = {}
    if not connector.get('nqn'):
        raise exception.InvalidConnectorException(
            missing=_('nqn (the host NQN in %s)') % this_host.NQN_FILE)
    if not this_host.is_nqn(connector['nqn']):
        # Anybody may write a connector, and the cluster takes any text. One
        # that means everybody to it must not get into an ACL.
        raise exception.InvalidConnectorException(
            missing=_('nqn (it is %(nqn).300r; allowed: an NVMe Qualified '
                      'Name of at most %(most)d characters without blanks, '
                      'as in %(file)s)')
            % {'nqn': connector['nqn'], 'most': this_host.NQN_LENGTH,
               'file': this_host.NQN_FILE})
    if not connector.get('found_dsc'):
        raise exception.InvalidConnectorException(
            missing=_('found_dsc (the LightOS discovery client must run on '
                      'the host)'))
    host = host_of(connector, networks)
    if use_ip_acl and not host.addresses:
        raise exception.InvalidConnectorException(
            missing=_('host_ips (an address that is neither loopback nor '
                      'link-local, and in lightos_ipacl_networks where that '
                      'is set)'))
    return host


def host_of(connector: Mapping[str, Any],
            networks: Sequence[acl.Network] = ()) -> acl.Host:
    """The host in a connector that has at least an NQN."""
    return acl.Host(connector['nqn'],
                    acl.usable(_addresses(connector), networks))


def names_host(connector: Optional[Mapping[str, Any]]) -> bool:
    """Whether a connector tells which host it is of, valid or not."""
    return (isinstance(connector, collections.abc.Mapping)
            and isinstance(connector.get('nqn'), str)
            and bool(connector['nqn']))


def as_told(connector: Mapping[str, Any]) -> acl.Host:
    """The same with every address, for a host that may have got in by it.

    That was before lightos_ipacl_networks was set, or by the driver inside
    Cinder.
    """
    return acl.Host(connector['nqn'], acl.every(_addresses(connector)))


def _addresses(connector: Mapping[str, Any]) -> Iterable[str]:
    told = connector.get('host_ips')
    return [one for one in told if isinstance(one, str)] if isinstance(
        told, (list, tuple)) else []


def shares_host(connector: Mapping[str, Any],
                attached: Iterable[Mapping[str, Any]]) -> bool:
    """Whether another attachment of the volume is on the same host.

    Hosts are the same when their NQNs are, for that is what the ACL knows.
    One of the attachments on record is the leaving one itself, even if its
    connector was told differently then. But what Cinder attaches on its own
    host, to copy images, is on no record, and every record is another's.

    :param connector: of the one that leaves
    :param attached: connectors of the attachments that Cinder has on record
    """
    same = [other for other in attached
            if other.get('nqn') == connector['nqn']]
    cinders_own = (connector not in same and 'found_dsc' in connector
                   and connector.get('host') == socket.gethostname())
    return len(same) > (0 if cinders_own else 1)


def properties(volume: models.Volume, cluster: models.ClusterInfo
               ) -> dict[str, Any]:
    """What os-brick's LightOS connector needs to connect.

    :returns: ``uuid`` (the namespace's), ``subsysnqn``, and the discovery
        services in ``lightos_nodes``
    """
    nodes = {}
    for endpoint in discovery_endpoints(cluster):
        nodes[endpoint.host] = {'target_portal': endpoint.host,
                                'target_port': endpoint.port,
                                'transport_type': 'tcp'}
    return {'lightos_nodes': nodes,
            'uuid': volume.uuid,
            'subsysnqn': cluster.subsystem_nqn}


def discovery_endpoints(cluster: models.ClusterInfo
                        ) -> list[endpoints.Endpoint]:
    """Where the discovery services of a cluster listen."""
    if cluster.discovery_endpoints:
        return endpoints.parse_all(cluster.discovery_endpoints)
    return [endpoints.Endpoint(data.host, endpoints.DISCOVERY_PORT)
            for data in endpoints.parse_all(cluster.nvme_endpoints)]


def lacking_here() -> list[str]:
    """What this host lacks to attach volumes itself.

    Cinder attaches volumes on its own host to copy images. Nothing is
    created here, as os-brick would: a check must not change a host.

    :returns: for people; empty if nothing is lacking
    """
    lacking = []
    if not os.path.exists(this_host.NQN_FILE) and not shutil.which('nvme'):
        lacking.append(_('a host NQN in %s (install nvme-cli)')
                       % this_host.NQN_FILE)
    if not this_host.discovery_client_answers():
        lacking.append(_("a running discovery client (install Lightbits' "
                         "discovery-client package)"))
    return lacking
