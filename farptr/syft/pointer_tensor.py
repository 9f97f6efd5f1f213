"""PointerTensor: a tensor of torch whose data is on a worker.

It is an instance of ``torch.Tensor``, so that modules and optimisers take it, and has no data of its own: what is
called on it goes to ``commands``. A local tensor becomes one in place, and back (``send_``, ``get_``).
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch

from farptr.client.faces import bare
from farptr.client.futures import fetch
from farptr.client.graph import Known
from farptr.client.multi import MultiPointer
from farptr.client.pointer import Pointer
from farptr.client.session import DEFAULT_TIMEOUT
from farptr.protocol.errors import ImplicitFetch, NotSerializable, UnsupportedOperation, UsageError
from farptr.protocol.names import ME
from farptr.protocol.operations import ROWS
from farptr.syft import commands
from farptr.syft.exceptions import CannotRequestObjectAttribute


class PointerTensor(torch.Tensor):
    """A pointer to a tensor on a worker, or to a pointer there. Made by ``send`` and by operations, not by calling it.

    Everything that torch lets others override works on it, runs where the data is and gives a pointer to the result
    there. Nothing is computed here, and no value comes here unasked; what is not understood raises.
    """

    _handle: Any
    """What points: a Pointer, or a MultiPointer."""
    _attr: str
    """The attribute that is meant, empty for the object itself."""
    _was: type
    """What it was before ``send_``, and will be after ``get_``."""
    _home: PointerTensor
    """What keeps what it was made of until then: hooks, and its place in graphs."""

    def __new__(cls, *_: Any, **__: Any) -> PointerTensor:
        """Refused."""
        raise UsageError("pointers are not made by hand", hint="torch.tensor([1, 2]).send(julie) gives one")

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return commands.run(func, args, dict(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        # What torch lets nobody override (``torch.tensor(p)``) comes here: nothing may be computed on no data.
        raise ImplicitFetch(f"{func} would need the data of a pointer here", hint="call .get() first: .get() fetches")

    __array_ufunc__ = None
    """NumPy leaves operators to pointers, which refuse its arrays."""

    # ------------------------------------------------------------ what it is

    @property
    def child(self) -> PointerTensor:
        """Itself: the wrapper and what it wraps are one."""
        return self

    @property
    def is_wrapper(self) -> bool:
        """Whether it stands for something elsewhere."""
        return True

    @property
    def id(self) -> int:
        """The pointer's own id."""
        return int(self._handle.id)

    @property
    def location(self) -> Any:
        """The worker that it points at: the first hop of a chain."""
        from farptr.syft.virtual_worker import VirtualWorker

        return VirtualWorker.of(self._handle.location)

    @property
    def id_at_location(self) -> int:
        """Id of the object there."""
        return int(self._handle.id_at_location)

    @property
    def owner(self) -> Any:
        """``me``."""
        from farptr.syft import running

        return running.me

    @property
    def point_to_attr(self) -> str | None:
        """The attribute that it points to, None for the object itself."""
        return self._attr or None

    def __repr__(self, *_: Any, **__: Any) -> str:
        end = f"::{self._attr}]" if self._attr else "]"
        return str(self._handle._text()).removesuffix("]") + end + self._lines_about()

    def _lines_about(self) -> str:
        about: Known | None = None if self._attr else self._handle._node.about
        if about is None:
            return ""
        tags = f"\n\tTags: {' '.join(about.tags)} " if about.tags else ""
        shape = "" if about.shape is None else f"\n\tShape: {torch.Size(about.shape)}"
        first, *_ = about.description.split("\n")
        return tags + shape + (f"\n\tDescription: {first}..." if about.description else "")

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __hash__(self) -> int:
        return id(self)  # as torch's tensors: it must not change when one of them becomes a pointer, or back

    def __iter__(self) -> Any:
        try:
            rows = len(self)
        except UnsupportedOperation:  # what a function has returned may be a list or tuple
            rows = self._plain("iteration")._ask(ROWS)
        return iter([self[i] for i in range(rows)])

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def _to_attribute(self, name: str) -> Any:
        if self._attr:
            return self if name == "data" else _refuse_attribute(self, name)
        return made(self._handle.clone(), name)

    # ------------------------------------------------------------ places

    def send(self, *workers: Any, garbage_collect_data: bool = True) -> Any:
        """Put this pointer on a worker, under its own id; returns a pointer to it there. See ``Pointer.send``."""
        return made(self._plain("send").send(*workers, garbage_collect_data=garbage_collect_data))

    def send_(self, *workers: Any, garbage_collect_data: bool = True) -> PointerTensor:
        """``send``, and this becomes the pointer to it there."""
        self._handle = self._plain("send_").send(*workers, garbage_collect_data=garbage_collect_data)
        return self

    def get(self, *, sum_results: bool = False, timeout: Any = DEFAULT_TIMEOUT, **_: Any) -> Any:
        """Unwrap one level: the tensor, or, of a pointer to a pointer, the pointer; of several, a list or their sum."""
        return _come(self._plain("get").get(timeout=timeout, **_sum_of(self._handle, sum_results)))

    def get_copy(self, *, sum_results: bool = False, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """As ``get``, but the object stays and the pointer stays usable."""
        return _come(self._plain("get_copy").get_copy(timeout=timeout, **_sum_of(self._handle, sum_results)))

    def get_async(self, *, all: bool = False, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """``get`` without waiting: a future of it, which ``await`` takes too. See ``Pointer.get_async``."""
        return fetch(self._plain("get_async"), all=all, timeout=timeout, came=_come)

    def get_copy_async(self, *, all: bool = False, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """As ``get_async``, but the object stays and the pointer stays usable."""
        return fetch(self._plain("get_copy_async"), all=all, keep=True, timeout=timeout, came=_come)

    def get_(self, **kwargs: Any) -> Any:
        """``get``, and this object itself becomes what comes: the tensor, or the pointer; of several their sum."""
        if isinstance(self._handle, MultiPointer) and not kwargs.get("sum_results"):
            raise UsageError(
                "this points at several tensors, and becomes one", hint="get_(sum_results=True); get() gives a list"
            )
        found = self.get(**kwargs)
        if isinstance(found, PointerTensor):
            self._handle = found._handle
            return self
        from farptr.syft.in_place import into_tensor

        return into_tensor(self, found)

    def move(self, worker: Any) -> Any:
        """Push the object from its worker to another one; this pointer follows, and is returned. To ``me``: get()."""
        if getattr(worker, "name", None) == ME:
            return self.get()
        self._plain("move").move(worker)
        return self

    def move_(self, worker: Any) -> Any:
        """``move``; to ``me`` it is ``get_()``."""
        return self.get_() if getattr(worker, "name", None) == ME else self.move(worker)

    def remote_get(self) -> PointerTensor:
        """Have the first worker replace its pointer by what it points at; returns this pointer."""
        self._plain("remote_get").remote_get()
        return self

    # ------------------------------------------------------------ functions of yours

    def apply(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Run ``function(tensor, *args, **kwargs)`` where the data is; a pointer to its result (``Worker.run``)."""
        return made(self.__farptr__().apply(function, *bare(args), **bare(kwargs)))

    def unpack(self) -> Any:
        """The lists, tuples and dicts that a function returned, with a pointer for each thing in them. Waits."""
        return _dressed(self._plain("unpack").unpack())

    def __farptr__(self) -> Any:
        return commands.attribute(self._handle, self._attr) if self._attr else self._handle

    @staticmethod
    def __farptr_made__(handle: Any) -> Any:
        return made(handle)

    @staticmethod
    def __farptr_came__(found: Any) -> Any:
        return _come(found)

    # ------------------------------------------------------------ handles

    def copy(self) -> Any:
        """A new object there with the same values and a life of its own."""
        handle = commands.attribute(self._handle, self._attr) if self._attr else self._handle
        return made(commands.issue("torch.farptr.copy", (handle,), {}, [handle], 1)[0])

    def clone(self, **kwargs: Any) -> Any:
        """A second handle of the same object; of an attribute, or with arguments, a copy that is made there."""
        if self._attr or kwargs:
            return commands.run(torch.clone, (self,), kwargs)
        return made(self._handle.clone())

    def free(self) -> None:
        """Give this handle up now; the object goes if no other owns it."""
        self._handle.free()

    def __enter__(self) -> PointerTensor:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._handle.__exit__(*trouble)

    @property
    def gc(self) -> bool:
        """Whether this handle owns. Set it to False and the object stays until it is removed on purpose."""
        return bool(self._handle.gc)

    @gc.setter
    def gc(self, on: bool) -> None:
        self._handle.gc = on

    garbage_collect_data = gc

    @property
    def disable_gc(self) -> PointerTensor:
        """This pointer, not owning any more."""
        self._handle.gc = False
        return self

    def set_(self, source: Any) -> PointerTensor:
        """From now on the values of another pointer, in the same memory there; returns this pointer."""
        with torch.no_grad():
            self.data = source
        return self

    # ------------------------------------------------------------ to be found

    def tag(self, *tags: str) -> PointerTensor:
        """Add tags to the object at the first hop; returns this pointer."""
        self._handle.tag(*tags)
        return self

    def describe(self, text: str) -> PointerTensor:
        """Say what the object at the first hop is; returns this pointer."""
        self._handle.describe(text)
        return self

    def publish(self, name: str) -> PointerTensor:
        """Give the object at the first hop a name, under which every client finds it; returns this pointer. Waits."""
        self._plain("publish").publish(name)
        return self

    @property
    def tags(self) -> Any:
        """The tags that are known here."""
        return self._handle.tags

    @property
    def description(self) -> str:
        """The description that is known here."""
        return str(self._handle.description)

    # ------------------------------------------------------------ what does not go

    def _plain(self, what: str) -> Any:
        """The handle, of what is no attribute; raises CannotRequestObjectAttribute."""
        if self._attr:
            raise CannotRequestObjectAttribute(
                f"{what}() of a pointer to an attribute", hint=f"p.{self._attr}.clone().{what}(…) takes a copy of it"
            )
        return self._handle

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotSerializable(
            "a pointer cannot be pickled or copied: it owns what it points at",
            hint="clone() makes a second handle; copy() another tensor or model, where this one is",
        )

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(5)

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(5)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        commands.run(torch.Tensor.__array__, (self,), {})
        raise AssertionError

    def as_subclass(self, cls: Any) -> NoReturn:
        """Refused: there is no data here."""
        raise UnsupportedOperation("a pointer is no other kind of tensor", hint="get() the data first")


def _refuse_attribute(pointer: PointerTensor, name: str) -> NoReturn:
    raise CannotRequestObjectAttribute(
        f".{name} of a pointer to the attribute {pointer._attr}", hint=f"p.{pointer._attr}.clone() is a tensor there"
    )


def _sum_of(handle: Any, sum_results: bool) -> dict[str, bool]:
    return {"sum_results": sum_results} if isinstance(handle, MultiPointer) else {}


class MultiPointerTensor(PointerTensor):
    """Pointers to several tensors on different workers, used as one: ``x.send(julie, toby)``."""

    def __repr__(self, *_: Any, **__: Any) -> str:
        return repr(self._handle)

    __str__ = __repr__

    @property
    def location(self) -> list[Any]:
        """The workers, in order."""
        from farptr.syft.virtual_worker import VirtualWorker

        return [VirtualWorker.of(worker) for worker in self._handle.locations]

    @property
    def child(self) -> Any:
        """The pointer at each worker, by the worker's id."""
        return {p.location.name: made(p.clone()) for p in self._handle.pointers}

    @property
    def owner(self) -> Any:
        """``me``."""
        return self._handle.pointers[0].owner


def _come(found: Any) -> Any:
    if isinstance(found, Pointer | MultiPointer):
        return made(found)
    if isinstance(found, np.ndarray):  # what a worker has loaded itself is NumPy's
        return torch.from_numpy(np.asarray(found))
    return [_come(part) for part in found] if isinstance(found, list) else found


def _dressed(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _dressed(part) for key, part in found.items()}
    return type(found)([_dressed(part) for part in found]) if type(found) in (list, tuple) else made(found)


def made(handle: Any, attr: str = "") -> Any:
    """The one factory of pointer tensors."""
    cls = MultiPointerTensor if isinstance(handle, MultiPointer) else PointerTensor
    pointer: Any = torch.Tensor._make_wrapper_subclass(cls, (0,))
    pointer._handle = handle
    pointer._attr = attr
    return pointer


commands.wrapped_by(made)
