"""Speed beside the floor, in one run: ``python benchmarks/run.py [--quick]`` prints JSON.

Every figure is a median of several rounds; floor and farptr alternate, so that a noisy machine is noisy for both.
"confirmed" means: issued, and ``sim.sync()`` returned, so the operation has run.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import zmq

import farptr as fp
from floor import Floor, floor

BLOCK = 100


def block_us(work: Callable[[], Any]) -> list[float]:
    """Microseconds of each of a block of calls; the first, which finds everything asleep, is not counted."""
    times = []
    for _ in range(BLOCK + 1):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e6)
    return times[1:]


def submit_us(p: fp.Pointer, sim: fp.Run, count: int) -> float:
    """Microseconds for the caller to issue ``p + p`` (the handle dies at once); the flushes in between are included."""
    start = time.perf_counter()
    for _ in range(count):
        p + p
    took = time.perf_counter() - start
    sim.sync()
    return took / count * 1e6


def pipelined_per_s(x: fp.Pointer, sim: fp.Run, count: int) -> float:
    """Dependent operations a second, ``z = z + x``, until the last one has run."""
    start = time.perf_counter()
    z = x
    for _ in range(count):
        z = z + x
    sim.sync()
    return count / (time.perf_counter() - start)


def start_up_s(workers: int) -> float:
    start = time.perf_counter()
    sim = fp.up(workers)
    took = time.perf_counter() - start
    sim.close()
    return took


def help_s() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "farptr", "--help"], check=True, capture_output=True)
    return time.perf_counter() - start


def measure(base: Floor, sim: fp.Run, quick: bool) -> dict[str, list[float]]:
    julie, toby = sim
    p = fp.tensor(np.ones(4)).send(julie)
    pp = fp.tensor(np.ones(4)).send(julie).send(toby)
    rounds, trips, ops = (3, 200, 5_000) if quick else (7, 1_000, 40_000)
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    trips_of = {
        "floor_us": base.trip,
        "confirmed_one_hop_us": lambda: (p + p, sim.sync()),
        "confirmed_two_hops_us": lambda: (pp + pp, sim.sync()),
        "get_us": p.get_copy,
    }
    pipelined_per_s(p, sim, ops)
    for _ in range(rounds):
        # Blocks in turn: this machine's speed changes within a second, and must change for all of them.
        times: dict[str, list[float]] = {}
        for _ in range(trips // BLOCK):
            for name, work in trips_of.items():
                times.setdefault(name, []).extend(block_us(work))
        for name, values in times.items():
            note(name, statistics.median(values))
        note("submit_us", submit_us(p, sim, 200))
        note("submit_in_a_loop_us", submit_us(p, sim, ops))
        note("pipelined_per_s", pipelined_per_s(p, sim, ops))
        note("pipelined_two_hops_per_s", pipelined_per_s(pp, sim, ops // 4))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a look")
    quick = parser.parse_args().quick
    with floor() as base, fp.up("julie", "toby") as sim:
        found = measure(base, sim, quick)
    for _ in range(3 if quick else 7):
        found.setdefault("up_8_workers_s", []).append(start_up_s(8))
        found.setdefault("help_s", []).append(help_s())
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratios = {
        name.removesuffix("_us"): round(medians[name] / medians["floor_us"], 2)
        for name in ("confirmed_one_hop_us", "confirmed_two_hops_us", "get_us")
    }
    machine = {"python": platform.python_version(), "numpy": np.__version__, "pyzmq": zmq.__version__}
    spread = {name: [round(min(v), 4), round(max(v), 4)] for name, v in found.items()}
    report = {
        "medians": {name: round(value, 4) for name, value in medians.items()},
        "ratio_to_floor": ratios,
        "spread": spread,
        "machine": machine,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
