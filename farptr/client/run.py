"""A run as one client sees it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farptr.client import faults, members, opened
from farptr.client.account import Account
from farptr.client.clock import Clock
from farptr.client.leaks import Leak, leaks
from farptr.client.pointer import Pointer
from farptr.client.session import DEFAULT_TIMEOUT, Session
from farptr.client.why import Why, why
from farptr.client.workers import Me, Worker
from farptr.launch.start import Running
from farptr.protocol.errors import UnknownWorker
from farptr.protocol.functions import Functions
from farptr.protocol.functions import checked as checked_functions

if TYPE_CHECKING:
    from farptr.client.net import Net

KILL = signal.SIGKILL


class Run(Account, Clock):
    """A run as one client sees it: its workers, by name, by index and in order.

    ``with fp.up("julie", "toby") as sim: julie, toby = sim``. Leaving the block, or ``close()``, ends the run if it
    was started here, and only this connection if it was joined.
    """

    def __init__(
        self,
        session: Session,
        roster: list[Any],
        running: Running | None = None,
        name: str = "",
        directory: Path | None = None,
    ) -> None:
        self._session = session
        self._running = running
        self._directory = directory
        self._workers: dict[str, int] = {row[1]: row[0] for row in sorted(roster) if row[2] == "worker"}
        self._named = dict.fromkeys(self._workers)
        """Names of all workers so far, in their order."""
        self.name = name
        self._began_s = time.monotonic()
        self.me = Me()
        """The client as a place: ``p.move(sim.me)`` is ``p.get()``."""
        session.core.names.update({row[0]: row[1] for row in roster})
        for row in roster:
            session.core.parties.placed(row[0], row[4])
        session.core.on_news = self._heed
        opened.note(self)

    def _heed(self, news: dict[str, Any]) -> None:
        if "joined" in news and news["joined"][2] == "worker":
            self._workers[news["joined"][1]] = news["joined"][0]
            self._sort(list(self._named))  # one that was started again takes its old place
            self._named |= dict.fromkeys(self._workers)
        elif "journal" in news:
            self.warn_of_journal(news["journal"])
        elif news.get("role") == "worker" and self._workers.get(news["name"]) == news["lost"]:
            del self._workers[news["name"]]

    def _sort(self, names: Iterable[str]) -> None:
        """Put the workers in this order; they register in any."""
        first = {name: self._workers[name] for name in names if name in self._workers}
        self._workers = first | self._workers
        self._named = dict.fromkeys(self._workers) | self._named
        called = self._session.core.names
        for name, number in self._workers.items():
            called[number] = called.pop(number, name)  # displays colour them in this order

    # ------------------------------------------------------------ workers

    @property
    def workers(self) -> list[Worker]:
        """The live workers, in the order in which they were named (in a run joined by address: as they joined)."""
        return [Worker(self._session, number) for number in self._here().values()]

    def _here(self) -> dict[str, int]:
        """The live workers' numbers by name, with the news that have come by now: nobody may be waiting for any."""
        self._session.hear()
        return self._workers

    def __iter__(self) -> Iterator[Worker]:
        return iter(self.workers)

    def __len__(self) -> int:
        return len(self._here())

    def __contains__(self, name: object) -> bool:
        return name in self._here()

    def __getitem__(self, which: str | int) -> Worker:
        """A worker by name or index; raises UnknownWorker, with the nearest name."""
        if isinstance(which, str):
            number = self._here().get(which)
            if number is None:
                raise members.unknown(self, which)
            return Worker(self._session, number)
        workers = self.workers
        if not -len(workers) <= which < len(workers):
            raise UnknownWorker(f"no worker number {which}", hint=f"this run has {len(workers)}, counted from 0")
        return workers[which]

    def __repr__(self) -> str:
        state = "closed" if self._session.closed else ", ".join(self._workers) or "no workers"
        return f"<Run {self.name}: {state}>"

    def _repr_html_(self) -> str:
        from farptr.notebook import displays

        return displays.run(self)

    def search(self, *query: str | int) -> list[Pointer]:
        """Pointers to what every term fits, on all workers, in their order; see ``Worker.search``."""
        return [pointer for worker in self.workers for pointer in worker.search(*query)]

    def map(self, function: Callable[..., Any], workers: Iterable[Worker | str] | None = None, *each: Any) -> list[Any]:
        """``function(worker, …)`` for each worker, so that they work at the same time; what it returned, in order.

        The function runs here, in this thread, for one worker after the other; ``worker.run`` sends one. What
        it asks of pointers runs on the workers, and each has its share before the first is waited for. Pointers and
        futures that it returns (itself, or in lists, tuples and dicts) are fetched, all at once, as by ``fp.gather``.
        A function that waits inside (``get()``, ``p.shape``, ``float(p)``) holds up the workers after it.

        Args:
            function: called with a worker, and one value of each further argument, as by the builtin ``map``.
            workers: workers of this run, or their names; all by default.
            each: iterables with one value for each worker.

        Raises what the function raises, what ``fp.gather`` does, and UsageError when there are not as many values.
        """
        from farptr.client.together import map_workers

        return map_workers(self, function, workers, each)

    def leaks(self) -> list[Leak]:
        """What is stored or counted though nobody can reach it; empty, unless farptr has a fault. Waits.

        Exact only while no other client works. Fetches ids, no values.
        """
        return leaks(self)

    def why(self, what: int | Pointer) -> Why:
        """Who keeps an object alive, given by its id or by a pointer to it; waits until everything issued is done."""
        return why(self, what)

    def add(self, name: str, load: str | os.PathLike[str] | None = None, *, functions: Functions = False) -> Worker:
        """Start one more worker of this run; returns it when it has registered, for this client and every other.

        Args:
            name: its name; that of a worker which is gone may be given again.
            load: a file (``.npz``, ``.npy``) from which it loads data of its own.
            functions: whether it runs what clients send, as for ``fp.up``.

        Raises BadName (illegal or taken), LoadFailed, StartFailed; NoRun when the run is going down, RunError when its
        workers are started by hand.
        """
        members.add(self, name, load, checked_functions(functions))
        return self[name]

    def remove(self, worker: str | Worker) -> None:
        """End a worker of this run; returns when its process is gone. What it held is lost, as with any loss.

        Who uses a pointer to what it held gets WorkerLost, which says that it was removed. Raises UnknownWorker, NoRun
        when the run is going down, RunError when its workers are started by hand.
        """
        members.remove(self, worker)

    def restart(self, worker: str | Worker) -> Worker:
        """End a worker, unless it is gone already, and start it again; the new one, once it has registered.

        It has its name and, loaded again, its own data; its store is empty otherwise, and its party number another. Who
        uses a pointer to what the old one held gets StalePointer. One that is coming up again is waited for.

        Raises UnknownWorker, LoadFailed, StartFailed; NoRun when the run is going down, RunError when its workers are
        started by hand.
        """
        return self[members.restart(self, worker)]

    def kill(self, worker: str | Worker, signal: int | str = KILL, *, timeout: float = faults.PATIENCE_S) -> None:
        """End a worker's process by a signal; returns when this client knows that it is gone, and how it ended.

        Args:
            worker: its name, or ``"broker"``: everybody who uses the run then gets BrokerLost.
            signal: a number, or a name such as ``"SIGSEGV"``.
            timeout: seconds to wait for that; a process may catch a signal and live on.

        Raises UnknownWorker, UsageError for a signal that ends nothing, DeadlineExceeded.
        """
        faults.kill(self, members.name_of(self, worker), signal, timeout)

    def stop(self, worker: str | Worker) -> None:
        """Stop a worker's process (SIGSTOP), or the ``"broker"``'s; returns when it is stopped.

        Raises UnknownWorker.
        """
        faults.stop(self, members.name_of(self, worker))

    def cont(self, worker: str | Worker) -> None:
        """Let a stopped worker go on, or the ``"broker"``; returns when it does. One that is not stopped is left alone.

        Raises UnknownWorker.
        """
        faults.cont(self, members.name_of(self, worker))

    def interrupt(self, worker: str | Worker) -> None:
        """Interrupt the operation that a worker computes now; it fails with Interrupted. An idle worker is left alone.

        Work deep in one NumPy call ends when that call returns; ``restart`` does not wait. Raises UnknownWorker.
        """
        faults.interrupt(self, worker.name if isinstance(worker, Worker) else worker)

    # ------------------------------------------------------------ the run

    @property
    def net(self) -> Net:
        """The modelled network between the parties: delays, bandwidth, loss, partitions (docs/network.md)."""
        from farptr.client.net import Net

        return Net(self._session)

    def sync(self, *, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        """Wait until everything issued is done, by every client; raise the failures that nobody has seen yet.

        One failure is raised as itself, several as SeveralFailed (an ExceptionGroup). Each is raised once.
        """
        self._session.sync(timeout)

    def flush(self) -> None:
        """Send what waits in batches now, without waiting for its effect; it leaves by itself within milliseconds."""
        self._session.flush()

    @property
    def timeout(self) -> float | None:
        """Seconds that a blocking call waits without an answer and without progress; None is for ever."""
        return self._session.timeout_s

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._session.timeout_s = seconds

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the live workers, by name."""
        rows = {row[0]: row for row in self._session.ask_broker("parties")}
        return {name: rows[number][3] for name, number in self._workers.items() if number in rows}

    @property
    def bound(self) -> str:
        """Where a run that was started here listens for other machines, or empty."""
        return self._running.info.bound if self._running else ""

    def close(self) -> None:
        """End the run (if it was started here) or leave it. Again does nothing."""
        try:
            self.end_clock()
            self._session.close("this run was closed")
        finally:
            if self._running:
                self._running.close()
                self.check_journal()
                self.check_clock()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
