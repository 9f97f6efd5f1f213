"""Envelopes in words, for the report of a failed test. Data is described (dtype, shape), never shown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from farptr.protocol import body as bodies
from farptr.protocol import commands as c
from farptr.protocol.errors import ProtocolError, Report
from farptr.protocol.header import BROKER_NUMBER, Flag, Header, Kind
from farptr.protocol.ids import LOWEST_ID, id_of, worker_of

COMMANDS_SHOWN = 5
"""Of a batch the last ones: what failed is nearer to the end."""
TEXT_CHARS = 100
"""Of a literal argument or an error's message."""

Names = Mapping[int, str]


def in_words(header: Header, body: bytes | None, names: Names, me: int) -> list[str]:
    """One envelope: a line that says who to whom and what kind, and a line for each command or answer that it carries.

    Args:
        header: as it was sent or received.
        body: its bytes, or None when they were too many to keep.
        names: of the parties, by number.
        me: this client's number; what it sends has no source yet.
    """
    source = header.source or (me if header.destination != me else BROKER_NUMBER)
    kind = Kind(header.kind).name.lower()
    line = f"{_party(source, names, me)} -> {_party(header.destination, names, me)}: {kind} #{header.sequence}"
    if header.flags & Flag.SYNC:
        line += " and sync"
    if header.value_bytes:
        line += f" ({header.value_bytes} bytes of data)"
    return [line, *_contents(header, body, names)]


def _party(number: int, names: Names, me: int) -> str:
    if number == BROKER_NUMBER:
        return "broker"
    return "me" if number == me else names.get(number, f"party {number}")


def _contents(header: Header, body: bytes | None, names: Names) -> list[str]:
    say = _KINDS.get(header.kind)
    if say is None or body == b"":
        return []
    if body is not None:
        # A report must come out, whatever the bytes are.
        with contextlib.suppress(ProtocolError, ValueError, TypeError, LookupError, AttributeError):
            return say(bodies.loads(body), names)
    return [f"a body of {header.body_bytes} bytes"]


# ---------------------------------------------------------------- kinds


def _batch(batch: Sequence[Any], names: Names) -> list[str]:
    return _last(batch, lambda command: _command(command, names))


def _replies(replies: Sequence[Any], names: Names) -> list[str]:
    return _last(replies, lambda reply: _reply(reply, names))


def _last(items: Sequence[Any], say: Callable[[Any], str]) -> list[str]:
    more = len(items) - COMMANDS_SHOWN
    return [f"({more} more)"] * (more > 0) + [say(item) for item in items[-COMMANDS_SHOWN:]]


def _asked(request: Any, names: Names) -> list[str]:
    return [str(request["what"])]


def _news(news: Any, names: Names) -> list[str]:
    if "joined" in news:
        return [f"{news['joined'][2]} {news['joined'][1]} joined"]
    return [f"{news.get('role', 'party')} {news['name']} is gone"]


_KINDS: dict[int, Callable[[Any, Names], list[str]]] = {
    Kind.COMMAND: _batch,
    Kind.REPLY: _replies,
    Kind.ASK: _asked,
    Kind.ROSTER: _news,
}


# ---------------------------------------------------------------- commands


def _command(command: tuple[Any, ...], names: Names) -> str:
    number, code, *fields = command
    label = c.LABELS.get(code, f"command {code}")
    if code == c.CALL:
        text = _call(fields, names)
    elif code in (c.SEND, c.PUSH):
        text = f"{label} {_value(fields[3], names)} as {_object(fields[0], names)}"
    elif code in (c.MOVE, c.PULL):
        text = f"{label} {_object(fields[0], names)} to {_object(fields[1], names)}"
    elif code in (c.ASK, c.KEEP):
        text = f"{label} {_object(fields[0], names)} {_short(fields[1])}"
    elif code in (c.LIST, c.NAMED):
        text = f"{label} {_short(fields[0])}"
    else:
        text = " ".join([label, *(_field(field, names) for field in fields)])
    return f"[{number}] {text}" if number else text


def _field(field: Any, names: Names) -> str:
    """A field of a command that has no words of its own; nothing in a tuple is shown, it may be data."""
    if isinstance(field, tuple | list | dict | bytes):
        return "…"
    return _object(field, names) if isinstance(field, int) and field > LOWEST_ID else _short(field)


def _call(fields: list[Any], names: Names) -> str:
    results, operation, args, kwargs = fields
    pieces = [_argument(argument, names) for argument in args]
    pieces += [f"{key}={_argument(value, names)}" for key, value in dict(kwargs or ()).items()]
    text = f"{operation}({', '.join(pieces)})"
    if results is None:
        return f"{text} in place"
    made = results if isinstance(results, tuple) else (results,)
    return f"{text} -> {', '.join(_object(name, names) for name in made)}"


def _argument(argument: Any, names: Names) -> str:
    if isinstance(argument, int):
        return _object(argument, names)
    if argument[0] == "L":
        return _short(argument[1])
    return _value(argument, names) if argument[0] == "A" else "…"


def _reply(reply: tuple[int, int, Any], names: Names) -> str:
    number, status, payload = reply
    if status in (c.FAILED, c.REPORT):
        report = Report(*payload)
        return f"[{report.command or number}] failed: {report.kind}: {_short(report.message, quoted=False)}"
    # A plain answer may be an element of somebody's data.
    return f"[{number}] " + (_value(payload, names) if status == c.VALUE else f"a {type(payload).__name__}")


def _value(value: Any, names: Names) -> str:
    if value is None:
        return "what is there"
    tag, *rest = value
    if tag == "A":
        return f"{np.dtype(rest[0]).name} array of shape {rest[1]}"
    if tag == "P":
        return f"a pointer to {_object(rest[0], names)}"
    if tag == "K":
        return "a value that is no array"
    if tag == "E":
        return f"the error {Report(*rest[0]).kind}"
    return "a value"


def _object(name: int, names: Names) -> str:
    """As errors name an object: ``julie:46619009290``."""
    return f"{names.get(worker_of(name), f'party {worker_of(name)}')}:{id_of(name)}"


def _short(value: Any, *, quoted: bool = True) -> str:
    text = repr(value) if quoted else " ".join(str(value).split())
    return text if len(text) <= TEXT_CHARS else f"{text[: TEXT_CHARS - 1]}…"
