"""Whose process is gone: exits are noticed through pidfds, or, where there are none, by asking now and then.

A supervisor knows how its worker ended; its word is awaited for GRACE_S after the process is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterable

GRACE_S = 0.05


class Exits:
    """Processes that are watched, by party number."""

    def __init__(self) -> None:
        self._watch = select.epoll() if hasattr(select, "epoll") and hasattr(os, "pidfd_open") else None
        self._pidfds: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self.suspects: dict[int, float] = {}
        """Parties that are as good as gone, and when that is final."""

    def fileno(self) -> int | None:
        """Readable when a process has ended; None where that cannot be had."""
        return None if self._watch is None else self._watch.fileno()

    def watch(self, number: int, pid: int) -> None:
        """Watch a party's process on this machine."""
        if self._watch is None:
            self._pids[number] = pid
            return
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            self.suspect(number, GRACE_S)
            return
        self._pidfds[fd] = number
        self._watch.register(fd, select.EPOLLIN)

    def forget(self, number: int) -> None:
        """A party is lost, or has left."""
        self.suspects.pop(number, None)
        self._pids.pop(number, None)
        for fd in [fd for fd, watched in self._pidfds.items() if watched == number]:
            del self._pidfds[fd]
            os.close(fd)  # which takes it out of the epoll set as well

    def suspect(self, number: int, grace_s: float) -> None:
        """A party seems to be gone: it is, unless somebody knows more within that time."""
        self.suspects.setdefault(number, time.monotonic() + grace_s)

    def notice(self, supervised: Iterable[int]) -> None:
        """Look which processes have ended; the supervisor has a word to say about some."""
        if self._watch is None:
            return
        for fd, _ in self._watch.poll(0):
            number = self._pidfds.pop(fd)
            os.close(fd)
            self.suspect(number, GRACE_S if number in supervised else 0.0)

    def due(self) -> list[int]:
        """The parties that are gone for sure now."""
        for number, pid in self._pids.items():
            with contextlib.suppress(PermissionError):
                try:
                    os.kill(pid, 0)
                except ProcessLookupError:
                    self.suspect(number, 0.0)
        now = time.monotonic()
        return [n for n, at in self.suspects.items() if at <= now]

    def next_ms(self) -> int | None:
        """Milliseconds until ``due`` may have something; None when nothing is to be expected without a signal."""
        if self.suspects:
            return max(0, int((min(self.suspects.values()) - time.monotonic()) * 1000) + 1)
        return None

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in self._pidfds:
            os.close(fd)
        self._pidfds.clear()
        if self._watch is not None:
            self._watch.close()
