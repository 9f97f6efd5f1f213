"""What a client believes of names: where each leads, and what it holds of them.

Laws
    A node stands for one object name. ``target`` is None for data, the node pointed at, or UNKNOWN.
    A node past the first hop may be *anonymous*: its worker is known, its id was chosen there (name 0).
    What is believed may be longer than what is so (an operation failed half-way; what others found stayed), never
    shorter: only its maker leaves a stub for an object. A path is what ordering needs, and a longer one only makes it
    more careful.
    An id stands for one object in a store: its generations lead to the same place, whichever of them is told so.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import NamedTuple

from farptr.protocol.header import HOP_LIMIT
from farptr.protocol.ids import worker_of

Path = tuple[int, ...]


Chain = tuple["Node | None", ...]
"""Nodes, each what the one before leads to."""


class Place:
    """An id at a worker that may be stored under more than once: the generations of it that anything here refers to."""

    __slots__ = ("__weakref__", "_nodes")

    def __init__(self) -> None:
        self._nodes: list[weakref.ref[Node]] = []

    def add(self, node: Node) -> None:
        """One more generation."""
        node.place = self
        self._nodes = [ref for ref in self._nodes if ref() is not None]
        self._nodes.append(weakref.ref(node))

    def nodes(self) -> list[Node]:
        """The generations, oldest first."""
        return [node for ref in self._nodes if (node := ref()) is not None]


class Known(NamedTuple):
    """What is known of an object from its tags, without asking."""

    tags: tuple[str, ...] = ()
    description: str = ""
    shape: tuple[int, ...] | None = None


class Node:
    """One object, as a client knows it."""

    # What few nodes need is kept in a dictionary that most never get: making nodes is what operators spend most on.
    __slots__ = ("__dict__", "__weakref__", "claims", "fault", "name", "received", "target", "worker")

    seen = -1
    """State of the session (``SessionCore.is_in_doubt``) in which it was seen to be there, without a claim."""
    foreign = False
    """Somebody else made it, or it was found through what somebody else made: who moves it takes a copy."""
    about: Known | None = None
    place: Place | None = None
    """Where its other generations are found; None while its id cannot come up again."""

    def __init__(self, name: int, worker: int, target: Node | None) -> None:
        self.name = name
        """0 for an anonymous node, which never has claims."""
        self.worker = worker
        self.target = target
        self.claims = 0
        """Handles that own it."""
        self.received = 0
        """References that the broker booked for this session and that were not released."""
        self.fault = 0
        """Number of an in-place command on it that failed and was not raised yet."""

    def lead_to(self, target: Node | None) -> None:
        """From now on the object is a pointer to ``target`` (None: data), under every generation of its id."""
        self.target = target
        if self.place is not None:
            for node in self.place.nodes():
                node.target = target


UNKNOWN = Node(0, 0, None)
"""The target of a pointer that came from somewhere else; compare with ``is``."""


def named(name: int, target: Node | None = None) -> Node:
    """A node for a name."""
    return Node(name, worker_of(name), target)


def path_of(node: Node) -> Path | None:
    """The workers along a chain, neighbours that are equal collapsed; None when part of it is not known."""
    if node.target is None:
        return (node.worker,)
    path = [node.worker]
    here = node.target
    while here is not None:
        if here is UNKNOWN:
            return None
        if here.worker != path[-1]:
            path.append(here.worker)
        here = here.target  # type: ignore[assignment]
    return tuple(path)


def depth_of(node: Node) -> int:
    """Pointers on the way to the data, as far as is known: 1 when the node itself is data."""
    depth = 1
    here = node.target
    while here is not None and here is not UNKNOWN:
        depth += 1
        here = here.target
    return depth


def mirrored(node: Node | None) -> Node | None:
    """Anonymous nodes along the same workers: where the result of an operation on a chain leads."""
    if node is None or node is UNKNOWN:
        return node
    workers = []
    here: Node | None = node
    while here is not None and here is not UNKNOWN:
        workers.append(here.worker)
        here = here.target
    end = here
    for worker in reversed(workers):
        end = Node(0, worker, end)
    return end


def result_of(operands: Sequence[Node]) -> Node | None:
    """Where the result of an operation on these operands leads: anonymous nodes along the way that the command takes.

    Operands of different depth at one worker are levelled there, so their result is as deep as the shallowest.
    """
    first = operands[0].target
    if len(operands) == 1 or all(n.target is None for n in operands):
        return mirrored(first)
    here, workers = list(operands), []
    for _ in range(2 * HOP_LIMIT):
        targets = [n.target for n in here]
        if any(t is UNKNOWN for t in targets):
            return UNKNOWN
        places = {t.worker if t else None for t in targets}
        if len(places) == 1:
            if targets[0] is None:
                break
            workers.append(targets[0].worker)
            here = [t for t in targets if t]
        else:
            here = [t if t and t.worker == n.worker else n for n, t in zip(here, targets, strict=True)]
    end: Node | None = None
    for worker in reversed(workers):
        end = Node(0, worker, end)
    return end


def chain_of(node: Node) -> Chain:
    """The nodes from this one to the data, or to UNKNOWN."""
    chain = [node]
    while chain[-1].target is not None:
        chain.append(chain[-1].target)
    return tuple(chain)


def on_chain(chain: Chain, name: int) -> Node | None:
    """The node of that name on a chain, or the anonymous one at its end that must be it; None when there is neither."""
    found = next((node for node in chain if node is not None and node.name == name), None)
    end = chain[-1]
    if found is None and end is not None and not end.name and end.worker == worker_of(name):
        return end
    return found


def leads_through(node: Node, name: int, worker: int) -> bool:
    """Whether the chain behind ``node`` passes, or may pass, an object with the id of ``name`` at ``worker``."""
    here = node.target
    while here is not None:
        if here is UNKNOWN:
            return True
        if here.worker == worker and (not here.name or (here.name ^ name) & ((1 << 40) - 1) == 0):
            return True
        here = here.target
    return False
