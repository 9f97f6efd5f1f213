"""The header: all that the broker reads of an envelope (docs/protocol.md, "Header").

Laws
    ``decode(encode(h)) == h``; any other bytes are a ProtocolError, never another exception.
    A header is at most 64 KiB, whatever its counts claim.
    ``read(encode(h) + body) == (h, len(encode(h)))`` when ``h`` announces the body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import repeat
from typing import NamedTuple

from farptr.protocol.errors import ProtocolError

VERSION = 1
MAGIC = b"fp"
BROKER_NUMBER = 0
HOP_LIMIT = 64
MAX_HEADER_BYTES = 64 * 1024

_FIXED = struct.Struct("<2sBBHBBQIIIIQQQIIII")
FIXED_BYTES = _FIXED.size
_pack = _FIXED.pack
_TRIPLE_BYTES = 24
MAX_TRIPLES = (MAX_HEADER_BYTES - FIXED_BYTES) // _TRIPLE_BYTES
_SOURCE = struct.Struct("<I")
_SOURCE_OFFSET = 16
_LOW = (1 << 64) - 1
_FLAGS = struct.Struct("<H")
_FLAGS_OFFSET = 4
_ONES_CREATED, _ONES_REFERRED, _ONES_RELEASED = 16, 32, 64
"""Bits of ``flags`` on the wire only: that list is one word for each name."""
_SEEN = 1023 & ~(_ONES_CREATED | _ONES_REFERRED | _ONES_RELEASED)


class Kind(IntEnum):
    """What an envelope is for."""

    HELLO = 1
    WELCOME = 2
    REFUSED = 3
    COMMAND = 4
    REPLY = 5
    NOTE = 6
    FREE = 7
    SYNC = 8
    SYNCED = 9
    ROSTER = 10
    ASK = 11
    TOLD = 12
    MARK = 13
    MARKED = 14
    BYE = 15
    CANCEL = 16
    PART = 17
    TAKEN = 18
    IDLE = 19


class Flag:
    """Bits of ``flags``. Plain integers: an IntFlag's ``&`` costs a microsecond, on every envelope."""

    FENCE = 1
    """Wait at the head of the client's input until its session is settled."""
    ALL = 2
    """With FENCE: until every session is settled."""
    DONE = 4
    """This is the last envelope of the sender's turn."""
    SYNC = 8
    """As if a SYNC (FENCE, ALL) with this envelope's sequence number stood right behind it."""
    APART = 128
    """The buffers lie apart; the first frame says where (``apart``)."""
    OFFER = 256
    """The last frame is no buffer: it offers the receiver a channel of shared memory."""
    LOST = 512
    """The modelled network lost this on its way: its receiver is to fail what is in it, and to do nothing of it."""


References = tuple[int, ...]
"""``Ones``, or flat: (low 64 bits of a name, generation, count), again and again."""


class Ones(tuple[int, ...]):
    """Names of generation 0, for one reference to each: the usual list, in a third of the space."""

    __slots__ = ()


class Header(NamedTuple):
    """One header. Field meanings: docs/protocol.md."""

    kind: int
    flags: int = 0
    hop: int = 0
    epoch: int = 0
    source: int = 0
    destination: int = BROKER_NUMBER
    root: int = 0
    buffers: int = 0
    sequence: int = 0
    received: int = 0
    value_bytes: int = 0
    body_bytes: int = 0
    creates: References = ()
    refs: References = ()
    releases: References = ()

    def __str__(self) -> str:
        lists = "".join(
            f" {mark}{length(references)}"
            for mark, references in (("+", self.creates), ("&", self.refs), ("-", self.releases))
            if references
        )
        names = [name for name, bit in vars(Flag).items() if isinstance(bit, int) and self.flags & bit]
        flags = " " + "|".join(names) if names else ""
        return (
            f"{Kind(self.kind).name} {self.source}>{self.destination} root {self.root} #{self.sequence}{flags}{lists}"
        )


_new = tuple.__new__
"""Makes a Header of its fields; calling the class costs three times as much."""
_LAST_KIND = int(Kind.IDLE)


def references(counts: Iterable[tuple[int, int]]) -> References:
    """Names with counts, as a header carries them."""
    pairs = list(counts)
    if all(count == 1 and name <= _LOW for name, count in pairs):
        return Ones([name for name, _ in pairs])
    return tuple([n for name, count in pairs for n in (name & _LOW, name >> 64, count)])


def ones(names: Sequence[int]) -> References:
    """``references`` for one to each name."""
    if not names:
        return ()
    if max(names) <= _LOW:
        return Ones(names)
    return tuple([n for name in names for n in (name & _LOW, name >> 64, 1)])


def names_of(flat: References) -> Iterable[tuple[int, int]]:
    """The inverse of ``references``: (name, count) one by one."""
    if not flat:
        return ()
    if type(flat) is Ones:
        return zip(flat, repeat(1))
    it = iter(flat)
    return ((low | generation << 64, count) for low, generation, count in zip(it, it, it, strict=True))


def length(flat: References) -> int:
    """How many names are in a list."""
    return len(flat) if type(flat) is Ones else len(flat) // 3


def has_zero(h: Header) -> bool:
    """Whether a list has a name with a count of 0: it stands for nothing, and no honest sender writes it."""
    for flat in (h.creates, h.refs, h.releases):  # noqa: SIM110 # a generator costs three times as much
        if flat and type(flat) is not Ones and 0 in flat[2::3]:
            return True
    return False


