"""A DEALER connected to a broker: the hello, then envelopes.

Not thread-safe: the caller holds a lock around everything but ``wait`` and ``wake``.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
import weakref
from collections.abc import Sequence
from typing import Any

import zmq

from farptr.protocol import body as bodies
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import (
    BrokerLost,
    FarptrError,
    NoRun,
    SessionExpired,
    refusal,
)
from farptr.protocol.header import Kind, encode, read
from farptr.transport.address import check_address, is_tcp, nobody
from farptr.transport.bulk import Bulk
from farptr.transport.curve import Login
from farptr.transport.ends import LAST_WORDS_LINGER_MS, bye, close, end
from farptr.transport.hello import make_hello, read_welcome
from farptr.transport.pool import bound_bytes

# Plain integers: the enumerations' operators cost a microsecond each.
_POLLIN, _NOBLOCK, _REFUSED = int(zmq.POLLIN), int(zmq.NOBLOCK), int(Kind.REFUSED)
_ROSTER, _TAKEN, _BYE = int(Kind.ROSTER), int(Kind.TAKEN), int(Kind.BYE)
_PART = int(Kind.PART)
"""From here on: what is for ``bulk`` alone."""
_HEEDED = frozenset({_ROSTER, _TAKEN})
HELLO_TIMEOUT_S = 10.0
HELLO_AGAIN_S = 0.5
"""A client that resumes its session says its hello again when nothing has come by then."""
LOOK_MS = 1000
REST_LOOKS = 60
"""A worker that has had nothing to do for so long gives the memory of its pool back: touching it anew costs more than
sending what fills it."""
SEND_MS = 1000
ROUTE_BYTES = 15
BROKERS_END_MS = 500
"""A process that ends lets its connections go first: its end is known by then, on a busy machine too."""


class Dealer:
    """One connection. ``welcome`` is what the broker said to the hello.

    ``pool_bytes`` bounds the memory that it shares with other parties; None for what the environment says. ``key`` is
    the file to join over the network with, else that of $FARPTR_KEY.
    """

    def __init__(
        self,
        address: str,
        hello: dict[str, Any],
        *,
        timeout_s: float = HELLO_TIMEOUT_S,
        pool_bytes: int | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        self.address = check_address(address)
        self._login = Login(address, key) if is_tcp(address) else None
        if self._login is not None:
            pool_bytes = 0  # what is shared is this machine's
        self.bulk = Bulk(bound_bytes() if pool_bytes is None else pool_bytes)
        self._context = zmq.Context()
        self._sockets: list[zmq.Socket[bytes]] = []
        """What has to be closed: the connection, and what tells that it was cut."""
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self.broker_fd: int | None = None
        """Readable when the broker's process is gone; None where that cannot be known."""
        self._signalled = False
        self._poll = select.poll()
        self.over = False
        """The broker's process is gone."""
        self.cut = False
        """The connection was cut while the broker lives: nothing comes or goes until ``again``."""
        self.received = 1
        """Envelopes that have come; the welcome was the first."""
        self.in_bytes = self.out_bytes = 0
        """Bytes of all frames that the socket has given and taken, those of hello and welcome included."""
        # A connection that is dropped, perhaps in a cycle, must not leave its end to ZeroMQ: a context that is
        # collected before its socket waits for that for ever. The process's own end needs none of this.
        self._last_words: list[bytes] = []
        self._fds = [self._woken, self._wake]
        mine = (self._context, self._sockets, self._fds, self._last_words)
        self._end = weakref.finalize(self, end, os.getpid(), *mine)
        self._end.atexit = False
        try:
            self._connect()
            self.welcome = self._say_hello(hello, timeout_s)
            self._last_words.append(encode(bye(self.welcome)))
            self._poll.register(self._woken, select.POLLIN)
            if "clock" in self.welcome:
                self.bulk.go_by_frames()
            self.bulk.pool.meet(self.welcome["roster"])
            self._watch_connection()
            self._watch_broker()
        except KeyboardInterrupt:
            self._unsay_hello()
            self._end()
            raise
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._sockets.append(self._socket)
        # The high-water marks: bounded by the marks of the session, not by dropping or blocking.
        for option, value in (
            (zmq.LINGER, 0), (zmq.SNDHWM, 0), (zmq.RCVHWM, 0), (zmq.RCVTIMEO, LOOK_MS), (zmq.SNDTIMEO, SEND_MS),
            (zmq.MAXMSGSIZE, bodies.MAX_FRAME_BYTES),
        ):  # fmt: skip
            self._socket.setsockopt(option, value)
        self._socket.setsockopt(zmq.ROUTING_ID, b"p" + os.urandom(ROUTE_BYTES))  # nobody can guess it, and take it
        if self._login is not None:
            self._monitor = self._login.prepare(self._socket)
            self._sockets.append(self._monitor)
        self._descriptor = self._socket.fileno()
        self._socket.connect(self.address)

    def _watch_connection(self) -> None:
        """See when it is cut. ZeroMQ connects again and does not tell; the broker takes that for a stranger."""
        if self._login is None:
            self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self._sockets.append(self._monitor)
        else:
            self._login.heed(self._monitor)  # all of the handshake: what comes after that is the end
            self.cut = self._login.broken
        self._monitor.poll(0)  # its descriptor tells nobody who has not looked once
        self._poll.register(self._descriptor, select.POLLIN)
        self._poll.register(self._monitor.fileno(), select.POLLIN)

    def again(self, number: int) -> int:
        """Resume the session of that number after a cut; the newest of its envelopes that the broker has.

        Raises:
            SessionExpired: the broker has given it up.
            NoRun: the broker does not answer.
            BrokerLost: it is gone.
        """
        self.has_ended()
        self.check()
        for descriptor in (self._descriptor, self._monitor.fileno() if not self._monitor.closed else -1):
            with contextlib.suppress(KeyError):
                self._poll.unregister(descriptor)
        welcome = self._resume({"role": "client", "resume": number, "received": self.received})
        self._signalled, self.cut = True, False
        self._watch_connection()
        return int(welcome["newest"])

    def _resume(self, hello: dict[str, Any]) -> dict[str, Any]:
        """Say it on new connections: one that is cut right away takes the hello, or its answer, with it."""
        deadline_s = time.monotonic() + HELLO_TIMEOUT_S
        while True:
            self._drop_sockets()
            self._connect()
            try:
                return self._say_hello(hello, HELLO_AGAIN_S)
            except NoRun:
                if time.monotonic() >= deadline_s:
                    raise

    def _drop_sockets(self) -> None:
        sockets = self._sockets[:]
        self._sockets.clear()
        close(sockets)

    def _say_hello(self, hello: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        words = make_hello(hello)
        with contextlib.suppress(zmq.Again):  # the handshake has failed before this: the monitor tells why
            self._socket.send(words, zmq.NOBLOCK)
            self.out_bytes += len(words)
        if not self._answered(timeout_s):
            self.check()
            raise nobody(self.address, timeout_s)
        words = self._socket.recv_multipart()[0]
        self.in_bytes += len(words)
        return read_welcome(words, self.address)

    def _unsay_hello(self) -> None:
        """Nobody waits for the welcome any more; a broker that has taken us in is told goodbye."""
        with contextlib.suppress(zmq.ZMQError, FarptrError):
            if self._sockets and not self._last_words and self._answered(LAST_WORDS_LINGER_MS / 1000):
                self._last_words.append(encode(bye(read_welcome(self._socket.recv_multipart()[0], self.address))))

    def _answered(self, timeout_s: float) -> bool:
        """Whether something comes in time, from a broker that lives."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        if self.broker_fd is not None:
            poller.register(self.broker_fd, zmq.POLLIN)
        if self._login is not None:
            poller.register(self._monitor, zmq.POLLIN)
        deadline_s = time.monotonic() + timeout_s
        while events := dict(poller.poll(max(0, int((deadline_s - time.monotonic()) * 1000)))):
            self.over = self.broker_fd in events
            if self._socket in events or self.over:
                return self._socket in events
            if self._login is not None:
                self._login.heed(self._monitor)
        return False

    def _watch_broker(self) -> None:
        pid, host = self.welcome.get("pid"), self.welcome.get("host")
        if self.far or host != socket.gethostname() or not isinstance(pid, int) or not hasattr(os, "pidfd_open"):
            return
        try:
            self.broker_fd = os.pidfd_open(pid)
        except OSError:
            self.over = True
            return
        self._fds.append(self.broker_fd)
        self._poll.register(self.broker_fd, select.POLLIN)

    # ------------------------------------------------------------ envelopes

    def own(self, envelope: Envelope) -> Envelope:
        """The same to be sent next, again perhaps, with buffers that nobody changes from then on."""
        return self.bulk.own(envelope)

    def send(self, envelope: Envelope) -> None:
        """Queue one envelope; buffers are copied before this returns, but for those of ``own``."""
        header, body, buffers = envelope
        try:
            if buffers:
                self.bulk.send(envelope, None if self.cut else self)
            elif not self.cut:
                frame = encode(header) + body
                self._socket.send(frame)
                self.out_bytes += len(frame)
        except zmq.Again:  # there is no connection to queue for
            self.cut = True

    def queue(self, frame: bytes, buffers: Sequence[Any]) -> None:
        """Queue one message."""
        send, left = self._socket.send, len(buffers)
        send(frame, zmq.SNDMORE if left else 0)
        self.out_bytes += len(frame) + sum(memoryview(buffer).nbytes for buffer in buffers)
        for buffer in buffers:
            left -= 1
            send(buffer, zmq.SNDMORE if left else 0)

    def come(self, timeout_s: float) -> Envelope | None:
        """Wait for an envelope while another one is being sent; None if none has come."""
        if not self._socket.poll(int(timeout_s * 1000) + 1):
            return None
        self._signalled = True  # or it may be swallowed here
        envelope = self._envelope(self._socket.recv(_NOBLOCK))
        self.received += envelope.header.kind != _REFUSED
        return envelope if envelope.header.kind < _PART else None

    def receive(self) -> Envelope | None:
        """The next envelope, None when there is none now; raises ProtocolError for what is no envelope.

        Of a PART or TAKEN the header only.
        """
        if self.bulk.early:
            envelope = self.bulk.early.popleft()
            self.received -= envelope.header.kind != _REFUSED  # it was counted
        else:
            # Asking first costs a third of the exception that finds out; after a signal there nearly always is one.
            if self._signalled:
                self._signalled = False
            elif not self.readable():
                return None
            if self.cut:
                return None
            try:
                envelope = self._envelope(self._socket.recv(_NOBLOCK))
            except zmq.Again:
                return None
        if envelope.header.kind == _REFUSED:
            error = refusal(bodies.loads_as(dict, envelope.body))
            if not isinstance(error, SessionExpired):
                raise error
            self.cut = True  # and made again by ZeroMQ, of which the broker knows nothing
            return None
        if envelope.header.kind == _BYE:
            self.over = True
            return None
        self.received += 1
        return envelope

    def next(self) -> Envelope:
        """The next envelope, however long it takes.

        For a process that does nothing else: unlike ``wait`` it cannot be woken, but by a signal whose handler raises;
        one that comes just before the sleep is noticed within LOOK_MS. Sleeping in ZeroMQ costs less than ``wait``.
        """
        if self.bulk.early:
            return self.bulk.early.popleft()
        looks = 0
        while True:
            try:
                envelope = self._envelope(self._socket.recv())
                if envelope.header.kind < _PART:
                    return envelope
            except zmq.Again:
                looks += 1
                if looks == REST_LOOKS:
                    self.rest()

    def _envelope(self, frame: bytes) -> Envelope:
        header, end = read(frame)
        self.in_bytes += len(frame)
        if not header.buffers:
            if header.kind in _HEEDED:
                self._heed(header.kind, frame[end:])
            return Envelope(header, frame[end:])
        # The broker has checked the number of frames; asking the socket again would cost as much as a frame.
        buffers = tuple([self._socket.recv(copy=False).buffer for _ in range(header.buffers)])
        self.in_bytes += sum(map(len, buffers))
        return self.bulk.read(Envelope(header, frame[end:], buffers), self)

    def _heed(self, kind: int, body: bytes) -> None:
        if kind == _ROSTER:
            self.bulk.pool.news(bodies.loads_as(dict, body))
        else:
            self.bulk.taken(body)

    def readable(self) -> bool:
        """Whether ``receive`` would find something. A send can swallow the signal that ``wait`` waits for."""
        return bool(self.bulk.early) or (not self.cut and bool(int(self._socket.getsockopt(zmq.EVENTS)) & _POLLIN))

    def wait(self, timeout_s: float) -> None:
        """Sleep until something may have come, ``wake`` was called, the broker is gone, or the time is over.

        May return early. Call it without the lock, after ``receive`` gave None under the lock.
        """
        if self.over or self.cut or self._socket.closed or self.bulk.early:
            return
        for fd, _ in self._sleep(timeout_s):
            if fd == self._descriptor:
                self._signalled = True
            elif fd == self._woken:
                os.read(self._woken, 4096)
            elif fd == self.broker_fd:
                self.over = True
            elif self._monitor.poll(0):
                self.cut = True

    def _sleep(self, timeout_s: float) -> list[tuple[int, int]]:
        """Where a KeyboardInterrupt may come (``client.interrupts``): what was seen is seen again."""
        return self._poll.poll(max(0.0, timeout_s) * 1000)

    def watch(self, more: list[int]) -> bool:
        """For a thread: sleep until the broker or the connection is gone, or one of these descriptors is readable.

        False when it was closed on this side instead.
        """
        poll, monitor = select.poll(), self._monitor.fileno()
        for fd in filter(None, (*more, self.broker_fd, monitor)):
            poll.register(fd, select.POLLIN)
        while not self.cut and {fd for fd, _ in poll.poll()} == {monitor}:
            if self._monitor.closed:
                return False
            if self._monitor.poll(0):
                gone = self.broker_fd and select.select([self.broker_fd], [], [], BROKERS_END_MS / 1000)[0]
                self.over, self.cut = bool(gone), not gone
                break
        return True

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

    @property
    def far(self) -> bool:
        """Whether the broker may be another machine's."""
        return self._login is not None

    def has_ended(self) -> bool:
        """After a cut: whether the run's end was told before. What else came is lost, and can be asked for again."""
        with contextlib.suppress(zmq.ZMQError, FarptrError):
            while not self.over:
                frames = self._socket.recv_multipart(_NOBLOCK)
                self.over = read(frames[0])[0].kind == _BYE
        return self.over

    def rest(self) -> None:
        """Give the pool's memory back, as far as nobody looks at it."""
        self.bulk.pool.rest()

    def close(self, linger_s: float = 0.0) -> None:
        """Close the connection; what is queued has ``linger_s`` to leave."""
        for connection in self._sockets[:1]:
            connection.setsockopt(zmq.LINGER, int(linger_s * 1000))
        self._last_words.clear()
        self.bulk.pool.close()
        self._end()
