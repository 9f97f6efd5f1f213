"""xoscar: one pool with a process for each worker, an actor in each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import xoscar as xo

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.store import BULK, OUT, PART, Store, X, Z

BATCH = 1_000
"""Calls in a batch."""


class _StoreActor(xo.Actor):
    """A Store in an actor."""

    def __init__(self) -> None:
        super().__init__()
        store = self._store = Store()
        self.put, self.get, self.pid, self.meet = store.put, store.get, store.pid, store.meet

    @xo.extensible
    def add(self, out: int, a: int, b: int) -> int:
        """As the store's."""
        return self._store.add(out, a, b)

    @xo.extensible
    async def far_add(self, hops: int, out: int, a: int, b: int) -> int:
        """As the store's; the next hop is awaited."""
        store = self._store
        if hops == 1:
            return store.add(out, a, b)
        store.handles[out] = await store.next.far_add(hops - 1, out, a, b)
        return out

    async def mean(self, key: int, at_once: bool) -> Any:
        """The mean of everybody's array; asked one after the other, or all at once."""
        others = self._store.others
        if at_once:
            parts = await asyncio.gather(*(other.get(key) for other in others))
        else:
            parts = [await other.get(key) for other in others]
        return sum(parts, self._store.get(key)) / (len(others) + 1)


class OnXoscar(Adapter):
    """Calls that are awaited, and batches of them."""

    def start(self, workers: int) -> None:
        """A pool, an actor in each of its processes."""
        self.loop = asyncio.new_event_loop()
        self._do(self._start(workers))

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    async def _start(self, workers: int) -> None:
        self.pool = await xo.create_actor_pool("127.0.0.1", n_process=workers)
        address = self.pool.external_address
        self.refs = [
            await xo.create_actor(
                _StoreActor, address=address, uid=f"s{i}", allocate_strategy=xo.allocate_strategy.ProcessIndex(i + 1)
            )
            for i in range(workers)
        ]

    def first_results(self) -> None:
        """``x + x`` on each."""

        async def first(ref: Any) -> None:
            await ref.put(X, FOUR)
            await ref.add(OUT, X, X)

        async def all_of_them() -> None:
            await asyncio.gather(*map(first, self.refs))

        self._do(all_of_them())

    def stop(self) -> None:
        """End the pool."""
        self._do(self.pool.stop())
        self.loop.close()

    def pids(self) -> list[int]:
        """The pool's processes."""

        async def ask() -> list[int]:
            return [await ref.pid() for ref in self.refs]

        return list(self._do(ask()))

    def prepare(self) -> None:
        """FOUR on each, references along the chain."""

        async def meet() -> None:
            for i, ref in enumerate(self.refs):
                await ref.meet(self.refs[i - 1] if i else None, [] if i else self.refs[1:])

        self.first_results()
        self._do(meet())
        self.first = self.refs[0]

    def trips_us(self, count: int) -> list[float]:
        """Timed within the loop: starting the loop is no part of a call."""
        return self._timed(lambda: self.first.add(OUT, X, X), count)

    def _timed(self, call: Callable[[], Any], count: int) -> list[float]:
        async def trips() -> list[float]:
            times = []
            for _ in range(count + 1):
                start = time.perf_counter()
                await call()
                times.append((time.perf_counter() - start) * 1e6)
            return times[1:]

        return list(self._do(trips()))

    def submit(self, count: int) -> Callable[[], None]:
        """A batch is awaited as a whole: the caller makes it and sends it off in a task."""
        add = self.first.add
        calls = [add.delay(OUT, X, X) for _ in range(count)]

        async def send() -> asyncio.Task[Any]:
            task: asyncio.Task[Any] = asyncio.ensure_future(add.batch(*calls))
            await asyncio.sleep(0)
            return task

        task = self._do(send())
        return lambda: self.loop.run_until_complete(task) and None

    def run_plain(self, count: int) -> None:
        """Calls."""

        async def run() -> None:
            last = X
            for _ in range(count):
                last = await self.first.add(Z, last, X)

        self._do(run())

    def run_best(self, count: int) -> None:
        """Batches."""
        self._do(_batches(self.first.add, (Z, X, X), (Z, Z, X), count))

    def best_result(self) -> Array:
        """What is kept."""
        return np.asarray(self._do(self.first.get(Z)))

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each."""

        async def put() -> None:
            for ref, array in zip(self.refs, arrays, strict=True):
                await ref.put(PART, array)

        self._do(put())

    def average_plain(self) -> Array:
        """The first asks the others, one after the other."""
        return np.asarray(self._do(self.first.mean(PART, False)))

    def average_best(self) -> Array:
        """The first asks all others at once."""
        return np.asarray(self._do(self.first.mean(PART, True)))

    def far_trips_us(self, depth: int, count: int) -> list[float]:
        """Calls of the last hop, which calls the one before it."""
        far = self.refs[depth - 1]
        return self._timed(lambda: far.far_add(depth, OUT, X, X), count)

    def run_far(self, depth: int, count: int) -> None:
        """Batches for the last hop."""
        self._do(_batches(self.refs[depth - 1].far_add, (depth, Z, X, X), (depth, Z, Z, X), count))

    def put_plain(self, array: Array) -> None:
        """A call."""
        self._do(self.first.put(BULK, array))

    def get_plain(self) -> Array:
        """A call."""
        return np.asarray(self._do(self.first.get(BULK)))


async def _batches(method: Any, first: tuple[int, ...], following: tuple[int, ...], count: int) -> None:
    await method(*first)
    count -= 1
    while count > 0:
        many = min(count, BATCH)
        await method.batch(*[method.delay(*following) for _ in range(many)])
        count -= many
