"""Whose process is gone or stopped: exits are noticed through pidfds, or, where there are none, by asking now and then.

A supervisor knows how its worker ended; its word is awaited for GRACE_S after the process is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path

GRACE_S = 0.05
LEASE_S = 10.0
"""A client whose connection is cut has this long to resume its session, from when that is noticed."""
GONE = "its process is gone"


class Exits:
    """Processes that are watched, by party number."""

    def __init__(self) -> None:
        self._watch = select.epoll() if hasattr(select, "epoll") and hasattr(os, "pidfd_open") else None
        self._pidfds: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self.stopped: set[int] = set()
        """Parties that were told to be stopped."""
        self.suspects: dict[int, tuple[float, str]] = {}
        """Parties that are as good as gone: when that is final, and why."""

    def fileno(self) -> int | None:
        """Readable when a process has ended; None where that cannot be had."""
        return None if self._watch is None else self._watch.fileno()

    def watch(self, number: int, pid: int) -> None:
        """Watch a party's process on this machine."""
        self._pids[number] = pid
        if self._watch is None:
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
        self.stopped.discard(number)
        self._pids.pop(number, None)
        for fd in [fd for fd, watched in self._pidfds.items() if watched == number]:
            del self._pidfds[fd]
            os.close(fd)  # which takes it out of the epoll set as well

    def suspect(self, number: int, grace_s: float, why: str = GONE) -> None:
        """A party seems to be gone: it is, unless somebody knows more within that time."""
        final = (time.monotonic() + grace_s, why)
        self.suspects[number] = min(final, self.suspects.get(number, final))

    def trust(self, number: int) -> None:
        """A party is not gone after all."""
        self.suspects.pop(number, None)

    def notice(self, supervised: Iterable[int]) -> None:
        """Look which processes have ended; the supervisor has a word to say about some."""
        if self._watch is None:
            return
        for fd, _ in self._watch.poll(0):
            number = self._pidfds.pop(fd)
            os.close(fd)
            self.suspect(number, GRACE_S if number in supervised else 0.0)

    def due(self) -> list[tuple[int, str]]:
        """The parties that are gone for sure now, and why."""
        for number, pid in self._pids.items() if self._watch is None else ():
            with contextlib.suppress(PermissionError):
                try:
                    os.kill(pid, 0)
                except ProcessLookupError:
                    self.suspect(number, 0.0)
        now = time.monotonic()
        return [(n, why) for n, (at, why) in self.suspects.items() if at <= now]

    def stops(self, busy: Iterable[int]) -> list[tuple[int, bool]]:
        """(party, whether it is stopped) of those whose process was stopped, or went on, since the last look.

        Looks at those that have work, and at those that were stopped.
        """
        changed = []
        for number in {*busy, *self.stopped}:
            stopped = _is_stopped(self._pids.get(number))
            if stopped != (number in self.stopped):
                changed.append((number, stopped))
                (self.stopped.add if stopped else self.stopped.discard)(number)
        return changed

    def next_ms(self) -> int | None:
        """Milliseconds until ``due`` may have something; None when nothing is to be expected without a signal."""
        if self.suspects:
            return max(0, int((min(self.suspects.values())[0] - time.monotonic()) * 1000) + 1)
        return None

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in self._pidfds:
            os.close(fd)
        self._pidfds.clear()
        if self._watch is not None:
            self._watch.close()


def _is_stopped(pid: int | None) -> bool:
    """Whether a process is stopped by a signal or a debugger; False where that cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")


def ending(code: int) -> str:
    """How a process ended, in words; a negative code is a signal."""
    if code >= 0:
        return f"it exited with code {code}"
    try:
        return f"it was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"it was killed by signal {-code}"
