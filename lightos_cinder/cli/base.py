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

"""What the commands have in common.

A command is a class of cliff with :class:`Base` in front::

    class Audit(base.Base, lister.Lister):
        '''Compare Cinder's records with the cluster's.

        What the first line does not say, for --help.
        '''

        def take_action(self, parsed_args):
            for section in self.sections():
                with base.connected(section.settings()) as client:
                    ...

and has an entry point in the group ``lightos_cinder.cli`` (setup.cfg). It
keeps what it decides in functions without effects, apart from what asks and
changes. It ends with status 0; with 1 after an error, which is told in one
line, or if :attr:`Base.failed` is set; with 2 for a wrong command line.
"""

import argparse
import contextlib
import functools
import os
import sys
from typing import Any
from typing import Iterator
from typing import Optional
from typing import TYPE_CHECKING

import oslo_i18n

from lightos_cinder.cli import errors
from lightos_cinder.cli import words
from lightos_cinder.client import api
from lightos_cinder.client import credentials as jwt_credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import polling
from lightos_cinder.client import settling
from lightos_cinder.client import transport

if TYPE_CHECKING:
    # These need Cinder, which compute hosts do not have, or take their time
    # to load.
    from lightos_cinder.cli import cinder_conf
    from lightos_cinder.cli import cloud as openstack
    from lightos_cinder import options

#: Seconds within which a cluster must answer for the first time; who waits
#: at a terminal wants to know soon that it is away.
PATIENCE = 15.0

#: Who is asking, in the cluster's logs.
USER_AGENT = 'lightos-cinder-cli'


class Base:
    """Gives a command the backends, the cluster and the cloud."""

    app: Any
    #: Set by a command that was carried out and has bad news: status 1.
    failed = False
    #: What --help ends with.
    epilog = ''

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of the command."""
        parser: argparse.ArgumentParser = super().get_parser(  # type: ignore
            prog_name)
        # As it is written: in paragraphs, with examples to be copied.
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = self.epilog
        return parser

    def run(self, parsed_args: Any) -> int:
        """Carry it out; the exit status."""
        # Some of Cinder's modules have texts translated later, as they are
        # written somewhere; here that is at once.
        oslo_i18n.enable_lazy(False)
        try:
            status: int = super().run(parsed_args)  # type: ignore[misc]
        except _raised_by_cinder() as error:
            # Of an option or an extra spec: its words name both.
            raise errors.CommandError(str(error)) from None
        return status or int(self.failed)

    def sections(self) -> 'list[cinder_conf.Section]':
        """The LightOS backends that the command is for, at least one.

        Those of ``--backend``, or else all that are enabled.

        :raises CommandError: if there is none, or no such, or no Cinder
        """
        with of_cinder():
            from lightos_cinder.cli import cinder_conf
        chosen = self.app.options
        return cinder_conf.read(chosen.config_file or (),
                                chosen.config_dir or (),
                                chosen.backend or ())

    def section(self) -> 'cinder_conf.Section':
        """The one LightOS backend that the command is for.

        :raises CommandError: if it is not clear which
        """
        found = self.sections()
        if len(found) > 1:
            raise errors.CommandError(
                'There are several LightOS backends: %s. Choose one with '
                '--backend' % ', '.join(one.name for one in found))
        return found[0]

    @functools.cached_property
    def cloud(self) -> 'openstack.Cloud':
        """OpenStack's API; nothing is sent before the first call."""
        from lightos_cinder.cli import cloud as openstack
        return openstack.Cloud(self.app.options.os_cloud)

    def produce_output(self, parsed_args: Any, column_names: Any, data: Any
                       ) -> Any:
        """Show a table, or what else was asked for.

        Programs get names as they are; people may be at a terminal.
        """
        if parsed_args.formatter == 'table' or (
                parsed_args.formatter in ('csv', 'value')
                and sys.stdout.isatty()):
            # Rows, or the one there is.
            data = [words.cell(row) if isinstance(row, str)
                    or not isinstance(row, (list, tuple))
                    else tuple(map(words.cell, row)) for row in data]
        return super().produce_output(  # type: ignore[misc]
            parsed_args, column_names, data)

    def tell(self, text: str) -> None:
        """Tell on standard error what is no result."""
        self.app.stderr.write(words.printable(text))
        self.app.stderr.flush()

    def say(self, text: str) -> None:
        """Tell what is to be done, or was, by a command that changes."""
        try:
            self.app.stdout.write(words.printable(text) + '\n')
            self.app.stdout.flush()
        except BrokenPipeError:
            # Nobody listens any more: what was begun is done all the same,
            # rather than left half done.
            os.dup2(os.open(os.devnull, os.O_WRONLY),
                    self.app.stdout.fileno())

    def confirmed(self, question: str, parsed_args: Any) -> bool:
        """Whether to go on: by --yes, or by who sits at the terminal.

        :raises CommandError: if nobody sits there to be asked
        """
        if parsed_args.yes:
            return True
        if not self.app.stdin.isatty():
            raise errors.CommandError(
                'Nothing was changed: there is no terminal to ask at. Give '
                '--yes to go on without being asked')
        self.tell('%s [y/N] ' % question)
        return self.app.stdin.readline().strip().lower() in ('y', 'yes')


def _raised_by_cinder() -> tuple[type[Exception], ...]:
    # What has not been imported has raised nothing.
    module = sys.modules.get('cinder.exception')
    return (module.CinderException,) if module else ()


@contextlib.contextmanager
def of_cinder() -> Iterator[None]:
    """Import what needs Cinder's Python packages.

    :raises CommandError: if they are not there
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise errors.CommandError(
            'The Python package %s is missing. Run lightos-cinder with the '
            'Python of cinder-volume; "check --compute" with that of '
            'nova-compute will do' % error.name) from None


@contextlib.contextmanager
def reached(settings: 'options.Settings',
            credentials: Optional[jwt_credentials.Credentials] = None
            ) -> Iterator[transport.Transport]:
    """The way to the cluster of a backend; closed afterwards.

    :param credentials: in place of those of the backend
    """
    clock = polling.Clock()
    connection = transport.Transport(
        endpoints.Endpoints(settings.endpoints, clock),
        credentials or settings.credentials, settings.trust, clock,
        request_timeout=settings.request_timeout, user_agent=USER_AGENT)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def connected(settings: 'options.Settings',
              credentials: Optional[jwt_credentials.Credentials] = None
              ) -> Iterator[api.LightOSClient]:
    """The cluster of a backend, for one operation.

    :param credentials: in place of those of the backend
    :returns: with lightos_operation_timeout for all its calls together;
        ``renewed`` begins another
    """
    with reached(settings, credentials) as connection:
        yield client_of(connection, settings.operation_timeout)


def client_of(connection: transport.Transport, seconds: float
              ) -> api.LightOSClient:
    """The API of a cluster, with so long for all calls together."""
    return api.LightOSClient(
        connection, polling.Deadline(connection.clock, seconds),
        settling.SettleTimes(connection.clock))
