"""Tensors of torch as they travel: the bytes of a NumPy array, and a mark that says what they are.

Laws
    Nothing of torch is pickled, and this module does not import it: a mark is the name of a dtype, and each has one
    carrier, the dtype of the array that stands for it. ``decode(encode(m)) == m``; every fault is a ProtocolError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from farptr.protocol import values
from farptr.protocol.errors import ProtocolError

TENSOR = "V"
"""The tag of such a value."""

CARRIERS = {
    "bool": "|b1", "uint8": "|u1", "int8": "|i1", "int16": "<i2", "int32": "<i4", "int64": "<i8", "uint16": "<u2",
    "uint32": "<u4", "uint64": "<u8", "float16": "<f2", "float32": "<f4", "float64": "<f8", "complex64": "<c8",
    "complex128": "<c16", "bfloat16": "<u2",
}  # fmt: skip
"""Mark to carrier."""


class Marked(NamedTuple):
    """One tensor: a carrier array, and what it stands for."""

    mark: str
    """The dtype's name in torch."""
    array: np.ndarray[Any, Any]
    requires_grad: bool = False
    grad: np.ndarray[Any, Any] | None = None
    """A carrier of the same mark and shape."""

    @property
    def nbytes(self) -> int:
        """Bytes of data that travel."""
        return self.array.nbytes + (0 if self.grad is None else self.grad.nbytes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's."""
        return tuple(self.array.shape)


def encode(value: Marked, one: Callable[[np.ndarray[Any, Any]], tuple[Any, ...]]) -> tuple[Any, ...]:
    """The wire form; ``one`` encodes an array."""
    grad = None if value.grad is None else one(value.grad)
    return (TENSOR, value.mark, one(value.array), value.requires_grad, grad)


def encode_any(value: Any, buffers: list[Any]) -> tuple[Any, ...]:
    """The wire form of a checked array or of a marked one."""
    if type(value) is Marked:
        return encode(value, lambda array: values.encode_array(array, buffers))
    return values.encode_array(value, buffers)


def is_tensor(wire: Any) -> bool:
    """Whether this is a well-formed value of that tag, its data apart."""
    if type(wire) is not tuple or len(wire) != 5 or wire[0] != TENSOR or type(wire[3]) is not bool:
        return False
    _, mark, array, _, grad = wire
    carrier = CARRIERS.get(mark) if type(mark) is str else None
    if carrier is None or not _is_array(array, carrier):
        return False
    return grad is None or (_is_array(grad, carrier) and grad[2] == array[2])


def _is_array(wire: Any, carrier: str) -> bool:
    return type(wire) is tuple and len(wire) == 5 and wire[1] == carrier and values.is_head(wire)


def size_bytes(wire: tuple[Any, ...]) -> int:
    """Bytes of data in a value, whatever its tag."""
    if wire[0] != TENSOR:
        return values.encoded_bytes(wire)
    return sum(values.encoded_bytes(part) for part in (wire[2], wire[4]) if part is not None)


def decode(wire: tuple[Any, ...], buffers: Sequence[Any]) -> Marked:
    """The value of a wire form; raises ProtocolError, MemoryError."""
    if not is_tensor(wire):
        raise ProtocolError("a malformed tensor")
    _, mark, array, requires_grad, grad = wire
    return Marked(
        mark,
        values.decode_array(array, buffers),
        requires_grad,
        None if grad is None else values.decode_array(grad, buffers),
    )


def decode_any(wire: tuple[Any, ...], buffers: Sequence[Any]) -> Any:
    """The array or marked array of a wire form; raises ProtocolError."""
    return decode(wire, buffers) if wire[0] == TENSOR else values.decode_array(wire, buffers)
