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


def _flags(*names: str, first: int, least: int = 1) -> Callable[[Arguments, Keywords], int]:
    """One more than ``least`` for each flag that is set; ``first`` is the place of the first one."""

    def count(args: Arguments, kwargs: Keywords) -> int:
        given = dict(zip(names, args[first:], strict=False)) | kwargs
        return least + sum(bool(given.get(name)) for name in names)

    return count


def _size(args: Arguments, kwargs: Keywords) -> int:
    shape = kwargs.get("shape", args[1] if len(args) > 1 else ())
    return len(shape) if isinstance(shape, list | tuple | torch.Size) else 1


def _several(args: Arguments, kwargs: Keywords) -> int:
    """As many as tensors, when they are not in a list; of one, one."""
    return _operands(args, kwargs)


def _attention(args: Arguments, kwargs: Keywords) -> int:
    """The weights come beside the result if they are wanted."""
    place = 15
    wanted = kwargs.get("need_weights", args[place] if len(args) > place else True)
    return 1 + bool(wanted)


MANY: dict[str, Arity] = (
    dict.fromkeys(("max", "min", "median", "nanmedian"), _if_dim)
    | dict.fromkeys(
        """
        mode kthvalue cummax cummin aminmax sort msort_values topk slogdet eig eigh qr inv_ex cholesky_ex lu_factor
        frexp std_mean var_mean geqrf triangular_solve histogram max_pool1d_with_indices max_pool2d_with_indices
        max_pool3d_with_indices adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices
        adaptive_max_pool3d_with_indices ldl_factor lobpcg solve_ex gru rnn_relu rnn_tanh lstm_cell
        """.split(),
        2,
    )
    | dict.fromkeys("svd svd_lowrank pca_lowrank ldl_factor_ex lu_factor_ex lstm".split(), 3)
    | dict.fromkeys(("atleast_1d", "atleast_2d", "atleast_3d"), _several)
    | dict.fromkeys(("meshgrid", "broadcast_tensors"), _operands)
    | dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _flags("return_indices", first=6))
    | {
        "lstsq": 4,
        "lu": _flags("get_infos", first=2, least=2),
        "multi_head_attention_forward": _attention,
        "unravel_index": _size,
        "unique": _flags("return_inverse", "return_counts", first=2),
        "unique_consecutive": _flags("return_inverse", "return_counts", first=1),
    }
)
"""Names (their last part) with another number of results than one."""

BY_NAME = {"torch.linalg.lu": 3, "torch.adaptive_max_pool1d": 2}
"""Those whose last part means something else elsewhere."""

BY_SHAPE = frozenset(
    """
    split chunk unbind tensor_split hsplit vsplit dsplit split_with_sizes unsafe_split unsafe_chunk
    unsafe_split_with_sizes split_copy split_with_sizes_copy unbind_copy
    """.split()
)
"""The number follows from the operand's shape: it is asked for."""


def count_of(name: str, func: Any, args: Arguments, kwargs: Keywords) -> tuple[int, bool]:
    """(number of results, whether they are a tuple even if there is one); ``args`` are as for the worker. May ask."""
    last = last_of(name)
    if name in BY_NAME:
        return BY_NAME[name], True
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
    return count, last in ("meshgrid", "broadcast_tensors", "unravel_index") or last in _PAIRS


def _gradient(args: Arguments, kwargs: Keywords) -> int:
    dim = kwargs.get("dim")
    if dim is None:
        return len(facts_of(args[0]).shape)
    return len(dim) if isinstance(dim, list | tuple) else 1


_PAIRS = frozenset({"multi_head_attention_forward"})
"""What gives two things always: the second may be None."""


def as_torch_gives(name: str, results: tuple[Any, ...]) -> Any:
    """Several results, with the names that torch gives them (``.values``, ``.indices``)."""
    if last_of(name) in _PAIRS:
        return (*results, *[None] * (2 - len(results)))
    prefix = "linalg_" if ".linalg." in name else ""
    kind = getattr(torch.return_types, prefix + last_of(name), None)
    if kind is None or getattr(kind, "n_fields", 0) != len(results):
        return results
    return kind(results)
