"""The client's shell: a lock, a connection and a clock around ``SessionCore``.

Any thread may call. A thread that waits for an answer reads for all: one leads (sleeps on the socket), the others
sleep until it hands them their answer or the lead.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from farptr.client.core import Answer, Lost, SessionCore
from farptr.client.graph import Node
from farptr.protocol.commands import FAILED, Envelope
from farptr.protocol.errors import (
    DeadlineExceeded,
    FarptrError,
    Report,
    SessionClosed,
    SeveralFailed,
    WrongProcess,
    from_report,
)  # fmt: skip

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer

TIMEOUT_S = 30.0
FLUSH_AFTER_S = 0.002
"""A command that nobody waits for leaves at most about this long after it was issued."""
PARK_AFTER = 25
"""Ticks of FLUSH_AFTER_S without work, then the timer parks."""
IDLE_LOOK_S = 0.1
"""How often an idle session looks for handles that died."""
LOOK_UP_S = 1.0
"""The longest sleep of somebody who waits for an answer."""
PROGRESS_TIMEOUT_S = 2.0
LINES = 1 << 16
"""Commands whose source line is remembered."""
DEFAULT_TIMEOUT: Any = object()
"""Stands for the session's own timeout."""


Doing = Callable[[], str]
"""Says, if it comes to that, what somebody waited for."""


