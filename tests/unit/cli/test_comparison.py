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

"""What an audit finds, whatever Cinder and the clusters have."""

import dataclasses
import unittest
import uuid

import hypothesis
from hypothesis import strategies as st

from lightos_cinder import acl
from lightos_cinder.cli import comparison
from lightos_cinder.client import models
from lightos_cinder import naming

GIB = 1024 ** 3
NOBODY = frozenset({models.ALLOW_NONE})
HERE = 'here'
Kind = comparison.Kind


def always(name):
    return True


def volume_record(number, **values):
    ref = naming.Ref(
        str(uuid.UUID(int=number)), values.pop('project', 'p'),
        'volume-%s' % uuid.UUID(int=number),
        values.pop('uuid', str(uuid.UUID(int=number + 10 ** 6))))
    return comparison.VolumeRecord(ref, values.pop('size', 1),
                                   values.pop('backend', HERE), **values)


def volume_object(record, **values):
    names = frozenset(host.nqn for host in record.hosts)
    addresses = frozenset().union(
        *(host.addresses for host in record.hosts))
    found = models.Volume(
        uuid=record.ref.uuid or str(uuid.uuid4()), name=record.ref.name,
        project=record.ref.project, state=models.State.AVAILABLE,
        size=record.size * GIB, replicas=3, compression=True,
        acl=names or NOBODY, ip_acl=addresses or NOBODY, etag='0',
        source_snapshot_uuid='', qos_policy_uuid='', qos_policy_name='')
    return dataclasses.replace(found, **values)


def snapshot_object(name, number=1, **values):
    return dataclasses.replace(models.Snapshot(
        uuid=str(uuid.UUID(int=number + 2 * 10 ** 6)), name=name,
        project='p', state=models.State.AVAILABLE, size=GIB,
        source_volume_uuid='', source_volume_name='', etag='0',
        expires=True), **values)


def snapshot_record(number, **values):
    name = str(uuid.UUID(int=number))
    return comparison.SnapshotRecord(
        naming.Ref(name, 'p', 'snapshot-' + name,
                   str(uuid.UUID(int=number + 2 * 10 ** 6))), 1, HERE,
        **values)


def findings(records=(), objects=(), snapshots=(), snapshot_objects=(),
             named=always, projects=('p', 'q')):
    return comparison.compare(
        comparison.Records(tuple(records), tuple(snapshots)),
        comparison.Objects(frozenset({HERE}), frozenset(projects),
                           tuple(objects), tuple(snapshot_objects)), named)


HOSTS = st.frozensets(st.builds(
    lambda number: acl.Host('nqn.host-%d' % number,
                            frozenset({'192.0.2.%d' % number})),
    st.integers(1, 6)), max_size=4)

RECORDS = st.lists(st.builds(
    lambda number, size, hosts, project, told: volume_record(
        number, size=size, hosts=hosts, project=project,
        **({} if told else {'uuid': None})),
    st.integers(1, 10 ** 5), st.integers(1, 9), HOSTS,
    st.sampled_from('pq'), st.booleans()),
    max_size=8, unique_by=lambda record: record.ref.cinder_id)


