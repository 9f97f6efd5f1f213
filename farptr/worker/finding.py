"""How a client finds what it did not make: names and tags.

Laws
    What a client was given by name or by search is *shared*: it stays what and where it is. Whoever moves it, its
    maker too, takes a copy; so no client can make wrong what another believes of it (docs/design.md, 4).
    A name stands for one object, and an object has at most one name.
"""

from __future__ import annotations

from typing import Any

from farptr.protocol.commands import FOUND, KEEP_NAMED, KEEP_NOT, KEEP_OWN, PLAIN
from farptr.protocol.errors import BadName, MessageTooLarge, UnknownData
from farptr.protocol.header import MAX_TRIPLES
from farptr.protocol.ids import id_of
from farptr.protocol.names import did_you_mean
from farptr.protocol.texts import check_about
from farptr.worker.outbox import MANY_CREATES
from farptr.worker.places import Places
from farptr.worker.store import Entry, Failure, Pointer
from farptr.worker.turn import Command, Turn

MOST_FOUND = MAX_TRIPLES - MANY_CREATES
"""Pointers in one answer: its header has to hold their references, behind those of answers before it."""

Row = tuple[int, bool, tuple[str, ...], str, tuple[int, ...] | None]
"""(name, whether it is a pointer, tags, description, shape)."""


class Finding:
    """The handlers of TAG, SEARCH, PUBLISH, FORGET and NAMED."""

    def __init__(self, turn: Turn, places: Places) -> None:
        self._turn, self._places = turn, places
        self.store, self._out = turn.store, turn.out

    def tag(self, command: Command) -> None:
        """Add tags; replace the description unless it is None."""
        _, _, name, tags, description = command
        entry = self.store.entry(name)
        old, words = entry.about or ((), "")
        every = tuple(dict.fromkeys((*old, *map(str, tags))))
        words = words if description is None else str(description)
        check_about(every, words)
        entry.about = (every, words)

    def publish(self, command: Command) -> None:
        """Give an object a name, under which any client finds it."""
        number, _, name, text = command
        entry = self.store.entry(name)
        taken = self.store.labelled(text)
        if entry.label and entry.label != text:
            raise BadName(f"object {id_of(name)} is already called {entry.label!r}", hint="one object has one name")
        if taken is not None and self.store.entry(taken) is not entry:
            worker = self._turn.called(self._turn.number)
            raise BadName(
                f"{worker} already has something called {text!r}", hint=f"del {worker}[{text!r}] takes the name away"
            )
        self.store.label(name, text)
        entry.shared = True
        if entry.keep == KEEP_NOT:
            entry.keep = KEEP_NAMED
        self._out.reply((number, PLAIN, True))

    def forget(self, command: Command) -> None:
        """Take a name away; what stayed for its sake goes when nobody holds it."""
        number, _, text = command
        entry = self.store.entry(self._called(text))
        self.store.unlabel(entry)
        if entry.keep in (KEEP_NAMED, KEEP_OWN):
            entry.keep = KEEP_NOT
            self._places.free_unless_held(entry)
        self._out.reply((number, PLAIN, True))

    def named(self, command: Command) -> None:
        """Hand out a pointer to what is called so."""
        number, _, text = command
        name = self._called(text)
        self._out.reply((number, FOUND, (self._found(name, self.store.entry(name)),)))

    def search(self, command: Command) -> None:
        """Hand out pointers to what every term fits, in program order: by id, name, tag or part of the description."""
        number, _, terms = command
        found = [
            entry
            for id, entry in self.store.listing()
            if type(entry.value) is not Failure and all(_fits(id, entry, str(term)) for term in terms)
        ]
        if len(found) > MOST_FOUND:
            raise MessageTooLarge(
                f"{len(found)} objects fit, and an answer has room for {MOST_FOUND}", hint="search with more terms"
            )
        self._out.reply((number, FOUND, tuple([self._found(entry.names[-1], entry) for entry in found])))

    def _called(self, text: str) -> int:
        name = self.store.labelled(text)
        if name is None:
            raise UnknownData(
                f"{self._turn.called(self._turn.number)} has no data called {text!r}",
                hint=did_you_mean(text, self.store.labels),
            )
        return name

    def _found(self, name: int, entry: Entry) -> Row:
        entry.shared = True
        self.store.export(name)
        self._out.refer(name, None)
        value: Any = entry.value
        tags, description = entry.about or ((), "")
        is_pointer = type(value) is Pointer
        entry.found_as_data |= not is_pointer
        shape = getattr(value, "shape", None)
        return (name, is_pointer, tags, description, None if shape is None else tuple(shape))


def _fits(id: int, entry: Entry, term: str) -> bool:
    tags, description = entry.about or ((), "")
    return term in (str(id), entry.label, *tags) or bool(term and term in description)
