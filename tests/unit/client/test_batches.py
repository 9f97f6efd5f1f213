"""Open batches: what leaves when, and behind what."""

from __future__ import annotations

import pytest

from farptr.client.batches import BATCH_BYTES, BATCH_COMMANDS, MANY_CREATES, Batches
from farptr.protocol import body as bodies
from farptr.protocol.header import MAX_TRIPLES, Flag, Kind, encode, length, names_of
from farptr.protocol.ids import make_name

ME, J, T = 9, 1, 2
X = make_name(J, 10**10)


@pytest.fixture
def batches():
    return Batches(ME, 4)


def sent(batches):
    found = [(e.header.kind, e.header.destination, bodies.loads(e.body) if e.body else ()) for e in batches.ready]
    assert [e.header.sequence for e in batches.ready] == list(range(1, len(found) + 1))
    for envelope in batches.ready:
        encode(envelope.header)
    return found


def test_commands_leave_together(batches):
    batches.batch(J).commands.append((1,))
    batches.batch(T).commands.append((2,))
    batches.batch(J).commands.append((3,))
    assert batches.pending()
    batches.flush()
    assert sent(batches) == [(Kind.COMMAND, J, ((1,), (3,))), (Kind.COMMAND, T, ((2,),))]
    assert not batches.pending()
    header = batches.ready[0].header
    assert (header.source, header.root, header.epoch) == (ME, ME, 4)


def test_flush_others(batches):
    for worker in (J, T):
        batches.batch(worker).commands.append((worker,))
    batches.flush_others(J)
    assert sent(batches) == [(Kind.COMMAND, T, ((T,),))]


def test_a_fenced_batch_is_fresh_and_alone(batches):
    batches.batch(J).commands.append((1,))
    fenced = batches.batch(J, Flag.FENCE)
    assert sent(batches) == [(Kind.COMMAND, J, ((1,),))]
    fenced.commands.append((2,))
    assert fenced.full()
    batches.close(fenced)
    assert batches.ready[-1].header.flags == Flag.FENCE
    batches.close(fenced)
    assert len(batches.ready) == 2


def test_full(batches):
    batch = batches.batch(J)
    assert not batch.full()
    batch.commands += [()] * BATCH_COMMANDS
    assert batch.full()
    for field, value in (("buffers", [b""]), ("weight", BATCH_BYTES), ("creates", [X] * MANY_CREATES)):
        batch = batches.batch(T, Flag.FENCE)
        batch.flags = 0
        setattr(batch, field, value)
        assert batch.full()


def test_releases_leave_behind_every_command(batches):
    batches.releases[X] = 2
    batches.batch(J).commands.append((1,))
    batches.batch(T).commands.append((2,))
    batches.flush()
    assert [list(names_of(e.header.releases)) for e in batches.ready] == [[], [(X, 2)]]
    assert batches.releases == {}


def test_releases_alone_are_a_note(batches):
    batches.releases[X] = 1
    assert batches.pending()
    batches.flush()
    assert sent(batches) == [(Kind.NOTE, 0, ())]


def test_very_many_releases_need_several(batches):
    batches.batch(J).commands.append((1,))
    batches.releases = {make_name(J, 10**10 + i): 1 for i in range(2 * MAX_TRIPLES + 5)}
    batches.flush(sync=True)
    kinds = [kind for kind, *_ in sent(batches)]
    assert kinds[0] == Kind.COMMAND
    last = batches.ready[-1].header
    assert last.kind == Kind.SYNC or last.flags & Flag.SYNC
    assert sum(length(e.header.releases) for e in batches.ready) == 2 * MAX_TRIPLES + 5
    assert batches.sequence == len(kinds)


def test_very_many_results_of_one_command(batches):
    batch = batches.batch(J)
    batch.commands.append((1,))
    batch.creates += [make_name(J, 10**10 + i) for i in range(3 * MAX_TRIPLES)]
    batches.flush()
    assert sum(length(e.header.creates) for e in batches.ready) == 3 * MAX_TRIPLES
    assert sent(batches)[-1][0] == Kind.COMMAND


def test_sync_rides_or_stands_alone(batches):
    batches.flush(sync=True)
    assert sent(batches) == [(Kind.SYNC, 0, ())]
    batches.batch(J).commands.append((1,))
    batches.flush(sync=True)
    assert batches.ready[-1].header.flags == Flag.SYNC
    assert batches.sequence == 2


def test_an_empty_batch_sends_nothing(batches):
    batches.batch(J)
    batches.flush()
    assert batches.ready == []


def test_check(batches):
    batches.batch(J).buffers.append(b"")
    with pytest.raises(AssertionError):
        batches.check()
