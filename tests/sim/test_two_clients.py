"""Two clients that change places of one chain at the same time, on the real cores.

T:s -> J:x, made by ``mine``; ``others`` is the other client's handle of s, which it got by name, by search, or by
``get`` of a pointer to s that it found. Only who made an object leaves stubs, and what was found stays; so whatever the
two do at once there is no cycle, and no data is lost.
"""

from __future__ import annotations

import gc
from collections import Counter

import numpy as np
import pytest

import farptr as fp
from tests.sim import mutants
from tests.sim.adversary import NAMES
from tests.sim.world import World

SLOW = [(), ("julie>",), (">julie",), ("toby>",), (">toby",), ("me>",), ("me2>",)]
WAYS = ["name", "search", "get"]
every_way = pytest.mark.parametrize("way", WAYS)


class Shared:
    """A world in which ``mine`` has x and s, and ``others`` is the other client's handle of s."""

    def __init__(self, seed: int, way: str) -> None:
        self.world = World(NAMES, seed, clients=2)
        self.me, self.you = self.world.runs
        julie, toby, _ = self.me
        self.x = fp.tensor([1, 2]).send(julie)
        self.mine = self.x.clone().send(toby)
        self.others = getattr(self, f"_by_{way}")()
        self.settle()
        assert self.others.id_at_location == self.mine.id_at_location
        assert self.others.location.name == "toby"

    def _by_name(self):
        self.mine.publish("s")
        found = self.you["toby"]["s"]
        del self.me["toby"]["s"]
        return found

    def _by_search(self):
        self.mine.tag("#s")
        self.me.flush()
        self.world.settle()
        (found,) = self.you["toby"].search("#s")
        return found

    def _by_get(self):
        """T:s itself is not what was found: its worker does not know that it is shared."""
        door = self.mine.clone().send(self.me["carol"]).publish("door")
        found = self.you["carol"]["door"].get()
        del door, self.me["carol"]["door"]
        return found

    def under(self, slow, *, hasty):
        self.world.slow, self.world.hasty = set(slow), hasty
        if slow:
            self.world.pace = self.world.flushes = 0.0
        return self

    def settle(self):
        self.me.sync()
        self.you.sync()

    def by_hand(self):
        """From now on nothing is delivered but by name."""
        self.world.pace = self.world.flushes = 0.0
        return self

    def deliver(self, *names):
        for name in names:
            self.world.deliver(name)

    def values(self, worker):
        """What a worker stores, without asking it."""
        return [entry.value for entry in self.world.workers[worker].store.entries.values()]

    def finish(self):
        """Both let go: nothing is left anywhere."""
        del self.x, self.mine, self.others
        gc.collect()
        self.world.finish()


def schedules(way, seeds=12):
    for seed in range(seeds):
        for slow in SLOW:
            for hasty in (False, True):
                yield f"seed {seed}, slow {slow}, hasty {hasty}", Shared(seed, way).under(slow, hasty=hasty)


def outcome(call):
    """What a call gives, or the name of what it raised."""
    try:
        found = call()
    except fp.FarptrError as error:
        return type(error).__name__
    return found.tolist() if isinstance(found, np.ndarray) else found


def end_of(pointer):
    """The data at the end of a chain, hop by hop, and by a command that goes there itself."""
    value = pointer.clone()
    while isinstance(value, fp.Pointer):
        value = value.get()
    assert pointer.shape == value.shape
    return value.tolist()


def holds(program, way):
    """What the program gives, for every schedule."""
    found = []
    for what, shared in schedules(way):
        try:
            found.append(program(shared))
            shared.finish()
        except Exception as error:
            error.add_note(what)
            raise
    return found


def assert_breaks(program, way):
    """Some schedule makes the program go wrong: a pointer where data should be, a cycle, or what is left."""
    for _, shared in schedules(way):
        try:
            program(shared)
            shared.finish()
        except (AssertionError, AttributeError, fp.FarptrError):
            return
    raise AssertionError("no schedule made it go wrong")


def each(program, seeds):
    for seed in range(seeds):
        program(seed)


# ---------------------------------------------------------------- remote_get on both sides


