"""What commands and answers mean for lineage, and for who is handed what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farptr.journal.lineage import ANYTHING as NOT_UNDERSTOOD
from farptr.journal.records import Handed
from farptr.ledger.lineage import Lineage
from farptr.protocol import commands as c
from farptr.protocol.functions import is_call
from farptr.protocol.operations import ROWS

_ARRAY, _POINTER = "A", "P"
_ARGUMENTS = -1
_METADATA = frozenset({"shape", "dtype", "here", "ndim", "size", "itemsize", "nbytes", "len", "facts", ROWS})

Receive = Callable[[Handed, str, int, int, int], None]
"""Record, what, version, name, bytes."""
Note = tuple[int, int, list[int], list[int], str, int, str, list[str]]


class Seeing:
    """Commands by code, and what is asked until it is answered."""

    def __init__(self, lineage: Lineage, receive: Receive) -> None:
        self._lineage, self._receive = lineage, receive
        self._asked: dict[tuple[int, int], tuple[str, int, int, str]] = {}
        """(root, number) of a command to (what, version, name, text)."""
        self._commands: dict[int, Callable[[Handed, int, int, Note], None]] = {
            c.SEND: self._sent, c.PUSH: self._pushed, c.CALL: self._call, c.GET: self._question, c.ASK: self._question,
            c.MOVE: self._moved, c.PULL: self._moved, c.PULL_HERE: self._nothing, c.LIST: self._listing,
            c.NAMED: self._named, c.SEARCH: self._named, c.TAG: self._tagged, c.PUBLISH: self._published,
            c.CELL: self._cell, c.FUNCTION: self._function, c.KEEP: self._nothing, c.CLEAR: self._nothing,
            c.FORGET: self._nothing,
        }  # fmt: skip

    def command(self, record: Handed, root: int, worker: int, note: Note) -> None:
        """A command was handed to its worker."""
        known = note[4] != NOT_UNDERSTOOD or note[1] in (c.CALL, c.SEARCH, c.NAMED, c.LIST)
        self._commands.get(note[1] if known else 0, self._anything)(record, root, worker, note)

    def plain(self, record: Handed, root: int, worker: int, size: int) -> None:
        """Plain numbers among operands were handed to a worker."""
        version = self._lineage.plain((root, _ARGUMENTS))
        self._receive(record, "sent" if record.source == root else "pushed", version, 0, size)

    def answer(self, record: Handed, root: int, left: int, note: list[Any]) -> int:
        """An answer was handed to its client; returns how many of the bytes left it accounts for."""
        number, status, size, tag, found, rows = note
        what, version, name, text = self._asked.pop((root, number), ("", -1, 0, ""))
        for one, tags in found:
            if what == "named" and text:
                self._lineage.label(one, text)
            for label in tags:
                self._lineage.label(one, label)
        for id, row_bytes in rows:
            held = self._lineage.held(record.source, id)
            if held is not None:
                self._receive(record, "listed", self._lineage.of(held), held, row_bytes)
        if tag in (_ARRAY, NOT_UNDERSTOOD) or (what in ("ask", "cell") and status == c.PLAIN):
            if version < 0:
                version, name = self._lineage.anything(record.source, ()), 0
            mine = size if tag == _ARRAY else left
            self._receive(record, {"get": "fetched"}.get(what, "asked"), version, name, mine)
            return 0 if tag == _ARRAY else left
        return 0

    # ------------------------------------------------------------ commands

    def _sent(self, record: Handed, root: int, worker: int, note: Note) -> None:
        _, _, made, used, _, size, tag, tags = note
        for name in made:
            if tag == _POINTER:
                self._lineage.point(name, used[0])
            elif tag == _ARRAY:
                version = self._lineage.new(name, (), raw=True, own=[(root, name)])
                self._receive(record, "sent", version, name, size)
            for label in tags:
                self._lineage.label(name, label)

    def _pushed(self, record: Handed, root: int, worker: int, note: Note) -> None:
        _, _, made, used, _, size, tag, _ = note
        for name in made:
            if tag == _POINTER:
                self._lineage.point(name, used[0])
            elif tag == _ARRAY:
                if name not in self._lineage.now and name not in self._lineage.points:  # its MOVE was not seen
                    self._lineage.new(name, [self._lineage.anything(record.source, ())])
                self._receive(record, "pushed", self._lineage.of(name), name, size)

    def _call(self, record: Handed, root: int, worker: int, note: Note) -> None:
        _, _, made, used, text, size, _, _ = note
        own = [(root, _ARGUMENTS)] if size else []
        if is_call(text):
            self._lineage.run(worker, made, used, own)
        else:
            self._lineage.call(made, used, text, own)
        if size:
            version = self._lineage.plain((root, _ARGUMENTS))
            self._receive(record, "sent" if record.source == root else "pushed", version, 0, size)

    def _question(self, record: Handed, root: int, worker: int, note: Note) -> None:
        number, code, _, used, text, _, _, _ = note
        if code == c.ASK and text in _METADATA:
            return
        self._asked[root, number] = ("get" if code == c.GET else "ask", self._lineage.of(used[0]), used[0], text)

    def _moved(self, record: Handed, root: int, worker: int, note: Note) -> None:
        _, _, made, used, _, _, tag, _ = note
        old, new = used[0], made[0]
        self._lineage.copy(new, old)
        if tag != "copy" and old in self._lineage.now and not self._is_own(old):
            self._lineage.point(old, new)

    def _is_own(self, name: int) -> bool:
        lineage = self._lineage
        owner = name >> 40 & 0xFFFFFF
        return (owner, name) in lineage.origins[lineage.now[name]]

    def _listing(self, record: Handed, root: int, worker: int, note: Note) -> None:
        self._asked[root, note[0]] = ("list", -1, 0, note[4])

    def _named(self, record: Handed, root: int, worker: int, note: Note) -> None:
        self._asked[root, note[0]] = ("named" if note[1] == c.NAMED else "search", -1, 0, note[4])

    def _tagged(self, record: Handed, root: int, worker: int, note: Note) -> None:
        for label in note[7]:
            self._lineage.label(note[3][0], label)

    def _published(self, record: Handed, root: int, worker: int, note: Note) -> None:
        self._lineage.label(note[3][0], note[4])

    def _cell(self, record: Handed, root: int, worker: int, note: Note) -> None:
        self._asked[root, note[0]] = ("cell", self._lineage.anything(worker, ()), 0, "")

    def _function(self, record: Handed, root: int, worker: int, note: Note) -> None:
        version = self._lineage.new(0, (), raw=True, own=[(root, _ARGUMENTS)])
        self._receive(record, "sent", version, 0, note[5])

    def _anything(self, record: Handed, root: int, worker: int, note: Note) -> None:
        """A command that is not understood: what it touches, and all that its worker has, may be made of each other."""
        version = self._lineage.anything(worker, note[3])
        self._asked[root, note[0]] = ("ask", version, 0, "")

    def _nothing(self, record: Handed, root: int, worker: int, note: Note) -> None:
        """Nothing is made, and nobody sees more."""
