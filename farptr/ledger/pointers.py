"""Who pointed at what, at any moment of a run: a fold over references and lineage.

Laws
    An object is there while somebody has a reference to it and its worker lives; references are those of the headers,
    as the broker counts them. Where a pointer leads is what commands said of it.
    Data that a worker loaded and that nobody asked for is not known to the broker, and not here.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from farptr.journal.records import Came, Fact, Record
from farptr.ledger.lineage import Lineage, owner_of
from farptr.protocol.header import names_of
from farptr.protocol.ids import id_of

MOST_SNAPSHOTS = 8
_FIRST_EVERY_NS = 1_000_000


class Held(NamedTuple):
    """One object."""

    name: int
    worker: int
    id: int
    label: str
    """What it is called, if anything."""
    target: int | None
    """The name that it points at; None for data."""


class Graph(NamedTuple):
    """Everything at one moment."""

    time_ns: int
    parties: dict[int, tuple[str, str]]
    """Number to name and role, of who was there."""
    objects: list[Held]
    handles: list[tuple[int, int]]
    """(client, name) of references that clients have."""


class Pointers:
    """Feed it the records of a run, each after the fold that keeps ``lineage`` had it.

    Args:
        lineage: of the same run, by another fold.
        snapshots: whether to keep graphs of some moments, MOST_SNAPSHOTS at most, at even distances.
    """

    def __init__(self, lineage: Lineage, *, snapshots: bool = False) -> None:
        self._lineage = lineage
        self._parties: dict[int, tuple[str, str]] = {}
        self._rows: dict[int, Counter[int]] = {}
        """References by name and holder."""
        self._time_ns = 0
        self.snapshots: list[Graph] = []
        self._every_ns = _FIRST_EVERY_NS if snapshots else 0
        self._due_ns = _FIRST_EVERY_NS

    def add(self, record: Record) -> None:
        """The next record."""
        if self._every_ns and record.time_ns > self._due_ns:
            self._keep(record.time_ns)
        self._time_ns = max(self._time_ns, record.time_ns)
        if type(record) is Came:
            self._came(record)
        elif type(record) is Fact:
            self._fact(record)

    def graph(self) -> Graph:
        """As it is after the last record that came."""
        objects, handles = [], []
        for name, rows in self._rows.items():
            worker = owner_of(name)
            if worker not in self._parties:
                continue
            target = self._lineage.points.get(name)
            objects.append(Held(name, worker, id_of(name), self._lineage.called.get(name, ""), target))
            handles += [(holder, name) for holder in rows if self._parties.get(holder, ("", ""))[1] == "client"]
        return Graph(self._time_ns, dict(self._parties), objects, handles)

    def _came(self, came: Came) -> None:
        header = came.header
        for name, count in names_of(header.creates):
            self._count(name, came.source, count)
        for name, count in names_of(header.refs):
            self._count(name, header.destination, count)
        for name, count in names_of(header.releases):
            self._count(name, came.source, -count)

    def _count(self, name: int, holder: int, count: int) -> None:
        rows = self._rows.setdefault(name, Counter())
        rows[holder] += count
        if rows[holder] <= 0:
            del rows[holder]
        if not rows:
            del self._rows[name]

    def _fact(self, fact: Fact) -> None:
        if fact.what in ("joined", "parties"):
            for number, name, role in [fact.fields["party"]] if fact.what == "joined" else fact.fields["parties"]:
                self._parties[number] = (name, role)
        elif fact.what == "left":
            gone = fact.fields["party"]
            self._parties.pop(gone, None)
            for name in [name for name, rows in self._rows.items() if gone in rows or owner_of(name) == gone]:
                self._rows[name].pop(gone, None)
                if not self._rows[name] or owner_of(name) == gone:
                    del self._rows[name]

    def _keep(self, now_ns: int) -> None:
        self.snapshots.append(self.graph())
        if len(self.snapshots) > MOST_SNAPSHOTS:
            self.snapshots = self.snapshots[1::2]
            self._every_ns *= 2
        self._due_ns = now_ns - now_ns % self._every_ns + self._every_ns
