"""Which line of the caller's program issued a command, for the message when it fails."""

from __future__ import annotations

import sys
from types import CodeType

LINES = 1 << 16
"""Commands whose source line is remembered."""
_OWN = "farptr."

Spot = tuple[CodeType, int]
"""(code, instruction): its line number is looked up if anybody asks."""


class Lines:
    """The newest commands' lines."""

    def __init__(self) -> None:
        self.ring: list[Spot | None] = [None] * LINES
        """By command number modulo LINES; the operators' short path writes here itself."""

    def remember(self, first: int, last: int) -> None:
        """The commands after ``first``, up to ``last``, were issued by whoever called the caller's caller."""
        spot = _calling_spot()
        for number in range(first + 1, last + 1):
            self.ring[number % LINES] = spot

    def line(self, number: int, newest: int) -> str:
        """``file:line`` of a command, empty when it is not known; ``newest`` is the number of the newest."""
        if number <= newest - LINES or number > newest:
            return ""
        found = self.ring[number % LINES]
        if found is None:
            return ""
        code, at = found
        lines = [line for start, end, line in code.co_lines() if start <= at < end and line is not None]
        return f"{code.co_filename}:{lines[-1] if lines else code.co_firstlineno}"


def _calling_spot() -> Spot | None:
    """Where the innermost frame is that is not farptr's own."""
    frame = sys._getframe(3)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith(_OWN):
            return frame.f_code, frame.f_lasti
        frame = frame.f_back  # type: ignore[assignment]
    return None


def calling_line() -> str:
    """``file:line`` of the innermost frame that is neither farptr's nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("farptr", "numpy", "contextlib"):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"
