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

"""The calls of the LightOS REST API v2 that a volume driver needs.

One method is one call, but for listings, which are one call a page.
"""

from typing import Any
from typing import Callable
from typing import Generic
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional
from typing import TypeVar

from oslo_utils import uuidutils

from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import settling
from lightos_cinder.client import transport

_PAGE = 1000


Model = TypeVar('Model', models.Volume, models.Snapshot)


class Collection(Generic[Model]):
    """What the volumes and the snapshots of a project have in common.

    :param call: :meth:`LightOSClient.call`
    """

    #: The collection's segment in a path, its key in a listing.
    kind: str
    #: One of them, for people.
    noun: str
    #: The query parameter that filters by name; its case matters.
    name_filter: str
    model: type[Model]

    def __init__(self, call: Callable[..., dict[str, Any]]) -> None:
        self._call = call

    def get(self, project: str, uuid: str) -> Model:
        """``GET /projects/{project}/{kind}/{UUID}``."""
        found = self._read(project, self._call(
            'GET', 'projects', project, self.kind, uuid))
        if found.uuid != uuid:
            raise _unreadable('GET', self.kind, 'it is of another UUID')
        return found

    def find(self, project: str, name: str) -> Optional[Model]:
        """``GET /projects/{project}/{kind}?name=``.

        A listing, not the call for a single object: here "no such object"
        is an empty list, and every error status is an error.

        :returns: the object of that name; of several, rather one that is
            to stay than the remains of one that failed, and rather these
            than one on its way out; None if there is none
        """
        return min(
            (one for one in self.list(project, **{self.name_filter: name})
             if one.name == name), default=None,
            key=lambda one: (one.state.gone,
                             one.state is models.State.FAILED))

    def list(self, project: str, **filters: str) -> Iterator[Model]:
        """All objects of a project, one call for every thousand.

        There is no total and no next token: a page shorter than the limit
        is the last one (REST API facts, 1.8).
        """
        query = dict(filters, limit=str(_PAGE))
        begun = set()
        while True:
            page = [self._read(project, item) for item in _objects(
                self._call('GET', 'projects', project, self.kind,
                           query=query), self.kind)]
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].uuid
            if not last or last in begun:
                raise _unreadable('GET', self.kind,
                                  'its pages do not come to an end')
            begun.add(last)
            query['offsetUUID'] = last

    def delete(self, project: str, uuid: str) -> None:
        """``DELETE /projects/{project}/{kind}/{UUID}``: starts it."""
        self._call('DELETE', 'projects', project, self.kind, uuid)

    def _create(self, project: str, body: Mapping[str, Any]) -> Model:
        made = self._read(project, self._call(
            'POST', 'projects', project, self.kind, body=body))
        if not made.uuid:
            raise _unreadable('POST', self.kind, 'it names no UUID')
        return made

    def _read(self, project: str, json: models.JSON) -> Model:
        # It is where it was asked for, whatever the reply says.
        return self.model.from_json(dict(json, projectName=project))


class Volumes(Collection[models.Volume]):
    """The calls under ``/projects/{project}/volumes``."""

    kind = 'volumes'
    noun = 'volume'
    name_filter = 'name'
    model = models.Volume

    def create(self, project: str, *, name: str, size: int, replicas: int,
               compression: bool, acl: Iterable[str], ip_acl: Iterable[str],
               source_snapshot_uuid: Optional[str] = None,
               qos_policy: Optional[str] = None
               ) -> models.Volume:
        """``POST /projects/{project}/volumes``: starts to create one.

        :param size: bytes
        :param source_snapshot_uuid: of which it shall be a clone
        :param qos_policy: its name or UUID; None for the project's default
        """
        body: dict[str, Any] = {
            'name': name,
            'size': str(size),
            'replicaCount': replicas,
            **compressed(compression),
            **opened(acl, ip_acl),
        }
        if source_snapshot_uuid:
            body['sourceSnapshotUUID'] = source_snapshot_uuid
        if qos_policy:
            body.update(with_qos_policy(qos_policy))
        return self._create(project, body)

    def update(self, project: str, uuid: str, change: Mapping[str, Any],
               etag: Optional[str] = None) -> None:
        """``PUT /projects/{project}/volumes/{UUID}``: starts to change it.

        :param change: the fields to change, from :func:`resized` and others
        :param etag: change it only if it still has that ETag
        """
        self._call('PUT', 'projects', project, 'volumes', uuid,
                   body=change, etag=etag)

    def roll_back(self, project: str, uuid: str, snapshot_uuid: str) -> None:
        """``PUT /projects/{project}/volumes/{UUID}/rollback``: starts it.

        :param snapshot_uuid: of the snapshot whose content and size the
            volume shall have
        """
        self._call('PUT', 'projects', project, 'volumes', uuid, 'rollback',
                   body={'srcSnapshotUUID': snapshot_uuid})


