"""Ids and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farptr.protocol import ids
from farptr.protocol.errors import BadName, Exhausted
from farptr.protocol.names import check_name, check_names, did_you_mean, numbered, unknown_worker


@given(st.integers(0, ids.PARTIES - 1), st.integers(ids.LOWEST_ID, ids.LOWEST_ID + ids.IDS - 1), st.integers(0, 10**11))
def test_names_round_trip(worker, id, generation):
    name = ids.make_name(worker, id, generation)
    assert (ids.worker_of(name), ids.id_of(name), ids.generation_of(name)) == (worker, id, generation)
    assert ids.make_name(worker, id) == name & (2**64 - 1)


@pytest.mark.parametrize("seed", [0, 1, 7, 2**64 - 1])
def test_blocks_do_not_overlap(seed):
    drawn = []
    for block in (0, 1, 5):
        party = ids.IdBlock(seed, block)
        drawn += [party.next() for _ in range(3000)]
    assert len(set(drawn)) == len(drawn)
    assert all(len(str(id)) == 11 for id in drawn)


def test_the_end_of_a_block_is_the_start_of_the_next():
    party = ids.IdBlock(3, 0)
    party._next = (party._next + party._stride * (ids.BLOCK - 1)) % ids.IDS
    party.left = 1
    last = party.next()
    following = ids.IdBlock(3, 1).next()
    assert (last - ids.LOWEST_ID + ids.stride_of(3)) % ids.IDS == following - ids.LOWEST_ID


def test_a_seed_fixes_the_ids():
    assert [ids.IdBlock(7, 0).next() for _ in range(2)] == [ids.IdBlock(7, 0).next()] * 2
    assert ids.IdBlock(7, 0).next() != ids.IdBlock(8, 0).next()


def test_ids_run_out_with_a_name_for_it():
    party = ids.IdBlock(1, 0)
    party.left = 1
    party.next()
    with pytest.raises(Exhausted):
        party.next()
    party.grant(9)
    assert party.next() == ids.IdBlock(1, 9).next()
    with pytest.raises(Exhausted):
        party.grant(ids.BLOCKS)


def test_low_asks_in_time():
    party = ids.IdBlock(1, 0)
    assert not party.low()
    party.left = ids.BLOCK // 2 - 1
    assert party.low()
    party.grant(1)
    assert not party.low()


@pytest.mark.parametrize("seed", range(30))
def test_the_stride_is_coprime(seed):
    from math import gcd

    assert gcd(ids.stride_of(seed), ids.IDS) == 1


@pytest.mark.parametrize("name", ["julie", "w1", "A", "a" * 32, "a-b_c"])
def test_legal_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "1a", "me", "broker", "a" * 33, "a b", "ä", "a\n", None, 3])
def test_illegal_names(name):
    with pytest.raises(BadName):
        check_name(name)


def test_names_of_a_run():
    assert check_names(["a", "b"]) == ["a", "b"]
    with pytest.raises(BadName):
        check_names(["a", "a"])
    assert numbered(2) == ["w1", "w2"]
    assert did_you_mean("julei", ["julie", "toby"]) == "did you mean 'julie'?"
    assert "there is" in did_you_mean("zzz", ["julie"])
    assert "none" in did_you_mean("zzz", [])
    assert "julie" in str(unknown_worker("julei", ["julie"]))
