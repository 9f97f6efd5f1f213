"""send, get, get_copy, move, remote_get, and who owns what afterwards: the table of the contract."""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent, values

# ---------------------------------------------------------------- send


def test_send_copies_the_value(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1, 2])
    p = x.send(julie)
    x += 10
    assert values(julie) == [[1, 2]]
    assert x.tolist() == [11, 12]
    p += 1
    assert x.tolist() == [11, 12]


def test_a_large_array_is_sent_as_it_is_now(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor(np.arange(300_000))
    p = x.send(julie)
    x[:] = 0
    np.testing.assert_array_equal(p.get(), np.arange(300_000))


def test_sending_again_replaces_the_value_and_both_own_it(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1])
    p = x.send(julie)
    x[0] = 2
    q = x.send(julie)
    assert p.id_at_location == q.id_at_location
    assert values(julie) == [[2]]
    del p
    assert values(julie) == [[2]]
    assert q.get().tolist() == [2]
    assert values(julie) == []


def test_one_array_on_two_workers(cluster):
    julie, toby = cluster("julie", "toby")
    x = fp.tensor([1])
    p, q = x.send(julie), x.send(toby)
    assert p.id_at_location == q.id_at_location
    p += 1
    assert (p.get().tolist(), q.get().tolist()) == ([2], [1])


def test_fp_send_takes_what_numpy_takes(cluster):
    (julie,) = cluster("julie")
    assert fp.send([[1, 2], [3, 4]], julie).sum().get() == 10
    assert fp.send(2.5, julie).shape == ()
    assert fp.send(np.arange(3, dtype=np.int8), julie).dtype == np.int8


@pytest.mark.parametrize(
    "array",
    [np.array(5), np.zeros((0, 3)), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(10)[::-3],
     np.array([1 + 2j]), np.array(["a", "bcd"]), np.array([b"x"]), np.array(["2020-01-01", "NaT"], "M8[D]"),
     np.array([5], "m8[s]"), np.array([True]), np.arange(5, dtype=">i2"), np.arange(600_000).reshape(300, 2000),
     np.float16([1.5])],
    ids=lambda a: f"{a.dtype}{a.shape}",
)  # fmt: skip
def test_what_is_sent_comes_back_equal(cluster, array):
    julie, toby = cluster("julie", "toby")
    back = sent(array, (julie, toby)).get().get()
    assert isinstance(back, fp.tensor)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


# ---------------------------------------------------------------- get


def test_get_takes_the_object_away(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1, 2]).send(julie)
    x = p.get()
    assert values(julie) == []
    assert x.tolist() == [1, 2]
    with pytest.raises(fp.PointerSpent, match="fetched with get"):
        p.get()
    with pytest.raises(AttributeError):
        p + 1


def test_what_get_returns_is_ours_and_writable(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1, 2, 3]).send(julie)
    for x in (p.get_copy(), p[1:].get(), p.get()):
        x[...] = 0
        assert x.flags.writeable
        assert x.flags.owndata or x.base is not None


def test_get_of_a_chain_peels_its_outermost_hop(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    ppp = sent([1, 2], (julie, toby, alice))
    pp = ppp.get()
    assert (values(alice), len(values(toby)), values(julie)) == ([], 1, [[1, 2]])
    assert pp.location == toby
    p = pp.get()
    assert (values(toby), values(julie)) == ([], [[1, 2]])
    assert p.location == julie
    assert p.get().tolist() == [1, 2]
    assert values(julie) == []


def test_get_leaves_what_another_handle_owns(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    q = p.clone()
    assert p.get().tolist() == [1]
    assert values(julie) == [[1]]
    assert q.get().tolist() == [1]
    assert values(julie) == []


def test_get_copy_releases_nothing(cluster):
    julie, toby = cluster("julie", "toby")
    pp = sent([1, 2], (julie, toby))
    for _ in range(3):
        inner = pp.get_copy()
        assert inner.get_copy().tolist() == [1, 2]
    del inner
    assert len(values(toby)) == len(values(julie)) == 1
    assert pp.get().get().tolist() == [1, 2]


def test_an_unwrapped_chain_keeps_the_object_alive(cluster):
    julie, toby = cluster("julie", "toby")
    pp = sent([1], (julie, toby))
    inner = pp.get_copy()
    del pp
    assert values(toby) == []
    assert inner.get().tolist() == [1]


# ---------------------------------------------------------------- old handles


def test_an_old_handle_is_inert(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1]).send(julie)
    pp = p.send(toby)
    assert p.get_copy().tolist() == [1]
    assert not p.gc
    del p
    assert len(values(toby)) == len(values(julie)) == 1
    assert pp.get().get().tolist() == [1]


def test_an_old_handle_finds_that_the_object_is_gone(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1]).send(julie)
    pp = p.send(toby)
    del pp
    assert values(julie) == []
    with pytest.raises(fp.ObjectGone):
        p.get()


