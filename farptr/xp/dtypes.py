"""The standard's dtypes, and what is asked of them. Nothing here asks a worker, but for the dtype of a pointer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from farptr.client.pointer import Pointer

KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "real floating": ("float32", "float64"),
    "complex floating": ("complex64", "complex128"),
}
_GROUPS = {
    "integral": ("signed integer", "unsigned integer"),
    "numeric": ("signed integer", "unsigned integer", "real floating", "complex floating"),
}
DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name) for names in KINDS.values() for name in names}
CLASSES: dict[str, Any] = {name: dtype.type for name, dtype in DTYPES.items()}
"""What the namespace has under their names: NumPy's classes, because a ``np.dtype`` of float64 is equal to None."""
CONSTANTS: dict[str, Any] = {"e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None, "pi": math.pi}


class FInfo(NamedTuple):
    """The limits of a floating-point dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


class IInfo(NamedTuple):
    """The limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]


def _dtype(of: Any) -> Any:
    return of.dtype if isinstance(of, Pointer) else of


def finfo(of: Any, /) -> FInfo:
    """The limits of a floating-point dtype, or of a pointer's; of a complex one, those of its parts."""
    found = np.finfo(_dtype(of))
    eps, most, least, normal = map(float, (found.eps, found.max, found.min, found.smallest_normal))
    return FInfo(int(found.bits), eps, most, least, normal, np.dtype(found.dtype))


def iinfo(of: Any, /) -> IInfo:
    """The limits of an integer dtype, or of a pointer's."""
    found = np.iinfo(_dtype(of))
    return IInfo(int(found.bits), int(found.max), int(found.min), np.dtype(found.dtype))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether a dtype, or a pointer's, can become another one by promotion."""
    return bool(np.can_cast(_dtype(from_), to))


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that pointers, dtypes and numbers come to together."""
    return np.result_type(*(_dtype(of) for of in arrays_and_dtypes))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: a dtype, the name of a kind, or a tuple of those; raises ValueError for others."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        return np.dtype(dtype).name in named(kind)
    return bool(np.dtype(dtype) == np.dtype(kind))


def named(kind: str) -> dict[str, np.dtype[Any]]:
    """The dtypes of a kind, by name."""
    kinds = _GROUPS.get(kind, (kind,))
    if not set(kinds) <= set(KINDS):
        raise ValueError(f"{kind!r} is no kind of dtype; the kinds are {', '.join((*KINDS, *_GROUPS))}")
    return {name: DTYPES[name] for k in kinds for name in KINDS[k]}


FUNCTIONS = {f.__name__: f for f in (finfo, iinfo, can_cast, result_type, isdtype)}
