"""What ``help``, ``inspect.signature`` and type checkers are told of a pointer's methods, which are made from tables.

Nothing here runs: ``numpy_face`` makes the methods and takes signatures and docstrings from here. A test holds the two,
and the parameters' names against NumPy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

from farptr.client.calling import Operand

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    DType = DTypeLike | None

Axis = SupportsIndex | Sequence[int] | None
NO: Any = ...
"""An argument that is not given."""


class Declared(Operand):
    """Methods, operators and views of an ndarray. Each runs where the data is and returns a pointer to the result."""

    __slots__ = ()

    def all(self, axis: Axis = None, out: Self | None = None, keepdims: bool = False, *, where: Any = True) -> Self:
        """Whether all elements along an axis are true, where the data is; a pointer to the result."""
        raise NotImplementedError

    def any(self, axis: Axis = None, out: Self | None = None, keepdims: bool = False, *, where: Any = True) -> Self:
        """Whether any element along an axis is true, where the data is; a pointer to the result."""
        raise NotImplementedError

    def argmax(self, axis: Any = None, out: Self | None = None, *, keepdims: bool = False) -> Self:
        """Indices of the largest elements along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def argmin(self, axis: Any = None, out: Self | None = None, *, keepdims: bool = False) -> Self:
        """Indices of the smallest elements along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def argpartition(self, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Self:
        """Indices that would partition the data, where the data is; a pointer to the result."""
        raise NotImplementedError

    def argsort(
        self, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = None
    ) -> Self:
        """Indices that would sort the data, where the data is; a pointer to the result."""
        raise NotImplementedError

    def astype(
        self, dtype: DType, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Self:
        """A copy of another dtype, where the data is; a pointer to the result."""
        raise NotImplementedError

    def byteswap(self, inplace: bool = False) -> Self:
        """The bytes of each element in the other order, where the data is; a pointer to the result."""
        raise NotImplementedError

    def choose(self, choices: Any, out: Self | None = None, mode: str = "raise") -> Self:
        """Elements of several choices, picked by these integers, where the data is; a pointer to the result."""
        raise NotImplementedError

    def clip(self, min: Any = None, max: Any = None, out: Self | None = None, **kwargs: Any) -> Self:  # noqa: A002
        """The data kept within bounds, where the data is; a pointer to the result."""
        raise NotImplementedError

    def compress(self, condition: Any, axis: Any = None, out: Self | None = None) -> Self:
        """Slices along an axis where a condition holds, where the data is; a pointer to the result."""
        raise NotImplementedError

    def conj(self) -> Self:
        """The complex conjugate, where the data is; a pointer to the result."""
        raise NotImplementedError

    def conjugate(self) -> Self:
        """The complex conjugate, where the data is; a pointer to the result."""
        raise NotImplementedError

    def copy(self, order: str = "C") -> Self:
        """A copy, at the same worker, where the data is; a pointer to the result."""
        raise NotImplementedError

    def cumprod(self, axis: Any = None, dtype: DType = None, out: Self | None = None) -> Self:
        """Products of the elements up to each, along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def cumsum(self, axis: Any = None, dtype: DType = None, out: Self | None = None) -> Self:
        """Sums of the elements up to each, along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def diagonal(self, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Self:
        """A view of a diagonal, where the data is; a pointer to the result."""
        raise NotImplementedError

    def dot(self, b: Any, out: Self | None = None) -> Self:
        """The dot product with another array, where the data is; a pointer to the result."""
        raise NotImplementedError

    def flatten(self, order: str = "C") -> Self:
        """A copy with one dimension, where the data is; a pointer to the result."""
        raise NotImplementedError

    def getfield(self, dtype: DType, offset: Any = 0) -> Self:
        """A view of the bytes from an offset on, as another dtype, where the data is; a pointer to the result."""
        raise NotImplementedError

    def max(
        self, axis: Axis = None, out: Self | None = None, keepdims: bool = False, initial: Any = NO, where: Any = NO
    ) -> Self:
        """The largest elements along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def mean(
        self,
        axis: Axis = None,
        dtype: DType = None,
        out: Self | None = None,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> Self:
        """Means along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def min(
        self, axis: Axis = None, out: Self | None = None, keepdims: bool = False, initial: Any = NO, where: Any = NO
    ) -> Self:
        """The smallest elements along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def prod(
        self,
        axis: Axis = None,
        dtype: DType = None,
        out: Self | None = None,
        keepdims: bool = False,
        initial: Any = NO,
        where: Any = NO,
    ) -> Self:
        """Products along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def ravel(self, order: str = "C") -> Self:
        """A view with one dimension, or a copy where no view can be, where the data is; a pointer to the result."""
        raise NotImplementedError

    def repeat(self, repeats: Any, axis: Any = None) -> Self:
        """Each element several times, where the data is; a pointer to the result."""
        raise NotImplementedError

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Self:
        """The data in another shape, a view where there can be one, where the data is; a pointer to the result."""
        raise NotImplementedError

    def round(self, decimals: Any = 0, out: Self | None = None) -> Self:
        """The data rounded to decimals, where the data is; a pointer to the result."""
        raise NotImplementedError

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Self:
        """Where elements would have to be inserted to keep the order, where the data is; a pointer to the result."""
        raise NotImplementedError

    def squeeze(self, axis: Axis = None) -> Self:
        """A view without dimensions of length one, where the data is; a pointer to the result."""
        raise NotImplementedError

    def std(
        self,
        axis: Axis = None,
        dtype: DType = None,
        out: Self | None = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
        mean: Any = NO,
        correction: Any = NO,
    ) -> Self:
        """Standard deviations along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def sum(
        self,
        axis: Axis = None,
        dtype: DType = None,
        out: Self | None = None,
        keepdims: bool = False,
        initial: Any = NO,
        where: Any = NO,
    ) -> Self:
        """Sums along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def swapaxes(self, axis1: Any, axis2: Any, /) -> Self:
        """A view with two dimensions in each other's place, where the data is; a pointer to the result."""
        raise NotImplementedError

    def take(self, indices: Any, axis: Any = None, out: Self | None = None, mode: str = "raise") -> Self:
        """Elements by their indices along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def trace(
        self, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: DType = None, out: Self | None = None
    ) -> Self:
        """The sum along a diagonal, where the data is; a pointer to the result."""
        raise NotImplementedError

    def transpose(self, *axes: Any) -> Self:
        """A view with the dimensions in another order, where the data is; a pointer to the result."""
        raise NotImplementedError

    def var(
        self,
        axis: Axis = None,
        dtype: DType = None,
        out: Self | None = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
        mean: Any = NO,
        correction: Any = NO,
    ) -> Self:
        """Variances along an axis, where the data is; a pointer to the result."""
        raise NotImplementedError

    def view(self, dtype: Any = NO, type: Any = NO) -> Self:  # noqa: A002
        """A view of the bytes as another dtype, where the data is; a pointer to the result."""
        raise NotImplementedError

    def nonzero(self) -> tuple[Self, ...]:
        """Indices of what is not zero, where the data is: a pointer for each dimension. Asks for their number."""
        raise NotImplementedError

    def fill(self, value: Any) -> None:
        """Put one value everywhere, in place, where the data is."""
        raise NotImplementedError

    def partition(self, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> None:
        """Partition the data in place, where the data is."""
        raise NotImplementedError

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Put values at flat indices, in place, where the data is."""
        raise NotImplementedError

    def setfield(self, val: Any, dtype: DType, offset: Any = 0) -> None:
        """Put a value into part of each element's bytes, in place, where the data is."""
        raise NotImplementedError

    def sort(
        self, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = None
    ) -> None:
        """Sort the data in place, where the data is."""
        raise NotImplementedError

    if TYPE_CHECKING:

        @property
        def T(self) -> Self:  # noqa: N802
            """The data transposed: a pointer to a view."""

        @property
        def mT(self) -> Self:  # noqa: N802
            """Its matrices transposed: a pointer to a view."""

        @property
        def real(self) -> Self:
            """The real part: a pointer to a view."""

        @real.setter
        def real(self, value: Any) -> None: ...

        @property
        def imag(self) -> Self:
            """The imaginary part: a pointer to a view."""

        @imag.setter
        def imag(self, value: Any) -> None: ...
        def __add__(self, other: Any) -> Self: ...
        def __radd__(self, other: Any) -> Self: ...
        def __iadd__(self, other: Any) -> Self: ...
        def __sub__(self, other: Any) -> Self: ...
        def __rsub__(self, other: Any) -> Self: ...
        def __isub__(self, other: Any) -> Self: ...
        def __mul__(self, other: Any) -> Self: ...
        def __rmul__(self, other: Any) -> Self: ...
        def __imul__(self, other: Any) -> Self: ...
        def __truediv__(self, other: Any) -> Self: ...
        def __rtruediv__(self, other: Any) -> Self: ...
        def __itruediv__(self, other: Any) -> Self: ...
        def __floordiv__(self, other: Any) -> Self: ...
        def __rfloordiv__(self, other: Any) -> Self: ...
        def __ifloordiv__(self, other: Any) -> Self: ...
        def __mod__(self, other: Any) -> Self: ...
        def __rmod__(self, other: Any) -> Self: ...
        def __imod__(self, other: Any) -> Self: ...
        def __pow__(self, other: Any) -> Self: ...
        def __rpow__(self, other: Any) -> Self: ...
        def __ipow__(self, other: Any) -> Self: ...
        def __matmul__(self, other: Any) -> Self: ...
        def __rmatmul__(self, other: Any) -> Self: ...
        def __imatmul__(self, other: Any) -> Self: ...
        def __and__(self, other: Any) -> Self: ...
        def __rand__(self, other: Any) -> Self: ...
        def __iand__(self, other: Any) -> Self: ...
        def __or__(self, other: Any) -> Self: ...
        def __ror__(self, other: Any) -> Self: ...
        def __ior__(self, other: Any) -> Self: ...
        def __xor__(self, other: Any) -> Self: ...
        def __rxor__(self, other: Any) -> Self: ...
        def __ixor__(self, other: Any) -> Self: ...
        def __lshift__(self, other: Any) -> Self: ...
        def __rlshift__(self, other: Any) -> Self: ...
        def __ilshift__(self, other: Any) -> Self: ...
        def __rshift__(self, other: Any) -> Self: ...
        def __rrshift__(self, other: Any) -> Self: ...
        def __irshift__(self, other: Any) -> Self: ...
        def __divmod__(self, other: Any) -> tuple[Self, Self]: ...
        def __rdivmod__(self, other: Any) -> tuple[Self, Self]: ...
        def __eq__(self, other: object) -> Self: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Self: ...  # type: ignore[override]
        def __lt__(self, other: Any) -> Self: ...
        def __le__(self, other: Any) -> Self: ...
        def __gt__(self, other: Any) -> Self: ...
        def __ge__(self, other: Any) -> Self: ...
        def __neg__(self) -> Self: ...
        def __pos__(self) -> Self: ...
        def __abs__(self) -> Self: ...
        def __invert__(self) -> Self: ...
