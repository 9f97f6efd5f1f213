"""How many results an operation of torch has: from the call, and where the call does not say it, from shapes.

Law
    Never from a cache by name, and never from values. A worker refuses an operation that gives another number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from farptr.protocol.torch_names import last_of
from farptr.syft.facts import facts_of, without_values

Arguments = Sequence[Any]
Keywords = dict[str, Any]
Arity = int | Callable[[Arguments, Keywords], int]


def _if_dim(args: Arguments, kwargs: Keywords) -> int:
    """max, min and median: two along a dimension, one of all elements or of two tensors."""
    along = "dim" in kwargs or (len(args) > 1 and isinstance(args[1], int | str))
    return 2 if along else 1


def _operands(args: Arguments, kwargs: Keywords) -> int:
    return len(args[0]) if len(args) == 1 and isinstance(args[0], list | tuple) else len(args)


def _inputs(args: Arguments, kwargs: Keywords) -> int:
    inputs = kwargs.get("inputs", args[1] if len(args) > 1 else ())
    return len(inputs) if isinstance(inputs, list | tuple) else 1


def _flags(*names: str, first: int) -> Callable[[Arguments, Keywords], int]:
    """One more for each flag that is set; ``first`` is the place of the first one."""

    def count(args: Arguments, kwargs: Keywords) -> int:
        given = dict(zip(names, args[first:], strict=False)) | kwargs
        return 1 + sum(bool(given.get(name)) for name in names)

    return count


def _svd(args: Arguments, kwargs: Keywords) -> int:
    return 3


MANY: dict[str, Arity] = (
    dict.fromkeys(("max", "min", "median", "nanmedian"), _if_dim)
    | dict.fromkeys(
        """
        mode kthvalue cummax cummin aminmax sort msort_values topk slogdet eig eigh qr inv_ex cholesky_ex lu_factor
        frexp std_mean var_mean geqrf triangular_solve histogram max_pool1d_with_indices max_pool2d_with_indices
        max_pool3d_with_indices adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices
        adaptive_max_pool3d_with_indices
        """.split(),
        2,
    )
    | dict.fromkeys(("svd", "lu"), _svd)
    | dict.fromkeys(("meshgrid", "broadcast_tensors"), _operands)
    | dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _flags("return_indices", first=6))
    | {
        "lstsq": 4,
        "unique": _flags("return_inverse", "return_counts", first=2),
        "unique_consecutive": _flags("return_inverse", "return_counts", first=1),
    }
)
"""Names (their last part) with another number of results than one."""

BY_SHAPE = frozenset(
    """
    split chunk unbind tensor_split hsplit vsplit dsplit split_with_sizes unsafe_split unsafe_chunk
    unsafe_split_with_sizes
    """.split()
)
"""The number follows from the operand's shape: it is asked for."""


def count_of(name: str, func: Any, args: Arguments, kwargs: Keywords) -> tuple[int, bool]:
    """(number of results, whether they are a tuple even if there is one); ``args`` are as for the worker. May ask."""
    last = last_of(name)
    if name == "torch.autograd.grad":
        return _inputs(args, kwargs), True
    if last in BY_SHAPE:
        found = func(without_values(facts_of(args[0])), *args[1:], **kwargs)
        return len(found), True
    if last == "nonzero" and kwargs.get("as_tuple"):
        return len(facts_of(args[0]).shape), True
    if last == "where" and len(args) == 1 and not kwargs:
        return len(facts_of(args[0]).shape), True
    if last == "gradient":
        return _gradient(args, kwargs), True
    arity = MANY.get(last, 1)
    count = arity if isinstance(arity, int) else arity(args, kwargs)
    return count, last in ("meshgrid", "broadcast_tensors")


def _gradient(args: Arguments, kwargs: Keywords) -> int:
    dim = kwargs.get("dim")
    if dim is None:
        return len(facts_of(args[0]).shape)
    return len(dim) if isinstance(dim, list | tuple) else 1


def as_torch_gives(name: str, results: tuple[Any, ...]) -> Any:
    """Several results, with the names that torch gives them (``.values``, ``.indices``)."""
    prefix = "linalg_" if ".linalg." in name else ""
    kind = getattr(torch.return_types, prefix + last_of(name), None)
    if kind is None or getattr(kind, "n_fields", 0) != len(results):
        return results
    return kind(results)
