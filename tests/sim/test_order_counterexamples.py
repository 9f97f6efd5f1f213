"""The shortest programs that simpler rules of order and lifetime get wrong, each on the real cores.

``holds``: the adversary's schedule (the named links deliver only when nothing else can) and random ones give the
right answer. ``breaks``: under a broken variant of the rule one of them does not. Names: J julie, T toby, C carol;
``T:x2->x`` is a pointer on toby to x; ``<T>J>`` is the path of a command.
"""

from __future__ import annotations

import numpy as np
import pytest

import farptr as fp
from tests.sim import mutants
from tests.sim.adversary import NAMES, breaks, holds, play
from tests.sim.world import World


def equal(pointer, *expected):
    found = pointer.get_copy()
    assert isinstance(found, np.ndarray), f"{found} instead of {expected}"
    assert found.tolist() == list(expected)


def end_of(pointer):
    """The value at the end of a chain, fetched hop by hop."""
    found = pointer.get_copy()
    while isinstance(found, fp.Pointer):
        found = found.get_copy()
    return found.tolist()


# ---------------------------------------------------------------- 4.1, 4.4: fences


def move_then_get(run):
    """T:x=send; move(T:x->J:x); get(J:x)"""
    julie, toby, _ = run
    x = fp.tensor([1, 2]).send(toby)
    x.move(julie)
    assert np.array_equal(x.get(), [1, 2])


def test_a_get_does_not_overtake_the_move():
    holds(move_then_get, ["toby>"])
    with mutants.no_fence():
        breaks(move_then_get, ["toby>"])


def in_place_by_chain_then_directly(run):
    """J:x; T:x2->x; x2 *= 2 <T>J>; x += 1"""
    julie, toby, _ = run
    x = fp.tensor([1]).send(julie)
    old = x.clone()
    x2 = x.send(toby)
    x2 *= 2
    old += 1
    equal(old, 3)


def test_a_direct_command_does_not_overtake_one_on_a_chain():
    holds(in_place_by_chain_then_directly, ["toby>", ">toby"])
    with mutants.no_fence():
        breaks(in_place_by_chain_then_directly, ["toby>", ">toby"])


def reply_of_the_head_of_a_long_chain(run):
    """J:x; T:x2->x; C:x3->x2; x3 *= 2 <C>T>J>; get(C:x3); x += 1: the direct add overtakes beyond the next hop"""
    julie, toby, carol = run
    x = fp.tensor([1]).send(julie)
    old = x.clone()
    x3 = x.send(toby).send(carol)
    x3 *= 2
    pointer = x3.get_copy()
    old += 1
    equal(old, 3)
    del pointer


def test_a_reply_proves_one_hop_only():
    holds(reply_of_the_head_of_a_long_chain, ["toby>", ">toby"])
    with mutants.a_reply_clears_everything():
        breaks(reply_of_the_head_of_a_long_chain, ["toby>", ">toby"])


def reply_in_the_turn_of_a_forward(run):
    """x2 *= 2 <T>J>; get(T:x2); x += 1: the reply must not leave before the forward"""
    julie, toby, _ = run
    x = fp.tensor([1]).send(julie)
    old = x.clone()
    x2 = x.send(toby)
    x2 *= 2
    pointer = x2.get_copy()
    old += 1
    equal(old, 3)
    del pointer


def test_forwards_leave_before_replies():
    holds(reply_in_the_turn_of_a_forward, ["toby>"])
    with mutants.replies_before_forwards():
        breaks(reply_in_the_turn_of_a_forward, ["toby>"])


def remote_get_then_get(run):
    """T:x2->J:x; remote_get(T:x2) <T>J>T>; get(T:x2)"""
    julie, toby, _ = run
    x2 = fp.tensor([5, 6]).send(julie).send(toby)
    x2.remote_get()
    equal(x2, 5, 6)


