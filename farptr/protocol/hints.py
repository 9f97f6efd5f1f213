"""What to do instead of giving an operation a value that cannot travel."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np


@functools.cache
def _rows() -> tuple[tuple[Any, str], ...]:
    # Late: random numbers and decimals would be imported by every process for advice that is seldom needed.
    import datetime
    import decimal
    import fractions

    return (
        ((memoryview, bytearray, array), "np.asarray(x) makes an array of it"),
        (
            (FunctionType, BuiltinFunctionType, MethodType, np.ufunc),
            "functions do not travel with an operation; p.apply(f) runs one",
        ),
        (np.random.Generator | np.random.RandomState, "draw numbers here, and send those"),
        (Iterator, "list(x) travels, and so does an array of it"),
        ((set, frozenset, dict), "a list of plain numbers travels, and so does an array"),
        ((datetime.date, datetime.timedelta), "np.datetime64(x) and np.timedelta64(x) travel"),
        ((decimal.Decimal, fractions.Fraction), "float(x) travels"),
        (type, "dtypes of numbers, booleans, dates and fixed-width strings travel"),
    )


def hint_for(value: Any) -> str:
    """The advice for a value of that kind, empty where there is none."""
    found = next((hint for kinds, hint in _rows() if isinstance(value, kinds)), "")
    return found or (_TENSOR if type(value).__name__ in _TENSORS and type(value).__module__.startswith("torch") else "")


_TENSORS = ("Tensor", "Parameter")
_TENSOR = "x.numpy() travels with an operation; functions take tensors of torch as they are"
