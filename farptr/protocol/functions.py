"""Functions that clients write: whether a worker runs them, and how they are called.

A call of one is a CALL whose operation is CALLED and a name to show. Its first argument is the function (its bytes, in
a frame of its own, or the digest of one that the worker keeps), the second a tuple of the pointers that it refers to.
"""

from __future__ import annotations

from typing import Any

from farptr.protocol.errors import UsageError

OFF = ""
ON = "on"
PRIVATE = "private"
"""On, and said twice: also where there is data that the worker loaded."""

CALLED = "fn:"
PICKLED = "farptr.pickled"
"""The name of the record that stands for an argument which is no plain value: ``code``, and ``captured``."""
KEPT = 256
"""Functions that a worker keeps for a client, to be called by their digests; client and worker both count."""
MAX_FUNCTION_BYTES = 256 << 20

Functions = bool | str
"""What callers say: False, True or ``"private"``."""


def is_call(operation: str) -> bool:
    """Whether a call's operation is a function."""
    return operation.startswith(CALLED)


def as_it_is(function: Any) -> Any:
    """The function itself: what ``fp.remote`` made is the function that it was made of, where it is unpickled."""
    return function


def name_of(operation: str) -> str:
    """The name of the function that an operation calls."""
    return operation.removeprefix(CALLED)


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
