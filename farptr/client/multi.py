"""Several pointers used as one array: ``x.send(julie, toby)``, ``combine_pointers(p, q)``.

Laws
    1. What is done to a MultiPointer is done by each of its workers; operands meet worker by worker (``spread``).
    2. Every worker is asked before any answer is awaited, so all of them work at the same time.
    3. All or nothing, as far as is known here: a spent pointer, a lost worker or operands that do not match are found
       before the first command, and ``get`` gives no pointer up unless every answer came.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from farptr.client import numpy_face
from farptr.client import tensor as tensors
from farptr.client.data_face import DataFace
from farptr.client.function_face import FunctionFace
from farptr.client.gather import gather
from farptr.client.matching import beside_one, check_room, pointer_at
from farptr.client.pointer import Pointer
from farptr.client.session import DEFAULT_TIMEOUT
from farptr.client.spread import Spread
from farptr.client.workers import Worker
from farptr.protocol import operations as table
from farptr.protocol.errors import UnsupportedOperation, UsageError

if TYPE_CHECKING:
    from farptr.client.session import Session
    from farptr.client.workers import Me

_NOTHING: Mapping[str, Any] = {}


class MultiPointer(DataFace, numpy_face.NumpyFace, FunctionFace):
    """Pointers to several objects, on different workers or on one, used as if they were one array.

    Made by ``x.send(julie, toby)`` and by ``fp.combine_pointers``, not by calling this class. Operators, methods and
    NumPy's functions run on each, beside another MultiPointer of the same workers (matched by worker, not by place),
    or beside a local array or number, which goes to each. ``mp["julie"]`` and ``mp[julie]`` are the pointer there,
    ``mp.pointers`` all of them; any other index is an index into the data of each.

    ``shape``, ``dtype`` and the other questions ask each, and give what all of them say.
    """

    __slots__ = ("__weakref__", "_pointers")

    _pointers: tuple[Pointer, ...]

    def __init__(self) -> None:
        raise UsageError("pointers are not made by hand", hint="fp.combine_pointers(p, q) makes one of several")

    # ------------------------------------------------------------ what it is

    @property
    def pointers(self) -> tuple[Pointer, ...]:
        """The pointers, in the order of their workers or of ``combine_pointers``: the handles themselves, no clones."""
        return self._pointers

    @property
    def locations(self) -> tuple[Worker, ...]:
        """The worker of each pointer."""
        return tuple(p.location for p in self._pointers)

    @property
    def _session(self) -> Session:  # type: ignore[override]
        return self._pointers[0]._session

    def __repr__(self) -> str:
        children = (p._text().removeprefix("(Wrapper)>") for p in self._pointers)
        return "(Wrapper)>[MultiPointerTensor]" + "".join(f"\n\t-> {text}" for text in children)

    def _repr_html_(self) -> str:
        from farptr.notebook import displays

        return displays.several(self)

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str | Worker):
            return pointer_at(self._pointers, index)
        return _getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, str | Worker):
            raise UsageError("the pointers of a MultiPointer stay the same ones", hint="mp['julie'][...] = value")
        _setitem(self, index, value)

    def unpack(self) -> NoReturn:
        """Refused: each of them can have another shape."""
        raise UnsupportedOperation(
            "what several pointers lead to cannot be taken apart at once", hint="[p.unpack() for p in mp.pointers]"
        )

    def __iter__(self) -> NoReturn:
        raise UnsupportedOperation(
            "iteration over a MultiPointer could mean its pointers or the rows of its data",
            hint="mp.pointers are the pointers; mp[0] is the first row of each",
        )

    def use(self) -> NoReturn:
        """Refused: a command beside a plain pointer needs one place."""
        raise beside_one(self)

    # ------------------------------------------------------------ operations

    def _run(
        self,
        operation: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] = _NOTHING,
        count: int = 1,
        *,
        out: Sequence[Any] = (),
        as_tuple: bool = False,
    ) -> Any:
        def run(*args: Any, _out: Any, **kwargs: Any) -> Any:
            return numpy_face.call(operation, args, kwargs, count, out=_out, as_tuple=as_tuple)

        result = Spread((*args, *kwargs.values(), *out), made).run(run, args, {**kwargs, "_out": tuple(out)})
        if operation.removeprefix("np:") in table.VALUES:
            return all(gather(result._pointers, lambda core, node: core.ask(node, "item")))
        return result

    def nonzero(self) -> Any:
        """ndarray.nonzero, where the data is: a MultiPointer for each dimension (asks for ndim)."""
        return self._run(".nonzero", (self,), count=max(1, self.ndim), as_tuple=True)

    # ------------------------------------------------------------ answers

    def _ask(self, question: str) -> Any:
        """What all of them answer; raises UsageError when they differ."""
        told = gather(self._pointers, lambda core, node: core.ask(node, question), what=f"the {question}")
        if any(answer != told[0] for answer in told):
            words = [str(np.dtype(answer)) for answer in told] if question == "dtype" else told
            each = ", ".join(f"{word} on {w.name}" for word, w in zip(words, self.locations, strict=True))
            one = "len(p)" if question == "len" else f"p.{question}"
            raise UsageError(f"the {question} differs: {each}", hint=f"[{one} for p in mp.pointers]")
        return told[0]

    def _value(self, question: str = "item") -> NoReturn:
        raise UnsupportedOperation(
            f"{len(self._pointers)} pointers have no single value",
            hint="[float(p) for p in mp.pointers], or float(mp.get_copy(sum_results=True))",
        )

    def get(self, *, all: bool = False, sum_results: bool = False, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """``get`` of each: a list in the order of the pointers, or (``sum_results=True``) the sum of the values.

        Every worker is asked before the first answer is awaited. When one of them fails, that is raised, nothing has
        left its worker and every handle stays usable; so when the values cannot be added. The sum is Python's
        ``sum()``, made in this process. See ``Pointer.get`` for the rest.
        """
        result = self.get_copy(all=all, sum_results=sum_results, timeout=timeout)
        with self._session.command():
            for pointer in self._pointers:
                pointer._give_up("it was fetched with get()")
        return result

    def get_copy(self, *, all: bool = False, sum_results: bool = False, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """As ``get``, but the objects stay and the handles stay usable."""
        plain = sum_results and not all
        chain = next((p for p in self._pointers if p._node.target is not None), None) if plain else None
        if chain is not None:
            raise UsageError(
                f"{chain._text()} leads to a pointer, not to data: there is nothing to add",
                hint="get(all=True, sum_results=True) unwraps every hop",
            )
        found = gather(self._pointers, lambda core, node: core.get(node, all), Pointer._fetched, timeout)
        return sum(found) if sum_results else found

    # ------------------------------------------------------------ places and handles

    def send(self, *workers: Worker, garbage_collect_data: bool = True) -> MultiPointer:
        """``send`` of each pointer, to the worker or to each worker: a MultiPointer of what that gives."""
        from farptr.client.combine import combine_pointers, send_to_each

        sent = [send_to_each(p, workers, garbage_collect_data=garbage_collect_data) for p in self._pointers]
        return combine_pointers(*sent)

    def move(self, worker: Worker | Me) -> Any:
        """``move`` of each to one worker, which then has several objects; returns this MultiPointer.

        ``move(me)`` is ``get()``. Raises UsageError, before anything moves, when two different objects have one id (as
        after ``x.send(julie, toby)``): the second would replace the first.
        """
        return tensors.place(worker).take(self)

    def move_to(self, number: int) -> None:
        """``move``, for a worker's number."""
        with self._session.command() as core:
            for node in [p.use() for p in self._pointers]:
                core.parties.check_alive((node.worker, number))
        check_room(self._pointers)
        for pointer in self._pointers:
            pointer.move_to(number)

    def remote_get(self) -> MultiPointer:
        """``remote_get`` of each; returns this MultiPointer."""
        # What is data already raises, before anything else happens: it comes first.
        for pointer in sorted(self._pointers, key=lambda p: p.use().target is not None):
            pointer.remote_get()
        return self

    def clone(self) -> MultiPointer:
        """A MultiPointer of second handles."""
        return made([p.clone() for p in self._pointers])

    def free(self) -> None:
        """``free`` of each; raises PointerSpent, before anything is freed, when one was used up already."""
        for pointer in self._pointers:
            pointer.use()
        self.__exit__()

    def __enter__(self) -> MultiPointer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as stack:  # one that fails does not keep the others
            for pointer in self._pointers:
                stack.callback(pointer.__exit__)

    __reduce_ex__: Any = Pointer.__reduce_ex__
    __copy__: Any = Pointer.__copy__
    __deepcopy__: Any = Pointer.__deepcopy__


