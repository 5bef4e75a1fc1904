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

"""Which token goes with which request."""

import datetime
import logging
import os
import stat
import threading
from typing import Iterable
from typing import Optional

from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import tokens

LOG = logging.getLogger(__name__)

#: So long before a token expires it is time to make another. Those that
#: "lbcli create jwt" makes last for 30 days.
NOTICE = datetime.timedelta(days=7)

#: What the name of a token file ends in, after that of its project.
SUFFIX = '.jwt'

#: Whose token is taken first for calls in no project.
_FIRST = 'default'


class Credentials:
    """The tokens of one backend.

    A cluster keeps its tenants apart by their tokens. The token in a file
    of the directory is sent with calls in the project that the file is
    named after, and with calls in no other. Projects without a file share
    the common token.

    Calls in no project go with the common token. Without one they go with
    that of ``default.jwt``, or of the first file in the order of names: of
    those that have not expired and were not refused, as far as there are
    such, so that one tenant's token does not cost the others the backend.

    Safe to share between threads, native and green alike.

    :param common: None if only the directory has tokens, or if the cluster
        asks for none
    :param directory: with files named ``<project>.jwt``; each is read when
        it changes
    :param clock: tells the time of day
    """

    def __init__(self, common: Optional[tokens.Token],
                 directory: Optional[str], clock: polling.Clock) -> None:
        self._common = common
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._files: dict[str, tokens.TokenFile] = {}
        # What operators were told, by what it was about.
        self._told: dict[tuple[str, str], object] = {}

    def __repr__(self) -> str:
        return '<Credentials>'

    def check(self) -> None:
        """Refuse a directory that cannot work.

        One tenant's token that has expired is no reason, as long as there
        is another: the others' volumes would be out of reach, too.

        :raises BadToken: if there is no token to use, or a file with
            anything else; names the file
        :raises OSError: if the directory cannot be read
        """
        if self._directory is None:
            return
        now = self._clock.wall()
        with self._lock:
            files = self._read_all(_split(os.listdir(self._directory))[0])
        for file in files:
            if file.trouble:
                raise tokens.BadToken('%s cannot be used: %s' % (
                    file.path, file.trouble))
        faults = {file.path: file.token.fault(now) for file in files
                  if file.token}
        if not self._common and all(faults.values()):
            raise tokens.BadToken(
                '; '.join('%s cannot be used: %s' % item
                          for item in faults.items())
                or 'there is no file named <project>%s in it' % SUFFIX)

    def token(self, project: Optional[str]) -> Optional[tokens.Token]:
        """The token for calls in that project, None for cluster-wide ones.

        :returns: None if none is to be sent
        :raises NoToken: if one is to be sent, and there is none for it
        """
        with self._lock:
            return self._choose(project)

    def another(self, project: Optional[str],
                refused: Optional[tokens.Token]) -> Optional[tokens.Token]:
        """The token to try after the cluster has refused one.

        :param refused: what :meth:`token` gave
        :returns: None if there is no other
        :raises NoToken: if it has been taken away
        """
        with self._lock:
            for file in self._files.values():
                file.refused |= file.token == refused
            chosen = self._choose(project, anew=True)
        return chosen if chosen != refused else None

    def held(self) -> list[tokens.Token]:
        """All tokens as they are now, the common one first."""
        with self._lock:
            files: list[tokens.TokenFile] = []
            if self._directory is not None:
                try:
                    names: Iterable[str] = os.listdir(self._directory)
                except OSError:
                    names = ()
                files = self._read_all(_split(names)[0])
        return ([self._common] if self._common else []) + [
            file.token for file in files if file.token]

    def describe(self, token: Optional[tokens.Token]) -> Optional[str]:
        """Where a token is from and what is known to be wrong with it.

        :returns: None for none
        """
        if token is None:
            return None
        with self._lock:
            wrong = [token.fault(self._clock.wall())] + [
                'the file cannot be used any more: %s' % file.trouble
                for file in self._files.values()
                if file.path == token.source and file.trouble]
        remarks = '; '.join(remark for remark in wrong if remark)
        return token.source + (' (%s)' % remarks if remarks else '')

    def review(self) -> None:
        """Tell operators what they should see to, each thing once.

        That is: tokens that have expired or soon will, files that others
        may read, and files that belong to no project.
        """
        with self._lock:
            files = self._review_directory() if self._directory else []
            held = [file.token for file in files if file.token]
            for token in ([self._common] if self._common else []) + held:
                self._review_token(token)

    def _review_token(self, token: tokens.Token) -> None:
        now = self._clock.wall()
        fault = token.fault(now)
        if fault:
            if self._tell(('token', token.source), (token, fault)):
                LOG.error('The token in %s cannot be used: %s.',
                          token.source, fault)
        elif token.expiry and now >= token.expiry - NOTICE:
            if self._tell(('token', token.source), (token, 'soon')):
                LOG.warning('The token in %s expires at %s. Replace it '
                            'before that.', token.source,
                            token.expiry.isoformat())

    def _review_directory(self) -> list[tokens.TokenFile]:
        assert self._directory is not None  # For mypy.  # nosec B101
        try:
            names = os.listdir(self._directory)
        except OSError as error:
            if self._tell(('directory', self._directory), error.strerror):
                LOG.error('Directory %s of token files cannot be read: %s.',
                          self._directory, error.strerror)
            return self._read_all(self._files)
        self._told.pop(('directory', self._directory), None)
        projects, strange = _split(names)
        strange = [name for name in strange
                   if self._tell(('name', name), True)]
        if strange:
            LOG.warning('In %s these are ignored, for they are not named '
                        'after a LightOS project: %s.', self._directory,
                        ', '.join(map(repr, strange)))
        files = self._read_all(projects)
        public = [path for path in
                  [self._directory] + [file.path for file in files]
                  if _others_may_read(path)
                  and self._tell(('mode', path), True)]
        if public:
            LOG.warning('Everybody on this host may read %s. A token is for '
                        'cinder-volume alone: see to the permissions.',
                        ', '.join(public))
        return files

    def _tell(self, about: tuple[str, str], what: object) -> bool:
        """Whether that is yet to be told."""
        if self._told.get(about) == what:
            return False
        self._told[about] = what
        return True

    def _choose(self, project: Optional[str], anew: bool = False
                ) -> Optional[tokens.Token]:
        if self._directory is None:
            return self._common
        if project is None:
            return self._common or self._choose_any(anew)
        file = self._read(project, anew)
        if file is None and self._common is None:
            raise errors.NoToken('there is no token for LightOS project %s '
                                 'in %s' % (project, self._directory))
        if file is None:
            return self._common
        if file.token is None:
            # Not the common one: somebody wanted another for this project.
            raise errors.NoToken('token file %s cannot be used: %s' % (
                file.path, file.trouble))
        return file.token

    def _choose_any(self, anew: bool) -> tokens.Token:
        assert self._directory is not None  # For mypy.  # nosec B101
        now = self._clock.wall()
        try:
            projects: Iterable[str] = _split(os.listdir(self._directory))[0]
        except OSError:
            # What becomes of the tokens is found out file by file.
            projects = self._files
        best = min(
            ((bool(file.token.fault(now)), file.refused, number, file.token)
             for number, file in enumerate(self._read_all(projects, anew))
             if file.token), default=None, key=lambda one: one[:3])
        if best is None:
            raise errors.NoToken('there is no token in %s' % self._directory)
        return best[3]

    def _read_all(self, projects: Iterable[str], anew: bool = False
                  ) -> list[tokens.TokenFile]:
        """The files of these projects, in the order to choose from them."""
        found = [self._read(project, anew) for project in sorted(
            projects, key=lambda name: (name != _FIRST, name))]
        return [file for file in found if file]

    def _read(self, project: str, anew: bool = False
              ) -> Optional[tokens.TokenFile]:
        """The file of a project; None if there is none."""
        assert self._directory is not None  # For mypy.  # nosec B101
        if not models.PROJECT_NAME.fullmatch(project):
            # It would lead out of the directory.
            return None
        file = self._files.get(project) or tokens.TokenFile(
            os.path.join(self._directory, project + SUFFIX))
        file.refresh(anew)
        if not file.exists:
            self._files.pop(project, None)
            return None
        self._files[project] = file
        return file


def _split(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Tell token files from others that look like them.

    :param names: of all files in the directory
    :returns: the projects of the ones, the names of the others
    """
    projects, strange = [], []
    for name in sorted(names):
        if not name.endswith(SUFFIX):
            continue
        project = name[:-len(SUFFIX)]
        if models.PROJECT_NAME.fullmatch(project):
            projects.append(project)
        else:
            strange.append(name)
    return projects, strange


def _others_may_read(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False
