"""Waiting for something to come over a link, as long as there is progress.

Law
    Nobody gives up because a queue is long and honest: only when nothing was done in the run for half of the limit,
    and the limit has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from farptr.client.link import Link
from farptr.protocol.errors import DeadlineExceeded, WorkerUnresponsive

LOOK_UP_S = 1.0
"""The longest sleep of somebody who waits for an answer."""
STOPPED_S = 0.5
"""A worker that goes on is known to do so by then: who waits shorter does not believe that it is stopped."""
PROGRESS_TIMEOUT_S = 2.0
FOREVER_S = 3600.0
"""As long as anybody need sleep at once."""

Doing = Callable[[], str]
"""Says, if it comes to that, what somebody waited for."""


class Patience:
    """How long a wait may go on without progress."""

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        """None for ever."""
        self.progress: int | None = None
        """How much the run had done when that was last asked."""
        self._deadline = self._next()

    def _next(self) -> float:
        # The first half of the limit passes before anybody asks for the progress made in the second.
        return float("inf") if self.limit_s is None else time.monotonic() + self.limit_s / 2

    def left_s(self) -> float:
        """Until it is spent."""
        return min(max(0.0, self._deadline - time.monotonic()), FOREVER_S)

    def spent(self) -> bool:
        """Whether it is time to ask for progress."""
        return time.monotonic() >= self._deadline

    def renew(self, progress: int) -> None:
        """There was some."""
        self.progress = progress
        self._deadline = self._next()

    def renewed(self, progress: int) -> bool:
        """Whether there was some, or nobody had looked yet: then it goes on."""
        if self.progress is not None and progress <= self.progress:
            return False
        self.renew(progress)
        return True


def wait_for(
    link: Link,
    done: Callable[[], bool],
    limit_s: float | None,
    doing: Doing,
    stopped: Callable[[], WorkerUnresponsive | None],
) -> None:
    """Wait, under the link's lock, until ``done()``; raises DeadlineExceeded, SessionClosed.

    ``stopped`` gives the error for a worker that is needed and is stopped; who waits for ever waits for that, too.
    """
    if link.leader is None and not (link.core.batches.ready or link.closed or link.core.parties.stalled):
        # The answer nearly always comes within the first sleep: nothing need be kept for a longer wait.
        link.lead(LOOK_UP_S if limit_s is None or limit_s > LOOK_UP_S else limit_s / 2)
        if done():
            return
    patience, began_s = Patience(limit_s), time.monotonic()
    while not done():
        link.connection.check()
        if link.closed:
            raise link.ended()
        late = limit_s is not None and time.monotonic() - began_s >= STOPPED_S
        error = (stopped() or _behind(link)) if late else None
        if late and done():
            return  # it came while the broker was asked
        if error is not None:
            error.where = doing()
            try:
                raise error
            finally:
                del error  # its traceback would lead to itself, and keep what the callers own
        if patience.spent():
            _check_progress(link, patience, done, doing)
            continue  # what is waited for may have come before the broker's answer
        sleep_s = min(patience.left_s(), STOPPED_S / 5 if link.core.parties.stalled else LOOK_UP_S)
        if link.leader is not None:
            link.follow(sleep_s)
        elif link.core.batches.ready:
            link.send_ready()
        else:
            # The socket was found empty by the last who had the lock: its signal cannot have been missed.
            # Not for ever: a signal that comes just before the sleep is handled when it ends.
            link.lead(sleep_s)


def _behind(link: Link) -> WorkerUnresponsive | None:
    """The error for who waits behind a fence that waits for a stopped worker: only the broker knows of that."""
    parties = link.core.parties
    worker = progress(link)["behind"] if parties.stalled else 0
    return parties.unresponsive(worker) if worker in parties.stalled else None


def _check_progress(link: Link, patience: Patience, done: Callable[[], bool], doing: Doing) -> None:
    """The time is over. A long honest queue is no reason to give up: only a lack of progress is."""
    now = progress(link)
    if done():
        patience.renew(now["done"])
    elif not patience.renewed(now["done"]):
        raise no_progress(patience, doing, now)


def no_progress(patience: Patience, doing: Doing, now: dict[str, Any]) -> DeadlineExceeded:
    """The error for who waited too long; ``now`` is what ``progress`` said."""
    busy = ", ".join(f"{name} has {n} to do" for name, n in now["queues"].items()) or "no worker is busy"
    return DeadlineExceeded(
        f"no answer within {patience.limit_s:g} s {doing()}, and no progress: {busy}",
        hint="timeout=None waits for ever; `farptr ps` shows what the workers do",
        where=doing(),
        queues=now["queues"],
    )


def progress(link: Link) -> dict[str, Any]:
    """What the run has done, and what its workers have to do; raises DeadlineExceeded when the broker does not say."""
    core = link.core
    key = core.out.ask_broker({"what": "progress"})
    try:
        link.send_ready()
        deadline = time.monotonic() + PROGRESS_TIMEOUT_S
        while key not in core.answers.come:
            left_s = deadline - time.monotonic()
            link.connection.check()
            if left_s <= 0:
                raise DeadlineExceeded(
                    f"the broker does not answer (waited {PROGRESS_TIMEOUT_S:g} s)", where="for the broker's progress"
                )
            if link.leader is None:
                link.lead(left_s)
            else:
                link.follow(min(left_s, 0.1))
    except BaseException:
        core.give_up(key)
        raise
    return core.answers.come.pop(key).value  # type: ignore[no-any-return,union-attr]
