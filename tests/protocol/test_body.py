"""Bodies resolve no globals and raise nothing but ProtocolError."""

from __future__ import annotations

import contextlib
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farptr.protocol import body as bodies
from farptr.protocol.errors import ProtocolError

plain = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.binary(max_size=8)
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(plain)
def test_round_trip(value):
    assert bodies.loads(bodies.dumps(value)) == value


def test_golden_body():
    assert bodies.dumps(((1, 3, 5),)).hex() == "80059509000000000000004b014b034b0587852e"


class Bomb:
    def __reduce__(self):
        return (print, ("it ran",))


@pytest.mark.parametrize(
    "value", [Bomb(), np.int64(1), np.arange(3), np.dtype("f8"), print, ValueError("x"), object(), type, 1j, {1}]
)
def test_globals_are_refused(value, capsys):
    try:
        data = pickle.dumps(value, protocol=5)
    except Exception:  # what pickle itself refuses cannot come
        pytest.skip("not picklable")
    try:
        found = bodies.loads(data)
    except ProtocolError:
        assert capsys.readouterr().out == ""
        return
    assert type(found) is int, "only builtins come out"


@pytest.mark.parametrize("data", [
    b"cos\nsystem\n(S'true'\ntR.", b"\x80\x05\x8c\x02os\x8c\x06system\x93.", b"\x80\x02Ppersistent\n.", b"",
    b"\x80\x05", b".", b"(((", b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", b"\x80\xff.", b"I99999\n",
    b"\x80\x05K\x01", b"\x80\x05h\x00.", b"\x82\x01.", b"i__main__\nBomb\n.",
])  # fmt: skip
def test_each_fault_is_a_protocol_error(data):
    with pytest.raises(ProtocolError):
        bodies.loads(data)


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x88r\x00\x00\x00\x02",
        b"\x88r\xff\xff\xff\xff",
        b"\x88p99999999\n",
        b"\x8c\x01r\x88r\x00\x00\x01\x00",
        b"B\xff\xff\xff\x7f",
        b"\x8e\x00\x00\x00\x00\x01\x00\x00\x00",
        b"\x96\x00\x00\x00\x00\x01\x00\x00\x00",
    ],
)
def test_a_few_bytes_do_not_allocate_many(bomb):
    """The unpickler's memo is as large as its largest index; and it makes room for bytes before it has them."""
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            bodies.loads(b"\x80\x05" + bomb + b".")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["sqrt", "repeat me", "rrrrr\x01", "p123456", "pppp99999999"])
def test_texts_that_look_like_one_are_texts(text):
    assert bodies.loads(bodies.dumps((text, text.encode(), [text] * 3))) == (text, text.encode(), [text] * 3)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_garbage(data):
    with contextlib.suppress(ProtocolError):
        bodies.loads(data)


@settings(max_examples=300)
@given(plain, st.data())
def test_mutated_bytes(value, data):
    raw = bytearray(bodies.dumps(value))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.sampled_from([0, 1, 46, 40, 41, 75, 78, 93, 133, 140]))  # mostly opcodes
    with contextlib.suppress(ProtocolError):
        bodies.loads(bytes(raw))


def test_what_is_there_twice_stands_twice():
    """So whoever walks a body takes no longer than it is long."""
    pair: tuple = ()
    for _ in range(10):
        pair = (pair, pair)
    assert len(bodies.dumps(pair)) > 2**11
    assert bodies.loads(bodies.dumps(pair)) == pair


@pytest.mark.parametrize("count", [1, 300, 70_000, 3_000_000])
@pytest.mark.parametrize("make", [lambda n: "t" * n, lambda n: b"(" * n, lambda n: ("ab",) * n])
def test_what_is_long_is_read(make, count):
    value = (1, make(count), {"axis": make(count)} if count < 100_000 else ())
    assert bodies.loads(bodies.dumps(value)) == value


@pytest.mark.parametrize("number", [bodies.INT_LIMIT - 1, 1 - bodies.INT_LIMIT, 2**64])
def test_integers_have_a_limit(number):
    assert bodies.loads(bodies.dumps(number)) == number
    with pytest.raises(ProtocolError):
        bodies.loads(bodies.dumps(number << 2048))


def test_large_bodies_with_dictionaries_are_read():
    value = [{"name": "julie", "rows": [(i, str(i), None, 1.5, b"x" * 100)], "more": ({}, [], ())} for i in range(2000)]
    assert bodies.loads(bodies.dumps(value)) == value
    keyed = bodies.dumps([{str(i): i, "text" * 100: (i,)} for i in range(2000)])
    assert bodies.loads(keyed)


def test_a_body_has_a_limit():
    with pytest.raises(ProtocolError, match="at most"):
        bodies.loads(bytes(bodies.MAX_BODY_BYTES + 1))


def test_loads_as():
    assert bodies.loads_as(tuple, bodies.dumps((1,))) == (1,)
    with pytest.raises(ProtocolError, match="list where tuple belongs"):
        bodies.loads_as(tuple, bodies.dumps([1]))


@pytest.mark.parametrize("widest", [bodies.WIDEST_PID, [bodies.WIDEST_PID] * 100, "n" * 255])
def test_with_its_filler_each_value_is_as_long_as_the_widest(widest):
    values = {
        int: [1, 255, 256, 65535, 65536, bodies.WIDEST_PID],
        list: [[1] * 100, [70000] * 100, [1, 300] * 50],
        str: ["a", "nn", "n" * 255],
    }
    lengths = {len(bodies.dumps([value, bodies.filler(value, widest)])) for value in values[type(widest)]}
    assert len(lengths) == 1


def test_what_is_wider_than_the_widest_is_told_all_the_same():
    assert bodies.filler("n" * 300, "n") == b""
