"""One session's decisions: names, fences, claims, answers."""

from __future__ import annotations

import numpy as np
import pytest

from farptr.client.answers import Answer, Lost
from farptr.client.batches import UNIT_BYTES
from farptr.client.core import SessionCore
from farptr.client.graph import UNKNOWN, Node, path_of
from farptr.client.outgoing import MARK_EVERY, MARKS
from farptr.protocol import body as bodies
from farptr.protocol.commands import (
    CALL,
    FAILED,
    GET,
    KEEP_NOT,
    KEEP_SENT,
    LIST,
    MOVE,
    PLAIN,
    PULL_HERE,
    REPORT,
    SEND,
    VALUE,
    Envelope,
)  # fmt: skip
from farptr.protocol.errors import HopLimit, InvalidRemoteGet, NotCollocated, ProtocolError, Report, WorkerLost
from farptr.protocol.header import HOP_LIMIT, Flag, Header, Kind, names_of, references
from farptr.protocol.ids import generation_of, id_of, make_name

J, T, C, ME = 1, 2, 3, 9
NUMBER = ("A", "<i8", (), "C", bytes(8))


class Bench:
    def __init__(self):
        self.core = SessionCore(number=ME, epoch=4, seed=1, block=0)
        self.core.names.update({J: "julie", T: "toby", C: "carol"})

    def data(self, worker=J, *items):
        return self.core.send(worker, self.core.ids.next(), True, np.array(items or (1, 2)))

    def pointer(self, worker, target, id=None):
        node = self.core.send_pointer(worker, id or self.core.ids.next(), id is None, target)
        self.core.drop(target)
        return node

    def call(self, *operands, operation="add", args=None, count=1):
        found = self.core.call(
            operation, args or operands, {}, operands, count, lambda v: v if isinstance(v, Node) else None
        )
        return found[0] if count == 1 else found

    def out(self):
        """(destination, flags, commands) of what is ready, and it is taken away."""
        self.core.out.flush()
        ready, self.core.batches.ready = self.core.batches.ready, []
        self.headers = [e.header for e in ready]
        self.core.check()
        return [(e.header.destination, e.header.flags, bodies.loads(e.body) if e.body else ()) for e in ready]

    def fenced(self, act):
        before = self.core.out.fences
        act()
        return self.core.out.fences > before

    def answer(self, source, *replies, refs=(), sequence=0):
        body = bodies.dumps(tuple(replies))
        header = Header(
            Kind.REPLY, source=source, destination=ME, refs=references(refs), body_bytes=len(body), sequence=sequence
        )
        self.core.receive(Envelope(header, body))
        self.core.check()


@pytest.fixture
def bench():
    return Bench()


def report(command, kind="ValueError", worker=J, hop=0, operation="add"):
    return tuple(Report(kind, "it failed", operation, command, worker, hop, 0, ""))


# ---------------------------------------------------------------- commands


def test_send(bench):
    node = bench.data(J, 1, 2)
    ((to, flags, ((number, code, name, exports, keep, wire),)),) = bench.out()
    assert (to, flags, number, code, name, exports, keep) == (J, 0, 1, SEND, node.name, 1, KEEP_NOT)
    assert wire[0] == "A"
    assert list(names_of(bench.headers[0].creates)) == [(node.name, 1)]
    assert (node.claims, node.received) == (1, 1)


def test_send_that_keeps(bench):
    node = bench.core.send(J, 10**10, True, np.array([1]), keep=True)
    assert bench.out()[0][2][0][3:5] == (0, KEEP_SENT)
    assert (node.claims, node.received) == (0, 0)


def test_large_arrays_leave_at_once(bench):
    array = np.zeros(5000)
    bench.core.send(J, 10**10, True, array)
    (envelope,) = bench.core.batches.ready
    assert envelope.header.value_bytes == array.nbytes
    assert envelope.header.buffers == 1


def test_the_same_id_again_is_the_same_name_while_it_is_owned(bench):
    first = bench.core.send(J, 10**10, True, np.array([1]))
    again = bench.core.send(J, 10**10, False, np.array([2]))
    assert again is first
    assert (first.claims, first.received) == (2, 2)
    bench.core.drop(first)
    bench.core.drop(first)
    third = bench.core.send(J, 10**10, False, np.array([2]))
    assert third.name != first.name
    assert generation_of(third.name)
    assert bench.core.batches.ready, "fenced: it is not known whether the older one is gone"


