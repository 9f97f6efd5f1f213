"""``sim.leaks()``: the oracle of everybody's lifetimes, which must be able to see a leak."""

from __future__ import annotations

import pytest

import farptr as fp
from tests.behaviour.far import sent


@pytest.fixture
def run(cluster):
    return cluster("julie", "toby")


def test_nothing_leaks_while_handles_live(run):
    julie, toby = run
    p = sent([1, 2], [julie])
    pp = sent([1, 2], [julie, toby])
    results = [pp + pp, p * 2, pp.copy(), p.clone()]
    weak = fp.tensor([1]).send(julie, garbage_collect_data=False)
    assert run.leaks() == []
    weak.free()
    del results
    pp.remote_get()
    p.move(toby)
    assert run.leaks() == []


def test_what_others_hold_and_what_stays_is_no_leak(cluster, run):
    other = cluster.another(run)
    theirs = fp.tensor([3]).send(other["julie"]).send(other["toby"])
    fp.tensor([4]).send(run["julie"]).publish("x")
    other.sync()
    assert run.leaks() == []
    assert other.leaks() == []
    del theirs
    other.sync()
    del run["julie"]["x"]
    assert run.leaks() == []


def test_a_leak_is_seen(run):
    julie, toby = run
    p = sent([1, 2], [julie, toby])
    p._owns = False  # as if its release were forgotten
    first, second = run.leaks()[:2], run.leaks()[2:]
    assert {leak.what for leak in first} == {"stored"}
    assert [(leak.object, leak.what) for leak in second] == [(f"toby:{p.id_at_location}", "counted for me")]
    p._owns = True
    assert run.leaks() == []
