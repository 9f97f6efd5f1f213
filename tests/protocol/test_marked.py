"""Tensors as they travel: round trips, bits kept, and malformed ones refused. No torch here."""

from __future__ import annotations

import numpy as np
import pytest

from farptr.protocol import body, marked, shapes, values
from farptr.protocol.errors import ProtocolError
from farptr.protocol.marked import CARRIERS, Marked


def wired(value):
    buffers = []
    return marked.encode_any(value, buffers), buffers


@pytest.mark.parametrize("mark", CARRIERS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (2, 1, 0)])
def test_what_is_decoded_is_what_was_encoded(mark, shape):
    rng = np.random.default_rng(0)
    count = int(np.prod(shape)) * np.dtype(CARRIERS[mark]).itemsize
    array = np.frombuffer(rng.integers(0, 2, count, np.uint8).tobytes(), CARRIERS[mark]).reshape(shape)
    for grad in (None, array.copy()):
        value = Marked(mark, array, grad is not None, grad)
        wire, buffers = wired(value)
        back = marked.decode(body.loads(body.dumps(wire)), buffers)
        assert back.mark == mark
        assert back.requires_grad is value.requires_grad
        assert back.array.tobytes() == array.tobytes()
        assert (back.array.dtype, back.shape) == (array.dtype, shape)
        assert (back.grad is None) == (grad is None)
        assert marked.size_bytes(wire) == value.nbytes
        assert shapes.wire(wire)


def test_large_tensors_go_in_buffers():
    array = np.arange(100_000, dtype="<f4")
    wire, buffers = wired(Marked("float32", array, True, array + 1))
    assert len(buffers) == 2
    back = marked.decode(wire, buffers)
    assert np.array_equal(back.grad, array + 1)
    assert back.array.flags.writeable


GOOD = wired(Marked("float32", np.ones((2, 3), "<f4"), True, np.ones((2, 3), "<f4")))[0]
ARRAY = GOOD[2]
OTHER = values.encode_array(np.ones((2, 3), "<f8"), [])
SMALLER = values.encode_array(np.ones(2, "<f4"), [])


@pytest.mark.parametrize(
    "wire",
    [
        (),
        GOOD[:4],
        (*GOOD, 1),
        ("V", "float33", *GOOD[2:]),
        ("V", ["float32"], *GOOD[2:]),
        ("V", "float32", OTHER, True, None),
        ("V", "float32", ARRAY, 1, None),
        ("V", "float32", ARRAY, True, OTHER),
        ("V", "float32", ARRAY, True, SMALLER),
        ("V", "float32", ("P", 1), True, None),
        ("V", "float32", None, True, None),
        ("V", "bfloat16", ARRAY, False, None),
    ],
)
def test_malformed_ones_are_refused(wire):
    assert not marked.is_tensor(wire)
    assert not shapes.wire(wire)
    with pytest.raises(ProtocolError):
        marked.decode(wire, [])


def test_bytes_that_do_not_match_are_refused():
    head = ARRAY[:4]
    for data in (b"", ARRAY[4] + b"\0", 0, -1):
        wire = ("V", "float32", (*head, data), False, None)
        with pytest.raises(ProtocolError):
            marked.decode(wire, [])
