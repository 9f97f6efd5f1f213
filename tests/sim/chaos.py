"""One seed: workers, clients with programs, faults and a schedule; run, checked, and made smaller when it fails."""

from __future__ import annotations

import gc
import random
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

from farptr.client import waiting
from tests.sim import outcomes
from tests.sim.actors import Actor, Step, program
from tests.sim.faults import KINDS, Fault, FaultyWorld

NAMES = ["julie", "toby", "carol", "dan"]
ENDS_AT = 260
"""Faults come within so many deliveries."""


class Case(NamedTuple):
    """Everything that a run depends on."""

    seed: int
    """Of the schedule."""
    workers: int
    programs: tuple[tuple[Step, ...], ...]
    """One for each client."""
    faults: tuple[Fault, ...]
    duplicates: float


def case(seed: int) -> Case:
    """What a seed stands for."""
    rng = random.Random(seed)
    clients = rng.choice((1, 2, 2, 3))
    programs = tuple(tuple(program(rng, rng.randint(60, 110) // clients + 12)) for _ in range(clients))
    kinds, weights = list(KINDS), list(KINDS.values())
    chosen = rng.choices(kinds, weights, k=rng.choice((0, 1, 1, 2, 3, 5)))
    faults = tuple(Fault(rng.randrange(ENDS_AT), kind, rng.randrange(12), rng.randrange(420)) for kind in chosen)
    return Case(seed, rng.randint(2, 4), programs, faults, rng.choice((0.0, 0.0, 0.03, 0.2)))


@contextmanager
def _alone() -> Iterator[None]:
    """Cycles are collected at the same moments in each run of a seed: at none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_case(chosen: Case) -> FaultyWorld:
    """Run a case to its end and check it; raises when anything is wrong."""
    world = FaultyWorld(
        NAMES[: chosen.workers],
        chosen.seed,
        clients=len(chosen.programs),
        faults=chosen.faults,
        duplicates=chosen.duplicates,
    )
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
    while any(actor.steps and not actor.over for actor in world.actors):
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
    for i in range(len(chosen.faults)):
        yield chosen._replace(faults=chosen.faults[:i] + chosen.faults[i + 1 :])
    for i in range(len(chosen.programs) * (len(chosen.programs) > 1)):
        yield chosen._replace(programs=chosen.programs[:i] + chosen.programs[i + 1 :])
    for size in (16, 4, 1):
        for i, steps in enumerate(chosen.programs):
            for at in reversed(range(0, len(steps), size)):
                shorter = steps[:at] + steps[at + size :]
                yield chosen._replace(programs=(*chosen.programs[:i], shorter, *chosen.programs[i + 1 :]))


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
