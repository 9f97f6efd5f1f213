"""Pointers of another face than this package's own, where functions, ``fp.gather`` and their like are given them.

Such a class has ``__farptr__``, a method that gives the pointer proper, and ``__farptr_made__``, which makes of one
what the face has in its place. Where ``get`` uses one up it has ``__farptr_came__``, too: what that face makes of what
came. Both are static.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def bare(value: Any) -> Any:
    """An argument with pointers proper in place of those of other faces, in lists, tuples and dicts too."""
    kind = type(value)
    if kind is list or kind is tuple:
        return kind([bare(part) for part in value])
    if kind is dict:
        return {key: bare(part) for key, part in value.items()}
    give = getattr(kind, "__farptr__", None)
    return value if give is None else give(value)


def dressed(pointer: Any, arguments: Any) -> Any:
    """A result as the face has it that is among the arguments; the pointer itself where there is none."""
    face = next(_faces_in(arguments), None)
    return pointer if face is None else face.__farptr_made__(pointer)


def _faces_in(value: Any) -> Iterator[Any]:
    kind = type(value)
    if kind is list or kind is tuple:
        for part in value:
            yield from _faces_in(part)
    elif kind is dict:
        yield from _faces_in(list(value.values()))
    elif hasattr(kind, "__farptr__"):
        yield kind


def can_come(value: Any) -> bool:
    """Whether it is a pointer of another face that ``get`` uses up."""
    return hasattr(type(value), "__farptr_came__")


def came(pointer: Any, found: Any) -> Any:
    """What came for a pointer, as its face has it."""
    return type(pointer).__farptr_came__(found) if can_come(pointer) else found
