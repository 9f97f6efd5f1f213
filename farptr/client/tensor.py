"""Local arrays: ``tensor``, an ndarray that can be sent and that remembers its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from farptr.protocol import torch_parts
from farptr.protocol.errors import UsageError
from farptr.protocol.marked import Marked
from farptr.protocol.plain import Plain
from farptr.protocol.records import Record, fields_of, returned

if TYPE_CHECKING:
    from farptr.client.multi import MultiPointer
    from farptr.client.pointer import Pointer
    from farptr.client.session import Session
    from farptr.client.workers import Worker


class tensor(np.ndarray[Any, Any]):  # noqa: N801  # NumPy prints an ndarray subclass under its class's name
    """A local array that can be sent to a worker: ``fp.tensor([1, 2])``.

    Anything ``np.array`` takes, with an optional dtype; the data is copied. It is an ndarray in every other way, and
    prints as ``tensor([1, 2])``. Raises UnsupportedValue for dtypes that cannot travel (objects, structures).
    """

    _home: tuple[object, int] | None = None
    """The session that gave it its id, and the id. Ids of another run mean nothing here."""

    def __new__(cls, data: Any, dtype: Any = None) -> tensor:
        """A new array with a copy of the data."""
        from farptr.protocol.values import checked

        return checked(np.array(data, dtype=dtype)).view(cls)

    _about: tuple[tuple[str, ...], str] = ((), "")
    """Tags and description."""

    def tag(self, *tags: str) -> tensor:
        """Add tags, by which ``worker.search`` finds it once it is sent; returns the tensor."""
        self._about = (tuple(dict.fromkeys((*self._about[0], *checked_tags(tags)))), self._about[1])
        return self

    def describe(self, text: str) -> tensor:
        """Say what it is, for ``worker.search``; returns the tensor."""
        self._about = (self._about[0], checked_text(text))
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, in the order in which they were given."""
        return self._about[0]

    @property
    def description(self) -> str:
        """What ``describe`` said."""
        return self._about[1]

    @overload
    def send(self, worker: Worker, *, garbage_collect_data: bool = True) -> Pointer: ...
    @overload
    def send(
        self, worker: Worker, second: Worker, /, *others: Worker, garbage_collect_data: bool = True
    ) -> MultiPointer: ...
    def send(self, worker: Any, *others: Any, garbage_collect_data: bool = True) -> Any:
        """Put this array's value on a worker, under this array's id; returns a pointer that owns it there.

        The local array stays as it is. Sent again to the same worker, the value is replaced under the same id, and both
        pointers own it. With ``garbage_collect_data=False`` the pointer does not own: the object stays there until
        it is removed on purpose (``p.free()``, ``worker.clear_objects()``). Sent to ``me`` it is itself.
        With several workers each gets the value, under the same id, and a MultiPointer comes back.
        """
        return place_at(self, (worker, *others), garbage_collect_data=garbage_collect_data)

    @property
    def id(self) -> int | None:
        """The id under which it was sent or fetched, None before that."""
        return self._home[1] if self._home else None


def checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags themselves; raises UsageError for anything but text."""
    for tag in tags:
        if not isinstance(tag, str) or not tag:
            raise UsageError(f"{tag!r} is no tag", hint="tags are text: x.tag('#temperature')")
    return tags


def checked_text(text: str) -> str:
    """The text itself; raises UsageError for anything else."""
    if not isinstance(text, str):
        raise UsageError(f"a description is text, not a {type(text).__name__}")
    return text


def place(where: Any) -> Any:
    """The worker (or ``me``) itself; raises UsageError for anything else."""
    if not hasattr(where, "receive"):
        raise UsageError(f"{where!r} is not a worker", hint="sim['julie'] is the worker called julie")
    return where


def place_at(value: Any, workers: tuple[Any, ...], *, garbage_collect_data: bool) -> Any:
    """Send a tensor or a pointer to a worker, or to each of several."""
    if len(workers) == 1:
        return place(workers[0]).receive(value, garbage_collect_data=garbage_collect_data)
    from farptr.client.combine import send_to_each

    return send_to_each(value, workers, garbage_collect_data=garbage_collect_data)


def _of_torch(value: Marked, session: Session, id: int, about: Any) -> Any:
    """A tensor of torch; where that is not installed, the array that stands for it."""
    try:
        from farptr.client import torch_home
    except ImportError:
        return arrived(value.array, session, id, about)
    return torch_home.arrived(value, session, id, about)


def _parts_arrived(value: Any, session: Session) -> Any:
    """A value that is no array, as it is handed out: arrays in it are tensors, dataclasses what was sent."""
    if isinstance(value, np.ndarray):
        return arrived(value, session, 0)
    if type(value) in (list, tuple):
        return type(value)([_parts_arrived(part, session) for part in value])
    if type(value) is dict:
        return {key: _parts_arrived(part, session) for key, part in value.items()}
    if torch_parts.is_record(value):
        return _of_torch(torch_parts.marked_in(value), session, 0, None)
    if type(value) is Record:
        vars(value).update({key: _parts_arrived(part, session) for key, part in fields_of(value).items()})
        return returned(value)
    return value


def arrived(array: Any, session: Session, id: int, about: Any = None) -> Any:
    """A fetched array under the id that it had (0: it has none here), with its tags and description."""
    if type(array) is Plain:
        return _parts_arrived(array.value, session)
    if type(array) is Marked:
        return _of_torch(array, session, id, about)
    result = array.view(tensor)
    if id:
        result._home = (session.token, id)
    if about:
        result._about = (tuple(about[0]), about[1])
    return result


def home_of(array: tensor, session: Session) -> tuple[int, bool]:
    """(id, fresh): the array's id in this session, and whether it was drawn just now."""
    if array._home is not None and array._home[0] is session.token:
        return array._home[1], False
    id = session.core.ids.next()
    array._home = (session.token, id)
    return id, True
