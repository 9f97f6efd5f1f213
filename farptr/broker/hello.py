"""What is said when a party comes: its hello, as far as the broker's shell checks it, and the welcome."""

from __future__ import annotations

import os
import socket
from typing import Any

import zmq

import farptr
from farptr.broker.telling import Delivery
from farptr.protocol import body as bodies
from farptr.protocol.errors import ProtocolError, SessionExpired, VersionMismatch
from farptr.protocol.header import VERSION, Kind, encode, read, version_of


def peer_of(frame: Any) -> tuple[int | None, int | None]:
    """(uid, pid) of the process at the other end of a Unix socket; None where the transport does not say."""
    try:
        parts = str(frame.get("Peer-Address")).split(":")
        return int(parts[1]), int(parts[3])
    except (zmq.ZMQError, ValueError, IndexError):
        return None, None


def hello_of(frames: list[bytes], uid: int | None) -> dict[str, Any]:
    """The fields of a hello; raises ProtocolError, VersionMismatch, and SessionExpired for any other envelope."""
    raw = frames[0] if frames else b""
    version = version_of(raw)
    if version is not None and version != VERSION:
        raise VersionMismatch(
            f"this broker speaks protocol {VERSION} (farptr {farptr.__version__}), the peer {version}",
            hint="install the same farptr on both sides",
        )
    header, end = read(raw)
    if header.kind != Kind.HELLO:
        raise SessionExpired("this broker does not know you: the connection was cut, or began with no hello")
    if len(frames) != 1:
        raise ProtocolError("a hello with buffers")
    if uid is not None and uid != os.getuid():
        raise ProtocolError(f"this run belongs to another user (uid {os.getuid()}, yours is {uid})")
    return bodies.loads_as(dict, raw[end:])  # type: ignore[no-any-return]


def with_broker(welcome: Delivery, *, near: bool, clock: dict[str, Any] | None = None) -> Delivery:
    """A welcome that says which process the broker is, and whether all are ``near``: of this user and machine."""
    header, end = read(welcome.frame)
    said = bodies.loads(welcome.frame[end:])
    ids = [os.getpid(), *(row[3] for row in said.get("roster", ()))]
    value = said | {
        "pid": ids[0],
        "fill": bodies.filler([ids, said.get("run")], [[bodies.WIDEST_PID] * len(ids), "n" * 64]),
        "near": near,
        "host": socket.gethostname(),
        "version": farptr.__version__,
        **({"clock": clock} if clock else {}),
    }
    body = bodies.dumps(value)
    return welcome._replace(frame=encode(header._replace(body_bytes=len(body))) + body)
