"""VirtualWorker: PySyft's name for a worker. Here it is a process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import torch

from farptr.client import torch_home
from farptr.client.graph import Known
from farptr.client.pointer import Pointer, make
from farptr.client.workers import Worker
from farptr.protocol import torch_bytes
from farptr.protocol.errors import UnsupportedValue
from farptr.syft import running
from farptr.syft.pointer_tensor import PointerTensor, made
from farptr.syft.remote import Remote

_known: WeakValueDictionary[Any, VirtualWorker] = WeakValueDictionary()


class VirtualWorker(running.Acquainted, Worker):
    """A worker, by its id; its process is started if there is none yet. The same id is the same worker.

    Args:
        hook: what ``sy.TorchHook(torch)`` gave.
        id: its name.
        data: tensors to put there, which stay until they are removed on purpose.
    """

    __slots__ = ("__weakref__",)

    def __new__(cls, hook: Any = None, id: str = "", data: Iterable[Any] = (), **_: Any) -> VirtualWorker:
        """A worker that is there, or a new one."""
        return cls.of(running.worker(str(id)))

    def __init__(self, hook: Any = None, id: str = "", data: Iterable[Any] = (), **_: Any) -> None:
        self.load_data(data)

    @classmethod
    def of(cls, worker: Worker) -> VirtualWorker:
        """The same worker, with this face; as long as somebody refers to one of it, that one."""
        key = (worker._session.token, worker.number)
        found = _known.get(key)
        if found is None:
            found = _known[key] = object.__new__(cls)
            found._session, found.number = worker._session, worker.number
        return found

    def load_data(self, data: Iterable[Any]) -> None:
        """Put tensors there, to stay."""
        for tensor in data:
            tensor.send(self, garbage_collect_data=False)

    def receive(self, value: Any, *, garbage_collect_data: bool = True) -> Pointer:
        """Send a tensor or a pointer here."""
        if isinstance(value, PointerTensor):
            value = value._plain("send")
        if not isinstance(value, torch.Tensor):
            return super().receive(value, garbage_collect_data=garbage_collect_data)
        session = self._session
        value_there = torch_bytes.marked(value)
        with session.command() as core:
            id, fresh = torch_home.home_of(value, session)
            words = torch_home.about_of(value)
            about = Known(*words, tuple(value.shape)) if any(words) else None
            node = core.send(self.number, id, fresh, value_there, keep=not garbage_collect_data, about=about)
            pointer = make(session, node, owns=garbage_collect_data)
        session.settle_if_sync([pointer])
        return pointer

    def take(self, pointer: Any) -> Any:
        """Have an object moved here."""
        return super().take(pointer)

    def search(self, *query: Any) -> Any:
        """Pointers to what every term of the query fits; they own."""
        return [made(handle) for handle in super().search(*query)]

    def __getitem__(self, text: str) -> Any:
        """A pointer to what the worker has under that name."""
        return made(super().__getitem__(text))

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a function of yours there, on what its pointers lead to; a pointer to its result (``Worker.run``)."""
        found = super().run(function, *args, **kwargs)
        return found if isinstance(found, PointerTensor) else made(found)

    @property
    def remote(self) -> Remote:
        """``worker.remote.torch.zeros(2)``: torch's functions, run there."""
        return Remote(self)

    def objects_count(self) -> int:
        """How many objects it holds."""
        return self.count()

    def __deepcopy__(self, memo: Any) -> VirtualWorker:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise UnsupportedValue("a worker is a process: it cannot be pickled", hint="its id is its name in the run")
