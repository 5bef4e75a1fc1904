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


"""What is on a cluster that Cinder does not know of."""

import typing

from keystoneauth1 import session as keystone_session

from tests.stack import cinder
from tests.stack import process

# Nobody else would look at it after the tests.
_PATIENCE = 60.0

_SETTLED = ('available', 'in-use')


class _Records:
    """The volumes and snapshots that Cinder has on record, of all users."""

    def __init__(self, service: cinder.Cinder,
                 admin: keystone_session.Session) -> None:
        self.volumes = {}
        self.snapshots = {}
        for volume in _all(service, admin, 'volumes'):
            name_id = volume.get('os-vol-mig-status-attr:name_id')
            self.volumes[f'volume-{name_id or volume["id"]}'] = volume
        for snapshot in _all(service, admin, 'snapshots'):
            self.snapshots[f'snapshot-{snapshot["id"]}'] = snapshot

    def unsettled(self) -> list[str]:
        """Tell of what Cinder has not come to an end with."""
        return [f'{name} is {item["status"]} in Cinder'
                for items in (self.volumes, self.snapshots)
                for name, item in items.items()
                if item['status'] not in _SETTLED]


def _all(service: cinder.Cinder, admin: keystone_session.Session, kind: str
         ) -> list[dict[str, typing.Any]]:
    """Return all that there is of a kind, page by page."""
    found: list[dict[str, typing.Any]] = []
    while True:
        after = {'marker': found[-1]['id']} if found else {}
        page = admin.get(f'{service.url}/{kind}/detail', params={
            'all_tenants': 1, 'limit': 500, **after}).json()[kind]
        if not page:
            return found
        found += page


def _look(lightos: typing.Any, service: cinder.Cinder,
          admin: keystone_session.Session) -> list[str]:
    records = _Records(service, admin)
    found = records.unsettled()
    for item in lightos.volumes():
        record = records.volumes.get(item['name'])
        if record is None:
            found.append(f'{item["name"]} is on the cluster, '
                         f'{item["state"]}, and not in Cinder')
        elif not record['attachments']:
            found += [
                f'{item["name"]} is attached to no host and its {field} is '
                f'{", ".join(item[field]["values"])}'
                for field in ('acl', 'IPAcl')
                if item[field]['values'] not in (['ALLOW_NONE'], [])]
    found += [f'{item["name"]} is on the cluster, {item["state"]}, and not '
              'in Cinder' for item in lightos.snapshots()
              if item['name'] not in records.snapshots]
    held = {item['name'] for item in lightos.volumes() + lightos.snapshots()}
    found += [f'{name} is {item["status"]} in Cinder and not on the cluster'
              for items in (records.volumes, records.snapshots)
              for name, item in items.items() if name not in held]
    return found


def leftovers(lightos: typing.Any, service: cinder.Cinder,
              admin: keystone_session.Session,
              processes: typing.Sequence[process.Process]) -> list[str]:
    """Tell of all that differs between a cluster and Cinder's records.

    What is still being deleted is given time to go.

    :param lightos: the emulated cluster.
    """
    found = [['not looked yet']]

    def nothing() -> bool:
        found[:] = [_look(lightos, service, admin)]
        return not found[0]

    try:
        process.wait_until(nothing, 'the cluster to settle', processes,
                           _PATIENCE)
    except process.StackError:
        for one in processes:
            one.check()
    return found[0]
