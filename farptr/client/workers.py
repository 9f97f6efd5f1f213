"""The parties as a client sees them: workers, and me."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from farptr.client import tensor as tensors
from farptr.client.graph import Known
from farptr.client.pointer import Pointer, make
from farptr.client.stored import OwnData, StoredArray, StoredError, StoredPointer, StoredValue
from farptr.protocol.errors import FarptrError, Report, UsageError
from farptr.protocol.ids import id_of, worker_of
from farptr.protocol.names import ME
from farptr.protocol.plain import Plain, decode_any, sendable

if TYPE_CHECKING:
    from farptr.client.answers import Answer
    from farptr.client.core import SessionCore
    from farptr.client.session import Session


_DESCRIBED: dict[str, Any] = {"O": OwnData, "T": StoredArray, "K": StoredValue}
"""What a listing tells instead of the data, by tag."""


def _name(text: Any) -> str:
    if not isinstance(text, str):
        raise UsageError(f"a worker's data is asked for by name, not by {text!r}", hint="julie['x']")
    return text


def _terms(query: tuple[Any, ...]) -> tuple[str, ...]:
    """The terms of a query, given one by one or in lists."""
    terms = [t for part in query for t in (part if isinstance(part, list | tuple | set) else [part])]
    if not terms or not all(isinstance(t, str | int) for t in terms):
        raise UsageError("a search takes tags, names, ids or words", hint="julie.search('#temperature')")
    return tuple(map(str, terms))


class Worker:
    """A worker of the run. Two of these for one worker are equal; holding one keeps nothing alive."""

    __slots__ = ("_session", "number")

    def __init__(self, session: Session, number: int) -> None:
        self._session = session
        self.number = number
        """Party number: another one after a restart."""

    @property
    def name(self) -> str:
        """Its name in the run."""
        return self._session.core.names.get(self.number, f"party {self.number}")

    @property
    def id(self) -> str:
        """Its name, as PySyft called it."""
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Worker) and other.number == self.number and other._session is self._session

    def __hash__(self) -> int:
        return hash((id(self._session), self.number))

    def __repr__(self) -> str:
        try:
            count: Any = self._list("count").value
        except FarptrError:
            count = "?"
        return f"<VirtualWorker id:{self.name} #objects:{count}>"

    def _repr_html_(self) -> str:
        from farptr.notebook import displays

        return displays.worker(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str] | None:
        from farptr.notebook import displays

        return displays.worker_bundle(self)

    def __getitem__(self, text: str) -> Pointer:
        """A pointer to what the worker has under that name: its own data, or what was published; raises UnknownData."""
        text = _name(text)
        session = self._session
        with session.command() as core:
            key = core.named_data(self.number, text)
        (node,) = session.wait(key, doing=lambda: f"for {self.name}[{text!r}]")
        return make(session, node)

    def __delitem__(self, text: str) -> None:
        """Take a name away; its object goes when nobody holds it. Raises UnknownData. Waits."""
        text = _name(text)
        session = self._session
        with session.command() as core:
            key = core.forget(self.number, text)
        session.wait(key, doing=lambda: f"to take the name {text!r} away")

    def search(self, *query: str | int | Iterable[str | int]) -> list[Pointer]:
        """Pointers to what every term of the query fits, in program order. Waits.

        A term fits an object by its id, its name, one of its tags, or as a part of its description. The pointers own,
        and what was found stays where it is: who moves it from now on takes a copy.
        """
        terms = _terms(query)
        session = self._session
        with session.command() as core:
            key = core.search(self.number, terms)
        return [make(session, node) for node in session.wait(key, doing=lambda: f"for what {self.name} finds")]

    @property
    def _objects(self) -> dict[int, Any]:
        """What the worker holds, by id, once everything that was issued is done; in program order.

        Values up to 1000 elements are copies of the data; larger ones, pointers, errors and the worker's own data
        are descriptions. Waits; moves what it shows.
        """
        found = self._list("objects")
        return {row[0]: self._described(row, found.buffers) for row in found.value}

    def objects(self) -> dict[int, Any]:
        """What the worker holds, by id (the same as ``_objects``)."""
        return self._objects

    def count(self) -> int:
        """How many objects the worker holds, once everything that was issued is done."""
        return int(self._list("count").value)

    def _list(self, what: str) -> Answer:
        session = self._session
        with session.command() as core:
            key = core.list(self.number, what)
        return session.answer(key, doing=lambda: f"to look at {self.name}")

    def _described(self, row: Any, buffers: Any) -> Any:
        id, tag, *rest = row
        if tag == "P":
            there = self._session.core.names.get(worker_of(rest[0]), "?")
            return StoredPointer(self.name, id, there, id_of(rest[0]))
        if tag == "E":
            report = Report(*rest[0])
            return StoredError(report.kind, report.message)
        if tag in _DESCRIBED:
            return _DESCRIBED[tag](*rest)
        return tensors.arrived(decode_any(rest[0], buffers), self._session, id)

    def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pointer:
        """Run a function on this worker; a pointer to what it returns. Does not wait.

        Args:
            function: travels by cloudpickle, with what it refers to. Pointers in its closure are used as arguments are.
            *args: pointers, and lists, tuples, dicts and dataclasses with pointers in them: the function gets
                what they lead to, arrays themselves, no copies. Arrays and plain values travel along. Pointers must
                all lead to data in one place; of chains that begin here, it is the far end that runs the function.
            **kwargs: the same by name.

        The result is one object: an array, or a list, tuple, dict or other plain value, whose parts ``r[0]``,
        ``r["key"]``, iteration and ``r.unpack()`` give. The worker must have been started with functions. What the
        function prints and warns of is shown here, when this client next waits.

        Raises NotSerializable, NotCollocated, PointerSpent, MessageTooLarge. Whoever asks for the result gets what the
        function raised, FunctionsOff, NotAllowed, or UnsupportedValue for a result that cannot be kept.
        """
        from farptr.client.functions import run

        return run(self, function, args, kwargs)

    def clear_objects(self) -> Worker:
        """Empty the worker's store, its own data too; pointers into it raise ObjectGone. Returns the worker."""
        with self._session.command() as core:
            core.clear(self.number)
        self._session.settle_if_sync()
        return self

    # ------------------------------------------------------------ what tensors and pointers call

    def receive(self, value: Any, *, garbage_collect_data: bool = True) -> Pointer:
        """Send an array, another value, or a pointer here."""
        session = self._session
        if isinstance(value, Pointer) and value._session is session:
            value.look()
        with session.command() as core:
            if isinstance(value, Pointer):
                pointer = self._receive_pointer(value, keep=not garbage_collect_data)
            else:
                pointer = self._receive_value(core, value, keep=not garbage_collect_data)
        session.settle_if_sync([pointer])
        return pointer

    def _receive_value(self, core: SessionCore, value: Any, *, keep: bool) -> Pointer:
        session, about = self._session, None
        array = sendable(value)
        if isinstance(array, Plain):
            id, fresh = core.ids.next(), True
        else:
            mine = value if isinstance(value, tensors.tensor) else array.view(tensors.tensor)
            id, fresh = tensors.home_of(mine, session)
            about = Known(*mine._about, array.shape) if any(mine._about) else None
        node = core.send(self.number, id, fresh, array, keep=keep, about=about)
        return make(session, node, owns=not keep)

    def _receive_pointer(self, pointer: Pointer, *, keep: bool) -> Pointer:
        session = self._session
        if pointer._session is not session:
            raise UsageError("this pointer belongs to another run", hint="get() it and send the data")
        node = pointer.use()
        fresh = not pointer._id
        new = session.core.send_pointer(self.number, pointer.id, fresh, node, keep=keep)
        if pointer._owns:
            pointer._owns = False
            session.core.drop(node)
        return make(session, new, owns=not keep)

    def take(self, pointer: Pointer) -> Pointer:
        """Have an object moved here."""
        if pointer._session is not self._session:
            raise UsageError(f"{self.name} belongs to another run", hint="get() the data and send it there")
        pointer.move_to(self.number)
        return pointer


class Me:
    """The client itself, as a place: sending to ``me`` is keeping, moving to ``me`` is fetching."""

    __slots__ = ()
    name = ME
    id = ME

    def __repr__(self) -> str:
        return f"<{ME}>"

    def receive(self, value: Any, *, garbage_collect_data: bool = True) -> Any:
        """Sending to me changes nothing."""
        if not isinstance(value, Pointer | np.ndarray):
            sendable(value)  # what cannot be sent cannot be sent here either
        return value

    def take(self, pointer: Pointer) -> Any:
        """Moving to me is ``get()``."""
        return pointer.get()

    def request_search(self, query: Any, location: Worker) -> list[Pointer]:
        """``location.search(query)``, as PySyft called it."""
        return location.search(query)
