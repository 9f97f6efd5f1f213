"""The functions of the Array API standard, as a table. Worker and client read the same rows.

A row is a function's signature, as the standard writes it. On the wire a function is called ``xp:NAME``: it follows the
standard where NumPy's function of that name does not. What makes arrays from nothing (``zeros``) has a row too: such a
command has no operand, and says by its address where it runs.
"""

from __future__ import annotations

VERSION = "2024.12"
VERSIONS = ("2021.12", "2022.12", "2023.12", VERSION)

PREFIX = "xp:"

WHERE = "where"
"""Asked of a pointer: the name of the data at the far end, which says its worker."""

_UNARY = """
    abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log
    log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh square sqrt tan tanh
    trunc
    """.split()
_BINARY = """
    add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal
    floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum
    minimum multiply nextafter not_equal pow remainder subtract
    """.split()

SPECIAL = tuple(
    """
    bdtr bdtrc bdtri betainc betaincc betaincinv betaln binom boxcox boxcox1p cbrt chdtr chdtrc chdtri cosdg cosm1 cotdg
    ellipk ellipkm1 entr erf erfc erfcx erfinv exp1 exp10 exp2 expi expit expn exprel fdtr fdtrc fdtri gamma gammainc
    gammaincc gammainccinv gammaincinv gammaln gammasgn gdtr gdtrc huber hyp1f1 i0 i0e i1 i1e inv_boxcox inv_boxcox1p j0
    j1 k0 k0e k1 k1e kl_div log_ndtr loggamma logit lpmv multigammaln nbdtr nbdtrc nbdtri ndtr ndtri pdtr pdtrc pdtri
    poch polygamma pseudo_huber psi radian rel_entr rgamma sinc sindg spence stdtr stdtrit tandg xlog1py xlogy y0 y1 yn
    zeta zetac
    """.split()
)
"""Functions of scipy.special, elementwise; SciPy asks a namespace for them under ``special``. Not in the standard."""

