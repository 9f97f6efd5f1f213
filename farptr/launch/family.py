"""All the children of a supervisor: forked, watched for reports and exits, and ended together."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from farptr.launch.children import Child, fork
from farptr.launch.signals import Signals
from farptr.protocol.errors import StartFailed

_TERM_PATIENCE_S, _KILL_PATIENCE_S = 0.3, 2.0


class Family:
    """The living children, in the order in which they were forked.

    Args:
        selector: calls back ``key.data()`` when a child has reported something.
        signals: tells when one has exited.
        on_report: what to do with a child that has reported.
    """

    def __init__(self, selector: selectors.BaseSelector, signals: Signals, on_report: Callable[[Child], None]) -> None:
        self._selector = selector
        self._signals = signals
        self._on_report = on_report
        self._members: dict[int, Child] = {}

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._members.values()))

    def add(
        self, name: str, body: Callable[[], None], *, log: Path, keep: Collection[int], dies_with_parent: bool
    ) -> Child:
        """Fork a child, see ``children.fork``; raises StartFailed when there can be no further process."""
        try:
            child = fork(name, body, log=log, keep=keep, dies_with_parent=dies_with_parent)
        except OSError as error:
            raise StartFailed(f"cannot start a process for {name}: {error.strerror}") from error
        self._members[child.pid] = child
        self._selector.register(child.report_fd, selectors.EVENT_READ, lambda: self._take_report(child))
        return child

    def reap(self) -> Iterator[tuple[Child, int]]:
        """Each child that has exited since, with its exit code (negative: the signal), its report read.

        What it has started and left in its process group is killed: the group's number is its own until it is reaped.
        """
        while self._members:
            exited = _exited()
            if exited in self._members and self._members[exited].leads_group:
                with contextlib.suppress(OSError):
                    os.killpg(exited, signal.SIGKILL)
            pid, status = os.waitpid(exited, os.WNOHANG)
            if pid == 0:
                return
            child = self._members.pop(pid, None)
            if child is not None:
                child.exited = True
                self._take_report(child)
                self._close(child)
                yield child, os.waitstatus_to_exitcode(status)

    def end(self) -> None:
        """End all of them: SIGTERM, and SIGKILL for who is left after 0.3 s; returns when they are reaped.

        One that is stopped is told to go on, or it would not hear of it.
        """
        for number, patience_s in ((signal.SIGTERM, _TERM_PATIENCE_S), (signal.SIGKILL, _KILL_PATIENCE_S)):
            for child in self:
                child.signal(number)
                child.signal(signal.SIGCONT)
            self._await_exits(time.monotonic() + patience_s)

    def _await_exits(self, deadline_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals.fd, selectors.EVENT_READ)
            while True:
                self._signals.clear()  # before reaping, so that no exit falls in between
                for _ in self.reap():
                    pass
                left_s = deadline_s - time.monotonic()
                if not self._members or left_s <= 0:
                    return
                selector.select(left_s)

    def _take_report(self, child: Child) -> None:
        if child.report.ended:  # an event from before the end
            return
        had_error = child.error is not None
        child.read_report()
        if child.report.ended:
            self._selector.unregister(child.report_fd)
        if child.error is not None and not had_error:
            self._on_report(child)

    def _close(self, child: Child) -> None:
        child.report.ended = True
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.report_fd)
        os.close(child.report_fd)


def _exited() -> int:
    """The pid of a child that has exited and is not reaped; -1, anyone, where none has or the system cannot tell."""
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13
        return -1
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return -1 if found is None else found.si_pid
