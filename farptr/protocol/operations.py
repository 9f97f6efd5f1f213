"""The operations that pointers have, as tables. Worker and pointer read the same rows.

An operation's wire name says where it is found on the worker:

    ``add``             a ufunc of NumPy
    ``add.reduce``      a method of a ufunc
    ``np:concatenate``  a function of NumPy (``np:linalg.norm``, ``np:fft.fft`` too)
    ``.reshape``        a method of the array
    ``eq``, ``ne``      the operators ``==`` and ``!=``
    ``[]``              indexing; ``.T`` and its like are attributes
    ``=add``            the in-place form of a ufunc; ``=[]`` assignment to items, ``=.sort`` an in-place method
    ``=np:copyto``      an in-place function
    ``.flat[]``         indexing of the array as if it were flat, ``=.flat[]`` assignment to such items
    ``=.real=``         assignment to an attribute
    ``fn:…``            a function that the client wrote (``functions``)

An in-place operation changes its first argument and has no result.

To add a function, put its name in ``numpy_functions`` (and, when it does not give exactly one array, its count in
``numpy_results``); to add a method, in METHODS. Nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farptr.protocol.functions import is_call
from farptr.protocol.numpy_functions import ABOUT, FUNCTIONS, IN_PLACE_FUNCTIONS, LIKE, VALUES
from farptr.protocol.numpy_results import ARITY, TUPLES
from farptr.protocol.plain import size_bytes
from farptr.protocol.standard import FILLS, OPERANDS
from farptr.protocol.values import ARRAY

__all__ = [
    "ABOUT", "ARITY", "ATTRIBUTES", "ATTRIBUTES_SET", "COMPARISONS", "EQUALITY", "FLAGS", "FUNCTIONS",
    "INPLACE_METHODS", "IN_PLACE_FUNCTIONS", "LIKE", "METHODS", "OPERATORS", "QUESTIONS", "ROWS", "STOPPING_UFUNCS",
    "TUPLES", "UFUNCS", "UFUNC_FUNCTIONS", "UFUNC_METHODS", "UNARY", "VALUES", "data_bytes",
]  # fmt: skip

UFUNCS: dict[str, int] = dict.fromkeys(
    """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_count bitwise_or bitwise_xor
    cbrt ceil conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 fabs float_power floor
    floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp
    left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor matmul matvec maximum minimum multiply negative nextafter not_equal positive power rad2deg radians
    reciprocal remainder right_shift rint sign signbit sin sinh spacing sqrt square subtract tan tanh
    trunc vecdot vecmat
    """.split(),
    1,
) | {"divmod": 2, "modf": 2, "frexp": 2}
"""Ufunc name to its number of results; a worker refuses what its NumPy lacks."""

UFUNC_FUNCTIONS = (
    {"clip": "clip"}
    | {name: f"char.{name}" for name in ("count", "endswith", "find", "index", "rfind", "rindex", "startswith")}
    | {f"is{what}": f"char.is{what}" for what in ("alnum", "alpha", "decimal", "digit", "lower", "numeric", "space")}
    | {name: f"char.{name}" for name in ("istitle", "isupper", "str_len")}
    | {f"_{side}strip_{what}": f"char.{side}strip" for side in ("", "l", "r") for what in ("chars", "whitespace")}
    | {"_slice": "strings.slice"}
)
"""Ufuncs that are not in ``numpy`` itself, by the function that workers call for them."""

STOPPING_UFUNCS = ("power",)
"""Ufuncs that may raise half way, with part of their target written (integers to negative powers)."""
UFUNC_METHODS = ("reduce", "accumulate", "outer", "reduceat")

OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift", "divmod": "divmod",
}  # fmt: skip
"""Python's binary operators by the middle of their dunder name; all but divmod have an in-place form."""
COMPARISONS = {
    "eq": "eq", "ne": "ne", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
EQUALITY = ("eq", "ne")
"""Operators with a wire name of their own, which are no ufuncs: arrays of any two dtypes are equal or not."""
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}

METHODS = tuple(
    """
    all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod cumsum
    diagonal dot flatten getfield max mean min prod ravel repeat reshape round searchsorted squeeze std sum swapaxes
    take trace transpose var view nonzero byteswap
    """.split()
)
"""ndarray methods that give a new array (or several); their results are named by the caller."""
INPLACE_METHODS = ("fill", "sort", "partition", "put", "setfield")
"""ndarray methods that change the array and give nothing back."""
ATTRIBUTES = ("T", "real", "imag", "mT")
"""Attributes that are views."""
ATTRIBUTES_SET = ("flat", "imag", "real")
"""Attributes that can be assigned to."""

QUESTIONS = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "len", "item", "index", "strides", "flags")
"""What can be asked of the data at the far end; ``item`` is its one element,
``index`` too where that is an integer without dimensions; all others are about it."""

ROWS = "rows"
"""The question that iteration asks: how many rows there are."""

FLAGS = ("c_contiguous", "f_contiguous", "owndata", "writeable", "aligned", "writebackifcopy")
"""What the answer to ``flags`` says, in this order."""


def data_bytes(
    operation: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    measure: Callable[..., int],
) -> int:
    """Bytes of data that travel with a call, by ``measure(wire, literals=…)`` of each argument.

    Plain numbers are data where they are operands (of a ufunc, or assigned to items); an axis, a shape or an index is
    not data. The code of a function is data, and so is all that it is given.
    """
    if is_call(operation):
        code, *given = args  # a digest is no data
        wires = [*given, *(kwargs or {}).values()] + ([code] if code[0] == ARRAY else [])
        return sum(map(size_bytes, wires))
    operands = operation.lstrip("=").split(".")[0] in UFUNCS or operation in OPERANDS or operation in EQUALITY
    first = 0 if operands else 2 if operation == "=[]" else 1 if operation in FILLS else len(args)
    total = sum([measure(wire, literals=i >= first) for i, wire in enumerate(args)])
    return total + sum([measure(wire, literals=False) for wire in (kwargs or {}).values()])
