"""What commands and their answers look like, as tables: who gets one looks before anything is done with it.

Laws
    A command or answer that fits is made of plain values of the right types, nested no deeper than arguments may be, so
    that handlers, listings and forwards meet nothing that they would trip over, now or later.
    A predicate never raises, whatever it is given.

To add a command, give its fields in COMMANDS and its answer in ``answers_of``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from farptr.protocol import marked, plain, values
from farptr.protocol.commands import (
    ASK,
    CALL,
    CELL,
    CLEAR,
    FAILED,
    FORGET,
    FOUND,
    FUNCTION,
    GET,
    HERE,
    KEEP,
    KEEP_NOT,
    KEEP_SENT,
    LIST,
    MOVE,
    NAMED,
    PLAIN,
    PUBLISH,
    PULL,
    PULL_HERE,
    PUSH,
    QUESTIONS,
    SEARCH,
    SEND,
    TAG,
    VALUE,
)  # fmt: skip
from farptr.protocol.dtypes import dtype_of
from farptr.protocol.errors import ProtocolError, Report
from farptr.protocol.ids import ID_MASK
from farptr.protocol.operations import FLAGS, ROWS

Fits = Callable[[Any], bool]

MAX_NAME = 1 << 104
"""Names are below it: 40 bits of id, 24 of worker, 40 of generation."""
MAX_COUNT = 1 << 32


def _one_of(*kinds: type) -> Fits:
    return lambda value: type(value) in kinds


def _or_none(fits: Fits) -> Fits:
    return lambda value: value is None or fits(value)


def _tuple_of(fits: Fits) -> Fits:
    return lambda value: type(value) is tuple and all(map(fits, value))


def _row(*fields: Fits, optional: int = 0) -> Fits:
    """A tuple of these fields; the last ones need not be there."""
    least = len(fields) - optional

    def fits(value: Any) -> bool:
        return (
            type(value) is tuple
            and least <= len(value) <= len(fields)
            and all(field(item) for field, item in zip(fields, value, strict=False))
        )

    return fits


text = _one_of(str)
flag = _one_of(bool, int)
texts = _tuple_of(text)


def name(value: Any) -> bool:
    """The name of an object."""
    return type(value) is int and 0 < value < MAX_NAME


def _id(value: Any) -> bool:
    return type(value) is int and 0 <= value <= ID_MASK


def count(value: Any) -> bool:
    """A small number that is not negative."""
    return type(value) is int and 0 <= value < MAX_COUNT


def shape(value: Any) -> bool:
    """The shape of an array."""
    return type(value) is tuple and len(value) <= values.MAX_DIMENSIONS and all(map(_size, value))


def _size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 1 << 62


def code(value: Any) -> bool:
    """A dtype that travels."""
    try:
        dtype_of(value)
    except ProtocolError:
        return False
    return True


about = _or_none(_row(texts, text))


def _keep(value: Any) -> bool:
    return type(value) is int and value in (KEEP_NOT, KEEP_SENT)


_number = _one_of(int)
_LONG = _one_of(int)
_report = _row(text, text, text, _LONG, _LONG, _LONG, _LONG, text, text, _LONG)


def report(value: Any) -> bool:
    """The fields of a report; the numbers in it are those of commands, workers and ids."""
    return bool(_report(value)) and all(0 <= n < MAX_NAME for n in (value[3], *value[4:7], value[9]))


def wire(value: Any) -> bool:
    """A value as it travels, an array's data apart: that is looked at when it is decoded."""
    if type(value) is not tuple or not value:
        return False
    if value[0] == values.ARRAY:
        return values.is_head(value)
    if value[0] == marked.TENSOR:
        return marked.is_tensor(value)
    if value[0] == plain.PLAIN_VALUE:
        return plain.is_value(value)
    return len(value) == 2 and (
        (value[0] == values.POINTER and name(value[1])) or (value[0] == values.ERROR and report(value[1]))
    )


def _arguments(value: Any) -> bool:
    return type(value) is tuple and all(map(values.is_argument, value))


def _keywords(value: Any) -> bool:
    return type(value) is dict and all(type(k) is str and values.is_argument(v) for k, v in value.items())


def _results(value: Any) -> bool:
    return value is None or name(value) or (type(value) is tuple and all(map(name, value)))


COMMANDS: dict[int, Fits] = {
    SEND: _row(_number, count, name, count, _keep, wire, about, optional=1),
    CALL: _row(_number, count, _results, text, _arguments, _or_none(_keywords)),
    GET: _row(_number, count, name, flag, optional=1),
    ASK: _row(_number, count, name, text),
    MOVE: _row(_number, count, name, name, flag, flag),
    PULL_HERE: _row(_number, count, name, flag, lambda v: v == 0 or name(v), optional=1),
    PULL: _row(_number, count, name, name, flag),
    PUSH: _row(_number, count, name, _or_none(count), _keep, _or_none(wire), about),
    LIST: _row(_number, count, text),
    NAMED: _row(_number, count, text),
    KEEP: _row(_number, count, name, flag),
    CLEAR: _row(_number, count),
    TAG: _row(_number, count, name, texts, _or_none(text)),
    SEARCH: _row(_number, count, texts),
    PUBLISH: _row(_number, count, name, text),
    FORGET: _row(_number, count, text),
    CELL: _row(_number, count, text),
    FUNCTION: _row(_number, count, text, lambda v: type(v) is tuple and values.is_head(v)),
}
"""What each command looks like, number and code included."""


