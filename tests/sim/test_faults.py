"""Random programs under random faults: one outcome for each call, no wrong value, nothing waits, nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.sim import blocks, chaos, faults, loss_scenarios, outcomes
from tests.sim.__main__ import main
from tests.sim.chaos import case, run_case, run_seed, short_case, trace
from tests.sim.fault_mutants import MUTANTS
from tests.sim.faults import Fault
from tests.sim.history import Failure, History, Wrong

SEEDS = 2000
BLOCKS = 20
FEW = 5
"""So many of them belong to the fast tests."""
LONG = 20_000
# Seeds that once failed, with what was wrong then; ``loss_scenarios`` has each in as few steps as it takes.
KEPT = {
    2665: "a question that went further than was believed, to a worker that is lost, waited for ever",
    6231: "the same, behind a fence",
    1133: "an object stayed: the push that should have counted one more export was lost with its worker",
    6557: "an object stayed: what a lost worker held was not freed while no client was there",
    1050: "an answer that came with the broker's word on progress was waited for once more",
    101610: "a caught error held the frames of its callers, and what they owned lived on",
}
# Seeds that failed since every run is long.
KEPT_LONG = {
    92928: "a push was lost with its worker, and the stub that was taken for data was moved to where it led: a cycle",
    25695: "an answer came while the broker was asked who is stopped, and the client slept on it",
    24679: "a name was taken away long after its client had given up waiting for that",
    14306: "a worker was started again before the broker knew that the last one of its name had ended",
    3142: "a client closed while it was cut off: its goodbye was lost, and nobody gave it up",
    3567: "the same, with something of its own moved",
    7617: "a worker was started again before the broker knew of its end",
}
# Mutants that need one shape of program and fault so much that random ones rarely have it.
NOTICED_BY = {
    "only_the_path_believed_is_lost": loss_scenarios.a_question_goes_further_than_believed,
    "a_lost_push_keeps_the_count": loss_scenarios.a_push_is_lost,
    "nobody_frees_for_a_lost_worker": loss_scenarios.the_last_holder_dies_alone,
    "nobody_is_told_of_stops": loss_scenarios.a_stopped_worker_is_named,
    "who_comes_later_is_not_told_of_stops": loss_scenarios.a_stopped_worker_is_named,
}
PATIENCE = 400


def run(seeds):
    for seed in seeds:
        try:
            run_seed(seed)
        except Exception as error:
            error.add_note(f"seed {seed}: from tests.sim.chaos import run_seed; run_seed({seed})")
            raise


@pytest.mark.parametrize(
    "block", [pytest.param(block, marks=[pytest.mark.thorough] * (block >= FEW)) for block in range(BLOCKS)]
)
def test_random_faults(block):
    run(range(block * SEEDS // BLOCKS, (block + 1) * SEEDS // BLOCKS))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_faults():
    run(range(SEEDS, SEEDS + LONG))


def test_the_broker_ends_early():
    """The runs above last long enough for everything else, so the broker's end comes late in them."""
    for at in range(0, 200, 4):
        chosen = case(at)
        world = run_case(chosen._replace(faults=(*chosen.faults, Fault(at, "kill_broker", 0, 0))))
        assert world.broker_gone
        assert world.steps <= at


@pytest.mark.parametrize("seed", KEPT)
def test_seeds_that_once_failed(seed):
    run_case(short_case(seed))


@pytest.mark.parametrize("seed", KEPT_LONG)
def test_long_seeds_that_once_failed(seed):
    run_seed(seed)


@pytest.mark.parametrize("scenario", loss_scenarios.SCENARIOS)
def test_what_random_faults_found(scenario):
    scenario()


@pytest.mark.thorough
def test_the_faults_are_what_they_should_be():
    """A fault that never strikes proves nothing."""
    kinds, raised, count = set(), set(), Counter()
    for seed in range(150):
        world = run_seed(seed)
        kinds |= {event.kind for event in world.record.events}
        raised |= {call.outcome.type for call in world.record.calls if isinstance(call.outcome, Failure)}
        granted = len(world.granted)
        count.update(duplicated=world.duplicated, dropped=world.broker.duplicates, granted=granted)
        count["short"] += world.steps < chaos.LASTS
        count["missed"] += world.struck < len(case(seed).faults)
    assert kinds >= {*faults.KINDS, "restart", "expired", "stall", "unstall"}
    assert count["short"] == 0
    assert count["missed"] < 15
    assert count["duplicated"] > count["dropped"] > 100
    assert count["granted"] > 150
    assert raised >= {
        "WorkerLost", "StalePointer", "BrokerLost", "ObjectGone", "DeadlineExceeded", "ValueError",
        "WorkerUnresponsive",
    }  # fmt: skip


def test_the_same_seed_gives_the_same_trace():
    seeds = [seed for seed in range(60) if len(case(seed).faults) > 1][:12]
    first = [trace(run_seed(seed)) for seed in seeds]
    assert first == [trace(run_seed(seed)) for seed in reversed(seeds)][::-1]
    assert len(set(first)) == len(seeds)


def test_the_same_seed_gives_the_same_trace_in_another_process():
    code = "from tests.sim.chaos import run_seed, trace; print([trace(run_seed(s)) for s in (3, 5, 11)])"
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.strip() == str([trace(run_seed(s)) for s in (3, 5, 11)])


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_random_faults_notice(name):
    runs = [NOTICED_BY[name]] if name in NOTICED_BY else [partial(run_seed, seed) for seed in range(PATIENCE)]
    with MUTANTS[name]():
        for attempt in runs:
            try:
                attempt()
            except (Exception, pytest.fail.Exception):  # wrong outcomes, deadlocks, leaks, broken laws
                return
    pytest.fail(f"nobody noticed {name}")


