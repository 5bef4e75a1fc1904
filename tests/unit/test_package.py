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

import contextlib
import importlib
from importlib import metadata
import inspect
import io
import os
import pathlib
import pkgutil
import subprocess
import sys
import threading
import unittest
from unittest import mock

from cinder import interface
from cinder.interface import volume_driver
from cinder.interface import volume_manageable_driver
from cinder.interface import volume_snapshot_revert
from cinder.interface import volume_snapshotmanagement_driver
from cinder.volume.drivers import lightos as driver_inside_cinder
import ddt
from oslo_config import cfg
from oslo_config import generator

import lightos_cinder
from lightos_cinder import driver
from lightos_cinder import options

ETC = pathlib.Path(__file__).parents[2] / 'etc'
OURS = {opt.name: opt for opt in options.OPTS}

_PRELUDE = """
from oslo_config import cfg
from cinder.volume import configuration
from cinder.volume import driver as base


def section(name):
    conf = configuration.Configuration(base.volume_opts, config_group=name)
    cfg.CONF([], project='cinder', default_config_files=[])
    return conf


def ours():
    from lightos_cinder import driver
    from lightos_cinder import options
    conf = section('ours')
    driver.LightOSVolumeDriver(configuration=conf)
    cfg.CONF.set_override('lightos_api_address', ['10.0.0.1'], group='ours')
    settings = options.Settings.load(conf)
    assert str(settings.endpoints[0]) == '10.0.0.1:443', settings
    assert settings.operation_timeout == 100, settings


def theirs():
    from cinder.volume.drivers import lightos
    conf = section('theirs')
    conf.append_config_values(lightos.lightos_opts)
    cfg.CONF.set_override('lightos_api_address', ['10.0.0.2'],
                          group='theirs')
    lightos.LightOSVolumeDriver(configuration=conf)


"""


@ddt.ddt
class OptionsTest(unittest.TestCase):
    """An operator moves over, and back, by changing volume_driver alone."""

    @ddt.data(*driver_inside_cinder.lightos_opts)
    def test_every_option_of_the_driver_inside_cinder(self, theirs):
        ours = OURS[theirs.name]
        self.assertIsInstance(ours.type, type(theirs.type))
        self.assertEqual(getattr(theirs.type, 'item_type', None),
                         getattr(ours.type, 'item_type', None))
        self.assertEqual(theirs.default and theirs.type(str(theirs.default)),
                         ours.default and ours.type(str(ours.default)))
        # Before 2026.2 not even the token was one there.
        self.assertGreaterEqual(ours.secret, theirs.secret)
        self.assertEqual(theirs.required, ours.required)

    @ddt.data(*options.OPTS)
    def test_every_option_is_explained(self, opt):
        self.assertTrue(opt.name.startswith('lightos_'))
        self.assertTrue(opt.help.strip().endswith('.'))
        self.assertEqual(opt.name == 'lightos_jwt', opt.secret)

    def test_no_option_is_there_twice(self):
        self.assertEqual(len(OURS), len(options.OPTS))

    def test_both_drivers_in_one_service_whichever_comes_first(self):
        """Nobody meets a DuplicateOptError."""
        orders = ('ours()\ntheirs()\n', 'theirs()\nours()\n')
        running = [subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _PRELUDE + order],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for order in orders]
        said = [process.communicate()[0] for process in running]
        for order, process, text in zip(orders, running, said):
            with self.subTest(order=order):
                self.assertEqual(0, process.returncode, text)


class EntryPointTest(unittest.TestCase):

    def test_the_options_are_found_by_their_entry_point(self):
        found = [point for point in metadata.distribution(
            'lightos-cinder').entry_points
            if point.group == 'oslo.config.opts']
        self.assertEqual(['lightos_cinder'], [point.name for point in found])
        self.assertEqual([('backend_defaults', options.OPTS)],
                         found[0].load()())

    def generated(self):
        """The sample that etc/config-generator.conf describes."""
        conf = cfg.ConfigOpts()
        generator.register_cli_opts(conf)
        conf(['--config-file', str(ETC / 'config-generator.conf')],
             default_config_files=[])
        self.assertEqual('etc/cinder.conf.sample', conf.output_file)
        sample = io.StringIO()
        generator.generate(conf, output_file=sample)
        return sample.getvalue()

    def test_the_sample_of_the_configuration_is_up_to_date(self):
        """Else: oslo-config-generator with etc/config-generator.conf."""
        self.maxDiff = None
        self.assertEqual(self.generated(),
                         (ETC / 'cinder.conf.sample').read_text())

    def test_the_sample_explains_every_option(self):
        sample = self.generated()
        lines = sample.splitlines()
        self.assertIn('[backend_defaults]', lines)
        for name in OURS:
            self.assertTrue(any(line.startswith('#%s =' % name)
                                for line in lines), name)
        self.assertNotIn('unknown value', sample)