def test_get_through_an_old_handle_copies(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1]).send(julie)
    pp = p.send(toby)
    assert p.get().tolist() == [1]
    assert pp.get().get().tolist() == [1]


def test_an_old_handle_sent_on_makes_a_second_chain(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    p = fp.tensor([1]).send(julie)
    one = p.send(toby)
    two = p.send(alice)
    assert len(values(toby)) == len(values(alice)) == 1
    del one
    assert (two + 1).get().get().tolist() == [2]
    assert two.get().get().tolist() == [1]


# ---------------------------------------------------------------- move


def test_move_keeps_the_id_and_goes_past_me(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p = fp.tensor([1, 2]).send(toby)
    before = {(t.source, t.destination, t.what): t.value_bytes for t in run.traffic()}
    id = p.id_at_location
    q = p.move(julie)
    assert q is p
    assert (p.location, p.id_at_location) == (julie, id)
    assert (values(toby), julie._objects.keys()) == ([], {id})
    after = {(t.source, t.destination, t.what): t.value_bytes for t in run.traffic()}
    grown = {key for key in after if after[key] != before.get(key, 0) and key[2] != "fetched"}
    assert grown == {("toby", "julie", "pushed")}
    assert p.get().tolist() == [1, 2]


def test_move_of_a_chain_moves_its_first_hop(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    pp = sent([1, 2], (julie, toby))
    pp.move(alice)
    assert (values(julie), values(toby), len(values(alice))) == ([[1, 2]], [], 1)
    assert (pp * 2).get().get().tolist() == [2, 4]
    assert pp.get().get().tolist() == [1, 2]


def test_move_to_me_is_get_and_to_where_it_is_nothing(cluster):
    run = cluster("julie")
    (julie,) = run
    p = fp.tensor([1]).send(julie)
    assert p.move(julie) is p
    assert values(julie) == [[1]]
    assert p.move(run.me).tolist() == [1]
    assert values(julie) == []


def test_send_to_me_keeps(cluster):
    run = cluster("julie")
    x = fp.tensor([1])
    assert x.send(run.me) is x


def test_other_handles_follow_a_move(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1, 2]).send(julie)
    q = p.clone()
    p.move(toby)
    q += 1
    assert (q * 2).get().get().tolist() == [4, 6]
    assert p.get_copy().tolist() == [2, 3]
    del q
    assert values(julie) == []
    assert p.get().tolist() == [2, 3]


def test_move_to_where_the_chain_ends(cluster):
    julie, toby = cluster("julie", "toby")
    pp = sent([1, 2], (julie, toby))
    pp.move(julie)
    assert values(toby) == []
    assert len(values(julie)) == 2
    assert (pp + pp).get().get().tolist() == [2, 4]
    assert pp.get().get().tolist() == [1, 2]


def test_send_to_where_the_data_lives(cluster):
    (julie,) = cluster("julie")
    pp = fp.tensor([1, 2]).send(julie).send(julie)
    assert len(values(julie)) == 2
    q = pp + 1
    assert q.get().get().tolist() == [2, 3]
    del q
    assert pp.get().get().tolist() == [1, 2]


def test_there_and_back_again(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1]).send(julie)
    for step in range(6):
        p.move((toby, julie)[step % 2])
        p += 1
    assert p.location == julie
    assert values(toby) == []
    assert p.get().tolist() == [7]


def test_a_fetched_array_goes_back_under_its_id(cluster):
    (julie,) = cluster("julie")
    x = fp.tensor([1]).send(julie).get()
    p = x.send(julie)
    assert p.id_at_location == x.id
    assert p.get().tolist() == [1]


# ---------------------------------------------------------------- remote_get


def test_remote_get_makes_a_chain_one_shorter(cluster):
    julie, toby = cluster("julie", "toby")
    pp = sent([1, 2], (julie, toby))
    assert pp.remote_get() is pp
    assert values(toby) == [[1, 2]]
    assert values(julie) == []
    assert pp.get().tolist() == [1, 2]


def test_remote_get_in_a_long_chain(cluster):
    julie, toby, alice = cluster("julie", "toby", "alice")
    ppp = sent([3], (julie, toby, alice))
    ppp.remote_get()
    assert (len(values(alice)), values(toby), values(julie)) == (1, [], [[3]])
    ppp.remote_get()
    assert (values(alice), values(toby), values(julie)) == ([[3]], [], [])
    with pytest.raises(fp.InvalidRemoteGet):
        ppp.remote_get()
    assert ppp.get().tolist() == [3]


def test_remote_get_of_data_is_refused_here(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    with pytest.raises(fp.InvalidRemoteGet, match=f"julie:{p.id_at_location} is data"):
        p.remote_get()
    assert p.get().tolist() == [1]
