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

"""Cinder's own objects, as its manager hands them to a driver."""

from cinder import context
from cinder import objects

_CONTEXT = context.RequestContext('user', 'project', is_admin=True)

VOLUME_ID = '3b1a8f4e-6f0f-4000-8000-000000000001'
SNAPSHOT_ID = '9c2b7d5f-0a1b-4000-8000-000000000002'


def volume_type(name='gold', **extra_specs):
    """A volume type.

    :param extra_specs: with ``__`` for the colon
    """
    return objects.VolumeType(
        _CONTEXT, id='11111111-0000-4000-8000-000000000003', name=name,
        extra_specs={key.replace('__', ':'): value
                     for key, value in extra_specs.items()},
        qos_specs_id=None)


def volume(volume_type=None, attached=(), volume_id=VOLUME_ID, size=10,
           provider_id=None, name_id=None, multiattach=False):
    """A volume.

    :param attached: the connector of each attachment, None for one without
    :param name_id: the id in its name, if it has been migrated
    """
    made = objects.Volume(
        _CONTEXT, id=volume_id, size=size, provider_id=provider_id,
        _name_id=name_id, provider_location=None, migration_status=None,
        use_quota=True, multiattach=multiattach, admin_metadata={},
        volume_type_id=volume_type.id if volume_type else None)
    made.volume_type = volume_type
    made.volume_attachment = objects.VolumeAttachmentList(_CONTEXT, objects=[
        objects.VolumeAttachment(
            _CONTEXT, id='22222222-0000-4000-8000-%012d' % number,
            volume_id=volume_id, connector=connector)
        for number, connector in enumerate(attached)])
    return made


def snapshot(of, provider_id=None):
    """A snapshot of a volume."""
    made = objects.Snapshot(_CONTEXT, id=SNAPSHOT_ID, volume_id=of.id,
                            volume_size=of.size, provider_id=provider_id,
                            provider_location=None)
    made.volume = of
    return made


def connector(nqn, *host_ips, **more):
    """What os-brick tells of a host."""
    return dict({'nqn': nqn, 'host_ips': list(host_ips),
                 'found_dsc': 'found', 'host': 'compute',
                 'multipath': False}, **more)
