"""NumPy's functions on pointers: which of them runs where, from the tables of ``protocol``.

A function runs where the data is (``_far``), changes a pointer's data there (``_in_place``), needs shape and dtype
alone and runs here (``_about``), needs the values (``_fetching``), or is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from farptr.client import implicit
from farptr.client.calling import Operand, parameters, pointers_among, targets_of, without_out
from farptr.protocol import numpy_refusals as refusals
from farptr.protocol import numpy_results as results
from farptr.protocol import operations as table
from farptr.protocol.errors import ImplicitFetch, UnsupportedOperation

Handler = Callable[[Any, Any, dict[str, Any], Any], Any]
"""(NumPy's function, args, kwargs, the pointer that NumPy asks)."""


def numpy_function(function: Any, args: Any, kwargs: dict[str, Any], asked: Any) -> Any:
    """``function(*args, **kwargs)`` of NumPy, for a pointer (or several as one) among its arguments.

    Raises UnsupportedOperation with the reason, ImplicitFetch where the values would have to come here.
    """
    handler = _all().get(function) or _refusal(function)
    return handler(function, args, kwargs, asked)


_handlers: dict[Any, Handler] = {}


def _all() -> dict[Any, Handler]:
    """NumPy's functions to what is done with them; made when the first is called."""
    if not _handlers:
        found: dict[Any, Handler] = {}
        rows = (
            (table.FUNCTIONS, _far),
            (table.IN_PLACE_FUNCTIONS, _in_place),
            (table.ABOUT, _about),
            (refusals.FETCHING, _fetching),
        )
        for paths, handler in rows:
            for path in paths:
                function = numpys(path)
                if function is not None:
                    found.setdefault(function, handler(path))
        _handlers.update(found)
    return _handlers


_MODULES = ("char", "emath", "fft", "lib", "linalg", "polynomial", "strings")
"""Some of them are imported by being asked for."""


def numpys(path: str) -> Any:
    """The function at a path below ``numpy``, None where this version has none."""
    first, *rest = path.split(".")
    # What NumPy once had it still answers for, with a warning; so functions are looked up, not asked for.
    found = getattr(np, first, None) if first in _MODULES else vars(np).get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found


# ---------------------------------------------------------------- where the data is


def _far(path: str) -> Handler:
    operation, has_value = f"np:{path}", path in table.VALUES
    names = _OUT_IN_C.get(path) or parameters(numpys(path))

    def run(function: Any, args: Any, kwargs: dict[str, Any], asked: Any) -> Any:
        if next(pointers_among((*args, *kwargs.values())), None) is None:
            kwargs["like"] = asked  # NumPy takes ``like=`` away from np.zeros and its kind before it asks
        args = without_out(args, kwargs, names)
        count = results.count(path, args, kwargs)
        found = asked._run(
            operation, args, kwargs, count, out=targets_of(kwargs), as_tuple=results.is_tuple(path, args)
        )
        if has_value:
            return bool(found)
        return _arranged(path, found) if isinstance(found, tuple) else found

    return run


_OUT_IN_C = {"concatenate": ("arrays", "axis", "out"), "concat": ("arrays", "axis", "out"), "dot": ("a", "b", "out")}
"""What functions in C take by place, where ``out`` is among it."""


def _arranged(path: str, found: Any) -> Any:
    """Several results in what NumPy gives them in."""
    if results.in_list(path, np.__version__):
        return list(found)
    if path == "histogramdd":
        return found[0], list(found[1:])
    kind = _named(path)
    return found if kind is None else kind(*found)


_kinds: dict[str, Any] = {}


def _named(path: str) -> Any:
    """The class of a function's named tuples, None when they have no names."""
    if path not in results.NAMED:
        return None
    if path not in _kinds:
        kind = type(results.NAMED[path](np))
        _kinds[path] = kind if hasattr(kind, "_fields") else None
    return _kinds[path]


def _in_place(path: str) -> Handler:
    operation, first = f"=np:{path}", table.IN_PLACE_FUNCTIONS[path]

    def run(function: Any, args: Any, kwargs: dict[str, Any], asked: Any) -> None:
        rest = dict(kwargs)
        target, others = (args[0], args[1:]) if args else (rest.pop(first, None), ())
        if not isinstance(target, Operand):
            raise ImplicitFetch(
                f"np.{path} would fetch the data of a pointer into a local array", hint=".get() fetches it"
            )
        asked._alter(operation, target, *others, **rest)

    return run


# ---------------------------------------------------------------- here


_SHAPE_ALONE = ("shape", "size")
_BY_VALUE = ("min_scalar_type", *(("can_cast", "result_type") if np.lib.NumpyVersion(np.__version__) < "2.0.0" else ()))
"""What looks at the value of an array without dimensions."""


def _about(path: str) -> Handler:
    def stand_in(pointer: Any) -> Any:
        if path == "ndim":
            return np.broadcast_to(False, (1,) * pointer.ndim)
        shape = pointer.shape
        if path in _SHAPE_ALONE:
            return np.broadcast_to(False, shape)
        if path in _BY_VALUE and not shape:
            return np.asarray(pointer._value(), pointer.dtype)
        return np.broadcast_to(np.zeros((), pointer.dtype), shape)

    def run(function: Any, args: Any, kwargs: dict[str, Any], asked: Any) -> Any:
        return function(*_replaced(args, stand_in), **{name: _replaced(v, stand_in) for name, v in kwargs.items()})

    return run


def _fetching(path: str) -> Handler:
    def run(function: Any, args: Any, kwargs: dict[str, Any], asked: Any) -> Any:
        def fetch(pointer: Any) -> Any:
            return implicit.fetch(pointer, f"np.{path}")

        return function(*_replaced(args, fetch), **{name: _replaced(v, fetch) for name, v in kwargs.items()})

    return run


def _replaced(value: Any, by: Callable[[Any], Any]) -> Any:
    """An argument with something local for each pointer in it."""
    if isinstance(value, Operand):
        return by(value)
    if type(value) in (list, tuple):
        return type(value)([_replaced(part, by) for part in value])
    return value


# ---------------------------------------------------------------- refused


def _refusal(function: Any) -> Handler:
    module = getattr(function, "__module__", "numpy") or "numpy"
    reason = refusals.MODULES.get(module)
    path = None
    if reason is None:
        path = next((path for path in refusals.FUNCTIONS if numpys(path) is function), None)
        reason = refusals.FUNCTIONS[path] if path else None
    name = f"np.{path}" if path else f"{module}.{getattr(function, '__name__', function)}"

    def refuse(*_: Any) -> NoReturn:
        if reason is None:
            raise UnsupportedOperation(f"{name} is not among the functions that pointers have", hint="get() first")
        raise UnsupportedOperation(f"{name} {reason.why}", hint=reason.hint)

    return refuse
