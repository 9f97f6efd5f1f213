"""The client's shell: a lock, a connection and a clock around ``SessionCore``. Any thread may call.

The parts: ``link`` (who sends, and who sleeps on the socket), ``waiting`` (for how long), ``lines`` (whose fault it
was), ``flushing`` (what nobody waits for leaves too).
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from farptr.client import interrupts
from farptr.client.answers import Answer, Lost
from farptr.client.core import SessionCore
from farptr.client.flushing import FlushTimer
from farptr.client.graph import Node
from farptr.client.lines import Lines
from farptr.client.link import Connection, Link
from farptr.client.outgoing import ALL
from farptr.client.quick import operate
from farptr.client.waiting import Doing, wait_for
from farptr.protocol.commands import FAILED
from farptr.protocol.errors import (
    DeadlineExceeded,
    FarptrError,
    Report,
    SeveralFailed,
    WorkerUnresponsive,
    WrongProcess,
    from_report,
)  # fmt: skip

if TYPE_CHECKING:
    from farptr.client.pending import Pending
    from farptr.client.pointer import Pointer

TIMEOUT_S = 30.0
DEFAULT_TIMEOUT: Any = object()
"""Stands for the session's own timeout."""


class Session:
    """One client connection. Pointers call it; people use ``Run``."""

    def __init__(
        self,
        core: SessionCore,
        connection: Connection,
        *,
        sync: bool = False,
        timeout_s: float | None = TIMEOUT_S,
        timer: bool = True,
    ) -> None:
        self.core = core
        core.listen(_shower(core.names))  # no method of this: a session that is dropped is to go at once
        self.link = Link(core, connection)
        self.sync_mode = sync
        self.timeout_s = timeout_s
        self.threads = timer
        """Whether it may have threads of its own."""
        self.pending: Pending | None = None
        """Futures, once there were any."""
        self.dead: deque[Node] = deque()
        """Nodes whose owning handle died; a finalizer only appends here."""
        self.token = object()
        """Stands for this session wherever an id is remembered: ids of two runs have nothing to do with each other."""
        self.lines = Lines()
        self.timer = FlushTimer()
        _sessions.add(self)
        if timer:
            self.timer.start(self)

    # ------------------------------------------------------------ commands

    def command(self) -> _Command:
        """``with session.command() as core``: takes the lock, remembers the line, sends what is ready."""
        return _Command(self)

    def admit(self) -> None:
        """Before a command, under the lock: the session is usable, and dead handles are accounted for."""
        if not self.link.usable:
            self._refuse()
        if self.link.turns is not None:
            self.link.turns.check()
        if self.dead:
            self.core.bury(self.dead)

    def _refuse(self) -> NoReturn:
        if self.link.forked:
            raise WrongProcess(
                "this session belongs to the parent process", hint="open one of your own: fp.connect() or fp.up()"
            )
        raise self.link.ended()

    operate = operate
    """The operators' short path."""

    def issued(self, first: int) -> None:
        """After commands, under the lock: remember their line; send what is ready, or see that it leaves soon."""
        core = self.core
        if core.commands != first:
            self.lines.remember(first, core.commands)
        if core.batches.ready:
            full = core.out.full and core.out.full & {ALL, *(e.header.destination for e in core.batches.ready)}
            self.link.send_ready()
            if full:
                upto = core.commands
                try:
                    self._wait_for_room(full)
                except BaseException:
                    for key in core.answers.asked(first, upto):
                        core.give_up(key)  # its number gets to nobody
                    raise
        if self.timer.parked and core.batches.pending():
            self.timer.wake()

    def _wait_for_room(self, workers: set[int]) -> None:
        """Wait until these workers have caught up; raises Overloaded, WorkerUnresponsive."""
        parties, full = self.core.parties, self.core.out.full

        def stopped() -> WorkerUnresponsive | None:
            worker = next((w for w in workers & full if w in parties.stalled), 0)
            return parties.unresponsive(worker) if worker else None

        try:
            wait_for(
                self.link, lambda: not workers & full, self.timeout_s, lambda: "for the workers to catch up", stopped
            )
        except WorkerUnresponsive:
            raise
        except DeadlineExceeded as error:
            raise parties.overloaded(next(iter(workers & full), ALL), error) from None

    def settle_if_sync(self, made: Sequence[Pointer] = ()) -> None:
        """In sync mode: wait until the last command is done, and raise what it raised; then it made nothing."""
        if not self.sync_mode:
            return
        try:
            self.sync()
        except FarptrError:
            for pointer in made:
                pointer.free()
            self.sync()
            raise

    # ------------------------------------------------------------ answers

    def wait(self, key: int, timeout_s: Any = DEFAULT_TIMEOUT, doing: Doing = str) -> Any:
        """The value that answers a question of the core; raises what it failed with, WorkerLost, DeadlineExceeded."""
        return self.answer(key, timeout_s, doing).value

    def answer(self, key: int, timeout_s: Any = DEFAULT_TIMEOUT, doing: Doing = str) -> Answer:
        """As ``wait``, with the buffers that came."""
        limit_s = self.timeout_s if timeout_s is DEFAULT_TIMEOUT else timeout_s
        core = self.core
        with self.link.mutex:
            come = core.answers.come
            try:
                if key not in come:
                    wait_for(self.link, lambda: key in come, limit_s, doing, lambda: core.unresponsive(key))
                answer = come.pop(key)
            except BaseException:
                core.give_up(key)
                if self.usable:
                    self.link.send_ready()
                raise
            return self._outcome(answer, doing)

    def _outcome(self, answer: Answer | Lost, doing: Doing) -> Answer:
        if isinstance(answer, Lost):
            raise self.core.parties.worker_lost(answer.worker, answer.hop, command=doing())
        if answer.status == FAILED:
            report = answer.value
            if self._issued(report):
                self.core.reports.raised(report)
            raise self.error(report)
        return answer

    def sync(self, timeout_s: Any = DEFAULT_TIMEOUT) -> None:
        """Wait until every command of every session is done; raise the failures that nobody has seen yet."""
        with self.link.mutex:
            self.admit()
            upto = self.core.commands
            key = self.core.out.sync()
            self.link.send_ready()
            self.answer(key, timeout_s, lambda: "for everything to be done")
            errors = [self.error(report) for report in self.core.reports.settle(upto)]
            parties = self.core.parties
            what = "what was under way to it"
            errors += [parties.worker_lost(worker, command=what) for worker in list(parties.undone)]
        try:
            if len(errors) == 1:
                raise errors[0]
            if errors:
                raise SeveralFailed(f"{len(errors)} commands failed", errors)
        finally:
            del errors  # an error whose traceback leads to itself would keep the callers' frames, and what they own

    def ask_broker(self, what: str, *, settled: bool = False, **more: Any) -> Any:
        """What the broker knows of the run."""
        with self.link.mutex:
            self.admit()
            self.core.out.flush()
            key = self.core.out.ask_broker({"what": what, **more}, settled=settled)
            self.link.send_ready()
        return self.wait(key, doing=lambda: f"for the broker's {what}")

    # ------------------------------------------------------------ failures

    def error(self, report: Report) -> FarptrError:
        """The exception for a report, with the line that issued the command."""
        worker = self.core.names.get(report.worker, f"party {report.worker}")
        line = self.lines.line(report.command, self.core.commands) if self._issued(report) else ""
        return from_report(report, worker=worker, line=line)

    def _issued(self, report: Report) -> bool:
        """Whether the command was ours: another client's failure, found as a value, has another's command number."""
        return report.client in (0, self.core.number)

    def raise_fault(self, node: Node) -> None:
        """Raise, once, the failure of an earlier in-place command on this object."""
        number, node.fault = node.fault, 0
        report = self.core.reports.take(number)
        if report is not None:
            raise self.error(report)

    # ------------------------------------------------------------ the end

    def flush(self) -> None:
        """Send what waits in batches, without waiting for its effect."""
        with self.link.mutex:
            if self.usable or self.link.forked:
                self.admit()
                self.core.out.flush()
                self.link.send_ready()

    def release_soon(self) -> None:
        """Under the lock: see that what was given up outside a command is told."""
        if self.timer.parked:
            self.timer.wake()

    def hear(self) -> None:
        """Take in what has come, unless another thread does.

        Not in modelled time: how fast a program is must not count there.
        """
        link = self.link
        if self.usable and link.turns is None and link.mutex.acquire(blocking=False):
            try:
                if link.leader is None:
                    link.take_in()
            except FarptrError:
                return  # whoever uses the session next is told
            finally:
                link.mutex.release()

    def look(self, *, rest: bool = False) -> None:
        """See whether the connection was cut, and mend it: for a session that waits for nothing; and may rest."""
        if self.usable and self.link.mutex.acquire(blocking=False):
            try:
                self.link.look()
                if rest:
                    self.link.connection.rest()
            except FarptrError:
                return  # whoever uses the session next is told
            finally:
                self.link.mutex.release()

    def close(self, why: str = "this session is closed") -> None:
        """Say goodbye and close the connection; whoever waits gets SessionClosed."""
        with self.link.mutex:
            if not self.closed:
                self.link.usable = False
                if not self.link.forked:
                    self.core.out.leave()
                self.link.close(why)
                self.timer.wake()
        if self.pending is not None:
            self.pending.end(self)
        interrupts.closed(self)

    @property
    def usable(self) -> bool:
        """Neither closed nor a forked child's."""
        return self.link.usable

    @property
    def closed(self) -> bool:
        """Whether this side was closed."""
        return bool(self.link.closed)

    def in_child(self) -> None:
        """This is a forked child now: the connection is the parent's."""
        self.link.in_child()
        if self.pending is not None:
            self.pending.in_child()


class _Command:
    """The time of queueing commands, under the session's lock. (A generator would cost as much as the commands.)"""

    __slots__ = ("_first", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> SessionCore:
        session = self._session
        session.link.mutex.acquire()
        try:
            session.admit()
        except BaseException:
            session.link.mutex.release()
            raise
        self._first = session.core.commands
        return session.core

    def __exit__(self, *_: object) -> None:
        try:
            self._session.issued(self._first)
        finally:
            self._session.link.mutex.release()


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_sessions):
        session.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _shower(names: dict[int, str]) -> Callable[[int, str, Any], None]:
    """Shows what functions print at their workers, called by these names."""

    def heard(worker: int, text: str, warned: Any) -> None:
        from farptr.client.hearing import show

        show(names.get(worker, f"party {worker}"), text, warned)

    return heard