class Snapshots(Collection[models.Snapshot]):
    """The calls under ``/projects/{project}/snapshots``."""

    kind = 'snapshots'
    noun = 'snapshot'
    name_filter = 'Name'
    model = models.Snapshot

    def create(self, project: str, *, name: str, source_volume_uuid: str,
               retention: Optional[int] = None) -> models.Snapshot:
        """``POST /projects/{project}/snapshots``: starts to create one.

        :param retention: seconds after which the cluster deletes it by
            itself; None to keep it
        """
        body: dict[str, Any] = {'name': name,
                                'sourceVolumeUUID': source_volume_uuid}
        if retention is not None:
            body['retentionTime'] = '%ds' % retention
        return self._create(project, body)


class LightOSClient:
    """The API, for the time of one operation.

    Every method raises :class:`lightos_cinder.client.errors.LightOSError`.

    :param deadline: of the operation, for all its calls together
    :param settle_times: what is known of the cluster
    """

    def __init__(self, connection: transport.Transport,
                 deadline: polling.Deadline,
                 settle_times: settling.SettleTimes) -> None:
        self._transport = connection
        self.deadline = deadline
        self.settle_times = settle_times
        self.volumes = Volumes(self.call)
        self.snapshots = Snapshots(self.call)

    def renewed(self, seconds: float) -> 'LightOSClient':
        """The same API, for another operation."""
        return LightOSClient(
            self._transport,
            polling.Deadline(self._transport.clock, seconds),
            self.settle_times)

    def call(self, method: str, *segments: str,
             query: Optional[Mapping[str, str]] = None,
             body: Optional[Mapping[str, Any]] = None,
             etag: Optional[str] = None) -> dict[str, Any]:
        """Send one request; see :meth:`transport.Transport.request`.

        :param segments: of the path, not quoted
        """
        project = segments[1] if segments[0] == 'projects' else None
        return self._transport.request(
            method, transport.path(*segments), deadline=self.deadline,
            project=project, query=query, body=body, etag=etag)

    def get_cluster_info(self) -> models.ClusterInfo:
        """``GET /clusterinfo``: what a tenant may know of the cluster."""
        return models.ClusterInfo.from_json(self.call('GET', 'clusterinfo'))

    def get_cluster(self) -> models.Cluster:
        """``GET /cluster``; a tenant may be refused."""
        return models.Cluster.from_json(self.call('GET', 'cluster'))

    def get_project(self, name: str) -> models.Project:
        """``GET /projects/{name}``; a tenant may be refused."""
        return models.Project.from_json(self.call('GET', 'projects', name))

    def list_nodes(self) -> list[models.Node]:
        """``GET /nodes``; a tenant may be refused."""
        reply = self.call('GET', 'nodes')
        return [models.Node.from_json(item)
                for item in _objects(reply, 'nodes')]


def resized(size: int) -> dict[str, Any]:
    """The change that gives a volume that size in bytes."""
    return {'size': str(size)}


def opened(acl: Iterable[str], ip_acl: Iterable[str]) -> dict[str, Any]:
    """The change that gives a volume that ACL and that IP ACL."""
    return {'acl': _acl(acl), 'IPAcl': _acl(ip_acl)}


def renamed(name: str) -> dict[str, Any]:
    """The change that gives a volume that name."""
    return {'newName': name}


def compressed(compression: bool) -> dict[str, Any]:
    """The change that has a volume compressed, or not."""
    return {'compression': 'true' if compression else 'false'}


def with_qos_policy(policy: str) -> dict[str, Any]:
    """The change that gives a volume that QoS policy.

    :param policy: its name or UUID
    """
    if uuidutils.is_uuid_like(policy):
        return {'qosPolicyUUID': policy}
    return {'qosPolicyName': policy}


def _acl(values: Iterable[str]) -> dict[str, list[str]]:
    return {'values': sorted(values)}


def _objects(reply: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in a listing, which is left out when there are none.

    :raises ReplyLost: for anything else, which is no proof of there being
        none
    """
    items = reply.get(key)
    if items is None and 'error' not in reply:
        return []
    if not isinstance(items, list) or not all(
            isinstance(item, dict) for item in items):
        raise _unreadable('GET', key, 'it is no list of them')
    return items


def _unreadable(method: str, kind: str, reason: str) -> errors.ReplyLost:
    return errors.ReplyLost(method, kind, 'the cluster',
                            'the reply cannot be used: ' + reason)
