"""One seed: workers, clients with programs, faults and a schedule; run, checked, and made smaller when it fails."""

from __future__ import annotations

import gc
import random
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

from farptr.client import waiting
from farptr.network.network import Network
from tests.sim import outcomes
from tests.sim.actors import Actor, Step, program
from tests.sim.faults import KINDS, Fault, FaultyWorld

NAMES = ["julie", "toby", "carol", "dan"]
ENDS_AT = 260
"""Faults come within so many deliveries."""
LASTS = 200
"""So many deliveries a run has at least: while it has fewer, others come for clients that are done or gone."""
MEETING = ("publish drop", "publish drop", "named", "named", "named get_copy", "forget", "forget get_copy")
"""What clients do with an object that one of them has given a name, and that the others find."""
NEWEST = -1
LATE = 5
"""How many may come so. The broker's end is the run's, so it comes after LASTS."""


class Case(NamedTuple):
    """Everything that a run depends on."""

    seed: int
    """Of the schedule."""
    workers: int
    programs: tuple[tuple[Step, ...], ...]
    """One for each client."""
    faults: tuple[Fault, ...]
    duplicates: float
    late: tuple[tuple[Step, ...], ...] = ()
    """Programs of those who come while the run is too short."""
    looks: float = 0.0
    """How likely the broker looks, at each step, whose process is stopped; there are systems on which it cannot."""
    asks: bool = False
    """Whether workers ask for more ids at once."""
    crowd: bool = False
    """Whether all clients talk at once, and deliveries wait until all have to."""
    unread: bool = False
    """Whether what a killed party had sent may come when the broker knows that it is gone."""

    @property
    def lasts(self) -> int:
        """Deliveries until which others come: every fault finds somebody."""
        return max(LASTS, *(fault.at + 1 for fault in self.faults)) if self.faults else LASTS


def case(seed: int) -> Case:
    """What a seed stands for."""
    rng, first = random.Random(-seed - 1), short_case(seed)
    late = [program(rng, rng.randint(20, 40)) for _ in range(LATE)]
    meeting = rng.choice((0.0, 0.0, 0.5))
    programs, after = ([tuple(_meet(rng, p, meeting)) for p in every] for every in (first.programs, late))
    kinds = rng.choices(list(KINDS), list(KINDS.values()), k=len(first.faults))
    faults = [f._replace(kind=kind, at=_when(kind, f.at)) for f, kind in zip(first.faults, kinds, strict=True)]
    return first._replace(
        programs=tuple(programs),
        faults=tuple(faults),
        late=tuple(after),
        looks=rng.choice((0.0, 0.1, 0.5)),
        asks=rng.random() < 0.5,
        crowd=meeting > 0 and rng.random() < 0.7,
        unread=True,
    )


def _when(kind: str, at: int) -> int:
    return LASTS + at // 4 if kind == "kill_broker" else at