FUNCTIONS: dict[str, str] = (
    dict.fromkeys(_UNARY, "x, /")
    | dict.fromkeys((f"special.{name}" for name in SPECIAL), "*args")
    | dict.fromkeys(_BINARY, "x1, x2, /")
    | dict.fromkeys(("cumulative_prod", "cumulative_sum"), "x, /, *, axis=None, dtype=None, include_initial=False")
    | dict.fromkeys(("max", "min", "mean", "all", "any"), "x, /, *, axis=None, keepdims=False")
    | dict.fromkeys(("sum", "prod"), "x, /, *, axis=None, dtype=None, keepdims=False")
    | dict.fromkeys(("std", "var"), "x, /, *, axis=None, correction=0.0, keepdims=False")
    | dict.fromkeys(("argmax", "argmin", "count_nonzero"), "x, /, *, axis=None, keepdims=False")
    | dict.fromkeys(("sort", "argsort"), "x, /, *, axis=-1, descending=False, stable=True")
    | dict.fromkeys(("tril", "triu"), "x, /, *, k=0")
    | dict.fromkeys(("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"), "x, /")
    | dict.fromkeys(("matmul", "linalg.matmul", "linalg.solve", "linalg.outer"), "x1, x2, /")
    | dict.fromkeys(("vecdot", "linalg.vecdot", "linalg.cross"), "x1, x2, /, *, axis=-1")
    | dict.fromkeys(("tensordot", "linalg.tensordot"), "x1, x2, /, *, axes=2")
    | dict.fromkeys(("matrix_transpose", "linalg.matrix_transpose"), "x, /")
    | dict.fromkeys(
        ("linalg.det", "linalg.eigh", "linalg.eigvalsh", "linalg.inv", "linalg.slogdet", "linalg.svdvals"), "x, /"
    )
    | dict.fromkeys(("linalg.matrix_rank", "linalg.pinv"), "x, /, *, rtol=None")
    | dict.fromkeys(("fft.fft", "fft.ifft", "fft.rfft", "fft.irfft"), "x, /, *, n=None, axis=-1, norm='backward'")
    | dict.fromkeys(("fft.hfft", "fft.ihfft"), "x, /, *, n=None, axis=-1, norm='backward'")
    | dict.fromkeys(("fft.fftn", "fft.ifftn", "fft.rfftn", "fft.irfftn"), "x, /, *, s=None, axes=None, norm='backward'")
    | dict.fromkeys(("fft.fftshift", "fft.ifftshift"), "x, /, *, axes=None")
    | {
        "astype": "x, dtype, /, *, copy=True",
        "broadcast_arrays": "*arrays",
        "broadcast_to": "x, /, shape",
        "clip": "x, /, min=None, max=None",
        "concat": "arrays, /, *, axis=0",
        "diff": "x, /, *, axis=-1, n=1, prepend=None, append=None",
        "empty_like": "x, /, *, dtype=None",
        "expand_dims": "x, /, axis",
        "flip": "x, /, *, axis=None",
        "full_like": "x, /, fill_value, *, dtype=None",
        "linalg.cholesky": "x, /, *, upper=False",
        "linalg.diagonal": "x, /, *, offset=0",
        "linalg.matrix_norm": "x, /, *, keepdims=False, ord='fro'",
        "linalg.matrix_power": "x, n, /",
        "linalg.qr": "x, /, *, mode='reduced'",
        "linalg.svd": "x, /, *, full_matrices=True",
        "linalg.trace": "x, /, *, offset=0, dtype=None",
        "linalg.vector_norm": "x, /, *, axis=None, keepdims=False, ord=2",
        "meshgrid": "*arrays, indexing='xy'",
        "moveaxis": "x, source, destination, /",
        "ones_like": "x, /, *, dtype=None",
        "permute_dims": "x, /, axes",
        "repeat": "x, repeats, /, *, axis=None",
        "reshape": "x, /, shape, *, copy=None",
        "roll": "x, /, shift, *, axis=None",
        "searchsorted": "x1, x2, /, *, side='left', sorter=None",
        "squeeze": "x, /, axis",
        "stack": "arrays, /, *, axis=0",
        "take": "x, indices, /, *, axis=None",
        "take_along_axis": "x, indices, /, *, axis=-1",
        "tile": "x, repetitions, /",
        "unstack": "x, /, *, axis=0",
        "where": "condition, x1, x2, /",
        "zeros_like": "x, /, *, dtype=None",
    }
)
"""Functions of arrays."""

MAKERS = {
    "arange": "start, /, stop=None, step=1, *, dtype=None",
    "empty": "shape, *, dtype=None",
    "eye": "n_rows, n_cols=None, /, *, k=0, dtype=None",
    "fft.fftfreq": "n, /, *, d=1.0, dtype=None",
    "fft.rfftfreq": "n, /, *, d=1.0, dtype=None",
    "full": "shape, fill_value, *, dtype=None",
    "linspace": "start, stop, /, num, *, dtype=None, endpoint=True",
    "ones": "shape, *, dtype=None",
    "zeros": "shape, *, dtype=None",
}
"""Functions that make an array from plain values."""

DEVICES = frozenset({*MAKERS, "astype", "empty_like", "full_like", "ones_like", "zeros_like"})
"""Functions that, at the client, have the argument ``device`` too."""

ARITY = {
    "unique_all": 4, "unique_counts": 2, "unique_inverse": 2, "linalg.eigh": 2, "linalg.qr": 2, "linalg.slogdet": 2,
    "linalg.svd": 3,
}  # fmt: skip
"""Functions with several results, where the name alone says how many."""

_SPECIAL = tuple(f"special.{name}" for name in SPECIAL)
OPERANDS = frozenset(PREFIX + name for name in (*_UNARY, *_BINARY, *_SPECIAL, "clip", "where"))
"""Where plain numbers among the arguments are data."""
FILLS = frozenset({PREFIX + "full", PREFIX + "full_like"})
"""Where the second argument is data, and the first may be a shape."""
