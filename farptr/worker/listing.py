"""What a listing tells of a stored object: small values whole, large ones as NumPy would abbreviate them.

A worker's own data is never listed by value, only its name, shape and dtype; nor is a view of it. Of what another
client has made, who may not use it is told shapes and dtypes.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from typing import Any

from farptr.protocol.plain import Plain
from farptr.worker import tensors
from farptr.worker.outbox import Outbox
from farptr.worker.store import Entry, Failure, Pointer

WHOLE_ELEMENTS = 1000
"""NumPy's own threshold: beyond it, a repr is abbreviated."""

ARRAY, POINTER, ERROR, TEXT, OWN, VALUE = "A", "P", "E", "T", "O", "K"


NOT_SHOWN = "…"

Memory = list[tuple[int, int]]
"""Addresses: (first, behind the last)."""


def memory_of_own(found: Iterable[tuple[int, Entry]]) -> Memory:
    """Where the worker's own data is."""
    starts = [(tensors.address_of(e.value), e.value.nbytes) for _, e in found if e.own is not None and _is_array(e)]
    return [(start, start + size_bytes) for start, size_bytes in starts]


def row_of(id: int, entry: Entry, out: Outbox, shown: Callable[[int], bool], own: Memory) -> tuple[Any, ...]:
    """One row: (id, tag, …) with what the tag needs. ``shown``: whether values that a client has made are."""
    value, hidden = entry.value, not shown(entry.order[0])
    if type(value) is Pointer:
        return (id, POINTER, value.target)
    if type(value) is Failure:
        # An error of farptr's own has no trace, and no value in its message.
        hidden = hidden and bool(value.report.trace)
        return (id, ERROR, tuple(value.report._replace(message=NOT_SHOWN, trace="") if hidden else value.report))
    if type(value) is Plain:
        return (id, VALUE, value.kind, NOT_SHOWN if hidden else reprlib.repr(value.value))
    if entry.own is not None:
        return (id, OWN, entry.own, tuple(value.shape), tensors.code_of(value))
    if hidden or (own and _is_view(value, own)):
        return (id, TEXT, NOT_SHOWN, tuple(value.shape), tensors.code_of(value))
    if tensors.size_of(value) <= WHOLE_ELEMENTS:
        return (id, ARRAY, tensors.encoded(value, out, None))
    return (id, TEXT, tensors.text_of(value), tuple(value.shape), tensors.code_of(value))


def measures_of(id: int, entry: Entry) -> tuple[int, str, tuple[int, ...] | None, str | None]:
    """(id, tag, shape, dtype) without anything of its value; shape and dtype are None for what is no array."""
    value = entry.value
    if type(value) is Pointer or type(value) is Failure:
        return (id, POINTER if type(value) is Pointer else ERROR, None, None)
    if type(value) is Plain:
        return (id, VALUE, None, None)
    return (id, OWN if entry.own is not None else ARRAY, tuple(value.shape), tensors.code_of(value))


def _is_array(entry: Entry) -> bool:
    return type(entry.value) not in (Pointer, Failure, Plain)


def _is_view(value: Any, own: Memory) -> bool:
    address = tensors.address_of(value)
    return any(first <= address < behind for first, behind in own)
