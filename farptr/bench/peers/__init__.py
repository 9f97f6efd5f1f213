"""The contestants: the floor, farptr, and other libraries, each with an adapter."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from typing import NamedTuple

from farptr.bench.peers.base import Adapter


class Entry(NamedTuple):
    """A contestant: where its adapter is, what must be installed, and how it does the works."""

    module: str
    adapter: str
    distribution: str
    """Also the name of the module that must be there; empty for what comes with Python."""
    plain: str
    best: str
    private: bool = True
    """Whether an array that was fetched in best mode is the caller's own; a view of shared memory is not."""


FLOOR, OURS = "floor", "farptr"
CONTESTANTS = {
    FLOOR: Entry(
        "raw", "Raw", "zmq", "one message there and back, nothing computed", "a message each, 200 of them under way"
    ),
    OURS: Entry(
        "ours",
        "Ours",
        "farptr",
        "`sim.sync()` behind each operation",
        "operations return at once, one `sim.sync()` behind them",
    ),
    "multiprocessing": Entry(
        "managers", "Managers", "", "calls of a manager's proxy, results kept by key", "none: every call waits"
    ),
    "rpyc": Entry(
        "on_rpyc",
        "OnRpyc",
        "rpyc",
        "netrefs, `z = z + x`; arrays by pickle",
        "`async_` calls, results kept by key; arrays as bytes",
    ),
    "Pyro5": Entry(
        "on_pyro",
        "OnPyro",
        "Pyro5",
        "calls of a proxy, results kept by key; serpent",
        "batches of up to 1,000 calls, msgpack; arrays as bytes, marshal",
    ),
    "xoscar": Entry(
        "on_xoscar",
        "OnXoscar",
        "xoscar",
        "calls of an actor, each awaited; results kept by key",
        "batches of up to 1,000 calls",
    ),
    "dask.distributed": Entry(
        "on_dask",
        "OnDask",
        "distributed",
        "`submit` and wait: futures, through the scheduler",
        "calls of an actor, results kept by key; direct transfers",
    ),
    "torch RPC": Entry(
        "on_torch",
        "OnTorch",
        "torch",
        "`rpc_sync`, results kept by key",
        "`rpc.remote`: references to results, chained",
    ),
    "ray": Entry(
        "on_ray",
        "OnRay",
        "ray",
        "calls of an actor, each waited for; results kept by key; copies of arrays",
        "calls not waited for; arrays as views of shared memory",
        private=False,
    ),
    "ipyparallel": Entry(
        "on_ipyparallel",
        "OnIpyparallel",
        "ipyparallel",
        "`view.apply_sync`, results kept by key",
        "`view.apply_async`",
    ),
}
"""In the order of the tables."""
PEERS = tuple(name for name in CONTESTANTS if name not in (FLOOR, OURS))
_PACKAGES = {"zmq": "pyzmq"}


def adapter(name: str) -> Adapter:
    """A contestant's adapter; its library is imported here."""
    entry = CONTESTANTS[name]
    made: Adapter = getattr(importlib.import_module(f"farptr.bench.peers.{entry.module}"), entry.adapter)()
    return made


def why_absent(name: str) -> str:
    """Why a contestant cannot take part; empty when it can. Imports nothing of it."""
    needed = CONTESTANTS[name].distribution
    if not needed or importlib.util.find_spec(needed) is not None:
        return ""
    return f"{needed} is not installed: pip install 'farptr[bench]'"


def version(name: str) -> str:
    """The library's version; Python's own for what comes with it."""
    import platform

    needed = CONTESTANTS[name].distribution
    return importlib.metadata.version(_PACKAGES.get(needed, needed)) if needed else platform.python_version()
