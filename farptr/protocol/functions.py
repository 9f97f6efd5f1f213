"""Whether a worker runs functions that clients write: off, on, or on although it has loaded data of its own."""

from __future__ import annotations

from farptr.protocol.errors import UsageError

OFF = ""
ON = "on"
PRIVATE = "private"
"""On, and said twice: also where there is data that the worker loaded."""

Functions = bool | str
"""What callers say: False, True or ``"private"``."""


def checked(functions: Functions) -> str:
    """OFF, ON or PRIVATE for what a caller said; raises UsageError."""
    if functions is True or functions is False:
        return ON if functions else OFF
    if functions in (OFF, ON, PRIVATE):
        return functions
    raise UsageError(
        f"functions={functions!r} says nothing",
        hint="True turns functions on; 'private' does so on workers that loaded data, too",
    )
