"""The rule that says when a command waits."""

from __future__ import annotations

import itertools
import random

import pytest

from farptr.client.order import MOVE, OTHER, PULL, Outstanding

J, T, C, D = 1, 2, 3, 4


def after(*queries):
    order = Outstanding()
    for number, (path, kind, *moved) in enumerate(queries, 1):
        order.record(path, kind, moved[0] if moved else 0, number)
    return order


@pytest.mark.parametrize(
    ("outstanding", "path", "fenced"),
    [
        ([], (J,), False),
        ([((T, J), OTHER)], (J,), True),  # the direct way to the far end
        ([((T, J), OTHER)], (T,), False),  # its first hop: the same link
        ([((T, J), OTHER)], (C,), False),  # nothing in common
        ([((T, J), OTHER)], (T, J), False),  # the same path
        ([((T, J), OTHER)], (T, J, C), False),  # the same way, then on
        ([((T, J, C), OTHER)], (T, J), False),  # a prefix
        ([((T, J), OTHER)], (C, J), True),  # another way to the far end
        ([((T, J), OTHER)], (J, T), True),
        ([((T, J, C), OTHER)], (J, C), True),
        ([((T, J, C), OTHER)], (T, C), True),
        ([((T, J, T), OTHER)], (T,), True),  # it comes back to where it began
        ([((T, J, T), OTHER)], (T, J, T), False),
        ([((T, J), OTHER), ((T, C), OTHER)], (C,), True),
        ([((J,), OTHER), ((T,), OTHER)], (J, T), False),  # single hops are not even recorded
    ],
)
def test_paths(outstanding, path, fenced):
    assert after(*outstanding).must_fence(path, OTHER) == fenced


def test_remote_get_is_excepted_from_the_same_path():
    order = after(((J, C, J), PULL))
    assert order.must_fence((J, C, J), PULL)
    assert order.must_fence((J, C, J), OTHER)
    assert order.must_fence((J,), OTHER)


def test_moves_of_different_objects_to_different_places_pass():
    order = after(((T, J), MOVE, 101))
    assert not order.must_fence((C, J), MOVE, [7, 102])
    assert not order.must_fence((J, C), MOVE, [8, 103])
    assert order.must_fence((J, C), MOVE, [101, 103]), "what was moved"
    assert order.must_fence((C, J), MOVE, [7, 101]), "where something was moved to"
    assert order.must_fence((C, J), OTHER)


def test_unknown_paths_are_fenced_before_and_after():
    order = after(((T, J), OTHER))
    assert order.must_fence(None, OTHER)
    order.clear()
    order.record(None, OTHER, 0, 2)
    assert len(order) == 1
    assert order.must_fence((C,), OTHER)
    order.clear()
    assert not order.must_fence((C,), OTHER)
    assert len(order) == 0


def test_a_reply_strikes_what_it_proves():
    order = after(((C, T, J), OTHER))
    order.answered((C,), 2)
    assert order.must_fence((J,), OTHER), "beyond the next hop nothing is proved"
    assert not order.must_fence((T,), OTHER)
    order.answered((T,), 3)
    assert len(order) == 0


def test_a_reply_from_the_far_end_strikes_the_whole_path():
    order = after(((C, T, J), OTHER), ((C, T), OTHER), ((C, J), OTHER))
    order.answered((C, T, J), 4)
    assert not order.must_fence((J,), OTHER)
    order.answered((), 5)
    assert len(order) == 0


def test_a_reply_says_nothing_of_later_commands():
    """Two threads: one asks, the other issues a command, then the answer comes."""
    order = after(((T, J), OTHER))
    order.record((T, J), OTHER, 0, 7)
    order.answered((T, J), 5)
    assert order.must_fence((J,), OTHER)
    order.answered((T, J), 8)
    assert not order.must_fence((J,), OTHER)


def test_a_reply_does_not_shorten_a_remote_get():
    order = after(((J, C, J), PULL))
    order.answered((J,), 2)
    assert order.must_fence((J,), OTHER)


def _arrivals(path, delays):
    """When each visit of a path happens, on links of given delays: later commands on one link never overtake."""
    return list(itertools.accumulate(delays[link] for link in itertools.pairwise(("me", *path))))


@pytest.mark.parametrize("seed", range(200))
def test_what_passes_unfenced_is_never_overtaking(seed):
    """FIFO links with any delay: wherever both come, the later command is second if it was not fenced."""
    rng = random.Random(seed)
    found = [p for n in (1, 2, 3) for p in itertools.product((J, T, C), repeat=n)]
    paths = [p for p in found if all(a != b for a, b in itertools.pairwise(p))]
    q, p = rng.choice(paths), rng.choice(paths)
    if p == q or after((q, OTHER)).must_fence(p, OTHER):
        return
    links = {link for path in (p, q) for link in itertools.pairwise(("me", *path))}
    for _ in range(30):
        delays = {link: rng.choice((1, 10, 100)) for link in links}
        for i, there in enumerate(q):
            for j, here in enumerate(p):
                if here == there and i > 0:
                    first, second = _arrivals(q, delays)[i], _arrivals(p, delays)[j] + 0.5
                    assert first < second, f"{p} overtakes {q} at {here}"
