"""The floor as a contestant: raw pyzmq, the same passages, no library."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import numpy as np

from farptr.bench.floor import floor
from farptr.bench.peers.base import Absent, Adapter, Array


class Raw(Adapter):
    """Messages of 130 bytes through a broker of a few lines; nothing is computed."""

    no_chain = "the floor has one worker and computes nothing"

    def start(self, workers: int) -> None:
        """Two floors: one for messages, one for bulk."""
        self.stack = contextlib.ExitStack()
        self.small = self.stack.enter_context(floor())
        self.bulk = self.stack.enter_context(floor(bulk=True))

    def first_results(self) -> None:
        """There are none."""
        raise Absent("the floor has no workers to start")

    def pids(self) -> list[int]:
        """There are none that compute."""
        raise Absent("the floor has no workers to start")

    def stop(self) -> None:
        """End both."""
        self.stack.close()

    def confirm(self) -> None:
        """One round trip."""
        self.small.trip()

    def submit(self, count: int) -> Callable[[], None]:
        """Send, without waiting."""
        return self.small.submit(count)

    def run_plain(self, count: int) -> None:
        """Round trips."""
        for _ in range(count):
            self.small.trip()

    def run_best(self, count: int) -> None:
        """Messages under way together."""
        self.small.stream(count)

    def confirm_far(self, depth: int) -> None:
        """One round trip, whatever the depth: what longer chains are held against."""
        self.small.trip()

    def run_far(self, depth: int, count: int) -> None:
        """As ``run_best``, whatever the depth."""
        self.small.stream(count)

    def put_plain(self, array: Array) -> None:
        """One frame through the broker; the worker copies it."""
        self.bulk.put(memoryview(array.data).cast("B"))

    def get_plain(self) -> Array:
        """One frame through the broker, copied here."""
        return np.frombuffer(self.bulk.fetch().buffer).copy()


def memcpy_s(size_bytes: int) -> float:
    """Seconds to copy that much from one array into another, both there already: the median of five."""
    source, target = np.ones(size_bytes // 8), np.ones(size_bytes // 8)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - start)
    return sorted(times)[2]
