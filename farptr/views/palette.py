"""One colour for each process, the same in every view."""

from __future__ import annotations

from collections.abc import Iterable

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")
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
