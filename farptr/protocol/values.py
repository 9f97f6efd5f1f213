"""Array values and operation arguments as they travel (docs/protocol.md, "Body").

Laws
    ``decode_array(encode_array(a)) == a`` in dtype, shape and bytes; the result is writable and owns its memory.
    Sizes match exactly; a dtype is one of the kinds ``biufcmMSU`` and has a size; every fault is a ProtocolError.
    Array bytes are never pickled: small ones are a bytes object in the body, larger ones are frames of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from farptr.protocol.apart import Joined
from farptr.protocol.body import INT_LIMIT, MAX_DEPTH
from farptr.protocol.dtypes import check_dtype, dtype_of
from farptr.protocol.errors import MessageTooLarge, ProtocolError, UnsupportedValue
from farptr.protocol.hints import hint_for
from farptr.protocol.records import DICT, RECORD, dict_of, record_of

INLINE_BYTES = 4096
"""Up to this size an array rides in the body: an extra frame costs more than copying a page."""
CHUNK_BYTES = 1 << 20
"""Larger arrays are cut into frames of this size, so that a broker's queue moves in small steps."""
MAX_VALUE_BYTES = 4 << 30
ALIGNED_BYTES = 16
"""Where an array may begin without a copy: enough for every dtype."""
MAX_DIMENSIONS = 64

NUMBER_BYTES = 8
"""What a plain number counts for in the account: an int64 or float64."""
_NODE_BYTES = 32

ARRAY, POINTER, ERROR = "A", "P", "E"
LITERAL, _SCALAR, _COMPLEX, _DTYPE, _SLICE, TUPLE, LIST, _ELLIPSIS = (
    "L",
    "S",
    "C",
    "D",
    "s",
    "t",
    "l",
    "...",
)
_ELLIPSIS_ARGUMENT = (_ELLIPSIS,)
GROUPS = frozenset({TUPLE, LIST, DICT, RECORD})
"""Tags with a tuple of arguments behind them."""
PLAIN_KINDS = frozenset({bool, int, float, str, bytes, type(None)})
_NESTING = (tuple, list, slice, range)


def checked(value: Any) -> np.ndarray[Any, Any]:
    """The value as a plain ndarray that can travel; raises UnsupportedValue when there is none."""
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        raise UnsupportedValue(
            f"a {type(value).__name__} cannot be sent",
            hint="send np.asarray(x), and the mask as an array of its own",
        )
    array = np.asarray(value)
    check_dtype(array.dtype)
    return array


def encode_array(array: np.ndarray[Any, Any], buffers: list[Any], inline_bytes: int = INLINE_BYTES) -> tuple[Any, ...]:
    """The wire form of a checked array; its bytes are copied here (small) or appended to ``buffers`` as views.

    A view in ``buffers`` shares the caller's memory: send it before control returns to the caller.
    """
    if array.nbytes > MAX_VALUE_BYTES:
        raise MessageTooLarge(
            f"an array of {array.nbytes} bytes is over the limit of {MAX_VALUE_BYTES} for one message",
            hint="send it in parts",
            size=array.nbytes,
            limit=MAX_VALUE_BYTES,
        )
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = array.T if order == "F" else array
    head = (ARRAY, array.dtype.str, array.shape, order)
    if array.nbytes <= inline_bytes:
        return (*head, flat.tobytes())
    # A byte view: datetimes have no buffer protocol of their own, and ascontiguousarray keeps the shape.
    data = np.ascontiguousarray(flat).reshape(-1).view(np.uint8).data
    first = len(buffers)
    buffers.extend(data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))
    return (*head, first)


def encoded_bytes(wire: tuple[Any, ...]) -> int:
    """Bytes of array data that a wire array stands for; raises ProtocolError for a malformed one."""
    if wire[0] != ARRAY:
        return 0
    dtype, shape, _, _ = _shape_of(wire)
    return prod(shape) * dtype.itemsize


def is_head(wire: tuple[Any, ...]) -> bool:
    """Whether an array is well-formed, its data apart."""
    try:
        return type(_shape_of(wire)[3]) in (bytes, int)
    except ProtocolError:
        return False


