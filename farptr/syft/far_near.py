"""``far`` puts tensors and modules on a worker, ``near`` fetches them: see ``far_tensor``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from farptr.protocol.errors import UsageError
from farptr.syft.facts import facts_of, without_values
from farptr.syft.far_shapes import spec_of
from farptr.syft.far_tensor import FarTensor, wrapped
from farptr.syft.pointer_tensor import PointerTensor


def far(what: Any, worker: Any) -> Any:
    """A tensor, or a module's parameters and buffers, on a worker.

    Args:
        what: a tensor, which stays as it is: a FarTensor comes back; a pointer tensor to data; or a module, which
            gets parameters of its own there (make its optimiser afterwards) and is returned.
        worker: where to.
    """
    if isinstance(what, torch.nn.Module):
        return _replace(what, lambda tensor: far(tensor, worker))
    return _far_tensor(what, worker)


def _replace(module: Any, other: Callable[[Any], Any]) -> Any:
    """Give a module other parameters and buffers; what it has under several names it has again so."""
    done: dict[int, Any] = {}
    for part, store, name, tensor in _members(module):
        if id(tensor) not in done:
            new = other(tensor)
            done[id(tensor)] = torch.nn.Parameter(new, tensor.requires_grad) if store is part._parameters else new
        store[name] = done[id(tensor)]
    return module


def _far_tensor(tensor: Any, worker: Any) -> Any:
    if isinstance(tensor, PointerTensor):
        handle = tensor._plain("far").clone()
        return wrapped(handle, spec_of(without_values(facts_of(handle))))
    plain = tensor.detach().contiguous()
    pointer = plain.send(worker)
    return wrapped(pointer._handle, spec_of(plain), requires_grad=tensor.requires_grad)


def near(what: Any) -> Any:
    """The values of a far tensor, as a local one; of a module its parameters and buffers, which it gets back.

    The worker keeps them for as long as something refers to them.
    """
    if isinstance(what, torch.nn.Module):
        return _replace(what, near)
    if not isinstance(what, FarTensor):
        raise UsageError(f"a {type(what).__name__} is no far tensor", hint="far(tensor, worker) gives one")
    value = what._handle.get_copy(all=True)
    return value.detach().requires_grad_(what.requires_grad) if what.is_leaf else value.detach()


def _members(module: Any) -> list[tuple[Any, Any, str, Any]]:
    """(module, dictionary, name, tensor) of every parameter and buffer below it."""
    return [
        (part, store, name, tensor)
        for part in module.modules()
        for store in (part._parameters, part._buffers)
        for name, tensor in store.items()
        if tensor is not None
    ]
