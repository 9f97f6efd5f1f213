"""Signals as something that a selector can wait for."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that tell a supervisor to end its run in good order."""


class Signals:
    """Catches SIGCHLD and the ENDING signals of this process, from the moment it is made.

    ``fd`` becomes readable when one came; ``told_to_end`` is the first of the ENDING ones, or None.
    """

    def __init__(self) -> None:
        self.fd, self._write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_fd, False)
        self.told_to_end: signal.Signals | None = None
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *ENDING):
            signal.signal(number, self._caught)
        # A thread that blocked some handed that down through exec.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def clear(self) -> None:
        """Make ``fd`` wait for the next signal."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 4096):
                pass

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        if number in ENDING and self.told_to_end is None:
            self.told_to_end = signal.Signals(number)


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Hold back every signal of this thread, so that a new child cannot run its parent's handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def reset_in_child() -> None:
    """Default handling for a forked child, then let through what ``blocked`` held back.

    SIGINT is ignored: a Ctrl-C at the terminal is for the owner; the supervisor then ends its children in order.
    """
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, *ENDING):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