def made(pointers: Iterable[Pointer]) -> MultiPointer:
    """The one factory of MultiPointers."""
    several: MultiPointer = object.__new__(MultiPointer)
    several._pointers = tuple(pointers)
    return several


# ---------------------------------------------------------------- the face, once more: each member runs on each


def _on_each(member: Any) -> Any:
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return Spread((self, *args, *kwargs.values()), made).run(member, (self, *args), kwargs)

    run.__name__, run.__qualname__, run.__doc__ = member.__name__, member.__qualname__, member.__doc__
    run.__wrapped__ = member  # type: ignore[attr-defined]  # whose signature help shows
    return run


def _fill_the_face() -> None:
    for name, member in vars(numpy_face.NumpyFace).items():
        if name in vars(MultiPointer) or name == "__array_function__":  # that one comes to _run
            continue
        if isinstance(member, property):
            setter = _on_each(member.fset) if member.fset else None
            setattr(MultiPointer, name, property(_on_each(member.fget), setter, doc=member.__doc__))
        elif isinstance(member, FunctionType):
            setattr(MultiPointer, name, _on_each(member))


_getitem = _on_each(numpy_face.NumpyFace.__getitem__)
_setitem = _on_each(numpy_face.NumpyFace.__setitem__)
MultiPointer.apply = _on_each(FunctionFace.apply)  # type: ignore[method-assign]
_fill_the_face()
