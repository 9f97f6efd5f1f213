"""Bad input: one clear typed error each, the workers live on, nothing is lost or left behind."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent
from tests.conftest import until


def still_works(run):
    for worker in run:
        assert fetched(sent([1, 2], (worker,)) + 1).tolist() == [2, 3]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Julie", "did you mean 'julie'?"), ("tobi", "did you mean 'toby'?"), ("xyz", "there is julie, toby"),
     ("", "there is")],
)  # fmt: skip
def test_an_unknown_worker(cluster, name, hint):
    run = cluster("julie", "toby")
    with pytest.raises(fp.UnknownWorker) as told:
        run[name]
    assert f"no worker called {name!r}" in str(told.value)
    assert hint in str(told.value)
    assert name not in run
    assert "julie" in run


@pytest.mark.parametrize("index", [2, -3, 99])
def test_an_unknown_number(cluster, index):
    run = cluster("julie", "toby")
    with pytest.raises(fp.UnknownWorker, match="this run has 2"):
        run[index]
    assert (run[0].name, run[-1].name, len(run)) == ("julie", "toby", 2)


@pytest.mark.parametrize(
    ("names", "message"),
    [(("julie", "julie"), "two workers would be called 'julie'"), (("me",), "reserved"), (("broker",), "reserved"),
     (("two words",), "not a legal name"), (("",), "not a legal name"), (("1st",), "not a legal name"),
     (("a/b",), "not a legal name"), (("x" * 33,), "not a legal name"), (("julié",), "not a legal name"),
     ((), "needs a worker"), ((0,), "needs a worker"), ((None,), "not a legal name"), ((True,), "not a legal name"),
     ((b"julie",), "not a legal name"), ((-1,), "needs a worker"), ((2, "w1"), "two workers")],
)  # fmt: skip
def test_illegal_names(names, message):
    with pytest.raises(fp.BadName, match=message) as told:
        fp.up(*names)
    assert isinstance(told.value, ValueError)


def test_an_illegal_name_for_a_run():
    for name in ("", "a b", "../x", "p-1-00000000"):
        with pytest.raises(fp.BadName):
            fp.up("julie", name=name)


def test_workers_by_number(processes):
    run = processes(2, "toby", own=True)
    assert [worker.name for worker in run] == ["w1", "w2", "toby"]


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    "value",
    [np.array([object()]), [{}, object()], np.zeros(2, [("a", int)]), np.ma.masked_array([1, 2], [0, 1]),
     np.array([1]).view(np.matrix), object(), lambda: 1, {"a": {1}}],
    ids=["object", "list of objects", "structured", "masked", "matrix", "an object", "function", "set in a dict"],
)  # fmt: skip
def test_what_cannot_travel(cluster, value):
    run = cluster("julie")
    (julie,) = run
    with pytest.raises(fp.UnsupportedValue, match="cannot be sent") as told:
        fp.send(value, julie)
    assert isinstance(told.value, TypeError)
    p = fp.tensor([1, 2]).send(julie)
    with pytest.raises(fp.UnsupportedValue):
        p + value
    with pytest.raises(fp.UnsupportedValue):
        np.concatenate([p, value])
    still_works(run)


def test_an_object_array_is_no_tensor():
    with pytest.raises(fp.UnsupportedValue, match="dtype object cannot be sent"):
        fp.tensor([None, 1])


def test_an_operation_that_gives_objects(cluster):
    run = cluster("julie")
    p = sent([1, 2], tuple(run))
    with pytest.raises(fp.UnsupportedValue, match="dtype object cannot be sent"):
        p.astype("O").get()
    with pytest.raises(fp.UnsupportedValue, match="a type cannot travel"):
        p.astype(object)
    still_works(run)


def test_arguments_too_deep(cluster):
    run = cluster("julie")
    p = sent([1, 2], tuple(run))
    deep = [1]
    for _ in range(40):
        deep = [deep]
    with pytest.raises(fp.UnsupportedValue, match="nested"):
        np.searchsorted(p, deep)
    still_works(run)


def test_ragged_and_wrong_arguments(cluster):
    run = cluster("julie")
    (julie,) = run
    with pytest.raises(ValueError, match="inhomogeneous"):
        fp.send([[1], [2, 3]], julie)
    with pytest.raises(fp.UsageError, match="is not a worker"):
        fp.send([1], "julie")
    p = fp.tensor([1]).send(julie)
    for call in (fp.tensor([1]).send, p.send, p.move):
        with pytest.raises(fp.UsageError, match=r"'julie' is not a worker\nhint: sim\['julie'\]"):
            call("julie")
    assert p.get().tolist() == [1]


def test_numbers_of_every_size(cluster):
    run = cluster("julie")
    p = sent([1], tuple(run))
    assert (p + 2**40).get().tolist() == [2**40 + 1]
    # NumPy 2 refuses it; NumPy 1 makes an array of objects, which does not travel.
    with pytest.raises((OverflowError, fp.UnsupportedValue)):
        (p + 2**200).get()
    still_works(run)


# ---------------------------------------------------------------- places


def test_operands_on_different_workers(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p, q = fp.tensor([1]).send(julie), fp.tensor([2]).send(toby)
    for call in (lambda: p + q, lambda: np.concatenate([p, q]), lambda: p.__iadd__(q), lambda: np.where(p, q, 0)):
        with pytest.raises(fp.NotCollocated, match=r"has its data on julie; .* has its data on toby"):
            call()
    with pytest.raises(fp.NotCollocated):
        p[q] = 1
    assert (p.get().tolist(), q.get().tolist()) == ([1], [2])


def test_a_chain_and_its_own_far_end(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p = fp.tensor([1]).send(julie)
    pp = p.clone().send(toby)
    with pytest.raises(fp.NotCollocated, match="by way of toby"):
        p + pp
    assert (p + pp.get()).get().tolist() == [2]


def test_pointers_of_two_runs(processes):
    one, two = processes("julie", own=True), processes("julie", own=True)
    p, q = sent([1], tuple(one)), sent([2], tuple(two))
    with pytest.raises(fp.UsageError, match="different runs"):
        p + q
    with pytest.raises(fp.UsageError, match="another run"):
        p.send(two["julie"])
    x = p.get()
    assert (q + x).get().tolist() == [3]
    x.send(two["julie"]).free()


def test_moving_to_a_worker_of_another_run(processes):
    one, two = processes("julie", "toby", own=True), processes("julie", "toby", own=True)
    p = sent([1], (one["julie"],))
    with pytest.raises(fp.UsageError, match="another run"):
        p.move(two["toby"])
    assert p.get().tolist() == [1]


# ---------------------------------------------------------------- handles


def test_a_second_get(cluster):
    (julie,) = cluster("julie")
    p = fp.tensor([1]).send(julie)
    p.get()
    calls = (
        p.get, p.get_copy, p.clone, p.free, p.copy, lambda: p + 1, lambda: 1 + p, lambda: np.sum(p), lambda: p.shape,
        lambda: len(p), lambda: float(p), lambda: p.move(julie), lambda: p.send(julie), p.remote_get,
    )  # fmt: skip
    for call in calls:
        with pytest.raises(fp.PointerSpent, match="fetched with get"):
            call()
    with pytest.raises(fp.PointerSpent):
        p[0] = 1
    with pytest.raises(fp.PointerSpent):
        p += 1
    with pytest.raises(fp.PointerSpent):
        fp.tensor([1]).send(julie) + p


def test_an_object_that_moved_away_is_found(cluster):
    julie, toby = cluster("julie", "toby")
    p = fp.tensor([1]).send(julie)
    q = p.clone()
    p.move(toby)
    assert fetched(q + 1).tolist() == [2]


def test_a_broadcast_error_at_the_far_end_of_three_hops(cluster):
    run = cluster("julie", "toby", "alice")
    p = sent([1, 2], tuple(run))
    bad = p + np.arange(3)
    with pytest.raises(ValueError, match=r"shapes \(2,\) \(3,\).*add on julie, hop 2"):
        bad.get().get().get()
    assert [len(w._objects) for w in run] == [1, 1, 1]
    still_works(run)


def test_a_run_that_was_closed(processes):
    run = processes("julie", own=True)
    (julie,) = run
    p = fp.tensor([1]).send(julie)
    run.close()
    calls = (p.get, lambda: p + 1, lambda: fp.tensor([1]).send(julie), run.sync, run.traffic, lambda: julie._objects)
    for call in calls:
        with pytest.raises(fp.SessionClosed, match="run was closed"):
            call()
    assert "#objects:?" in repr(julie)
    assert "PointerTensor" in repr(p)
    run.close()


def test_closing_while_another_thread_waits(processes):
    run = processes("julie", own=True)
    (julie,) = run
    julie_pid = run.pids["julie"]
    caught = []
    p = fp.tensor([1]).send(julie)
    run.sync()
    os.kill(julie_pid, signal.SIGSTOP)

    def wait():
        try:
            p.get_copy(timeout=None)
        except fp.FarptrError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: run._session.link.leader is not None)
    run.close()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(caught[0], fp.SessionClosed)


def test_a_message_over_the_limit_is_refused_here(cluster, monkeypatch):
    run = cluster("julie")
    (julie,) = run
    monkeypatch.setattr("farptr.protocol.values.MAX_VALUE_BYTES", 1000)
    with pytest.raises(fp.MessageTooLarge, match="over the limit of 1000"):
        fp.tensor(np.zeros(1000)).send(julie)
    p = fp.tensor([1.0]).send(julie)
    with pytest.raises(fp.MessageTooLarge):
        p + np.zeros(1000)
    assert p.get().tolist() == [1.0]
    monkeypatch.undo()
    still_works(run)
