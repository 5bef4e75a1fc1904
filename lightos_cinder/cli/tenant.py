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

"""The commands ``tenant``: a LightOS project for a tenant of the cloud."""

import argparse
import contextlib
import dataclasses
import datetime
import os
from typing import Any
from typing import Iterator
from typing import Mapping
from typing import Optional
from typing import Sequence

from cliff import command
from cliff import show

from lightos_cinder.cli import base
from lightos_cinder.cli import cinder_conf
from lightos_cinder.cli import errors
from lightos_cinder.cli import keys
from lightos_cinder.cli import tenancy
from lightos_cinder.cli import tenant_types
from lightos_cinder.cli import tiers
from lightos_cinder.client import credentials
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder.client import tokens
from lightos_cinder import naming
from lightos_cinder import options

_LIFETIME = '30d'

_EPILOG = """\
the administrator's token:
  Projects and credentials are made with a token of the role
  system:cluster-admin: that in --admin-token-file, or else lightos_jwt of
  the backend. It is not needed by cinder-volume and is better not kept in
  cinder.conf.

the tenant's token:
  It administers the tenant's LightOS project and nothing else. It is written
  to NAME.jwt in lightos_jwt_dir, where cinder-volume finds it without a
  restart. Run this as the user of cinder-volume or as root. Where
  cinder-volume runs on several hosts, copy the file to each of them.

examples:
  lightos-cinder tenant create acme --admin-token-file ~/lightos-admin.jwt \\
      --lifetime 90d --tiers etc/tiers.yaml --tier Gold --tier Silver
  lightos-cinder tenant show acme --admin-token-file ~/lightos-admin.jwt
  lightos-cinder tenant rotate acme --admin-token-file ~/lightos-admin.jwt
  lightos-cinder tenant delete acme --admin-token-file ~/lightos-admin.jwt
"""


class _Command(base.Base):
    """What the commands about a tenant have in common."""

    epilog = _EPILOG
    #: Whether it writes the token file or removes it.
    writes = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of all of them."""
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='NAME', type=_project,
                            help='the LightOS project')
        parser.add_argument(
            '--admin-token-file', metavar='FILE',
            help='token of an administrator of the LightOS cluster; '
                 'lightos_jwt of the backend if left out')
        return parser

    @contextlib.contextmanager
    def tenant(self, parsed_args: Any) -> Iterator[tenancy.Tenant]:
        """The tenant, as an administrator of the cluster sees it.

        Errors of the cluster end the command.

        :raises CommandError: if there is no token for that, or nowhere to
            have the tenant's
        """
        section = self.section()
        folder = section.configuration.lightos_jwt_dir
        if not folder:
            raise errors.CommandError(
                'lightos_jwt_dir is not set in [%s] of cinder.conf; it is '
                'needed: the directory where each LightOS project has a '
                'token of its own, <project>.jwt' % section.name)
        settings = _as_administrator(section, parsed_args.admin_token_file)
        try:
            with contextlib.ExitStack() as stack:
                if self.writes:
                    keys.check_writable(
                        os.path.join(folder,
                                     parsed_args.name + credentials.SUFFIX),
                        getattr(parsed_args, 'owner', None))
                    stack.enter_context(keys.one_at_a_time(folder))
                client = stack.enter_context(base.connected(settings))
                # Whether it is there, before anything takes its time.
                client.renewed(min(base.PATIENCE, settings.operation_timeout)
                               ).get_cluster_info()
                client = client.renewed(settings.operation_timeout)
                yield tenancy.Tenant(parsed_args.name, settings, client,
                                     folder, self.say)
        except client_errors.LightOSError as error:
            raise errors.CommandError('The LightOS cluster says: %s' % error
                                      ) from None


class Create(_Command, command.Command):
    """Have a LightOS project, its token, and volume types for a tenant.

    Makes the LightOS project, a key pair and its credential, and a token that
    is written where cinder-volume finds it; then private volume types, one
    for each --tier, for the tenant's OpenStack project. What is there already
    is left as it is: repeating it changes nothing, and after an interruption
    it goes on.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of this command."""
        parser = super().get_parser(prog_name)
        _add_token_options(parser)
        parser.add_argument(
            '--description', metavar='TEXT', default='OpenStack tenant',
            help='of the LightOS project, if it is made; at most 256 bytes')
        parser.add_argument(
            '--project', metavar='PROJECT',
            help='name or id of the OpenStack project that may use the '
                 'volume types; NAME if left out')
        parser.add_argument(
            '--tier', metavar='TIER', action='append', default=[],
            help='make the volume type NAME-TIER, as this tier says; can be '
                 'repeated')
        parser.add_argument(
            '--tiers', metavar='FILE',
            help='where the tiers are from, a file as for "tiers apply"; '
                 'public volume types of these names if left out')
        return parser

    def take_action(self, parsed_args: Any) -> None:
        """Make what is missing."""
        plans = []
        cloud = self.cloud
        if parsed_args.tier:
            # First, so that nothing is made for the sake of a misspelling.
            plans = tenant_types.plan(
                cloud, parsed_args.name, self.section().backend_name,
                parsed_args.tier, parsed_args.project or parsed_args.name,
                parsed_args.tiers)
        with self.tenant(parsed_args) as tenant:
            changed = tenant.have_project(parsed_args.description)
            if changed or tenant.in_use().fault is not None:
                tenant.issue(parsed_args.lifetime, parsed_args.owner)
                changed = True
        for one in plans:
            if one.steps:
                tiers.apply(cloud, [one])
                self.say('Volume type %s: made.' % one.tier if one.is_new
                         else 'Volume type %s: changed.\n%s' % (one.tier,
                                                                one))
                changed = True
        if not changed:
            self.say('Everything is there; nothing was changed.')


class Show(_Command, show.ShowOne):
    """Show what a tenant has on the cluster and in OpenStack.

    Exit status 1 if its token cannot be used.
    """

    writes = False

    def take_action(self, parsed_args: Any
                    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Read it all."""
        with self.tenant(parsed_args) as tenant:
            _must_exist(tenant, parsed_args.name)
            in_use = tenant.in_use()
            volumes, snapshots = tenant.held()
            known = tenant.credentials()
        types = '(no OpenStack credentials)'
        with contextlib.suppress(errors.NoCredentials):
            cloud = self.cloud
            types = ', '.join(tenant_types.describe(
                cloud, parsed_args.name,
                self.section().backend_name)) or '(none)'
        self.failed = in_use.fault is not None
        expiry = in_use.token.expiry if in_use.token else None
        return (
            ('LightOS project', 'Credentials', 'Token file', 'Token',
             'Token expires', 'Credential in use', 'Volumes', 'Snapshots',
             'Volume types'),
            (parsed_args.name, ', '.join(known), tenant.path,
             in_use.fault or 'the cluster accepts it',
             expiry.isoformat() if expiry else '', in_use.credential,
             len(volumes), len(snapshots), types))


