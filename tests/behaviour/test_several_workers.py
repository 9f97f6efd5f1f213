"""Several workers at once: ``x.send(julie, toby)``, ``combine_pointers``, and everything an array does, on each."""

from __future__ import annotations

import copy
import operator
import os
import pickle
import signal
import sys
import threading

import numpy as np
import pytest

import farptr as fp
from farptr.protocol import operations as table
from tests.behaviour import samples
from tests.behaviour.far import Arrays, assert_alike, fetched, local, outcome, sent, values
from tests.behaviour.samples import DATA
from tests.behaviour.test_operations import lacks


def shards(workers, *arrays):
    """A MultiPointer with an array of its own on each worker."""
    return fp.combine_pointers([fp.send(a, w) for a, w in zip(arrays, workers, strict=True)])


def lists(arrays):
    return [a.tolist() for a in arrays]


def lose(run, name):
    """A worker's end, in both worlds, when it has done what it was asked."""
    run.sync()
    if run._running:
        run.remove(name)
    else:
        run._session.link.connection._world.lose(name)
        run.sync()


def seen(run):
    """Take note of what failed, so that it is not left unseen."""
    with pytest.raises((fp.RemoteError, fp.SeveralFailed)):
        run.sync()


# ---------------------------------------------------------------- sending


def test_a_tensor_on_two_workers(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    x = fp.tensor([1, 2])
    mp = x.send(julie, toby)
    assert isinstance(mp, fp.MultiPointer)
    assert (values(julie), values(toby), values(carol)) == ([[1, 2]], [[1, 2]], [])
    assert [p.id_at_location for p in mp.pointers] == [x.id, x.id]
    assert mp.locations == (julie, toby)
    assert lists(mp.get()) == [[1, 2], [1, 2]]
    assert (values(julie), values(toby)) == ([], [])
    assert x.tolist() == [1, 2]


def test_a_pointer_on_two_workers_is_kept_by_both(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    p = fp.tensor([1, 2]).send(julie)
    id = p.id
    issued = julie._session.core.commands
    mp = p.send(toby, carol)
    assert julie._session.core.commands - issued == 2, "nobody was asked whether it is still there"
    assert not p.gc
    assert values(toby) == values(carol) == [("julie", p.id_at_location)]
    assert [q.id_at_location for q in mp.pointers] == [id, id]
    assert lists(q.get() for q in (mp + 1).get()) == [[2, 3], [2, 3]]
    mp["toby"].free()
    assert values(julie) == [[1, 2]]
    mp["carol"].free()
    assert values(julie) == []


def test_a_pointer_that_does_not_reach_everybody_stays_where_it_was(cluster):
    run = cluster("julie", "toby", "carol", own=True)
    julie, toby, carol = run
    p = fp.tensor([1]).send(julie)
    lose(run, "carol")
    issued = run._session.core.commands
    with pytest.raises(fp.WorkerLost, match="carol"):
        p.send(toby, carol)
    assert run._session.core.commands == issued
    assert p.gc
    assert values(toby) == []
    assert p.get().tolist() == [1]
    with pytest.raises(fp.WorkerLost, match="carol"):
        fp.tensor([1]).send(toby, carol)
    assert values(toby) == []


def test_a_pointer_still_owns_when_a_worker_is_lost_on_the_way(cluster, monkeypatch):
    julie, toby, carol = cluster("julie", "toby", "carol")
    p = fp.tensor([1]).send(julie)
    receive = fp.Worker.receive

    def spied(self, *args, **kwargs):
        if self == carol:
            raise fp.WorkerLost("carol is gone")
        return receive(self, *args, **kwargs)

    monkeypatch.setattr(fp.Worker, "receive", spied)
    with pytest.raises(fp.WorkerLost, match="carol"):
        p.send(toby, carol)
    assert p.gc
    assert (values(julie), values(toby)) == ([[1]], [])
    del p
    assert values(julie) == []


def test_what_stays_without_an_owner(cluster):
    julie, toby = cluster("julie", "toby")
    mp = fp.tensor([1]).send(julie, toby, garbage_collect_data=False)
    assert [p.gc for p in mp.pointers] == [False, False]
    del mp
    assert values(julie) == values(toby) == [[1]]
    julie.clear_objects()
    toby.clear_objects()


def test_a_multipointer_is_sent_on(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    mp = shards((julie, toby), [1, 2], [3, 4])
    chains = mp.send(carol)
    assert chains.locations == (carol, carol)
    assert [w for w, _ in values(carol)] == ["julie", "toby"]
    assert lists(fetched(p) for p in (chains * 2).pointers) == [[2, 4], [6, 8]]
    mixed = fp.combine_pointers(chains, mp["julie"])
    with pytest.raises(fp.InvalidRemoteGet, match="is data"):
        mixed.remote_get()
    assert [w for w, _ in values(carol)] == ["julie", "toby"]
    assert chains.remote_get() is chains
    assert lists(chains.get()) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x, a, b, run: x.send(a, a), "named twice: julie, julie"),
        (lambda x, a, b, run: x.send(a, "toby"), "'toby' is not a worker"),
        (lambda x, a, b, run: x.send(a, run.me), "<me> is no worker to point at"),
        (lambda x, a, b, run: x.send(a).send(a, a), "named twice"),
        (lambda x, a, b, run: x.send([a, b]), "is not a worker"),
    ],
)
def test_bad_places(cluster, call, said):
    run = cluster("julie", "toby")
    julie, toby = run
    with pytest.raises(fp.UsageError, match=said):
        call(fp.tensor([1]), julie, toby, run)
    assert values(julie) == values(toby) == []


