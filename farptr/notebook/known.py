"""What this client knows of a run, as boxes: its own handles, and where their chains lead.

Laws
    Nothing is asked and nobody is waited for: what is here was known before. No lock is taken.
    What is believed may differ from what is so (``client.graph``); what is not known is shown as that.
"""

from __future__ import annotations

import gc
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from farptr.client.graph import UNKNOWN, Node
from farptr.client.pointer import Pointer
from farptr.client.variables import names_of
from farptr.protocol.header import HOP_LIMIT
from farptr.protocol.ids import id_of
from farptr.protocol.names import ME
from farptr.views.boxes import Box, Row, draw, svg

if TYPE_CHECKING:
    from farptr.client.session import Session

_NOWHERE = "?"
"""The box for what lies behind the last known pointer."""


class Known:
    """A picture that grows: first the workers that must be in it, then handles one by one."""

    def __init__(self, session: Session, workers: Iterable[int] = ()) -> None:
        self._core = session.core
        self._closed = session.closed
        self._mine: list[Row] = []
        self._rows: dict[int, dict[Hashable, Row]] = {worker: {} for worker in workers}
        self._ends: list[Row] = []

    def add(self, handle: Pointer, label: str) -> None:
        """One of this client's handles, and what it leads to."""
        if handle._spent:
            self._mine += [Row(label, "nothing", faint=True), Row(handle._spent, faint=True)]
        else:
            self._mine.append(Row(label, target=_key(handle._node)))
            self._follow(handle._node)

    def _follow(self, node: Node) -> None:
        here: Node | None = node
        for _ in range(HOP_LIMIT + 1):
            if here is None:
                return
            rows = self._rows.setdefault(here.worker, {})
            key = _key(here)
            if key in rows:
                return
            label = str(id_of(here.name)) if here.name else "id chosen there"
            if here.target is UNKNOWN:
                self._ends.append(Row("not known to this client", key=("end", key), faint=True))
                rows[key] = Row(label, key=key, target=("end", key))
                return
            rows[key] = Row(label, _about(here), key, None if here.target is None else _key(here.target))
            here = here.target

    def html(self, words: str) -> str:
        """The picture; ``words`` are for those who do not see it."""
        return svg(draw(self.boxes(), among=list(self._core.names.values())), words)

    def boxes(self) -> list[Box]:
        """Me first, then the workers in the order in which they came up."""
        mine = Box(ME, "closed" if self._closed else "this client", self._mine, bool(self._closed))
        theirs = [self._box(worker, list(rows.values())) for worker, rows in self._rows.items()]
        return [mine, *theirs] + ([Box(_NOWHERE, "", self._ends, True)] if self._ends else [])

    def _box(self, worker: int, rows: Sequence[Row]) -> Box:
        name = self._core.names.get(worker, f"party {worker}")
        ending = self._core.parties.lost.get(worker)
        if ending is None:
            return Box(name, "worker", rows)
        return Box(name, f"gone: {ending.why}", [row._replace(faint=True) for row in rows], True)


def _key(node: Node) -> Hashable:
    return (node.worker, id_of(node.name)) if node.name else ("anonymous", id(node))


def _about(node: Node) -> str:
    """What is known of data from its tags; a pointer is told by its arrow."""
    if node.target is not None:
        return ""
    if node.about is None:
        return "data"
    shape = f"data {node.about.shape}" if node.about.shape is not None else "data"
    return " ".join([shape, *node.about.tags])


def handles_of(session: Session) -> list[tuple[Pointer, str]]:
    """This process's handles that are of use, each with the names of its variables: those that have one first."""
    called = names_of(Pointer)
    found = [h for h in gc.get_objects() if type(h) is Pointer and _is_of_use(h, session)]
    labelled = [(h, " = ".join(called.get(id(h), ())) or "a handle without a name") for h in found]
    return sorted(labelled, key=lambda row: (id(row[0]) not in called, "[" in row[1].partition(" ")[0], row[1]))


def _is_of_use(handle: Pointer, session: Session) -> bool:
    try:
        return handle._session is session and not handle._spent
    except AttributeError:  # half made
        return False


def reaches(handle: Pointer, worker: int) -> bool:
    """Whether the chain of a handle visits a worker, as far as is known."""
    here: Node | None = handle._node
    for _ in range(HOP_LIMIT + 1):
        if here is None or here is UNKNOWN:
            return False
        if here.worker == worker:
            return True
        here = here.target
    return False
