"""Sizes as people write them."""

from __future__ import annotations

import pytest

from farptr.protocol.errors import UsageError
from farptr.protocol.sizes import size_bytes


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (1, 1),
        ("1", 1),
        ("512MB", 512_000_000),
        ("512 mb", 512_000_000),
        (" 2GiB ", 2 << 30),
        ("0.5 GB", 500_000_000),
        ("1TiB", 1 << 40),
        ("3kB", 3000),
        ("7B", 7),
    ],
)
def test_sizes(size, count):
    assert size_bytes(size) == count


@pytest.mark.parametrize("size", ["", "MB", "1 XB", "-1MB", 0, -5, "0", "1e6", True, None, "1,5MB", "0.1B"])
def test_no_sizes(size):
    with pytest.raises(UsageError, match="is no size"):
        size_bytes(size)
