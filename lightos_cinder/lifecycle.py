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

"""One object on the cluster: have it, find it, change it, have it gone.

Every step reads what is there, works out what is missing, asks for only
that, and reads again until it is so. Doing it twice changes nothing, and a
reply that was lost is resolved by the next reading.
"""

import dataclasses
import operator
from typing import Any
from typing import Callable
from typing import Generic
from typing import Mapping
from typing import Optional
from typing import TypeVar

from oslo_log import log as logging

from lightos_cinder.client import api
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import settling
from lightos_cinder import errors
from lightos_cinder import naming

LOG = logging.getLogger(__name__)

Model = TypeVar('Model', models.Volume, models.Snapshot)

#: What is asked for and what an object has, by what it is called.
Check = Mapping[str, tuple[Any, Any]]

_PACE = polling.Pace()

#: Seconds for tidying up after an operation whose own time may be over.
TIDY_TIMEOUT = 10

#: Seconds for a new name to show on clusters that can rename.
_RENAME_TIMEOUT = 5

#: Seconds for which a node may still show what was before: no object that
#: was just made, and a volume as before its rollback (REST API facts,
#: unknown 30).
_LAG = 3


def _again(error: BaseException) -> bool:
    """Whether to read once more and see what is still to be done."""
    return (isinstance(error, client_errors.LightOSError)
            and error.outcome is not client_errors.Outcome.REFUSED)


def _may_be_done(error: client_errors.LightOSError) -> bool:
    """Whether a request that failed may have been carried out.

    503 is how a busy cluster refuses. It is also what a gateway makes of
    gRPC's UNAVAILABLE when it loses the cluster half way.
    """
    return (error.outcome is client_errors.Outcome.UNKNOWN
            or isinstance(error, client_errors.ApiError)
            and error.status == 503)


