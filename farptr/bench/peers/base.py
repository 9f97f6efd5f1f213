"""What an adapter does for one library: the works' steps, each in the library's own words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

Array = np.ndarray[Any, Any]

FOUR = np.ones(4)
"""What small operations work on."""


class Absent(Exception):
    """A step that this library has not, or that is not asked of it; the text says why."""


class Adapter:
    """One library: what it has not stays as it is here, and is reported with the reason.

    "confirmed" means: the caller knows that the operation has run, and has a handle to its result. "plain" is the way a
    newcomer writes, a call that waits; "best" is whatever the library has to avoid waiting. Both keep the values on the
    worker: shipping a loop there is none of the works.
    """

    no_best = "it has no other mode than the plain one"
    no_bulk = "it is the same as in plain mode"
    no_chain = "its workers do not call each other"

    def start(self, workers: int) -> None:
        """Start that many workers; the library is imported already."""
        raise NotImplementedError

    def first_results(self) -> None:
        """One operation on each worker, until all have run."""
        raise NotImplementedError

    def stop(self) -> None:
        """End everything that ``start`` has started."""

    def pids(self) -> list[int]:
        """The workers' processes."""
        raise NotImplementedError

    def others(self) -> dict[str, int]:
        """Other processes that are reported by name."""
        return {}

    def prepare(self) -> None:
        """Put FOUR on the first worker, for what follows."""

    # ------------------------------------------------------------ small operations on the first worker

    def confirm(self) -> None:
        """``x + x`` there, until it has run; this end has a handle to the result, for a moment."""
        raise NotImplementedError

    def trips_us(self, count: int) -> list[float]:
        """Microseconds of each of so many ``confirm``."""
        return timed_us(self.confirm, count)

    def submit(self, count: int) -> Callable[[], None]:
        """Issue so many ``x + x`` and return when the caller could go on; what is returned waits for all."""
        self._no_best()

    def run_plain(self, count: int) -> None:
        """``z = z + x``, so many, each waited for."""
        raise NotImplementedError

    def run_best(self, count: int) -> None:
        """``z = z + x``, so many, until the last has run."""
        self._no_best()

    def best_result(self) -> Array:
        """The ``z`` of the last ``run_best`` or ``run_far``: whether everything has run, and in order."""
        raise Absent("nothing is computed in best mode")

    # ------------------------------------------------------------ several workers

    def average_ready(self, arrays: list[Array]) -> None:
        """Put one array on each worker; not timed."""
        raise Absent(self.no_chain)

    def average_plain(self) -> Array:
        """Their mean, computed on the first worker and fetched."""
        raise Absent(self.no_chain)

    def average_best(self) -> Array:
        """The same, the workers busy at once."""
        self._no_best()

    def confirm_far(self, depth: int) -> None:
        """``x + x`` through handles: this end → … → the first worker; ``depth`` workers, a handle at each."""
        raise Absent(self.no_chain)

    def far_trips_us(self, depth: int, count: int) -> list[float]:
        """Microseconds of each of so many ``confirm_far``."""
        return timed_us(lambda: self.confirm_far(depth), count)

    def run_far(self, depth: int, count: int) -> None:
        """``z = z + x`` through handles, best mode, until the last has run."""
        raise Absent(self.no_chain)

    # ------------------------------------------------------------ bulk

    def put_plain(self, array: Array) -> None:
        """Hand the first worker an array; it keeps it when this returns, in place of the one before."""
        raise NotImplementedError

    def get_plain(self) -> Array:
        """Fetch that array: a copy of this process's own."""
        raise NotImplementedError

    def put_best(self, array: Array) -> None:
        """As ``put_plain``, the fastest way there is."""
        raise Absent(self.no_bulk)

    def get_best(self) -> Array:
        """As ``get_plain``, the fastest way there is."""
        raise Absent(self.no_bulk)

    def _no_best(self) -> NoReturn:
        raise Absent(self.no_best)


def timed_us(call: Callable[[], object], count: int) -> list[float]:
    """Microseconds of each of so many calls; one more, which finds everything asleep, is not counted."""
    times = []
    for _ in range(count + 1):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    return times[1:]
