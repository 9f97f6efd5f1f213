"""How a command leaves: behind what, with a fence or without, and how much may be on its way.

Laws
    1. Commands leave in an order that no other path can overtake (``order``), batched per worker (``batches``).
    2. What depends on something in doubt (``places``) leaves behind a fence.
    3. With MARKS marks for a worker unanswered, who issues more for it waits (``full``); others do not. What comes to
       a worker by way of others is bounded by marks for the whole session.
    4. A fence that was given up stands no more, and the session remembers again what it let it forget (``cancel``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from farptr.client.answers import Answers, Fence
from farptr.client.batches import Batch, Batches
from farptr.client.graph import Node, Path
from farptr.client.order import OTHER, Outstanding
from farptr.client.parties import Parties
from farptr.client.places import At, Places
from farptr.protocol import body as bodies
from farptr.protocol.header import Flag, Kind
from farptr.protocol.ids import IdBlock

MARK_EVERY = 128
"""Units (``batches``) for one worker between two marks."""
MARK_EVERY_ALL = 2048
"""Units for all workers between two marks for the whole session."""
MARKS = 2
ALL = 0
"""Stands for the session as a whole among the workers' numbers."""


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
        self.before = Outstanding()
        """What the newest FENCE let the session forget."""
        self.full: set[int] = set()
        """Workers (or ALL) for which MARKS marks are unanswered."""
        self._unmarked: dict[int, int] = {}
        self._marks: dict[int, int] = {}
        """Unanswered marks: sequence number to worker (or ALL)."""

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
            self.before = self._order.clear()
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
        self._batches.flush()
        if self._batches.units:
            self._mark()
        if self._ids.low() and not self.asked_ids:
            self.asked_ids = self.ask_broker({"what": "ids"})

    def grant(self, block: int) -> None:
        """The broker has given more ids."""
        self._answers.give_up(self.asked_ids)
        self.asked_ids = 0
        self._ids.grant(block)

    def _mark(self) -> None:
        """Put a mark behind what has left, for each worker that got much since its last one."""
        left, self._batches.units = self._batches.units, {}
        left[ALL] = sum(left.values())
        for worker, units in left.items():
            units += self._unmarked.get(worker, 0)
            if units >= (MARK_EVERY if worker else MARK_EVERY_ALL):
                self._marks[self._batches.control(Kind.MARK, destination=worker)] = worker
                self._see_whether_full(worker)
                units = 0
            self._unmarked[worker] = units

    def _see_whether_full(self, worker: int) -> None:
        waiting = sum(w == worker for w in self._marks.values())
        (self.full.add if waiting >= MARKS else self.full.discard)(worker)

    def marked(self, sequence: int) -> None:
        """A worker has caught up with a mark."""
        worker = self._marks.pop(sequence, None)
        if worker is not None:
            self._see_whether_full(worker)

    def lose(self, worker: int) -> None:
        """A worker is gone: nobody need wait for it."""
        self._marks = {sequence: w for sequence, w in self._marks.items() if w != worker}
        self._see_whether_full(worker)
        self._unmarked.pop(worker, None)

    def sync(self) -> int:
        """Ask to be told when every session is settled; the key to wait for."""
        self._batches.flush(sync=True)
        sequence = self._batches.sequence
        self._batches.units.clear()  # nothing is under way when this is answered
        self._places.settle()
        return self._answers.expect(-sequence, (), fence=Fence(sequence, self._order.clear()))

    def cancel(self, fence: Fence) -> None:
        """Nobody waits for this fence any more: what was issued before it need not be done before what comes."""
        self._batches.control(Kind.CANCEL, bodies.dumps(fence.sequence))
        self._order.restore(fence.before)
        self._places.given_up += 1

    def ask_broker(self, request: dict[str, Any], *, settled: bool = False) -> int:
        """Ask about the run; the key to wait for."""
        body = bodies.dumps(request)
        flags = Flag.FENCE | Flag.ALL if settled else 0
        sequence = self._batches.control(Kind.ASK, body, flags=flags)
        return self._answers.expect(-sequence, (), fence=Fence(sequence, Outstanding()) if settled else None)

    def ask_when_done(self) -> int:
        """Ask the broker something that it answers once all issued is done; the sequence number to wait for."""
        return self._batches.control(Kind.ASK, bodies.dumps({"what": "progress"}), flags=Flag.FENCE)

    def leave(self) -> None:
        """Make the last words ready."""
        self._batches.flush()
        self._batches.control(Kind.BYE)
