"""Runs: starting one, joining one, and what a client does with it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farptr.client import faults, interrupts, members, opened
from farptr.client.account import Account, folder_of
from farptr.client.clock import Clock
from farptr.client.core import SessionCore
from farptr.client.leaks import Leak, leaks
from farptr.client.pointer import Pointer
from farptr.client.session import DEFAULT_TIMEOUT, TIMEOUT_S, Session
from farptr.client.tensor import place
from farptr.client.turns import Turns
from farptr.client.wanted import Spec, wanted_workers
from farptr.client.why import Why, why
from farptr.client.workers import Me, Worker
from farptr.clock.settings import clock_of
from farptr.journal import IN_MEMORY
from farptr.launch.rundir import find
from farptr.launch.start import Running, check_platform, start
from farptr.protocol.authority import Allow, allowed_text
from farptr.protocol.errors import UnknownWorker
from farptr.protocol.functions import Functions
from farptr.protocol.functions import checked as checked_functions
from farptr.protocol.sizes import size_bytes
from farptr.transport.dealer import Dealer

if TYPE_CHECKING:
    from farptr.client.net import Net
    from farptr.network.network import Network

SYNC_VARIABLE = "FARPTR_SYNC"
RUN_VARIABLE = "FARPTR_RUN"
START_TIMEOUT_S = 30.0

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
        return [Worker(self._session, number) for number in self._workers.values()]

    def __iter__(self) -> Iterator[Worker]:
        return iter(self.workers)

    def __len__(self) -> int:
        return len(self._workers)

    def __contains__(self, name: object) -> bool:
        return name in self._workers

    def __getitem__(self, which: str | int) -> Worker:
        """A worker by name or index; raises UnknownWorker, with the nearest name."""
        if isinstance(which, str):
            if which not in self._workers:
                raise members.unknown(self, which)
            return Worker(self._session, self._workers[which])
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

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def up(
    *workers: Spec,
    name: str | None = None,
    sync: bool | None = None,
    seed: int | None = None,
    timeout: float | None = TIMEOUT_S,
    functions: Functions = False,
    restart: bool = False,
    memory_limit: int | str | None = None,
    bind: str | None = None,
    keys: str | os.PathLike[str] | None = None,
    allow: Allow | None = None,
    journal: bool | str | os.PathLike[str] = False,
    preload: Iterable[str] = (),
    net: Network | str | os.PathLike[str] | None = None,
    clock: str = "wall",
    costs: Any = None,
) -> Run:
    """Start a broker and one process for each worker; returns when all have registered.

    Args:
        workers: names; or a count (``up(3)`` makes w1, w2, w3); or a mapping of names to files (``.npz``, ``.npy``)
            from which each worker loads data of its own.
        name: under which others can ``connect``; without one the run is private, and any number can be up.
        sync: wait for every command, so that errors come at their line (default: the variable FARPTR_SYNC).
        seed: of object ids; the same seed and program give the same ids.
        timeout: seconds that a blocking call waits without an answer and without progress.
        functions: True lets ``julie.run(f)``, and a notebook's ``%%on julie``, run Python on the workers; ``"private"``
            also on those that have loaded data of their own, which a function can then print or return.
        restart: start a worker that dies again, under its name, with its own data loaded again and nothing else in its
            store; at most 5 times in 30 s, then it stays gone.
        memory_limit: what each worker may take beyond what it has when it has registered, as ``"512MB"`` or in bytes;
            an operation that needs more raises WorkerOutOfMemory, and the worker goes on. Linux only.
        bind: where to listen for other machines, ``tcp://HOST:PORT``, each with a key (docs/keys.md); then no worker
            need be named here.
        keys: the directory of these keys (default: $FARPTR_KEYS, else the user's own).
        allow: which clients may do what to the workers, as in ``"me,bob:names+use"`` (docs/keys.md); everybody may do
            everything without it. Who holds a pointer uses it all the same.
        journal: a folder in which this run writes its journal (True: ``runs``), for ``sim.ledger`` and what follows.
        preload: modules to import once, before the workers are forked, as ``("torch",)``: else each imports its own.
        net: the network to model between them, an ``fp.Network`` or a TOML file; ``sim.net`` changes it.
        clock: ``virtual`` models time (docs/clocks.md): nothing sleeps, and the same seed and program do the same.
        costs: what work takes then, as ``"5 ms"`` a turn or ``"2 GFLOP/s"``; nothing by default.

    The run ends with ``close()``, with its ``with`` block, and with this process, however that ends.

    Raises:
        BadName, RunExists: the names will not do.
        LoadFailed, StartFailed: a worker could not start; nothing is left running.
        UnusableKey: nobody has a key, or the files will not do.
        BadClock, BadNetwork: clock, costs or net are not to be understood.
    """
    check_platform()
    wanted = wanted_workers(workers, may_be_none=bind is not None)
    modelled = clock_of(clock, costs)
    running = start(
        wanted,
        name=name,
        seed=seed,
        timeout_s=START_TIMEOUT_S,
        functions=checked_functions(functions),
        restart=restart,
        memory_limit_bytes=None if memory_limit is None else size_bytes(memory_limit),
        bind=bind,
        keys=keys,
        allow=allowed_text(allow),
        journal=folder_of(journal),
        preload=preload,
        clock=modelled,
    )
    try:
        run = _join(running.info.address, sync=sync, timeout=timeout, running=running, name=running.info.name)
        run._sort(wanted)
        if journal and journal != IN_MEMORY:
            run.keep_journal()
        if net is not None:
            run.net.set(net)
    except BaseException:
        running.close()
        raise
    return run


def connect(
    name: str | None = None,
    *,
    sync: bool | None = None,
    timeout: float | None = TIMEOUT_S,
    key: str | os.PathLike[str] | None = None,
) -> Run:
    """Join a run that is up: by its name, or by an address (``ipc://…``; ``tcp://…`` with the file of a key).

    Without a name it is that of the variable FARPTR_RUN, which ``farptr run`` sets for its script, else ``default``.

    Raises:
        NoRun: there is none.
        VersionMismatch: it runs another version of farptr.
        AuthenticationFailed, UnusableKey: over the network, without a key that this broker knows.
    """
    check_platform()
    name = name or os.environ.get(RUN_VARIABLE) or "default"
    if "://" in name:
        return _join(name, sync=sync, timeout=timeout, running=None, name=name, key=key)
    info = find(name)
    run = _join(info.address, sync=sync, timeout=timeout, running=None, name=name)
    run._sort(info.workers)
    return run


@interrupts.guarded
def _join(
    address: str,
    *,
    sync: bool | None,
    timeout: float | None,
    running: Running | None,
    name: str,
    key: str | os.PathLike[str] | None = None,
) -> Run:
    dealer = Dealer(address, {"role": "client", "name": "me"}, key=key)
    welcome = dealer.welcome
    core = SessionCore(number=welcome["number"], epoch=welcome["epoch"], seed=welcome["seed"], block=welcome["block"])
    synchronous = os.environ.get(SYNC_VARIABLE, "") not in ("", "0") if sync is None else sync
    modelled = "clock" in welcome
    session = Session(core, dealer, sync=synchronous, timeout_s=timeout, timer=not modelled)
    if modelled:
        session.link.turns = Turns(session.link)
    interrupts.opened(session)
    directory = None if dealer.far else Path(address.removeprefix("ipc://")).parent
    run = Run(session, welcome["roster"], running, name=name, directory=directory)
    for tell in opened.observers:
        tell(run)
    if "IPython" in sys.modules:
        from farptr.notebook.interrupts import guard

        guard()
    return run


def send(value: Any, worker: Worker) -> Pointer:
    """Put an array, a number, or any plain value on a worker; a pointer that owns it there.

    Numbers and dates are sent as an array, and so are lists and tuples of those, or of texts. Texts, bytes, dicts,
    dataclasses, ``None``, and any other lists are sent as they are, arrays in them too; see ``docs/functions.md``.
    Raises UnsupportedValue for anything else.
    """
    return value.send(worker) if isinstance(value, Pointer) else place(worker).receive(value)
