"""The ring between broker and writing process: whole items in order, bounded, and sound whoever stops when."""

from __future__ import annotations

import random
from collections import deque

import pytest

from farptr.journal.ring import Ring


@pytest.mark.parametrize("seed", range(20))
def test_items_come_whole_and_in_order(seed):
    rng, ring = random.Random(seed), Ring(1 << 12)
    expected: deque[bytes] = deque()
    refused = 0
    for _ in range(2000):
        if rng.random() < 0.6:
            head, body = (
                rng.randbytes(rng.randrange(1, 30)),
                rng.randbytes(rng.choice((0, 5, 200, ring.most_bytes - 30))),
            )
            if ring.put(head, body):
                expected.append(head + body)
            else:
                refused += 1
        else:
            for item in ring.take(rng.randrange(1, 5)):
                assert item == expected.popleft()
            ring.give_back()
    assert refused
    while items := ring.take(3):
        assert items == [expected.popleft() for _ in items]
    assert not expected
    ring.give_back()
    assert ring.waiting_bytes == 0


def test_what_is_not_given_back_is_not_written_over():
    ring = Ring(256)
    assert ring.put(b"a" * 100)
    assert ring.put(b"b" * 100)
    assert ring.take(1) == [b"a" * 100]
    assert not ring.put(b"c" * 100)
    ring.give_back()
    assert ring.put(b"c" * 100)
    assert ring.take(9) == [b"b" * 100, b"c" * 100]


@pytest.mark.parametrize("stands", range(0, 256, 8))
def test_the_largest_item_fits_wherever_the_ring_stands(stands):
    ring = Ring(256)
    while ring._head < stands:
        assert ring.put(b"1234")
        assert ring.take(1)
        ring.give_back()
    item = bytes(ring.most_bytes)
    assert ring.put(item)
    assert ring.take(1) == [item]


def test_an_item_that_was_begun_and_not_finished_is_not_there():
    ring = Ring(256)
    ring.put(b"whole")
    whole = ring._words[0]
    ring.put(b"half")
    ring._words[0] = whole  # as if its writer had been killed before the last step
    assert ring.take(9) == [b"whole"]