class InterfaceTest(unittest.TestCase):

    driver_class = driver.LightOSVolumeDriver

    def test_cinder_knows_the_driver(self):
        self.assertIn(self.driver_class, interface._volume_register)
        self.assertTrue(issubclass(self.driver_class,
                                   volume_driver.VolumeDriverCore))

    def test_every_call_of_the_interfaces_is_understood(self):
        """Cinder's own check compares nothing under Python 3."""
        wanted = [one for kind in (
            volume_driver.VolumeDriverCore,
            volume_manageable_driver.VolumeListManageableDriver,
            volume_snapshotmanagement_driver.VolumeSnapshotManagementDriver,
            volume_snapshot_revert.VolumeSnapshotRevertDriver)
            for one in inspect.getmembers(kind, inspect.isfunction)]
        self.assertGreater(len(wanted), 20)
        for name, function in wanted:
            with self.subTest(name=name):
                ours = getattr(self.driver_class, name)
                if isinstance(ours, property):
                    continue
                theirs = inspect.signature(function).parameters.values()
                inspect.signature(ours).bind(*[
                    None for one in theirs if one.default is one.empty])

    def test_nothing_that_a_driver_must_do_is_left_to_the_base(self):
        for name in ('do_setup', 'check_for_setup_error', 'create_volume',
                     'create_volume_from_snapshot', 'create_cloned_volume',
                     'delete_volume', 'extend_volume', 'create_snapshot',
                     'delete_snapshot', 'create_export', 'ensure_export',
                     'remove_export', 'initialize_connection',
                     'terminate_connection', 'validate_connector',
                     '_update_volume_stats', '_init_vendor_properties',
                     'get_driver_options', 'retype', 'revert_to_snapshot',
                     'snapshot_revert_use_temp_snapshot',
                     'update_migrated_volume', 'update_provider_info',
                     'manage_existing', 'manage_existing_get_size',
                     'unmanage', 'get_manageable_volumes',
                     'manage_existing_snapshot', 'unmanage_snapshot',
                     'manage_existing_snapshot_get_size',
                     'get_manageable_snapshots'):
            self.assertTrue(
                getattr(self.driver_class, name).__module__.startswith(
                    'lightos_cinder.'), name)


class ImportTest(unittest.TestCase):

    #: What Python tells of before it happens, by the beginning of its name.
    forbidden = ('socket.', 'subprocess.', 'os.system', 'os.exec', 'os.fork',
                 'os.mkdir', 'os.putenv', 'tempfile.', 'open')

    def test_no_module_does_anything_when_it_is_imported(self):
        """Cinder imports drivers before the service forks."""
        folder = os.path.dirname(lightos_cinder.__file__)
        # The command line is a program of its own, and no part of Cinder.
        names = [name for _, name, _ in pkgutil.walk_packages(
            [folder], 'lightos_cinder.')
            if name.split('.')[1] != 'cli']
        self.assertIn('lightos_cinder.client.transport', names)
        seen = []
        watching = True

        def watch(event, args):
            # Python reads the modules themselves, and nothing but them.
            if watching and event.startswith(self.forbidden) and not (
                    event == 'open' and str(args[0]).startswith(folder)):
                seen.append((event, args))

        sys.addaudithook(watch)
        with self.imported_anew(), mock.patch.object(
                threading.Thread, 'start', autospec=True) as start:
            before = dict(cfg.CONF.items())
            for name in names:
                importlib.import_module(name)
            self.assertEqual(before.keys(), dict(cfg.CONF.items()).keys())
        watching = False
        self.assertEqual([], seen)
        start.assert_not_called()

    @staticmethod
    @contextlib.contextmanager
    def imported_anew():
        """Forget our modules for a while; they are imported already."""
        ours = {name: module for name, module in sys.modules.items()
                if name.split('.')[0] == 'lightos_cinder'}
        registered = list(interface._volume_register)
        for name in ours:
            del sys.modules[name]
        try:
            yield
        finally:
            for name in [name for name in sys.modules
                         if name.split('.')[0] == 'lightos_cinder']:
                del sys.modules[name]
            sys.modules.update(ours)
            interface._volume_register[:] = registered
