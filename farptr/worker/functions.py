"""Functions that clients write, run here on what their pointers lead to.

Laws
    1. A function runs where ``cells`` do: off unless turned on, and by who may. Nothing of it is unpickled before that.
    2. It runs inside its command's turn, at the far end of the chains that it was given, so order is that of commands.
    3. Its result is an object like any other: an array, or a value (``protocol.plain``); nothing else is stored.
    4. Whatever it raises, SystemExit too, is its failure. What it prints and warns of is told, bounded.
    5. A function that was sent to be called often is kept for the client that sent it, KEPT at most, the oldest goes
       first; the client counts alike, so what it calls by its digest is here. With the client they go.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from farptr.protocol import plain, values
from farptr.protocol.commands import SAID
from farptr.protocol.errors import (
    FarptrError,
    MessageTooLarge,
    NotSerializable,
    ObjectGone,
    ProtocolError,
    UnsupportedOperation,
    UnsupportedValue,
)
from farptr.protocol.functions import KEPT, PICKLED, name_of
from farptr.protocol.operations import ROWS
from farptr.protocol.plain import Plain
from farptr.protocol.records import Record, fields_of, replaced
from farptr.worker import tensors
from farptr.worker.cells import MAX_MESSAGE_CHARACTERS, Printed, cut
from farptr.worker.failures import Stopped, text_of
from farptr.worker.forks import ended_here
from farptr.worker.interrupts import computing, shielded
from farptr.worker.turn import Command, Turn

MAX_WARNINGS = 50

Context = contextlib.AbstractContextManager[Any]
_within: list[Callable[[str], Context]] = [contextlib.nullcontext]
"""Entered around every call of a function, with its name."""


def run_within(context: Callable[[str], Context]) -> None:
    """Have all functions of this process run in a context of yours: it is given the function's name."""
    _within[0] = context


class Functions:
    """The handler of FUNCTION, and of the calls whose operation is a function."""

    def __init__(self, turn: Turn, check_allowed: Callable[[], None]) -> None:
        self._turn, self._check_allowed = turn, check_allowed
        self._kept: dict[int, dict[str, Any]] = {}
        """By client: digest to bytes, or to the function itself once it was called."""

    def keep(self, command: Command) -> None:
        """A function that will be called by its digest. Whether it may run is asked when it is called."""
        _, _, digest, wire = command
        try:
            self._check(self._turn.root)
        except FarptrError:
            return  # whoever calls it is told
        kept = self._kept.setdefault(self._turn.root, {})
        kept.pop(digest, None)
        kept[digest] = values.decode_array(wire, self._turn.buffers).tobytes()
        if len(kept) > KEPT:
            del kept[next(iter(kept))]

    def forget(self, client: int) -> None:
        """That client is gone."""
        self._kept.pop(client, None)

    def run(self, command: Command, args: list[Any], kwargs: dict[str, Any], stored: Container[int]) -> Any:
        """What a function returns, as it is stored; the first two arguments are its code and what it refers to.

        ``stored``: by ``id``, what among them was here before. Nothing in that is ever unpickled: another client may
        have sent it.
        """
        self._check(self._turn.root)
        code, captured, *rest = args if len(args) > 1 else (None, None)
        if not isinstance(code, str | np.ndarray) or not isinstance(captured, tuple):
            raise ProtocolError("a malformed call of a function")
        name = name_of(command[3])
        heard = Heard(self._turn, command[0])
        makers = tensors.maker() | {PICKLED: lambda record: _argument(record, name)}
        try:
            with heard, ended_here(), computing, _within[0](name):
                rest, kwargs = replaced(rest, makers, stored), replaced(kwargs, makers, stored)
                return _stored(self._found(code, captured, name)(*rest, **kwargs), name)
        except (Stopped, Exception):
            raise
        except BaseException as error:  # SystemExit and its like must not end the worker
            raise RuntimeError(
                f"{name} raised {type(error).__name__}: {cut(text_of(error), MAX_MESSAGE_CHARACTERS)}"
            ) from None

    def _check(self, root: int) -> None:
        self._turn.authority.check_run(root)
        self._check_allowed()

    def _found(self, code: Any, captured: Sequence[Any], name: str) -> Callable[..., Any]:
        if not isinstance(code, str):
            return _unpickled(code.tobytes(), captured, name)
        kept = self._kept.get(self._turn.root, {})
        found = kept.get(code)
        if found is None:
            raise ObjectGone(f"{self._turn.called(self._turn.number)} has no function {name} of that digest")
        if isinstance(found, bytes):
            function = _unpickled(found, captured, name)
            if captured:  # what its pointers lead to may change from call to call
                return function
            found = kept[code] = function
        return found


class _Unpickler(pickle.Unpickler):
    def __init__(self, code: bytes, captured: Sequence[Any]) -> None:
        super().__init__(io.BytesIO(code))
        self._captured = captured

    def persistent_load(self, pid: Any) -> Any:
        return self._captured[pid]


