"""Python's operators on pointer tensors.

torch's own way to them takes a TypeError for "try the other operand", and would run a command that failed once more.
The common case (data that two handles own, or one and a number) goes by the shortest way (``client.quick``).
"""

from __future__ import annotations

from typing import Any

import torch

from farptr.client.pointer import Pointer, make
from farptr.protocol.torch_names import NO_GRAD, OPERATORS
from farptr.protocol.values import LITERAL
from farptr.syft import commands
from farptr.syft.pointer_tensor import PointerTensor, made


def _quick(function: Any) -> Any:
    """An operator of two operands that makes one new tensor."""
    name = commands.name_of(function)
    unrecorded = NO_GRAD + name
    recording = torch.is_grad_enabled

    def run(self: Any, other: Any) -> Any:
        handle, kind = self._handle, type(other)
        if type(handle) is Pointer and handle._owns and not self._attr:
            node = there = handle._node
            args: Any = None
            if kind is PointerTensor:
                second = other._handle
                if type(second) is Pointer and second._owns and not other._attr:
                    there = second._node
                    if there.worker == node.worker and second._session is handle._session and not there.fault:
                        args = (node.name, there.name)
            elif kind is float or kind is int:
                args = (node.name, (LITERAL, other))
            if args is not None and not node.fault:
                session = handle._session
                found = session.operate(name if recording() else unrecorded, args, node, there, True)
                if found is not None:
                    pointer = make(session, found)
                    if session.sync_mode:
                        session.settle_if_sync([pointer])
                    return made(pointer)
        if other is None or kind is str:
            return NotImplemented  # Python then says what it says of a tensor and None
        return commands.run(function, (self, other), {})

    return run


def _plain(function: Any) -> Any:
    return lambda *args: commands.run(function, args, {})


def _reflected(function: Any) -> Any:
    def run(self: Any, other: Any) -> Any:
        if isinstance(other, torch.Tensor) and not isinstance(other, PointerTensor):
            commands.Arguments((other, self), {})  # raises, in the order in which they stood
        return commands.run(function, (self, other), {})

    return run


_QUICK = frozenset(f"__{name}__" for name in "add sub mul truediv matmul pow eq ne lt le gt ge".split())


def teach() -> None:
    """Put the operators on ``PointerTensor``."""
    for name in OPERATORS - {"__get__", "__set__"}:
        function = getattr(torch.Tensor, name, None)
        if function is not None:
            way = _reflected if name.startswith("__r") else _quick if name in _QUICK else _plain
            setattr(PointerTensor, name, way(function))
