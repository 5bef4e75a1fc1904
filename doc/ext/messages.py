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

"""A directive for messages, so that they are found by searching the page."""

from typing import Any

from docutils import nodes
from sphinx import application
from sphinx.util import docutils


class Message(docutils.SphinxDirective):
    """Messages, a blank line between two; each is one line in the end.

    tests/unit/test_docs.py compares them with those in the code.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write a paragraph of literal text for each."""
        self.assert_has_content()
        texts = '\n'.join(self.content).split('\n\n')
        return [nodes.paragraph('', '', nodes.literal(
            '', ' '.join(text.split()))) for text in texts]


def setup(app: application.Sphinx) -> dict[str, Any]:
    """Make the directive known to Sphinx."""
    app.add_directive('lightos-message', Message)
    return {'parallel_read_safe': True}
