"""Random programs under random faults, from the command line.

python -m tests.sim --seeds 2000 [--first 0] [--shrink 2]

Prints the throughput and every failing seed, the first of them made as small as can be; exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.sim.chaos import case, run_seed, shrink


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--shrink", type=int, default=1, help="how many failing seeds to make smaller")
    chosen = parser.parse_args(arguments)
    begun = time.perf_counter()
    failed: list[int] = []
    count: Counter[str] = Counter()
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        try:
            world = run_seed(seed)
        except Exception as error:  # every failure is counted
            failed.append(seed)
            print(f"seed {seed} failed: {type(error).__name__}: {str(error).splitlines()[0][:160]}", flush=True)
            if len(failed) <= chosen.shrink:
                small, why = shrink(case(seed))
                print(f"made smaller: run_case({small})\n{type(why).__name__}: {why}")
                print(*getattr(why, "__notes__", []), sep="\n", flush=True)
            continue
        count["deliveries"] += world.steps
        count["calls"] += len(world.record.calls)
        count["duplicates"] += world.duplicated
        count["short"] += world.steps < 200
        count.update({event.kind: 1 for event in world.record.events})
    took_s = time.perf_counter() - begun
    passed = chosen.seeds - len(failed)
    print(
        f"{chosen.seeds} seeds, {len(failed)} failed {failed[:20]}, {took_s:.1f} s: {chosen.seeds / took_s:.0f} seeds/s"
    )
    deliveries = count["deliveries"]
    print(f"{deliveries} deliveries, {deliveries / took_s:.0f}/s, {deliveries / max(1, passed):.0f} a seed")
    print(", ".join(f"{n} {what}" for what, n in sorted(count.items()) if what != "deliveries"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
