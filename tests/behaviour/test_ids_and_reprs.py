"""What things are called and how they print: PySyft's ids and reprs, kept exactly."""

from __future__ import annotations

import re

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent

ELEVEN = re.compile(r"[1-9]\d{10}")


def test_ids_have_eleven_digits_and_differ(cluster):
    julie, toby = cluster("julie", "toby")
    pointers = [fp.tensor([i]).send(julie) for i in range(20)]
    pointers += [p.send(toby) for p in pointers]
    pointers += [p + 1 for p in pointers]
    ids = [p.id for p in pointers] + [p.id_at_location for p in pointers[:20]]
    assert all(ELEVEN.fullmatch(str(id)) for id in ids)
    assert len(set(ids)) == len(ids)


def test_an_array_keeps_its_id_at_its_new_home(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1, 2])
    assert x.id is None
    p = x.send(julie)
    assert x.id == p.id_at_location
    assert list(julie._objects) == [x.id]
    assert p.get().id == x.id


def test_a_pointer_is_stored_under_its_own_id(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1]).send(julie)
    own = p.id
    pp = p.send(toby)
    assert pp.id_at_location == own
    assert list(toby._objects) == [own]
    assert pp.id not in (own, p.id_at_location)
    back = pp.get()
    assert back.id == own


def test_the_result_at_each_hop_stands_under_the_id_that_the_hop_before_chose(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    p = sent([1, 2], (julie, toby, alice))
    q = p + p
    at_alice, at_toby, at_julie = alice._objects, toby._objects, julie._objects
    stored = at_alice[q.id_at_location]
    assert (stored.location, stored.owner) == ("toby", "alice")
    stored = at_toby[stored.id_at_location]
    assert (stored.location, stored.owner) == ("julie", "toby")
    np.testing.assert_array_equal(at_julie[stored.id_at_location], [2, 4])


def test_a_seed_gives_the_same_ids(processes):
    def ids():
        with fp.up("julie", "toby", seed=11) as sim:
            julie, toby = sim
            p = sent([1], (julie, toby))
            q = p * 2
            return [p.id, q.id, *julie._objects, *toby._objects]

    assert ids() == ids()


def test_reprs_of_pointers(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1, 2]).send(julie)
    assert repr(p) == f"(Wrapper)>[PointerTensor | me:{p.id} -> julie:{p.id_at_location}]"
    assert str(p) == repr(p)
    pp = p.send(toby)
    assert repr(pp) == f"(Wrapper)>[PointerTensor | me:{pp.id} -> toby:{p.id}]"
    assert repr(toby._objects) == f"{{{p.id}: (Wrapper)>[PointerTensor | toby:{p.id} -> julie:{p.id_at_location}]}}"


def test_a_used_up_pointer_says_what_became_of_it(cluster):
    (julie,) = cluster("julie")
    p, q = fp.tensor([1]).send(julie), fp.tensor([2]).send(julie)
    p.get()
    q.free()
    assert repr(p) == f"(Wrapper)>[PointerTensor | me:{p.id} -> nothing: it was fetched with get()]"
    assert repr(q) == f"(Wrapper)>[PointerTensor | me:{q.id} -> nothing: it was freed]"


def test_reprs_of_arrays(cluster):
    (julie,) = cluster("julie")
    assert repr(fp.tensor([123, 13])) == "tensor([123,  13])"
    p = fp.tensor([1, 2]).send(julie)
    assert repr(p.sum().get()) == "tensor(3)"
    assert repr(julie._objects) == f"{{{p.id_at_location}: tensor([1, 2])}}"


def test_reprs_of_workers(cluster):
    run = cluster("julie", "toby")
    julie, _ = run
    assert repr(julie) == "<VirtualWorker id:julie #objects:0>"
    p = fp.tensor([1]).send(julie)
    q = p + 1
    assert repr(julie) == "<VirtualWorker id:julie #objects:2>"
    del p, q
    assert repr(julie) == "<VirtualWorker id:julie #objects:0>"
    assert (julie.name, julie.id) == ("julie", "julie")
    assert julie == run["julie"]
    assert julie != run["toby"]
    assert len({julie, run["julie"], run[0]}) == 1


def test_objects_is_a_real_dict_in_program_order(cluster):
    julie, toby = cluster("julie", "toby")
    a = fp.tensor([1]).send(julie)
    b = a.send(toby)
    c = b + 1
    d = fp.tensor([9]).send(julie)
    e = c + b
    objects = julie._objects
    assert type(objects) is dict
    assert [v.tolist() for v in objects.values()] == [[1], [2], [9], [3]]
    assert list(objects)[2] == d.id_at_location
    assert list(toby._objects) == [b.id_at_location, c.id_at_location, e.id_at_location]
    del d
    assert [v.tolist() for v in julie._objects.values()] == [[1], [2], [3]]


def test_objects_shows_failures_and_large_arrays(cluster):
    run = cluster("julie")
    (julie,) = run
    p = fp.tensor([1, 2]).send(julie)
    bad = p + np.arange(3)
    assert repr(julie._objects[bad.id_at_location]).startswith("<failed: ValueError operands could not be broadcast")
    with pytest.raises(ValueError, match="broadcast"):
        bad.get()
    big = fp.tensor(np.arange(100_000)).send(julie)
    shown = repr(julie._objects[big.id_at_location])
    assert "..." in shown
    assert "shape=(100000,)" in shown
    assert "int64" in shown


def test_the_run_prints_its_workers(processes):
    run = processes("julie", "toby", own=True)
    assert re.fullmatch(r"<Run \S+: julie, toby>", repr(run))
    run.close()
    assert "closed" in repr(run)
