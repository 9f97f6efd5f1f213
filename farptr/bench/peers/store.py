"""What a worker offers where a library has no remote references of its own: arrays by key, and operations on them.

The caller chooses the keys of results, so that calls need not be waited for one by one. A result in a chain is kept at
its far end; each hop keeps the key as its handle. Nothing is freed: a key that is used again frees what it had, which
is cheaper than any lifetime.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

X, Z, BULK, PART, OUT = 0, 1, 2, 3, 4
"""Keys: an operand, the running result, a large array, a part of the mean, a result that is not used."""


class Store:
    """Arrays by key, and the worker one hop further on."""

    def __init__(self) -> None:
        self.kept: dict[int, Any] = {}
        self.handles: dict[int, Any] = {}
        self.next: Any = None
        self.others: list[Any] = []

    def pid(self) -> int:
        """This process."""
        return os.getpid()

    def meet(self, following: Any, others: list[Any]) -> None:
        """Get to know the worker one hop further on, and all others."""
        self.next, self.others = following, others

    def put(self, key: int, array: Any) -> int:
        """Keep an array of this process's own."""
        self.kept[key] = array
        return key

    def get(self, key: int) -> Any:
        """What is kept."""
        return self.kept[key]

    def add(self, out: int, a: int, b: int) -> int:
        """``out = a + b``; the key of the result is its handle."""
        self.kept[out] = self.kept[a] + self.kept[b]
        return out

    def far_add(self, hops: int, out: int, a: int, b: int) -> int:
        """As ``add``, where the data is: so many hops from the caller. Each hop keeps a handle."""
        if hops == 1:
            return self.add(out, a, b)
        self.handles[out] = self.next.far_add(hops - 1, out, a, b)
        return out

    def mean(self, key: int) -> Any:
        """The mean of what all workers keep under a key, fetched one after the other."""
        total = self.kept[key]
        for other in self.others:
            total = total + np.asarray(other.get(key))
        return total / (len(self.others) + 1)
