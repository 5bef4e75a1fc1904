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

"""OpenStack's API, as the administrator of the cloud.

Credentials are those of the ``openstack`` client: ``clouds.yaml`` with
``--os-cloud``, or the variables ``OS_*``.
"""

import contextlib
import os
from typing import Any
from typing import Iterable
from typing import Iterator
from typing import Mapping
from typing import Optional

from keystoneauth1 import exceptions as keystone_errors
import openstack
from openstack import exceptions as sdk_errors

from lightos_cinder.cli import errors

_HELP = ('Set the variables OS_* as for the openstack client, or name an '
         'entry of clouds.yaml with --os-cloud')


class Cloud:
    """What is asked of OpenStack.

    Every method raises :class:`lightos_cinder.cli.errors.CommandError` with
    OpenStack's own words, and
    :class:`lightos_cinder.cli.errors.NoCredentials` if nobody said who asks.

    :param name: of the entry in clouds.yaml; None for what OS_CLOUD or the
        other variables say
    """

    def __init__(self, name: Optional[str] = None) -> None:
        self._name = name
        self._made: Optional[Any] = None

    @property
    def sdk(self) -> Any:
        """The connection of openstacksdk, for calls that are not here."""
        if self._made is None:
            with translated():
                # By its name it is told if there is no such entry.
                self._made = openstack.connect(
                    cloud=self._name or os.environ.get('OS_CLOUD') or None,
                    app_name='lightos-cinder')
        return self._made

    def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Send a request to Cinder's API.

        :param path: from the project on, as ``/types``
        :param more: for requests, such as ``json`` and ``params``
        :returns: the JSON object of the reply; empty if it has none
        """
        sdk = self.sdk
        with translated():
            response = sdk.block_storage.request(
                path, method, raise_exc=False, **more)
            sdk_errors.raise_from_response(response)
        return response.json() if response.content else {}

    def volume_types(self) -> list[dict[str, Any]]:
        """All volume types as Cinder's API shows them, private ones too."""
        return sorted(self._pages('/types', 'volume_types',
                                  is_public='None'),
                      key=lambda one: one['name'])

    def qos_specs(self) -> list[dict[str, Any]]:
        """All QoS specs as Cinder's API shows them."""
        return list(self._pages('/qos-specs', 'qos_specs'))

    def type_access(self, type_id: str) -> set[str]:
        """The ids of the projects that may use a private volume type."""
        reply = self.call('GET', '/types/%s/os-volume-type-access' % type_id)
        return {one['project_id'] for one in reply['volume_type_access']}

    def default_types(self) -> dict[str, str]:
        """Ids of the volume types that are the default of a project.

        :returns: the id of one such project by each
        """
        reply = self.call('GET', '/default-types', microversion='3.62')
        return {one['volume_type_id']: one['project_id']
                for one in reply['default_types']}

    def projects(self) -> dict[str, str]:
        """Names of OpenStack's projects by their ids."""
        sdk = self.sdk
        with translated():
            return {one.id: one.name for one in sdk.identity.projects()}

    def _pages(self, path: str, key: str, **params: str
               ) -> Iterator[dict[str, Any]]:
        limit = 500
        while True:
            page = self.call('GET', path, params=dict(
                params, limit=str(limit)))[key]
            yield from page
            # Cinder may be configured for shorter pages than asked for.
            if not page:
                return
            params['marker'] = page[-1]['id']


def are_hidden(types: Iterable[Mapping[str, Any]]) -> bool:
    """Whether OpenStack does not show all extra specs of volume types.

    To a tenant it shows a few, so that is not to be told by these.

    :param types: as Cinder's API shows them
    """
    return not all('extra_specs' in one and 'qos_specs_id' in one
                   for one in types)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what openstacksdk raises into what ends a command."""
    try:
        yield
    except (keystone_errors.MissingRequiredOptions,
            keystone_errors.MissingAuthPlugin,
            keystone_errors.auth_plugins.MissingAuthPlugin,
            sdk_errors.ConfigException) as error:
        raise errors.NoCredentials('There are no OpenStack credentials: %s. '
                                   '%s' % (_brief(error), _HELP)) from None
    except (keystone_errors.ClientException,
            sdk_errors.SDKException) as error:
        raise errors.CommandError('OpenStack says: %s' % _brief(
            getattr(error, 'details', None) or error)) from None


def _brief(error: object) -> str:
    return ' '.join(str(error).split())[:500].rstrip('.')
