"""rpyc: a threaded server for each worker, on Unix sockets."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import rpyc
from rpyc.utils.classic import obtain
from rpyc.utils.factory import unix_connect
from rpyc.utils.server import ThreadedServer

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.served import Served
from farptr.bench.peers.store import BULK, OUT, PART, Store, X, Z

CONNECT_S = 10.0
IN_FLIGHT = 100
"""Calls under way: more, and both ends wait to send when the sockets' buffers are full."""
CONFIG = {"allow_public_attrs": True, "allow_pickle": True, "sync_request_timeout": None}


class _Service(rpyc.Service):
    """A Store whose methods are called by their own names, and bytes as a fast way for arrays."""

    def __init__(self) -> None:
        self._store = store = Store()
        for name in ("pid", "get", "add", "far_add"):
            setattr(self, f"exposed_{name}", getattr(store, name))

    def exposed_put(self, key: int, array: Any) -> None:
        """Pull an array by pickle, as rpyc's ``obtain`` does."""
        self._store.put(key, obtain(array))

    def exposed_put_bytes(self, key: int, data: bytes) -> None:
        """Take an array of floats as bytes."""
        self._store.put(key, np.frombuffer(data).copy())

    def exposed_get_bytes(self, key: int) -> bytes:
        """Give an array as bytes."""
        return bytes(self._store.get(key).tobytes())

    def exposed_meet(self, following: str, others: tuple[str, ...]) -> None:
        """Connect to the next hop, or to others."""
        self._store.meet(_connect(following).root if following else None, [_connect(path).root for path in others])

    def exposed_mean(self, key: int, at_once: bool) -> bytes:
        """The mean of everybody's array; asked one after the other, or all at once."""
        store = self._store
        ask = [rpyc.async_(other.get_bytes) if at_once else other.get_bytes for other in store.others]
        answers = [call(key) for call in ask]
        total = store.get(key).copy()
        for answer in answers:
            total += np.frombuffer(answer.value if at_once else answer)
        return bytes((total / (len(answers) + 1)).tobytes())


def _connect(path: str) -> Any:
    """A server says that it is up just before it listens."""
    deadline_s = time.monotonic() + CONNECT_S
    while True:
        try:
            return unix_connect(path, config=CONFIG)
        except ConnectionRefusedError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.001)


def _serve(path: str, mouth: Connection[Any, Any]) -> None:
    server = ThreadedServer(_Service(), socket_path=path, protocol_config=CONFIG)
    mouth.send("up")
    server.start()


class OnRpyc(Adapter):
    """Netrefs, and calls that are not waited for."""

    def start(self, workers: int) -> None:
        """Servers, a connection to each."""
        self.served = Served(_serve, workers)
        self.connections = [_connect(path) for path in self.served.paths]
        self.roots = [connection.root for connection in self.connections]

    def first_results(self) -> None:
        """``x + x`` on each."""
        for root in self.roots:
            root.put_bytes(X, FOUR.tobytes())
            root.add(OUT, X, X)

    def stop(self) -> None:
        """Close, end."""
        for connection in self.connections:
            connection.close()
        self.served.end()

    def pids(self) -> list[int]:
        """The servers."""
        return self.served.pids()

    def prepare(self) -> None:
        """FOUR on each, connections along the chain."""
        paths = self.served.paths
        self.first_results()
        for i, root in enumerate(self.roots):
            root.meet(paths[i - 1] if i else "", () if i else tuple(paths[1:]))
        self.root = self.roots[0]
        self.x = self.root.get(X)
        self.add = rpyc.async_(self.root.add)

    def confirm(self) -> None:
        """A call by keys, which is a quarter of a netref's operator."""
        self.root.add(OUT, X, X)

    def submit(self, count: int) -> Callable[[], None]:
        """Async calls; the server takes them in order."""
        for _ in range(count):
            last = self.add(OUT, X, X)
        return last.wait  # type: ignore[no-any-return]

    def run_plain(self, count: int) -> None:
        """Netrefs."""
        z = x = self.x
        for _ in range(count):
            z = z + x

    def run_best(self, count: int) -> None:
        """Async calls."""
        _stream(self.add, (Z, X, X), (Z, Z, X), count)

    def best_result(self) -> Array:
        """What is kept."""
        return np.frombuffer(self.root.get_bytes(Z))

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each."""
        for root, array in zip(self.roots, arrays, strict=True):
            root.put_bytes(PART, array.tobytes())

    def average_plain(self) -> Array:
        """The first asks the others, one after the other."""
        return np.frombuffer(self.root.mean(PART, False))

    def average_best(self) -> Array:
        """The first asks all others at once."""
        return np.frombuffer(self.root.mean(PART, True))

    def confirm_far(self, depth: int) -> None:
        """A call of the last hop, which calls the one before it."""
        self.roots[depth - 1].far_add(depth, OUT, X, X)

    def run_far(self, depth: int, count: int) -> None:
        """Async calls of the last hop."""
        far_add = rpyc.async_(self.roots[depth - 1].far_add)
        _stream(far_add, (depth, Z, X, X), (depth, Z, Z, X), count)

    def put_plain(self, array: Array) -> None:
        """By pickle."""
        self.root.put(BULK, array)

    def get_plain(self) -> Array:
        """By pickle."""
        return np.asarray(obtain(self.root.get(BULK)))

    def put_best(self, array: Array) -> None:
        """As bytes."""
        self.root.put_bytes(BULK, array.tobytes())

    def get_best(self) -> Array:
        """As bytes."""
        return np.frombuffer(self.root.get_bytes(BULK))


def _stream(call: Callable[..., Any], first: tuple[int, ...], following: tuple[int, ...], count: int) -> None:
    """So many calls, IN_FLIGHT of them under way; the server takes them in order."""
    under_way = deque([call(*first)])
    for _ in range(count - 1):
        if len(under_way) == IN_FLIGHT:
            under_way.popleft().wait()
        under_way.append(call(*following))
    under_way[-1].wait()