class Rotate(_Command, command.Command):
    """Give a tenant a new credential and a new token.

    The old credential is removed when the cluster has accepted the new token
    and the new token is in the file: tokens of the old one end then. Where
    cinder-volume runs on several hosts, give --keep-old, copy the file to
    each of them, and then give --finish.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of this command."""
        parser = super().get_parser(prog_name)
        _add_token_options(parser)
        group = parser.add_mutually_exclusive_group()
        group.add_argument('--keep-old', action='store_true',
                           help='do not remove the old credential yet')
        group.add_argument(
            '--finish', action='store_true',
            help='make nothing new; remove the credentials that this program '
                 'made, all but the one of the token in the file')
        return parser

    def take_action(self, parsed_args: Any) -> None:
        """Make the new one, then remove the old one."""
        with self.tenant(parsed_args) as tenant:
            _must_exist(tenant, parsed_args.name)
            before = tenant.in_use()
            if parsed_args.finish:
                if before.fault is not None:
                    raise errors.CommandError(
                        'Nothing was removed: the token in %s cannot be '
                        'used, %s' % (tenant.path, before.fault))
                old = [one for one in tenant.credentials()
                       if one.startswith(keys.PREFIX)
                       and one != before.credential]
                if not old:
                    self.say('There is no other; nothing was changed.')
            else:
                tenant.issue(parsed_args.lifetime, parsed_args.owner)
                old = [one for one in tenant.credentials()
                       if one == before.credential
                       and not parsed_args.keep_old]
            for one in old:
                tenant.remove_credential(one)
            if not (parsed_args.finish or parsed_args.keep_old):
                self._tell_of_others(tenant)

    def _tell_of_others(self, tenant: tenancy.Tenant) -> None:
        """Tokens may be accepted that everybody believes have ended."""
        new = tenant.in_use().credential
        others = [one for one in tenant.credentials()
                  if one.startswith(keys.PREFIX) and one != new]
        if others:
            self.say('Other credentials, such as of a rotation that was '
                     'interrupted, are still accepted: %s. Give --finish to '
                     'remove them.' % ', '.join(others))


