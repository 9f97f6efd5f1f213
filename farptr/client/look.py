"""Looking at a whole run from outside: who takes part, what each worker holds, and who refers to it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from farptr.protocol.errors import WorkerLost
from farptr.protocol.ids import id_of, worker_of

if TYPE_CHECKING:
    from farptr.client.run import Run


class Reference(NamedTuple):
    """What keeps an object alive, as the broker counts it: a client's handles of it."""

    location: str
    """The worker that holds the object."""
    id: int
    times: int
    """How often it was handed to the client; not how many handles the client has."""


@dataclass(frozen=True)
class Holder:
    """One party and what it holds: objects if it is a worker, references if it is a client."""

    name: str
    role: str
    pid: int
    is_me: bool = False
    """Whether it is the client that looks."""
    objects: Mapping[int, Any] = field(default_factory=dict)
    """By id, in the order of the commands that made them."""
    references: tuple[Reference, ...] = ()

    @property
    def label(self) -> str:
        """Its name; of another client its pid too, because every client is called ``me``."""
        return self.name if self.role == "worker" or self.is_me else f"client {self.pid}"


def look(run: Run) -> list[Holder]:
    """What every party holds, once everything that was issued is done: clients first, then the run's workers.

    A worker that dies meanwhile is left out.
    """
    session = run._session
    rows = session.ask_broker("rows", settled=True)
    parties = {number: (name, role, pid) for number, name, role, pid, *_ in session.ask_broker("parties")}
    found: list[Holder] = []
    for number, (name, role, pid) in parties.items():
        if role == "client":
            mine = tuple(_reference(run, held, times) for held, holder, times in rows if holder == number)
            found.append(Holder(name, role, pid, number == session.core.number, references=mine))
    for worker in run.workers:
        if worker.number in parties:
            name, role, pid = parties[worker.number]
            with contextlib.suppress(WorkerLost):
                found.append(Holder(name, role, pid, objects=worker.objects()))
    return found


def _reference(run: Run, held: int, times: int) -> Reference:
    return Reference(run._session.core.names.get(worker_of(held), "?"), id_of(held), times)
