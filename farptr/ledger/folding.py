"""The fold: from records of a journal to receipts, bytes by pair, and lineage.

Law
    A command counts when it is handed to its worker: that is the order in which the worker takes its turns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from farptr.journal.balance import Balance
from farptr.journal.lineage import expanded
from farptr.journal.records import Came, Fact, Handed, Record
from farptr.ledger.lineage import ANYTHING, Lineage, Origin
from farptr.ledger.receipts import Receipt
from farptr.ledger.seeing import Seeing
from farptr.protocol.header import Kind
from farptr.protocol.names import BROKER

MOST_RECEIPTS = 200_000
"""Receipts beyond these are added up, and ``notices`` says so; no verdict is affected by it."""
IN_ARGUMENTS = -1
"""Stands for data that a client put among the arguments of a command."""
_COMMAND, _REPLY = int(Kind.COMMAND), int(Kind.REPLY)


Pair = tuple[str, str]
"""Source and destination, by name: a number that did nothing may be given to another party."""


class Made(NamedTuple):
    """What a version is for a party, as in a ``Receipt``."""

    kind: str
    owners: tuple[str, ...]
    sources: tuple[str, ...]
    certain: tuple[str, ...]


class Fold:
    """Feed it the records of a run in order; then read its attributes."""

    def __init__(self) -> None:
        self.balance = Balance()
        self.lineage = Lineage()
        self.names: dict[int, str] = {0: BROKER}
        self.roles: dict[int, str] = {0: BROKER}
        self.envelopes: Counter[Pair] = Counter()
        self.value_bytes: Counter[Pair] = Counter()
        self.wire_bytes: Counter[Pair] = Counter()
        self.relayed_bytes = 0
        self.dropped: list[Fact] = []
        self.by_kind: dict[Pair, Counter[str]] = defaultdict(Counter)
        self.receipts: list[Receipt] = []
        self.left_out = 0
        """Receipts that were only added up."""
        self.seen: dict[int, set[int]] = defaultdict(set)
        """Versions that each party was handed, for verdicts; complete, whatever ``receipts`` leaves out."""
        self.verdict: dict[str, Any] | None = None
        """The broker's last word, once it came."""
        self.end_ns = 0
        self._known: dict[tuple[frozenset[Origin], frozenset[Origin], frozenset[int], int], Made] = {}
        self._words = (0, 0)
        self._notes: dict[tuple[int, int], list[Any]] = {}
        self._came: dict[tuple[int, int], Came] = {}
        self._seeing = Seeing(self.lineage, self._receive)
        self._facts: dict[str, Callable[[Fact], None]] = {
            "joined": self._joined, "parties": self._parties, "lineage": self._lineage, "dropped": self._drop,
            "end": self._end,
        }  # fmt: skip

    def fold(self, records: Iterable[Record]) -> Fold:
        """All of them; returns itself."""
        for record in records:
            self.add(record)
        return self

    def add(self, record: Record) -> None:
        """The next record."""
        self.balance.add(record)
        if record.time_ns > self.end_ns:
            self.end_ns = record.time_ns
        if type(record) is Handed:
            self._handed(record)
        elif type(record) is Came:
            self._arrived(record)
        elif type(record) is Fact and record.what in self._facts:
            self._facts[record.what](record)

    # ------------------------------------------------------------ facts

    def _joined(self, fact: Fact) -> None:
        number, name, role = fact.fields["party"]
        self.names[number], self.roles[number] = name, role
        self._known.clear()

    def _parties(self, fact: Fact) -> None:
        for number, name, role in fact.fields["parties"]:
            self.names[number], self.roles[number] = name, role

    def _lineage(self, fact: Fact) -> None:
        self._notes[fact.fields["from"], fact.fields["sequence"]] = fact.fields["notes"]

    def _drop(self, fact: Fact) -> None:
        self.dropped.append(fact)
        key = (fact.fields["source"], fact.fields["sequence"])
        if not fact.fields.get("cut"):  # else it may be handed again
            self._notes.pop(key, None)
            self._came.pop(key, None)

    def _end(self, fact: Fact) -> None:
        self.verdict = fact.fields

    # ------------------------------------------------------------ envelopes

    def _arrived(self, came: Came) -> None:
        header = came.header
        if not header.destination:
            pair = (self.called(came.source), BROKER)
            self.envelopes[pair] += 1
            self.wire_bytes[pair] += came.wire_bytes
            return
        self.relayed_bytes += came.wire_bytes
        if header.kind in (_COMMAND, _REPLY):
            self._came[came.source, header.sequence] = came

    def _handed(self, record: Handed) -> None:
        pair = (self.called(record.source), self.called(record.destination))
        self.envelopes[pair] += 1
        self.wire_bytes[pair] += record.wire_bytes
        if record.kind not in (_COMMAND, _REPLY) or not record.source:
            return
        key = (record.source, record.sequence)
        came, notes = self._came.pop(key, None), self._notes.pop(key, [])
        if came is None:
            return  # handed again after a cut: the same data
        self.value_bytes[pair] += came.header.value_bytes
        if record.kind == _COMMAND:
            self._commands(came, record, notes)
        else:
            self._answers(came, record, notes)

    def _commands(self, came: Came, record: Handed, notes: list[Any]) -> None:
        root, worker, left = came.header.root, record.destination, came.header.value_bytes
        for note in notes:
            number, code, made, used, text, size, tag, tags = expanded(note)
            self._seeing.command(record, root, worker, (number, code, made, used, text, size, tag, tags))
            left -= size
        if left > 0:  # plain numbers, which count as data where they are operands
            self._seeing.plain(record, root, worker, left)

    def _answers(self, came: Came, record: Handed, notes: list[Any]) -> None:
        left = came.header.value_bytes - sum(note[2] for note in notes)
        for note in notes:
            left -= self._seeing.answer(record, came.header.root, left, note)
        if left > 0:
            version = self.lineage.anything(record.source, ())
            self._receive(record, "asked", version, 0, left)

    def _receive(self, record: Handed, what: str, version: int, name: int, size: int) -> None:
        """A party was handed data of some version."""
        party = record.destination
        kind, owners, sources, certain = self.made_of(version, party)
        called = self.called
        self.by_kind[called(record.source), called(party)][kind] += size
        self.seen[party].add(version)
        if len(self.receipts) >= MOST_RECEIPTS:
            self.left_out += 1
            return
        self.receipts.append(Receipt(
            record.time_ns / 1e9, called(party), called(record.source), what, self.object(name, version), size, kind,
            owners, sources, version, certain,
        ))  # fmt: skip

    def made_of(self, version: int, party: int) -> Made:
        """What a version is for a party, in words; kept until a name is given."""
        lineage = self.lineage
        words = (lineage.labelled, len(self.names))
        if words != self._words:
            self._words = words
            self._known.clear()
        key = (lineage.origins[version], lineage.raw[version], lineage.sure[version], party)
        found = self._known.get(key)
        if found is None:
            origins, raw, sure, _ = key
            called = self.called
            raw_owners, certain = {called(owner) for owner, _ in raw}, {called(owner) for owner in sure}
            as_it_is = raw_owners - {called(party)} or (origins and raw == origins)
            mixed = len(certain - {called(party)}) > 1
            found = self._known[key] = Made(
                "raw" if as_it_is else "aggregate" if mixed else "derived",
                tuple(sorted({called(owner) for owner, _ in origins})),
                tuple(sorted(self.source(origin) for origin in origins)),
                tuple(sorted(certain)),
            )
        return found

    # ------------------------------------------------------------ words

    def called(self, party: int) -> str:
        """The name of a party."""
        return self.names.get(party, f"party {party}")

    def object(self, name: int, version: int) -> str:
        """An object, as people call it."""
        if name <= 0:
            return ""
        labels = "".join(f" {label}" for label in sorted(self.lineage.labels.get(version, ())))
        return f"{self.called(name >> 40 & 0xFFFFFF)}:{name & ((1 << 40) - 1)}{labels}"

    def source(self, origin: Origin) -> str:
        """An origin, as people call it."""
        owner, name = origin
        if name == ANYTHING:
            return f"{self.called(owner)}/*"
        if name in self.lineage.called:
            return f"{self.called(owner)}/{self.lineage.called[name]}"
        return f"{self.called(owner)}:{name & ((1 << 40) - 1)}" if name > 0 else f"{self.called(owner)}:arguments"
