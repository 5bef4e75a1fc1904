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
    """The object is not on the cluster, or on its way out."""

    outcome = errors.Outcome.REFUSED


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
def translated(volume: Optional[naming.Ref] = None,
               snapshot: Optional[naming.Ref] = None,
               asked: Optional[object] = None) -> Iterator[None]:
    """Turn what the client and the backend raise into Cinder's errors.

    The manager acts on a few of them: a missing object ends a detach, a
    busy one goes back to the status it had.

    :param volume: what the operation is about, unless about a snapshot
    :param snapshot: what the operation is about
    :param asked: what was asked for, if that can be why it was refused
    """
    try:
        yield
    except Missing as error:
        if snapshot:
            raise exception.SnapshotNotFound(
                snapshot_id=snapshot.cinder_id) from error
        if volume:
            raise exception.VolumeNotFound(
                volume_id=volume.cinder_id) from error
        raise exception.VolumeBackendAPIException(data=error) from error
    except errors.LightOSError as error:
        raise exception.VolumeBackendAPIException(
            data=explain(error, snapshot or volume, asked)) from error


@contextlib.contextmanager
def busy_is_harmless(volume: Optional[naming.Ref] = None,
                     snapshot: Optional[naming.Ref] = None
                     ) -> Iterator[None]:
    """Let a delete that was refused for now leave the object as it was."""
    try:
        yield
    except errors.LightOSError as error:
        if error.outcome is not errors.Outcome.REFUSED_FOR_NOW:
            raise
        if snapshot:
            raise exception.SnapshotIsBusy(
                snapshot_name=snapshot.name) from error
        if volume:
            raise exception.VolumeIsBusy(volume_name=volume.name) from error
        raise


def explain(error: errors.LightOSError,
            ref: Optional[naming.Ref] = None,
            asked: Optional[object] = None) -> str:
    """Say what was refused and, where it is known, what to do."""
    text = str(error)
    if asked and isinstance(error, errors.ApiError):
        text += _('. Asked for was %s') % asked
    if isinstance(error, errors.Unauthenticated):
        text += _('. The cluster does not accept the token in lightos_jwt: '
                  'it may have expired or its credential may be gone.')
    elif isinstance(error, (errors.Forbidden, errors.NotFound)) and ref:
        text += _('. Check that LightOS project %s, which extra spec '
                  'lightos:project_name of the volume type names, exists, '
                  'and that the token in lightos_jwt has a role in it.'
                  ) % ref.project
    elif isinstance(error, errors.Untrusted):
        text += _('. Options driver_ssl_cert_verify, driver_ssl_cert_path '
                  'and lightos_tls_fingerprints say whom to trust.')
    return text
