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

"""What Cinder can have done on a LightOS cluster."""

from typing import Any
from typing import Callable
from typing import Iterable
from typing import Mapping
from typing import Optional

from oslo_log import log as logging
from oslo_utils import units

from lightos_cinder import acl
from lightos_cinder.client import api
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import settling
from lightos_cinder.client import transport
from lightos_cinder import errors
from lightos_cinder import lifecycle
from lightos_cinder import naming
from lightos_cinder import specs

LOG = logging.getLogger(__name__)

#: Seconds that a temporary snapshot lives if nobody deletes it.
_TEMPORARY = 3600


class Backend:
    """Volumes and snapshots of one cluster.

    Each method is done when it returns, and changes nothing if it was done
    before. All raise :class:`lightos_cinder.client.errors.LightOSError`,
    among them :class:`lightos_cinder.errors.Missing` where the object that
    an operation needs is not there.

    :param timeout: seconds for one operation
    :param use_ip_acl: whether hosts are also known by their addresses
    """

    def __init__(self, connection: transport.Transport, timeout: float,
                 use_ip_acl: bool) -> None:
        self._transport = connection
        self._timeout = timeout
        self._use_ip_acl = use_ip_acl
        self._settle_times = settling.SettleTimes(connection.clock)

    def create_volume(self, ref: naming.Ref, spec: specs.VolumeSpec,
                      size: int, snapshot: Optional[naming.Ref] = None
                      ) -> models.Volume:
        """Have a volume, closed to everybody.

        :param size: bytes
        :param snapshot: of which it shall be a clone
        """
        client = self._client()
        source = ''
        if snapshot:
            source = lifecycle.of_snapshot(client, snapshot).find().uuid
        return self._create_volume(client, ref, spec, size, source)

    def clone_volume(self, ref: naming.Ref, spec: specs.VolumeSpec,
                     size: int, source: naming.Ref) -> models.Volume:
        """Have a volume with the present content of another.

        The API clones snapshots only: one is made for the purpose, and
        expires by itself should this process not live to delete it.
        """
        client = self._client()
        temporary = lifecycle.of_snapshot(
            client, naming.temporary_snapshot_ref(ref, source))
        snapshot = self._create_snapshot(
            client, temporary, source,
            max(_TEMPORARY, int(2 * self._timeout)))
        try:
            return self._create_volume(client, ref, spec, size,
                                       snapshot.uuid)
        finally:
            self._drop_temporary(temporary)

    def delete_volume(self, ref: naming.Ref) -> None:
        """Have no such volume, nor one that will stay."""
        lifecycle.of_volume(self._client(), ref).delete()

    def grow_volume(self, ref: naming.Ref, size: int) -> models.Volume:
        """Have a volume of at least that size in bytes."""
        return lifecycle.of_volume(self._client(), ref).change(
            lambda volume: _lacking(volume, size=size))

    def retype_volume(self, ref: naming.Ref, spec: specs.VolumeSpec,
                      drops_qos_policy: bool) -> bool:
        """Have a volume as another type says, where it is.

        :param drops_qos_policy: whether the type before named a QoS policy
        :returns: False, with nothing changed, if it can only be had
            somewhere else: the number of replicas and the project of a
            volume never change, and the default QoS policy of a project is
            not always known
        """
        if ref.project != spec.project:
            return False
        client = self._client()
        policy = spec.qos_policy
        if drops_qos_policy and not policy:
            policy = self._default_qos_policy(client, ref.project)
            if not policy:
                return False
        volume = lifecycle.of_volume(client, ref)
        found = volume.find()
        if found.replicas != spec.replicas:
            return False
        volume.change(lambda present: _lacking(
            present, compression=spec.compression, qos_policy=policy), found)
        return True

    def roll_back_volume(self, ref: naming.Ref, snapshot: naming.Ref,
                         size: int, attached: bool) -> models.Volume:
        """Have a volume with the content of one of its snapshots.

        The cluster gives it the size of the snapshot, too, and some
        versions its access lists (REST API facts, 2.15). It has its own
        size afterwards, and is closed to everybody.

        :param size: bytes that it shall have at least
        :param attached: whether Cinder has attachments of it on record: its
            access lists are then had again as they were
        :raises Different: if it is the snapshot of another volume
        """
        client = self._client()
        rolled = lifecycle.of_volume(client, ref)
        content = lifecycle.of_snapshot(client, snapshot).find()
        before = rolled.find()
        if content.source_volume_uuid != before.uuid:
            raise errors.Different(
                'snapshot %s is not one of volume %s but of volume %s (%s)'
                % (snapshot, ref, content.source_volume_name,
                   content.source_volume_uuid))
        access = acl.Access(before.acl, before.ip_acl)
        if not attached:
            access = acl.shut_out(access, self._use_ip_acl)

        def right(volume: models.Volume) -> Optional[Mapping[str, Any]]:
            return _lacking(volume, size=size, access=access)

        try:
            after = rolled.roll_back(content, before)
            return rolled.change(right, after)
        except client_errors.LightOSError as error:
            self._put_right(rolled, right, error)
            raise

    @staticmethod
    def _put_right(rolled: lifecycle.Lifecycle[models.Volume],
                   right: Callable[[models.Volume],
                                   Optional[Mapping[str, Any]]],
                   cause: client_errors.LightOSError) -> None:
        """Have size and access right after a rollback that failed."""
        ref = rolled.ref
        try:
            rolled.renewed().change(right)
        except errors.Missing:
            LOG.debug('Volume %s is gone, and open to nobody.',
                      ref.cinder_id)
        except client_errors.LightOSError as error:
            LOG.error('Volume %s may be open to hosts that it was open to '
                      'as its snapshot was taken, and have the size that it '
                      'had: rolling it back failed (%s), and so did putting '
                      'that right: %s', ref.cinder_id, cause, error)

    def list_volumes(self, project: str) -> list[models.Volume]:
        """All volumes of a project that are to stay."""
        return _staying(self._client().volumes.list(project))

    def list_snapshots(self, project: str) -> list[models.Snapshot]:
        """All snapshots of a project that are to stay."""
        return _staying(self._client().snapshots.list(project))

    def find_volume(self, ref: naming.Ref) -> models.Volume:
        """The volume as it is."""
        return lifecycle.of_volume(self._client(), ref).find()

    def look_up_volume(self, project: str, source: naming.Source
                       ) -> Optional[models.Volume]:
        """The volume that is meant; None if there is none."""
        return _look_up(self._client().volumes, project, source)

    def look_up_snapshot(self, project: str, source: naming.Source
                         ) -> Optional[models.Snapshot]:
        """The snapshot that is meant; None if there is none."""
        return _look_up(self._client().snapshots, project, source)

    def adopt_volume(self, ref: naming.Ref, size: int,
                     qos_policy: Optional[str], name: str) -> bool:
        """Have a volume that somebody else made as if it was ours.

        :param ref: by its UUID
        :param size: bytes
        :param name: that it shall have if the cluster can rename
        :returns: whether it has
        :raises Different: if it is open to hosts
        """
        volume = lifecycle.of_volume(self._client(), ref)

        def wanted(present: models.Volume) -> Optional[Mapping[str, Any]]:
            if not present.closed:
                raise errors.Different('volume %s was opened to %s' % (
                    ref, ', '.join(sorted(present.acl))))
            # Let its IP ACL say so as well.
            return _lacking(
                present, size=size, qos_policy=qos_policy,
                access=acl.shut_out(acl.Access(present.acl, present.ip_acl),
                                    self._use_ip_acl))

        return volume.rename(name, volume.change(wanted))

    def rename_volume(self, ref: naming.Ref, name: str) -> bool:
        """Have a volume of that name.

        :returns: False if the cluster cannot rename, or another has it
        """
        try:
            return lifecycle.of_volume(self._client(), ref).rename(name)
        except client_errors.AlreadyExists:
            return False

    def grant(self, ref: naming.Ref, host: acl.Host,
              others: Iterable[acl.Host]) -> tuple[models.Volume, bool]:
        """Have a host in both access lists.

        :param others: the hosts that Cinder knows to be attached
        :returns: the volume, and whether the host was in before
        :raises TooManyAddresses: if the IP ACL cannot hold them all
        """
        known = tuple(others)
        # Whether Cinder, or the cluster before any change, has it inside.
        attached = any(other.nqn == host.nqn for other in known)
        was_inside = True

        def wanted(access: acl.Access) -> acl.Access:
            nonlocal was_inside
            was_inside = was_inside and host.nqn in access.acl
            return acl.grant(access, host, known, self._use_ip_acl)

        client = self._client()
        try:
            return self._reach(client, ref, wanted), attached or was_inside
        except client_errors.LightOSError as error:
            if not attached and not was_inside:
                self._show_out_again(client, ref, host, known, error)
            raise

    def revoke(self, ref: naming.Ref, host: acl.Host,
               others: Iterable[acl.Host],
               timeout: Optional[float] = None) -> models.Volume:
        """Have a host out of the access lists.

        :param others: the hosts that Cinder knows to be attached still
        :param timeout: seconds, if not those of any operation
        """
        known = tuple(others)
        return self._reach(
            self._client(timeout), ref, lambda access: acl.revoke(
                access, host, known, self._use_ip_acl))

    def revoke_all(self, ref: naming.Ref) -> models.Volume:
        """Have nobody in the access lists."""
        return self._reach(
            self._client(), ref, lambda access: access if access.closed
            else acl.shut_out(access, self._use_ip_acl))

    def create_snapshot(self, ref: naming.Ref, source: naming.Ref
                        ) -> models.Snapshot:
        """Have a snapshot of a volume."""
        client = self._client()
        return self._create_snapshot(
            client, lifecycle.of_snapshot(client, ref), source)

    def delete_snapshot(self, ref: naming.Ref) -> None:
        """Have no such snapshot, nor one that will stay."""
        lifecycle.of_snapshot(self._client(), ref).delete()

    def cluster_info(self, timeout: Optional[float] = None
                     ) -> models.ClusterInfo:
        """What the cluster tells every tenant; its endpoints are learnt.

        It is complete enough for hosts to connect by.

        :param timeout: seconds, if not those of any operation
        """
        client = self._client(timeout)
        info = client.get_cluster_info()
        self._transport.endpoints.learn(
            endpoints.parse_all(info.api_endpoints))
        if not (info.discovery_endpoints or info.nvme_endpoints):
            # Older servers name them with their nodes only.
            info = info.with_nvme_endpoints(
                node.nvme_endpoint for node in client.list_nodes()
                if node.nvme_endpoint)
        if not info.connectable:
            raise client_errors.ReplyLost(
                'GET', 'clusterinfo', 'the cluster', 'it names no subsystem '
                'NQN or no endpoints, without which no host can connect')
        return info

    def cluster(self, timeout: Optional[float] = None
                ) -> Optional[models.Cluster]:
        """Capacity and health; None if the token may not know them.

        :param timeout: seconds, if not those of any operation
        """
        try:
            return self._client(timeout).get_cluster()
        except (client_errors.Forbidden, client_errors.NotFound,
                client_errors.Unimplemented):
            return None

    @staticmethod
    def _default_qos_policy(client: api.LightOSClient, project: str) -> str:
        """UUID of the QoS policy of a project; empty if nobody says."""
        try:
            return client.get_project(project).qos_policy_uuid
        except client_errors.Forbidden:
            return ''

    def _client(self, timeout: Optional[float] = None) -> api.LightOSClient:
        """The API for one operation, whose time begins now."""
        return api.LightOSClient(
            self._transport,
            polling.Deadline(self._transport.clock,
                             timeout or self._timeout),
            self._settle_times)

    def _create_volume(self, client: api.LightOSClient, ref: naming.Ref,
                       spec: specs.VolumeSpec, size: int, source: str
                       ) -> models.Volume:
        shut = acl.shut(self._use_ip_acl)

        def post() -> models.Volume:
            return client.volumes.create(
                ref.project, name=ref.name, size=size,
                replicas=spec.replicas, compression=spec.compression,
                acl=shut.acl, ip_acl=shut.ip_acl,
                source_snapshot_uuid=source or None,
                qos_policy=spec.qos_policy)

        def check(volume: models.Volume) -> lifecycle.Check:
            # The cluster may round a size up, by far less than a GiB.
            rounded = 0 <= volume.size - size < units.Gi
            return {
                'size': (size, size if rounded else volume.size),
                'number of replicas': (spec.replicas, volume.replicas),
                'compression': (spec.compression, volume.compression),
                'source snapshot': (source, volume.source_snapshot_uuid),
                'ACL': (sorted(shut.acl), sorted(volume.acl)),
            }

        return lifecycle.of_volume(client, ref).create(post, check)

    @staticmethod
    def _create_snapshot(client: api.LightOSClient,
                         snapshot: lifecycle.Lifecycle[models.Snapshot],
                         source: naming.Ref,
                         retention: Optional[int] = None
                         ) -> models.Snapshot:
        volume = lifecycle.of_volume(client, source).find()

        def post() -> models.Snapshot:
            return client.snapshots.create(
                snapshot.ref.project, name=snapshot.ref.name,
                source_volume_uuid=volume.uuid, retention=retention)

        def check(found: models.Snapshot) -> lifecycle.Check:
            return {'source volume': (volume.uuid,
                                      found.source_volume_uuid)}

        return snapshot.create(post, check)

    @staticmethod
    def _drop_temporary(snapshot: lifecycle.Lifecycle[models.Snapshot]
                        ) -> None:
        """Delete a temporary snapshot; never fail a clone for that."""
        try:
            snapshot.renewed().delete()
        except client_errors.LightOSError as error:
            ref = snapshot.ref
            LOG.warning('Volume %s: temporary snapshot %s in LightOS project '
                        '%s could not be deleted and will expire by itself: '
                        '%s', ref.cinder_id, ref.name, ref.project, error)

    @staticmethod
    def _reach(client: api.LightOSClient, ref: naming.Ref,
               wanted: Callable[[acl.Access], acl.Access]) -> models.Volume:
        return lifecycle.of_volume(client, ref).change(
            lambda volume: _lacking(volume, access=wanted(
                acl.Access(volume.acl, volume.ip_acl))))

    def _show_out_again(self, client: api.LightOSClient, ref: naming.Ref,
                        host: acl.Host, known: Iterable[acl.Host],
                        cause: client_errors.LightOSError) -> None:
        """Undo a grant that failed but may have been carried out."""
        try:
            self._reach(client.renewed(lifecycle.TIDY_TIMEOUT), ref,
                        lambda access: acl.revoke(
                            access, host, known, self._use_ip_acl)
                        if host.nqn in access.acl else access)
        except client_errors.LightOSError as error:
            LOG.error('Volume %s may be open to host %s, though attaching '
                      'it failed (%s), and so did closing it again: %s',
                      ref.cinder_id, host.nqn, cause, error)


def _lacking(volume: models.Volume, size: int = 0,
             compression: Optional[bool] = None,
             qos_policy: Optional[str] = None,
             access: Optional[acl.Access] = None
             ) -> Optional[Mapping[str, Any]]:
    """The change that a volume needs to be like that; None if it is.

    :param size: bytes, at least
    """
    change: dict[str, Any] = {}
    if volume.size < size:
        change.update(api.resized(size))
    if compression is not None and compression != volume.compression:
        change.update(api.compressed(compression))
    if qos_policy and not volume.has_qos_policy(qos_policy):
        change.update(api.with_qos_policy(qos_policy))
    if access and access != acl.Access(volume.acl, volume.ip_acl):
        change.update(api.opened(access.acl, access.ip_acl))
    return change or None


def _staying(found: Iterable[lifecycle.Model]) -> list[lifecycle.Model]:
    return [one for one in found if not one.state.gone]


def _look_up(collection: api.Collection[lifecycle.Model], project: str,
             source: naming.Source) -> Optional[lifecycle.Model]:
    if not source.uuid:
        return collection.find(project, source.name or '')
    try:
        return collection.get(project, source.uuid)
    except client_errors.NotFound:
        return None