class PropertiesTest(unittest.TestCase):
    """True of all records and objects."""

    @hypothesis.given(RECORDS, st.randoms())
    def test_the_same_on_both_sides(self, records, random):
        objects = [volume_object(one) for one in records]
        random.shuffle(objects)
        self.assertEqual([], findings(records, objects))

    @hypothesis.given(RECORDS, st.data())
    def test_what_is_taken_away_is_lost(self, records, data):
        kept = data.draw(st.sets(st.sampled_from(
            range(len(records))))) if records else set()
        objects = [volume_object(records[index]) for index in kept]
        self.assertEqual(
            sorted('volume ' + one.ref.cinder_id
                   for index, one in enumerate(records)
                   if index not in kept),
            sorted(one.subject for one in findings(records, objects)
                   if one.kind is Kind.LOST))

    def test_it_is_said_who_has_what_is_lost(self):
        """A backend of that name may be another cluster there."""
        found, = findings([volume_record(1, host='edge@lightos#pool')])
        self.assertIn('edge@lightos#pool', found.advice)

    @hypothesis.given(RECORDS, st.data())
    def test_what_is_forgotten_is_an_orphan(self, records, data):
        kept = data.draw(st.sets(st.sampled_from(
            range(len(records))))) if records else set()
        found = findings([records[index] for index in kept],
                         [volume_object(one) for one in records])
        self.assertEqual({Kind.ORPHAN} if len(kept) < len(records)
                         else set(), {one.kind for one in found})
        self.assertEqual(len(records) - len(kept), len(found))
        # Nothing that may hold data is ever deleted.
        self.assertEqual({None} if found else set(),
                         {one.mend for one in found})

    @hypothesis.given(RECORDS, HOSTS)
    def test_strangers(self, records, strangers):
        """Only those are shown out that have no attachment."""
        objects = [
            dataclasses.replace(made, acl=(
                made.acl - NOBODY | {host.nqn for host in strangers})
                or NOBODY)
            for made in map(volume_object, records)]
        closed = {(one.mend.volume_id, one.mend.nqn)
                  for one in findings(records, objects)
                  if isinstance(one.mend, comparison.Close)}
        self.assertEqual(
            {(record.ref.cinder_id, host.nqn) for record in records
             for host in strangers
             if host.nqn not in {known.nqn for known in record.hosts}},
            closed)

    @hypothesis.given(RECORDS, HOSTS, st.booleans())
    def test_mending_ends_it(self, records, strangers, narrow):
        """What the mends do leaves nothing to be mended."""
        objects = []
        for record in records:
            made = volume_object(record)
            access = acl.Access(
                frozenset(host.nqn for host in strangers) or NOBODY,
                made.ip_acl if narrow else frozenset({models.ALLOW_ANY}))
            known = {host.nqn: host for host in record.hosts}
            for one in findings([record], [dataclasses.replace(
                    made, acl=access.acl, ip_acl=access.ip_acl)]):
                if isinstance(one.mend, comparison.Open):
                    access = acl.grant(access, known[one.mend.nqn],
                                       record.hosts, True)
                elif isinstance(one.mend, comparison.Close):
                    access = acl.revoke(access, acl.Host(one.mend.nqn),
                                        record.hosts, True)
            objects.append(dataclasses.replace(
                made, acl=access.acl, ip_acl=access.ip_acl))
        self.assertEqual([], findings(records, objects))

    @hypothesis.given(RECORDS, HOSTS, st.randoms())
    def test_order(self, records, strangers, random):
        """It is told in one order, however it was read."""
        objects = [volume_object(one, size=GIB, acl=frozenset(
            host.nqn for host in strangers) or NOBODY) for one in records]
        told = findings(records[1:], objects)
        shuffled = records[1:]
        random.shuffle(shuffled)
        random.shuffle(objects)
        self.assertEqual(told, findings(shuffled, objects))
        self.assertEqual(told, comparison.both(told, told))
        self.assertEqual([], comparison.both([], told))


