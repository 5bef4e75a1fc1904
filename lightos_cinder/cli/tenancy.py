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

"""A LightOS project for a tenant, with what it takes to get in.

Each step reads what is there, asks for what is missing, and reads again:
repeating it changes nothing, and after an interruption it goes on.
"""

import dataclasses
import datetime
import os
from typing import Callable
from typing import Iterator
from typing import Optional

from lightos_cinder.cli import base
from lightos_cinder.cli import errors
from lightos_cinder.cli import keys
from lightos_cinder.client import api
from lightos_cinder.client import credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import polling
from lightos_cinder.client import tokens
from lightos_cinder import errors as driver_errors
from lightos_cinder import options

_PACE = polling.Pace()

#: Seconds in which a node that is up tells whether it accepts a token.
_NODE = 5

#: Where clusters have what is theirs.
SYSTEM = 'system'


@dataclasses.dataclass(frozen=True)
class InUse:
    """The token that cinder-volume finds for a project.

    :param token: None if there is none that can be read
    :param credential: that it was signed with; empty if it does not say
    :param fault: why it cannot be used; None if the cluster accepts it
    """

    token: Optional[tokens.Token] = None
    credential: str = ''
    fault: Optional[str] = None


class Tenant:
    """A LightOS project and its token file.

    Methods raise :class:`lightos_cinder.client.errors.LightOSError` and
    :class:`lightos_cinder.cli.errors.CommandError`.

    :param settings: of the backend, with the token of an administrator of
        the cluster
    :param admin: the API with that token, for one operation
    :param folder: lightos_jwt_dir
    :param say: tells what was done
    """

    def __init__(self, name: str, settings: options.Settings,
                 admin: api.LightOSClient, folder: str,
                 say: Callable[[str], None]) -> None:
        self._name = name
        self._settings = settings
        self._admin = admin
        self._clock = admin.deadline.clock
        self._say = say
        self.path = os.path.join(folder, name + credentials.SUFFIX)

    def exists(self) -> bool:
        """Whether there is such a project."""
        return self._name in [one.name for one
                              in self._admin.list_projects()]

    def credentials(self) -> list[str]:
        """The IDs of the credentials of the project."""
        return sorted(one.id for one
                      in self._admin.list_credentials(self._name))

    def in_use(self) -> InUse:
        """The token in the file, and whether the cluster accepts it."""
        file = tokens.TokenFile(self.path)
        file.refresh()
        if file.token is None:
            return InUse(fault=file.trouble or 'there is no such file')
        project, credential = keys.credential_of(file.token)
        if project != self._name:
            return InUse(file.token, fault='it is not of a credential of '
                         'this project')
        fault = file.token.fault(self._clock.wall())
        if fault is None:
            try:
                self._try(file.token)
            except (client_errors.Unauthenticated,
                    client_errors.Forbidden) as error:
                fault = 'the cluster does not accept it: %s' % error
        return InUse(file.token, credential, fault)

    def have_project(self, description: str) -> bool:
        """Have the project; whether it had to be made."""
        if self.exists():
            return False
        self._until(self.exists, lambda: self._admin.create_project(
            self._name, description))
        self._say('LightOS project %s: made.' % self._name)
        return True

    def issue(self, lifetime: datetime.timedelta, owner: Optional[str]
              ) -> str:
        """Have a new credential, and a token of it in the file.

        :param owner: of the file; see :func:`keys.write`
        :returns: the ID of the credential
        """
        key = keys.Key(self._name)
        self._until(lambda: key.credential in self.credentials(),
                    lambda: self._admin.create_credential(
                        self._name, key.credential, key.public()))
        try:
            token = key.token(lifetime, self._clock.wall(), self.path)
            try:
                self._accepted(token)
            finally:
                # That may have taken all the time there was.
                self._admin = self._admin.renewed(
                    self._settings.operation_timeout)
            keys.write(self.path, token, owner)
        except BaseException:
            # Of no use to anybody: its private key is gone with this.
            self.remove_credential(key.credential)
            raise
        self._say('Credential %s: made.' % key.credential)
        assert token.expiry  # For mypy.  # nosec B101
        reader = keys.owner_of(self.path)
        self._say('Token file %s: written for user %s alone, and good until '
                  '%s.' % (self.path, reader, token.expiry.isoformat()))
        if reader == 'root':
            self._say('If cinder-volume runs as another user, it cannot read '
                      'that: chown it, and give --owner the next time.')
        return key.credential

    def remove_credential(self, credential: str) -> None:
        """Have no such credential, nor any token of it that is accepted."""
        self._until(lambda: credential not in self.credentials(),
                    lambda: _gone(lambda: self._admin.delete_credential(
                        self._name, credential)))
        self._say('Credential %s: removed.' % credential)

    def remove_token(self) -> None:
        """Have no token file."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise errors.CommandError(
                'Token file %s cannot be removed: %s'
                % (self.path, error.strerror)) from None
        self._say('Token file %s: removed.' % self.path)

    def remove_project(self) -> None:
        """Have no such project.

        What the cluster is still deleting in it takes some minutes, during
        which it refuses (REST API facts, 5).
        """
        self._until(lambda: not self.exists(),
                    lambda: _gone(lambda: self._admin.delete_project(
                        self._name)), client_errors.BadRequest)
        self._say('LightOS project %s: deleted.' % self._name)

    def held(self) -> tuple[list[str], list[str]]:
        """The names of the volumes and of the snapshots in the project."""
        return (sorted(_staying(self._admin.volumes.list(self._name))),
                sorted(_staying(self._admin.snapshots.list(self._name))))

    def _accepted(self, token: tokens.Token) -> None:
        """Wait until the cluster accepts a new token."""
        # A node may not know the credential yet, and cinder-volume may ask
        # any of them.
        for attempt in polling.retrying(
                self._admin.deadline, _PACE,
                lambda error: isinstance(error,
                                         client_errors.Unauthenticated)):
            with attempt:
                self._try(token)
                for endpoint in self._settings.endpoints:
                    self._try_at(endpoint, token)

    def _try_at(self, endpoint: endpoints.Endpoint, token: tokens.Token
                ) -> None:
        """Try a token at one node; of one that is down it tells nothing."""
        try:
            seconds = min(_NODE, self._settings.request_timeout)
            self._try(token, dataclasses.replace(
                self._settings, endpoints=(endpoint,),
                request_timeout=seconds, operation_timeout=seconds))
        except (client_errors.Unauthenticated, client_errors.Forbidden):
            raise
        except client_errors.LightOSError:
            pass

    def _try(self, token: tokens.Token,
             settings: Optional[options.Settings] = None) -> None:
        with base.connected(
                settings or self._settings, credentials.Credentials(
                    token, None, self._clock)) as client:
            client.probe_project(self._name)

    def _until(self, done: Callable[[], bool], act: Callable[[], None],
               *refused: type[client_errors.LightOSError]) -> None:
        """Ask for something until it is so.

        :param refused: what is raised while it has to wait
        """
        def again(error: BaseException) -> bool:
            return isinstance(error, refused) or (
                isinstance(error, client_errors.LightOSError)
                and error.outcome is not client_errors.Outcome.REFUSED)

        asked = False
        for attempt in polling.retrying(self._admin.deadline, _PACE, again):
            with attempt:
                # What was asked for may have been done with no reply.
                if asked and done():
                    return
                asked = True
                try:
                    act()
                except client_errors.AlreadyExists:
                    pass
                if not done():
                    raise driver_errors.NotSettled('it is not done yet')


def _gone(act: Callable[[], None]) -> None:
    try:
        act()
    except client_errors.NotFound:
        pass


def _staying(found: Iterator[api.Model]) -> Iterator[str]:
    return (one.name for one in found if not one.state.gone)
