"""Two journals, record by record: where they first differ."""

from __future__ import annotations

import itertools
import os
from typing import NamedTuple

from farptr.journal.reading import Reader
from farptr.journal.records import Record
from farptr.protocol.errors import JournalError


class Difference(NamedTuple):
    """The first place where two journals differ; None stands for a journal that has ended."""

    number: int
    """Of the record, counted from 1."""
    one: Record | None
    other: Record | None
    before: list[Record]
    """The last records that both have."""


KEPT = 5


def first_difference(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> Difference | None:
    """Where two journals differ, None if nowhere; raises what ``Reader`` does.

    JournalError for one that is alike as far as it goes, and was cut off there: nobody knows what came after that.
    """
    before: list[Record] = []
    readers = Reader(one), Reader(other)
    for number, (a, b) in enumerate(itertools.zip_longest(*readers), 1):
        if a is None or b is None:
            _check_whole(readers[a is not None])
        if a != b:
            return Difference(number, a, b, before)
        before = [*before[1 - KEPT :], a] if a is not None else before
    for reader in readers:
        _check_whole(reader)
    return None


def _check_whole(reader: Reader) -> None:
    if reader.cut:
        raise JournalError(
            f"{reader.path} cannot be compared: {reader.cut}",
            hint="its disk needs room for both journals; `farptr run --journal DIR` writes them elsewhere",
        )