def test_operations_name_their_results(bench):
    x = bench.data()
    y = bench.call(x, x)
    commands = bench.out()[0][2]
    assert commands[1][1:5] == (CALL, y.name, "add", (x.name, x.name))
    assert y.worker == J
    assert y.target is None
    assert [n for n, _ in names_of(bench.headers[0].creates)] == [x.name, y.name]
    several = bench.call(x, operation="divmod", count=2)
    assert len({n.name for n in several}) == 2


def test_results_on_a_chain_mirror_it(bench):
    p = bench.pointer(T, bench.data(J))
    y = bench.call(p)
    assert path_of(y) == (T, J)
    assert y.target.name == 0


def test_collocation(bench):
    x, y = bench.data(J), bench.data(T)
    before = bench.core.commands
    with pytest.raises(NotCollocated, match=r"julie:\d+ has its data on julie; toby"):
        bench.call(x, y)
    with pytest.raises(NotCollocated, match="by way of"):
        bench.call(bench.pointer(T, bench.data(J)), bench.pointer(T, bench.data(C)))
    assert bench.core.commands == before + 4, "only the sends were issued"


def test_the_hop_limit_is_known_at_home(bench):
    node = bench.data()
    for _ in range(HOP_LIMIT - 1):
        node = bench.pointer(T if node.worker == J else J, node)
    with pytest.raises(HopLimit):
        bench.pointer(J, node)


# ---------------------------------------------------------------- order


def test_a_direct_command_after_one_on_a_chain_is_fenced(bench):
    x = bench.data(J)
    x.claims += 1  # a second handle
    p = bench.pointer(T, x)
    bench.call(p, count=None, operation="=negative")
    assert not bench.fenced(lambda: bench.call(p, count=None, operation="=negative"))
    assert not bench.fenced(lambda: bench.call(bench.data(C)))
    assert bench.fenced(lambda: bench.call(x))
    assert not bench.fenced(lambda: bench.call(x))


def test_batches_leave_before_a_multi_hop_command(bench):
    x = bench.data(J)
    p = bench.pointer(T, x)
    bench.call(p)
    first, *_ = bench.core.batches.ready
    assert first.header.destination == J


def test_old_handles_are_fenced_after_something_was_given_up(bench):
    x = bench.data(J)
    bench.pointer(T, x)
    assert bench.fenced(lambda: bench.call(x)), "its object may be gone"
    assert not bench.fenced(lambda: bench.call(x)), "nothing was given up since"
    bench.core.drop(bench.data(C))
    assert bench.fenced(lambda: bench.call(x))
    y = bench.data(J)
    bench.core.drop(bench.data(C))
    assert not bench.fenced(lambda: bench.call(y)), "who owns never pays"


def test_answers_relieve(bench):
    p = bench.pointer(T, bench.data(J))
    bench.call(p, count=None, operation="=negative")
    key = bench.core.get(p)
    bench.answer(T, (key, VALUE, NUMBER))
    assert len(bench.core.order) == 0
    assert not bench.fenced(lambda: bench.call(bench.data(J)))


def test_an_answer_relieves_only_of_what_came_before(bench):
    p = bench.pointer(T, bench.data(J))
    key = bench.core.get(p)
    bench.call(p, count=None, operation="=negative")
    bench.answer(T, (key, VALUE, NUMBER))
    assert bench.fenced(lambda: bench.call(bench.data(J)))


def test_unknown_paths(bench):
    p = bench.pointer(T, bench.data(J))
    p.target = UNKNOWN
    bench.out()
    bench.call(p)
    assert bench.out()[0][1] == Flag.FENCE
    assert bench.fenced(lambda: bench.call(bench.data(C)))


# ---------------------------------------------------------------- places


def test_move_keeps_the_id_and_leaves_a_stub(bench):
    x = bench.data(J)
    new = bench.core.move(x, T, True)
    bench.core.drop(x)
    assert id_of(new.name) == id_of(x.name)
    assert generation_of(new.name)
    assert (path_of(x), path_of(new)) == ((J, T), (T,))
    command = bench.out()[-1][2][-1]
    assert command == (2, MOVE, x.name, new.name, 1, False)
    assert (new.name, 1) in list(names_of(bench.headers[-1].refs)), "the stub's reference"
    assert (x.name, 1) in [p for h in bench.headers for p in names_of(h.releases)]


def test_moving_back_is_another_generation_of_the_same_place(bench):
    x = bench.data(J)
    there = bench.core.move(x, T, True)
    bench.core.drop(x)
    back = bench.core.move(there, J, True)
    bench.core.drop(there)
    assert id_of(back.name) == id_of(x.name)
    assert back.name != x.name
    assert x.target is None, "the old name finds the object again"
    further = bench.core.move(back, C, True)
    assert x.target is further


