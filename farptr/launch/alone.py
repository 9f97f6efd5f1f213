"""A broker without a supervisor, in the process that asks for it: workers join it from wherever they are started."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from farptr.launch.processes import created_s
from farptr.launch.rundir import RunDir, RunInfo, claim
from farptr.launch.start import ring_for
from farptr.protocol.errors import RunExists
from farptr.protocol.header import VERSION
from farptr.protocol.names import BROKER

_SCHEME = "ipc://"


def serve_broker(
    name: str,
    *,
    address: str | None = None,
    bind: str | None = None,
    keys: str | None = None,
    on_ready: Callable[[RunInfo], None],
) -> None:
    """Claim a run, publish it and be its broker until SIGTERM or SIGINT; leaves nothing.

    Args:
        name: the run, which ``find`` and ``fp.connect`` find while this lasts.
        address: another place for the socket than the run's directory, ``ipc://…``.
        bind: where to listen for other machines too, ``tcp://…``.
        keys: directory of the ring of who may come from there; None for the user's own.
        on_ready: called once clients and workers can join.

    Raises RunExists, BadName, RuntimeDirectory; RunError when an address cannot be bound; UsageError, UnusableKey.
    """
    from farptr.broker.process import serve  # late: importing this package must not load the roles

    ring = None if bind is None else ring_for(bind, keys)
    rundir = claim(name)
    handler = logging.FileHandler(rundir.log_path(BROKER))
    logging.getLogger("farptr").addHandler(handler)
    try:
        info = _describe(rundir, rundir.address if address is None else _free(address))

        def ready(bound: str) -> None:
            found = dataclasses.replace(info, bound=bound)
            rundir.publish(found)
            on_ready(found)

        try:
            serve(info.address, run=name, ready=ready, bind=bind, keys=ring)
        finally:
            _remove_socket(info.address)
    finally:
        logging.getLogger("farptr").removeHandler(handler)
        handler.close()
        rundir.remove()


def _describe(rundir: RunDir, address: str) -> RunInfo:
    own = os.getpid()
    return RunInfo(
        name=rundir.name,
        directory=rundir.path,
        address=address,
        supervisor_pid=own,
        supervisor_created_s=created_s(own),
        broker_pid=own,
        workers={},
        protocol=str(VERSION),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _free(address: str) -> str:
    """The address, absolute; raises RunExists when somebody listens there: binding would steal it from them."""
    path = address.removeprefix(_SCHEME)
    if path.startswith("@"):  # Linux's abstract names, which cannot be stolen
        return address
    full = Path(path).absolute()
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(full))
        except OSError:
            return f"{_SCHEME}{full}"
    raise RunExists(f"something listens at {_SCHEME}{full}", hint="take another address, or none")


def _remove_socket(address: str) -> None:
    path = Path(address.removeprefix(_SCHEME))
    with contextlib.suppress(OSError):
        if path.is_socket():
            path.unlink()
