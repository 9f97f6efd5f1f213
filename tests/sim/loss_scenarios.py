"""Short programs with one loss each, driven by hand: what random faults found, in as few steps as it takes."""

from __future__ import annotations

import gc

import pytest

import farptr as fp
from farptr.client import waiting
from farptr.protocol.errors import WorkerLost, WorkerUnresponsive
from tests.sim.faults import FaultyWorld
from tests.sim.world import World


def by_hand(*workers: str) -> World:
    world = World(list(workers), 1)
    world.pace = world.flushes = 0.0
    return world


def a_push_is_lost() -> None:
    """T:x is moved to J and back while its clone keeps the name T:x; J dies with the push that should count it again"""
    world = by_hand("julie", "toby")
    julie, toby = world.run
    x = fp.tensor([1]).send(toby)
    clone = x.clone()
    x.move(julie)
    world.run.sync()
    x.move(toby)
    world.run.flush()
    world.deliver("me>")
    world.lose("julie")
    del x, clone
    with pytest.raises(WorkerLost):
        world.run.sync()
    gc.collect()
    world.finish()


def the_last_holder_dies_alone() -> None:
    """C:p = pointer to J:x, to stay; the client leaves, then C dies: nobody holds J:x any more"""
    world = by_hand("julie", "carol")
    julie, carol = world.run
    x = fp.tensor([1]).send(julie)
    kept = x.send(carol, garbage_collect_data=False)
    world.run.sync()
    del x, kept
    world.run.close()
    world.settle()
    assert len(world.workers["julie"].store) == 1
    world.lose("carol")
    world.settle()
    assert not world.workers["julie"].store.entries
    assert not world.broker.settling.sessions


def a_question_goes_further_than_believed() -> None:
    """J:p = pointer to T:x, remote_get(J:p), T dies before it has the PULL: the client believes that J has the data"""
    world = by_hand("julie", "toby")
    julie, toby = world.run
    p = fp.tensor([1, 2]).send(toby).send(julie)
    world.run.sync()
    p.remote_get()
    world.run.flush()
    world.deliver("me>")
    world.deliver(">julie")
    world.deliver("julie>")
    world.lose("toby")
    with pytest.raises(WorkerLost, match="toby"):
        print(p.shape)
    del p
    gc.collect()
    world.finish()


def an_answer_comes_with_the_word_on_progress() -> None:
    """J goes on in the moment in which the client asks how far things are: when it has its answer it waits no longer"""
    for seed in range(20):
        world = FaultyWorld(["julie"], seed)
        world.pace = world.flushes = world.looks = 0.0
        (julie,) = world.runs[0]
        world.runs[0]._session.timeout_s = 2.0
        x = fp.tensor([1, 2]).send(julie)
        world.stopped[julie.number] = 2.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(waiting, "time", world.clock)
            assert x.get().tolist() == [1, 2]
        assert world.clock.now_s == 2.0
        del x
        world.finish()


def a_caught_error_keeps_nothing() -> None:
    """What the caller of a ``sync`` that failed had in hand goes when it lets go, without the garbage collector"""
    world = by_hand("julie")
    (julie,) = world.run
    bad = fp.tensor([1, 2]).send(julie) + fp.tensor([1, 2, 3]).send(julie)

    def fail() -> None:
        x = fp.tensor([1]).send(julie)
        with pytest.raises(ValueError):
            world.run.sync()
        assert x.shape == (1,)

    gc.disable()
    try:
        fail()
        del bad
        world.run.sync()
        assert not world.workers["julie"].store.entries
    finally:
        gc.enable()


def a_stopped_worker_is_named() -> None:
    """J's process is stopped: who waits for J hears of it soon, who comes later too; nobody else does, and J goes on"""
    world = FaultyWorld(["julie", "toby"], 1, clients=2)
    world.pace = world.flushes = 0.0
    world.looks = 1.0
    first, second = world.runs
    julie, theirs = first["julie"], second["toby"]
    x, y = fp.tensor([1, 2]).send(julie), fp.tensor([3]).send(theirs)
    first.sync()
    world.stopped[julie.number] = 1000.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "time", world.clock)
        with pytest.raises(WorkerUnresponsive, match="julie"):
            x.get_copy()
        late = world.add_client()
        with pytest.raises(WorkerUnresponsive, match="julie"):
            fp.tensor([1]).send(late["julie"]).get_copy()
        assert world.clock.now_s < 5.0
        assert y.get().tolist() == [3]
        del world.stopped[julie.number]
        world.look_around()
        assert x.get().tolist() == [1, 2]
    world.finish()


SCENARIOS = [
    a_caught_error_keeps_nothing, a_push_is_lost, the_last_holder_dies_alone, a_stopped_worker_is_named,
    a_question_goes_further_than_believed, an_answer_comes_with_the_word_on_progress,
]  # fmt: skip
