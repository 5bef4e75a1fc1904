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


"""The section of cinder.conf that makes a LightOS cluster a backend."""

import typing

DRIVER = 'lightos_cinder.driver.LightOSVolumeDriver'


class Cluster(typing.Protocol):
    """What is needed to know of a cluster, here an emulated one."""

    addresses: list[str]
    port: int
    fingerprint: str


def section(name: str, cluster: Cluster, jwt: str | None,
            **more: typing.Any) -> dict[str, typing.Any]:
    """Return the options of a backend.

    The certificate that LightOS ships with names no address, so that it is
    known by its fingerprint instead of by an authority.

    :param name: the name of the backend.
    :param jwt: the token by which Cinder authenticates to the cluster;
        None if it finds it elsewhere.
    :param more: options on top of these, or instead of them.
    """
    return {
        'volume_driver': DRIVER,
        'volume_backend_name': name,
        'lightos_api_address': list(cluster.addresses),
        'lightos_api_port': cluster.port,
        **({'lightos_jwt': jwt} if jwt else {}),
        'lightos_api_service_timeout': 30,
        'lightos_tls_fingerprints': cluster.fingerprint,
        **more,
    }
