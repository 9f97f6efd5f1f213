"""What the clock of a run is, as a user says it, and as it goes to the broker."""

from __future__ import annotations

from typing import Any

from farptr.clock.costs import FREE, Plain, costs_of
from farptr.protocol.errors import BadClock

WALL, VIRTUAL = "wall", "virtual"
SEED = 0
"""Of a virtual run that was given none: the same program passes the same way again also then."""


def clock_of(kind: str, costs: Any = None) -> Plain | None:
    """In plain values, None for the wall's; raises BadClock, BadNetwork."""
    if kind not in (WALL, VIRTUAL):
        raise BadClock(f"there is no clock {kind!r}", hint="clock='virtual', or 'wall'")
    if kind == WALL:
        if costs is not None:
            raise BadClock("work takes its real time by the wall's clock: `costs` need clock='virtual'")
        return None
    return {"kind": VIRTUAL, "costs": costs_of(costs)}


def costs_in(clock: Plain) -> Plain:
    """The costs of ``clock_of``."""
    found: Plain = clock.get("costs", FREE)
    return found
