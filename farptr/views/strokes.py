"""Envelopes of a run as strokes of a sequence diagram: a fold whose size is bounded, however long the run was.

Laws
    No envelope is left out: each is in one stroke, alone or with others of its pair that came soon after it.
    At most ``most`` strokes are kept. When there would be more, those of one pair within a span of time become one, and
    the span doubles. ``span_ns`` says how long it is by now; 0 while nothing had to be put together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from farptr.journal.records import Came, Fact, Handed, Record
from farptr.protocol.header import Flag, Kind
from farptr.protocol.names import BROKER
from farptr.views.envelopes import what_of

MOST_STROKES = 400
_FIRST_SPAN_NS = 1000
_COMMAND, _REPLY, _FREE = int(Kind.COMMAND), int(Kind.REPLY), int(Kind.FREE)


class Stroke:
    """Envelopes from one party to another, drawn as one arrow; times are nanoseconds of the broker's clock."""

    __slots__ = ("count", "destination", "end_ns", "label", "left_ns", "lost", "source", "value_bytes", "wire_bytes")

    def __init__(self, source: int, destination: int, left_ns: int, end_ns: int) -> None:
        self.source, self.destination = source, destination
        self.left_ns, self.end_ns = left_ns, end_ns
        """When the first of them came to the broker, and when the last was handed on."""
        self.label = ""
        self.count, self.value_bytes, self.wire_bytes = 1, 0, 0
        self.lost = False
        """Whether any of them was dropped."""

    def take(self, other: Stroke) -> None:
        """Stand for another one as well."""
        self.left_ns, self.end_ns = min(self.left_ns, other.left_ns), max(self.end_ns, other.end_ns)
        self.count += other.count
        self.value_bytes += other.value_bytes
        self.wire_bytes += other.wire_bytes
        self.lost |= other.lost
        if other.label != self.label:
            self.label = f"{self.label.removesuffix(', …')}, …" if self.label else other.label


