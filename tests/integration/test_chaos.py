"""Faults of all kinds on real processes under load (``tests.chaos``): short here, ten minutes behind the marker.

In a process of its own: everything that is left in its runtime directory is then its own, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.breaking import BAR_S, EMPTY_S, ROUND

SLACK = 10
"""Other tests run on the same machine."""
ROUNDS, ROUND_S = 52, 11.5
BARS = {"worker killed": 1000, "broker killed": 50, "worker stopped": 200, "client killed": 200, "client cut": 200}


def chaos(*arguments, patience_s):
    command = [sys.executable, "-m", "tests.chaos", *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}, capture_output=True, text=True, timeout=patience_s
    )
    assert done.stdout, done.stderr
    print(done.stdout)  # shown by ``-s``, and when this fails
    return json.loads(done.stdout)["chaos"], done


def assert_nothing_is_wrong(found, log):
    assert (found["wrong"], found["left_behind"]) == ([], []), log
    assert (found["load"]["hangs"], found["load"]["twice"]) == (0, 0), log
    assert found["load"]["checked"] > sum(found["faults"].values())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_round_of_faults(seed):
    found, done = chaos("--rounds", 1, "--seed", seed, patience_s=90)
    assert_nothing_is_wrong(found, done.stderr)
    kinds = [kind for kind in ROUND if found["cuts"] or not kind.endswith("cut")]
    assert all(found["faults"][kind] >= ROUND[kind] for kind in kinds)
    assert found["faults"]["broker killed"] == 1
    slow = {kind: times["max"] for kind, times in found["served_again_s"].items() if times["max"] > SLACK * BAR_S}
    assert not slow
    assert found["served_again_s"]["stores empty"]["max"] < SLACK * EMPTY_S


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_minutes_of_faults():
    found, done = chaos("--rounds", ROUNDS, "--round-s", ROUND_S, patience_s=1100)
    assert_nothing_is_wrong(found, done.stderr)
    assert all(found["faults"][kind] >= least for kind, least in BARS.items() if found["cuts"] or "cut" not in kind)
    assert found["late"] == []
    assert done.returncode == 0
