"""Handles: copy, clone, free, and those that do not own what they point at."""

from __future__ import annotations

import pytest

import farptr as fp
from tests.behaviour.far import sent, values


def test_copy_is_a_new_object(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    q = p.copy()
    q += 1
    assert values(julie) == [[1], [2]]
    assert q.get().tolist() == [2]
    assert values(julie) == [[1]]


def test_copy_of_a_chain(cluster):
    julie, toby = cluster("julie", "toby")
    pp = sent([1], (julie, toby))
    qq = pp.copy()
    del pp
    assert qq.get().get().tolist() == [1]


def test_clone_is_a_second_handle(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    q = p.clone()
    q += 1
    assert p.get_copy().tolist() == [2]
    assert p.id_at_location == q.id_at_location
    assert p.id != q.id
    del p
    assert values(julie) == [[2]]
    del q
    assert values(julie) == []


def test_free_releases_now(cluster):
    julie, toby = cluster("julie", "toby")
    pp = sent([1], (julie, toby))
    pp.free()
    assert values(julie) == values(toby) == []
    with pytest.raises(fp.PointerSpent, match="it was freed"):
        pp.get()
    with pytest.raises(fp.PointerSpent):
        pp.free()


def test_with_releases_at_the_end(cluster):
    (julie,) = cluster("julie")
    with fp.tensor([1]).send(julie) as p:
        assert values(julie) == [[1]]
        q = p + 1
    assert values(julie) == [[2]]
    with q:
        assert q.get().tolist() == [2]


def test_freeing_one_of_two_handles(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    q = p.clone()
    p.free()
    assert values(julie) == [[1]]
    assert q.get().tolist() == [1]


# ---------------------------------------------------------------- handles that do not own


def test_data_that_is_not_collected(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie, garbage_collect_data=False)
    assert not p.gc
    del p
    assert values(julie) == [[1]]
    q = fp.tensor([2]).send(julie, garbage_collect_data=False)
    q.free()
    assert values(julie) == [[1]]
    assert julie.clear_objects() is julie
    assert values(julie) == []


@pytest.mark.parametrize("how", ["gc", "disable_gc"])
def test_giving_up_owning(cluster, how):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    if how == "gc":
        p.gc = False
    else:
        assert p.disable_gc is p
    with pytest.raises(fp.UnsupportedOperation, match="cannot take it back"):
        p.gc = True
    q = p.clone()
    del p
    assert values(julie) == [[1]]
    q.free()
    assert values(julie) == []


def test_clear_objects(cluster):
    julie, toby = cluster("julie", "toby")
    p, q = fp.tensor([1]).send(julie), sent([2], (julie, toby))
    julie.clear_objects()
    assert values(julie) == []
    for pointer in (p, q + 1):
        with pytest.raises(fp.ObjectGone, match="is gone"):
            pointer.get() if pointer is p else pointer.get().get()
    r = fp.tensor([3]).send(julie)
    assert r.get().tolist() == [3]