# ---------------------------------------------------------------- combining


def test_combining(cluster):
    julie, toby = cluster("julie", "toby")
    p, q, r = fp.send([1], julie), fp.send([2], toby), fp.send([3], julie)
    mp = fp.combine_pointers(p, q)
    assert all(one is other for one, other in zip(mp.pointers, (p, q), strict=True))
    assert fp.combine_pointers([p, q]).pointers[1] is q
    more = fp.combine_pointers(r, mp)
    assert more.locations == (julie, julie, toby)
    assert lists((more + 10).get()) == [[13], [11], [12]]
    assert lists(more.get()) == [[3], [1], [2]]
    with pytest.raises(fp.PointerSpent, match=r"was fetched with get\(\)"):
        p.get()


def test_what_cannot_be_combined(cluster):
    julie, _ = cluster("julie", "toby")
    p = fp.send([1], julie)
    for bad in ([], [[]], [3], [p, "q"], [np.zeros(3)], [julie], [None]):
        with pytest.raises(fp.UsageError, match=r"needs a pointer|is no pointer"):
            fp.combine_pointers(*bad)
    with pytest.raises(fp.UsageError, match=r"named twice\nhint: clone"):
        fp.combine_pointers(p, p)
    assert lists(fp.combine_pointers(p, p.clone()).get()) == [[1], [1]]
    with pytest.raises(fp.PointerSpent):
        fp.combine_pointers(p)
    with pytest.raises(fp.UsageError, match="not made by hand"):
        fp.MultiPointer()


def test_pointers_of_two_runs(cluster):
    (julie,), (toby,) = cluster("julie", own=True), cluster("toby", own=True)
    p, q = fp.send([1], julie), fp.send([1], toby)
    with pytest.raises(fp.UsageError, match="different runs"):
        fp.combine_pointers(p, q)
    with pytest.raises(fp.UsageError, match="different runs"):
        fp.tensor([1]).send(julie, toby)
    with pytest.raises(fp.UsageError, match="different runs"):
        fp.combine_pointers(p) + fp.combine_pointers(q)


# ---------------------------------------------------------------- what it is


