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

"""The command ``audit``."""

import argparse
import collections
import contextlib
import dataclasses
from typing import Any
from typing import Iterable
from typing import Sequence

from cinder.i18n import _
from cliff import lister

from lightos_cinder import backend
from lightos_cinder.cli import base
from lightos_cinder.cli import cinder_conf
from lightos_cinder.cli import comparison
from lightos_cinder.cli import errors
from lightos_cinder.cli import inventory
from lightos_cinder.cli import mending
from lightos_cinder.cli import progress
from lightos_cinder.client import api
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import transport
from lightos_cinder import options

_COLUMNS = ('Kind', 'Object', 'LightOS project', 'Finding', 'What to do')

_EPILOG = """\
kinds of findings:
  lost         Cinder has it, and the cluster does not
  size         it is larger or smaller than Cinder knows
  no access    a host has an attachment, and no access
  access       a host has access, and no attachment
  unconfirmed  the driver was to find out about an attachment, and did not
  orphan       it is on the cluster, and Cinder has no record of it
  leftover     a temporary snapshot, left by a clone that was interrupted

What is under way as the audit runs is not told: a finding is what was found
twice. Cinder's records are read in its database, with the [database] of
cinder.conf: its API does not tell which hosts attachments are of.

exit status:
  0 nothing was found; 1 there are findings, or something could not be read
  or mended, and was told; 2 the command line is wrong

examples:
  lightos-cinder audit
  lightos-cinder audit -f json
  sudo -u cinder lightos-cinder audit --fix
"""


@dataclasses.dataclass(frozen=True, eq=False)
class _Backend:
    """A backend of Cinder, with a way to its cluster."""

    section: cinder_conf.Section
    settings: options.Settings
    connection: transport.Transport

    def client(self) -> api.LightOSClient:
        """The API for one reading, whose time begins now."""
        return base.client_of(self.connection,
                              self.settings.operation_timeout)

    def mender(self) -> mending.Mender:
        """What can be put right there."""
        return mending.Mender(
            self.section.name,
            backend.Backend(self.connection, self.settings.operation_timeout,
                            self.settings.use_ip_acl),
            self.settings.ip_acl_networks)


@dataclasses.dataclass(frozen=True)
class _Look:
    """What was found by looking once.

    :param unread: why something of Cinder's could not be read
    """

    findings: Sequence[tuple[_Backend, comparison.Finding]]
    unread: Sequence[str]


class Audit(base.Base, lister.Lister):
    """Compare Cinder's records with what the clusters have.

    Volumes, snapshots and the access of hosts: what only one side knows, and
    what both know differently. Nothing is changed without --fix.
    """

    epilog = _EPILOG

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of this command."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--fix', action='store_true',
            help='put right what can neither lose data nor cut off a host '
                 'that is attached, after showing it and asking')
        parser.add_argument(
            '--yes', action='store_true', help='do not ask before that')
        parser.add_argument(
            '--foreign', action='store_true',
            help='tell also of objects whose names are not of the kind that '
                 'Cinder gives')
        return parser

    def take_action(self, parsed_args: Any
                    ) -> tuple[Sequence[str], Iterable[Sequence[str]]]:
        """Look, mend if asked for, and look again."""
        sections = [(section, section.settings())
                    for section in self.sections()]
        chosen = self.app.options
        inventory.open_database(chosen.config_file or (),
                                chosen.config_dir or ())
        cinder = inventory.Cinder({
            section.name: settings.ip_acl_networks
            for section, settings in sections})
        named = ((lambda name: True) if parsed_args.foreign
                 else inventory.named_by_cinder)
        with contextlib.ExitStack() as stack:
            backends = [_Backend(section, settings, stack.enter_context(
                base.reached(settings))) for section, settings in sections]
            clusters, away = _by_cluster(backends)
            auditor = _Auditor(cinder, clusters, named, self.app.stderr)
            seen = auditor.look_twice()
            if parsed_args.fix and self._mend(seen, parsed_args):
                seen = auditor.look_twice()
        self.failed = self.failed or bool(seen.findings)
        unread = [*away, *seen.unread]
        if not (seen.findings or unread) and self.app.stderr.isatty():
            self.tell(_('Nothing was found.\n'))
        for text in unread:
            self._fail(text)
        return _COLUMNS, [
            (one.kind.value, one.subject, one.project, one.text, one.advice)
            for _backend, one in seen.findings]

    def _mend(self, seen: _Look, parsed_args: Any) -> bool:
        """Put right what is safe to; whether anything was changed."""
        steps = list(collections.OrderedDict(
            ((one.mend, where), None) for where, one in seen.findings
            if one.mend))
        if not steps:
            return False
        self.tell(_('This can be put right:\n'))
        for mend, _where in steps:
            self.tell('  %s\n' % mend)
        with mending.coordinated():
            if not self.confirmed(_('Go on?'), parsed_args):
                return False
            for mend, where in steps:
                try:
                    why = where.mender().apply(mend)
                except errors.CommandError as error:
                    self._fail(str(error))
                else:
                    if why:
                        self.tell(
                            _('Left alone: %(mend)s (%(why)s).\n')
                            % {'mend': mend, 'why': why})
        return True

    def _fail(self, text: str) -> None:
        self.failed = True
        self.tell(text + '\n')


