"""Break things on real processes, and measure what that does to a run.

python -m tests.chaos [--rounds N] [--round-s S] [--seed S] [--no-cuts] [--measure NAME ...] [--short]

Prints JSON; exits with 1 if anything was wrong, hung, ran twice, was late or was left behind. Without rounds only the
measures are taken; the names of those are ``measures.MEASURES``, and ``all``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zmq


def machine():
    """What the figures hold for."""
    import farptr

    return {
        "uname": " ".join(platform.uname()[i] for i in (0, 2, 4)),
        "cpus": os.cpu_count(),
        "load_before": [round(value, 1) for value in os.getloadavg()],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyzmq": zmq.__version__,
        "libzmq": zmq.zmq_version(),
        "farptr": farptr.__version__,
    }


def main(arguments):
    from tests.chaos.breaking import Chaos
    from tests.chaos.measures import MEASURES

    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=0, help="of breaking things at random")
    parser.add_argument("--round-s", type=float, default=0.0, help="seconds over which a round is spread, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-cuts", action="store_true", help="leave connections alone")
    parser.add_argument("--measure", nargs="*", default=[], choices=["all", *MEASURES], help="what to measure besides")
    parser.add_argument("--short", action="store_true", help="fewer rounds of each measure")
    chosen = parser.parse_args(arguments)
    report, bad = {"machine": machine(), "arguments": arguments}, []
    if chosen.rounds:
        chaos = Chaos(chosen.seed, cuts=not chosen.no_cuts, log=lambda text: print(text, file=sys.stderr, flush=True))
        began_s = time.monotonic()
        chaos.go(chosen.rounds, chosen.round_s)
        found = report["chaos"] = chaos.report() | {"seconds": round(time.monotonic() - began_s, 1)}
        bad = found["wrong"] + found["left_behind"] + found["late"]
        bad += [1] * (found["load"]["hangs"] + found["load"]["twice"])
    for name in MEASURES if "all" in chosen.measure else chosen.measure:
        began_s = time.monotonic()
        report[name] = MEASURES[name](short=chosen.short)
        report[name]["seconds"] = round(time.monotonic() - began_s, 1)
        bad += report[name].get("wrong", [])
    report["machine"]["load_after"] = [round(value, 1) for value in os.getloadavg()]
    print(json.dumps(report, indent=1))
    return 1 if bad else 0


if __name__ == "__main__":
    private = Path(tempfile.mkdtemp(prefix="fp-", dir="/tmp"))
    os.environ["FARPTR_RUNTIME_DIR"] = str(private)
    try:
        status = main(sys.argv[1:])
    finally:
        shutil.rmtree(private, ignore_errors=True)
    sys.exit(status)
