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


"""Which tests to run."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Selection:
    """A choice of tests.

    :param regex: what their names match, or the tags behind them.
    :param at_least: how many have to be run, those skipped not counted:
        fewer, and it is the choice or the configuration that has failed.
    """

    regex: str
    at_least: int = 1


#: All of tempest's about volumes, and its plug-in's. All its scenarios
#: with volumes are about servers.
WHOLE = Selection(r'^(tempest\.api\.volume|cinder_tempest_plugin)\.', 280)

#: The plug-in has no tag for its few most important ones: it is few itself,
#: without those about roles.
SMOKE = Selection(r'^(tempest\.api\.volume\..*\[.*\bsmoke\b'
                  r'|cinder_tempest_plugin\.(api|scenario)\.)', 15)

#: What needs something that is not there and fails instead of being skipped,
#: in tempest 47.0.0 and cinder-tempest-plugin 1.23.0: test and reason.
LEFT_OUT: typing.Mapping[str, str] = {
    'tempest.api.volume.test_volumes_extend.VolumesExtendTest'
    '.test_volume_extend':
        'needs Glance: makes its volume from an image',
    'cinder_tempest_plugin.scenario.test_snapshots'
    '.SnapshotDataIntegrityTests.test_snapshot_data_integrity':
        'needs Nova: makes a key pair before it looks for one',
    'cinder_tempest_plugin.scenario.test_volume_concurrency'
    '.ConcurrentVolumeActionsTest.test_create_backups_and_restores':
        'needs cinder-backup: does not look whether it is there',
}
