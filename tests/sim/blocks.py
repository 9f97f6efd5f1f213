"""Many seeds, in blocks, by one process or by several: what they came to, and which of them failed."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import Counter
from collections.abc import Iterator

from tests.sim.chaos import LASTS, run_seed

BLOCK = 50
"""Seeds that one process is given at once."""
SHORT = f"shorter than {LASTS} steps"

Block = tuple[int, int]
"""The first seed, and the one behind the last."""


class Tally:
    """What seeds came to."""

    def __init__(self) -> None:
        self.seeds = 0
        self.failed: list[tuple[int, str]] = []
        """Seeds, and what was wrong in a line."""
        self.count: Counter[str] = Counter()

    def run(self, seed: int) -> None:
        """One seed more."""
        self.seeds += 1
        try:
            world = run_seed(seed)
        except Exception as error:  # every failure is counted
            told = str(error).splitlines() or [""]
            self.failed.append((seed, f"{type(error).__name__}: {told[0][:160]}"))
            return
        self.count["deliveries"] += world.steps
        self.count["calls"] += len(world.record.calls)
        self.count["duplicates"] += world.duplicated
        self.count[SHORT] += world.steps < LASTS
        self.count.update(event.kind for event in world.record.events)

    def add(self, other: Tally) -> None:
        """What another process found."""
        self.seeds += other.seeds
        self.failed += other.failed
        self.count.update(other.count)


def run_block(block: Block) -> Tally:
    """The seeds of one block."""
    tally = Tally()
    for seed in range(*block):
        tally.run(seed)
    return tally


def tallies(first: int, seeds: int, jobs: int = 1) -> Iterator[Tally]:
    """The tally of each block, in order; the blocks are shared out among so many processes."""
    ends = [*range(first, first + seeds, BLOCK), first + seeds]
    blocks = list(itertools.pairwise(ends))
    if jobs == 1:
        yield from map(run_block, blocks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(run_block, blocks)
