"""Library code on pointers gives what it gives on arrays, and fetches no more than flags and single numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.array_api import needs_numpy

pytestmark = needs_numpy

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 100
HOPS = (1, 3)

FETCHED_AT_MOST = {"sklearn": 32, "scipy.stats": 16, "scipy.special": 0, "einops": 0}
"""Bytes, where the data is 25600: flags ("is all of it finite?") and counts that decide what is done next."""
GRADIENTS_AT_MOST = 4000
"""Of a logistic regression: 9 numbers for each step of the solver, which runs here."""
REFUSED = {"LogisticRegression": "ImplicitFetch"}


def outcomes():
    """What each case came to."""
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


def is_as_promised(row):
    if row["name"] in REFUSED:
        return row.get("error") == REFUSED[row["name"]]
    return row.get("equal") is True and row["fetched"] <= bound_of(row)


def test_results_are_equal_and_little_is_fetched(runtime_dir):
    """One test, because importing the libraries takes longer than all cases."""
    rows = outcomes()
    assert Counter(row["library"] for row in rows).keys() == {"sklearn", "scipy", "einops"}
    assert len(rows) > 160
    assert [row for row in rows if not is_as_promised(row)] == []
    first, last = ([{**row, "hops": 0} for row in rows if row["hops"] == hops] for hops in HOPS)
    assert first == last, "hops make a difference"
    gradients = [row["fetched"] for row in rows if row["name"] == "LogisticRegression, fetching"]
    assert min(gradients) >= 9 * 8, "the solver, which runs here, was told no gradient"
