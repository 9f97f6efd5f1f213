"""Random programs of several clients on one world: what each has for itself, and what they found of each other.

Each client is a ``Runner`` with a model of its own. What only that client touches stays *exact*: it must equal the
model. What a client published, tagged, found, or reached through that is *wild*: others may change it at any time, so
a command on it must be answered by a value or by an error that has a name, and that is all that is asked of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from farptr.client.pointer import Pointer
from farptr.protocol.errors import FarptrError, SeveralFailed
from tests.sim.model import Handle
from tests.sim.programs import BIG, KINDS, Runner

NAMES = ["own", "a", "b"]
TAGS = ["#a", "#b"]

SteppedBy = tuple[int, str, int, int, int]
"""(client, kind, a, b, c)"""

SHARED = {
    "publish": 5, "tag": 3, "forget": 3, "named": 8, "search": 4, "search_id": 1, "expose": 1, "clear": 1,
    "wild_op": 3, "wild_mixed": 1, "wild_change": 5, "wild_send": 5, "wild_move": 7, "wild_pull": 6, "wild_get": 3,
    "wild_get_copy": 4, "wild_clone": 3, "wild_del": 4, "wild_ask": 2, "look": 1,
}  # fmt: skip
EXACT = {kind: weight for kind, weight in KINDS.items() if kind != "list"}

MAY_FAIL = {
    "ObjectGone", "InvalidRemoteGet", "NotCollocated", "BadName", "UnknownData", "ValueError", "IndexError",
    "UFuncTypeError", "_UFuncOutputCastingError", "UFuncOutputCastingError",
}  # fmt: skip
"""How a command on what others change may fail. Anything else is a defect: a cycle, a crash, a broken protocol."""


def program(rng: random.Random, length: int, clients: int) -> list[SteppedBy]:
    """A random program; some kinds are frequent in one and absent in another."""
    shared_only = rng.random() < 0.6
    exact = {"send": 3, "sendp": 5} if shared_only else EXACT
    weights = {kind: weight * rng.choice((0, 1, 1, 3)) for kind, weight in {**exact, **SHARED}.items()}
    weights["send"] += 2
    drawn = rng.choices(list(weights), list(weights.values()), k=length)
    steps = [(at, "send", rng.randrange(60), rng.randrange(60), 0) for at in range(clients)]
    if rng.random() < 0.4:
        steps += through_a_door(rng)
    return steps + [
        (rng.randrange(clients), kind, rng.randrange(60), rng.randrange(60), rng.randrange(60)) for kind in drawn
    ]


def through_a_door(rng: random.Random) -> list[SteppedBy]:
    """One makes d -> s -> x and publishes d; another gets what d points at, so that s is not known to be shared."""
    make = [(0, "sendp", rng.randrange(60), 0, 0), (0, "clone", 0, 1, 0), (0, "sendp", rng.randrange(60), 2, 0)]
    hand_over = [(0, "publish", 1, 2, 1), (1, "named", 0, 1, 0), (1, "wild_get", 0, 0, 1)]
    return make + hand_over


class Client(Runner):
    """One client's part of a program. ``seen`` are the places (worker, id) that are nobody's alone, of all clients."""

    def __init__(self, run: Any, seen: set[tuple[str, int]], label: str, text: list[str]) -> None:
        super().__init__(run)
        self.seen = seen
        self.label = label
        self.text = text
        self.wild: list[tuple[str, Pointer]] = []
        self.not_mine: set[int] = set()
        """Commands on what is wild: what becomes of them is not known."""

    def _say(self, text: str) -> None:
        super()._say(f"{self.label}: {text}")

    # ------------------------------------------------------------ what is exact, and what is wild

    def expose(self, h: Handle) -> None:
        """The whole chain of a handle is not this client's alone any more."""
        for box in self.model.chain(h.box):
            box.wild = True
            if box.id is not None:
                self.seen.add((box.worker, box.id))

    def sweep(self) -> None:
        """Handles that lead through what is wild are wild, with all that they lead through."""
        self.seen.update((p.location.name, p.id_at_location) for _, p in self.wild)
        boxes = [box for boxes in self.model.stores.values() for box in boxes]
        again = True
        while again:
            again = False
            dirty = [b.content for b in boxes if self._is_wild(b) and isinstance(b.content, np.ndarray)]
            for box in boxes:
                if (
                    not self._is_wild(box)
                    and isinstance(box.content, np.ndarray)
                    and any(np.may_share_memory(box.content, d) for d in dirty)
                ):
                    box.wild = again = True
            for h in list(self.model.handles):
                if any(self._is_wild(b) for b in self.model.chain(h.box)):
                    self.expose(h)
                    self.model.handles.remove(h)
                    self.wild.append((h.name, h.pointer))
                    again = True

    def _is_wild(self, box: Any) -> bool:
        return getattr(box, "wild", False) or (box.worker, box.id) in self.seen

    def step(self, step: Any) -> None:
        super().step(step)
        self.sweep()
        self.model.collect()

    def wildly(self, text: str, call: Callable[[], Any]) -> Any:
        """Do what may fail, as long as it says how; None when it did."""
        self._say(text)
        before = self.command
        try:
            return call()
        except FarptrError as error:
            self.text[-1] += f"  # {type(error).__name__}"
            self._named(error)
            return None
        finally:
            self.not_mine.update(range(before + 1, self.command + 1))

    def _named(self, error: Any) -> None:
        report = getattr(error, "report", None)
        kind = type(error).__name__ if report is None else report.kind
        self._check(kind in MAY_FAIL, f"{error!r}")
        if report is not None and report.client == self.run._session.core.number:
            self.model.pending.pop(report.command, None)

    def _any(self, index: int, *, chains: bool = False) -> tuple[str, Pointer] | None:
        """A wild handle; with ``chains``, one that leads to a pointer, if there is any."""
        among = [w for w in self.wild if chains and w[1]._node.target is not None] or self.wild
        return among[index % len(among)] if among else None

    def _called(self, a: int, b: int) -> tuple[Any, str]:
        """(worker, name): mostly one that there is, as far as the workers have come."""
        there = [(w, label) for w, core in self.cores.items() for label in core.store.labels]
        if there and b % 5:
            worker, label = there[a % len(there)]
            return self.workers[worker], label
        return self._worker(a), NAMES[b % 3]

    def _wild_handle(self, prefix: str, made: Any) -> None:
        if isinstance(made, Pointer):
            self.wild.append((self._new_name(prefix), made))
            self.text[-1] += f"  # {self.wild[-1][0]}, {made._node.worker}:{made.id_at_location}"

    # ------------------------------------------------------------ steps that share

    def do_publish(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        chains = [h for h in self.model.handles if h.pointer._node.target is not None]
        if h is not None and c % 3:
            h = chains[b % len(chains)] if chains and a % 4 else h
            self.expose(h)
            found: Any = (h.name, h.pointer)
        else:
            found = self._any(b, chains=bool(a % 4))
        if found is not None:
            name = NAMES[1 + a % 2]
            self.wildly(f"{found[0]}.publish({name})", lambda: found[1].publish(name))

    def do_expose(self, a: int, b: int, c: int) -> None:
        """What is treated like what others found, though nobody did."""
        h = self._handle(b)
        if h is not None:
            self.expose(h)

    def do_tag(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None:
            self.expose(h)
            tag = TAGS[a % 2]
            self.wildly(f"{h.name}.tag({tag})", lambda: h.pointer.tag(tag))

    def do_forget(self, a: int, b: int, c: int) -> None:
        worker, name = self._called(a, b)
        self.wildly(f"del {worker.name}[{name}]", lambda: worker.__delitem__(name))

    def do_named(self, a: int, b: int, c: int) -> None:
        worker, name = self._called(a, b)
        self._wild_handle("n", self.wildly(f"{worker.name}[{name}]", lambda: worker[name]))

    def do_search(self, a: int, b: int, c: int) -> None:
        worker, term = self._worker(a), [*TAGS, *NAMES][b % 5]
        for pointer in self.wildly(f"{worker.name}.search({term})", lambda: worker.search(term)) or []:
            self._wild_handle("s", pointer)

    def do_search_id(self, a: int, b: int, c: int) -> None:
        found = self._any(b)
        if found is not None:
            worker, id = self._worker(a), found[1].id_at_location
            self.seen.add((worker.name, id))
            for pointer in self.wildly(f"{worker.name}.search({id})", lambda: worker.search(id)) or []:
                self._wild_handle("s", pointer)

    def do_clear(self, a: int, b: int, c: int) -> None:
        if c % 4:
            return
        worker = self._worker(a)
        self.cleared()
        self.wildly(f"{worker.name}.clear_objects()", worker.clear_objects)
        self.do_sync(0, 0, 0)

    def cleared(self) -> None:
        """Somebody empties a worker: what others have under way comes before it or after, and so does what follows."""
        for client in self.others or [self]:
            for box in [box for boxes in client.model.stores.values() for box in boxes]:
                box.wild = True
            client.not_mine.update(range(client.command + 1))
            client.sweep()

    others: list[Client] | None = None
    """All clients of the world, this one too."""
    cores: dict[str, Any]
    """The workers' cores, by name."""

    def do_look(self, a: int, b: int, c: int) -> None:
        worker = self._worker(a)
        self.wildly(f"{worker.name}._objects", lambda: worker._objects)

    def _worker(self, a: int) -> Any:
        return self.workers[self.names[a % len(self.names)]]

    # ------------------------------------------------------------ steps on what is wild

    def do_wild_op(self, a: int, b: int, c: int) -> None:
        one, two = self._any(b), self._any(c)
        if one is not None and two is not None:
            p, q = one[1], two[1]
            texts = [f"{one[0]} + {two[0]}", f"{one[0]} * 2", f"{one[0]}[1:]", f"{one[0]} + BIG"]
            calls = [lambda: p + q, lambda: p * 2, lambda: p[1:], lambda: p + BIG]
            self._wild_handle("w", self.wildly(texts[a % 4], calls[a % 4]))

    def do_wild_mixed(self, a: int, b: int, c: int) -> None:
        one, h = self._any(b), self._handle(c)
        if one is not None and h is not None:
            p, q = one[1], h.pointer
            made = self.wildly(f"{one[0]} + {h.name}", lambda: p + q if a % 2 else q + p)
            self._wild_handle("w", made)

    def do_wild_change(self, a: int, b: int, c: int) -> None:
        one, two = self._any(b), self._any(c)
        if one is not None and two is not None:
            p, q = one[1], two[1]
            texts = [f"{one[0]} += 3", f"{one[0]}[0] = 7", f"{one[0]} += {two[0]}", f"{one[0]} += BIG"]
            calls = [
                lambda: p.__iadd__(3), lambda: p.__setitem__(0, 7), lambda: p.__iadd__(q), lambda: p.__iadd__(BIG),
            ]  # fmt: skip
            self.wildly(texts[a % 4], calls[a % 4])

    def do_wild_send(self, a: int, b: int, c: int) -> None:
        one = self._any(b, chains=bool(c % 2))
        if one is not None:
            worker = self._worker(a)
            made = self.wildly(f"{one[0]}.send({worker.name})", lambda: one[1].send(worker))
            self._wild_handle("w", made)

    def do_wild_move(self, a: int, b: int, c: int) -> None:
        one = self._any(b, chains=bool(c % 2))
        if one is not None:
            worker = self._worker(a)
            self.wildly(f"{one[0]}.move({worker.name})", lambda: one[1].move(worker))

    def do_wild_pull(self, a: int, b: int, c: int) -> None:
        one = self._any(b, chains=True)
        if one is not None:
            self.wildly(f"{one[0]}.remote_get()", one[1].remote_get)

    def do_wild_get(self, a: int, b: int, c: int) -> None:
        one = self._any(b, chains=bool(c % 2))
        if one is not None:
            value = self.wildly(f"{one[0]}.get()", one[1].get)
            self._fetched(value)
            if value is not None:
                self.wild.remove(one)

    def do_wild_get_copy(self, a: int, b: int, c: int) -> None:
        one = self._any(b)
        if one is not None:
            self._fetched(self.wildly(f"{one[0]}.get_copy()", one[1].get_copy))

    def _fetched(self, value: Any) -> None:
        self._wild_handle("y", value)
        if isinstance(value, np.ndarray):
            self.locals.append((self._new_name("x"), value))
            self.text[-1] += f"  # {self.locals[-1][0]} = {value.tolist()}"

    def do_wild_clone(self, a: int, b: int, c: int) -> None:
        one = self._any(b)
        if one is not None:
            self._wild_handle("w", self.wildly(f"{one[0]}.clone()", one[1].clone))

    def do_wild_del(self, a: int, b: int, c: int) -> None:
        if self.wild:
            name, pointer = self.wild.pop(b % len(self.wild))
            self._say(f"del {name}")
            del pointer

    def do_wild_ask(self, a: int, b: int, c: int) -> None:
        one = self._any(b)
        if one is not None:
            self.wildly(f"{one[0]}.shape", lambda: one[1].shape)

    # ------------------------------------------------------------ exact steps that can meet what is wild

    def do_resend(self, a: int, b: int, c: int) -> None:
        if self.locals:
            value = self.locals[a % len(self.locals)][1]
            super().do_resend(a, b, c)
            if any(value._about):  # tags travel: others can find it
                self.expose(self.model.handles[-1])

    def do_sendp(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None and (self.names[a % len(self.names)], h.pointer.id) in self.seen:
            self.expose(h)
        else:
            super().do_sendp(a, b, c)

    def do_move(self, a: int, b: int, c: int) -> None:
        h = self._handle(b)
        if h is not None and (self.names[a % len(self.names)], h.box.id) in self.seen:
            self.expose(h)
        else:
            super().do_move(a, b, c)

    def do_sync(self, a: int, b: int, c: int) -> None:
        self._say("sync()")
        errors: Any = ()
        try:
            self.run.sync()
        except SeveralFailed as error:
            errors = error.exceptions
        except FarptrError as error:
            errors = (error,)
        for error in errors:
            report = getattr(error, "report", None)
            self._check(report is not None, f"sync raised {error!r}")
            if report.command in self.not_mine:
                self._named(error)
            else:
                self._seen(report)
        left = {n: kind for n, kind in self.model.pending.items() if n not in self.not_mine}
        self._check(not left, f"sync did not raise {left}")
        self.model.pending.clear()

    # ------------------------------------------------------------ the end

    def let_go(self) -> None:
        """Drop every handle."""
        self.model.handles.clear()
        self.wild.clear()
        self.model.collect()