def short_case(seed: int) -> Case:
    """What a seed stood for when runs could be short. Seeds that failed then are kept as they were."""
    rng = random.Random(seed)
    clients = rng.choice((1, 2, 2, 3))
    programs = tuple(tuple(program(rng, rng.randint(60, 110) // clients + 12)) for _ in range(clients))
    kinds = KINDS | {"cut_client": 1}
    chosen = rng.choices(list(kinds), list(kinds.values()), k=rng.choice((0, 1, 1, 2, 3, 5)))
    faults = tuple(Fault(rng.randrange(ENDS_AT), kind, rng.randrange(12), rng.randrange(420)) for kind in chosen)
    return Case(seed, rng.randint(2, 4), programs, faults, rng.choice((0.0, 0.0, 0.03, 0.2)))


def _meet(rng: random.Random, steps: Sequence[Step], share: float) -> Iterator[Step]:
    """A program some of whose steps are about the same few objects as those of the other programs."""
    for step in steps:
        if share and rng.random() < share:
            yield from [(kind, 0, NEWEST, 0) for kind in rng.choice(MEETING).split()]
        else:
            yield step


@contextmanager
def _alone() -> Iterator[None]:
    """Cycles are collected at the same moments in each run of a seed: at none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_case(chosen: Case, network: Network | None = None) -> FaultyWorld:
    """Run a case to its end and check it, perhaps on a modelled network; raises when anything is wrong."""
    world = FaultyWorld(
        NAMES[: chosen.workers],
        chosen.seed,
        clients=len(chosen.programs),
        faults=chosen.faults,
        duplicates=chosen.duplicates,
        looks=chosen.looks,
        asks=chosen.asks,
        crowd=chosen.crowd,
        unread=chosen.unread,
    )
    if network is not None:
        world.network(network)
    with _alone(), patch.object(waiting, "time", world.clock), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            _carry_out(world, chosen)
        except BaseException as error:
            error.add_note(str(world.record))
            raise
    return world


def _carry_out(world: FaultyWorld, chosen: Case) -> None:
    world.actors = [Actor(world, run, list(steps)) for run, steps in zip(world.runs, chosen.programs, strict=True)]
    late = list(reversed(chosen.late))
    while True:
        _come_late(world, chosen, late)
        if not any(map(_is_at_work, world.actors)):
            break
        ready = [actor for actor in world.actors if actor.ready()]
        if ready:
            world.rng.choice(ready).act()
        elif not world.step():
            world.pass_time(1.0)
    world.calm()
    for actor in world.actors:
        if actor.leaving and not actor.over:
            actor.act()
        actor.end()
    if not world.broker_gone:
        world.finish()
    outcomes.check(world.record)


def _is_at_work(actor: Actor) -> bool:
    return bool(actor.steps) and not actor.over


def _come_late(world: FaultyWorld, chosen: Case, late: list[tuple[Step, ...]]) -> None:
    """While the run is too short: for each client that is done or gone another one comes, and finds a worker."""
    while late and world.steps < chosen.lasts and not world.broker_gone:
        if sum(map(_is_at_work, world.actors)) >= len(chosen.programs):
            return
        world.see_to_workers()
        world.actors.append(Actor(world, world.add_client(), list(late.pop())))


def run_seed(seed: int) -> FaultyWorld:
    """The case of a seed."""
    return run_case(case(seed))


def trace(world: FaultyWorld) -> int:
    """One number for all that was delivered, called and answered."""
    return zlib.crc32(str(world.record).encode(), world.digest)


# ---------------------------------------------------------------- smaller


def _failure(chosen: Case, seeds: list[int], like: str = "") -> tuple[Case, Exception] | None:
    for seed in dict.fromkeys(seeds):
        tried = chosen._replace(seed=seed)
        try:
            run_case(tried)
        except Exception as error:  # any failure will do
            if type(error).__name__.startswith(like):
                return tried, error
    return None


def _smaller(chosen: Case) -> Iterator[Case]:
    if chosen.duplicates:
        yield chosen._replace(duplicates=0.0)
    if chosen.late:
        yield chosen._replace(late=())
    for simple in ({"looks": 0.0}, {"asks": False}, {"crowd": False}, {"unread": False}):
        if chosen._replace(**simple) != chosen:
            yield chosen._replace(**simple)
    for field, at_least in (("faults", 0), ("late", 0), ("programs", 1)):
        items = getattr(chosen, field)
        for i in range(len(items) * (len(items) > at_least)):
            yield chosen._replace(**{field: items[:i] + items[i + 1 :]})
    for size in (16, 4, 1):
        for field in ("late", "programs"):
            programs = getattr(chosen, field)
            for i, steps in enumerate(programs):
                for at in reversed(range(0, len(steps), size)):
                    shorter = steps[:at] + steps[at + size :]
                    yield chosen._replace(**{field: (*programs[:i], shorter, *programs[i + 1 :])})


def shrink(chosen: Case, tries: int = 4, limit_s: float = 60.0) -> tuple[Case, Exception]:
    """A smaller case that fails in the same way, and how: as much taken away as can be in that time."""
    found = _failure(chosen, [chosen.seed])
    assert found, "it does not fail"
    like, until_s = type(found[1]).__name__, time.monotonic() + limit_s
    smaller = True
    while smaller and time.monotonic() < until_s:
        smaller = False
        for shorter in _smaller(found[0]):
            again = _failure(shorter, [found[0].seed, *range(tries)], like)
            if again:
                found, smaller = again, True
            if again or time.monotonic() > until_s:
                break
    return found
