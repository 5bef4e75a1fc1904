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

"""Letting hosts in to volumes, and showing them out."""

import contextlib
from typing import Any
from typing import Iterator
from typing import Mapping
from typing import Optional

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.volume import volume_utils
from oslo_log import log as logging

from lightos_cinder import acl
from lightos_cinder import backend
from lightos_cinder.client import models
from lightos_cinder import connection
from lightos_cinder import errors
from lightos_cinder import options
from lightos_cinder import records

LOG = logging.getLogger(__name__)


class Attachments:
    """The hooks of the driver for attaching and detaching."""

    _settings: options.Settings
    _backend: backend.Backend
    _cluster: models.ClusterInfo

    def validate_connector(self, connector: Mapping[str, Any]) -> None:
        """Refuse a host that could not attach anything."""
        connection.validate(connector, self._settings.use_ip_acl,
                            self._settings.ip_acl_networks)

    @volume_utils.trace
    @coordination.synchronized('lightos-access-{volume.id}')
    def initialize_connection(self, volume: Any,
                              connector: Mapping[str, Any]
                              ) -> dict[str, Any]:
        """Let a host in and tell it how to connect."""
        host = connection.validate(connector, self._settings.use_ip_acl,
                                   self._settings.ip_acl_networks)
        ref = records.volume_ref(volume)
        try:
            with _told_to_tenants(volume.id), errors.translated(ref):
                opened = self._backend.grant(
                    ref, host, records.attached(
                        volume, self._settings.ip_acl_networks))
        except acl.TooManyAddresses as error:
            raise exception.VolumeBackendAPIException(
                data=_('volume %(volume)s: %(error)s. Set '
                       'lightos_ipacl_networks to the networks that hosts '
                       'reach the cluster from.')
                % {'volume': volume.id, 'error': error})
        LOG.info('Volume %s is open to host %s at %s.', volume.id, host.nqn,
                 ', '.join(sorted(host.addresses)))
        return {'driver_volume_type': 'lightos',
                'data': connection.properties(opened, self._cluster)}

    @volume_utils.trace
    @coordination.synchronized('lightos-access-{volume.id}')
    def terminate_connection(self, volume: Any,
                             connector: Optional[Mapping[str, Any]],
                             **kwargs: Any) -> bool:
        """Show a host out, or everybody if there is no connector.

        Whether it is forced makes no difference: access either ends or
        this fails.

        :returns: whether the host stays connected for another attachment
        """
        ref = records.volume_ref(volume)
        if connector is not None and not connector.get('nqn'):
            raise exception.InvalidConnectorException(
                missing=_('nqn (the host to show out of volume %s)')
                % volume.id)
        try:
            with errors.translated(ref):
                if connector is None:
                    self._backend.revoke_all(ref)
                elif connection.shares_host(connector,
                                            records.connectors(volume)):
                    LOG.info('Volume %s stays open to host %s, which has '
                             'another attachment of it.', volume.id,
                             connector['nqn'])
                    return True
                else:
                    self._backend.revoke(
                        ref, connection.as_told(connector),
                        [connection.as_told(attached)
                         for attached in records.connectors(volume)])
        except exception.VolumeNotFound:
            LOG.warning('Volume %s is not on the cluster any more; there is '
                        'no access to end.', volume.id)
            return False
        LOG.info('Volume %s is closed to %s.', volume.id,
                 connector['nqn'] if connector else 'all hosts')
        return False

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nothing to do: the cluster keeps its access lists."""

    def create_export(self, context: Any, volume: Any,
                      connector: Mapping[str, Any]) -> None:
        """Nothing to do: access is given as a host connects."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Nothing to do: access has ended as the host disconnected."""


@contextlib.contextmanager
def _told_to_tenants(volume_id: str) -> Iterator[None]:
    """Keep the storage's words in the log.

    Cinder answers the request for an attachment with the text of what it
    failed with, and anybody may ask for one. Addresses, LightOS projects and
    the cluster's own words are not for them.
    """
    try:
        yield
    except exception.VolumeBackendAPIException as error:
        LOG.error('Volume %s was not opened: %s', volume_id, error.msg)
        raise exception.VolumeBackendAPIException(
            data=_('the storage did not open volume %s to the host. Try '
                   'again; if that is in vain, an administrator finds the '
                   'reason in the log of cinder-volume') % volume_id
        ) from error
