"""The operations that pointers have, as tables. Worker and pointer read the same rows.

An operation's wire name says where it is found on the worker:

    ``add``             a ufunc of NumPy
    ``add.reduce``      a method of a ufunc
    ``np:concatenate``  a function of NumPy (``np:linalg.norm``, ``np:fft.fft`` too)
    ``.reshape``        a method of the array
    ``[]``              indexing; ``.T`` and its like are attributes
    ``=add``            the in-place form of a ufunc; ``=[]`` assignment to items, ``=.sort`` an in-place method

An in-place operation changes its first argument and has no result.

To add a function, put its name in FUNCTIONS (and, when it does not give exactly one array, in ARITY);
to add a method, in METHODS. Nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farptr.protocol.standard import FILLS, OPERANDS

UFUNCS: dict[str, int] = dict.fromkeys(
    """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt
    ceil conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 fabs float_power floor floor_divide
    fmax fmin fmod gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp
    left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
    logical_xor matmul maximum minimum multiply negative nextafter not_equal positive power rad2deg radians
    reciprocal remainder right_shift rint sign signbit sin sinh spacing sqrt square subtract tan tanh
    trunc vecdot
    """.split(),
    1,
) | {"divmod": 2, "modf": 2, "frexp": 2}
"""Ufunc name to its number of results; a worker refuses what its NumPy lacks."""

UFUNC_METHODS = ("reduce", "accumulate", "outer", "reduceat")

OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift", "divmod": "divmod",
}  # fmt: skip
"""Python's binary operators by the middle of their dunder name; all but divmod have an in-place form."""
COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}

METHODS = tuple(
    """
    all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod cumsum
    diagonal dot flatten max mean min prod ravel repeat reshape round searchsorted squeeze std sum swapaxes
    take trace transpose var view nonzero byteswap
    """.split()
)
"""ndarray methods that give a new array (or several); their results are named by the caller."""
INPLACE_METHODS = ("fill", "sort", "partition", "put")
"""ndarray methods that change the array and give nothing back."""
ATTRIBUTES = ("T", "real", "imag", "mT")

FUNCTIONS = tuple(
    """
    all allclose amax amin any append arange argmax argmin argpartition argsort argwhere
    around array_equal array_equiv array_split asarray atleast_1d atleast_2d atleast_3d average bincount block
    broadcast_arrays broadcast_to clip column_stack compress concatenate convolve copy corrcoef correlate
    count_nonzero cov cross cumprod cumsum cumulative_prod cumulative_sum delete diag diagflat diagonal diff
    digitize dot dsplit dstack ediff1d einsum expand_dims extract eye flatnonzero flip fliplr flipud full
    full_like gradient histogram hsplit hstack i0 identity inner insert interp intersect1d isclose isin kron
    lexsort linspace logspace matrix_transpose max mean median meshgrid min moveaxis nan_to_num nanargmax
    nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd
    nansum nanvar nonzero ones ones_like outer packbits pad partition percentile permute_dims piecewise
    polyfit polyval prod ptp quantile ravel real_if_close repeat reshape resize roll rollaxis rot90 round
    searchsorted select setdiff1d setxor1d sinc sort split squeeze stack std sum swapaxes take take_along_axis
    tensordot tile trace transpose trapezoid tri tril triu trim_zeros union1d unique unpackbits unstack unwrap
    vander var vdot vsplit vstack where zeros zeros_like concat astype linalg.cholesky linalg.cond
    linalg.det linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh linalg.inv linalg.lstsq
    linalg.matrix_power linalg.matrix_rank linalg.multi_dot linalg.norm linalg.pinv linalg.qr linalg.slogdet
    linalg.solve linalg.svd linalg.svdvals linalg.tensorsolve fft.fft fft.fft2 fft.fftn
    fft.fftshift fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ifftshift fft.ihfft fft.irfft fft.irfft2 fft.irfftn
    fft.rfft fft.rfft2 fft.rfftn
    """.split()
)
"""NumPy functions by their name below ``numpy``; those that a NumPy version lacks are refused by the worker."""

