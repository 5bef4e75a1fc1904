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

"""What a backend can fail with, and what that means to Cinder."""

import contextlib
from typing import Iterator
from typing import Optional

from cinder import exception
from cinder.i18n import _

from lightos_cinder.client import errors
from lightos_cinder import naming


class Missing(errors.LightOSError):
    """The object is not on the cluster, or on its way out.

    :param noun: volume or snapshot
    """

    outcome = errors.Outcome.REFUSED

    def __init__(self, noun: str, ref: naming.Ref) -> None:
        self.noun = noun
        self.ref = ref
        super().__init__('%s %s is not on the cluster' % (noun, ref))


class StillBusy(errors.LightOSError):
    """The object was refused to be deleted for now, and is as before.

    :param noun: volume or snapshot
    """

    outcome = errors.Outcome.REFUSED_FOR_NOW

    def __init__(self, noun: str, ref: naming.Ref,
                 cause: errors.LightOSError) -> None:
        self.noun = noun
        self.ref = ref
        super().__init__('%s %s is busy: %s' % (noun, ref, cause))


class Different(errors.LightOSError):
    """The object is on the cluster and is not what was asked for."""

    outcome = errors.Outcome.REFUSED


class Failed(errors.LightOSError):
    """The cluster could not create the object."""

    outcome = errors.Outcome.REFUSED


class NotSettled(errors.LightOSError):
    """The object is busy becoming something, or about to be gone."""

    outcome = errors.Outcome.REFUSED_FOR_NOW


@contextlib.contextmanager
def translated(ref: Optional[naming.Ref] = None,
               asked: Optional[object] = None) -> Iterator[None]:
    """Turn what the client and the backend raise into Cinder's errors.

    The manager acts on a few of them: a missing volume ends a detach, a
    busy one goes back to the status it had.

    :param ref: what the operation is about
    :param asked: what was asked for, if that can be why it was refused
    """
    try:
        yield
    except errors.LightOSError as error:
        raise _meaning(error, ref, asked) from error


def _meaning(error: errors.LightOSError, ref: Optional[naming.Ref],
             asked: Optional[object]) -> exception.CinderException:
    if isinstance(error, Missing):
        if error.noun == 'snapshot':
            return exception.SnapshotNotFound(
                snapshot_id=error.ref.cinder_id)
        return exception.VolumeNotFound(volume_id=error.ref.cinder_id)
    if isinstance(error, StillBusy):
        # With the cluster's words: theirs would speak of snapshots.
        if error.noun == 'snapshot':
            return exception.SnapshotIsBusy(str(error))
        return exception.VolumeIsBusy(str(error))
    return exception.VolumeBackendAPIException(
        data=explain(error, ref, asked))


def explain(error: errors.LightOSError,
            ref: Optional[naming.Ref] = None,
            asked: Optional[object] = None) -> str:
    """Say what was refused and, where it is known, what to do."""
    # Collected, for a lazily translated text cannot be added to another.
    said = [str(error)]
    if asked and isinstance(error, errors.ApiError):
        said.append(_('Asked for was %s') % asked)
    if isinstance(error, errors.Unauthenticated):
        said.append(_('The cluster does not accept the token in %s: it may '
                      'have expired, its credential may be gone, or there '
                      'is none.') % (error.credential or 'lightos_jwt'))
    # To the token of a project that is gone, a cluster answers with 401.
    if ref and isinstance(error, (errors.Unauthenticated, errors.Forbidden,
                                  errors.NotFound)):
        said.append(_('Check that LightOS project %(project)s, which extra '
                      'spec lightos:project_name of the volume type names, '
                      'exists, and that the token in %(token)s has a role '
                      'in it.')
                    % {'project': ref.project,
                       'token': error.credential or 'lightos_jwt'})
    elif ref and isinstance(error, errors.InvalidRequest):
        said.append(_('Check provider_id of %(id)s, and extra spec '
                      'lightos:project_name of its volume type: they say '
                      'that its LightOS project is %(project).300r')
                    % {'id': ref.cinder_id, 'project': ref.project})
    elif isinstance(error, errors.NoToken):
        said.append(_('Put one into lightos_jwt_dir as <project>.jwt, or '
                      'into lightos_jwt, which serves projects without a '
                      'file.'))
    elif isinstance(error, errors.Untrusted):
        said.append(_('Options driver_ssl_cert_verify, driver_ssl_cert_path '
                      'and lightos_tls_fingerprints say whom to trust.'))
    elif isinstance(error, errors.Unreachable):
        said.append(_('Check lightos_api_address and lightos_api_port, and '
                      'that this host is let through to them.'))
    return '. '.join(said)
