"""Memory of messages, used again: for processes that hand on large arrays, or take them in."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 32 << 20
_MAP_FROM_BYTES = 4 << 20
"""Arrays of this size and above are given back to the system at once, as ever."""


def recycle() -> None:
    """Have the allocator keep some MiB that were freed. Where it is not glibc's, nothing happens.

    By default it gives each message's memory back to the system and asks for it again, page by page: half of what
    passing an array in parts costs.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAP_FROM_BYTES)
