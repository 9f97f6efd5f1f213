"""What the program at the prompt calls its objects: variables of ``__main__``, a notebook's outputs, items of lists."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

_HISTORY = re.compile(r"_+|_i*\d*|_oh|_dh|_ih")
"""IPython's other names for what ``Out`` has."""


def names_of(kind: type | tuple[type, ...]) -> dict[int, list[str]]:
    """By ``id()``, the names of the objects of that kind that ``__main__`` has or holds. Calls no method of them."""
    found: dict[int, list[str]] = {}
    variables = sorted(vars(sys.modules["__main__"]).items(), key=lambda item: item[0] == "Out")
    for name, value in variables:
        for text, one in _named(name, value):
            if isinstance(one, kind):
                found.setdefault(id(one), []).append(text)
    return found


def _named(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if name == "Out" and isinstance(value, dict):
        yield from ((f"Out[{n}]", out) for n, out in list(value.items()))
    elif _HISTORY.fullmatch(name):
        return
    elif isinstance(value, list | tuple):
        yield from ((f"{name}[…]", one) for one in {id(one): one for one in value}.values())
    else:
        yield name, value
