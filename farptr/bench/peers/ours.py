"""farptr itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import farptr as fp
from farptr.bench.peers.base import FOUR, Absent, Adapter, Array
from farptr.transport.pool import VARIABLE

Pointer = Any
"""A pointer has the operators of what it points at, which its class does not spell out."""


class Ours(Adapter):
    """Pointers; nothing waits but ``sync`` and ``get``."""

    def start(self, workers: int) -> None:
        """A run with that many workers."""
        self.sim = fp.up(workers)
        self.apart: fp.Run | None = None
        self.chains: dict[int, Pointer] = {}
        self.kept: Pointer = None
        self.parts: list[Pointer] = []

    def first_results(self) -> None:
        """``x + x`` on each worker."""
        pointers: list[Pointer] = [fp.send(FOUR, worker) for worker in self.sim]
        for pointer in pointers:
            pointer + pointer
        self.sim.sync()

    def stop(self) -> None:
        """End what was started."""
        self.sim.close()
        if self.apart is not None:
            self.apart.close()

    def pids(self) -> list[int]:
        """The workers."""
        return [self.sim.pids[worker.name] for worker in self.sim]

    def others(self) -> dict[str, int]:
        """The brokers."""
        runs = {"broker": self.sim._running, "broker of parts": self.apart._running if self.apart else None}
        return {name: running.info.broker_pid for name, running in runs.items() if running}

    def prepare(self) -> None:
        """FOUR on the first worker."""
        self.x = self._chain(1)

    def _chain(self, depth: int) -> Pointer:
        if depth not in self.chains:
            if depth > len(self.sim):
                raise Absent(f"{len(self.sim)} workers are too few")
            pointer: Pointer = fp.send(FOUR, self.sim[0])
            for worker in self.sim.workers[1:depth]:
                pointer = pointer.send(worker)
            self.sim.sync()
            self.chains[depth] = pointer
        return self.chains[depth]

    def confirm(self) -> None:
        """Issue, sync."""
        self.x + self.x
        self.sim.sync()

    def submit(self, count: int) -> Callable[[], None]:
        """Issue; the handles die at once."""
        x = self.x
        for _ in range(count):
            x + x
        return self.sim.sync

    def run_plain(self, count: int) -> None:
        """Issue and sync, each."""
        z = x = self.x
        for _ in range(count):
            z = z + x
            self.sim.sync()

    def run_best(self, count: int) -> None:
        """Issue all, sync once."""
        self._run(self.x, count)

    def _run(self, x: Pointer, count: int) -> None:
        z = x
        for _ in range(count):
            z = z + x
        self.sim.sync()
        self.z = z

    def best_result(self) -> Array:
        """The last handle's, however long its chain."""
        value = self.z
        while isinstance(value, fp.Pointer):
            value = value.get()
        return np.asarray(value)

    def average_ready(self, arrays: list[Array]) -> None:
        """One array on each worker."""
        self.parts = [fp.send(array, worker) for array, worker in zip(arrays, self.sim, strict=False)]
        self.sim.sync()

    def average_plain(self) -> Array:
        """Each array moved to the first worker, and waited for."""
        total, *rest = self.parts
        for part in rest:
            total = total + part.move(self.sim[0])
            self.sim.sync()
        return np.asarray((total / len(self.parts)).get())

    def average_best(self) -> Array:
        """All moved, added, and the mean fetched; one wait."""
        total, *rest = self.parts
        first = self.sim[0]
        for moved in [part.move(first) for part in rest]:
            total = total + moved
        return np.asarray((total / len(self.parts)).get())

    def confirm_far(self, depth: int) -> None:
        """Issue through the chain, sync."""
        pointer = self._chain(depth)
        pointer + pointer
        self.sim.sync()

    def run_far(self, depth: int, count: int) -> None:
        """Issue all through the chain, sync once."""
        self._run(self._chain(depth), count)

    def put_plain(self, array: Array) -> None:
        """Send, sync; in a run without shared memory, in parts through the broker."""
        if self.apart is None:
            with _no_pool():
                self.apart = fp.up(1)
        self._put(self.apart, array)

    def get_plain(self) -> Array:
        """A copy of what was sent."""
        return np.asarray(self.kept.get_copy())

    def put_best(self, array: Array) -> None:
        """Send, sync; through shared memory, as processes of one host do."""
        self._put(self.sim, array)

    get_best = get_plain

    def _put(self, sim: fp.Run, array: Array) -> None:
        self.kept = None
        self.kept = fp.send(array, sim[0])
        sim.sync()


@contextmanager
def _no_pool() -> Iterator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "0"
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before