class VolumesTest(unittest.TestCase):
    """Cases of volumes, one by one."""

    def kinds(self, *args, **kwargs):
        return [one.kind for one in findings(*args, **kwargs)]

    def test_not_on_this_cluster(self):
        record = volume_record(1, backend='elsewhere')
        self.assertEqual([], self.kinds([record]))
        # By name it is left of a migration; by UUID it is the volume.
        self.assertEqual([Kind.ORPHAN], self.kinds(
            [record], [volume_object(record, uuid='of-another')]))
        self.assertEqual([], self.kinds([record], [volume_object(record)]))

    def test_project_that_was_not_read(self):
        self.assertEqual([], self.kinds([volume_record(1)],
                                        projects=('q',)))

    def test_under_way(self):
        record = volume_record(1, there=False, at_rest=False,
                               tells_all_hosts=False)
        self.assertEqual([], self.kinds([record]))
        self.assertEqual([], self.kinds([record], [volume_object(
            record, size=7 * GIB, acl=frozenset({'nqn.stranger'}))]))

    def test_states(self):
        record = volume_record(1)
        for state, found in ((models.State.DELETING, [Kind.LOST]),
                             (models.State.FAILED, [Kind.LOST]),
                             (models.State.UPDATING, []),
                             (models.State.MIGRATING, [])):
            with self.subTest(state=state):
                self.assertEqual(found, self.kinds(
                    [record], [volume_object(record, state=state)]))

    def test_rather_what_stays_than_remains(self):
        record = volume_record(1, uuid=None)
        remains = volume_object(record, uuid='a',
                                state=models.State.FAILED)
        good = volume_object(record, uuid='b')
        for objects in ([remains, good], [good, remains]):
            self.assertEqual([Kind.ORPHAN], self.kinds([record], objects))

    def test_name_kept(self):
        """What was managed and kept its name is known by its UUID alone."""
        record = volume_record(1)
        record = dataclasses.replace(record, ref=dataclasses.replace(
            record.ref, name='by-hand', managed=True))
        self.assertEqual([], self.kinds([record], [volume_object(record)]))
        self.assertEqual([Kind.LOST, Kind.ORPHAN], self.kinds(
            [record], [volume_object(record, uuid='of-another')]))

    def test_size(self):
        record = volume_record(1, size=2)
        larger, = findings([record], [volume_object(record, size=3 * GIB)])
        self.assertIn('--size 3', larger.advice)
        smaller, = findings([record], [volume_object(record, size=GIB)])
        self.assertNotIn('--size', smaller.advice)
        self.assertEqual([], self.kinds([record], [volume_object(
            record, size=2 * GIB - 1)]))

    def test_addresses(self):
        host = acl.Host('nqn.a', frozenset({'192.0.2.1', '192.0.2.2'}))
        record = volume_record(1, hosts=frozenset({host}))
        for addresses, found in (
                ({'192.0.2.1'}, [Kind.NO_ACCESS]), (NOBODY,
                                                    [Kind.NO_ACCESS]),
                ({models.ALLOW_ANY}, []),
                (host.addresses | {'192.0.2.9'}, [])):
            with self.subTest(addresses=addresses):
                self.assertEqual(found, self.kinds([record], [volume_object(
                    record, ip_acl=frozenset(addresses))]))

    def test_open_to_every_host(self):
        """Who is connected only the cluster knows: it is not mended."""
        record = volume_record(1)
        found, = findings([record], [volume_object(
            record, acl=frozenset({models.ALLOW_ANY}))])
        self.assertEqual((Kind.ACCESS, None), (found.kind, found.mend))

    def test_attachment_without_connector(self):
        record = volume_record(1, tells_all_hosts=False)
        self.assertEqual([], self.kinds([record], [volume_object(
            record, acl=frozenset({'nqn.stranger'}))]))

    def test_unconfirmed(self):
        record = volume_record(1, unconfirmed=frozenset({'nqn.a'}))
        opened = volume_object(record, acl=frozenset({'nqn.a'}))
        self.assertEqual([], self.kinds([record], [opened]))
        record = dataclasses.replace(record, overdue=frozenset({'nqn.a'}))
        found, = findings([record], [opened])
        self.assertEqual(comparison.Close(record.ref.cinder_id, 'nqn.a'),
                         found.mend)
        found, = findings([record], [volume_object(record)])
        self.assertEqual(comparison.Settle(record.ref.cinder_id, 'nqn.a'),
                         found.mend)
        record = dataclasses.replace(record, at_rest=False,
                                     tells_all_hosts=False,
                                     status='attaching')
        found, = findings([record], [opened])
        self.assertEqual(Kind.UNCONFIRMED, found.kind)
        self.assertIsNone(found.mend)
        self.assertIn('attaching', found.text)


class SnapshotsTest(unittest.TestCase):
    """Cases of snapshots."""

    def test_each(self):
        record = snapshot_record(1)
        there = snapshot_object(record.ref.name)
        for snapshots, objects, found in (
                ([record], [there], []),
                ([record], [], [Kind.LOST]),
                ([snapshot_record(1, there=False)], [], []),
                ([record], [dataclasses.replace(
                    there, state=models.State.FAILED)], [Kind.LOST]),
                ([record], [dataclasses.replace(there, size=5 * GIB)],
                 [Kind.SIZE]),
                ([], [there], [Kind.ORPHAN])):
            with self.subTest(objects=objects):
                self.assertEqual(found, [one.kind for one in findings(
                    snapshots=snapshots, snapshot_objects=objects)])

    def test_names_of_others(self):
        there = snapshot_object('nightly')
        self.assertEqual([], findings(snapshot_objects=[there],
                                      named=lambda name: False))

    def test_leftovers(self):
        clone = volume_record(1)
        under_way = dataclasses.replace(
            clone, there=False, at_rest=False, tells_all_hosts=False,
            status='creating')
        for name, mended in (
                ('clone-%s-0123456789ab' % clone.ref.name, True),
                ('for_clone_%s' % clone.ref.cinder_id, False)):
            there = snapshot_object(name)
            for records, found in (
                    ([], 1), ([clone], 1), ([under_way], 0),
                    ([dataclasses.replace(under_way, failed=True)], 1)):
                with self.subTest(name=name, records=records):
                    objects = [volume_object(one) for one in records]
                    left = findings(records, objects,
                                    snapshot_objects=[there])
                    self.assertEqual([Kind.LEFTOVER] * found,
                                     [one.kind for one in left])
                    for one in left:
                        # Without a record it may be of another cloud.
                        self.assertEqual(mended and bool(records),
                                         one.mend is not None)

    def test_one_that_does_not_expire(self):
        """Somebody may have given it that name and want to keep it."""
        clone = volume_record(1)
        there = snapshot_object('clone-%s-1' % clone.ref.name, expires=False)
        found, = findings([clone], [volume_object(clone)],
                          snapshot_objects=[there])
        self.assertIsNone(found.mend)