def both_pull(shared):
    """remote_get(T:s) <T>J>T> by both: T may ask J twice, and the second time J:x may point at T:s already"""
    first = outcome(shared.mine.remote_get)
    shared.me.flush()
    second = outcome(shared.others.remote_get)
    shared.you.flush()
    assert first is shared.mine
    assert second is shared.others
    found = [outcome(shared.mine.get_copy), outcome(shared.others.get_copy)]
    # A pull that comes when s is data already is refused, at the handle of whoever asked.
    assert sorted(map(str, found)) in (["[1, 2]"] * 2, ["InvalidRemoteGet", "[1, 2]"])
    outcome(shared.me.sync)
    outcome(shared.you.sync)
    assert [v.tolist() for v in shared.values("toby")] == [[1, 2]]
    assert end_of(shared.x) == [1, 2]
    return "InvalidRemoteGet" in found


@pytest.mark.thorough
@every_way
def test_two_clients_pull_one_pointer_at_once(way):
    assert set(holds(both_pull, way)) == {False, True}, "the schedules had only one order"


@pytest.mark.parametrize("way", ["name", "search"])
def test_a_pull_of_what_others_found_takes_a_copy(way):
    shared = Shared(1, way)
    shared.mine.remote_get()
    shared.settle()
    assert [v.tolist() for v in shared.values("julie")] == [[1, 2]], "x is data still, not a pointer to s"
    shared.finish()


def test_what_points_at_the_asker_is_not_pulled_again():
    """Without that look: T:s = pointer to T:s"""
    with mutants.pulls_do_not_look():
        assert_breaks(both_pull, "get")


def clear_under_a_pull(shared):
    """remote_get(T:s) by one, T cleared by the other while the contents are under way: s stays gone"""
    shared.by_hand()
    shared.mine.remote_get()
    shared.me.flush()
    shared.deliver("me>", ">toby", "toby>", ">julie")  # J has sent the contents
    shared.you["toby"].clear_objects()
    shared.you.flush()
    shared.deliver("me2>", ">toby", "toby>")
    assert outcome(shared.mine.get_copy) == "ObjectGone"
    shared.settle()
    assert shared.you["toby"]._objects == {}
    shared.finish()


@every_way
def test_contents_do_not_bring_back_what_was_cleared(way):
    clear_under_a_pull(Shared(1, way))
    with mutants.contents_always_arrive(), pytest.raises(AssertionError, match="ObjectGone"):
        clear_under_a_pull(Shared(1, way))


# ---------------------------------------------------------------- move on one side, remote_get on both


def answered(shared):
    """Everybody is answered, and both have the data at the end of their chains."""
    told = {outcome(shared.me.sync), outcome(shared.you.sync)}
    assert told <= {None, "InvalidRemoteGet"}, told
    assert end_of(shared.x) == end_of(shared.mine) == end_of(shared.others) == [1, 2]


def move_and_pull(shared, *, first):
    """A: move(J:x->C:x); remote_get(T:s). B: remote_get(T:s)"""
    if first:
        shared.others.remote_get()
        shared.you.flush()
    shared.x.move(shared.me["carol"])
    shared.mine.remote_get()
    shared.me.flush()
    if not first:
        shared.others.remote_get()
        shared.you.flush()
    answered(shared)


@every_way
@pytest.mark.parametrize("first", [False, True])
def test_whatever_two_clients_move_and_pull_everybody_is_answered(first, way):
    holds(lambda shared: move_and_pull(shared, first=first), way)


def both_move(shared):
    """move(T:s->C) by both, there and back: the maker's keeps its id and the other's is a copy"""
    shared.others.move(shared.you["carol"])
    shared.mine.move(shared.me["carol"])
    shared.you.flush()
    shared.me.flush()
    shared.mine.move(shared.me["toby"])
    shared.others.move(shared.you["toby"])
    assert shared.others.id_at_location != shared.mine.id_at_location
    answered(shared)


@pytest.mark.thorough
@every_way
def test_two_clients_move_one_object_at_once(way):
    holds(both_move, way)


def cycle_by_a_race(way):
    """T:s -> C:x' -> T:s, by the schedule that made it before a foreign handle's remote_get took a copy.

    B's PULL is on its way to J when A's move of x is sequenced, and A's PULL behind that, before B's contents are
    back. J answered B with the data, and x became a pointer to s; the move carried that pointer to C; then x did not
    point at s but at x', so that A's PULL handed out x', which overwrote the data.
    """
    shared = Shared(1, way).by_hand()
    shared.others.remote_get()
    shared.you.flush()
    shared.deliver("me2>", ">toby", "toby>")
    shared.x.move(shared.me["carol"])
    shared.mine.remote_get()
    shared.me.flush()
    shared.deliver("me>", "me>", ">toby", "toby>", ">julie", ">julie", ">julie")
    shared.world.settle()
    return shared


