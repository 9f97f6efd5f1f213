"""NumPy on pointers: operators, methods and functions, made from the tables of ``protocol.operations``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from farptr.protocol import operations as table
from farptr.protocol.body import INT_LIMIT
from farptr.protocol.errors import UnsupportedOperation, UsageError
from farptr.protocol.standard import SPECIAL
from farptr.protocol.values import LITERAL

if TYPE_CHECKING:
    from farptr.client.graph import Node
    from farptr.client.session import Session

_NOTHING: Mapping[str, Any] = {}


def pointers_among(values: Any) -> Iterator[NumpyFace]:
    """Every pointer among arguments, in lists and tuples too."""
    for value in values:
        if isinstance(value, NumpyFace):
            yield value
        elif type(value) in (list, tuple):
            yield from pointers_among(value)
        elif type(value) is slice:
            yield from pointers_among((value.start, value.stop, value.step))


def is_special(ufunc: Any) -> bool:
    """Whether a ufunc is one of scipy.special that workers have; SciPy is not imported for that."""
    theirs = sys.modules.get("scipy.special._ufuncs")
    return ufunc.__name__ in SPECIAL and getattr(theirs, ufunc.__name__, None) is ufunc


class NumpyFace:
    """What a pointer inherits to be used as an ndarray. Nothing here moves data."""

    __slots__ = ()
    __array_priority__ = 1000.0

    if TYPE_CHECKING:
        _session: Session

        def use(self) -> Node: ...
        @property
        def ndim(self) -> int: ...

    def __getitem__(self, index: Any) -> Any:
        return call("[]", (self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        change("=[]", (self, index, value))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        results = table.UFUNCS.get(name)
        if results is None and method == "__call__" and not kwargs and is_special(ufunc):
            return self._run(f"xp:special.{name}", inputs)
        if results is None:
            raise UnsupportedOperation(
                f"the ufunc {name} is not one that pointers have", hint="docs/semantics.md lists them"
            )
        out = _out(kwargs)
        if method == "at":
            change(f"={name}.at", inputs)
            return None
        operation = name if method == "__call__" else f"{name}.{method}"
        return call(operation, inputs, kwargs, results if method == "__call__" else 1, out=out)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if next(pointers_among((*args, *kwargs.values())), None) is None:
            kwargs = {**kwargs, "like": self}  # NumPy takes ``like=`` away from np.zeros and its kind before it asks
        return numpy_function(function, args, dict(kwargs), self._run)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)


def call(
    operation: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] = _NOTHING,
    count: int = 1,
    *,
    out: Sequence[Any] = (),
    as_tuple: bool = False,
) -> Any:
    """Run an operation where its pointers' data is: a pointer to the result there, or a tuple of pointers."""
    if out:
        change(operation, args, {**kwargs, "out": out[0] if len(out) == 1 else tuple(out)}, targets=out)
        return out[0] if len(out) == 1 else tuple(out)
    operands = [*pointers_among(args), *(pointers_among(kwargs.values()) if kwargs else ())]
    session = operands[0]._session
    with session.command() as core:
        nodes = core.call(operation, args, kwargs, _nodes(session, operands), count, _node_of)
        made = [_make(session, node) for node in nodes]
    session.settle_if_sync(made)
    return made[0] if count == 1 and not as_tuple else tuple(made)


def change(
    operation: str, args: Sequence[Any], kwargs: Mapping[str, Any] = _NOTHING, *, targets: Sequence[Any] = ()
) -> None:
    """Run an in-place operation on the first pointer."""
    operands = [*targets, *pointers_among(args)]
    session = operands[0]._session
    with session.command() as core:
        core.call(operation, args, kwargs, _nodes(session, operands), None, _node_of)
    session.settle_if_sync()


def _nodes(session: Session, operands: Sequence[NumpyFace]) -> list[Node]:
    if any(p._session is not session for p in operands):
        raise UsageError("the operands belong to different runs", hint="get() one of them and send it to the other run")
    return [p.use() for p in operands]


def _node_of(value: Any) -> Node | None:
    return value._node if isinstance(value, NumpyFace) else None  # type: ignore[attr-defined]


def _out(kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The targets of ``out=``, taken out of the arguments; they must be pointers."""
    out = kwargs.pop("out", None)
    if out is None:
        return ()
    targets = out if isinstance(out, tuple) else (out,)
    if not all(isinstance(t, NumpyFace) for t in targets):
        raise UnsupportedOperation(
            "out= must be a pointer here: the result is on a worker", hint="leave it out, and get() the result"
        )
    return targets


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
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(f".{name}", (self, *args), kwargs, out=_out(kwargs))

    return run


def _nonzero(self: Any) -> Any:
    return call(".nonzero", (self,), count=self.ndim, as_tuple=True)


def _in_place_method(name: str) -> Callable[..., Any]:
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        change(f"=.{name}", (self, *args), kwargs)

    return run


def _put(name: str, function: Any, about: str) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = about
    setattr(NumpyFace, name, function)


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
        _put(name, _method(name), f"ndarray.{name}, where the data is; returns a pointer.")
    _put("nonzero", _nonzero, "ndarray.nonzero, where the data is: one pointer for each dimension (asks for ndim).")
    for name in table.INPLACE_METHODS:
        _put(name, _in_place_method(name), f"ndarray.{name} in place, where the data is.")
    for name in table.ATTRIBUTES:
        about = f"ndarray.{name} where the data is: a pointer to a view there."
        setattr(NumpyFace, name, property(_unary(f".{name}"), doc=about))


_fill_the_face()


def made_by(make: Callable[[Session, Node], Any]) -> None:
    """Tell this module how pointers are made: it stands below theirs."""
    global _make
    _make = make


_make: Callable[[Session, Node], Any]

# ---------------------------------------------------------------- NumPy's functions

_names: dict[Any, str] = {}


def _function_names() -> dict[Any, str]:
    """NumPy's functions to their path below ``numpy``."""
    if not _names:
        import numpy as np

        for path in (*table.FUNCTIONS, "shape", "ndim", "size"):
            found: Any = np
            for part in path.split("."):
                found = getattr(found, part, None)
            if found is not None:
                _names.setdefault(found, path)
    return _names


def numpy_function(function: Any, args: Any, kwargs: dict[str, Any], run: Callable[..., Any] = call) -> Any:
    """Run ``function(*args, **kwargs)`` of NumPy where its pointers' data is; raises UnsupportedOperation.

    ``run`` is what carries it out: ``call``, or its like for several workers.
    """
    path = _function_names().get(function)
    if path is None:
        name = f"{getattr(function, '__module__', 'numpy')}.{getattr(function, '__name__', function)}"
        raise UnsupportedOperation(f"{name} is not among the functions that pointers have", hint="get() first")
    if path in ("shape", "ndim", "size"):
        return getattr(args[0], path)
    out = _out(kwargs)
    count = _count(path, args, kwargs)
    as_tuple = path in table.TUPLES or (path == "where" and len(args) == 1)
    result = run(f"np:{path}", args, kwargs, count, out=out, as_tuple=as_tuple)
    return bool(result) if path in table.VALUES else result


def _count(path: str, args: Any, kwargs: dict[str, Any]) -> int:
    if path == "nonzero" or (path == "where" and len(args) == 1) or (path == "gradient" and kwargs.get("axis") is None):
        return int(args[0].ndim)
    if path == "unstack":
        return int(args[0].shape[kwargs.get("axis", 0)])
    arity = table.ARITY.get(path, 1)
    return arity if isinstance(arity, int) else arity(args, kwargs)
