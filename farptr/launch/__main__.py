"""``python -m farptr.launch``: the supervisor of one run. Its spec comes on stdin, its answer goes to stdout."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import warnings
from collections.abc import Callable

from farptr.launch.logs import ToStderr
from farptr.launch.owner import Owner
from farptr.launch.roles import BrokerMain, WorkerMain
from farptr.launch.rundir import RunDir, claim
from farptr.launch.signals import Signals
from farptr.launch.spec import Spec, error_to_json
from farptr.launch.supervisor import Supervisor
from farptr.protocol.errors import FarptrError, StartFailed
from farptr.protocol.header import VERSION

Roles = Callable[[], tuple[BrokerMain, WorkerMain]]


def real_roles() -> tuple[BrokerMain, WorkerMain]:
    """Import what the children need, so that each fork has it already, and return their mains."""
    for name in ("numpy", "zmq"):
        importlib.import_module(name)
    from farptr.broker.process import serve as broker_main
    from farptr.worker.shell import serve as worker_main

    return broker_main, worker_main


def main(roles: Roles = real_roles) -> int:
    """Supervise one run; returns the exit code of this process."""
    gc.disable()  # until the forks: what is preloaded is no garbage, and pages stay shared
    # Later Pythons warn on forking beside other threads. NumPy's pool is such, and stops itself at a fork.
    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
    with contextlib.suppress(OSError):
        os.setsid()  # the session's number then names every process of the run; `start` has done so already
    owner = Owner()
    signals = Signals()
    try:
        spec = owner.read_spec()
        rundir = claim(spec.name, base=spec.base)
    except FarptrError as error:
        owner.tell({"error": error_to_json(error)})
        return 1
    except Exception as error:
        return _refuse(owner, "the supervisor cannot begin", error)
    return _supervise(spec, rundir, roles, owner, signals)


def _supervise(spec: Spec, rundir: RunDir, roles: Roles, owner: Owner, signals: Signals) -> int:
    try:
        broker_main, worker_main = roles()
        _preload(spec)
        _log_to(rundir)
    except Exception as error:
        rundir.remove()
        return _refuse(owner, "the supervisor cannot load its roles", error)
    supervisor = Supervisor(spec, rundir, broker_main, worker_main, owner=owner, signals=signals, protocol=str(VERSION))
    return supervisor.run()


def _preload(spec: Spec) -> None:
    # OpenMP reads this when it is loaded: threads that spin while they wait take the time of the run's other processes.
    if spec.preload:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for module in spec.preload:
        importlib.import_module(module)


def _refuse(owner: Owner, what: str, error: Exception) -> int:
    failure = StartFailed(f"{what}: {type(error).__name__}: {error}")
    owner.tell({"error": error_to_json(failure)})
    return 1


def _log_to(rundir: RunDir) -> None:
    """Let go of the owner's stderr: whoever reads that to its end must not have to wait for this run's."""
    log_fd = os.open(rundir.log_path("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target in (1, 2):
        os.dup2(log_fd, target)
    os.close(log_fd)
    # The children have this too: each writes to its own descriptor 2.
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[ToStderr()])


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Not sys.exit: while Python winds down, signals have their default effect again, and an owner that says
    # "end" a second time would turn a good end into a death by SIGTERM.
    os._exit(code)
