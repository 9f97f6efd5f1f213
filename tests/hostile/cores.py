"""The real cores among peers that lie: each target takes bytes, makes lies of them, and looks at who else suffers."""

from __future__ import annotations

from typing import Any

import numpy as np

from farptr.broker.core import BrokerCore
from farptr.client.answers import Answer, Lost
from farptr.client.core import SessionCore
from farptr.protocol import body as bodies
from farptr.protocol import shapes
from farptr.protocol.commands import ASK, FAILED, GET, LIST, NAMED, PLAIN, PUBLISH, SEARCH, VALUE, Envelope
from farptr.protocol.errors import ProtocolError, Report, from_report
from farptr.protocol.header import Flag, Header, Kind, encode, ones, read
from farptr.protocol.ids import IdBlock, make_name
from farptr.worker.core import WorkerCore
from tests.hostile import samples
from tests.hostile.making import Maker, written

LIAR, HONEST, JULIE, TOBY = 8, 9, 1, 2
SPOILT = ("ProtocolError", "TypeError", "AttributeError", "RecursionError", "SystemError", "KeyError")
"""Failures of those whom a lie has reached. (A client may well replace or remove what is another's.)"""

# ---------------------------------------------------------------- a worker whose clients lie


def worker(data: bytes) -> None:
    """Batches of spoilt commands: the worker takes its turns, and another client sees nothing of it."""
    make = Maker(data)
    core = WorkerCore(number=JULIE, epoch=4, ids=IdBlock(1, 0))
    core.load({"own": np.arange(3)})
    mine = make_name(JULIE, 7)
    turn(
        core,
        HONEST,
        ((1, 1, mine, 1, 0, ("A", "<i8", (), "C", bytes(8)), (("#mine",), "")), (2, PUBLISH, mine, "mine")),
    )
    while make:
        commands = [make.spoilt(make.one_of(samples.commands())) for _ in range(1 + make.byte() % 3)]
        batch: Any = make.value() if make.byte() == 255 else tuple(commands)
        refs = ones([make_name(TOBY, 10**10)]) if make.byte() % 4 == 0 else ()
        turn(core, LIAR, batch, hop=make.byte() % 65, refs=refs, buffers=(bytes(64),) * (make.byte() % 2))
    core.check()
    for question in ((5, GET, mine), (6, NAMED, "own"), (7, SEARCH, ("#mine",)), (8, ASK, mine, "item")):
        answered(core, question)
    for what in shapes._LISTS:
        answered(core, (9, LIST, what))


def turn(core: WorkerCore, root: int, batch: Any, **fields: Any) -> list[Any]:
    """One turn; the replies. What leaves must be well-formed, and end with DONE."""
    buffers = fields.pop("buffers", ())
    body = written(batch)
    header = Header(Kind.COMMAND, source=root, destination=JULIE, root=root, body_bytes=len(body), **fields)
    out = core.turn(Envelope(header, body, buffers))
    assert [bool(e.header.flags & Flag.DONE) for e in out] == [False] * (len(out) - 1) + [True]
    found: list[Any] = []
    for envelope in out:
        read(encode(envelope.header) + envelope.body)
        items = bodies.loads_as(tuple, envelope.body) if envelope.body else ()
        if envelope.header.kind == Kind.COMMAND:
            for command in items:
                shapes.check_command(command)
        found += items if envelope.header.kind == Kind.REPLY else ()
    return found


def answered(core: WorkerCore, question: Any) -> None:
    answers = [reply for reply in turn(core, HONEST, (question,)) if reply[0] == question[0]]
    ((_, status, *payload),) = answers
    expected = shapes.answers_of(question)
    assert expected is not None
    theirs = status == FAILED and payload[0][0] not in SPOILT and question[1] != LIST
    assert status == expected[0] or theirs, f"{question} is answered with {payload}"
    shapes.check_answer(expected, status, tuple(payload))


# ---------------------------------------------------------------- a client whose worker lies


