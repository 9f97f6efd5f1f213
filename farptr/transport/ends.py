"""How a connection ends, also one that nobody closed."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import zmq

from farptr.protocol.errors import BrokerLost
from farptr.protocol.header import Header, Kind

LAST_WORDS_LINGER_MS = 200


def end(
    owner: int,
    context: zmq.Context[Any],
    sockets: list[zmq.Socket[bytes]],
    fds: list[int],
    last_words: list[bytes],
) -> None:
    """Say the last words, and give back everything."""
    if os.getpid() != owner:  # a forked child: the threads that would do this are its parent's
        return
    for connection in sockets[:1] if last_words else ():
        connection.setsockopt(zmq.LINGER, LAST_WORDS_LINGER_MS)
        for words in last_words:
            with contextlib.suppress(zmq.Again):
                connection.send(words, zmq.NOBLOCK)
    close(sockets)
    context.term()
    for fd in fds:
        os.close(fd)


def close(sockets: list[zmq.Socket[bytes]]) -> None:
    """Close a connection and its monitor."""
    for monitor in sockets[1:]:
        sockets[0].disable_monitor()
        monitor.close(linger=0)
    for connection in sockets[:1]:
        connection.close()


def bye(welcome: dict[str, Any]) -> Header:
    """What a party says when it leaves."""
    return Header(Kind.BYE, epoch=welcome["epoch"], root=welcome["number"])


def cut_off() -> BrokerLost:
    """The error of a worker whose connection is gone, with all that was on its way."""
    return BrokerLost(
        "the connection to the broker was cut, and this worker is none of the run's any more",
        hint="a worker that has no memory for what comes is cut off, too",
    )
