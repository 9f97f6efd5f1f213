"""Memory that two processes of one host share: an anonymous file, open in nobody but them.

It has no name in any directory, so there is nothing to remove: the system frees it with the last process that has it.
Its sender makes it; the receiver opens it where the sender's process has it open (``/proc/<pid>/fd``), which the system
allows to processes of the same user. Sealed: nobody can make it shorter under who reads it.

    page 0    words, see ``slots``; only the receiver writes
    page 1    the token; only the sender writes, as everything that follows
    page 2…   data
"""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from farptr.protocol.apart import TOKEN_BYTES, Offer
from farptr.transport.slots import WORDS

PAGE_BYTES = 4096
DATA_AT = 2 * PAGE_BYTES
_NAME = "farptr"
_LINK = f"/memfd:{_NAME}"
_POPULATE_READ = 22  # MADV_POPULATE_READ, Linux 5.14

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def supported() -> bool:
    """Whether this system has what is needed (Linux)."""
    return hasattr(os, "memfd_create") and hasattr(fcntl, "F_ADD_SEALS") and mmap.PAGESIZE == PAGE_BYTES


class Made:
    """The sender's side. Raises OSError when the system has no more of something."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.token = os.urandom(TOKEN_BYTES)
        self.descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        weakref.finalize(self, _close, os.getpid(), self.descriptor).atexit = False
        os.ftruncate(self.descriptor, DATA_AT + size_bytes)
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)
        self._map = mmap.mmap(self.descriptor, DATA_AT + size_bytes)
        self._map[PAGE_BYTES : PAGE_BYTES + TOKEN_BYTES] = self.token
        self.words = _words(self._map)
        self._data: Bytes = np.frombuffer(self._map, np.uint8, offset=DATA_AT)

    def offer(self, channel: int) -> Offer:
        """What tells the receiver where this is."""
        inode = os.fstat(self.descriptor).st_ino
        return Offer(channel, os.getpid(), self.descriptor, inode, self.size_bytes, self.token)

    def commit(self, offset: int, size_bytes: int) -> None:
        """Have memory behind these bytes; raises OSError when there is none, where writing would end the process."""
        os.posix_fallocate(self.descriptor, DATA_AT + offset, size_bytes)

    def write(self, offset: int, buffers: Iterable[Any]) -> None:
        """Copy buffers in, one behind another."""
        for buffer in buffers:
            part = np.frombuffer(buffer, np.uint8)
            self._data[offset : offset + part.size] = part
            offset += part.size

    def discard(self, size_bytes: int) -> None:
        """Give the memory of the first bytes back to the system."""
        self._map.madvise(mmap.MADV_REMOVE, DATA_AT, size_bytes)


class Attached:
    """The receiver's side; made by ``attach``."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self.words = _words(mmap.mmap(descriptor, PAGE_BYTES))
        self._map = mmap.mmap(descriptor, DATA_AT + size_bytes, prot=mmap.PROT_READ)
        self._data: Bytes = np.frombuffer(self._map, np.uint8, offset=DATA_AT)
        self._known_bytes = 0

    def token(self) -> bytes:
        """What stands where the token belongs."""
        return self._map[PAGE_BYTES : PAGE_BYTES + TOKEN_BYTES]

    def part(self, offset: int, size_bytes: int) -> Bytes:
        """Some bytes, which are there; not to be written."""
        return self._data[offset : offset + size_bytes]


def attach(offer: Offer) -> Attached | None:
    """The memory that was offered; None when it cannot be reached from here, or is something else."""
    path = f"/proc/{offer.pid}/fd/{offer.descriptor}"
    try:
        if not str(Path(path).readlink()).startswith(_LINK):  # opening something else could have effects
            return None
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not _is_offered(descriptor, offer):
            return None
        found = Attached(descriptor, offer.size_bytes)
        return found if found.token() == offer.token else None
    except (OSError, ValueError, OverflowError):
        return None
    finally:
        os.close(descriptor)


_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL if supported() else 0


def _is_offered(descriptor: int, offer: Offer) -> bool:
    found = os.fstat(descriptor)
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_uid == os.geteuid()
        and found.st_ino == offer.inode
        and found.st_size == DATA_AT + offer.size_bytes
        and fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    )


def _words(memory: mmap.mmap) -> memoryview:
    return memoryview(memory)[: 8 * WORDS].cast("Q")


def _close(owner: int, descriptor: int) -> None:
    if os.getpid() == owner:
        os.close(descriptor)
