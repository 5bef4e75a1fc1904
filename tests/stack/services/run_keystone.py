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


"""Keystone in one process: database, keys, first identities, public API."""

import os
import sys
import typing

import lifeline


def _bootstrap(config_file: str, url: str, region: str) -> None:
    """Do what keystone-manage db_sync, *_setup and bootstrap do."""
    from keystone.cmd import bootstrap
    from keystone.common import fernet_utils
    from keystone.common.sql import upgrades
    import keystone.conf
    from keystone.credential.providers import fernet as credential_fernet
    import keystone.server

    keystone.server.configure(config_files=[config_file])
    conf = keystone.conf.CONF
    upgrades.offline_sync_database_to_version()
    for keys in (
            fernet_utils.FernetUtils(
                conf.fernet_tokens.key_repository,
                conf.fernet_tokens.max_active_keys, 'fernet_tokens'),
            fernet_utils.FernetUtils(
                conf.fernet_receipts.key_repository,
                conf.fernet_receipts.max_active_keys, 'fernet_receipts'),
            fernet_utils.FernetUtils(
                conf.credential.key_repository,
                credential_fernet.MAX_ACTIVE_KEYS, 'credential')):
        keys.create_key_directory()
        keys.initialize_key_repository()

    first = bootstrap.Bootstrapper()
    first.admin_username = first.admin_role_name = 'admin'
    first.admin_password = os.environ['OS_BOOTSTRAP_PASSWORD']
    first.project_name = 'admin'
    first.service_name = 'keystone'
    first.region_id = region
    first.public_url = first.internal_url = first.admin_url = url
    first.immutable_roles = True
    first.bootstrap()


def _in_a_child(function: typing.Callable[..., None],
                *args: typing.Any) -> None:
    """Run it in a fork: Keystone can be configured once in a process."""
    child = os.fork()
    if not child:
        try:
            function(*args)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(status)


def main(config_file: str, host: str, port: str, region: str) -> None:
    """Prepare Keystone from nothing, then serve it until terminated."""
    from keystone.server.flask import core
    import waitress

    _in_a_child(_bootstrap, config_file, f'http://{host}:{port}/v3', region)
    application = core.initialize_application(
        name='public', config_files=[config_file])
    waitress.serve(application, host=host, port=int(port), threads=4)


if __name__ == '__main__':
    lifeline.hold()
    arguments = sys.argv[1:]
    del sys.argv[1:]  # Keystone would take them for its own
    main(*arguments)
