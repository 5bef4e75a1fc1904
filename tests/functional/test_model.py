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

"""Two drivers of one backend, anything in any order, and any fault.

Success means that the cluster is so. After a failure it is as before, or
as asked, or the log says at level ERROR what may be left; and what Cinder
then deletes is gone. LIGHTOS_MODEL_EXAMPLES and LIGHTOS_MODEL_SEED make it
look longer and elsewhere.
"""

import collections
import functools
import itertools
import logging
import os
import sys
from unittest import mock

from cinder import exception
from cinder import objects
from cinder.objects import fields
import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from lightos_cinder.client import polling
from tests import emulator
from tests.emulator import policies
from tests.functional import base
from tests.functional import database
from tests.functional import model

EXAMPLES = int(os.environ.get('LIGHTOS_MODEL_EXAMPLES', 8))
SEED = int(os.environ.get('LIGHTOS_MODEL_SEED', 1))
STEPS = 40

#: lightos_operation_timeout.
TIMEOUT = 5
#: Seconds for which an operation may go on after that, to tidy up.
GRACE = 25
#: Requests that one operation may take, whatever happens.
REQUESTS = 150
#: Seconds that a temporary snapshot lives, and more.
HOUR = 3700

PICK = st.integers(0, 5)
DRIVER = st.sampled_from([1, 2])
HOST = st.sampled_from(model.HOSTS)


@functools.lru_cache(maxsize=None)
def clock():
    """The time of this test, for the drivers and for the cluster."""
    return model.Clock()


