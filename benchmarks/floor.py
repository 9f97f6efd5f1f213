"""The floor: what a round trip through a broker costs with raw pyzmq and nothing else.

client → broker → worker → broker → client: four messages of one frame, three processes, no library logic. The broker
is a ROUTER that forwards between two known peers; the worker echoes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import zmq

CLIENT, WORKER = b"c", b"w"


def _broker(address: str) -> None:
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind(address)
    recv, send = router.recv, router.send
    while True:
        source = recv()
        body = recv()
        if body == b"end":
            return
        send(WORKER if source == CLIENT else CLIENT, zmq.SNDMORE)
        send(body)


def _worker(address: str) -> None:
    dealer = zmq.Context().socket(zmq.DEALER)
    dealer.setsockopt(zmq.IDENTITY, WORKER)
    dealer.connect(address)
    dealer.send(b"")  # lets the broker know the route
    while True:
        dealer.send(dealer.recv())


class Floor:
    """A connected client of the floor's broker."""

    def __init__(self, address: str) -> None:
        self._socket = zmq.Context().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, CLIENT)
        self._socket.connect(address)
        self._body = b"b" * 130  # about as long as one command with its header

    def meet(self) -> None:
        """Wait until the worker answers: the broker drops what comes for a peer that is not there yet."""
        while True:
            self._socket.send(self._body)
            if self._socket.poll(50):
                break
        while self._socket.poll(200):
            self._socket.recv_multipart()

    def trip(self) -> None:
        """One round trip."""
        self._socket.send(self._body)
        self._socket.recv()

    def round_trips_us(self, count: int) -> float:
        """Median of single round trips, in microseconds."""
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self.trip()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e6

    def end(self) -> None:
        self._socket.send(b"end")
        self._socket.close(linger=100)


@contextlib.contextmanager
def floor() -> Iterator[Floor]:
    """The floor's three processes; this one is the client."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{Path(folder) / 's'}"
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=target, args=(address,), daemon=True) for target in (_broker, _worker)]
        for process in processes:
            process.start()
        client = Floor(address)
        try:
            client.meet()
            client.round_trips_us(200)
            yield client
        finally:
            client.end()
            for process in processes:
                process.join(0.5)
                process.terminate()
                process.join()
