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
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional
from typing import Set

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder.volume import volume_utils
from oslo_log import log as logging

from lightos_cinder import acl
from lightos_cinder import backend
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder import connection
from lightos_cinder import errors
from lightos_cinder import naming
from lightos_cinder import options
from lightos_cinder import records

LOG = logging.getLogger(__name__)


#: Seconds after which Cinder has surely recorded an attachment that it had
#: the driver make, and removed one that it had the driver end.
_SETTLED = 30

#: Seconds after which an attachment without host on record is not of a host
#: that was let in then: it is kept for another, or forgotten.
_IDLE = 600


class Attachments:
    """The hooks of the driver for attaching and detaching."""

    _settings: options.Settings
    _backend: backend.Backend
    _cluster: models.ClusterInfo

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = polling.Clock()
        # Volumes and NQNs of hosts that may have access without any
        # attachment, and since when. Cinder records an attachment after the
        # driver made it, and may not live to; and where the last two of a
        # host end at once, each has the other on record. Those on record
        # as unconfirmed, as far as this process knows, and by which mark.
        self._unconfirmed: dict[tuple[str, str], tuple[float, str]] = {}

    def validate_connector(self, connector: Mapping[str, Any]) -> None:
        """Refuse a host that could not attach anything."""
        connection.validate(connector, self._settings.use_ip_acl,
                            self._settings.ip_acl_networks)

    @volume_utils.trace
    def initialize_connection(self, volume: Any,
                              connector: Mapping[str, Any]
                              ) -> dict[str, Any]:
        """Let a host in and tell it how to connect."""
        host = connection.validate(connector, self._settings.use_ip_acl,
                                   self._settings.ip_acl_networks)
        # Once it has waited for its turn Nova may have given the attachment
        # up.
        return self._let_in(volume, host, records.awaits_host(volume.id))

    @coordination.synchronized('lightos-access-{volume.id}')
    def _let_in(self, volume: Any, host: acl.Host, awaited: bool
                ) -> dict[str, Any]:
        """Let a host in.

        :param awaited: whether there is an attachment for it. Cinder itself
            and clients of old have none before they are let in
        """
        ref = records.volume_ref(volume)
        volume = _as_it_is(volume)
        # The attachment of another may become that of this host, and Cinder
        # does not tell that the other leaves.
        unsure = {one['nqn'] for one in records.connectors(volume)
                  } - {host.nqn}
        if awaited:
            unsure.add(host.nqn)
        self._watch(volume, *unsure)
        try:
            with _told_to_tenants(volume.id), errors.translated(ref):
                opened, was_inside = self._backend.grant(
                    ref, host, records.attached(
                        volume, self._settings.ip_acl_networks))
        except acl.TooManyAddresses as error:
            raise exception.VolumeBackendAPIException(
                data=_('volume %(volume)s: %(error)s. Set '
                       'lightos_ipacl_networks to the networks that hosts '
                       'reach the cluster from.')
                % {'volume': volume.id, 'error': error})
        if awaited and was_inside and volume.multiattach:
            # Cinder records its second attachment from now on.
            self._watch(volume, host.nqn, again=True)
        LOG.info('Volume %s is open to host %s at %s.', volume.id, host.nqn,
                 ', '.join(sorted(host.addresses)))
        return {'driver_volume_type': 'lightos',
                'data': connection.properties(opened, self._cluster)}

    @volume_utils.trace
    def terminate_connection(self, volume: Any,
                             connector: Optional[Mapping[str, Any]],
                             **kwargs: Any) -> bool:
        """Show a host out, or everybody if there is no connector.

        Whether it is forced makes no difference: access either ends or
        this fails.

        :returns: whether the host stays connected for another attachment
        """
        if connector is None:
            return self._show_all_out(volume)
        if not connection.names_host(connector):
            raise exception.InvalidConnectorException(
                missing=_('nqn (the host to show out of volume %s)')
                % volume.id)
        # Nova asks again where it had no answer: once this has its turn its
        # attachment may be gone.
        had = records.attachments_of(_as_it_is(volume), connector['nqn'])
        return self._show_out(volume, connector, had)

    @coordination.synchronized('lightos-access-{volume.id}')
    def _show_all_out(self, volume: Any) -> bool:
        ref = records.volume_ref(volume)
        with _closing(ref):
            self._backend.revoke_all(ref)
            LOG.info('Volume %s is closed to all hosts.', volume.id)
        return False

    @coordination.synchronized('lightos-access-{volume.id}')
    def _show_out(self, volume: Any, connector: Mapping[str, Any],
                  had: Set[str]) -> bool:
        """Show a host out, if no other attachment is or may be of it.

        :param had: the attachments of it, as it was asked for
        """
        nqn = connector['nqn']
        # Also who came while this one waited for its turn.
        volume = _as_it_is(volume)
        attached = records.connectors(volume)
        if connection.shares_host(connector, attached):
            LOG.info('Volume %s stays open to host %s, which has another '
                     'attachment of it.', volume.id, nqn)
        elif _may_have_another(volume, nqn, had):
            LOG.info('Volume %s stays open to host %s until it is known '
                     'whether it has another attachment of it.', volume.id,
                     nqn)
        else:
            ref = records.volume_ref(volume)
            with _closing(ref):
                self._backend.revoke(
                    ref, connection.as_told(connector),
                    [connection.as_told(other) for other in attached])
                self._confirm(volume.id, nqn)
                LOG.info('Volume %s is closed to %s.', volume.id, nqn)
            return False
        self._watch(volume, nqn)
        return True

    def _watch(self, volume: Any, *nqns: str, again: bool = False) -> None:
        """Have it looked at later whether hosts have an attachment.

        :param again: whether they are let in for a second one
        """
        if not nqns:
            return
        # There is nothing to compare with once Cinder has no such volume.
        with contextlib.suppress(exception.VolumeNotFound):
            for nqn, mark in records.mark_unconfirmed(
                    volume, nqns, again).items():
                self._unconfirmed[volume.id, nqn] = self._clock.now(), mark

    def _confirm(self, volume_id: str, nqn: str) -> None:
        """Look at it no more."""
        if (volume_id, nqn) in self._unconfirmed:
            records.mark_confirmed(volume_id, nqn)
            self._unconfirmed.pop((volume_id, nqn), None)

    def _watch_again(self, volumes: Iterable[Any]) -> None:
        """Go on with what a process that has ended was watching."""
        for volume in volumes:
            for nqn, mark in records.unconfirmed(volume).items():
                self._unconfirmed[volume.id, nqn] = self._clock.now(), mark

    def _review_unconfirmed(self, timeout: float) -> None:
        """Show out hosts that have no attachment after all.

        :param timeout: seconds after which the rest must wait
        """
        began = self._clock.now()
        for key, (since, mark) in list(self._unconfirmed.items()):
            now = self._clock.now()
            if now - began >= timeout:
                break
            if now - since < _SETTLED:
                continue
            try:
                self._show_out_unless_attached(
                    *key, mark, now - since >= _IDLE, timeout)
            except exception.VolumeNotFound:
                # In Cinder's records, or on the cluster.
                self._unconfirmed.pop(key, None)
            except Exception as error:
                # Whatever it is, also of the database: the scheduler must
                # hear of the cluster all the same.
                LOG.error('Volume %s may be open to host %s, which has no '
                          'attachment of it: %s', *key, error)
                # The others come first next time.
                self._unconfirmed[key] = self._unconfirmed.pop(
                    key, (since, mark))

    def _show_out_unless_attached(self, volume_id: str, nqn: str,
                                  mark: str, idle: bool,
                                  timeout: float) -> None:
        """Show a host out, if it can be told by now.

        :param mark: that was on record as it was watched last
        :param idle: whether that is so long ago that no attachment without
            connector is of that host
        :raises VolumeNotFound: if there is no such volume any more
        """
        lock = coordination.COORDINATOR.get_lock(
            'lightos-access-' + volume_id)
        if not lock.acquire(blocking=False):
            # Somebody comes or goes, which may take its time.
            return
        try:
            volume = records.now(volume_id)
            attached = records.connectors(volume)
            marked = records.unconfirmed(volume).get(nqn)
            if marked not in (mark, None):
                # It has come, or stayed, once more. What is on record may
                # be what Cinder is about to remove.
                self._unconfirmed[volume_id, nqn] = self._clock.now(), marked
                return
            if marked and nqn not in [
                    other['nqn'] for other in attached]:
                if not records.tells_all_hosts(volume, idle):
                    return
                ref = records.volume_ref(volume)
                with errors.translated(ref):
                    self._backend.revoke(
                        ref, acl.Host(nqn),
                        map(connection.as_told, attached), timeout)
                LOG.info('Volume %s is closed to %s, which has no '
                         'attachment of it.', volume_id, nqn)
            self._confirm(volume_id, nqn)
        finally:
            lock.release()

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nothing to do: the cluster keeps its access lists."""

    def create_export(self, context: Any, volume: Any,
                      connector: Mapping[str, Any]) -> None:
        """Nothing to do: access is given as a host connects."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Nothing to do: access has ended as the host disconnected."""


