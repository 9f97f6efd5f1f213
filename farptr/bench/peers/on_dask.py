"""dask.distributed: a local cluster of processes with a thread each."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import distributed
import numpy as np

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.store import OUT, Store, X, Z


def _twice(array: Array) -> Array:
    return array + array


def _mean(*arrays: Array) -> Array:
    return np.asarray(sum(arrays)) / len(arrays)


class FarStore(Store):
    """A Store whose next hop is an actor of another worker: its calls are futures."""

    def far_add(self, hops: int, out: int, a: int, b: int) -> int:
        """As the store's; the next hop is waited for."""
        if hops == 1:
            return self.add(out, a, b)
        self.handles[out] = self.next.far_add(hops - 1, out, a, b).result()
        return out


class OnDask(Adapter):
    """Futures through the scheduler, and actors, which go around it."""

    def start(self, workers: int) -> None:
        """A cluster without a dashboard, and a client."""
        self.cluster = distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        self.client = distributed.Client(self.cluster)
        self.client.wait_for_workers(workers, timeout=60)
        self.workers = list(self.client.scheduler_info(n_workers=-1)["workers"])

    def first_results(self) -> None:
        """``x + x`` on each."""
        here = [self.client.submit(_twice, FOUR, workers=[worker], pure=False) for worker in self.workers]
        distributed.wait(here, timeout=60)

    def stop(self) -> None:
        """Client and cluster."""
        self.client.close()
        self.cluster.close()

    def pids(self) -> list[int]:
        """The workers."""
        import os

        return [int(pid) for pid in self.client.run(os.getpid).values()]

    def prepare(self) -> None:
        """FOUR on each, in an actor; actors along the chain."""
        make: list[Any] = [self.client.submit(FarStore, actor=True, workers=[worker]) for worker in self.workers]
        self.actors = [future.result(timeout=60) for future in make]
        for before, actor in zip([None, *self.actors], self.actors, strict=False):
            actor.put(X, FOUR).result()
            actor.meet(before, []).result()
        self.first = self.actors[0]
        self.here = [self.workers[0]]
        self.x = self.client.scatter(FOUR, workers=self.here)

    def _add(self, a: Any, b: Any) -> Any:
        return self.client.submit(operator.add, a, b, workers=self.here, pure=False)

    def confirm(self) -> None:
        """A call of the actor, which is a quarter of a task."""
        self.first.add(OUT, X, X).result()

    def submit(self, count: int) -> Callable[[], None]:
        """Calls of the actor, not waited for."""
        for _ in range(count):
            last = self.first.add(OUT, X, X)
        return lambda: last.result() and None

    def run_plain(self, count: int) -> None:
        """Tasks."""
        z = self.x
        for _ in range(count):
            z = self._add(z, self.x)
            distributed.wait(z)

    def run_best(self, count: int) -> None:
        """Calls of the actor; the first is waited for, or others overtake it."""
        last = self.first.add(Z, X, X)
        last.result()
        for _ in range(count - 1):
            last = self.first.add(Z, Z, X)
        last.result()

    def best_result(self) -> Array:
        """What is kept."""
        return np.asarray(self.first.get(Z).result())

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each."""
        self.parts = [
            self.client.scatter(array, workers=[worker], hash=False, direct=True)
            for array, worker in zip(arrays, self.workers, strict=True)
        ]

    def average_plain(self) -> Array:
        """Added one by one, where the first part is; workers fetch from workers."""
        total, *rest = self.parts
        for part in rest:
            total = self._add(total, part)
            distributed.wait(total)
        return np.asarray(total.result()) / len(self.parts)

    def average_best(self) -> Array:
        """One task with all parts."""
        mean = self.client.submit(_mean, *self.parts, workers=self.here, pure=False)
        return np.asarray(self.client.gather(mean, direct=True))

    def confirm_far(self, depth: int) -> None:
        """A call of the last actor, which calls the one before it."""
        self.actors[depth - 1].far_add(depth, OUT, X, X).result()

    def run_far(self, depth: int, count: int) -> None:
        """Calls of the last actor; the first is waited for, or others overtake it."""
        far = self.actors[depth - 1]
        last = far.far_add(depth, Z, X, X)
        last.result()
        for _ in range(count - 1):
            last = far.far_add(depth, Z, Z, X)
        last.result()

    def put_plain(self, array: Array) -> None:
        """Through the scheduler."""
        self._put(array, direct=False)

    def get_plain(self) -> Array:
        """Through the scheduler."""
        return np.array(self.client.gather(self.bulk, direct=False))

    def put_best(self, array: Array) -> None:
        """Straight to the worker."""
        self._put(array, direct=True)

    def get_best(self) -> Array:
        """Straight from the worker."""
        return np.asarray(self.client.gather(self.bulk, direct=True))

    def _put(self, array: Array, *, direct: bool) -> None:
        self.bulk = None
        self.bulk = self.client.scatter(array, workers=self.here, hash=False, direct=direct)
        distributed.wait(self.bulk)
