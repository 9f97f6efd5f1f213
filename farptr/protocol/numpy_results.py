"""How many arrays a NumPy function gives, and in what they are given: known before the function has run.

A count follows from the call, and where that is not enough from the shape of an operand (which then is asked for);
never from values. What counts may be called with pointers or arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Arguments = Sequence[Any]
Keywords = Mapping[str, Any]
Count = Callable[[Arguments, Keywords], int]


def argument(args: Arguments, kwargs: Keywords, at: int, name: str, default: Any = None) -> Any:
    """An argument that may be given by place or by name."""
    return args[at] if len(args) > at else kwargs.get(name, default)


def _flag(at: int, name: str, count: int, otherwise: int = 1) -> Count:
    """For a flag that asks for more results than the usual one."""
    return lambda args, kwargs: count if argument(args, kwargs, at, name) else otherwise


def _pieces(args: Arguments, kwargs: Keywords) -> int:
    """For split and its kind: the number of sections, or one more than there are cuts."""
    sections = argument(args, kwargs, 1, "indices_or_sections", 1)
    try:
        return len(sections) + 1
    except TypeError:
        return int(sections)


def _unique(args: Arguments, kwargs: Keywords) -> int:
    flags = ("return_index", "return_inverse", "return_counts")
    return 1 + sum([bool(argument(args, kwargs, at, flag)) for at, flag in enumerate(flags, 1)])


def _operands(args: Arguments, kwargs: Keywords) -> int:
    return len(args)


def _dimensions(args: Arguments, kwargs: Keywords) -> int:
    return int((args[0] if args else next(iter(kwargs.values()))).ndim)


def _nonzero(args: Arguments, kwargs: Keywords) -> int:
    return max(1, _dimensions(args, kwargs))  # of none: one result from old NumPys, an error from new ones


def _where(args: Arguments, kwargs: Keywords) -> int:
    return _nonzero(args, kwargs) if len(args) == 1 else 1


def _svd(args: Arguments, kwargs: Keywords) -> int:
    return 3 if argument(args, kwargs, 2, "compute_uv", True) else 1


def _qr(args: Arguments, kwargs: Keywords) -> int:
    return 1 if argument(args, kwargs, 1, "mode", "reduced") in ("r", "e", "economic") else 2


def _gradient(args: Arguments, kwargs: Keywords) -> int:
    axis = kwargs.get("axis")
    if axis is None:
        return _dimensions(args[:1], kwargs)
    return len(axis) if isinstance(axis, tuple | list) else 1


def _unstack(args: Arguments, kwargs: Keywords) -> int:
    array = args[0] if args else kwargs["x"]
    return int(array.shape[kwargs.get("axis", 0)])


def _unravelled(args: Arguments, kwargs: Keywords) -> int:
    shape = argument(args, kwargs, 1, "shape")
    return 1 if isinstance(shape, int) else len(shape)


def _histogramdd(args: Arguments, kwargs: Keywords) -> int:
    sample = argument(args, kwargs, 0, "sample")
    if isinstance(sample, list | tuple):
        return 1 + len(sample)
    shape = sample.shape
    return 1 + (shape[1] if len(shape) > 1 else 1)


def _polyfit(args: Arguments, kwargs: Keywords) -> int:
    if argument(args, kwargs, 4, "full", False):
        return 5
    return 2 if argument(args, kwargs, 6, "cov", False) else 1


def _many_if_several(args: Arguments, kwargs: Keywords) -> int:
    return len(args) if len(args) > 1 else 1


ARITY: dict[str, int | Count] = {
    "array_split": _pieces, "split": _pieces, "hsplit": _pieces, "vsplit": _pieces, "dsplit": _pieces,
    "atleast_1d": _many_if_several, "atleast_2d": _many_if_several, "atleast_3d": _many_if_several,
    "broadcast_arrays": _operands, "meshgrid": _operands, "ix_": _operands, "unique": _unique, "unique_all": 4,
    "unique_counts": 2, "unique_inverse": 2, "histogram": 2, "histogram2d": 3, "histogramdd": _histogramdd,
    "average": _flag(3, "returned", 2), "linalg.svd": _svd, "linalg.qr": _qr, "linalg.eig": 2, "linalg.eigh": 2,
    "linalg.slogdet": 2, "linalg.lstsq": 4, "gradient": _gradient, "linspace": _flag(4, "retstep", 2),
    "intersect1d": _flag(3, "return_indices", 3), "nonzero": _nonzero, "where": _where, "unstack": _unstack,
    "diag_indices_from": _dimensions, "tril_indices_from": 2, "triu_indices_from": 2, "unravel_index": _unravelled,
    "polydiv": 2, "polyfit": _polyfit, "strings.partition": 3, "strings.rpartition": 3,
}  # fmt: skip
"""Functions that do not always give exactly one array."""

TUPLES = frozenset(
    {
        "array_split", "split", "hsplit", "vsplit", "dsplit", "broadcast_arrays", "meshgrid", "nonzero", "unstack",
        "ix_", "diag_indices_from", "unravel_index",
    }
)  # fmt: skip
"""Functions whose result is several pointers even when there is one."""
LISTS = frozenset({"array_split", "split", "hsplit", "vsplit", "dsplit"})
"""Those of them that give a list."""
LISTS_BEFORE_2 = frozenset({"atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "gradient", "meshgrid"})
"""Functions whose several results NumPy before 2.0 gives in a list, later ones in a tuple."""


def count(path: str, args: Arguments, kwargs: Keywords) -> int:
    """How many results a call of that function has; may ask a pointer for its shape."""
    arity = ARITY.get(path, 1)
    return arity if isinstance(arity, int) else arity(args, kwargs)


def is_tuple(path: str, args: Arguments) -> bool:
    """Whether its results come in a tuple even when there is but one."""
    return path in TUPLES or (path == "where" and len(args) == 1)


def in_list(path: str, numpy_version: str) -> bool:
    """Whether several results of that function come in a list."""
    return path in LISTS or (path in LISTS_BEFORE_2 and numpy_version.startswith("1."))


NAMED: dict[str, Callable[[Any], Any]] = {
    "linalg.eig": lambda np: np.linalg.eig(np.eye(1)),
    "linalg.eigh": lambda np: np.linalg.eigh(np.eye(1)),
    "linalg.qr": lambda np: np.linalg.qr(np.eye(1)),
    "linalg.slogdet": lambda np: np.linalg.slogdet(np.eye(1)),
    "linalg.svd": lambda np: np.linalg.svd(np.eye(1)),
    "unique_all": lambda np: np.unique_all([1]),
    "unique_counts": lambda np: np.unique_counts([1]),
    "unique_inverse": lambda np: np.unique_inverse([1]),
}
"""Functions that give named tuples, each with a call that shows which: NumPy does not make their classes public."""
