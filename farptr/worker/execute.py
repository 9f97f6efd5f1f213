"""Operations, run: from a wire name of ``protocol.operations`` to NumPy and back.

Laws
    Only what the tables list runs. A result is one ndarray, or as many as the caller has names for.
    A failed in-place operation leaves its target as it was.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from farptr.protocol import operations as table
from farptr.protocol.dtypes import check_dtype
from farptr.protocol.errors import ImplicitFetch, UnsupportedOperation
from farptr.protocol.torch_names import FACTS, is_of_torch
from farptr.worker import standard, tensors
from farptr.worker.interrupts import computing

Array = np.ndarray[Any, Any]
_PLAIN = (bool, int, float)
_OBJECT = np.dtype(object).num
"""The numbers of dtypes begin with those of plain numbers; this is the first of the others."""


def _function(path: str) -> Callable[..., Any]:
    found: Any = np
    for part in path.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _method(name: str) -> Callable[..., Any]:
    return lambda array, *args, **kwargs: getattr(array, name)(*args, **kwargs)


def _attribute(name: str) -> Callable[..., Any]:
    return lambda array: getattr(array, name)


def _wholly(change: Callable[..., Any]) -> Callable[..., Any]:
    """The same change of an array, which is as it was when that fails."""

    def run(array: Array, *args: Any, **kwargs: Any) -> None:
        # ndarray.put writes up to the index that is wrong; a copy makes the failure whole.
        before = array.copy()
        try:
            change(array, *args, **kwargs)
        except Exception:
            array[...] = before
            raise

    return run


def _setter(name: str) -> Callable[..., Any]:
    return lambda array, value: setattr(array, name, value)


def _set_items(array: Array, index: Any, value: Any) -> None:
    # Texts are parsed one by one, and the first that is no number stops it half way.
    texts = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype.kind in "SU")
    if texts:
        _wholly(operator.setitem)(array, index, value)
    else:
        array[index] = value


def _set_flat(array: Array, index: Any, value: Any) -> None:
    array.flat[index] = value


def _histogramdd(*args: Any, **kwargs: Any) -> Any:
    counts, edges = np.histogramdd(*args, **kwargs)
    return counts, *edges


def _frombuffer(*args: Any, **kwargs: Any) -> Array:
    return np.frombuffer(*args, **kwargs).copy()


def _in_place_ufunc(ufunc: Any) -> Callable[..., Any]:
    def run(array: Array, *args: Any, **kwargs: Any) -> None:
        ufunc(array, *args, out=(array,), **kwargs)

    return _wholly(run) if ufunc.__name__ in table.STOPPING_UFUNCS else run


def _build() -> dict[str, Callable[..., Any]]:
    known: dict[str, Callable[..., Any]] = {"[]": operator.getitem, "=[]": _set_items}
    for name in table.UFUNCS:
        ufunc = getattr(np, name, None)
        if ufunc is None:  # younger than this NumPy
            continue
        known[name] = ufunc
        known[f"={name}"] = _in_place_ufunc(ufunc)
        for method in table.UFUNC_METHODS:
            known[f"{name}.{method}"] = getattr(ufunc, method)
        known[f"={name}.at"] = _wholly(ufunc.at) if name in table.STOPPING_UFUNCS else ufunc.at
    for name in table.EQUALITY:
        known[name] = getattr(operator, name)
    for name in table.METHODS:
        known[f".{name}"] = _method(name)
    for name in table.INPLACE_METHODS:
        known[f"=.{name}"] = _wholly(_method(name))
    for name in table.ATTRIBUTES:
        known[f".{name}"] = _attribute(name)
    for name in table.ATTRIBUTES_SET:
        known[f"=.{name}="] = _wholly(_setter(name))
    known[".flat[]"] = lambda array, index: array.flat[index]
    known["=.flat[]"] = _wholly(_set_flat)
    for name in table.IN_PLACE_FUNCTIONS:
        known[f"=np:{name}"] = _wholly(_function(name))
    known["np:histogramdd"] = _histogramdd
    known["np:frombuffer"] = _frombuffer
    return known


_KNOWN = _build()
_FUNCTIONS = {f"np:{name}": name for name in (*table.FUNCTIONS, *table.UFUNC_FUNCTIONS.values())}


def find(operation: str) -> Callable[..., Any]:
    """What a wire name stands for; raises UnsupportedOperation."""
    found = _KNOWN.get(operation)
    if found is None and operation in _FUNCTIONS:
        try:
            found = _function(_FUNCTIONS[operation])
        except AttributeError:
            raise UnsupportedOperation(f"this worker's NumPy {np.__version__} has no {_FUNCTIONS[operation]}") from None
        _KNOWN[operation] = found
    if found is None:
        found = standard.function(operation) or _of_torch(operation)
        if found is not None:
            _KNOWN[operation] = found
    if found is None:
        raise UnsupportedOperation(f"there is no remote operation {operation!r}")
    return found


def _of_torch(operation: str) -> Callable[..., Any] | None:
    if not is_of_torch(operation):
        return None
    return tensors.theirs().function(operation)  # type: ignore[no-any-return]


def run_one(operation: str, args: Sequence[Any]) -> Array:
    """``run`` for one result and no keywords."""
    function = _KNOWN.get(operation) or find(operation)
    computing.depth += 1
    try:
        value = function(*args)
    finally:
        computing.depth -= 1
    if type(value) is not np.ndarray:
        return value if type(value) in tensors.KINDS else _one(operation, value)
    return value if value.dtype.num < _OBJECT else _sound(value)


def run(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any], count: int) -> list[Array]:
    """The ``count`` results of an operation (0: in place); raises what NumPy raises.

    Results may be views of the operands, as they are in NumPy.
    """
    with computing:
        value = _into(operation, kwargs["out"], args, kwargs) if "out" in kwargs else find(operation)(*args, **kwargs)
    if count == 0:
        return []
    if count == 1:
        return [_one(operation, value)]
    if not isinstance(value, tuple | list) or len(value) != count:
        found = len(value) if isinstance(value, tuple | list) else 1
        raise UnsupportedOperation(f"{operation} gave {found} results where {count} were expected")
    return [_as_array(operation, v) for v in value]


def carry_out_by(through: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Have all operations of this process pass a function of yours: it is given each runner, and gives one like it."""
    global run_one, run
    run_one, run = through(run_one), through(run)


