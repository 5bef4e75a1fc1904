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

"""Token files of a directory, for tests."""

import datetime
import logging
import os
from unittest import mock
import uuid

import jwt

#: Seconds of a day.
DAY = 24 * 3600

_KEY = 'a key that nobody verifies, 32 bytes or longer'


def token(owner, expiry=None, **claims):
    """A JWT.

    :param owner: tells it from another
    :param expiry: when it expires
    """
    if expiry:
        claims['exp'] = int(expiry.timestamp())
    return jwt.encode(dict(claims, sub=owner), _KEY, algorithm='HS256')


def path(directory, project):
    return os.path.join(directory, project + '.jwt')


def put(directory, project, text, mode=0o600):
    """Replace a file by renaming another over it, as is usual."""
    target = path(directory, project)
    new = '%s.%s' % (target, uuid.uuid4())
    with open(new, 'w') as file:
        file.write(text)
    os.chmod(new, mode)
    os.rename(new, target)
    return target


def write(target, text):
    """Write a file anew, in a later tick of the clock of files."""
    before = os.stat(target).st_mtime_ns
    with open(target, 'w') as file:
        file.write(text)
    os.utime(target, ns=(before, before + 10 ** 9))


def keep_quiet(test):
    """What is logged is asked for, not read off the terminal."""
    logger = logging.getLogger('lightos_cinder')
    for name, value in (('propagate', False),
                        ('handlers', [logging.NullHandler()])):
        patcher = mock.patch.object(logger, name, value)
        patcher.start()
        test.addCleanup(patcher.stop)


def moment(now, days):
    return now + datetime.timedelta(days=days)
