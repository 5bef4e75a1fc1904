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

"""The program ``lightos-cinder``."""

import argparse
from importlib import metadata
import logging
import os
import sys
from typing import Any
from typing import Iterator
from typing import Optional
from typing import Sequence

from cliff import app
from cliff import commandmanager
from cliff import help as cliff_help

from lightos_cinder.cli import base
from lightos_cinder.cli import words

#: What pip knows this by.
_DISTRIBUTION = 'lightos-cinder'

#: The group of entry points that commands are found by.
NAMESPACE = 'lightos_cinder.cli'

#: The status of what ended because nobody reads it any more, as a shell has
#: it.
_SIGPIPE = 141

_DESCRIPTION = """\
Look after Lightbits LightOS storage in an OpenStack cloud: what to do before,
around and after the volume driver."""

_EPILOG = """\
what is read:
  cinder.conf is found as cinder-volume finds it; no service is started.
  OpenStack's credentials are those of the openstack client: the variables
  OS_*, or an entry of clouds.yaml by --os-cloud or OS_CLOUD.

exit status:
  0 all is well; 1 something is not, and was told; 2 the command line is wrong

examples:
  lightos-cinder check
  lightos-cinder --config-file /etc/kolla/cinder-volume/cinder.conf check
  lightos-cinder tiers apply etc/tiers.yaml --dry-run
  lightos-cinder help tiers apply
  lightos-cinder complete > /etc/bash_completion.d/lightos-cinder
"""


class _Plain:
    """Standard output without a pager and its colours, also for help.

    :param stream: what it is written to
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Answer: no."""
        return False


class _Commands(commandmanager.CommandManager):
    """The commands, each of them loaded as it is wanted.

    Some need Cinder, which takes its time, and which not every host has.
    """

    def load_commands(self, namespace: str) -> None:
        """Find them."""
        self.commands.update(
            (entry.name.replace('_', ' '), entry) for entry
            in metadata.distribution(_DISTRIBUTION).entry_points
            if entry.group == namespace)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Those that this host can run, by their names."""
        for name, entry in self.commands.items():
            try:
                entry.load()
            except Exception as error:
                # Who asks for it is told, see run_subcommand.
                App.LOG.debug('%s does not load: %r', name, error)
            else:
                yield name, entry


class Help(cliff_help.HelpCommand):
    """Show how a command is used."""

    def take_action(self, parsed_args: Any) -> int:
        """Show it; refuse what is no command."""
        try:
            return super().take_action(parsed_args) or 0
        except ValueError:
            parser: argparse.ArgumentParser = self.app.parser
            parser.error('there is no command %s; see %s --help' % (
                ' '.join(parsed_args.cmd), self.app.NAME))


class App(app.App):
    """Finds the command and runs it."""

    NAME = 'lightos-cinder'
    LOG = logging.getLogger(NAME)
    # Commands say what they have to say; what libraries log is for -v.
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(self) -> None:
        stdout: Any = _Plain(sys.stdout)
        super().__init__(
            _DESCRIPTION, metadata.version(_DISTRIBUTION),
            _Commands(NAMESPACE),
            stdout=stdout, deferred_help=True)
        self.command_manager.add_command('help', Help)

    def build_option_parser(self, description: Optional[str],
                            version: Optional[str],
                            argparse_kwargs: Optional[dict[str, Any]] = None
                            ) -> argparse.ArgumentParser:
        """The options that every command has."""
        parser = super().build_option_parser(description, version, dict(
            argparse_kwargs or {}, prog=self.NAME, epilog=_EPILOG,
            # The options of commands are no abbreviations of these.
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter))
        group = parser.add_argument_group('options of all commands')
        group.add_argument(
            '--config-file', action='append', metavar='FILE',
            help='read this in place of the cinder.conf that cinder-volume '
                 'would read; can be repeated')
        group.add_argument(
            '--config-dir', action='append', metavar='DIR',
            help='read all *.conf in it, too; can be repeated')
        group.add_argument(
            '--backend', action='append', metavar='SECTION',
            help='section of a LightOS backend in cinder.conf; can be '
                 'repeated; all that are enabled if left out')
        group.add_argument(
            '--os-cloud', metavar='NAME',
            help='entry of clouds.yaml to take OpenStack credentials from')
        return parser

    def configure_logging(self) -> None:
        """Log to where was asked for, and nowhere else.

        oslo.log, which comes with Cinder, has everything on standard error
        until it is set up, as no command does.
        """
        root = logging.getLogger()
        for handler in list(root.handlers):
            root.removeHandler(handler)
        super().configure_logging()
        for handler in root.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setFormatter(words.Formatter(
                    self.CONSOLE_MESSAGE_FORMAT))

    def initialize_app(self, argv: list[str]) -> None:
        """Refuse what comes before the command and is none of its options.

        :param argv: what no option of all commands has taken
        """
        if argv and argv[0].startswith('-'):
            self.parser.error('unrecognized arguments: %s' % argv[0])

    def run_subcommand(self, argv: list[str]) -> int:
        """Carry out a command; the exit status."""
        try:
            with base.of_cinder():
                self.command_manager.find_command(argv[argv[0] == 'help':]
                                                  or argv)
        except ValueError:
            pass  # Cliff says that there is none.
        except Exception as error:
            if self.options.debug:
                raise
            self.LOG.error(error)
            return 1
        return super().run_subcommand(argv)

    def interact(self) -> None:
        """Refuse a command line without a command."""
        self.parser.error('name a command; see %s --help' % self.NAME)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command; the exit status.

    :param argv: words behind the name of the program; None for those that
        it was started with
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        status = App().run(words or ['--help'])
    except SystemExit as end:  # After a --help, or a wrong word.
        status = end.code if isinstance(end.code, int) else int(
            end.code is not None)
    try:
        # There may be none, and cliff closes it if nobody reads its help.
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python would try again as it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status or _SIGPIPE
    return status
