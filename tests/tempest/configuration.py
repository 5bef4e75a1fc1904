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


"""tempest.conf for a cloud that is Keystone and Cinder, and nothing else."""

import pathlib
import typing

from tests.stack import identity
from tests.stack import settings


def sections(admin: identity.Identity, folder: pathlib.Path,
             backends: typing.Sequence[str], volume_type: str
             ) -> settings.Sections:
    """Return the sections of tempest.conf.

    :param admin: the administrator of the cloud, who makes the users, the
        projects and the roles in them that each test class works with.
    :param folder: an existing folder for everything that tempest writes.
    :param backends: volume_backend_name of each.
    :param volume_type: what tempest's own tests make volumes of. Those of
        the plug-in take Cinder's default type.
    """
    return {
        'DEFAULT': {'debug': True, 'use_stderr': False,
                    'log_file': folder / 'tempest.log'},
        'oslo_concurrency': {'lock_path': folder / 'locks'},
        'auth': {
            'use_dynamic_credentials': True,
            'create_isolated_networks': False,
            'admin_username': admin.username,
            'admin_password': admin.password,
            'admin_project_name': admin.project,
            'admin_domain_name': 'Default',
        },
        'identity': {'uri_v3': admin.auth_url, 'auth_version': 'v3',
                     'region': identity.REGION},
        'service_available': {
            'cinder': True, 'nova': False, 'glance': False,
            'neutron': False, 'swift': False, 'horizon': False},
        # Cinder, and with it the tests of the roles, by its new defaults.
        'enforce_scope': {'cinder': True},
        'volume': {
            'storage_protocol': 'lightos',
            'vendor_name': 'LightOS Storage',
            'backend_names': backends,
            'volume_type': volume_type,
            'min_microversion': '3.0',
            'max_microversion': 'latest',
            'manage_volume_ref': 'source-name,volume-%s',
            'manage_snapshot_ref': 'source-name,snapshot-%s',
        },
        'volume-feature-enabled': {
            'clone': True,
            'concurrency_tests': True,
            'extend_attached_volume': True,
            'extend_attached_encrypted_volume': True,
            'extend_volume_with_snapshot': True,
            'manage_snapshot': True,
            'manage_volume': True,
            'multi_backend': True,
            'snapshot': True,
            'volume_revert': True,
            # cinder-backup copies through the host, as NVMe/TCP has it.
            'backup': False,
            # LightOS has no such thing.
            'consistency_group': False,
            'replication': False,
        },
        # Retype to a multiattach type asks for no server, but for this.
        'compute-feature-enabled': {'volume_multiattach': True,
                                    'attach_encrypted_volume': True},
    }