class Strokes:
    """Feed it records with ``add``; then read ``strokes``, ``turns`` and ``names``.

    Args:
        most: strokes that are kept.
        from_ns: what happened before is left out.
        to_ns: what happened later is left out; None for the end.
    """

    def __init__(self, most: int = MOST_STROKES, from_ns: int = 0, to_ns: int | None = None) -> None:
        self.names: dict[int, str] = {0: BROKER}
        self.roles: dict[int, str] = {0: BROKER}
        self.strokes: list[Stroke] = []
        self.turns: list[tuple[int, int, int]] = []
        """(worker, from, to): when it was at work, as the broker saw it."""
        self.envelopes = 0
        self.span_ns = 0
        self._most, self._from_ns, self._to_ns = most, from_ns, to_ns
        self._came: dict[tuple[int, int], Came] = {}
        self._notes: dict[tuple[int, int], str] = {}
        self._busy: dict[int, deque[int]] = {}
        self._turn_span_ns = 0

    def add(self, record: Record) -> None:
        """The next record of a journal."""
        if type(record) is Came:
            self._arrived(record)
        elif type(record) is Handed:
            self._handed(record)
        elif type(record) is Fact:
            self._fact(record)

    def fold(self, records: Iterable[Record]) -> Strokes:
        """All of them; returns itself."""
        for record in records:
            self.add(record)
        return self

    # ------------------------------------------------------------ records

    def _arrived(self, came: Came) -> None:
        header = came.header
        if header.kind in (_COMMAND, _REPLY) and header.destination:
            self._came[came.source, header.sequence] = came
        busy = self._busy.get(came.source)
        if header.flags & Flag.DONE and busy:
            self._turn(came.source, busy.popleft(), came.time_ns)
            if busy:
                busy[0] = max(busy[0], came.time_ns)

    def _handed(self, record: Handed) -> None:
        if record.kind in (_COMMAND, _FREE):
            self._busy.setdefault(record.destination, deque()).append(record.time_ns)
        if record.kind not in (_COMMAND, _REPLY) or not record.source:
            return
        key = (record.source, record.sequence)
        came, label = self._came.pop(key, None), self._notes.pop(key, "")
        stroke = Stroke(record.source, record.destination, came.time_ns if came else record.time_ns, record.time_ns)
        stroke.wire_bytes = record.wire_bytes
        stroke.value_bytes = came.header.value_bytes if came else 0
        stroke.label = label if record.kind == _COMMAND else "answer"
        self._put(stroke)

    def _fact(self, fact: Fact) -> None:
        f = fact.fields
        if fact.what == "lineage":
            if (f["from"], f["sequence"]) in self._came:
                self._notes[f["from"], f["sequence"]] = what_of(f["notes"])
        elif fact.what in ("joined", "parties"):
            for number, name, role in [f["party"]] if fact.what == "joined" else f["parties"]:
                self.names[number], self.roles[number] = name, role
        elif fact.what == "dropped" and f["source"] and f["destination"] and f["kind"] in (_COMMAND, _REPLY):
            key = (f["source"], f["sequence"])
            came, label = self._came.pop(key, None), self._notes.pop(key, "")
            stroke = Stroke(f["source"], f["destination"], came.time_ns if came else fact.time_ns, fact.time_ns)
            stroke.label, stroke.lost, stroke.wire_bytes = f"{label} ({f['why']})", True, f["bytes"]
            self._put(stroke)

    # ------------------------------------------------------------ folding

    def _put(self, stroke: Stroke) -> None:
        if stroke.end_ns < self._from_ns or (self._to_ns is not None and stroke.left_ns > self._to_ns):
            return
        self.envelopes += stroke.count
        self.strokes.append(stroke)
        if len(self.strokes) > 2 * self._most:
            self._coarsen(self._most)

    def _coarsen(self, most: int) -> None:
        self.span_ns = self.span_ns or (_FIRST_SPAN_NS if len(self.strokes) > most else 0)
        while len(self.strokes) > most:
            kept: dict[tuple[int, int, int], Stroke] = {}
            for stroke in self.strokes:
                key = (stroke.source, stroke.destination, stroke.left_ns // self.span_ns)
                if key in kept:
                    kept[key].take(stroke)
                else:
                    kept[key] = stroke
            self.strokes = list(kept.values())
            if len(kept) == len({key[:2] for key in kept}):
                return  # one for each pair: there are no fewer
            if len(kept) > most:
                self.span_ns *= 2

    def _turn(self, worker: int, began_ns: int, ended_ns: int) -> None:
        if len(self.turns) >= 8 * self._most:
            self._join_turns(4 * self._most)
        self.turns.append((worker, began_ns, ended_ns))

    def _join_turns(self, most: int) -> None:
        """Turns of a worker that are close to each other become one bar."""
        while len(self.turns) > most:
            before = len(self.turns)
            self._join_close_turns()
            if len(self.turns) > most or len(self.turns) == before:
                self._turn_span_ns = max(_FIRST_SPAN_NS, 2 * self._turn_span_ns)
            if len(self.turns) == len({worker for worker, _, _ in self.turns}):
                return  # one for each worker

    def _join_close_turns(self) -> None:
        last: dict[int, int] = {}
        joined: list[tuple[int, int, int]] = []
        for worker, began, ended in self.turns:
            at = last.get(worker)
            if at is not None and began - joined[at][2] <= self._turn_span_ns:
                joined[at] = (worker, joined[at][1], max(ended, joined[at][2]))
            else:
                last[worker] = len(joined)
                joined.append((worker, began, ended))
        self.turns = joined

    def done(self) -> Strokes:
        """All records have come; returns itself, with the strokes in order of time."""
        self._coarsen(self._most)
        self._join_turns(4 * self._most)
        self.strokes.sort(key=lambda stroke: (stroke.left_ns, stroke.end_ns))
        return self
