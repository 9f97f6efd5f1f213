"""One colour for each process, the same in every view."""

from __future__ import annotations

from collections.abc import Iterable

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")
_TONES = {
    "cyan": "#0891b2",
    "yellow": "#b7791f",
    "green": "#2f9e44",
    "magenta": "#c026d3",
    "blue": "#3b82f6",
    "bright_cyan": "#0d9488",
    "bright_yellow": "#c2410c",
    "bright_green": "#5f9a0c",
}
"""The same colours for pictures: middle tones, which show on white and on black."""
_FIXED = {"me": "bold", "broker": "bright_black", "supervisor": "bright_black"}


def colours(names: Iterable[str]) -> dict[str, str]:
    """A style for each name, in the order given; those that are no workers have theirs."""
    chosen: dict[str, str] = {}
    workers = 0
    for name in names:
        if name in _FIXED or name.startswith("client "):
            chosen[name] = _FIXED.get(name, "bold")
        elif name not in chosen:
            chosen[name] = _COLOURS[workers % len(_COLOURS)]
            workers += 1
    return chosen


def tones(names: Iterable[str]) -> dict[str, str]:
    """An SVG colour for each name, the one of ``colours``; those that are no workers have that of the text around."""
    return {name: _TONES.get(style, "currentColor") for name, style in colours(names).items()}
