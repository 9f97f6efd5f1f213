"""Values other than arrays on the wire: what comes is what was sent, and every fault is a ProtocolError."""

from __future__ import annotations

import dataclasses
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farptr.protocol import body as bodies
from farptr.protocol import plain, records
from farptr.protocol.body import MAX_DEPTH
from farptr.protocol.commands import ASK
from farptr.protocol.errors import MessageTooLarge, ProtocolError, UnsupportedValue
from farptr.protocol.plain import Plain
from farptr.protocol.records import Record
from farptr.protocol.shapes import answers_of, check_answer
from farptr.protocol.shapes import wire as is_wire


@dataclasses.dataclass
class Thing:
    a: int
    b: object = None


LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.binary(max_size=20)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.complex_numbers(allow_nan=False)
)  # fmt: skip
KEYS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.binary(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(Thing, st.integers(0, 9), inner)
    ),
    max_leaves=12,
)  # fmt: skip


def through(value):
    """What comes of a value that is sent."""
    buffers: list = []
    wire = plain.encode_value(Plain(plain.checked(value)), buffers)
    assert is_wire(bodies.loads(bodies.dumps(wire)))
    return plain.decode_value(bodies.loads(bodies.dumps(wire)), buffers).value


def with_records(value):
    if isinstance(value, Thing):
        return Record(f"{__name__}.Thing", {k: with_records(v) for k, v in vars(value).items()})
    if isinstance(value, list | tuple):
        return type(value)(map(with_records, value))
    return {k: with_records(v) for k, v in value.items()} if isinstance(value, dict) else value


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_what_comes_is_what_was_sent(value):
    try:
        back = through(value)
    except UnsupportedValue as error:
        assert "nested" in str(error)  # noqa: PT017
        return
    assert back == with_records(value)
    assert plain.is_structure(plain.structure_of(back))
    assert repr(back) == repr(with_records(value))  # types too, -0.0 and True


def test_numbers_of_numpy_keep_their_type():
    back = through({"a": np.float32(1.5), "b": np.bool_(True), "c": np.datetime64("NaT"), "d": math.nan})
    assert [type(v) for v in back.values()] == [np.float32, np.bool_, np.datetime64, float]


def test_each_fault_is_a_protocol_error():
    good = [("L", "a"), ("L", 1)]
    for wire in (
        ("K",), ("K", 5), ("K", 7, 8), ("K", ("m", (("L", "a"),))), ("K", ("r", ())),
        ("K", ("r", (("L", 1), *good))), ("K", ("r", (("L", "n"), ("L", 1), ("L", 2)))),
        ("K", ("m", (("l", ()), ("L", 1)))),
        ("K", ("m", (("t", (("L", 1),)), ("L", 1)))), ("K", ("q", ())), ("K", ("l", (3,))),
        ("K", ("m", (("L", 1, 2), ("L", 1)))),
        ("K", ("m", tuple(part for i in range(2000) for part in (("L", i), ("L", 1))))),
    ):  # fmt: skip
        with pytest.raises(ProtocolError):
            plain.decode_value(wire, ())


def test_any_depth_is_refused_and_none_takes_long():
    wire: object = ("L", 1)
    for _ in range(MAX_DEPTH + 5):
        wire = ("m", (("L", "a"), wire))
    assert not plain.is_value(("K", wire))
    with pytest.raises(ProtocolError):
        plain.decode_value(("K", wire), ())


def test_many_keys_that_collide_are_refused_on_both_sides():
    with pytest.raises(UnsupportedValue, match="5000 keys"):
        plain.checked(dict.fromkeys(range(5000)))
    assert len(through(dict.fromkeys(map(str, range(5000))))) == 5000


def test_what_is_too_large():
    with pytest.raises(MessageTooLarge):
        plain.encode_value(Plain(["x" * 1000] * 10_000), [])


def test_spoilt_values_are_values_or_protocol_errors():
    seeds = [plain.encode_value(Plain(plain.checked(v)), []) for v in ({"a": [1, "x", None]}, Thing(1, (2.5, b"x")))]
    draw = random.Random(7)
    for seed in seeds:
        text = bodies.dumps(seed)
        for _ in range(500):
            data = bytearray(text)
            data[draw.randrange(len(data))] = draw.randrange(256)
            try:
                wire = bodies.loads(bytes(data))
                if is_wire(wire) and wire[0] == "K":
                    plain.decode_value(wire, ())
            except ProtocolError:
                continue


def test_structures_of_answers_are_looked_at():
    expected = answers_of((1, ASK, 5, plain.STRUCTURE))
    check_answer(expected, 1, (("l", 2, (None, ("m", ("a", 3), (None, None)))),))
    for lie in ("l", ("l", 2, (None,)), ("m", ("a",), ()), ("m", ([],), (None,)), ("x", 0, ()), ("l", -1, ())):
        with pytest.raises(ProtocolError):
            check_answer(expected, 1, (lie,))


# ---------------------------------------------------------------- dataclasses


def test_who_has_sent_one_gets_one_back():
    records.remember(Thing)
    made = records.returned(through(Thing(1, [2])))
    assert type(made) is Thing
    assert made == Thing(1, [2])
    other = records.returned(Record(f"{__name__}.Thing", {"a": 1}))
    assert type(other) is Record  # other fields


def test_nothing_is_imported_or_called_for_a_name():
    found = records.returned(Record("subprocess.Popen", {"args": "x"}))
    assert type(found) is Record
    assert repr(found) == "Popen(args='x')"
