"""Buffers that lie apart from their envelope: in shared memory, or in parts that came before it.

docs/protocol.md, "Bulk".

Laws
    ``decode(encode(x)) == x``; any other bytes are a ProtocolError.
    ``Joined`` gives the same buffers as the frames would have been, and no byte outside its memory.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Self

from farptr.protocol.errors import ProtocolError

_PLACE = struct.Struct("<QIIQQ")
_OFFER = struct.Struct("<QIIQQ16s")
_PART = struct.Struct("<QQQ")
TOKEN_BYTES = 16
MAX_BUFFERS = 1 << 16
IN_PARTS = 0
"""The channel that stands for parts."""


class Place(NamedTuple):
    """Where an envelope's buffers lie, one behind another."""

    channel: int
    """The sender's number for it; IN_PARTS."""
    slot: int
    turn: int
    """Counts the uses of the slot, from 1; of parts, the envelope's sequence number."""
    offset: int
    """In bytes, from where the data begins."""
    sizes: tuple[int, ...]
    """Bytes of each buffer."""

    def encode(self) -> bytes:
        """As the one frame that travels."""
        head = _PLACE.pack(self.channel, self.slot, len(self.sizes), self.turn, self.offset)
        return head + struct.pack(f"<{len(self.sizes)}I", *self.sizes)

    @classmethod
    def decode(cls, frame: bytes) -> Self:
        """What a frame says; raises ProtocolError when it is no place."""
        if len(frame) < _PLACE.size:
            raise ProtocolError("a place in the pool that is cut short")
        channel, slot, count, turn, offset = _PLACE.unpack_from(frame)
        if not 0 < count <= MAX_BUFFERS or len(frame) != _PLACE.size + 4 * count:
            raise ProtocolError(f"a place in the pool of {len(frame)} bytes that announces {count} buffers")
        return cls(channel, slot, turn, offset, struct.unpack_from(f"<{count}I", frame, _PLACE.size))


class Offer(NamedTuple):
    """A channel that its receiver may attach to: where the sender's process has it open."""

    channel: int
    pid: int
    descriptor: int
    inode: int
    size_bytes: int
    """Of its data."""
    token: bytes
    """Stands in it too, so that nothing else is taken for it."""

    def encode(self) -> bytes:
        """As the frame that travels behind an envelope's buffers."""
        return _OFFER.pack(*self)

    @classmethod
    def decode(cls, frame: bytes) -> Self:
        """What a frame says; raises ProtocolError when it is no offer."""
        if len(frame) != _OFFER.size:
            raise ProtocolError(f"an offer of {len(frame)} bytes")
        return cls(*_OFFER.unpack(frame))


class Part(NamedTuple):
    """One of the parts that come before their envelope, in order."""

    envelope: int
    """Its sequence number."""
    offset: int
    """In bytes; the first part's is 0."""
    total_bytes: int
    """Of all parts."""

    def encode(self) -> bytes:
        """As the body that travels with the bytes."""
        return _PART.pack(*self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """What a body says; raises ProtocolError when it is no part."""
        if len(body) != _PART.size:
            raise ProtocolError(f"a part that is described in {len(body)} bytes")
        return cls(*_PART.unpack(body))


class Joined(Sequence[Any]):
    """Buffers that lie one behind another: ``whole`` gives some of them as one.

    Nobody can write into them, unless they are ``ours``: then nobody else has this memory, and it may be kept.
    """

    __slots__ = ("_ends", "_memory", "ours")

    def __init__(self, memory: memoryview, sizes: Sequence[int], *, ours: bool = False) -> None:
        self._memory = memory if ours else memory.toreadonly()
        self.ours = ours
        self._ends = [0, *accumulate(sizes)]
        if self._ends[-1] != len(memory):
            raise ProtocolError(f"buffers of {self._ends[-1]} bytes in {len(memory)} bytes")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self._memory[self._ends[at] : self._ends[at + 1]]

    def mostly(self, size_bytes: int) -> bool:
        """Whether an array of that size may keep this memory: it is ours, and hardly anything else lies in it."""
        return self.ours and 2 * size_bytes > len(self._memory)

    def whole(self, first: int, count: int) -> memoryview:
        """``count`` buffers from ``first`` on, which are there, as one."""
        return self._memory[self._ends[first] : self._ends[first + count]]


class Unreadable(Sequence[Any]):
    """What stands for buffers that cannot be read: whoever wants one of them gets the error."""

    def __init__(self, error: ProtocolError | MemoryError) -> None:
        self._error = error

    def __len__(self) -> int:
        raise type(self._error)(*self._error.args)

    def __getitem__(self, at: Any) -> Any:
        raise type(self._error)(*self._error.args)

    def __bool__(self) -> bool:
        return True
