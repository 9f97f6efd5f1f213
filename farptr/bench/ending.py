"""Ending whatever a contestant has started: its processes carry a mark in their environment, however they detach."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import psutil  # type: ignore[import-untyped, unused-ignore] # whether or not its stubs are there

TOKEN_VARIABLE = "FARPTR_BENCH_TOKEN"
PATIENCE_S, CLEANING_S = 10.0, 2.0
_POLL_S = 0.05


def marked(token: str) -> list[int]:
    """Living processes of this user that were started with that token, this one included."""
    found = []
    for pid in psutil.pids() if token else ():
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            if process.environ().get(TOKEN_VARIABLE) == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def pause_others(token: str) -> list[int]:
    """Stop everything with that token but this process; what it was."""
    others = _others(token)
    tell(others, signal.SIGSTOP)
    return others


def tell(pids: list[int], number: signal.Signals) -> None:
    """A signal for processes that may be gone."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def end_marked(token: str, *, from_inside: bool = False) -> bool:
    """SIGKILL everything with that token but this process, until nothing is left; whether that came true in time.

    Those that clean up behind others (multiprocessing's trackers of named semaphores) first get time to do so. From
    inside, by a process that has the token, they are left alone: they end when it does.
    """
    if from_inside:
        return not _kill_all(token, spare_cleaners=True)
    while cleaners := _kill_all(token, spare_cleaners=True):
        if not left_after(token, CLEANING_S):
            return True
        if set(cleaners) == set(_others(token)):
            break
    return not _kill_all(token, spare_cleaners=False)


def _kill_all(token: str, *, spare_cleaners: bool) -> list[int]:
    """Kill until only the cleaners are left; what is left."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        left = _others(token)
        victims = [pid for pid in left if not (spare_cleaners and _is_cleaner(pid))]
        if not victims or time.monotonic() > deadline_s:
            return left
        tell(victims, signal.SIGKILL)
        time.sleep(_POLL_S)


def _others(token: str) -> list[int]:
    return [pid for pid in marked(token) if pid != os.getpid()]


def _is_cleaner(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("resource_tracker" in word for word in psutil.Process(pid).cmdline())
    return False


def left_after(token: str, patience_s: float) -> list[int]:
    """What with that token still lives after so long; at once when nothing does."""
    deadline_s = time.monotonic() + patience_s
    while left := _others(token):
        if time.monotonic() > deadline_s:
            break
        time.sleep(_POLL_S)
    return left