class Connection(Protocol):
    """What a session needs of its way to the broker (``transport.dealer.Dealer``, or the simulator's)."""

    def send(self, envelope: Envelope) -> None:
        """Queue one envelope."""

    def receive(self) -> Envelope | None:
        """The next envelope, if one is here."""

    def readable(self) -> bool:
        """Whether one is here."""

    def wait(self, timeout_s: float) -> None:
        """Sleep until one may be here."""

    def wake(self) -> None:
        """End another thread's ``wait``."""

    def check(self) -> None:
        """Raise when the broker is gone."""

    def close(self, linger_s: float = 0.0) -> None:
        """End the connection."""


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
        self.sync_mode = sync
        self.timeout_s = timeout_s
        self.dead: deque[Node] = deque()
        """Nodes whose owning handle died; a finalizer only appends here."""
        self.token = object()
        """Stands for this session wherever an id is remembered: ids of two runs have nothing to do with each other."""
        self._connection = connection
        self.mutex = threading.RLock()
        self._lock = threading.Condition(self.mutex)
        self._leader: int | None = None
        self._followers = 0
        """Threads that wait for the leader to hand them their answer."""
        self._closed = ""
        self._forked = False
        self.usable = True
        """Neither closed nor a forked child's."""
        self._lines: list[tuple[CodeType, int] | None] = [None] * LINES
        self._parked = True
        """The flush timer sleeps until it is told that there is work."""
        self._work = threading.Event()
        self._seen = 0
        """Commands that the flush timer has seen."""
        _sessions.add(self)
        if timer:
            threading.Thread(target=_flush_in_time, args=(weakref.ref(self),), daemon=True, name="farptr-flush").start()

    # ------------------------------------------------------------ commands

    def command(self) -> _Command:
        """``with session.command() as core``: takes the lock, remembers the line, sends what is ready."""
        return _Command(self)

    def admit(self) -> None:
        """Before a command, under the lock: the session is usable, and dead handles are accounted for."""
        if not self.usable:
            self._refuse()
        while self.dead:
            self.core.drop(self.dead.popleft())

    def _refuse(self) -> NoReturn:
        if self._forked:
            raise WrongProcess(
                "this session belongs to the parent process", hint="open one of your own: fp.connect() or fp.up()"
            )
        raise SessionClosed(self._closed, hint="fp.up(…) starts a new run, fp.connect() joins one")

    def call_here(self, operation: str, args: tuple[Any, ...], worker: int) -> Node | None:
        """``SessionCore.call_here`` for a caller two frames up; the path of the operators, kept short."""
        with self.mutex:
            if self.sync_mode:
                return None
            self.admit()
            core = self.core
            node = core.call_here(operation, args, worker)
            if node is not None:
                frame = sys._getframe(2)
                self._lines[core.commands % LINES] = (frame.f_code, frame.f_lasti)
                if core.batches.ready or self._parked:
                    self.issued(core.commands)
            return node

    def issued(self, first: int) -> None:
        """After commands, under the lock: remember their line; send what is ready, or see that it leaves soon."""
        core = self.core
        if core.commands != first:
            line = _calling_line()
            for number in range(first + 1, core.commands + 1):
                self._lines[number % LINES] = line
        if core.batches.ready:
            self._send_ready()
            if core.congested():
                self._wait_for(lambda: not core.congested(), self.timeout_s, lambda: "for the workers to catch up")
        if self._parked and core.batches.pending():
            self._work.set()

    def _send_ready(self) -> None:
        ready, self.core.batches.ready = self.core.batches.ready, []
        for envelope in ready:
            self._connection.send(envelope)
        # Sending can swallow the signal that the leader waits for; and what has come may be of use now.
        if self._leader is None:
            self._take_in()
        elif self._connection.readable():
            self._connection.wake()

    def _take_in(self) -> None:
        while (envelope := self._connection.receive()) is not None:
            self.core.receive(envelope)

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

    # ------------------------------------------------------------ waiting

    def wait(self, key: int, timeout_s: Any = DEFAULT_TIMEOUT, doing: Doing = str) -> Any:
        """The value that answers a question of the core; raises what it failed with, WorkerLost, DeadlineExceeded."""
        return self.answer(key, timeout_s, doing).value

    def answer(self, key: int, timeout_s: Any = DEFAULT_TIMEOUT, doing: Doing = str) -> Answer:
        """As ``wait``, with the buffers that came."""
        limit = self.timeout_s if timeout_s is DEFAULT_TIMEOUT else timeout_s
        core = self.core
        with self.mutex:
            try:
                if key not in core.answers:
                    self._wait_for(lambda: key in core.answers, limit, doing)
                answer = core.answers.pop(key)
            except BaseException:
                core.give_up(key)
                raise
            if isinstance(answer, Lost):
                raise core.worker_lost(answer.worker)
            return self._outcome(answer)

    def _outcome(self, answer: Answer) -> Answer:
        if answer.status == FAILED:
            report = answer.value
            self.core.raised(report)
            raise self.error(report)
        return answer

    def _wait_for(self, done: Callable[[], bool], limit_s: float | None, doing: Doing) -> None:
        if self._leader is None and not self.core.batches.ready and not self._closed:
            # The answer nearly always comes within the first sleep: nothing need be kept for a longer wait.
            self._lead(LOOK_UP_S if limit_s is None or limit_s > LOOK_UP_S else limit_s / 2)
            if done():
                return
        patience = _Patience(limit_s)
        while not done():
            self._connection.check()
            if self._closed:
                raise SessionClosed(self._closed)
            if patience.spent():
                self._check_progress(patience, doing)
            if self._leader is not None:
                self._followers += 1
                try:
                    self._lock.wait(min(patience.left(), LOOK_UP_S))
                finally:
                    self._followers -= 1
            elif self.core.batches.ready:
                self._send_ready()
            else:
                # The socket was found empty by the last who had the lock: its signal cannot have been missed.
                # Not for ever: a signal that comes just before the sleep is handled when it ends.
                self._lead(min(patience.left(), LOOK_UP_S))

    def _lead(self, timeout_s: float) -> None:
        """Sleep on the socket with the lock released, then take in what came."""
        self._leader = threading.get_ident()
        depth = 0
        try:
            # The lock may be held more than once by this thread; nobody else could send meanwhile.
            depth = self._lock._release_save()  # type: ignore[attr-defined]
            try:
                self._connection.wait(timeout_s)
            finally:
                self._lock._acquire_restore(depth)  # type: ignore[attr-defined]
        finally:
            self._leader = None
            self._take_in()
            if self._followers:  # one of them finds its answer here, or takes the lead
                self._lock.notify_all()

    def _check_progress(self, patience: _Patience, doing: Doing) -> None:
        """The time is over. A long honest queue is no reason to give up: only a lack of progress is."""
        now = self._progress()
        if patience.progress is None or now["done"] > patience.progress:
            patience.renew(now["done"])
            return
        busy = ", ".join(f"{name} has {n} to do" for name, n in now["queues"].items()) or "no worker is busy"
        raise DeadlineExceeded(
            f"no answer within {patience.limit_s:g} s {doing()}, and no progress: {busy}",
            hint="timeout=None waits for ever; `farptr ps` shows what the workers do",
        )

    def _progress(self) -> dict[str, Any]:
        key = self.core.ask_broker({"what": "progress"})
        self._send_ready()
        deadline = time.monotonic() + PROGRESS_TIMEOUT_S
        while key not in self.core.answers:
            left = deadline - time.monotonic()
            self._connection.check()
            if left <= 0:
                self.core.give_up(key)
                raise DeadlineExceeded(f"the broker does not answer (waited {PROGRESS_TIMEOUT_S:g} s)")
            if self._leader is None:
                self._lead(left)
            else:
                self._lock.wait(min(left, 0.1))
        return self.core.answers.pop(key).value  # type: ignore[no-any-return,union-attr]

    def sync(self, timeout_s: Any = DEFAULT_TIMEOUT) -> None:
        """Wait until every command of every session is done; raise the failures that nobody has seen yet."""
        with self.mutex:
            self.admit()
            upto = self.core.commands
            key = self.core.sync()
            self._send_ready()
            self.answer(key, timeout_s, lambda: "for everything to be done")
            self.core.settled(upto)
            reports, self.core.reports = self.core.reports, []
        if len(reports) == 1:
            raise self.error(reports[0])
        if reports:
            raise SeveralFailed(f"{len(reports)} commands failed", [self.error(r) for r in reports])

    def ask_broker(self, what: str, *, settled: bool = False) -> Any:
        """What the broker knows of the run."""
        with self.mutex:
            self.admit()
            self.core.flush()
            key = self.core.ask_broker({"what": what}, settled=settled)
            self._send_ready()
        return self.wait(key, doing=lambda: f"for the broker's {what}")

    # ------------------------------------------------------------ failures

    def error(self, report: Report) -> FarptrError:
        """The exception for a report, with the line that issued the command."""
        worker = self.core.names.get(report.worker, f"party {report.worker}")
        return from_report(report, worker=worker, line=self._line(report.command))

    def _line(self, number: int) -> str:
        if number <= self.core.commands - LINES or number > self.core.commands:
            return ""
        found = self._lines[number % LINES]
        if found is None:
            return ""
        code, at = found
        lines = [line for _, line in _lines_up_to(code, at)]
        return f"{code.co_filename}:{lines[-1] if lines else code.co_firstlineno}"

    def raise_fault(self, node: Node) -> None:
        """Raise, once, the failure of an earlier in-place command on this object."""
        number, node.fault = node.fault, 0
        for i, report in enumerate(self.core.reports):
            if report.command == number:
                del self.core.reports[i]
                raise self.error(report)

    # ------------------------------------------------------------ the end

    def flush(self) -> None:
        """Send what waits in batches, without waiting for its effect."""
        with self.mutex:
            if not self._closed and not self._forked:
                self.admit()
                self.core.flush()
                self._send_ready()

    def flush_if_left(self) -> bool:
        """For the timer: flush what has been waiting since its last look; whether there is anything to look after."""
        core = self.core
        if not (self.dead or core.batches.pending()):
            return False
        if core.commands == self._seen:
            self.flush()
        self._seen = core.commands
        return True

    def timer(self, *, parked: bool) -> threading.Event:
        """For the timer: say whether it parks; the event that ends its sleep."""
        self._parked = parked
        return self._work

    def close(self, why: str = "this session is closed") -> None:
        """Say goodbye and close the connection; whoever waits gets SessionClosed."""
        with self.mutex:
            if self._closed:
                return
            self._closed = why
            self.usable = False
            if not self._forked:
                self.core.leave()
                self._send_ready_quietly()
            if self._leader is not None:
                self._connection.wake()
                self._lock.wait_for(lambda: self._leader is None, 1.0)
            self._connection.close(linger_s=0.0 if self._forked else 0.2)
            self._work.set()
            self._lock.notify_all()

    def _send_ready_quietly(self) -> None:
        try:
            self._send_ready()
        except FarptrError:
            return  # the run is going down; what was queued for it is of no use

    @property
    def closed(self) -> bool:
        """Whether this side was closed."""
        return bool(self._closed)

    def in_child(self) -> None:
        """This is a forked child now: the connection is the parent's, and so may be whoever held the lock."""
        self.mutex = threading.RLock()
        self._lock = threading.Condition(self.mutex)
        self._forked = True
        self.usable = False


