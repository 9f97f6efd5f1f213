"""``worker.remote.torch.zeros(2)``: functions of torch, run on a worker that is named, not found by a pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from farptr.client.pointer import make
from farptr.protocol import torch_names as table
from farptr.protocol.errors import UnsupportedOperation
from farptr.syft import commands
from farptr.syft.pointer_tensor import made as wrapped

if TYPE_CHECKING:
    from farptr.syft.virtual_worker import VirtualWorker


class Remote:
    """What a worker can be asked to run: ``torch``."""

    def __init__(self, worker: VirtualWorker) -> None:
        self.torch = Namespace(worker, "torch")


class Namespace:
    """Torch, or a module below it, on a worker."""

    def __init__(self, worker: VirtualWorker, path: str) -> None:
        self._worker, self._path = worker, path

    def __getattr__(self, name: str) -> Any:
        found: Any = torch
        for part in (*self._path.split(".")[1:], name):
            found = getattr(found, part)
        path = f"{self._path}.{name}"
        if isinstance(found, type(torch)):
            return Namespace(self._worker, path)
        return _Function(self._worker, path, found) if callable(found) else found

    def __repr__(self) -> str:
        return f"<{self._path} on {self._worker.name}>"


class _Function:
    def __init__(self, worker: VirtualWorker, path: str, function: Any) -> None:
        self._worker, self._path, self._function = worker, path, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = commands.Arguments(args, kwargs)
        if given.handles:  # they say where
            return self._function(*args, **kwargs)
        if self._path.removeprefix(table.NAMESPACE) not in table.MAKERS:
            raise UnsupportedOperation(f"{self._path} needs a pointer among its arguments")
        session = self._worker._session
        count = None if table.is_in_place(self._path) or self._path == "torch.manual_seed" else 1
        with session.command() as core:
            nodes = core.call(
                self._path, given.args, given.kwargs, (), count, lambda value: None, at=self._worker.number
            )
            made = [make(session, node) for node in nodes]
        session.settle_if_sync(made)
        return wrapped(made[0]) if made else None
