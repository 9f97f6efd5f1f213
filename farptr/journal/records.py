"""Records of a journal and their bytes (docs/journal.md, "Format").

Laws
    A file is its head and then frames: length (u32), payload, and the chain: a BLAKE2b digest of the chain before it,
    of length and payload. So every changed, missing or added byte before the end breaks the chain from there on.
    What a record says does not depend on when it was written out: the same envelopes give the same bytes.
    No value is in a journal: headers, and of bodies what was made of what (``lineage``).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NamedTuple

from farptr.protocol import body as bodies
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Header, decode

FORMAT = 1
CHAIN_BYTES = 16
HEAD = struct.Struct("<8sIIQ16s")
"""Magic, format, number of the file, number of its first record, the chain so far."""
MAGIC = b"fpjourn\n"
LENGTH = struct.Struct("<I")
MAX_PAYLOAD_BYTES = 64 << 20
_CAME = struct.Struct("<BQIQ")
HANDED = struct.Struct("<BQIIBQQI")
_EPOCH, _RECEIVED = slice(8, 16), slice(40, 48)
_ZERO = bytes(8)


class Came(NamedTuple):
    """An envelope came to the broker from a party."""

    time_ns: int
    source: int
    header: Header
    wire_bytes: int

    @property
    def payload_bytes(self) -> int:
        """Body and buffers: what the broker hands on unchanged."""
        return self.wire_bytes - self.head_bytes

    @property
    def head_bytes(self) -> int:
        """The header with its lists."""
        h = self.header
        return 72 + 8 * (len(h.creates) + len(h.refs) + len(h.releases))


class Handed(NamedTuple):
    """An envelope was given to the socket of its destination; ``source`` 0 is the broker itself."""

    time_ns: int
    destination: int
    source: int
    kind: int
    sequence: int
    wire_bytes: int
    head_bytes: int

    @property
    def payload_bytes(self) -> int:
        """Body and buffers."""
        return self.wire_bytes - self.head_bytes


class Fact(NamedTuple):
    """Anything else: ``what`` says which keys ``fields`` has."""

    time_ns: int
    what: str
    fields: dict[str, Any]


Record = Came | Handed | Fact


def encode_came(time_ns: int, source: int, head: bytes, wire_bytes: int) -> bytes:
    """``head`` is the header as it came; what differs from run to run (epoch, received) is left out."""
    clean = head[:8] + _ZERO + head[16:40] + _ZERO + head[48:]
    return _CAME.pack(1, time_ns, source, wire_bytes) + clean


def encode_handed(record: Handed) -> bytes:
    """The payload of a ``Handed``."""
    return HANDED.pack(2, *record)


def encode_fact(time_ns: int, what: str, fields: dict[str, Any]) -> bytes:
    """The payload of a ``Fact``; fields are what JSON holds."""
    return b"\x03" + json.dumps([time_ns, what, fields], separators=(",", ":")).encode()


def encode_notes(time_ns: int, source: int, sequence: int, notes: Any) -> bytes:
    """The payload of a Fact ``lineage``: plain builtins, as bodies are."""
    return b"\x04" + bodies.dumps((time_ns, source, sequence, notes))


def _came(payload: bytes) -> Came:
    _, time_ns, source, wire_bytes = _CAME.unpack_from(payload)
    return Came(time_ns, source, decode(payload[_CAME.size :]), wire_bytes)


def _handed(payload: bytes) -> Handed:
    return Handed(*HANDED.unpack(payload)[1:])


def _notes(payload: bytes) -> Fact:
    time_ns, source, sequence, notes = bodies.loads(payload[1:])
    return Fact(int(time_ns), "lineage", {"from": source, "sequence": sequence, "notes": notes})


def _fact(payload: bytes) -> Fact:
    time_ns, what, fields = json.loads(payload[1:])
    return Fact(int(time_ns), str(what), dict(fields))


_DECODERS: dict[int, Callable[[bytes], Record]] = {1: _came, 2: _handed, 3: _fact, 4: _notes}


def decode_record(payload: bytes) -> Record:
    """The record that a payload holds; raises ValueError when it holds none."""
    try:
        return _DECODERS[payload[0]](payload)
    except (KeyError, IndexError, struct.error, TypeError, ProtocolError, ValueError) as error:
        raise ValueError(f"no record: {error}") from None


def chained(chain: bytes, framed: bytes) -> bytes:
    """The chain behind a record, whose length and payload are ``framed``."""
    return blake2b(chain + framed, digest_size=CHAIN_BYTES).digest()


def frame(chain: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """(the bytes of a record in a file, the chain behind it)."""
    framed = LENGTH.pack(len(payload)) + payload
    chain = chained(chain, framed)
    return framed + chain, chain
