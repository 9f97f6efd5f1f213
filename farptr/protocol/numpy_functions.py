"""NumPy's functions that pointers have, as tables. A name is the path below ``numpy``.

Together with ``numpy_refusals`` they cover every function that NumPy lets an array override, in each NumPy version that
farptr works with; ``tests/unit/test_numpy_whole.py`` holds that. How many results there are: ``numpy_results``.
"""

from __future__ import annotations

_LIKE = "arange array asanyarray asarray ascontiguousarray asfortranarray empty eye frombuffer fromiter fromstring full"
_LIKE_TOO = "identity ones require tri zeros"

_MATHS = """
    all allclose alltrue amax amin angle any average clip convolve copy corrcoef correlate count_nonzero cov cross
    cumprod cumproduct cumsum cumulative_prod cumulative_sum diff dot ediff1d einsum fix gradient i0 inner interp
    isclose iscomplex isneginf isposinf isreal kron max mean median min nan_to_num nanargmax nanargmin nancumprod
    nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar outer percentile
    prod product ptp quantile real_if_close round round_ around sinc sometrue std sum tensordot trace trapezoid trapz
    unwrap var vdot imag real
    """
_SHAPES = """
    append array_split asfarray astype atleast_1d atleast_2d atleast_3d block broadcast_arrays broadcast_to column_stack
    concat concatenate delete diag diagflat diagonal dsplit dstack empty_like expand_dims flip fliplr flipud full_like
    hsplit hstack insert linspace geomspace logspace matrix_transpose meshgrid moveaxis ones_like pad permute_dims ravel
    repeat reshape resize roll rollaxis rot90 split squeeze stack swapaxes tile transpose tril triu trim_zeros unstack
    vander vsplit vstack zeros_like lib.stride_tricks.sliding_window_view
    """
_SEARCHING = """
    argmax argmin argpartition argsort argwhere array_equal array_equiv bincount choose compress diag_indices_from
    digitize extract flatnonzero histogram histogram2d histogram_bin_edges histogramdd in1d intersect1d isin ix_ lexsort
    may_share_memory msort nonzero packbits partition piecewise ravel_multi_index searchsorted select setdiff1d setxor1d
    shares_memory sort sort_complex take take_along_axis tril_indices_from triu_indices_from union1d unique unique_all
    unique_counts unique_inverse unique_values unpackbits unravel_index where
    """
_POLYNOMIALS = "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots"
_POLYNOMIALS_TOO = "polygrid2d polyval2d polyvalnd"
_DATES = "busday_count busday_offset datetime_as_string is_busday"
_LINALG = """
    cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matmul matrix_norm matrix_power matrix_rank
    matrix_transpose multi_dot norm outer pinv qr slogdet solve svd svdvals tensordot tensorinv tensorsolve trace vecdot
    vector_norm
    """
_FFT = """
    fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn
    """
_EMATH = "arccos arcsin arctanh log log10 log2 logn power sqrt"
_CHAR = """
    add capitalize center count decode encode endswith equal expandtabs find greater greater_equal index isalnum isalpha
    isdecimal isdigit islower isnumeric isspace istitle isupper join less less_equal ljust lower lstrip mod multiply
    not_equal partition replace rfind rindex rjust rpartition rstrip startswith str_len strip swapcase title translate
    upper zfill
    """
_STRINGS = "multiply partition rpartition"


def _below(module: str, names: str) -> list[str]:
    return [f"{module}.{name}" for name in names.split()]


LIKE = tuple(f"{_LIKE} {_LIKE_TOO}".split())
"""Functions that make arrays from plain values: NumPy asks a pointer about them by ``like=`` alone."""

FUNCTIONS = (
    *LIKE,
    *_MATHS.split(),
    *_SHAPES.split(),
    *_SEARCHING.split(),
    *_POLYNOMIALS.split(),
    *_below("polynomial.polynomial", _POLYNOMIALS_TOO),
    *_DATES.split(),
    *_below("linalg", _LINALG),
    *_below("fft", _FFT),
    *_below("emath", _EMATH),
    *_below("char", _CHAR),
    *_below("strings", _STRINGS),
)
"""Functions that run where the data is; those that a NumPy version lacks are refused by the worker."""

IN_PLACE_FUNCTIONS = {
    "copyto": "dst",
    "fill_diagonal": "a",
    "place": "arr",
    "put": "a",
    "put_along_axis": "arr",
    "putmask": "a",
}
"""Functions that change their first argument and give nothing back; its name."""

VALUES = ("allclose", "array_equal", "array_equiv", "may_share_memory", "shares_memory")
"""Functions whose one truth value comes home at once, as a Python bool."""

ABOUT = (
    "can_cast", "common_type", "einsum_path", "iscomplexobj", "isrealobj", "min_scalar_type", "ndim", "result_type",
    "shape", "size",
)  # fmt: skip
"""Functions of shape and dtype alone: answered here, after asking for those."""
