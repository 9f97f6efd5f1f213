"""The tally of what passed: bytes by sender, receiver and purpose.

Law
    What is counted is what was delivered: an envelope for a dead party is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farptr.broker.roster import Roster


class Traffic:
    """Envelopes and bytes by (source, destination, what).

    ``what`` is ``sent`` (by a client, with commands), ``pushed`` (worker to worker) or ``fetched`` (by a client).
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int, str], list[int]] = {}

    def count(
        self, source: int, destination: int, what: str, value_bytes: int, wire_bytes: int, envelopes: int = 1
    ) -> None:
        """Add one envelope, or (0) a part that goes ahead of one."""
        cell = self._cells.get((source, destination, what))
        if cell is None:
            self._cells[source, destination, what] = [envelopes, value_bytes, wire_bytes]
        else:
            cell[0] += envelopes
            cell[1] += value_bytes
            cell[2] += wire_bytes

    def rows(self, roster: Roster) -> list[tuple[str, str, str, int, int, int]]:
        """(source, destination, what, envelopes, value bytes, wire bytes), by name, sorted."""
        named: dict[tuple[str, str, str], list[int]] = {}
        for (source, destination, what), cell in self._cells.items():
            key = (_name(roster, source), _name(roster, destination), what)
            total = named.setdefault(key, [0, 0, 0])
            for i, n in enumerate(cell):
                total[i] += n
        return [(*key, *map(int, total)) for key, total in sorted(named.items())]  # type: ignore[misc]


def _name(roster: Roster, number: int) -> str:
    party: Any = roster.live.get(number) or roster.lost[number][0]
    return str(party.name)
