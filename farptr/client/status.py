"""The processes of a run: what each is, what it does, and what it takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped, unused-ignore] # whether or not its stubs are there

from farptr.client.starting import connect
from farptr.launch.processes import is_stopped
from farptr.protocol.errors import DeadlineExceeded, FarptrError
from farptr.protocol.names import BROKER, FAR

if TYPE_CHECKING:
    from farptr.client.run import Run
    from farptr.launch.spec import RunInfo

PATIENCE_S = 1.0
"""A look at a run that is busy takes no longer than about this, for all workers together."""
SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Process:
    """One process of a run."""

    name: str
    role: str
    pid: int | None
    """None for a worker that stays gone."""
    state: str = ""
    """``idle``, ``busy (3 to do)``, ``up``, ``stopped`` or ``gone``."""
    objects: int | None = None
    """In the store of a worker; None where nobody could tell."""
    uptime_s: float | None = None
    memory_bytes: int | None = None
    """Resident memory; pages that several processes share count for each."""
    far: bool = False
    """Whether it is on another machine: then ``pid`` is what it says, and nothing is measured."""


@dataclass(frozen=True)
class Status:
    """One run and its processes."""

    name: str
    address: str
    processes: tuple[Process, ...]
    trouble: str = ""
    """What is wrong: workers that stay gone; a journal that has stopped; or that the broker could not be asked: then
    the processes are those of the run's description.
    """


def status(info: RunInfo) -> Status:
    """What a run's processes do now. Does not raise for a run that is unwell: that is what one wants to see."""
    own = [Process(BROKER, BROKER, info.broker_pid, "up")]
    if info.supervisor_pid != info.broker_pid:
        own.append(Process(SUPERVISOR, SUPERVISOR, info.supervisor_pid, "up"))
    trouble = stopped = ""
    try:
        others, stopped = _asked(info)
    except FarptrError as error:
        trouble = error.message
        others = [Process(name, "worker", pid, "?") for name, pid in info.workers.items()]
    named = list(info.workers)
    workers = [process for process in others if process.role == "worker"]
    named += info.gone
    present = {worker.name for worker in workers}
    workers += [Process(name, "worker", None, "gone") for name in info.gone if name not in present]
    workers.sort(key=lambda process: named.index(process.name) if process.name in named else len(named))
    clients = [process for process in others if process.role != "worker"]
    stays_gone = [f"{name}: {why}; `farptr restart {name}`" for name, why in info.gone.items() if name not in present]
    trouble = "; ".join(filter(None, [trouble, *stays_gone, stopped]))
    return Status(info.name, info.address, tuple(map(_measured, [*workers, *own, *clients])), trouble)


def _asked(info: RunInfo) -> tuple[list[Process], str]:
    """What its broker knows of processes, and why its journal has stopped, if so."""
    if is_stopped(info.broker_pid):
        raise DeadlineExceeded("its broker is stopped (kill -CONT continues it)")
    with connect(info.address, timeout=PATIENCE_S) as run:
        me = run._session.core.number
        queues = run._session.ask_broker("progress")["queues"]
        parties = [row for row in run._session.ask_broker("parties") if row[0] != me]
        stopped = run._session.ask_broker("journal trouble")
        counts = _counts(run, [name for _, name, role, *_ in parties if role == "worker"])
    processes = [
        Process(name, role, pid, _doing(name, role, queues), counts.get(name), far=host.startswith(FAR))
        for _, name, role, pid, host, _ in parties
    ]
    return processes, stopped


def _counts(run: Run, workers: Iterable[str]) -> dict[str, int]:
    """How many objects each holds, as far as can be told: nobody can before the run is settled."""
    counts: dict[str, int] = {}
    for name in workers:
        try:
            counts[name] = run[name].count()
        except DeadlineExceeded:
            return counts
        except FarptrError:
            continue  # it went meanwhile
    return counts


def _doing(name: str, role: str, queues: dict[str, int]) -> str:
    if role != "worker":
        return "up"
    return f"busy ({queues[name]} to do)" if name in queues else "idle"


def _measured(process: Process) -> Process:
    if process.pid is None or process.far:
        return process
    try:
        system = psutil.Process(process.pid)
        with system.oneshot():
            uptime_s = max(0.0, time.time() - system.create_time())
            memory_bytes = int(system.memory_info().rss)
    except psutil.Error:
        return replace(process, state="gone")
    state = "stopped" if is_stopped(process.pid) else process.state
    return replace(process, state=state, uptime_s=uptime_s, memory_bytes=memory_bytes)
