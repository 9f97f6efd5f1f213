"""What an operation does to values and memory, by its name, as far as an account must know.

Laws
    Whatever is not in these tables computes new values in memory of its own.
    ``tests/unit/ledger/test_operations.py`` tries every operation that NumPy has here.
"""

from __future__ import annotations

from farptr.journal.as_is import AS_IS
from farptr.journal.lineage import PARTLY

_VIEWS = frozenset(
    """
    [] T mT real imag reshape transpose matrix_transpose permute_dims swapaxes moveaxis rollaxis squeeze expand_dims
    ravel diagonal diag view getfield newbyteorder flat base atleast_1d atleast_2d atleast_3d broadcast_to
    broadcast_arrays split array_split hsplit vsplit dsplit unstack flip fliplr flipud rot90 asarray asanyarray array
    ascontiguousarray asfortranarray asarray_chkfinite require astype nan_to_num real_if_close sliding_window_view
    as_strided meshgrid conj conjugate trim_zeros ix_ byteswap to_device iter frombuffer
    histogram histogram2d histogramdd histogram_bin_edges
    """.split()
)
"""Their results may share memory with operands, under some arguments."""
_KEEPING = frozenset(
    """
    copy flatten take positive roll sort msort partition repeat tile resize pad compress extract take_along_axis delete
    trim_zeros item max min amax amin nanmax nanmin unique unique_values
    concatenate concat stack vstack hstack dstack column_stack row_stack block append insert choose select where
    tril triu triangular diagflat bmat fromiter fftshift ifftshift vander polyadd polysub interp ediff1d
    unique_all unique_counts unique_inverse union1d intersect1d setdiff1d setxor1d
    maximum minimum fmax fmin clip median nanmedian percentile nanpercentile quantile nanquantile
    cumsum cumprod cumproduct cumulative_sum cumulative_prod nancumsum nancumprod accumulate reduceat
    """.split()
)
"""Their results have values of operands as they are: all, some, in another order, side by side, the first of a sum."""
_TEXT = ("np:char.", "np:strings.")
"""Texts are put together, not mixed."""


def keeps_values(operation: str) -> bool:
    """Whether values of operands are in the result as they are."""
    name = _short(operation)
    return name in _VIEWS or name in _KEEPING or operation.endswith(AS_IS) or operation.startswith(_TEXT)


def shares_memory(operation: str) -> bool:
    """Whether a result may be a view of an operand."""
    return _short(operation) in _VIEWS or operation.endswith(AS_IS)


def sets_part(operation: str) -> bool:
    """Whether an in-place operation puts values as they are into its first operand, or leaves some as they were."""
    return any(mark in operation for mark in "[.:")


def _short(operation: str) -> str:
    return operation.removesuffix(PARTLY).rpartition(":")[2].strip("=").rpartition(".")[2]
