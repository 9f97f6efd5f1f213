"""Interrupting what a command computes, and nothing else.

Law
    A signal raises ``Interrupted`` only while an operation (or a cell) computes: what this worker keeps in order
    between operations is never cut short. Work deep in one NumPy call is interrupted when that call returns.
"""

from __future__ import annotations

import signal
from typing import Any

from farptr.protocol.errors import Interrupted

INTERRUPT = signal.SIGUSR1


class Computing:
    """``with computing:`` around what may be interrupted."""

    __slots__ = ("depth", "missed", "shielded")

    def __init__(self) -> None:
        self.depth = 0
        self.shielded = self.missed = False

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


computing = Computing()


class Shielded:
    """``with shielded:`` inside ``computing``, around what must not be cut short; a signal then counts after it."""

    __slots__ = ()

    def __enter__(self) -> None:
        computing.shielded = True

    def __exit__(self, *_: object) -> None:
        computing.shielded = False
        if computing.missed:
            _interrupt()


shielded = Shielded()


def _interrupt(*_: Any) -> None:
    if computing.shielded:
        computing.missed = True
    elif computing.depth:
        computing.missed = False
        raise Interrupted("it was interrupted on purpose", hint="what it had changed by then is changed")


def listen() -> None:
    """From now on INTERRUPT means that; in a process's main thread."""
    signal.signal(INTERRUPT, _interrupt)