def _as_it_is(volume: Any) -> Any:
    """A volume as it is on record, if several may come and go at once."""
    # One that no longer is has nobody come to it any more.
    with contextlib.suppress(exception.VolumeNotFound):
        if volume.multiattach:
            return records.now(volume.id)
    return volume


def _may_have_another(volume: Any, nqn: str, had: Set[str]) -> bool:
    """Whether a host may have an attachment beside the one that ends.

    :param volume: as it is on record
    :param had: the attachments of the host, as it was asked to leave
    """
    if not volume.multiattach:
        return False
    if had - records.attachments_of(volume, nqn):
        # It may be the one that ends, and this have been asked twice.
        return True
    # Who has just been let in for a second one is on record a little later,
    # if there still is a record.
    with contextlib.suppress(exception.VolumeNotFound):
        return (len(records.connectors(volume))
                < len(volume.volume_attachment)
                and records.came_again(volume, nqn) < _SETTLED)
    return False


@contextlib.contextmanager
def _closing(ref: naming.Ref) -> Iterator[None]:
    """What is not on the cluster any more is closed."""
    try:
        with errors.translated(ref):
            yield
    except exception.VolumeNotFound:
        LOG.warning('Volume %s is not on the cluster any more; there is no '
                    'access to end.', ref.cinder_id)


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
