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

"""What a volume type asks of LightOS."""

import dataclasses
import types
from typing import Any
from typing import Callable
from typing import Mapping
from typing import Optional
import uuid

from cinder import exception
from cinder.i18n import _
from oslo_utils import uuidutils

from lightos_cinder.client import models
from lightos_cinder import naming

COMPRESSION = 'compression'
REPLICAS = 'lightos:num_replicas'
PROJECT = 'lightos:project_name'
QOS_POLICY = 'lightos:qos_policy'

#: The one key in QoS specs.
QOS_SPEC = 'qos_policy'

MAX_REPLICAS = 3

_TRUTH = {'true': True, 'false': False}


@dataclasses.dataclass(frozen=True)
class VolumeSpec:
    """What a volume shall be like on the cluster.

    :param qos_policy: name or UUID of a QoS policy; None for the default
        one of the project
    :param volume_type: name of the volume type, for errors
    """

    project: str
    replicas: int
    compression: bool
    qos_policy: Optional[str] = None
    volume_type: Optional[str] = None

    def __str__(self) -> str:
        return ('volume type %s: LightOS project %s, %d replicas, '
                'compression %s, QoS policy (lightos:qos_policy) '
                '%.300s') % (
            self.volume_type or '(none)', self.project, self.replicas,
            self.compression, self.qos_policy or '(default)')


def from_volume_type(volume_type: Any, default_replicas: int,
                     default_compression: bool,
                     qos_specs: Mapping[str, str] = types.MappingProxyType({})
                     ) -> VolumeSpec:
    """Read a volume type's extra specs.

    :param volume_type: Cinder's VolumeType, or None for a volume without
    :param qos_specs: what its QoS specs ask of the backend; they come
        before its extra specs, as with all of Cinder's drivers
    :raises InvalidVolumeType: names the extra spec, its value and what is
        allowed
    """
    extra_specs: Mapping[str, str] = {}
    name = None
    if volume_type:
        extra_specs = volume_type.extra_specs or {}
        name = volume_type.name
    return VolumeSpec(
        project=_project(name, extra_specs.get(PROJECT)),
        replicas=_replicas(name, extra_specs.get(REPLICAS),
                           default_replicas),
        compression=_compression(name, extra_specs.get(COMPRESSION),
                                 default_compression),
        qos_policy=_qos_policy(qos_specs.get(QOS_SPEC)
                               or extra_specs.get(QOS_POLICY)),
        volume_type=name)


def back_end_qos(name: str, consumer: str, qos_specs: Mapping[str, str]
                 ) -> Mapping[str, str]:
    """The part of QoS specs that is for the backend.

    :param name: of the QoS specs, for errors
    :param consumer: back-end, front-end, or both
    :raises InvalidQoSSpecs: names a key that promises what LightOS has not
    """
    if consumer == 'front-end':
        return {}
    unknown = sorted(qos_specs.keys() - {QOS_SPEC})
    # Those for both consumers have keys that the front end alone knows.
    if unknown and consumer == 'back-end':
        raise exception.InvalidQoSSpecs(
            reason=_('%(name)s, whose consumer is the back end, '
                     'have %(unknown)s; allowed: %(allowed)s, the name or '
                     'UUID of a LightOS QoS policy')
            % {'name': name, 'unknown': ', '.join(unknown),
               'allowed': QOS_SPEC})
    return {QOS_SPEC: qos_specs.get(QOS_SPEC, '')}


def check_replicas(spec: VolumeSpec, cluster_max: int) -> None:
    """Refuse more replicas than the cluster was installed for.

    :param cluster_max: 0 if the cluster does not say
    :raises InvalidVolumeType: names the extra spec and both numbers
    """
    if cluster_max and spec.replicas > cluster_max:
        raise _invalid(spec.volume_type, REPLICAS, spec.replicas,
                       _('at most %d, which is what this cluster supports')
                       % cluster_max)