def test_a_weak_move_owns_nothing(bench):
    x = bench.data(J)
    bench.pointer(C, x)
    new = bench.core.move(x, T, False)
    assert new.claims == 0
    assert (new.name, 1) in bench.core.batches.releases.items()


def test_a_moved_pointer_does_not_stand_in_its_own_way(bench):
    x = bench.data(T)
    p = bench.pointer(J, x, id=id_of(x.name))
    moved = bench.core.move(p, T, True)
    assert id_of(moved.name) != id_of(x.name)
    q = bench.core.send_pointer(T, id_of(x.name), False, moved)
    assert id_of(q.name) != id_of(x.name)


def test_remote_get(bench):
    x = bench.data(J)
    p = bench.pointer(T, x)
    bench.core.remote_get(p)
    assert p.target is None
    assert x.target is p
    assert bench.out()[-1][2][-1][1:] == (PULL_HERE, p.name, False, x.name)
    with pytest.raises(InvalidRemoteGet):
        bench.core.remote_get(p)
    assert bench.fenced(lambda: bench.call(p)), "the contents are on their way"


def test_crossed_moves_to_one_place_are_fenced(bench):
    x = bench.data(J)
    x.claims += 1
    there = bench.core.move(x, T, True)
    stub = bench.core.move(x, C, True)
    assert id_of(stub.name) == id_of(there.name)
    assert bench.fenced(lambda: bench.core.move(there, C, True)), "the stub is on its way there"


# ---------------------------------------------------------------- claims and answers


def test_releases_give_back_everything_received(bench):
    x = bench.data(J)
    x.claims += 1
    bench.core.drop(x)
    assert bench.core.batches.releases == {}
    x.received += 2
    bench.core.drop(x)
    assert bench.core.batches.releases == {x.name: 3}
    assert x.received == 0


def test_get_of_a_value(bench):
    x = bench.data(J, 4)
    key = bench.core.get(x)
    assert bench.out()[-1][2][-1][1:] == (GET, x.name)
    array = np.array([4])
    bench.answer(J, (key, VALUE, ("A", array.dtype.str, (1,), "C", array.tobytes())))
    assert bench.core.answers.come.pop(key).value.tolist() == [4]


def test_get_of_a_pointer_names_what_was_anonymous(bench):
    y = bench.call(bench.pointer(T, bench.data(J)))
    key = bench.core.get(y)
    inner = make_name(J, 10**10 + 5)
    bench.answer(T, (key, VALUE, ("P", inner)), refs=[(inner, 1)])
    node = bench.core.answers.come.pop(key).value
    assert node is y.target
    assert (node.name, node.claims, node.received) == (inner, 1, 1)


def test_an_answer_that_nobody_waits_for_goes_back(bench):
    p = bench.pointer(T, bench.data(J))
    key = bench.core.get(p)
    bench.core.give_up(key)
    bench.answer(T, (key, VALUE, ("P", p.target.name)), refs=[(p.target.name, 1)])
    assert bench.core.answers.come == {}
    assert bench.core.batches.releases[p.target.name] >= 1


def test_giving_up_an_answer_that_came(bench):
    p = bench.pointer(T, bench.data(J))
    bench.out()
    key = bench.core.get(p)
    bench.answer(T, (key, VALUE, ("P", p.target.name)), refs=[(p.target.name, 1)])
    bench.core.give_up(key)
    assert bench.core.batches.releases == {p.target.name: 1}
    assert bench.core.answers.come == {}


def test_lists_wait_for_everybody(bench):
    key = bench.core.list(J)
    assert bench.out()[-1][1] == Flag.FENCE | Flag.ALL
    assert bench.core.answers.come == {}
    bench.answer(J, (key, PLAIN, ()))
    assert bench.core.answers.come[key] == Answer(PLAIN, ())
    assert bench.core.commands == key
    assert bench.core.batches.ready == []
    assert LIST


def test_reports_find_their_handle(bench):
    x = bench.data(J)
    bench.call(x, count=None, operation="=add")
    number = bench.core.commands
    bench.answer(J, (number, REPORT, report(number)))
    assert x.fault == number
    assert [r.command for r in bench.core.reports.unseen] == [number]


def test_a_failure_raised_before_its_report_is_not_told_again(bench):
    p = bench.data(J)
    y = bench.call(p)
    number = bench.core.commands
    key = bench.core.get(y)
    bench.answer(J, (key, FAILED, report(number)))
    bench.core.reports.raised(bench.core.answers.come.pop(key).value)
    bench.answer(J, (number, REPORT, report(number)))
    assert bench.core.reports.unseen == []
    bench.answer(J, (number, REPORT, report(number, hop=1)))
    assert len(bench.core.reports.unseen) == 1
    bench.core.reports.raised(bench.core.reports.unseen[0])
    assert bench.core.reports.unseen == []


