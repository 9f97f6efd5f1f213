"""The other parties of a run as one client knows them: what they are called, and who is gone."""

from __future__ import annotations

from farptr.client.graph import Node, Path
from farptr.protocol.errors import WorkerLost
from farptr.protocol.ids import id_of


class Parties:
    """Names and losses, and the words for them in messages."""

    def __init__(self, names: dict[int, str]) -> None:
        self.lost: dict[int, str] = {}
        """Dead workers, with what is known of their end."""
        self._names = names

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
        """Raise WorkerLost when a worker on a path is gone."""
        for hop, worker in enumerate(path):
            if worker in self.lost:
                raise self.worker_lost(worker, hop)

    def worker_lost(self, worker: int, hop: int = 0) -> WorkerLost:
        """The error for a worker that is gone."""
        name = self._names.get(worker, str(worker))
        where = f" (hop {hop})" if hop else ""
        return WorkerLost(
            f"worker {name}{where} is gone: {self.lost[worker]}", hint="what it held is lost with it; the others go on"
        )
