"""What a client's objects should be, as far as that can be known when workers may be lost (see ``outcomes``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.sim.history import INF, Call, Failure, History, Wrong, is_text

GAVE_UP = {"DeadlineExceeded", "WorkerUnresponsive", "Overloaded"}
LOST = {"WorkerLost", "StalePointer"}
Published = dict[tuple[int, int], np.ndarray]
"""Values by worker and id."""


class Fails:
    """The outcome of a command that failed."""

    def __init__(self, kind: str, command: int) -> None:
        self.kind, self.command = kind, command

    def __repr__(self) -> str:
        return f"Fails({self.kind} of #{self.command})"


class Box:
    def __init__(self, worker: int, id: int | None, main: Any) -> None:
        self.worker, self.id, self.main = worker, id, main
        self.alts: list[tuple[np.ndarray, float]] = []
        self.unsure = INF
        self.loose = INF
        """From when on the reference in it may have come too late to keep what it points at."""
        self.life = INF
        self.dead = False

    def __repr__(self) -> str:
        shown = f"-> {self.main.worker}:{self.main.id}" if isinstance(self.main, Box) else self.main
        return f"{self.worker}:{self.id} {shown}{' (dead)' if self.dead else ''} alts {self.alts} unsure {self.unsure}"


class Handle:
    def __init__(self, box: Box, owns: bool = True, until: float = INF) -> None:
        self.box, self.owns, self.until = box, owns, until
        """``until``: when what it owns may have been gone before it came."""


class Boxes:
    """One client's boxes and handles, at the time of one call."""

    def __init__(self, history: History, client: int, published: Published) -> None:
        self.history, self.client, self.published = history, client, published
        self.calls = [c for c in history.calls if c.client == client]
        self.lost = history.losses()
        given_up = [c.ended for c in self.calls if isinstance(c.outcome, Failure) and c.outcome.type in GAVE_UP]
        self.first_loss = min([*self.lost.values(), *given_up], default=INF)
        """From when on what nobody owns may live a little longer: a lost holder, a late answer."""
        self.stops = history.first("stop_worker", "stop_client")
        self.stalls = history.first("stall")
        self.cut = history.first("expired", number=client)
        self.over = history.first("kill_broker")
        self.handles: dict[int, Handle] = {}
        self.boxes: list[Box] = []
        self.kept: list[tuple[Box, float]] = []
        """What stays without an owner, and until when."""
        self.pending: dict[int, str] = {}
        """Failures to be told, by command."""
        self.doubtful: dict[int, float] = {}
        """From when on a command may have failed for a loss."""
        self.told: set[int] = set()
        self._barriers = self._times_of_barriers()
        self.call: Call = self.calls[0] if self.calls else None  # type: ignore[assignment]

    def _times_of_barriers(self) -> list[float]:
        """For each call, when the next ``sync`` or list behind it was answered."""
        times, next_end = [], INF
        if any(call.ended == INF for call in self.calls):
            raise Wrong(f"a call that never ended\n{self.history}")
        for call in reversed(self.calls):
            times.append(next_end)
            answered = call.kind in ("sync", "list") and not self._unanswered(call)
            next_end = call.ended if answered else next_end
        return times[::-1]

    def _unanswered(self, call: Call) -> bool:
        if call.kind == "list":
            return not isinstance(call.outcome, dict)
        failures = [call.outcome] if isinstance(call.outcome, Failure) else call.outcome
        unanswered = GAVE_UP | {"BrokerLost", "ProtocolError", "SessionClosed"}
        return is_text(failures, "killed") or any(f.type in unanswered for f in failures)

    def say(self, so: bool, message: str, *parts: Any) -> None:
        """Raise Wrong unless it is so; the message is put together only then."""
        if not so:
            raise Wrong(message.format(*parts))

    # ------------------------------------------------------------ boxes

    def chain(self, box: Box) -> list[Box]:
        found = [box]
        while isinstance(found[-1].main, Box) and not found[-1].dead:
            found.append(found[-1].main)
            if len(found) > 50:
                raise Wrong("a cycle")
        return found

    def beyond(self, box: Box) -> Box:
        """Where a dead box led."""
        for _ in range(50):
            if not isinstance(box.main, Box):
                break
            box = box.main
        return box

    def loss_of(self, workers: Iterable[int]) -> float:
        """From when on a command on these workers is in doubt."""
        time = min((self.lost.get(w, INF) for w in workers), default=INF)
        return time if time < self.barrier else INF

    def doubt(self, chain: list[Box]) -> float:
        """From when on it is not sure that a command down a chain did what it should."""
        time = self.loss_of(b.worker for b in chain)
        for b in chain:
            time = min(time, b.unsure, self.first_loss if b.dead else b.life)
        return time

    def new(self, worker: int, id: int | None, main: Any) -> Box:
        box = Box(worker, id, main)
        self.boxes.append(box)
        return box

    def put(self, worker: int, id: int, main: Any) -> Box:
        """Store under an id: what lives there is replaced."""
        box = next((b for b in self.boxes if b.worker == worker and b.id == id and not b.dead), None)
        if box is None:
            return self.new(worker, id, main)
        box.unsure = min(box.unsure, box.life)
        box.main, box.alts = main, []
        return box

    def _collect(self) -> None:
        """Until when each box surely has an owner; what nobody can refer to is dead."""
        life: dict[Box, float] = {}
        todo = [(h.box, h.until) for h in self.handles.values() if h.owns] + self.kept
        while todo:
            box, until = todo.pop()
            if life.get(box, -2) >= until:
                continue
            life[box] = until
            if isinstance(box.main, Box) and not box.dead:
                todo.append((box.main, min(until, box.unsure, box.loose, self.lost.get(box.worker, INF))))
        for box in self.boxes:
            box.life = life.get(box, -2)
            box.dead = box not in life
        self.boxes = [b for b in self.boxes if not b.dead]

    def _gone_at(self, box: Box) -> float:
        """From when on an object may not be there."""
        return -1 if box.dead else min(box.unsure, box.life, self.lost.get(box.worker, INF))

    # ------------------------------------------------------------ failures

    def fails(self, kind: str) -> Fails:
        self.pending[self.call.commands[1]] = kind
        return Fails(kind, self.call.commands[1])

    def may_fail(self, doubt: float) -> None:
        if doubt < INF:
            self.doubtful[self.call.commands[1]] = doubt

    def _told(self, error: Failure) -> None:
        """A failure was raised that nobody had asked for."""
        now = self.call.ended
        if error.type in LOST:
            self.say(self.lost.get(error.worker, INF) < now, "worker {} is not lost", error.worker)
            return
        expected = self.pending.pop(error.command, None)
        self.say(error.command not in self.told, "#{} was told of twice", error.command)
        self.told.add(error.command)
        if expected != error.kind:
            self.say(self.doubtful.get(error.command, INF) < now, "{} where {} belongs", error, expected)
