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

"""Classes of service as an operator writes them down, in YAML.

``etc/tiers.yaml`` is an example and says what can be written.
"""

import collections
import dataclasses
import types
from typing import Any
from typing import Mapping
from typing import Optional

from cinder import exception
import yaml

from lightos_cinder.cli import errors
from lightos_cinder import specs

BACKEND_NAME = 'volume_backend_name'

#: The extra specs that a file decides on altogether.
OURS = (specs.COMPRESSION, specs.REPLICAS, specs.PROJECT, specs.QOS_POLICY,
        BACKEND_NAME)

_CONSUMERS = ('back-end', 'front-end', 'both')


@dataclasses.dataclass(frozen=True)
class Qos:
    """QoS specs of Cinder.

    :param consumer: back-end, front-end, or both
    """

    consumer: str
    specs: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Tier:
    """A class of service: a volume type as it shall be.

    :param description: None to leave it as it is
    :param public: whether all projects may use it; None to leave it as it
        is, and private where it is made
    :param extra_specs: all that the file decides on
    :param access: names or ids of the OpenStack projects that may use it,
        and no others; None to leave them as they are
    :param qos: its QoS specs; None to leave them as they are
    """

    name: str
    description: Optional[str]
    public: Optional[bool]
    extra_specs: Mapping[str, str]
    access: Optional[tuple[str, ...]]
    qos: Optional[Qos]


