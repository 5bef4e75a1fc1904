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

"""A cluster in memory, in the place of a client of the API.

It knows just enough to see a lifecycle through; that a real cluster is
such is for the functional tests to show.
"""

import copy
import dataclasses
import itertools

from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import settling
from tests.unit import fake_clock

State = models.State


def answered(kind, status=0):
    """What the cluster answers instead of doing it."""
    return kind(status, None, 'the words of the cluster', 'X', '/api/v2/x')


def busy():
    return answered(errors.Busy, 503)


def lost():
    """No reply came to what was sent."""
    return errors.ReplyLost('X', '/api/v2/x', '10.0.0.1:443', 'timed out')


class Collection:
    """Objects that change their state some time after they are asked to.

    :ivar calls: what was asked for, in order: the name of the method, and
        the UUID or the name of the object
    :ivar takes: seconds for a change of state
    """

    noun = ''

    def __init__(self, clock):
        self.clock = clock
        self.calls = []
        self.takes = 1.0
        #: Whether what failed to be created cannot be deleted.
        self.keeps_remains = False
        #: Whether it frees its name all the same.
        self.remains_free_names = False
        #: Whether what is created fails to be.
        self.fails_to_create = False
        self._objects = {}
        self._later = []
        self._faults = {}
        self._going = {}
        self._hidden = []
        self._stale = ('', 0)
        self._shown = []
        self._uuids = itertools.count(1)

    # For tests

    def put(self, **fields):
        """Have an object there already."""
        made = dataclasses.replace(self._blank(), **dict(
            {'uuid': '%s-%d' % (self.noun, next(self._uuids)),
             'project': 'tenant', 'state': State.AVAILABLE, 'etag': '1'},
            **fields))
        self._objects[made.uuid] = made
        return made

    def now(self):
        """All that is there now, by UUID."""
        self._elapse()
        return dict(self._objects)

    def amend(self, uuid, **fields):
        """Change an object as if by somebody else."""
        self._objects[uuid] = dataclasses.replace(self._objects[uuid],
                                                  **fields)

    def after(self, seconds, change):
        """Do something when so much time has passed."""
        self._later.append((self.clock.now() + seconds, change))

    def refuse(self, method, *faults):
        """Answer calls of a method with these errors, one after another.

        :param faults: None for a call that succeeds
        """
        self._faults[method] = iter(
            [fault and (fault, False) for fault in faults])

    def refuse_always(self, method, error):
        """Answer all calls of a method with that error."""
        self._faults[method] = itertools.repeat((error, False))

    def lose_reply(self, method, error=None):
        """Carry out the next call of a method, but do not say so."""
        self._faults[method] = iter([(error or lost(), True)])

    def stale_reads(self, method, count):
        """Show so often what was before a method is called."""
        self._stale = (method, count)

    def hide(self, after, count):
        """Show nothing to so many looks, after so many that see it."""
        self._hidden = [False] * after + [True] * count

    def goes_with(self, method, uuid):
        """Have an object vanish as a method is called."""
        self._going[method] = uuid

    def count(self, method):
        return len([call for call in self.calls if call[0] == method])

    # As api.Collection

    def get(self, project, uuid):
        def get():
            if self._is_hidden():
                raise answered(errors.NotFound, 404)
            return (self._shown.pop() if self._shown
                    else self._of(project, uuid))

        return self._perform('get', uuid, get)

    def find(self, project, name):
        def find():
            if self._is_hidden():
                return None
            found = [one for one in self._objects.values()
                     if (one.project, one.name) == (project, name)]
            staying = [one for one in found if not one.state.gone]
            return (staying + found + [None])[0]

        return self._perform('find', name, find)

    def delete(self, project, uuid):
        def delete():
            found = self._of(project, uuid)
            if found.state.gone or (found.state is State.FAILED
                                    and self.keeps_remains):
                raise answered(errors.BadRequest, 400)
            self.amend(uuid, state=State.DELETING)
            self.after(self.takes, lambda: self._objects.pop(uuid, None))

        self._perform('delete', uuid, delete)

    def _create(self, project, name, **fields):
        def create():
            if any((one.project, one.name) == (project, name)
                   and not one.state.gone
                   and not (one.state is State.FAILED
                            and self.remains_free_names)
                   for one in self._objects.values()):
                raise answered(errors.AlreadyExists, 409)
            made = self.put(project=project, name=name,
                            state=State.CREATING, **fields)
            end = State.FAILED if self.fails_to_create else State.AVAILABLE

            def settle():
                if (self._objects.get(made.uuid)
                        and self._objects[made.uuid].state
                        is State.CREATING):
                    self.amend(made.uuid, state=end)

            self.after(self.takes, settle)
            return made

        return self._perform('create', name, create)

    # Inside

    def _perform(self, method, what, action):
        self._elapse()
        self.calls.append((method, what))
        if method == self._stale[0]:
            self._shown = [self._objects[what]] * self._stale[1]
        if method in self._going:
            self._objects.pop(self._going[method], None)
        fault, applied = next(self._faults.get(method, iter(())),
                              None) or (None, True)
        result = action() if applied else None
        if fault:
            raise fault
        return result

    def _is_hidden(self):
        return bool(self._hidden) and self._hidden.pop(0)

    def _elapse(self):
        due = [change for at, change in self._later
               if at <= self.clock.now()]
        self._later = [(at, change) for at, change in self._later
                       if at > self.clock.now()]
        for change in due:
            change()

    def _of(self, project, uuid):
        found = self._objects.get(uuid)
        if found is None or found.project != project:
            raise answered(errors.NotFound, 404)
        return found


