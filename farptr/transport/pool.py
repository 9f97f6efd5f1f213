"""Large buffers in memory that both processes have, instead of frames that pass the broker.

Laws
    1. Each pair of sender and receiver has a channel of its own (``slots``): whatever goes wrong, nobody finds in a
       channel what was sent to somebody else.
    2. The first large envelope for a receiver goes by frames, and offers the channel. The receiver attaches if it can:
       until it says so, and wherever there is no room, buffers go by frames. Nobody waits for room.
    3. Buffers belong to their envelope: they come with it or not at all, and their place is given back when the last
       view of them is gone.
    4. A channel ends with the news that one of its two is gone; what is still looked at lives until it is let go.
    5. One process writes into at most ``bound_bytes`` of memory for others, all channels together.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import Any

from farptr.protocol.apart import IN_PARTS, Joined, Offer, Place, Unreadable
from farptr.protocol.commands import Envelope
from farptr.protocol.errors import ProtocolError, UsageError
from farptr.protocol.header import Flag
from farptr.protocol.names import FAR
from farptr.protocol.sizes import size_bytes
from farptr.transport import sharing
from farptr.transport.parts import Parts
from farptr.transport.slots import Receiver, Sender

VARIABLE = "FARPTR_POOL"
"""How much memory a process shares with others, as in 64MB; 0 for none."""
BOUND_BYTES = 256 << 20
_OF_ALL_MEMORY = 32
"""By default no more than this part of the machine's."""
FROM_BYTES = 1 << 17
"""Envelopes with fewer bytes in their buffers go by frames, which are no slower then."""
CHANNELS = 64
"""In each direction; they cost descriptors."""


def bound_bytes() -> int:
    """What the environment says, or else the default; raises UsageError."""
    text = os.environ.get(VARIABLE, "").strip()
    if text == "0":
        return 0
    if text:
        try:
            return size_bytes(text)
        except UsageError as error:
            raise UsageError(f"{VARIABLE}: {error.message}", hint=f"{error.hint}; 0 turns it off") from None
    return int(min(BOUND_BYTES, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _OF_ALL_MEMORY))


class _Out:
    """A channel to somebody."""

    def __init__(self, channel: int, size_bytes: int) -> None:
        self.memory = sharing.Made(size_bytes)
        self.sender = Sender(channel, size_bytes, self.memory.words)


class _In:
    """A channel from somebody."""

    def __init__(self, offer: Offer, memory: sharing.Attached) -> None:
        self.channel = offer.channel
        self.memory = memory
        self.receiver = Receiver(offer.size_bytes, memory.words)


