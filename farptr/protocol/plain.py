"""Values other than arrays: texts, lists, tuples, dictionaries, dataclasses, ``None``; with arrays and numbers in them.

Tensors of torch may be in them, too; on the wire they are records (``torch_parts``).

Laws
    ``decode(encode(v)) == v``: types are kept, but for dataclasses (``records``) and named tuples, which become tuples.
    Nothing else travels: whatever a value is made of is looked at before it is sent or stored.
    The wire form is that of an argument, without pointers.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from farptr.protocol import marked, torch_parts, values
from farptr.protocol.body import MAX_BODY_BYTES, MAX_DEPTH
from farptr.protocol.dtypes import check_dtype
from farptr.protocol.errors import MessageTooLarge, ProtocolError, UnsupportedValue
from farptr.protocol.hints import hint_for
from farptr.protocol.records import DICT, RECORD, Record, check_keys, fields_of, is_record, name_of, remember

PLAIN_VALUE = "K"
"""The tag of such a value."""
_NUMBERS = (bool, int, float, complex)
_TEXTS = (str, bytes)
NOTHING: Callable[[Any], int | None] = lambda _: None  # noqa: E731  # no pointers


class Plain:
    """A value that is no array, as it is sent and stored."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return kind_of(self.value)


def kind_of(value: Any) -> str:
    """The name of a value's type."""
    return name_of(value).rpartition(".")[2] if is_record(value) else type(value).__name__


# ---------------------------------------------------------------- what there is of a value


