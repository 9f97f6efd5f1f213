"""Two journals, record by record: where they first differ."""

from __future__ import annotations

import itertools
import os
from typing import NamedTuple

from farptr.journal.reading import Reader
from farptr.journal.records import Record


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
    """Where two journals differ, None if nowhere; raises what ``Reader`` does."""
    before: list[Record] = []
    for number, (a, b) in enumerate(itertools.zip_longest(Reader(one), Reader(other)), 1):
        if a != b:
            return Difference(number, a, b, before)
        before = [*before[1 - KEPT :], a] if a is not None else before
    return None
