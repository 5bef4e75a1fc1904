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


"""What the chapters of the demonstration share, and hand to each other."""

import pathlib
import typing

from tests.stack import backend
from tests.stack import client
from tests.stack.demo import cluster
from tests.stack.demo import show
from tests.stack import identity
from tests.stack import operator
from tests.stack import stack
from tests.stack import volumes

GIB = 2 ** 30

PROJECT = 'lightstack'
BACKEND = 'lightstack'

# What an access list of LightOS says that lets nobody in.
CLOSED = ['ALLOW_NONE']

_COLUMNS = ('name', 'size', 'replicas', 'compression', 'state', 'ACL',
            'IP ACL')


class Tour:
    """The demonstration under way.

    :param lightos: the emulated cluster.
    :param folder: an existing one, for what the operator has in files.
    """

    def __init__(self, account: show.Show, lightos: typing.Any,
                 folder: pathlib.Path) -> None:
        self.show = account
        self.lightos = lightos
        self.folder = folder
        self.tokens = folder / 'tokens'
        # Chapter 3 makes it.
        self.api: cluster.Api
        # Chapter 4.
        self.stack: stack.Stack
        # Chapter 5.
        self.user: identity.Identity
        self.volumes: volumes.Volumes

    def cluster_api(self, token: str) -> cluster.Api:
        """Return the cluster as somebody with this token gets at it."""
        return cluster.Api(self.lightos.addresses[0], self.lightos.port,
                           self.lightos.fingerprint, token)

    def openstack(self, user: identity.Identity, *arguments: str) -> str:
        """Run the openstack client, and show the command and the answer."""
        self.show.said(f'{user.username}$ {client.command_line(arguments)}')
        output = client.run(user, *arguments)
        if output.strip():
            self.show.said(output)
        return output

    def section(self, jwt: str | None = None, **more: typing.Any
                ) -> dict[str, typing.Any]:
        """Return the section of cinder.conf for the cluster."""
        return backend.section(BACKEND, self.lightos, jwt,
                               lightos_jwt_dir=self.tokens, **more)

    def operate(self, user: identity.Identity | None, *arguments: str
                ) -> str:
        """Run lightos-cinder, and show the command and the answer.

        :param user: whose OpenStack credentials it finds; None for nobody's
        """
        typed = client.command_line(arguments, program='lightos-cinder')
        self.show.said(f'{user.username if user else "root"}$ {typed}')
        output = operator.run(
            user, '--config-file', str(self.folder / 'cinder.conf'),
            *arguments)
        self.show.said(output)
        return output

    def token(self, project: str) -> str:
        """Return the token that is in the file for a LightOS project."""
        return (self.tokens / f'{project}.jwt').read_text().strip()

    def refused(self, user: identity.Identity, *arguments: str) -> str:
        """Run a command that must fail; return why it did."""
        self.show.said(f'{user.username}$ {client.command_line(arguments)}')
        try:
            output = client.run(user, *arguments)
        except client.CommandFailed as error:
            self.show.said(str(error))
            return str(error)
        raise show.Failed(f'{client.command_line(arguments)} must be '
                          f'refused, but answers {output}')

    def volume_id(self, name: str) -> str:
        """Return the id of the user's volume of that name."""
        return self.volumes.client.volumes.list(
            search_opts={'name': name})[0].id

    def holds(self, kind: str = 'volumes') -> list[dict[str, typing.Any]]:
        """Return what the cluster has in the project."""
        answer = self.api.call('GET', f'/projects/{PROJECT}/{kind}')
        return answer.body.get(kind, [])

    def on_cluster(self, volume_id: str) -> dict[str, typing.Any]:
        """Return the cluster's volume for that of Cinder."""
        found = [item for item in self.holds()
                 if item['name'] == f'volume-{volume_id}']
        if len(found) != 1:
            raise show.Failed(f'the cluster has {len(found)} volumes by the '
                              f'name of volume-{volume_id}')
        return found[0]

    def show_cluster(self) -> None:
        """Show all volumes that the cluster has in the project."""
        self.show.table(
            f'volumes on the cluster in project {PROJECT}',
            [dict(zip(_COLUMNS, (
                item['name'], f'{int(item["size"]) / GIB:g} GiB',
                str(item['replicaCount']), item['compression'],
                item['state'], *(_access(item, name)
                                 for name in ('acl', 'IPAcl')))))
             for item in sorted(self.holds(), key=lambda it: it['name'])],
            _COLUMNS)

    def check_volume(self, volume_id: str, size: int, replicas: int,
                     compression: bool) -> None:
        """Check a volume on the cluster against what was asked for."""
        item = self.on_cluster(volume_id)
        self.show.check(f'the cluster has {item["name"]}', {
            'project': item['projectName'],
            'GiB': int(item['size']) / GIB,
            'replicas': item['replicaCount'],
            'compression': item['compression'],
            'state': item['state'],
        }, {
            'project': PROJECT,
            'GiB': size,
            'replicas': replicas,
            'compression': str(compression).lower(),
            'state': 'Available',
        })

    def check_access(self, volume_id: str, nqns: typing.Iterable[str],
                     addresses: typing.Iterable[str]) -> None:
        """Check whom the cluster lets at a volume: exactly these."""
        item = self.on_cluster(volume_id)
        self.show.check(
            'it lets in', {'NQN': sorted(item['acl']['values']),
                           'address': sorted(item['IPAcl']['values'])},
            {'NQN': sorted(nqns), 'address': sorted(addresses)})

    def check_careful(self) -> None:
        """Check what Cinder has sent to the cluster since the last time."""
        self.show.check(
            'requests of Cinder that a careful client would not have sent',
            self.lightos.complaints(), [])


def _access(item: dict[str, typing.Any], name: str) -> str:
    return ' '.join(f'nqn...{value[-12:]}' if value.startswith('nqn')
                    else value
                    for value in item.get(name, {}).get('values', ()))
