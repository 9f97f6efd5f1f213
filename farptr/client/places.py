"""Names that may come up again: what was sent, moved or fetched, by worker and id.

Laws
    1. A name is created once: a name that may have been used before gets a fresh generation.
    2. A handle that does not own finds its object, or finds that it is gone, as in program order. So after something
       was given up, what no handle owns is *in doubt*, until everything issued is done.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from farptr.client.graph import UNKNOWN, Chain, Node, Place, leads_through, named, on_chain
from farptr.protocol.ids import IdBlock, id_of, make_name, worker_of

At = tuple[int, int]
"""(worker, id)."""


class Places:
    """The places of one session, as long as anything here refers to them."""

    def __init__(self, ids: IdBlock) -> None:
        self.given_up = 0
        """How often a reference was given up, or something replaced: what no handle owns may go by it (law 2)."""
        self.settled = 0
        """``given_up`` when everything issued was last known to be done before anything later."""
        self._ids = ids
        self._places: weakref.WeakValueDictionary[At, Place] = weakref.WeakValueDictionary()

    def __contains__(self, at: At) -> bool:
        return at in self._places

    def nodes(self, at: At) -> list[Node]:
        """The generations of an id at a worker, oldest first."""
        place = self._places.get(at)
        return place.nodes() if place is not None else []

    def note(self, node: Node) -> None:
        """The id of this node may come up again."""
        if node.place is None:
            at = (node.worker, id_of(node.name))
            place = self._places.get(at)
            if place is None:
                place = self._places[at] = Place()
            place.add(node)

    def store(self, at: At, fresh: bool, target: Node | None) -> Node:
        """The node for something stored under an id that, unless it is ``fresh``, may have been there before (law 1).

        ``target`` is what it points at, None for data.
        """
        known = self.nodes(at)
        if known:
            self.given_up += 1
        node = next((n for n in known if n.claims), None)
        if node is None:
            node = named(make_name(*at, 0 if fresh else self._ids.next()), target)
            self.note(node)
        node.lead_to(target)
        return node

    def arrived(self, name: int, source: Node, node: Node | None) -> Node:
        """The node for a pointer that was fetched from ``source``, which was believed to lead to ``node`` then."""
        if node is not None and node is not UNKNOWN and node.name in (0, name):
            node.name = name
            return node
        if node is None and source.target is None:  # it was data: somebody else has turned it into a pointer
            source.lead_to(UNKNOWN)
        known = self.nodes((worker_of(name), id_of(name)))
        node = next((n for n in known if n.name == name), None)
        if node is None:
            node = named(name, UNKNOWN)
            node.foreign = True
        self.note(node)
        return node

    def reached(self, name: int, chain: Chain) -> Node:
        """The node for data that was fetched through what was believed to be this chain."""
        node = on_chain(chain, name)
        if node is None:
            known = self.nodes((worker_of(name), id_of(name)))
            node = next((n for n in known if n.name == name), None)
        if node is None:
            node = named(name)
            node.foreign = True
        node.name = name
        self.note(node)
        return node

    def found(self, name: int, is_pointer: bool) -> Node:
        """The node for what a worker hands out by name or by search: data stays where it is, a pointer may change."""
        node = named(name, UNKNOWN if is_pointer else None)
        node.foreign = True
        return node

    # ------------------------------------------------------------ doubt

    def settle(self) -> None:
        """Whatever is issued from now on comes after everything so far is done."""
        self.settled = self.given_up

    def in_doubt(self, operands: Sequence[Node], at: At | None) -> bool:
        """Whether a command depends on an object that no handle owns, and that may be about to go.

        ``at`` is where it stores something under an id that may have been there before.
        """
        if any(not node.claims for node in operands):
            return True
        known = self.nodes(at) if at else []
        return bool(known) and not any(node.claims for node in known)

    def check(self) -> None:
        """Assert what must hold of every node that is found here."""
        for node in [node for place in self._places.values() for node in place.nodes()]:
            assert node.claims >= 0, f"{node.name} has fewer handles than none"
            assert bool(node.received) >= bool(node.claims), f"{node.name} is owned without a reference"


def in_the_way(target: Node, name: int) -> bool:
    """Whether a pointer to ``target`` stored under ``name`` would stand in its own way."""
    same = target.worker == worker_of(name) and id_of(target.name) == id_of(name)
    return same or leads_through(target, name, worker_of(name))