class Lifecycle(Generic[Model]):
    """One volume or snapshot, from before it exists to after.

    Methods raise :class:`lightos_cinder.client.errors.LightOSError`.

    :param pick: tells the object's collection from a client
    :param ref: what Cinder knows of the object
    """

    def __init__(self, client: api.LightOSClient,
                 pick: Callable[[api.LightOSClient], api.Collection[Model]],
                 ref: naming.Ref) -> None:
        self._client = client
        self._pick: Callable[[api.LightOSClient],
                             api.Collection[Model]] = pick
        self._collection: api.Collection[Model] = pick(client)
        self._ref = ref
        # When it was seen last, or may have been made.
        self._since: Optional[float] = None
        self._removed_remains = False
        self._remains_stay = False

    def __str__(self) -> str:
        return '%s %s' % (self._collection.noun, self._ref)

    @property
    def ref(self) -> naming.Ref:
        """What is known of the object by now."""
        return self._ref

    def locate(self) -> Optional[Model]:
        """The object, also if it is on its way out; None if there is none.

        :raises NotSettled: if it was there a moment ago
        """
        found = self._look()
        if found is None and self._recent:
            raise errors.NotSettled('%s was there, and is not shown' % self)
        return found

    @property
    def _recent(self) -> bool:
        """Whether a node may not show yet that it is there."""
        return (self._since is not None
                and self._client.deadline.clock.now() - self._since < _LAG)

    def _look(self) -> Optional[Model]:
        """What is shown of the object.

        What has its UUID is it, under whatever name. But Cinder copies the
        provider_id of a volume onto temporary ones: if the name is not its
        own either, and another has that UUID too, it is the other's.
        """
        ref = self._ref
        if ref.uuid:
            try:
                found = self._collection.get(ref.project, ref.uuid)
            except client_errors.NotFound:
                pass
            else:
                if ref.managed or naming.is_own(ref, found.name):
                    return self._remember(found)
                project = ref.inherited() if ref.inherited else None
                if project is None:
                    return self._remember(found)
                self._ref = ref = dataclasses.replace(ref, project=project,
                                                      uuid=None)
        # Also the proof that the project is there and open to us: where it
        # is not, "not found" would not be the cluster's word on the object.
        by_name = self._collection.find(ref.project, ref.name)
        if ref.managed and by_name and by_name.uuid != ref.uuid:
            # It was known by its UUID; a namesake is none of ours.
            return None
        return self._remember(by_name)

    def find(self) -> Model:
        """The object, which shall be there and stay.

        :raises Missing: if it is not there, or on its way out
        :raises Failed: if the cluster could not create it
        """
        found = self.locate()
        if found is None or found.state.gone:
            raise errors.Missing(self._collection.noun, self._ref)
        if found.state is models.State.FAILED:
            raise errors.Failed('%s was never created' % self)
        return found

    def create(self, post: Callable[[], Model],
               check: Callable[[Model], Check]) -> Model:
        """Have the object, as asked and settled.

        :param post: asks the cluster for it
        :param check: compares what was asked for with an object
        :raises Different: if there is one of that name that is not as asked
        """
        made: Optional[Model] = None
        wait = self._waiting()
        # Whether what carries the name now may be, or is, of our making.
        maybe_ours = ours = False
        try:
            for attempt in polling.retrying(self._client.deadline, wait,
                                            _again):
                with attempt:
                    if maybe_ours:
                        made = self._adopt(check)
                    if made is None:
                        try:
                            made = post()
                            ours = True
                        except client_errors.AlreadyExists:
                            made = self._adopt(check)
                            if made is None:
                                raise self._name_held()
                        except client_errors.LightOSError as error:
                            if _may_be_done(error):
                                maybe_ours = True
                                self._touch()
                            raise
            assert made is not None  # For mypy.  # nosec B101
            self._remember(made)
            made = self._settled(made, wait)
            self._compare(made, check)
            return made
        except client_errors.LightOSError as error:
            if ours:
                self._tidy(error)
            elif maybe_ours and not isinstance(error, errors.Different):
                # Only if it is as asked: anything else was there before.
                self._tidy(error, check)
            raise

    def change(self: 'Lifecycle[models.Volume]',
               wanted: Callable[[models.Volume],
                                Optional[Mapping[str, Any]]],
               seen: Optional[models.Volume] = None) -> models.Volume:
        """Change the volume until there is nothing left to change.

        Compare and swap: a change is made to what was read, or not at all.

        :param wanted: what of a volume is to be changed; None if nothing
        :param seen: what has just been read, in place of a first look
        """
        volumes = self._client.volumes
        wait = self._waiting()
        accepted = None
        for attempt in polling.retrying(self._client.deadline, wait,
                                        _again):
            with attempt:
                volume, seen = seen or self.find(), None
                if not volume.state.usable:
                    raise errors.NotSettled('%s is %s' % (
                        self, volume.state.value))
                change = wanted(volume)
                if change is None:
                    wait.settled()
                    return volume
                if not volume.etag or volume.etag != accepted:
                    try:
                        volumes.update(self._ref.project, volume.uuid,
                                       change, volume.etag)
                    except client_errors.NotFound:
                        # Or is it what the change names?
                        self.find()
                        raise
                    accepted = volume.etag
                    wait.asked('update ' + ', '.join(sorted(change)))
                # "Accepted" is not "done": look again.
                raise errors.NotSettled('%s does not show the change yet'
                                        % self)
        raise AssertionError('a retrying loop returns or raises')

    def rename(self: 'Lifecycle[models.Volume]', name: str,
               seen: Optional[models.Volume] = None) -> bool:
        """Give the volume that name, if the cluster can.

        Versions before labels and newName came ignore the wish without a
        word (REST API facts, 7): it is given up after a while.

        :param seen: what has just been read, in place of a first look
        :returns: whether it has that name now
        :raises AlreadyExists: if another volume has it
        """
        # By its UUID, under whichever of the names.
        ref = dataclasses.replace(self._ref, managed=True)
        hurried = Lifecycle(self._client.renewed(_RENAME_TIMEOUT),
                            self._pick, ref)
        try:
            hurried.change(lambda volume: None if volume.name == name
                           else api.renamed(name), seen)
        except (errors.NotSettled, client_errors.BadRequest,
                client_errors.Unimplemented) as error:
            # It may be busy with that all the same, and come to it late.
            patient = Lifecycle(self._client, self._pick, ref)
            if patient.change(lambda volume: None).name == name:
                return True
            LOG.info('%s keeps its name on the cluster: %s', self, error)
            return False
        return True

    def roll_back(self: 'Lifecycle[models.Volume]',
                  snapshot: models.Snapshot,
                  seen: Optional[models.Volume] = None) -> models.Volume:
        """Give the volume the content and the size of its snapshot.

        Asked for again where it is unknown whether it was done: nobody
        writes to a volume that is being reverted. A node may show for a
        moment what was before. That it is over tells the ETag, or that it
        was seen under way; and time, as some versions may keep the ETag.

        :param seen: what has just been read, in place of a first look
        """
        clock = self._client.deadline.clock
        accepted: Optional[float] = None
        wait = self._waiting()
        before = ''
        moved = False
        for attempt in polling.retrying(self._client.deadline, wait,
                                        _again):
            with attempt:
                volume, seen = seen or self.find(), None
                moved |= accepted is not None and (
                    not volume.state.usable or volume.etag != before)
                if not volume.state.usable:
                    raise errors.NotSettled('%s is %s' % (
                        self, volume.state.value))
                if accepted is not None and volume.size == snapshot.size and (
                        moved or clock.now() - accepted >= _LAG):
                    wait.settled()
                    return volume
                if accepted is None:
                    before = volume.etag
                    try:
                        self._client.volumes.roll_back(
                            self._ref.project, volume.uuid, snapshot.uuid)
                    except client_errors.NotFound:
                        self.find()
                        raise
                    accepted = clock.now()
                    wait.asked('rollback')
                raise errors.NotSettled('%s is not rolled back yet' % self)
        raise AssertionError('a retrying loop returns or raises')

    def delete(self, check: Optional[Callable[[Model], Check]] = None
               ) -> None:
        """Have no such object, nor one that will stay.

        :param check: tells an object that must not be touched
        :raises Different: if it is one
        :raises StillBusy: if it was refused for now until the time was up;
            then, and only then, the object is as it was
        """
        asked = accepted = False
        for attempt in polling.retrying(self._client.deadline, _PACE,
                                        _again):
            with attempt:
                found = self._look() if accepted else self.locate()
                if found is None or found.state.gone:
                    return
                if check:
                    self._compare(found, check)
                try:
                    self._collection.delete(self._ref.project, found.uuid)
                    asked = accepted = True
                except client_errors.LightOSError as error:
                    if found.state is models.State.FAILED and isinstance(
                            error, (client_errors.BadRequest,
                                    client_errors.PreconditionFailed)):
                        # Some versions cannot delete what they failed to
                        # create; it holds no data and frees its name.
                        LOG.info('LightOS keeps the remains of %s, which it '
                                 'had failed to create.', self)
                        return
                    asked |= error.outcome is client_errors.Outcome.UNKNOWN
                    # A second request to delete is refused, and 404 says
                    # that somebody else was faster.
                    if (error.outcome is client_errors.Outcome.REFUSED
                            and self._going()):
                        return
                    if (error.outcome
                            is client_errors.Outcome.REFUSED_FOR_NOW
                            and found.state.usable and not asked):
                        raise errors.StillBusy(self._collection.noun,
                                               self._ref, error) from error
                    raise
                polling.wait_until(self._going, bool, self._client.deadline,
                                   '%s to be deleted' % self, _PACE)

    def renewed(self) -> 'Lifecycle[Model]':
        """The same object, with a little time of its own to tidy up."""
        same = Lifecycle(self._client.renewed(TIDY_TIMEOUT), self._pick,
                         self._ref)
        same._since = self._since
        return same

    def _tidy(self, cause: client_errors.LightOSError,
              check: Optional[Callable[[Model], Check]] = None) -> None:
        """Delete what a failed creation leaves; never fail for that.

        :param check: tells an object that must not be touched
        """
        try:
            self.renewed().delete(check)
        except client_errors.LightOSError as error:
            LOG.error('%s may be left on the cluster, where its creation '
                      'failed (%s) and so did its deletion: %s', self, cause,
                      error)

    def _adopt(self, check: Callable[[Model], Check]) -> Optional[Model]:
        """The object that holds the name, if it is what was asked for.

        :returns: None if there is none, or only remains that stay
        """
        found = self._collection.find(self._ref.project, self._ref.name)
        if found is None:
            return None
        if found.state.gone:
            raise errors.NotSettled('%s is still being deleted' % self)
        if found.state is models.State.FAILED:
            # The remains of an attempt that failed: out of the way, if
            # this version of LightOS can.
            if self._removed_remains:
                self._remains_stay = True
                return None
            self._removed_remains = True
            Lifecycle(self._client, self._pick, dataclasses.replace(
                self._ref, uuid=found.uuid, managed=True)).delete()
            raise errors.NotSettled('%s had failed before' % self)
        self._compare(found, check)
        return found

    def _name_held(self) -> client_errors.LightOSError:
        if self._remains_stay:
            return errors.Failed('%s had failed to be created before, and '
                                 'its name is still held' % self)
        return errors.NotSettled('the name of %s is held, and no longer '
                                 'shown' % self)

    def _settled(self, made: Model, wait: settling.Wait) -> Model:
        """Wait until a new object can be used."""
        def done(seen: Model) -> bool:
            if seen.state is models.State.FAILED:
                raise errors.Failed('the cluster failed to create %s' % self)
            if seen.state.gone:
                raise errors.Failed('%s was deleted while it was created'
                                    % self)
            return seen.state.usable

        def look() -> Model:
            try:
                return self._collection.get(self._ref.project, made.uuid)
            except client_errors.NotFound:
                if self._recent:
                    return made
                raise

        wait.asked('create ' + self._collection.noun)
        settled = polling.wait_until(
            look, done, self._client.deadline, '%s to be available' % self,
            wait, seen=made)
        wait.settled()
        return settled

    def _waiting(self) -> settling.Wait:
        return settling.Wait(self._client.settle_times, _PACE)

    def _going(self) -> bool:
        found = self._look()
        return found is None or found.state.gone

    def _remember(self, found: Optional[Model]) -> Optional[Model]:
        """Speak of the object by its UUID alone from now on.

        As it goes another may have its name, or be given it.
        """
        if found is not None:
            self._ref = dataclasses.replace(self._ref, uuid=found.uuid,
                                            managed=True)
            self._touch()
        return found

    def _touch(self) -> None:
        """It is there, or may be."""
        self._since = self._client.deadline.clock.now()

    def _compare(self, found: Model, check: Callable[[Model], Check]
                 ) -> None:
        different = {name: pair for name, pair in check(found).items()
                     if pair[0] != pair[1]}
        if different:
            raise errors.Different('%s is not as asked: %s' % (
                self, '; '.join(
                    '%s is %s instead of %s' % (name, has, asked)
                    for name, (asked, has) in different.items())))


def of_volume(client: api.LightOSClient, ref: naming.Ref
              ) -> Lifecycle[models.Volume]:
    """The lifecycle of a volume, within the time of that client."""
    return Lifecycle(client, operator.attrgetter('volumes'), ref)


def of_snapshot(client: api.LightOSClient, ref: naming.Ref
                ) -> Lifecycle[models.Snapshot]:
    """The lifecycle of a snapshot, within the time of that client."""
    return Lifecycle(client, operator.attrgetter('snapshots'), ref)
