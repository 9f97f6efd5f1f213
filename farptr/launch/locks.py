"""Lock files that can be removed safely: the lock of a run is held for as long as a process of it lives.

flock belongs to the open file, so a forked child that keeps the descriptor keeps the lock, and the kernel lets
go of it when the last holder dies, however that happens.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_PROBE_PATIENCE_S = 0.1


def acquire(path: Path, *, patience_s: float = _PROBE_PATIENCE_S) -> int | None:
    """Descriptor that holds the lock at ``path`` (made if missing), or None when another process holds it.

    Waits up to ``patience_s`` seconds, because somebody who only looks (``is_held``) has it for an instant.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if not _flock(fd, shared=False):
            os.close(fd)
            if time.monotonic() >= deadline_s:
                return None
            time.sleep(0.005)
        elif is_at(fd, path):
            return fd
        else:  # the holder before us removed the file between our open and our lock
            os.close(fd)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock; makes nothing. True also for the process that asks."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not _flock(fd, shared=True)  # shared: two that look at once must not see each other
    finally:
        os.close(fd)


def is_at(fd: int, path: Path) -> bool:
    """Whether the file behind ``fd`` is still the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def discard(fd: int, path: Path) -> None:
    """Remove the lock file, if it is still ours, and let go of it. Only for who holds the lock."""
    if is_at(fd, path):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    os.close(fd)


def _flock(fd: int, *, shared: bool) -> bool:
    import fcntl  # late: this module can then be imported where there is no fcntl, for the one clear error

    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