def _shape_of(wire: tuple[Any, ...]) -> tuple[np.dtype[Any], tuple[int, ...], str, Any]:
    if len(wire) != 5:
        raise ProtocolError("an array with a malformed head")
    tag, code, shape, order, data = wire
    if tag != ARRAY or type(order) is not str or order not in ("C", "F"):
        raise ProtocolError("an array with a malformed head")
    dtype = dtype_of(code)
    if type(shape) is not tuple or len(shape) > MAX_DIMENSIONS:
        raise ProtocolError("an array with a malformed shape")
    for n in shape:
        if type(n) is not int or not 0 <= n <= MAX_VALUE_BYTES:
            raise ProtocolError("an array with a malformed shape")
    return dtype, shape, order, data


def decode_array(wire: tuple[Any, ...], buffers: Sequence[Any], *, view: bool = False) -> np.ndarray[Any, Any]:
    """The array of a wire form; raises ProtocolError for any fault, MemoryError.

    Writable, its memory its own; with ``view`` it may be a view of memory that others write into once nobody refers to
    it, and is read-only then.
    """
    try:
        dtype, shape, order, data = _shape_of(wire)
        size = prod(shape) * dtype.itemsize
        if type(data) is bytes and order == "C" and len(data) == size and size:
            array = np.frombuffer(data, dtype).reshape(shape).copy()
        else:
            flat = _stored(size, data, buffers, view=view and dtype.kind != "U").view(dtype)
            array = flat.reshape(shape[::-1]).T if order == "F" else flat.reshape(shape)
        if dtype.kind == "U":
            _check_texts(array)
        return array
    except ProtocolError:
        raise
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        raise ProtocolError(f"a malformed array: {error}") from None


_LAST_CHARACTER = 0x10FFFF


def _check_texts(array: np.ndarray[Any, Any]) -> None:
    """Raise ProtocolError for texts of what is no character: whoever prints or lists one would trip over it."""
    numbers = array.T if array.flags.f_contiguous else array
    points = numbers.reshape(-1).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    if points.size and points.max() > _LAST_CHARACTER:
        raise ProtocolError("an array of texts with what is no character")


def _stored(size: int, data: Any, buffers: Sequence[Any], *, view: bool) -> np.ndarray[Any, Any]:
    chunks = [data] if type(data) is bytes else _chunks(data, size, buffers)
    joined = buffers if type(data) is int and type(buffers) is Joined else None
    if joined is not None:
        chunks = [joined.whole(data, len(chunks))]
    if sum(memoryview(c).nbytes for c in chunks) != size:
        raise ProtocolError(f"an array of {size} bytes came with another number of them")
    if joined is not None and (view or joined.mostly(size)):
        store = np.frombuffer(chunks[0], np.uint8)
        if store.ctypes.data % ALIGNED_BYTES == 0:
            return store
    store = np.empty(size, np.uint8)
    at = 0
    for chunk in chunks:
        part = np.frombuffer(chunk, np.uint8)
        store[at : at + part.size] = part
        at += part.size
    return store


