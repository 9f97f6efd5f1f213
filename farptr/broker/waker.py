"""Wakes a broker that sleeps on its socket when something else needs it: a thread that watches file descriptors.

Sleeping in ZeroMQ's own ``recv`` costs a tenth of a round trip less than polling the socket's descriptor beside others
(benchmarks/floor.py, both ways, in turn). So the others are watched here, and a message says that they are ready.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterable
from typing import Any

import zmq

ROUTE = b"waker"
"""Its routing id. Taken before anybody else can connect, and a ROUTER refuses a second one."""
_ADDRESS = "inproc://waker"
_JOIN_S = 1.0
LOOK_MS = 250
"""The broker looks around this often in any case: for stopped processes, and because a signal that comes just before it
sleeps does not end the sleep."""


class Waker:
    """Sends an empty message from ``ROUTE`` when one of the descriptors is readable, and every LOOK_MS.

    After each message it waits for ``heeded``: what is ready stays so until somebody reads it.
    """

    def __init__(self, context: zmq.Context[Any], router: zmq.Socket[bytes], fds: Iterable[int]) -> None:
        router.bind(_ADDRESS)
        self._socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, ROUTE)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(_ADDRESS)
        self._end, self._ending = os.pipe()
        self._poll = select.poll()
        for fd in (*fds, self._end):
            self._poll.register(fd, select.POLLIN)
        self._heeded = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, daemon=True, name="farptr-waker")
        self._thread.start()

    def heeded(self) -> None:
        """The broker has looked at everything: watch again."""
        self._heeded.set()

    def close(self) -> None:
        """End the thread and its socket."""
        self._closed = True
        self._heeded.set()
        os.write(self._ending, b"\0")
        self._thread.join(_JOIN_S)
        self._socket.close()
        os.close(self._end)
        os.close(self._ending)

    def _watch(self) -> None:
        while True:
            self._poll.poll(LOOK_MS)
            self._heeded.clear()
            if self._closed:
                return
            self._socket.send(b"")
            self._heeded.wait()
