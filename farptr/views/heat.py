"""The traffic matrix as SVG: a square for each pair of parties, darker is more, by a logarithm."""

from __future__ import annotations

from collections.abc import Mapping

from farptr.views.boxes import DIM, Drawing, cleaned
from farptr.views.processes import size

MOST_PARTIES = 24
OTHERS = "…"
_CELL, _HIGH, _LEFT, _TOP = 76, 34, 130, 96
_NAME_CHARACTERS = 15

Matrix = Mapping[str, Mapping[str, int]]


def draw(matrix: Matrix, unit: str = "bytes") -> Drawing:
    """From rows to columns; parties that exchanged nothing are left out.

    Args:
        matrix: numbers by source, then destination, as ``Ledger.matrix`` gives them.
        unit: ``bytes``, or what else is counted.
    """
    cells, names = folded(matrix)
    if not names:
        return Drawing([f'<text x="4" y="20" {DIM}>nothing passed</text>'], 300, 30)
    most = max(cells.values())
    parts = [
        f'<text x="4" y="16" {DIM}>from row to column; {size(most) if unit == "bytes" else f"{most:,}"} at most</text>'
    ]
    for i, name in enumerate(names):
        x, y, short = _LEFT + i * _CELL + _CELL / 2, _TOP + i * _HIGH + _HIGH / 2 + 4, cleaned(_cut(name))
        tip = f"<title>{cleaned(name[:300])}</title>"
        parts.append(f'<text x="{_LEFT - 10}" y="{y:g}" text-anchor="end">{tip}{short}</text>')
        parts.append(f'<text transform="translate({x:g} {_TOP - 8}) rotate(-30)" font-size="11">{tip}{short}</text>')
        for j, other in enumerate(names):
            parts.append(_cell(name, other, cells.get((name, other), 0), i, j, most, unit))
    return Drawing(parts, _LEFT + len(names) * _CELL + 60, _TOP + len(names) * _HIGH + 4)


def folded(matrix: Matrix) -> tuple[dict[tuple[str, str], int], list[str]]:
    """The cells that are not zero, and the names in their order; the smallest beyond MOST_PARTIES are one."""
    totals = {name: sum(row.values()) + sum(other[name] for other in matrix.values()) for name, row in matrix.items()}
    names = [name for name in matrix if totals[name]]
    if len(names) > MOST_PARTIES:
        kept = set(sorted(names, key=lambda name: -totals[name])[: MOST_PARTIES - 1])
        names = [name for name in names if name in kept]
    shown, cells = set(names), dict[tuple[str, str], int]()
    for source, row in matrix.items():
        for destination, count in row.items():
            if count:
                key = (source if source in shown else OTHERS, destination if destination in shown else OTHERS)
                cells[key] = cells.get(key, 0) + count
    if any(OTHERS in key for key in cells):
        names.append(OTHERS)
    return cells, names


def _cell(source: str, destination: str, count: int, row: int, column: int, most: int, unit: str) -> str:
    x, y = _LEFT + column * _CELL, _TOP + row * _HIGH
    strength = 0.08 + 0.62 * count.bit_length() / most.bit_length() if count else 0.0
    text = "·" if not count else size(count) if unit == "bytes" else f"{count:,}"
    words = f"{source} to {destination}: {count:,} {unit}"
    return (
        f"<g><title>{cleaned(words[:300])}</title>"
        f'<rect x="{x}" y="{y}" width="{_CELL - 2}" height="{_HIGH - 2}" rx="4" '
        f'fill="#3b82f6" fill-opacity="{strength:.2f}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{x + _CELL / 2 - 1:g}" y="{y + _HIGH / 2 + 4:g}" text-anchor="middle" font-size="11">'
        f"{text}</text></g>"
    )


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"
