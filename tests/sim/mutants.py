"""Broken variants of single rules, as context managers: the tests must notice every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, partialmethod
from typing import Any
from unittest.mock import patch

from farptr.broker.core import BrokerCore
from farptr.broker.rows import Rows
from farptr.broker.settling import Settling, Turn
from farptr.client import order
from farptr.client.batches import Batches
from farptr.client.core import SessionCore
from farptr.client.order import Outstanding
from farptr.client.places import Places
from farptr.client.session import Session
from farptr.protocol.body import loads
from farptr.protocol.commands import KEEP_NOT, KEEP_OWN, MOVE, PULL, PUSH
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import Flag, Kind, names_of, read, references
from farptr.protocol.ids import worker_of
from farptr.worker.core import WorkerCore
from farptr.worker.outbox import Outbox
from farptr.worker.places import Places as WorkerPlaces
from farptr.worker.store import Entry, Store

MUTANTS: dict[str, Callable[[], Any]] = {}


def mutant(function: Callable[..., Any]) -> Callable[..., Any]:
    MUTANTS[function.__name__] = contextmanager(function)
    return MUTANTS[function.__name__]


@mutant
def no_fence() -> Iterator[None]:
    """Commands never wait for what they could overtake."""
    with patch.object(Outstanding, "must_fence", lambda *_: False):
        yield


def _or(rule: Callable[[Any, Any], bool]) -> Any:
    real = order._may_pass

    def may_pass(p: Any, kind: int, places: Any, q: Any, q_kind: int, moved: Any) -> bool:
        return rule(p, q) or real(p, kind, places, q, q_kind, moved)

    return patch.object(order, "_may_pass", may_pass)


@mutant
def prefix_rule() -> Iterator[None]:
    """A command may go when its path is a prefix of the outstanding one's."""
    with _or(lambda p, q: p == q[: len(p)]):
        yield


@mutant
def remote_get_like_any_other() -> Iterator[None]:
    """A command may go when its path is the outstanding one's, remote_get or not."""
    with _or(lambda p, q: p == q):
        yield


@mutant
def a_reply_clears_everything() -> Iterator[None]:
    """ "Everything forwarded earlier stands ahead of anything that the client sends next", beyond the next hop too."""
    with patch.object(Outstanding, "answered", lambda self, path, number: self.clear()):
        yield


@mutant
def batches_in_any_order() -> Iterator[None]:
    """Batches for other workers do not leave before a multi-hop command."""
    with patch.object(Batches, "flush_others", lambda *_: None):
        yield


@mutant
def releases_pass_batches() -> Iterator[None]:
    """A release leaves before the open batches."""
    real = SessionCore.drop

    def drop(self: Any, node: Any) -> None:
        real(self, node)
        releases, self.batches.releases = self.batches.releases, {}
        if releases:
            kept, self.batches.open = self.batches.open, {}
            self.batches.releases = releases
            self.batches.flush()
            self.batches.open = kept

    with patch.object(SessionCore, "drop", drop):
        yield


@mutant
def weak_handles_are_not_fenced() -> Iterator[None]:
    """A handle that does not own is used without looking whether its object is about to go."""
    with patch.object(Places, "in_doubt", lambda *_: False):
        yield


@mutant
def replies_before_forwards() -> Iterator[None]:
    """A turn's replies leave before its forwards."""
    real = Outbox.end

    def end(self: Any, releases: Any) -> Any:
        found = real(self, releases)
        last = found[-1].header
        found[-1] = found[-1]._replace(header=last._replace(flags=last.flags & ~Flag.DONE, releases=()))
        found.sort(key=lambda e: e.header.kind != Kind.REPLY)
        final = found[-1].header
        done = final._replace(flags=final.flags | Flag.DONE, releases=last.releases)
        found[-1] = found[-1]._replace(header=done)
        return found

    with patch.object(Outbox, "end", end):
        yield


