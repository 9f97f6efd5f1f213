"""Peers that lie, of every kind, at the real cores; and inputs that once got through."""

from __future__ import annotations

import random

import pytest

from farptr.protocol import operations, plain, shapes
from farptr.protocol.commands import CALL, HERE, LABELS, LIST, QUESTIONS, SEND
from farptr.protocol.ids import IdBlock
from farptr.protocol.torch_names import FACTS
from farptr.worker.core import WorkerCore
from tests.hostile import cores, targets
from tests.hostile.samples import X

SEEDS = 400
GOLDEN = {
    "broker": [
        b"8\0\0+cclient+22+\x1e358\xb6\n",
        b"[dddddddd\x9a \0\xac\n\0\0\0\0\0d\x9a\0\0\0\0\0\n\0\xc7",
        b"\0\0\x80?n\0@\x80[6\xd0\x0e[\0\xf2[\n\xf2",
        b"Xc{",
        b"",
    ],
    "worker": [b":\nA-~~a[[\n\x0e", b"\xbf^]]]]]\x07\0\x9f\x9f\x9f\x9f\x9f\x9f\xff"],
}
"""What the fuzzer found, while it was a defect."""


@pytest.mark.parametrize("name", sorted(cores.CORES))
def test_lies_are_refused_and_harm_nobody_else(name):
    for seed in range(SEEDS):
        data = random.Random(f"{name} {seed}").randbytes(seed % 200)
        try:
            cores.CORES[name](data)
        except Exception as error:
            error.add_note(f"{name}({data!r})")
            raise


@pytest.mark.parametrize(("name", "data"), [(name, data) for name in GOLDEN for data in GOLDEN[name]])
def test_what_once_got_through(name, data):
    cores.CORES[name](data)


def test_every_command_and_question_has_its_row():
    assert shapes.COMMANDS.keys() == LABELS.keys()
    assert shapes._ABOUT_DATA.keys() == {*operations.QUESTIONS, operations.ROWS, plain.STRUCTURE, HERE, FACTS}
    assert all(shapes.answers_of((1, code, X, "shape")) for code in QUESTIONS if code != LIST)


@pytest.mark.parametrize("number", [-1, 2**104, 10**400])
@pytest.mark.parametrize(
    "rest",
    [(CALL, X, "no such", (X,), None), (CALL, X, "np:no_such", (X,), {"a": ("L", 1)}), (SEND, X, 1, 0, ("P", X))],
)
def test_a_failure_with_a_number_that_is_none_can_be_listed(number, rest):
    core = WorkerCore(number=cores.JULIE, epoch=4, ids=IdBlock(1, 0))
    cores.turn(core, cores.LIAR, ((number, *rest),))
    for what in shapes._LISTS:
        cores.answered(core, (9, LIST, what))


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_decoders_refuse_what_is_spoilt(name):
    draw = random.Random(name)
    for seed in targets.seeds(name):
        for _ in range(60):
            data = bytearray(seed)
            for _ in range(draw.randrange(3)):
                at = draw.randrange(len(data))
                data[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
            targets.run_one(targets.TARGETS[name], bytes(data))
