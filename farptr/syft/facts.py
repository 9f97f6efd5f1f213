"""What is asked of a tensor and answered without its values: shape, dtype, where its graph is.

Law
    An answer is about the data. It is worked out from what the worker told, on a tensor of torch's meta device, which
    has everything but values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from farptr.protocol.errors import UnsupportedOperation
from farptr.protocol.torch_names import FACTS


class Facts(NamedTuple):
    """The answer to ``facts``."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str
    layout: str
    device: str
    requires_grad: bool
    is_leaf: bool
    has_grad: bool


def facts_of(handle: Any) -> Facts:
    """What the worker at the far end tells of the data. Waits."""
    return Facts(*handle._ask(FACTS))


def without_values(facts: Facts) -> Any:
    """A tensor of the meta device that is like the data."""
    dtype = getattr(torch, facts.dtype)
    if facts.layout != "strided":
        return torch.empty(facts.shape, dtype=dtype, device="meta", layout=getattr(torch, facts.layout))
    return torch.empty_strided(facts.shape, facts.stride, dtype=dtype, device="meta")


_METHODS = """
    size dim ndimension numel nelement stride is_contiguous element_size is_floating_point is_complex is_signed
    is_same_size __len__
    """.split()
_PROPERTIES = """
    shape ndim dtype layout itemsize nbytes is_sparse is_sparse_csr is_quantized is_nested is_mkldnn
    """.split()
_FUNCTIONS = "numel is_floating_point is_complex is_same_size is_signed result_type".split()

BY_SHAPE = frozenset(
    [f"torch.Tensor.{name}" for name in _METHODS]
    + [f"torch.Tensor.{name}.__get__" for name in _PROPERTIES]
    + [f"torch.{name}" for name in _FUNCTIONS]
)
"""Questions that the meta device answers."""

_ELSEWHERE = "cuda xpu ipu mps mtia xla vulkan maia meta".split()


def _grad_fn(facts: Facts) -> Any:
    if facts.is_leaf:
        return None
    raise UnsupportedOperation("the graph is on the worker", hint="y.backward() runs there")


TOLD: dict[str, Callable[[Facts], Any]] = {
    "torch.Tensor.device.__get__": lambda facts: torch.device(facts.device),
    "torch.Tensor.requires_grad.__get__": lambda facts: facts.requires_grad,
    "torch.Tensor.is_leaf.__get__": lambda facts: facts.is_leaf,
    "torch.Tensor.grad_fn.__get__": _grad_fn,
    "torch.Tensor.is_cpu.__get__": lambda facts: facts.device == "cpu",
    "torch.Tensor.get_device": lambda facts: -1,
    **{f"torch.Tensor.is_{name}.__get__": lambda facts: False for name in _ELSEWHERE},
}
"""Questions that the worker's answer holds."""