def client(data: bytes) -> None:
    """Answers of a lying worker: whoever asked it is told something, and another worker's answers come as ever."""
    make = Maker(data)
    core = SessionCore(number=HONEST, epoch=4, seed=1, block=0)
    core.names.update({JULIE: "julie", TOBY: "toby"})
    x, y = (core.send(worker, core.ids.next(), True, np.arange(2)) for worker in (JULIE, TOBY))
    chain = core.send_pointer(JULIE, core.ids.next(), True, y)
    asked = {
        core.get(x): ("A", "<i8", (2,), "C", bytes(16)), core.get(chain): ("P", y.name), core.ask(x, "shape"): (2,),
        core.get(chain, far=True): ("A", "<i8", (2,), "C", bytes(16)), core.ask(x, "item"): 3,
        core.list(JULIE): ((5, "P", y.name),),
        core.search(JULIE, ("#a",)): ((x.name, False, ("#a",), "", (2,)),), core.list(JULIE, "kept"): ((5, "why"),),
        core.named_data(JULIE, "x"): ((x.name, False, (), "", (2,)),), core.cell(JULIE, "1"): ("", "1", None),
        core.ask(x, "structure"): ("m", ("a", 1), (None, ("l", 1, (None,)))),
        core.publish(x, "x"): True, core.list(JULIE, "measures"): ((5, "A", (2,), "<i8"),), core.ask(y, "shape"): (2,),
    }  # fmt: skip
    *keys, theirs = asked
    booked: dict[int, int] = {}
    while make:
        key = make.one_of(keys)
        status = make.byte() % 5
        reply = (
            key,
            status,
            asked[key] if status != 2 else samples.REPORT,
            *((None, x.name) if make.byte() % 5 == 0 else ()),
        )
        refs = make.one_of(((), (y.name,), (x.name,), (x.name, y.name)))
        for name in refs:
            booked[name] = booked.get(name, 0) + 1
        body = written(
            make.value() if make.byte() == 255 else (make.spoilt(reply), make.spoilt(reply))[: make.byte() % 3]
        )
        header = Header(Kind.REPLY, source=JULIE, destination=HONEST, refs=ones(refs), body_bytes=len(body))
        core.receive(Envelope(header, body, (bytes(16),) * (make.byte() % 2)))
        core.check()
    _no_reference_is_lost(core, booked, (x, y, chain))
    for key in keys:
        _as_asked(core.answers.come.get(key))
    body = written(((theirs, PLAIN, (2,)),))
    core.receive(Envelope(Header(Kind.REPLY, source=TOBY, destination=HONEST, body_bytes=len(body)), body))
    assert core.answers.come[theirs] == Answer(PLAIN, (2,))
    for report in core.reports.settle(1 << 60):
        repr(from_report(report, worker="julie"))


def _as_asked(answer: Answer | Lost | None) -> None:
    if isinstance(answer, Answer) and isinstance(answer.value, Report):
        repr(from_report(answer.value, worker="julie"))
    elif isinstance(answer, Answer) and answer.status == VALUE and isinstance(answer.value, np.ndarray):
        repr(answer.value)


def _no_reference_is_lost(core: SessionCore, booked: dict[int, int], own: Any) -> None:
    """What came is released, or belongs to a node that an answer brought."""
    held: dict[int, int] = {}
    found: list[Any] = []
    for answer in core.answers.come.values():
        value = answer.value if isinstance(answer, Answer) else None
        found += value if isinstance(value, list) else [value]
    for node in {id(node): node for node in (*found, *own) if hasattr(node, "received")}.values():
        held[node.name] = held.get(node.name, 0) + node.received
    made = {node.name: 1 for node in own}
    for name in booked.keys() | held.keys():
        have = held.get(name, 0) + core.batches.releases.get(name, 0)
        assert have == booked.get(name, 0) + made.get(name, 0), f"{name}: {have} of {booked.get(name, 0)}"


# ---------------------------------------------------------------- a client whose broker lies


