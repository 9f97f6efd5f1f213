"""multiprocessing's managers: a server process for each worker, calls through proxies."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.managers import BaseManager
from typing import Any

import numpy as np

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.store import BULK, OUT, PART, Store, X, Z


class Manager(BaseManager):
    """A server process with a Store."""


METHODS = ("pid", "meet", "put", "get", "add", "far_add", "mean")
Manager.register("Store", Store, exposed=METHODS)


class Managers(Adapter):
    """Every call waits for its answer: there is no other mode."""

    no_best = no_bulk = "calls of a manager's proxy wait: there are no batches and no futures"

    def start(self, workers: int) -> None:
        """A manager each, with a proxy of the one before it in the chain."""
        spawn = multiprocessing.get_context("spawn")
        self.managers: list[Any] = [Manager(ctx=spawn) for _ in range(workers)]
        for manager in self.managers:
            manager.start()
        self.stores: list[Any] = [manager.Store() for manager in self.managers]
        for before, store in zip([None, *self.stores], self.stores, strict=False):
            store.meet(before, [])

    def first_results(self) -> None:
        """``x + x`` on each."""
        for store in self.stores:
            store.put(X, FOUR)
            store.add(OUT, X, X)

    def stop(self) -> None:
        """End the servers."""
        for manager in self.managers:
            manager.shutdown()

    def pids(self) -> list[int]:
        """The servers."""
        return [store.pid() for store in self.stores]

    def prepare(self) -> None:
        """FOUR on the first."""
        self.first = self.stores[0]
        self.first.put(X, FOUR)

    def confirm(self) -> None:
        """A call."""
        self.first.add(OUT, X, X)

    def submit(self, count: int) -> Callable[[], None]:
        """There is no call that does not wait."""
        self._no_best()

    def run_plain(self, count: int) -> None:
        """Calls."""
        add, last = self.first.add, X
        for _ in range(count):
            last = add(Z, last, X)

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each; the first knows the others."""
        for store, array in zip(self.stores, arrays, strict=True):
            store.put(PART, array)
        self.first.meet(None, self.stores[1:])

    def average_plain(self) -> Array:
        """The first one asks the others, one after the other."""
        return np.asarray(self.first.mean(PART))

    def confirm_far(self, depth: int) -> None:
        """A call of the last hop, which calls the one before it."""
        self.stores[depth - 1].far_add(depth, OUT, X, X)

    def run_far(self, depth: int, count: int) -> None:
        """There is no call that does not wait."""
        self._no_best()

    def put_plain(self, array: Array) -> None:
        """Pickled there."""
        self.first.put(BULK, array)

    def get_plain(self) -> Array:
        """Pickled back."""
        return np.asarray(self.first.get(BULK))
