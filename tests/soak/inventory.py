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

"""What Cinder has on record and what is on the cluster, side by side."""

import time
import typing

from tests import emulator
from tests.soak import figures
from tests.soak import watch

#: Seconds until temporary snapshots have expired by themselves.
_EXPIRY = 4000

#: Seconds for what the cluster is deleting.
_PATIENCE = 30.0

#: Nothing that a user does ends these.
_STUCK = ('creating', 'deleting', 'extending', 'attaching', 'detaching',
          'reserved', 'error_deleting', 'error_extending')


def _names(items: typing.Iterable[dict[str, typing.Any]]) -> set[str]:
    return {item['name'] for item in items
            if item['state'] not in watch.GONE}


def compare(cinder: typing.Any, cluster: emulator.EmulatorProcess,
            counted: figures.Figures) -> None:
    """See that both have the same, while nobody does anything."""
    recorded = {
        f'{noun}-{item.id}': item.status
        for noun, manager in (('volume', cinder.volumes),
                              ('snapshot', cinder.volume_snapshots))
        for item in manager.list()}
    present = _names(cluster.volumes()) | _names(cluster.snapshots())
    for name, status in recorded.items():
        if status in _STUCK:
            counted.violation('stuck', f'{name} is {status}')
        if name not in present and not status.startswith('error'):
            counted.violation('lost', f'{name} is {status} in Cinder and '
                              'not on the cluster')
    for name in present - recorded.keys():
        if not name.startswith('clone-'):
            counted.violation('orphaned', f'{name} is on the cluster and '
                              'unknown to Cinder')


def empty(cinder: typing.Any, cluster: emulator.EmulatorProcess,
          counted: figures.Figures) -> int:
    """See that nothing is left, after all was deleted.

    :returns: how many temporary snapshots were left, which then expired
    """
    for manager in (cinder.volumes, cinder.volume_snapshots):
        for item in manager.list():
            counted.violation('stuck', f'{item.id} is {item.status} in Cinder '
                              'after its deletion')
    temporary = [item for item in cluster.snapshots()
                 if item['name'].startswith('clone-')
                 and item['state'] not in watch.GONE]
    cluster.advance(_EXPIRY)
    end = time.monotonic() + _PATIENCE
    while cluster.volumes() or cluster.snapshots():
        if time.monotonic() > end:
            for item in cluster.volumes() + cluster.snapshots():
                counted.violation('orphaned', f'{item["name"]} is on the '
                                  f'cluster, {item["state"]}')
            break
        time.sleep(0.5)
    return len(temporary)
