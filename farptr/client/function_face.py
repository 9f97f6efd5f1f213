"""What a pointer inherits to have functions run on its data, and to be taken apart where that is no array."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from farptr.client.calling import call
from farptr.protocol import values
from farptr.protocol.plain import STRUCTURE
from farptr.protocol.records import DICT


class FunctionFace:
    """``p.apply(f)`` and ``p.unpack()``."""

    __slots__ = ()

    if TYPE_CHECKING:

        def _ask(self, question: str) -> Any: ...

    def apply(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run ``function(value, *args, **kwargs)`` where the data is; a pointer to what it returns (``Worker.run``)."""
        from farptr.client.functions import run

        return run(None, function, (self, *args), kwargs)

    def unpack(self) -> Any:
        """The lists, tuples and dicts that this leads to, with a pointer for each thing in them. Waits for their shape.

        A dataclass is a dict of its fields. Of anything else: this pointer itself. Only keys of dicts move.
        """
        return _unpacked(self, self._ask(STRUCTURE))


def _unpacked(pointer: Any, structure: Any) -> Any:
    if structure is None:
        return pointer
    tag, keys, parts = structure
    places = keys if tag == DICT else range(keys)
    found = [_unpacked(call("[]", (pointer, place)), part) for place, part in zip(places, parts, strict=True)]
    return dict(zip(keys, found, strict=True)) if tag == DICT else tuple(found) if tag == values.TUPLE else found
