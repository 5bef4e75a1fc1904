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

"""One call of the API, decoded and authorised, and what calls share."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Any
from typing import Callable
from typing import Iterator
from typing import Optional
from typing import TYPE_CHECKING
from typing import Union

from tests.emulator import access
from tests.emulator import errors
from tests.emulator import messages
from tests.emulator import settings as settings_module
from tests.emulator import snapshots
from tests.emulator import store as store_module
from tests.emulator import volumes

if TYPE_CHECKING:
    from tests.emulator import cluster as cluster_module

Item = Union[volumes.Volume, snapshots.Snapshot]

#: Of volumes and snapshots (2.1); labels keep to the same (2.13).
NAME = re.compile(r'[a-zA-Z0-9_.-]{1,253}')

LIST_QUERY: dict[str, messages.Decoder] = {
    'limit': messages.number,
    'offsetUUID': str,
    'UUID': str,
    'showAll': messages.query_boolean,
}


@dataclasses.dataclass
class Call:
    """A request on its way to a handler."""

    cluster: cluster_module.Cluster
    caller: access.Caller
    endpoint: int
    method: str
    # Path variables; the fields of the body or of the query.
    variables: dict[str, str]
    fields: dict[str, Any]
    query: dict[str, Any]
    if_match: Optional[str]
    # Notes what a careful client would not have sent.
    complain: Callable[[str], None]
    # A fault that lets the object being created end in Failed.
    fails: bool = False

    @property
    def settings(self) -> settings_module.Settings:
        return self.cluster.settings

    @property
    def project(self) -> Optional[str]:
        """The project, from the path, or else the body or the query.

        None only for the cluster admin, who may ask about all.
        """
        for source in (self.variables, self.fields, self.query):
            if 'projectName' in source:
                return str(source['projectName']) or None
        return None

    @property
    def uuid(self) -> str:
        """The UUID in the path, empty when the client left it out."""
        return self.variables.get('UUID', '')

    def text(self, name: str) -> str:
        """A string field, empty if it is not set."""
        return str(self.fields.get(name, ''))

    def check_etag(self, item: Item) -> None:
        """Refuse a stale If-Match (1.6). Without one all is well."""
        wanted = self.if_match
        if not wanted:
            return
        if wanted.startswith(('"', 'W/')):
            self.complain('If-Match is quoted; the ETag is sent verbatim')
            if self.settings.quoted_if_match == 'accept':
                wanted = wanted[2 if wanted[0] == 'W' else 0:].strip('"')
        if wanted == self.cluster.etag_text(item):
            return
        mode = self.settings.etag_mismatch
        if mode == '500':
            # Seen live: the refusal wrapped in an internal error.
            raise errors.ApiError(
                errors.INTERNAL,
                'rpc error: code = Code(412) desc = etag mismatch')
        raise errors.with_status(mode, 'etag mismatch')

    def check_settled(self, item: Item, deleting: bool) -> None:
        """Refuse a change of an object that another change is at (2.7)."""
        kind = type(item).__name__.lower()
        if item.state in volumes.BUSY:
            if self.settings.update_busy == '503':
                raise errors.ApiError(
                    errors.UNAVAILABLE, '%s is %s' % (kind, item.state))
            raise errors.with_status(
                self.settings.update_busy,
                'another task is in progress on the resource')
        if item.state == volumes.DELETING:
            self.complain('%s of an object that is Deleting' % self.method)
            raise errors.wrong_state('%s is being deleted' % kind)
        if item.state == volumes.FAILED and not (
                deleting and self.settings.failed_delete == 'accept'):
            raise errors.wrong_state('%s has failed' % kind)

    # Followers that lag (unknown 30)

    def changing(self, item: Item, before: Optional[dict[str, Any]]
                 ) -> None:
        """Let the other endpoints show what was before, for a while."""
        if self.settings.follower_lag:
            item.shadow = (self.cluster.now + self.settings.follower_lag,
                           self.endpoint, before)

    def show(self, item: Item, wire: Callable[[Any], dict[str, Any]]
             ) -> Optional[dict[str, Any]]:
        """The object as this endpoint sees it, None if not yet."""
        if item.shadow:
            until, endpoint, before = item.shadow
            if self.cluster.now >= until:
                item.shadow = None
            elif endpoint != self.endpoint:
                return before
        return wire(item)


def page(call: Call, found: store_module.Store[Any],
         accept: Callable[[Any], bool]) -> Iterator[Any]:
    """One page of a list, sorted by UUID (1.8)."""
    most = call.settings.page_limit
    limit = min(call.query.get('limit') or most, most)
    show_all = call.query.get('showAll') or call.settings.list_deleting
    offset = call.query.get('offsetUUID', '')
    if offset:
        offset = volumes.check_uuid(offset)
    if call.query.get('UUID'):
        item = found.get(volumes.check_uuid(call.query['UUID']))
        items = iter([item] if item and call.project in (
            None, item.project) else [])
    elif call.query.get('name') and call.project:
        items = iter(found.named(call.project, call.query['name']))
    else:
        items = found.after(call.project, offset)
    return itertools.islice((
        item for item in items
        if (show_all or item.state != volumes.DELETING) and accept(item)
    ), limit)


def check_duplicate(call: Call, namesakes: list[Any]) -> None:
    """Notice a client that creates again without having looked."""
    for item in namesakes:
        if item.state != volumes.DELETING and not item.seen:
            call.complain('created a name again without looking for it')


def labels(call: Call, given: list[dict[str, Any]]
           ) -> list[dict[str, str]]:
    """Labels as they are kept (2.13), or a refusal."""
    if len(given) > 16:
        raise errors.invalid('more than 16 labels')
    kept = {}
    prefix = call.settings.label_prefix
    for label in given:
        key, value = label.get('key', ''), label.get('value', '')
        for text in (key, value):
            if not isinstance(text, str) or not NAME.fullmatch(text):
                raise errors.invalid('invalid label %r' % text)
        for drop in (prefix + '-', prefix + '.'):
            if prefix and key.startswith(drop):
                key = key[len(drop):]
        kept[key] = value
    return [{'key': key, 'value': value} for key, value in kept.items()]
