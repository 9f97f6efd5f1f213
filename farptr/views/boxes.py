"""Boxes are processes, arrows are pointers: what is known of some of both, as SVG.

Laws
    Shapes and text, nothing else: no script, no style sheet, nothing to load. Whatever comes in as text is escaped.
    What is read has the colour of the text around it, the rest middle tones: both show on light and on dark.
    The size is bounded: rows and boxes beyond it are one that counts them, and arrows to them lead there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from farptr.views.palette import tones

MAX_ROWS = 8
"""In one box."""
MAX_BOXES = 13
DIM = 'fill-opacity="0.65"'
_TOOLTIP_CHARACTERS = 300
_DIP = 24


class Row(NamedTuple):
    """One object of a process, or one of its pointers."""

    label: str
    text: str = ""
    key: Hashable = None
    """What arrows to it are aimed at; None where none can be."""
    target: Hashable = None
    """The key that its own arrow leads to."""
    faint: bool = False
    """It stands for something that is not there, or not known."""


class Box(NamedTuple):
    """One process."""

    name: str
    note: str = ""
    rows: Sequence[Row] = ()
    gone: bool = False


class Measures(NamedTuple):
    """Sizes in pixels."""

    box: int = 268
    gap: int = 44
    head: int = 28
    row: int = 26
    row_gap: int = 6
    character: float = 7.3
    """Width of one, of the fixed width that the text has."""
    columns: int = 4


class Drawing(NamedTuple):
    """SVG elements, and the room that they take."""

    parts: list[str]
    width: int
    height: int


_Point = tuple[float, float]


class _Spot(NamedTuple):
    """Where a row lies: both ends of its middle line."""

    left: float
    right: float
    y: float
    box: str


def draw(
    boxes: Sequence[Box], measures: Measures | None = None, left: int = 0, top: int = 0, among: Iterable[str] = ()
) -> Drawing:
    """The boxes side by side, in as many lines as it takes, with the arrows between their rows.

    Args:
        boxes: in the order in which they stand.
        measures: sizes.
        left: where the first box begins, in pixels.
        top: the same, downwards.
        among: the names of all processes of the run, so that each has the same colour in every drawing.
    """
    m = measures or Measures()
    shown, aliases = _folded(boxes)
    colours = tones([*among, *(box.name for box in shown)])
    spots: dict[Hashable, _Spot] = {}
    arrows: list[tuple[_Spot, Hashable]] = []
    back: list[str] = []
    front: list[str] = []
    y, right = top, left
    for start in range(0, len(shown), m.columns):
        line = shown[start : start + m.columns]
        height = m.head + max(1, *(len(box.rows) for box in line)) * (m.row + m.row_gap) + 6
        for i, box in enumerate(line):
            x = left + i * (m.box + m.gap)
            right = max(right, x + m.box)
            back.append(_box(box, x, y, height, m, colours[box.name]))
            front.append(_heading(box, x, y, m))
            for j, row in enumerate(box.rows):
                edge = y + m.head + j * (m.row + m.row_gap) + 2
                back.append(_frame(row, x + 10, edge, m))
                front.append(_text(row, x + 10, edge, m))
                spot = _Spot(x + 10, x + m.box - 10, edge + m.row / 2, box.name)
                spots.setdefault(row.key, spot)
                if row.target is not None:
                    arrows.append((spot, aliases.get(row.target, row.target)))
        y += height + m.gap // 2
    for spot, target in dict.fromkeys(arrows):
        if target in spots:
            back += _arrow(spot, spots[target], colours[spots[target].box])
    return Drawing([*back, *front], right - left, y - m.gap // 2 - top)


def svg(drawing: Drawing, words: str) -> str:
    """A whole picture for a page of HTML; ``words`` are for those who do not see it."""
    width, height = drawing.width + 4, drawing.height + 4
    body = "".join(drawing.parts)
    return (
        f'<div style="overflow-x: auto"><svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="-2 -2 {width} {height}" role="img" aria-label="{cleaned(words)}" fill="currentColor" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="12">{body}</svg></div>'
    )


def picture(drawing: Drawing, words: str) -> str:
    """As ``svg``, as a file of its own."""
    inner = svg(drawing, words).removeprefix('<div style="overflow-x: auto">').removesuffix("</div>")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}\n'


def cleaned(text: str) -> str:
    """Any text, for use in SVG: escaped, on one line, without characters that XML forbids."""
    return escape("".join(c if c.isprintable() else " " for c in text))


# ---------------------------------------------------------------- parts


def _folded(boxes: Sequence[Box]) -> tuple[list[Box], Mapping[Hashable, Hashable]]:
    """The boxes and rows that are shown, and which key stands for one that is not."""
    aliases: dict[Hashable, Hashable] = {}
    shown = []
    for box in boxes[:MAX_BOXES] if len(boxes) <= MAX_BOXES else boxes[: MAX_BOXES - 1]:
        hidden = box.rows[MAX_ROWS - 1 :] if len(box.rows) > MAX_ROWS else ()
        if hidden:
            key = ("more", box.name)
            aliases |= {row.key: key for row in hidden if row.key is not None}
            more = Row(f"and {len(hidden)} more", key=key, faint=True)
            box = box._replace(rows=[*box.rows[: MAX_ROWS - 1], more])
        shown.append(box)
    rest = boxes[len(shown) :]
    if rest:
        aliases |= {row.key: ("more",) for box in rest for row in box.rows if row.key is not None}
        count = sum(len(box.rows) for box in rest)
        shown.append(Box("…", f"and {len(rest)} more", [Row(f"{count} objects", key=("more",), faint=True)]))
    return shown, aliases


def _box(box: Box, x: int, y: int, height: int, m: Measures, colour: str) -> str:
    dashes = ' stroke-dasharray="5 4"' if box.gone else ""
    return (
        f'<rect x="{x}" y="{y}" width="{m.box}" height="{height}" rx="8" fill-opacity="0.05" stroke="{colour}" '
        f'stroke-width="1.5"{dashes}/>'
    )


def _heading(box: Box, x: int, y: int, m: Measures) -> str:
    name, note = _fitted(box.name, box.note, _room(m, m.box - 24))
    return (
        f'<g>{_tooltip(f"{box.name} {box.note}")}<text x="{x + 12}" y="{y + m.head * 0.68:g}">'
        f'<tspan font-weight="600">{name}</tspan><tspan dx="8" {DIM}>{note}</tspan></text></g>'
    )


def _frame(row: Row, x: float, y: float, m: Measures) -> str:
    dashes = ' stroke-dasharray="3 3"' if row.faint else ""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{m.box - 20}" height="{m.row}" rx="5" fill-opacity="0.03" '
        f'stroke="currentColor" stroke-opacity="0.3"{dashes}/>'
    )


def _text(row: Row, x: float, y: float, m: Measures) -> str:
    width = m.box - 20
    dot = 25 if row.target is not None else 0
    label, text = _fitted(row.label, row.text, _room(m, width - 18 - dot))
    base = y + m.row / 2 + 4
    of_label = DIM if row.faint or row.key is not None else ""
    of_text = DIM if row.faint else ""
    end = f'<text x="{x + width - 9 - dot:g}" y="{base:g}" text-anchor="end" {of_text}>{text}</text>' if text else ""
    return (
        f'<g>{_tooltip(f"{row.label}  {row.text}")}<text x="{x + 9:g}" y="{base:g}" {of_label}>{label}</text>{end}</g>'
    )


def _tooltip(text: str) -> str:
    return f"<title>{cleaned(text.strip()[:_TOOLTIP_CHARACTERS])}</title>"


def _room(m: Measures, width: float) -> int:
    return int(width / m.character)


def _fitted(first: str, second: str, room: int) -> tuple[str, str]:
    """Both, escaped; the second gives way where there is no room, then the first."""
    first = first if len(first) <= room else f"{first[: room - 1]}…"
    left = room - len(first) - 2
    if len(second) > left:
        second = f"{second[: left - 1]}…" if left > 2 else ""
    return cleaned(first), cleaned(second)


def _arrow(start: _Spot, end: _Spot, colour: str) -> list[str]:
    """From the dot at the right of a row to the edge of another: the left one if that lies further on."""
    x, y = start.right - 16, start.y
    forward = end.left > start.right
    to_x, to_y = (end.left, end.y) if forward else (end.right, end.y)
    way = 1 if forward else -1
    tip = to_x - way * 9
    reach = max(24.0, abs(tip - x) / 2)
    low = 0 if forward else _DIP  # one that goes back would else lie upon one that comes
    bend = f"C {x + reach:g} {y + low:g} {tip - way * reach:g} {to_y + low:g} {tip:g} {to_y:g}"
    return [
        f'<path d="M {x:g} {y:g} {bend}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{colour}"/>',
        f'<path d="M {to_x:g} {to_y:g} l {-way * 10} -5 l 0 10 z" fill="{colour}"/>',
    ]
