"""What a listing tells of a stored object: small values whole, large ones as NumPy would abbreviate them.

A worker's own data is never listed by value: only its name, shape and dtype.
"""

from __future__ import annotations

import reprlib
from typing import Any

from farptr.protocol.commands import KEEP_OWN
from farptr.protocol.plain import Plain
from farptr.worker import tensors
from farptr.worker.outbox import Outbox
from farptr.worker.store import Entry, Failure, Pointer

WHOLE_ELEMENTS = 1000
"""NumPy's own threshold: beyond it, a repr is abbreviated."""

ARRAY, POINTER, ERROR, TEXT, OWN, VALUE = "A", "P", "E", "T", "O", "K"


def row_of(id: int, entry: Entry, out: Outbox) -> tuple[Any, ...]:
    """One row: (id, tag, …) with what the tag needs."""
    value = entry.value
    if type(value) is Pointer:
        return (id, POINTER, value.target)
    if type(value) is Failure:
        return (id, ERROR, tuple(value.report))
    if type(value) is Plain:
        return (id, VALUE, value.kind, reprlib.repr(value.value))
    if entry.keep == KEEP_OWN:
        return (id, OWN, entry.label, tuple(value.shape), tensors.code_of(value))
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
    return (id, OWN if entry.keep == KEEP_OWN else ARRAY, tuple(value.shape), tensors.code_of(value))
