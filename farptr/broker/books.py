"""Bookkeeping that no delivery waits for: noted while an envelope is stepped, done while it travels.

Law
    Nothing is looked up in the rows or the traffic while something stands here: ``catch_up`` comes before the next
    step.
"""

from __future__ import annotations

from collections.abc import Container

from farptr.broker.rows import Rows
from farptr.broker.settling import Free
from farptr.broker.traffic import Traffic
from farptr.protocol.header import Ones, References


class Books:
    """What is to be booked."""

    def __init__(self, rows: Rows, traffic: Traffic) -> None:
        self._rows, self._traffic = rows, traffic
        self.passed: list[tuple[int, int, str, int, int, int]] = []
        """What was delivered."""
        self.created: list[tuple[References, int]] = []
        """References that were made, with their holder."""
        self.freed: list[Ones | tuple[Free, ...]] = []
        """What workers have finished freeing."""

    def catch_up(self, owners: Container[int]) -> None:
        """Book it; ``owners`` are the live workers."""
        if self.created:
            for created, holder in self.created:
                self._rows.create(created, holder, owners)
            self.created.clear()
        if self.passed:
            for passed in self.passed:
                self._traffic.count(*passed)
            self.passed.clear()
        if self.freed:
            for freed in self.freed:
                if isinstance(freed, Ones):
                    self._rows.freed_ones(freed)
                else:
                    for name, exports in freed:
                        self._rows.freed(name, exports)
            self.freed.clear()
