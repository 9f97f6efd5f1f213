"""Conservation: what was sent is what was received, dropped or in flight, to the byte.

Laws
    For each ordered pair of parties, counting body and buffers (headers change at the broker): sent = received +
    dropped + in flight, where in flight is what came and has met no end yet.
    For the broker's sockets, counting all frames: what came is what was noted as come, what left as handed.
    An envelope that was handed again, because a connection was cut, is received again and sent again: it counts twice.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from farptr.journal.records import Came, Fact, Handed, Record

Pair = tuple[int, int]


class Balance:
    """A fold over records; what is in flight takes memory, what is over takes none."""

    def __init__(self) -> None:
        self.sent: Counter[Pair] = Counter()
        self.received: Counter[Pair] = Counter()
        self.dropped: Counter[Pair] = Counter()
        self.in_bytes = self.out_bytes = 0
        self.envelopes = 0
        self._open: dict[tuple[int, int, int, int], list[int]] = {}
        """Payload bytes of what is in flight, by (source, destination, kind, sequence), in order."""

    def add(self, record: Record) -> None:
        """The next record."""
        if type(record) is Came:
            self._came(record)
        elif type(record) is Handed:
            self._handed(record)
        else:
            self._fact(record)  # type: ignore[arg-type]

    def _came(self, record: Came) -> None:
        header = record.header
        self.envelopes += 1
        self.in_bytes += record.wire_bytes
        if header.destination:
            size = record.payload_bytes
            self.sent[record.source, header.destination] += size
            key = (record.source, header.destination, header.kind, header.sequence)
            self._open.setdefault(key, []).append(size)

    def _handed(self, record: Handed) -> None:
        self.out_bytes += record.wire_bytes
        if record.source:
            pair = (record.source, record.destination)
            if self._over(*pair, record.kind, record.sequence) is None:
                self.sent[pair] += record.payload_bytes  # once more
            self.received[pair] += record.payload_bytes

    def _fact(self, record: Fact) -> None:
        f = record.fields
        if record.what == "joined":
            self.in_bytes += f["bytes"]
        elif record.what == "dropped" and f["source"]:
            size = self._over(f["source"], f["destination"], f["kind"], f["sequence"])
            if size is not None:
                self.dropped[f["source"], f["destination"]] += size
        elif record.what == "left" and "broke the protocol" in f["why"]:
            for key in [key for key in self._open if key[0] == f["party"]]:
                self.dropped[key[:2]] += sum(self._open.pop(key))

    def _over(self, source: int, destination: int, kind: int, sequence: int) -> int | None:
        key = (source, destination, kind, sequence)
        waiting = self._open.get(key)
        if waiting is None:
            return None
        size = waiting.pop(0)
        if not waiting:
            del self._open[key]
        return size

    def in_flight(self) -> Counter[Pair]:
        """Payload bytes by pair."""
        found: Counter[Pair] = Counter()
        for (source, destination, _, _), sizes in self._open.items():
            found[source, destination] += sum(sizes)
        return found

    def faults(self) -> list[str]:
        """Where conservation does not hold; empty when it does."""
        flying = self.in_flight()
        return [
            f"from {a} to {b}: {self.sent[a, b]} bytes sent, {self.received[a, b]} received, {self.dropped[a, b]}"
            f" dropped, {flying[a, b]} in flight"
            for a, b in sorted({*self.sent, *self.received, *self.dropped})
            if self.sent[a, b] != self.received[a, b] + self.dropped[a, b] + flying[a, b]
        ]

    def verdict(self, sockets: tuple[int, int]) -> dict[str, Any]:
        """The last word of a journal: whether it balances, by its own records and by the sockets' count."""
        faults = self.faults()
        for what, counted, noted in (("in", sockets[0], self.in_bytes), ("out", sockets[1], self.out_bytes)):
            if counted != noted:
                faults.append(f"the sockets counted {counted} bytes {what}, the journal {noted}")
        return {
            "faults": faults, "envelopes": self.envelopes, "in_bytes": self.in_bytes, "out_bytes": self.out_bytes,
            "in_flight_bytes": self.in_flight().total(),
        }  # fmt: skip
