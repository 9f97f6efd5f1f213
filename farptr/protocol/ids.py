"""Object ids and names.

Laws
    Two parties of one run never draw the same id: each walks blocks of its own of one permutation.
    A name is one integer, ``generation << 64 | worker << 40 | id``; equal names are the same object.
    An id has 11 digits, a party number is below 2**24, a generation is 0 or an id.
"""

from __future__ import annotations

from math import gcd

from farptr.protocol.errors import Exhausted

LOWEST_ID = 10**10
IDS = 9 * 10**10
"""Ids run from 10 000 000 000 to 99 999 999 999: eleven digits, none of them a leading zero."""
BLOCK = 2**22
"""Ids in a block: ten seconds of the fastest pipeline, and 21,457 blocks in a run."""
BLOCKS = IDS // BLOCK
PARTIES = 2**24

NAME_SHIFT = 40
DRAWN = 256
"""Ids that are drawn at once: one by one they would cost twice as much."""
ID_MASK = (1 << NAME_SHIFT) - 1
PARTY_MASK = PARTIES - 1
_GENERATION_SHIFT = 64


def make_name(worker: int, id: int, generation: int = 0) -> int:
    """The name of an object."""
    return generation << _GENERATION_SHIFT | worker << NAME_SHIFT | id


def worker_of(name: int) -> int:
    """Party number of the worker that holds the object."""
    return name >> NAME_SHIFT & PARTY_MASK


def id_of(name: int) -> int:
    """The object's id in that worker's store."""
    return name & ID_MASK


def generation_of(name: int) -> int:
    """0 at an object's first home, a unique number where its id may have been used before."""
    return name >> _GENERATION_SHIFT


def _mix(seed: int) -> int:
    """A seed spread over 64 bits (the finalizer of splitmix64, Steele et al. 2014)."""
    z = (seed + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return z ^ z >> 31


def stride_of(seed: int) -> int:
    """The step of a seed's permutation: coprime to the number of ids, and far from 0 so that ids look unalike."""
    stride = IDS // 3 + _mix(seed) % (IDS // 3)
    while gcd(stride, IDS) != 1:
        stride += 1
    return stride


class IdBlock:
    """The ids of one party, in the order in which it uses them. Not thread-safe."""

    def __init__(self, seed: int, block: int) -> None:
        self._stride = stride_of(seed)
        self._offset = _mix(seed ^ 0x5BF03635) % IDS
        self.left = 0
        """Ids of the blocks at work that are not drawn yet."""
        self.drawn: list[int] = []
        """The next ids, the first of them last."""
        self._next = 0
        self._spare: list[int] = []
        self.grant(block)

    def grant(self, block: int) -> None:
        """Add one block (a number below BLOCKS)."""
        if not 0 <= block < BLOCKS:
            raise Exhausted("this run has no ids left", hint="start a new run")
        self._spare.append(block)
        if not self.left:
            self._open()

    def low(self) -> bool:
        """Whether it is time to ask for another block."""
        return self.left < BLOCK // 2 and not self._spare

    def next(self) -> int:
        """An id that nobody else has or will have."""
        if not self.drawn:
            self._draw()
        return self.drawn.pop()

    def _draw(self) -> None:
        if not self.left:
            self._open()
        count = min(self.left, DRAWN)
        start, stride = self._next, self._stride
        self.drawn += [(start + i * stride) % IDS + LOWEST_ID for i in range(count - 1, -1, -1)]
        self._next = (start + count * stride) % IDS
        self.left -= count

    def _open(self) -> None:
        if not self._spare:
            raise Exhausted("this party has no ids left", hint="sim.sync() lets the broker grant more")
        self._next = (self._stride * self._spare.pop(0) * BLOCK + self._offset) % IDS
        self.left = BLOCK
