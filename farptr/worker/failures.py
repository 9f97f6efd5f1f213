"""What is told of a command that failed."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from farptr.protocol import values
from farptr.protocol.commands import CALL, LABELS
from farptr.protocol.errors import FarptrError, Report
from farptr.protocol.functions import is_call, name_of
from farptr.protocol.ids import id_of
from farptr.protocol.shapes import MAX_NAME

_HERE = str(Path(__file__).parent)
MAX_TRACE_CHARACTERS = 4000
MAX_MESSAGE_CHARACTERS = 8000
"""Longer ones (an error that quotes its argument) are cut: the failures of a whole batch must fit one answer."""


class Stopped(BaseException):
    """This worker was told to end, whatever it is doing: no failure of a command."""


def report_of(command: tuple[Any, ...], error: BaseException, worker: int, hop: int, client: int) -> Report:
    """The report of a command that failed at a worker; the traceback goes along unless the error is farptr's own."""
    code = command[1]
    operation = str(command[3]) if code == CALL and len(command) > 3 else LABELS.get(code, "batch")
    ours = isinstance(error, FarptrError)
    if code == CALL and is_call(operation):
        error.__traceback__, operation = _of_the_function(error.__traceback__), name_of(operation)
    trace = "" if ours else "".join(traceback.format_exception(error))[-MAX_TRACE_CHARACTERS:]
    number = command[0] if type(command[0]) is int and 0 <= command[0] < MAX_NAME else 0  # or nobody could list it
    operation = operation[:MAX_MESSAGE_CHARACTERS]
    text, hint = (error.message, error.hint) if isinstance(error, FarptrError) else (text_of(error), "")
    if len(text) > MAX_MESSAGE_CHARACTERS:
        text = f"{text[:MAX_MESSAGE_CHARACTERS]} … ({len(text)} characters)"
    return Report(type(error).__name__, text, operation, number, worker, hop, _about(command), trace, hint, client)


def text_of(error: object) -> str:
    """The text of an error that anybody may have written, or of a warning."""
    try:
        return str(error).encode("utf-8", "replace").decode("utf-8")  # no encoding takes halves of surrogate pairs
    except Exception:
        return "(its text cannot be had)"


def _of_the_function(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in what a client wrote."""
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return trace


def _about(command: tuple[Any, ...]) -> int:
    """Id of the object that a command is about: the first operand of a call, else the third field."""
    if command[1] == CALL and len(command) > 4 and command[4]:
        wires = command[4] if type(command[4]) is tuple else ()
        # A function comes first, and has no name.
        names = [name for wire in wires[: 3 if is_call(command[3]) else 1] for name in values.names_in(wire)]
        return id_of(names[0]) if names else 0
    return id_of(command[2]) if len(command) > 2 and type(command[2]) is int else 0