def load(path: str) -> list[Tier]:
    """Read a file.

    :raises CommandError: names the file, the tier, the key, its value and
        what is allowed
    """
    try:
        with open(path, encoding='utf-8') as file:
            content = yaml.load(file, _Loader)  # of SafeLoader.  # nosec B506
    except OSError as error:
        raise errors.CommandError('%s cannot be read: %s'
                                  % (path, error.strerror))
    except RecursionError:
        raise errors.CommandError('%s is no YAML: it is nested too deeply'
                                  % path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise errors.CommandError('%s is no YAML: %s' % (
            path, ' '.join(str(error).split())))
    return parse(content, path)


def parse(content: Any, path: str) -> list[Tier]:
    """Read the content of a file; see :func:`load`."""
    top = _Part(path, '', content)
    top.only(('defaults', 'tiers'))
    defaults = top.mapping('defaults') or {}
    _Part(path, 'defaults', defaults).only(set(_KEYS) - {'description'})
    tiers = top.mapping('tiers')
    if not tiers:
        raise top.wrong('tiers', tiers, 'tiers by their names')
    found = [_tier(path, name, defaults, values)
             for name, values in tiers.items()]
    # Blanks around a name are no part of it.
    twice = [name for name, times in collections.Counter(
        tier.name for tier in found).items() if times > 1]
    if twice:
        raise top.wrong('tiers', ', '.join(
            '%s twice' % name for name in twice), 'each name once')
    return found


_KEYS = ('description', 'replicas', 'compression', 'project', 'qos_policy',
         BACKEND_NAME, 'public', 'access', 'extra_specs', 'qos_specs')


def _tier(path: str, name: Any, defaults: Mapping[str, Any], values: Any
          ) -> Tier:
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 255:
        raise _Part(path, '', {}).wrong(
            'tiers', name, 'names of 1 to 255 characters')
    own = _Part(path, name, values or {})
    own.only(_KEYS)
    part = _Part(path, name, {**defaults, **own.content})
    public = part.one('public', bool, 'true or false')
    access = part.names('access')
    if public and own.names('access'):
        raise part.wrong('access', ', '.join(access or ()), 'nothing: a '
                         'public tier is for all projects')
    return Tier(name=name.strip(),
                description=part.one('description', str, 'a text'),
                public=public, extra_specs=_extra_specs(part),
                access=None if public else access, qos=_qos(part))


def _extra_specs(part: '_Part') -> dict[str, str]:
    replicas = part.one('replicas', int, 'a whole number from 1 to %d'
                        % specs.MAX_REPLICAS)
    compression = part.one('compression', bool, 'true or false')
    asked: dict[str, Optional[str]] = {
        specs.REPLICAS: None if replicas is None else str(replicas),
        specs.COMPRESSION: None if compression is None
        else '<is> %s' % compression,
        specs.PROJECT: part.one('project', str, 'a LightOS project'),
        specs.QOS_POLICY: part.one('qos_policy', str, 'name or UUID of a '
                                   'LightOS QoS policy'),
        BACKEND_NAME: part.one(BACKEND_NAME, str, 'a name as in '
                               'cinder.conf'),
    }
    if not asked[BACKEND_NAME]:
        # The scheduler could put its volumes anywhere.
        raise part.wrong(BACKEND_NAME, asked[BACKEND_NAME] or '(not set)',
                         'volume_backend_name of the LightOS backend in '
                         'cinder.conf')
    ours = {key: value for key, value in asked.items() if value}
    more = part.texts('extra_specs')
    for key in OURS:
        if key in more:
            raise part.wrong('extra_specs', key, 'extra specs that have no '
                             'key of their own in this file (%s)'
                             % ', '.join(_KEYS))
    try:
        specs.from_volume_type(types.SimpleNamespace(
            name=part.tier, extra_specs=ours), specs.MAX_REPLICAS, False)
    except exception.InvalidVolumeType as error:
        raise errors.CommandError('%s: tier %s: %s' % (
            part.path, part.tier, error))
    return {**more, **ours}


def _qos(part: '_Part') -> Optional[Qos]:
    content = part.mapping('qos_specs')
    if content is None:
        return None
    qos = _Part(part.path, '%s: qos_specs' % part.tier, content)
    qos.only(('consumer', 'specs'))
    consumer = qos.one('consumer', str, ', '.join(_CONSUMERS))
    if consumer not in _CONSUMERS:
        raise qos.wrong('consumer', consumer, ', '.join(_CONSUMERS))
    asked = qos.texts('specs')
    if not asked:
        raise qos.wrong('specs', asked, 'keys with their values')
    try:
        specs.back_end_qos(part.tier, consumer, asked)
    except exception.InvalidQoSSpecs as error:
        raise errors.CommandError('%s: tier %s: %s' % (
            part.path, part.tier, error))
    return Qos(consumer, asked)


class _Part:
    """A mapping in a file, for errors that say where they are."""

    def __init__(self, path: str, tier: str, content: Any) -> None:
        self.path = path
        self.tier = tier
        if not isinstance(content, dict):
            raise errors.CommandError('%s%s: it is %r; allowed: keys with '
                                      'their values' % (
                                          path, self._where(), content))
        self.content: dict[Any, Any] = content

    def _where(self) -> str:
        return ': tier %s' % self.tier if self.tier else ''

    def wrong(self, key: str, value: Any, allowed: str
              ) -> errors.CommandError:
        """The error for a value that cannot be."""
        return errors.CommandError('%s%s: %s is %s; allowed: %s' % (
            self.path, self._where(), key,
            value if isinstance(value, str) else repr(value), allowed))

    def only(self, keys: Any) -> None:
        """Refuse other keys."""
        for key in self.content:
            if key not in keys:
                raise errors.CommandError(
                    '%s%s: there is no key %s; allowed: %s' % (
                        self.path, self._where(), key,
                        ', '.join(sorted(keys))))

    def one(self, key: str, kind: type, allowed: str) -> Any:
        """A value of that kind; None if it is not there."""
        value = self.content.get(key)
        # To Python, true is a whole number.
        if value is not None and (not isinstance(value, kind)
                                  or isinstance(value, bool)
                                  and kind is not bool):
            raise self.wrong(key, 'the text "%s"' % value if isinstance(
                value, str) else value, allowed)
        return value

    def mapping(self, key: str) -> Any:
        """A mapping; None if it is not there."""
        return self.one(key, dict, 'keys with their values')

    def names(self, key: str) -> Optional[tuple[str, ...]]:
        """A list of texts; None if it is not there."""
        value = self.one(key, list, 'a list of OpenStack projects')
        if value is None:
            return None
        for name in value:
            if not isinstance(name, str) or not name:
                raise self.wrong(key, name, 'names or ids of OpenStack '
                                 'projects')
        return tuple(value)

    def texts(self, key: str) -> dict[str, str]:
        """Texts by their keys, numbers among them."""
        found = {}
        for name, value in (self.mapping(key) or {}).items():
            if not isinstance(name, str) or isinstance(
                    value, bool) or not isinstance(value, (str, int, float)):
                raise self.wrong(key, {name: value}, 'keys with a text or a '
                                 'number each; "<is> True" in quotes for '
                                 'what is true')
            found[name] = str(value)
        return found


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which one would be lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """A mapping, of different keys."""
        seen = set()
        for key_node, _value in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, 'a key must be a text, and not a list or '
                    'keys with their values', key_node.start_mark)
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, '%s is there twice' % key_node.value,
                    key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)
