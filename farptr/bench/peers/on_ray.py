"""ray: a local node without a dashboard, an actor for each worker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import ray

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.store import BULK, OUT, PART, Store, X, Z

STORE_BYTES = 1_000_000_000


class RayStore(Store):
    """A Store whose next hop is an actor: a handle is a reference to what that call gives."""

    def far_add(self, hops: int, out: int, a: int, b: int) -> Any:
        """As the store's; the next hop is called, and not waited for."""
        if hops == 1:
            return self.add(out, a, b)
        self.handles[out] = self.next.far_add.remote(hops - 1, out, a, b)
        return self.handles[out]

    def put_copy(self, key: int, array: Any) -> int:
        """Keep a copy of this process's own, where ``put`` keeps a view of shared memory."""
        return self.put(key, np.array(array))

    def average(self, *arrays: Any) -> Any:
        """The mean."""
        return sum(arrays) / len(arrays)


class OnRay(Adapter):
    """Calls of actors."""

    def start(self, workers: int) -> None:
        """A node with that many processors, an actor on each."""
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=STORE_BYTES,
            _temp_dir=tempfile.gettempdir(),
        )
        actor = ray.remote(RayStore)
        self.actors: list[Any] = [actor.options(num_cpus=1).remote() for _ in range(workers)]

    def first_results(self) -> None:
        """``x + x`` on each."""
        for actor in self.actors:
            actor.put_copy.remote(X, FOUR)
        ray.get([actor.add.remote(OUT, X, X) for actor in self.actors])

    def stop(self) -> None:
        """End the node."""
        ray.shutdown()

    def pids(self) -> list[int]:
        """The actors."""
        return list(ray.get([actor.pid.remote() for actor in self.actors]))

    def prepare(self) -> None:
        """FOUR on each, actors along the chain."""
        self.first_results()
        ray.get([a.meet.remote(before, []) for before, a in zip([None, *self.actors], self.actors, strict=False)])
        self.first = self.actors[0]

    def confirm(self) -> None:
        """A call."""
        ray.get(self.first.add.remote(OUT, X, X))

    def submit(self, count: int) -> Callable[[], None]:
        """Calls; an actor takes them in order."""
        for _ in range(count):
            last = self.first.add.remote(OUT, X, X)
        return lambda: ray.get(last) and None

    def run_plain(self, count: int) -> None:
        """Calls."""
        last = X
        for _ in range(count):
            last = ray.get(self.first.add.remote(Z, last, X))

    def run_best(self, count: int) -> None:
        """Calls."""
        last = self.first.add.remote(Z, X, X)
        for _ in range(count - 1):
            last = self.first.add.remote(Z, Z, X)
        ray.get(last)

    def best_result(self) -> Array:
        """What is kept."""
        return np.asarray(ray.get(self.first.get.remote(Z)))

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each."""
        ray.get([actor.put_copy.remote(PART, array) for actor, array in zip(self.actors, arrays, strict=True)])

    def average_plain(self) -> Array:
        """Each part is waited for before the mean is asked for."""
        parts = [actor.get.remote(PART) for actor in self.actors]
        ray.wait(parts, num_returns=len(parts), fetch_local=False)
        return np.asarray(ray.get(self.first.average.remote(*parts)))

    def average_best(self) -> Array:
        """One wait."""
        return np.asarray(ray.get(self.first.average.remote(*[actor.get.remote(PART) for actor in self.actors])))

    def confirm_far(self, depth: int) -> None:
        """A call of the last actor; then each handle along the chain is asked for what it stands for."""
        _last(self.actors[depth - 1].far_add.remote(depth, OUT, X, X))

    def run_far(self, depth: int, count: int) -> None:
        """Calls of the last actor, which does not wait for the one before it."""
        far = self.actors[depth - 1]
        last = far.far_add.remote(depth, Z, X, X)
        for _ in range(count - 1):
            last = far.far_add.remote(depth, Z, Z, X)
        _last(last)

    def put_plain(self, array: Array) -> None:
        """The worker copies."""
        ray.get(self.first.put_copy.remote(BULK, array))

    def get_plain(self) -> Array:
        """Copied here."""
        return np.array(ray.get(self.first.get.remote(BULK)))

    def put_best(self, array: Array) -> None:
        """The worker keeps a view."""
        ray.get(self.first.put.remote(BULK, ray.put(array)))

    def get_best(self) -> Array:
        """A view, read-only."""
        return np.asarray(ray.get(self.first.get.remote(BULK)))


def _last(reference: Any) -> None:
    while isinstance(reference, ray.ObjectRef):
        reference = ray.get(reference)
