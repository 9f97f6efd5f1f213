"""One client sees one program: random programs on real processes agree with the model, step for step."""

from __future__ import annotations

import random
import warnings

import pytest

from tests.sim.programs import Runner, program

PROGRAMS = 40
WORKERS = ("julie", "toby", "carol")


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_a_random_program(processes, seed):
    rng = random.Random(f"real {seed}")
    steps = program(rng, rng.randint(20, 60))
    run = processes(*WORKERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        Runner(run).carry_out(steps)