def test_a_prefix_of_a_path_is_not_enough():
    holds(remote_get_then_get, ["julie>", ">julie"])
    with mutants.prefix_rule():
        breaks(remote_get_then_get, ["julie>", ">julie"])


def remote_get_twice(run):
    """J:x3->C:x2->C:x1; remote_get(x3); remote_get(x3): both <J>C>J>"""
    julie, _, carol = run
    x3 = fp.tensor([7]).send(carol).send(carol).send(julie)
    x3.remote_get()
    x3.remote_get()
    equal(x3, 7)


def test_remote_get_is_excepted_from_the_same_path():
    holds(remote_get_twice, ["carol>", ">carol"])
    with mutants.remote_get_like_any_other():
        breaks(remote_get_twice, ["carol>", ">carol"])


def remote_get_on_a_chain(run):
    """T:x2->C:x->...; remote_get(T:x2) <T>C>T>; get(T:x2), while forwards of the session are on their way"""
    _, toby, carol = run
    x2 = fp.tensor([3]).send(carol).send(toby)
    x2.remote_get()
    assert np.array_equal(x2.get(), [3])


def test_holding_forwards_too_would_deadlock():
    holds(remote_get_on_a_chain, ["toby>", "carol>"])
    with mutants.forwards_wait_too():
        assert breaks(remote_get_on_a_chain, ["toby>", "carol>"]).startswith("Deadlock")


def pull_then_move(run):
    """T:x2->J:x; remote_get(T:x2) <T>J>T>; move(T:x2->J:x2) <T>J>: lanes with EXPECT deadlocked here"""
    julie, toby, _ = run
    x2 = fp.tensor([4]).send(julie).send(toby)
    x2.remote_get()
    x2.move(julie)
    assert np.array_equal(x2.get(), [4])


def test_a_pull_and_a_move_do_not_wait_for_each_other():
    holds(pull_then_move, ["toby>", "julie>", ">julie"])
    with mutants.no_fence():
        breaks(pull_then_move, ["toby>", "julie>", ">julie"])


def moves_that_cross(run):
    """move(T:x1->J:x1); move(J:x2->T:x2), x2 a pointer to x1: FREE and arguments on both ways at once"""
    julie, toby, _ = run
    x1 = fp.tensor([8]).send(toby)
    x2 = x1.send(julie)
    x1.move(julie)
    x2.move(toby)
    assert end_of(x2) == [8]


def test_moves_that_cross():
    holds(moves_that_cross, ["toby>", "julie>"])


def two_moves_to_one_worker(run):
    """move(T:a->J:a); move(C:b->J:b): moves of different objects need no fence between them"""
    julie, toby, carol = run
    a, b = fp.tensor([1]).send(toby), fp.tensor([2]).send(carol)
    before = run._session.core.out.fences
    a.move(julie)
    b.move(julie)
    assert run._session.core.out.fences == before
    equal(a + b, 3)


def test_parallel_moves():
    holds(two_moves_to_one_worker, ["toby>"])


def results_listed_in_program_order(run):
    """J:x4->C:x2->J:x1; x5=op(x4); x6=op(x4), both <J>C>J>: x6'' may be made before x5''"""
    julie, _, carol = run
    x4 = fp.tensor([1]).send(julie).send(carol).send(julie)
    x5, x6 = x4 + 10, x4 + 20
    data = [v.tolist() for v in julie._objects.values() if isinstance(v, np.ndarray)]
    assert data == [[1], [11], [21]]
    del x5, x6


def test_listings_are_in_program_order():
    holds(results_listed_in_program_order, ["carol>"])


# ---------------------------------------------------------------- 4.3: settled


def move_drop_look(run):
    """move(T:x->C:x); del; C._objects: shows x when something is not counted"""
    _, toby, carol = run
    x = fp.tensor([1]).send(toby)
    x.move(carol)
    del x
    assert carol._objects == {}
    assert toby._objects == {}


