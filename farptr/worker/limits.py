"""A bound on the memory of a worker's process.

Laws
    1. What the process has when it has registered stays outside the count: Python, the libraries, its own data. An
       allocation beyond the bound fails by MemoryError, and is the failure of the command that asked for it.
    2. The bound holds while commands are worked on. What arrives in between is received, whatever its size, and refused
       when it is to be stored: ZeroMQ gives up a connection for which it has no memory, and all that is on its way.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

import numpy as np

from farptr.protocol.errors import UnsupportedPlatform

_WARM_SIDE = 128
"""Matrices of this side make BLAS start its threads and map the buffers that it then keeps."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_FROM_BYTES = 1 << 17


def prepare() -> None:
    """Make this process one whose memory can be bounded; raises UnsupportedPlatform. Before it starts threads."""
    if not sys.platform.startswith("linux"):
        raise UnsupportedPlatform(f"a memory limit needs Linux, and this is {sys.platform}", hint="leave it out")
    # glibc keeps what was freed for later, unless blocks are mapped one by one; what is kept would count as in use. And
    # it reserves much for each thread, unless all share one arena.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES)
        mallopt(_M_ARENA_MAX, 1)
    # OpenBLAS ends the process when it cannot map its buffers, instead of failing.
    square = np.eye(_WARM_SIDE)
    np.matmul(square, square)


class Memory:
    """The bound: what this process has mapped now, and so many bytes more. ``with memory:`` around work."""

    def __init__(self, further_bytes: int) -> None:
        self._soft, self._hard = resource.getrlimit(resource.RLIMIT_AS)
        self.bound_bytes = mapped_bytes() + further_bytes
        if self._soft != resource.RLIM_INFINITY:
            self.bound_bytes = min(self.bound_bytes, self._soft)
        self.further_bytes = further_bytes

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (self.bound_bytes, self._hard))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (self._soft, self._hard))

    def admit(self, size_bytes: int) -> None:
        """Whether an array that has come can stay; raises MemoryError when the process is over the bound with it."""
        if mapped_bytes() > self.bound_bytes:
            raise MemoryError(f"no room for {size_bytes} bytes: the limit is {self.further_bytes} in all")


def mapped_bytes() -> int:
    """The address space that this process has mapped."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