def test_repr(cluster):
    julie, toby = cluster("julie", "toby")
    mp = fp.tensor([1]).tag("#a").send(julie, toby)
    p, q = mp.pointers
    assert repr(mp) == (
        "(Wrapper)>[MultiPointerTensor]\n"
        f"\t-> [PointerTensor | me:{p.id} -> julie:{p.id_at_location}]\n"
        f"\t-> [PointerTensor | me:{q.id} -> toby:{q.id_at_location}]"
    )
    p.free()
    assert "\t-> [PointerTensor | me:" in repr(mp)
    assert "nothing: it was freed" in repr(mp)


def test_the_pointer_at_a_worker(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    mp = shards((julie, toby, julie), [1], [2], [3])
    assert mp["toby"] is mp[toby] is mp.pointers[1]
    with pytest.raises(
        fp.UnknownWorker, match="none of these pointers leads to 'carol'\nhint: they lead to julie, toby"
    ):
        mp["carol"]
    with pytest.raises(fp.UnknownWorker):
        mp[carol]
    with pytest.raises(fp.UsageError, match="2 of these pointers lead to julie"):
        mp["julie"]
    with pytest.raises(fp.UsageError, match="stay the same"):
        mp["toby"] = 3
    assert lists(mp[0].get_copy()) == [1, 2, 3], "a number is an index into the data"


def test_nothing_is_fetched_by_looking(cluster):
    run = cluster("julie", "toby")
    mp = fp.tensor(np.arange(5000.0)).send(*run)

    def came():
        rows = [t for t in run.traffic() if t.destination == "me"]
        return sum(t.value_bytes for t in rows), sum(t.wire_bytes for t in rows)

    before = came()
    quiet = (
        repr(mp),
        hash(mp),
        {mp: 1},
        mp == mp,
        mp != 3,
        dir(mp),
        mp.pointers,
        mp.locations,
        mp["julie"],
        mp.clone(),
    )
    assert came() == before
    assert (len(mp), mp.shape, mp.dtype, mp.size, mp.ndim) == (5000, (5000,), np.dtype(float), 5000, 1)
    assert came()[0] == before[0]
    for what in (np.asarray, lambda m: m.item(), lambda m: m.tolist(), lambda m: m.tobytes()):
        with pytest.raises(fp.ImplicitFetch, match=r"\.get\(\)"):
            what(mp)
    assert came()[0] == before[0]
    mp.get_copy()
    assert came()[0] == before[0] + 80_000, "else this test could not fail"
    del quiet


def test_completion_in_ipython_fetches_nothing(cluster):
    completer = pytest.importorskip("IPython.core.completer")
    mp = fp.tensor([1]).send(*cluster("julie", "toby"))
    commands = mp._session.core.commands
    found = completer.Completer(namespace={"mp": mp}).attr_matches("mp.po")
    assert "mp.pointers" in found or ".pointers" in found
    assert mp._session.core.commands == commands


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_it_is_not_copied_by_accident(cluster, how):
    mp = fp.tensor([1]).send(*cluster("julie", "toby"))
    with pytest.raises(fp.NotSerializable, match=r"clone\(\) makes a second handle"):
        how(mp)


@pytest.mark.parametrize("how", [float, int, bool, complex, operator.index, lambda m: 3 in m])
def test_it_has_no_single_value(cluster, how):
    mp = fp.tensor([1]).send(*cluster("julie", "toby"))
    with pytest.raises(fp.UnsupportedOperation, match="2 pointers have no single value"):
        how(mp)


def test_iteration_is_refused_as_it_could_mean_two_things(cluster):
    julie, toby = cluster("julie", "toby")
    with pytest.raises(fp.UnsupportedOperation, match=r"mp\.pointers are the pointers"):
        _p, _q = fp.tensor([1, 2]).send(julie, toby)


def test_questions_are_answered_when_all_agree(cluster):
    julie, toby = cluster("julie", "toby")
    mp = shards((julie, toby), np.zeros((2, 3)), np.zeros((4, 3), np.float32))
    assert mp.ndim == 2
    assert np.ndim(mp) == 2
    with pytest.raises(fp.UsageError, match=r"the shape differs: \(2, 3\) on julie, \(4, 3\) on toby"):
        mp.shape  # noqa: B018
    with pytest.raises(fp.UsageError, match="float64 on julie, float32 on toby"):
        mp.dtype  # noqa: B018
    with pytest.raises(fp.UsageError, match=r"2 on julie, 4 on toby\nhint: \[len\(p\) for p in mp\.pointers\]"):
        len(mp)
    assert mp.sum(axis=0).shape == (3,)


# ---------------------------------------------------------------- operations


def test_operators(cluster):
    julie, toby = cluster("julie", "toby")
    mp = shards((julie, toby), [1, 2], [3, 4])
    local_array = np.array([10, 20])
    assert lists((mp + mp).get()) == [[2, 4], [6, 8]]
    assert lists((mp * 2).get()) == lists((2 * mp).get()) == [[2, 4], [6, 8]]
    assert lists((mp + local_array).get()) == lists((local_array + mp).get()) == [[11, 22], [13, 24]]
    assert lists((fp.tensor([1, 1]) - mp).get()) == [[0, -1], [-2, -3]]
    assert lists((-mp).get()) == [[-1, -2], [-3, -4]]
    assert lists((mp > 2).get()) == [[False, False], [True, True]]
    assert lists((mp == mp).all().get()) == [True, True]
    assert lists(mp[mp > 1].get()) == [[2], [3, 4]]
    assert lists(mp[1:].get()) == [[2], [4]]
    assert lists((mp @ mp).get()) == [5, 25]


def test_several_results_are_a_tuple(cluster):
    julie, toby = cluster("julie", "toby")
    mp = shards((julie, toby), [7, 8], [9, 10])
    quotients, remainders = divmod(mp, 4)
    assert lists(quotients.get()) == [[1, 2], [2, 2]]
    assert lists(remainders.get()) == [[3, 0], [1, 2]]
    assert [lists(part.get()) for part in np.split(mp, 2)] == [[[7], [9]], [[8], [10]]]
    (rows,) = (mp > 7).nonzero()
    assert lists(rows.get()) == [[1], [0, 1]]


def test_in_place_keeps_the_handle(cluster):
    julie, toby = cluster("julie", "toby")
    mp = same = shards((julie, toby), [1, 2], [3, 4])
    ids = [list(w._objects) for w in (julie, toby)]
    mp += 1
    mp *= mp
    mp[0] = 100
    mp[1:] -= np.array([1])
    assert mp is same
    assert np.add(mp, 1, out=mp) is mp
    assert np.cumsum(mp, out=mp) is mp
    mp.sort()
    np.add.at(mp, [0], 5)
    assert [list(w._objects) for w in (julie, toby)] == ids
    assert lists(mp.get()) == [[106, 110], [106, 126]]


def test_out_may_have_another_order(cluster):
    julie, toby = cluster("julie", "toby")
    a, out = shards((julie, toby), [1], [2]), shards((toby, julie), [0], [0])
    assert np.multiply(a, 10, out=out) is out
    assert lists(out.get()) == [[20], [10]]


def test_operands_meet_by_worker(cluster):
    julie, toby = cluster("julie", "toby")
    a = shards((julie, toby, julie), [1], [2], [3])
    b = shards((toby, julie, julie), [20], [10], [30])
    assert lists((a + b).get()) == [[11], [22], [33]]
    assert (a + b).locations == (julie, toby, julie)
    assert lists(np.concatenate([b, a]).get()) == [[20, 2], [10, 1], [30, 3]]
    a += b
    assert lists(a.get()) == [[11], [22], [33]]


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: a + b,
        lambda a, b: b - a,
        lambda a, b: operator.iadd(a, b),
        lambda a, b: a[b],
        lambda a, b: a[: b[0]],
        lambda a, b: operator.setitem(a, 0, b),
        lambda a, b: np.add(a, 1, out=b),
        lambda a, b: np.concatenate([a, b]),
        lambda a, b: np.concatenate([b, a]),
        lambda a, b: np.where(a, 1, b),
        lambda a, b: a.clip(max=b),
        lambda a, b: np.array_equal(a, b),
    ],
)
@pytest.mark.parametrize("other", ["missing", "more", "different", "plain"])
def test_operands_that_do_not_match(cluster, call, other):
    julie, toby, carol = cluster("julie", "toby", "carol")
    mp = shards((julie, toby), [1, 2], [3, 4])
    ids = [list(w._objects) for w in (julie, toby, carol)]
    others, said = {
        "missing": ((julie,), r"1 on toby against none|none on toby against 1"),
        "more": ((julie, toby, toby), r"1 on toby against 2|2 on toby against 1"),
        "different": ((julie, carol), r"toby.*carol|carol.*toby"),
        "plain": ((julie,), r"beside pointers to several \(julie, toby\)"),
    }[other]
    second = shards(others, *[[5, 6]] * len(others))
    with pytest.raises(fp.NotCollocated, match=said):
        call(mp, second.pointers[0] if other == "plain" else second)
    second.free()
    julie._session.sync()
    assert [list(w._objects) for w in (julie, toby, carol)] == ids
    assert lists(mp.get()) == [[1, 2], [3, 4]], "nothing was issued"