def _chunks(first: Any, size: int, buffers: Sequence[Any]) -> Sequence[Any]:
    if type(first) is not int or size > MAX_VALUE_BYTES:
        raise ProtocolError("an array whose data is neither bytes nor a buffer number")
    count = -(-size // CHUNK_BYTES)
    if not 0 <= first <= len(buffers) - count:
        raise ProtocolError("an array that names buffers which did not come")
    return buffers[first : first + count]


def moved(wire: tuple[Any, ...], old: Sequence[Any], new: list[Any]) -> tuple[Any, ...]:
    """The same wire array for another envelope: its buffers are handed over, none is copied."""
    if type(wire[4]) is bytes:
        return wire
    first = len(new)
    new.extend(_chunks(wire[4], encoded_bytes(wire), old))
    return (*wire[:4], first)


# ---------------------------------------------------------------- arguments of operations


def encode_argument(value: Any, pointer: Callable[[Any], int | None], buffers: list[Any], depth: int = 0) -> Any:
    """The wire form of one argument.

    Args:
        value: a pointer, number, string, slice, dtype, array, or a tuple or list of those.
        pointer: gives the object's name for a pointer, None for anything else.
        buffers: where large arrays go.
        depth: how deep in tuples and lists this stands.

    Raises:
        UnsupportedValue: nothing on the wire stands for it.
    """
    name = pointer(value)
    if name is not None:
        return name
    kind = type(value)
    if kind in PLAIN_KINDS:
        if kind is int and not -INT_LIMIT < value < INT_LIMIT:
            raise UnsupportedValue(f"an integer of {value.bit_length()} bits cannot travel")
        return (LITERAL, value)
    if depth >= MAX_DEPTH and kind in _NESTING:  # what it holds would stand deeper than the receiver allows
        raise UnsupportedValue(f"arguments nested more than {MAX_DEPTH} deep")
    if kind is tuple or kind is list:
        parts = tuple(encode_argument(v, pointer, buffers, depth + 1) for v in value)
        return (TUPLE if kind is tuple else LIST, parts)
    if kind is slice:
        return (
            _SLICE,
            *(encode_argument(v, pointer, buffers, depth + 1) for v in (value.start, value.stop, value.step)),
        )
    if value is Ellipsis:
        return _ELLIPSIS_ARGUMENT
    return _encode_other(value, buffers)


def _encode_other(value: Any, buffers: list[Any]) -> Any:
    if isinstance(value, np.ndarray):
        return encode_array(checked(value), buffers)
    if isinstance(value, np.generic):
        array = np.array(value)  # an empty text gets a character: no dtype of size 0 travels
        check_dtype(array.dtype)
        return (_SCALAR, array.dtype.str, array.tobytes())
    if isinstance(value, complex):
        return (_COMPLEX, value.real, value.imag)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, _DTYPE_TYPES)):
        dtype = np.dtype(value)
        check_dtype(dtype)
        return (_DTYPE, dtype.str)
    if isinstance(value, range):
        return (LIST, tuple(encode_argument(v, lambda _: None, buffers) for v in value))
    raise UnsupportedValue(
        f"a {type(value).__name__} cannot travel as an argument of a remote operation", hint=hint_for(value)
    )


_DTYPE_TYPES = (np.generic, bool, int, float, complex, str, bytes)


def decode_argument(
    wire: Any, lookup: Callable[[int], Any], buffers: Sequence[Any], depth: int = 0, *, view: bool = False
) -> Any:
    """The inverse of ``encode_argument``: names become what ``lookup`` gives for them; ``view`` as ``decode_array``."""
    if type(wire) is int:
        return lookup(wire)
    if type(wire) is not tuple or not wire or depth > MAX_DEPTH:
        raise ProtocolError("a malformed argument")
    tag = wire[0]
    try:
        if tag == LITERAL:
            if type(wire[1]) not in PLAIN_KINDS:
                raise ProtocolError("an argument that is no plain value")
            return wire[1]
        if tag in _BUILD:
            parts = wire[1:] if tag == _SLICE else wire[1]
            return _BUILD[tag]([decode_argument(w, lookup, buffers, depth + 1, view=view) for w in parts])
        if tag == ARRAY:
            return decode_array(wire, buffers, view=view)
        return _decode_other(tag, wire)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise ProtocolError(f"a malformed argument: {error}") from None


_BUILD: dict[str, Callable[[list[Any]], Any]] = {
    TUPLE: tuple, LIST: lambda parts: parts, DICT: dict_of, RECORD: record_of, _SLICE: lambda parts: slice(*parts),
}  # fmt: skip


def _decode_other(tag: Any, wire: tuple[Any, ...]) -> Any:
    if tag == _ELLIPSIS:
        return Ellipsis
    if tag == _COMPLEX:
        return complex(wire[1], wire[2])
    if tag == _DTYPE:
        return dtype_of(wire[1])
    if tag == _SCALAR:
        return decode_array((ARRAY, wire[1], (), "C", wire[2]), ())[()]
    raise ProtocolError("an argument of an unknown kind")


