"""What local tensors get: one attribute for each verb on ``torch.Tensor``, and nothing else of torch is touched."""

from __future__ import annotations

from typing import Any

import torch

from farptr.client import tensor as tensors
from farptr.client import torch_home
from farptr.syft import verbs
from farptr.syft.in_place import into_pointer
from farptr.syft.pointer_tensor import made
from farptr.syft.verbs import Verb, question


def send(self: Any, *workers: Any, garbage_collect_data: bool = True) -> Any:
    """Put this tensor's value on a worker, under this tensor's id; returns a pointer that owns it there.

    The local tensor stays as it is. With several workers each gets the value, and a MultiPointerTensor comes back.
    """
    if len(workers) == 1 and getattr(workers[0], "name", None) == "me":
        return self
    return made(tensors.place_at(self, workers, garbage_collect_data=garbage_collect_data))


def send_(self: Any, *workers: Any, garbage_collect_data: bool = True) -> Any:
    """``send``, and this object itself becomes the pointer: what refers to it, an optimiser too, goes on."""
    return into_pointer(self, tensors.place_at(self, workers, garbage_collect_data=garbage_collect_data))


def tag(self: Any, *tags: str) -> Any:
    """Add tags, by which ``worker.search`` finds it once it is sent; returns the tensor."""
    old, words = torch_home.about_of(self)
    torch_home.tell_about(self, tuple(dict.fromkeys((*old, *tensors.checked_tags(tags)))), words)
    return self


def describe(self: Any, text: str) -> Any:
    """Say what it is; returns the tensor."""
    torch_home.tell_about(self, torch_home.about_of(self)[0], tensors.checked_text(text))
    return self


def known_id(self: Any) -> int | None:
    """The id under which it was sent or fetched, None before that."""
    return torch_home.id_of(self)


def known_tags(self: Any) -> tuple[str, ...]:
    """Its tags."""
    return torch_home.about_of(self)[0]


def known_description(self: Any) -> str:
    """What ``describe`` said."""
    return torch_home.about_of(self)[1]


VERBS = {function.__name__: Verb(function) for function in (send, send_, tag, describe)} | {
    "id": question(known_id),
    "tags": question(known_tags),
    "description": question(known_description),
}


def teach() -> None:
    """Put the verbs on ``torch.Tensor``. Again does nothing."""
    verbs.teach(torch.Tensor, VERBS)