def cycle_by_belief(way):
    """T:s -> T:s, one command after another, when A did not know that J:s had become a pointer to T:s by B's doing.

    The id of s is kept when it moves, and is in a store once: what came back replaced what it led to.
    """
    shared = Shared(1, way)
    shared.mine.move(shared.me["julie"])
    shared.settle()
    shared.others.remote_get()
    shared.settle()
    shared.mine.move(shared.me["toby"])
    shared.settle()
    return shared


CYCLES = [cycle_by_a_race, cycle_by_belief]


@every_way
@pytest.mark.parametrize("cycle", CYCLES)
def test_two_clients_make_no_cycle(cycle, way):
    """Each use has an answer, the data is there for both, and the run goes on."""
    shared = cycle(way)
    _, toby, carol = shared.me
    answered(shared)
    shared.mine += 1
    shared.me.sync()
    assert end_of(shared.mine) == [2, 3]
    other = fp.tensor([3]).send(carol).send(toby)
    other += 1
    assert other.get().get().tolist() == [4]
    shared.settle()
    toby.clear_objects()
    shared.me.sync()
    assert outcome(lambda: shared.mine.shape) == outcome(lambda: shared.others.shape) == "ObjectGone"
    shared.settle()
    shared.finish()


@every_way
@pytest.mark.parametrize("cycle", CYCLES)
def test_nothing_is_left_of_what_would_have_been_a_cycle(cycle, way):
    cycle(way).finish()


@pytest.mark.thorough
def test_moves_of_what_is_not_ours_leave_no_stubs():
    """Without the copy flag: the maker's chain leads through another client's stub, and then through itself"""
    for cycle in CYCLES:
        with mutants.foreign_moves_leave_stubs(), pytest.raises((AssertionError, fp.FarptrError)):
            answered(cycle("get"))


# ---------------------------------------------------------------- what was found stays what and where it is


def found_data(seed):
    """(world, the maker's handle, the other's): data that was found by name"""
    world = World(NAMES, seed, clients=2)
    me, you = world.runs
    mine = fp.tensor([1, 2]).send(me["julie"]).publish("x")
    return world, mine, you["julie"]["x"]


def maker_moves(seed):
    """A: move(J:x->T). B uses J:x as the data that it found there, whatever way A's went"""
    world, mine, others = found_data(seed)
    me, you = world.runs
    mine.move(me["toby"])
    me.flush()
    beside = fp.tensor([10, 20]).send(you["julie"])
    total = others + beside
    others += 5
    assert total.get_copy().tolist() == [11, 22]
    assert others.get_copy().tolist() == [6, 7]
    assert mine.get_copy().tolist() in ([1, 2], [6, 7])  # which of them was first is not promised
    you.sync()
    del me["julie"]["x"], mine, others, beside, total
    world.finish()


def test_found_data_stays_when_its_maker_moves_it():
    each(maker_moves, 20)
    with mutants.found_data_moves_away(), pytest.raises((AssertionError, fp.FarptrError, AttributeError)):
        each(maker_moves, 20)


def pointer_over_data(seed):
    """A: send(J:p, under the id of x) is refused, and what that counted is given back"""
    world, mine, others = found_data(seed)
    me, _ = world.runs
    there = mine.clone().send(me["toby"])
    there = there.get()  # the pointer has its own id; under x's it would take x's place
    there._id = mine.id_at_location
    target = fp.tensor([3]).send(me["carol"])
    target._id = mine.id_at_location
    again = target.send(me["julie"])
    with pytest.raises(fp.BadName, match="is data that other clients found"):
        me.sync()
    assert others.get_copy().tolist() == [1, 2]
    del me["julie"]["x"], mine, others, there, target, again
    world.finish()


def test_no_pointer_takes_the_place_of_found_data():
    each(pointer_over_data, 10)
    with mutants.refused_references_are_not_counted(), pytest.raises(AssertionError, match="there is left"):
        pointer_over_data(1)