def is_argument(wire: Any, depth: int = 0) -> bool:
    """Whether this is an argument: well-formed all through, and nested no deeper than is legal."""
    if type(wire) is int:
        return wire > 0
    if type(wire) is not tuple or not wire or depth > MAX_DEPTH or type(wire[0]) is not str:
        return False
    if wire[0] == ARRAY:
        return is_head(wire)
    fits = _ARGUMENTS.get(wire[0])
    return fits is not None and fits(wire, depth)


def _all_arguments(wires: Sequence[Any], depth: int) -> bool:
    return all(is_argument(wire, depth + 1) for wire in wires)


def _is_list(wire: tuple[Any, ...], depth: int) -> bool:
    return len(wire) == 2 and type(wire[1]) is tuple and _all_arguments(wire[1], depth)


def _is_code(code: Any) -> bool:
    try:
        dtype_of(code)
    except ProtocolError:
        return False
    return True


_ARGUMENTS: dict[str, Callable[[tuple[Any, ...], int], bool]] = {
    LITERAL: lambda wire, _: len(wire) == 2 and type(wire[1]) in PLAIN_KINDS,
    _SCALAR: lambda wire, _: len(wire) == 3 and _is_code(wire[1]) and type(wire[2]) is bytes,
    _COMPLEX: lambda wire, _: len(wire) == 3 and type(wire[1]) is float is type(wire[2]),
    _DTYPE: lambda wire, _: len(wire) == 2 and _is_code(wire[1]),
    _SLICE: lambda wire, depth: len(wire) == 4 and _all_arguments(wire[1:], depth),
    TUPLE: _is_list, LIST: _is_list, DICT: _is_list, RECORD: _is_list,
    _ELLIPSIS: lambda wire, _: len(wire) == 1,
}  # fmt: skip
"""What each tag of an argument has behind it."""


def argument_bytes(wire: Any, *, literals: bool) -> int:
    """Bytes of data in an argument, at any depth; plain numbers count (as what they would be in an array) if asked."""
    if type(wire) is int:
        return 0
    tag = wire[0]
    if tag == ARRAY:
        return encoded_bytes(wire)
    if tag in GROUPS:
        return sum([argument_bytes(part, literals=literals) for part in wire[1]])
    if tag == _SCALAR:
        return len(wire[2])
    if not literals:
        return 0
    if tag == _COMPLEX:
        return 2 * NUMBER_BYTES
    return NUMBER_BYTES if tag == LITERAL and isinstance(wire[1], int | float) else 0


def weight(wire: Any) -> int:
    """About how many bytes an argument takes in a body, rather too many than too few."""
    if type(wire) is int:
        return _NODE_BYTES
    tag = wire[0]
    if tag in GROUPS:
        return _NODE_BYTES + sum([weight(part) for part in wire[1]])
    held = wire[4] if tag == ARRAY else wire[1] if tag == LITERAL else None
    if isinstance(held, bytes | str):
        widest = 4 if isinstance(held, str) and not held.isascii() else 1
        return 2 * _NODE_BYTES + widest * len(held)
    if isinstance(held, int):
        return 2 * _NODE_BYTES + held.bit_length() // 8
    return 2 * _NODE_BYTES


def names_in(wire: Any) -> list[int]:
    """Every object name in an argument, in order."""
    if type(wire) is int:
        return [wire]
    found: list[int] = []
    if type(wire) is tuple and wire and (wire[0] in GROUPS or wire[0] == _SLICE):
        for part in wire[1:] if wire[0] == _SLICE else wire[1]:
            found += names_in(part)
    return found


def renamed(wire: Any, name: Callable[[int], int], carry: Callable[[Any], Any]) -> Any:
    """The argument for the next worker of a chain: names replaced, arrays handed over by ``carry``."""
    if type(wire) is int:
        return name(wire)
    tag = wire[0]
    if tag == ARRAY:
        return carry(wire)
    if tag == _SLICE:
        return (tag, *(renamed(w, name, carry) for w in wire[1:]))
    if tag in GROUPS:
        return (tag, tuple(renamed(w, name, carry) for w in wire[1]))
    return wire
