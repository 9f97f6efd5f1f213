"""Functions as they travel: their code, and the pointers that they refer to.

Laws
    1. A pointer in a function's closure, globals or defaults is an operand of the call, like one among its arguments:
       it is not pickled, and the function finds there what it leads to.
    2. What belongs to this client's connection (workers, runs, futures) does not travel; the error says so.
    3. Functions and classes of the program's own modules travel whole: the worker need not be able to import them.
       Modules themselves do not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import io
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from types import ModuleType
from typing import Any, NamedTuple

import cloudpickle
import numpy as np

from farptr.client.calling import Operand
from farptr.client.graph import Node
from farptr.client.operands import Wired
from farptr.client.session import Session
from farptr.client.tensor import tensor
from farptr.protocol import values
from farptr.protocol.errors import FarptrError, MessageTooLarge, NotSerializable, UnsupportedValue, UsageError
from farptr.protocol.functions import MAX_FUNCTION_BYTES, PICKLED
from farptr.protocol.plain import encode, parts_of
from farptr.protocol.records import Record, is_record, remember

MAX_NAME_CHARACTERS = 80
_PLAIN = (int, float, complex, str, bytes, type(None), np.ndarray, np.generic)


class Shipped(NamedTuple):
    """One function, pickled."""

    name: str
    code: bytes
    digest: str
    captured: tuple[Operand, ...]
    """The pointers that it refers to, by the numbers that stand for them in the code."""

    def wired(self, *, kept: bool) -> Callable[..., Wired]:
        """How a call of it travels (``operands.Wiring``); ``kept`` where the worker has it already."""

        def wire(args: Sequence[Any], kwargs: Mapping[str, Any], node_of: Callable[[Any], Node | None]) -> Wired:
            buffers: list[Any] = []

            def name_of(value: Any) -> int | None:
                node = node_of(value)
                return None if node is None else node.name

            code = (values.LITERAL, self.digest) if kept else self.encoded(buffers)
            wires = [encode(value, buffers, name_of) for value in (self.captured, *args)]
            named = {key: encode(value, buffers, name_of) for key, value in kwargs.items()}
            return (code, *wires), named or None, buffers

        return wire

    def encoded(self, buffers: list[Any]) -> tuple[Any, ...]:
        """The code in frames of its own, behind those that are there."""
        return values.encode_array(np.frombuffer(self.code, np.uint8), buffers, 0)


def shipped(function: Any) -> Shipped:
    """Pickle a function; raises UsageError, NotSerializable, MessageTooLarge."""
    name = name_of(function)
    if not callable(function):
        raise UsageError(f"{function!r} is no function", hint="julie.run(f, p) runs f on what p points at")
    code, captured = _pickled(function, name)
    return Shipped(name, code, hashlib.sha256(code).hexdigest(), captured)


def carried(value: Any, name: str) -> Any:
    """An argument for the function of that name, in which all that is no plain value is pickled, as functions are.

    Raises NotSerializable, MessageTooLarge, and UnsupportedValue for arrays that do not travel.
    """
    kind = type(value)
    if kind is list or kind is tuple:
        return kind([carried(part, name) for part in value])
    if kind is dict:
        return {key: carried(part, name) for key, part in value.items()}
    if isinstance(value, (*_PLAIN, Operand)):
        return value
    try:
        encode(value, [], lambda part: 1 if isinstance(part, Operand) else None)
    except UnsupportedValue:
        if isinstance(value, Iterator):
            raise
        code, captured = _pickled(value, f"what {name} is given")
        return Record(PICKLED, {"code": np.frombuffer(code, np.uint8), "captured": captured})
    return value


def _pickled(value: Any, name: str) -> tuple[bytes, tuple[Operand, ...]]:
    """The bytes, and the pointers in it, by the numbers that stand for them."""
    stream = io.BytesIO()
    pickler = _Pickler(stream, name)
    try:
        with _whole():
            pickler.dump(value)
    except FarptrError:
        raise
    except Exception as error:
        raise NotSerializable(
            f"{name} cannot be sent: {error}",
            hint="pass what it needs as an argument, or make it inside the function",
        ) from None
    code = stream.getvalue()
    if len(code) > MAX_FUNCTION_BYTES:
        raise MessageTooLarge(
            f"{name} takes {len(code)} bytes with all it refers to, over the limit of {MAX_FUNCTION_BYTES}",
            hint="send large arrays by themselves, and give the function their pointers",
            size=len(code),
            limit=MAX_FUNCTION_BYTES,
        )
    return code, tuple(pickler.captured)


def name_of(function: Any) -> str:
    """What a function is called, for messages."""
    name = str(getattr(function, "__qualname__", "") or type(function).__name__)
    return name.rpartition("<locals>.")[2][:MAX_NAME_CHARACTERS]


def operands_in(value: Any) -> Iterator[Operand]:
    """Every pointer in an argument, at any depth."""
    if isinstance(value, Operand):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from operands_in(part)
    elif isinstance(value, list | tuple) or is_record(value):
        for part in parts_of(value):
            yield from operands_in(part)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(self, stream: io.BytesIO, name: str) -> None:
        super().__init__(stream, protocol=5)
        self.captured: list[Operand] = []
        self._name = name

    def persistent_id(self, value: Any) -> int | None:
        give = getattr(type(value), "__farptr__", None)
        if give is not None:
            value = give(value)
        if isinstance(value, Operand):
            self.captured.append(value)
            return len(self.captured) - 1
        if isinstance(value, _here_alone()):
            what = f"a {type(value).__name__.lower()}" + (f" ({value.name})" if hasattr(value, "name") else "")
            raise NotSerializable(
                f"{self._name} refers to {what}, which is of use in this process alone",
                hint="a function works on what it is given: pass it pointers",
            )
        return None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, ModuleType) and _is_the_programs(value.__name__):
            return importlib.import_module, (value.__name__,)  # what it has besides functions is nobody's business
        if type(value) is tensor:  # workers know ndarrays only
            return value.view(np.ndarray).__reduce_ex__(5)
        if isinstance(value, type) and dataclasses.is_dataclass(value):
            remember(value)  # what it returns of that class is to be one here, too
        return super().reducer_override(value)


def _here_alone() -> tuple[type, ...]:
    from farptr.client.run import Run
    from farptr.client.workers import Me, Worker

    return (Worker, Me, Run, Session, Future)


_registry = threading.Lock()


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """While a function is pickled, what the program's own modules define goes by value."""
    with _registry:
        before = cloudpickle.list_registry_pickle_by_value()
        mine = [m for name, m in list(sys.modules.items()) if name not in before and _is_the_programs(name)]
        for module in mine:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in mine:
                cloudpickle.unregister_pickle_by_value(module)


@functools.cache
def _is_the_programs(name: str) -> bool:
    """Whether a module is neither Python's, nor installed, nor farptr's."""
    module = sys.modules.get(name)
    path = getattr(module, "__file__", None)
    if not path or getattr(module, "__name__", "") != name or name.partition(".")[0] in ("__main__", "farptr"):
        return False
    places = sysconfig.get_paths()
    return not any(path.startswith(places[place]) for place in ("stdlib", "platstdlib", "purelib", "platlib"))
