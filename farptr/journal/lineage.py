"""What a body says about where data comes from: which objects are made of which, without any value.

Laws
    Whatever the bytes are, notes come out and nothing is raised: of what is not understood the note says that anything
    may be made of anything (``code`` 0 of a command that is unknown keeps its names).
    No value, and no text that a cell or an error holds, is in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from farptr.journal.as_is import AS_IS, is_as_is
from farptr.journal.as_is import OPERATIONS as SOMETIMES_AS_IS
from farptr.protocol import body as bodies
from farptr.protocol import commands as c
from farptr.protocol import marked, plain, values
from farptr.protocol.errors import FarptrError
from farptr.protocol.header import Kind

Note = list[Any]
"""Of a command: [number, code, made, used, text, value bytes, what kind of value, tags]; of an answer:
[number, status, value bytes, what kind of value, found, rows]."""

ANYTHING = "*"
PARTLY = " where"
"""Behind an operation's name: it leaves elements as they were."""
_NAME = 1 << 40
"""Names are never smaller: a party number stands above the id."""


def notes_of(kind: int, body: bytes, *, near: bool = False) -> list[Any]:
    """The notes on a COMMAND's or a REPLY's body, one for each command or answer that says something.

    ``near``: as for ``body.loads``.
    """
    try:
        items = bodies.loads_as(tuple, body, near=near)
    except FarptrError:
        return [[0, 0, [], [], ANYTHING, 0, "", []]] if kind == Kind.COMMAND else [[0, 0, 0, ANYTHING, [], []]]
    if kind == Kind.COMMAND:
        return [_simple(item) or _command(item) for item in items]
    return [note for item in items if (note := _answer(item)) is not None]


def _simple(item: Any) -> Any:
    """The usual operation in short, see ``expanded``; None for any other command. A journal's time goes here."""
    if type(item) is tuple and len(item) == 6 and item[1] == c.CALL and item[5] is None and type(item[2]) is int:
        if type(item[3]) is not str or type(item[4]) is not tuple or type(item[0]) is not int:
            return None
        if item[3] in SOMETIMES_AS_IS:
            return None
        number, _, made, operation, args, _ = item
        used = []
        for wire in args:
            if type(wire) is int:
                used.append(wire)
            elif type(wire) is not tuple or not wire or wire[0] != values.LITERAL:
                return None
        return (number, made, operation, used)
    return None


def expanded(note: Any) -> Note:
    """A note on a command, with all its parts."""
    if len(note) != 4:
        return note  # type: ignore[no-any-return]
    number, made, operation, used = note
    return [number, c.CALL, [made], used, operation, 0, "", []]


def _command(item: Any) -> Note | None:
    try:
        number, code = item[0], item[1]
        made, used, text, size, tag, tags = _COMMANDS.get(code, _unknown)(item)
        if not isinstance(number, int):
            number = 0
        return [number, code, made, used, text, size, tag, tags]
    except Exception:  # a body can hold anything
        return [0, 0, [], list(_names_anywhere(item)), ANYTHING, 0, "", []]


_Parts = tuple[list[int], list[int], str, int, str, list[str]]


def _value(wire: Any) -> tuple[int, str, list[int]]:
    """(bytes, tag, what it points at)."""
    if wire is None:
        return 0, "", []
    tag = str(wire[0])
    if tag == marked.TENSOR:  # data like any other
        return marked.size_bytes(wire), values.ARRAY, []
    if tag == plain.PLAIN_VALUE:  # so is this
        return plain.size_bytes(wire[1]), values.ARRAY, []
    return (values.encoded_bytes(wire) if tag == values.ARRAY else 0), tag, [wire[1]] if tag == values.POINTER else []


def _send(item: Any) -> _Parts:
    size, tag, target = _value(item[5])
    about = item[6] if len(item) > 6 and item[6] else ((), "")
    return [item[2]], target, "", size, tag, list(about[0])


