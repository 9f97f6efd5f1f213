"""Dictionaries and dataclasses as they travel: groups of plain values, never code.

Laws
    A dataclass travels as its name and its fields. Nothing is imported or called to build one from bytes: what comes
    is a ``Record``. Who has sent one of that class, and still has the class, gets one of it back (``returned``).
    A dictionary's keys are plain; large ones have texts for keys only, because numbers can be chosen to collide.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Container, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from farptr.protocol.errors import ProtocolError, UnsupportedValue

DICT, RECORD = "m", "r"
"""Tags of arguments; behind each stands a tuple of arguments: keys and values in turns, a record's name first."""
MANY_KEYS = 1000
"""Keys of a dictionary that may be anything plain; those of a larger one are texts."""
KEYS = frozenset({str, int, float, bool, bytes, type(None)})


class Record(SimpleNamespace):
    """A dataclass that came from elsewhere: its fields are attributes; equal to one with the same fields."""

    __slots__ = ("_name",)

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        super().__init__(**fields)
        self._name = name

    def __reduce__(self) -> Any:
        return Record, (self._name, dict(vars(self)))

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{self._name.rpartition('.')[2]}({inside})"


def is_record(value: Any) -> bool:
    """Whether it is an instance of a dataclass, or stands for one."""
    return type(value) is Record or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def name_of(value: Any) -> str:
    """The name of a record's class, with its module."""
    return value._name if type(value) is Record else f"{type(value).__module__}.{type(value).__qualname__}"


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a record."""
    if type(value) is Record:
        return dict(vars(value))
    return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}


_sent: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
"""Dataclasses of which this process has sent something, by name."""


def remember(cls: type) -> None:
    """What comes back under this dataclass's name shall be one of it."""
    if cls is not Record:
        _sent[f"{cls.__module__}.{cls.__qualname__}"] = cls


def returned(value: Record) -> Any:
    """The same fields as a dataclass that this process has sent, if it is one; its ``__init__`` is not called."""
    cls: Any = _sent.get(value._name)
    if cls is None or {field.name for field in dataclasses.fields(cls)} != vars(value).keys():
        return value
    made = object.__new__(cls)
    for name, part in vars(value).items():
        object.__setattr__(made, name, part)
    return made


def replaced(value: Any, makers: Mapping[str, Callable[[Record], Any]], done: Container[int] = ()) -> Any:
    """A value that was decoded, with what ``makers`` make of the records of their names; it is changed for that.

    ``done``: by ``id``, what in it was not decoded, and is left alone.
    """
    kind = type(value)
    if kind not in (list, tuple, dict, Record) or id(value) in done:
        return value
    if kind is Record and value._name in makers:
        return makers[value._name](value)
    if kind is list:
        value[:] = [replaced(part, makers, done) for part in value]
    elif kind is tuple:
        return tuple([replaced(part, makers, done) for part in value])
    else:
        fields = value if kind is dict else vars(value)
        fields.update({key: replaced(part, makers, done) for key, part in fields.items()})
    return value


def check_keys(value: dict[Any, Any]) -> None:
    """Raise UnsupportedValue for a dictionary with keys that do not travel."""
    kinds = {type(key) for key in value}
    if not kinds <= KEYS:
        odd = next(kind for kind in kinds if kind not in KEYS)
        raise UnsupportedValue(f"a dict with a {odd.__name__} for a key cannot be sent", hint="texts and numbers can")
    if len(value) > MANY_KEYS and kinds != {str}:
        raise UnsupportedValue(f"a dict of {len(value)} keys cannot be sent unless all are texts", hint="str(key)")


def dict_of(parts: Sequence[Any]) -> dict[Any, Any]:
    """The dictionary of keys and values in turns; raises ProtocolError."""
    keys = parts[::2]
    kinds = set(map(type, keys))
    if len(parts) % 2 or not kinds <= KEYS or (len(keys) > MANY_KEYS and kinds != {str}):
        raise ProtocolError("a malformed dictionary")
    return dict(zip(keys, parts[1::2], strict=True))


def record_of(parts: Sequence[Any]) -> Record:
    """The record of a name, then keys and values in turns; raises ProtocolError."""
    if not parts or type(parts[0]) is not str:
        raise ProtocolError("a malformed record")
    fields = dict_of(parts[1:])
    if not all(type(key) is str for key in fields):
        raise ProtocolError("a malformed record")
    return Record(parts[0], fields)
