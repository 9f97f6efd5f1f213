"""``sim.leaks()``: what is stored or counted though nobody can reach it. An exact mark from live handles.

Roots are the handles of this process, whatever other clients hold, and what workers keep. Edges are stored pointers.
What is not reached leaks: an object in a store, or a reference in the broker's rows. There should never be any.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.client.pointer import Pointer
from farptr.protocol.ids import id_of, worker_of

if TYPE_CHECKING:
    from farptr.client.run import Run

At = tuple[int, int]
"""(worker, id)."""


class Leak(NamedTuple):
    """Something that nobody can reach."""

    object: str
    """``worker:id``."""
    what: str
    """``stored``: an object in a store; ``counted for julie``: a reference of a holder that has none."""


class Marks:
    """One look at the whole run, taken when everything issued is done."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.names = run._session.core.names
        self.rows: list[tuple[int, int, int]] = run._session.ask_broker("rows", settled=True)
        self.stored: dict[At, At | None] = {}
        """Every stored object; where it leads, if it is a pointer."""
        self.kept: dict[At, str] = {}
        """What stays without references, and why."""
        for worker in run:
            for id, target in worker._list("edges").value:
                self.stored[worker.number, id] = None if target is None else at_of(target)
            self.kept |= {(worker.number, id): why for id, why in worker._list("kept").value}
        self.mine = {at_of(p._node.name) for p in _handles(run)}

    def reached(self) -> set[At]:
        """Everything that can be reached from a root."""
        me, workers = self.run._session.core.number, {w.number for w in self.run}
        others = {at_of(name) for name, holder, _ in self.rows if holder != me and holder not in workers}
        found: set[At] = set()
        new = self.mine | others | self.kept.keys()
        while new:
            found |= new
            new = {to for at in new if (to := self.stored.get(at)) is not None} - found
        return found

    def leaks(self) -> Iterator[Leak]:
        """What nobody can reach."""
        reached = self.reached()
        for at in sorted(self.stored.keys() - reached):
            yield Leak(self._called(at), "stored")
        held = {(at[0], to) for at, to in self.stored.items() if to is not None}
        held |= {(self.run._session.core.number, at) for at in self.mine}
        for name, holder, _ in sorted(self.rows):
            if (holder, at_of(name)) not in held and holder in self._seen():
                yield Leak(self._called(at_of(name)), f"counted for {self.names.get(holder, '?')}")

    def _seen(self) -> set[int]:
        """The parties into which this client can look."""
        return {self.run._session.core.number, *(w.number for w in self.run)}

    def _called(self, at: At) -> str:
        return f"{self.names.get(at[0], '?')}:{at[1]}"


def leaks(run: Run) -> list[Leak]:
    """What nobody can reach, once everything issued is done; empty, unless something is wrong with farptr.

    Fetches ids, no values. Exact only while no other client works.
    """
    gc.collect()  # handles in cycles are not live
    return list(Marks(run).leaks())


def at_of(name: int) -> At:
    """Where the object of a name is."""
    return worker_of(name), id_of(name)


def _handles(run: Run) -> list[Pointer]:
    """The owning handles of this process."""
    return [p for p in gc.get_objects() if type(p) is Pointer and _owns(p, run._session)]


def _owns(pointer: Any, session: Any) -> bool:
    try:
        return bool(pointer._owns) and pointer._session is session
    except AttributeError:  # half made
        return False
