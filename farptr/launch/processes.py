"""Whose process is whose: identifying, watching and killing the processes of a run from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

import psutil  # type: ignore[import-untyped, unused-ignore] # whether or not its stubs are there

from farptr.protocol.errors import RunError

# The system tells the time of a process's start relative to the boot, whose own time moves when the clock is set.
_CREATED_TOLERANCE_S = 2.0
_POLL_S = 0.005


def created_s(pid: int) -> float:
    """When a living process started, in seconds since 1970."""
    return float(psutil.Process(pid).create_time())


def is_same(pid: int, created: float) -> bool:
    """Whether the process ``pid`` lives and started at ``created`` (seconds since 1970); a zombie does not live."""
    with contextlib.suppress(OSError):
        os.waitpid(pid, os.WNOHANG)  # if it is a child of ours that nobody waits for, let it go
    try:
        age_matches = abs(created_s(pid) - created) <= _CREATED_TOLERANCE_S
        return bool(age_matches and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_child(pid: int) -> bool:
    """Whether that process, alive or a zombie, is a child of this one."""
    try:
        return bool(psutil.Process(pid).ppid() == os.getpid())
    except psutil.NoSuchProcess:
        return False


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped, as by Ctrl-Z or a debugger, and cannot act on a signal."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.NoSuchProcess:
        return False


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def surely() -> bool:
    """Yes."""
    return True


def send_signal(pid: int, number: int, is_it: Callable[[], bool] = surely) -> bool:
    """Send a signal to a process of this user; whether it was there.

    Args:
        pid: which one.
        number: the signal.
        is_it: asked once the process is held on to, where the system can do that: whether it is the one that is meant.

    Raises RunError when it is another user's, or of another machine.
    """
    if pid <= 1:
        raise RunError(f"this process has no pid here ({pid})", hint="signals reach processes of this machine only")
    try:
        fd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except ProcessLookupError:
        return False
    try:
        if not is_it():
            return False
        if fd >= 0:
            signal.pidfd_send_signal(fd, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise RunError(f"process {pid} belongs to another user", hint="its owner can send it signals") from None
    finally:
        if fd >= 0:
            os.close(fd)
    return True


def kill_session(leader: int, timeout_s: float) -> bool:
    """SIGKILL every process of the session that ``leader`` began: a supervisor and all its children.

    The leader may be dead already: its number is not given to another process while its session has members. The
    caller makes sure that the number is not another process's by now.

    Returns whether all were gone within the time; zombies count as gone.
    """

    def kill_all() -> bool:  # again and again: one of them may have forked in between
        members = [pid for pid in psutil.pids() if lives_in(leader, pid)]
        for pid in sorted(members, key=lambda pid: pid == leader):  # itself last, so that nothing cleans up meanwhile
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        return not members

    return wait_until(kill_all, timeout_s)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition came true within the time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(_POLL_S)
    return True


def lives_in(session: int, pid: int) -> bool:
    """Whether the process lives, as no zombie, and belongs to that session."""
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.NoSuchProcess):
        return False
