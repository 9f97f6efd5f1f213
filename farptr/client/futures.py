"""Futures: answers that are on their way. ``pending`` completes them.

Law
    A fetch that uses its handle up has it from the start. A failure or ``cancel`` gives it back.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from farptr.client.pending import NEVER_S, Pending
from farptr.client.pointer import Pointer, arrived
from farptr.client.session import DEFAULT_TIMEOUT
from farptr.client.waiting import Patience, no_progress
from farptr.protocol.errors import BadClock, FarptrError

if TYPE_CHECKING:
    from farptr.client.answers import Answer, Lost

FETCHING = "get_async() fetches it"


class Future(concurrent.futures.Future[Any]):
    """What ``p.get_async()`` gives: the answer, once it has come. ``await`` takes it too.

    A ``concurrent.futures.Future`` in every way; ``result(timeout)`` raises what ``get()`` would, or TimeoutError after
    ``timeout`` seconds of this wait, which ends nothing. ``cancel()`` gives the answer up and the handle back: what
    comes for it is released. Callbacks run in whichever thread takes the answer in.
    """

    def __init__(self, fetch: Fetch) -> None:
        super().__init__()
        self._fetch: Fetch | None = fetch
        """None once it is decided."""
        self._of = fetch.session.core.parties.called(fetch.node)

    def __repr__(self) -> str:
        if not self.done():
            return f"<Future of {self._of}: on its way>"
        if self.cancelled():
            return f"<Future of {self._of}: cancelled>"
        error = self.exception()
        kind = type(self.result() if error is None else error).__name__
        return f"<Future of {self._of}: {'a' if error is None else 'failed with'} {kind}>"

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio

        if self._fetch is not None and self._fetch.session.link.turns is not None:
            raise BadClock(
                "an event loop waits by the wall's clock: `await` does not go with the virtual one",
                hint="future.result(), fp.gather and sim.sleep wait there",
            )
        return asyncio.wrap_future(self).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """The value; raises what the fetch failed with, CancelledError, or TimeoutError."""
        return super().result(self._wait(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the fetch failed with, None for nothing; raises CancelledError, TimeoutError."""
        return super().exception(self._wait(timeout))

    def cancel(self) -> bool:
        """Give the answer up, unless it has come; whether it is given up."""
        fetch = self._fetch
        if fetch is not None and fetch.session.pending is not None:
            fetch.session.pending.forget(self, fetch)
        cancelled = super().cancel()
        if cancelled:
            with contextlib.suppress(RuntimeError):  # it was said before
                self.set_running_or_notify_cancel()  # for concurrent.futures.wait
        return cancelled

    def _wait(self, timeout_s: float | None) -> float | None:
        """Wait on the socket, as a call that waits does; what is left of the time."""
        fetch = self._fetch
        if fetch is None or self.done() or fetch.session.pending is None:
            return timeout_s
        until_s = NEVER_S if timeout_s is None else time.monotonic() + timeout_s
        fetch.session.pending.serve(fetch.session, lambda: self._fetch is None, until_s)
        return None if timeout_s is None else max(0.0, until_s - time.monotonic())

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # another thread was faster
            if error is None:
                self.set_result(value)
            else:
                self.set_exception(error)


Came = Callable[[Any], Any]


def _as_it_is(found: Any) -> Any:
    return found


class Fetch:
    """One question whose answer a future brings."""

    def __init__(
        self, pointer: Pointer, *, all: bool, keep: bool, limit_s: float | None, watched: bool, came: Came = _as_it_is
    ) -> None:
        self.session = pointer._session
        self._came = came
        self.pointer = None if keep else pointer
        """The handle that it uses up; one that stays is not kept alive."""
        self.watched = watched
        self.patience = Patience(limit_s)
        self.began_s = time.monotonic()
        self.node = pointer.use()
        self.key = self.session.core.get(self.node, all, flush=watched)
        self._owned = not keep and pointer._owns
        """Whether the handle's claim is here."""
        if not keep:
            pointer._spent, pointer._owns = FETCHING, False

    def value(self, answer: Answer | Lost) -> Any:
        """What came, under the lock; raises what it failed with."""
        found = arrived(self.session, self.node, self.session._outcome(answer, self.doing))
        if 0 < self.node.fault < self.key:
            self.session.raise_fault(self.node)
        if self.pointer is not None:
            self.pointer._spent = "it was fetched with get_async()"
        if self._owned:
            self.session.core.drop(self.node)
        return self._came(found)

    def give_back(self) -> None:
        """It failed: the handle is as it was."""
        if self.pointer is not None and self.pointer._spent == FETCHING:
            self.pointer._spent, self.pointer._owns = "", self._owned

    def doing(self) -> str:
        """What is waited for, in words."""
        return f"to get {self.session.core.parties.called(self.node)}"

    def too_late(self, now: dict[str, Any]) -> FarptrError:
        """The error when there was no progress within its time."""
        return no_progress(self.patience, self.doing, now)


def fetch(
    pointer: Pointer,
    *,
    all: bool = False,
    keep: bool = False,
    timeout: Any = DEFAULT_TIMEOUT,
    watched: bool = True,
    came: Came = _as_it_is,
) -> Future:
    """Ask for what a pointer points at; a future of it.

    Args:
        pointer: the handle.
        all: the data at the end of the chain.
        keep: as ``get_copy``: the handle stays usable.
        timeout: seconds without an answer and without progress.
        watched: asked at once, and completed also while nobody waits. Else whoever asks flushes, and waits.
        came: makes of what came what the future gives.
    """
    session = pointer._session
    limit_s = session.timeout_s if timeout is DEFAULT_TIMEOUT else timeout
    future = None
    try:
        with session.command():
            future = Future(Fetch(pointer, all=all, keep=keep, limit_s=limit_s, watched=watched, came=came))
            if session.pending is None:
                session.pending = Pending()
            session.pending.add(session, future)
    except BaseException:
        if future is not None:
            future.cancel()
        raise
    return future
