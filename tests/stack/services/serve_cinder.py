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


"""cinder-api in native threads: Cinder's application on a server for these.

The server of oslo.service, on which Cinder's own program runs it, is one of
eventlet only.
"""

from oslo_config import cfg
import waitress


def main() -> None:
    """Serve where the configuration says, until terminated.

    The command line is cinder-api's, and the application reads it.
    """
    from cinder.wsgi import api

    conf = cfg.CONF
    waitress.serve(api.application, host=conf.osapi_volume_listen,
                   port=conf.osapi_volume_listen_port, threads=16)


if __name__ == '__main__':
    main()
