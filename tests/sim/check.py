"""Run random programs by hand: ``python -m tests.sim.check [first seed] [how many] [workers]``."""

from __future__ import annotations

import random
import sys
import time
import warnings
from collections import Counter

from tests.sim.programs import KINDS, Runner, Step, program
from tests.sim.world import World

NAMES = ["julie", "toby", "carol", "dan"]


def run_seed(seed: int, length: tuple[int, int] = (12, 40), kinds: dict[str, int] = KINDS) -> World:
    """One random program under one random schedule; raises when anything is wrong."""
    rng = random.Random(seed)
    return run_program(program(rng, rng.randint(*length), kinds), seed, rng.choice((2, 3, 3, 4)))


def run_program(steps: list[Step], seed: int, workers: int = 3) -> World:
    world = World(NAMES[:workers], seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        Runner(world.run).carry_out(steps)
        world.finish()
    return world


def fails(steps: list[Step], seeds: list[int], workers: int) -> tuple[int, Exception] | None:
    for seed in seeds:
        try:
            run_program(steps, seed, workers)
        except Exception as error:  # any failure will do
            return seed, error
    return None


def shrink(seed: int, tries: int = 30) -> tuple[list[Step], int, Exception, int]:
    """The failing program of a seed with as many steps removed as can be, under other schedules too."""
    rng = random.Random(seed)
    steps = program(rng, rng.randint(12, 40))
    workers = rng.choice((2, 3, 3, 4))
    seeds = [seed, *range(tries)]
    found = fails(steps, seeds, workers)
    assert found, "it does not fail"
    smaller = True
    while smaller:
        smaller = False
        for at in reversed(range(len(steps))):
            shorter = steps[:at] + steps[at + 1 :]
            again = fails(shorter, [found[0], *seeds], workers)
            if again:
                steps, found, smaller = shorter, again, True
    return steps, found[0], found[1], workers


def main(first: int = 0, count: int = 1000) -> None:
    begun, steps = time.perf_counter(), 0
    failed: Counter[str] = Counter()
    for seed in range(first, first + count):
        try:
            steps += run_seed(seed).steps
        except Exception as error:  # all are counted
            failed[f"{type(error).__name__} {str(error)[:90]}"] += 1
            if sum(failed.values()) <= 3:
                small, at, why, workers = shrink(seed)
                print(f"seed {seed}: run_program({small}, {at}, {workers})\n{type(why).__name__}: {why}"[:1500])
                print(*getattr(why, "__notes__", [])[:1], sep="\n")
    took = time.perf_counter() - begun
    print(f"{count} programs, {sum(failed.values())} failed, {steps} deliveries, {took:.1f} s, {count / took:.0f}/s")
    for what, n in failed.most_common(15):
        print(n, what.replace("\n", " "))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
