"""What is said of buffers that lie apart from their envelope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farptr.protocol import values
from farptr.protocol.apart import Joined, Offer, Part, Place, Unreadable
from farptr.protocol.errors import ProtocolError

u32, u64 = st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1)
places = st.builds(Place, u64, u32, u64, u64, st.lists(u32, min_size=1, max_size=9).map(tuple))
offers = st.builds(Offer, u64, u32, u32, u64, u64, st.binary(min_size=16, max_size=16))
parts = st.builds(Part, u64, u64, u64)


@given(st.one_of(places, offers, parts))
def test_there_and_back(said):
    assert type(said).decode(said.encode()) == said


@given(st.sampled_from([Place, Offer, Part]), st.binary(max_size=80))
def test_any_other_bytes_are_a_protocol_error(kind, raw):
    try:
        said = kind.decode(raw)
    except ProtocolError:
        return
    assert said.encode() == raw


@given(st.lists(st.binary(max_size=9)), st.booleans())
def test_joined_buffers_are_the_same(buffers, ours):
    memory = bytearray(b"".join(buffers))
    joined = Joined(memoryview(memory), [len(b) for b in buffers], ours=ours)
    assert [bytes(b) for b in joined] == buffers
    assert [bytes(b) for b in joined[1:]] == buffers[1:]
    assert len(joined) == len(buffers)
    for first in range(len(buffers)):
        assert joined.whole(first, len(buffers) - first) == b"".join(buffers[first:])
        assert joined[first].readonly != ours


def test_sizes_must_fit_the_memory():
    with pytest.raises(ProtocolError):
        Joined(memoryview(b"abc"), [1, 1])


@pytest.mark.parametrize("at", [-1, 2])
def test_no_buffer_outside(at):
    with pytest.raises(IndexError):
        Joined(memoryview(b"abc"), [1, 2])[at]


@pytest.mark.parametrize("error", [ProtocolError("no"), MemoryError("no room")])
def test_what_cannot_be_read_raises_for_whoever_wants_it(error):
    buffers = Unreadable(error)
    for look in (len, list, lambda b: b[0]):
        with pytest.raises(type(error), match="no"):
            look(buffers)


# ---------------------------------------------------------------- arrays that lie there


def lain(*arrays, ours):
    """Wire forms of arrays, and their buffers where they lie."""
    buffers = []
    wires = [values.encode_array(array, buffers) for array in arrays]
    memory = np.frombuffer(b"".join(buffers), np.uint8).copy()
    return wires, Joined(memory.data, [len(b) for b in buffers], ours=ours), memory


LARGE = np.arange(300_000.0).reshape(3, -1)


@pytest.mark.parametrize("like", [LARGE, LARGE.T, LARGE.astype("M8[s]"), LARGE.astype("S7"), LARGE.astype("?")])
@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("view", [False, True])
def test_arrays_are_what_they_were(like, ours, view):
    (wire,), buffers, _ = lain(like, ours=ours)
    array = values.decode_array(wire, buffers, view=view)
    assert array.dtype == like.dtype
    assert array.shape == like.shape
    assert array.tobytes() == like.tobytes()
    assert array.flags.writeable == (ours or not view)


def test_shared_memory_is_copied_and_our_own_is_kept():
    for ours in (False, True):
        (wire,), buffers, memory = lain(LARGE, ours=ours)
        assert np.shares_memory(values.decode_array(wire, buffers), memory) == ours


def test_a_small_array_does_not_keep_the_memory_of_a_large_one():
    wires, buffers, memory = lain(np.arange(1000.0), LARGE, ours=True)
    kept = [np.shares_memory(values.decode_array(wire, buffers), memory) for wire in wires]
    assert kept == [False, True]


def test_what_does_not_lie_straight_is_copied():
    wires, buffers, memory = lain(np.zeros(5001, np.uint8), LARGE, ours=True)
    array = values.decode_array(wires[1], buffers)
    assert array.flags.aligned
    assert not np.shares_memory(array, memory)


@given(st.integers(-2, 9), st.integers(0, 1 << 24), st.sampled_from(["|u1", "<f8", "S7", "O"]), st.booleans())
def test_other_claims_are_protocol_errors(first, count, dtype, view):
    _, buffers, _ = lain(LARGE, ours=False)
    try:
        array = values.decode_array((values.ARRAY, dtype, (count,), "C", first), buffers, view=view)
    except ProtocolError:
        return
    assert array.nbytes in (0, LARGE.nbytes)
