"""How fast virtual time passes: ``python benchmarks/virtual.py`` prints JSON; ``--quick`` takes smaller runs.

An envelope is one that came to the broker from a party, of whatever kind: commands, pushes, answers, ends of turns, and
what a client says when it waits. What the broker hands on is not counted again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from typing import Any

import numpy as np

import farptr as fp
from farptr.journal.reading import Reader
from farptr.journal.records import Came

SHAPE = (65, 10)


def averages(workers: int, rounds: int, net: Any, journal: str | None = None) -> dict[str, Any]:
    """Federated averages: each worker changes the weights, the first averages them, and the client fetches the mean."""
    weights = np.zeros(SHAPE)
    with fp.up(workers, clock="virtual", seed=1, net=net, costs="50 ms", journal=journal or False, timeout=120) as sim:
        parties, began_s = list(sim), time.perf_counter()
        for _ in range(rounds):
            there = [fp.send(weights, worker) for worker in parties]
            changed = [(one * 0.9 + 1.0).move(parties[0]) for one in there]
            weights = np.asarray((sum(changed[1:], start=changed[0]) / workers).get())
        real_s = time.perf_counter() - began_s
        virtual_s = sim.now
    return {"workers": workers, "rounds": rounds, "real_s": round(real_s, 3), "virtual_s": round(virtual_s, 3)}


def envelopes(workers: int, rounds: int, net: Any) -> dict[str, Any]:
    """The same, and how many envelopes passed: counted in a second run, with a journal."""
    found = averages(workers, rounds, net)
    with tempfile.TemporaryDirectory() as folder:
        averages(workers, rounds, net, folder)
        count = sum(isinstance(record, Came) for record in Reader(folder))
    return {**found, "envelopes": count, "envelopes_s": round(count / found["real_s"])}


def stream(workers: int, rounds: int, batch: int, net: Any, costs: str | None = None) -> dict[str, Any]:
    """Many small envelopes that nobody waits for: to each worker in turn, and then the end of all."""
    with fp.up(workers, clock="virtual", seed=1, net=net, costs=costs, timeout=120) as sim:
        pointers = [fp.send(np.zeros(4), worker) for worker in sim]
        sim.sync()
        began_s = time.perf_counter()
        for _ in range(rounds):
            for _ in range(batch):
                for pointer in pointers:
                    pointer += 1.0
                sim.flush()
            sim.sync()
        real_s = time.perf_counter() - began_s
        virtual_s = sim.now
    count = rounds * batch * workers * 2  # a command, and the end of its turn
    return {
        "workers": workers, "envelopes": count, "real_s": round(real_s, 3), "virtual_s": round(virtual_s, 3),
        "envelopes_s": round(count / real_s),
    }  # fmt: skip


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    slow = fp.Network(everybody="3G")
    made = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
        "stream of 8, no network": stream(8, 5 if quick else 20, 50, None),
        "stream of 8 on 3G": stream(8, 5 if quick else 20, 50, slow),
        "stream of 8 on 3G, 10 ms a turn": stream(8, 5 if quick else 20, 50, slow, "10 ms"),
        "averages of 8, no network": envelopes(8, 20 if quick else 100, None),
        "averages of 8 on 3G": envelopes(8, 20 if quick else 100, slow),
        "averages of 100 on 3G": averages(100, 3 if quick else 100, slow),
    }
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
