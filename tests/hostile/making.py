"""Hostile values out of bytes: plain values of the words that the protocol uses, and honest ones with parts exchanged.

The same bytes make the same value, so a fuzzer can learn, and a seed says it all.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

from farptr.protocol import body as bodies
from farptr.protocol.ids import make_name

WORDS = [
    "A",
    "P",
    "E",
    "L",
    "S",
    "C",
    "D",
    "s",
    "t",
    "l",
    "...",
    "T",
    "O",
    "F",
    "complex",
    "",
    "shape",
    "dtype",
    "item",
    "here",
    "objects",
    "count",
    "edges",
    "kept",
    "measures",
    "add",
    "=add",
    "[]",
    "=[]",
    "np:concatenate",
    "add.reduce",
    ".reshape",
    "np:split",
    "=.sort",
    "<f8",
    "|u1",
    "<U3",
    ">U1",
    "|S0",
    "<M8[0s]",
    "<M8[ns]",
    "O",
    "axis",
    "#a",
    "x",
    "own",
    "\ud800",
    "\0",
    "x" * 300,
    "what",
    "ids",
    "rows",
    "progress",
    "role",
    "client",
    "worker",
    "joined",
    "lost",
    "ValueError",
    "SeveralFailed",
    "KeyError",
    "UnicodeDecodeError",
    "WorkerLost",
    "OSError",
    "MemoryError",
]
NUMBERS = [
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    9,
    17,
    64,
    65,
    255,
    256,
    -1,
    -(2**31),
    2**31,
    2**32,
    2**63,
    2**64 - 1,
    2**64,
    2**104,
    -(2**200),
    10**400,
    10**5000,
    *[make_name(worker, 10**10 + n) for worker in (0, 1, 2, 3, 2**24 - 1) for n in (0, 1, 2)],
    make_name(1, 10**10, 10**10 + 5),
    make_name(1, 0),
]
OTHERS = [None, True, False, 0.0, 1.5, float("nan"), float("inf"), b"", b"\xff" * 8, bytes(8), bytes(24), (), [], {}]


class Maker:
    """Decides by bytes; once they are spent, for the first of everything."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def __bool__(self) -> bool:
        return bool(self._data)

    def byte(self) -> int:
        """The next byte."""
        if not self._data:
            return 0
        first, self._data = self._data[0], self._data[1:]
        return first

    def one_of(self, items: Any) -> Any:
        """One of at most 256 things."""
        return items[self.byte() % len(items)]

    def value(self, depth: int = 0) -> Any:
        """Any plain value."""
        kind = self.byte() % (9 if depth < 6 and self._data else 4)
        if kind == 0:
            return self.one_of(NUMBERS)
        if kind == 1:
            return self.one_of(WORDS)
        if kind == 2:
            return self.one_of(OTHERS)
        if kind == 3:
            return deep(self.byte() * 20) if self.byte() > 250 else self.byte()
        if kind == 8:
            return {self.one_of(WORDS): self.value(depth + 1) for _ in range(self.byte() % 3)}
        items = [self.value(depth + 1) for _ in range(self.byte() % 6)]
        return items if kind == 7 else tuple(items)

    def spoilt(self, value: Any, depth: int = 0) -> Any:
        """The same with one part exchanged, left out, or there twice."""
        if type(value) is dict and value and self.byte() % 4:
            key = self.one_of(list(value))
            return value | {key: self.spoilt(value[key], depth + 1)}
        if type(value) not in (tuple, list) or not value or self.byte() % 4 == 0:
            return self.value(depth)
        at = self.byte() % len(value)
        how = self.byte() % 8
        part = [] if how == 0 else [value[at]] * 2 if how == 1 else [self.spoilt(value[at], depth + 1)]
        return type(value)([*value[:at], *part, *value[at + 1 :]])


def written(value: Any) -> bytes:
    """The body that holds it, however deep it is."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        return bodies.dumps(value)
    except RecursionError:  # from Python 3.12 on C code has a limit of its own
        file = io.BytesIO()
        pickler = pickle._Pickler(file, 5)
        pickler.fast = True
        pickler.dump(value)
        return file.getvalue()
    finally:
        sys.setrecursionlimit(limit)


def deep(levels: int) -> Any:
    """A tuple in a tuple in a tuple."""
    value: Any = ()
    for _ in range(levels):
        value = (value,)
    return value