def _into(operation: str, out: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """With ``out=``: where NumPy may stop half way, the targets are as they were when it fails."""
    stopping = operation.partition(".")[0] in table.STOPPING_UFUNCS
    before = [(target, target.copy()) for target in (out if isinstance(out, tuple) else (out,)) if stopping]
    try:
        return find(operation)(*args, **kwargs)
    except Exception:
        for target, values in before:
            target[...] = values
        raise


def _one(operation: str, value: Any) -> Array:
    if isinstance(value, tuple | list) and len(value) == 1:
        value = value[0]
    return _as_array(operation, value)


def _as_array(operation: str, value: Any) -> Array:
    if isinstance(value, tuple | list):
        raise UnsupportedOperation(f"{operation} gave {len(value)} results where one was expected")
    if type(value) in tensors.KINDS:
        return value  # type: ignore[no-any-return]
    if is_of_torch(operation) and not isinstance(value, _PLAIN):
        raise UnsupportedOperation(
            f"{operation} gives a {type(value).__name__}, which is no tensor", hint="get() the data first"
        )
    array = np.asarray(value)
    return array if array.dtype.num < _OBJECT else _sound(array)


def _sound(array: Array) -> Array:
    """The same values in a dtype that travels; raises UnsupportedValue where there is none."""
    dtype = array.dtype
    if not dtype.itemsize and dtype.kind in "SU":  # empty texts: what NumPy otherwise gives a width of one
        return array.astype(f"{dtype.kind}1")
    check_dtype(dtype)
    return array


def ask(array: Array, question: str) -> Any:
    """A plain answer about an array; raises what NumPy raises, and UnsupportedOperation for another question."""
    if type(array) in tensors.KINDS or question == FACTS:
        return tensors.theirs().ask(array, question)
    if question == "item":
        return _item(array)
    if question == "index":
        return operator.index(array)
    if question in ("len", table.ROWS):
        return len(array)
    if question == "dtype":
        return array.dtype.str
    if question == "flags":
        return tuple([bool(getattr(array.flags, name)) for name in table.FLAGS])
    if question in table.QUESTIONS:
        return getattr(array, question)
    raise UnsupportedOperation(f"there is no question {question!r}")


def _item(array: Array) -> Any:
    if array.size != 1:
        raise ValueError(f"an array of shape {array.shape} has no single value")
    value = array.item()
    if isinstance(value, complex):
        return ("complex", value.real, value.imag)
    if not isinstance(value, bool | int | float | str | bytes):
        raise ImplicitFetch(f"one element of dtype {array.dtype} has no plain Python value; use .get()")
    return value
