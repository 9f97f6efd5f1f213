"""A DEALER connected to a broker: the hello, then envelopes.

Not thread-safe: the caller holds a lock around everything but ``wait`` and ``wake``.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import weakref
from typing import Any

import zmq

import farptr
from farptr.protocol import body as bodies
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import (
    ERRORS,
    BrokerLost,
    FarptrError,
    NoRun,
    RuntimeDirectory,
    VersionMismatch,
)  # fmt: skip
from farptr.protocol.header import VERSION, Header, Kind, encode, read, version_of

# Plain integers: the enumerations' operators cost a microsecond each.
_POLLIN, _NOBLOCK = int(zmq.POLLIN), int(zmq.NOBLOCK)
HELLO_TIMEOUT_S = 10.0
LOOK_MS = 1000
LOOK_FOR_CUT_MS = 100
LAST_WORDS_LINGER_MS = 200
IPC_PATH_LIMIT = 107
"""Bytes of a Unix socket's path (sockaddr_un, less the final NUL)."""


class Dealer:
    """One connection. ``welcome`` is what the broker said to the hello."""

    def __init__(self, address: str, hello: dict[str, Any], *, timeout_s: float = HELLO_TIMEOUT_S) -> None:
        self.address = check_address(address)
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 0)  # bounded by the marks of the session, not by dropping or blocking
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.RCVTIMEO, LOOK_MS)
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self.broker_fd: int | None = None
        """Readable when the broker's process is gone; None where that cannot be known."""
        self._descriptor = self._socket.fileno()
        self._signalled = False
        self._poll = select.poll()
        self.over = False
        """The broker's process is gone."""
        # A connection that is dropped, perhaps in a cycle, must not leave its end to ZeroMQ: a context that is
        # collected before its socket waits for that for ever. The process's own end needs none of this.
        self._last_words: list[bytes] = []
        self._fds = [self._woken, self._wake]
        self._cuts: list[zmq.Socket[bytes]] = []
        """What tells that the connection was cut, if somebody wants to know."""
        mine = (self._context, self._socket, self._cuts, self._fds, self._last_words)
        self._end = weakref.finalize(self, _end, os.getpid(), *mine)
        self._end.atexit = False
        try:
            self._socket.connect(self.address)
            self.welcome = self._say_hello(hello, timeout_s)
            self._last_words.append(encode(bye(self.welcome)))
            self._watch_broker()
        except BaseException:
            self.close()
            raise

    def _say_hello(self, hello: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        body = bodies.dumps({"version": farptr.__version__, "pid": os.getpid(), "host": socket.gethostname(), **hello})
        self.send(Envelope(Header(Kind.HELLO, body_bytes=len(body)), body))
        if not self._socket.poll(int(timeout_s * 1000)):
            raise NoRun(
                f"nothing answers at {self.address} (waited {timeout_s:g} s)",
                hint="`farptr ps` lists the runs; `farptr up julie toby` starts one",
            )
        raw = self._socket.recv_multipart()[0]
        version = version_of(raw)
        if version != VERSION:
            raise VersionMismatch(
                f"the broker at {self.address} speaks protocol {version}, this side {VERSION}"
                f" (farptr {farptr.__version__})",
                hint="install the same farptr on both sides",
            )
        header, end = read(raw)
        answer = bodies.loads_as(dict, raw[end:])
        if header.kind == Kind.REFUSED:
            raise refusal(answer)
        return answer  # type: ignore[no-any-return]

    def _watch_broker(self) -> None:
        pid, host = self.welcome.get("pid"), self.welcome.get("host")
        self._poll.register(self._descriptor, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        if host != socket.gethostname() or not isinstance(pid, int) or not hasattr(os, "pidfd_open"):
            return
        try:
            self.broker_fd = os.pidfd_open(pid)
        except OSError:
            self.over = True
            return
        self._fds.append(self.broker_fd)
        self._poll.register(self.broker_fd, select.POLLIN)

    def watch_cut(self) -> None:
        """Make ``next`` and ``send`` raise BrokerLost soon after the connection is cut, with all that was on its way.

        ZeroMQ connects again and does not tell; the broker takes that for a stranger. A connection on one machine is
        cut when this process has no memory for what comes.
        """
        self._cuts.append(self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED))
        self._socket.setsockopt(zmq.RCVTIMEO, LOOK_FOR_CUT_MS)
        self._socket.setsockopt(zmq.SNDTIMEO, LOOK_FOR_CUT_MS)

    # ------------------------------------------------------------ envelopes

    def send(self, envelope: Envelope) -> None:
        """Queue one envelope; buffers are copied before this returns. Raises BrokerLost, see ``watch_cut``."""
        header, body, buffers = envelope
        send = self._socket.send
        try:
            if not buffers:
                send(encode(header) + body)
                return
            send(encode(header) + body, zmq.SNDMORE)
            for buffer in buffers[:-1]:
                send(buffer, zmq.SNDMORE)
            send(buffers[-1])
        except zmq.Again:  # only after ``watch_cut``: there is no connection to queue for
            raise _cut() from None

    def receive(self) -> Envelope | None:
        """The next envelope, None when there is none now; raises ProtocolError for what is no envelope."""
        # Asking first costs a third of the exception that finds out; after a signal there nearly always is one.
        if self._signalled:
            self._signalled = False
        elif not self.readable():
            return None
        try:
            return self._envelope(self._socket.recv(_NOBLOCK))
        except zmq.Again:
            return None

    def next(self) -> Envelope:
        """The next envelope, however long it takes.

        For a process that does nothing else: unlike ``wait`` it cannot be woken, but by a signal whose handler raises;
        one that comes just before the sleep is noticed within LOOK_MS. Sleeping in ZeroMQ costs less than ``wait``.
        """
        while True:
            with contextlib.suppress(zmq.Again):
                return self._envelope(self._socket.recv())
            if self._cuts and self._cuts[0].poll(0):
                raise _cut()

    def _envelope(self, frame: bytes) -> Envelope:
        header, end = read(frame)
        if not header.buffers:
            return Envelope(header, frame[end:])
        # The broker has checked the number of frames; asking the socket again would cost as much as a frame.
        buffers = tuple([self._socket.recv(copy=False).buffer for _ in range(header.buffers)])
        return Envelope(header, frame[end:], buffers)

    def readable(self) -> bool:
        """Whether ``receive`` would find something. A send can swallow the signal that ``wait`` waits for."""
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & _POLLIN)

    def wait(self, timeout_s: float) -> None:
        """Sleep until something may have come, ``wake`` was called, the broker is gone, or the time is over.

        May return early. Call it without the lock, after ``receive`` gave None under the lock.
        """
        if self.over or self._socket.closed:
            return
        for fd, _ in self._poll.poll(max(0.0, timeout_s) * 1000):
            if fd == self._descriptor:
                self._signalled = True
            elif fd == self._woken:
                os.read(self._woken, 4096)
            elif fd == self.broker_fd:
                self.over = True

    def wake(self) -> None:
        """Make a ``wait`` in another thread return."""
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
            os.write(self._wake, b"\0")

    def check(self) -> None:
        """Raise BrokerLost when the broker's process is gone."""
        if self.over:
            raise BrokerLost(
                f"the broker of run {self.welcome.get('run')!r} is gone, and the run with it", hint="start a new run"
            )

    def close(self, linger_s: float = 0.0) -> None:
        """Close the connection; what is queued has ``linger_s`` to leave."""
        if not self._socket.closed:
            self._socket.setsockopt(zmq.LINGER, int(linger_s * 1000))
        self._last_words.clear()
        self._end()


