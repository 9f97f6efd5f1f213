"""Between torch's tensors and what stands for them on the way (``marked``). The one module below the faces that needs
torch; whoever meets a tensor imports it then.
"""

from __future__ import annotations

from typing import Any

import torch

from farptr.protocol.errors import ProtocolError, UnsupportedValue
from farptr.protocol.marked import CARRIERS, Marked

DTYPES = {name: getattr(torch, name) for name in CARRIERS if hasattr(torch, name)}
_MARKS = {dtype: name for name, dtype in DTYPES.items()}
_VIEWED = {"bfloat16"}
"""Dtypes that NumPy lacks: their bits travel as whole numbers."""


def marked(tensor: Any) -> Marked:
    """What stands for a tensor: its memory, shared where it can be, and its gradient, if it has one here.

    Raises UnsupportedValue for what has no plain bytes: sparse and quantized tensors, other dtypes than the table's.
    """
    mark = mark_of(tensor)
    grad = tensor.grad if tensor.is_leaf and tensor.requires_grad else None
    carried = None if grad is None else _carrier(grad, mark_of(grad))
    return Marked(mark, _carrier(tensor, mark), bool(tensor.requires_grad), carried)


def mark_of(tensor: Any) -> str:
    """The name of its dtype; raises UnsupportedValue."""
    mark = _MARKS.get(tensor.dtype)
    dense = tensor.layout == torch.strided and not (tensor.is_quantized or tensor.is_nested or tensor.is_meta)
    if mark is None or not dense:
        kind = "nested" if tensor.is_nested else "on the meta device" if tensor.is_meta else tensor.layout
        raise UnsupportedValue(
            f"a tensor of {tensor.dtype}, {kind}, cannot travel",
            hint="dense tensors of torch's usual dtypes do: to_dense(), dequantize(), float()",
        )
    return mark


def _carrier(tensor: Any, mark: str) -> Any:
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    return (plain.contiguous().view(torch.int16).numpy().view("<u2")) if mark in _VIEWED else plain.numpy()


def tensor_of(value: Marked) -> Any:
    """The tensor that was marked, with memory of its own; raises ProtocolError."""
    try:
        tensor = _plain(value.array, value.mark)
        if value.requires_grad:
            tensor.requires_grad_()
        if value.grad is not None:
            tensor.grad = _plain(value.grad, value.mark)
        return tensor
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ProtocolError(f"a malformed tensor: {error}") from None


def _plain(array: Any, mark: str) -> Any:
    if mark in _VIEWED:
        return torch.from_numpy(array.view("<i2")).view(DTYPES[mark])
    return torch.from_numpy(array)
