"""Operations: run here, forwarded to where the data is, or failed by an operand that failed.

Laws
    1. A command whose operands are all pointers to one worker goes on there, and pointers to its results stay here.
       What it makes there is named here, so nothing comes back.
    2. Operands of different depth on this worker are levelled before; operands in different places are an error.
    3. The common cases (``simply``, ``_forward``) do what ``_call_anyhow`` would, by a shorter way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from farptr.protocol import operations, values
from farptr.protocol.apart import Joined
from farptr.protocol.commands import CALL, REPORT
from farptr.protocol.errors import NotCollocated, Report
from farptr.protocol.functions import is_call
from farptr.protocol.header import HOP_LIMIT
from farptr.protocol.ids import NAME_SHIFT, PARTY_MASK, id_of, make_name, worker_of
from farptr.protocol.plain import Plain
from farptr.protocol.shapes import MAX_NAME
from farptr.protocol.values import PLAIN_KINDS
from farptr.worker import execute, kernels, tensors
from farptr.worker.functions import Functions, item_of
from farptr.worker.store import Failure, Pointer, Value
from farptr.worker.turn import Command, Turn


class Calls:
    """The handler of CALL."""

    def __init__(self, turn: Turn, fail: Callable[[Command, Exception], None], functions: Functions) -> None:
        self._turn, self._fail, self._functions = turn, fail, functions
        self.number, self.ids, self.store, self._out = turn.number, turn.ids, turn.store, turn.out

    def call(self, command: Command) -> None:
        """Carry out a CALL."""
        if not self.simply(command):
            self._call_anyhow(command)

    def fail(self, command: Command, report: Report) -> None:
        """A CALL has failed: so have its results."""
        self._put(command, [Failure(report)] * _count(command[2]))

    def simply(self, command: Any) -> bool:
        """The common cases by the shortest way, if it is one: one result, of what lies together and plain numbers."""
        if type(command) is not tuple or len(command) != 6 or command[1] != CALL:
            return False
        number, _, result, name, args, kwargs = command
        if type(number) is not int or type(name) is not str:
            return False
        if kwargs or type(result) is not int or not 0 < result < MAX_NAME:
            return self._kernel(command)
        found: list[Any] = []
        try:
            by_name = self.store.by_name
            for wire in args:
                if type(wire) is int:
                    value = by_name[wire].value if wire in by_name else None
                    kind = type(value)
                    if kind is not np.ndarray and kind not in tensors.KINDS:
                        return kind is Pointer and self._forward(command)
                    found.append(value)
                elif wire[0] == values.LITERAL and type(wire[1]) in PLAIN_KINDS:
                    found.append(wire[1])
                else:
                    return self._kernel(command)
            made = execute.run_one(name, found)
            self.store.create(result, made, (self._turn.root, number, self._turn.hop, 0))
        except Exception as error:  # whatever a command does, the worker lives on and somebody is told
            self._fail(command, error)
        return True

    def _kernel(self, command: Command) -> bool:
        """A kernel of torch's by its short way, if it is one."""
        try:
            return kernels.run(command, self._turn)
        except Exception as error:
            self._fail(command, error)
            return True

    def _forward(self, command: Command) -> bool:
        """The common case of a chain: one result, of pointers to one other worker and plain numbers."""
        number, code, result, operation, args, _ = command
        by_name, there, further, numbers = self.store.by_name, 0, [], 0
        for wire in args:
            if type(wire) is int:
                value = by_name[wire].value if wire in by_name else None
                if type(value) is not Pointer:
                    return False
                target = value.target
                worker = target >> NAME_SHIFT & PARTY_MASK
                if there and worker != there:
                    return False
                there = worker
                further.append(target)
            elif wire[0] == values.LITERAL and type(wire[1]) in PLAIN_KINDS:
                numbers += 1
                further.append(wire)
            else:
                return False
        if there == self.number or self._turn.hop >= HOP_LIMIT:
            return False
        drawn = self.ids.drawn
        name = there << NAME_SHIFT | (drawn.pop() if drawn else self.ids.next())
        self.store.create_pointer(result, name, (self._turn.root, number, self._turn.hop, 0))
        data_bytes = operations.data_bytes(operation, args, None, values.argument_bytes) if numbers else 0
        self._out.forward(there, (number, code, name, operation, tuple(further), None), name, data_bytes)
        return True

    def _call_anyhow(self, command: Command) -> None:
        _, _, results, operation, args, kwargs = command
        names = [name for wire in args for name in values.names_in(wire)]
        if kwargs:
            names += [name for wire in kwargs.values() for name in values.names_in(wire)]
        here = self._levelled({name: self.store.value(name) for name in names})
        failure = next((v for v in here.values() if type(v) is Failure), None)
        if failure is not None:
            self._inherit(command, failure, here[names[0]])
        elif any(type(v) is Pointer for v in here.values()):
            self._call_further(command, here)
        elif is_call(operation) or any(type(v) is Plain for v in here.values()):
            self._put(command, [self._of_values(command, here)])
        else:
            buffers = self._turn.buffers
            found = [values.decode_argument(wire, here.__getitem__, buffers, view=True) for wire in args]
            named = {
                k: values.decode_argument(w, here.__getitem__, buffers, view=True) for k, w in (kwargs or {}).items()
            }
            made = execute.run(operation, found, named, _count(results))
            if type(buffers) is Joined:  # a view of what came must not outlive the turn
                made = [v if type(v) is not np.ndarray or v.flags.writeable else v.copy() for v in made]
            self._put(command, made)

    def _of_values(self, command: Command, here: dict[int, Value]) -> Any:
        """The result of a function, or of an operation on what is no array."""
        _, _, _, operation, args, kwargs = command
        called, buffers = is_call(operation), self._turn.buffers

        def lookup(name: int) -> Any:
            value = here[name]
            return value.value if called and type(value) is Plain else value

        found = [values.decode_argument(wire, lookup, buffers) for wire in args]
        named = {k: values.decode_argument(w, lookup, buffers) for k, w in (kwargs or {}).items()}
        if not called:
            return item_of(operation, found, named)
        stored = {id(value.value) for value in here.values() if type(value) is Plain}
        return self._functions.run(command, found, named, stored)

    def _levelled(self, here: dict[int, Value]) -> dict[int, Value]:
        """Operands of different depth on this worker: pointers to this worker are followed until all are alike."""
        for _ in range(HOP_LIMIT):
            places = {worker_of(v.target) if type(v) is Pointer else None for v in here.values()}
            if len(places) < 2 or self.number not in places or any(type(v) is Failure for v in here.values()):
                break
            here = {
                name: self.store.value(v.target) if type(v) is Pointer and worker_of(v.target) == self.number else v
                for name, v in here.items()
            }
        return here

    def _put(self, command: Command, found: list[Any]) -> None:
        results = command[2]
        if type(results) is int:
            self.store.put(results, found[0], 1, self._turn.order(command))
        elif results is not None:
            for i, (name, value) in enumerate(zip(results, found, strict=True)):
                self.store.put(name, value, 1, self._turn.order(command, i))

    def _inherit(self, command: Command, failure: Failure, target: Value) -> None:
        """A command on a failed value fails alike; without a result it says so, unless its target is the failure."""
        results = command[2]
        if results is not None:
            self._put(command, [failure] * _count(results))
        elif failure is not target:
            self._out.reply((command[0], REPORT, tuple(failure.report._replace(command=command[0]))))

    def _call_further(self, command: Command, here: dict[int, Value]) -> None:
        """Every operand is a pointer to one worker: the command goes on there, and result pointers stay here."""
        number, code, results, operation, args, kwargs = command
        there = self._next_worker(here)
        self._turn.check_hop()
        targets = {name: value.target for name, value in here.items() if type(value) is Pointer}
        named = [make_name(there, self.ids.next()) for _ in range(_count(results))]
        self._put(command, [Pointer(name) for name in named])
        for name in named:
            self.store.receive(name)
        further = named[0] if type(results) is int else None if results is None else tuple(named)

        def go(wire: Any) -> Any:
            return values.renamed(wire, targets.__getitem__, lambda array: self._carried(array, there))

        new_kwargs = {k: go(w) for k, w in kwargs.items()} if kwargs else None
        if there != self.number:
            self._out.count(there, operations.data_bytes(operation, args, kwargs, values.argument_bytes))
        self._turn.go_on(there, (number, code, further, operation, tuple(map(go, args)), new_kwargs), named)

    def _carried(self, wire: Any, there: int) -> Any:
        """An array argument on its way to the next worker; one that stays in this turn keeps its buffers."""
        return wire if there == self.number else self._out.carry(wire, self._turn.buffers, there)

    def _next_worker(self, here: dict[int, Value]) -> int:
        places = {
            name: worker_of(value.target) if type(value) is Pointer else self.number for name, value in here.items()
        }
        if len(set(places.values())) > 1 or any(type(v) is not Pointer for v in here.values()):
            who = ", ".join(
                f"{self._turn.called(self.number)}:{id_of(name)} leads to {self._turn.called(place)}"
                if type(here[name]) is Pointer
                else f"{self._turn.called(self.number)}:{id_of(name)} is data on {self._turn.called(place)}"
                for name, place in places.items()
            )
            raise NotCollocated(f"the operands are in different places: {who}", hint="move() one of them first")
        return next(iter(places.values()))


def _count(results: Any) -> int:
    return 0 if results is None else 1 if type(results) is int else len(results)
