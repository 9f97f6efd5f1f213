"""Cutting the connection of a process to its broker from outside, as no protocol can: both ends live on."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import sys
from pathlib import Path

_PIDFD_GETFD = 438
"""Number of the system call, the same on all architectures of Linux."""


def can_cut(pid):
    """Whether this system lets us take hold of that process's sockets (Linux 5.6, same user, what Yama allows)."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return False
    process = os.pidfd_open(pid)
    try:
        with _taken(process, _sockets(pid)[0]):
            return True
    except PermissionError:
        return False
    finally:
        os.close(process)


def cut(pid, address):
    """Shut down that process's connections to this address (``ipc://…``); how many there were.

    Raises PermissionError where the system does not allow it; 0 when the process, or the connection, is gone.
    """
    path, count = address.removeprefix("ipc://"), 0
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0
    try:
        for fd in _sockets(pid):
            with _taken(process, fd) as connection:
                if connection is not None and _peer(connection) == path:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                        count += 1
    finally:
        os.close(process)
    return count


def _sockets(pid):
    found = []
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith("socket:"):
                    found.append(int(entry.name))
    return found


@contextlib.contextmanager
def _taken(process, fd):
    """A socket of another process, as one of ours; None when it is gone by now."""
    libc = ctypes.CDLL(None, use_errno=True)
    mine = libc.syscall(_PIDFD_GETFD, process, fd, 0)
    if mine < 0:
        if (error := ctypes.get_errno()) in (errno.EPERM, errno.ENOSYS):
            raise PermissionError(error, "pidfd_getfd")
        yield None
        return
    with socket.socket(fileno=mine) as connection:
        yield connection


def _peer(connection):
    try:
        return connection.getpeername()
    except OSError:
        return None
