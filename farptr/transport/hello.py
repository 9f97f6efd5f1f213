"""What a party says first, and what it is answered."""

from __future__ import annotations

import os
import socket
from typing import Any

import farptr
from farptr.protocol import body as bodies
from farptr.protocol.errors import VersionMismatch, refusal
from farptr.protocol.header import VERSION, Header, Kind, encode, read, version_of


def make_hello(fields: dict[str, Any]) -> bytes:
    """A hello that says which process this is."""
    own = {"version": farptr.__version__, "pid": os.getpid(), "host": socket.gethostname()}
    body = bodies.dumps({**own, "fill": bodies.filler(own["pid"], bodies.WIDEST_PID), **fields})
    return encode(Header(Kind.HELLO, body_bytes=len(body))) + body


def read_welcome(raw: bytes, address: str) -> dict[str, Any]:
    """The answer to it; raises VersionMismatch, or what the broker refuses it by."""
    version = version_of(raw)
    if version != VERSION:
        raise VersionMismatch(
            f"the broker at {address} speaks protocol {version}, this side {VERSION} (farptr {farptr.__version__})",
            hint="install the same farptr on both sides",
        )
    header, end = read(raw)
    answer = bodies.loads_as(dict, raw[end:])
    if header.kind == Kind.REFUSED:
        raise refusal(answer)
    return answer  # type: ignore[no-any-return]
