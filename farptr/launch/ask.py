"""Asking a run's supervisor for one worker more, less or anew, from any process of this user."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from farptr.launch.requests import SOCKET
from farptr.launch.spec import decode, encode, error_from_json
from farptr.protocol.errors import DeadlineExceeded, FarptrError, NoRun, RunError
from farptr.protocol.functions import OFF
from farptr.protocol.names import check_name

ADD_TIMEOUT_S = 40.0
"""The supervisor gives a worker 30 s to register, and answers then."""
REMOVE_TIMEOUT_S = 10.0
_CHUNK_BYTES = 1 << 16


def add(directory: Path, name: str, load: str | os.PathLike[str] | None = None, functions: str = OFF) -> int:
    """Start a worker in the run of that directory; returns its pid when it has registered.

    Raises BadName (illegal or taken), the worker's own error when it cannot start (LoadFailed, StartFailed), NoRun
    when the run is going down, RunError when it has no supervisor, DeadlineExceeded.
    """
    file = None if load is None else os.path.abspath(load)  # noqa: PTH100 - the supervisor works elsewhere
    return int(_ask(directory, {"add": check_name(name), "load": file, "functions": functions}, ADD_TIMEOUT_S)["added"])


def remove(directory: Path, name: str) -> int:
    """End a worker of the run of that directory; returns the pid that it had, when its process is gone.

    Raises UnknownWorker, NoRun when the run is going down, RunError when it has no supervisor, DeadlineExceeded.
    """
    return int(_ask(directory, {"remove": name}, REMOVE_TIMEOUT_S)["removed"])


def restart(directory: Path, name: str) -> int:
    """End a worker, unless it is gone, and start it again under its name; returns the new pid when it has registered.

    One that is coming up again is waited for. Raises UnknownWorker, the worker's own error when it cannot start, NoRun
    when the run is going down, RunError when it has no supervisor or somebody else does the same, DeadlineExceeded.
    """
    return int(_ask(directory, {"restart": name}, ADD_TIMEOUT_S)["added"])


def _ask(directory: Path, fields: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    deadline_s = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout_s)
        try:
            sock.connect(str(directory / SOCKET))
            sock.sendall(encode(fields))
            answer = _read_line(sock, deadline_s)
        except TimeoutError:
            raise DeadlineExceeded(
                f"the supervisor of run {directory.name!r} does not answer (waited {timeout_s:g} s)",
                hint="`farptr ps` shows whether it is stopped",
            ) from None
        except OSError:
            raise _nobody(directory) from None
    if not answer:
        raise _nobody(directory)
    if "error" in answer:
        raise error_from_json(answer["error"])
    return answer


def _read_line(sock: socket.socket, deadline_s: float) -> dict[str, Any]:
    """The answer; empty when the other side has gone without one."""
    received = b""
    while not received.endswith(b"\n"):
        sock.settimeout(max(0.001, deadline_s - time.monotonic()))
        chunk = sock.recv(_CHUNK_BYTES)
        if not chunk:
            return {}
        received += chunk
    return decode(received)


def _nobody(directory: Path) -> FarptrError:
    name = directory.name
    if (directory / "run.json").exists() and not (directory / SOCKET).exists():
        hint = f"`farptr worker NAME --connect {name}` adds one, Ctrl-C ends it"
        return RunError(f"run {name!r} has no supervisor: its workers are started by hand", hint=hint)
    return going_down(name)


def going_down(name: str) -> NoRun:
    """The error for a run that is ending, or has ended."""
    return NoRun(f"run {name!r} is going down", hint="`farptr ps` lists what is up; `farptr up` starts a run")
