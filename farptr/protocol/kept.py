"""What the other side may not have yet: kept until it says that it has it, and sent again after a cut.

Laws
    1. Envelopes are numbered from 1, in the order in which they were kept; those that are kept are the newest.
    2. Nothing is forgotten before the other side has it, and nothing is asked for that it had.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from farptr.protocol.errors import ProtocolError

T = TypeVar("T")


class Kept(Generic[T]):
    """One direction of one connection."""

    __slots__ = ("_waiting", "sent")

    def __init__(self) -> None:
        self.sent = 0
        """Number of the newest."""
        self._waiting: deque[T] = deque()

    def add(self, envelope: T) -> None:
        """One more is about to be sent."""
        self.sent += 1
        self._waiting.append(envelope)

    def forget_up_to(self, number: int) -> None:
        """The other side has them up to this one. Raises ProtocolError when there never was one of that number."""
        waiting = self._waiting
        if number > self.sent:
            raise ProtocolError(f"{number} envelopes are said to have come, and {self.sent} were sent")
        while waiting and self.sent - len(waiting) < number:
            waiting.popleft()

    def after(self, number: int) -> list[T]:
        """Those that come after this one, to be sent again. Raises ProtocolError when that is not known."""
        if number < self.sent - len(self._waiting):
            raise ProtocolError(f"envelopes after {number} are wanted, which were said to have come")
        self.forget_up_to(number)
        return list(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def check(self) -> None:
        """Assert what one look can see."""
        assert len(self._waiting) <= self.sent, "more is kept than was sent"
