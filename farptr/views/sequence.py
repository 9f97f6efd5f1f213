"""Sequence diagrams as SVG: parties side by side, time to scale from top to bottom, an arrow for each envelope.

Laws
    As ``boxes``: shapes and text only, everything escaped, a bounded size. What does not fit is said in the picture.
    Time is to scale but for pauses in which nothing passes: these are cut, with a mark that says how long they were.
"""

from __future__ import annotations

import bisect
import itertools
from typing import NamedTuple

from farptr.views.boxes import DIM, Drawing, cleaned
from farptr.views.palette import tones
from farptr.views.strokes import Stroke, Strokes

MOST_LANES = 16
MOST_LABELS = 160
_LANE, _TOP, _LEFT = 190, 46, 96
_STEP, _MOST_HEIGHT, _CUT = 26, 5200, 26
_PAUSE_SHARE = 0.06
"""A pause of more than this share of the time is cut."""
_LABEL_CHARACTERS = 26


class _Axis(NamedTuple):
    """From nanoseconds to pixels: linear between pauses."""

    at_ns: list[int]
    at_y: list[float]
    pauses: list[tuple[float, int]]
    """(pixels, nanoseconds) of what is cut."""

    def y(self, time_ns: int) -> float:
        i = min(max(bisect.bisect_right(self.at_ns, time_ns) - 1, 0), len(self.at_ns) - 2)
        a, b = self.at_ns[i], self.at_ns[i + 1]
        return self.at_y[i] + (time_ns - a) / max(1, b - a) * (self.at_y[i + 1] - self.at_y[i])


def draw(strokes: Strokes) -> Drawing:
    """The diagram of what was folded; call ``strokes.done()`` before."""
    lanes = _lanes(strokes)
    shown = [s for s in strokes.strokes if s.source in lanes and s.destination in lanes]
    width = _LEFT + _LANE * max(1, len({*lanes.values()}))
    if not shown:
        return Drawing([f'<text x="4" y="20" {DIM}>no envelopes passed between parties</text>'], 400, 30)
    axis = _axis(shown)
    height = axis.at_y[-1] + 30
    colours = tones([strokes.names[n] for n in strokes.names])
    parts = [*_heads(strokes, lanes, height, colours), *_times(axis, width), *_bars(strokes, lanes, axis, colours)]
    labels_at: dict[tuple[int, int], float] = {}
    left = MOST_LABELS
    for stroke in shown:
        arrow, labelled = _arrow(stroke, lanes, axis, strokes.names, colours, labels_at if left else None)
        left -= labelled
        parts += arrow
    return Drawing([*parts, *_words(strokes, shown, height)], width, int(height) + 24)


def _lanes(strokes: Strokes) -> dict[int, float]:
    """Where each party stands; beyond MOST_LANES the last stands for all that are left."""
    used = {n for s in strokes.strokes for n in (s.source, s.destination)}
    order = sorted(used, key=lambda n: (strokes.roles.get(n) != "client", n))
    return {n: _LEFT + _LANE / 2 + _LANE * min(i, MOST_LANES - 1) for i, n in enumerate(order)}


def _axis(shown: list[Stroke]) -> _Axis:
    times = sorted({t for s in shown for t in (s.left_ns, s.end_ns)})
    whole = max(1, times[-1] - times[0])
    pauses = [(a, b) for a, b in itertools.pairwise(times) if b - a > _PAUSE_SHARE * whole]
    active = max(1, whole - sum(b - a for a, b in pauses))
    pixels = min(_MOST_HEIGHT, _STEP * (len(shown) + 2)) / active
    at_ns, at_y, marks, y = [times[0]], [float(_TOP + 24)], [], float(_TOP + 24)
    before = times[0]
    for a, b in pauses:
        y += (a - before) * pixels
        marks.append((y + _CUT / 2, b - a))
        at_ns += [a, b]
        at_y += [y, y + _CUT]
        y, before = y + _CUT, b
    at_ns.append(max(times[-1], before + 1))
    at_y.append(y + (times[-1] - before) * pixels)
    return _Axis(at_ns, at_y, marks)


def _heads(strokes: Strokes, lanes: dict[int, float], height: float, colours: dict[str, str]) -> list[str]:
    parts = []
    folded = len(lanes) - MOST_LANES
    seen: set[float] = set()
    for number, x in lanes.items():
        if x in seen:
            continue
        seen.add(x)
        name = strokes.names.get(number, f"party {number}")
        text = f"and {folded + 1} more" if folded > 0 and len(seen) == MOST_LANES else name
        short = text if len(text) <= 22 else f"{text[:21]}…"
        parts.append(
            f'<line x1="{x:g}" y1="{_TOP}" x2="{x:g}" y2="{height:g}" stroke="currentColor" stroke-opacity="0.25"/>'
            f'<g><title>{cleaned(text[:300])}</title><rect x="{x - 80:g}" y="12" width="160" height="26" rx="7" '
            f'fill-opacity="0.05" stroke="{colours.get(name, "currentColor")}" stroke-width="1.5"/>'
            f'<text x="{x:g}" y="30" text-anchor="middle" font-weight="600">{cleaned(short)}</text></g>'
        )
    return parts


