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
import os
import sys
import warnings

#: What the extra ``cli`` brings.
_NEEDED = ('cliff', 'cryptography', 'openstack', 'yaml')


#: The status of what somebody ended with Ctrl-C, as a shell has it.
_SIGINT = 130


def main() -> int:
    """Run a command; the exit status."""
    try:
        _have_streams()
        return _run()
    except KeyboardInterrupt:
        return _SIGINT


def _have_streams() -> None:
    """See that everything can be written, whatever is at the other end."""
    for name, mode in (('stdin', 'r'), ('stdout', 'w'), ('stderr', 'w')):
        stream = getattr(sys, name)
        if stream is None:
            # It was closed: that is, nobody wants it.
            setattr(sys, name, open(os.devnull, mode))
        elif mode == 'w' and hasattr(stream, 'reconfigure'):
            # A name may have what the terminal's encoding has not.
            stream.reconfigure(errors='backslashreplace')


def _run() -> int:
    # Argparse, as of Python 3.14, shows usage in colours otherwise.
    os.environ['NO_COLOR'] = '1'
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
