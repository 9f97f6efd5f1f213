"""Reference rows: counts, what is freed when, generations."""

from __future__ import annotations

import random

import pytest

from farptr.broker.rows import Rows
from farptr.protocol.errors import ProtocolError
from farptr.protocol.header import references
from farptr.protocol.ids import make_name

OWNER, OTHER, ME, YOU = 1, 2, 3, 4
X = make_name(OWNER, 10**10)
X2 = make_name(OWNER, 10**10, generation=5)
LIVE = {OWNER, OTHER, ME, YOU}


def rows_with(*adds):
    rows = Rows()
    for add in adds:
        rows.add(*add)
    rows.check(LIVE)
    return rows


def test_one_reference_made_and_released():
    rows = rows_with((X, ME, 1, 1))
    assert rows.holders(X) == {ME: 1}
    assert rows.release(X, ME, 1) == [(X, 1)]
    assert len(rows) == 1, "until the owner has freed it"
    rows.freed(X, 1)
    assert len(rows) == 0


def test_references_add_up():
    rows = rows_with((X, ME, 1, 1), (X, OTHER, 2, 0), (X, ME, 1, 1))
    assert rows.holders(X) == {ME: 2, OTHER: 2}
    assert rows.release(X, ME, 2) == []
    assert rows.release(X, OTHER, 2) == [(X, 2)]


def test_exported_again_while_the_free_is_under_way():
    rows = rows_with((X, ME, 1, 1))
    rows.release(X, ME, 1)
    rows.add(X, YOU, 1, 1)
    rows.freed(X, 1)
    assert rows.holders(X) == {YOU: 1}
    assert rows.release(X, YOU, 1) == [(X, 2)]


def test_freed_with_an_older_count_keeps_the_record():
    rows = rows_with((X, ME, 1, 1))
    rows.release(X, ME, 1)
    rows.add(X, YOU, 1, 1)
    rows.release(X, YOU, 1)
    rows.freed(X, 1)
    assert len(rows) == 1
    rows.freed(X, 2)
    assert len(rows) == 0


@pytest.mark.parametrize(("holder", "count"), [(YOU, 1), (ME, 2), (ME, 99)])
def test_more_than_one_holds_is_an_error_and_changes_nothing(holder, count):
    rows = rows_with((X, ME, 1, 1))
    with pytest.raises(ProtocolError):
        rows.release(X, holder, count)
    assert rows.holders(X) == {ME: 1}
    with pytest.raises(ProtocolError):
        rows.check_releases(references([(X, count)]), (), holder, LIVE)
    with pytest.raises(ProtocolError):
        rows.release(X2, ME, 1)
    rows.check(LIVE)


def test_a_header_may_release_what_it_creates():
    rows = Rows()
    rows.check_releases(references([(X, 1)]), references([(X, 1)]), ME, LIVE)
    rows.check_releases(references([(X, 1)]), (), ME, {OTHER})  # of a dead owner: nothing is booked any more
    with pytest.raises(ProtocolError):
        rows.check_releases(references([(X, 1), (X, 1)]), references([(X, 1)]), ME, LIVE)


def test_generations_are_one_object():
    rows = rows_with((X, OTHER, 1, 1), (X2, ME, 1, 1))
    assert rows.release(X2, ME, 1) == [], "the older generation is in use"
    rows.add(X2, YOU, 1, 0)
    assert rows.release(X, OTHER, 1) == [], "the newer one is again"
    assert rows.release(X2, YOU, 1) == [(X, 1), (X2, 1)]
    rows.freed(X, 1)
    rows.freed(X2, 1)
    rows.check(LIVE)
    assert len(rows) == 0


def test_references_to_what_was_gone_keep_nothing():
    """A pointer to a dead generation was sent: a record without exports."""
    rows = rows_with((X2, ME, 1, 1))
    rows.add(X, OTHER, 1, 0, made=False)
    rows.add(X, YOU, 1, 1, made=False)
    assert rows.release(X, YOU, 1) == []
    assert rows.release(X2, ME, 1) == [(X2, 1)]
    rows.freed(X2, 1)
    assert rows.release(X, OTHER, 1) == [(X, 1)]
    rows.freed(X, 1)
    assert len(rows) == 0


def test_a_dead_holder():
    y, z = make_name(OWNER, 10**10 + 1), make_name(OTHER, 10**10 + 2)
    rows = rows_with((X, ME, 1, 1), (X2, ME, 1, 1), (y, ME, 2, 2), (y, YOU, 1, 0), (z, ME, 1, 1))
    assert sorted(rows.drop_holder(ME)) == sorted([(X, 1), (X2, 1), (z, 1)])
    assert rows.holders(y) == {YOU: 1}
    rows.check(LIVE - {ME})


def test_a_dead_owner():
    z = make_name(OTHER, 10**10 + 2)
    rows = rows_with((X, ME, 1, 1), (X2, ME, 1, 1), (z, ME, 1, 1))
    rows.drop_owner(OWNER)
    assert rows.snapshot() == {z: {ME: 1}}
    rows.check({OTHER, ME})


def test_exported_to_nobody():
    rows = rows_with((X, ME, 1, 1))
    assert rows.exported_to_nobody(X, 1) == []
    assert rows.release(X, ME, 1) == [(X, 2)]
    y = make_name(OWNER, 10**10 + 1)
    assert rows.exported_to_nobody(y, 1) == [(y, 1)]


def test_headers_create_and_release_in_bulk():
    rows = Rows()
    names = [make_name(OWNER, 10**10 + i) for i in range(20)]
    rows.create(references((n, 1) for n in names), ME, LIVE)
    rows.create(references([(names[0], 1), (X2, 1)]), ME, LIVE)
    rows.create(references([(make_name(9, 10**10), 1)]), ME, LIVE)
    rows.check(LIVE)
    freed = rows.release_all(references((n, 1) for n in names[1:]), ME, LIVE)
    assert freed == [(n, 1) for n in names[1:]]
    assert rows.release_all(references([(names[0], 2), (X2, 1)]), ME, LIVE) == [(names[0], 2), (X2, 1)]
    assert rows.release_all(references([(make_name(9, 10**10), 1)]), ME, LIVE) == []


@pytest.mark.parametrize("seed", range(30))
def test_against_a_plain_count(seed):
    rng, rows = random.Random(seed), Rows()
    plain: dict[int, dict[int, int]] = {}
    names = [make_name(OWNER, 10**10 + i, g) for i in range(3) for g in (0, 7)]
    for _ in range(200):
        name, holder = rng.choice(names), rng.choice((OTHER, ME, YOU))
        mine = plain.setdefault(name, {})
        if rng.random() < 0.5:
            rows.add(name, holder, 1, 1)
            mine[holder] = mine.get(holder, 0) + 1
        elif mine.get(holder):
            count = rng.randint(1, mine[holder])
            freed = rows.release(name, holder, count)
            mine[holder] -= count
            kin = [n for n in names if n & (2**64 - 1) == name & (2**64 - 1)]
            empty = not any(plain.get(n, {}).get(h) for n in kin for h in LIVE)
            assert bool(freed) == empty
            if rng.random() < 0.5:
                for n, exports in freed:
                    rows.freed(n, exports)
        rows.check(LIVE)
        assert rows.holders(name) == {h: n for h, n in mine.items() if n}