def test_lost_workers(bench):
    p = bench.pointer(T, bench.data(J))
    asked, got = bench.core.ask(p, "shape"), bench.core.get(p)
    news = bodies.dumps({"lost": J, "name": "julie", "role": "worker", "why": "killed"})
    bench.core.receive(Envelope(Header(Kind.ROSTER, body_bytes=len(news)), news))
    assert bench.core.answers.come == {asked: Lost(J, hop=1)}
    with pytest.raises(WorkerLost, match=r"julie.*killed"):
        bench.data(J)
    with pytest.raises(WorkerLost, match="hop 1"):
        bench.call(p)
    bench.answer(T, (got, VALUE, NUMBER))
    bench.data(T)


def test_sync_and_marks(bench):
    bench.data(J)
    key = bench.core.out.sync()
    assert bench.core.batches.ready[-1].header.flags & Flag.SYNC
    bench.core.receive(Envelope(Header(Kind.SYNCED, sequence=-key)))
    assert bench.core.answers.come.pop(key) == Answer(PLAIN, None)


def test_marks_are_for_each_worker(bench):
    for _ in range(MARKS * MARK_EVERY):
        bench.data(J)
        bench.core.out.flush()
    bench.data(T)
    assert bench.core.out.full == {J}
    marks = [e.header for e in bench.core.batches.ready if e.header.kind == Kind.MARK]
    assert [m.destination for m in marks] == [J] * MARKS
    bench.core.receive(Envelope(Header(Kind.MARKED, sequence=marks[0].sequence)))
    assert not bench.core.out.full


def test_large_values_weigh_more(bench):
    big = np.zeros(MARKS * MARK_EVERY * UNIT_BYTES // 16)
    for _ in range(2):
        bench.core.send(J, bench.core.ids.next(), True, big)
    assert bench.core.out.full == {J}


def test_a_worker_that_is_lost_is_not_waited_for(bench):
    for _ in range(MARKS * MARK_EVERY):
        bench.data(J)
        bench.core.out.flush()
    news = bodies.dumps({"lost": J, "name": "julie", "role": "worker", "why": "it left"})
    bench.core.receive(Envelope(Header(Kind.ROSTER, body_bytes=len(news)), news))
    assert not bench.core.out.full


def test_a_fence_that_is_given_up_is_cancelled_and_forgets_nothing(bench):
    x = bench.data(J)
    xx = bench.pointer(T, x)
    bench.call(xx)
    bench.out()
    key = bench.core.out.sync()
    assert not bench.fenced(lambda: bench.core.tag(x, (), "")), "the SYNC stands between them"
    bench.out()
    key = bench.core.out.sync()
    bench.core.give_up(key)
    cancel = bench.core.batches.ready[-1]
    assert (cancel.header.kind, bodies.loads(cancel.body)) == (Kind.CANCEL, -key)
    bench.call(xx)
    bench.core.give_up(bench.core.out.sync())
    assert bench.fenced(lambda: bench.core.tag(x, (), "")), "the chain's command may still be on its way"


def test_more_ids_are_asked_for_in_time(bench):
    bench.core.ids.left = 10
    bench.data(J)
    bench.core.out.flush()
    bench.core.out.flush()
    asks = [e for e in bench.core.batches.ready if e.header.kind == Kind.ASK]
    if not asks:
        bench.core.out.flush()
        asks = [e for e in bench.core.batches.ready if e.header.kind == Kind.ASK]
    assert len(asks) == 1
    body = bodies.dumps(7)
    bench.core.receive(Envelope(Header(Kind.TOLD, sequence=asks[0].header.sequence, body_bytes=len(body)), body))
    assert not bench.core.ids.low()


def test_faults_of_the_broker(bench):
    with pytest.raises(ProtocolError):
        bench.core.receive(Envelope(Header(Kind.FREE)))
    with pytest.raises(ProtocolError):
        bench.core.receive(Envelope(Header(Kind.REPLY, body_bytes=3), b"bad"))


def test_a_reply_that_comes_twice_brings_nothing_twice(bench):
    x = bench.data()
    key = bench.core.get(x)
    name = make_name(T, 77)
    bench.out()
    for _ in range(3):
        bench.answer(J, (key, VALUE, ("P", name)), refs=[(name, 1)], sequence=5)
    node = bench.core.answers.come.pop(key).value
    assert (node.claims, node.received) == (1, 1)
    bench.core.drop(node)
    bench.out()
    assert [pair for h in bench.headers for pair in names_of(h.releases)] == [(name, 1)]
