"""Clients that carry out drawn programs in a world where things break, and write down what they called and got.

A program is a list of ``(kind, a, b, c)`` as in ``programs``: the numbers choose among the handles that there are.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import farptr as fp
from farptr.client.graph import UNKNOWN, depth_of
from farptr.client.pointer import Pointer
from farptr.client.stored import StoredPointer
from farptr.protocol.errors import FarptrError, SeveralFailed
from tests.sim.connections import Killed
from tests.sim.history import Call, Failure

Step = tuple[str, int, int, int]
KINDS = {
    "send": 4, "sendp": 5, "op": 4, "both": 2, "bad": 1, "change": 5, "changeboth": 2, "badchange": 1, "move": 4,
    "rget": 3, "clone": 2, "get": 2, "get_copy": 4, "ask": 1, "drop": 3, "sync": 1, "list": 1, "publish": 1, "named": 2,
    "forget": 1, "own": 1,
}  # fmt: skip
DEPTH = 4
FLAW = np.ones(7, dtype=int)
OPERATIONS: dict[str, Callable[[Any], Any]] = {"*2": lambda p: p * 2, "+3": lambda p: p + 3, "7-": lambda p: 7 - p}
NAMES = ["w0", "w1"]


def program(rng: random.Random, length: int) -> list[Step]:
    """A random program; some kinds are frequent in one and absent in another."""
    kinds = list(KINDS)
    weights = [KINDS[k] * rng.choice((0, 1, 1, 3)) for k in kinds]
    weights[0] += 2
    chosen = ["send", *rng.choices(kinds, weights, k=length - 1)]
    return [(kind, rng.randrange(60), rng.randrange(60), rng.randrange(60)) for kind in chosen]


def failure(error: FarptrError) -> Failure:
    report = getattr(error, "report", None)
    kind, command = (report.kind, report.command) if report else ("", 0)
    if report and report.client and report.client != getattr(error, "client", report.client):
        command = 0
    worker = getattr(error, "epoch", 0)
    return Failure(type(error).__name__, kind, command, worker, error.definite, error.message)


class Actor:
    """One client and its program."""

    def __init__(self, world: Any, run: Any, steps: list[Step]) -> None:
        self.world, self.run, self.steps = world, run, list(reversed(steps))
        self.core = run._session.core
        self.number: int = self.core.number
        self.handles: dict[int, Pointer] = {}
        self.frozen: set[int] = set()
        """Handles that lead to what others may have found: it is not changed."""
        self.changes: set[int] = set()
        """Commands whose failure surfaces at a later use of the handle."""
        self.busy = self.over = self.leaving = False
        self._label = 0

    # ------------------------------------------------------------ acting

    def ready(self) -> bool:
        """Whether it can act now."""
        return not (self.busy or self.over or self.number in self.world.stopped) and bool(self.steps or self.leaving)

    def act(self) -> None:
        """Carry out the next step, or leave."""
        if self.leaving:
            self._do(self._leave)
        else:
            kind, a, b, c = self.steps.pop()
            self._do(lambda: getattr(self, f"do_{kind}")(a, b, c))

    def end(self) -> None:
        """Wait for everything, then let go of everything."""
        for _ in range(3):
            if not self.over:
                self._do(lambda: self.do_sync(0, 0, 0))
        self.handles.clear()

    def _do(self, step: Callable[[], Any]) -> None:
        self.busy = True
        try:
            step()
        except Killed:
            self.over = True
        finally:
            self.busy = False
        if self.run._session.link.connection.killed:
            self.over = True
        if self.over:
            self.handles.clear()

    def _leave(self) -> None:
        self.over = True
        self.handles.clear()
        self.world.record.note("close_client", self.number)
        self.run.close()

    # ------------------------------------------------------------ calling

    def call(self, kind: str, run: Callable[[], Any], **details: Any) -> Call:
        """Call and write down what came; so is a failure in place that surfaces here, and the call repeated."""
        record = self.world.record
        call = record.begin(self.number, kind, self.core.commands, **details)
        outcome: Any = "killed"
        try:
            outcome = self._attempt(run, call)
        finally:
            record.end(call, outcome, self.core.commands)
        return call

    def _attempt(self, run: Callable[[], Any], call: Call) -> Any:
        while True:
            try:
                return run()
            except SeveralFailed as error:
                return [failure(e) for e in error.exceptions]
            except FarptrError as error:
                found = failure(error)
                if found.command not in self.changes or call.kind == "sync":
                    return found
                self.changes.discard(found.command)
                call.details.setdefault("faults", []).append(found)

    def _may_surface(self, call: Call) -> None:
        if call.commands[1] > call.commands[0] and not call.failed:
            self.changes.add(call.commands[1])

    def _made(self, call: Call, frozen: bool = False) -> int:
        """The label of the handle that a call gave."""
        pointer = call.outcome
        if not isinstance(pointer, Pointer):
            return 0
        self._label += 1
        label = self._label
        self.handles[label] = pointer
        if frozen:
            self.frozen.add(label)
        call.outcome = "pointer"
        node = pointer._node
        call.details |= {"label": label, "worker": node.worker, "id": pointer.id_at_location}
        return label

    def _pick(self, b: int, free: bool = False) -> int:
        labels = [n for n in self.handles if not (free and n in self.frozen)]
        return labels[b % len(labels)] if labels else 0

    def _worker(self, a: int) -> Any:
        workers = self.run.workers
        return workers[a % len(workers)] if workers else None

    # ------------------------------------------------------------ steps: values

    def do_send(self, a: int, b: int, c: int) -> Call | None:
        worker = self._worker(a)
        if worker is None:
            return None
        value = np.array([b, c, b - c])
        call = self.call("send", lambda: fp.tensor(value).send(worker), value=value)
        self._made(call)
        return call

    def do_sendp(self, a: int, b: int, c: int) -> None:
        h, worker = self._pick(b), self._worker(a)
        if not h or worker is None or depth_of(self.handles[h]._node) >= DEPTH or h not in self.handles:
            return
        if self.handles[h]._node.worker == worker.number:
            return
        self._made(self.call("sendp", lambda: self.handles[h].send(worker), h=h, to=worker.number), h in self.frozen)

    def do_op(self, a: int, b: int, c: int) -> None:
        self._operate([self._pick(b)], list(OPERATIONS)[a % len(OPERATIONS)])

    def do_bad(self, a: int, b: int, c: int) -> None:
        self._operate([self._pick(b)], "bad")

    def do_both(self, a: int, b: int, c: int) -> None:
        self._operate(self._mates(b, c, free=False), "+")

    def _operate(self, hs: list[int], code: str) -> None:
        if all(hs) and hs:
            run = OPERATIONS.get(code) or ((lambda p: p + FLAW) if code == "bad" else (lambda p, q: p + q))
            self._made(self.call("op", lambda: run(*[self.handles[h] for h in hs]), hs=hs, code=code))

    def _mates(self, b: int, c: int, *, free: bool) -> list[int]:
        """Two handles of data at one worker."""
        h = self._pick(b, free)
        if not h or self.handles[h]._node.target is not None:
            return []
        worker = self.handles[h]._node.worker
        mates = [n for n, p in self.handles.items() if p._node.worker == worker and p._node.target is None]
        return [h, mates[c % len(mates)]]

    def do_change(self, a: int, b: int, c: int) -> None:
        self._change([self._pick(b, free=True)], ("+3", "*2", "=9")[a % 3])

    def do_badchange(self, a: int, b: int, c: int) -> None:
        self._change([self._pick(b, free=True)], "bad")

    def do_changeboth(self, a: int, b: int, c: int) -> None:
        self._change(self._mates(b, c, free=True), "+")

    def _change(self, hs: list[int], code: str) -> None:
        if all(hs) and hs:
            call = self.call("change", lambda: change(code, *[self.handles[h] for h in hs]), hs=hs, code=code)
            self._may_surface(call)

    # ------------------------------------------------------------ steps: places and handles

    def do_move(self, a: int, b: int, c: int) -> None:
        h, worker = self._pick(b, free=True), self._worker(a)
        if not h or worker is None or self.handles[h]._node.worker == worker.number:
            return

        def move() -> tuple[str, int]:
            self.handles[h].move(worker)
            return "moved", self.handles[h].id_at_location

        call = self.call("move", move, h=h, to=worker.number)
        self._may_surface(call)

    def do_rget(self, a: int, b: int, c: int) -> None:
        h = self._pick(b, free=True)
        target = self.handles[h]._node.target if h else None
        if target is None or target is UNKNOWN:
            return

        def pull() -> str:
            self.handles[h].remote_get()
            return "done"

        call = self.call("rget", pull, h=h)
        self._may_surface(call)

    def do_clone(self, a: int, b: int, c: int) -> None:
        h = self._pick(b)
        if h:
            self._made(self.call("clone", lambda: self.handles[h].clone(), h=h), h in self.frozen)

    def do_drop(self, a: int, b: int, c: int) -> None:
        h = self._pick(b)
        if h:
            self.call("drop", lambda: _done(self.handles.pop(h)), h=h)

    # ------------------------------------------------------------ steps: looking

    def do_get(self, a: int, b: int, c: int) -> None:
        h = self._pick(b)
        if h:
            call = self.call("get", lambda: _value(self.handles[h].get()), h=h)
            self._made(call, h in self.frozen)
            if not call.failed:
                del self.handles[h]

    def do_get_copy(self, a: int, b: int, c: int) -> None:
        h = self._pick(b)
        if h:
            self._made(self.call("get_copy", lambda: _value(self.handles[h].get_copy()), h=h), h in self.frozen)

    def do_ask(self, a: int, b: int, c: int) -> None:
        h = self._pick(b)
        if h:
            self.call("ask", lambda: self.handles[h].shape, h=h)

    def do_sync(self, a: int, b: int, c: int) -> None:
        self.call("sync", lambda: self.run.sync() or [])

    def do_list(self, a: int, b: int, c: int) -> None:
        worker = self._worker(a)
        if worker is not None:
            self.call("list", lambda: {i: _plain(v) for i, v in worker._objects.items()}, at=worker.number)

    # ------------------------------------------------------------ steps: what others find

    def do_publish(self, a: int, b: int, c: int) -> None:
        sent = self.do_send(a, b, c)
        if sent is None or "label" not in sent.details:
            return
        h, name = sent.details["label"], NAMES[c % len(NAMES)]
        self.frozen.add(h)
        self.call("publish", lambda: _done(self.handles[h].publish(name)), h=h, name=name)

    def do_named(self, a: int, b: int, c: int) -> None:
        self._find(self._worker(a), NAMES[c % len(NAMES)])

    def do_own(self, a: int, b: int, c: int) -> None:
        self._find(self._worker(a), "own")

    def _find(self, worker: Any, name: str) -> None:
        if worker is not None:
            self._made(self.call("named", lambda: worker[name], at=worker.number, name=name), True)

    def do_forget(self, a: int, b: int, c: int) -> None:
        worker, name = self._worker(a), NAMES[c % len(NAMES)]
        if worker is not None:
            self.call("forget", lambda: _done(worker.__delitem__(name)), at=worker.number, name=name)


def change(code: str, p: Any, q: Any = None) -> str:
    """A change in place, of a pointer or of an array."""
    if code == "+3":
        p += 3
    elif code == "*2":
        p *= 2
    elif code == "=9":
        p[0] = 9
    elif code == "+":
        p += q
    else:
        p += FLAW
    return "done"


def _done(_: Any) -> str:
    return "done"


def _value(found: Any) -> Any:
    return found if isinstance(found, Pointer) else np.array(found)


def _plain(shown: Any) -> Any:
    if isinstance(shown, np.ndarray):
        return np.array(shown)
    return ("pointer", shown.location, shown.id_at_location) if isinstance(shown, StoredPointer) else str(shown)
