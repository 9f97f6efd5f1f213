"""Random programs under random faults, from the command line.

python -m tests.sim --seeds 2000 [--first 0] [--jobs 4] [--shrink 1]

Prints the throughput, how many seeds were shorter than they should be, and every failing seed, the first of them made
as small as can be; exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.sim.blocks import SHORT, Tally, tallies
from tests.sim.chaos import case, shrink


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes share them")
    parser.add_argument("--shrink", type=int, default=1, help="how many failing seeds to make smaller")
    chosen = parser.parse_args(arguments)
    begun_s = time.perf_counter()
    total = Tally()
    for tally in tallies(chosen.first, chosen.seeds, chosen.jobs):
        total.add(tally)
        for seed, why in tally.failed:
            print(f"seed {seed} failed: {why}", flush=True)
    took_s = time.perf_counter() - begun_s
    for seed, _ in total.failed[: chosen.shrink]:
        show_smaller(seed)
    show_figures(total, took_s, chosen.jobs)
    return 1 if total.failed else 0


def show_smaller(seed: int) -> None:
    small, why = shrink(case(seed))
    print(f"seed {seed} made smaller: run_case({small})\n{type(why).__name__}: {why}")
    print(*getattr(why, "__notes__", []), sep="\n", flush=True)


def show_figures(total: Tally, took_s: float, jobs: int) -> None:
    failed, count = [seed for seed, _ in total.failed], total.count
    deliveries, passed = count["deliveries"], max(1, total.seeds - len(failed))
    print(
        f"{total.seeds} seeds, {len(failed)} failed {failed[:20]}, {took_s:.1f} s with {jobs} jobs:"
        f" {total.seeds / took_s:.0f} seeds/s"
    )
    print(f"{deliveries} deliveries, {deliveries / took_s:.0f}/s, {deliveries / passed:.0f} a seed")
    print(f"{count[SHORT]} seeds were {SHORT}")
    print(", ".join(f"{n} {what}" for what, n in sorted(count.items()) if what not in ("deliveries", SHORT)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