def chain_drop_look(run):
    """del of a chain cascades before the next line looks"""
    julie, toby, carol = run
    x = fp.tensor([1]).send(julie).send(toby).send(carol)
    y = x + x
    run.sync()
    del x, y
    assert julie._objects == toby._objects == carol._objects == {}


@pytest.mark.parametrize("program", [move_drop_look, chain_drop_look])
def test_a_listing_sees_what_was_dropped_before(program):
    holds(program, ["toby>", "carol>", ">carol"])
    with mutants.releases_after_done():
        breaks(program, [">carol", ">toby", ">julie", "carol>", "toby>"])


def test_a_free_counts_for_whoever_released():
    with mutants.frees_are_not_counted():
        breaks(chain_drop_look, [">carol", ">toby", ">julie"])


def operate_and_look(run):
    """x2 + x2 <T>J>; J._objects: shows no result when the forward is not counted"""
    julie, toby, _ = run
    x2 = fp.tensor([1]).send(julie).send(toby)
    y = x2 + x2
    assert [v.tolist() for v in julie._objects.values()] == [[1], [2]]
    del y


def test_a_turn_is_done_behind_its_forwards():
    holds(operate_and_look, ["toby>", ">toby"])
    with mutants.done_before_forwards():
        breaks(operate_and_look, ["toby>", ">toby"])


def test_a_listing_of_another_client_is_not_half_done():
    """A: T:a=op(T:s2) <T>J>T>; B: T._objects: with "own session settled" B sees a command half done"""

    def look(seed, slow):
        world = World(NAMES, seed, clients=2)
        world.slow, world.pace = set(slow), 0.5
        mine, other = world.runs
        julie, toby, _ = mine
        p = fp.tensor([1]).send(toby).send(julie).send(toby)
        mine.sync()
        q = p + 1
        mine.flush()
        world.drain()
        here = other["toby"]._objects
        there = other["julie"]._objects
        assert all(v.id_at_location in here for v in there.values()), f"{there} leads outside {here}"
        del p, q
        world.finish()

    def look_often():
        for seed in range(20):
            look(seed, ["julie>"])

    look_often()
    with mutants.lists_wait_for_their_own_session(), pytest.raises(AssertionError, match="leads outside"):
        look_often()


# ---------------------------------------------------------------- batches


def chain_command_before_the_send(run):
    """C:x2->T:x1; C:x3=op(x2) <C>T>, with x1 still in T's batch"""
    _, toby, carol = run
    first = fp.tensor([0]).send(carol)
    x1 = fp.tensor([1, 2]).send(toby)
    x2 = x1.send(carol)
    x3 = x2 * 2
    equal(x3.get(), 2, 4)
    del first


def test_batches_leave_before_a_multi_hop_command():
    holds(chain_command_before_the_send, ["me>"])
    with mutants.batches_in_any_order():
        breaks(chain_command_before_the_send, ["me>"])


def old_handle_and_local_pull(run):
    """C:x2->C:x1; T:x3 = pointer to x1; remote_get(C:x2): T's reference must be booked before C's release"""
    _, toby, carol = run
    x1 = fp.tensor([6]).send(carol)
    x2 = x1.send(carol)
    x3 = x1.send(toby)
    x2.remote_get()
    equal(x2, 6)
    assert end_of(x3) == [6]


def test_batches_leave_before_a_pull_within_one_worker():
    holds(old_handle_and_local_pull, ["me>", ">toby"])


def send_on_and_drop(run):
    """x.send(J) sent on to T in an open batch, and its handle gone: the release must not pass the batch"""
    julie, toby, _ = run
    q = fp.tensor([9]).send(julie).send(toby)
    equal(q.get(), 9)


def test_releases_leave_behind_every_batch():
    holds(send_on_and_drop, ["me>"])
    with mutants.releases_pass_batches():
        breaks(send_on_and_drop, ["me>"])


