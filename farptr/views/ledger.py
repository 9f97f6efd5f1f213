"""The account of a run: matrix, lines, and what each party was handed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from farptr.views.palette import colours

if TYPE_CHECKING:
    from farptr.ledger.account import Ledger
    from farptr.ledger.receipts import Line
    from farptr.ledger.view import View

_HEAT = ("", "on #e8eef4", "on #c5d8e8", "on #8fb6d3", "on #4f8fbb")
MOST_LINES = 200


def _grid(*headings: str, left: int = 2) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for at, heading in enumerate(headings):
        grid.add_column(heading, no_wrap=True, justify="left" if at < left else "right")
    return grid


def matrix(cells: Mapping[str, Mapping[str, int]]) -> RenderableType:
    """Bytes from (rows) and to (columns); darker is more, by a logarithm."""
    names = [name for name in cells if any(cells[name].values()) or any(row[name] for row in cells.values())]
    styles = colours(names)
    grid = _grid("", *names, left=1)
    most = max([n for row in cells.values() for n in row.values()], default=0)
    for source in names:
        row = [Text(f" {n:,} " if n else " · ", _heat(n, most)) for n in (cells[source][to] for to in names)]
        grid.add_row(Text(source, styles[source]), *row)
    return Group(Text("bytes of data, from (row) to (column)", "bold"), grid, "")


def _heat(n: int, most: int) -> str:
    if not n:
        return "dim"
    return "black " + _HEAT[1 + min(3, 3 * (n.bit_length() - 1) // max(1, most.bit_length() - 1))]


def lines(rows: Iterable[Line]) -> RenderableType:
    """One row for each pair that exchanged anything."""
    grid = _grid("PARTY", "FROM", "ENVELOPES", "DATA", "RAW", "DERIVED", "AGGREGATE", "WIRE")
    for row in rows:
        numbers = (row.envelopes, row.value_bytes, row.raw, row.derived, row.aggregate, row.wire_bytes)
        grid.add_row(Text(row.party), Text(row.source), *(f"{n:,}" for n in numbers))
    return grid


def balance(account: Ledger) -> RenderableType:
    """What the broker passed on, and what reached nobody."""
    return Text(
        f"relayed by the broker, not read: {account.relayed_bytes:,} bytes; dropped: {account.dropped_bytes:,};"
        f" in flight: {account.in_flight_bytes:,}; it balances"
    )


def view(seen: View) -> RenderableType:
    """What one party was handed, in order."""
    title = f"{seen.party} was handed {seen.value_bytes:,} bytes of data"
    grid = _grid("SECONDS", "BYTES", "KIND", "BY", "OBJECT", "MADE OF", left=0)
    for column in grid.columns[2:]:
        column.justify = "left"
    for r in seen.receipts[:MOST_LINES]:
        made_of = Text(", ".join(r.sources))
        grid.add_row(
            f"{r.time_s:.6f}", f"{r.value_bytes:,}", r.kind, Text(f"{r.source} ({r.what})"), Text(r.object), made_of
        )
    if len(seen.receipts) > MOST_LINES:
        grid.add_row("…", "", "", Text(f"{len(seen.receipts) - MOST_LINES} more: --csv and --json have all"))
    return Group(Text(title, "bold"), grid, "")
