"""The object store of one worker, and what it holds elsewhere.

Laws
    An id is in the store once. It may be known under several generations: each is a name of the same object.
    A value replaced under a name that lives keeps its place in listings; a new name takes a new place.
    An object goes when FREE has come for every generation with no less than the export count that stands here, unless
    it is kept.
    A reference counted to a name under which nothing is (what should have come failed) counts like any other: the
    name may come to be stored later, and FREE comes with all of them.
    ``held`` counts, for each object that stored pointers name, how many do and how many references came; when none
    does at the end of a turn, all that came are released.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from farptr.protocol.commands import KEEP_NAMED, KEEP_NOT, KEEP_OWN, KEEP_SENT, About
from farptr.protocol.errors import ObjectGone, ProtocolError, Report
from farptr.protocol.ids import ID_MASK, id_of
from farptr.protocol.plain import Plain

Order = tuple[int, int, int, int]
"""(root session, command number, hop, index): where in the program an object was made."""


class Pointer(NamedTuple):
    """A stored pointer: the name that it points at."""

    target: int


class Failure(NamedTuple):
    """A stored error: the outcome of a command that failed."""

    report: Report


Value = np.ndarray[Any, Any] | Pointer | Failure | Plain


_WHY = {
    KEEP_SENT: "sent to stay, until it is removed on purpose",
    KEEP_OWN: "own data {0!r}",
    KEEP_NAMED: "published as {0!r}",
}


class _Gone:
    """Stands for an object that was removed on purpose while references to it live."""


_GONE = _Gone()


class Entry:
    """One stored object."""

    # What few entries need is kept in a dictionary that most never get.
    __slots__ = ("__dict__", "keep", "names", "order", "value")

    own: str | None = None
    """The name under which the worker itself came to have it. It is own data for ever, whatever happens to the name."""
    label = ""
    """The name under which the worker loaded it, or a client published it; an object with a name stays."""
    shared = False
    """A client found it that did not make it: it stays what and where it is, and who moves it takes a copy."""
    found_as_data = False
    """Somebody who found it believes that it is data, so it must never be a pointer."""
    about: About | None = None
    """Tags and description, for ``search``."""

    def __init__(self, order: Order, value: Any = _GONE, names: tuple[int, ...] = ()) -> None:
        self.value = value
        self.order = order
        self.keep = KEEP_NOT
        self.names = names
        """One per generation that lives."""

    @property
    def stays(self) -> bool:
        """Whether it stays what and where it is: who moves it takes a copy."""
        return self.shared or self.own is not None


class Store:
    """What one worker has."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        """By id."""
        self.by_name: dict[int, Entry] = {}
        self._exports: dict[int, int] = {}
        self._labels: dict[str, int] = {}
        self.held: dict[int, list[int]] = {}
        """For each object named by stored pointers: [pointers to it here, references that came]."""
        self._touched: set[int] = set()

    def __len__(self) -> int:
        return sum(e.value is not _GONE for e in self.entries.values())

    # ------------------------------------------------------------ objects

    def value(self, name: int) -> Value:
        """The value under a name; raises ObjectGone."""
        entry = self.by_name.get(name)
        if entry is None or entry.value is _GONE:
            raise ObjectGone(f"object {id_of(name)} is gone", hint="its last owner released, fetched or removed it")
        return entry.value  # type: ignore[no-any-return]

    def maker(self, id: int, nobody: int) -> int:
        """The client that made what has an id, 0 of what the worker has loaded; ``nobody`` where nothing is."""
        entry = self.entries.get(id)
        return nobody if entry is None else entry.order[0]

    def data(self, name: int) -> np.ndarray[Any, Any] | None:
        """The array under a name, None when there is anything else or nothing."""
        entry = self.by_name.get(name)
        value = None if entry is None else entry.value
        return value if type(value) is np.ndarray else None

    def create(self, name: int, value: np.ndarray[Any, Any], order: Order) -> None:
        """``put`` for an array under a name that was drawn for it: nothing can be there, and it is exported once."""
        id = name & ID_MASK
        if id in self.entries:  # somebody draws no names of its own: treat it as what it is
            self.put(name, value, 1, order)
            return
        self.entries[id] = self.by_name[name] = Entry(order, value, (name,))
        self._exports[name] = 1

    def create_pointer(self, name: int, target: int, order: Order) -> None:
        """``create`` for a pointer to an object that is being made: this is the one reference to it, and it is held."""
        id = name & ID_MASK
        if id in self.entries or target in self.held:
            self.put(name, Pointer(target), 1, order)
            self.receive(target)
            return
        self.entries[id] = self.by_name[name] = Entry(order, Pointer(target), (name,))
        self._exports[name] = 1
        self.held[target] = [1, 1]

    def entry(self, name: int) -> Entry:
        """The entry under a name; raises ObjectGone."""
        self.value(name)
        return self.by_name[name]

    def put(self, name: int, value: Value, exports: int, order: Order, keep: int = KEEP_NOT) -> Entry:
        """Store under a new name, or replace the value under one that lives."""
        id = id_of(name)
        entry = self.entries.get(id)
        if entry is None:
            entry = self.entries[id] = Entry(order)
        if name not in self.by_name:
            # Whether an older name of this id is still here is a matter of timing: a new name takes a place of its own.
            entry.order = order
            self.by_name[name] = entry
            entry.names += (name,)
        self._exports[name] = self._exports.get(name, 0) + exports
        entry.keep = max(entry.keep, keep)
        self.replace(entry, value)
        return entry

    def replace(self, entry: Entry, value: Value) -> None:
        """Another value for an entry; a pointer that goes no longer counts, one that comes does."""
        old = entry.value
        entry.value = value
        if type(value) is Pointer:
            self._held(value.target)[0] += 1
        if type(old) is Pointer:
            self._held(old.target)[0] -= 1
            self._touched.add(old.target)

    def label(self, name: int, text: str) -> None:
        """Give an object a name."""
        self.by_name[name].label = text
        self._labels[text] = name

    def labelled(self, text: str) -> int | None:
        """The object that the worker calls so."""
        name = self._labels.get(text)
        return name if name in self.by_name and self.by_name[name].value is not _GONE else None

    def unlabel(self, entry: Entry) -> None:
        """Take an object's name away, if it has one."""
        self._labels.pop(entry.label, None)
        entry.label = ""

    def edges(self) -> tuple[tuple[int, int | None], ...]:
        """(id, what it points at, None for anything but a pointer) of every object."""
        return tuple([(id, e.value.target if type(e.value) is Pointer else None) for id, e in self.listing()])

    def kept(self) -> tuple[tuple[int, str], ...]:
        """(id, why) of what stays without references."""
        return tuple([(id, _WHY[e.keep].format(e.label)) for id, e in self.listing() if e.keep != KEEP_NOT])

    @property
    def labels(self) -> list[str]:
        """The worker's own names, sorted."""
        return sorted(text for text in self._labels if self.labelled(text) is not None)

    # ------------------------------------------------------------ lifetimes

    def export(self, name: int) -> None:
        """The owner hands a reference out, or somebody did; one to what is gone is a reference like any other."""
        self._exports[name] = self._exports.get(name, 0) + 1

    def never_exported(self, entry: Entry) -> list[int]:
        """Those of its names to which nobody was ever given a reference, or nobody has any left."""
        return [name for name in entry.names if not self._exports[name]]

    def free_ones(self, names: Iterable[int]) -> None:
        """``free`` for names that were exported once, as far as the broker knows."""
        by_name, exports = self.by_name, self._exports
        for name in names:
            entry = by_name.get(name)
            if entry is None or exports[name] != 1 or entry.keep != KEEP_NOT or entry.names != (name,):
                self.free(name, 1)
                continue
            del by_name[name], exports[name], self.entries[name & ID_MASK]
            if type(entry.value) is Pointer:
                self.replace(entry, _GONE)  # type: ignore[arg-type]

    def free(self, name: int, exports: int) -> None:
        """Nobody holds a reference to this name, unless it was exported again since the broker said so.

        The broker may have counted more than came here: a worker that was lost took what it should have pushed with it.
        """
        counted = self._exports.get(name)
        if counted is None or counted > exports:
            return
        entry = self.by_name.get(name)
        if entry is None:
            del self._exports[name]
            return
        if entry.keep != KEEP_NOT:
            self._exports[name] = 0
            return
        self._drop_name(entry, name)

    def remove(self, entry: Entry) -> None:
        """Take an object away on purpose; references that live find ObjectGone."""
        self.replace(entry, _GONE)  # type: ignore[arg-type]
        self.unlabel(entry)
        entry.keep = KEEP_NOT
        for name in [n for n in entry.names if not self._exports[n]]:
            self._drop_name(entry, name)

    def _drop_name(self, entry: Entry, name: int) -> None:
        del self.by_name[name], self._exports[name]
        entry.names = tuple([n for n in entry.names if n != name])
        if not entry.names:
            self.replace(entry, _GONE)  # type: ignore[arg-type]
            del self.entries[id_of(name)]

    # ------------------------------------------------------------ references held

    def _held(self, target: int) -> list[int]:
        held = self.held.get(target)
        if held is None:
            held = self.held[target] = [0, 0]
        return held

    def receive(self, target: int, count: int = 1) -> None:
        """References came with a header, or were made here; they last to the end of the turn at least."""
        self._held(target)[1] += count
        self._touched.add(target)

    def check_came(self, target: int) -> None:
        """Raise ProtocolError unless a reference to an object came: a pointer to it would be to anything."""
        held = self.held.get(target)
        if held is None or not held[1]:
            raise ProtocolError("a pointer whose reference did not come")

    def end_turn(self) -> list[tuple[int, int]]:
        """What to release now: (object, references that came) for each that no stored pointer names."""
        if not self._touched:
            return []
        released = []
        for target in self._touched:
            stored, came = self.held[target]
            if not stored:
                del self.held[target]
                if came:
                    released.append((target, came))
        self._touched.clear()
        released.sort()
        return released

    def listing(self) -> list[tuple[int, Entry]]:
        """(id, entry) in the order in which the program made them."""
        rows = [(id, entry) for id, entry in self.entries.items() if entry.value is not _GONE]
        return sorted(rows, key=lambda row: row[1].order)

    def check(self) -> None:
        """Assert the laws, between turns."""
        pointers: dict[int, int] = {}
        for id, entry in self.entries.items():
            assert entry.names, f"{id} has no name"
            for name in entry.names:
                assert id_of(name) == id, f"{name} is not a name of {id}"
                assert self.by_name[name] is entry, f"{name} is another object's name"
            if type(entry.value) is Pointer:
                pointers[entry.value.target] = pointers.get(entry.value.target, 0) + 1
        assert len(self.by_name) == sum(len(e.names) for e in self.entries.values())
        assert self.by_name.keys() <= self._exports.keys(), "a name without its export count"
        assert not self._touched, "a turn has not ended"
        assert {t: h[0] for t, h in self.held.items()} == pointers, "held does not count the stored pointers"
        assert all(h[1] > 0 for h in self.held.values()), "a pointer for which no reference came"
