"""A client whom a worker, or the broker, lies to: the liar is lost to it, with a reason, and nobody else is."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

import farptr as fp
from farptr.client.core import SessionCore
from farptr.client.session import Session
from farptr.protocol import body as bodies
from farptr.protocol.commands import FAILED, FOUND, PLAIN, REPORT, VALUE, Envelope
from farptr.protocol.errors import ERRORS, Report, from_report
from farptr.protocol.header import Header, Kind, ones
from farptr.protocol.ids import make_name

JULIE, TOBY, ME = 1, 2, 9
ARRAY = ("A", "<i8", (2,), "C", bytes(16))
NAME = make_name(JULIE, 10**10)
REPORTED = tuple(Report("ValueError", "it failed", "add", 1, JULIE, 0, 0, ""))


class Connection:
    """What has come is what was put there."""

    def __init__(self):
        self.received, self.cut, self.come, self.open = 1, False, deque(), True

    def receive(self):
        if not self.come:
            return None
        self.received += 1
        return self.come.popleft()

    def readable(self):
        return bool(self.come)

    def own(self, envelope):
        return envelope

    def close(self, linger_s=0.0):
        self.open = False

    def _nothing(self, *_):
        return None

    send = wait = wake = check = rest = _nothing


class Bench:
    def __init__(self):
        core = SessionCore(number=ME, epoch=4, seed=1, block=0)
        core.names.update({JULIE: "julie", TOBY: "toby"})
        self.core, self.connection = core, Connection()
        self.session = Session(core, self.connection, timer=False, timeout_s=1.0)
        self.x, self.y = (core.send(worker, core.ids.next(), True, np.arange(2)) for worker in (JULIE, TOBY))
        self.pp = core.send_pointer(JULIE, core.ids.next(), True, self.y)

    def tell(self, source, *replies, refs=(), raw=None):
        body = bodies.dumps(replies) if raw is None else raw
        header = Header(Kind.REPLY, source=source, destination=ME, refs=ones(refs), body_bytes=len(body))
        self.connection.come.append(Envelope(header, body))

    def broker(self, kind, value, **fields):
        body = bodies.dumps(value) if value is not None else b""
        self.connection.come.append(Envelope(Header(kind, body_bytes=len(body), **fields), body))


@pytest.fixture
def bench():
    return Bench()


QUESTIONS = {
    "get": (lambda b: b.core.get(b.x), (VALUE, ARRAY)),
    "get of a pointer": (lambda b: b.core.get(b.pp), (VALUE, ("P", b"name"))),
    "shape": (lambda b: b.core.ask(b.x, "shape"), (PLAIN, (2,))),
    "dtype": (lambda b: b.core.ask(b.x, "dtype"), (PLAIN, "<i8")),
    "item": (lambda b: b.core.ask(b.x, "item"), (PLAIN, 3)),
    "len": (lambda b: b.core.ask(b.x, "len"), (PLAIN, 2)),
    "here": (lambda b: b.core.ask(b.x, "here"), (PLAIN, True)),
    "objects": (lambda b: b.core.list(JULIE), (PLAIN, ((10**10, "A", ARRAY), (10**10, "E", REPORTED)))),
    "count": (lambda b: b.core.list(JULIE, "count"), (PLAIN, 4)),
    "edges": (lambda b: b.core.list(JULIE, "edges"), (PLAIN, ((10**10, NAME), (10**10, None)))),
    "kept": (lambda b: b.core.list(JULIE, "kept"), (PLAIN, ((10**10, "why"),))),
    "measures": (lambda b: b.core.list(JULIE, "measures"), (PLAIN, ((10**10, "A", (2,), "<i8"),))),
    "name": (lambda b: b.core.named_data(JULIE, "x"), (FOUND, ((NAME, False, (), "", None),))),
    "search": (lambda b: b.core.search(JULIE, ("x",)), (FOUND, ((NAME, False, ("#x",), "", (2,)),))),
    "publish": (lambda b: b.core.publish(b.x, "x"), (PLAIN, True)),
    "forget": (lambda b: b.core.forget(JULIE, "x"), (PLAIN, True)),
    "cell": (lambda b: b.core.cell(JULIE, "1"), (PLAIN, ("", "1", None))),
}
"""Each question, and an honest answer."""
LIES = {
    "nothing": (PLAIN, None), "a list": (PLAIN, []), "a dictionary": (VALUE, {}), "a text": (PLAIN, "text" * 9),
    "negative numbers": (PLAIN, (-2, -3)), "huge numbers": (PLAIN, (2**70,) * 3), "a fraction": (PLAIN, 2.5),
    "another status": (9, ARRAY), "no status": ("0", ARRAY), "nested": (PLAIN, ((((((5,),),),),),)),
    "bytes that do not fit": (VALUE, ("A", "<i8", (3,), "C", bytes(16))),
    "a dtype that does not travel": (VALUE, ("A", "|O", (1,), "C", bytes(8))),
    "a buffer that did not come": (VALUE, ("A", "<i8", (2000,), "C", 0)),
    "a pointer without its reference": (VALUE, ("P", NAME + 5)), "a value of no kind": (VALUE, ("X", 5)),
    "found without references": (FOUND, ((NAME + 5, False, (), "", None),)), "found what is none": (FOUND, ((1, 2),)),
    "half a report": (FAILED, ("ValueError", "it failed")), "a report of no texts": (FAILED, (1,) * 10),
    "a failure as a value": (VALUE, ("E", ("ValueError",))), "a row too long": (PLAIN, ((10**10, "A", ARRAY, 5),)),
    "a row of no kind": (PLAIN, ((10**10, "Z", 5),)), "false": (PLAIN, False),
    "text for a cell": (PLAIN, ("", 5, None)),
}  # fmt: skip


def finish(bench, key):
    """The answer, as the session gives it."""
    return bench.session.wait(key)


def assert_only_julie_is_lost(bench, key):
    other = bench.core.ask(bench.y, "shape")
    with pytest.raises(fp.WorkerLost, match="julie is gone: it broke the protocol"):
        finish(bench, key)
    with pytest.raises(fp.WorkerLost):
        bench.core.get(bench.x)
    bench.tell(TOBY, (other, PLAIN, (2,)))
    assert finish(bench, other) == (2,)
    bench.core.check()
    assert bench.session.usable


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_an_honest_answer_is_taken(bench, question):
    ask, (status, payload) = QUESTIONS[question]
    key = ask(bench)
    refs = [bench.y.name] if question == "get of a pointer" else [NAME] if status == FOUND else []
    bench.tell(JULIE, (key, status, ("P", bench.y.name) if question == "get of a pointer" else payload), refs=refs)
    finish(bench, key)
    assert not bench.core.parties.lost


@pytest.mark.parametrize(
    ("question", "lie"),
    [
        (q, lie)
        for q in sorted(QUESTIONS)
        for lie in sorted(LIES)
        if q != "item" or lie not in ("a text", "a fraction", "false")
    ],
)
def test_a_lie_loses_the_liar_and_nobody_else(bench, question, lie):
    key = QUESTIONS[question][0](bench)
    bench.tell(JULIE, (key, *LIES[lie]))
    assert_only_julie_is_lost(bench, key)


@pytest.mark.parametrize(
    "reply",
    [
        5,
        (),
        (5,),
        (None, PLAIN, 5),
        "reply",
        (2.5, PLAIN, 5),
        ((), REPORT, ()),
        (1, REPORT, 5),
        (1, REPORT, REPORTED[:9]),
    ],
)
def test_what_is_no_reply_loses_the_liar(bench, reply):
    key = bench.core.get(bench.x)
    bench.tell(JULIE, reply)
    assert_only_julie_is_lost(bench, key)


@pytest.mark.parametrize("raw", [b"", b"\x80\x05.", b"cos\nsystem\n.", b"\x80\x05N.", b"\x80\x05]."])
def test_what_is_no_body_loses_the_liar(bench, raw):
    key = bench.core.get(bench.x)
    bench.tell(JULIE, raw=raw)
    assert_only_julie_is_lost(bench, key)


def test_nobody_answers_what_another_has_itself(bench):
    """Numbers of commands can be guessed."""
    key = bench.core.get(bench.y)
    mine = bench.core.get(bench.x)
    bench.tell(JULIE, (key, VALUE, ARRAY))
    with pytest.raises(fp.WorkerLost, match="an answer to what another was asked"):
        finish(bench, mine)
    bench.tell(TOBY, (key, VALUE, ("A", "<i8", (2,), "C", b"\1" * 16)))
    assert finish(bench, key).tolist() == [0x0101010101010101] * 2


@pytest.mark.parametrize(
    "kind", [*sorted(ERRORS), "UnicodeDecodeError", "OSError", "KeyError", "SystemExit", "BaseException", "no such"]
)
def test_a_report_of_any_kind_can_be_raised(kind):
    """Some errors are not made of one text; a report that names them must do no harm either."""
    error = from_report(Report(kind, "it failed", "add", 1, JULIE, 0, 0, ""), worker="julie")
    assert isinstance(error, fp.FarptrError)
    assert "it failed" in str(error)


NEWS = {
    "no dictionary": (Kind.ROSTER, [5]), "a party of no kind": (Kind.ROSTER, {"joined": 5}),
    "joined without a name": (Kind.ROSTER, {"joined": (3,)}),
    "lost without a number": (Kind.ROSTER, {"role": "worker"}),
    "a list as a number": (Kind.ROSTER, {"role": "worker", "lost": [1], "why": ""}),
    "undone what is none": (Kind.ROSTER, {"worker": JULIE, "undone": "many"}),
    "a worker's kind": (Kind.COMMAND, ()), "a kind for nobody": (Kind.HELLO, {}),
}  # fmt: skip


@pytest.mark.parametrize("lie", sorted(NEWS))
def test_a_broker_that_lies_ends_the_session(bench, lie):
    key = bench.core.get(bench.x)
    kind, value = NEWS[lie]
    if lie.startswith("undone"):
        bench.broker(Kind.ROSTER, {"worker": JULIE, "undone": 1})
    bench.broker(kind, value)
    with pytest.raises(fp.ProtocolError, match=r"the broker sent|where dict belongs"):
        finish(bench, key)
    assert bench.session.closed
    assert not bench.connection.open
    with pytest.raises(fp.ProtocolError), bench.session.command():
        pass
