"""What a client says of workers that are gone."""

from __future__ import annotations

import pytest

from farptr.client.parties import Parties
from farptr.launch.leaving import WHY


@pytest.mark.parametrize(
    ("why", "next_step"),
    [("it exited with code 1", "sim.restart('bob')"), (WHY, "sim.add('bob') adds one of that name")],
)
def test_the_hint_says_what_would_help(why, next_step):
    parties = Parties({3: "bob"})
    parties.lose(3, {"why": why})
    error = parties.worker_lost(3)
    assert f"worker bob is gone: {why}" in str(error)
    assert next_step in error.hint
