"""What one party was handed."""

from __future__ import annotations

from typing import NamedTuple

from farptr.ledger.receipts import Receipt

SHOWN = 40
"""Lines of a repr."""


class View(NamedTuple):
    """The receipts of one party, in order."""

    party: str
    receipts: tuple[Receipt, ...]

    @property
    def value_bytes(self) -> int:
        """Bytes of data in all."""
        return sum(receipt.value_bytes for receipt in self.receipts)

    def __str__(self) -> str:
        lines = [f"{self.party} was handed {self.value_bytes} bytes of data"]
        lines += [
            f"  {r.time_s:10.6f} s  {r.value_bytes:>10} B  {r.kind:<9}  {r.what} by {r.source}"
            f"{': ' if r.object else ''}{r.object}  of {', '.join(r.sources) or 'nothing'}"
            for r in self.receipts[:SHOWN]
        ]
        if len(self.receipts) > SHOWN:
            lines.append(f"  … {len(self.receipts) - SHOWN} more")
        return "\n".join(lines)
