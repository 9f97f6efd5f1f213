"""Small programs under chosen schedules: does every schedule give the right answer, or is there one that does not?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from farptr.protocol.errors import FarptrError
from tests.sim.world import World

NAMES = ["julie", "toby", "carol"]
Program = Callable[[Any], None]


def play(program: Program, seed: int, slow: Sequence[str] = (), *, hasty: bool = False) -> World:
    """Run a program; with ``slow`` links it is the adversary's schedule: they deliver only when nothing else can.

    ``hasty``: every command leaves at once, and all fast links are drained before the next one.
    """
    world = World(NAMES, seed)
    if slow or hasty:
        world.slow = set(slow)
        world.pace, world.flushes = 0.0, 0.0
        world.hasty = hasty
    program(world.run)
    world.finish()
    return world


def schedules(slow: Sequence[str], seeds: int) -> list[tuple[int, Sequence[str], bool]]:
    chosen = [(1, (link,), hasty) for link in slow for hasty in (True, False)]
    chosen += [(1, tuple(slow), True), (1, tuple(slow), False)] if slow else []
    return chosen + [(seed, (), False) for seed in range(seeds)]


def holds(program: Program, slow: Sequence[str] = (), seeds: int = 25) -> None:
    """The program's own assertions hold under the adversary's schedules and under random ones."""
    for seed, links, hasty in schedules(slow, seeds):
        try:
            play(program, seed, links, hasty=hasty)
        except Exception as error:
            error.add_note(f"seed {seed}, slow {links}, hasty {hasty}")
            raise


def breaks(program: Program, slow: Sequence[str] = (), seeds: int = 400) -> str:
    """Some schedule makes the program go wrong: what went wrong there."""
    for seed, links, hasty in schedules(slow, seeds):
        try:
            play(program, seed, links, hasty=hasty)
        except (AssertionError, FarptrError) as error:  # wrong values, Deadlock, a law that does not hold: all count
            return f"{type(error).__name__}: {error}"
    raise AssertionError("no schedule made it go wrong")