class OtherProject(exception.InvalidVolumeType, NotImplementedError):
    """A volume was to be made of one in another project.

    A snapshot can be cloned within its project only (REST API facts, 5).
    It is also what the image-volume cache takes for a reason to fetch the
    image again: its entries serve whatever project comes first.
    """


def other_project(spec: VolumeSpec, source: str) -> OtherProject:
    """The error for a source that lives in another project."""
    return OtherProject(reason=_unfit(  # type: ignore[call-arg]
        spec.volume_type, PROJECT, spec.project,
        _('%.300r, the project of the source; a volume in another project '
          'cannot share its data') % source))


def vendor_properties(set_property: Callable[..., None],
                      default_replicas: int, cluster_max: int
                      ) -> dict[str, Any]:
    """The extra specs that ``get-capabilities`` shows.

    :param set_property: Cinder's helper that checks and files one
    :param cluster_max: replicas it supports; 0 if it does not say
    """
    properties: dict[str, Any] = {}
    set_property(properties, REPLICAS, 'Number of replicas',
                 _('How many copies of a volume the cluster keeps.'),
                 'integer', minimum=1,
                 maximum=min(cluster_max or MAX_REPLICAS, MAX_REPLICAS),
                 default=default_replicas)
    set_property(properties, PROJECT, 'LightOS project',
                 _('The LightOS project that volumes are created in.'),
                 'string', default=naming.DEFAULT_PROJECT)
    set_property(properties, QOS_POLICY, 'QoS policy',
                 _('Name or UUID of the LightOS QoS policy of volumes.'),
                 'string')
    return properties


def project_of(volume_type: Any) -> str:
    """The project that a volume type names, without checking the rest.

    For objects that exist: a type that was changed to something invalid
    must not keep anybody from deleting what was made before.
    """
    extra_specs = (volume_type.extra_specs or {}) if volume_type else {}
    return extra_specs.get(PROJECT) or naming.DEFAULT_PROJECT


def _qos_policy(value: Optional[str]) -> Optional[str]:
    policy = (value or '').strip()
    if uuidutils.is_uuid_like(policy):
        return str(uuid.UUID(policy))
    return policy or None


def _replicas(volume_type: Optional[str], value: Optional[str],
              default: int) -> int:
    if value is None:
        return default
    try:
        replicas = int(value)
    except ValueError:
        replicas = 0
    if not 1 <= replicas <= MAX_REPLICAS:
        raise _invalid(volume_type, REPLICAS, value,
                       _('a whole number from 1 to %d') % MAX_REPLICAS)
    return replicas


def _compression(volume_type: Optional[str], value: Optional[str],
                 default: bool) -> bool:
    if value is None:
        return default
    word = str(value).strip()
    if word.startswith('<is>'):
        word = word[len('<is>'):]
    truth = _TRUTH.get(word.strip().lower())
    if truth is None:
        raise _invalid(volume_type, COMPRESSION, value,
                       _("'<is> True' or '<is> False'"))
    return truth


def _project(volume_type: Optional[str], value: Optional[str]) -> str:
    if value is None:
        return naming.DEFAULT_PROJECT
    if not models.PROJECT_NAME.fullmatch(value):
        raise _invalid(volume_type, PROJECT, value,
                       _('1 to 63 of a-z, 0-9, "-" and ".", with a letter '
                         'or a digit at both ends'))
    return value


def _invalid(volume_type: Optional[str], spec: str, value: object,
             allowed: str) -> exception.InvalidVolumeType:
    return exception.InvalidVolumeType(
        reason=_unfit(volume_type, spec, value, allowed))


def _unfit(volume_type: Optional[str], spec: str, value: object,
           allowed: str) -> str:
    return _('extra spec %(spec)s of volume type %(type)s is '
             '%(value).300r; allowed: %(allowed)s') % {
        'spec': spec, 'type': volume_type or _('(none)'), 'value': value,
        'allowed': allowed}
