"""A Python object that is a local tensor becomes a pointer, and a tensor again (``send_``, ``get_``).

Law
    Whoever refers to the object finds it changed: parameters of modules, and what optimisers hold.
"""

from __future__ import annotations

from typing import Any

import torch

from farptr.client import torch_home
from farptr.client.multi import MultiPointer
from farptr.syft.pointer_tensor import MultiPointerTensor, PointerTensor, made


def into_pointer(tensor: Any, handle: Any) -> Any:
    """The same Python object as a pointer: its data has gone to a worker."""
    with torch.no_grad():
        tensor.grad = None
        tensor.data = torch.empty(0, dtype=tensor.dtype)
    home = made(handle)
    # What torch lets nobody override asks what a tensor is made of: from now on this is made as pointers are.
    torch._C._swap_tensor_impl(tensor, home)
    home.__dict__.clear()
    tensor._was, tensor._home = type(tensor), home
    tensor._is_param = isinstance(tensor, torch.nn.Parameter)
    tensor._handle, tensor._attr = handle, ""
    tensor.__class__ = MultiPointerTensor if isinstance(handle, MultiPointer) else PointerTensor
    return tensor


def into_tensor(pointer: Any, value: Any) -> Any:
    """The same Python object as a local tensor with that value."""
    handle = pointer._handle
    if "_was" in pointer.__dict__:
        _back(pointer, value)
    else:  # it never was anything else: it changes what it is made of with another tensor
        torch.utils.swap_tensors(pointer, _twin(value))
    torch_home.remember(pointer, handle._session, torch_home.id_of(value) or 0, torch_home.about_of(value))
    return pointer


def _back(pointer: Any, value: Any) -> None:
    pointer.__class__ = pointer.__dict__.pop("_was")
    torch._C._swap_tensor_impl(pointer, pointer.__dict__.pop("_home"))
    for name in ("_handle", "_attr", "_is_param"):
        pointer.__dict__.pop(name, None)
    with torch.no_grad():
        pointer.data = value.data
    if pointer.is_leaf:
        pointer.requires_grad_(value.requires_grad)
        pointer.grad = value.grad


def _twin(value: Any) -> Any:
    """Another tensor object of the same memory."""
    twin = value.detach().requires_grad_(value.requires_grad)
    twin.grad = value.grad
    return twin
