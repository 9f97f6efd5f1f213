"""A watch that keeps no records: whether what passes the broker balances, in memory. What tests run with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from farptr.journal.balance import Balance
from farptr.journal.records import Came, Fact, Handed
from farptr.protocol.header import FIXED_BYTES, Header


class Tally:
    """A watch of ``farptr.broker.passing``. Takes memory for what is in flight, none for what is over."""

    trouble = ""

    def __init__(self) -> None:
        self._balance = Balance()
        self.came_bytes: Counter[int] = Counter()
        self.handed_bytes: Counter[int] = Counter()
        """Bytes of all frames, by party."""

    def joined(self, party: tuple[int, str, str, int, str, str], wire_bytes: int) -> None:
        """A party was admitted."""
        self.came_bytes[party[0]] += wire_bytes
        self._balance.add(Fact(0, "joined", {"bytes": wire_bytes}))

    def left(self, number: int, why: str) -> None:
        """A party is gone."""
        self._balance.add(Fact(0, "left", {"party": number, "why": why}))

    def came(self, source: int, header: Header, frame: bytes, buffers: tuple[Any, ...]) -> None:
        """An envelope came."""
        wire_bytes = len(frame) + sum(map(len, buffers))
        self.came_bytes[source] += wire_bytes
        self._balance.add(Came(0, source, header, wire_bytes))

    def handed(self, delivery: Any) -> None:
        """An envelope left."""
        destination, frame, buffers, source, header = delivery[:5]
        wire_bytes = len(frame) + sum(map(len, buffers))
        self.handed_bytes[destination] += wire_bytes
        if header is None:
            kind, sequence, carried = frame[:FIXED_BYTES][3], 0, wire_bytes
        else:
            kind, sequence, carried = header.kind, header.sequence, len(frame) - header.body_bytes
        self._balance.add(Handed(0, destination, source if header else 0, kind, sequence, wire_bytes, carried))

    def dropped(self, source: int, header: Header, wire_bytes: int, why: str) -> None:
        """An envelope goes nowhere."""
        self._drop(source, header.destination, header.kind, header.sequence)

    def cut(self, delivery: Any, why: str) -> None:
        """A delivery could not be made."""
        destination, frame, _, source, header = delivery[:5]
        self._drop(source, destination, frame[3], header.sequence if header is not None else 0)

    def modelled(self, change: dict[str, Any]) -> None:
        """It makes no difference to what is counted."""

    def _drop(self, source: int, destination: int, kind: int, sequence: int) -> None:
        fields = {"source": source, "destination": destination, "kind": kind, "sequence": sequence}
        self._balance.add(Fact(0, "dropped", fields))

    def faults(self) -> list[str]:
        """Where it does not balance."""
        return self._balance.faults()

    def state(self) -> None:
        """There is no journal."""
