"""The one run behind ``farptr.syft``: started when the first worker is wanted, ended with this process or ``close``."""

from __future__ import annotations

from typing import Any

from farptr.client.run import Run
from farptr.client.starting import up
from farptr.client.workers import Me

PRELOADED = ("torch", "farptr.worker.torch_values")
"""What is imported once, for all workers."""


class Acquainted:
    """Workers that know each other: what old programs tell them to do."""

    __slots__ = ()

    def add_worker(self, worker: Any) -> Any:
        """Nothing: workers of a run know each other. Returns this worker."""
        return self

    def add_workers(self, workers: Any) -> Any:
        """Nothing, as ``add_worker``."""
        return self

    def get_worker(self, worker: Any) -> Any:
        """The worker of that id; raises UnknownWorker."""
        from farptr.syft.virtual_worker import VirtualWorker

        name = worker if isinstance(worker, str) else worker.id
        return me if name == me.id else VirtualWorker.of(current()[name])


class LocalWorker(Acquainted, Me):
    """This process as a place: ``sy.local_worker``. It has no store: what is here is a variable of the program."""

    __slots__ = ("is_client_worker",)

    def __init__(self) -> None:
        self.is_client_worker = True
        """Without effect: what comes here is the program's own in any case."""

    def __repr__(self) -> str:
        return f"<VirtualWorker id:{self.id} #objects:0>"

    @property
    def _objects(self) -> dict[int, Any]:
        """Nothing."""
        return {}

    def objects_count(self) -> int:
        """None."""
        return 0

    def clear_objects(self) -> LocalWorker:
        """Nothing; returns this worker."""
        return self

    def request_search(self, query: Any, location: Any) -> Any:
        """What fits on that worker, as pointers, which own."""
        return location.search(*([query] if isinstance(query, str) else query))


me = LocalWorker()
_run: Run | None = None


def worker(name: str) -> Any:
    """The worker of that name, started if there is none; raises BadName, StartFailed."""
    global _run
    if _run is None or _run._session.closed:
        _run = up(name, sync=True, preload=PRELOADED)
    elif name not in _run:
        _run.add(name)
    return _run[name]


def current() -> Run:
    """The run; raises UsageError before there is one."""
    if _run is None or _run._session.closed:
        from farptr.protocol.errors import UsageError

        raise UsageError("no worker was started yet", hint="julie = sy.VirtualWorker(hook, id='julie')")
    return _run


def use(run: Run) -> None:
    """Take a run that is up already: workers of its names are its workers."""
    global _run
    _run = run


def close() -> None:
    """End the run; workers that are wanted later are of another one. Without a run nothing."""
    global _run
    if _run is not None:
        _run.close()
        _run = None