def _times(axis: _Axis, width: int) -> list[str]:
    parts = []
    for y, pause_ns in axis.pauses:
        parts.append(
            f'<line x1="{_LEFT}" y1="{y:g}" x2="{width}" y2="{y:g}" stroke="currentColor" stroke-opacity="0.35" '
            f'stroke-dasharray="2 5"/><text x="4" y="{y + 4:g}" {DIM}>⋮ {cleaned(span(pause_ns))}</text>'
        )
    for at, y in ((axis.at_ns[0], axis.at_y[0]), (axis.at_ns[-1], axis.at_y[-1])):
        parts.append(f'<text x="4" y="{y + 4:g}" {DIM}>{at / 1e9:.6f} s</text>')
    return parts


def _bars(strokes: Strokes, lanes: dict[int, float], axis: _Axis, colours: dict[str, str]) -> list[str]:
    parts = []
    for worker, began, ended in strokes.turns:
        if worker not in lanes or ended < axis.at_ns[0] or began > axis.at_ns[-1]:
            continue
        top, bottom = axis.y(max(began, axis.at_ns[0])), axis.y(min(ended, axis.at_ns[-1]))
        colour = colours.get(strokes.names.get(worker, ""), "currentColor")
        parts.append(
            f'<rect x="{lanes[worker] - 4:g}" y="{top:.1f}" width="8" height="{max(1.0, bottom - top):.1f}" rx="2" '
            f'fill="{colour}" fill-opacity="0.35"/>'
        )
    return parts


def _arrow(
    stroke: Stroke, lanes: dict[int, float], axis: _Axis, names: dict[int, str], colours: dict[str, str],
    labels_at: dict[tuple[int, int], float] | None,
) -> tuple[list[str], bool]:  # fmt: skip
    """The arrow, and whether it got a label: there is one where it does not lie upon another one's."""
    x1, x2 = lanes[stroke.source], lanes[stroke.destination]
    y1, y2 = axis.y(stroke.left_ns), axis.y(stroke.end_ns)
    colour = "#c92a2a" if stroke.lost else colours.get(names.get(stroke.source, ""), "currentColor")
    dashes = ' stroke-dasharray="5 4"' if stroke.lost else ""
    words = _said(stroke, names)
    if x1 == x2:
        shape = (
            f'<path d="M {x1:g} {y1:.1f} h 26 V {max(y2, y1 + 8):.1f} h -20" fill="none" stroke="{colour}"{dashes}/>'
        )
    else:
        way = 1 if x2 > x1 else -1
        shape = (
            f'<line x1="{x1:g}" y1="{y1:.1f}" x2="{x2 - way * 7:g}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{min(4.0, 1.2 + stroke.count.bit_length() * 0.3):.1f}"{dashes}/>'
            f'<path d="M {x2:g} {y2:.1f} l {-way * 8} -4 l 0 8 z" fill="{colour}"/>'
        )
    lane = (min(int(x1), int(x2)), max(int(x1), int(x2)))
    y = (y1 + y2) / 2 - 4
    label = ""
    if labels_at is not None and y - labels_at.get(lane, -100.0) >= 13:
        labels_at[lane] = y
        text = stroke.label if stroke.count == 1 else f"{stroke.count:,} of: {stroke.label}"
        text = text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 1]}…"
        anchor = "start" if x1 < x2 else "end"  # from its middle on the arrow leads away below the words
        label = f'<text x="{(x1 + x2) / 2:g}" y="{y:.1f}" font-size="11" text-anchor="{anchor}">{cleaned(text)}</text>'
    return [f"<g><title>{cleaned(words)}</title>{shape}{label}</g>"], bool(label)


def _said(stroke: Stroke, names: dict[int, str]) -> str:
    source, destination = (names.get(n, f"party {n}") for n in (stroke.source, stroke.destination))
    many = f"{stroke.count:,} envelopes, " if stroke.count > 1 else ""
    return (
        f"{source} to {destination}: {many}{stroke.wire_bytes:,} bytes, {stroke.value_bytes:,} of data; "
        f"{stroke.left_ns / 1e9:.6f} s, took {span(stroke.end_ns - stroke.left_ns)}; {stroke.label}"
    )[:300]


def _words(strokes: Strokes, shown: list[Stroke], height: float) -> list[str]:
    drawn = sum(stroke.count for stroke in shown)
    text = f"{drawn:,} envelopes, {len(shown):,} arrows"
    if strokes.span_ns:
        text += f": those of one pair within {span(strokes.span_ns)} are one arrow"
    return [f'<text x="4" y="{height + 16:g}" {DIM}>{cleaned(text)}</text>']


def span(nanoseconds: int) -> str:
    """A span of time in a fitting unit: ``12.3 ms``."""
    value = float(nanoseconds)
    for unit in ("ns", "µs", "ms"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} s"