def checked(value: Any, depth: int = 0) -> Any:
    """The value, made of what travels; raises UnsupportedValue. Lists and dictionaries are new ones."""
    if depth > MAX_DEPTH - 1:
        raise UnsupportedValue(f"a {kind_of(value)} nested more than {MAX_DEPTH - 1} deep cannot be sent")
    kind = type(value)
    if kind is int or kind in values.PLAIN_KINDS or kind is complex:
        return value
    if isinstance(value, np.generic):
        check_dtype(value.dtype)
        return value
    if isinstance(value, np.ndarray):
        return values.checked(value)
    if isinstance(value, list | tuple):
        parts = [checked(part, depth + 1) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        check_keys(value)
        return {key: checked(part, depth + 1) for key, part in value.items()}
    if is_record(value):
        remember(type(value))
        return Record(name_of(value), {key: checked(part, depth + 1) for key, part in fields_of(value).items()})
    if torch_parts.is_tensor(value):
        torch_parts.record_of(value)  # or the reason
        return value
    if inspect.iscoroutine(value):
        value.close()  # nobody will await it
    raise UnsupportedValue(
        f"a {kind.__name__} cannot be sent",
        hint=_HINTS.get(kind)
        or hint_for(value)
        or "arrays, numbers, texts, and lists, dicts and dataclasses of those can",
    )


_HINTS: dict[Any, str] = {
    set: "sorted(x) makes a list of it", frozenset: "sorted(x) makes a list of it",
    FunctionType: "julie.run(f) runs it",
}  # fmt: skip


def storable(value: Any) -> np.ndarray[Any, Any] | Plain:
    """What a worker stores for a value that a function returned: an array (numbers too), or the value as it is.

    Raises UnsupportedValue, MessageTooLarge.
    """
    if isinstance(value, np.ndarray | np.generic) or type(value) in _NUMBERS:
        array = np.asarray(value)
        if array.dtype.kind != "O" or isinstance(value, np.ndarray):
            array = values.checked(value)
            return array if array.flags.writeable else array.copy()
    found = Plain(checked(value))
    encode_value(found, [])  # what could not leave again would be lost with its first move
    return found


def sendable(value: Any) -> np.ndarray[Any, Any] | Plain:
    """What is sent for a value: an array for arrays, numbers, lists of them or of texts, else the value as it is.

    Raises UnsupportedValue; ValueError for lists of numbers that make no array.
    """
    if value is None or isinstance(value, str | bytes | dict) or is_record(value):
        return Plain(checked(value))
    if isinstance(value, list | tuple) and not _is_array(value):
        return Plain(checked(value))
    found = value if isinstance(value, np.ndarray) else np.asarray(value)
    if found.dtype.kind == "O" and found is not value:
        return Plain(checked(value))  # a number that is too large for an array, or the reason
    return values.checked(found)


def _is_array(value: Any) -> bool:
    """Whether a list is one of numbers or dates, or one of texts, at any depth: nothing else is in it."""
    kinds = {str if isinstance(leaf, str) else _OTHER if _is_other(leaf) else int for leaf in _leaves(value)}
    return len(kinds) < 2 and _OTHER not in kinds


_OTHER = object


def _is_other(value: Any) -> bool:
    return value is None or isinstance(value, bytes | dict) or is_record(value) or torch_parts.is_tensor(value)


def _leaves(value: Any, depth: int = 0) -> Iterator[Any]:
    if depth > values.MAX_DIMENSIONS:  # no array has so many; the list may hold itself
        yield None
        return
    for part in value:
        if isinstance(part, list | tuple):
            yield from _leaves(part, depth + 1)
        else:
            yield part


# ---------------------------------------------------------------- on the wire


def encode(value: Any, buffers: list[Any], pointer: Callable[[Any], int | None] = NOTHING, depth: int = 0) -> Any:
    """The wire form of a checked value, or (with ``pointer``) of an argument of a function: pointers may be in it."""
    name = pointer(value)
    if name is not None:
        return name
    tag = _tag(value)
    if not tag and torch_parts.is_tensor(value):
        tag, value = RECORD, torch_parts.record_of(value)
    if not tag:
        return values.encode_argument(value, NOTHING, buffers, depth)
    if depth >= MAX_DEPTH:
        raise UnsupportedValue(f"arguments nested more than {MAX_DEPTH} deep")
    return tag, tuple([encode(part, buffers, pointer, depth + 1) for part in parts_of(value)])


_TAGS: dict[type, str] = {list: values.LIST, tuple: values.TUPLE, dict: DICT}


def _tag(value: Any) -> str:
    """The tag of a group; empty for anything else."""
    found = next((tag for kind, tag in _TAGS.items() if isinstance(value, kind)), "")
    return found or (RECORD if is_record(value) else "")


def parts_of(value: Any) -> Sequence[Any]:
    """What a group is made of, as it travels; nothing of anything else."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        check_keys(value)
        return [part for row in value.items() for part in row]
    if not is_record(value):
        return ()
    remember(type(value))
    return [name_of(value), *(part for row in fields_of(value).items() for part in row)]


def encode_value(value: Plain, buffers: list[Any]) -> tuple[Any, ...]:
    """The wire form of a value, for a command or an answer; raises UnsupportedValue, MessageTooLarge."""
    wire = encode(value.value, buffers)
    size, limit = values.weight(wire), MAX_BODY_BYTES // 2
    if size > limit:
        raise MessageTooLarge(
            f"a {value.kind} that takes about {size} bytes is over the limit of {limit} for one message",
            hint="arrays in it do not count: np.asarray(x) for long lists of numbers",
            size=size,
            limit=limit,
        )
    return (PLAIN_VALUE, wire)


def decode_value(wire: tuple[Any, ...], buffers: Sequence[Any]) -> Plain:
    """The value of a wire form; raises ProtocolError, MemoryError."""
    if not is_value(wire):
        raise ProtocolError("a malformed value")
    return Plain(values.decode_argument(wire[1], _no_name, buffers))


def encode_any(value: Any, buffers: list[Any]) -> tuple[tuple[Any, ...], int]:
    """The wire form of whatever can be sent, and its bytes of data; raises UnsupportedValue, MessageTooLarge."""
    if type(value) is Plain:
        wire = encode_value(value, buffers)
        return wire, size_bytes(wire[1])
    return marked.encode_any(value, buffers), value.nbytes


def decode_any(wire: tuple[Any, ...], buffers: Sequence[Any]) -> Any:
    """The array, marked array or Plain of a wire form; raises ProtocolError, MemoryError."""
    return decode_value(wire, buffers) if wire[0] == PLAIN_VALUE else marked.decode_any(wire, buffers)


def _no_name(name: int) -> Any:
    raise ProtocolError("a value with a pointer in it")


def is_value(wire: Any) -> bool:
    """Whether this is a well-formed value of that tag, the data of its arrays apart."""
    return type(wire) is tuple and len(wire) == 2 and values.is_argument(wire[1]) and not values.names_in(wire[1])


_TENSOR = (values.LITERAL, torch_parts.NAME)


def size_bytes(wire: Any) -> int:
    """Bytes of data in the wire form of an argument, texts and numbers included."""
    if type(wire) is int:
        return 0
    if wire[0] == RECORD and wire[1][0] == _TENSOR:
        return sum([values.encoded_bytes(part) for part in wire[1] if part[0] == values.ARRAY])
    if wire[0] in values.GROUPS:
        return sum(map(size_bytes, wire[1]))
    if wire[0] == values.LITERAL and isinstance(wire[1], str | bytes):
        return len(wire[1].encode("utf-8", "replace") if isinstance(wire[1], str) else wire[1])
    return values.argument_bytes(wire, literals=True)


# ---------------------------------------------------------------- its structure

LEAF = None
STRUCTURE = "structure"
"""A question: what ``structure_of`` gives."""


def structure_of(value: Any) -> Any:
    """The lists, tuples, dictionaries and records in a value: (tag, keys or length, parts), LEAF for anything else."""
    kind = type(value)
    if kind is dict or kind is Record:
        rows = value if kind is dict else fields_of(value)
        return (DICT, tuple(rows), tuple([structure_of(part) for part in rows.values()]))
    if kind is list or kind is tuple:
        return (_TAGS[kind], len(value), tuple([structure_of(part) for part in value]))
    return LEAF


def is_structure(value: Any, depth: int = 0) -> bool:
    """Whether this is what ``structure_of`` gives."""
    if value is LEAF:
        return True
    if type(value) is not tuple or len(value) != 3 or type(value[2]) is not tuple or depth > MAX_DEPTH:
        return False
    tag, keys, parts = value
    if tag == DICT:
        fits = type(keys) is tuple and len(keys) == len(parts) and all(type(key) in values.PLAIN_KINDS for key in keys)
    else:
        fits = tag in (values.LIST, values.TUPLE) and type(keys) is int and keys == len(parts)
    return fits and all(is_structure(part, depth + 1) for part in parts)


def copied(value: Any, tensor: Callable[[Any], Any]) -> Any:
    """The same with memory of its own; ``tensor`` copies a tensor."""
    kind = type(value)
    if kind is list or kind is tuple:
        return kind([copied(part, tensor) for part in value])
    if kind is dict:
        return {key: copied(part, tensor) for key, part in value.items()}
    if kind is Record:
        return Record(value._name, {key: copied(part, tensor) for key, part in fields_of(value).items()})
    return tensor(value) if torch_parts.is_tensor(value) else copy.deepcopy(value)


def item(value: Any, index: Any) -> Any:
    """What stands in a value under a key, a place or the name of a field; raises UnsupportedValue, LookupError."""
    if type(value) is Record:
        return fields_of(value)[index]
    if isinstance(value, list | tuple | dict | str | bytes):
        return value[index]
    raise UnsupportedValue(f"a {kind_of(value)} has no items")
