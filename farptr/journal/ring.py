"""Items that one process leaves for another, in memory that both have mapped.

Laws
    1. There is one writer and one reader. The writer alone moves ``HEAD``, the reader alone ``TAIL``; both only grow.
       What lies between them was written whole: ``HEAD`` moves last. So who is killed at any moment leaves a ring that
       the other can go on with.
    2. An item is found in one piece, as it was put; order is kept. One of up to ``most_bytes`` fits once enough
       was taken.
    3. Neither side waits: ``put`` says when there is no room, ``take`` gives what is there.
"""

from __future__ import annotations

import mmap
import struct

SIZE_BYTES = 34 << 20
"""So that the largest frame fits into half of it, see ``most_bytes``."""
_WORDS_BYTES = 256
HEAD, TAIL, PARKED = 0, 8, 16
"""Words, each on a cache line of its own: bytes ever put, bytes ever taken, whether the reader sleeps."""
_LENGTH = struct.Struct("<I")
_SKIP = 0xFFFFFFFF


class Ring:
    """A ring of ``size_bytes``, shared with whom this process forks."""

    def __init__(self, size_bytes: int = SIZE_BYTES) -> None:
        self._memory = mmap.mmap(-1, _WORDS_BYTES + size_bytes)
        self._words = memoryview(self._memory)[:_WORDS_BYTES].cast("Q")  # each is read and written whole
        self._data = memoryview(self._memory)[_WORDS_BYTES:]
        self._size = size_bytes
        self._head = self._tail = 0  # the writer's
        self._taken = 0  # the reader's
        self.most_bytes = size_bytes // 2 - 8
        """Of one item: wherever the ring stands, it has room for so much once all was taken."""

    def put(self, head: bytes, body: bytes = b"") -> bool:
        """Leave ``head + body``, at most ``most_bytes``; False, and nothing done, when there is no room now."""
        size = len(head) + len(body)
        step = (size + 11) & ~7  # its length before it; the next one begins at a multiple of 8
        at, data = self._head % self._size, self._data
        skip = self._size - at
        if step <= skip:
            skip = 0
        if self._head + skip + step - self._tail > self._size:
            self._tail = self._words[TAIL]
            if self._head + skip + step - self._tail > self._size:
                return False
        if skip:
            _LENGTH.pack_into(data, at, _SKIP)
            at = 0
        _LENGTH.pack_into(data, at, size)
        at += 4
        end = at + len(head)
        data[at:end] = head
        if body:
            data[end : end + len(body)] = body
        self._head += skip + step
        self._words[HEAD] = self._head
        return True

    def take(self, most: int) -> list[bytes]:
        """Up to ``most`` items, oldest first; their room is given back by ``give_back``."""
        head, data = self._words[HEAD], self._data
        items: list[bytes] = []
        while self._taken < head and len(items) < most:
            at = self._taken % self._size
            (size,) = _LENGTH.unpack_from(data, at)
            if size == _SKIP:
                self._taken += self._size - at
                continue
            items.append(bytes(data[at + 4 : at + 4 + size]))
            self._taken += (size + 11) & ~7
        return items

    def give_back(self) -> None:
        """What was taken is needed here no more."""
        self._words[TAIL] = self._taken

    @property
    def waiting_bytes(self) -> int:
        """What was put and not given back."""
        return self._words[HEAD] - self._words[TAIL]

    @property
    def parked(self) -> bool:
        """Whether the reader sleeps until it is woken, or looks by itself after a while."""
        return self._words[PARKED] != 0

    @parked.setter
    def parked(self, value: bool) -> None:
        self._words[PARKED] = value

    def close(self) -> None:
        """Give the memory back."""
        self._words.release()
        self._data.release()
        self._memory.close()
