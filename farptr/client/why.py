"""``sim.why(id)``: who keeps an object alive."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.client.faces import bare
from farptr.client.pointer import Pointer
from farptr.client.stored import StoredPointer
from farptr.client.variables import names_of
from farptr.protocol.errors import UsageError
from farptr.protocol.ids import id_of, worker_of
from farptr.protocol.names import ME

if TYPE_CHECKING:
    from farptr.client.run import Run


class Keeper(NamedTuple):
    """One party that holds references to an object."""

    object: str
    """``worker:id`` of what is kept."""
    holder: str
    """``me``, ``another client``, or the name of a worker."""
    references: int
    how: tuple[str, ...]
    """Variables of this process, stored pointers of a worker, or its own data's name; empty when that is not known."""

    def __str__(self) -> str:
        how = f": {', '.join(self.how)}" if self.how else ""
        return f"{self.object} is held by {self.holder} ({self.references}){how}"


class Why(tuple[Keeper, ...]):
    """The keepers of an object; prints one line for each."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(map(str, self)) or "nobody holds it"


def why(run: Run, what: int | Pointer) -> Why:
    """The keepers of an object (given by id, or by a pointer to it), wherever it is; waits until all is done.

    Raises UsageError for anything else. Fetches ids and counts, no values.
    """
    what = bare(what)
    if isinstance(what, bool) or not isinstance(what, int | Pointer):
        raise UsageError(f"why() takes an id or a pointer, not a {type(what).__name__}", hint="sim.why(p)")
    id = what.id_at_location if isinstance(what, Pointer) else what
    rows = [row for row in run._session.ask_broker("rows", settled=True) if id_of(row[0]) == id]
    found = [_keeper(run, name, holder, count) for name, holder, count in sorted(rows)]
    return Why([*found, *_own(run, id)])


def _keeper(run: Run, name: int, holder: int, count: int) -> Keeper:
    core = run._session.core
    label = f"{core.names.get(worker_of(name), '?')}:{id_of(name)}"
    if holder == core.number:
        return Keeper(label, ME, count, tuple(_handles(run, name)))
    worker = core.names.get(holder, "?")
    if worker not in run:
        return Keeper(label, "another client", count, ())
    stored = [f"pointer {worker}:{i}" for i, v in run[worker]._objects.items() if _leads_to(run, v, name)]
    return Keeper(label, worker, count, tuple(stored))


def _leads_to(run: Run, value: Any, name: int) -> bool:
    there = run._session.core.names.get(worker_of(name))
    return isinstance(value, StoredPointer) and (value.location, value.id_at_location) == (there, id_of(name))


def _own(run: Run, id: int) -> Iterator[Keeper]:
    """What stays because its worker keeps it."""
    for worker in run:
        for row in worker._list("kept").value:
            if row[0] == id:
                yield Keeper(f"{worker.name}:{id}", worker.name, 0, (row[1],))


def _handles(run: Run, name: int) -> Iterator[str]:
    """The names of this process's owning handles of an object."""
    called = names_of(Pointer)
    for handle in gc.get_objects():
        if type(handle) is Pointer and _owns(handle, run, name):  # isinstance asks objects that are none of ours
            yield " = ".join(called.get(id(handle), ())) or "a handle without a name"


def _owns(handle: Pointer, run: Run, name: int) -> bool:
    try:
        return handle._owns and handle._session is run._session and handle._node.name == name
    except AttributeError:  # half made
        return False