def check_command(command: Any) -> None:
    """Raise ProtocolError for what is no command."""
    fits = COMMANDS.get(command[1]) if is_numbered(command) else None
    if fits is None or not fits(command):
        raise ProtocolError("a malformed command")


def is_numbered(command: Any) -> bool:
    """Whether it is a tuple that begins with two numbers."""
    return type(command) is tuple and len(command) >= 2 and type(command[0]) is int and type(command[1]) is int


# ---------------------------------------------------------------- answers


def _item(value: Any) -> bool:
    return type(value) in (bool, int, float, str, bytes) or _complex(value)


_complex = _row(lambda value: value == "complex", _one_of(float), _one_of(float))
_strides = _tuple_of(_one_of(int))


def _true(value: Any) -> bool:
    return value is True


def _flags(value: Any) -> bool:
    return type(value) is tuple and len(value) == len(FLAGS) and all(type(flag) is bool for flag in value)


_ABOUT_DATA: dict[str, Fits] = {
    "shape": shape, "dtype": code, "ndim": count, "size": _size, "nbytes": _size, "itemsize": count, "len": _size,
    ROWS: _size,
    "item": _item, "index": _one_of(int), "strides": _strides, "flags": _flags, "here": _true,
    "facts": _row(shape, _strides, text, text, text, flag, flag, flag),
    plain.STRUCTURE: plain.is_structure,
}  # fmt: skip


def _listed(value: Any) -> bool:
    """One row of a listing (``worker/listing``)."""
    if type(value) is not tuple or len(value) < 3 or not _id(value[0]):
        return False
    fits = _LISTED.get(value[1]) if type(value[1]) is str else None
    return fits is not None and fits(value[2:])


_LISTED = {
    "P": _row(name), "E": _row(report), "O": _row(text, shape, code), "T": _row(text, shape, code), "A": _row(wire),
    "K": _row(text, text),
}  # fmt: skip

_LISTS: dict[str, Fits] = {
    "count": count,
    "sockets": _row(count, count),
    "edges": _tuple_of(_row(_id, _or_none(name))),
    "kept": _tuple_of(_row(_id, text)),
    "measures": _tuple_of(_row(_id, text, _or_none(shape), _or_none(code))),
    "objects": _tuple_of(_listed),
}

said = _row(text, _tuple_of(_row(text, text)))
"""What a function printed, and the kinds and texts of its warnings."""

_found = _row(name, _one_of(bool), texts, text, _or_none(shape))
_cell = _row(text, _or_none(text), _or_none(report))


def _one_found(value: Any) -> bool:
    return type(value) is tuple and len(value) == 1 and _found(value[0])


Answers = tuple[int, Fits]
"""The status of an answer that is no failure, and what it looks like: payload and what comes behind it, as a tuple."""

_ALONE: dict[int, Answers] = {
    GET: (VALUE, _row(wire, about, name, optional=2)),
    NAMED: (FOUND, _row(_one_found)),
    SEARCH: (FOUND, _row(_tuple_of(_found))),
    PUBLISH: (PLAIN, _row(_true)),
    FORGET: (PLAIN, _row(_true)),
    CELL: (PLAIN, _row(_cell)),
}
_BY_WORD = {ASK: (3, _ABOUT_DATA), LIST: (2, _LISTS)}


def answers_of(command: Any) -> Answers | None:
    """What the answers of a command of our own look like; None where it is not said."""
    if command[1] in _BY_WORD:
        at, words = _BY_WORD[command[1]]
        fits = words.get(command[at])
        return None if fits is None else (PLAIN, _row(fits))
    return _ALONE.get(command[1])


def is_near(command: Any) -> bool:
    """Whether the worker that gets it answers it itself, whatever lies behind it."""
    if command[1] == GET:
        return len(command) == 3
    return command[3] == HERE if command[1] == ASK else command[1] in QUESTIONS


def check_answer(expected: Answers | None, status: Any, payload: tuple[Any, ...]) -> None:
    """Raise ProtocolError for an answer that is not what was asked for."""
    if status == FAILED and type(status) is int:
        fits: Fits = _failure
    elif expected is None:
        return
    else:
        fits = expected[1] if type(status) is int and status == expected[0] else _nothing
    if not fits(payload):
        raise ProtocolError("an answer that is none to what was asked")


_failure = _row(report)


def _nothing(value: Any) -> bool:
    return False


def report_in(fields: Any) -> Report:
    """The report that came; raises ProtocolError."""
    if not report(fields):
        raise ProtocolError("a malformed report")
    return Report(*fields)
