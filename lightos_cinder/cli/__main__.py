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

"""Where the program begins: it needs more than the driver does."""

import importlib.util
import sys
import warnings

#: What the extra ``cli`` brings.
_NEEDED = ('cliff', 'cryptography', 'openstack', 'yaml')


def main() -> int:
    """Run a command; the exit status."""
    missing = [name for name in _NEEDED
               if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            'lightos-cinder: these Python packages are missing: %s. Install '
            'them with: pip install lightos-cinder[cli]\n'
            % ', '.join(missing))
        return 1
    if not sys.warnoptions:
        # Those of libraries are for whoever develops; Cinder's first import
        # has one on each command.
        warnings.simplefilter('ignore')
    from lightos_cinder.cli import app
    return app.main()


if __name__ == '__main__':
    sys.exit(main())
