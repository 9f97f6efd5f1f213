"""Several answers under way: futures, ``fp.gather`` and ``sim.map``."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent

NAMES = ("julie", "toby", "alice")


@pytest.fixture
def run(cluster):
    return cluster(*NAMES)


# ---------------------------------------------------------------- futures


def test_a_future_brings_what_get_gives(run):
    julie, toby, _ = run
    x = fp.tensor([1, 2])
    f = x.send(julie).get_async()
    assert isinstance(f, concurrent.futures.Future)
    assert isinstance(f, fp.Future)
    found = f.result()
    assert (found.tolist(), found.id) == ([1, 2], x.id)
    assert f.done()
    assert f.exception() is None
    assert f.result() is found
    pp = sent([3], (julie, toby))
    p = pp.get_async().result()
    assert isinstance(p, fp.Pointer)
    assert p.location == julie
    assert p.get_async(all=True).result().tolist() == [3]
    assert sum(w.count() for w in run) == 0


def test_a_handle_is_used_up_from_the_start(run):
    p = fp.tensor([1]).send(run["julie"])
    f = p.get_async()
    for use in (lambda: p + 1, p.get, p.get_async, p.clone, p.free):
        with pytest.raises(fp.PointerSpent):
            use()
    assert f.result().tolist() == [1]
    with pytest.raises(fp.PointerSpent, match=r"it was fetched with get_async\(\)"):
        p.get()


def test_a_failure_gives_the_handle_back(run):
    julie, _, _ = run
    q = fp.tensor([1, 2]).send(julie) + np.ones(3)
    f = q.get_async()
    assert isinstance(f.exception(), ValueError)
    with pytest.raises(ValueError, match="could not be broadcast"):
        f.result()
    with pytest.raises(ValueError, match="could not be broadcast"):
        q.get()
    p = fp.tensor([5]).send(julie)
    p[9] = 1
    f = p.get_async()
    with pytest.raises(IndexError):
        f.result()
    assert p.get_async().result().tolist() == [5]
    del q, f
    assert julie.count() == 0


def test_a_copy_is_the_value_at_that_line(run):
    julie, toby, alice = run
    chains = [sent([1, 2], way) for way in ((julie,), (julie, toby), (julie, toby, alice))]
    fs = []
    for p in chains:
        for i in range(5):
            fs.append((i, p.get_copy_async(all=True)))
            p += 1
    for i, f in reversed(fs):
        assert f.result().tolist() == [1 + i, 2 + i]
    assert [p.get(all=True).tolist() for p in chains] == [[6, 7]] * 3


def test_what_comes_later_does_not_change_what_was_asked(run):
    """The chain is another one when the answer comes."""
    julie, toby, alice = run
    x = fp.tensor([1])
    p = x.send(julie)
    pp = p.send(toby)
    del p
    one, other, far = pp.get_copy_async(), pp.get_copy_async(), pp.get_copy_async(all=True)
    pp.remote_get()
    pp.move(alice)
    p = one.result()
    assert p.location == julie
    assert p.id_at_location == x.id
    assert far.result().id == x.id
    p.move(toby)  # it is no copy: what is known of it is right
    assert p.id_at_location == x.id
    assert (pp.get_copy().tolist(), other.result().get(all=True).tolist()) == ([1], [1])
    del p, pp, one, other, far
    assert sum(w.count() for w in run) == 0


def test_a_result_that_is_not_named_yet_is_ours_all_the_same(run):
    julie, toby, alice = run
    q = sent([1], (julie, toby)) * 2
    f = q.get_copy_async()
    q.remote_get()  # toby has the data, and julie a pointer to it
    p = f.result()
    id = p.id_at_location
    assert p.move(alice).id_at_location == id  # no copy
    del q, f
    assert p.get_copy(all=True).tolist() == [2]
    assert toby.count() == alice.count() == 1


def test_a_later_failure_is_not_this_ones(run):
    p, other = fp.tensor([1]).send(run["julie"]), fp.tensor([2]).send(run["julie"])
    f = p.get_copy_async()
    p[9] = 1
    other.get()  # the report is here
    assert f.result().tolist() == [1]
    with pytest.raises(IndexError):
        p.get()


def test_callbacks_see_it_done(run):
    p = fp.tensor([1]).send(run["julie"])
    f = p.get_copy_async()
    seen = []
    f.add_done_callback(lambda f: seen.append(f.result().tolist()))
    f.add_done_callback(lambda f: seen.append((p + 1).get().tolist()))  # may use the session
    concurrent.futures.wait([f], timeout=0)
    f.result()
    while len(seen) < 2:  # a thread may be at them
        run.sync()
    assert seen == [[1], [2]]


def test_cancel_gives_the_answer_and_the_handle_back(run):
    julie, toby, _ = run
    pp = sent([1], (julie, toby))
    f = pp.get_async()
    if f.cancel():
        assert f.cancelled()
        assert f.done()
        assert f.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            f.result()
        assert concurrent.futures.wait([f], timeout=1).done == {f}
        pp += 1
        assert pp.get(all=True).tolist() == [2]
    else:  # the answer was faster
        assert f.result().get().tolist() == [1]
    del f
    assert sum(w.count() for w in run) == 0
    g = sent([1], (julie,)).get_async()
    g.result()
    assert not g.cancel()
    assert not g.cancelled()


def test_a_future_that_nobody_keeps_leaves_nothing(run):
    julie, toby, _ = run
    sent([1], (julie, toby)).get_async()
    p = sent([1], (julie, toby))
    p.get_copy_async()
    p.get_copy_async(all=True)
    del p
    fp.tensor([0]).send(toby).get_async().result()
    run.sync()
    p = sent([2], (julie, toby)).get_async()
    p.result()
    del p
    assert sum(w.count() for w in run) == 0


def test_looking_at_a_future_fetches_nothing(run):
    p = fp.tensor([1, 2]).send(run["julie"])
    f = p.get_copy_async()
    assert repr(f).startswith(f"<Future of julie:{p.id_at_location}: ")
    f.result()
    before = run.traffic()
    assert repr(f) == f"<Future of julie:{p.id_at_location}: a tensor>"
    assert hash(f) == hash(f)
    assert run.traffic() == before


def test_the_end_of_the_session_completes_futures(cluster):
    run = cluster("julie", own=True)
    p = fp.tensor([1]).send(run["julie"])
    fs = [p.get_copy_async() for _ in range(3)]
    run.close()
    for f in fs:
        assert f.done()
        assert isinstance(f.exception() or fp.SessionClosed("it had come"), fp.SessionClosed)
    with pytest.raises(fp.SessionClosed):
        p.get_async()


# ---------------------------------------------------------------- gather


def test_gather_keeps_the_order_and_uses_handles_up(run):
    ps = [fp.tensor([i]).send(w) for i, w in enumerate([*run, *run])]
    f = fp.tensor([9]).send(run["toby"]).get_async()
    mp = fp.combine_pointers(fp.tensor([7]).send(run["julie"]), fp.tensor([8]).send(run["toby"]))
    assert fp.gather([*ps, f, mp]) == [[0], [1], [2], [3], [4], [5], [9], [[7], [8]]]
    for p in (*ps, *mp.pointers):
        with pytest.raises(fp.PointerSpent, match=r"it was fetched with gather\(\)"):
            p.get()
    assert sum(w.count() for w in run) == 0
    assert fp.gather([]) == []


def test_gather_unwraps(run):
    julie, toby, alice = run
    ps = [sent([1], (julie, toby)), sent([2], (julie, toby, alice)), sent([3], (julie,))]
    found = fp.gather([p.clone() for p in ps])
    assert [type(x) for x in found] == [fp.Pointer, fp.Pointer, fp.tensor]
    del found
    assert fp.gather(ps, all=True) == [[1], [2], [3]]
    assert sum(w.count() for w in run) == 0


def test_one_failure_is_raised_when_all_are_in(run):
    julie, toby, _ = run
    good, bad = fp.tensor([1]).send(toby), fp.tensor([1, 2]).send(julie) + np.ones(3)
    with pytest.raises(ValueError, match="could not be broadcast"):
        fp.gather([good, bad])
    worse = fp.tensor([1]).send(toby)[5]
    with pytest.raises(fp.SeveralFailed, match="2 answers are errors") as told:
        fp.gather([bad, good, worse])
    kinds = [type(error).__mro__[1:] for error in told.value.exceptions]
    assert ValueError in kinds[0]
    assert IndexError in kinds[1]
    assert good.get().tolist() == [1]  # nothing was used up


def test_failures_as_values(run):
    julie, toby, _ = run
    good, bad = fp.tensor([1]).send(toby), fp.tensor([1, 2]).send(julie) + np.ones(3)
    spent = fp.tensor([1]).send(toby)
    spent.free()
    found = fp.gather([bad, good, spent], return_exceptions=True)
    assert isinstance(found[0], ValueError)
    assert found[1].tolist() == [1]
    assert isinstance(found[2], fp.PointerSpent)
    assert "nothing" not in repr(bad)
    with pytest.raises(fp.PointerSpent):
        good.get()


def test_gather_takes_pointers(run):
    p = fp.tensor([1]).send(run["julie"])
    with pytest.raises(fp.UsageError, match="a int is no pointer"):
        fp.gather([p, 3])
    assert p.get().tolist() == [1]


def test_gather_of_two_runs(cluster):
    one, other = cluster("julie", "toby"), cluster(*NAMES)
    ps = [fp.tensor([i]).send(run["toby"]) for i, run in enumerate((one, other))]
    assert fp.gather(ps) == [[0], [1]]


# ---------------------------------------------------------------- map


def test_map_calls_for_each_worker_and_fetches(run):
    assert run.map(lambda w: w.name) == list(NAMES)
    assert run.map(lambda w: (fp.tensor([1, 2]).send(w) * 2).sum()) == [6, 6, 6]
    assert run.map(lambda w: w.name, ["toby", run["julie"]]) == ["toby", "julie"]
    shards = [np.full(3, i) for i in range(3)]
    assert run.map(lambda w, x, k: fp.send(x, w).sum() * k, None, shards, (1, 10, 100)) == [0, 30, 600]
    found = run.map(lambda w: {"name": w.name, "parts": [fp.tensor([1]).send(w), (fp.tensor([2]).send(w), None)]})
    assert found[1] == {"name": "toby", "parts": [[1], ([2], None)]}
    assert sum(w.count() for w in run) == 0


def test_map_wants_one_value_for_each_worker(run):
    with pytest.raises(fp.UsageError, match="2 values for 3 workers"):
        run.map(lambda w, x: x, None, [1, 2])
    with pytest.raises(fp.UnknownWorker):
        run.map(lambda w: 1, ["nobody"])
    with pytest.raises(fp.UsageError, match="no worker of this run"):
        run.map(lambda w: 1, [3])


def test_a_function_that_fails_leaves_nothing(run):
    def work(w):
        p = fp.tensor([1]).send(w)
        return p + (np.ones(3) if w.name != "julie" else 0) + (np.ones(2) if w.name != "julie" else 0)

    with pytest.raises(fp.SeveralFailed):
        run.map(work)

    def wrong(w):
        p = fp.tensor([1]).send(w)
        if w.name == "toby":
            raise KeyError("mine")
        return p

    with pytest.raises(KeyError, match="mine"):
        run.map(wrong)