@mutant
def done_before_forwards() -> Iterator[None]:
    """DONE leaves first: the session looks settled while forwards are on their way."""
    real = Outbox.end

    def end(self: Any, releases: Any) -> Any:
        found = real(self, releases)
        if len(found) == 1 and found[0].header.kind == Kind.NOTE:
            return found
        last = found[-1].header
        found[-1] = found[-1]._replace(header=last._replace(flags=last.flags & ~Flag.DONE))
        note = self._note()
        return [note._replace(header=note.header._replace(flags=Flag.DONE)), *found]

    with patch.object(Outbox, "end", end):
        yield


@mutant
def releases_after_done() -> Iterator[None]:
    """A worker's releases leave behind its DONE."""
    real = Outbox.end

    def end(self: Any, releases: Any) -> Any:
        found = real(self, [])
        return [*found, self._note(releases=references(releases))] if releases else found

    with patch.object(Outbox, "end", end):
        yield


@mutant
def releases_inside_the_turn() -> Iterator[None]:
    """A worker decides what to release after each command, not at the end of the turn."""
    real_command, real_end = WorkerCore._command, Store.end_turn
    early: dict[int, dict[int, int]] = {}

    def command(self: Any, command: Any) -> None:
        real_command(self, command)
        mine = early.setdefault(id(self.store), {})
        for name, count in real_end(self.store):
            mine[name] = mine.get(name, 0) + count

    def end_turn(self: Any) -> Any:
        mine = early.pop(id(self), {})
        for name, count in real_end(self):
            mine[name] = mine.get(name, 0) + count
        return sorted(mine.items())

    with patch.object(WorkerCore, "_command", command), patch.object(Store, "end_turn", end_turn):
        yield


@mutant
def no_row_for_the_owner() -> Iterator[None]:
    """A reference that arrives at the object's own worker gets no row."""
    real = BrokerCore._book

    def book(self: Any, name: int, source: int, holder: int, *rest: Any) -> None:
        if worker_of(name) != holder:
            real(self, name, source, holder, *rest)

    with patch.object(BrokerCore, "_book", book):
        yield


@mutant
def free_without_exports() -> Iterator[None]:
    """FREE deletes whatever the export count."""
    real = Store.free

    def free(self: Any, name: int, exports: int) -> None:
        real(self, name, self._exports.get(name, exports))

    with patch.object(Store, "free", free):
        yield


@mutant
def release_of_one() -> Iterator[None]:
    """A holder releases one reference, however many it received."""
    real = Store.end_turn
    with patch.object(Store, "end_turn", lambda self: [(name, 1) for name, _ in real(self)]):
        yield


@mutant
def frees_are_not_counted() -> Iterator[None]:
    """A session is settled although a FREE of its doing is under way."""
    real_free, real_finish, real_route = BrokerCore._free, Settling.finish, Settling.route

    class Uncounted(Turn):
        pass

    def free(self: Any, *args: Any) -> None:
        def append(self: Any, worker: int, turn: Turn) -> None:
            self.turns[worker].append(Uncounted(*turn))

        with patch.object(Settling, "route", append):
            real_free(self, *args)

    def finish(self: Any, worker: int) -> Turn:
        if isinstance(self.turns[worker][0], Uncounted):
            real_route(self, worker, self.turns[worker][0])
            self.turns[worker].pop()
        return real_finish(self, worker)

    with (
        patch.object(BrokerCore, "_free", free),
        patch.object(Settling, "finish", finish),
        patch.object(Settling, "check", lambda *_: None),
    ):
        yield


@mutant
def forwards_wait_too() -> Iterator[None]:
    """While a client's input waits, what workers forward for it waits as well."""
    real = BrokerCore.receive

    def receive(self: Any, source: int, frame: bytes, buffers: Any) -> Any:
        header, _ = read(frame)
        session = self.settling.sessions.get(header.root)
        if source in self.settling.turns and header.kind == Kind.COMMAND and session and session.input:
            return []  # it would wait for the DONE that it carries itself, so for ever
        return real(self, source, frame, buffers)

    with patch.object(BrokerCore, "receive", receive):
        yield


