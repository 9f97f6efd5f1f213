"""The Array API standard on a worker: NumPy's functions, and others where NumPy's do not do what the standard asks.

NumPy's own functions and operators are left as they are: only ``xp:`` names (``protocol.standard``) come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from farptr.protocol import standard as table
from farptr.protocol.errors import UnsupportedOperation

Array = np.ndarray[Any, Any]


# ---------------------------------------------------------------- special cases of elementwise functions


def floor_divide(x1: Any, x2: Any, /) -> Array:
    """NumPy gives NaN for infinity by a finite number, and -1 for a finite one by an infinity of the other sign."""
    quotient = np.asarray(np.floor_divide(x1, x2))
    if quotient.dtype.kind != "f":
        return quotient
    a, b = np.asarray(x1), np.asarray(x2)
    infinite = np.isinf(a) & np.isfinite(b)
    vanishing = np.isfinite(a) & np.isinf(b)
    with np.errstate(all="ignore"):
        true = np.asarray(np.true_divide(a, b), quotient.dtype)
    return np.where(infinite | vanishing, true, quotient)


def expm1(x: Array, /) -> Array:
    """NumPy's is not a number for infinite real parts of complex numbers where ``exp`` is one."""
    value = np.array(np.expm1(x))
    if value.dtype.kind != "c":
        return value
    value.real += 0.0  # no negative zero
    by_exp = np.array(np.exp(x))
    by_exp.real -= 1
    return np.where(np.isfinite(x), value, by_exp)


def tanh(x: Array, /) -> Array:
    """Of complex numbers with an infinite real part, NumPy's gives the imaginary zero the sign of ``sin(2b)``."""
    value = np.array(np.tanh(x))
    if value.dtype.kind == "c":
        at = np.isinf(np.real(x)) & np.isfinite(np.imag(x))
        value.imag = np.where(at, np.copysign(0.0, np.imag(x)), value.imag)
    return value


def clip(x: Array, /, min: Any = None, max: Any = None) -> Array:  # noqa: A002  # the standard's names
    """The result has x's dtype, and no bound at all gives a copy."""
    if min is None and max is None:
        return np.array(x)
    return np.asarray(np.clip(x, min, max)).astype(x.dtype, copy=False)


# ---------------------------------------------------------------- order and sets


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """With ``descending``, equal elements keep their order too."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable" if stable else None)
    # Reversed twice: what is last among equals of the reversed array comes first in the result.
    order = np.flip(np.argsort(np.flip(x, axis=axis), axis=axis, kind="stable"), axis=axis)
    return np.asarray(x.shape[axis] - 1 - order)


def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """With ``descending``, the largest first."""
    found = np.sort(x, axis=axis, kind="stable" if stable else None)
    return np.flip(found, axis=axis) if descending else found


def _unique(*keywords: str) -> Callable[[Array], Any]:
    return lambda x, /: np.unique(x, equal_nan=False, **dict.fromkeys(keywords, True))  # type: ignore[call-overload]


def unique_inverse(x: Array, /) -> tuple[Array, Array]:
    """The inverse has x's shape in every NumPy version."""
    found, inverse = np.unique(x, equal_nan=False, return_inverse=True)
    return found, inverse.reshape(x.shape)


def unique_all(x: Array, /) -> tuple[Array, Array, Array, Array]:
    """As ``unique_inverse``, with the first indices and the counts."""
    found, first, inverse, counts = np.unique(
        x, equal_nan=False, return_index=True, return_inverse=True, return_counts=True
    )
    return found, first, inverse.reshape(x.shape), counts


# ---------------------------------------------------------------- arrays from nothing


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None) -> Array:
    """NumPy's has no dtype."""
    return np.fft.fftfreq(n, d).astype(np.float64 if dtype is None else dtype)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None) -> Array:
    """NumPy's has no dtype."""
    return np.fft.rfftfreq(n, d).astype(np.float64 if dtype is None else dtype)


def diff(x: Array, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Array:
    """NumPy marks a missing end by an object of its own."""
    ends = {k: v for k, v in (("prepend", prepend), ("append", append)) if v is not None}
    return np.diff(x, n=n, axis=axis, **ends)


def astype(x: Array, dtype: Any, /, *, copy: bool = True) -> Array:
    """A method in NumPy before 2.1."""
    return x.astype(dtype, copy=copy)


MENDED: dict[str, Callable[..., Any]] = {
    "argsort": argsort, "astype": astype, "clip": clip, "diff": diff, "expm1": expm1, "fft.fftfreq": fftfreq,
    "fft.rfftfreq": rfftfreq, "floor_divide": floor_divide, "sort": sort, "tanh": tanh, "unique_all": unique_all,
    "unique_counts": _unique("return_counts"), "unique_inverse": unique_inverse, "unique_values": _unique(),
}  # fmt: skip
"""Functions that are not NumPy's."""


def _scipy(name: str) -> Any:
    try:
        import scipy.special
    except ImportError:
        raise UnsupportedOperation(
            f"this worker has no SciPy, which {name} needs", hint="pip install scipy, then start the run again"
        ) from None
    return scipy


def function(operation: str) -> Callable[..., Any] | None:
    """What an ``xp:`` name stands for; None when there is none, or this worker's NumPy lacks it."""
    name = operation.removeprefix(table.PREFIX)
    if name not in table.FUNCTIONS and name not in table.MAKERS:
        return None
    found: Any = MENDED.get(name)
    if found is None:
        found = _scipy(name) if name.startswith("special.") else np
        for part in name.split("."):
            found = getattr(found, part, None)
    return found  # type: ignore[no-any-return]
