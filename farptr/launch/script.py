"""Running a user's program to its end, with signals, terminal and exit code as if it ran by itself.

Laws
    The program has the terminal's process group where there is a terminal, so that it can read from it and Ctrl-Z stops
    both; a Ctrl-C then reaches it by itself. Else it has a group of its own, and signals are passed on to it.
    Either way it gets each signal once. It has a time to end; then it is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_S = 0.5
"""A second signal that comes this long after the first one means: now."""
_LOOK_S = 1.0
_TICK_S = 0.02


class Outcome(NamedTuple):
    """How a program ended."""

    code: int
    """Its exit code; 128 and the signal's number, as shells have it, when a signal ended it."""
    killed: bool
    """Whether it was killed because it did not end in time."""


class _Signal(NamedTuple):
    number: int
    from_terminal: bool


def run(command: Sequence[str], env: Mapping[str, str], *, grace_s: float) -> Outcome:
    """Run a program with our own stdin, stdout and stderr, until it ends.

    Args:
        command: program and arguments.
        env: its environment.
        grace_s: seconds that it has to end after the first SIGINT, SIGTERM or SIGHUP.

    Only in the main thread. Raises OSError when it cannot be started.
    """
    shared = _has_terminal()
    with _caught() as early:
        process = subprocess.Popen(command, env=dict(env), process_group=None if shared else 0)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, *ENDING))
        try:
            return _attend(process, shared, grace_s, early)
        finally:
            if process.poll() is None:  # only when something here failed
                process.kill()
                process.wait()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _attend(process: subprocess.Popen[bytes], shared: bool, grace_s: float, early: list[int]) -> Outcome:
    first: int | None = None
    first_s = deadline_s = float("inf")
    pending = [_Signal(number, from_terminal=shared) for number in early]
    while (code := process.poll()) is None:
        came = pending.pop(0) if pending else _next(min(_LOOK_S, max(0.0, deadline_s - time.monotonic())))
        now_s = time.monotonic()
        if came is not None and came.number in ENDING:
            if not (shared and came.from_terminal):
                process.send_signal(came.number)
            if first is None:
                first, first_s, deadline_s = came.number, now_s, now_s + grace_s
            elif now_s >= first_s + AGAIN_S:
                deadline_s = now_s
        if first is not None and now_s >= deadline_s:
            process.kill()
            process.wait()
            return Outcome(128 + first, killed=True)
    return Outcome(code if code >= 0 else 128 - code, killed=False)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _caught() -> Iterator[list[int]]:
    """Signals that end us are noted, for as long as they are not blocked; SIGCHLD must not be ignored."""
    numbers: list[int] = []
    before = {number: signal.signal(number, lambda number, _: numbers.append(number)) for number in ENDING}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        yield numbers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _next(timeout_s: float) -> _Signal | None:
    """The next signal, from the blocked ones; None after the time."""
    wanted = (signal.SIGCHLD, *ENDING)
    if hasattr(signal, "sigtimedwait"):
        info = signal.sigtimedwait(wanted, timeout_s)
        return None if info is None else _Signal(info.si_signo, info.si_code > 0)  # a process's own word is 0 or less
    deadline_s = time.monotonic() + timeout_s
    while not (came := signal.sigpending() & set(wanted)):
        if time.monotonic() >= deadline_s:
            return None
        time.sleep(_TICK_S)
    return _Signal(signal.sigwait(came), from_terminal=True)
