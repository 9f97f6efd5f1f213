"""Random programs on the public API of a run, carried out on a run and on the model side by side.

A program is a list of ``(kind, a, b, c)``: the numbers choose among the handles that there are, so every list is a
program. ``Runner`` works on any Run: the simulator's, or real processes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import farptr as fp
from farptr.client.pointer import Pointer
from farptr.client.stored import StoredError, StoredPointer
from farptr.protocol.errors import FarptrError, NotCollocated, ObjectGone, SeveralFailed
from tests.sim.fetching import Fetching, Later, Mismatch, same
from tests.sim.model import Box, Failed, Handle, Model

Step = tuple[str, int, int, int]
KINDS = {
    "send": 3, "resend": 2, "sendp": 6, "op": 4, "scalar": 2, "view": 2, "sum": 1, "change": 5, "setitem": 2,
    "both": 2, "bad": 2, "badchange": 2, "move": 4, "remote_get": 3, "copy": 1, "clone": 2, "get": 2, "get_copy": 2,
    "del": 3, "list": 2, "sync": 1, "ask": 1,
}  # fmt: skip
MORE_KINDS = KINDS | {"get_all": 2, "get_all_copy": 2, "later": 3, "take": 2}
"""With what came later: seeds keep their programs."""
DEPTH = 4
BIG = np.ones(7)


def program(rng: random.Random, length: int, kinds_of: dict[str, int] = KINDS) -> list[Step]:
    """A random program; some kinds are frequent in one and absent in another."""
    kinds = list(kinds_of)
    weights = [kinds_of[k] * rng.choice((0, 1, 1, 3)) for k in kinds]
    weights[0] += 1
    steps = [("send", rng.randrange(60), rng.randrange(60), 0)]
    for kind in rng.choices(kinds, weights, k=length - 1):
        steps.append((kind, rng.randrange(60), rng.randrange(60), rng.randrange(60)))  # noqa: PERF401
    return steps


class Runner(Fetching):
    """One program on one run."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.workers = {w.name: w for w in run}
        self.names = list(self.workers)
        self.model = Model(self.names)
        self.locals: list[tuple[str, Any]] = []
        self.text: list[str] = []
        self.later: list[Later] = []
        self.changes: set[int] = set()
        """Commands whose failure surfaces at a later use of the handle."""
        self._count = 0

    # ------------------------------------------------------------ plumbing

    @property
    def command(self) -> int:
        """Number of the newest command."""
        return int(self.run._session.core.commands)

    def _new_name(self, prefix: str = "h") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _say(self, text: str) -> None:
        self.text.append(text)

    def _handle(self, index: int) -> Handle | None:
        handles = self.model.handles
        return handles[index % len(handles)] if handles else None

    def _add(self, box: Box, pointer: Pointer, name: str) -> None:
        here = pointer.id_at_location
        if box.id is None:
            box.id = here
        self._check(box.id == here and box.worker == pointer.location.name, f"{name} is {pointer!r}, not {box}")
        self.model.handles.append(Handle(box, pointer, name))

    def _check(self, so: bool, message: str) -> None:
        if not so:
            raise Mismatch(message)

    def attempt(self, call: Callable[[], Any]) -> Any:
        """Call it; an earlier failure in place that surfaces here is noted, once, and the call repeated."""
        while True:
            try:
                return call()
            except FarptrError as error:
                report = getattr(error, "report", None)
                if report is None or report.command not in self.model.pending or report.command not in self.changes:
                    raise
                self._seen(report)

    def _seen(self, report: Any) -> None:
        kind = self.model.pending.pop(report.command, None)
        self._check(kind == report.kind, f"#{report.command} raised {report.kind}: {report.message}, expected {kind}")

    def step(self, step: Step) -> None:
        kind, a, b, c = step
        getattr(self, f"do_{kind}")(a, b, c)
        self.model.collect()

    # ------------------------------------------------------------ steps: values

    def _array(self, b: int) -> np.ndarray:
        values = np.arange(b, b + 2 + b % 3)
        return values * 0.5 if b % 4 == 0 else values

    def do_send(self, a: int, b: int, c: int) -> None:
        name = self._new_name("x")
        self.locals.append((name, fp.tensor(self._array(b))))
        self._say(f"{name} = fp.tensor({self._array(b).tolist()})")
        self.do_resend(len(self.locals) - 1, a, c)

    def do_resend(self, a: int, b: int, c: int) -> None:
        if not self.locals:
            return
        self._take_pointers()
        at = a % len(self.locals)
        name, value = self.locals[at]
        worker = self.names[b % len(self.names)]
        new = self._new_name()
        self._say(f"{new} = {name}.send({worker})  # x")
        pointer = value.send(self.workers[worker])
        self._add(self.model.put(worker, value.id, np.array(value), (self.command, 0)), pointer, new)
        if c % 2:
            value += 1  # what was sent must not change with it

    def do_sendp(self, a: int, b: int, c: int) -> None:
        self._take_pointers()
        h = self._handle(b)
        if h is None or (not h.box.dead and len(self.model.chain(h.box)) >= DEPTH):
            return
        worker = self.names[a % len(self.names)]
        new = self._new_name()
        self._say(f"{new} = {h.name}.send({worker})")
        try:
            pointer = self.attempt(lambda: h.pointer.send(self.workers[worker]))
        except ObjectGone:
            self._check(h.box.dead, f"{h.name} does not find {h.box}")
            return
        self._check(not h.box.dead, f"{h.name} was sent, but {h.box} is gone")
        if pointer.id_at_location == h.pointer.id:
            self._check(not self.model.passes(h.box, worker, h.pointer.id), "a pointer was stored in its own way")
        box = self.model.put(worker, pointer.id_at_location, h.box, (self.command, 0))
        self._add(box, pointer, new)
        h.owns = False

    # ------------------------------------------------------------ steps: operations

    def _operate(self, handles: list[Handle], text: str, run: Callable[..., Any], compute: Callable[..., Any]) -> None:
        new = self._new_name()
        self._say(f"{new} = {text}")
        try:
            pointer = self.attempt(lambda: run(*[h.pointer for h in handles]))
        except NotCollocated:
            self._check_refused(handles, text)
            return
        self._add(self.model.call([h.box for h in handles], lambda v: compute(*v), self.command), pointer, new)

    def _check_refused(self, handles: list[Handle], text: str) -> None:
        ends = [self.model.chain(h.box)[-1] for h in handles]
        shorter = any(e.dead or isinstance(e.content, Failed) for e in ends)
        self._check(shorter, f"{text} was refused")

    def _mate(self, h: Handle, c: int) -> Handle:
        path = self._route(h.box)
        mates = [g for g in self.model.handles if self._route(g.box) == path]
        return mates[c % len(mates)]

    def _route(self, box: Box) -> list[str]:
        path = self.model.path(box)
        return [w for i, w in enumerate(path) if i == 0 or path[i - 1] != w]

    def do_op(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            g = self._mate(h, c)
            sign, function = (("+", np.add), ("-", np.subtract), ("*", np.multiply))[a % 3]
            self._operate([h, g], f"{h.name} {sign} {g.name}", function, function)

    def _one(self, b: int, text: str, function: Callable[..., Any]) -> None:
        h = self._handle(b)
        if h is not None:
            self._operate([h], text.format(h.name), function, function)

    def do_scalar(self, a: int, b: int, c: int) -> None:
        self._one(b, "{} * 2" if a % 2 else "{} + 1.5", (lambda p: p * 2) if a % 2 else (lambda p: p + 1.5))

    def do_view(self, a: int, b: int, c: int) -> None:
        self._one(b, "{}[1:]" if a % 3 else "{}[::-1]", (lambda p: p[1:]) if a % 3 else (lambda p: p[::-1]))

    def do_sum(self, a: int, b: int, c: int) -> None:
        self._one(b, "{}.sum()", lambda p: p.sum())

    def do_copy(self, a: int, b: int, c: int) -> None:
        self._one(b, "{}.copy()", lambda p: p.copy())

    def do_bad(self, a: int, b: int, c: int) -> None:
        self._one(b, "{} + BIG" if a % 2 else "{}[99]", (lambda p: p + BIG) if a % 2 else (lambda p: p[99]))

    def _change(self, handles: list[Handle], text: str, run: Callable[..., Any]) -> None:
        self._say(text)
        try:
            self.attempt(lambda: run(*[h.pointer for h in handles]))
        except NotCollocated:
            self._check_refused(handles, text)
            return
        self.changes.add(self.command)
        self.model.change([h.box for h in handles], lambda v: run(*v), self.command)

    def do_change(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            number = (2, 3, 0.5, 1)[a % 4]

            def run(p: Any) -> None:
                p += number

            self._change([h], f"{h.name} += {number}", run)

    def do_setitem(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            self._change([h], f"{h.name}[0] = {a}", lambda p: p.__setitem__(0, a))

    def do_both(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            g = self._mate(h, c)

            def run(p: Any, q: Any) -> None:
                p += q

            self._change([h, g], f"{h.name} += {g.name}", run)

    def do_badchange(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:

            def run(p: Any) -> None:
                if a % 2:
                    p += BIG
                else:
                    p[99] = 1

            self._change([h], f"{h.name} += BIG" if a % 2 else f"{h.name}[99] = 1", run)

    # ------------------------------------------------------------ steps: places

    def do_move(self, a: int, b: int, c: int) -> None:
        self._take_pointers()
        h = self._handle(b)
        worker = self.names[a % len(self.names)]
        if h is None or h.box.worker == worker:
            return
        self._say(f"{h.name}.move({worker})")
        try:
            self.attempt(lambda: h.pointer.move(self.workers[worker]))
        except ObjectGone:
            self._check(h.box.dead, f"{h.name} does not find {h.box}")
            return
        self._check(not h.box.dead, f"{h.name} was moved, but {h.box} is gone")
        self.changes.add(self.command)
        id = h.pointer.id_at_location
        if id == h.box.id:
            self._check(not self.model.passes(h.box, worker, id), "a moved object stands in its own way")
        # The handle gives its reference to the old name up when it has one to the new.
        old, h.box = h.box, self.model.move(h.box, worker, id, self.command)
        assert old.worker != worker

    def do_remote_get(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is None:
            return
        self._say(f"{h.name}.remote_get()")
        try:
            self.attempt(h.pointer.remote_get)
        except fp.InvalidRemoteGet:
            self._check(not isinstance(h.box.content, Box), "remote_get was refused")
            return
        except ObjectGone:
            self._check(h.box.dead, f"{h.name} does not find {h.box}")
            return
        self._check(not h.box.dead, f"{h.name} pulled, but {h.box} is gone")
        self.changes.add(self.command)
        self.model.remote_get(h.box, self.command)

    # ------------------------------------------------------------ steps: handles

    def do_clone(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            new = self._new_name()
            self._say(f"{new} = {h.name}.clone()")
            made = Handle(h.box, self.attempt(h.pointer.clone), new, h.owns)
            self.model.handles.append(made)

    def do_get(self, a: int, b: int, c: int) -> None:
        self._fetch(b, keep=False)

    def do_get_copy(self, a: int, b: int, c: int) -> None:
        self._fetch(b, keep=True)

    def _fetch(self, b: int, keep: bool) -> None:
        h = self._handle(b)
        if h is None:
            return
        new = self._new_name("y")
        self._say(f"{new} = {h.name}.{'get_copy' if keep else 'get'}()")
        try:
            value = self.attempt(h.pointer.get_copy if keep else h.pointer.get)
        except FarptrError as error:
            self._failed_fetch(h, error)
            return
        content = None if h.box.dead else h.box.content
        if isinstance(content, Box):
            self._check(isinstance(value, Pointer), f"{new} is {value!r}, expected a pointer to {content}")
            self._add(content, value, new)
            self._check(value.id == h.box.id, f"{new} has another id than {h.box}")
            self._check(not content.dead, f"{new} points at nothing")
        else:
            good = isinstance(content, np.ndarray) and isinstance(value, np.ndarray) and same(value, content)
            self._check(good, f"{new} is {value!r}, expected {content!r}")
            self.locals.append((new, value))
        if not keep:
            self.model.handles.remove(h)

    def _failed_fetch(self, h: Handle, error: FarptrError) -> None:
        if h.box.dead:
            self._check(isinstance(error, ObjectGone), f"{error!r} where ObjectGone belongs")
            return
        content = h.box.content
        report = getattr(error, "report", None)
        self._check(
            isinstance(content, Failed) and report is not None and report.kind == content.kind,
            f"{h.name} ({h.box}) raised {error!r}",
        )
        self.model.pending.pop(report.command, None)

    def do_ask(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is None:
            return
        end = self.model.chain(h.box)[-1]
        self._say(f"{h.name}.shape")
        try:
            shape = self.attempt(lambda: h.pointer.shape)
        except FarptrError as error:
            self._failed_fetch(Handle(end, h.pointer, h.name), error)
            return
        self._check(not end.dead and shape == getattr(end.content, "shape", None), f"shape {shape} of {end}")

    def do_del(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            self._say(f"del {h.name}")
            self.model.handles.remove(h)
            del h.pointer

    # ------------------------------------------------------------ steps: looking

    def do_list(self, a: int, b: int, c: int) -> None:
        worker = self.names[a % len(self.names)]
        self._say(f"{worker}._objects")
        self._compare(worker, self.workers[worker]._objects)

    def _compare(self, worker: str, found: dict[int, Any]) -> None:
        expected = self.model.listing(worker)
        shown = f"{worker}._objects is {found}\nexpected {expected}"
        self._check(len(found) == len(expected), shown)
        for box, (id, value) in zip(expected, found.items(), strict=True):
            box.id = id if box.id is None else box.id
            self._check(box.id == id and self._alike(box, value), f"{shown}\nat {box}")

    def _alike(self, box: Box, value: Any) -> bool:
        content = box.content
        if isinstance(content, Box):
            if not isinstance(value, StoredPointer) or value.location != content.worker:
                return False
            content.id = value.id_at_location if content.id is None else content.id
            return content.id == value.id_at_location
        if isinstance(content, Failed):
            return isinstance(value, StoredError) and value.kind == content.kind
        return isinstance(value, np.ndarray) and same(value, content)

    def do_sync(self, a: int, b: int, c: int) -> None:
        self._say("sync()")
        errors: Sequence[Any] = ()
        try:
            self.run.sync()
        except SeveralFailed as error:
            errors = error.exceptions
        except FarptrError as error:
            errors = (error,)
        for error in errors:
            self._check(error.report is not None, f"sync raised {error!r}")
            self._seen(error.report)
        self._check(not self.model.pending, f"sync did not raise {self.model.pending}")

    # ------------------------------------------------------------ the whole

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Every step, then all stores; then everything is dropped, and the stores are empty."""
        try:
            for step in steps:
                self.step(step)
            while self.later:
                self.step(("take", 0, 0, 0))
            for at in range(len(self.names)):
                self.do_list(at, 0, 0)
            self.do_sync(0, 0, 0)
            self.model.handles.clear()
            self.model.collect()
            self._say("# everything dropped")
            for at in range(len(self.names)):
                self.do_list(at, 0, 0)
        except Exception as error:
            error.add_note("\n".join(["the program:", *self.text]))
            raise
