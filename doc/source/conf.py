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

"""How Sphinx builds these pages: tox -e docs."""

from importlib import metadata
import pathlib
import sys

_DOC = pathlib.Path(__file__).resolve().parents[1]
# The options are read from this checkout, whatever is installed.
sys.path[:0] = [str(_DOC.parent), str(_DOC / 'ext')]

project = 'lightos-cinder'
copyright = 'lightos-cinder developers'
version = release = metadata.version('lightos-cinder')

extensions = [
    'openstackdocstheme',
    'commands',
    'messages',
    'option_tables',
    'reno.sphinxext',
]

html_theme = 'openstackdocs'
pygments_style = 'native'
html_title = '%s %s' % (project, version)
# The theme would tell services outside who reads, and what is searched for;
# and that our licence is that of OpenStack's manuals.
templates_path = ['../templates']
html_theme_options = {'analytics_tracking_code': '', 'display_badge': False}
openstackdocs_repo_name = 'lightos-cinder'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False

# Names of options and extra specs are literals; so is "--": no dashes.
smartquotes = False
# A reference that leads nowhere is an error, with -W.
nitpicky = True
