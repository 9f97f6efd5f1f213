"""Ending a run from outside, by its name."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from farptr.launch import processes
from farptr.launch.rundir import RunInfo, clear, find, is_live
from farptr.protocol.errors import DeadlineExceeded

_KILL_PATIENCE_S = 2.0


def stop(name: str, timeout_s: float = 5.0, *, base: str | Path | None = None) -> None:
    """End a run and return when nothing is left of it.

    Args:
        name: the run.
        timeout_s: seconds that its supervisor has to end it in good order. After that, and at once when the supervisor
            is stopped, every process of the run is killed.
        base: the base directory; None for $FARPTR_RUNTIME_DIR or this user's own.

    Raises NoRun, and DeadlineExceeded when processes survive even that (in an uninterruptible system call, say).
    """
    info = find(name, base=base)
    if _ends_by_itself(info, timeout_s):
        return
    if _is_gone(info):
        clear(info.directory)
        return
    if not _supervisor_lives(info) and _exists(info.supervisor_pid):
        raise DeadlineExceeded(f"run {name!r} holds its lock, but its supervisor's pid is another process's by now")
    if not _kill(info) or is_live(info):
        raise DeadlineExceeded(f"run {name!r} does not end (supervisor pid {info.supervisor_pid})")
    clear(info.directory)


def _ends_by_itself(info: RunInfo, timeout_s: float) -> bool:
    if _supervisor_lives(info):
        if processes.is_stopped(info.supervisor_pid):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(info.supervisor_pid, signal.SIGTERM)
    return processes.wait_until(lambda: _is_gone(info) and not info.directory.exists(), timeout_s)


def _kill(info: RunInfo) -> bool:
    if info.supervisor_pid != info.broker_pid:
        return processes.kill_session(info.supervisor_pid, _KILL_PATIENCE_S)
    with contextlib.suppress(ProcessLookupError):  # a broker on its own, in a session that is its user's
        os.kill(info.broker_pid, signal.SIGKILL)
    return processes.wait_until(lambda: _is_gone(info), _KILL_PATIENCE_S)


def _is_gone(info: RunInfo) -> bool:
    return not _supervisor_lives(info) and not is_live(info)


def _supervisor_lives(info: RunInfo) -> bool:
    return processes.is_same(info.supervisor_pid, info.supervisor_created_s)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
