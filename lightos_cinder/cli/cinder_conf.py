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

"""The LightOS backends that cinder.conf has.

It is found and read as cinder-volume does, but into a configuration of its
own: no service is started, and nothing of Cinder's is touched.
"""

import copy
import dataclasses
from typing import Any
from typing import Sequence

from cinder.common import config
from oslo_config import cfg

from lightos_cinder.cli import errors
from lightos_cinder.client import polling
from lightos_cinder import options

OURS = 'lightos_cinder.driver.LightOSVolumeDriver'
INSIDE_CINDER = 'cinder.volume.drivers.lightos.LightOSVolumeDriver'

#: What the backend tells the scheduler where volume_backend_name is not set.
_UNNAMED = OURS.rpartition('.')[2]

#: What Cinder has for all backends.
_SHARED = 'backend_defaults'

#: What Cinder has in [DEFAULT]; a value may refer to these, as in
#: $state_path.
_GLOBAL = [option for name, listed in sorted(vars(config).items())
           if name.endswith('_opts') and isinstance(listed, list)
           for option in listed]

#: What Cinder itself has for each backend, of that what matters here.
_CINDERS = [
    cfg.StrOpt('volume_driver',
               default='cinder.volume.drivers.lvm.LVMVolumeDriver'),
    cfg.StrOpt('volume_backend_name'),
    cfg.BoolOpt('driver_ssl_cert_verify', default=False),
    cfg.StrOpt('driver_ssl_cert_path'),
]


@dataclasses.dataclass(frozen=True)
class Section:
    """One LightOS backend.

    :param name: of its section
    :param driver: what ``volume_driver`` names
    :param backend_name: what volume types know it by
    :param configuration: its options, as
        :class:`lightos_cinder.options.Settings` reads them
    """

    name: str
    driver: str
    backend_name: str
    configuration: Any

    def settings(self, clock: polling.Clock = polling.Clock()
                 ) -> options.Settings:
        """All options, checked.

        :raises InvalidConfigurationValue: for the first that cannot be
        """
        return options.Settings.load(self.configuration, clock)


class _Options:
    """The options of a section, or of [backend_defaults] where unset."""

    def __init__(self, conf: cfg.ConfigOpts, section: str) -> None:
        self._section = section
        self._groups = (conf[section], conf[_SHARED])

    def __getattr__(self, name: str) -> Any:
        try:
            own, shared = (getattr(group, name) for group in self._groups)
        except (cfg.NoSuchOptError, cfg.TemplateSubstitutionError) as error:
            if getattr(error, 'opt_name', None) == name:
                raise
            raise ValueError('Configuration option %s in [%s]: %s. $$ stands '
                             'for a dollar sign' % (name, self._section,
                                                    error)) from None
        return shared if own is None else own


def read(files: Sequence[str] = (), folders: Sequence[str] = (),
         wanted: Sequence[str] = ()) -> list[Section]:
    """The LightOS backends that are enabled.

    :param files: of the configuration; empty for where cinder-volume finds
        it (``~/.cinder``, ``~``, ``/etc/cinder``, ``/etc``)
    :param folders: of more files, ``*.conf``
    :param wanted: names of sections, enabled or not; empty for all enabled
    :raises CommandError: if there is none, or no such
    """
    conf = cfg.ConfigOpts()
    # Copies, for they are Cinder's.
    conf.register_opts(copy.deepcopy(_GLOBAL))
    try:
        conf([word for option, paths in (('--config-file', files),
                                         ('--config-dir', folders))
              for path in paths for word in (option, path)],
             project='cinder', prog='cinder-volume')
        enabled = list(filter(None, conf.enabled_backends or []))
    except (cfg.Error, OSError, ValueError) as error:
        raise errors.CommandError('cinder.conf cannot be read: %s' % error)
    where = ', '.join(conf.config_file + conf.config_dir)
    if not where:
        raise errors.CommandError(
            'There is no cinder.conf in ~/.cinder, ~, /etc/cinder or /etc; '
            'name it with --config-file')
    unknown = set(wanted).difference(enabled, conf.list_all_sections())
    if unknown:
        raise errors.CommandError(
            '--backend %s: there is no such section in %s. Enabled backends: '
            '%s' % (', '.join(sorted(unknown)), where,
                    ', '.join(enabled) or '(none)'))
    found = [_section(conf, name) for name in wanted or enabled]
    strange = [section for section in found
               if section.driver not in (OURS, INSIDE_CINDER)]
    if wanted and strange:
        raise errors.CommandError(
            '--backend %s: its volume_driver in %s is %s; allowed: a section '
            'with volume_driver = %s. Enabled backends: %s' % (
                strange[0].name, where, strange[0].driver, OURS,
                ', '.join(enabled) or '(none)'))
    ours = [section for section in found if section not in strange]
    if not ours:
        raise errors.CommandError(
            'No LightOS backend is enabled in %s: enabled_backends is %s. A '
            'LightOS backend has volume_driver = %s in its section' % (
                where, ', '.join(enabled) or '(not set)', OURS))
    return ours


def _section(conf: cfg.ConfigOpts, name: str) -> Section:
    for group in (name, _SHARED):
        for option in _CINDERS + options.OPTS:
            conf.register_opt(option, group=group)
            if group != _SHARED:
                # As Cinder does, to see whether it is set here.
                conf.set_default(option.dest, None, group=group)
    read_options = _Options(conf, name)
    try:
        return Section(name, read_options.volume_driver,
                       read_options.volume_backend_name or _UNNAMED,
                       read_options)
    except (cfg.Error, ValueError) as error:
        raise errors.CommandError('[%s] in cinder.conf: %s' % (name, error))
