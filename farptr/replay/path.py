"""The critical path of a run: what waited for what, back from the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

WORK, WAY = "work", "way"


class Node:
    """A span of time in which a party worked, or something was on its way, and what it had waited for."""

    __slots__ = ("began_s", "ended_s", "kind", "parent", "who")

    def __init__(self, kind: str, who: tuple[str, ...], began_s: float, parent: Node | None) -> None:
        self.kind, self.who, self.began_s, self.parent = kind, who, began_s, parent
        """``who`` is a party, or source and destination."""
        self.ended_s = began_s


def back(node: Node | None) -> Iterator[Node]:
    """From the end to the beginning."""
    while node is not None:
        yield node
        node = node.parent


def shares(end: Node | None) -> tuple[Counter[Any], Counter[Any]]:
    """Seconds of the path by (source, destination), and by party."""
    ways: Counter[Any] = Counter()
    work: Counter[Any] = Counter()
    for node in back(end):
        seconds: Any = node.ended_s - node.began_s
        if node.kind == WAY:
            ways[node.who[0], node.who[1]] += seconds
        else:
            work[node.who[0]] += seconds
    return ways, work
