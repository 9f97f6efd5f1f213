"""ipyparallel: a local cluster of engines, without a profile of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipyparallel
import numpy as np

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.store import OUT, Store, X, Z

START_S = 60
IN_FLIGHT = 200

_STORE = Store()
"""An engine's own."""


def _call(name: str, *args: Any) -> Any:
    return getattr(_STORE, name)(*args)


class OnIpyparallel(Adapter):
    """Functions that engines apply to what they keep."""

    no_bulk = "push and pull are the only way"
    no_chain = "its engines do not send to each other"

    def start(self, workers: int) -> None:
        """Controller, engines, client."""
        self.cluster = ipyparallel.Cluster(n=workers, log_level=50)
        self.client = self.cluster.start_and_connect_sync(activate=False)
        self.client.wait_for_engines(workers, timeout=START_S, interactive=False)
        self.views: list[Any] = [self.client[i] for i in self.client.ids]

    def first_results(self) -> None:
        """``x + x`` on each."""
        every = self.client[:]
        every.apply_sync(_call, "put", X, FOUR)
        every.apply_sync(_call, "add", OUT, X, X)

    def stop(self) -> None:
        """All."""
        self.cluster.stop_cluster_sync()
        self.client.close()

    def pids(self) -> list[int]:
        """The engines."""
        import os

        return list(self.client[:].apply_sync(os.getpid))

    def prepare(self) -> None:
        """FOUR on each."""
        self.first_results()
        self.first = self.views[0]

    def confirm(self) -> None:
        """A function applied."""
        self.first.apply_sync(_call, "add", OUT, X, X)

    def submit(self, count: int) -> Callable[[], None]:
        """Functions applied; an engine takes them in order."""
        for _ in range(count):
            last = self.first.apply_async(_call, "add", OUT, X, X)
        return lambda: last.get() and None

    def run_plain(self, count: int) -> None:
        """Waited for."""
        last = X
        for _ in range(count):
            last = self.first.apply_sync(_call, "add", Z, last, X)
        self._forget()

    def run_best(self, count: int) -> None:
        """Some under way."""
        last = self.first.apply_async(_call, "add", Z, X, X)
        for done in range(count - 1):
            last = self.first.apply_async(_call, "add", Z, Z, X)
            if done % IN_FLIGHT == IN_FLIGHT - 1:
                last.get()
        last.get()
        self._forget()

    def best_result(self) -> Array:
        """What is kept."""
        return np.asarray(self.first.apply_sync(_call, "get", Z))

    def _forget(self) -> None:
        """The client keeps each result until it is told not to."""
        self.client.purge_local_results("all")

    def put_plain(self, array: Array) -> None:
        """Pushed."""
        self.first.push({"bulk": array}, block=True)

    def get_plain(self) -> Array:
        """Pulled."""
        return np.array(self.first.pull("bulk", block=True))
