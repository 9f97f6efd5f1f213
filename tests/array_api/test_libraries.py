"""Library code on pointers gives what it gives on arrays, and fetches no more than flags and single numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 100
HOPS = (1, 3)

FETCHED_AT_MOST = {"sklearn": 32, "scipy.stats": 16, "scipy.special": 0, "einops": 0}
"""Bytes, where the data is 25600: flags ("is all of it finite?") and counts that decide what is done next."""
GRADIENTS_AT_MOST = 4000
"""Of a logistic regression: 9 numbers for each step of the solver, which runs here."""
REFUSED = {"LogisticRegression": "ImplicitFetch"}


@pytest.fixture(scope="module")
def outcomes(runtime_dir):
    """What each case came to, by (library, name, hops)."""
    command = [sys.executable, "-m", "tests.array_api.libraries"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def bound_of(row):
    if row["name"].endswith("fetching"):
        return GRADIENTS_AT_MOST
    part = row["library"] if row["library"] != "scipy" else f"scipy.{row['name'].partition('.')[0]}"
    return FETCHED_AT_MOST[part]


@pytest.mark.parametrize("library", ["sklearn", "scipy", "einops"])
@pytest.mark.parametrize("hops", HOPS)
def test_results_are_equal_and_little_is_fetched(outcomes, library, hops):
    rows = [row for row in outcomes if row["library"] == library and row["hops"] == hops]
    assert len(rows) >= 7
    wrong = []
    for row in rows:
        if row["name"] in REFUSED:
            fine = row.get("error") == REFUSED[row["name"]]
        else:
            fine = row.get("equal") is True and row["fetched"] <= bound_of(row)
        wrong += [] if fine else [row]
    assert wrong == []


def test_hops_make_no_difference(outcomes):
    first, last = ([{**row, "hops": 0} for row in outcomes if row["hops"] == hops] for hops in HOPS)
    assert first == last


def test_the_solver_that_runs_here_is_told_gradients(outcomes):
    (row,) = [row for row in outcomes if row["name"] == "LogisticRegression, fetching" and row["hops"] == 1]
    assert row["fetched"] >= 9 * 8
