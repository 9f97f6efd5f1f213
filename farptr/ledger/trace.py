"""A journal as a trace in Chrome's JSON format, which Perfetto reads.

A party is a process. A worker's turn is a slice, from when its envelope was handed to it, or its turn before ended, to
its DONE; times are the broker's, so a slice includes the way there and back. An arrow is a hop.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import IO, Any

from farptr.journal.records import Came, Fact, Handed, Record
from farptr.protocol.header import Flag, Kind
from farptr.protocol.names import BROKER
from farptr.views.envelopes import what_of

Event = dict[str, Any]
MOST_EVENTS = 2_000_000
"""What the viewers can show; beyond it, turns are still drawn, and arrows left out."""
_COMMAND, _REPLY, _FREE = int(Kind.COMMAND), int(Kind.REPLY), int(Kind.FREE)


class Trace:
    """A fold that gives events as they are complete."""

    def __init__(self) -> None:
        self._turns: dict[int, deque[tuple[int, str]]] = defaultdict(deque)
        self._free_at: dict[int, int] = defaultdict(int)
        self._notes: dict[tuple[int, int], str] = {}
        self._came: dict[tuple[int, int], int] = {}
        self._flows = 0
        self.count = 0

    def events(self, record: Record) -> Iterator[Event]:
        """The events that a record completes."""
        if isinstance(record, Fact):
            yield from self._fact(record)
        elif isinstance(record, Came):
            yield from self._arrived(record)
        elif record.kind in (_COMMAND, _REPLY, _FREE):
            yield from self._handed(record)

    def _fact(self, fact: Fact) -> Iterator[Event]:
        f = fact.fields
        if fact.what == "lineage":
            self._notes[f["from"], f["sequence"]] = what_of(f["notes"])
        elif fact.what == "joined":
            number, name, role = f["party"]
            yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": f"{name} ({role})"}}
        elif fact.what == "parties":
            for number, name, role in f["parties"]:
                yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": f"{name} ({role})"}}
        elif fact.what in ("left", "dropped"):
            name = f"{fact.what}: {f['why']}"
            pid = f.get("party", f.get("destination", 0))
            yield {"ph": "i", "s": "p", "name": name, "pid": pid, "tid": 0, "ts": fact.time_ns / 1e3}

    def _arrived(self, came: Came) -> Iterator[Event]:
        header = came.header
        if header.kind in (_COMMAND, _REPLY):
            self._came[came.source, header.sequence] = came.time_ns
        turns = self._turns[came.source]
        if header.flags & Flag.DONE and turns:
            began, name = turns.popleft()
            began = max(began, self._free_at[came.source])
            self._free_at[came.source] = came.time_ns
            yield _slice(came.source, began, came.time_ns - began, name)

    def _handed(self, record: Handed) -> Iterator[Event]:
        key = (record.source, record.sequence)
        name = self._notes.pop(key, "") or Kind(record.kind).name
        came_ns = self._came.pop(key, record.time_ns)
        if record.kind != _REPLY:
            self._turns[record.destination].append((record.time_ns, name))
        else:
            name = "answer"
            yield _slice(record.destination, record.time_ns, 1000, name)
        if record.source and self.count < MOST_EVENTS:
            self._flows += 1
            flow = {"cat": "hop", "name": name, "id": self._flows, "tid": 0}
            yield _slice(record.source, came_ns, 1000, f"send {record.wire_bytes} B", thread=1)
            yield {"ph": "s", "pid": record.source, "ts": came_ns / 1e3, **flow, "tid": 1}
            yield {"ph": "f", "bp": "e", "pid": record.destination, "ts": record.time_ns / 1e3, **flow}


def _slice(party: int, at_ns: int, took_ns: int, name: str, *, thread: int = 0) -> Event:
    return {"ph": "X", "name": name, "pid": party, "tid": thread, "ts": at_ns / 1e3, "dur": took_ns / 1e3}


def write(records: Iterable[Record], file: IO[str]) -> int:
    """Write a trace, event by event; returns how many."""
    trace = Trace()
    file.write('{"displayTimeUnit": "ms", "traceEvents": [\n')
    first: Event = {"ph": "M", "name": "process_name", "pid": 0, "tid": 0, "args": {"name": BROKER}}
    file.write(json.dumps(first))
    for record in records:
        for event in trace.events(record):
            file.write(",\n" + json.dumps(event))
            trace.count += 1
    file.write("\n]}\n")
    return trace.count + 1