def test_chains_whose_data_is_elsewhere_do_not_match(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    data = fp.tensor([1]).send(julie, toby)
    chains = fp.tensor([1]).send(carol).send(julie, toby)
    with pytest.raises(fp.NotCollocated, match="the operands are in different places"):
        data += chains
    assert lists(data.get()) == [[1], [1]]


def test_functions_whose_one_truth_value_comes_home(cluster):
    julie, toby = cluster("julie", "toby")
    a, b = shards((julie, toby), [1, 2], [3, 4]), shards((toby, julie), [3, 4], [1, 2])
    assert np.array_equal(a, b) is True
    b["toby"][0] = 0
    assert np.array_equal(a, b) is False
    assert np.allclose(a, b, atol=5) is True


def test_arrays_are_made_where_a_multipointer_is(cluster):
    julie, toby = cluster("julie", "toby")
    made = np.zeros(2, like=shards((julie, toby), [1], [2]))
    assert made.locations == (julie, toby)
    assert lists(made.get()) == [[0, 0], [0, 0]]


OTHER_DATA = {name: value if name in "mz" else np.roll(value, 1) for name, value in DATA.items()}
"""The same shapes with other values, so that nothing can come from the wrong worker unseen."""
ROWS = (
    [(f".{name}", call) for name, calls in samples.METHODS.items() for call in calls]
    + [(f".{name}", call) for name, call in samples.ATTRIBUTES.items()]
    + [(name, call) for name, calls in samples.FUNCTIONS.items() for call in calls if name not in ("poly", "roots")]
)
"""Without two where NumPy's dispatcher iterates over its argument, which for a MultiPointer could mean two things."""


def child(result, i):
    """What one worker has of a result."""
    if isinstance(result, tuple | list):
        parts = [child(part, i) for part in result]
        return parts if isinstance(result, list) else tuple(parts)
    return result.pointers[i] if isinstance(result, fp.MultiPointer) else result


ITERATED = ("poly", "roots")
"""NumPy iterates over their argument to find what it is; a MultiPointer has no items."""


@pytest.mark.parametrize("name", ITERATED)
def test_what_numpy_iterates_over_is_refused(cluster, name):
    mp = shards(tuple(cluster("julie", "toby")), [1.0, 2.0], [3.0, 4.0])
    with pytest.raises(TypeError, match="iterable"):
        getattr(np, name)(mp)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("first", sorted({name[0] for name, _ in ROWS}))
def test_every_row_of_the_tables_runs_on_each(processes, first):
    workers = list(processes("julie", "toby"))
    rows = [
        (name, call)
        for name, call in ROWS
        if name[0] == first and (first == "." or not lacks(name)) and name not in ITERATED
    ]
    for name, call in rows:
        theirs = [outcome(lambda d=d, call=call: call(local(d))) for d in (DATA, OTHER_DATA)]
        both = {name: (DATA[name], OTHER_DATA[name]) for name in DATA}
        arrays = _Both(both, workers)
        ours = outcome(lambda call=call, arrays=arrays: call(arrays))
        if name in table.VALUES:
            assert ours is all(theirs), name
        elif isinstance(ours, Exception):
            assert_alike(ours, next(t for t in theirs if isinstance(t, Exception)))
        else:
            for i, their in enumerate(theirs):
                assert_alike(outcome(lambda ours=ours, i=i: fetched(child(ours, i))), their)
        del ours, arrays
        try:
            workers[0]._session.sync()
        except (fp.RemoteError, fp.SeveralFailed):
            continue


class _Both(Arrays):
    """The sample data by attribute, as MultiPointers."""

    def __init__(self, data, workers):
        self._data, self._workers = data, workers

    def __getattr__(self, name):
        value = shards(self._workers, *self._data[name])
        setattr(self, name, value)
        return value


# ---------------------------------------------------------------- get


def test_the_sum(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    mp = shards((julie, toby, carol), [1, 2], [10, 20], [100, 200])
    total = mp.get_copy(sum_results=True)
    assert isinstance(total, fp.tensor)
    assert total.tolist() == [111, 222]
    assert mp.sum().get(sum_results=True) == 333
    assert mp.get(sum_results=True).tolist() == [111, 222]
    with pytest.raises(fp.PointerSpent):
        mp.get()


def test_what_cannot_be_added_is_not_lost(cluster):
    julie, toby = cluster("julie", "toby")
    mp = shards((julie, toby), [1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="broadcast"):
        mp.get(sum_results=True)
    chain = fp.combine_pointers(mp["julie"], mp["toby"].send(julie))
    with pytest.raises(fp.UsageError, match="leads to a pointer, not to data"):
        chain.get(sum_results=True)
    assert lists(mp.get_copy()) == [[1, 2], [1, 2, 3]]


def test_every_worker_is_asked_before_an_answer_is_awaited(cluster, monkeypatch):
    julie, toby, carol = cluster("julie", "toby", "carol")
    mp = shards((julie, toby, carol), [1], [2], [3])
    session, first_look = mp._session, []
    answer = session.answer

    def spied(key, *args):
        answers = session.core.answers
        first_look.append(len(answers._waiting) + len(answers.come))
        return answer(key, *args)

    monkeypatch.setattr(session, "answer", spied)
    for ask in (mp.get_copy, lambda: mp.shape, lambda: np.array_equal(mp, mp), mp.get):
        first_look.clear()
        ask()
        assert first_look[0] == 3


def test_a_failure_of_one_worker_leaves_every_handle_usable(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    mp = shards((julie, toby), [1, 2], [1, 2, 3]) + np.array([1, 1])
    with pytest.raises(ValueError, match="broadcast") as told:
        mp.get()
    assert "add on toby" in str(told.value)
    assert __file__ in str(told.value)
    del told
    run.sync()  # it was raised: it is not raised again
    assert mp["julie"].get().tolist() == [2, 3]
    with pytest.raises(ValueError, match="broadcast"):
        mp["toby"].get()


def test_an_error_names_the_callers_line(cluster):
    run = cluster("julie", "toby")
    a, b = shards(run, [1, 2], [1, 2]), shards(run, [1, 2], [1, 2, 3])
    frame = sys._getframe()
    bad, line = a + b, frame.f_lineno
    with pytest.raises(ValueError, match="add on toby") as told:
        bad.get()
    assert f"issued at {__file__}:{line}" in str(told.value)


def test_failures_of_several_workers_come_together_and_once(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    mp = fp.tensor([1, 2]).send(julie, toby) + np.arange(3)
    with pytest.raises(ValueError, match="add on julie") as told:
        mp.get()
    assert any("add on toby" in note for note in told.value.__notes__)
    run.sync()
    with pytest.raises(ValueError, match="add on julie"):
        mp.shape  # noqa: B018
    run.sync()


def test_pointers_that_came_beside_a_failure_are_given_back(cluster):
    run = cluster("julie", "toby", "carol")
    julie, toby, carol = run
    mp = fp.combine_pointers(sent([1], (julie, toby)), fp.send([2], carol), sent([3], (julie, toby)))
    carol.clear_objects()
    with pytest.raises(fp.ObjectGone):
        mp.get()
    assert not run._session.core.answers.come
    first, _, third = mp.pointers
    del mp
    first.free()
    assert values(julie) == [[3]], "what it had brought of the first was given back"
    assert fetched(third).tolist() == [3]


def test_a_failed_in_place_change_is_raised_by_the_next_wait(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    mp = shards((julie, toby), [1, 2], [1, 2, 3])
    mp += np.array([1, 1])
    with pytest.raises(ValueError, match="add on toby"):
        mp.get()
    assert lists(mp.get()) == [[2, 3], [1, 2, 3]]
    run.sync()


def test_a_timeout_names_the_pointer_and_leaves_no_question(processes):
    run = processes("julie", "toby", own=True)
    julie, toby = run
    mp = fp.tensor([1]).send(toby, julie)
    run.sync()
    pid = run.pids["julie"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(fp.DeadlineExceeded, match="julie"):
            mp.get(timeout=0.4)
        assert not run._session.core.answers._waiting
    finally:
        os.kill(pid, signal.SIGCONT)
    assert lists(mp.get()) == [[1], [1]]


# ---------------------------------------------------------------- places and handles


def test_move_to_one_worker(cluster):
    run = cluster("julie", "toby", "carol")
    julie, toby, carol = run
    mp = shards((julie, toby, carol), [1], [2], [3])
    ids = [p.id_at_location for p in mp.pointers]
    assert mp.move(carol) is mp
    assert mp.locations == (carol, carol, carol)
    assert sorted(values(carol)) == [[1], [2], [3]]
    assert [p.id_at_location for p in mp.pointers] == ids
    assert (values(julie), values(toby)) == ([], [])
    assert np.stack(mp.pointers).sum(axis=0).get().tolist() == [6]
    assert lists(mp.move(run.me)) == [[1], [2], [3]]


def test_one_id_twice_is_not_moved_together(cluster):
    julie, toby, carol = cluster("julie", "toby", "carol")
    mp = fp.tensor([1]).send(julie, toby)
    mp["toby"][0] = 2
    for where in (carol, julie):
        with pytest.raises(fp.UsageError, match=r"have one id(.|\n)*hint: mp\.copy\(\)\.move"):
            mp.move(where)
    assert (values(julie), values(toby), values(carol)) == ([[1]], [[2]], [])
    assert lists(mp.copy().move(carol).get()) == [[1], [2]]
    chains = fp.tensor([5]).send(carol).send(julie, toby)
    chains.move(carol)  # one pointer twice is no loss
    assert lists(fetched(p) for p in chains.pointers) == [[5], [5]]


def test_copy_clone_free_and_with(cluster):
    julie, toby = cluster("julie", "toby")
    mp = shards((julie, toby), [1], [2])
    with mp.copy() as other:
        other += 10
        assert lists(other.get_copy()) == [[11], [12]]
    with pytest.raises(fp.PointerSpent, match="it was freed"):
        other + 1
    handle = mp.clone()
    handle += 1
    mp.free()
    assert (values(julie), values(toby)) == ([[2]], [[3]])
    with handle:
        handle["julie"].free()
    assert (values(julie), values(toby)) == ([], [])
    with pytest.raises(fp.PointerSpent):
        mp.free()


def test_a_spent_pointer_stops_everything_before_it_begins(cluster):
    julie, toby = cluster("julie", "toby")
    mp = shards((julie, toby), [1], [2])
    mp["toby"].get()
    for call in (
        lambda: mp + 1, lambda: operator.iadd(mp, 1), mp.get, mp.free, lambda: mp.shape, lambda: mp.move(toby)
    ):  # fmt: skip
        with pytest.raises(fp.PointerSpent, match="was fetched"):
            call()
    assert values(julie) == [[1]]


def test_it_owns_what_it_points_at(cluster):
    julie, toby = cluster("julie", "toby")
    mp = fp.tensor([1]).send(julie, toby)
    p = mp.pointers[0]
    del mp
    assert (values(julie), values(toby)) == ([[1]], [])
    assert p.get().tolist() == [1]


# ---------------------------------------------------------------- modes, ends, threads


def test_synchronous_mode(cluster):
    run = cluster("julie", "toby", sync=True)
    julie, toby = run
    mp = shards((julie, toby), [1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="add on toby"):
        mp + np.array([1, 1])
    assert [len(values(w)) for w in (julie, toby)] == [1, 1], "a failed command leaves nothing behind"
    mp += 1
    assert lists((mp * 2).get()) == [[4, 6], [4, 6, 8]]
    assert lists(mp.get()) == [[2, 3], [2, 3, 4]]


def test_a_workers_death(cluster):
    run = cluster("julie", "toby", "carol", own=True)
    julie, toby, carol = run
    mp = shards((julie, toby, carol), [1], [2], [3])
    more = mp + 1
    lose(run, "toby")
    calls = (mp.get, mp.get_copy, lambda: mp.shape, lambda: mp + 1, lambda: operator.iadd(mp, 1), more.get,
             lambda: mp.move(julie), lambda: mp == mp)  # fmt: skip
    for call in calls:
        with pytest.raises(fp.WorkerLost, match="toby"):
            call()
    assert not run._session.core.answers._waiting, "no question is left"
    assert (values(julie), values(carol)) == ([[1], [2]], [[3], [4]]), "nothing was done to the others"
    assert "toby" in repr(mp)
    left = fp.combine_pointers([p for p in mp.pointers if p.location in run.workers])
    assert lists(left.get()) == [[1], [3]]
    assert more["carol"].get().tolist() == [4]
    with mp, more:
        pass
    assert values(julie) == []


def test_a_death_while_it_waits(processes):
    run = processes("julie", "toby", own=True)
    julie, toby = run
    mp = shards((julie, toby), [1], [2])
    run.sync()
    pid = run.pids["toby"]
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    try:
        with pytest.raises(fp.WorkerLost, match="toby"):
            mp.get()
    finally:
        killer.join()
    assert mp["julie"].get().tolist() == [1]


def test_threads_share_a_multipointer(cluster):
    julie, toby = cluster("julie", "toby")
    mp = fp.tensor([0]).send(julie, toby)
    caught = []

    def add():
        try:
            for _ in range(20):
                mp.__iadd__(1)
        except BaseException as error:
            caught.append(error)

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not caught
    assert lists(mp.get()) == [[60], [60]]


# ---------------------------------------------------------------- what it is for


def test_gradients_of_three_workers_are_averaged_on_a_fourth(cluster):
    run = cluster("julie", "toby", "carol", "alice")
    *holders, aggregator = run
    rng = np.random.default_rng(0)
    xs, true = [rng.normal(size=(40, 50)) for _ in holders], rng.normal(size=50)
    ys = [x @ true for x in xs]
    x, y = shards(holders, *xs), shards(holders, *ys)
    local_w = np.zeros(50)

    def cells():
        rows = run.traffic()
        return (
            sum(t.value_bytes for t in rows if t.destination == "me"),
            sum(t.value_bytes for t in rows if t.what == "pushed" and t.destination == "alice"),
        )

    for _ in range(3):
        before = cells()
        weights = fp.tensor(local_w).send(*holders)
        gradients = x.T @ (x @ weights - y) / 40
        gradients.move(aggregator)
        mean = np.mean(np.stack(gradients.pointers), axis=0).get()
        assert [b - a for a, b in zip(before, cells(), strict=True)] == [400, 1200], "only the mean was fetched"
        ours = np.mean([a.T @ (a @ local_w - b) / 40 for a, b in zip(xs, ys, strict=True)], axis=0)
        np.testing.assert_allclose(mean, ours)
        local_w = local_w - 0.1 * mean