class Lines(logging.Handler):
    """What the driver logs."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelname, record.getMessage()))

    def told(self, *texts):
        """Whether a line at level ERROR holds all these."""
        return any(level == 'ERROR' and all(text in line for text in texts)
                   for level, line in self.lines)


class Result:
    """How an operation ended."""

    def __init__(self, value, error, told, struck):
        self.value = value
        self.error = error
        self.told = told
        self.struck = struck

    @property
    def done(self):
        return self.error is None


class Machine(stateful.RuleBasedStateMachine):
    """What users and administrators of Cinder do."""

    def __init__(self, test):
        super().__init__()
        self.test = test
        self.lightos = test.lightos
        self.context = test.context
        self.counts = test.counts
        self.volumes = []
        self.snapshots = []
        # Unmanaged volumes, which are on the cluster and not in Cinder.
        self.strangers = []
        # Names of temporary snapshots that are said to expire.
        self.expiring = set()
        self.made = collections.Counter()
        self.again = None

    @stateful.initialize(settings=model.SETTINGS,
                         use_ip_acl=st.sampled_from([True, True, False]),
                         network=st.booleans(), default=st.booleans())
    def begin(self, settings, use_ip_acl, network, default):
        self.lightos.reset(settings)
        self.settings = self.lightos.settings_in_force()
        for project in (base.PROJECT, model.OTHER):
            self.lightos.create_project(project)
        for name in ('slow', 'fast'):
            self.test.policy(name)
        self.default = 'usual' if default else None
        if default:
            self.test.policy('usual', base.PROJECT)
        self.use_ip_acl = use_ip_acl
        self.network = network
        self.drivers = {number: self.start() for number in (1, 2)}
        for type_name in ('gold', 'gold', 'bronze'):
            self.create_as(self.new_volume(type_name, 1), None, 1, None)
            self.compare()
        first = self.volumes[0]
        for host in (2, 3):
            self.let_in(first, host, list(first.hosts), 2, None)
            self.compare()
        self.snapshot_of(first, 1, None)

    def start(self):
        made = self.test.make_driver(
            lightos_use_ipacl=self.use_ip_acl,
            lightos_ipacl_networks=[model.NETWORK] if self.network else None)
        # The least that can be set is a long time for a test.
        made._transport._request_timeout = 0.2
        return made

    # Doing something, and looking what came of it

    def do(self, what, call, fault, excuse=False):
        """Have a driver do something while something else goes wrong.

        :param excuse: whether it may fail though nothing goes wrong
        """
        self.settled()
        lines = Lines()
        log = logging.getLogger('lightos_cinder')
        self.lightos.clear_records()
        value = error = None
        if fault and fault.kind == 'slow':
            self.lightos.set_settings(**{
                name: 60 for name in self.settings
                if name.endswith('_settle') and name != 'node_settle'})
        elif fault:
            for one in fault.fields():
                self.lightos.add_fault(**one)
        clock().real(bool(fault and fault.takes_time))
        began = clock().now()
        log.addHandler(lines)
        try:
            value = call()
        except exception.CinderException as caught:
            error = caught
        finally:
            took = clock().now() - began
            log.removeHandler(lines)
            clock().real(False)
            struck = sum(one['hits'] for one in self.lightos.faults())
            self.lightos.clear_faults()
            hypothesis.note('    %s, %s: %s%s' % (
                what, fault or 'no fault',
                'done' if error is None else '%s: %.300s' % (
                    type(error).__name__, error),
                ''.join('\n        %s %.300s' % line
                        for line in lines.lines)))
        if fault and fault.kind == 'slow':
            struck = 1
            self.lightos.set_settings(**{
                name: self.settings[name] for name in self.settings
                if name.endswith('_settle')})
        if error:
            # Something may go on still; done means done at once.
            self.settled()
        sent = len(self.lightos.requests())
        self.counts['with a fault'] += fault is not None
        self.count(what, error, struck, sent, took)
        if not struck:
            assert error is None or excuse, 'it failed for no reason'
            assert excuse or not any(
                level == 'ERROR' for level, _line in lines.lines), (
                'an error is logged for no reason')
            assert self.calm(), self.lightos.complaints()
        assert sent <= REQUESTS, '%d requests' % sent
        assert took <= TIMEOUT + GRACE, 'it took %.1f s' % took
        for level, line in lines.lines:
            if 'temporary snapshot' in line and 'will expire' in line:
                self.expiring |= {word for word in line.split()
                                  if word.startswith('clone-')}
            if level == 'ERROR' and 'may be left' in line:
                self.expiring |= {word.lstrip('(') for word in line.split()
                                  if word.lstrip('(').startswith('clone-')}
        return Result(value, error, lines.told, bool(struck))

    def settled(self):
        """Let everything that goes on come to its end."""
        clock().sleep(70)

    def calm(self):
        """Whether the cluster has nothing to complain of."""
        # Its looks are timed by another clock, and where it does not know
        # newName nobody can know that.
        return not [
            one for one in self.lightos.complaints()
            if 'polled' not in one['reason'] and (
                self.settings['supports_new_name']
                or 'changes nothing' not in one['reason'])]

    def count(self, what, error, struck, sent, took):
        word = what.split()[2]
        self.counts['operations'] += 1
        self.counts['faults that struck'] += bool(struck)
        self.counts['failures that were told'] += error is not None
        self.counts['done in spite of a fault'] += bool(
            struck and error is None)
        self.counts['  ' + word] += 1
        self.counts['most requests of one'] = max(
            sent, self.counts['most requests of one'])
        self.counts['most seconds of one'] = max(
            round(took), self.counts['most seconds of one'])

    def held(self, one, kind='volumes'):
        """The object on the cluster that is to stay, or None."""
        for found in getattr(self.lightos, kind)(self.project(one)):
            if found['state'] != 'Deleting' and (
                    found['UUID'] == one.uuid if one.uuid else
                    found['name'] == one.name
                    and found['state'] != 'Failed'):
                return found
        return None

    @staticmethod
    def project(one):
        return (one.volume if isinstance(one, model.Snapshot) else one
                ).project

    def remains(self, name, kind='volumes'):
        """Whether the cluster failed to create something of that name."""
        return any(one['name'] == name and one['state'] == 'Failed'
                   for one in getattr(self.lightos, kind)())

    @stateful.invariant()
    def compare(self):
        """The cluster is as one of the ways that the model allows."""
        expected = {'volumes': set(), 'snapshots': set()}
        for one in self.volumes + self.strangers:
            found = self.held(one)
            self.settle(one, 'there', found is not None)
            if found:
                expected['volumes'].add(found['UUID'])
                self.compare_volume(one, found)
        for one in self.snapshots:
            found = self.held(one, 'snapshots')
            self.settle(one, 'there', found is not None)
            if found:
                expected['snapshots'].add(found['UUID'])
                if one.uuid:
                    self.available(one, found)
                    assert (found['sourceVolumeUUID']
                            == one.volume.uuid), found
        for kind, known in expected.items():
            for found in getattr(self.lightos, kind)():
                assert (found['UUID'] in known or found['state'] == 'Deleting'
                        or found['state'] == 'Failed'
                        and self.settings['failed_delete'] == '400'
                        or found['name'] in self.expiring), (
                    '%s %s is left' % (found['state'], found['name']))

    def available(self, one, found):
        assert found['state'] == 'Available', '%s is %s' % (
            one, found['state'])

    def settle(self, one, name, value):
        """What is so is one of what may be; from now on it is that."""
        allowed = getattr(one, name)
        assert value in allowed, '%s of %s is %r, and may be %s' % (
            name, one, value, ' or '.join(map(repr, allowed)))
        setattr(one, name, {value})

    def compare_volume(self, one, found):
        if one.uuid:
            self.available(one, found)
            self.settle(one, 'names', found['name'])
            self.settle(one, 'sizes', int(found['size']) // base.GIB)
            self.settle(one, 'compression', found['compression'] == 'true')
            self.settle(one, 'policies', found['qosPolicyName'])
            assert found['replicaCount'] == model.TYPES[one.type][1], found
        hosts = {model.nqn(host): host for host in model.HOSTS}
        inside = found['acl']['values']
        assert inside and (inside == ['ALLOW_NONE']
                           or hosts.keys() >= set(inside)), inside
        self.settle(one, 'inside', frozenset(
            hosts[entry] for entry in inside if entry in hosts))
        if one.guests <= set(one.hosts):
            one.loose &= bool(one.guests)
        else:
            # Said to be inside; nobody knows where it comes from.
            one.loose = True
        self.compare_addresses(one, set(found['IPAcl']['values']))

    def compare_addresses(self, one, present):
        if not self.use_ip_acl:
            assert present == {'ALLOW_ANY'}, present
            return
        needed = self.addresses(one.guests) or {'ALLOW_NONE'}
        if one.loose:
            assert needed <= present <= needed | self.addresses(
                model.HOSTS), '%s of %s' % (present, one)
        else:
            assert present == needed, '%s of %s, needed are %s' % (
                present, one, needed)

    def addresses(self, hosts):
        return model.addresses(hosts, self.network)

    # What Cinder has on record

    def record(self, one):
        """As the manager reads it for each operation."""
        kind = (objects.Snapshot if isinstance(one, model.Snapshot)
                else objects.Volume)
        return kind.get_by_id(self.context, one.id)

    def label(self, kind):
        self.made[kind] += 1
        return '%s%d' % (kind, self.made[kind])

    def pick(self, candidates, number):
        return candidates[number % len(candidates)]

    def usable(self):
        return [one for one in self.volumes if one.usable]

    def new_volume(self, type_name, gib):
        record = objects.Volume(
            self.context, size=gib, host=database.HOST, project_id='p',
            user_id='u', status='creating',
            volume_type_id=self.test.types[type_name].id)
        record.create()
        made = model.Volume(self.label('v'), record.id, record.name,
                            type_name, gib)
        self.volumes.append(made)
        return made

    def save(self, one, update, **values):
        record = self.record(one)
        record.update(dict(update or {}, **values))
        record.save()
        return record

    def forget(self, one):
        """Cinder has no record of it any more."""
        kind = (self.snapshots if isinstance(one, model.Snapshot)
                else self.volumes)
        if one in kind:
            kind.remove(one)
            self.record(one).destroy()

    def attach(self, one, hosts):
        """Put exactly these attachments of a volume on record."""
        for row in objects.VolumeAttachmentList.get_all_by_volume_id(
                self.context, one.id):
            row.destroy()
        for host in hosts:
            self.new_attachment(one, model.connector(host))
        self.save(one, {}, status='in-use' if hosts else 'available')

    def new_attachment(self, one, connector=None):
        objects.VolumeAttachment(
            self.context, volume_id=one.id, connector=connector,
            attach_status=fields.VolumeAttachStatus.ATTACHED if connector
            else fields.VolumeAttachStatus.ATTACHING).create()

    # Volumes come

    @stateful.rule(driver=DRIVER, type_name=st.sampled_from(
        sorted(model.TYPES)), gib=st.integers(1, 3), fault=model.FAULTS)
    def create(self, driver, type_name, gib, fault):
        self.create_as(self.new_volume(type_name, gib), None, driver, fault)

    @stateful.precondition(lambda self: any(
        one.usable for one in self.snapshots))
    @stateful.rule(driver=DRIVER, pick=PICK, more=st.integers(0, 2),
                   type_name=st.sampled_from(sorted(model.TYPES)),
                   fault=model.FAULTS)
    def create_from_snapshot(self, driver, pick, more, type_name, fault):
        source = self.pick([one for one in self.snapshots if one.usable],
                           pick)
        self.create_as(self.new_volume(type_name, source.gib + more),
                       source, driver, fault)

    @stateful.precondition(lambda self: self.usable())
    @stateful.rule(driver=DRIVER, pick=PICK, more=st.integers(0, 2),
                   type_name=st.sampled_from(sorted(model.TYPES)),
                   fault=model.FAULTS)
    def clone(self, driver, pick, more, type_name, fault):
        source = self.pick(self.usable(), pick)
        self.create_as(self.new_volume(type_name, source.gib + more),
                       source, driver, fault)

    @stateful.precondition(lambda self: any(
        not one.good for one in self.volumes))
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS)
    def create_once_more(self, driver, pick, fault):
        one = self.pick([one for one in self.volumes if not one.good], pick)
        self.create_as(one, None, driver, fault)

    @stateful.precondition(lambda self: self.made['namesake'] < 2)
    @stateful.rule(driver=DRIVER, fault=model.FAULTS, other=st.sampled_from([
        {'size': str(2 * base.GIB)}, {'replicaCount': 2},
        {'compression': 'false'}, {'acl': {'values': [model.nqn(1)]}}]))
    def create_where_another_has_the_name(self, driver, other, fault):
        one = self.new_volume('gold', 1)
        path = 'projects/%s/volumes' % one.project
        uuid = self.test.ask('POST', path, dict({
            'name': one.name, 'size': str(base.GIB), 'replicaCount': 3,
            'compression': 'true', 'acl': {'values': ['ALLOW_NONE']}},
            **other))['UUID']
        self.made['namesake'] += 1
        self.settled()
        self.test.ask('GET', '%s/%s' % (path, uuid))
        before = self.held(one)
        result = self.do(
            'driver %d: create-over %s' % (driver, one),
            functools.partial(self.drivers[driver].create_volume,
                              self.record(one)), fault, True)
        assert not result.done, 'what is not as asked was taken for it'
        assert self.held(one) == before, 'what is of others was touched'
        self.test.ask('DELETE', '%s/%s' % (path, uuid))
        self.settled()
        self.forget(one)
        self.again = None

    def create_as(self, one, source, driver, fault):
        """Create a volume, or have it created again."""
        used = self.drivers[driver]
        again = one.good
        origin = source and (source.volume if isinstance(
            source, model.Snapshot) else source)
        excuse = bool(
            # Of an earlier attempt something else may be there.
            True in one.there and (source or not again)
            or self.remains(one.name)
            or source and not self.fits(one, source))
        record = self.record(one)
        if source is None:
            call, how = used.create_volume, ''
        elif isinstance(source, model.Snapshot):
            call, how = (used.create_volume_from_snapshot,
                         ' of %s' % source)
        else:
            call, how = used.create_cloned_volume, ' of %s' % source
        result = self.do(
            'driver %d: create %s %s %d%s' % (
                driver, one, one.type, one.gib, how),
            functools.partial(call, record, *(
                [self.record(source)] if source else [])), fault, excuse)
        self.again = functools.partial(self.create_as, one, source)
        if not result.done:
            self.not_created(one, result)
            if origin:
                origin.there = {True}
            return
        record = self.save(one, result.value, status='available')
        project, uuid = record.provider_id.split()
        assert project == one.project
        assert one.uuid in ('', uuid), 'it is another one now'
        one.uuid, one.good, one.there = uuid, True, {True}
        _project, _replicas, compression, policy = model.TYPES[one.type]
        one.names, one.sizes = {one.name}, {one.gib}
        one.compression = {compression}
        one.policies = {policy or self.default_of(one)}
        self.of_source(uuid, source)

    def fits(self, one, source):
        """Whether a cluster can make a volume of that."""
        origin, size = source, max(getattr(source, 'sizes', [0]))
        if isinstance(source, model.Snapshot):
            origin, size = source.volume, source.size
        strict = self.settings['clone_must_match']
        same = (model.TYPES[one.type][1] == model.TYPES[origin.type][1]
                and {model.TYPES[one.type][2]} == origin.compression)
        return (one.project == origin.project and size <= one.gib
                and (same or not strict))

    def default_of(self, one):
        """Name of the policy of a volume whose type names none."""
        if one.project == base.PROJECT and self.default:
            return self.default
        return policies.NO_LIMIT

    def of_source(self, uuid, source):
        """The volume was made of that, and of nothing else."""
        [found] = [one for one in self.lightos.volumes()
                   if one['UUID'] == uuid]
        origin = found['sourceSnapshotUUID']
        if source is None:
            assert not origin, found
        elif isinstance(source, model.Snapshot):
            assert origin == source.uuid, found
        else:
            taken = [one['body']['sourceVolumeUUID']
                     for one in self.lightos.requests()
                     if one['method'] == 'POST' and one['body'].get('name')
                     == found['sourceSnapshotName']]
            assert taken and set(taken) == {source.uuid}, taken

    def not_created(self, one, result):
        left = result.told(one.name, 'may be left')
        if one.good and not left:
            # It was asked for twice: it may be gone, or be as it was.
            one.there = {True, False}
        else:
            one.there = one.there | {True, False} if left else (
                {True, False} if True in one.there else {False})
        one.good = False
        one.uuid = ''
        self.save(one, {'provider_id': None}, status='error')

    # Volumes change and go

    @stateful.precondition(lambda self: any(
        self.deletable(one) for one in self.volumes)
        and len(self.volumes) > 3)
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS)
    def delete(self, driver, pick, fault):
        self.delete_one(self.pick([
            one for one in self.volumes if self.deletable(one)], pick),
            driver, fault)

    def deletable(self, one):
        return not one.hosts and not any(
            snapshot.volume is one for snapshot in self.snapshots)

    def delete_one(self, one, driver, fault, record=None):
        """Delete a volume or a snapshot, or have it deleted again."""
        record = record or self.record(one)
        kind = ('snapshot' if isinstance(one, model.Snapshot) else 'volume')
        before = self.held(one, kind + 's')
        call = getattr(self.drivers[driver], 'delete_' + kind)
        result = self.do('driver %d: delete %s' % (driver, one),
                         functools.partial(call, record), fault)
        self.again = functools.partial(self.delete_one, one, record=record)
        if result.done:
            one.there = {False}
            assert self.held(one, kind + 's') is None, '%s is there' % one
            self.forget(one)
            return
        after = self.held(one, kind + 's')
        if isinstance(result.error, (exception.VolumeIsBusy,
                                     exception.SnapshotIsBusy)):
            assert after == before, 'it is busy, and was touched'
        elif isinstance(result.error, exception.NotFound):
            assert after is None, 'it is not found, and is there'
        if True in one.there:
            one.there = {True, False}

    @stateful.precondition(lambda self: self.usable())
    @stateful.rule(driver=DRIVER, pick=PICK, more=st.integers(1, 2),
                   fault=model.FAULTS)
    def extend(self, driver, pick, more, fault):
        one = self.pick(self.usable(), pick)
        self.extend_to(one, one.gib + more, driver, fault)

    def extend_to(self, one, gib, driver, fault):
        result = self.do(
            'driver %d: extend %s to %d' % (driver, one, gib),
            functools.partial(self.drivers[driver].extend_volume,
                              self.record(one), gib), fault)
        self.again = functools.partial(self.extend_to, one, gib)
        if result.done:
            one.gib = gib
            # More, where it was extended before in vain.
            one.sizes = {max(one.sizes | {gib})}
            self.save(one, {}, size=gib)
        else:
            self.still_there(one, result)
            one.sizes = one.sizes | {max(one.sizes | {gib})}

    def still_there(self, one, result):
        """What failed did not fail for want of the volume."""
        assert not isinstance(result.error, exception.NotFound), (
            '%s is there' % one)

    @stateful.precondition(lambda self: self.usable())
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS,
                   type_name=st.sampled_from(sorted(model.TYPES)))
    def retype(self, driver, pick, type_name, fault):
        self.retype_to(self.pick(self.usable(), pick), type_name, driver,
                       fault)

    def retype_to(self, one, type_name, driver, fault):
        old, new = model.TYPES[one.type], model.TYPES[type_name]
        result = self.do(
            'driver %d: retype %s to %s' % (driver, one, type_name),
            functools.partial(
                self.drivers[driver].retype, self.context, self.record(one),
                self.test.types[type_name], {}, {}), fault)
        self.again = functools.partial(self.retype_to, one, type_name)
        policy = new[3] or (self.default if old[3] else None)
        if not result.done:
            self.still_there(one, result)
            one.compression = one.compression | {new[2]}
            if policy:
                one.policies = one.policies | {policy}
            return
        possible = (old[:2] == new[:2]
                    and (policy is not None or not old[3]))
        assert result.value is possible, 'it told %s' % result.value
        if possible:
            one.type = type_name
            one.compression = {new[2]}
            if policy:
                one.policies = {policy}
            self.save(one, {},
                      volume_type_id=self.test.types[type_name].id)

    # Hosts come and go

    @stateful.precondition(lambda self: self.usable())
    @stateful.rule(driver=DRIVER, pick=PICK, host=HOST, fault=model.FAULTS)
    def attach_host(self, driver, pick, host, fault):
        one = self.pick(self.usable(), pick)
        self.let_in(one, host, list(one.hosts), driver, fault)

    @stateful.precondition(lambda self: any(
        one.hosts for one in self.usable()))
    @stateful.rule(driver=DRIVER, pick=PICK, host=PICK, fault=model.FAULTS)
    def attach_a_host_twice(self, driver, pick, host, fault):
        one = self.pick([one for one in self.usable() if one.hosts], pick)
        self.let_in(one, self.pick(one.hosts, host), list(one.hosts),
                    driver, fault)

    def let_in(self, one, host, before, driver, fault):
        self.attach(one, before)
        self.new_attachment(one)
        known = one.guests | {host}
        crowded = self.use_ip_acl and len(self.addresses(
            known | (set(model.HOSTS) if one.loose else set()))) > model.MOST
        result = self.do(
            'driver %d: attach %s to %d (%s on record)' % (
                driver, one, host, before),
            functools.partial(
                self.drivers[driver].initialize_connection,
                self.record(one), model.connector(host)), fault, crowded)
        self.again = functools.partial(self.let_in, one, host, before)
        guests = one.guests
        if result.done:
            one.hosts = before + [host]
            one.inside = {guests | {host}}
            assert result.value['data']['uuid'] == one.uuid
        else:
            self.still_there(one, result)
            one.hosts = list(before)
            if host in before or host in guests or result.told(
                    one.id, model.nqn(host), 'may be open'):
                one.inside = {guests, guests | {host}, guests - {host}}
            else:
                one.inside = {guests}
        self.attach(one, one.hosts)

    @stateful.precondition(lambda self: self.usable())
    @stateful.rule(driver=DRIVER, pick=PICK, host=HOST, fault=model.FAULTS)
    def attach_and_die(self, driver, pick, host, fault):
        """Cinder has nothing on record, and Nova gives up."""
        one = self.pick(self.usable(), pick)
        hosts = list(one.hosts)
        self.let_in(one, host, hosts, driver, fault)
        if host not in hosts:
            one.hosts = hosts
            self.attach(one, hosts)
            self.restart(driver, None)
            clock().sleep(31)
            self.do('driver %d: stats after that' % driver, functools.partial(
                self.drivers[driver].get_volume_stats, True), None)
            one.inside = {guests - {host} for guests in one.inside}
            one.loose &= not one.guests <= set(one.hosts)
            self.may_be_shown_out()
        self.again = None

    @stateful.precondition(lambda self: any(
        one.hosts for one in self.usable()))
    @stateful.rule(driver=DRIVER, pick=PICK, host=PICK, fault=model.FAULTS)
    def detach_host(self, driver, pick, host, fault):
        one = self.pick([one for one in self.usable() if one.hosts], pick)
        self.show_out(one, self.pick(one.hosts, host), list(one.hosts),
                      driver, fault)

    def show_out(self, one, host, before, driver, fault):
        self.attach(one, before)
        result = self.do(
            'driver %d: detach %s from %d (%s on record)' % (
                driver, one, host, before),
            functools.partial(
                self.drivers[driver].terminate_connection,
                self.record(one), model.connector(host), force=False),
            fault)
        self.again = functools.partial(self.show_out, one, host, before)
        stays = before.count(host) > 1
        guests = one.guests
        one.hosts = list(before)
        if result.done:
            one.hosts.remove(host)
            assert result.value is stays, 'it told %s' % result.value
            if not stays:
                one.inside = {guests - {host}}
                one.loose &= not one.guests <= set(one.hosts)
        else:
            self.still_there(one, result)
            if not stays:
                one.inside = {guests, guests - {host}}
        self.attach(one, one.hosts)

    @stateful.precondition(lambda self: self.open())
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS)
    def detach_all(self, driver, pick, fault):
        self.show_all_out(self.pick(self.open(), pick), driver, fault)

    def open(self):
        return [one for one in self.usable()
                if len(one.hosts) > 1 or one.guests - set(one.hosts)]

    def show_all_out(self, one, driver, fault):
        result = self.do(
            'driver %d: detach-all %s' % (driver, one),
            functools.partial(
                self.drivers[driver].terminate_connection,
                self.record(one), None, force=True), fault)
        self.again = functools.partial(self.show_all_out, one)
        if result.done:
            one.inside = {frozenset()}
            one.hosts = []
            self.attach(one, [])
        else:
            self.still_there(one, result)
            one.inside = {one.guests, frozenset()}

    @stateful.precondition(lambda self: any(
        one.hosts.count(host) == 2 for one in self.usable()
        for host in one.hosts))
    @stateful.rule(pick=PICK, fault=model.FAULTS)
    def detach_twice_at_once(self, pick, fault):
        one, host = self.pick([
            (one, host) for one in self.usable()
            for host in sorted(set(one.hosts))
            if one.hosts.count(host) == 2], pick)
        for number, driver in self.drivers.items():
            # Either has the other's attachment on record still.
            result = self.do(
                'driver %d: detach-at-once %s from %d' % (number, one, host),
                functools.partial(driver.terminate_connection,
                                  self.record(one), model.connector(host),
                                  force=False), None)
            assert result.value is True
        one.hosts = [other for other in one.hosts if other != host]
        self.attach(one, one.hosts)
        clock().sleep(31)
        guests = one.guests
        for number, driver in self.drivers.items():
            for met in (fault, None):
                self.do('driver %d: stats after that' % number,
                        functools.partial(driver.get_volume_stats, True),
                        met)
        one.inside = {guests - {host}}
        one.loose &= not one.guests <= set(one.hosts)
        self.may_be_shown_out()
        self.again = None

    # Snapshots

    @stateful.precondition(lambda self: self.usable())
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS)
    def snapshot(self, driver, pick, fault):
        self.snapshot_of(self.pick(self.usable(), pick), driver, fault)

    def snapshot_of(self, one, driver, fault):
        record = objects.Snapshot(
            self.context, volume_id=one.id, volume_size=one.gib,
            project_id='p', user_id='u', status='creating')
        record.create()
        made = model.Snapshot(self.label('s'), record.id, record.name, one,
                              one.gib, max(one.sizes), one.guests)
        self.snapshots.append(made)
        self.snap(made, driver, fault)

    def snap(self, made, driver, fault):
        # Of an earlier attempt.
        remains = self.remains(made.name, 'snapshots')
        result = self.do(
            'driver %d: snapshot %s of %s' % (driver, made, made.volume),
            functools.partial(self.drivers[driver].create_snapshot,
                              self.record(made)), fault, remains)
        self.again = functools.partial(self.snap, made)
        if result.done:
            record = self.save(made, result.value, status='available')
            project, uuid = record.provider_id.split()
            assert project == made.volume.project
            assert made.uuid in ('', uuid), 'it is another one now'
            made.uuid, made.good, made.there = uuid, True, {True}
            return
        self.still_there(made.volume, result)
        left = result.told(made.name, 'may be left')
        made.there = {True, False} if left or True in made.there else {False}
        made.good, made.uuid = False, ''
        self.save(made, {'provider_id': None}, status='error')

    @stateful.precondition(lambda self: self.snapshots)
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS)
    def delete_snapshot(self, driver, pick, fault):
        self.delete_one(self.pick(self.snapshots, pick), driver, fault)

    @stateful.precondition(lambda self: self.latest())
    @stateful.rule(driver=DRIVER, pick=PICK, fault=model.FAULTS)
    def revert(self, driver, pick, fault):
        self.roll_back(self.pick(self.latest(), pick), driver, fault)

    def latest(self):
        """The snapshots that Cinder would let users revert to."""
        newest = {one.volume: one for one in self.snapshots}
        return [one for one in newest.values()
                if one.usable and one.volume.usable]

    def roll_back(self, snapshot, driver, fault):
        one = snapshot.volume
        result = self.do(
            'driver %d: revert %s to %s' % (driver, one, snapshot),
            functools.partial(
                self.drivers[driver].revert_to_snapshot, self.context,
                self.record(one), self.record(snapshot)), fault)
        self.again = functools.partial(self.roll_back, snapshot)
        kept = one.guests if one.hosts else frozenset()
        size = max(one.gib, snapshot.size)
        if result.done:
            assert [sent for sent in self.lightos.requests()
                    if sent['path'].endswith('rollback')
                    and sent['body']['srcSnapshotUUID'] == snapshot.uuid]
            one.sizes = {size}
            one.inside = {kept}
            return
        self.still_there(one, result)
        one.sizes = one.sizes | {snapshot.size, size}
        one.inside = {one.guests, kept}
        if result.told(one.id, 'may be open'):
            one.inside |= {snapshot.inside}
            one.loose = True

    # Volumes of others

    @stateful.precondition(lambda self: len(self.strangers) < 2 and any(
        self.deletable(one) for one in self.usable()))
    @stateful.rule(driver=DRIVER, pick=PICK)
    def unmanage(self, driver, pick):
        one = self.pick([one for one in self.usable()
                         if self.deletable(one)], pick)
        self.do('driver %d: unmanage %s' % (driver, one),
                functools.partial(self.drivers[driver].unmanage,
                                  self.record(one)), None)
        self.forget(one)
        self.strangers.append(one)
        self.again = None

    @stateful.precondition(lambda self: self.strangers)
    @stateful.rule(driver=DRIVER, pick=PICK, by_name=st.booleans(),
                   fault=model.FAULTS)
    def manage(self, driver, pick, by_name, fault):
        old = self.pick(self.strangers, pick)
        new = self.new_volume(old.type, 0)
        used = self.drivers[driver]
        [present] = old.names
        ref = ({'source-name': present} if by_name
               else {'source-id': old.uuid})
        _project, _replicas, compression, policy = model.TYPES[old.type]

        def call():
            record = self.record(new)
            size = used.manage_existing_get_size(record, ref)
            return dict(used.manage_existing(record, ref), size=size)

        result = self.do('driver %d: manage %s as %s' % (driver, old, new),
                         call, fault, bool(
                             old.guests or old.compression != {compression}))
        self.again = None
        names = ({new.name} if self.settings['supports_new_name']
                 else old.names)
        if not result.done:
            self.still_there(old, result)
            old.names = old.names | names
            if policy:
                old.policies = old.policies | {policy}
            # Its record is in error_managing, and whoever deletes that
            # leaves the volume alone.
            used.unmanage(self.record(new))
            self.forget(new)
            return
        record = self.save(new, result.value, status='available')
        assert record.provider_id == '%s %s' % (old.project, old.uuid)
        self.strangers.remove(old)
        new.uuid, new.good, new.there = old.uuid, True, {True}
        kept = bool(record.provider_location)
        assert result.struck or not kept or names == old.names
        new.names = old.names if kept else {new.name}
        if result.struck and kept:
            # The driver gave up on its new name. It may get it yet, and be
            # Updating for that: its UUID says which one it is.
            self.settled()
            new.names = old.names | (names if result.struck else set())
        new.sizes, new.gib = old.sizes, record.size
        assert {record.size} == old.sizes
        new.compression = old.compression
        new.policies = {policy} if policy else old.policies

    # Whatever else happens

    @stateful.precondition(lambda self: self.again)
    @stateful.rule(driver=DRIVER, fault=model.FAULTS)
    def once_more(self, driver, fault):
        """The last operation, as if its end had not been heard of."""
        hypothesis.note('  once more:')
        self.again(driver, fault)
        self.again = None

    @stateful.precondition(lambda self: self.again)
    @stateful.rule(driver=DRIVER, fault=model.FAULTS)
    def restart(self, driver, fault):
        result = self.do('driver %d: restart' % driver, self.start, fault)
        if not result.done:
            result = self.do('driver %d: restart' % driver, self.start, None)
        self.drivers[driver] = result.value
        # As the manager does then.
        result.value.update_provider_info(
            [self.record(one) for one in self.volumes], [])
        self.again = None

    @stateful.precondition(lambda self: self.again)
    @stateful.rule(driver=DRIVER, fault=model.FAULTS)
    def stats(self, driver, fault):
        result = self.do('driver %d: stats' % driver, functools.partial(
            self.drivers[driver].get_volume_stats, True), fault)
        assert result.done, 'the scheduler must always hear something'
        self.may_be_shown_out()
        self.again = None

    def may_be_shown_out(self):
        """Hosts may have been found that are inside and not attached."""
        for one in self.usable():
            one.inside = {
                guests - set(some) for guests in one.inside
                for count in range(len(guests - set(one.hosts)) + 1)
                for some in itertools.combinations(
                    guests - set(one.hosts), count)}

    @stateful.precondition(lambda self: self.expiring)
    @stateful.rule()
    def an_hour_passes(self):
        clock().sleep(HOUR)
        self.expiring.clear()

    def teardown(self):
        """What Cinder deletes is gone, and nothing else is left."""
        try:
            if not hasattr(self, 'drivers') or sys.exc_info()[0]:
                return
            self.an_hour_passes()
            for one in list(self.volumes):
                if one.usable:
                    self.show_all_out(one, 1, None)
            for one in list(self.snapshots):
                self.delete_one(one, 2, None)
            for one in list(self.volumes):
                one.hosts = []
                self.delete_one(one, 1, None)
            self.compare()
        finally:
            for one in self.snapshots + self.volumes:
                self.record(one).destroy()
            self.counts['runs'] += 1


class ModelTestCase(database.DatabaseTestCase):

    options = {'lightos_operation_timeout': TIMEOUT}

    def emulated(self):
        # In this process, so that its clock can be ours.
        lightos = emulator.Emulator(emulator.Settings(threads=4),
                                    clock=clock().now)
        lightos.start()
        self.addCleanup(lightos.stop)
        return lightos

    def setUp(self):
        patcher = mock.patch.object(polling, 'Clock', clock)
        patcher.start()
        self.addCleanup(patcher.stop)
        super().setUp()
        self.types = {name: self.type(name, model.extra_specs(name))
                      for name in model.TYPES}
        self.counts = collections.Counter()

    def test_whatever_happens(self):
        machine = hypothesis.seed(SEED)(functools.partial(Machine, self))
        try:
            stateful.run_state_machine_as_test(
                machine, settings=hypothesis.settings(
                    max_examples=EXAMPLES, stateful_step_count=STEPS,
                    deadline=None, database=None, print_blob=False,
                    suppress_health_check=list(hypothesis.HealthCheck)))
        finally:
            print('\nseed %d: %s' % (SEED, ', '.join(
                '%s: %d' % (name.strip(), count) for name, count
                in sorted(self.counts.items()))), file=sys.stderr)