class _Auditor:
    """Looks at Cinder and at the clusters."""

    def __init__(self, cinder: inventory.Cinder,
                 clusters: Sequence[Sequence[_Backend]], named: Any,
                 stderr: Any) -> None:
        self._cinder = cinder
        self._clusters = clusters
        self._named = named
        self._stderr = stderr

    def look_twice(self) -> _Look:
        """What is found twice; once is enough where there is nothing."""
        first = self._look()
        if not first.findings:
            return first
        second = self._look()
        return dataclasses.replace(second, findings=comparison.both(
            first.findings, second.findings))

    def _look(self) -> _Look:
        # As many are on the clusters as Cinder has, more or less.
        bar = progress.Bar(self._stderr, 2 * self._cinder.count())
        try:
            # First, so that what is on record and not on the cluster was
            # on record before.
            records = self._cinder.read(bar.advance)
            findings: list[tuple[_Backend, comparison.Finding]] = []
            unread: list[str] = []
            for backends in self._clusters:
                found, missed = self._look_at(backends, records, bar)
                findings += found
                unread += missed
            return _Look(findings, unread)
        finally:
            bar.close()

    def _look_at(self, backends: Sequence[_Backend],
                 records: comparison.Records, bar: progress.Bar
                 ) -> tuple[list[tuple[_Backend, comparison.Finding]],
                            list[str]]:
        names = frozenset(one.section.name for one in backends)
        used: dict[str, _Backend] = {}
        for one in backends:
            for project in records.projects(one.section.name):
                used.setdefault(project, one)
        readers = dict(used)
        for one in backends:
            for project in self._cinder.projects(one.section.backend_name):
                readers.setdefault(project, one)
        unread = []
        objects = comparison.Objects(names, frozenset())
        for project, reader in sorted(readers.items(),
                                      key=lambda item: item[0]):
            try:
                objects = objects.joined(inventory.read_cluster(
                    reader.client(), project, bar.advance))
            except client_errors.LightOSError as error:
                if project in used or not isinstance(
                        error, (client_errors.Forbidden,
                                client_errors.NotFound,
                                client_errors.NoToken)):
                    unread.append(
                        _('LightOS project %(project)s of backend '
                          '%(backend)s cannot be read: %(error)s')
                        % {'project': project, 'error': error,
                           'backend': reader.section.name})
        # Backends of one cluster may let hosts in by other addresses.
        own = {one.section.name: one for one in backends}
        return [(own.get(finding.backend) or readers[finding.project],
                 finding) for finding
                in comparison.compare(records, objects, self._named)], unread


def _by_cluster(backends: Iterable[_Backend]
                ) -> tuple[list[Sequence[_Backend]], list[str]]:
    """The backends that are on the same cluster, one lot for each.

    :returns: and why clusters cannot be asked who they are
    :raises CommandError: if none can
    """
    found: dict[str, list[_Backend]] = {}
    away = []
    for one in backends:
        try:
            info = base.client_of(one.connection, min(
                base.PATIENCE, one.settings.operation_timeout)
            ).get_cluster_info()
        except client_errors.LightOSError as error:
            away.append(errors.CommandError(
                _('The cluster of backend %(backend)s cannot be asked: '
                  '%(error)s') % {'backend': one.section.name,
                                  'error': error}))
        else:
            found.setdefault(info.uuid or one.section.name, []).append(one)
    if away and not found:
        raise errors.CommandError('; '.join(map(str, away)))
    return list(found.values()), list(map(str, away))