class Volumes(Collection):
    """In the place of api.Volumes.

    :ivar changes: every change that was asked for, with its ETag
    :ivar shows_updating: whether a change is seen to be under way
    :ivar ignores_changes: whether nothing comes of a change
    :ivar cannot_rename: whether nothing comes of a new name
    """

    noun = 'volume'

    def __init__(self, clock):
        super().__init__(clock)
        self.changes = []
        self.shows_updating = True
        self.ignores_changes = False
        self.cannot_rename = False
        #: Size and ACL that a rollback brings back, by UUID of a snapshot.
        self.contents = {}

    def create(self, project, *, name, size, replicas, compression, acl,
               ip_acl, source_snapshot_uuid=None, qos_policy=None):
        return self._create(
            project, name, size=size, replicas=replicas,
            compression=compression, acl=frozenset(acl),
            ip_acl=frozenset(ip_acl),
            source_snapshot_uuid=source_snapshot_uuid or '',
            qos_policy_name=qos_policy or '')

    def update(self, project, uuid, change, etag=None):
        def update():
            found = self._of(project, uuid)
            if not found.state.usable:
                raise busy()
            if etag and etag != found.etag:
                raise answered(errors.PreconditionFailed, 412)
            if self.ignores_changes:
                return
            if self.shows_updating:
                self.amend(uuid, state=State.UPDATING,
                           etag=self._next(found.etag))
            self.after(self.takes, lambda: self._apply(uuid, change))

        self.changes.append((dict(change), etag))
        self._perform('update', uuid, update)

    def roll_back(self, project, uuid, snapshot_uuid):
        def roll_back():
            found = self._of(project, uuid)
            if not found.state.usable:
                raise busy()
            self.amend(uuid, state=State.ROLLBACK,
                       etag=self._next(found.etag))
            self.after(self.takes, lambda: self.amend(
                uuid, state=State.AVAILABLE,
                **self.contents[snapshot_uuid]))

        self._perform('roll_back', uuid, roll_back)

    def _apply(self, uuid, change):
        fields = {}
        if 'size' in change:
            fields['size'] = int(change['size'])
        if 'compression' in change:
            fields['compression'] = change['compression'] == 'true'
        for key, field in (('acl', 'acl'), ('IPAcl', 'ip_acl')):
            if key in change:
                fields[field] = frozenset(change[key]['values'])
        for key, field in (('qosPolicyName', 'qos_policy_name'),
                           ('qosPolicyUUID', 'qos_policy_uuid'),
                           ('newName', 'name')):
            if key in change and not (key == 'newName'
                                      and self.cannot_rename):
                fields[field] = change[key]
        self.amend(uuid, state=State.AVAILABLE,
                   etag=self._next(self._objects[uuid].etag), **fields)

    @staticmethod
    def _next(etag):
        return etag and str(int(etag) + 1)

    @staticmethod
    def _blank():
        return models.Volume.from_json({})


class Snapshots(Collection):
    """In the place of api.Snapshots."""

    noun = 'snapshot'

    def __init__(self, clock):
        super().__init__(clock)
        self.retentions = []

    def create(self, project, *, name, source_volume_uuid, retention=None):
        self.retentions.append(retention)
        return self._create(project, name,
                            source_volume_uuid=source_volume_uuid)

    @staticmethod
    def _blank():
        return models.Snapshot.from_json({})


class Client:
    """In the place of api.LightOSClient."""

    def __init__(self, clock=None, seconds=100):
        self.clock = clock or fake_clock.FakeClock()
        self.deadline = polling.Deadline(self.clock, seconds)
        self.settle_times = settling.SettleTimes(self.clock)
        self.volumes = Volumes(self.clock)
        #: Projects with the UUIDs of their default QoS policies.
        self.projects = {}
        self.snapshots = Snapshots(self.clock)

    def get_project(self, name):
        """Only what is in ``projects`` is open to us."""
        if name not in self.projects:
            raise answered(errors.Forbidden, 403)
        return models.Project(name, self.projects[name])

    def renewed(self, seconds):
        """The same cluster, for so much time from now."""
        renewed = copy.copy(self)
        renewed.deadline = polling.Deadline(self.clock, seconds)
        return renewed
