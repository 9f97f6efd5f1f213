"""Tensors of torch inside of other values: in a dict, in what a function is given or returns.

Laws
    One travels as a record with the fields of ``marked.Marked`` and a name that no dataclass has:
    ``marked_in(record_of(t))`` is ``torch_bytes.marked(t)``. Nothing of torch is pickled; it is imported by need.
    Who stores or hands out a value puts tensors in the place of such records (``maker``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from farptr.protocol.errors import ProtocolError
from farptr.protocol.marked import CARRIERS, Marked
from farptr.protocol.records import Record, fields_of

NAME = "torch.Tensor"
_MARK, _ARRAY, _REQUIRES_GRAD, _GRAD = Marked._fields


def is_tensor(value: Any) -> bool:
    """Whether it is one, and no pointer to one."""
    torch = sys.modules.get("torch")
    return torch is not None and type(value) in (torch.Tensor, torch.nn.Parameter)


def record_of(tensor: Any) -> Record:
    """What stands for a tensor; raises UnsupportedValue for one that cannot travel."""
    from farptr.protocol.torch_bytes import marked

    return Record(NAME, marked(tensor)._asdict())


def is_record(value: Any) -> bool:
    """Whether it stands for a tensor."""
    return type(value) is Record and value._name == NAME


def marked_in(record: Record) -> Marked:
    """The tensor that a record stands for; raises ProtocolError."""
    fields = fields_of(record)
    if fields.keys() != set(Marked._fields):
        raise ProtocolError("a malformed tensor in a value")
    found = Marked(**fields)
    carrier = CARRIERS.get(found.mark) if type(found.mark) is str else None
    arrays = [found.array] if found.grad is None else [found.array, found.grad]
    fits = all(isinstance(array, np.ndarray) and array.dtype.str == carrier for array in arrays)
    if not fits or type(found.requires_grad) is not bool or len({array.shape for array in arrays}) != 1:
        raise ProtocolError("a malformed tensor in a value")
    return found


def maker(tensor: Callable[[Marked], Any]) -> dict[str, Callable[[Record], Any]]:
    """For ``records.replaced``: tensors in place of what stands for them."""
    return {NAME: lambda record: tensor(marked_in(record))}
