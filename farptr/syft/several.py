"""``combine_pointers`` for pointer tensors."""

from __future__ import annotations

from typing import Any

from farptr.client.combine import combine_pointers as combined
from farptr.syft.pointer_tensor import PointerTensor, made


def combine_pointers(*pointers: Any) -> Any:
    """One MultiPointerTensor of pointers, in this order; it holds second handles of what they point at."""
    flat = [p for part in pointers for p in (part if isinstance(part, list | tuple) else [part])]
    return made(combined([p._plain("combine_pointers").clone() if isinstance(p, PointerTensor) else p for p in flat]))
