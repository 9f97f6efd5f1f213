"""One worker's decisions: turns. No socket, clock or thread.

Laws
    1. One envelope is one turn, taken whole and in order; nothing is parked, and nobody waits for another worker:
       what concerns another worker is forwarded.
    2. A turn leaves in this order: forwards and pushes, replies, releases, DONE. Nothing leaves after DONE.
    3. References that come with a header last to the end of the turn; releases are decided there.
    4. A pointer to an object of this worker is followed inside the turn.
    5. A command that fails leaves an error under its result, or an answer, or a report: never silence.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from farptr.protocol import body as bodies
from farptr.protocol import operations, values
from farptr.protocol.commands import (
    ASK,
    CALL,
    CLEAR,
    FAILED,
    GET,
    HERE,
    KEEP,
    KEEP_NOT,
    KEEP_OWN,
    KEEP_SENT,
    LABELS,
    LIST,
    MOVE,
    NAMED,
    PLAIN,
    PULL,
    PULL_HERE,
    PUSH,
    REPORT,
    SEND,
    VALUE,
    Envelope,
)  # fmt: skip
from farptr.protocol.errors import (
    FarptrError,
    HopLimit,
    InvalidRemoteGet,
    NotCollocated,
    ObjectGone,
    ProtocolError,
    Report,
    UnknownData,
)  # fmt: skip
from farptr.protocol.header import HOP_LIMIT, Kind, names_of
from farptr.protocol.ids import IdBlock, id_of, make_name, worker_of
from farptr.protocol.names import did_you_mean
from farptr.worker import execute
from farptr.worker.listing import row_of
from farptr.worker.outbox import Outbox
from farptr.worker.store import Entry, Failure, Pointer, Store, Value

Command = tuple[Any, ...]
MAX_TRACE_CHARACTERS = 4000
_NO_KEYWORDS: dict[str, Any] = {}


class WorkerCore:
    """One worker: feed it envelopes with ``turn``; it gives back the envelopes to send, in order."""

    def __init__(self, *, number: int, epoch: int, ids: IdBlock) -> None:
        self.number, self.epoch = number, epoch
        self.ids = ids
        self.store = Store()
        self.names: dict[int, str] = {}
        """Party numbers to names, for messages."""
        self._out = Outbox(number, epoch)
        self._hop = 0
        self._root = 0
        self._buffers: tuple[Any, ...] = ()
        self._handlers: dict[int, Callable[[Command], None]] = {
            SEND: self._send, CALL: self._call, GET: self._get, ASK: self._ask, MOVE: self._move,
            PULL_HERE: self._pull_here, PULL: self._pull, PUSH: self._push, LIST: self._list, NAMED: self._named,
            KEEP: self._keep, CLEAR: self._clear,
        }  # fmt: skip

    def load(self, arrays: dict[str, Any]) -> None:
        """Store the worker's own data: it belongs to nobody else and stays until removed on purpose."""
        for i, (label, array) in enumerate(arrays.items()):
            name = make_name(self.number, self.ids.next())
            self.store.put(name, values.checked(array), 0, (0, 0, 0, i), KEEP_OWN)
            self.store.label(name, label)

    def news(self, news: dict[str, Any]) -> None:
        """A party joined (or left: its name stays known, for messages)."""
        if "joined" in news:
            self.names[news["joined"][0]] = news["joined"][1]

    # ------------------------------------------------------------ turns

    def turn(self, envelope: Envelope) -> list[Envelope]:
        """One envelope's work; what leaves, in order. The last one carries DONE."""
        header, body, self._buffers = envelope
        self._root, self._hop = header.root, header.hop
        self._out.begin(header.root, header.hop)
        if header.kind == Kind.FREE:
            for name, exports in names_of(header.refs):
                self.store.free(name, exports)
        elif header.kind == Kind.COMMAND:
            for target, count in names_of(header.refs):
                self.store.receive(target, count)
            self._batch(body)
            for name, exports in names_of(header.releases):
                self.store.free(name, exports)
        self._buffers = ()
        return self._out.end(self.store.end_turn())

    def _batch(self, body: bytes) -> None:
        try:
            commands = bodies.loads_as(tuple, body)
        except ProtocolError as error:
            self._out.reply((0, REPORT, self._report((0, 0), error)))
            return
        for command in commands:
            self._out.last = command is commands[-1]
            self._command(command)

    def _command(self, command: Any) -> None:
        try:
            handler = self._handlers[command[1]]
        except (TypeError, IndexError, KeyError):
            self._out.reply((0, REPORT, self._report((0, 0), ProtocolError("a malformed command"))))
            return
        try:
            handler(command)
        except Exception as error:  # whatever a command does, the worker lives on and somebody is told
            self._fail(command, error)

    def _order(self, command: Command, index: int = 0) -> tuple[int, int, int, int]:
        return (self._root, command[0], self._hop, index)

    # ------------------------------------------------------------ values

    def _send(self, command: Command) -> None:
        _, _, name, exports, keep, wire = command
        self.store.put(name, self._decoded(wire), exports, self._order(command), keep)

    def _decoded(self, wire: Any) -> Value:
        tag = wire[0]
        if tag == values.ARRAY:
            return values.decode_array(wire, self._buffers)
        if tag == values.POINTER:
            return Pointer(wire[1])
        if tag == values.ERROR:
            return Failure(Report(*wire[1]))
        raise ProtocolError(f"a value tagged {tag!r}")

    def _encoded(self, value: Value, destination: int | None) -> tuple[Any, ...]:
        """The wire form of a stored value, for a worker or (None) for the root; pointers hand a reference out."""
        if isinstance(value, Pointer):
            if worker_of(value.target) == self.number:
                self.store.export(value.target)
            self._out.refer(value.target, destination)
            return (values.POINTER, value.target)
        if isinstance(value, Failure):
            return (values.ERROR, tuple(value.report))
        return self._out.array(value, destination)

    def _get(self, command: Command) -> None:
        value = self.store.value(command[2])
        self._out.reply((command[0], VALUE, self._encoded(value, None)))

    def _push(self, command: Command) -> None:
        _, _, name, exports, keep, wire = command
        if wire is None:
            self.store.export(name)
            return
        value = self._decoded(wire)
        if exports is not None or self._lives(name):
            self.store.put(name, value, exports or 0, self._order(command), keep)

    def _lives(self, name: int) -> bool:
        try:
            self.store.value(name)
        except ObjectGone:
            return False
        return True

    # ------------------------------------------------------------ operations

    def _call(self, command: Command) -> None:
        if not (self._call_simply(command) or self._forward_simply(command)):
            self._call_anyhow(command)

    def _call_simply(self, command: Command) -> bool:
        """The common case by the shortest way: one result, of data that is here and plain numbers."""
        number, _, result, operation, args, kwargs = command
        if kwargs or type(result) is not int:
            return False
        found = []
        for wire in args:
            value = self.store.data(wire) if type(wire) is int else wire[1] if wire[0] == values.LITERAL else None
            if value is None:
                return False
            found.append(value)
        (made,) = execute.run(operation, found, _NO_KEYWORDS, 1)
        self.store.create(result, made, (self._root, number, self._hop, 0))
        return True

    def _forward_simply(self, command: Command) -> bool:
        """The common case of a chain: one result, of pointers to one other worker and plain numbers."""
        number, code, result, operation, args, kwargs = command
        if kwargs or type(result) is not int:
            return False
        there, further, numbers = 0, [], 0
        for wire in args:
            if type(wire) is int:
                value = self.store.value(wire)
                if not isinstance(value, Pointer) or (there and worker_of(value.target) != there):
                    return False
                there = worker_of(value.target)
                further.append(value.target)
            elif wire[0] == values.LITERAL:
                numbers += 1
                further.append(wire)
            else:
                return False
        if there in (0, self.number):
            return False
        self._check_hop()
        name = make_name(there, self.ids.next())
        self.store.create_pointer(result, name, (self._root, number, self._hop, 0))
        self._out.command(there, (number, code, name, operation, tuple(further), None), creates=(name,))
        if numbers:
            self._out.count(there, operations.data_bytes(operation, args, None, values.argument_bytes))
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
        else:
            found = [values.decode_argument(wire, here.__getitem__, self._buffers) for wire in args]
            named = {k: values.decode_argument(w, here.__getitem__, self._buffers) for k, w in (kwargs or {}).items()}
            self._store(command, execute.run(operation, found, named, _count(results)))

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

    def _store(self, command: Command, found: list[Any]) -> None:
        results = command[2]
        if type(results) is int:
            self.store.put(results, found[0], 1, (self._root, command[0], self._hop, 0))
        elif results is not None:
            for i, (name, value) in enumerate(zip(results, found, strict=True)):
                self.store.put(name, value, 1, self._order(command, i))

    def _inherit(self, command: Command, failure: Failure, target: Value) -> None:
        """A command on a failed value fails alike; without a result it says so, unless its target is the failure."""
        results = command[2]
        if results is not None:
            self._store(command, [failure] * _count(results))
        elif failure is not target:
            self._out.reply((command[0], REPORT, tuple(failure.report._replace(command=command[0]))))

    def _call_further(self, command: Command, here: dict[int, Value]) -> None:
        """Every operand is a pointer to one worker: the command goes on there, and result pointers stay here."""
        number, code, results, operation, args, kwargs = command
        there = self._next_worker(here)
        self._check_hop()
        targets = {name: value.target for name, value in here.items() if type(value) is Pointer}
        named = [make_name(there, self.ids.next()) for _ in range(_count(results))]
        self._store(command, [Pointer(name) for name in named])
        for name in named:
            self.store.receive(name)
        further = named[0] if type(results) is int else None if results is None else tuple(named)

        def go(wire: Any) -> Any:
            return values.renamed(wire, targets.__getitem__, lambda array: self._carried(array, there))

        new_kwargs = {k: go(w) for k, w in kwargs.items()} if kwargs else None
        if there != self.number:
            self._out.count(there, operations.data_bytes(operation, args, kwargs, values.argument_bytes))
        self._go_on(there, (number, code, further, operation, tuple(map(go, args)), new_kwargs), named)

    def _carried(self, wire: Any, there: int) -> Any:
        """An array argument on its way to the next worker; one that stays in this turn keeps its buffers."""
        return wire if there == self.number else self._out.carry(wire, self._buffers, there)

    def _next_worker(self, here: dict[int, Value]) -> int:
        places = {
            name: worker_of(value.target) if type(value) is Pointer else self.number for name, value in here.items()
        }
        if len(set(places.values())) > 1 or any(type(v) is not Pointer for v in here.values()):
            who = ", ".join(
                f"{self._called(self.number)}:{id_of(name)} leads to {self._called(place)}"
                if type(here[name]) is Pointer
                else f"{self._called(self.number)}:{id_of(name)} is data on {self._called(place)}"
                for name, place in places.items()
            )
            raise NotCollocated(f"the operands are in different places: {who}", hint="move() one of them first")
        return next(iter(places.values()))

    def _called(self, number: int) -> str:
        return self.names.get(number, f"party {number}")

    def _go_on(self, there: int, command: Command, creates: list[int]) -> None:
        """Forward a command, or follow it inside the turn; ``creates`` are references that this worker now holds."""
        if there != self.number:
            self._out.command(there, command, creates=creates)
            return
        for name in creates:
            self._out.claim(name)
        self._hop += 1
        self._command(command)
        self._hop -= 1

    def _check_hop(self) -> None:
        if self._hop >= HOP_LIMIT:
            raise HopLimit(f"the chain is longer than {HOP_LIMIT} hops")

    def _ask(self, command: Command) -> None:
        number, code, name, question = command
        value = self.store.value(name)
        if question == HERE:
            self._out.reply((number, PLAIN, True))
        elif isinstance(value, Pointer):
            self._check_hop()
            self._go_on(worker_of(value.target), (number, code, value.target, question), [])
        elif isinstance(value, Failure):
            self._out.reply((number, FAILED, tuple(value.report)))
        else:
            answer = execute.ask(value, question)
            if question == "item":
                self._out.moved(value)
            self._out.reply((number, PLAIN, answer))

    # ------------------------------------------------------------ places

    def _move(self, command: Command) -> None:
        _, _, name, new, owned = command
        there = worker_of(new)
        try:
            entry = self.store.entry(name)
        except ObjectGone:
            # The client has counted an export of the new name, and something may live under it.
            self._out.command(there, (command[0], PUSH, new, 1, KEEP_NOT, None))
            raise
        keep, value = entry.keep, entry.value
        if keep == KEEP_OWN:
            self._put_at(there, command, new, value, 1, KEEP_NOT if owned else KEEP_SENT)
            return
        self._put_at(there, command, new, value, 1, keep)
        # Somebody may hold the old name: it becomes a pointer to the new one; the reference came with the header.
        entry.keep = KEEP_NOT
        self.store.replace(entry, Pointer(new))
        self._free_unless_held(entry, name)

    def _free_unless_held(self, entry: Entry, name: int) -> None:
        """An object that was never exported has no rows, so no FREE would come; others may hold it all the same, by a

        pointer that a client sent on. A reference that comes and goes makes the broker look.
        """
        if not self.store.exported(entry):
            self.store.export(name)
            self.store.receive(name)
            self._out.claim(name)

    def _put_at(self, there: int, command: Command, name: int, value: Value, exports: int | None, keep: int) -> None:
        """Store a value at a worker; with None for exports, only where the name lives."""
        if there != self.number:
            wire = self._encoded(value, there)
            self._out.command(there, (command[0], PUSH, name, exports, keep, wire))
        else:
            self.store.put(name, value, exports or 0, self._order(command), keep)

    def _pull_here(self, command: Command) -> None:
        number, _, name = command
        value = self.store.value(name)
        if type(value) is Failure:
            self._out.reply((number, REPORT, tuple(value.report._replace(command=number))))
        elif type(value) is not Pointer:
            raise InvalidRemoteGet(
                f"{self._called(self.number)} has the data itself",
                hint="remote_get() needs a pointer to a pointer",
            )
        elif worker_of(value.target) != self.number:
            self._check_hop()
            self.store.export(name)
            self._out.command(worker_of(value.target), (number, PULL, value.target, name), refs=[name])
        else:
            self._pull_local(command, value.target)

    def _pull_local(self, command: Command, target: int) -> None:
        name = command[2]
        far = self.store.entry(target)
        value = far.value
        if type(value) is Pointer and value.target == name:
            return
        near = self.store.entry(name)
        if far.keep == KEEP_OWN:
            self.store.replace(near, value if type(value) is Pointer or type(value) is Failure else value.copy())
            return
        self.store.replace(near, value)
        self.store.export(name)
        self._out.claim(name)
        self.store.receive(name)
        self.store.replace(far, Pointer(name))

    def _pull(self, command: Command) -> None:
        _, _, name, new = command
        entry = self.store.entry(name)
        value = entry.value
        if type(value) is Pointer and value.target == new:
            return
        self._put_at(worker_of(new), command, new, value, None, KEEP_NOT)
        if entry.keep != KEEP_OWN:
            # The reference that this pointer needs came with the PULL's header.
            self.store.replace(entry, Pointer(new))

    # ------------------------------------------------------------ the store itself

    def _list(self, command: Command) -> None:
        number, _, what = command
        if what == "count":
            self._out.reply((number, PLAIN, len(self.store)))
            return
        rows = tuple(row_of(id, entry, self._out) for id, entry in self.store.listing())
        self._out.reply((number, PLAIN, rows))

    def _named(self, command: Command) -> None:
        number, _, text = command
        name = self.store.labelled(text)
        if name is None:
            raise UnknownData(
                f"{self._called(self.number)} has no data called {text!r}",
                hint=did_you_mean(text, self.store.labels),
            )
        self._out.reply((number, VALUE, self._encoded(Pointer(name), None)))

    def _keep(self, command: Command) -> None:
        _, _, name, keep = command
        entry = self.store.entry(name)
        entry.keep = KEEP_SENT if keep else KEEP_NOT
        if not keep:
            self._free_unless_held(entry, name)

    def _clear(self, command: Command) -> None:
        for _, entry in self.store.listing():
            self.store.remove(entry)

    # ------------------------------------------------------------ failure

    def _fail(self, command: Command, error: Exception) -> None:
        failure = self._failure(command, error)
        results = command[2] if command[1] == CALL and len(command) > 2 else None
        if results is not None:
            self._store(command, [Failure(failure)] * _count(results))
        status = FAILED if command[1] in (GET, ASK, LIST, NAMED) else REPORT
        self._out.reply((command[0], status, tuple(failure)))

    def _failure(self, command: Command, error: Exception) -> Report:
        return Report(*self._report(command, error))

    def _report(self, command: Command, error: Exception) -> tuple[Any, ...]:
        code = command[1]
        operation = str(command[3]) if code == CALL and len(command) > 3 else LABELS.get(code, "batch")
        about = _about(command)
        ours = isinstance(error, FarptrError)
        trace = "" if ours else "".join(traceback.format_exception(error))[-MAX_TRACE_CHARACTERS:]
        number = command[0] if type(command[0]) is int else 0
        text, hint = (error.message, error.hint) if isinstance(error, FarptrError) else (str(error), "")
        return (type(error).__name__, text, operation, number, self.number, self._hop, about, trace, hint)

    def check(self) -> None:
        """Assert the laws that one look can see, between turns."""
        self.store.check()


def _count(results: Any) -> int:
    return 0 if results is None else 1 if type(results) is int else len(results)


def _about(command: Command) -> int:
    """Id of the object that a command is about: the first operand of a call, else the third field."""
    if command[1] == CALL and len(command) > 4 and command[4]:
        names = values.names_in(command[4][0]) if type(command[4]) is tuple else []
        return id_of(names[0]) if names else 0
    return id_of(command[2]) if len(command) > 2 and type(command[2]) is int else 0