def pointer_over_what_was_cleared(seed):
    """A: send(J:p). B finds it and clears J. A: send(J:p) again; it was no data, so it may be a pointer"""
    world = World(NAMES, seed, clients=2)
    me, you = world.runs
    x = fp.tensor([1, 2]).send(me["toby"])
    first = x.clone().send(me["julie"]).publish("p")
    others = you["julie"]["p"]
    you["julie"].clear_objects()
    you.sync()
    x._id = first.id_at_location
    again = x.send(me["julie"])
    me.sync()
    assert end_of(others) == end_of(again) == [1, 2]
    del x, first, others, again
    world.finish()


def test_a_found_pointer_that_was_cleared_can_be_sent_again():
    each(pointer_over_what_was_cleared, 5)


def moved_to_nothing(seed):
    """move(C:x->J) when x is gone, and then send(J:x): the handles have two references to one name"""
    world = World(NAMES, seed, clients=2)
    me, you = world.runs
    x = fp.tensor([1, 2])
    first = x.send(me["carol"])
    me.sync()
    you["carol"].clear_objects()
    you.sync()
    first.move(me["julie"])
    again = x.send(me["julie"])
    with pytest.raises(fp.ObjectGone):
        me.sync()
    assert again.get_copy().tolist() == [1, 2]
    del first, again
    world.finish()


def test_a_name_that_a_failed_move_has_used_can_be_used_again():
    each(moved_to_nothing, 5)
    with mutants.references_to_nothing_are_not_counted(), pytest.raises(AssertionError, match="there is left"):
        each(moved_to_nothing, 5)


def own_order_on_found_paths(shared):
    """B: += on T:s <T>J>, then J:x itself <J>: found by name, the path of s is not known, so nothing overtakes"""
    shared.x.publish("x")
    direct = shared.you["julie"]["x"]
    shared.others += 10
    assert direct.get_copy().tolist() == [11, 12]
    direct *= 2
    shared.others -= 1
    assert direct.get_copy().tolist() == [21, 23]
    del shared.me["julie"]["x"]


@pytest.mark.thorough
@every_way
def test_paths_of_what_was_found_are_not_believed(way):
    holds(own_order_on_found_paths, way)
    with mutants.foreign_paths_are_believed():
        assert_breaks(own_order_on_found_paths, way)


def believed_too_long(seed):
    """J:d -> T:s -> J:x, d found: pull d, which copies and leaves s; then pull s; then send x where s was

    A believes s -> d after the first, so means d by the second, but x is what T:s points at. Were x to become a pointer
    to s, A would still believe it to be data: T:s -> J:x -> T:s
    """
    world = World(NAMES, seed, clients=2)
    me, _ = world.runs
    julie, toby, _ = me
    x = fp.tensor([1, 2]).send(julie)
    s = x.send(toby)
    d = s.clone().send(julie).publish("d")
    d.remote_get()
    s.remote_get()
    again = x.send(toby)
    assert x.get_copy().tolist() == end_of(again) == end_of(d) == [1, 2]
    outcome(me.sync)
    del julie["d"], x, s, d, again
    world.finish()


def test_a_pull_makes_no_stub_that_its_client_does_not_know_of():
    each(believed_too_long, 10)
    with mutants.pulls_take_what_is_there(), pytest.raises((AssertionError, AttributeError, fp.FarptrError)):
        each(believed_too_long, 10)


# ---------------------------------------------------------------- whose failure it is


def failures_of_both(seed):
    """A's failed result is published, and B's own failure has the same command number at the same worker"""
    world = World(NAMES, seed, clients=2)
    me, you = world.runs
    failed = fp.tensor([1, 2]).send(me["julie"]) + np.ones(3)
    failed.publish("failed")
    theirs = fp.tensor([1, 2]).send(you["julie"])[99]  # the second command of both
    found = you["julie"]["failed"]
    with pytest.raises(ValueError, match="broadcast") as told:
        found.get_copy()
    assert "issued at" not in str(told.value), "no line of this client issued it"
    with pytest.raises(IndexError):
        you.sync()
    with pytest.raises(ValueError, match="broadcast"):
        me.sync()
    del me["julie"]["failed"], failed, found, theirs, told
    world.finish()


def test_another_clients_failure_does_not_hide_ones_own():
    each(failures_of_both, 10)
    with mutants.failures_are_anybodys(), pytest.raises((AssertionError, pytest.fail.Exception)):
        each(failures_of_both, 10)


def test_the_schedules_differ():
    """A check of the checks: slow links and haste change what is delivered when."""
    digests = Counter(shared.world.digest for _, shared in schedules("name", seeds=2) if not both_pull(shared))
    assert len(digests) > 4
