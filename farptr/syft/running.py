"""The one run behind ``farptr.syft``: started when the first worker is wanted, ended with this process or ``close``."""

from __future__ import annotations

from typing import Any

from farptr.client.run import Run, up
from farptr.client.workers import Me

_PRELOADED = ("torch", "farptr.worker.torch_values")


class LocalWorker(Me):
    """This process as a place: ``sy.local_worker``."""

    __slots__ = ()

    def request_search(self, query: Any, location: Any) -> Any:
        """What fits on that worker, as pointers, which own."""
        return location.search(*([query] if isinstance(query, str) else query))


me = LocalWorker()
_run: Run | None = None


def worker(name: str) -> Any:
    """The worker of that name, started if there is none; raises BadName, StartFailed."""
    global _run
    if _run is None or _run._session.closed:
        _run = up(name, sync=True, preload=_PRELOADED)
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
