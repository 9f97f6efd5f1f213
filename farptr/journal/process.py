"""The process that writes a journal: forked by the broker and fed through a ring, so that the broker need not wait.

Laws
    It ends when the broker's end of the socket is closed, however that came about, after it has written all that the
    ring then holds; when it has been asked to close, at once. It heeds no signal that is meant for the run.
    While it writes, the journal's directory is locked (``folder.wait_written``): until it ends, or has trouble.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

from farptr.journal.recorder import Recorder
from farptr.journal.ring import Ring

TICK_S, PARKED_S = 0.02, 0.5
QUIET_TICKS = 25
AT_ONCE = 256
"""Items that are recorded in one write."""
NICE = 10
"""Where all cores are busy, the run goes first, and the ring fills."""
_HIGHEST_FD = 1 << 14
_NAME = b"farptr:journal"


def fork(ring: Ring, recorder: Recorder) -> tuple[int, socket.socket]:
    """(pid of the writing process, this process's end of its socket). Raises OSError when there can be none.

    From the socket come JSON lines: what the recorder says of itself, when that was asked or when it has stopped.
    A byte that is sent wakes it.
    """
    mine, its = socket.socketpair()
    lock = os.open(recorder.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the child has it with us, and then alone
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                _live(ring, recorder, its, lock)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except OSError:
        mine.close()
        raise
    finally:
        its.close()
        os.close(lock)
    mine.setblocking(False)
    return pid, mine


def _live(ring: Ring, recorder: Recorder, its: socket.socket, lock: int) -> NoReturn:
    code = 1
    try:
        _settle_in({its.fileno(), lock, recorder.fileno()})
        Writing(ring, recorder, its, lock).run()
        code = 0
    except BaseException:  # whatever it is, it must not unwind into the broker's stack
        with contextlib.suppress(Exception):
            traceback.print_exc()
    finally:
        os._exit(code)


def _settle_in(keep: set[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):  # it ends with the broker, not before
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    low = 3
    for fd in sorted(keep):  # one of the broker's left open would keep a connection from ending
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, max(low, _HIGHEST_FD))
    os.nice(NICE)
    gc.freeze()
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(15, _NAME, 0, 0, 0)


class Writing:
    """The loop of the writing process."""

    def __init__(self, ring: Ring, recorder: Recorder, its: socket.socket, lock: int) -> None:
        self._ring, self._recorder, self._socket = ring, recorder, its
        self._lock = lock
        self._told = ""
        self._orphaned = False

    def run(self) -> None:
        """Until the last word, or until the broker is gone and the ring is empty."""
        quiet = 0
        while not self._recorder.closed:
            if self._record():
                quiet = 0
                if self._ring.waiting_bytes > self._ring.most_bytes // 8:
                    continue
            elif self._orphaned:
                break
            quiet += 1
            self._sleep(parked=quiet > QUIET_TICKS)
        self._recorder.leave()

    def _record(self) -> bool:
        items = self._ring.take(AT_ONCE)
        if not items:
            return False
        asked = self._recorder.take(items)
        self._ring.give_back()
        if self._recorder.trouble and self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if asked or (self._recorder.trouble and not self._told):
            self._told = self._recorder.trouble
            self._tell({**self._recorder.state(), "asked": asked})
        return True

    def _tell(self, state: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the broker is gone
            self._socket.sendall(json.dumps(state).encode() + b"\n")

    def _sleep(self, *, parked: bool) -> None:
        if parked:
            self._ring.parked = True
            if self._ring.waiting_bytes:
                self._ring.parked = False
                return
        # What is put just before we sleep may not have seen that: it is found when the time is over.
        ready, _, _ = select.select([self._socket], [], [], PARKED_S if parked else TICK_S)
        self._ring.parked = False
        if ready:
            try:
                self._orphaned = not self._socket.recv(4096)
            except OSError:
                self._orphaned = True
