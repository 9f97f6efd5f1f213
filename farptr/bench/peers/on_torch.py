"""torch RPC over TensorPipe: a process for each worker; arrays travel as tensors."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed.rpc as rpc

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.store import BULK, OUT, PART, Store, X, Z

TIMEOUT_S = 60.0
CLIENT = "client"

_STORE = Store()
"""A worker's own."""


def _call(name: str, *args: Any) -> Any:
    return getattr(_STORE, name)(*args)


def _far_add(hops: int, out: int, a: int, b: int) -> int:
    if hops == 1:
        return _STORE.add(out, a, b)
    before = _name(rpc.get_worker_info().id - 2)
    _STORE.handles[out] = rpc.rpc_sync(before, _far_add, (hops - 1, out, a, b))
    return out


def _mean(others: int, at_once: bool) -> Any:
    names = [_name(i) for i in range(1, others + 1)]
    if at_once:
        parts = [future.wait() for future in [rpc.rpc_async(name, _call, ("get", PART)) for name in names]]
    else:
        parts = [rpc.rpc_sync(name, _call, ("get", PART)) for name in names]
    return sum(parts, _STORE.get(PART)) / (others + 1)


def _plus(a: Any, b: Any) -> Any:
    """The sum of what two references of this worker stand for; waits for the one that is not there yet."""
    return a.local_value() + b.local_value()


def _name(worker: int) -> str:
    return f"w{worker}"


def _join(name: str, rank: int, size: int, meeting: str) -> None:
    torch.set_num_threads(1)
    options = rpc.TensorPipeRpcBackendOptions(init_method=f"file://{meeting}", rpc_timeout=TIMEOUT_S)
    rpc.init_rpc(name, rank=rank, world_size=size, rpc_backend_options=options)


def _serve(worker: int, size: int, meeting: str) -> None:
    _join(_name(worker), worker + 1, size, meeting)
    rpc.shutdown()  # when all have come to this line


class OnTorch(Adapter):
    """Calls that wait, and remote references."""

    no_bulk = "tensors travel in the same way in both modes"

    def start(self, workers: int) -> None:
        """Processes that meet in a file."""
        self.folder = tempfile.TemporaryDirectory()
        meeting = str(Path(self.folder.name) / "meeting")
        spawn = multiprocessing.get_context("spawn")
        self.processes = [
            spawn.Process(target=_serve, args=(i, workers + 1, meeting), daemon=True) for i in range(workers)
        ]
        for process in self.processes:
            process.start()
        _join(CLIENT, 0, workers + 1, meeting)
        self.names = [_name(i) for i in range(workers)]

    def first_results(self) -> None:
        """``x + x`` on each."""
        for name in self.names:
            rpc.rpc_sync(name, _call, ("put", X, torch.from_numpy(FOUR)))
        for future in [rpc.rpc_async(name, _call, ("add", OUT, X, X)) for name in self.names]:
            future.wait()

    def stop(self) -> None:
        """All leave together; who does not is ended."""
        rpc.shutdown(timeout=5)
        for process in self.processes:
            process.join(5)
            process.kill()
        self.folder.cleanup()

    def pids(self) -> list[int]:
        """The workers."""
        return [process.pid or 0 for process in self.processes]

    def prepare(self) -> None:
        """FOUR on each, and a reference to it on the first."""
        self.first_results()
        self.first = self.names[0]
        self.x = rpc.remote(self.first, _call, ("get", X))

    def confirm(self) -> None:
        """A call."""
        rpc.rpc_sync(self.first, _call, ("add", OUT, X, X))

    def submit(self, count: int) -> Callable[[], None]:
        """References."""
        made = [rpc.remote(self.first, _plus, (self.x, self.x)) for _ in range(count)]

        def settle() -> None:
            for reference in made:
                reference.to_here()

        return settle

    def run_plain(self, count: int) -> None:
        """Calls."""
        last = X
        for _ in range(count):
            last = rpc.rpc_sync(self.first, _call, ("add", Z, last, X))

    def run_best(self, count: int) -> None:
        """References; the last result is fetched, four floats, to know that it is there."""
        z = x = self.x
        for _ in range(count):
            z = rpc.remote(self.first, _plus, (z, x))
        self.last = z.to_here()

    def best_result(self) -> Array:
        """The last reference's value, or what is kept."""
        return np.asarray(self.last)

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each."""
        for name, array in zip(self.names, arrays, strict=True):
            rpc.rpc_sync(name, _call, ("put", PART, torch.from_numpy(array)))

    def average_plain(self) -> Array:
        """The first asks the others, one after the other."""
        return self._average(at_once=False)

    def average_best(self) -> Array:
        """The first asks all others at once."""
        return self._average(at_once=True)

    def _average(self, *, at_once: bool) -> Array:
        mean = rpc.rpc_sync(self.first, _mean, (len(self.names) - 1, at_once))
        return np.asarray(mean.numpy())

    def confirm_far(self, depth: int) -> None:
        """A call of the last hop, which calls the one before it."""
        rpc.rpc_sync(self.names[depth - 1], _far_add, (depth, OUT, X, X))

    def run_far(self, depth: int, count: int) -> None:
        """Chained references on one worker; through others, calls that wait: a worker's threads keep no order."""
        if depth == 1:
            self.run_best(count)
            return
        last = X
        for _ in range(count):
            last = rpc.rpc_sync(self.names[depth - 1], _far_add, (depth, Z, last, X))
        self.last = rpc.rpc_sync(self.first, _call, ("get", Z))

    def put_plain(self, array: Array) -> None:
        """A tensor that shares the array's memory travels."""
        rpc.rpc_sync(self.first, _call, ("put", BULK, torch.from_numpy(array)))

    def get_plain(self) -> Array:
        """A tensor comes back."""
        return np.asarray(rpc.rpc_sync(self.first, _call, ("get", BULK)).numpy())
