"""The random programs can fail: each broken rule is noticed within a bounded number of seeds."""

from __future__ import annotations

import pytest

from farptr.protocol.errors import FarptrError
from tests.sim.check import run_program, run_seed
from tests.sim.mutants import MUTANTS

# Mutants that need one shape of program so much that random ones rarely have it, or a second client, which they never
# have: test_order_counterexamples and test_two_clients have it.
RARE = {
    "remote_get_like_any_other", "a_reply_clears_everything", "batches_in_any_order", "replies_before_forwards",
    "lists_wait_for_their_own_session", "free_without_exports", "pulls_do_not_look", "contents_always_arrive",
    "pulls_give_no_reference", "found_data_moves_away", "foreign_moves_leave_stubs", "foreign_paths_are_believed",
    "references_to_nothing_are_not_counted", "refused_references_are_not_counted", "failures_are_anybodys",
    "pulls_take_what_is_there",
}  # fmt: skip
SEEDS = 1500


@pytest.mark.parametrize("name", sorted(MUTANTS.keys() - RARE))
def test_random_programs_notice(name):
    with MUTANTS[name]():
        for seed in range(SEEDS):
            try:
                run_seed(seed, length=(8, 20))
            except (AssertionError, FarptrError):  # wrong values, deadlocks, leaks, broken laws: all are noticed
                return
    pytest.fail(f"{SEEDS} random programs did not notice {name}")


def test_what_is_not_broken_passes():
    run_program([("send", 1, 1, 0)], 1)
