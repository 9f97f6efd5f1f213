"""Envelopes with buffers, as a connection sends and takes them: through the pool, in parts, or as one message.

Laws
    1. Buffers go through the pool where that can be done, else through the broker; large ones then in parts.
    2. Of an envelope in parts, WINDOW at most are under way while its receiver takes them: neither broker nor sender
       holds it all. A receiver that does something else is waited for once, and briefly, not for each part.
    3. What comes meanwhile keeps its order, and is ``early``.
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import zmq

from farptr.protocol.commands import Envelope
from farptr.protocol.header import Header, Kind, encode
from farptr.transport.parts import split
from farptr.transport.pool import Pool

WINDOW = 16
"""Parts."""
TAKEN_EVERY = 2
PATIENCE_S = 0.05
_TAKEN_BODY = struct.Struct("<QI")
_PART = int(Kind.PART)


class Copies(Sequence[Any]):
    """Buffers that are copied when they are first sent, so that the first is under way while the next is copied."""

    def __init__(self, buffers: Sequence[Any]) -> None:
        self._from: list[Any] = [memoryview(buffer) for buffer in buffers]
        sizes = [buffer.nbytes for buffer in self._from]
        # In one piece, which the system has faster than many.
        memory = np.empty(sum(sizes), np.uint8).data
        self._copies = [memory[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]

    def __len__(self) -> int:
        return len(self._copies)

    def __getitem__(self, at: Any) -> Any:
        if self._from[at] is not None:
            self._copies[at][:] = self._from[at]
            self._from[at] = None
        return self._copies[at]

    def finish(self) -> None:
        """Copy the rest: what they were copied from may change now."""
        for i in range(len(self)):
            self[i]


class Way(Protocol):
    """What is needed of a connection (``dealer``)."""

    def queue(self, frame: bytes, buffers: Sequence[Any]) -> None:
        """Queue one message: header and body, buffers."""

    def come(self, timeout_s: float) -> Envelope | None:
        """Wait so long at most; the envelope that has come, if any."""


class Bulk:
    """The large envelopes of one connection. ``pool_bytes`` bounds the memory that is shared with others."""

    def __init__(self, pool_bytes: int) -> None:
        self.pool = Pool(pool_bytes)
        self.early: deque[Envelope] = deque()
        """What came while parts were sent."""
        self._taken = 0
        """Of the envelope that is sent in parts: how many its receiver has."""
        self._sending = 0
        """Its sequence number."""
        self._whole = False
        """Never in parts."""

    def go_by_frames(self) -> None:
        """From now on all goes as one message, by the broker: where time is modelled, it must see what passes."""
        self.pool, self._whole = Pool(0), True

    # ------------------------------------------------------------ sending

    def own(self, envelope: Envelope) -> Envelope:
        """The same to be sent next, again perhaps, with buffers that nobody changes."""
        header, body, buffers = self.pool.lay(envelope)
        return Envelope(header, body, Copies(buffers))  # type: ignore[arg-type]

    def send(self, envelope: Envelope, way: Way | None) -> None:
        """Queue one envelope with buffers; without a way, only copy them."""
        owned = isinstance(envelope.buffers, Copies)
        try:
            if way is not None:
                self._send_in_parts(envelope if owned else self.pool.lay(envelope), way)
        finally:
            if owned:
                envelope.buffers.finish()  # type: ignore[attr-defined]

    def _send_in_parts(self, envelope: Envelope, way: Way) -> None:
        if self._whole:
            way.queue(encode(envelope.header) + envelope.body, envelope.buffers)
            return
        self._sending, self._taken = envelope.header.sequence, 0
        for sent, (header, body, buffers) in enumerate(split(envelope)):
            if sent - self._taken >= WINDOW:
                self._wait(sent - WINDOW + 1, way)
            way.queue(encode(header) + body, buffers)

    def _wait(self, parts: int, way: Way) -> None:
        """Until the receiver has so many; if it has other things to do, not again for this envelope."""
        until_s = time.monotonic() + PATIENCE_S
        while self._taken < parts:
            left_s = until_s - time.monotonic()
            found = way.come(left_s) if left_s > 0 else None
            if found is not None:
                self.early.append(found)
            elif left_s <= 0:
                self._taken = 1 << 62

    # ------------------------------------------------------------ receiving

    def read(self, envelope: Envelope, way: Way) -> Envelope:
        """An envelope that came, with its buffers where they lie; a part of one that is to come, without."""
        header = envelope.header
        if header.kind != _PART:
            return self.pool.read(envelope)
        number, count = self.pool.parts.take(envelope)
        if count and count % TAKEN_EVERY == 0:
            body = _TAKEN_BODY.pack(number, count)
            head = Header(
                Kind.TAKEN, epoch=header.epoch, destination=header.source, root=header.root, body_bytes=len(body)
            )
            with contextlib.suppress(zmq.Again):  # the connection was cut: there is nobody to tell
                way.queue(encode(head) + body, ())
        return Envelope(header)

    def taken(self, body: bytes) -> None:
        """The receiver says how many parts of an envelope it has."""
        if len(body) == _TAKEN_BODY.size:
            number, count = _TAKEN_BODY.unpack(body)
            if number == self._sending:
                self._taken = max(self._taken, count)
