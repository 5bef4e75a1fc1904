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

"""Volumes live and die in a distributed Cinder while all goes wrong.

Two active-active cinder-volume services work for many users at once. Of the
calls to the cluster 5 % fail at random, one endpoint flaps, the token is
rotated when half is done, and when two thirds are one service is killed and
started again. What users were told is compared with what is on the cluster
all the time. RabbitMQ, MariaDB and Redis must be installed.
"""

import argparse
import pathlib
import sys
import tempfile
import typing

from tests import emulator
from tests.soak import report
from tests.soak import run
from tests.soak import trouble
from tests.stack import backend
from tests.stack import distributed

#: Options of Cinder.
_DEFAULTS = {
    # A service that died is to be missed soon, and so is its answer.
    'report_interval': 2, 'service_down_time': 8, 'rpc_response_timeout': 45,
    'quota_volumes': -1, 'quota_snapshots': -1, 'quota_gigabytes': -1,
    'default_log_levels': ['cinder.compute.nova=CRITICAL',
                           'sqlalchemy=WARNING', 'urllib3=WARNING',
                           'keystoneauth=WARNING', 'stevedore=WARNING',
                           'lightos_cinder=DEBUG'],
}


def _parse(arguments: typing.Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.soak', description=__doc__)
    parser.add_argument('--lifecycles', type=int, default=40, metavar='N',
                        help='how many in all (default: %(default)s)')
    parser.add_argument('--width', type=int, default=8, metavar='N',
                        help='how many at once (default: %(default)s)')
    parser.add_argument('--keep', action='store_true',
                        help='leave the folder with the logs behind')
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, folder: pathlib.Path) -> int:
    with emulator.EmulatorProcess(
            emulator.Settings(nodes=3, settle=0.1)) as cluster:
        cluster.create_project(run.PROJECT)
        token = trouble.Token(cluster, run.PROJECT, folder)
        section = backend.section(
            run.PROJECT, cluster, '', lightos_jwt_dir=folder,
            lightos_api_service_timeout=trouble.REQUEST_TIMEOUT,
            # Short enough for users to be told of some failures.
            lightos_operation_timeout=20)
        stack = distributed.Stack(
            {run.PROJECT: section}, volume_hosts=run.SERVICES,
            defaults=_DEFAULTS, progress=sys.stdout)
        with stack:
            soak = run.Soak(options.lifecycles, options.width, cluster,
                            stack, token)
            soak.run()
            print('\n'.join(report.lines(soak.seen, soak.figures, cluster)))
            objections = list(report.objections(soak.seen, soak.figures))
            print('\n'.join(objections) or 'All is well.')
            stack.keep_folder = options.keep or bool(objections)
            if stack.keep_folder:
                print(f'The logs are in {stack.folder}.')
            return 1 if objections else 0


def main(arguments: typing.Sequence[str]) -> int:
    """Run what is asked for; the exit status."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory(prefix='lightos-soak-') as folder:
        return _run(options, pathlib.Path(folder))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