VALUES = ("allclose", "array_equal", "array_equiv")
"""Functions whose one truth value comes home at once, as a Python bool."""

Arguments = Sequence[Any]
Keywords = Mapping[str, Any]


def _pieces(at: int) -> Callable[[Arguments, Keywords], int]:
    """For split and its kind: the number of sections, or one more than there are cuts."""

    def count(args: Arguments, kwargs: Keywords) -> int:
        sections = args[at] if len(args) > at else kwargs.get("indices_or_sections", 1)
        try:
            return len(sections) + 1
        except TypeError:
            return int(sections)

    return count


def _unique(args: Arguments, kwargs: Keywords) -> int:
    flags = ("return_index", "return_inverse", "return_counts")
    given = list(args[1:4]) + [False] * (4 - len(args[:4]))
    return 1 + sum(bool(kwargs.get(flag, value)) for flag, value in zip(flags, given, strict=False))


def _operands(args: Arguments, kwargs: Keywords) -> int:
    return len(args)


def _svd(args: Arguments, kwargs: Keywords) -> int:
    return 3 if kwargs.get("compute_uv", args[2] if len(args) > 2 else True) else 1


def _qr(args: Arguments, kwargs: Keywords) -> int:
    mode = kwargs.get("mode", args[1] if len(args) > 1 else "reduced")
    return 1 if mode == "r" else 2


def _average(args: Arguments, kwargs: Keywords) -> int:
    return 2 if kwargs.get("returned", args[3] if len(args) > 3 else False) else 1


def _gradient(args: Arguments, kwargs: Keywords) -> int:
    axis = kwargs["axis"]  # without one the pointer asks for the number of dimensions
    return len(axis) if isinstance(axis, tuple | list) else 1


def _if(flag: str, count: int) -> Callable[[Arguments, Keywords], int]:
    """For a keyword that asks for more results than the usual one."""
    return lambda args, kwargs: count if kwargs.get(flag) else 1


def _histogram(args: Arguments, kwargs: Keywords) -> int:
    return 2


def _many_if_several(args: Arguments, kwargs: Keywords) -> int:
    return len(args) if len(args) > 1 else 1


ARITY: dict[str, int | Callable[[Arguments, Keywords], int]] = {
    "array_split": _pieces(1), "split": _pieces(1), "hsplit": _pieces(1), "vsplit": _pieces(1), "dsplit": _pieces(1),
    "atleast_1d": _many_if_several, "atleast_2d": _many_if_several, "atleast_3d": _many_if_several,
    "broadcast_arrays": _operands, "meshgrid": _operands, "unique": _unique, "histogram": _histogram,
    "average": _average, "linalg.svd": _svd, "linalg.qr": _qr, "linalg.eig": 2, "linalg.eigh": 2,
    "linalg.slogdet": 2, "linalg.lstsq": 4, "gradient": _gradient, "intersect1d": _if("return_indices", 3),
    "linspace": _if("retstep", 2),
}  # fmt: skip
"""Functions that give several arrays, and how many: known from the call alone, never from the data."""

TUPLES = frozenset(
    {"array_split", "split", "hsplit", "vsplit", "dsplit", "broadcast_arrays", "meshgrid", "nonzero", "unstack"}
)
"""Functions whose result is a tuple of pointers even when there is one."""

QUESTIONS = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "len", "item", "strides")
"""What can be asked of the data at the far end; all but ``item`` are about it, ``item`` is its one element."""


def data_bytes(
    operation: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None,
    measure: Callable[..., int],
) -> int:
    """Bytes of data that travel with a call, by ``measure(wire, literals=…)`` of each argument.

    Plain numbers are data where they are operands (of a ufunc, or assigned to items); an axis, a shape or an index is
    not data.
    """
    operands = operation.lstrip("=").split(".")[0] in UFUNCS or operation in OPERANDS
    first = 0 if operands else 2 if operation == "=[]" else 1 if operation in FILLS else len(args)
    total = sum([measure(wire, literals=i >= first) for i, wire in enumerate(args)])
    return total + sum([measure(wire, literals=False) for wire in (kwargs or {}).values()])