def encode(h: Header) -> bytes:
    """The bytes of a header; raises ProtocolError when its lists do not fit."""
    (kind, flags, hop, epoch, source, destination, root, buffers, sequence, received, value_bytes, body_bytes,
     creates, refs, releases) = h  # fmt: skip
    if not (creates or refs or releases):
        return _pack(
            MAGIC, VERSION, kind, flags, hop, 0, epoch, source, destination, root, buffers, sequence, received,
            value_bytes, 0, 0, 0, body_bytes,
        )  # fmt: skip
    words = (*creates, *refs, *releases)
    if len(words) > 3 * MAX_TRIPLES:
        raise ProtocolError(f"{len(words) // 3} references do not fit one header (at most {MAX_TRIPLES})")
    flags |= (
        (_ONES_CREATED if type(creates) is Ones else 0)
        | (_ONES_REFERRED if type(refs) is Ones else 0)
        | (_ONES_RELEASED if type(releases) is Ones else 0)
    )
    return _pack(
        MAGIC, VERSION, kind, flags, hop, 0, epoch, source, destination, root, buffers, sequence, received,
        value_bytes, length(creates), length(refs), length(releases), body_bytes,
    ) + struct.pack(f"<{len(words)}Q", *words)  # fmt: skip


def decode(data: bytes) -> Header:
    """The header that the bytes say; raises ProtocolError for anything that is not exactly one."""
    header, end = _parse(data)
    if end != len(data):
        raise ProtocolError(f"a header of {len(data)} bytes that claims {end}")
    return header


def read(frame: bytes) -> tuple[Header, int]:
    """The first frame of an envelope: its header, and where the body behind it begins.

    Raises ProtocolError when it is not exactly a header and the body that this announces.
    """
    header, end = found = _parse(frame)
    if len(frame) - end != header.body_bytes:
        raise ProtocolError(f"an envelope with a body of {len(frame) - end} bytes that announces {header.body_bytes}")
    return found


def _parse(data: bytes) -> tuple[Header, int]:
    size = len(data)
    if size < FIXED_BYTES:
        raise ProtocolError(f"an envelope of {size} bytes; a header alone has {FIXED_BYTES}")
    (magic, version, kind, flags, hop, pad, epoch, source, destination, root, buffers, sequence,
     received, value_bytes, creates, refs, releases, body_bytes) = _FIXED.unpack_from(data)  # fmt: skip
    if magic != MAGIC or version != VERSION:
        raise ProtocolError(f"not a header of protocol version {VERSION}: it begins {data[:3]!r}")
    if not 1 <= kind <= _LAST_KIND or pad or flags > 1023 or hop > HOP_LIMIT:
        raise ProtocolError(f"a header with kind {kind}, flags {flags}, hop {hop}")
    if not (creates or refs or releases):
        return _new(Header, (
            kind, flags & _SEEN, hop, epoch, source, destination, root, buffers, sequence, received, value_bytes,
            body_bytes, (), (), (),
        )), FIXED_BYTES  # fmt: skip
    a = creates if flags & _ONES_CREATED else 3 * creates
    b = a + (refs if flags & _ONES_REFERRED else 3 * refs)
    count = b + (releases if flags & _ONES_RELEASED else 3 * releases)
    end = FIXED_BYTES + 8 * count
    if end > MAX_HEADER_BYTES or end > size:
        raise ProtocolError(f"a header of at most {min(size, MAX_HEADER_BYTES)} bytes that claims {count} words")
    lists = struct.unpack_from(f"<{count}Q", data, FIXED_BYTES)
    return _new(Header, (
        kind, flags & _SEEN, hop, epoch, source, destination, root, buffers, sequence, received, value_bytes,
        body_bytes,
        Ones(lists[:a]) if flags & _ONES_CREATED else lists[:a],
        Ones(lists[a:b]) if flags & _ONES_REFERRED else lists[a:b],
        Ones(lists[b:]) if flags & _ONES_RELEASED else lists[b:],
    )), end  # fmt: skip


_COUNTS = struct.Struct("<III")
_COUNTS_OFFSET = 56
_BODY_OFFSET = 68


def forwarded(frame: bytes, h: Header, end: int, frees: References) -> bytes:
    """A first frame, ``read`` as ``h`` and ``end``, as the broker hands it on: without what was for the broker alone.

    ``creates`` go, and ``releases`` become what the receiver is to free. Cut and pasted: encoding anew costs four times
    as much, on every envelope.
    """
    refs = h.refs
    flags = h.flags | (_ONES_REFERRED if type(refs) is Ones else 0) | (_ONES_RELEASED if type(frees) is Ones else 0)
    head = (
        frame[:_FLAGS_OFFSET] + _FLAGS.pack(flags) + frame[_FLAGS_OFFSET + 2 : _COUNTS_OFFSET]
        + _COUNTS.pack(0, length(refs) if refs else 0, length(frees) if frees else 0) + frame[_BODY_OFFSET:FIXED_BYTES]
    )  # fmt: skip
    if refs:
        start = FIXED_BYTES + 8 * len(h.creates)
        head += frame[start : start + 8 * len(refs)]
    if frees:
        head += struct.pack(f"<{len(frees)}Q", *frees)
    return head + frame[end:]


def with_flag(data: bytes, flag: int) -> bytes:
    """The same frame with a flag."""
    (flags,) = _FLAGS.unpack_from(data, _FLAGS_OFFSET)
    return data[:_FLAGS_OFFSET] + _FLAGS.pack(flags | flag) + data[_FLAGS_OFFSET + 2 :]


def version_of(data: bytes) -> int | None:
    """The protocol version that a first frame claims, None when it is no farptr header at all."""
    return data[2] if len(data) >= 3 and data[:2] == MAGIC else None


def with_source(data: bytes, source: int) -> bytes:
    """The same frame from ``source``: the broker sees to it that nobody speaks for another."""
    return data[:_SOURCE_OFFSET] + _SOURCE.pack(source) + data[_SOURCE_OFFSET + 4 :]
