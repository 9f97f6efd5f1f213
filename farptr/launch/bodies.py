"""What the forked children of a supervisor do: the roles' mains, with what each is to be told."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from farptr.launch.roles import BrokerMain, WorkerMain
from farptr.launch.rundir import RunDir
from farptr.launch.spec import Spec, WorkerSpec


def broker_body(main: BrokerMain, spec: Spec, rundir: RunDir, control: socket.socket) -> Callable[[], None]:
    """The broker's life, for ``children.fork``; made in the supervisor's process."""
    supervisor = os.getpid()
    more: dict[str, Any] = {"bind": spec.bind, "keys": spec.keys} if spec.bind else {}
    if spec.journal:
        more["journal"] = (spec.journal, spec.settings())

    if spec.clock:
        more["clock"] = {**spec.clock, "workers": [worker.name for worker in spec.workers]}

    def body() -> None:
        try:
            main(rundir.address, run=rundir.name, seed=spec.seed, control=control, cleanup=rundir.remove, **more)
        finally:
            if os.getppid() != supervisor:  # nobody else is left to do it
                rundir.remove()

    return body


def worker_body(main: WorkerMain, spec: Spec, worker: WorkerSpec, rundir: RunDir, lifeline: int) -> Callable[[], None]:
    """A worker's life, for ``children.fork``."""
    more: dict[str, Any] = {"allow": spec.allow} if spec.allow is not None else {}

    def body() -> None:
        main(
            worker.name,
            rundir.address,
            load=worker.load,
            functions=worker.functions,
            lifeline=lifeline,
            memory_limit_bytes=spec.memory_limit_bytes,
            **more,
        )

    return body
