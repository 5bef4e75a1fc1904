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

"""``lightos-cinder check``: is all as it must be.

On compute hosts there is no Cinder: nothing of it is imported before a
backend is to be looked at.
"""

import argparse
import contextlib
import dataclasses
from typing import Any
from typing import Iterable
from typing import Sequence

from cliff import lister

from lightos_cinder.cli import base
from lightos_cinder.cli import errors
from lightos_cinder.cli import findings
from lightos_cinder.cli import probe
from lightos_cinder.client import endpoints

_EPILOG = """\
results:
  ok       it is right
  warning  volumes can be used, but see what is said
  failed   volumes cannot be created, or not be attached
  skipped  it cannot be told; something above, or a credential, is missing

examples:
  lightos-cinder check
  lightos-cinder check -f json -c Check -c Result
  lightos-cinder --backend lightstack check --wait 20
  sudo lightos-cinder check --compute       (on a compute host)
  lightos-cinder check --compute --discovery 192.0.2.41 \\
      --discovery '[2001:db8::42]:8009'
"""


class Check(base.Base, lister.Lister):
    """Check everything that a volume needs, in the order it is needed.

    One row is one thing that must be right: the options, each API endpoint,
    TLS, each token, and, for the volume types of OpenStack, their LightOS
    projects, replicas and QoS policies; then capacity and the discovery
    endpoints. Nothing is changed. What fails hides nothing that can be
    checked without it; what cannot be checked is skipped and says why.

    The exit status is 0 if nothing failed, and 1 otherwise: run it from
    cron, or before and after each change.
    """

    epilog = _EPILOG

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of this command."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--compute', action='store_true',
            help='this host shall attach volumes: check its host NQN, the '
                 'kernel module nvme-tcp, its discovery client, and that '
                 'it reaches the discovery endpoints. Neither Cinder nor '
                 'cinder.conf is needed for that')
        parser.add_argument(
            '--discovery', action='append', type=discovery_endpoint,
            default=[], metavar='HOST[:PORT]',
            help='with --compute, a discovery endpoint that this host must '
                 'reach, beside those that a cluster in cinder.conf names '
                 '(port: %d); can be repeated'
                 % endpoints.DISCOVERY_PORT)
        parser.add_argument(
            '--wait', type=seconds, default=5.0, metavar='SECONDS',
            help='for each answer (default: 5)')
        return parser

    def take_action(self, parsed_args: Any
                    ) -> tuple[Sequence[str], Iterable[Sequence[str]]]:
        """Check; the rows."""
        if parsed_args.discovery and not parsed_args.compute:
            raise errors.CommandError('--discovery is for --compute')
        rows = []
        try:
            rows += self._backend_rows(parsed_args)
        except errors.CommandError as error:
            if not parsed_args.compute:
                raise
            # Compute hosts may have none, and can still be checked.
            rows.append(findings.skipped('cinder.conf', str(error)))
            if not parsed_args.discovery:
                rows.append(findings.skipped(
                    'discovery endpoints', 'none is named; name them with '
                    '--discovery'))
        if parsed_args.discovery:
            rows += findings.discovery(
                {one: probe.listens(one, parsed_args.wait)
                 for one in parsed_args.discovery}, True)
        if parsed_args.compute:
            with base.of_cinder():
                from lightos_cinder import this_host
            rows += findings.host(
                this_host.nqn(), this_host.NQN_FILE, this_host.nvme_tcp(),
                this_host.discovery_client_answers())
        self.failed = any(row.result == findings.FAILED for row in rows)
        return findings.COLUMNS, [dataclasses.astuple(row) for row in rows]

    def _backend_rows(self, parsed_args: Any) -> list[findings.Row]:
        sections = self.sections()
        with base.of_cinder():
            from lightos_cinder.cli import backend_check
        volume_types = backend_check.VolumeTypes(self.cloud)
        rows = []
        for section in sections:
            found = backend_check.BackendCheck(
                section, volume_types, parsed_args.wait,
                parsed_args.compute).rows()
            rows += [dataclasses.replace(row, check='%s: %s' % (
                section.name, row.check)) for row in found
            ] if len(sections) > 1 else list(found)
        return rows


def discovery_endpoint(text: str) -> endpoints.Endpoint:
    """Read an argument that names a discovery endpoint.

    :raises ArgumentTypeError: names the value and what is allowed
    """
    for each in (text, '%s:%d' % (text, endpoints.DISCOVERY_PORT),
                 '[%s]:%d' % (text, endpoints.DISCOVERY_PORT)):
        with contextlib.suppress(ValueError):
            return endpoints.Endpoint.parse(each)
    raise argparse.ArgumentTypeError(
        '%s; allowed: an address or host name, and a port behind a colon; '
        'IPv6 with a port in brackets, such as [2001:db8::42]:8009' % text)


def seconds(text: str) -> float:
    """Read an argument in seconds.

    :raises ArgumentTypeError: names the value and what is allowed
    """
    number = 0.0
    with contextlib.suppress(ValueError):
        number = float(text)
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError(
            '%s; allowed: more than 0 and at most 3600' % text)
    return number
