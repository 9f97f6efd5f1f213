"""How a command leaves: behind what, with a fence or without, and how much may be on its way.

Laws
    1. Commands leave in an order that no other path can overtake (``order``), batched per worker (``batches``).
    2. What depends on something in doubt (``places``) leaves behind a fence.
    3. With MARKS marks unanswered, the caller waits before it issues more (``congested``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from farptr.client.answers import Answers
from farptr.client.batches import Batch, Batches
from farptr.client.graph import Node, Path
from farptr.client.order import OTHER, Outstanding
from farptr.client.parties import Parties
from farptr.client.places import At, Places
from farptr.protocol import body as bodies
from farptr.protocol.header import Flag, Kind
from farptr.protocol.ids import IdBlock

MARK_EVERY = 128
"""Command envelopes between two marks."""
MARKS = 2


class Outgoing:
    """The way out of a session. A command is opened, filled in by who issues it, and issued."""

    def __init__(
        self, batches: Batches, order: Outstanding, places: Places, parties: Parties, answers: Answers, ids: IdBlock
    ) -> None:
        self.fences = 0
        self.asked_ids = 0
        """Key of the question for more ids, while it is not answered."""
        self._batches, self._order, self._places = batches, order, places
        self._parties, self._answers, self._ids = parties, answers, ids
        self._unmarked = 0
        self._marks: set[int] = set()

    # ------------------------------------------------------------ commands

    def open(
        self,
        worker: int,
        path: Path | None,
        kind: int = OTHER,
        *,
        ends: Sequence[int] = (),
        flags: int = 0,
        operands: Sequence[Node] = (),
        at: At | None = None,
    ) -> Batch:
        """The batch that takes the next command, after whatever must leave before it; raises WorkerLost.

        ``at`` is where the command stores something under an id that may have been there before.
        """
        if self._parties.lost:
            self._parties.check_alive(path or (worker,))
        places = self._places
        if (
            flags & Flag.FENCE
            or (len(self._order) and self._order.must_fence(path, kind, ends))
            or (places.given_up != places.settled and places.in_doubt(operands, at))
        ):
            places.settle()
            self._order.clear()
            self._batches.flush()
            self.fences += 1
            return self._batches.batch(worker, flags | Flag.FENCE)
        # What replaces something may end the life of what that pointed at: earlier uses of it elsewhere leave first.
        if path is None or len(path) > 1 or kind != OTHER or (at and at in places):
            self._batches.flush_others(worker)
        return self._batches.batch(worker, Flag.FENCE if path is None else 0)

    def issue(
        self,
        batch: Batch,
        command: tuple[Any, ...],
        path: Path | None,
        *,
        kind: int = OTHER,
        moved_to: int = 0,
        creates: Sequence[Node] = (),
    ) -> None:
        """Put a command into its batch; ``creates`` are the nodes that a handle will own by it."""
        batch.commands.append(command)
        for node in creates:
            batch.creates.append(node.name)
            node.received += 1
            node.claims += 1
        if path is None or len(path) > 1:
            self._order.record(path, kind, moved_to, command[0])
        if batch.full():
            self.flush()

    # ------------------------------------------------------------ everything so far

    def flush(self) -> None:
        """Make every open batch and every release ready to send."""
        before = self._batches.sequence
        self._batches.flush()
        self._unmarked += self._batches.sequence - before
        if self._unmarked >= MARK_EVERY:
            self._unmarked = 0
            self._marks.add(self._batches.control(Kind.MARK))
        if self._ids.low() and not self.asked_ids:
            self.asked_ids = self.ask_broker({"what": "ids"})

    def grant(self, block: int) -> None:
        """The broker has given more ids."""
        self._answers.give_up(self.asked_ids)
        self.asked_ids = 0
        self._ids.grant(block)

    def marked(self, sequence: int) -> None:
        """The workers have caught up with a mark."""
        self._marks.discard(sequence)

    def congested(self) -> bool:
        """Whether the caller should wait for the workers before it issues more."""
        return len(self._marks) >= MARKS

    def sync(self) -> int:
        """Ask to be told when every session is settled; the key to wait for."""
        self._batches.flush(sync=True)
        self._unmarked = 0  # nothing is under way when this is answered
        self._places.settle()
        self._order.clear()
        return self._answers.expect(-self._batches.sequence, ())

    def ask_broker(self, request: dict[str, Any], *, settled: bool = False) -> int:
        """Ask about the run; the key to wait for."""
        body = bodies.dumps(request)
        flags = Flag.FENCE | Flag.ALL if settled else 0
        return self._answers.expect(-self._batches.control(Kind.ASK, body, flags=flags), ())

    def leave(self) -> None:
        """Make the last words ready."""
        self._batches.flush()
        self._batches.control(Kind.BYE)
