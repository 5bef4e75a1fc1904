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


"""What a cluster holds and what Cinder's records say, side by side."""

import re
import typing

from keystoneauth1 import session as keystone_session

from tests.stack import cinder
from tests.stack import process

# Nobody else would look at it after the tests.
_PATIENCE = 60.0

_SETTLED = ('available', 'in-use')

# How an access list reads that lets nobody in.
_CLOSED: tuple[list[str], ...] = (['ALLOW_NONE'], [])

_UNMANAGED = re.compile(
    r'Unmanage (volume|snapshot) with id: ([0-9a-f-]{36})$', re.MULTILINE)

Items = typing.Sequence[typing.Mapping[str, typing.Any]]


def _volume_name(volume: typing.Mapping[str, typing.Any]) -> str:
    name_id = volume.get('os-vol-mig-status-attr:name_id')
    return f'volume-{name_id or volume["id"]}'


def unmanaged(log: str) -> set[str]:
    """Return the names of what Cinder was told to know no longer.

    :param log: of cinder-api.
    """
    return {'-'.join(match.groups()) for match in _UNMANAGED.finditer(log)}


def differences(volumes: Items, snapshots: Items, held_volumes: Items,
                held_snapshots: Items,
                released: typing.Container[str] = ()) -> list[str]:
    """Tell what is not as it should be when nobody does anything.

    :param volumes: as Cinder's API shows them to an administrator.
    :param snapshots: likewise.
    :param held_volumes: as the cluster's API shows them.
    :param held_snapshots: likewise.
    :param released: names of what Cinder was told to know no longer.
    """
    found = []
    records = {_volume_name(volume): volume for volume in volumes}
    for held in held_volumes:
        record = records.get(held['name'])
        if record and not record['attachments']:
            found += [f'{held["name"]} is attached to no host, and its '
                      f'{field} is {", ".join(held[field]["values"])}'
                      for field in ('acl', 'IPAcl')
                      if held[field]['values'] not in _CLOSED]
    for known, there in (
            (records, held_volumes),
            ({f'snapshot-{snapshot["id"]}': snapshot
              for snapshot in snapshots}, held_snapshots)):
        found += [f'{name} is {record["status"]} in Cinder'
                  for name, record in known.items()
                  if record['status'] not in _SETTLED]
        found += [f'{held["name"]} is on the cluster, {held["state"]}, and '
                  'not in Cinder' for held in there
                  if held['name'] not in known
                  and held['name'] not in released]
        names = {held['name'] for held in there}
        found += [f'{name} is in Cinder, and not on the cluster'
                  for name in known if name not in names]
    return found


def _all(service: cinder.Cinder, admin: keystone_session.Session, kind: str
         ) -> list[dict[str, typing.Any]]:
    """Return all that Cinder has of a kind, page by page."""
    found: list[dict[str, typing.Any]] = []
    while True:
        after = {'marker': found[-1]['id']} if found else {}
        page = admin.get(f'{service.url}/{kind}/detail', params={
            'all_tenants': 1, 'limit': 500, **after}).json()[kind]
        if not page:
            return found
        found += page


def leftovers(lightos: typing.Any, service: cinder.Cinder,
              admin: keystone_session.Session,
              processes: typing.Sequence[process.Process],
              released: typing.Container[str]) -> list[str]:
    """Tell of all that differs between a cluster and Cinder's records.

    What is still being deleted is given time to go.

    :param lightos: the emulated cluster.
    :param released: names of what Cinder was told to know no longer.
    """
    found: list[str] = []

    def none() -> bool:
        found[:] = differences(
            _all(service, admin, 'volumes'),
            _all(service, admin, 'snapshots'),
            lightos.volumes(), lightos.snapshots(), released)
        return not found

    try:
        process.wait_until(none, 'the cluster to settle', processes,
                           _PATIENCE)
    except process.StackError:
        for service_process in processes:
            service_process.check()
    return found
