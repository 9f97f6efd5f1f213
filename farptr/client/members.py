"""Workers that come to a run that is up, go, and come again: the supervisor is asked, and the broker's news awaited."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from farptr.client.workers import Worker
from farptr.launch import ask
from farptr.launch.leaving import WHY as REMOVED
from farptr.protocol.errors import BadName, DeadlineExceeded, RunError, UnknownWorker, UsageError
from farptr.protocol.names import check_names, unknown_worker

if TYPE_CHECKING:
    from farptr.client.run import Run

NEWS_TIMEOUT_S = 10.0
"""By then this client has heard who came and who left; it hears that from the broker."""


def add(run: Run, name: str, load: str | os.PathLike[str] | None, functions: str) -> None:
    """One more worker of that name; see ``Run.add``."""
    run._session.ask_broker("parties")  # a session that is closed, or lost, says so
    check_names([name])
    if name in run:
        raise BadName(f"a worker called {name!r} is already here", hint="take another name")
    ask.add(_place(run), name, load, functions)
    _hear(run, lambda: name in run, f"{name} is up")


def remove(run: Run, worker: str | Worker) -> None:
    """A worker less; see ``Run.remove``."""
    run._session.ask_broker("parties")
    name = name_of(run, worker)
    number = run._workers.get(name)
    if number is None:
        raise unknown(run, name)
    _check_near(run, name)
    with _who_it_is(run, name):
        ask.remove(_place(run), name)
    _hear(run, lambda: run._workers.get(name) != number, f"{name} is gone")


def restart(run: Run, worker: str | Worker) -> str:
    """A worker anew; its name. See ``Run.restart``."""
    run._session.ask_broker("parties")
    name = name_of(run, worker)
    old = run._workers.get(name)
    _check_near(run, name)
    with _who_it_is(run, name):
        ask.restart(_place(run), name)
    _hear(run, lambda: run._workers.get(name) not in (None, old), f"{name} is up again")
    return name


def _check_near(run: Run, name: str) -> None:
    """Raise UsageError for a worker that no supervisor here has started."""
    if run._workers.get(name) in run._session.core.parties.elsewhere:
        raise elsewhere(name)


def elsewhere(name: str) -> UsageError:
    """The error for a worker whose process is another machine's."""
    hint = f"Ctrl-C ends it there, `farptr worker {name}` starts it; `farptr keys revoke {name}` here cuts it off"
    return UsageError(f"{name} is on another machine, and ends and starts there", hint=hint)


def by_hand(run: Run, name: str) -> UnknownWorker | UsageError:
    """The error for a name that the supervisor does not know: who of that name is in the run, if anybody is."""
    number = run._workers.get(name)
    if number is None:
        return unknown(run, name)
    if number in run._session.core.parties.elsewhere:
        return elsewhere(name)
    hint = f"Ctrl-C ends it where it was started, and `farptr kill {name}` here"
    return UnknownWorker(f"{name!r} was started by hand, by `farptr worker`: it is not the supervisor's", hint=hint)


def name_of(run: Run, worker: str | Worker) -> str:
    """Its name; raises UsageError for another run's worker, UnknownWorker for one whose name another one has."""
    if not isinstance(worker, Worker):
        return worker
    name = worker.name
    if worker._session is not run._session:
        raise UsageError(f"{name} belongs to another run", hint="ask that run")
    if run._workers.get(name, worker.number) != worker.number:
        raise UnknownWorker(f"this worker {name!r} is gone", hint=f"sim[{name!r}] is the one that took its place")
    return name


def unknown(run: Run, name: object) -> UnknownWorker:
    """The error for a worker that is not here; of one that was, the hint says what became of it."""
    error = unknown_worker(name, run._workers)
    core = run._session.core
    ended = [number for number in core.parties.lost if core.names.get(number) == name]
    if ended:
        why = core.parties.lost[ended[-1]].why
        anew = f"; sim.restart({name!r}) brings it back"
        if ended[-1] in core.parties.elsewhere:
            anew = f"; `farptr worker {name}` starts it again where it was"
        error.hint = f"it is gone: {why}{'' if why == REMOVED else anew}"
    return error


@contextlib.contextmanager
def _who_it_is(run: Run, name: str) -> Iterator[None]:
    """The supervisor knows only whom it has started."""
    try:
        yield
    except UnknownWorker as error:
        raise (by_hand(run, name) if name in run else error) from None


def _place(run: Run) -> Path:
    if run._directory is None:
        raise RunError("this run has no supervisor, so its workers stay as they are")
    return run._directory


def _hear(run: Run, heard: Callable[[], bool], what: str) -> None:
    """The supervisor has answered; the broker's news come another way."""
    deadline_s = time.monotonic() + NEWS_TIMEOUT_S
    while not heard():
        if time.monotonic() >= deadline_s:
            raise DeadlineExceeded(f"the broker has not told that {what} (waited {NEWS_TIMEOUT_S:g} s)")
        run._session.ask_broker("parties")  # news that the broker had before come before its answer
