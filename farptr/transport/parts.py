"""Large envelopes through the broker: their buffers go ahead, one by one, so that nobody ever holds all of them.

Laws
    1. The parts of an envelope come in order, before it, by the same way. Sent again after a cut, they begin anew.
    2. Parts whose envelope has come, or will never come, are forgotten: with the next envelope in parts of the same
       sender, or with the sender.
    3. An envelope whose parts are not all here has no buffers, and whoever wants one gets an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from farptr.protocol.apart import IN_PARTS, Joined, Part, Place
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Flag, Header, Kind
from farptr.protocol.values import MAX_VALUE_BYTES

FROM_BYTES = 1 << 22
"""Envelopes with fewer bytes in their buffers go as one message."""
MAX_TOTAL_BYTES = 4 * MAX_VALUE_BYTES
"""A command has few arguments of the largest size."""


def split(envelope: Envelope) -> Iterator[Envelope]:
    """What is sent for an envelope, in order: parts and the rest of it, or just itself."""
    header, body, buffers = envelope
    more = 1 if header.flags & Flag.OFFER else 0
    count = len(buffers) - more
    sizes = tuple([len(buffers[i]) for i in range(count)])
    total = sum(sizes)
    if header.flags & Flag.APART or total < FROM_BYTES:
        yield envelope
        return
    at = 0
    for i in range(count):
        said = Part(header.sequence, at, total).encode()
        head = Header(
            Kind.PART,
            epoch=header.epoch,
            source=header.source,
            destination=header.destination,
            root=header.root,
            buffers=1,
            body_bytes=len(said),
        )
        yield Envelope(head, said, (buffers[i],))
        at += sizes[i]
    place = Place(IN_PARTS, 0, header.sequence, 0, sizes).encode()
    header = header._replace(flags=header.flags | Flag.APART, buffers=1 + more)
    yield Envelope(header, body, (place, *[buffers[count + i] for i in range(more)]))


class _Whole:
    """What has come of one envelope."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.have_bytes = self.count = 0
        self.memory: np.ndarray[Any, np.dtype[np.uint8]] | None = None
        """None when there is none for so much."""
        try:
            self.memory = np.empty(total_bytes, np.uint8)
        except MemoryError:
            return


class Parts:
    """What has come of envelopes that have not, by sender and sequence number."""

    def __init__(self) -> None:
        self._whole: dict[tuple[int, int], _Whole] = {}
        self._newest: dict[int, int] = {}
        """For each sender, the newest envelope that has come."""

    def take(self, envelope: Envelope) -> tuple[int, int]:
        """One part: of which envelope, and how many of it are here. What makes no sense is dropped: (0, 0)."""
        header, body, buffers = envelope
        try:
            part = Part.decode(body)
        except ProtocolError:
            return 0, 0
        key = (header.source, part.envelope)
        if part.envelope <= self._newest.get(header.source, 0) or len(buffers) != 1:
            return 0, 0
        if part.offset == 0 and part.total_bytes <= MAX_TOTAL_BYTES:
            self._whole.pop(key, None)
            self._whole[key] = _Whole(part.total_bytes)
        whole, data = self._whole.get(key), np.frombuffer(buffers[0], np.uint8)
        if whole is not None and part.offset < whole.have_bytes:
            return 0, 0  # it came before
        if whole is None or part.offset != whole.have_bytes or data.size > whole.total_bytes - part.offset:
            self._whole.pop(key, None)
            return 0, 0
        whole.have_bytes += data.size
        whole.count += 1
        if whole.memory is not None:
            whole.memory[part.offset : whole.have_bytes] = data
        return part.envelope, whole.count

    def joined(self, source: int, place: Place) -> Joined:
        """The buffers of an envelope that has come; raises ProtocolError when they have not, MemoryError."""
        whole = self._whole.get((source, place.turn))
        if place.turn > self._newest.get(source, 0):
            self._newest[source] = place.turn
            for key in [key for key in self._whole if key[0] == source and key[1] <= place.turn]:
                del self._whole[key]
        if whole is None or whole.have_bytes != whole.total_bytes:
            raise ProtocolError("an envelope came whose parts did not")
        if whole.memory is None:
            raise MemoryError(f"no room for {whole.total_bytes} bytes")
        return Joined(whole.memory.data, place.sizes, ours=True)

    def lose(self, source: int) -> None:
        """A sender is gone."""
        self._newest.pop(source, None)
        for key in [key for key in self._whole if key[0] == source]:
            del self._whole[key]

    def __len__(self) -> int:
        return len(self._whole)
