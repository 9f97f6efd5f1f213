"""What was said of accesses and links, one over the other.

Laws
    What was said last holds. What is taken back uncovers what lies beneath it; where it is covered itself, nothing
    changes. So of two that overlap each can be taken back first.
    Of more than ``MOST`` about one thing the oldest cannot be taken back any more.
"""

from __future__ import annotations

import itertools
from typing import Any

from farptr.network.network import Pair

MOST = 100
Key = str | Pair


class Layers:
    """By party or pair: what was said, by number, the oldest first; None stands for "nothing was said"."""

    def __init__(self) -> None:
        self._said: dict[Key, dict[int, Any]] = {}
        self._keys: dict[int, Key] = {}
        self._numbers = itertools.count(1)

    def put(self, key: Key, to: Any, before: Any) -> int:
        """One more, where so far ``before`` held; its number."""
        said = self._said.setdefault(key, {0: before})
        number = next(self._numbers)
        said[number], self._keys[number] = to, key
        if len(said) > MOST:
            _, oldest = itertools.islice(said, 2)
            said[0] = said.pop(oldest)
            del self._keys[oldest]
        return number

    def take(self, number: int) -> tuple[Key, Any] | None:
        """Take one back; what holds now of that, or None if it is not there any more."""
        key = self._keys.pop(number, None)
        if key is None:
            return None
        said = self._said[key]
        del said[number]
        holds = said[next(reversed(said))]
        if len(said) == 1:
            del self._said[key]
        return key, holds
