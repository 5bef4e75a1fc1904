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
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional

from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import transport

_PAGE = 1000


class LightOSClient:
    """The API, for the time of one operation.

    Every method raises :class:`lightos_cinder.client.errors.LightOSError`.

    :param deadline: of the operation, for all its calls together
    """

    def __init__(self, connection: transport.Transport,
                 deadline: polling.Deadline) -> None:
        self._transport = connection
        self.deadline = deadline

    def get_cluster_info(self) -> models.ClusterInfo:
        """``GET /clusterinfo``: what a tenant may know of the cluster."""
        return models.ClusterInfo.from_json(self._call('GET', 'clusterinfo'))

    def get_capacity(self) -> models.Capacity:
        """``GET /cluster``: its statistics; a tenant may be refused."""
        return models.Capacity.from_json(self._call('GET', 'cluster'))

    def list_nodes(self) -> list[models.Node]:
        """``GET /nodes``; a tenant may be refused."""
        reply = self._call('GET', 'nodes')
        return [models.Node.from_json(item)
                for item in _objects(reply, 'nodes')]

    def create_volume(self, project: str, *, name: str, size: int,
                      replicas: int, compression: bool,
                      acl: Iterable[str], ip_acl: Iterable[str],
                      source_snapshot_uuid: Optional[str] = None,
                      qos_policy: Optional[Mapping[str, str]] = None
                      ) -> models.Volume:
        """``POST /projects/{project}/volumes``: starts to create one.

        :param size: bytes
        :param source_snapshot_uuid: of which it shall be a clone
        :param qos_policy: ``qosPolicyUUID`` or ``qosPolicyName``
        """
        body: dict[str, Any] = {
            'name': name,
            'size': str(size),
            'replicaCount': replicas,
            'compression': 'true' if compression else 'false',
            'acl': _acl(acl),
            'IPAcl': _acl(ip_acl),
        }
        if source_snapshot_uuid:
            body['sourceSnapshotUUID'] = source_snapshot_uuid
        body.update(qos_policy or {})
        return models.Volume.from_json(self._call(
            'POST', 'projects', project, 'volumes', body=body))

    def get_volume(self, project: str, uuid: str) -> models.Volume:
        """``GET /projects/{project}/volumes/{UUID}``."""
        return models.Volume.from_json(self._call(
            'GET', 'projects', project, 'volumes', uuid))

    def find_volume(self, project: str, name: str
                    ) -> Optional[models.Volume]:
        """``GET /projects/{project}/volumes?name=``.

        A listing, not the call for a single one: here "no such volume" is
        an empty list, and every error status is an error.

        :returns: the volume of that name; one that is not on its way out
            if there are two; None if there is none
        """
        found = [models.Volume.from_json(item) for item in self._list(
            'volumes', project, name=name)]
        return _alive([one for one in found if one.name == name])

    def update_volume(self, project: str, uuid: str,
                      change: Mapping[str, Any],
                      etag: Optional[str] = None) -> None:
        """``PUT /projects/{project}/volumes/{UUID}``: starts to change it.

        :param change: the fields to change, from :func:`resized` and others
        :param etag: change it only if it still has that ETag
        """
        self._call('PUT', 'projects', project, 'volumes', uuid,
                   body=change, etag=etag)

    def delete_volume(self, project: str, uuid: str) -> None:
        """``DELETE /projects/{project}/volumes/{UUID}``: starts it."""
        self._call('DELETE', 'projects', project, 'volumes', uuid)

    def create_snapshot(self, project: str, *, name: str,
                        source_volume_uuid: str,
                        retention: Optional[int] = None) -> models.Snapshot:
        """``POST /projects/{project}/snapshots``: starts to create one.

        :param retention: seconds after which the cluster deletes it by
            itself; None to keep it
        """
        body: dict[str, Any] = {'name': name,
                                'sourceVolumeUUID': source_volume_uuid}
        if retention is not None:
            body['retentionTime'] = '%ds' % retention
        return models.Snapshot.from_json(self._call(
            'POST', 'projects', project, 'snapshots', body=body))

    def get_snapshot(self, project: str, uuid: str) -> models.Snapshot:
        """``GET /projects/{project}/snapshots/{UUID}``."""
        return models.Snapshot.from_json(self._call(
            'GET', 'projects', project, 'snapshots', uuid))

    def find_snapshot(self, project: str, name: str
                      ) -> Optional[models.Snapshot]:
        """``GET /projects/{project}/snapshots?Name=``.

        :returns: as :meth:`find_volume`
        """
        found = [models.Snapshot.from_json(item) for item in self._list(
            'snapshots', project, Name=name)]
        return _alive([one for one in found if one.name == name])

    def delete_snapshot(self, project: str, uuid: str) -> None:
        """``DELETE /projects/{project}/snapshots/{UUID}``: starts it."""
        self._call('DELETE', 'projects', project, 'snapshots', uuid)

    def _call(self, method: str, *segments: str,
              query: Optional[Mapping[str, str]] = None,
              body: Optional[Mapping[str, Any]] = None,
              etag: Optional[str] = None) -> dict[str, Any]:
        project = segments[1] if segments[0] == 'projects' else None
        return self._transport.request(
            method, transport.path(*segments), deadline=self.deadline,
            project=project, query=query, body=body, etag=etag)

    def _list(self, kind: str, project: str, **filters: str
              ) -> Iterator[Mapping[str, Any]]:
        """All objects of a kind in a project, page by page.

        There is no total and no next token: a page shorter than the limit
        is the last one (REST API facts, 1.8).
        """
        query = dict(filters, limit=str(_PAGE))
        while True:
            page = _objects(self._call('GET', 'projects', project, kind,
                                       query=query), kind)
            yield from page
            if len(page) < _PAGE:
                return
            query['offsetUUID'] = str(page[-1].get('UUID'))


def resized(size: int) -> dict[str, Any]:
    """The change that gives a volume that size in bytes."""
    return {'size': str(size)}


def opened(acl: Iterable[str], ip_acl: Iterable[str]) -> dict[str, Any]:
    """The change that gives a volume that ACL and that IP ACL."""
    return {'acl': _acl(acl), 'IPAcl': _acl(ip_acl)}


def _acl(values: Iterable[str]) -> dict[str, list[str]]:
    return {'values': sorted(values)}


def _objects(reply: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = reply.get(key)
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, dict)]


def _alive(found: list[Any]) -> Any:
    """The one that is not on its way out, or else any, or else None."""
    return next((one for one in found if not one.state.gone),
                found[0] if found else None)
