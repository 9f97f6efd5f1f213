"""``get(all=True)``: what unwrapping level by level gives, in one answer from the far end."""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent


def count(way):
    return sum(worker.count() for worker in set(way))


def by_levels(pointer):
    while isinstance(pointer, fp.Pointer):
        pointer = pointer.get()
    return pointer


def test_it_is_what_the_levels_give(way):
    x = fp.tensor([[1.0, 2.0], [3.0, 4.0]]).tag("#x").describe("an x")
    p = x.send(way[0])
    for worker in way[1:]:
        p = p.send(worker)
    found = p.get(all=True)
    assert isinstance(found, fp.tensor)
    assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (found.id, found.tags, found.description) == (x.id, ("#x",), "an x")
    found += 1  # it is ours
    assert count(way) == 0
    with pytest.raises(fp.PointerSpent, match=r"it was fetched with get\(\)"):
        p.get(all=True)


def test_a_result_has_the_id_that_the_levels_give(way):
    p = sent([1, 2], way)
    q, r = p * 2, p * 3
    one, other = q.get_copy(all=True), by_levels(q)
    assert (one.tolist(), one.id) == (other.tolist(), other.id)
    assert one.id is not None
    found = r.get(all=True)
    again = found.send(way[0])  # under its own id, where it was
    assert again.id_at_location == found.id
    assert again.get().tolist() == [3, 6]
    assert p.get(all=True).tolist() == [1, 2]


def test_a_copy_leaves_everything(way, depth):
    p = sent([1, 2], way)
    assert p.get_copy(all=True).tolist() == [1, 2]
    assert count(way) == depth
    p += 1
    assert p.get_copy(all=True).tolist() == [2, 3]


def test_what_others_own_stays(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    p = sent([1], (julie, toby))
    one, two = p.send(alice), p.clone()
    assert p.gc is False
    del p
    assert one.get(all=True).tolist() == [1]
    assert (alice.count(), toby.count(), julie.count()) == (0, 0, 0)  # a clone of what was sent on does not own

    p = sent([2], (julie, toby))
    one, two = p.clone(), p.send(alice)
    assert two.get(all=True).tolist() == [2]
    assert (alice.count(), toby.count(), julie.count()) == (0, 1, 1)
    assert one.get(all=True).tolist() == [2]


def test_an_object_that_is_gone_in_the_middle(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    p = sent([1], (julie, toby, alice))
    toby.clear_objects()
    for fetch in (p.get, p.get_copy):
        with pytest.raises(fp.ObjectGone, match=r"is gone") as told:
            fetch(all=True)
    report = told.value.report
    assert (report.operation, report.hop) == ("get", 1)
    assert "toby" in str(told.value)
    assert "nothing" not in repr(p)  # nothing was used up
    q = p.get()
    assert (q.location, alice.count(), julie.count()) == (toby, 0, 0)
    with pytest.raises(fp.ObjectGone):
        q.get()
    del q


def test_an_error_at_the_far_end(way):
    p = sent([1, 2, 3], way)
    q = p + np.ones(2)
    with pytest.raises(ValueError, match="could not be broadcast"):
        q.get(all=True)
    assert "nothing" not in repr(q)


def moved(run):
    return {(row.source, row.destination): row[3:5] for row in run.traffic()}


@pytest.mark.parametrize("hops", [1, 2, 4, 8, 16])
def test_one_answer_from_the_far_end(cluster, hops):
    run = cluster("julie", "toby", own=True)
    julie, toby = run
    way = [julie, toby] * 8
    p = sent(np.arange(100.0), way[:hops])
    before = moved(run)
    assert p.get_copy(all=True).tolist() == list(range(100))
    envelopes, value_bytes = {}, {}
    for link, (n, size) in moved(run).items():
        n_before, size_before = before.get(link, (0, 0))
        envelopes[link], value_bytes[link] = n - n_before, size - size_before
    assert sum(envelopes.values()) == hops + 1
    assert {link: size for link, size in value_bytes.items() if size} == {("julie", "me"): 800}
    assert envelopes["julie", "me"] == 1
    assert not envelopes.get(("toby", "me"))


def test_what_others_made_has_no_id_here(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    mine = fp.tensor([1, 2]).send(julie).publish("w")
    other = cluster.another(run)
    theirs = other["julie"]["w"].send(other["toby"])
    assert theirs.get_copy(all=True).id is None
    chain = mine.send(toby).publish("chain")
    found = other["toby"]["chain"]
    assert found.get_copy(all=True).tolist() == [1, 2]
    assert found.get(all=True).id is None
    del julie["w"], toby["chain"], theirs, found
    other.sync()
    assert chain.get(all=True).tolist() == [1, 2]


def test_several_at_once(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    mp = fp.combine_pointers(sent([1.0], (julie, alice)), sent([2.0], (toby,)))
    assert mp.get_copy(all=True) == [[1.0], [2.0]]
    with pytest.raises(fp.UsageError, match="leads to a pointer"):
        mp.get(sum_results=True)
    assert mp.get(all=True, sum_results=True).tolist() == [3.0]
    assert julie.count() + toby.count() + alice.count() == 0
