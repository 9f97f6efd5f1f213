"""One call for several workers: which operand of which worker meets which, and what the results make together.

Law
    What does not match (``matching``) is refused before anything is issued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from farptr.client.calling import pointers_among
from farptr.client.matching import beside_one, matched
from farptr.client.operands import common_path
from farptr.client.pointer import Pointer
from farptr.protocol.errors import UsageError

if TYPE_CHECKING:
    from farptr.client.multi import MultiPointer

Make = Callable[[Iterable[Pointer]], "MultiPointer"]


class Spread:
    """The operands of one call, matched."""

    def __init__(self, arguments: Iterable[Any], make: Make) -> None:
        operands: dict[int, Any] = {id(p): p for p in pointers_among(arguments)}
        self._make = make
        self._several: list[MultiPointer] = [p for p in operands.values() if not isinstance(p, Pointer)]
        first = self._several[0]
        if any(p._session is not first._session for p in operands.values()):
            raise UsageError("the operands belong to different runs", hint="get() one of them and send it to the other")
        if len(self._several) < len(operands):
            raise beside_one(first)
        self._session = first._session
        self._columns = [matched(first, several) for several in self._several]
        """Each MultiPointer's pointers, in the order of the first one's workers."""
        self._check()

    def _check(self) -> None:
        """Nothing that is known here speaks against any of the calls."""
        with self._session.command() as core:
            for row in zip(*self._columns, strict=True):
                nodes = [p.use() for p in row]
                core.parties.check_alive(common_path(nodes, core.parties) or (nodes[0].worker,))

    def run(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the function once for each worker, with that worker's pointers; the results as MultiPointers."""
        results: list[Any] = []
        try:
            for row in zip(*self._columns, strict=True):
                chosen = {id(several): pointer for several, pointer in zip(self._several, row, strict=True)}
                results.append(self._call(function, args, kwargs, chosen))
        except BaseException:
            results.clear()  # the traceback would keep them
            raise
        return self._joined(results)

    def _call(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        chosen: Mapping[int, Pointer],
    ) -> Any:
        with self._session.command():  # so that the commands have the caller's line, whatever way they take
            return function(
                *[_picked(value, chosen) for value in args],
                **{name: _picked(value, chosen) for name, value in kwargs.items()},
            )

    def _joined(self, results: Sequence[Any]) -> Any:
        first = results[0]
        if isinstance(first, tuple):
            parts = [self._joined(parts) for parts in zip(*results, strict=True)]
            return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
        if not isinstance(first, Pointer):
            return first  # what changes in place gives nothing
        for several, column in zip(self._several, self._columns, strict=True):
            if all(one is other for one, other in zip(results, column, strict=True)):
                return several  # an operand itself: ``+=`` and ``out=``
        return self._make(results)


def _picked(value: Any, chosen: Mapping[int, Pointer]) -> Any:
    """The argument for one worker."""
    kind = type(value)
    if kind is list or kind is tuple:
        return kind([_picked(part, chosen) for part in value])
    if kind is slice:
        return slice(*[_picked(part, chosen) for part in (value.start, value.stop, value.step)])
    return chosen.get(id(value), value)