def told(data: bytes) -> None:
    """What a lying broker says: taken in, or a ProtocolError."""
    make = Maker(data)
    core = SessionCore(number=HONEST, epoch=4, seed=1, block=0)
    core.names.update({JULIE: "julie"})
    core.get(core.send(JULIE, core.ids.next(), True, np.arange(2)))
    news = ({"joined": (3, "carol", "worker", 5, "here")}, {"worker": JULIE, "undone": 1},
            {"worker": JULIE, "stalled": "why"},
            {"lost": JULIE, "name": "julie", "role": "worker", "why": "it left", "code": 0})  # fmt: skip
    while make:
        body = written(make.spoilt(make.one_of(news)))
        header = Header(make.one_of(list(Kind)), sequence=make.byte(), received=make.byte(), body_bytes=len(body))
        try:
            core.receive(Envelope(header, body))
        except ProtocolError:
            return


# ---------------------------------------------------------------- a broker whose parties lie


def broker(data: bytes) -> None:
    """Envelopes of a lying client or worker: it is refused, its step leaves no trace, and the others go on."""
    make = Maker(data)
    core = BrokerCore(run="r", epoch=4, seed=1)
    parties = (("worker", "julie"), ("worker", "toby"), ("client", "me"), ("client", "me"))
    numbers = [core.register({"role": r, "name": name, "pid": 5, "host": "here"})[0].number for r, name in parties]
    julie, toby, honest, liar = numbers
    liar = toby if make.byte() % 2 else liar
    hello = make.spoilt({"role": "client", "pid": 5, "host": "here", "name": "me"})
    if type(hello) is dict:
        _refused(lambda: core.register(bodies.loads(written(hello))))
    back = make.spoilt({"role": "client", "pid": 5, "host": "here", "resume": honest, "received": 0})
    if type(back) is dict:
        _refused(lambda: core.resume(bodies.loads(written(back))))
    sequence = 0
    while make:
        sequence += 1 if make.byte() % 8 else 0
        body = written(make.value() if make.byte() % 2 else make.one_of(({"what": "ids"}, {"what": "rows"}, -3)))
        header = Header(
            make.one_of(list(Kind)), make.byte(), make.byte() % 65, 4 if make.byte() % 16 else make.byte(), make.byte(),
            make.one_of((*numbers, 0, 77)), make.one_of((honest, liar, liar, liar, 0, 77)), 0, sequence,
            make.byte() % 3, make.byte() << 12, len(body), _names(make), _names(make), _names(make),
        )  # fmt: skip
        if not _refused(lambda header=header, body=body: core.receive(liar, encode(header) + body)):
            core.lose(liar, "it broke the protocol")
            break
        core.check()
    core.check()
    at = core.teller.newest.get(honest, 0)
    name = make_name(julie, 12345)
    out = core.receive(
        honest, encode(Header(Kind.COMMAND, 0, 0, 4, honest, julie, honest, 0, at + 1, creates=ones([name])))
    )
    assert julie in [d.destination for d in out], "an honest client's command does not come through"
    assert dict(core.rows.snapshot()[name]).keys() >= {honest}


def _names(make: Maker) -> Any:
    """A list of a header: names with counts, honest or not."""
    if make.byte() % 4:
        return ()
    names = [make_name(make.one_of((1, 2, 3, 4, 5, 77)), 10**10 + make.byte() % 3) for _ in range(make.byte() % 4)]
    if make.byte() % 2:
        return ones(names)
    return tuple([n for name in names for n in (name, make.byte() % 3, make.one_of((1, 1, 2, 0, 2**64 - 1)))])


def _refused(act: Any) -> bool:
    """False when it was refused, as is right."""
    try:
        act()
    except ProtocolError:
        return False
    except Exception as error:
        if type(error).__name__ in ("SessionExpired", "BadName", "Exhausted"):
            return False
        raise
    return True


CORES = {"worker": worker, "client": client, "told": told, "broker": broker}