def _unpickled(code: bytes, captured: Sequence[Any], name: str) -> Callable[..., Any]:
    try:
        return _Unpickler(code, captured).load()  # type: ignore[no-any-return]
    except ImportError as error:
        raise NotSerializable(
            f"{name} needs what this worker cannot import: {error}",
            hint="install it where the worker runs, or import it inside the function",
        ) from None


def _argument(record: Record, name: str) -> Any:
    """What a function was given that is no plain value."""
    fields = fields_of(record)
    code, captured = fields.get("code"), fields.get("captured")
    if not isinstance(code, np.ndarray) or not isinstance(captured, tuple) or len(fields) != 2:
        raise ProtocolError("a malformed argument of a function")
    return _unpickled(code.tobytes(), captured, name)


def _stored(value: Any, name: str) -> Any:
    if type(value).__module__.partition(".")[0] == "torch":
        tensors.theirs()  # which says what kinds there are
    if type(value) in tensors.KINDS:
        return value
    try:
        return plain.storable(value)
    except MessageTooLarge as error:
        raise MessageTooLarge(
            f"{name} returned what cannot be kept: {error.message}", hint=error.hint, size=error.size, limit=error.limit
        ) from None
    except (UnsupportedValue, ValueError) as error:
        text = error.message if isinstance(error, FarptrError) else str(error)
        raise UnsupportedValue(
            f"{name} returned what cannot be kept: {text}",
            hint="return arrays, numbers, texts, tensors of torch, or lists, tuples, dicts and dataclasses of those",
        ) from None


# ---------------------------------------------------------------- what it says


class Heard(io.TextIOBase):
    """``with heard:`` around what may print and warn; all of it is told when that ends, some of it while it runs."""

    def __init__(self, turn: Turn, number: int) -> None:
        self._turn, self._number = turn, number
        self._printed = Printed()
        self._warned: list[tuple[str, str]] = []
        self._told: set[tuple[str, str]] = set()
        self._sender = (0, 0)
        """Process and thread that may send, while this listens."""

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Take in a piece; whole lines may be told at once."""
        self._printed.write(text)
        ends_a_line = "\n" in text or "\r" in text
        if ends_a_line and self._sender == _this_thread() and self._printed.complete:
            with shielded:
                self._tell()
        return len(text)

    def _tell(self) -> None:
        tell = self._turn.tell
        if tell is not None and tell.due():
            tell.send(self._turn.out.at_once(*self._said(self._printed.take())))

    def _warn(self, message: Any, category: Any, *_: Any, **__: Any) -> None:
        told = (str(getattr(category, "__name__", category)), cut(text_of(message), MAX_MESSAGE_CHARACTERS))
        if len(self._told) < MAX_WARNINGS and told not in self._told:  # once for each call
            self._told.add(told)
            self._warned.append(told)

    def _said(self, text: str) -> tuple[Command, int]:
        """What is told now, and its bytes."""
        text = text_of(text)
        rows = tuple([(text_of(kind), words) for kind, words in self._warned])
        self._warned.clear()
        size_bytes = sum(len(part.encode()) for part in (text, *[part for row in rows for part in row]))
        return (self._number, SAID, (text, rows)), size_bytes

    def __enter__(self) -> Heard:
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(contextlib.redirect_stdout(self))
        self._stack.enter_context(contextlib.redirect_stderr(self))
        self._stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        warnings.showwarning = self._warn
        self._sender = _this_thread()
        return self

    def __exit__(self, *_: object) -> None:
        self._sender = (0, 0)
        self._stack.close()
        text = self._printed.text()
        if text or self._warned:
            said, size_bytes = self._said(text)
            self._turn.out.count(None, size_bytes)
            self._turn.out.reply(said)


def _this_thread() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


# ---------------------------------------------------------------- operations on values that are no arrays


_COPY = (".copy", "torch.farptr.copy")
_ITEM = ("[]", "torch.Tensor.__getitem__", "no_grad:torch.Tensor.__getitem__")


def item_of(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation gives of a value that is no array: its items, a copy, and nothing else."""
    if operation in _COPY and type(args[0]) is Plain and len(args) == 1 and not kwargs:
        return tensors.copied(args[0])
    if operation in _ITEM and type(args[0]) is Plain and len(args) == 2 and not kwargs:
        index = args[1].value if type(args[1]) is Plain else args[1]
        return _stored(plain.item(args[0].value, index), operation)
    found = next((arg for arg in (*args, *kwargs.values()) if type(arg) is Plain), None)
    raise UnsupportedOperation(
        f"a {found.kind if found else 'list'} is no array: {operation} does not work on it",
        hint="p[key] points into it, p.unpack() takes it apart, and p.apply(f) runs a function on it",
    )


def ask(value: Any, question: str) -> Any:
    """A plain answer about a value that is no array, or about what any is made of; raises UnsupportedOperation."""
    if not isinstance(value, Plain):
        return plain.LEAF
    if question == plain.STRUCTURE:
        return plain.structure_of(value.value)
    counted = list | tuple if question == ROWS else list | tuple | dict | str | bytes
    if question in ("len", ROWS) and isinstance(value.value, counted):
        return len(value.value)
    raise UnsupportedOperation(
        f"a {value.kind} is no array, and has no {question}", hint="get() fetches it; p.unpack() takes it apart"
    )
