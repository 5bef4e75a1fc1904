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

"""Putting right what an audit found, where that can do no harm.

Each step looks again, under the lock that the driver takes for the access
to a volume: what has changed since the audit is left alone.
"""

import contextlib
import os
from typing import Any
from typing import Iterator
from typing import Sequence
from urllib import parse

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from oslo_config import cfg

from lightos_cinder import acl
from lightos_cinder import backend
from lightos_cinder.cli import comparison
from lightos_cinder.cli import errors
from lightos_cinder.client import errors as client_errors
from lightos_cinder import connection
from lightos_cinder import naming
from lightos_cinder import records


class Mender:
    """What is safe to change on one cluster.

    :param name: of the backend in cinder.conf
    :param cluster: the backend, with a token for what is to be changed
    :param networks: lightos_ipacl_networks
    """

    def __init__(self, name: str, cluster: backend.Backend,
                 networks: Sequence[acl.Network]) -> None:
        self._name = name
        self._cluster = cluster
        self._networks = networks

    def apply(self, mend: comparison.Mend) -> str:
        """Put one thing right, unless it is by now.

        :returns: why nothing was changed; empty if it is right
        :raises CommandError: if it could not be done; names what
        """
        try:
            if isinstance(mend, comparison.Drop):
                return self._drop(mend)
            with coordination.COORDINATOR.get_lock(
                    'lightos-access-' + mend.volume_id):
                if isinstance(mend, comparison.Open):
                    return self._open(mend)
                return self._close(mend)
        except exception.VolumeNotFound:
            return _('the volume is gone from there')
        except (client_errors.LightOSError, acl.TooManyAddresses) as error:
            raise errors.CommandError(
                _('It was not possible to %(mend)s: %(error)s')
                % {'mend': mend, 'error': error}) from None

    def _drop(self, mend: comparison.Drop) -> str:
        clone = records.now(mend.clone_id)
        if not (records.is_at_rest(clone)
                or clone.status.startswith('error')):
            return _('the clone is being made')
        self._cluster.delete_snapshot(naming.Ref(
            mend.name, mend.project, mend.name, mend.uuid, managed=True))
        return ''

    def _open(self, mend: comparison.Open) -> str:
        volume = self._volume(mend.volume_id)
        attached = records.attached(volume, self._networks)
        addresses = [host.addresses for host in attached
                     if host.nqn == mend.nqn]
        if not addresses or not records.is_at_rest(volume):
            return _('it is being detached')
        self._cluster.grant(
            records.volume_ref(volume),
            acl.Host(mend.nqn, frozenset().union(*addresses)), attached)
        return ''

    def _close(self, mend: comparison.Mend) -> str:
        assert not isinstance(mend, comparison.Drop)  # nosec B101
        volume = self._volume(mend.volume_id)
        attached = records.connectors(volume)
        mark = records.unconfirmed(volume).get(mend.nqn)
        if mark and not comparison.is_overdue(records.since(mark)):
            return _('it was attached or detached just now')
        if mend.nqn not in [one['nqn'] for one in attached]:
            if not records.tells_all_hosts(volume):
                return _('Cinder is about to do something with it')
            self._cluster.revoke(
                records.volume_ref(volume), acl.Host(mend.nqn),
                map(connection.as_told, attached))
        records.mark_confirmed(volume.id, mend.nqn)
        return ''

    def _volume(self, volume_id: str) -> Any:
        """The volume, if it is where it was found.

        :raises VolumeNotFound: if it is not
        """
        volume = records.now(volume_id)
        if comparison.backend_of(volume.host) != self._name:
            raise exception.VolumeNotFound(volume_id=volume_id)
        return volume


@contextlib.contextmanager
def coordinated() -> Iterator[None]:
    """The locks of cinder-volume, to be taken with it in turn.

    :raises CommandError: if they are out of reach, or files that another
        user must be able to take, too
    """
    url = parse.urlparse(cfg.CONF.coordination.backend_url or '')
    if url.scheme in ('', 'file'):
        folder = url.path or cfg.CONF.state_path
        try:
            owner = os.stat(folder).st_uid
        except OSError as error:
            raise errors.CommandError(
                _('The locks of cinder-volume in %(folder)s ([coordination] '
                  'backend_url) are needed: %(error)s')
                % {'folder': folder, 'error': error.strerror})
        if owner != os.geteuid():
            raise errors.CommandError(
                _('The locks of cinder-volume in %s belong to another user, '
                  'who could not take them any more. Run this as that user, '
                  'for instance with sudo -u cinder') % folder)
    try:
        coordination.COORDINATOR.start()
    except Exception as error:
        # Each of tooz's drivers has errors of its own.
        raise errors.CommandError(
            _('The locks of cinder-volume ([coordination] backend_url) are '
              'needed: %s') % error) from None
    try:
        yield
    finally:
        coordination.COORDINATOR.stop()
