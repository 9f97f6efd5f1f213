"""What the clock of a run is, as a user says it, and as it goes to the broker."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from farptr.clock.costs import FREE, Plain, Record, costs_of
from farptr.protocol.errors import BadClock
from farptr.protocol.names import unknown_worker

WALL, VIRTUAL = "wall", "virtual"
SEED = 0
"""Of a virtual run that was given none: the same program passes the same way again also then."""


def clock_of(kind: str, costs: Any = None, workers: Collection[str] | None = None) -> Plain | None:
    """In plain values, None for the wall's; raises BadClock, BadNetwork.

    ``workers`` are all that the run begins with: UnknownWorker for costs of another one. None: nobody knows them yet.
    """
    if kind not in (WALL, VIRTUAL):
        raise BadClock(f"there is no clock {kind!r}", hint="clock='virtual', or 'wall'")
    if kind == WALL:
        if costs is not None:
            raise BadClock("work takes its real time by the wall's clock: `costs` need clock='virtual'")
        return None
    found = {"kind": VIRTUAL, "costs": costs_of(costs)}
    if workers is not None:
        _check_workers(costs_in(found), workers)
    return found


def _check_workers(costs: Plain, workers: Collection[str]) -> None:
    for name in costs.get("worker", ()):
        if name not in workers:
            raise unknown_worker(name, workers)
    measured = Record(costs["measured"]).turns if "measured" in costs else {}
    if measured and not measured.keys() & set(workers):  # some may have had nothing to do, or come later
        raise BadClock(
            f"{costs['measured']} has the costs of {', '.join(measured)}, and of no worker of this run",
            hint="a file belongs to one program; name another one, and this run measures anew",
        )


def unkept(clock: Plain | None) -> str:
    """What to say of a run that is over, whose measured costs were not kept; empty where all is well."""
    path = costs_in(clock).get("measured") if clock else None
    if path is None or Path(path).exists():
        return ""
    return f"no measured costs were kept in {path}: no worker had anything to do, or the file could not be written"


def costs_in(clock: Plain) -> Plain:
    """The costs of ``clock_of``."""
    found: Plain = clock.get("costs", FREE)
    return found
