"""Who keeps what alive, and that nothing stays behind: not a temporary, not a loop's, not a hundred thousand."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent
from tests.conftest import until

NAMES = ("julie", "toby", "alice", "bob")


def counts(run):
    return [len(worker._objects) for worker in run]


def held(run):
    """Everything that anybody keeps: objects in stores, and references that the broker knows of."""
    return sum(counts(run)), len(run._session.ask_broker("rows", settled=True))


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_temporaries_go_at_once(cluster, depth):
    run = cluster(*NAMES)
    way = list(run)[:depth]
    p = sent([1.0, 2.0], way)
    before = counts(run)
    assert fetched(((p + 1) * (p - 1) / (p @ p)).sum()).shape == ()
    assert counts(run) == before
    assert float((p * 2 + p[0]).max()) == 5
    assert counts(run) == before
    del p
    assert held(run) == (0, 0)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_rebinding_in_a_loop(cluster, depth):
    run = cluster(*NAMES)
    p = sent([1], list(run)[:depth])
    before = counts(run)
    for _ in range(300):
        p = p + 1
    assert counts(run) == before
    assert fetched(p).tolist() == [301]
    del p
    assert held(run) == (0, 0)


def test_rebinding_in_a_loop_of_moves(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p = fp.tensor([0]).send(julie)
    for i in range(30):
        p = (p + 1).move((toby, julie)[i % 2])
        assert sum(counts(run)) == 1
    assert p.get().tolist() == [30]
    assert held(run) == (0, 0)


def test_a_chain_goes_whole_when_its_head_goes(cluster):
    run = cluster(*NAMES)
    handles = [fp.tensor([1]).send(run["julie"])]
    for name in NAMES[1:]:
        handles.append(handles[-1].send(run[name]))
    del handles[:3]  # old handles: their end means nothing
    assert counts(run) == [1, 1, 1, 1]
    handles.clear()
    assert counts(run) == [0, 0, 0, 0]


def test_handles_end_in_any_order(cluster):
    run = cluster("julie", "toby", "alice")
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        julie, toby, alice = run
        p = fp.tensor([1]).send(julie)
        handles = {0: p.clone(), 1: p.clone().send(toby), 2: p.clone().send(alice)}
        del p
        for i in order:
            assert len(julie._objects) == 1
            del handles[i]
        assert held(run) == (0, 0)


def test_aliases_of_one_object(cluster):
    run = cluster("julie")
    x = fp.tensor([1, 2])
    p = x.send(run["julie"])
    aliases = [p.clone(), x.send(run["julie"]), p.reshape(2), p[...]]
    del p
    while aliases:
        assert counts(run)[0] >= 1
        assert fetched(aliases.pop()).tolist() == [1, 2]
    assert held(run) == (0, 0)


def test_a_cycle_of_handles_is_collected(cluster):
    run = cluster("julie")
    p = fp.tensor([1]).send(run["julie"])
    box = [p]
    box.append(box)
    del p, box
    gc.collect()
    assert held(run) == (0, 0)


def test_an_exception_keeps_a_handle_only_as_long_as_it_lives(cluster):
    run = cluster("julie")

    def fail():
        p = fp.tensor([1]).send(run["julie"])
        raise KeyError(p.id)

    try:
        fail()
    except KeyError:
        assert counts(run) == [1]
    assert counts(run) == [0]


def test_pointers_can_be_referred_to_weakly_and_be_keys(cluster):
    run = cluster("julie")
    p = fp.tensor([1]).send(run["julie"])
    ref = weakref.ref(p)
    seen = {p: "here"}
    assert seen[p] == "here"
    seen.clear()
    del p
    assert ref() is None
    assert counts(run) == [0]


def test_spent_handles_release_once(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    for _ in range(20):
        p = fp.tensor([1]).send(julie)
        q = p.clone()
        p.free()
        q.move(toby)
        q.get()
        del p, q
    assert held(run) == (0, 0)


def test_handles_of_a_thread(processes):
    run = processes("julie", "toby")
    way = tuple(run)
    failures = []

    def work(k):
        try:
            p = sent([k], way)
            for _ in range(50):
                p = p + 1
            assert fetched(p).tolist() == [k + 50]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert held(run) == (0, 0)


def test_dead_handles_are_noticed_while_nobody_calls(processes):
    run = processes("julie", own=True)
    other = fp.connect(run._running.info.address)
    try:
        p = fp.tensor([1]).send(run["julie"])
        run.sync()
        assert len(other["julie"]._objects) == 1
        del p
        until(lambda: len(other["julie"]._objects) == 0)
    finally:
        other.close()


def test_a_hundred_thousand_pointers(processes):
    run = processes("julie", "toby")
    julie, _ = run
    p = fp.tensor([1.0]).send(julie)
    many = [p + 1 for _ in range(100_000)]
    assert repr(julie) == "<VirtualWorker id:julie #objects:100001>"
    assert many[77_777].get_copy().tolist() == [2.0]
    del many[::2]
    assert repr(julie) == "<VirtualWorker id:julie #objects:50001>"
    total = many[0].copy()
    for q in many[1:1000]:
        total += q
    assert total.get().tolist() == [2000.0]
    del many, q
    assert held(run) == (1, 1)


def test_ten_thousand_chains(processes):
    run = processes("julie", "toby")
    pp = sent([1.0], tuple(run))
    many = [pp + 1 for _ in range(10_000)]
    assert repr(run["julie"]) == "<VirtualWorker id:julie #objects:10001>"
    assert repr(run["toby"]) == "<VirtualWorker id:toby #objects:10001>"
    del many
    assert counts(run) == [1, 1]


def test_what_a_client_held_goes_with_it_and_mine_stays(processes):
    run = processes("julie", own=True)
    with fp.connect(run._running.info.address) as other:
        p = fp.tensor([1]).send(run["julie"])
        q = fp.tensor([2]).send(other["julie"])
        other.sync()
        assert len(run["julie"]._objects) == 2
        other.close()
        until(lambda: len(run["julie"]._objects) == 1)
        assert p.get().tolist() == [1]
        assert repr(q).startswith("(Wrapper)>[PointerTensor")


def test_forgotten_results_of_failures(cluster):
    run = cluster("julie", "toby")
    p = sent([1, 2], tuple(run))
    for _ in range(10):
        p + np.arange(3)
    with pytest.raises(fp.SeveralFailed):
        run.sync()
    del p
    assert held(run) == (0, 0)


def test_every_generation_goes_when_it_is_removed_on_purpose(cluster):
    run = cluster("julie")
    x = sent([1, 2], tuple(run))
    x.gc = False
    y = x.get_copy().send(run["julie"])  # under the same id
    del y
    x.free()
    assert held(run) == (0, 0)
