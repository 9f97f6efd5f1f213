"""Sizes in bytes as people write them."""

from __future__ import annotations

import re

from farptr.protocol.errors import UsageError

UNITS_BYTES = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def size_bytes(size: int | str) -> int:
    """A number of bytes from ``512MB``, ``2GiB``, ``0.5 GB`` or a plain number; raises UsageError for anything else."""
    found = None if isinstance(size, bool) else _SIZE.fullmatch(str(size).strip())
    unit = UNITS_BYTES.get(found[2].upper()) if found else None
    count = 0 if found is None or unit is None else int(float(found[1]) * unit)
    if count <= 0:
        raise UsageError(f"{size!r} is no size", hint="a number of bytes, or as in 512MB, 2GiB")
    return count
