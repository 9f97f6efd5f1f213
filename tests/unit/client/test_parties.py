"""What a client says of workers that are gone."""

from __future__ import annotations

import pytest

from farptr.client.parties import Parties
from farptr.launch.leaving import WHY
from farptr.protocol.errors import DeadlineExceeded


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


def test_nobody_is_told_to_start_what_runs_on_another_machine():
    parties = Parties({3: "bob"})
    parties.elsewhere.add(3)
    parties.lose(3, {"why": "its key was revoked"})
    hint = parties.worker_lost(3).hint
    assert "sim." not in hint
    assert "`farptr worker bob` starts it again where it was, empty" in hint


def test_who_is_overloaded_says_how_much_there_is_to_do():
    parties = Parties({3: "bob", 4: "eve"})
    late = DeadlineExceeded("late", where="for the workers to catch up", queues={"bob": 7, "eve": 9})
    error = parties.overloaded(3, late)
    assert (error.queue, error.queues, error.where) == (7, {"bob": 7}, "for the workers to catch up")
    assert parties.overloaded(0, late).queue == 9
    assert parties.overloaded(0, DeadlineExceeded("the broker does not answer")).queue == 0
