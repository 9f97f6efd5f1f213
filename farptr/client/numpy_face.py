"""NumPy on pointers: operators, methods and protocols, made from the tables of ``protocol.operations``.

How an operation is issued is in ``calling``, NumPy's functions in ``numpy_functions``, what moves data in ``implicit``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from farptr.client import calling
from farptr.client.calling import Operand, call, change, pointers_among, targets_of
from farptr.client.declared import Declared
from farptr.client.numpy_functions import numpy_function
from farptr.protocol import numpy_refusals as refusals
from farptr.protocol import operations as table
from farptr.protocol.body import INT_LIMIT
from farptr.protocol.errors import UnsupportedOperation
from farptr.protocol.standard import SPECIAL
from farptr.protocol.values import LITERAL

if TYPE_CHECKING:
    from farptr.client.graph import Node
    from farptr.client.session import Session

    Root = Declared
else:
    Root = Operand

__all__ = ["NumpyFace", "call", "change", "made_by", "pointers_among"]


class NumpyFace(Root):
    """What a pointer inherits to be used as an ndarray. Nothing here moves data."""

    __slots__ = ()
    __array_priority__ = 1000.0

    def __getitem__(self, index: Any) -> Any:
        return call("[]", (self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        change("=[]", (self, index, value))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "at":
            change(f"={ufunc_name(ufunc, method)}.at", inputs)
            return None
        if method == "__call__" and not kwargs and _is_special(ufunc):
            return self._run(f"xp:special.{ufunc.__name__}", inputs)
        name = ufunc_name(ufunc, method)
        out = targets_of(kwargs)
        if method == "__call__":
            return call(name, inputs, kwargs, table.UFUNCS.get(name, 1), out=out)
        return call(f"{name}.{method}", inputs, kwargs, out=out)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_function(function, args, dict(kwargs), self)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    def _alter(self, operation: str, /, *args: Any, **kwargs: Any) -> None:
        change(operation, args, kwargs)


def ufunc_name(ufunc: Any, method: str) -> str:
    """The wire name of a ufunc; raises UnsupportedOperation for one that pointers do not have."""
    name: str = ufunc.__name__
    if name in table.UFUNCS and _is_numpys(ufunc, name):
        return name
    if name in table.UFUNC_FUNCTIONS and method == "__call__":
        return f"np:{table.UFUNC_FUNCTIONS[name]}"
    reason = refusals.UFUNCS.get(name)
    if reason is not None:
        raise UnsupportedOperation(f"the ufunc {name} {reason.why}", hint=reason.hint)
    raise UnsupportedOperation(f"the ufunc {name} is not one that pointers have", hint="docs/semantics.md lists them")


def _is_numpys(ufunc: Any, name: str) -> bool:
    """Whether it is NumPy's own, or SciPy's of the same name, which does the same; others may do anything."""
    homes = (sys.modules.get("numpy"), sys.modules.get("scipy.special"))
    return any(getattr(home, name, None) is ufunc for home in homes)


def _is_special(ufunc: Any) -> bool:
    """Whether a ufunc is one of scipy.special that workers have; SciPy is not imported for that."""
    theirs = sys.modules.get("scipy.special._ufuncs")
    return ufunc.__name__ in SPECIAL and getattr(theirs, ufunc.__name__, None) is ufunc


def made_by(how: Callable[[Session, Node], Any]) -> None:
    """Tell this module and ``calling`` how pointers are made: they stand below theirs."""
    global _make
    _make = calling.maker = how


_make: Callable[[Session, Node], Any]

# ---------------------------------------------------------------- operators and methods, from the tables


def _operator(name: str) -> Callable[[Any, Any], Any]:
    def run(self: Any, other: Any) -> Any:
        # The common case by the shortest way (``quick``): data that two handles own, or one and a number.
        node, kind = self._node, type(other)
        if self._owns and not node.fault:
            if kind is type(self):
                there = other._node
                simple = other._owns and not there.fault and there.worker == node.worker
                args: Any = (node.name, there.name) if simple and other._session is self._session else None
            else:
                there = node
                small = kind is float or (kind is int and -INT_LIMIT < other < INT_LIMIT) or kind is bool
                args = (node.name, (LITERAL, other)) if small else None
            if args is not None:
                session = self._session
                made = session.operate(name, args, node, there)
                if made is not None:
                    return _make(session, made)
        if getattr(kind, "__array_ufunc__", kind) is None:
            return NotImplemented  # NumPy's way to leave operators to the other's class
        return call(name, (self, other))

    return run


def _reflected(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: call(name, (other, self))


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def run(self: Any, other: Any) -> Any:
        change(f"={name}", (self, other))
        return self

    return run


def _two_results(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    return (lambda self, other: call(name, (self, other), count=2)), (
        lambda self, other: call(name, (other, self), count=2)
    )


def _unary(name: str) -> Callable[[Any], Any]:
    return lambda self: call(name, (self,))


def _method(name: str) -> Callable[..., Any]:
    operation, names = f".{name}", calling.parameters(getattr(Declared, name))

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        args = calling.without_out((self, *args), kwargs, names)
        return call(operation, args, kwargs, out=targets_of(kwargs))

    return run


def _nonzero(self: Any) -> Any:
    # Of no dimensions: as NumPy does it, old ones with one result, new ones with an error.
    return call(".nonzero", (self,), count=max(1, self.ndim), as_tuple=True)


def _in_place_method(name: str) -> Callable[..., Any]:
    operation = f"=.{name}"

    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        change(operation, (self, *args), kwargs)

    return run


def _setter(name: str) -> Callable[[Any, Any], None]:
    def run(self: Any, value: Any) -> None:
        change(f"=.{name}=", (self, value))

    return run


def _put(name: str, function: Any, about: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = about
    setattr(NumpyFace, name, function)


def _declared(name: str, function: Any) -> None:
    declared = getattr(Declared, name)
    _put(name, function, declared.__doc__)
    function.__wrapped__ = declared  # which inspect.signature and help follow


def _fill_the_face() -> None:
    for middle, name in table.OPERATORS.items():
        if name == "divmod":
            forward, backward = _two_results(name)
            _put("__divmod__", forward, "divmod, where the data is.")
            _put("__rdivmod__", backward, "divmod, where the data is.")
            continue
        _put(f"__{middle}__", _operator(name), f"numpy.{name}, where the data is.")
        _put(f"__r{middle}__", _reflected(name), f"numpy.{name}, where the data is.")
        _put(f"__i{middle}__", _in_place(name), f"numpy.{name} in place, where the data is.")
    for middle, name in table.COMPARISONS.items():
        _put(f"__{middle}__", _operator(name), f"numpy.{name} element by element: a pointer, never a truth value.")
    for middle, name in table.UNARY.items():
        _put(f"__{middle}__", _unary(name), f"numpy.{name}, where the data is.")
    for name in table.METHODS:
        _declared(name, _nonzero if name == "nonzero" else _method(name))
    for name in table.INPLACE_METHODS:
        _declared(name, _in_place_method(name))
    for name in table.ATTRIBUTES:
        about = f"ndarray.{name} where the data is: a pointer to a view there."
        setter = _setter(name) if name in table.ATTRIBUTES_SET else None
        setattr(NumpyFace, name, property(_unary(f".{name}"), setter, doc=about))


_fill_the_face()
