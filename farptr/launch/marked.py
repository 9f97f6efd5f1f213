"""Processes that carry a run's mark in their environment: a script and whatever it started, however that was done."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped, unused-ignore] # whether or not its stubs are there

from farptr.launch.processes import wait_until

VARIABLE = "FARPTR_MARK"
_TERM_PATIENCE_S, _KILL_PATIENCE_S = 0.5, 2.0


def end(mark: str) -> bool:
    """End all processes with that mark: SIGTERM, and SIGKILL for who is left after 0.5 s; whether all are gone.

    One that has cleared its environment, or is another user's, is not found.
    """
    for number, patience_s in ((signal.SIGTERM, _TERM_PATIENCE_S), (signal.SIGKILL, _KILL_PATIENCE_S)):
        asked: set[psutil.Process] = set()

        def none_left(number: int = number, asked: set[psutil.Process] = asked) -> bool:
            left = set(_carriers(mark))
            for process in left - asked:  # one of them may have forked in between
                _signal(process, number)
            asked |= left
            return not left

        if wait_until(none_left, patience_s):
            return True
    return False


def _carriers(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            found = process.environ().get(VARIABLE) == mark
            if found and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
        if number == signal.SIGTERM:
            process.send_signal(signal.SIGCONT)  # a stopped one would not hear
    except (psutil.Error, OSError):
        return
