"""What bodies say about lineage: names, never values; garbage says that anything may be."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from farptr.journal.lineage import ANYTHING, expanded, notes_of
from farptr.protocol import body as bodies
from farptr.protocol import commands as c
from farptr.protocol import values
from farptr.protocol.header import Kind
from farptr.protocol.ids import make_name

X, Y, Z = (make_name(1, i) for i in (11, 12, 13))
WIRE = values.encode_array(np.array([77.125, 2.0]), [])


@pytest.mark.parametrize(
    ("command", "made", "used", "size"),
    [
        ((1, c.SEND, X, 1, 0, WIRE), [X], [], 16),
        ((1, c.SEND, X, 1, 0, ("P", Y)), [X], [Y], 0),
        ((1, c.CALL, Z, "add", (X, Y), None), [Z], [X, Y], 0),
        ((1, c.CALL, (Y, Z), "divmod", (X, ("L", 2)), None), [Y, Z], [X], 0),
        ((1, c.CALL, None, "=[]", (X, ("L", 0), WIRE), None), [], [X], 16),
        ((1, c.CALL, Z, "np:concatenate", (("l", (X, Y, WIRE)),), {"axis": ("L", 0)}), [Z], [X, Y], 16),
        ((1, c.MOVE, X, Y, 1, False), [Y], [X], 0),
        ((1, c.PULL, X, Y, False), [Y], [X], 0),
    ],
)
def test_commands(command, made, used, size):
    ((_, code, *rest),) = map(expanded, notes_of(Kind.COMMAND, bodies.dumps((command,))))
    assert code == command[1]
    assert (rest[0], rest[1], rest[3]) == (made, used, size)


def test_no_value_is_in_a_note():
    body = bodies.dumps(((1, c.SEND, X, 1, 0, WIRE), (2, c.CELL, "secret = 77.125")))
    text = json.dumps(notes_of(Kind.COMMAND, body))
    assert "77.125" not in text
    assert "secret" not in text


def test_a_command_of_later_versions_may_make_anything_of_all_it_names():
    (note,) = notes_of(Kind.COMMAND, bodies.dumps(((1, 99, [Z], {"f": (X, (Y,))}),)))
    assert note[4] == ANYTHING
    assert set(note[3]) == {X, Y, Z}


def test_garbage_is_noted_as_anything():
    rng = random.Random(1)
    whole = bodies.dumps(((1, c.CALL, Z, "add", (X, Y), None),))
    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] = rng.randrange(256)
        for kind in (Kind.COMMAND, Kind.REPLY):
            bodies.dumps(notes_of(kind, bytes(data)))  # neither raises
    assert notes_of(Kind.COMMAND, b"garbage")[0][4] == ANYTHING
