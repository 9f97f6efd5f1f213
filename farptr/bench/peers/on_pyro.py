"""Pyro5: a daemon for each worker, on Unix sockets."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import Pyro5.api
import serpent

from farptr.bench.peers.base import FOUR, Adapter, Array
from farptr.bench.peers.served import Served
from farptr.bench.peers.store import BULK, OUT, PART, Store, X, Z

BATCH = 1_000
"""Calls in a batch."""
PLAIN, FAST, BATCHED = "serpent", "marshal", "msgpack"
"""Serializers: the usual one, the fastest, and the fastest that takes batches."""


class ByteStore(Store):
    """A Store whose arrays travel as bytes: Pyro5's serializers know no arrays."""

    def put(self, key: int, array: Any) -> int:
        """Keep an array, given as bytes."""
        return super().put(key, np.frombuffer(_bytes(array)).copy())

    def get(self, key: int) -> bytes:
        """An array as bytes."""
        return bytes(self.kept[key].tobytes())

    def meet(self, following: Any, others: list[Any]) -> None:
        """Proxies, from addresses."""
        super().meet(_proxy(following) if following else None, [_proxy(uri) for uri in others])

    def far_add(self, hops: int, out: int, a: int, b: int) -> int:
        """As the store's. A proxy belongs to a thread, and each connection has its own: this one takes it."""
        if self.next is not None:
            self.next._pyroClaimOwnership()
        return super().far_add(hops, out, a, b)

    def mean(self, key: int) -> bytes:
        """The mean of everybody's array."""
        total = self.kept[key].copy()
        for other in self.others:
            total += np.frombuffer(_bytes(other.get(key)))
        return bytes((total / (len(self.others) + 1)).tobytes())


def _bytes(value: Any) -> bytes:
    """What serpent makes of bytes is a dict of text."""
    return bytes(serpent.tobytes(value)) if isinstance(value, dict) else bytes(value)


def _proxy(uri: str) -> Any:
    proxy = Pyro5.api.Proxy(uri)
    proxy._pyroSerializer = FAST
    return proxy


def _serve(path: str, mouth: Connection[Any, Any]) -> None:
    daemon = Pyro5.api.Daemon(unixsocket=path)
    Pyro5.api.expose(Store)  # it exposes what a class itself defines
    uri = daemon.register(Pyro5.api.expose(ByteStore)())
    mouth.send(str(uri))
    daemon.requestLoop()


class OnPyro(Adapter):
    """Proxies and their batches."""

    def start(self, workers: int) -> None:
        """Daemons, a proxy of each."""
        self.served = Served(_serve, workers)
        self.proxies = [Pyro5.api.Proxy(uri) for uri in self.served.words]

    def first_results(self) -> None:
        """``x + x`` on each."""
        for proxy in self.proxies:
            proxy.put(X, FOUR.tobytes())
            proxy.add(OUT, X, X)

    def stop(self) -> None:
        """Release, end."""
        for proxy in self.proxies:
            proxy._pyroRelease()
        self.served.end()

    def pids(self) -> list[int]:
        """The daemons."""
        return self.served.pids()

    def prepare(self) -> None:
        """FOUR on each, proxies along the chain."""
        uris = self.served.words
        self.first_results()
        for i, proxy in enumerate(self.proxies):
            proxy.meet(uris[i - 1] if i else "", [] if i else uris[1:])
        self.first = self.proxies[0]

    def confirm(self) -> None:
        """A call, by marshal."""
        self.first._pyroSerializer = FAST
        self.first.add(OUT, X, X)

    def submit(self, count: int) -> Callable[[], None]:
        """A batch that is sent and not waited for; a call behind it waits."""
        batch = self._batch(self.first)
        for _ in range(count):
            batch.add(OUT, X, X)
        batch(oneway=True)
        return lambda: self.first.pid()

    def _batch(self, proxy: Any) -> Any:
        proxy._pyroSerializer = BATCHED
        return Pyro5.api.BatchProxy(proxy)

    def run_plain(self, count: int) -> None:
        """Calls."""
        self.first._pyroSerializer = PLAIN
        last = X
        for _ in range(count):
            last = self.first.add(Z, last, X)

    def run_best(self, count: int) -> None:
        """Batches."""
        last = X
        while count:
            batch = self._batch(self.first)
            for _ in range(min(count, BATCH)):
                batch.add(Z, last, X)
                last = Z
                count -= 1
            for _ in batch():
                pass

    def best_result(self) -> Array:
        """What is kept."""
        self.first._pyroSerializer = FAST
        return np.frombuffer(self.first.get(Z))

    def average_ready(self, arrays: list[Array]) -> None:
        """A part each."""
        for proxy, array in zip(self.proxies, arrays, strict=True):
            proxy._pyroSerializer = FAST
            proxy.put(PART, array.tobytes())

    def average_plain(self) -> Array:
        """The first asks the others, one after the other."""
        self.first._pyroSerializer = PLAIN
        return np.frombuffer(_bytes(self.first.mean(PART)))

    def average_best(self) -> Array:
        """The same, by marshal."""
        self.first._pyroSerializer = FAST
        return np.frombuffer(self.first.mean(PART))

    def confirm_far(self, depth: int) -> None:
        """A call of the last hop, which calls the one before it."""
        self.proxies[depth - 1]._pyroSerializer = FAST
        self.proxies[depth - 1].far_add(depth, OUT, X, X)

    def run_far(self, depth: int, count: int) -> None:
        """Batches for the last hop."""
        last = X
        while count:
            batch = self._batch(self.proxies[depth - 1])
            for _ in range(min(count, BATCH)):
                batch.far_add(depth, Z, last, X)
                last = Z
                count -= 1
            for _ in batch():
                pass

    def put_plain(self, array: Array) -> None:
        """By serpent, which writes bytes as text."""
        self._put(PLAIN, array)

    def get_plain(self) -> Array:
        """By serpent."""
        return self._get(PLAIN)

    def put_best(self, array: Array) -> None:
        """By marshal."""
        self._put(FAST, array)

    def get_best(self) -> Array:
        """By marshal."""
        return self._get(FAST)

    def _put(self, serializer: str, array: Array) -> None:
        self.first._pyroSerializer = serializer
        self.first.put(BULK, array.tobytes())

    def _get(self, serializer: str) -> Array:
        self.first._pyroSerializer = serializer
        return np.frombuffer(_bytes(self.first.get(BULK)))
