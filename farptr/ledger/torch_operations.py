"""What an operation of torch does to values, by its name, as far as an account must know.

Laws
    What is called on the way to an aggregate (``add``, ``mean``, ``matmul``) keeps no values.
    An in-place operation leaves values as they were, unless it is known that it computes all of them.
"""

from __future__ import annotations

from farptr.ledger.operations import keeps_values
from farptr.protocol.torch_names import KERNELS, NO_GRAD

_KEEPING = frozenset(
    """
    __getitem__ __get__ data cat narrow narrow_copy select slice index index_select masked_select gather clone detach
    alias view_as reshape_as expand_as expand t H permute chunk tensor_split unbind unfold contiguous movedim
    swapdims unsqueeze unflatten repeat_interleave topk kthvalue mode aminmax cummax cummin cartesian_prod
    combinations block_diag diag_embed to type type_as float double half bfloat16 int long cpu _to_copy _unsafe_view
    view_copy scatter select_scatter slice_scatter diagonal_scatter index_copy index_put index_fill masked_fill
    masked_scatter clamp clamp_min clamp_max msort constant_pad_nd embedding max_pool1d max_pool2d max_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d as_tensor tensor logcumsumexp
    """.split()
)
_COMPUTING = frozenset(
    """
    add_ sub_ mul_ div_ true_divide_ pow_ addcmul_ addcdiv_ lerp_ zero_ normal_ uniform_
    __iadd__ __isub__ __imul__ __itruediv__
    """.split()
)
"""They leave no element of their first operand as it was, nor take one of others."""


def keeps_values_of_torch(operation: str) -> bool:
    """Whether values of operands are in the result as they are."""
    name = _word(operation)
    return name in _KEEPING or keeps_values(name)


def changes_all_of_torch(operation: str) -> bool:
    """Whether an in-place operation computes every element of its first operand."""
    return _word(operation) in _COMPUTING


def _word(operation: str) -> str:
    """``add`` of ``aten.add.Tensor`` and of ``no_grad:torch.Tensor.add``."""
    name = operation.removeprefix(NO_GRAD)
    return name.split(".")[1] if name.startswith(KERNELS) else name.rpartition(".")[2]
