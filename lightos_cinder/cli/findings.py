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

"""What `check` concludes from what it has seen; nothing is asked here."""

import dataclasses
import datetime
import re
from typing import Iterable
from typing import Mapping
from typing import Optional
from typing import Sequence

from oslo_utils import units

from lightos_cinder.cli import probe
from lightos_cinder.client import credentials
from lightos_cinder.client import endpoints
from lightos_cinder.client import errors
from lightos_cinder.client import models
from lightos_cinder.client import tls
from lightos_cinder.client import tokens

OK = 'ok'
WARNING = 'warning'
FAILED = 'failed'
SKIPPED = 'skipped'

COLUMNS = ('Check', 'Result', 'What', 'What to do')

CLUSTER_ADMIN = 'system:cluster-admin'

_RENEW = ('Have an administrator of the cluster make another ("lbcli '
          'create jwt") and put it there')
_OPTION = re.compile(r'lightos_\w+|driver_ssl_\w+')


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing that must be right.

    :param check: what it is
    :param result: one of those above
    :param what: what was found
    :param todo: what to do about it, where something is to be done
    """

    check: str
    result: str
    what: str
    todo: str = ''


@dataclasses.dataclass(frozen=True)
class Asker:
    """A volume type, as far as it concerns the cluster.

    :param name: for people
    :param certain: whether it says that it is for LightOS; another may get
        its volumes elsewhere
    """

    name: str
    project: str
    replicas: int
    qos_policy: Optional[str] = None
    certain: bool = True


def skipped(check: str, why: str) -> Row:
    """A thing that could not be looked at."""
    return Row(check, SKIPPED, why)


def options(faults: Iterable[Exception], driver_is_ours: bool, driver: str
            ) -> list[Row]:
    """Whether the options are valid, those of tokens aside."""
    rows = []
    for fault in faults:
        option = _OPTION.search(str(fault))
        rows.append(Row('options', FAILED, str(fault),
                        'Correct %s in cinder.conf' % (
                            option.group() if option else 'it')))
    if not driver_is_ours:
        rows.append(Row(
            'options', WARNING, 'volume_driver is %s' % driver,
            'It is the driver inside Cinder; set volume_driver = '
            'lightos_cinder.driver.LightOSVolumeDriver to use this one'))
    return rows or [Row('options', OK, 'all are valid')]


def api_endpoints(seen: Sequence[probe.Seen]) -> list[Row]:
    """Whether each configured endpoint answers."""
    some = any(not one.trouble for one in seen)
    rows = []
    for one in seen:
        check = 'API endpoint %s' % one.endpoint
        if not one.trouble:
            rows.append(Row(check, OK, 'answers'))
            continue
        rows.append(Row(
            check, WARNING if some else FAILED, one.trouble,
            'See that the node is up, that lightos_api_address and '
            'lightos_api_port name its API service, and that no firewall is '
            'between'))
    return rows


def unnamed_endpoints(seen: Sequence[probe.Seen], cluster: models.ClusterInfo
                      ) -> list[Row]:
    """Whether the loss of one node is the loss of the backend."""
    configured = {one.endpoint for one in seen}
    others = [one for one in endpoints.parse_all(cluster.api_endpoints)
              if one not in configured]
    if len(configured) > 1 or not others:
        return []
    return [Row('API endpoints', WARNING,
                'lightos_api_address names one node, the cluster also has %s'
                % ', '.join(map(str, others)),
                'Add them to lightos_api_address: a service that starts '
                'while that node is down cannot find the others')]


def trust(wanted: tls.Trust, seen: Sequence[probe.Seen]) -> Row:
    """Whether who answers is the cluster."""
    check = 'TLS'
    reached = [one for one in seen if one.fingerprint]
    if not reached:
        return skipped(check, 'no endpoint presented a certificate')
    presented = sorted({one.fingerprint for one in reached
                        if one.fingerprint})
    pin = ('lightos_tls_fingerprints = %s, once you have compared that with '
           'the certificate on a node' % ','.join(presented))
    wrong = [one for one in reached if one.untrusted]
    if wrong:
        todo = 'Set ' + pin
        if wanted.verify:
            todo = ('Set driver_ssl_cert_path to the CA that has signed it; '
                    'or, for a certificate that names no address, set '
                    'driver_ssl_cert_verify = false and ' + pin)
        reasons: dict[str, list[str]] = {}
        for one in wrong:
            reasons.setdefault(one.untrusted or '', []).append(
                str(one.endpoint))
        return Row(check, FAILED, '; '.join(
            '%s: %s' % (', '.join(where), reason)
            for reason, where in reasons.items()), todo)
    if not wanted.any_check:
        return Row(check, WARNING,
                   'the certificate is not checked: tokens go to whoever '
                   'answers. It has the SHA-256 fingerprint %s'
                   % ', '.join(presented), 'Set ' + pin)
    return Row(check, OK, 'the certificate ' + ' and '.join(
        text for true, text in (
            (wanted.verify, 'is verified by its CA and address'),
            (wanted.fingerprints, 'has a fingerprint that is configured'))
        if true))


def token(held: tokens.Token, now: datetime.datetime,
          refusal: Optional[errors.LightOSError]) -> Row:
    """Whether a token is valid, for what, and for how long.

    :param refusal: what became of a call with it; None if it succeeded
    """
    check = 'token in %s' % held.source
    fault = held.fault(now)
    if fault:
        return Row(check, FAILED, fault, _RENEW)
    if isinstance(refusal, errors.Unauthenticated):
        return Row(check, FAILED, 'the cluster refuses it: %s'
                   % (refusal.message or 'status 401'), _RENEW)
    told = '%s; %s' % (
        'roles %s' % ', '.join(held.roles) if held.roles
        else 'it names no roles', _expiry(held, now))
    if refusal:
        return Row(check, WARNING, '%s; the cluster was not able to judge '
                   'it: %s' % (told, refusal), 'Check again')
    if held.expiry and now >= held.expiry - credentials.NOTICE:
        return Row(check, WARNING, told, _RENEW)
    return Row(check, OK, told)


def _expiry(held: tokens.Token, now: datetime.datetime) -> str:
    if not held.expiry:
        return 'it does not expire'
    return 'it expires at %s, in %d days' % (
        held.expiry.strftime('%Y-%m-%d %H:%M UTC'), (held.expiry - now).days)


def no_token(refusal: Optional[errors.LightOSError]) -> Row:
    """Whether a cluster can be asked without one.

    :param refusal: what became of a call without; None if it succeeded
    """
    if refusal is None:
        return Row('token', WARNING, 'none is configured, and the cluster '
                   'asks for none', 'Everybody can do everything on it: see '
                   'to its multi-tenancy')
    return Row('token', FAILED, 'none is configured: %s' % refusal,
               'Set lightos_jwt or lightos_jwt_dir')


def volume_types(askers: Sequence[Asker], backend_name: str,
                 hidden: bool) -> Row:
    """Which volume types are served by a backend.

    :param hidden: whether OpenStack shows no extra specs
    """
    check = 'volume types'
    if hidden:
        return Row(check, FAILED, 'OpenStack does not show their extra specs',
                   'Use the credentials of an administrator')
    certain = [one.name for one in askers if one.certain]
    if not certain:
        return Row(check, WARNING, 'none is for LightOS',
                   'Make some that have volume_backend_name = %s, as with '
                   '"lightos-cinder tiers apply"' % backend_name)
    return Row(check, OK, ', '.join(certain))


def grants(held: tokens.Token, name: str) -> bool:
    """Whether a token may be one to administer a project with.

    So it may if it names no roles: the cluster can know them.
    """
    return not held.roles or not {
        CLUSTER_ADMIN, '%s:admin' % name}.isdisjoint(held.roles)


def project(name: str, askers: Sequence[Asker], held: Optional[tokens.Token],
            refusal: Optional[errors.LightOSError]) -> Row:
    """Whether volumes can be created in a LightOS project.

    :param held: the token for it, if there is one
    :param refusal: what became of listing a volume; None if it succeeded,
        or if the token is none to ask with
    """
    check = 'LightOS project %s' % name
    of = _of(askers)
    bad = FAILED if _certain(askers) else WARNING
    if held and not grants(held, name):
        return Row(check, bad, 'the token in %s gives no role to administer '
                   'it: its roles are %s%s' % (
                       held.source, ', '.join(held.roles), of),
                   'Have a token made with the role %s:admin' % name)
    if isinstance(refusal, (errors.Forbidden, errors.NotFound)):
        return Row(check, bad, 'there is no such project, or %s gives no '
                   'right to it%s' % (held.source if held else 'no token',
                                      of),
                   'Create the project, and have a token made with the role '
                   '%s:admin; or correct lightos:project_name' % name)
    if isinstance(refusal, errors.NoToken):
        return Row(check, bad, '%s%s' % (refusal, of),
                   'Put a token with the role %s:admin into that directory, '
                   'as %s.jwt' % (name, name))
    if refusal:
        return Row(check, bad, '%s%s' % (refusal, of),
                   'See the rows above')
    return Row(check, OK, 'can be used%s' % of)


def replicas(number: int, askers: Sequence[Asker],
             cluster: models.ClusterInfo) -> Row:
    """Whether volumes of so many replicas can be created now."""
    check = 'replicas: %d' % number
    of = _of(askers)
    bad = FAILED if _certain(askers) else WARNING
    if cluster.max_replicas and number > cluster.max_replicas:
        return Row(check, bad, 'the cluster supports %d%s' % (
            cluster.max_replicas, of),
            'Change lightos:num_replicas, or lightos_default_num_replicas '
            'where a volume type does not say')
    if cluster.current_max_replicas and number > cluster.current_max_replicas:
        return Row(check, bad, 'the active nodes have room for %d%s' % (
            cluster.current_max_replicas, of),
            'Bring the inactive nodes of the cluster back')
    return Row(check, OK, 'possible%s' % of)


def qos_policy(wanted: str, name: str, askers: Sequence[Asker],
               there: Sequence[models.Policy]) -> Row:
    """Whether a QoS policy can be used in a project.

    :param wanted: its name or UUID
    :param name: of the project
    :param there: the policies that can be seen
    """
    check = 'QoS policy %s' % wanted
    of = ' in LightOS project %s%s' % (name, _of(askers))
    found = [one for one in there if wanted in (one.uuid, one.name)]
    usable = [one for one in found if one.scope is None or name in one.scope]
    if not usable:
        known = sorted(one.name for one in there
                       if one.scope is None or name in one.scope)
        return Row(check, FAILED, '%s%s' % (
            'it is not for use' if found else 'there is none of that name or '
            'UUID', of), 'Create it on the cluster, or name another: %s'
            % (', '.join(known) or 'there is none'))
    state = usable[0].state
    if state not in ('', 'Active'):
        return Row(check, WARNING, 'it is %s%s' % (state, of),
                   'See to it on the cluster')
    return Row(check, OK, 'can be used%s' % of)


def capacity(cluster: Optional[models.Cluster],
             refusal: Optional[errors.LightOSError]) -> Row:
    """Whether the scheduler can know how much room there is."""
    check = 'capacity'
    unknown = ('Use a token that may read the cluster for calls in no '
               'project; or, with several backends, set '
               'scheduler_default_weighers = AllocatedCapacityWeigher')
    if isinstance(refusal, (errors.Forbidden, errors.NotFound,
                            errors.Unimplemented)):
        return Row(check, WARNING, 'the token may not read it: the scheduler '
                   'is told that it is unknown', unknown)
    if cluster is None:
        return Row(check, FAILED, str(refusal), 'See the rows above')
    room = cluster.capacity
    if not room.total:
        return Row(check, WARNING, 'the cluster does not tell it', unknown)
    told = '%.1f GiB free of %.1f GiB, not divided by replicas; health %s' % (
        room.free / units.Gi, room.total / units.Gi, cluster.health)
    if cluster.health.state in ('Warning', 'Error'):
        return Row(check, WARNING, told,
                   'See to the nodes and volumes of the cluster')
    if room.free < units.Gi:
        return Row(check, WARNING, told, 'Not even the smallest volume fits: '
                   'delete volumes or add capacity')
    return Row(check, OK, told)


def discovery(found: Mapping[endpoints.Endpoint, Optional[str]],
              on_compute: bool) -> list[Row]:
    """Whether hosts can find the volumes of the cluster.

    :param found: why an endpoint does not accept connections from here;
        None if it does
    :param on_compute: whether this host shall attach volumes
    """
    check = 'discovery endpoint'
    if not found:
        return [Row(check, FAILED, 'the cluster names none',
                    'See to the discovery service on its nodes')]
    some = not all(found.values())
    rows = []
    for endpoint, reason in found.items():
        where = '%s %s' % (check, endpoint)
        if reason is None:
            rows.append(Row(where, OK, 'accepts connections'))
        elif on_compute:
            rows.append(Row(where, WARNING if some else FAILED, reason,
                            'See that the node is up and that this host '
                            'reaches the storage network'))
        else:
            rows.append(Row(where, WARNING, reason,
                            'Hosts that attach volumes must reach it: check '
                            'there with --compute'))
    return rows


def host(nqn: Optional[str], nqn_file: str, nvme_tcp: Optional[bool],
         client_answers: bool) -> list[Row]:
    """Whether this host can attach volumes.

    :param nvme_tcp: whether the kernel has it now; None if it has none
    """
    module = 'kernel module nvme-tcp'
    return [
        Row('host NQN', OK, nqn) if nqn else
        Row('host NQN', FAILED, 'there is no NVMe Qualified Name in %s'
            % nqn_file, 'Install nvme-cli and run "nvme gen-hostnqn > %s"'
            % nqn_file),
        Row(module, OK, 'is there') if nvme_tcp else
        Row(module, FAILED, 'this kernel has none',
            "Install the package of the kernel's further modules")
        if nvme_tcp is None else
        Row(module, WARNING, 'is not loaded', 'Run "modprobe nvme-tcp", and '
            'name it in /etc/modules-load.d/nvme-tcp.conf'),
        Row('discovery client', OK, 'answers') if client_answers else
        Row('discovery client', FAILED, 'none answers on this host',
            "Install and start Lightbits' discovery-client"),
    ]


def _certain(askers: Sequence[Asker]) -> bool:
    # Nobody in particular asks: then it is what the token is for.
    return not askers or any(one.certain for one in askers)


def _of(askers: Sequence[Asker]) -> str:
    return ', for %s' % ', '.join(
        sorted({one.name for one in askers})) if askers else ''