@mutant
def lists_wait_for_their_own_session() -> Iterator[None]:
    """An inspection waits for its own session alone."""
    with patch.object(Flag, "ALL", 0):
        yield


@mutant
def generations_are_strangers() -> Iterator[None]:
    """Each generation of an id is freed by itself."""

    def to_free(self: Any, name: int) -> Any:
        record = self._records[name]
        return [] if isinstance(record, int) or record.rows else [(name, record.exports)]

    with patch.object(Rows, "_to_free", to_free):
        yield


@mutant
def moves_give_no_reference() -> Iterator[None]:
    """The worker that an object leaves gets no reference to its new name from the client."""
    real = BrokerCore._book

    def book(self: Any, name: int, source: int, holder: int, *rest: Any) -> None:
        fresh = self.rows.holders(name) == {source: 1}
        if not (source in self.settling.sessions and fresh and worker_of(name) != holder):
            real(self, name, source, holder, *rest)

    real_turn = WorkerCore.turn

    def turn(self: Any, envelope: Any) -> Any:
        mine = [n for n, _ in names_of(envelope.header.refs) if worker_of(n) != self.number]
        moved = {c[3] for c in loads(envelope.body) if c[1] == MOVE} if envelope.header.kind == Kind.COMMAND else set()
        real_end = self._out.end

        def end(releases: Any) -> Any:
            # As it was: the worker claims the new name itself, with its push.
            found = real_end([])
            claims = [(n, 1) for n in moved if n in mine]
            note = self._out._note(creates=references(claims), releases=references(releases))
            last = found[-1]
            found[-1] = last._replace(header=last.header._replace(flags=last.header.flags & ~Flag.DONE))
            return [*found, note._replace(header=note.header._replace(flags=Flag.DONE))]

        with patch.object(self._out, "end", end):
            return real_turn(self, envelope)

    with patch.object(BrokerCore, "_book", book), patch.object(WorkerCore, "turn", turn), _exact_frees():
        yield


@mutant
def pulls_give_no_reference() -> Iterator[None]:
    """A PULL brings no reference to the asker's name: the worker that answers claims one itself, with its contents."""
    real = Outbox.command

    def command(self: Any, there: int, command: Any, *, creates: Any = (), refs: Any = ()) -> None:
        if command[1] == PULL:
            refs = ()
        elif command[1] == PUSH and command[3] is None:  # the contents of what was pulled
            creates = [*creates, command[2]]
            command = (*command[:3], 1, *command[4:])
        real(self, there, command, creates=creates, refs=refs)

    real_pull, real_here, export = WorkerPlaces.pull, WorkerPlaces.pull_here, Store.export

    def pull(self: Any, command: Any) -> None:
        real_pull(self, command)
        if command[3] in self.store.held:
            self.store.receive(command[3])

    def pull_here(self: Any, command: Any) -> None:
        target = getattr(self.store.value(command[2]), "target", 0)
        with patch.object(Store, "export", export if worker_of(target) == self.number else lambda *_: None):
            real_here(self, command)

    with (
        patch.object(Outbox, "command", command),
        patch.object(WorkerPlaces, "pull", pull),
        patch.object(WorkerPlaces, "pull_here", pull_here),
        patch.object(Store, "check_came", lambda *_: None),
        _exact_frees(),
    ):
        yield


@mutant
def pulls_do_not_look() -> Iterator[None]:
    """A PULL of what points at the asker already hands that pointer out like any other contents."""
    real = WorkerPlaces.pull

    def pull(self: Any, command: Any) -> None:
        _, _, name, asker, _ = command
        value = self.store.value(name)
        if getattr(value, "target", 0) == asker:
            self._put_at(worker_of(asker), command, asker, value, None, KEEP_NOT)
        real(self, command)

    with patch.object(WorkerPlaces, "pull", pull):
        yield


