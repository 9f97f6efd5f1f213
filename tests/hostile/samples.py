"""Honest headers, bodies and places: what mutations begin with."""

from __future__ import annotations

import numpy as np

from farptr.protocol import body as bodies
from farptr.protocol import plain, values
from farptr.protocol.apart import Offer, Part, Place
from farptr.protocol.commands import ASK, CALL, CELL, FUNCTION, GET, LABELS, LIST, MOVE, NAMED, PUSH, SEARCH, SEND, TAG
from farptr.protocol.header import Flag, Header, Kind, encode, ones, references
from farptr.protocol.ids import make_name

X, Y, Z = (make_name(worker, 10**10 + worker) for worker in (1, 2, 3))
OLD = make_name(1, 10**10 + 1, 5 * 10**10)
REPORT = ("ValueError", "it failed", "add", 3, 1, 0, 10**10, "trace", "", 9)


def arrays():
    """One of each kind."""
    codes = ("?", "i1", "<i8", ">u2", "<f4", "<f8", "<c16", "<M8[ns]", "<m8[25s]", "S3", "U2", ">U1")
    return [np.zeros(shape, code) for code in codes for shape in ((), (2,), (2, 0), (1, 2, 1))]


def wires():
    """Array values as they travel."""
    found = [values.encode_array(array, []) for array in arrays()]
    return [
        *found,
        values.encode_array(np.ones((3, 2), order="F"), []),
        ("A", "|u1", (64,), "C", 0),
        ("P", X),
        ("E", REPORT),
        plain.encode_value(plain.Plain({"a": ["x", None]}), []),
    ]


def arguments():
    """One of each form of argument."""
    forms = [
        1,
        True,
        None,
        2.5,
        "text",
        b"raw",
        1 + 2j,
        (1, [2, slice(1, None, 2)]),
        ...,
        np.float32(1),
        np.dtype("i4"),
        range(3),
        np.arange(3),
        10**40,
        -1,
    ]
    value = plain.encode_value(plain.Plain(plain.checked({"a": (1, [None]), 2: b"x", "r": complex(1, 2)})), [])
    record = ("r", (("L", "m.Point"), ("L", "x"), ("L", 1.5)))
    return [X, value[1], record, *[values.encode_argument(form, lambda _: None, []) for form in forms]]


def commands():
    """One of each code."""
    wire = values.encode_array(np.arange(3), [])
    return [
        (1, SEND, X, 1, 0, wire, (("#a",), "words")),
        (2, CALL, X, "add", (Y, ("L", 1)), None),
        (3, CALL, (X, Y), "np:split", (Z, ("l", (("L", 1),))), {"axis": ("L", 0)}),
        (4, CALL, None, "=add", (X, Y), None),
        (5, GET, X),
        (6, GET, X, True),
        (7, ASK, X, "shape"),
        (8, MOVE, X, Y, 1, False),
        (9, 6, X, False, 0),
        (10, 7, X, Y, True),
        (11, PUSH, X, 1, 0, wire, None),
        (12, PUSH, X, None, 0, None, None),
        (13, LIST, "objects"),
        (14, NAMED, "x"),
        (15, 11, X, 1),
        (16, 12),
        (17, TAG, X, ("#b",), None),
        (18, SEARCH, ("#b", "x")),
        (19, 15, X, "y"),
        (20, 16, "y"),
        (21, CELL, "1 + 1"),
        (22, FUNCTION, "ab12", wire),
        (23, CALL, X, "fn:f", (wire, ("t", (Y,)), Z, ("m", (("L", "k"), X))), {"a": ("L", 1)}),
        (24, SEND, X, 1, 0, plain.encode_value(plain.Plain({"a": [1, None, "x"], "b": np.arange(3)}), [])),
        (25, SEND, X, 1, 0, ("K", ("r", (("L", "m.Point"), ("L", "x"), ("L", 1.5))))),
        (26, ASK, X, "structure"),
    ]


assert {command[1] for command in commands()} <= set(LABELS)


def bodies_of_all():
    """Bodies: commands, answers, news."""
    values_ = [
        tuple(commands()),
        *commands(),
        *wires(),
        *arguments(),
        {"role": "client", "pid": 1, "host": "here"},
        {"joined": (1, "julie", "worker", 5, "here")},
        ((1, 0, ("A", "<i8", (), "C", bytes(8))), (2, 1, (3, 4))),
    ]
    return [bodies.dumps(value) for value in values_]


def headers():
    """Frames: headers with and without lists and bodies."""
    plain = [Header(kind) for kind in Kind]
    full = Header(
        Kind.COMMAND,
        Flag.FENCE | Flag.APART,
        3,
        2**60,
        1,
        2,
        3,
        0,
        7,
        8,
        9,
        0,
        ones([X, Y]),
        references([(X, 2), (OLD, 1)]),
        ones([Z]),
    )
    return [encode(h) for h in (*plain, full)] + [encode(full._replace(body_bytes=5)) + b"12345"]


def places():
    """Places, offers, parts."""
    return [
        Place(1, 2, 3, 4, (100, 156)).encode(),
        Place(0, 0, 9, 0, (256,)).encode(),
        Part(1, 0, 5).encode(),
        Offer(1, 2, 3, 4, 5, b"t" * 16).encode(),
    ]


SEEDS = {
    "header": headers,
    "body": bodies_of_all,
    "wires": lambda: [raw[2:] for raw in bodies_of_all()],
    "apart": places,
    "kept": lambda: [bytes([1, 1, 128, 1, 2, 193])],
    "words": lambda: [text.encode("utf-16-le", "surrogatepass") for text in ("julie", "\ud800", "x" * 40)],
}