def pointer_replaced(run):
    """T:a->J:x; x += 1 in J's batch, by an old handle; T:a = pointer to J:y: x must not be freed before it was used"""
    julie, toby, _ = run
    x, y = fp.tensor([1]).send(julie), fp.tensor([2]).send(julie)
    a = x.send(toby)
    old = a.get_copy()
    a.get()
    again = old.send(toby)
    run.sync()
    first = fp.tensor([0]).send(toby)  # opens T's batch, so that it leaves first
    z = x + 1
    b = y.clone()
    b._id = old.id  # as if y were the pointer that was sent under this id
    over = b.send(toby)
    equal(z, 2)
    assert end_of(over) == [2]
    del first, again


def test_batches_leave_before_a_pointer_is_replaced():
    holds(pointer_replaced, ["me>", ">julie"])
    with mutants.batches_in_any_order():
        breaks(pointer_replaced, ["me>", ">julie"])


# ---------------------------------------------------------------- 6: lifetimes


def pull_and_send_in_one_turn(run):
    """one envelope on C: x2->x1; remote_get(x2); x5 = pointer to x1: the release counts what x5 is about to store"""
    _, _, carol = run
    x1 = fp.tensor([2]).send(carol)
    keep = x1.clone()
    x2 = x1.send(carol)
    run.sync()
    x2.remote_get()
    x5 = keep.send(carol)
    equal(x2, 2)
    assert end_of(x5 * 3) == [6]


def test_releases_are_decided_at_the_end_of_the_turn():
    holds(pull_and_send_in_one_turn, [])
    with mutants.releases_inside_the_turn():
        breaks(pull_and_send_in_one_turn, [])


def pointer_at_the_owner(run):
    """T:x2 = pointer to T:x1, sent to T; x2 += 1"""
    _, toby, _ = run
    x2 = fp.tensor([1]).send(toby).send(toby)
    x2 += 1
    equal(x2.get(), 2)


def test_a_reference_at_the_owner_has_a_row_too():
    holds(pointer_at_the_owner)
    with mutants.no_row_for_the_owner():
        breaks(pointer_at_the_owner)


def move_and_drop_at_once(run):
    """J:x=send; move(J:x->T:x); del: FREE(T:x) must not come before the object"""
    julie, toby, _ = run
    x = fp.tensor([1]).send(julie)
    x.move(toby)
    del x
    run.flush()
    assert toby._objects == {}
    assert julie._objects == {}


def test_a_free_does_not_come_before_its_object():
    holds(move_and_drop_at_once, ["julie>", ">julie"])
    with mutants.moves_give_no_reference():
        breaks(move_and_drop_at_once, ["julie>", ">julie"])


def pull_and_drop_at_once(run):
    """T:x2->J:x; remote_get(T:x2) <T>J>T>; del x2: FREE(T:x2) must not come before the contents that were pulled"""
    julie, toby, _ = run
    x2 = fp.tensor([1]).send(julie).send(toby)
    x2.remote_get()
    run.flush()
    del x2  # its release leaves while the contents are under way
    run.flush()
    assert toby._objects == {}
    assert julie._objects == {}


def test_a_free_does_not_come_before_what_was_pulled():
    holds(pull_and_drop_at_once, ["julie>", ">julie"])
    with mutants.pulls_give_no_reference():
        assert "tensor([1])} == {}" in breaks(pull_and_drop_at_once, ["julie>", ">julie"])


def sent_by_an_old_handle(run):
    """J:x; T:p = pointer to x; the client holds no row of x any more, and sends it to C by the same handle"""
    julie, toby, carol = run
    p = fp.tensor([1]).send(julie)
    q = p.send(toby)
    run.sync()
    r = p.send(carol)
    del q
    equal(r.get(), 1)


def test_who_sends_a_reference_need_not_hold_one():
    holds(sent_by_an_old_handle, ["toby>", "julie>", ">julie"])
    with mutants.senders_must_hold_a_row():
        assert "does not hold" in breaks(sent_by_an_old_handle)


