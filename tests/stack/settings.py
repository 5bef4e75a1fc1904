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


"""Configuration files in the notation of oslo.config."""

import pathlib
import typing

Options = typing.Mapping[str, typing.Any]
Sections = typing.Mapping[str, Options]


def _text(value: typing.Any) -> str:
    if isinstance(value, (list, tuple)):
        return ','.join(_text(item) for item in value)
    return str(value).replace('$', '$$')  # oslo.config substitutes $name


def render(sections: Sections) -> str:
    """Return the text of a configuration file."""
    return '\n'.join(
        f'[{section}]\n' + ''.join(f'{name} = {_text(value)}\n'
                                   for name, value in options.items())
        for section, options in sections.items())


def write(path: pathlib.Path, sections: Sections) -> pathlib.Path:
    """Write a configuration file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(render(sections))
    return path