def _end(
    owner: int,
    context: zmq.Context[Any],
    connection: zmq.Socket[bytes],
    cuts: list[zmq.Socket[bytes]],
    fds: list[int],
    last_words: list[bytes],
) -> None:
    if os.getpid() != owner:  # a forked child: the threads that would do this are its parent's
        return
    if last_words:
        connection.setsockopt(zmq.LINGER, LAST_WORDS_LINGER_MS)
        for words in last_words:
            connection.send(words)
    if cuts:
        connection.disable_monitor()
    for cut in cuts:
        cut.close(linger=0)
    connection.close()
    context.term()
    for fd in fds:
        os.close(fd)


def _cut() -> BrokerLost:
    return BrokerLost("the connection to the broker was cut: this process has no memory for what came")


def bye(welcome: dict[str, Any]) -> Header:
    """What a party says when it leaves."""
    return Header(Kind.BYE, epoch=welcome["epoch"], root=welcome["number"])


def refusal(answer: dict[str, Any]) -> FarptrError:
    """The error that a refusal stands for."""
    cls = ERRORS.get(str(answer.get("kind")), FarptrError)
    return cls(str(answer.get("message")), hint=str(answer.get("hint", "")))


def check_address(address: str) -> str:
    """The address itself; raises RuntimeDirectory when a socket path is too long, NoRun when it is no address."""
    scheme, _, path = address.partition("://")
    if scheme == "tcp":
        raise NoRun(
            f"{address}: this version does not speak TCP, which needs keys", hint="runs are joined on one machine"
        )
    if scheme != "ipc" or not path:
        raise NoRun(f"{address!r} is no address", hint="ipc:///path/of/socket, as `farptr ps` prints it")
    if len(os.fsencode(path)) > IPC_PATH_LIMIT:
        raise RuntimeDirectory(
            f"the socket path {path} has {len(os.fsencode(path))} bytes, over the system's {IPC_PATH_LIMIT}",
            hint="set FARPTR_RUNTIME_DIR to a shorter path",
        )
    return address
