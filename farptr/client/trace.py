"""Every object of a run: what it is, who holds it, and whether anybody can reach it. ``leaks`` has the mark.

Of this client's handles the mark knows each; of another client's only what the broker counts.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from farptr.client.leaks import At, Leak, Marks, at_of
from farptr.protocol.names import ME

if TYPE_CHECKING:
    from farptr.client.run import Run

KINDS = {"A": "array", "P": "pointer", "E": "failed", "O": "own data", "K": "value"}


class Hold(NamedTuple):
    """What keeps one object where it is."""

    holder: str
    """``me``, ``client PID``, or the name of a worker."""
    references: int
    """As the broker counts them: how often the object was handed to the holder, not how many handles that has."""
    how: tuple[str, ...] = ()
    """A worker's pointers to it, or why it stays without any; empty where that is not known."""


class Traced(NamedTuple):
    """One object in a worker's store."""

    worker: str
    id: int
    kind: str
    """``array``, ``pointer``, ``own data`` or ``failed``."""
    shape: tuple[int, ...] | None
    dtype: str | None
    holds: tuple[Hold, ...]
    leaked: bool
    """No live holder can reach it."""


class Trace(NamedTuple):
    """One look at a run."""

    objects: list[Traced]
    """In the order of workers, and of the commands that made them."""
    leaks: list[Leak]


def trace(run: Run) -> Trace:
    """Every object with its holders, and what leaks, once everything issued is done.

    Fetches ids, shapes and dtypes, no values. Exact only while no other client works.
    """
    gc.collect()  # handles in cycles are not live
    marks = Marks(run)
    return Trace(list(_objects(run, marks)), list(marks.leaks()))


def _objects(run: Run, marks: Marks) -> Iterator[Traced]:
    reached, holders = marks.reached(), _Holders(run, marks)
    for worker in run:
        for id, tag, shape, dtype in worker._list("measures").value:
            at = (worker.number, id)
            yield Traced(worker.name, id, KINDS[tag], shape, dtype, tuple(holders.of(at)), at not in reached)


class _Holders:
    """Who holds what."""

    def __init__(self, run: Run, marks: Marks) -> None:
        self._marks = marks
        self._called = {
            number: f"client {pid}" if role == "client" else name
            for number, name, role, pid, *_ in run._session.ask_broker("parties")
        }
        self._called[run._session.core.number] = ME
        self._rows: dict[At, list[tuple[int, int]]] = {}
        for name, holder, count in marks.rows:
            self._rows.setdefault(at_of(name), []).append((holder, count))
        self._pointers: dict[tuple[int, At], list[str]] = {}
        for at, to in marks.stored.items():
            if to is not None:
                self._pointers.setdefault((at[0], to), []).append(f"pointer {self._called.get(at[0], '?')}:{at[1]}")

    def of(self, at: At) -> Iterator[Hold]:
        for holder, count in self._rows.get(at, ()):
            yield Hold(self._called.get(holder, "?"), count, tuple(self._pointers.get((holder, at), ())))
        if at in self._marks.kept:
            yield Hold(self._called.get(at[0], "?"), 0, (self._marks.kept[at],))
