"""One worker's turns: what an envelope does, what leaves, in which order."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from farptr.protocol import body as bodies
from farptr.protocol.commands import (
    ASK,
    CALL,
    CLEAR,
    FAILED,
    FOUND,
    GET,
    KEEP,
    KEEP_NOT,
    KEEP_SENT,
    LIST,
    MOVE,
    NAMED,
    PLAIN,
    PULL,
    PULL_HERE,
    PUSH,
    REPORT,
    SEARCH,
    SEND,
    VALUE,
    Envelope,
)  # fmt: skip
from farptr.protocol.errors import Report
from farptr.protocol.header import HOP_LIMIT, MAX_TRIPLES, Flag, Header, Kind, names_of, references
from farptr.protocol.ids import IdBlock, id_of, make_name, worker_of
from farptr.worker.core import WorkerCore
from farptr.worker.store import Failure, Pointer

HERE, THERE, ELSEWHERE, ROOT = 1, 2, 3, 9


def name(n, worker=HERE, generation=0):
    return make_name(worker, 10**10 + n, generation)


A, B, C, R, S = (name(n) for n in range(5))
FAR = name(7, THERE)


def wire(*items):
    array = np.array(items)
    return ("A", array.dtype.str, array.shape, "C", array.tobytes())


class Bench:
    def __init__(self, *, near=False):
        self.core = WorkerCore(number=HERE, epoch=4, ids=IdBlock(1, 0), near=near)
        self.core.names.update({HERE: "julie", THERE: "toby", ELSEWHERE: "carol"})

    def turn(self, *commands, refs=(), frees=(), hop=0, body=None, kind=Kind.COMMAND):
        body = bodies.dumps(tuple(commands)) if body is None else body
        header = Header(kind, hop=hop, epoch=4, source=ROOT, destination=HERE, root=ROOT, refs=references(refs),
                        releases=references(frees), body_bytes=len(body))  # fmt: skip
        self.out = self.core.turn(Envelope(header, body))
        self.core.check()
        assert [bool(e.header.flags & Flag.DONE) for e in self.out] == [False] * (len(self.out) - 1) + [True]
        assert all(e.header.root == ROOT for e in self.out)
        return self.out

    def replies(self):
        return [r for e in self.out if e.header.kind == Kind.REPLY for r in bodies.loads(e.body)]

    def sent(self):
        """(destination, hop, command) of what was forwarded or pushed."""
        return [
            (e.header.destination, e.header.hop, c)
            for e in self.out if e.header.kind == Kind.COMMAND for c in bodies.loads(e.body)
        ]  # fmt: skip

    def releases(self):
        return [pair for e in self.out for pair in names_of(e.header.releases)]

    def have(self, **things):
        """Objects and pointers by name of a module constant."""
        for key, value in things.items():
            target = globals()[key]
            if isinstance(value, int):
                self.turn((1, SEND, target, 1, KEEP_NOT, ("P", value)), refs=[(value, 1)])
            else:
                self.turn((1, SEND, target, 1, KEEP_NOT, wire(*value)))

    def value(self, of):
        found = self.core.store.value(of)
        return found.tolist() if isinstance(found, np.ndarray) else found


@pytest.fixture
def bench():
    return Bench()


def report(reply):
    return Report(*reply[2])


# ---------------------------------------------------------------- values


def test_send_and_get(bench):
    bench.have(A=[1, 2])
    bench.turn((2, GET, A))
    assert bench.replies() == [(2, VALUE, wire(1, 2))]


def test_get_of_a_pointer_hands_a_reference_out(bench):
    bench.have(A=FAR)
    bench.turn((2, GET, A))
    assert bench.replies() == [(2, VALUE, ("P", FAR))]
    assert list(names_of(bench.out[0].header.refs)) == [(FAR, 1)]
    assert bench.core.store.held[FAR] == [1, 1]


def test_get_of_what_is_not_there(bench):
    bench.turn((2, GET, A))
    ((number, status, _),) = bench.replies()
    assert (number, status) == (2, FAILED)
    assert report(bench.replies()[0]).kind == "ObjectGone"


def test_a_reference_that_nobody_stored_goes_back(bench):
    bench.turn((1, GET, A), refs=[(FAR, 2)])
    assert bench.releases() == [(FAR, 2)]


def test_frees_behind_the_commands_of_a_turn(bench):
    bench.have(A=[1], B=FAR)
    bench.turn((2, GET, A), frees=[(A, 1), (B, 1)])
    assert bench.replies()[0][1] == VALUE
    assert len(bench.core.store) == 0
    assert bench.releases() == [(FAR, 1)]


def test_free(bench):
    bench.have(A=[1])
    bench.turn(refs=[(A, 1)], kind=Kind.FREE, body=b"")
    assert len(bench.core.store) == 0


# ---------------------------------------------------------------- operations


def test_call(bench):
    bench.have(A=[1, 2], B=[3, 4])
    bench.turn((3, CALL, R, "add", (A, B), None))
    assert bench.value(R) == [4, 6]
    assert len(bench.out) == 1


def test_call_in_place_and_on_views(bench):
    bench.have(A=[1, 2, 3])
    rest = ("s", ("L", 1), ("L", None), ("L", None))
    bench.turn((3, CALL, R, "[]", (A, rest), None), (4, CALL, None, "=add", (A, ("L", 5)), None))
    assert bench.value(R) == [7, 8]


def test_several_results(bench):
    bench.have(A=[7])
    bench.turn((3, CALL, (R, S), "divmod", (A, ("L", 2)), None))
    assert (bench.value(R), bench.value(S)) == ([3], [1])


def test_call_on_a_pointer_goes_on(bench):
    bench.have(A=FAR)
    bench.turn((3, CALL, R, "add", (A, ("L", 1)), None), hop=2)
    ((to, hop, command),) = bench.sent()
    assert (to, hop) == (THERE, 3)
    number, code, further, operation, args, _ = command
    assert (number, code, operation, args) == (3, CALL, "add", (FAR, ("L", 1)))
    assert worker_of(further) == THERE
    assert bench.value(R) == Pointer(further)
    assert list(names_of(bench.out[0].header.creates)) == [(further, 1)]
    assert bench.core.store.held[further] == [1, 1]


def test_pointers_within_the_worker_are_followed_in_the_turn(bench):
    bench.have(A=[1, 2], B=A)
    bench.turn((3, CALL, R, "add", (B, ("L", 1)), None))
    inner = bench.value(R).target
    assert worker_of(inner) == HERE
    assert bench.value(inner) == [2, 3]
    assert bench.sent() == []
    assert (inner, 1) in [p for e in bench.out for p in names_of(e.header.creates)]


def test_operands_of_different_depth_are_levelled(bench):
    bench.have(A=[1, 2], B=A)
    bench.turn((3, CALL, R, "add", (B, A), None))
    assert bench.value(R) == [2, 4]
    bench.have(C=FAR)
    bench.turn((2, SEND, S, 1, KEEP_NOT, ("P", C)), refs=[(C, 1)])
    bench.turn((3, CALL, name(20), "add", (S, C), None))
    assert bench.sent()[0][2][4] == (FAR, FAR)


def test_operands_in_different_places(bench):
    bench.have(A=FAR, B=name(8, ELSEWHERE))
    bench.turn((3, CALL, R, "add", (A, B), None))
    failure = bench.value(R)
    assert isinstance(failure, Failure)
    assert failure.report.kind == "NotCollocated"
    assert "toby" in failure.report.message
    assert "carol" in failure.report.message


def test_a_failed_call_leaves_an_error_and_says_so(bench):
    bench.have(A=[1, 2], B=[1, 2, 3])
    bench.turn((3, CALL, R, "add", (A, B), None), (4, CALL, S, "add", (R, A), None), (5, GET, S))
    assert [r[:2] for r in bench.replies()] == [(3, REPORT), (5, VALUE)]
    first = report(bench.replies()[0])
    assert first[:1] + first[2:7] == ("ValueError", "add", 3, HERE, 0, 10**10)
    assert bench.replies()[1][2][0] == "E"
    assert Report(*bench.replies()[1][2][1]).command == 3, "the dependent's error is the first one"


def test_a_failed_change_leaves_the_value(bench):
    bench.have(A=[3, 1, 2])
    bench.turn(
        (3, CALL, None, "=add", (A, wire(1, 2)), None),
        (4, CALL, None, "=[]", (A, ("L", 9), ("L", 1)), None),
        (5, CALL, None, "=.put", (A, ("l", (("L", 0), ("L", 99))), ("L", 7)), None),
    )
    assert bench.value(A) == [3, 1, 2]
    assert [r[:2] for r in bench.replies()] == [(3, REPORT), (4, REPORT), (5, REPORT)]


def test_a_change_of_a_failure_is_silent_but_one_by_a_failure_is_not(bench):
    bench.have(A=[1, 2])
    bench.turn((3, CALL, R, "[]", (A, ("L", 9)), None))
    bench.turn((4, CALL, None, "=add", (R, ("L", 1)), None), (5, CALL, None, "=add", (A, R), None))
    assert [r[:2] for r in bench.replies()] == [(5, REPORT)]


def test_the_hop_limit(bench):
    bench.have(A=FAR)
    bench.turn((3, CALL, R, "add", (A, A), None), hop=HOP_LIMIT)
    assert bench.value(R).report.kind == "HopLimit"
    bench.turn((4, ASK, A, "shape"), hop=HOP_LIMIT)
    assert report(bench.replies()[0]).kind == "HopLimit"


def test_ask(bench):
    bench.have(A=[1, 2], B=FAR, C=A)
    bench.turn((3, ASK, A, "shape"), (4, ASK, C, "len"), (5, ASK, B, "dtype"), (6, ASK, A, "nonsense"))
    assert bench.replies()[:2] == [(3, PLAIN, (2,)), (4, PLAIN, 2)]
    assert report(bench.replies()[2]).kind == "UnsupportedOperation"
    assert bench.sent() == [(THERE, 1, (5, ASK, FAR, "dtype"))]


# ---------------------------------------------------------------- places


def test_move_leaves_a_stub_that_holds_the_reference_which_came(bench):
    bench.have(A=[1, 2])
    new = name(0, THERE, generation=5)
    bench.turn((3, MOVE, A, new, 1, False), refs=[(new, 1)])
    assert bench.sent() == [(THERE, 1, (3, PUSH, new, 1, KEEP_NOT, wire(1, 2), None))]
    assert bench.value(A) == Pointer(new)
    assert bench.core.store.held[new] == [1, 1]
    bench.turn(frees=[(A, 1)])
    assert bench.releases() == [(new, 1)]


def test_moving_a_pointer_hands_its_reference_on(bench):
    bench.have(A=FAR)
    new = name(0, ELSEWHERE)
    bench.turn((3, MOVE, A, new, 1, False), refs=[(new, 1)])
    assert list(names_of(bench.out[0].header.refs)) == [(FAR, 1)]
    assert (FAR, 1) in bench.releases()


def test_move_of_what_is_gone_counts_the_export(bench):
    new = name(0, THERE)
    bench.turn((3, MOVE, A, new, 1, False), refs=[(new, 1)])
    assert bench.sent() == [(THERE, 1, (3, PUSH, new, 1, KEEP_NOT, None, None))]
    assert report(bench.replies()[0]).kind == "ObjectGone"
    assert bench.releases() == [(new, 1)]
    bench.have(B=[1])
    bench.turn((3, PUSH, B, 1, KEEP_NOT, None, None))
    bench.turn((3, PUSH, C, 1, KEEP_NOT, None, None))
    bench.turn(frees=[(B, 2), (C, 1)])
    assert len(bench.core.store) == 0


def test_moving_what_was_never_exported_asks_the_broker_to_look(bench):
    bench.turn((1, SEND, A, 0, KEEP_SENT, wire(1)))
    new = name(0, THERE)
    bench.turn((3, MOVE, A, new, 0, False), refs=[(new, 1)])
    assert bench.sent()[0][2] == (3, PUSH, new, 1, KEEP_SENT, wire(1), None)
    assert (A, 1) in [p for e in bench.out for p in names_of(e.header.creates)]
    assert (A, 1) in bench.releases()


def test_own_data_is_copied_by_a_move(bench):
    bench.core.load({"data": np.arange(3)})
    own = bench.core.store.labelled("data")
    bench.turn((3, MOVE, own, name(0, THERE), 1, False), refs=[(name(0, THERE), 1)])
    assert bench.value(own) == [0, 1, 2]
    assert bench.releases() == [(name(0, THERE), 1)]


def test_pull_here_sends_a_reference_to_itself(bench):
    bench.have(A=FAR)
    bench.turn((3, PULL_HERE, A, False))
    assert bench.sent() == [(THERE, 1, (3, PULL, FAR, A, False))]
    assert list(names_of(bench.out[0].header.refs)) == [(A, 1)]
    bench.turn((3, PUSH, A, None, KEEP_NOT, wire(5), None), hop=2)
    assert bench.value(A) == [5]
    assert bench.releases() == [(FAR, 1)]
    bench.turn(frees=[(A, 2)])
    assert len(bench.core.store) == 0


def test_pull_leaves_a_pointer_to_the_asker(bench):
    bench.have(A=[1, 2])
    asker = name(4, THERE)
    bench.turn((3, PULL, A, asker, False), refs=[(asker, 1)])
    assert bench.sent() == [(THERE, 1, (3, PUSH, asker, None, KEEP_NOT, wire(1, 2), None))]
    assert bench.value(A) == Pointer(asker)
    bench.turn((4, PULL, A, asker, False), refs=[(asker, 1)])
    assert bench.sent() == []
    assert bench.core.store.held[asker] == [1, 2]


def test_pull_of_what_is_gone_changes_nothing(bench):
    bench.turn((3, PULL, A, FAR, False), refs=[(FAR, 1)])
    assert bench.sent() == []
    assert report(bench.replies()[0]).kind == "ObjectGone"
    assert bench.releases() == [(FAR, 1)]


@pytest.mark.parametrize("items", [[1], [1, 2, 3]])
def test_pull_within_the_worker(bench, items):
    bench.have(A=items, B=A)
    bench.turn((3, PULL_HERE, B, False))
    assert bench.replies() == []
    assert bench.value(B) == items
    assert bench.value(A) == Pointer(B)
    bench.turn((4, PULL_HERE, A, False))
    assert (bench.value(A), bench.value(B)) == (items, Pointer(A))


def test_pull_here_needs_a_pointer(bench):
    bench.have(A=[1])
    bench.turn((3, PULL_HERE, A, False))
    assert report(bench.replies()[0]).kind == "InvalidRemoteGet"
    assert bench.value(A) == [1]


def test_a_push_for_a_pull_whose_asker_is_gone(bench):
    bench.turn((3, PUSH, A, None, KEEP_NOT, wire(5), None))
    assert len(bench.core.store) == 0


# ---------------------------------------------------------------- the turn


def test_the_order_in_which_a_turn_leaves(bench):
    bench.have(A=FAR, B=[1], C=name(8, ELSEWHERE))
    bench.turn(
        (3, GET, B), (4, CALL, None, "=add", (A, ("L", 1)), None), (5, GET, B), (6, ASK, C, "shape"),
        (7, ASK, A, "shape"), refs=[(name(30, THERE), 1)],
    )  # fmt: skip
    assert [(e.header.kind, e.header.destination) for e in bench.out] == [
        (Kind.COMMAND, THERE), (Kind.COMMAND, ELSEWHERE), (Kind.REPLY, ROOT)
    ]  # fmt: skip
    assert [c[0] for _, _, c in bench.sent()] == [4, 7, 6]
    assert [r[0] for r in bench.replies()] == [3, 5]
    assert list(names_of(bench.out[-1].header.releases)) == [(name(30, THERE), 1)]
    assert [e.header.sequence for e in bench.out] == [4, 5, 6]


def test_very_many_releases_leave_behind_the_forwards(bench):
    bench.have(A=FAR)
    many = [(name(100 + i, ELSEWHERE), 1) for i in range(2 * MAX_TRIPLES + 3)]
    for at in range(0, len(many), 1000):
        refs = many[at : at + 1000]
        bench.turn(
            *[(1, SEND, name(10**5 + at + i), 1, KEEP_NOT, ("P", far)) for i, (far, _) in enumerate(refs)], refs=refs
        )
    bench.turn((2, CALL, None, "=add", (A, ("L", 1)), None), (3, CLEAR), (4, GET, A))
    kinds = [e.header.kind for e in bench.out]
    assert kinds[:2] == [Kind.COMMAND, Kind.REPLY]
    assert set(kinds[2:]) == {Kind.NOTE}
    assert len(bench.releases()) == len(many) + 1


def test_large_arrays_leave_as_they_were_when_asked_for(bench):
    big = np.arange(5000.0)
    bench.turn((1, SEND, A, 1, KEEP_NOT, ("A", big.dtype.str, big.shape, "C", big.tobytes())))
    bench.turn((2, GET, A), (3, CALL, None, "=add", (A, ("L", 1)), None))
    (envelope,) = bench.out
    assert bytes(envelope.buffers[0])[:16] == big.tobytes()[:16]
    assert envelope.header.value_bytes == big.nbytes


def test_list_is_in_program_order(bench):
    bench.turn((5, SEND, B, 1, KEEP_NOT, wire(5)))
    bench.turn((4, SEND, A, 1, KEEP_NOT, wire(4)), (6, LIST, "objects"), (7, LIST, "count"))
    rows, count = bench.replies()
    assert [row[0] for row in rows[2]] == [10**10, 10**10 + 1]
    assert count == (7, PLAIN, 2)


def test_named_keep_clear(bench):
    bench.core.load({"data": np.arange(3)})
    bench.turn((1, NAMED, "data"), (2, NAMED, "date"))
    first, second = bench.replies()
    ((name, is_pointer, *_),) = first[2]
    assert (first[1], is_pointer, bench.value(name)) == (FOUND, False, [0, 1, 2])
    assert "data" in report(second).message + str(second)
    bench.have(A=[1])
    bench.turn((3, KEEP, A, 1))
    bench.turn(frees=[(A, 1)])
    assert bench.value(A) == [1]
    bench.turn((4, CLEAR))
    assert len(bench.core.store) == 0


@pytest.mark.parametrize("body", [b"", b"garbage", bodies.dumps([1]), bodies.dumps((1, "x", (), (1,), (1, 99), None))])
def test_malformed_bodies_are_reported(bench, body):
    bench.turn(body=body)
    assert bench.replies()
    assert all(r[1] == REPORT and report(r).kind == "ProtocolError" for r in bench.replies())


@pytest.mark.parametrize("command", [
    (1, SEND), (1, SEND, A, 1, 0, ("Z",)), (1, CALL), (1, CALL, R, "add"), (1, CALL, R, "system", (A,), None), (1, GET),
    (1, CALL, R, "add", ("text", None), None), (1, MOVE, "x", "y", 1, False), (1, PUSH, A, 1, 0, ()), (1, ASK, A),
    (1, KEEP, 5, 1), (None, GET, A), (1, CALL, R, "add", (A, ("A",)), None), (1, SEND, A, 1, 0, ("E", (1, 2))),
])  # fmt: skip
def test_hostile_commands_do_not_kill_the_worker(bench, command):
    bench.have(A=[1])
    bench.turn(command)
    assert bench.replies(), "somebody is told"
    bench.turn((9, GET, A))
    assert bench.replies() == [(9, VALUE, wire(1))]


# ---------------------------------------------------------------- what comes twice


def test_an_envelope_that_comes_twice_is_not_run_twice(bench):
    bench.have(A=[1])
    body = bodies.dumps(((2, CALL, None, "=add", (A, ("L", 1)), None),))
    header = Header(Kind.COMMAND, epoch=4, source=ROOT, destination=HERE, root=ROOT, sequence=8, body_bytes=len(body))
    assert bench.core.turn(Envelope(header, body))
    for sequence in (8, 7):
        assert bench.core.turn(Envelope(header._replace(sequence=sequence), body)) == []
    assert bench.value(A) == [2]
    assert bench.core.duplicates == 2
    assert bench.core.turn(Envelope(header._replace(source=THERE), body)), "each party counts for itself"
    assert bench.value(A) == [3]


# ---------------------------------------------------------------- what others found


def test_found_data_does_not_become_a_pointer(bench):
    bench.have(A=[1])
    bench.turn((2, SEARCH, (str(id_of(A)),)))
    assert bench.replies() == [(2, FOUND, ((A, False, (), "", (1,)),))]
    bench.turn((3, SEND, A, 1, KEEP_NOT, ("P", FAR)), refs=[(FAR, 1)])
    assert report(bench.replies()[0]).kind == "BadName"
    assert bench.releases() == [(FAR, 1)]
    bench.turn((4, SEND, A, 1, KEEP_NOT, wire(2)))
    assert bench.value(A) == [2]


def test_what_was_found_stays_when_it_is_moved_or_pulled(bench):
    bench.have(A=[1], B=[2])
    bench.turn((2, SEARCH, (str(id_of(A)),)))
    bench.turn((3, MOVE, A, FAR, 1, False), refs=[(FAR, 1)])
    bench.turn((4, PULL, A, FAR, False))
    assert [c[:2] for _, _, c in bench.sent()] == [(4, PUSH)]
    assert bench.value(A) == [1]
    bench.turn((5, PULL, B, FAR, True))
    assert bench.value(B) == [2], "who asked did not make it"


def test_who_did_not_make_a_pointer_replaces_it_by_a_copy(bench):
    bench.have(A=FAR)
    bench.turn((2, PULL_HERE, A, True))
    assert [c for _, _, c in bench.sent()] == [(2, PULL, FAR, A, True)]


# ---------------------------------------------------------------- ids


def told(question, block):
    body = bodies.dumps(block)
    return Envelope(Header(Kind.TOLD, epoch=4, sequence=question.header.sequence, body_bytes=len(body)), body)


def test_a_block_of_ids_is_asked_for_once_and_granted_once():
    core = Bench().core
    assert core.ask_for_ids() is None
    core.ids.left = 10
    first = core.ask_for_ids()
    assert (first.header.kind, bodies.loads(first.body)) == (Kind.ASK, {"what": "ids"})
    assert core.ask_for_ids() is None
    core.told(told(first, 5))
    core.told(told(first, 5))
    assert core.ids._spare == [5]
    assert core.duplicates == 1
    assert core.ask_for_ids() is None
    for _ in range(11):
        core.ids.next()
    core.ids.left = 10
    core.told(told(first, 5))
    second = core.ask_for_ids()
    core.told(told(first, 5))
    assert core.ids._spare == []
    core.told(told(second, 6))
    assert core.ids._spare == [6]


def test_a_question_for_ids_is_numbered_as_what_leaves_before_and_after_it():
    bench = Bench()
    (before,) = bench.turn((1, SEND, A, 1, KEEP_NOT, wire(1)))
    bench.core.ids.left = 10
    question = bench.core.ask_for_ids()
    (after,) = bench.turn((2, SEND, B, 1, KEEP_NOT, wire(1)))
    assert [e.header.sequence for e in (before, question, after)] == [1, 2, 3]


def test_the_list_of_measures_shows_no_values():
    bench = Bench()
    bench.core.load({"x": np.arange(3)})
    bench.turn((1, SEND, A, 1, KEEP_NOT, wire(1.5)), (2, SEND, B, 1, KEEP_NOT, ("P", FAR)), refs=[(FAR, 1)])
    bench.turn((3, LIST, "measures"))
    ((_, _, found),) = bench.replies()
    assert [row[1:] for row in found] == [("O", (3,), "<i8"), ("A", (1,), "<f8"), ("P", None, None)]
    assert [row[0] for row in found][1:] == [id_of(A), id_of(B)]


def test_what_shares_is_refused_where_strangers_may_come():
    """A memo is what a few bytes can be made many with; ``body.dumps`` writes none."""
    shares = pickle.dumps(((1, LIST, "count"), (2, LIST, "count")), protocol=5)
    open_to_all = Bench()
    open_to_all.turn(body=shares)
    ((_, status, report),) = open_to_all.replies()
    assert (status, report[0]) == (REPORT, "ProtocolError")
    near = Bench(near=True)
    near.turn(body=shares)
    assert [reply[:2] for reply in near.replies()] == [(1, PLAIN), (2, PLAIN)]


def test_globals_are_refused_of_the_same_user_too():
    bench = Bench(near=True)
    bench.turn(body=pickle.dumps((print,), protocol=5))
    ((_, status, report),) = bench.replies()
    assert (status, report[0]) == (REPORT, "ProtocolError")
