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

"""The Cinder volume driver for Lightbits LightOS."""

import functools
from importlib import metadata
from typing import Any
from typing import Callable
from typing import Mapping
from typing import Optional
from typing import Sequence

from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder import interface
from cinder.volume import driver
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import units

from lightos_cinder import attachments
from lightos_cinder import backend
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors as client_errors
from lightos_cinder.client import models
from lightos_cinder.client import polling
from lightos_cinder.client import transport
from lightos_cinder import connection
from lightos_cinder import errors
from lightos_cinder import management
from lightos_cinder import naming
from lightos_cinder import options
from lightos_cinder import records
from lightos_cinder import specs
from lightos_cinder import stats

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

#: What Cinder is to record of a volume or a snapshot.
ModelUpdate = dict[str, Optional[str]]

#: Status of volumes that will say where they are in a moment.
_ABOUT_TO_SAY = ('creating', 'managing')

#: How loudly to tell of a cluster's health.
_LEVELS = {'Warning': logging.WARNING, 'Error': logging.ERROR}

#: For how many requests that nobody answers there is time where a cluster
#: is asked how it is: with one node that hangs, another can answer.
_REQUESTS = 2


@functools.lru_cache(maxsize=None)
def installed_version() -> str:
    """The version of the distribution that pip knows, or ``unknown``.

    It is asked for once and stays what it was as the service started: what
    is installed later does not run before the service starts again.
    """
    try:
        return metadata.version('lightos-cinder')
    except metadata.PackageNotFoundError:
        # The sources were put on the path, by no installer.
        return 'unknown'


class _Version:
    """Of a class and its objects; read when it is asked for.

    As the module is imported no file may be read. Cinder asks the class, too.
    """

    def __get__(self, instance: object, owner: type) -> str:
        return installed_version()