def old_handles(run):
    """p after p.send(w) has no row of its own, and works while the object lives; then it is ObjectGone"""
    julie, toby, carol = run
    p = fp.tensor([1]).send(julie)
    q = p.send(toby)
    p += 1
    r = p.send(carol)
    del q
    equal(p, 2)
    equal(r.get(), 2)
    del r
    try:
        found = p.get()
    except fp.ObjectGone:
        return
    raise AssertionError(f"{found} of an object that is gone")


def test_old_handles_live_as_long_as_their_object():
    holds(old_handles, ["toby>", "julie>", ">julie"])
    with mutants.weak_handles_are_not_fenced():
        breaks(old_handles, ["toby>", "julie>", ">julie"])


def own_data(seed, slow):
    """worker's own data handed out to one client while the FREE of another's reference is on its way"""
    world = World(NAMES, seed, clients=2)
    world.workers["julie"].load({"data": np.arange(3)})
    mine, other = world.runs
    p = mine["julie"]["data"]
    p.disable_gc  # noqa: B018
    mine.sync()
    world.slow = set(slow)
    q = other["julie"]["data"]
    del p
    core = mine._session.core
    core.keep(q._node, on=False)  # from now on references alone keep it
    mine.flush()
    equal(q, 0, 1, 2)
    r = other["julie"]["data"]
    del q
    equal(r, 0, 1, 2)
    del r
    world.finish()


def test_own_data_handed_out_by_its_owner():
    for seed in range(20):
        own_data(seed, [])
        own_data(seed, [">julie"])


def test_own_data_stays_when_it_is_moved():
    for seed in range(20):
        world = World(NAMES, seed)
        world.workers["julie"].load({"data": np.arange(3)})
        _, toby, _ = world.run
        p = world.run["julie"]["data"]
        other = p.clone()
        p.move(toby)
        equal(other + world.run["julie"]["data"], 0, 2, 4)
        p += 1
        equal(p, 1, 2, 3)
        equal(other, 0, 1, 2)
        del p, other
        world.finish()


def back_and_forth(run):
    """An object that comes back where it was keeps its id and is a new generation: late releases do not hit it"""
    julie, toby, _ = run
    x = fp.tensor([1]).send(julie)
    id = x.id_at_location
    for _ in range(3):
        x.move(toby)
        x += 1
        x.move(julie)
        x += 1
    assert x.id_at_location == id
    equal(x, 7)
    assert list(julie._objects) == [id]
    assert toby._objects == {}


def test_back_and_forth():
    holds(back_and_forth, ["julie>", "toby>", ">julie"])
    with mutants.no_fence():
        breaks(back_and_forth, ["julie>", "toby>", ">julie"])


def an_old_generation_is_the_same_object(run):
    """T:q -> J:x keeps the old generation of x in use while x goes away and comes back"""
    julie, toby, carol = run
    x = fp.tensor([1]).send(julie)
    q = x.send(toby)
    x.move(carol)
    x.move(julie)
    q += 1
    equal(x, 2)
    x += 1
    equal(q.get(), 3)


def test_generations_of_one_id_are_one_object():
    holds(an_old_generation_is_the_same_object, ["julie>", "carol>"])
    with mutants.generations_are_strangers():
        breaks(an_old_generation_is_the_same_object, ["julie>", "carol>"])


def not_in_its_own_way(run):
    """C:p->T:x; remote_get leaves T:x->C:p; p sent to C again under its own id would be a cycle"""
    _, toby, carol = run
    p = fp.tensor([5]).send(toby)
    keep = p.clone()
    q = p.send(carol)
    q.remote_get()
    again = p.send(carol)
    equal(q, 5)
    assert end_of(again * 1) == [5]
    del keep


def test_a_pointer_is_not_stored_in_its_own_way():
    holds(not_in_its_own_way, ["carol>", "toby>"])


def test_play_is_deterministic():
    assert play(move_then_get, 5).digest == play(move_then_get, 5).digest
