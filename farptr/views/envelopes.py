"""Envelopes as lines, one by one."""

from __future__ import annotations

from rich.text import Text

from farptr.journal.lineage import expanded
from farptr.journal.records import Came, Fact, Handed, Record
from farptr.protocol.commands import LABELS
from farptr.protocol.header import Kind
from farptr.protocol.names import BROKER

MOST_NAMED = 4


class Envelopes:
    """Makes lines; it learns names from the records."""

    def __init__(self) -> None:
        self._names = {0: BROKER}

    def line(self, record: Record) -> Text | None:
        """The line of a record; None for one that adds nothing to others."""
        if isinstance(record, Came):
            h = record.header
            data = f" {h.value_bytes:,} B of data" if h.value_bytes else ""
            way = f"{self.called(record.source)} → {self.called(h.destination)}"
            return _text(record.time_ns, f"{way} {Kind(h.kind).name} #{h.sequence} {record.wire_bytes:,} B{data}")
        if isinstance(record, Handed):
            if record.source:
                return None
            return _text(record.time_ns, f"{BROKER} → {self.called(record.destination)} {Kind(record.kind).name}")
        return self._fact(record)

    def _fact(self, fact: Fact) -> Text | None:
        f = fact.fields
        if fact.what == "joined":
            self._names[f["party"][0]] = f["party"][1]
            return _text(fact.time_ns, f"{f['party'][1]} joined")
        if fact.what == "parties":
            self._names |= {party[0]: party[1] for party in f["parties"]}
        if fact.what == "left":
            return _text(fact.time_ns, f"{self.called(f['party'])} left: {f['why']}")
        if fact.what == "dropped":
            way = f"{self.called(f['source'])} → {self.called(f['destination'])}"
            return _text(fact.time_ns, f"{way} {Kind(f['kind']).name} dropped: {f['why']}", "red")
        return None

    def called(self, number: int) -> str:
        """A party by the name that it joined with."""
        return self._names.get(number, f"party {number}")


def what_of(notes: list[list[object]]) -> str:
    """What a body does, in a few words: operations, or the commands' names."""
    words = []
    for note in notes[:MOST_NAMED]:
        if len(note) in (4, 8):
            _, code, _, _, text, *_ = expanded(note)
            words.append(str(text or LABELS.get(code, f"command {code}")))
    more = f" and {len(notes) - MOST_NAMED} more" if len(notes) > MOST_NAMED else ""
    return ", ".join(words) + more


def _text(time_ns: int, words: str, style: str = "") -> Text:
    return Text(f"{time_ns / 1e9:12.6f}  {words}", style)
