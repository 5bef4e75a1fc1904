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


"""A distributed Cinder, which the tests of a class share.

RabbitMQ, MariaDB and Redis must be installed.
"""

import io
import re
import typing

from tests.functional import stack_case
from tests.stack import compute
from tests.stack import distributed

SERVICES = ('volume-1', 'volume-2')
# As many addresses as an IP ACL holds.
HOSTS = [compute.Host(f'compute-{number}', (f'192.0.2.{number}',))
         for number in range(1, 17)]


class DistributedTestCase(stack_case.StackTestCase):
    """Two volume services of one cluster on one backend."""

    defaults = {
        # A service that died is to be missed soon, and so is its answer.
        'report_interval': 2, 'service_down_time': 8,
        'rpc_response_timeout': 30,
        'default_log_levels': ['sqlalchemy=WARNING', 'urllib3=WARNING',
                               'keystoneauth=WARNING', 'stevedore=WARNING',
                               'lightos_cinder=DEBUG'],
    }
    #: The hosts that run cinder-volume, and the Cinder cluster they are.
    services: typing.Sequence[str] = SERVICES
    cluster = distributed.CLUSTER
    stack: distributed.Stack

    @classmethod
    def make_stack(cls, sections: dict[str, dict[str, typing.Any]]
                   ) -> distributed.Stack:
        """Return a distributed stack with these backends."""
        return distributed.Stack(sections, volume_hosts=cls.services,
                                 cluster=cls.cluster, defaults=cls.defaults,
                                 progress=io.StringIO())

    @classmethod
    def setUpClass(cls) -> None:
        """Make the volume type."""
        super().setUpClass()
        cls.create_type('Shared', multiattach='<is> True')

    def log_of(self, service: str) -> str:
        """Return what a service has logged so far."""
        return (self.stack.cinder.folder / service / f'{service}.log'
                ).read_text(errors='replace')

    def count(self, what: str) -> dict[str, int]:
        """Count how often each service has said so of its own work."""
        return {service: len(re.findall(what, self.log_of(service)))
                for service in self.services}

    def nova_of_thread(self) -> compute.Compute:
        """Return Nova as a thread needs it, with sessions of its own."""
        return compute.Compute(self.stack.admin, self.stack.nova)

    def on_record(self, volume: typing.Any) -> set[str]:
        """Return the NQNs of the hosts that Cinder has on record."""
        return {connector['nqn']
                for connector in self.stack.cinder.connectors(volume.id)}

    def with_access(self, volume: typing.Any) -> set[str]:
        """Return the NQNs of the hosts that the cluster lets in."""
        return (set(self.on_cluster(volume)['acl']['values'])
                - set(stack_case.CLOSED))
