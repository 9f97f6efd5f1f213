"""Where tensors of torch meet the store: the types that are values besides arrays, and what is asked of both.

Laws
    torch is imported when the first tensor comes or the first operation of torch is called, never before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from farptr.protocol import plain, torch_parts
from farptr.protocol.errors import UnsupportedValue
from farptr.protocol.plain import Plain
from farptr.protocol.records import Record

KINDS: set[type] = set()
"""Types of values besides ndarray; ``torch_values`` puts torch's in."""


def theirs() -> Any:
    """The module that knows torch; raises UnsupportedValue where it is not installed."""
    try:
        return importlib.import_module("farptr.worker.torch_values")
    except ImportError as error:
        raise UnsupportedValue(
            f"this worker has no torch ({error})", hint="pip install torch, then start the run again"
        ) from None


def encoded(value: Any, out: Any, destination: int | None) -> tuple[Any, ...]:
    """The wire form of an array or a tensor, its arrays handed to the outbox."""
    if type(value) is np.ndarray:
        return out.array(value, destination)  # type: ignore[no-any-return]
    return theirs().encoded(value, lambda array: out.array(array, destination))  # type: ignore[no-any-return]


def size_of(value: Any) -> int:
    """Elements."""
    return int(value.size) if type(value) is np.ndarray else int(value.numel())


def address_of(value: Any) -> int:
    """Where in memory its first element is."""
    return int(value.__array_interface__["data"][0]) if type(value) is np.ndarray else int(value.data_ptr())


def code_of(value: Any) -> str:
    """The dtype's code, a tensor's carrier's."""
    return str(value.dtype.str) if type(value) is np.ndarray else str(theirs().code_of(value))


def text_of(value: Any) -> str:
    """The values, abbreviated as the library does, without its name around them."""
    if type(value) is np.ndarray:
        return np.array2string(value, separator=", ")
    return str(theirs().text_of(value))


def copied(value: Any) -> Any:
    """A copy with memory of its own."""
    if type(value) is Plain:
        return Plain(plain.copied(value.value, lambda tensor: theirs().copy(tensor)))
    return value.copy() if type(value) is np.ndarray else theirs().copy(value)


def maker() -> dict[str, Callable[[Record], Any]]:
    """For ``records.replaced``: tensors in place of records; that raises UnsupportedValue where there is no torch."""
    return torch_parts.maker(lambda found: theirs().decoded(found))
