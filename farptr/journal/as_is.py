"""Operations that give their operand back, or a view of it, under some arguments only: ``einsum`` and its like.

Law
    Where the arguments are not known, it is taken for such a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from farptr.protocol import values

AS_IS = " as is"
"""Behind an operation's name: nothing was computed."""
_SUBSCRIPTS = frozenset({"np:einsum", "torch.einsum", "torch.functional.einsum", "no_grad:torch.einsum"})
_TIMES = {
    "np:diff": ("n", 1, 0), "xp:diff": ("n", 1, 0), "np:polyder": ("m", 1, 0), "np:polyint": ("m", 1, 0),
    "np:linalg.matrix_power": ("n", None, 1), "xp:linalg.matrix_power": ("n", None, 1),
}  # fmt: skip
"""How often it is done: keyword, what it is by default, and with what nothing is done."""
OPERATIONS = _SUBSCRIPTS | _TIMES.keys()


def is_as_is(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> bool:
    """Whether a call on the wire computes nothing, or may not."""
    if operation in _SUBSCRIPTS:
        return len(args) <= 2 and not _sums(_literal(args[0]) if args else None)
    if operation not in _TIMES:
        return False
    keyword, usual, nothing = _TIMES[operation]
    wire = args[1] if len(args) > 1 else (kwargs or {}).get(keyword)
    times = usual if wire is None else _literal(wire)
    return type(times) is not int or times == nothing


def _sums(subscripts: Any) -> bool:
    if not isinstance(subscripts, str):
        return False
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    if arrow:
        return not set(given) <= set(result)
    return len(set(given) - {"."}) < len(given.replace(".", ""))


def _literal(wire: Any) -> Any:
    return wire[1] if type(wire) is tuple and len(wire) == 2 and wire[0] == values.LITERAL else None
