"""Forking a process of the run, and everything that the child does before its own work starts."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from farptr.launch import signals
from farptr.launch.channel import LineReader
from farptr.launch.requests import Request
from farptr.launch.spec import encode, error_to_json

_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
# Far above any descriptor that a supervisor has; closing is by range, so the figure costs nothing on Linux.
_HIGHEST_FD = 1 << 14
_libc = ctypes.CDLL(None) if _LINUX else None


@dataclass(eq=False)
class Child:
    """A child process as its supervisor sees it."""

    name: str
    pid: int
    report: LineReader
    report_fd: int
    deadline_s: float = float("inf")
    """When it must have joined, by the monotonic clock."""
    joined: bool = False
    error: dict[str, Any] | None = None
    """What it reported, if anything."""
    given_up: bool = False
    """Whether its failure to start has been told already."""
    exited: bool = False
    request: Request | None = None
    """Who asked for it, if it was added to a run that was up."""
    leads_group: bool = False
    """Whether it leads a process group: what it starts is in that, unless it says otherwise."""
    again: bool = False
    """Whether it takes the place of one that is gone."""

    def read_report(self) -> None:
        """Take in what the child has reported so far; the first error counts."""
        for line in self.report.read():
            if self.error is None and isinstance(line.get("error"), dict):
                self.error = line["error"]

    def signal(self, number: int) -> None:
        """Send a signal, unless the child has been reaped: until then nobody else can have its pid."""
        if not self.exited:
            with contextlib.suppress(OSError):
                os.kill(self.pid, number)


def fork(name: str, body: Callable[[], None], *, log: Path, keep: Collection[int], dies_with_parent: bool) -> Child:
    """Fork a child that runs ``body`` and exits: 0 when it returns, 1 when it raises, after reporting the error.

    Args:
        name: for messages and for process listings.
        body: the child's work; it never returns into the caller's stack.
        log: file that its output is appended to.
        keep: descriptors that stay open in the child; all others from 3 up are closed.
        dies_with_parent: have the kernel kill the child when this process dies (Linux only); it leads a group then.

    Raises OSError when there can be no further process.
    """
    parent = os.getpid()
    report_fd, write_fd = os.pipe()
    try:
        with signals.blocked():
            pid = os.fork()
            if pid == 0:
                _live(name, body, log, {*keep, write_fd}, parent if dies_with_parent else 0, write_fd)
    except OSError:
        os.close(report_fd)
        raise
    finally:
        os.close(write_fd)
    os.set_blocking(report_fd, False)
    if dies_with_parent:
        with contextlib.suppress(OSError):  # the child does so too: whoever comes first
            os.setpgid(pid, pid)
    return Child(name, pid, LineReader(report_fd), report_fd, leads_group=dies_with_parent)


def _live(name: str, body: Callable[[], None], log: Path, keep: set[int], parent: int, report_fd: int) -> NoReturn:
    code = 1
    try:
        _settle_in(name, log, keep, parent)
        body()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as error:  # whatever it is, it must not unwind into the parent's stack
        with contextlib.suppress(Exception):
            traceback.print_exc()  # first: who reads the report may quote the log
        os.write(report_fd, encode({"error": error_to_json(error)}))
    finally:
        _leave(code)


def _settle_in(name: str, log: Path, keep: set[int], parent: int) -> None:
    if parent:
        _die_with(parent)
        os.setpgid(0, 0)
    signals.reset_in_child()
    _redirect(log)
    _close_others(keep)
    faulthandler.enable()
    _reseed()
    gc.enable()
    if _libc is not None:
        _libc.prctl(_PR_SET_NAME, f"farptr:{name}"[:15].encode(), 0, 0, 0)


def _die_with(parent: int) -> None:
    # The signal is for the death of the forking *thread*; a supervisor has one only.
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _redirect(log: Path) -> None:
    null_fd = os.open(os.devnull, os.O_RDONLY)
    log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((null_fd, 0), (log_fd, 1), (log_fd, 2)):
        os.dup2(source, target)
    sys.stdin = sys.__stdin__ = open(0, closefd=False, encoding="utf-8")  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = _unbuffered(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _unbuffered(2)  # type: ignore[misc]


def _unbuffered(fd: int) -> io.TextIOWrapper:
    """As under ``python -u``: a line that was printed is in the log, even if the process is killed next."""
    raw: Any = io.FileIO(fd, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def _close_others(keep: set[int]) -> None:
    """Close the descriptors that belong to the supervisor: one left open would keep a pipe from ending.

    Their Python objects live on in the parent's frames, which are never unwound here, so nothing closes them twice.
    """
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, max(low, _HIGHEST_FD))


def _reseed() -> None:
    """Give the child random numbers of its own; forked siblings would all draw the same masks and noise.

    The ``random`` module does this by itself.
    """
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _leave(code: int) -> NoReturn:
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)
