"""The futures of a session that are not completed, and who completes them.

Laws
    1. A future is completed once, with the session's lock released: its callbacks may do what they like.
    2. Whoever waits for one future completes all that come meanwhile. While nobody waits a thread does, on the socket
       like any other (``link``). It starts with the first future and ends a while after the last.
    3. What a future cannot get any more completes it: a worker's loss, a stopped worker, the end of the session or of
       the run, and no progress within its time (``waiting``). None stays for ever, unless its time is None.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from farptr.client.waiting import FOREVER_S, LOOK_UP_S, STOPPED_S, progress
from farptr.protocol.errors import FarptrError, WrongProcess

if TYPE_CHECKING:
    from farptr.client.futures import Fetch, Future
    from farptr.client.link import Link
    from farptr.client.session import Session

LINGER_S = 1.0
"""The thread ends when there was no future for this long."""
NEVER_S = float("inf")


class Pending:
    """The futures of a session that are not decided. What has no comment about the lock wants it to be held."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Future, Fetch]] = {}
        self._decided: dict[int, tuple[Future, Any, BaseException | None]] = {}
        """To be completed once the lock is released."""
        self._next_s = NEVER_S
        """When the first of them may have waited too long."""
        self._thread: threading.Thread | None = None
        self._work = threading.Event()

    def add(self, session: Session, future: Future) -> None:
        """One more."""
        assert future._fetch is not None
        self._waiting[future._fetch.key] = (future, future._fetch)
        soon_s = future._fetch.patience.left_s()
        self._next_s = min(self._next_s, time.monotonic() + soon_s)
        if soon_s < LOOK_UP_S and session.link.leader is not None:
            session.link.connection.wake()  # its sleep may be too long
        if not (future._fetch.watched and session.threads):
            return
        if self._thread is None:
            name, mine = "farptr-futures", (weakref.ref(session), self)
            thread = threading.Thread(target=_serve_all, args=mine, daemon=True, name=name)
            thread.start()
            self._thread = thread
        elif not self._work.is_set():
            self._work.set()

    def forget(self, future: Future, fetch: Fetch) -> None:
        """Give an answer up, unless it has come. Takes the lock."""
        session = fetch.session
        with session.link.mutex:
            if self._waiting.pop(fetch.key, None) is not None:
                future._fetch = None
                self._give_up(fetch)

    def _give_up(self, fetch: Fetch) -> None:
        fetch.give_back()
        fetch.session.core.give_up(fetch.key)
        if fetch.session.usable and not fetch.session.link.closed:
            fetch.session.link.send_ready()

    # ------------------------------------------------------------ waiting

    def serve(self, session: Session, until: Callable[[], bool], until_s: float = NEVER_S) -> None:
        """Wait on the link, and complete what comes, until then. Takes the lock."""
        over = False
        while not over:
            with session.link.mutex:
                try:
                    self._look_after(session)
                    over = until() or time.monotonic() >= until_s
                    if not (over or self._decided):
                        self._sleep(session, until_s)
                        self._take(session)
                except Exception as error:  # whoever reads the socket is told; so are those who wait for it
                    self._fail_all(session, error)
            self._complete()

    def _sleep(self, session: Session, until_s: float) -> None:
        link = session.link
        look_s = STOPPED_S / 5 if session.core.parties.stalled else LOOK_UP_S
        sleep_s = max(0.0, min(look_s, min(self._next_s, until_s) - time.monotonic()))
        if link.leader is not None:
            link.follow(sleep_s)
        elif link.core.batches.ready:
            link.send_ready()
        else:
            link.lead(sleep_s)

    def _complete(self) -> None:
        """Complete what is decided. Wants the lock to be free. Who is interrupted here leaves it to the next."""
        for key, decided in list(self._decided.items()):
            future, value, error = decided
            future._finish(value, error)
            self._decided.pop(key, None)

    # ------------------------------------------------------------ deciding

    def _take(self, session: Session) -> None:
        """Decide what has been answered."""
        come = session.core.answers.come
        for key in come.keys() & self._waiting.keys():
            fetch = self._waiting[key][1]
            answer = come.pop(key)
            try:
                self._decide(key, fetch.value(answer))
            except Exception as error:
                self._decide(key, None, error.with_traceback(None))  # the traceback would keep what the answer brought
        if session.core.batches.pending():
            session.release_soon()

    def _decide(self, key: int, value: Any, error: BaseException | None = None) -> None:
        future, fetch = self._waiting.pop(key)
        if error is not None:
            fetch.give_back()
        future._fetch = None
        future.set_running_or_notify_cancel()  # it cannot be cancelled any more
        self._decided[key] = (future, value, error)

    def _fail(self, key: int, error: BaseException) -> None:
        self._give_up(self._waiting[key][1])
        self._decide(key, None, error)

    def _fail_all(self, session: Session, error: BaseException) -> None:
        error = error.with_traceback(None)
        for key in list(self._waiting):
            self._decide(key, None, _ended(session.link) or error)
            session.core.give_up(key)

    def _look_after(self, session: Session) -> None:
        """Decide what has been answered, and what waits in vain."""
        self._take(session)
        if not self._waiting:
            self._next_s = NEVER_S
            return
        ended = _ended(session.link)
        if ended is not None:
            self._fail_all(session, ended)
        elif session.core.parties.stalled:
            self._see_who_is_stopped(session)
        if time.monotonic() >= self._next_s:
            self._see_who_waited_too_long(session)

    def _see_who_is_stopped(self, session: Session) -> None:
        now_s = time.monotonic()
        for key, (_, fetch) in list(self._waiting.items()):
            if fetch.patience.limit_s is not None and now_s - fetch.began_s >= STOPPED_S:
                error = session.core.unresponsive(key)
                if error is not None:
                    error.where = fetch.doing()
                    self._fail(key, error)

    def _see_who_waited_too_long(self, session: Session) -> None:
        if any(fetch.patience.spent() for _, fetch in self._waiting.values()):
            try:
                now = progress(session.link)
                self._take(session)
                self._judge(lambda fetch: None if fetch.patience.renewed(now["done"]) else fetch.too_late(now))
            except FarptrError as error:  # the broker does not say
                told = error.with_traceback(None)
                self._judge(lambda _: told)
        left_s = min((fetch.patience.left_s() for _, fetch in self._waiting.values()), default=FOREVER_S)
        self._next_s = time.monotonic() + left_s

    def _judge(self, judge: Callable[[Fetch], FarptrError | None]) -> None:
        """End what has waited too long; another thread may have found progress meanwhile."""
        for key, (_, fetch) in list(self._waiting.items()):
            error = judge(fetch) if fetch.patience.spent() else None
            if error is not None:
                self._fail(key, error)

    # ------------------------------------------------------------ the end

    def end(self, session: Session) -> None:
        """The session was closed: every future says so. Takes the lock."""
        with session.link.mutex:
            self._look_after(session)
        self._complete()
        self._work.set()  # the thread ends, too

    def in_child(self) -> None:
        """This is a forked child: the answers go to the parent. Callbacks are the parent's, too."""
        self._thread, self._work = None, threading.Event()
        lost = [future for future, _ in self._waiting.values()] + [entry[0] for entry in self._decided.values()]
        self._waiting.clear()
        self._decided.clear()
        for future in lost:
            future._fetch = None
            future._condition = threading.Condition()  # held by the parent's, perhaps
            future._done_callbacks.clear()  # type: ignore[attr-defined]
            future._waiters.clear()
            future._finish(None, WrongProcess("this answer goes to the parent process", hint="ask before the fork"))


def _ended(link: Link) -> FarptrError | None:
    """The error for who waits, when nothing can come any more."""
    if link.closed:
        return link.ended()
    try:
        link.connection.check()
    except FarptrError as error:
        return error.with_traceback(None)
    return None


def _serve_all(ref: weakref.ref[Session], pending: Pending) -> None:
    """The thread: complete futures while there are any."""
    while True:
        session = ref()
        if session is None:
            return
        pending.serve(session, lambda: not pending._waiting)
        with session.link.mutex:
            if not session.usable:
                pending._thread = None
                return
        del session
        if pending._work.wait(LINGER_S):
            pending._work.clear()
            continue
        session = ref()
        if session is None:
            return
        with session.link.mutex:
            if not pending._waiting:
                pending._thread = None
                return
