"""Pointers: handles of objects that live in other processes, and what one can do with them.

A pointer never moves data unless asked by name: ``get``, ``get_copy``, ``float()`` and their like of one element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, overload

from farptr.client import tensor as tensors
from farptr.client.data_face import DataFace
from farptr.client.function_face import FunctionFace
from farptr.client.graph import Known, Node
from farptr.client.numpy_face import NumpyFace, made_by
from farptr.client.session import DEFAULT_TIMEOUT
from farptr.client.standard_face import StandardFace
from farptr.protocol.errors import (
    NotSerializable,
    PointerSpent,
    UnsupportedOperation,
    UsageError,
)  # fmt: skip
from farptr.protocol.ids import id_of
from farptr.protocol.names import ME

if TYPE_CHECKING:
    from farptr.client.answers import Answer
    from farptr.client.futures import Future
    from farptr.client.multi import MultiPointer
    from farptr.client.session import Session
    from farptr.client.workers import Me, Worker


class Pointer(DataFace, NumpyFace, StandardFace, FunctionFace):
    """A pointer to an object on a worker: data, or another pointer.

    Made by ``send`` and by operations, not by calling this class. Everything that works on an ndarray works on a
    pointer, runs where the data is (through a chain of any depth) and gives a pointer to the result there. An
    operation returns before it has run; its error, if there is one, is raised by whatever needs the result, or by
    ``sim.sync()``.

    A pointer owns what it points at: when the last owning handle goes, the object goes.
    """

    __slots__ = ("__weakref__", "_id", "_node", "_owns", "_session", "_spent")

    _session: Session
    _node: Node
    _id: int
    """Own id, 0 until somebody looks at it."""
    _owns: bool
    _spent: str
    """How it was used up, empty while it is usable."""

    def __init__(self) -> None:
        raise UsageError("pointers are not made by hand", hint="fp.tensor([1, 2]).send(julie) gives one")

    def __del__(self) -> None:
        # No I/O, no lock: this can run anywhere, at interpreter shutdown too, and on a half-made pointer.
        try:
            if self._owns:
                self._session.dead.append(self._node)
        except AttributeError:
            return

    # ------------------------------------------------------------ what it is

    @property
    def id(self) -> int:
        """The pointer's own id: under it the pointer is stored when it is sent on."""
        if not self._id:
            self._id = self._session.core.ids.next()
        return self._id

    @property
    def location(self) -> Worker:
        """The worker that it points at: the first hop of a chain."""
        from farptr.client.workers import Worker

        return Worker(self._session, self._node.worker)

    @property
    def id_at_location(self) -> int:
        """Id of the object there."""
        return id_of(self._node.name)

    @property
    def owner(self) -> str:
        """Who has this pointer: ``me``."""
        return ME

    def __repr__(self) -> str:
        about = self._node.about
        return self._text() if about is None else self._text() + _lines_about(about)

    def _repr_html_(self) -> str:
        from farptr.notebook import displays

        return displays.pointer(self)

    def _text(self) -> str:
        if self._spent:
            return f"(Wrapper)>[PointerTensor | {ME}:{self.id} -> nothing: {self._spent}]"
        place = self._session.core.names.get(self._node.worker, "?")
        return f"(Wrapper)>[PointerTensor | {ME}:{self.id} -> {place}:{self.id_at_location}]"

    def __hash__(self) -> int:
        return object.__hash__(self)

    def use(self) -> Node:
        """The node, for a command; raises PointerSpent, or what an earlier in-place command on it raised."""
        if self._spent:
            raise PointerSpent(
                f"pointer {ME}:{self.id} points at nothing any more: {self._spent}",
                hint="get_copy() fetches without giving the pointer up; clone() makes a second handle",
            )
        if self._node.fault:
            self._session.raise_fault(self._node)
        return self._node

    def look(self) -> None:
        """Raise ObjectGone when this handle does not own, and its object is gone. Asks only when that may be."""
        if self._owns:
            return
        session = self._session
        with session.command() as core:
            node = self.use()
            if not core.is_in_doubt(node):
                return
            key, seen = core.look(node)
        session.wait(key, doing=lambda: f"to see whether {self!r} still leads somewhere")
        node.seen = seen

    def _give_up(self, how: str) -> None:
        """Under the lock: this handle points at nothing from now on."""
        self._spent = how
        if self._owns:
            self._owns = False
            self._session.core.drop(self._node)

    # ------------------------------------------------------------ places

    @overload
    def send(self, worker: Worker | Me, *, garbage_collect_data: bool = True) -> Pointer: ...
    @overload
    def send(
        self, worker: Worker, second: Worker, /, *others: Worker, garbage_collect_data: bool = True
    ) -> MultiPointer: ...
    def send(self, worker: Any, *others: Any, garbage_collect_data: bool = True) -> Any:
        """Put this pointer on a worker, under its own id; returns a pointer to it there.

        The reference goes along: this handle stays usable while the object lives, but no longer owns. With
        ``garbage_collect_data=False`` the new pointer does not own either, and what was sent stays until it is removed
        on purpose. With several workers it is put on each, and a MultiPointer comes back.
        """
        return tensors.place_at(self, (worker, *others), garbage_collect_data=garbage_collect_data)

    def get(self, *, all: bool = False, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Unwrap one level: the data as a ``tensor``, or, of a pointer to a pointer, the pointer.

        The object leaves its worker, unless another handle owns it too; this handle is used up. What comes back is
        writable and ours.

        Args:
            all: unwrap every level: the data at the end of the chain, in one answer from there. This handle is used
                up, and what nothing else refers to goes, all along the chain; if it fails, nothing does.
            timeout: seconds without an answer and without progress; None waits for ever, the default is the run's.

        Raises:
            RemoteError: what made the object is an operation that failed; the original type is kept.
            ObjectGone, WorkerLost, DeadlineExceeded: see ``docs/errors.md``.
        """
        value = self._fetch(all, timeout)
        with self._session.command():
            self._give_up("it was fetched with get()")
        return value

    def get_copy(self, *, all: bool = False, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """As ``get``, but the object stays and the handle stays usable."""
        return self._fetch(all, timeout)

    def get_async(self, *, all: bool = False, timeout: float | None = DEFAULT_TIMEOUT) -> Future:
        """``get`` without waiting: a ``concurrent.futures.Future`` of it, which ``await`` takes too.

        The question leaves at once. This handle is used up from here on; a failure or ``cancel()`` gives it back.
        See ``get``; what that raises the future does, but for PointerSpent, and Overloaded after waiting for room.
        """
        from farptr.client.futures import fetch

        return fetch(self, all=all, timeout=timeout)

    def get_copy_async(self, *, all: bool = False, timeout: float | None = DEFAULT_TIMEOUT) -> Future:
        """As ``get_async``, but the object stays and the handle stays usable: the value as it is at this line."""
        from farptr.client.futures import fetch

        return fetch(self, all=all, keep=True, timeout=timeout)

    def _fetch(self, all: bool, timeout: Any) -> Any:
        session = self._session
        with session.command() as core:
            node = self.use()
            key = core.get(node, all)
        return self._fetched(node, session.answer(key, timeout, lambda: f"to get {self._text()}"))

    def _fetched(self, node: Node, answer: Answer) -> Any:
        """What came for it: a pointer, or data; raises what an earlier in-place command on it raised."""
        found = arrived(self._session, node, answer)
        if node.fault:
            self._session.raise_fault(node)
        return found

    def move(self, worker: Worker | Me) -> Any:
        """Push the object from its worker to another one, not by way of me; returns this pointer, which follows it.

        The id is kept (a stub that goes where its own object lies takes a fresh one, and so does what moves after a
        worker was lost). Other handles of the old place find a pointer there as long as they live. ``move(me)`` is
        ``get()``; to where it is already: nothing.
        """
        return tensors.place(worker).take(self)

    def move_to(self, number: int) -> None:
        """``move``, for a worker's number."""
        self.look()
        with self._session.command() as core:
            node = self.use()
            if number == node.worker:
                return
            self._node = core.move(node, number, self._owns)
            if self._owns:
                core.drop(node)
        self._session.settle_if_sync()

    def remote_get(self) -> Pointer:
        """Have the first worker replace its pointer by what it points at: the chain gets one hop shorter.

        Returns this handle. Raises InvalidRemoteGet when the worker has the data itself.
        """
        self.look()
        with self._session.command() as core:
            core.remote_get(self.use())
        self._session.settle_if_sync()
        return self

    # ------------------------------------------------------------ to be found

    def tag(self, *tags: str) -> Pointer:
        """Add tags to the object at the first hop, by which ``search`` finds it; returns this pointer."""
        return self._tell_about(tensors.checked_tags(tags), None)

    def describe(self, text: str) -> Pointer:
        """Say what the object at the first hop is, for ``search``; returns this pointer."""
        return self._tell_about((), tensors.checked_text(text))

    def _tell_about(self, tags: tuple[str, ...], description: str | None) -> Pointer:
        self.look()
        with self._session.command() as core:
            node = self.use()
            core.tag(node, tags, description)
            old = node.about or Known()
            node.about = old._replace(
                tags=tuple(dict.fromkeys((*old.tags, *tags))),
                description=old.description if description is None else description,
            )
        self._session.settle_if_sync()
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that this client knows of; asks nobody."""
        return self._node.about.tags if self._node.about else ()

    @property
    def description(self) -> str:
        """The description that this client knows of; asks nobody."""
        return self._node.about.description if self._node.about else ""

    def publish(self, name: str) -> Pointer:
        """Give the object at the first hop a name, under which every client finds it: ``sim["julie"]["w0"]``.

        It then stays there, whoever lets go of it, until ``del sim["julie"]["w0"]``; who moves it takes a copy. Waits.
        Returns this pointer. Raises BadName when the object or the name has another partner already.
        """
        if not isinstance(name, str) or not name:
            raise UsageError(f"{name!r} is no name", hint="p.publish('w0')")
        session = self._session
        with session.command() as core:
            key = core.publish(self.use(), name)
        session.wait(key, doing=lambda: f"to publish {self._text()}")
        return self

    # ------------------------------------------------------------ handles

    def clone(self) -> Pointer:
        """A second handle of the same object; it owns if this one does."""
        with self._session.command():
            node = self.use()
            if self._owns:
                node.claims += 1
            return make(self._session, node, owns=self._owns)

    def free(self) -> None:
        """Give this handle up now; the object goes if no other owns it. A handle that does not own removes it."""
        with self._session.command() as core:
            node = self.use()
            if not self._owns:
                core.keep(node, on=False)
            self._give_up("it was freed")

    def __enter__(self) -> Pointer:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._spent:
            self.free()

    @property
    def gc(self) -> bool:
        """Whether this handle owns. Set it to False and the object stays until it is removed on purpose."""
        return self._owns

    @gc.setter
    def gc(self, on: bool) -> None:
        if on and not self._owns:
            raise UnsupportedOperation("a handle that gave up owning cannot take it back", hint="clone() before that")
        if self._owns and not on:
            with self._session.command() as core:
                core.keep(self.use(), on=True)
                self._owns = False
                core.drop(self._node)

    @property
    def disable_gc(self) -> Pointer:
        """This pointer, not owning any more (``p.gc = False``)."""
        self.gc = False
        return self

    # ------------------------------------------------------------ what does not travel

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NotSerializable(
            "a pointer cannot be pickled or copied: it owns what it points at", hint="clone() makes a second handle"
        )

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(5)

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__reduce_ex__(5)


def _lines_about(about: Known) -> str:
    """Tags, shape and description, as PySyft showed them."""
    tags = f"\n\tTags: {' '.join(about.tags)} " if about.tags else ""
    shape = "" if about.shape is None else f"\n\tShape: {about.shape}"
    first, *_ = about.description.split("\n")
    return tags + shape + (f"\n\tDescription: {first}..." if about.description else "")


def arrived(session: Session, node: Node, answer: Answer) -> Any:
    """What came for a fetch of that node: a pointer, or data."""
    found, at = answer.value, answer.far or node
    id = 0 if at.foreign else id_of(at.name)  # a foreign id is its maker's to use again
    if isinstance(found, Node):
        return make(session, found, id=id)
    return tensors.arrived(found, session, id, answer.about)


def make(session: Session, node: Node, *, id: int = 0, owns: bool = True) -> Pointer:
    """The one factory of pointers; an owning one takes over a claim that the core has counted."""
    pointer: Pointer = object.__new__(Pointer)
    pointer._session = session
    pointer._node = node
    pointer._id = id
    pointer._owns = owns
    pointer._spent = ""
    return pointer


made_by(make)
