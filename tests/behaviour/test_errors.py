"""Errors are values: what failed raises where it is needed, says where and why, once; the workers live on."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent


def line_here():
    frame = sys._getframe(1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def seen(run):
    """Take note of what failed, so that it is not left unseen."""
    with pytest.raises((fp.RemoteError, fp.SeveralFailed, fp.ObjectGone)):
        run.sync()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_an_error_has_its_type_and_says_where(cluster, depth):
    run = cluster("julie", "toby", "alice")
    way = list(run)[:depth]
    p = sent([1, 2], way)
    bad, line = p + np.arange(3), line_here()
    pointer = bad
    for _ in range(depth - 1):
        pointer = pointer.get()
    with pytest.raises(fp.RemoteError) as told:
        pointer.get()
    error = told.value
    assert isinstance(error, ValueError)
    assert type(error).__name__ == "ValueError"
    text = str(error)
    assert "operands could not be broadcast together with shapes (2,) (3,)" in text
    assert "add on julie" in text
    assert (f"hop {depth - 1}" in text) == (depth > 1)
    assert f"issued at {line}" in text
    assert "Traceback" in error.__notes__[0]
    assert "remote traceback (julie)" in error.__notes__[0]
    assert (error.report.operation, error.report.hop) == ("add", depth - 1)
    run.sync()  # it was raised: it is not raised again


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda p: p @ np.zeros((5, 5)), ValueError),
        (lambda p: p[17], IndexError),
        (lambda p: p.sum(axis=5), IndexError),
        (lambda p: p.sum(axis=5), ValueError),
        (lambda p: p & 1.5, TypeError),
        (lambda p: p.reshape(7), ValueError),
        (lambda p: np.linalg.inv(np.zeros_like(p).reshape(1, 2)), ValueError),
        (lambda p: p.astype("no such type"), TypeError),
        (lambda p: p.sum(no_such_keyword=1), TypeError),
        (lambda p: p << p.astype("M8[s]"), TypeError),
    ],
)
def test_the_originals_type_is_kept(cluster, call, kind):
    run = cluster("julie")
    (julie,) = run
    p = sent([1, 2], (julie,))
    with pytest.raises(kind) as told:
        call(p).get()
    assert isinstance(told.value, fp.RemoteError)
    with pytest.raises(fp.RemoteError):
        call(p).shape  # noqa: B018
    assert (p + 1).get().tolist() == [2, 3]


def test_what_depends_on_a_failure_fails_alike(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p = sent([1, 2], (julie, toby))
    bad, line = p + np.arange(3), line_here()
    for ask in (lambda p: p.get().get(), lambda p: p.shape, float):
        with pytest.raises(ValueError, match="broadcast") as told:
            ask((bad * 2).sum())
        assert "add on julie" in str(told.value)
        assert line in str(told.value)
    run.sync()
    assert fetched(p + 1).tolist() == [2, 3]


def test_an_error_nobody_asks_for_is_raised_by_sync_once(cluster):
    run = cluster("julie")
    (julie,) = run
    p = sent([1, 2], (julie,))
    p + np.arange(3)
    with pytest.raises(ValueError, match="broadcast"):
        run.sync()
    run.sync()
    assert list(julie._objects) == [p.id_at_location]


def test_several_errors_come_as_a_group(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p, q = sent([1, 2], (julie,)), sent([1, 2], (toby,))
    p + np.arange(3)
    q[9]
    q.sum(axis=3)
    with pytest.raises(fp.SeveralFailed) as told:
        run.sync()
    group = told.value
    assert isinstance(group, ExceptionGroup)
    assert isinstance(group, fp.FarptrError)
    assert {type(e).__name__ for e in group.exceptions} == {"ValueError", "IndexError", "AxisError"}
    assert "3 commands failed" in str(group)
    caught = []
    try:
        raise group
    except* IndexError as part:
        caught += part.exceptions
    except* ValueError as part:
        caught += part.exceptions
    assert len(caught) == 3
    run.sync()


def test_a_failed_in_place_operation_leaves_the_value(cluster):
    run = cluster("julie", "toby")
    p = sent([1, 2], list(run))
    p += np.arange(3)
    with pytest.raises(ValueError, match="broadcast"):
        run.sync()
    assert fetched(p).tolist() == [1, 2]
    p.put([0, 99], [5, 6])
    with pytest.raises(IndexError):
        run.sync()
    assert fetched(p).tolist() == [1, 2]
    run.sync()


def test_a_failed_in_place_operation_is_raised_at_the_next_use_once(cluster):
    run = cluster("julie")
    (julie,) = run
    p = sent([1, 2], (julie,))
    p[5] = 1
    with pytest.raises(IndexError, match="out of bounds"):
        p.get()
    assert p.get_copy().tolist() == [1, 2]
    run.sync()


def test_two_failed_in_place_operations_are_both_raised(cluster):
    run = cluster("julie")
    (julie,) = run
    p = sent([1, 2], (julie,))
    p[5] = 1
    p += np.arange(3)
    with pytest.raises(fp.SeveralFailed) as told:
        run.sync()
    assert [type(e).__name__ for e in told.value.exceptions] == ["IndexError", "ValueError"]
    assert p.get().tolist() == [1, 2]


def test_an_error_travels_up_a_long_chain_and_leaves_nothing(cluster):
    run = cluster("julie", "toby", "alice")
    julie, toby, alice = run
    p = sent([1, 2], (julie, toby, alice))
    bad = p + np.arange(3)
    with pytest.raises(ValueError, match=r"add on julie, hop 2"):
        bad.get().get().get()
    del bad
    assert [len(w._objects) for w in run] == [1, 1, 1]
    assert fetched(p * 2).tolist() == [2, 4]


def test_moving_and_sending_a_failure(cluster):
    run = cluster("julie", "toby", "alice")
    julie, toby, alice = run
    bad = sent([1, 2], (julie,)) + np.arange(3)
    bad.move(toby)
    chain = bad.send(alice)
    assert "failed: ValueError" in repr(toby._objects)
    with pytest.raises(ValueError, match="broadcast"):
        (chain + 1).get().get()
    with pytest.raises(ValueError, match="broadcast"):
        chain.get().get()
    del chain
    run.sync()


def test_an_object_that_is_gone_says_so(cluster):
    run = cluster("julie", "toby")
    julie, toby = run
    p = sent([1], (julie,))
    pp = p.send(toby)
    del pp
    run.sync()
    with pytest.raises(fp.ObjectGone) as told:
        (p + 1).get()
    assert isinstance(told.value, LookupError)
    assert f"object {p.id_at_location} is gone" in str(told.value)
    assert "add on julie" in str(told.value)
    with pytest.raises(fp.ObjectGone):
        p.shape  # noqa: B018
    p + 1
    seen(run)


def test_errors_and_their_families():
    errors = [name for name, home in fp._HOMES.items() if home == "farptr.protocol.errors"]
    assert len(errors) > 20
    for name in errors:
        assert issubclass(getattr(fp, name), fp.FarptrError)
    assert issubclass(fp.PointerSpent, AttributeError)
    assert issubclass(fp.NotCollocated, ValueError)
    assert issubclass(fp.UnknownWorker, LookupError)
    assert issubclass(fp.WorkerLost, ConnectionError)
    assert issubclass(fp.DeadlineExceeded, TimeoutError)


# ---------------------------------------------------------------- sync mode


def test_in_sync_mode_an_error_comes_at_its_line(cluster):
    run = cluster("julie", "toby", sync=True)
    julie, toby = run
    p = sent([1, 2], (julie, toby))
    with pytest.raises(ValueError, match="broadcast"):
        p + np.arange(3)
    with pytest.raises(IndexError):
        p[7]
    with pytest.raises(IndexError):
        p[7] = 1
    with pytest.raises(ValueError, match="broadcast"):
        p += np.arange(3)
    with pytest.raises(ValueError, match="equal division"):
        np.split(p, 5)
    assert [len(w._objects) for w in run] == [1, 1], "a failed command left something"
    assert fetched(p + 1).tolist() == [2, 3]


def test_sync_mode_comes_from_the_environment(processes, monkeypatch):
    monkeypatch.setenv("FARPTR_SYNC", "1")
    with fp.up("julie") as run:
        p = sent([1, 2], tuple(run))
        with pytest.raises(ValueError, match="broadcast"):
            p + np.arange(3)
        del p
    with fp.up("julie", sync=False) as run:
        p = sent([1, 2], tuple(run))
        p + np.arange(3)
        with pytest.raises(ValueError, match="broadcast"):
            run.sync()
        del p
    monkeypatch.setenv("FARPTR_SYNC", "0")
    with fp.up("julie") as run:
        p = sent([1, 2], tuple(run))
        p + np.arange(3)
        seen(run)
        del p