class _Command:
    """The time of queueing commands, under the session's lock. (A generator would cost as much as the commands.)"""

    __slots__ = ("_first", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> SessionCore:
        session = self._session
        session.mutex.acquire()
        try:
            session.admit()
        except BaseException:
            session.mutex.release()
            raise
        self._first = session.core.commands
        return session.core

    def __exit__(self, *_: object) -> None:
        try:
            self._session.issued(self._first)
        finally:
            self._session.mutex.release()


class _Patience:
    """How long a wait may go on without progress."""

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self.progress: int | None = None
        self._deadline = self._next()

    def _next(self) -> float:
        # The first half of the limit passes before anybody asks for the progress made in the second.
        return float("inf") if self.limit_s is None else time.monotonic() + self.limit_s / 2

    def left(self) -> float:
        return min(max(0.0, self._deadline - time.monotonic()), 3600.0)

    def spent(self) -> bool:
        return time.monotonic() >= self._deadline

    def renew(self, progress: int) -> None:
        self.progress = progress
        self._deadline = self._next()


def _calling_line() -> tuple[CodeType, int] | None:
    """The innermost frame that is not farptr's own, as (code, instruction): its line number is looked up if asked."""
    frame = sys._getframe(2)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith(_OWN):
            return frame.f_code, frame.f_lasti
        frame = frame.f_back  # type: ignore[assignment]
    return None


_OWN = "farptr."


def _lines_up_to(code: CodeType, at: int) -> Iterator[tuple[int, int]]:
    for start, end, line in code.co_lines():
        if start <= at < end and line is not None:
            yield start, line


def _flush_in_time(session: weakref.ref[Session]) -> None:
    """Thread: what nobody waits for leaves within some FLUSH_AFTER_S; dead handles are noticed while idle.

    It ticks while there is work and parks when there was none for a while: waking it costs a context switch.
    """
    quiet = PARK_AFTER
    while True:
        me = session()
        if me is None or not me.usable:
            return
        if me.flush_if_left():
            quiet = 0
        work, parks = me.timer(parked=quiet >= PARK_AFTER), quiet >= PARK_AFTER
        del me
        if parks:
            if work.wait(IDLE_LOOK_S):
                work.clear()
                quiet = 0
        else:
            time.sleep(FLUSH_AFTER_S)
            quiet += 1


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_sessions):
        session.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