@mutant
def contents_always_arrive() -> Iterator[None]:
    """Contents that were pulled are stored, whether the asker still is there or not."""
    with patch.object(WorkerPlaces, "_lives", lambda *_: True):
        yield


@mutant
def senders_must_hold_a_row() -> Iterator[None]:
    """Nobody may send a reference to an object of somebody else's without holding one."""
    real = BrokerCore._book

    def book(self: Any, name: int, source: int, *rest: Any) -> None:
        if worker_of(name) != source and source not in self.rows.holders(name):
            raise ProtocolError(f"party {source} sends a reference that it does not hold")
        real(self, name, source, *rest)

    with patch.object(BrokerCore, "_book", book):
        yield


@mutant
def releases_are_forgotten() -> Iterator[None]:
    """A worker never gives its references back."""
    real = Store.end_turn

    def end_turn(self: Any) -> Any:
        real(self)
        return []

    with patch.object(Store, "end_turn", end_turn):
        yield


@mutant
def found_data_moves_away() -> Iterator[None]:
    """What others found goes when its maker moves it, and leaves a pointer like anything else."""
    with patch.object(Entry, "stays", property(lambda self: self.keep == KEEP_OWN)):
        yield


@mutant
def foreign_moves_leave_stubs() -> Iterator[None]:
    """A worker does not look whether who moves or pulls an object made it."""
    with ExitStack() as stack:
        for name, at in (("move", 5), ("pull_here", 3), ("pull", 4)):
            real = getattr(WorkerPlaces, name)
            handler = partial(lambda real, at, self, command: real(self, (*command[:at], False)), real, at)
            stack.enter_context(patch.object(WorkerPlaces, name, partialmethod(handler)))
        yield


@mutant
def pulls_take_what_is_there() -> Iterator[None]:
    """A worker does not look whether what it pulls is what the client means."""
    real = WorkerPlaces.pull_here
    with patch.object(WorkerPlaces, "pull_here", lambda self, command: real(self, command[:4])):
        yield


@mutant
def foreign_paths_are_believed() -> Iterator[None]:
    """What was found leads to the worker where it was found, and no further."""
    real_found, real_arrived = Places.found, Places.arrived

    def found(self: Any, name: int, is_pointer: bool) -> Any:
        return real_found(self, name, False)

    def arrived(self: Any, name: int, source: Any, led_to: Any) -> Any:
        node = real_arrived(self, name, source, led_to)
        if node.foreign:
            node.target = None
        return node

    with patch.object(Places, "found", found), patch.object(Places, "arrived", arrived):
        yield


@contextmanager
def _exact_frees() -> Iterator[None]:
    """FREE wants exactly the export count that stands at the owner."""
    real = Store.free

    def free(self: Any, name: int, exports: int) -> None:
        if self._exports.get(name, exports) == exports:
            real(self, name, exports)

    with patch.object(Store, "free", free):
        yield


@mutant
def references_to_nothing_are_not_counted() -> Iterator[None]:
    """A worker counts no reference to a name under which nothing is."""
    real = Store.export

    def export(self: Any, name: int) -> None:
        if name in self.by_name:
            real(self, name)

    # FREE forgives an owner that counts too little, since a lost worker can take references with it.
    with patch.object(Store, "export", export), _exact_frees():
        yield


@mutant
def refused_references_are_not_counted() -> Iterator[None]:
    """When a pointer may not take the place of data, its client's references to that name are not counted."""
    real = WorkerPlaces.check_shared
    with (
        patch.object(WorkerPlaces, "check_shared", lambda self, name, wire, exports: real(self, name, wire, 0)),
        _exact_frees(),
    ):
        yield


@mutant
def failures_are_anybodys() -> Iterator[None]:
    """A failure is told by its command's number alone, whichever client's command it was."""
    with patch.object(Session, "_issued", lambda *_: True):
        yield
