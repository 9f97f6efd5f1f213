"""torch's kernels by a short way: what far tensors ask for, whose operands are all together on this worker.

Law
    It does what ``Calls`` does with any operation, or nothing and says so: everything unusual goes the long way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farptr.protocol import values
from farptr.protocol.commands import CALL
from farptr.protocol.shapes import MAX_NAME
from farptr.protocol.torch_names import KERNELS
from farptr.protocol.values import PLAIN_KINDS
from farptr.worker import execute, tensors
from farptr.worker.turn import Command, Turn

_SEQUENCES: Mapping[str, type] = {values.LIST: list, values.TUPLE: tuple}
_LONG = 64
"""Longer lists go the long way."""


class _Unusual(LookupError):
    """This goes the long way."""


def _operand(wire: Any, by_name: Mapping[int, Any]) -> Any:
    """What an argument stands for; raises _Unusual."""
    if type(wire) is int:
        entry = by_name.get(wire)
        if entry is None or type(entry.value) not in tensors.KINDS:
            raise _Unusual
        return entry.value
    if type(wire) is not tuple or len(wire) != 2:
        raise _Unusual
    tag, held = wire
    if tag == values.LITERAL and type(held) in PLAIN_KINDS:
        return held
    kind = _SEQUENCES.get(tag) if type(tag) is str else None
    if kind is None or type(held) is not tuple or len(held) > _LONG:
        raise _Unusual
    return kind([_operand(part, by_name) for part in held])


def _names(results: Any) -> tuple[int, ...]:
    names = () if results is None else (results,) if type(results) is int else results
    if type(names) is not tuple or not all(type(name) is int and 0 < name < MAX_NAME for name in names):
        raise _Unusual
    return names


def run(command: Any, turn: Turn) -> bool:
    """Carry out a command if it is a kernel's and usual; raises what the kernel raises, and then nothing was stored."""
    try:
        number, code, results, operation, args, kwargs = command
        if code != CALL or type(number) is not int or type(operation) is not str or type(args) is not tuple:
            return False
        if not operation.startswith(KERNELS) or not (kwargs is None or type(kwargs) is dict):
            return False
        by_name = turn.store.by_name
        names = _names(results)
        found = [_operand(wire, by_name) for wire in args]
        named = {str(name): _operand(wire, by_name) for name, wire in kwargs.items()} if kwargs else {}
    except (_Unusual, ValueError, TypeError, RecursionError):
        return False
    _store(command, names, execute.run(operation, found, named, len(names)), turn)
    return True


def _store(command: Command, names: tuple[int, ...], made: list[Any], turn: Turn) -> None:
    for index, (name, value) in enumerate(zip(names, made, strict=True)):
        turn.store.create(name, value, (turn.root, command[0], turn.hop, index))
