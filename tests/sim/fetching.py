"""Steps of random programs that fetch through chains, and those whose answer is taken later."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from farptr.client.pointer import Pointer
from farptr.protocol.errors import FarptrError
from tests.sim.model import Box, Failed, Handle, Model


class Mismatch(AssertionError):
    """The run and the model differ."""


def same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


class Later(NamedTuple):
    """A fetch whose answer was not taken yet."""

    name: str
    future: Any
    handle: Handle
    keep: bool
    box: Box
    """What is fetched,"""
    content: Any
    """as it was then."""
    gives: Handle | None
    """The handle that it gives."""


class Fetching:
    """A part of ``programs.Runner``."""

    model: Model
    later: list[Later]
    locals: list[tuple[str, Any]]
    changes: set[int]
    command: int
    attempt: Any
    _add: Any
    _check: Any
    _failed_fetch: Any
    _handle: Any
    _new_name: Any
    _say: Any
    _seen: Any

    def do_get_all(self, a: int, b: int, c: int) -> None:
        self._fetch_all(b, keep=False)

    def do_get_all_copy(self, a: int, b: int, c: int) -> None:
        self._fetch_all(b, keep=True)

    def _fetch_all(self, b: int, keep: bool) -> None:
        h = self._handle(b)
        if h is None:
            return
        new = self._new_name("y")
        self._say(f"{new} = {h.name}.{'get_copy' if keep else 'get'}(all=True)")
        end = self.model.chain(h.box)[-1]
        try:
            value = self.attempt(lambda: (h.pointer.get_copy if keep else h.pointer.get)(all=True))
        except FarptrError as error:
            self._failed_fetch(Handle(end, h.pointer, h.name), error)
            return
        good = not end.dead and isinstance(value, np.ndarray) and same(value, end.content)
        self._check(good, f"{new} is {value!r}, expected {end}")
        end.id = value.id if end.id is None else end.id
        self._check(value.id == end.id, f"{new} has another id than {end}")
        self.locals.append((new, value))
        if not keep:
            self.model.handles.remove(h)

    def do_later(self, a: int, b: int, c: int) -> None:
        """Ask for a value, and go on."""
        h = self._handle(b)
        if h is None:
            return
        far, keep, new = bool(a % 2), bool(c % 2), self._new_name("y")
        name = f"get_{'copy_' if keep else ''}async"
        self._say(f"{new} = {h.name}.{name}({'all=True' if far else ''})")
        future = self.attempt(lambda: getattr(h.pointer, name)(all=far))
        box = self.model.chain(h.box)[-1] if far else h.box
        content = Failed("ObjectGone", self.command) if box.dead else box.content
        content = content.copy() if isinstance(content, np.ndarray) else content
        gives = Handle(content, None, new) if isinstance(content, Box) else None
        self.model.promised += [gives] if gives else []
        if not keep:
            self.model.handles.remove(h)
            self.model.promised.append(h)
        self.later.append(Later(new, future, h, keep, box, content, gives))

    def do_take(self, a: int, b: int, c: int) -> None:
        """Take an answer that was asked for before."""
        if self.later:
            self._take([self.later[a % len(self.later)]])

    def _take_pointers(self) -> None:
        """Before something is stored: whether a handle that is on its way is here already decides about its place."""
        self._take([one for one in self.later if one.gives])
        self.model.collect()

    def _take(self, chosen: list[Later]) -> None:
        """Take these, and all others that came meanwhile: they have used their handles up, and hold their failures."""
        for one in chosen:
            self._take_one(one)
        self.later = [one for one in self.later if one not in chosen]
        done = [one for one in self.later if one.future.done()]
        if done:
            self._take(done)

    def _take_one(self, one: Later) -> None:
        self._say(f"{one.name}.result()")
        promised = self.model.promised
        self.model.promised = [h for h in promised if h is not one.gives and (one.keep or h is not one.handle)]
        error = one.future.exception()
        if error is not None:
            self._not_taken(one, error)
            return
        value = one.future.result()
        if one.gives is None:
            good = isinstance(one.content, np.ndarray) and isinstance(value, np.ndarray) and same(value, one.content)
            self._check(good, f"{one.name} is {value!r}, expected {one.content!r}")
            one.box.id = value.id if one.box.id is None else one.box.id
            self.locals.append((one.name, value))
        else:
            self._check(isinstance(value, Pointer), f"{one.name} is {value!r}, expected a pointer")
            self._add(one.gives.box, value, one.name)
        self._check(value.id == one.box.id, f"{one.name} has another id than {one.box}")

    def _not_taken(self, one: Later, error: Any) -> None:
        """It failed: the handle is as it was. An earlier failure in place may have surfaced."""
        report = error.report
        if report.command in self.model.pending and report.command in self.changes:
            self._seen(report)
        else:
            good = isinstance(one.content, Failed) and report.kind == one.content.kind
            self._check(good, f"{one.name} raised {error!r}, expected {one.content}")
            self.model.pending.pop(report.command, None)
        if not one.keep:
            self.model.handles.append(one.handle)
