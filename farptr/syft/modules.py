"""``model.send(w)`` and its like: parameters and buffers change place, and stay the same Python objects.

So an optimiser that was made before goes on: it refers to the parameters themselves.
"""

from __future__ import annotations

import copy as copying
from collections.abc import Iterator
from typing import Any

import torch

from farptr.protocol.errors import UsageError
from farptr.syft import verbs
from farptr.syft.in_place import into_pointer
from farptr.syft.pointer_tensor import PointerTensor
from farptr.syft.verbs import Verb, question


def tensors_of(module: Any) -> Iterator[Any]:
    """Its parameters and buffers, each once."""
    yield from module.parameters()
    yield from module.buffers()


def send(self: Any, *workers: Any, **kwargs: Any) -> Any:
    """Send every parameter and buffer to a worker, in place; returns the module."""
    for tensor in tensors_of(self):
        tensor.send_(*workers, **kwargs)
    return self


def get(self: Any) -> Any:
    """Fetch every parameter and buffer, in place; returns the module."""
    for tensor in tensors_of(self):
        _pointer(tensor).get_()
    return self


def move(self: Any, worker: Any) -> Any:
    """Have every parameter and buffer moved to another worker, not by way of this process; returns the module."""
    for tensor in tensors_of(self):
        _pointer(tensor).move_(worker)
    return self


def copy(self: Any) -> Any:
    """A module like this one with parameters of its own, which are where this one's are."""
    memo: dict[int, Any] = {}
    for tensor in tensors_of(self):
        if isinstance(tensor, PointerTensor):
            is_parameter = isinstance(tensor, torch.nn.Parameter)
            new = torch.nn.Parameter(torch.empty(0)) if is_parameter else torch.empty(0)
            memo[id(tensor)] = into_pointer(new, tensor.copy()._handle)
    return copying.deepcopy(self, memo)


def location(self: Any) -> Any:
    """The worker of the parameters, None when they are here."""
    first = next(tensors_of(self), None)
    return first.location if isinstance(first, PointerTensor) else None


def _pointer(tensor: Any) -> PointerTensor:
    if not isinstance(tensor, PointerTensor):
        raise UsageError("a parameter of this module is here already", hint="model.send(worker) comes first")
    return tensor


VERBS = {function.__name__: Verb(function) for function in (send, get, move, copy)} | {"location": question(location)}


def teach() -> None:
    """Put the verbs on ``torch.nn.Module``. Again does nothing."""
    verbs.teach(torch.nn.Module, VERBS)
