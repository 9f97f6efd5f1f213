"""Array values and arguments on the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from farptr.protocol import values
from farptr.protocol.apart import Joined
from farptr.protocol.body import MAX_DEPTH
from farptr.protocol.dtypes import KINDS, dtype_of
from farptr.protocol.errors import MessageTooLarge, ProtocolError, UnsupportedValue

dtypes = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | npst.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | npst.datetime64_dtypes()
    | npst.timedelta64_dtypes()
    | npst.byte_string_dtypes()
    | npst.unicode_string_dtypes()
)
arrays = npst.arrays(dtypes, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


def there_and_back(array):
    buffers = []
    wire = values.encode_array(array, buffers)
    return values.decode_array(wire, [bytes(b) for b in buffers])


@given(arrays, st.sampled_from(["C", "F", "reversed"]))
def test_round_trip(array, how):
    array = np.asfortranarray(array) if how == "F" else array[::-1] if how == "reversed" and array.ndim else array
    found = there_and_back(array)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable
    assert not np.shares_memory(found, array)


def test_memory_order_is_kept():
    assert there_and_back(np.asfortranarray(np.ones((3, 4)))).flags.f_contiguous
    assert there_and_back(np.ones((3, 4))).flags.c_contiguous


SIZES = (values.INLINE_BYTES, values.INLINE_BYTES + 1, values.CHUNK_BYTES, values.CHUNK_BYTES * 2 + 7)


@pytest.mark.parametrize("size", SIZES)
def test_large_arrays_travel_in_buffers(size):
    array = np.arange(size, dtype=np.uint8)
    buffers = []
    wire = values.encode_array(array, buffers)
    assert bool(buffers) == (size > values.INLINE_BYTES)
    assert all(len(b) <= values.CHUNK_BYTES for b in buffers)
    assert np.array_equal(values.decode_array(wire, [b"other", *map(bytes, buffers)][1:]), array)
    assert values.encoded_bytes(wire) == size


def test_buffers_are_views_until_they_are_sent():
    array = np.zeros(10_000)
    buffers = []
    values.encode_array(array, buffers)
    array[0] = 1
    assert bytes(buffers[0])[:8] != bytes(8)


def test_moved_hands_buffers_over():
    old, new = [], [b"first"]
    wire = values.encode_array(np.arange(5000.0), old)
    moved = values.moved(wire, old, new)
    assert new[1] is old[0]
    assert np.array_equal(values.decode_array(moved, new), np.arange(5000.0))


@pytest.mark.parametrize("code", ["O", "V8", "i4,f4", "<f16", "no", "", "f8" * 20, "<i8, <i8", 8, None])
def test_other_dtypes_are_refused(code):
    with pytest.raises(ProtocolError):
        values.decode_array(("A", code, (1,), "C", bytes(16 if code != "<f16" else 15)), [])


CODES = [
    *"S0 |S0 <S0 <U0 U0 S |V0 <M8[0s] <M8[-1s] <M8[] <M8[s/5] <M8[generic] <m8[no] <S1 <M4 <f3".split(),
    *"<f99999999 <U999999999 <S2147483648 f8 =f8 i <O8 |O <b2 <c4 <u-1 <u08 < > | <a3 <V8 <T (2,)<f8".split(),
    "<M8[99999999999s]", "<i8 ", "<i8\n", "",
    "\0", "<i8" * 11, "<f8, <f8", "<i\uff18", "\ud800", ("<i8",), ["<i8"], {"names": []}, b"<i8", None,
    8, True,
]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_codes_that_are_none(code):
    with pytest.raises(ProtocolError):
        dtype_of(code)
    for wire in (("A", code, (), "C", b""), ("A", code, (0,), "C", b""), ("A", code, (2**32,), "C", b"")):
        with pytest.raises(ProtocolError):
            values.decode_array(wire, [])
    with pytest.raises(ProtocolError):
        values.decode_argument(("D", code), None, [])


@given(dtypes)
def test_codes_that_travel_are_what_numpy_writes(dtype):
    if dtype.itemsize:
        assert dtype_of(dtype.str).str == dtype.str


@pytest.mark.parametrize("dtype", ["S0", "U0"])
def test_arrays_of_nothing_do_not_travel_and_empty_texts_do(dtype):
    array = np.ndarray((3,), dtype)
    assert array.dtype.itemsize == 0
    with pytest.raises(UnsupportedValue):
        values.checked(array)
    text = array.dtype.type()
    found = values.decode_argument(encode(text), None, [])
    assert (found, type(found)) == (text, type(text))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("how", ["small", "buffer", "columns", "lent"])
def test_texts_of_what_is_no_character_are_refused(order, fits, how):
    """NumPy raises a SystemError for each use of one: in the listings of other clients, too."""
    point = (0x10FFFF + (not fits)).to_bytes(4, "little" if order == "<" else "big")
    raw = point.rjust(4 * (2 if how == "small" else 4000), b"\0")
    shape = (2,) if how == "small" else (2, 2000)
    buffers = Joined(memoryview(raw), [len(raw)]) if how == "lent" else [raw]
    wire = ("A", f"{order}U1", shape, "F" if how == "columns" else "C", raw if how == "small" else 0)
    if fits:
        assert ord(values.decode_array(wire, buffers, view=True).reshape(-1)[-1]) == 0x10FFFF
        return
    with pytest.raises(ProtocolError, match="no character"):
        values.decode_array(wire, buffers, view=True)


@pytest.mark.parametrize("value", [np.array([object()]), np.zeros(2, "i4,f4"), np.ma.masked_array([1]), {"a": 1}])
def test_what_cannot_travel_is_refused_at_home(value):
    with pytest.raises(UnsupportedValue):
        values.checked(value)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_travels(kind):
    array = np.zeros(2, {"M": "M8[s]", "m": "m8[ns]", "S": "S3", "U": "U3", "u": "u4"}.get(kind, kind))
    assert there_and_back(array).dtype == array.dtype


@pytest.mark.parametrize("wire", [
    ("A", "<f8", (1,), "C", bytes(7)), ("A", "<f8", (1,), "C", bytes(9)), ("A", "<f8", (-1,), "C", b""),
    ("A", "<f8", [1], "C", bytes(8)), ("A", "<f8", (1,), "X", bytes(8)), ("A", "<f8", (True,), "C", bytes(8)),
    ("A", "<f8", (2**40, 2**40), "C", b""), ("A", "<f8", (1,) * 65, "C", bytes(8)), ("A", "<f8", (1,), "C", 0),
    ("A", "<f8", (10**6,), "C", -1), ("A", "<f8", (1000,), "C", 5), ("A", "<f8", (1,), "C", None), ("A", "<f8"),
    ("X", "<f8", (1,), "C", bytes(8)), (), ("A", "<f8", (2**33,), "C", 0),
])  # fmt: skip
def test_each_fault_is_a_protocol_error(wire):
    with pytest.raises(ProtocolError):
        values.decode_array(wire, [bytes(8)] if wire[-1:] != (0,) else [])


@settings(max_examples=300)
@given(st.data())
def test_garbage_wires(data):
    part = st.none() | st.integers(-5, 99) | st.text(max_size=3) | st.binary(max_size=9) | st.tuples(st.integers(-1, 9))
    wire = tuple(data.draw(st.lists(st.sampled_from(["A", "<f8", "C", "F", (1,), (2, 3)]) | part, max_size=6)))
    try:
        found = values.decode_array(wire, [])
    except ProtocolError:
        return
    assert wire[4] == found.tobytes()


def test_too_large_is_refused_at_the_sender():
    big = np.broadcast_to(np.zeros(1), (values.MAX_VALUE_BYTES // 8 + 1,))
    with pytest.raises(MessageTooLarge):
        values.encode_array(big, [])


# ---------------------------------------------------------------- arguments


class P:
    def __init__(self, name):
        self.name = name


def encode(value, buffers=None):
    buffers = [] if buffers is None else buffers
    return values.encode_argument(value, lambda v: v.name if isinstance(v, P) else None, buffers)


@pytest.mark.parametrize("value", [
    1, True, None, 2.5, "text", b"bytes", 1 + 2j, (1, 2), [1, [2, (3,)]], slice(1, None, 2), ..., np.float32(1.5),
    np.dtype("i4"), (slice(None), ..., 0), np.bool_(True), np.datetime64("2020-01-01"), {},
])  # fmt: skip
def test_arguments_round_trip(value):
    if value == {}:
        with pytest.raises(UnsupportedValue):
            encode(value)
        return
    found = values.decode_argument(encode(value), lambda name: None, [])
    assert found == value
    assert type(found) is type(value) or isinstance(value, np.generic | np.dtype)


def test_types_and_ranges_become_what_they_mean():
    assert values.decode_argument(encode(float), None, []) == np.dtype(float)
    assert values.decode_argument(encode(range(3)), None, []) == [0, 1, 2]


def test_pointers_become_names_and_names_become_what_lookup_gives():
    wire = encode([P(7), (P(8), slice(P(9), None))])
    assert values.names_in(wire) == [7, 8, 9]
    assert values.decode_argument(wire, lambda n: n * 10, []) == [70, (80, slice(90, None))]
    further = values.renamed(wire, lambda n: n + 1, lambda a: a)
    assert values.names_in(further) == [8, 9, 10]


def test_arrays_in_arguments_are_carried():
    buffers = []
    wire = encode((np.arange(1000), P(3)), buffers)
    assert len(buffers) == 1
    carried = []
    values.renamed(wire, lambda n: n, lambda a: carried.append(a) or a)
    assert len(carried) == 1
    assert values.decode_argument(wire, lambda n: n, buffers)[0].sum() == 499500


@pytest.mark.parametrize("value", [1 << 2000, -(1 << 9999), range(1 << 2000, (1 << 2000) + 1), [0, 10**5000]])
def test_integers_have_a_limit(value):
    with pytest.raises(UnsupportedValue, match="bits"):
        encode(value)


def test_nesting_has_a_limit():
    deep = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(UnsupportedValue):
        encode(deep)
    wire = ("l", ())
    for _ in range(40):
        wire = ("l", (wire,))
    with pytest.raises(ProtocolError):
        values.decode_argument(wire, None, [])


@pytest.mark.parametrize("wire", [
    ("L", ()), ("L", [1]), ("L", {}), ("L", 1, 2)[:1], ("S", "<U0", b""), ("D", ("<i8",)), ("D", {}), (("L",), 1),
    (), ("?",), ("L",), ("S", "O", b""), ("S", "<f8", b"123"), ("D", "O"), ("D", "V3"), ("C", 1), ("s",), "text",
    None, 1.5, [1], ("l", 5), ("t",), ("A",), ("S",),
])  # fmt: skip
def test_malformed_arguments(wire):
    with pytest.raises((ProtocolError, UnsupportedValue)):
        values.decode_argument(wire, lambda n: n, [])


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: (inner,), lambda inner: slice(inner, None)])
def test_what_is_nested_as_deep_as_is_legal_is_read_and_no_deeper_is_sent(make):
    whole = 7
    for _ in range(MAX_DEPTH):
        whole = make(whole)
    assert values.decode_argument(encode(whole), None, []) == whole
    with pytest.raises(UnsupportedValue, match=f"nested more than {MAX_DEPTH}"):
        encode(make(whole))
