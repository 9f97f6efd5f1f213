"""The other parties of a run as one client knows them: what they are called, and who is gone.

Law
    Commands that were under way to a worker that is gone are told of once: by who needs the worker, or by ``sync()``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from farptr.client.graph import Node, Path
from farptr.launch.leaving import WHY as REMOVED
from farptr.protocol.errors import DeadlineExceeded, Overloaded, StalePointer, WorkerLost, WorkerUnresponsive
from farptr.protocol.ids import id_of
from farptr.protocol.names import FAR


class Ending(NamedTuple):
    """How a worker ended."""

    why: str
    returncode: int | None
    """As in ``subprocess``; None when nobody knows."""


class Parties:
    """Names and losses, and the words for them in messages."""

    def __init__(self, names: dict[int, str]) -> None:
        self.lost: dict[int, Ending] = {}
        """Dead workers."""
        self.undone: dict[int, int] = {}
        """Envelopes of this session that were under way to a worker that is gone, while nobody was told."""
        self._told: set[int] = set()
        """Workers whose loss was raised already."""
        self.stalled: dict[int, str] = {}
        """Workers that have work and are stopped, with what is known."""
        self.elsewhere: set[int] = set()
        """Workers on other machines, by number."""
        self._names = names
        self._live: dict[str, int] = {}
        """Workers that joined since this client did."""

    def joined(self, number: int, name: str, host: Any = "") -> None:
        """A worker has registered."""
        self._live[name] = number
        self.placed(number, host)

    def placed(self, number: int, host: Any) -> None:
        """Where a party is, as a roster says it."""
        if str(host).startswith(FAR):
            self.elsewhere.add(number)

    def lose(self, number: int, news: dict[str, Any]) -> None:
        """A worker is gone."""
        self.lost[number] = Ending(str(news["why"]), news.get("code"))
        self.stalled.pop(number, None)
        name = self._names.get(number, "")
        if self._live.get(name) == number:
            del self._live[name]

    def note_undone(self, number: int, envelopes: int) -> None:
        """Commands of this session will never be done: their worker is gone."""
        if number not in self._told:
            self.undone[number] = self.undone.get(number, 0) + envelopes

    def stall(self, number: int, why: str) -> None:
        """A worker is stopped, or (without a reason) goes on."""
        if why and number not in self.lost:
            self.stalled[number] = why
        else:
            self.stalled.pop(number, None)

    def unresponsive(self, worker: int) -> WorkerUnresponsive:
        """The error for a worker that is stopped."""
        name = self._names.get(worker, str(worker))
        return WorkerUnresponsive(
            f"worker {name} does not answer: {self.stalled[worker]}; what was issued waits for it",
            hint=f"let it go on (sim.cont({name!r})), or wait for it with timeout=None",
        )

    def overloaded(self, worker: int, error: DeadlineExceeded) -> Overloaded:
        """The error for a worker that does not keep up, from that of who waited for it."""
        own = self._names.get(worker, "")
        queues = {own: error.queues.get(own, 0)} if worker else error.queues
        name = f"worker {self._names.get(worker, worker)} does" if worker else "the workers of this chain do"
        return Overloaded(
            f"{name} not keep up: {error.message}; what was issued is queued, and will run",
            hint="give them time, or give the work to others",
            where=error.where,
            queues=queues,
        )

    def called(self, node: Node) -> str:
        """``worker:id`` of a node."""
        return f"{self._names.get(node.worker, node.worker)}:{id_of(node.name)}"

    def route(self, path: Path | None) -> str:
        """A path in words, its far end first."""
        if path is None:
            return "a worker that this client has not asked for"
        names = [self._names.get(w, str(w)) for w in path]
        return names[-1] if len(names) == 1 else f"{names[-1]} (by way of {', '.join(names[:-1])})"

    def check_alive(self, path: Path) -> None:
        """Raise WorkerLost when a worker on a path is gone: nothing was sent."""
        for hop, worker in enumerate(path):
            if worker in self.lost:
                raise self.worker_lost(worker, hop, "not-started")

    def worker_lost(self, worker: int, hop: int = 0, outcome: str = "unknown", command: str = "") -> WorkerLost:
        """The error for a worker that is gone; ``command`` says what was waited for."""
        name, ending = self._names.get(worker, str(worker)), self.lost[worker]
        where = f" (hop {hop})" if hop else ""
        undone = self.undone.pop(worker, 0)
        self._told.add(worker)
        text = f"worker {name}{where} is gone: {ending.why}" + ("; commands were under way to it" if undone else "")
        anew = "sim.add({!r}) adds one of that name" if ending.why == REMOVED else "sim.restart({!r}) starts it again"
        if worker in self.elsewhere:
            anew = "`farptr worker {}` starts it again where it was"
        cls, hint = WorkerLost, f"what it held is lost with it; {anew.format(name)}, empty"
        if name in self._live:
            cls, hint = StalePointer, f"{name} was started again: send the data to sim[{name!r}] anew"
        code = ending.returncode
        return cls(
            text, hint=hint, worker=name, epoch=worker, returncode=code, command=command, hop=hop, outcome=outcome
        )
