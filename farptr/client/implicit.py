"""Whether NumPy may fetch a pointer's data without being asked by name: not, unless ``implicit_fetch`` says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from farptr.client.lines import calling_line
from farptr.protocol.errors import ImplicitFetch, UsageError

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer

Mode = Literal["refuse", "allow", "log"]
MODES = ("refuse", "allow", "log")

_mode: ContextVar[Mode] = ContextVar("farptr_implicit_fetch", default="refuse")
_log = logging.getLogger("farptr")


@contextmanager
def implicit_fetch(mode: Mode) -> Iterator[None]:
    """``with fp.implicit_fetch("allow"):`` ``np.asarray(p)`` and its kind fetch a copy of the data; ``p`` stays usable.

    With ``"log"`` each such fetch is a warning to the logger ``farptr`` too, with its size and line. ``"refuse"`` is
    how things are outside. It holds in this thread and in tasks started inside; ``sim.traffic()`` counts what is
    fetched. Raises UsageError for another mode.
    """
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode!r}", hint=f"one of {', '.join(map(repr, MODES))}")
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def fetch(pointer: Pointer, what: str, *, hint: str = ".get() fetches it") -> np.ndarray[Any, Any]:
    """A copy of the data for what needs it here; raises ImplicitFetch where that was not allowed."""
    mode = _mode.get()
    if mode == "refuse" or not hasattr(pointer, "_node"):
        raise ImplicitFetch(f"{what} would fetch the data of a pointer", hint=hint)
    array = np.asarray(pointer.get_copy(all=True))
    if mode == "log":
        _log.warning("%s fetched %d bytes of %s at %s", what, array.nbytes, pointer._text(), calling_line())
    return array
