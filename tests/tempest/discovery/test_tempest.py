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


"""Where tempest's workers look for tests, in place of its own discovery.

tempest 47.0.0 gives up whole classes of volume tests for what a few tests in
them need. With that out of the way it runs the others, and skips those few.
"""

import typing
import unittest

from tempest.api.volume import base
from tempest import clients
from tempest.test_discover import test_discover
import testtools


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite,
               pattern: str | None) -> typing.Any:
    """Return tempest's tests and those of its plug-ins, as it finds them."""
    # There is a client of Glance only where there is a Glance, but three
    # classes look for it always, under two names.
    clients.Manager.image_client_v2 = None
    base.BaseVolumeTest.images_client = None
    found = test_discover.load_tests(loader, tests, pattern)
    test: typing.Any
    for test in testtools.iterate_tests(found):
        # A network for the servers of some tests, without Neutron a reason
        # to skip all. There are no servers.
        if getattr(test, 'create_default_network', False):
            type(test).create_default_network = False
    return found
