"""Starting a run, and joining one.

What a client is made of is imported while the processes of its run start: a third of the time until the first result.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from farptr.client.account import folder_of
from farptr.client.wanted import Spec, wanted_workers
from farptr.journal import IN_MEMORY
from farptr.launch.rundir import find
from farptr.launch.start import check_platform, start
from farptr.protocol.authority import Allow, allowed_text
from farptr.protocol.functions import Functions
from farptr.protocol.functions import checked as checked_functions
from farptr.protocol.sizes import size_bytes

if TYPE_CHECKING:
    from farptr.client.pointer import Pointer
    from farptr.client.run import Run
    from farptr.client.workers import Worker
    from farptr.network.network import Network

TIMEOUT_S = 30.0
RUN_VARIABLE = "FARPTR_RUN"
START_TIMEOUT_S = 30.0


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
            everything without it. What a client makes it uses all the same.
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
        UnknownWorker: costs or net speak of a worker that is not among them.
    """
    check_platform()
    wanted = wanted_workers(workers, may_be_none=bind is not None)
    modelled = _clock_of(clock, costs, None if bind else wanted)
    network = None if net is None else _network_of(net)
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
        net=network.to_table() if network else None,
        meanwhile=lambda: importlib.import_module("farptr.client.joining"),
    )
    from farptr.client.joining import join

    try:
        run = join(running.info.address, sync=sync, timeout=timeout, running=running, name=running.info.name)
        run._sort(wanted)
        run.keep_clock(modelled)
        if journal and journal != IN_MEMORY:
            run.keep_journal()
        if network is not None:
            run.net.set(network)
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
    from farptr.client.joining import join

    check_platform()
    name = name or os.environ.get(RUN_VARIABLE) or "default"
    if "://" in name:
        return join(name, sync=sync, timeout=timeout, running=None, name=name, key=key)
    info = find(name)
    run = join(info.address, sync=sync, timeout=timeout, running=None, name=name)
    run._sort(info.workers)
    return run


def _network_of(net: Network | str | os.PathLike[str]) -> Network:
    from farptr.network.network import network_of

    return network_of(net)


def _clock_of(clock: str, costs: Any, workers: Collection[str] | None) -> dict[str, Any] | None:
    if clock == "wall" and costs is None:
        return None
    from farptr.clock.settings import clock_of

    return clock_of(clock, costs, workers)


def send(value: Any, worker: Worker) -> Pointer:
    """Put an array, a number, or any plain value on a worker; a pointer that owns it there.

    Numbers and dates are sent as an array, and so are lists and tuples of those, or of texts. Texts, bytes, dicts,
    dataclasses, ``None``, and any other lists are sent as they are, arrays in them too; see ``docs/functions.md``.
    Raises UnsupportedValue for anything else.
    """
    from farptr.client.pointer import Pointer
    from farptr.client.tensor import place

    return value.send(worker) if isinstance(value, Pointer) else place(worker).receive(value)