# ---------------------------------------------------------------- the checker can fail


def history(*calls, events=()):
    """A history by hand: (kind, outcome, details) one after another."""
    found = History()
    for kind, outcome, details in calls:
        for event in [e for e in events if e[0] == len(found.calls)]:
            found.note(*event[1:])
        before = len(found.calls)
        call = found.begin(1, kind, before, **details)
        found.end(call, outcome, before + 1)
    return found


def sent(value=(1, 2, 3), worker=2):
    return ("send", "pointer", {"value": np.array(value), "label": 1, "worker": worker, "id": 77})


def got(*value):
    return ("get_copy", np.array(value), {"h": 1})


CHANGED = ("change", "done", {"hs": [1], "code": "+3"})


def test_the_checker_takes_what_is_right():
    outcomes.check(history(sent(), CHANGED, got(4, 5, 6)))
    outcomes.check(history(sent(), got(1, 2, 3), ("sync", [], {})))


@pytest.mark.parametrize(
    "calls",
    [
        [sent(), CHANGED, got(1, 2, 3)],
        [sent(), got(1, 2, 4)],
        [sent(), ("get", Failure("ObjectGone", "ObjectGone"), {"h": 1})],
        [sent(), ("get", Failure("WorkerLost", worker=2), {"h": 1})],
        [sent(), ("get", Failure("DeadlineExceeded"), {"h": 1})],
        [sent(), ("change", "done", {"hs": [1], "code": "bad"}), ("sync", [], {})],
        [sent(), ("sync", Failure("ValueError", "ValueError", 9), {})],
        [sent(), ("list", {}, {"at": 2})],
    ],
)
def test_the_checker_refuses_what_is_wrong(calls):
    with pytest.raises(Wrong):
        outcomes.check(history(*calls))


def test_the_checker_knows_when_a_worker_was_lost():
    lost = Failure("WorkerLost", worker=2)
    outcomes.check(history(sent(), ("get_copy", lost, {"h": 1}), events=[(1, "kill_worker", 2)]))
    with pytest.raises(Wrong):
        outcomes.check(history(sent(), ("get_copy", lost, {"h": 1}), events=[(1, "kill_worker", 3)]))
    with pytest.raises(Wrong):
        outcomes.check(history(sent(), got(9, 9, 9), events=[(1, "kill_worker", 2)]))


def test_the_checker_knows_that_a_late_answer_keeps_what_is_gone_a_little_longer():
    """2:x is pulled to 3, where a pointer to it was: the stub goes at once, unless an answer that names it is late."""
    sendp = ("sendp", "pointer", {"h": 1, "to": 3, "label": 2, "worker": 3, "id": 88})
    late = ("get", Failure("WorkerUnresponsive"), {"h": 2})
    pull, read = ("rget", "done", {"h": 2}), ("get_copy", np.array([4, 5, 6]), {"h": 2})
    stop = [(2, "stop_worker", 3), (2, "stall", 3)]
    outcomes.check(history(sent(), sendp, late, pull, CHANGED, read, events=stop))
    with pytest.raises(Wrong):
        outcomes.check(history(sent(), sendp, pull, CHANGED, read))
    with pytest.raises(Wrong):
        outcomes.check(history(sent(), sendp, late, events=stop[:1]))


def test_a_call_without_an_end_is_noticed():
    found = history(sent())
    found.begin(1, "sync", 1)
    with pytest.raises(Wrong):
        outcomes.check(found)


@pytest.mark.thorough
def test_a_failing_case_is_made_smaller():
    with MUTANTS["the_rows_of_a_lost_party_stay"]():
        seed = next(s for s in range(200) if chaos._failure(case(s), [s]))
        small, _ = chaos.shrink(case(seed), tries=1, limit_s=5)
        with pytest.raises(AssertionError):
            run_case(small)
    assert sum(map(len, small.programs)) < sum(map(len, case(seed).programs))


def test_the_command_prints_figures(capsys):
    assert main(["--seeds", "5", "--first", "3"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("5 seeds, 0 failed [], ")
    assert "seeds/s" in told
    assert "0 seeds were shorter than 200 steps\n" in told


def test_the_command_prints_failing_seeds(capsys):
    with MUTANTS["the_rows_of_a_lost_party_stay"]():
        assert main(["--seeds", "20", "--shrink", "0"]) == 1
    *failed, totals = capsys.readouterr().out.splitlines()[:-3]
    seeds = [int(line.split()[1]) for line in failed]
    assert seeds
    assert totals.startswith(f"20 seeds, {len(seeds)} failed {seeds}, ")


@pytest.mark.thorough
def test_several_processes_find_what_one_does():
    total = blocks.Tally()
    for tally in blocks.tallies(3, 60):
        total.add(tally)
    assert (total.seeds, total.failed) == (60, [])
    told = subprocess.run(
        [sys.executable, "-m", "tests.sim", "--first", "3", "--seeds", "60", "--jobs", "2"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    ).stdout
    assert told.startswith("60 seeds, 0 failed [], ")
    assert f"\n{total.count['deliveries']} deliveries, " in told
    assert f"\n{total.count['calls']} calls, " in told


def test_what_others_found_is_added_up():
    one, other = blocks.Tally(), blocks.Tally()
    one.seeds, one.failed = 2, [(1, "bad")]
    other.seeds, other.failed = 3, [(4, "worse")]
    other.count["calls"] = 7
    one.add(other)
    assert (one.seeds, one.failed, one.count["calls"]) == (5, [(1, "bad"), (4, "worse")], 7)
