"""Peers that should not be let in: made by hand, because an honest one would not try."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from farptr.protocol import body as bodies
from farptr.protocol.header import Header, Kind, encode, read
from farptr.transport.curve import EVENTS

WAIT_S = 10.0
CHUNK_BYTES = 1 << 16
GREETING_BYTES, HELLO_BYTES, WELCOME_BYTES = 64, 202, 170
"""Of a CURVE handshake (RFC 26), with the two bytes before each command."""


def hello(role="client", name="me", **more):
    """The bytes of a hello."""
    body = bodies.dumps({"role": role, "name": name, "pid": os.getpid(), "host": "here", "version": "0"} | more)
    return encode(Header(Kind.HELLO, body_bytes=len(body))) + body


class Peer:
    """A DEALER with any key, or none."""

    def __init__(self, context, address, key=None, *, server=None, route=None):
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        if route is not None:
            self.socket.setsockopt(zmq.ROUTING_ID, route)
        if key is not None:
            self.socket.setsockopt(zmq.CURVE_SERVERKEY, (server or key.server).encode())
            self.socket.setsockopt(zmq.CURVE_PUBLICKEY, key.public.encode())
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, key.secret.encode())
        self.monitor = self.socket.get_monitor_socket(EVENTS)
        self.socket.connect(address)

    def say(self, *frames):
        """Where the handshake has failed already nobody is there to send to, ever: what it failed by is told."""
        with contextlib.suppress(zmq.Again):
            self.socket.send_multipart(frames, zmq.NOBLOCK)

    def told(self, wait_s=WAIT_S):
        """``WELCOME`` or another kind, what it was refused by, or how the handshake failed; raises TimeoutError."""
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        end_s = time.monotonic() + wait_s
        while events := dict(poller.poll(max(0, int(1000 * (end_s - time.monotonic()))))):
            if self.socket in events:
                frame = self.socket.recv_multipart()[0]
                header, end = read(frame)
                if header.kind == Kind.ROSTER:
                    continue
                return bodies.loads(frame[end:])["kind"] if header.kind == Kind.REFUSED else Kind(header.kind).name
            event = recv_monitor_message(self.monitor)["event"]
            if event not in (zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED):
                return zmq.Event(event).name
        raise TimeoutError("nobody said anything")

    def close(self):
        if self.socket.closed:
            return
        self.socket.disable_monitor()
        self.monitor.close(linger=0)
        self.socket.close(linger=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tried(context, address, key=None, *, frame=None, server=None):
    """What becomes of one hello."""
    with Peer(context, address, key, server=server) as peer:
        peer.say(frame or hello())
        return peer.told()


class Tap:
    """Somebody on the path: passes on what comes, and keeps what the client said."""

    def __init__(self, address):
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        self._there = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.said = bytearray()
        self._ends = [self._listener]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(self._there)
                self._ends += [client, broker]
                threading.Thread(target=self._pass, args=(client, broker, self.said), daemon=True).start()
                threading.Thread(target=self._pass, args=(broker, client, bytearray()), daemon=True).start()

    def _pass(self, source, target, kept):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                kept += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def replayed(address, said):
    """Say the same bytes again, each part when the broker has answered the one before; all that it answers.

    Raises TimeoutError when it does not hang up.
    """
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    answered = bytearray()
    with socket.create_connection((host, int(port)), WAIT_S) as raw, contextlib.suppress(ConnectionError):
        at = 0
        for size, answer in ((GREETING_BYTES, GREETING_BYTES), (HELLO_BYTES, WELCOME_BYTES)):
            raw.sendall(said[at : at + size])
            at += size
            answer += len(answered)
            while len(answered) < answer and (data := raw.recv(CHUNK_BYTES)):
                answered += data
        raw.sendall(said[at:])
        while data := raw.recv(CHUNK_BYTES):
            answered += data
    return bytes(answered)


class Impostor:
    """A second broker on the path, with a key of its own (or none); ``heard`` is what anybody told it."""

    def __init__(self, context, key=None):
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        if key is not None:
            self.socket.setsockopt(zmq.CURVE_SERVER, 1)
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, key.secret.encode())
        self.socket.bind("tcp://127.0.0.1:*")
        self.address = self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()

    def heard(self):
        found = []
        while self.socket.poll(0):
            found.append(self.socket.recv_multipart())
        return found

    def close(self):
        self.socket.close()
