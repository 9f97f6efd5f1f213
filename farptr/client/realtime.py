"""Whether a program under a virtual clock lets real time pass, which is no modelled time.

Laws
    Who computes uses a processor or waits for one; neither is a sleep, and nothing is said of it.
    Said once for a run, of the line that waits next: what came before it took the time.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farptr.client.lines import calling_line

NOTICED_S = 0.5
"""Less may be a file that is read, or a library that is imported."""
_QUEUED = Path("/proc/thread-self/schedstat")


class RealTimePassed(UserWarning):
    """A program under the virtual clock has slept, or waited for something else, by the real one."""


def queued_s() -> float:
    """Seconds that this thread was ready and had no processor; 0 where the system does not tell."""
    try:
        return int(_QUEUED.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def somebody_types() -> bool:
    """Whether this is an IPython or a prompt of Python's own; a program that has imported IPython is none."""
    ipython: Any = sys.modules.get("IPython")
    return bool(ipython and ipython.get_ipython()) or hasattr(sys, "ps1") or bool(sys.flags.interactive)


class RealTime:
    """What passed between two waits of one program.

    Args:
        wall, busy, queued: seconds by the real clock, of the process on processors, of it waiting for one.
        interactive: whether a person types meanwhile.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
        queued: Callable[[], float] = queued_s,
        interactive: bool | None = None,
    ) -> None:
        self._wall, self._busy, self._queued = wall, busy, queued
        if interactive is None:
            interactive = somebody_types()
        self._watches = not interactive
        self._queued_s = queued()
        self.begin()

    def begin(self) -> None:
        """The program goes on."""
        self._began = (self._wall(), self._busy())

    def end(self) -> None:
        """The program waits for the run: warn if it has waited for something else before."""
        if not self._watches or self._wall() - self._began[0] < NOTICED_S:
            return
        # All the time it was ever queued: too much, which only keeps this quiet.
        asleep_s = self._wall() - self._began[0] - (self._busy() - self._began[1]) - (self._queued() - self._queued_s)
        if asleep_s < NOTICED_S:
            return
        self._watches = False
        file, _, line = calling_line().rpartition(":")
        warnings.warn_explicit(
            f"{asleep_s:.1f} s of real time passed before this line in which the program did nothing: no time of the "
            f"model. If it slept, sim.sleep({asleep_s:.1f}) takes modelled time and no real one",
            RealTimePassed,
            file,
            int(line or 0),
        )