class Delete(_Command, command.Command):
    """Remove a tenant's volume types, token, credentials and project.

    Refused while there are volumes or snapshots in the LightOS project. The
    OpenStack project stays. Repeating it goes on after an interruption.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of this command."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--keep-types', action='store_true',
            help='leave the volume types; no OpenStack credentials are '
                 'needed then')
        return parser

    def take_action(self, parsed_args: Any) -> None:
        """See that it is empty, then remove one thing after the other."""
        name = parsed_args.name
        if name == naming.DEFAULT_PROJECT:
            raise errors.CommandError(
                'LightOS project %s comes with the cluster and stays' % name)
        with self.tenant(parsed_args) as tenant:
            there = tenant.exists()
            if there:
                _must_be_empty(tenant, name)
            if not parsed_args.keep_types:
                for gone in tenant_types.delete(
                        self.cloud, name, self.section().backend_name):
                    self.say('Volume type %s: deleted.' % gone)
            tenant.remove_token()
            if there:
                for one in tenant.credentials():
                    tenant.remove_credential(one)
                tenant.remove_project()
            else:
                self.say('There is no LightOS project %s.' % name)


def _must_exist(tenant: tenancy.Tenant, name: str) -> None:
    if not tenant.exists():
        raise errors.CommandError(
            'There is no LightOS project %s. Make it with: lightos-cinder '
            'tenant create %s' % (name, name))


def _must_be_empty(tenant: tenancy.Tenant, name: str) -> None:
    volumes, snapshots = tenant.held()
    if volumes or snapshots:
        raise errors.CommandError(
            'Nothing was changed: LightOS project %s has %d volumes and %d '
            'snapshots, among them %s. Delete them first' % (
                name, len(volumes), len(snapshots),
                ', '.join((volumes + snapshots)[:3])))


def _add_token_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--lifetime', metavar='TIME', type=_lifetime, default=_LIFETIME,
        help='how long a new token is good for, in hours, days or weeks, '
             'such as 12h, 90d or 52w; %s if left out' % _LIFETIME)
    parser.add_argument(
        '--owner', metavar='USER',
        help='user that the token file shall belong to, that of '
             'cinder-volume; the owner of the old file, or of the '
             'directory, if left out')


def _lifetime(text: str) -> datetime.timedelta:
    try:
        return keys.lifetime(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            '%s is no lifetime; allowed: a number of hours, days or weeks up '
            'to ten years, such as 12h, 90d or 52w' % text) from None


def _project(text: str) -> str:
    if not models.PROJECT_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            '%.100r cannot be the name of a LightOS project; allowed: 1 to '
            '63 lower-case letters, digits, dots and hyphens, the first and '
            'last a letter or digit' % text)
    if text == tenancy.SYSTEM:
        raise argparse.ArgumentTypeError(
            '%s is the LightOS project of the roles of the cluster itself, '
            'and cannot be a tenant' % text)
    return text


@dataclasses.dataclass(frozen=True)
class _Administrator:
    """The options of a backend, with one token for all projects."""

    configuration: Any
    replaced: Mapping[str, Optional[str]] = dataclasses.field(repr=False)

    def __getattr__(self, name: str) -> Any:
        if name in self.replaced:
            return self.replaced[name]
        return getattr(self.configuration, name)


def _as_administrator(section: cinder_conf.Section, path: Optional[str]
                      ) -> options.Settings:
    """The options of a backend with the token of an administrator.

    :param path: of the file with the token; None for that of the backend
    :raises CommandError: if there is none that can be used
    """
    text = section.configuration.lightos_jwt
    if path:
        file = tokens.TokenFile(path)
        file.refresh()
        if file.token is None:
            raise errors.CommandError('--admin-token-file %s: %s' % (
                path, file.trouble or 'there is no such file'))
        text = file.token.text
    if not (text or '').strip():
        raise errors.CommandError(
            'Name the token of an administrator of the LightOS cluster with '
            '--admin-token-file: lightos_jwt is not set in [%s] of '
            'cinder.conf' % section.name)
    return options.Settings.load(_Administrator(section.configuration, {
        'lightos_jwt': text, 'lightos_jwt_dir': None}))
