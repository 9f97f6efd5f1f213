"""The steps that measure: each takes an adapter and sizes, does its part of a round, and gives figures."""

from __future__ import annotations

import contextlib
import functools
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from farptr.bench.memory import peak_mb, pss_of_all_mb, pss_of_workers_mb
from farptr.bench.peers.base import Absent, Adapter, Array
from farptr.bench.peers.raw import Raw, memcpy_s

LEAST_S = 0.02
"""A rate is believed when it was measured for so long."""
NOT_ASKED = "not asked of it"
_PACES: dict[str, float] = {}
"""What each rate was in the round before; this process has one contestant."""


class Sizes(NamedTuple):
    """How much is done in a round."""

    workers: int = 8
    rounds: int = 7
    trips: int = 100
    submits: int = 200
    ops: int = 20_000
    budget_s: float = 0.5
    """A contestant that would need longer for ``ops`` does fewer; the rate is for each operation."""
    floats: int = 100_000
    bulk_bytes: int = 100_000_000
    depths: tuple[int, ...] = (1, 2, 4, 8)
    parties: tuple[int, ...] = (1, 8, 64, 256)


def rate(run: Callable[[int], None], sizes: Sizes, what: str, result: Callable[[], Array]) -> tuple[float]:
    """Operations a second: as many as take ``budget_s``, at most ``ops``. A wrong result is an error.

    How many that is, short tries tell, which are not counted; later rounds go by the round before, known as ``what``,
    and begin with a twentieth that is not counted: who was stopped finds its caches cold.
    """
    pace = _PACES.get(what) or _tried(run, sizes)
    count = max(5, min(sizes.ops, int(pace * sizes.budget_s)))
    run(max(1, count // 20))
    _PACES[what] = count / _took(lambda: run(count))
    with contextlib.suppress(Absent):
        value = result()
        assert np.all(value == count + 1), f"{count} operations gave {value}"
    return (_PACES[what],)


def _tried(run: Callable[[int], None], sizes: Sizes) -> float:
    count, took = 5, _took(lambda: run(5))
    while took < LEAST_S and count < sizes.ops:
        count = min(sizes.ops, count * 4)
        took = _took(functools.partial(run, count))
    return count / took


def _took(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def submit(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float]:
    """The caller's part of so many operations; waiting for them is not counted."""
    adapter.submit(sizes.submits)()  # finds its caches cold
    start = time.perf_counter()
    settle = adapter.submit(sizes.submits)
    took = time.perf_counter() - start
    settle()
    return (took / sizes.submits * 1e6,)


def average(mode: str) -> Callable[[Adapter, Sizes, None], tuple[float]]:
    """Milliseconds for the mean of one array on each worker; wrong means are an error."""

    def run(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float]:
        took = []
        for _try in range(2):  # the first finds connections not made
            adapter.average_ready([np.full(sizes.floats, float(i)) for i in range(sizes.workers)])
            start = time.perf_counter()
            mean = getattr(adapter, f"average_{mode}")()
            took.append((time.perf_counter() - start) * 1e3)
            assert mean.shape == (sizes.floats,), mean.shape
            assert np.all(mean == (sizes.workers - 1) / 2), mean
        return (took[-1],)

    return run


def bulk(mode: str) -> Callable[[Adapter, Sizes, None], tuple[float, float]]:
    """GB/s there and back."""

    def run(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float, float]:
        array = np.arange(sizes.bulk_bytes // 8, dtype=float)
        for _try in range(2):  # the first finds memory that nobody has touched yet
            put_s = _took(lambda: getattr(adapter, f"put_{mode}")(array))
            start = time.perf_counter()
            back = getattr(adapter, f"get_{mode}")()
            get_s = time.perf_counter() - start
        assert back.shape == array.shape, back.shape
        assert back[-1] == array[-1]
        return array.nbytes / put_s / 1e9, array.nbytes / get_s / 1e9

    return run


def memcpy(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float]:
    """GB/s of a copy within this process."""
    if not isinstance(adapter, Raw):
        raise Absent(NOT_ASKED)
    return (sizes.bulk_bytes / memcpy_s(sizes.bulk_bytes) / 1e9,)


def broker_peak(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float]:
    """The broker's peak, from the system's own account of it; of several brokers the greatest."""
    brokers = adapter.others().values()
    if not brokers:
        raise Absent(NOT_ASKED)
    return (max(map(peak_mb, brokers)),)


def start_up(adapter: Adapter, sizes: Sizes, workers: int | None) -> tuple[float, float, float]:
    """Start, compute on each, look at the memory; ending is not counted."""
    begin = time.perf_counter()
    adapter.start(workers or sizes.workers)
    try:
        adapter.first_results()
        took = time.perf_counter() - begin
        return took, pss_of_workers_mb(adapter.pids()), pss_of_all_mb()
    finally:
        adapter.stop()


def scale(adapter: Adapter, sizes: Sizes, workers: int) -> tuple[float, float, float, float]:
    """As ``start_up``, and what an operation costs among so many workers."""
    begin = time.perf_counter()
    adapter.start(workers)
    try:
        adapter.first_results()
        took = time.perf_counter() - begin
        memory = pss_of_workers_mb(adapter.pids())
        adapter.prepare()
        trips = statistics.median(adapter.trips_us(sizes.trips))
        return took, memory, trips, *rate(adapter.run_best, sizes, f"W8@{workers}", adapter.best_result)
    finally:
        adapter.stop()


def dependent(mode: str) -> Callable[[Adapter, Sizes, None], tuple[float]]:
    """Operations a second, each on the result of the one before."""

    def run(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float]:
        result = adapter.best_result if mode == "best" else _unknown
        return rate(getattr(adapter, f"run_{mode}"), sizes, f"W2 {mode}", result)

    return run


def _unknown() -> Array:
    raise Absent("not fetched")


def confirmed(adapter: Adapter, sizes: Sizes, _: None) -> tuple[float]:
    """The median of so many single operations, in microseconds."""
    return (statistics.median(adapter.trips_us(sizes.trips)),)


def far_confirmed(adapter: Adapter, sizes: Sizes, depth: int | None) -> tuple[float]:
    """As ``confirmed``, through a chain: of two hops unless told."""
    return (statistics.median(adapter.far_trips_us(depth or 2, sizes.trips)),)


def far_pipelined(adapter: Adapter, sizes: Sizes, depth: int | None) -> tuple[float]:
    """Operations a second through a chain, not waited for one by one."""
    return rate(lambda count: adapter.run_far(depth or 2, count), sizes, f"far {depth}", adapter.best_result)