@interface.volumedriver
class LightOSVolumeDriver(management.Management, attachments.Attachments,
                          driver.VolumeDriver):
    """Cinder volume driver for Lightbits LightOS.

    A drop-in successor of the driver inside Cinder: options, extra specs,
    names on the cluster and provider_id are the same.
    """

    VERSION = _Version()
    CI_WIKI_NAME = 'LightbitsLabs_CI'
    SUPPORTS_ACTIVE_ACTIVE = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Runs before the service forks: nothing may be opened here.
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(options.OPTS)
        self._settings: options.Settings
        self._transport: Optional[transport.Transport] = None
        self._backend: backend.Backend
        self._cluster: models.ClusterInfo
        self._stats: dict[str, Any] = {}
        self._health = 'OK'

    @classmethod
    def get_driver_options(cls) -> list:
        """The options that apply to this driver."""
        return options.OPTS + cls._get_oslo_driver_opts(
            'driver_ssl_cert_verify', 'driver_ssl_cert_path',
            'max_over_subscription_ratio', 'reserved_percentage',
            'volume_backend_name')

    # Start-up

    def do_setup(self, context: Any) -> None:
        """Read the options and connect to the cluster; may run again."""
        clock = polling.Clock()
        settings = options.Settings.load(self.configuration, clock)
        if self._transport:
            self._transport.close()
        self._settings = settings
        self._transport = transport.Transport(
            endpoints.Endpoints(settings.endpoints, clock),
            settings.credentials, settings.trust, clock,
            request_timeout=settings.request_timeout,
            user_agent='lightos-cinder/%s' % self.VERSION)
        self._backend = backend.Backend(
            self._transport, settings.operation_timeout,
            settings.use_ip_acl)
        with errors.translated():
            # An operator who restarts the service waits for this.
            self._cluster = self._backend.cluster_info(
                timeout=_REQUESTS * settings.request_timeout)

    def check_for_setup_error(self) -> None:
        """Warn of what will not work; fail on what must be mended."""
        if self._settings.default_replicas > self._cluster.max_replicas > 0:
            LOG.warning('lightos_default_num_replicas is %d and the LightOS '
                        'cluster supports %d: a volume whose type does not '
                        'have lightos:num_replicas cannot be created.',
                        self._settings.default_replicas,
                        self._cluster.max_replicas)
        if not self._settings.trust.any_check:
            LOG.warning('The certificate of the LightOS API service is not '
                        'checked: tokens go to whoever answers. Set '
                        'driver_ssl_cert_verify or '
                        'lightos_tls_fingerprints.')
        self._settings.credentials.review()
        if self._settings.trust.ca_file and not self._settings.trust.verify:
            LOG.warning('driver_ssl_cert_path has no effect, because '
                        'driver_ssl_cert_verify is false.')
        lacking = connection.lacking_here()
        if lacking:
            LOG.warning('This host cannot attach volumes itself, so copying '
                        'images to and from volumes will not work here. It '
                        'lacks %s.', ' and '.join(lacking))
        LOG.info('LightOS cluster %s (%s) at %s is ready.',
                 self._cluster.name, self._cluster.uuid,
                 ', '.join(map(str, self._settings.endpoints)))

    # Volumes

    @volume_utils.trace
    def create_volume(self, volume: Any) -> ModelUpdate:
        """Create an empty volume."""
        return self._create(volume, self._backend.create_volume)

    @volume_utils.trace
    def create_volume_from_snapshot(self, volume: Any, snapshot: Any
                                    ) -> ModelUpdate:
        """Create a volume with the content of a snapshot."""
        source = records.snapshot_ref(snapshot)
        return self._create(volume, functools.partial(
            self._backend.create_volume, snapshot=source), source)

    @volume_utils.trace
    def create_cloned_volume(self, volume: Any, src_vref: Any
                             ) -> ModelUpdate:
        """Create a volume with the content of another."""
        source = records.volume_ref(src_vref)
        return self._create(volume, functools.partial(
            self._backend.clone_volume, source=source), source)

    def _create(self, volume: Any,
                make: Callable[[naming.Ref, specs.VolumeSpec, int],
                               models.Volume],
                source: Optional[naming.Ref] = None) -> ModelUpdate:
        spec = self._spec_of(volume)
        specs.check_replicas(spec, self._cluster.max_replicas)
        if source and source.project != spec.project:
            raise specs.other_project(spec, source.project)
        ref = naming.new_volume_ref(volume, spec.project)
        with errors.translated(ref, asked=spec):
            made = make(ref, spec, volume.size * units.Gi)
        LOG.info('Volume %s is %s in LightOS project %s, %d GiB.',
                 volume.id, made.uuid, spec.project, volume.size)
        # Cinder copies a kept name onto temporary volumes, which have none.
        return {'provider_id': naming.provider_id(spec.project, made.uuid),
                'provider_location': None}

    @volume_utils.trace
    def delete_volume(self, volume: Any) -> None:
        """Delete a volume.

        :raises VolumeBackendAPIException: also for what a migration that
            was stopped at its very end left on record twice
        """
        ref = records.volume_ref(volume)
        owner = records.taken_over_by(volume)
        if owner:
            raise exception.VolumeBackendAPIException(
                data=_('volume %(volume)s is on record where volume '
                       '%(owner)s is, which a migration gave its place to. '
                       'Unmanage volume %(volume)s instead.')
                % {'volume': volume.id, 'owner': owner})
        with errors.translated(ref):
            self._backend.delete_volume(ref)
        LOG.info('Volume %s is deleted.', volume.id)

    @volume_utils.trace
    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Extend a volume, attached or not.

        :param new_size: GiB
        """
        ref = records.volume_ref(volume)
        with errors.translated(ref):
            self._backend.grow_volume(ref, new_size * units.Gi)
        LOG.info('Volume %s has %d GiB.', volume.id, new_size)

    @volume_utils.trace
    def retype(self, context: Any, volume: Any, new_type: Any,
               diff: Mapping[str, Any], host: Mapping[str, Any]) -> bool:
        """Change the type of a volume where it is, if that can be.

        :returns: False for Cinder to migrate it: LightOS changes the
            compression and the QoS policy of a volume, not its number of
            replicas and not its project
        """
        ref = records.volume_ref(volume)
        spec = self._spec(new_type)
        with errors.translated(ref, asked=spec):
            done = self._backend.retype_volume(
                ref, spec, drops_qos_policy=records.names_qos_policy(
                    records.type_of(volume)))
        LOG.info('Volume %s %s %s.', volume.id,
                 'is now of' if done else 'must be migrated to become of',
                 spec)
        return done

    @volume_utils.trace
    def update_migrated_volume(self, ctxt: Any, volume: Any, new_volume: Any,
                               original_volume_status: str) -> ModelUpdate:
        """Give the new volume of a migration the name of the old one.

        It stays under its own where that cannot be: on clusters that
        cannot rename, and while the old volume has its name in the same
        project.
        """
        ref = records.volume_ref(new_volume)
        if not volume.provider_id:
            # It goes by its name, and will soon have the new one's type.
            volume.provider_id = specs.project_of(records.type_of(volume))
            volume.save()
        renamed = False
        try:
            renamed = self._backend.rename_volume(
                ref, CONF.volume_name_template % volume.id)
        except client_errors.LightOSError as error:
            # It has all data: no reason to fail the migration.
            LOG.warning('Volume %s, which is migrated, keeps the name %s on '
                        'the cluster: %s', volume.id, ref.name, error)
        return {'_name_id': None if renamed else new_volume.name_id,
                'provider_location': None}

    def update_provider_info(self, volumes: Sequence[Any],
                             snapshots: Sequence[Any]
                             ) -> tuple[list[dict[str, str]], None]:
        """Record the project of volumes that do not say where they are.

        The driver inside Cinder once made such. From now on a change of
        their type's extra specs does not lead away from them. Cinder comes
        here as the service starts, with all volumes of the backend.
        """
        self._watch_again(volumes)
        return [{'id': volume.id, 'provider_id': specs.project_of(
            records.type_of(volume))} for volume in volumes
            if not volume.provider_id
            and volume.status not in _ABOUT_TO_SAY], None

    # Snapshots

    @volume_utils.trace
    @coordination.synchronized('lightos-snapshot-{snapshot.volume_id}')
    def create_snapshot(self, snapshot: Any) -> ModelUpdate:
        """Create a snapshot.

        One after the other of a volume: LightOS refuses a second one for
        as long as the first is being made.
        """
        source = records.volume_ref(snapshot.volume)
        # Not from its provider_id, which cannot be its own yet.
        ref = naming.Ref(snapshot.id, source.project, snapshot.name)
        with errors.translated(ref):
            made = self._backend.create_snapshot(ref, source)
        LOG.info('Snapshot %s of volume %s is %s in LightOS project %s.',
                 snapshot.id, snapshot.volume_id, made.uuid, ref.project)
        return {'provider_id': naming.provider_id(ref.project, made.uuid)}

    @volume_utils.trace
    def delete_snapshot(self, snapshot: Any) -> None:
        """Delete a snapshot; its clones stay."""
        ref = records.snapshot_ref(snapshot)
        with errors.translated(ref):
            self._backend.delete_snapshot(ref)
        LOG.info('Snapshot %s is deleted.', snapshot.id)

    @volume_utils.trace
    @coordination.synchronized('lightos-access-{volume.id}')
    def revert_to_snapshot(self, context: Any, volume: Any, snapshot: Any
                           ) -> None:
        """Roll a volume back to one of its snapshots.

        Nobody comes and nobody goes meanwhile: some versions of LightOS
        bring back the access lists of the snapshot, too.
        """
        ref = records.volume_ref(volume)
        with errors.translated(ref):
            self._backend.roll_back_volume(
                ref, records.snapshot_ref(snapshot), volume.size * units.Gi,
                attached=bool(records.connectors(volume)))
        LOG.info('Volume %s is as in snapshot %s.', volume.id, snapshot.id)

    def snapshot_revert_use_temp_snapshot(self) -> bool:
        """Whether Cinder shall keep a copy: a rollback is all or nothing."""
        return False

    # What the scheduler knows

    def _update_volume_stats(self) -> None:
        # Cinder comes here every minute: in time to warn of what expires,
        # and, if the cluster answers, to show out who is gone.
        self._settings.credentials.review()
        try:
            with errors.translated():
                # The scheduler shall not learn of trouble minutes later.
                timeout = _REQUESTS * self._settings.request_timeout
                self._cluster = self._backend.cluster_info(timeout=timeout)
        except exception.VolumeBackendAPIException as error:
            # To raise would leave the scheduler with what it knew before.
            LOG.error('The LightOS cluster does not tell its state: %s',
                      error)
            told = stats.of_silence()
        else:
            cluster = self._statistics(timeout)
            told = stats.capabilities(self._cluster, cluster,
                                      self._settings.default_replicas)
            if cluster:
                self._note_health(cluster.health)
            self._review_unconfirmed(timeout)
        configured = self.configuration.safe_get
        self._stats = dict(
            told,
            volume_backend_name=(configured('volume_backend_name')
                                 or type(self).__name__),
            driver_version=self.VERSION,
            reserved_percentage=configured('reserved_percentage'),
            max_over_subscription_ratio=configured(
                'max_over_subscription_ratio'))

    def _statistics(self, timeout: float) -> Optional[models.Cluster]:
        """What the cluster tells of its capacity and health, if it does."""
        try:
            return self._backend.cluster(timeout=timeout)
        except client_errors.LightOSError as error:
            LOG.warning('LightOS cluster %s does not tell its capacity: %s',
                        self._cluster.name, error)
            return None

    def _note_health(self, health: models.Health) -> None:
        """Tell operators of a change for the worse or for the better."""
        if health.state in ('', self._health):
            return
        self._health = health.state
        LOG.log(_LEVELS.get(health.state, logging.INFO),
                'The health of LightOS cluster %s is %s.',
                self._cluster.name, health)

    @classmethod
    def clean_volume_file_locks(cls, volume_id: str) -> None:
        """Remove the lock files of a volume that is gone."""
        coordination.synchronized_remove('lightos-snapshot-' + volume_id)
        coordination.synchronized_remove('lightos-access-' + volume_id)

    def _init_standard_capabilities(self) -> dict[str, Any]:
        properties = super()._init_standard_capabilities()
        properties[specs.COMPRESSION]['default'] = (
            self._settings.default_compression)
        return properties

    def _init_vendor_properties(self) -> tuple[dict, str]:
        return specs.vendor_properties(
            self._set_property, self._settings.default_replicas,
            self._cluster.max_replicas), 'lightos'

    def _spec(self, volume_type: Any) -> specs.VolumeSpec:
        return specs.from_volume_type(
            volume_type, self._settings.default_replicas,
            self._settings.default_compression,
            records.back_end_qos(volume_type))

    def _spec_of(self, volume: Any) -> specs.VolumeSpec:
        return self._spec(records.type_of(volume))

    def _projects(self) -> list[str]:
        return records.projects(
            self.configuration.safe_get('volume_backend_name')
            or type(self).__name__)