def _call(item: Any) -> _Parts:
    _, _, results, operation, args, kwargs = item
    wires = [*args, *(kwargs or {}).values()]
    used = [name for wire in wires for name in ([wire] if type(wire) is int else values.names_in(wire))]
    size = sum(_arrays_bytes(wire) for wire in wires if type(wire) is not int)
    if results is None and kwargs and "out" in kwargs:
        made = [kwargs["out"]] if type(kwargs["out"]) is int else values.names_in(kwargs["out"])
    else:
        made = [] if results is None else [results] if type(results) is int else list(results)
    text = f"{operation}{PARTLY}" if kwargs and "where" in kwargs else str(operation)
    if is_as_is(text, args, kwargs):
        text += AS_IS
    return made, used, text, size, values.ARRAY if size else "", []


def _arrays_bytes(wire: Any) -> int:
    if type(wire) is not tuple or not wire:
        return 0
    if wire[0] == values.ARRAY:
        return values.encoded_bytes(wire)
    return sum(map(_arrays_bytes, wire[1])) if wire[0] in values.GROUPS else 0


def _moved(item: Any) -> _Parts:
    return [item[3]], [item[2]], "", 0, "copy" if item[-1] else "", []


def _about_one(item: Any) -> _Parts:
    return [], [item[2]], str(item[3]) if len(item) > 3 and isinstance(item[3], str) else "", 0, "", []


def _texts(item: Any) -> _Parts:
    return [], [], str(item[2]) if len(item) > 2 and isinstance(item[2], str) else "", 0, "", []


def _tagged(item: Any) -> _Parts:
    return [], [item[2]], "", 0, "", [str(tag) for tag in item[3]]


def _cell(item: Any) -> _Parts:
    return [], [], "", 0, "", []


def _function(item: Any) -> _Parts:
    return [], [], "", _arrays_bytes(item[3]), values.ARRAY, []


def _unknown(item: Any) -> _Parts:
    return [], list(dict.fromkeys(_names_anywhere(item[2:]))), ANYTHING, 0, "", []


def _names_anywhere(item: Any) -> Iterator[int]:
    if type(item) is int:
        if item >= _NAME:
            yield item
    elif isinstance(item, tuple | list):
        for part in item:
            yield from _names_anywhere(part)
    elif isinstance(item, dict):
        for part in item.values():
            yield from _names_anywhere(part)


_COMMANDS: dict[int, Callable[[Any], _Parts]] = {
    c.SEND: _send, c.PUSH: _send, c.CALL: _call, c.GET: _about_one, c.ASK: _about_one, c.MOVE: _moved,
    c.PULL_HERE: _about_one, c.PULL: _moved, c.LIST: _texts, c.NAMED: _texts, c.KEEP: _about_one, c.CLEAR: _texts,
    c.TAG: _tagged, c.SEARCH: _texts, c.PUBLISH: _about_one, c.FORGET: _texts, c.CELL: _cell,
    c.FUNCTION: _function,
}  # fmt: skip


def _answer(item: Any) -> Note | None:
    try:
        number, status, payload, *_ = item
        if status == c.VALUE:
            size, tag, _target = _value(payload)
            return [number, status, size, tag, [], []]
        if status == c.FOUND:
            found = payload if payload and isinstance(payload[0], tuple) else (payload,)
            return [number, status, 0, "", [[one[0], list(one[2] or ())] for one in found if one], []]
        if status == c.PLAIN:
            rows = [_row(row) for row in payload if _is_row(row)] if isinstance(payload, tuple) else []
            return [number, status, sum(size for _, size in rows), "", [], rows]
        return None  # failures: no value
    except Exception:  # a body can hold anything
        return [0, 0, 0, ANYTHING, [], []]


def _is_row(row: Any) -> bool:
    """Of a listing that holds values: see ``farptr.worker.listing``."""
    return isinstance(row, tuple) and len(row) > 2 and row[1] in ("A", "T", "K") and isinstance(row[2], tuple | str)


def _row(row: Any) -> tuple[int, int]:
    return (row[0], marked.size_bytes(row[2]) if row[1] == "A" else len(row[3] if row[1] == "K" else row[2]))
