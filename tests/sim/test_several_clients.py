"""Two and three clients at random: what only one touches is in its program order, and nobody is left without answer."""

from __future__ import annotations

import pytest

from tests.sim import mutants
from tests.sim.check_several import drawn, run_program, run_seed

SEEDS = 250
# Programs that once failed: (steps, seed, clients, workers), by what was wrong then.
KEPT = {
    "a move that failed had counted a reference to a name that was stored later: the object stayed": (
        [(2, "send", 53, 41, 0), (2, "clear", 53, 53, 8), (2, "wild_move", 54, 7, 57), (2, "resend", 43, 39, 34)],
        1428, 3, 3,
    ),
    "a pointer refused in the place of found data had counted a reference: the data stayed": (
        [
            (1, "send", 54, 42, 0), (1, "sendp", 34, 43, 47), (1, "publish", 27, 14, 14),
            (1, "wild_get_copy", 20, 23, 34), (1, "wild_pull", 26, 21, 18), (1, "wild_pull", 4, 6, 25),
            (1, "wild_send", 38, 23, 26),
        ],
        101789, 3, 2,
    ),
    "a pointer that was found and cleared could not be sent again, as if it had been data": (
        [
            (0, "send", 50, 27, 0), (0, "clear", 9, 30, 16), (0, "wild_clone", 24, 23, 58), (0, "wild_send", 1, 10, 55),
            (0, "publish", 51, 59, 33), (0, "clear", 16, 6, 4), (0, "wild_send", 34, 0, 50),
        ],
        102663, 2, 3,
    ),
    "a remote_get made a stub that its client did not know of, and a cycle came of that": (
        [
            (0, "send", 16, 15, 0), (0, "sendp", 17, 0, 0), (0, "clone", 0, 1, 0), (0, "sendp", 58, 2, 0),
            (0, "publish", 1, 2, 1), (0, "wild_pull", 5, 59, 1), (0, "wild_pull", 17, 36, 11),
            (0, "search", 34, 29, 45), (0, "wild_send", 55, 5, 58),
        ],
        523, 3, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("block", range(10))
def test_several_clients_keep_out_of_each_others_way(block):
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        try:
            run_seed(seed)
        except Exception as error:
            error.add_note(f"seed {seed}: from tests.sim.check_several import run_seed; run_seed({seed})")
            raise


@pytest.mark.parametrize("what", KEPT)
def test_programs_that_once_failed(what):
    run_program(*KEPT[what])


@pytest.mark.parametrize("name", ["references_to_nothing_are_not_counted", "pulls_take_what_is_there"])
def test_programs_that_once_failed_can_fail(name):
    with mutants.MUTANTS[name](), pytest.raises(AssertionError):  # noqa: PT012
        for steps, seed, clients, workers in KEPT.values():
            run_program(steps, seed, clients, workers)


def test_random_programs_notice_that_found_data_moves_away():
    with mutants.found_data_moves_away(), pytest.raises(AssertionError):  # noqa: PT012
        for seed in range(400):
            run_seed(seed)


def test_a_seed_gives_the_same_deliveries_again():
    for seed in range(5):
        first, second = run_seed(seed), run_seed(seed)
        assert (first.digest, first.steps) == (second.digest, second.steps)


def test_the_programs_have_two_and_three_clients():
    assert {drawn(seed)[1] for seed in range(20)} == {2, 3}
