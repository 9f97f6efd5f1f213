"""The floor: what a round trip through a broker costs with raw pyzmq and nothing else.

client → broker → worker → broker → client: four messages of one frame, three processes, no library logic. The broker
is a ROUTER that forwards between two known peers; the worker echoes. A second pair, for bulk, forwards frames without
copying them; its worker keeps what it was sent and gives it back when asked.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zmq

CLIENT, WORKER = b"c", b"w"
IN_FLIGHT = 200
"""Messages under way at once when they are not waited for; far below ZeroMQ's own limit."""
PATIENCE_MS = 30_000


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
    dealer = _dealer(address, WORKER)
    dealer.send(b"")  # lets the broker know the route
    while True:
        dealer.send(dealer.recv())


def _bulk_broker(address: str) -> None:
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind(address)
    while True:
        source = router.recv()
        body = router.recv(copy=False)
        if len(body) == len(b"end") and body.bytes == b"end":
            return
        router.send(WORKER if source == CLIENT else CLIENT, zmq.SNDMORE)
        router.send(body, copy=False)


def _bulk_worker(address: str) -> None:
    """Keeps the last long message; a short one asks for it."""
    dealer = _dealer(address, WORKER)
    dealer.send(b"")
    kept = bytearray()
    while True:
        frame = dealer.recv(copy=False)
        if len(frame) > len(b"get"):
            kept = bytearray(frame.buffer)
            dealer.send(b"ok")
        elif frame.bytes == b"get":
            dealer.send(kept, copy=False)
        else:
            dealer.send(b"ok")


def _dealer(address: str, identity: bytes) -> zmq.Socket[bytes]:
    dealer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    dealer.setsockopt(zmq.IDENTITY, identity)
    dealer.setsockopt(zmq.RCVTIMEO, -1 if identity == WORKER else PATIENCE_MS)
    dealer.connect(address)
    return dealer


class Floor:
    """A connected client of the floor's broker."""

    def __init__(self, address: str) -> None:
        self._socket = _dealer(address, CLIENT)
        self._body = b"b" * 130  # about as long as one command with its header

    def meet(self, body: bytes | None = None) -> None:
        """Wait until the worker answers: the broker drops what comes for a peer that is not there yet."""
        deadline_s = time.monotonic() + PATIENCE_MS / 1e3
        while time.monotonic() < deadline_s:
            self._socket.send(self._body if body is None else body)
            if self._socket.poll(50):
                break
        while self._socket.poll(200):
            self._socket.recv_multipart()

    def trip(self) -> None:
        """One round trip."""
        self._socket.send(self._body)
        self._socket.recv()

    def stream(self, count: int) -> None:
        """So many messages there and back, up to IN_FLIGHT of them under way."""
        send, recv, body = self._socket.send, self._socket.recv, self._body
        ahead = min(count, IN_FLIGHT)
        for _ in range(ahead):
            send(body)
        for _ in range(count - ahead):
            recv()
            send(body)
        for _ in range(ahead):
            recv()

    def submit(self, count: int) -> Callable[[], None]:
        """Send so many messages; what is returned waits for the answers. ``count`` is at most IN_FLIGHT."""
        for _ in range(count):
            self._socket.send(self._body)

        def settle() -> None:
            for _ in range(count):
                self._socket.recv()

        return settle

    def round_trips_us(self, count: int) -> float:
        """Median of single round trips, in microseconds."""
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self.trip()
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1e6

    def put(self, body: memoryview) -> None:
        """Hand the bulk worker some bytes; it has a copy of its own when this returns."""
        self._socket.send(body, copy=False)
        self._socket.recv()

    def fetch(self) -> zmq.Frame:
        """What the bulk worker keeps."""
        self._socket.send(b"get")
        return self._socket.recv(copy=False)

    def end(self) -> None:
        """End the broker."""
        self._socket.send(b"end")
        self._socket.close(linger=100)


@contextlib.contextmanager
def floor(*, bulk: bool = False) -> Iterator[Floor]:
    """The floor's three processes; this one is the client."""
    targets = (_bulk_broker, _bulk_worker) if bulk else (_broker, _worker)
    with tempfile.TemporaryDirectory() as folder:
        address = f"ipc://{Path(folder) / 's'}"
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=target, args=(address,), daemon=True) for target in targets]
        for process in processes:
            process.start()
        client = Floor(address)
        try:
            if bulk:
                client.meet(b"hi")
            else:
                client.meet()
                client.round_trips_us(200)
            yield client
        finally:
            client.end()
            for process in processes:
                process.join(0.5)
                process.terminate()
                process.join()
