"""Which signals came while somebody else handled them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def noted() -> Iterator[set[int]]:
    """The numbers of the signals that arrive within the block: complete once the block is left.

    Roles end in good order on SIGINT, and return; an exit code must still tell it from another end.
    """
    numbers: set[int] = set()
    read_fd, write_fd = os.pipe()
    for fd in (read_fd, write_fd):
        os.set_blocking(fd, False)
    before = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    try:
        yield numbers
    finally:
        signal.set_wakeup_fd(before)
        with contextlib.suppress(BlockingIOError):
            numbers.update(os.read(read_fd, 4096))
        for fd in (read_fd, write_fd):
            os.close(fd)


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """Within the block Ctrl-C does nothing: what runs ends something, and takes seconds at most."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
