"""Broken variants of the rules about lifetimes and losses, as context managers: random faults must notice each of them.

The first four are those of ``tests/unit/test_gc_model.py``, on the real cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from farptr.broker.core import BrokerCore
from farptr.broker.roster import Roster
from farptr.broker.rows import Rows
from farptr.broker.settling import Settling
from farptr.client.answers import Answers
from farptr.client.from_broker import FromBroker
from farptr.protocol.header import Kind, names_of, read, references
from farptr.protocol.ids import worker_of
from farptr.worker.core import WorkerCore
from farptr.worker.store import Store
from tests.sim import mutants
from tests.sim.faults import FaultyWorld

MUTANTS: dict[str, Callable[[], Any]] = {}


def mutant(function: Callable[..., Any]) -> Callable[..., Any]:
    MUTANTS[function.__name__] = contextmanager(function)
    return MUTANTS[function.__name__]


@mutant
def the_receiver_registers_itself() -> Iterator[None]:
    """A reference gets its row when a worker that received it says so, not in the step that queues it there."""
    real_book, real_turn = BrokerCore._book, WorkerCore.turn

    def book(self: Any, name: int, source: int, holder: int, count: int, frees: Any) -> None:
        late = holder in self.settling.turns and worker_of(name) not in (source, holder)
        if not late:
            real_book(self, name, source, holder, count, frees)

    def turn(self: Any, envelope: Any) -> Any:
        header = envelope.header
        mine = [(n, c) for n, c in names_of(header.refs) if worker_of(n) not in (header.source, self.number)]
        found = real_turn(self, envelope)
        if header.kind != Kind.COMMAND or not mine or not found:
            return found
        first = found[0]
        return [
            first._replace(header=first.header._replace(creates=(*first.header.creates, *references(mine)))),
            *found[1:],
        ]

    with patch.object(BrokerCore, "_book", book), patch.object(WorkerCore, "turn", turn):
        yield


@mutant
def a_release_clears_the_row() -> Iterator[None]:
    """RELEASE without a count: it takes every reference of its holder, those on their way to it as well."""
    real = Rows.release

    def release(self: Any, name: int, holder: int, count: int) -> Any:
        return real(self, name, holder, self.holders(name).get(holder, count))

    def release_all(self: Any, flat: Any, holder: int, owners: Any) -> Any:
        held = [n for n, _ in names_of(flat) if worker_of(n) in owners and holder in self.holders(n)]
        return [pair for n in held for pair in release(self, n, holder, 0)]

    with patch.object(Rows, "release_all", release_all), patch.object(Rows, "check_releases", lambda *_: None):
        yield


@mutant
def free_without_exports() -> Iterator[None]:
    """FREE deletes whatever the export count."""
    with mutants.free_without_exports():
        yield


@mutant
def a_closed_session_is_still_read() -> Iterator[None]:
    """What a lost party had sent is carried out after its rows have gone."""
    real_take, real_remove = BrokerCore.take, Roster.remove
    ghosts: dict[tuple[int, int], Any] = {}

    def remove(self: Any, number: int, why: str) -> Any:
        party = real_remove(self, number, why)
        if party is not None:
            ghosts[id(self), number] = party
        return party

    def take(self: Any, source: int, frame: bytes, buffers: Any = ()) -> Any:
        ghost = ghosts.get((id(self.roster), source))
        header, _ = read(frame)
        if ghost is None or ghost.role != "client" or header.kind not in (Kind.COMMAND, Kind.NOTE):
            return real_take(self, source, frame, buffers)
        session = self.settling.sessions.get(source)
        if session is None:
            self.settling.begin_client(source)
            self.settling.sessions[source].alive = False
        self.roster.live[source] = ghost
        try:
            return real_take(self, source, frame, buffers)
        finally:
            del self.roster.live[source]

    with patch.object(BrokerCore, "take", take), patch.object(Roster, "remove", remove):
        yield
    ghosts.clear()


@mutant
def the_rows_of_a_lost_party_stay() -> Iterator[None]:
    """A lost holder goes on holding."""
    with patch.object(Rows, "drop_holder", lambda *_: []), patch.object(Rows, "check", lambda *_: None):
        yield


@mutant
def what_was_under_way_to_a_lost_worker_counts_on() -> Iterator[None]:
    """A session is never settled when a worker dies with an envelope of it."""
    real = Settling.lose_worker

    def lose_worker(self: Any, worker: int) -> Any:
        with patch.object(Settling, "_count_down", lambda *_: None):
            return real(self, worker)

    with patch.object(Settling, "lose_worker", lose_worker), patch.object(Settling, "check", lambda *_: None):
        yield


@mutant
def questions_to_a_lost_worker_wait() -> Iterator[None]:
    """Nobody answers what a lost worker was asked."""
    with patch.object(Answers, "lose", lambda *_: None), patch.object(FromBroker, "_make_sure", lambda *_: None):
        yield


@mutant
def only_the_path_believed_is_lost() -> Iterator[None]:
    """A question that went further than its client believes is not answered when it is lost there."""
    with patch.object(FromBroker, "_make_sure", lambda *_: None):
        yield


@mutant
def a_lost_push_keeps_the_count() -> Iterator[None]:
    """FREE wants exactly the export count that stands at the owner, though a lost worker took some with it."""
    real = Store.free

    def free(self: Any, name: int, exports: int) -> None:
        if self._exports.get(name) == exports:
            real(self, name, exports)

    with patch.object(Store, "free", free):
        yield


@mutant
def nobody_frees_for_a_lost_worker() -> Iterator[None]:
    """What a lost worker held is freed only while a client is there."""
    real = BrokerCore._free_for_nobody

    def free(self: Any, lost: int, frees: Any, out: Any) -> None:
        if self.settling.sessions:
            real(self, lost, frees, out)

    with patch.object(BrokerCore, "_free_for_nobody", free):
        yield


def _numbers_do_not_count(core: type) -> Iterator[None]:
    name = "take" if core is BrokerCore else "turn"
    real = getattr(core, name)

    def forget(self: Any, *args: Any) -> Any:
        self._newest.clear()
        return real(self, *args)

    with ExitStack() as stack:
        stack.enter_context(patch.object(core, name, forget))
        yield


@mutant
def the_broker_takes_everything_twice() -> Iterator[None]:
    """The broker does not look at sequence numbers."""
    yield from _numbers_do_not_count(BrokerCore)


@mutant
def workers_take_everything_twice() -> Iterator[None]:
    """Workers do not look at sequence numbers."""
    yield from _numbers_do_not_count(WorkerCore)


@mutant
def a_block_of_ids_is_granted_twice() -> Iterator[None]:
    """A worker takes each answer to its question for ids, also one that it has had."""
    real = WorkerCore.told

    def told(self: Any, envelope: Any) -> None:
        self._asked = envelope.header.sequence
        real(self, envelope)

    with patch.object(WorkerCore, "told", told):
        yield


@mutant
def nobody_is_told_of_stops() -> Iterator[None]:
    """The broker keeps for itself that a worker is stopped."""
    with patch.object(BrokerCore, "stall", lambda *_: []):
        yield


@mutant
def who_comes_later_is_not_told_of_stops() -> Iterator[None]:
    """Only those hear of a stopped worker who are here when it is seen to be stopped."""
    real = BrokerCore.register

    def register(self: Any, hello: Any) -> Any:
        with patch.object(self.settling, "stopped", {}):
            return real(self, hello)

    with patch.object(BrokerCore, "register", register):
        yield


@mutant
def names_of_the_dead_are_reused() -> Iterator[None]:
    """A worker that starts again gets the party number that it had: pointers to what was lost look alive."""
    real = FaultyWorld._restart

    def restart(self: Any, name: str) -> None:
        old = max((n for n, was in self._gone.items() if was == name), default=0)
        if old and old not in self.cut and not self.broker_gone and name not in self.workers:
            self.broker.roster._next_number, kept = old, self.broker.roster._next_number
            self.broker.roster.lost.pop(old, None)
            real(self, name)
            self.broker.roster._next_number = kept

    with patch.object(FaultyWorld, "_restart", restart):
        yield
