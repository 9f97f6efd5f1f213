"""The standard's functions of arrays, made from ``protocol.standard``: each runs where its pointers' data is."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from inspect import Signature
from typing import Any

from farptr.client.numpy_face import NumpyFace, call, pointers_among
from farptr.client.pointer import Pointer
from farptr.protocol import standard as table
from farptr.protocol.errors import UnsupportedOperation, UsageError
from farptr.xp import signatures
from farptr.xp.signatures import checked

_RESULTS = {
    "unique_all": namedtuple("unique_all_result", "values indices inverse_indices counts"),
    "unique_counts": namedtuple("unique_counts_result", "values counts"),
    "unique_inverse": namedtuple("unique_inverse_result", "values inverse_indices"),
    "linalg.eigh": namedtuple("eigh_result", "eigenvalues eigenvectors"),
    "linalg.qr": namedtuple("qr_result", "Q R"),
    "linalg.slogdet": namedtuple("slogdet_result", "sign logabsdet"),
    "linalg.svd": namedtuple("svd_result", "U S Vh"),
}
"""Names for the results of functions that have several."""

_PER_OPERAND = ("broadcast_arrays", "meshgrid")


def run(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A function of the standard, on the pointers among its arguments; raises UsageError when there is none."""
    found = list(pointers_among((*args, *kwargs.values())))
    refuse_several(found)
    if not found:
        raise UsageError(
            f"{name}: there is no pointer among the arguments, so no worker to run it on",
            hint="xp.asarray(x, device=julie) sends an array",
        )
    count, as_tuple = table.ARITY.get(name, 1), False
    if name in _PER_OPERAND:
        count, as_tuple = len(args), True
    elif name == "nonzero":
        count, as_tuple = args[0].ndim, True
    elif name == "unstack":
        count, as_tuple = args[0].shape[kwargs.get("axis", 0)], True
    if name == "nonzero" and not count:
        raise ValueError("nonzero is not defined for arrays without dimensions")
    if as_tuple and not count:
        return ()
    made = call(table.PREFIX + name, args, kwargs, count, as_tuple=as_tuple)
    if name in _PER_OPERAND:
        return list(made)
    return _RESULTS[name](*made) if name in _RESULTS else made


def refuse_several(values: Iterable[Any]) -> None:
    """Raise UnsupportedOperation for pointers to several workers: they are no array of the standard."""
    if any(isinstance(value, NumpyFace) and not isinstance(value, Pointer) for value in values):
        raise UnsupportedOperation(
            "the Array API is for pointers to one place, not to several", hint="mp['julie'] is the pointer to julie"
        )


def _named(function: Callable[..., Any], name: str, signature: Signature, about: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name.rpartition(".")[2]
    function.__doc__ = about
    function.__module__ = "farptr.xp"
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _made(name: str, signature: Signature) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        bound = checked(name, signature, args, kwargs)
        return run(name, bound.args, bound.kwargs)

    return _named(function, name, signature, f"``{name}`` of the Array API standard, where the data is.")


def named_as_in_the_standard(function: Callable[..., Any], name: str, signature: Signature) -> Callable[..., Any]:
    """``function``, which takes the arguments of the standard's ``name``, under that name and with that signature."""
    return _named(function, name, signature, f"``{name}`` of the Array API standard, on the device.")


FUNCTIONS = {name: _made(name, row) for name, row in signatures.FUNCTIONS.items() if name not in table.DEVICES}
"""Those that need no device: their operands say where they run."""