class Pool:
    """One process's channels. Not thread-safe, but places may be given back by any thread."""

    def __init__(self, bound_bytes: int) -> None:
        page = sharing.PAGE_BYTES
        self._bound_bytes = bound_bytes // page * page if sharing.supported() else 0
        self._out: dict[int, _Out] = {}
        """By receiver, the one used last at the end."""
        self._in: dict[int, _In] = {}
        self._gone: set[int] = set()
        self._far: set[int] = set()
        self._channels = IN_PARTS
        self.parts = Parts()

    # ------------------------------------------------------------ sending

    def lay(self, envelope: Envelope) -> Envelope:
        """The same envelope to be sent: with its buffers' place instead of them, if they found one."""
        sizes = tuple([memoryview(buffer).nbytes for buffer in envelope.buffers])
        there = envelope.header.destination
        if not FROM_BYTES <= sum(sizes) <= self._bound_bytes or there in self._gone or there in self._far:
            return envelope
        out = self._out.get(there)
        if out is None:
            return self._with_offer(envelope, there)
        place = self._place(out, sizes)
        if place is None:
            return envelope
        try:
            out.memory.write(place.offset, envelope.buffers)
        except BaseException:
            out.sender.take_back(place)
            raise
        self._out[there] = self._out.pop(there)
        header = envelope.header
        return Envelope(header._replace(flags=header.flags | Flag.APART, buffers=1), envelope.body, (place.encode(),))

    def _with_offer(self, envelope: Envelope, there: int) -> Envelope:
        if len(self._out) >= CHANNELS:
            return envelope
        try:
            out = _Out(self._channels + 1, self._bound_bytes)
        except OSError:
            self._bound_bytes = 0  # this system does not let us
            return envelope
        self._channels += 1
        self._out[there] = out
        header, body, buffers = envelope
        header = header._replace(flags=header.flags | Flag.OFFER, buffers=len(buffers) + 1)
        return Envelope(header, body, (*buffers, out.memory.offer(out.sender.channel).encode()))

    def _place(self, out: _Out, sizes: tuple[int, ...]) -> Place | None:
        touched, end = out.sender.touched_bytes, out.sender.fit(sum(sizes))
        if end is None:
            return None
        if end > touched:
            if not self._room_for(end - touched, out):
                return None
            try:
                out.memory.commit(touched, end - touched)
            except OSError:
                return None
        return out.sender.hand(sizes)

    def _room_for(self, size_bytes: int, but: _Out) -> bool:
        """Whether so much more memory may be written into; channels that are not in use give theirs up for it."""
        used = sum(out.sender.touched_bytes for out in self._out.values())
        for other in self._out.values():
            if used + size_bytes <= self._bound_bytes:
                break
            if other is not but and other.sender.touched_bytes and other.sender.idle:
                used -= other.sender.touched_bytes
                _discard(other)
        return used + size_bytes <= self._bound_bytes

    # ------------------------------------------------------------ receiving

    def read(self, envelope: Envelope) -> Envelope:
        """An envelope that came, with its buffers where they lie."""
        header, body, buffers = envelope
        if header.flags & Flag.OFFER:
            self._attach(header.source, buffers[-1])
            buffers = buffers[:-1]
        if header.flags & Flag.APART:
            try:
                return Envelope(header, body, self._found(header.source, buffers))  # type: ignore[arg-type]
            except (ProtocolError, MemoryError) as error:
                return Envelope(header, body, Unreadable(error))  # type: ignore[arg-type]
        return Envelope(header, body, buffers)

    def _attach(self, source: int, frame: Any) -> None:
        """Take an offer, if that can be done; else the sender goes on with frames."""
        if source in self._in or source in self._far or len(self._in) >= CHANNELS or not self._bound_bytes:
            return
        with contextlib.suppress(ProtocolError):
            offer = Offer.decode(bytes(frame))
            memory = sharing.attach(offer)
            if memory is not None:
                self._in[source] = _In(offer, memory)

    def _found(self, source: int, frames: tuple[Any, ...]) -> Joined:
        if len(frames) != 1:
            raise ProtocolError(f"{len(frames)} places for the buffers of one envelope")
        place = Place.decode(bytes(frames[0]))
        if place.channel == IN_PARTS:
            return self.parts.joined(source, place)
        found = self._in.get(source)
        if found is None or found.channel != place.channel:
            raise ProtocolError("a place in a channel of the pool that was not taken")
        size = found.receiver.take(place)
        part = found.memory.part(place.offset, size)
        weakref.finalize(part, _give_back, os.getpid(), found.receiver, place).atexit = False
        return Joined(part.data, place.sizes)

    # ------------------------------------------------------------ ends

    def news(self, news: dict[str, Any]) -> None:
        """What the broker tells of the run: channels of who is gone are given up."""
        if "joined" in news:
            self.meet([news["joined"]])
        number = news.get("lost")
        if isinstance(number, int):
            self._gone.add(number)
            self._out.pop(number, None)
            self._in.pop(number, None)
            self.parts.lose(number)

    def meet(self, rows: list[Any]) -> None:
        """Who is in the run, as in its roster: nothing is offered to who is on another machine, nor taken."""
        self._far.update(row[0] for row in rows if str(row[4]).startswith(FAR))

    def rest(self) -> None:
        """Give memory back to the system that nobody looks at; the next large envelope pays for some again."""
        for out in self._out.values():
            if out.sender.touched_bytes and out.sender.idle:
                _discard(out)

    def close(self) -> None:
        """Give up all channels."""
        self._bound_bytes = 0
        self._out.clear()
        self._in.clear()


def _discard(out: _Out) -> None:
    out.memory.discard(out.sender.touched_bytes)
    out.sender.forget_touched()


def _give_back(owner: int, receiver: Receiver, place: Place) -> None:
    if os.getpid() == owner:  # a forked child has a view of its own, and its parent may still look
        receiver.give_back(place)
