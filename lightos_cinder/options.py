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

"""The options of a LightOS backend in cinder.conf."""

import dataclasses
import ipaddress
import os
import re
import ssl
from typing import Any
from typing import Callable
from typing import Optional

from cinder import exception
from cinder.i18n import _
from oslo_config import cfg
from oslo_config import types

from lightos_cinder import acl
from lightos_cinder.client import credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import polling
from lightos_cinder.client import tls
from lightos_cinder.client import tokens


class _Integer(types.Integer):
    """A whole number; what it refuses is told with the value."""

    def __call__(self, value: Any) -> Any:
        try:
            return super().__call__(value)
        except ValueError as error:
            raise ValueError('%s: %s' % (value, error))


class _Port(_Integer, types.Port):
    """A TCP port; what it refuses is told with the value."""


class _SharedOpt(cfg.Opt):
    """An option that the driver inside Cinder has too, in its own words.

    Both drivers may serve backends of one cinder-volume. To oslo.config a
    second definition is an error unless it is the same as the first.
    """

    def __eq__(self, another: object) -> bool:
        return isinstance(another, cfg.Opt) and another.dest == self.dest

    def __ne__(self, another: object) -> bool:
        return not self == another

    __hash__ = cfg.Opt.__hash__


# Options that the driver inside Cinder has too keep its names and types:
# an operator moves between the two by changing volume_driver alone.
OPTS = [
    _SharedOpt('lightos_api_address',
               type=types.List(item_type=types.IPAddress()),
               help='IP addresses of the LightOS API service, separated by '
                    'commas. Each node of a cluster has one; name several, '
                    'so that the loss of a node is not the loss of the '
                    'backend.'),
    _SharedOpt('lightos_api_port',
               type=_Port(), default=443,
               help='TCP port of the LightOS API service on each of these '
                    'addresses. It is always spoken to over HTTPS.'),
    _SharedOpt('lightos_jwt',
               type=types.String(), secret=True,
               help='JSON Web Token that authenticates this backend to the '
                    'cluster. Its roles must include administration of each '
                    'LightOS project that a volume type names, except those '
                    'that have a file in lightos_jwt_dir.'),
    cfg.Opt('lightos_jwt_dir',
            type=types.String(),
            help='Directory of files named <project>.jwt, each with the '
                 'JSON Web Token for that LightOS project, which is used '
                 'for no other. They are read again when they change, so '
                 'that a token can be replaced without a restart. '
                 'lightos_jwt serves the projects without a file, and '
                 'calls in no project; if it is not set, the token in '
                 'default.jwt serves those calls, or else the first valid '
                 'one in the order of names.'),
    _SharedOpt('lightos_default_num_replicas',
               type=_Integer(min=1, max=3), default=3,
               help='Number of replicas of a volume whose volume type does '
                    'not have the extra spec lightos:num_replicas.'),
    _SharedOpt('lightos_default_compression_enabled',
               type=types.Boolean(), default=False,
               help='Whether a volume is compressed whose volume type does '
                    'not have the extra spec compression.'),
    _SharedOpt('lightos_api_service_timeout',
               type=_Integer(min=1), default=30,
               help='Seconds to wait for the reply to one API request.'),
    cfg.Opt('lightos_operation_timeout',
            type=_Integer(min=1), default=100,
            help='Seconds within which an operation, for instance the '
                 'creation of a volume, must be done on the cluster, '
                 'including all repeated requests and all waiting.'),
    _SharedOpt('lightos_use_ipacl',
               type=types.Boolean(), default=True,
               help="Whether to admit an attached host by its IP addresses "
                    "too, in the volume's IP ACL, and not only by its host "
                    "NQN, in the volume's ACL."),
    cfg.ListOpt('lightos_ipacl_networks',
                default=[],
                help='Networks in CIDR notation, separated by commas, that '
                     'hosts reach the cluster from. Only addresses in them '
                     'are put into an IP ACL, which holds 16 at the most. '
                     'Empty: every address that a host reports, except '
                     'loopback and link-local ones.'),
    cfg.ListOpt('lightos_tls_fingerprints',
                help='SHA-256 fingerprints, separated by commas, of the '
                     'certificates that the API service may present. '
                     'Several, so that a certificate can be exchanged. '
                     'For the certificate that LightOS ships with, which '
                     'names no address and cannot be verified otherwise. '
                     'It is printed by\n'
                     'openssl s_client -connect <address>:443 </dev/null |\n'
                     'openssl x509 -noout -fingerprint -sha256\n'
                     'To verify a certificate of your own by its CA instead, '
                     'set driver_ssl_cert_verify and driver_ssl_cert_path.'),
    _SharedOpt('lightos_api_service_snapshots_max_calls',
               type=_Integer(), default=5,
               deprecated_for_removal=True,
               deprecated_reason='Snapshots are created within '
                                 'lightos_operation_timeout, in as many '
                                 'calls as that takes.',
               help='Has no effect.'),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options for oslo-config-generator."""
    return [('backend_defaults', OPTS)]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The options of one backend, checked and ready for use."""

    endpoints: tuple[endpoints.Endpoint, ...]
    credentials: credentials.Credentials
    trust: tls.Trust
    default_replicas: int
    default_compression: bool
    request_timeout: int
    operation_timeout: int
    use_ip_acl: bool
    ip_acl_networks: tuple[acl.Network, ...]

    @classmethod
    def load(cls, configuration: Any,
             clock: polling.Clock = polling.Clock()) -> 'Settings':
        """Read a backend's section.

        :param configuration: Cinder's Configuration of the backend
        :param clock: tells whether tokens have expired
        :raises InvalidConfigurationValue: names the option, its value
            where that is no secret, and what is allowed
        """
        return cls(**{field: read(configuration, clock)
                      for field, read in _READ.items()})


def _get(configuration: Any, option: str) -> Any:
    try:
        return getattr(configuration, option)
    except (cfg.Error, ValueError) as error:
        # Of where it is from, the name of the file is enough.
        raise exception.InvalidConfigurationValue(re.sub(
            r"LocationInfo\(location=[^']*detail='([^']*)'\)", r'\1',
            str(error)))


def _seconds(configuration: Any, option: str) -> int:
    # Checked here too: if the driver inside Cinder has registered its
    # options first, they have other limits than ours.
    seconds = _get(configuration, option)
    if seconds < 1:
        raise _invalid(option, seconds, _('1 or more seconds'))
    return seconds


def _invalid(option: str, value: object, allowed: str
             ) -> exception.InvalidConfigurationValue:
    return exception.InvalidConfigurationValue(
        _('Configuration option %(option)s is %(value)s; allowed: '
          '%(allowed)s') % {'option': option, 'value': value,
                            'allowed': allowed})


def _endpoints(configuration: Any) -> tuple[endpoints.Endpoint, ...]:
    addresses = _get(configuration, 'lightos_api_address')
    if not addresses:
        raise _invalid('lightos_api_address', _('not set'),
                       _('one or more IP addresses of the LightOS API '
                         'service, separated by commas'))
    port = _get(configuration, 'lightos_api_port')
    if not 0 < port < 65536:
        raise _invalid('lightos_api_port', port, _('1 to 65535'))
    return tuple(endpoints.Endpoint(str(address), port)
                 for address in addresses)


def _credentials(configuration: Any, clock: polling.Clock
                 ) -> credentials.Credentials:
    directory = _get(configuration, 'lightos_jwt_dir') or None
    common = None
    try:
        # In no variable: tracebacks may show these.
        if (_get(configuration, 'lightos_jwt') or '').strip():
            common = tokens.Token.parse(_get(configuration, 'lightos_jwt'),
                                        'lightos_jwt')
            common.check(clock.wall())
    except tokens.BadToken as error:
        # Without the value, which is a secret.
        raise exception.InvalidConfigurationValue(
            _('Configuration option lightos_jwt cannot be used: %s. A valid '
              'JSON Web Token for this cluster is needed.') % error)
    loaded = credentials.Credentials(common, directory, clock)
    try:
        loaded.check()
    except (OSError, ValueError) as error:
        # BadToken is a ValueError, as is what Python says of odd paths.
        raise _invalid(
            'lightos_jwt_dir', directory,
            _('a directory that cinder-volume may read, of files named '
              '<project>.jwt with a valid JSON Web Token each (%s)')
            % (getattr(error, 'strerror', None) or error))
    return loaded


def _trust(configuration: Any) -> tls.Trust:
    verify = _get(configuration, 'driver_ssl_cert_verify')
    ca_file = _get(configuration, 'driver_ssl_cert_path')
    if verify and ca_file:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if os.path.isdir(ca_file):
                context.load_verify_locations(capath=ca_file)
            else:
                context.load_verify_locations(cafile=ca_file)
        except (OSError, ValueError) as error:
            raise _invalid('driver_ssl_cert_path', ca_file,
                           _('a readable file or directory of PEM '
                             'certificates (%s)') % error)
    return tls.Trust(verify=verify, ca_file=ca_file or None,
                     fingerprints=_fingerprints(configuration))


def _fingerprints(configuration: Any) -> frozenset[str]:
    option = 'lightos_tls_fingerprints'
    listed: Optional[list[str]] = _get(configuration, option)
    if listed is None:
        return frozenset()
    if not listed:
        # Somebody wanted pinning and lost the values: not to check at all
        # would be the opposite of what was wanted.
        raise _invalid(option, _('empty'),
                       _('one or more SHA-256 fingerprints, or unset'))
    try:
        return frozenset(tls.fingerprint(text) for text in listed)
    except ValueError:
        raise _invalid(option, ','.join(listed),
                       _('SHA-256 fingerprints, each of 64 hexadecimal '
                         'digits, with or without colons'))


def _networks(configuration: Any) -> tuple[acl.Network, ...]:
    option = 'lightos_ipacl_networks'
    listed: list[str] = _get(configuration, option) or []
    try:
        return tuple(ipaddress.ip_network(text.strip()) for text in listed)
    except ValueError as error:
        raise _invalid(option, ','.join(listed),
                       _('networks in CIDR notation (%s)') % error)


#: By what each field of :class:`Settings` is read.
_READ: dict[str, Callable[[Any, polling.Clock], Any]] = {
    'endpoints': lambda configuration, _clock: _endpoints(configuration),
    'credentials': _credentials,
    'trust': lambda configuration, _clock: _trust(configuration),
    'default_replicas': lambda configuration, _clock: _get(
        configuration, 'lightos_default_num_replicas'),
    'default_compression': lambda configuration, _clock: _get(
        configuration, 'lightos_default_compression_enabled'),
    'request_timeout': lambda configuration, _clock: _seconds(
        configuration, 'lightos_api_service_timeout'),
    'operation_timeout': lambda configuration, _clock: _seconds(
        configuration, 'lightos_operation_timeout'),
    'use_ip_acl': lambda configuration, _clock: _get(
        configuration, 'lightos_use_ipacl'),
    'ip_acl_networks': lambda configuration, _clock: _networks(
        configuration),
}


def read_each(configuration: Any, clock: polling.Clock = polling.Clock()
              ) -> tuple[dict[str, Any],
                         dict[str, exception.InvalidConfigurationValue]]:
    """Read a backend's section as far as it can be.

    :param configuration: as for :meth:`Settings.load`
    :returns: the fields of :class:`Settings` that can be used, and for each
        of the others why not
    """
    usable, faults = {}, {}
    for field, read in _READ.items():
        try:
            usable[field] = read(configuration, clock)
        except exception.InvalidConfigurationValue as error:
            faults[field] = error
    return usable, faults
