"""Slots of one channel: who may touch which bytes. No memory is touched here but the receiver's words.

A channel has one sender and one receiver. The sender alone writes data; the receiver alone writes words: one for each
slot, the turn in which it last gave the slot back, and one that says that it is attached.

Laws
    1. A slot is the sender's, or handed over. The sender hands over what it has written, and touches it no more until
       the slot's word says that turn; the receiver touches it no more once it has written the word.
    2. Each use of a slot is a turn of its own, larger than those before: a place that comes twice, or late, is known.
    3. What is handed over never overlaps.
    4. Nothing is handed over before the receiver is attached.
    5. Who dies takes nothing with it: a channel is given up with its sender or its receiver, as a whole.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from farptr.protocol.apart import Place
from farptr.protocol.errors import ProtocolError
from farptr.transport.extents import Extents

SLOTS = 256
ATTACHED = 0
"""The word that says so, by 1."""
FIRST = 8
"""The word of slot 0; a cache line behind the other."""
WORDS = FIRST + SLOTS


class Words(Protocol):
    """Numbers that both sides see; each is written whole."""

    def __getitem__(self, at: int, /) -> int: ...

    def __setitem__(self, at: int, value: int, /) -> None: ...


class _Handed(NamedTuple):
    turn: int
    offset: int


class Sender:
    """The sender's side: what it may write into, and what it has handed over."""

    def __init__(self, channel: int, size_bytes: int, words: Words) -> None:
        self.channel = channel
        self._words = words
        self._extents = Extents(size_bytes)
        self._turns = [0] * SLOTS
        self._idle = list(range(SLOTS - 1, -1, -1))
        self._handed: dict[int, _Handed] = {}
        self.touched_bytes = 0
        """Up to where data has been written since ``forget_touched``."""

    @property
    def attached(self) -> bool:
        """Whether the receiver reads this channel."""
        return self._words[ATTACHED] == 1

    @property
    def idle(self) -> bool:
        """Whether nothing is handed over."""
        self.reclaim()
        return not self._handed

    def fit(self, size_bytes: int) -> int | None:
        """Up to where data would be written after ``hand(size_bytes)``; None when there is no room now."""
        self.reclaim()
        offset = self._extents.take(size_bytes) if self._idle and self.attached else None
        if offset is None:
            return None
        end = self._extents.end_of(offset)
        self._extents.give(offset)
        return max(self.touched_bytes, end)

    def hand(self, sizes: tuple[int, ...]) -> Place:
        """A place for buffers of these sizes, right after ``fit`` has found room: to be written, then sent."""
        offset = self._extents.take(sum(sizes))
        assert offset is not None, "there is no room"
        slot = self._idle.pop()
        self._turns[slot] += 1
        self._handed[slot] = _Handed(self._turns[slot], offset)
        self.touched_bytes = max(self.touched_bytes, self._extents.end_of(offset))
        return Place(self.channel, slot, self._turns[slot], offset, sizes)

    def take_back(self, place: Place) -> None:
        """It was never sent."""
        self._free(place.slot)

    def reclaim(self) -> None:
        """Take what the receiver has given back."""
        for slot, handed in list(self._handed.items()):
            if self._words[FIRST + slot] == handed.turn:
                self._free(slot)

    def _free(self, slot: int) -> None:
        self._extents.give(self._handed.pop(slot).offset)
        self._idle.append(slot)

    def forget_touched(self) -> None:
        """The memory was given back to the system; the channel is idle."""
        assert not self._handed, "memory that is handed over was given back"
        self.touched_bytes = 0

    def check(self) -> None:
        """Assert the laws that one side can see."""
        self._extents.check()
        assert sorted([*self._idle, *self._handed]) == list(range(SLOTS)), "slots are lost or there twice"
        assert self._extents.empty == (not self._handed), "extents without a slot"
        assert all(self._turns[slot] == handed.turn for slot, handed in self._handed.items())
        ends = [self._extents.end_of(handed.offset) for handed in self._handed.values()]
        assert max(ends, default=0) <= self.touched_bytes <= self._extents.size_bytes


class Receiver:
    """The receiver's side: what it reads."""

    def __init__(self, size_bytes: int, words: Words) -> None:
        self._size_bytes = size_bytes
        self._words = words
        self._newest = [0] * SLOTS
        """For each slot, the newest turn that has come."""
        words[ATTACHED] = 1

    def take(self, place: Place) -> int:
        """Bytes of a place that has come: they are the receiver's until ``give_back``. Raises ProtocolError.

        A place that has come before, or lies outside, is refused.
        """
        size = sum(place.sizes)
        if place.slot >= SLOTS or size > self._size_bytes or place.offset > self._size_bytes - size:
            raise ProtocolError(f"a place outside the pool: slot {place.slot}, {size} bytes at {place.offset}")
        if place.turn <= self._newest[place.slot]:
            raise ProtocolError("a place in the pool whose data was taken before")
        self._newest[place.slot] = place.turn
        return size

    def give_back(self, place: Place) -> None:
        """Done with it."""
        self._words[FIRST + place.slot] = place.turn
