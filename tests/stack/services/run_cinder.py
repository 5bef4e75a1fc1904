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


"""cinder-api, cinder-scheduler and cinder-volume in one process.

They talk over the in-memory transport of oslo.messaging, which takes the
place of the broker; everything else is as their own programs set it up.
"""

import os
import sys

import lifeline

lifeline.hold()  # before Cinder monkey patches, hence between the imports

from cinder.cmd import volume  # noqa: E402,F401 - monkey patches, so first

import logging as python_logging  # noqa: E402

import data_path  # noqa: E402
import os_brick  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_log import log as logging  # noqa: E402

from cinder.common import config  # noqa: E402
from cinder.common import constants  # noqa: E402
from cinder import coordination  # noqa: E402
from cinder.db import migration  # noqa: E402
from cinder import i18n  # noqa: E402
from cinder import objects  # noqa: E402
from cinder import rpc  # noqa: E402
from cinder import service  # noqa: E402
from cinder import version  # noqa: E402

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


class _Service(service.Service):
    """A Cinder service that shares its process with others."""

    def start(self) -> None:
        super().start()
        if not self.manager.is_working():
            # Cinder would run on, with this backend down for good, and
            # whoever started the stack would wait for it in vain.
            LOG.critical('%s gives up: see the errors above', self.host)
            os._exit(1)

    def report_state(self) -> None:
        # Cinder keeps the id for the heartbeat in the class, since it has
        # one service in a process; without this only the last one beats.
        service.Service.service_id = self.origin_service_id
        super().report_state()


def main(config_file: str, *options: str) -> None:
    """Create the database, then run the three services."""
    i18n.enable_lazy()
    objects.register_all()
    if data_path.OPTION in options:
        data_path.do_without()
    CONF(['--config-file', config_file], project='cinder',
         version=version.version_string())
    config.set_middleware_defaults()
    logging.setup(CONF, 'cinder')
    python_logging.captureWarnings(True)
    os_brick.setup(CONF)

    migration.db_sync()
    rpc.init(CONF)
    coordination.COORDINATOR.start()

    service.serve(_Service.create(binary=constants.SCHEDULER_BINARY))
    for backend in CONF.enabled_backends:
        service._launcher.launch_service(_Service.create(
            host=f'{CONF.host}@{backend}', binary=constants.VOLUME_BINARY,
            service_name=backend, coordination=True))
    service._launcher.launch_service(service.WSGIService('osapi_volume'))
    service.wait()


if __name__ == '__main__':
    main(*sys.argv[1:])
