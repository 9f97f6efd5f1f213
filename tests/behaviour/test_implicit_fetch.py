"""``fp.implicit_fetch``: what it lets NumPy fetch, for how long and for whom, and that it is counted."""

from __future__ import annotations

import asyncio
import logging
import threading

import numpy as np
import pytest

import farptr as fp
from tests.behaviour.far import sent
from tests.behaviour.test_never_moves import REFUSED, fetched_bytes, secret

__all__ = ["secret"]

WANTED = {
    "asarray": (np.asarray, 40_000),
    "array of another dtype": (lambda p: np.array(p, dtype="f4"), 40_000),
    "tolist": (lambda p: np.array(p.tolist()), 40_000),
    "tobytes": (lambda p: np.frombuffer(p.tobytes()), 40_000),
    "fp.tensor": (fp.tensor, 40_000),
    "a masked array's operation": (lambda p: np.ma.array(np.zeros(5000)) + p, 40_000),
    "interpolation into a local array": (lambda p: np.add(np.zeros(5000), np.asarray(p)), 40_000),
}


@pytest.mark.parametrize("name", WANTED)
def test_what_is_allowed_is_fetched_and_counted(secret, name):
    run, p, _ = secret()
    before = fetched_bytes(run)[0]
    call, size = WANTED[name]
    with fp.implicit_fetch("allow"):
        found = call(p)
    np.testing.assert_array_equal(found, np.arange(5000.0))
    assert fetched_bytes(run)[0] - before == size
    assert p.shape == (5000,), "the pointer stays usable"


def test_values_for_functions_that_show_or_save_them(cluster, tmp_path):
    p = sent(np.arange(3), tuple(cluster("julie", "toby")))
    with fp.implicit_fetch("allow"):
        assert np.array_repr(p) == "array([0, 1, 2])"
        assert np.array_str(p) == "[0 1 2]"
        np.save(tmp_path / "x.npy", p)
        np.savez(tmp_path / "x.npz", a=p)
        assert p.item(2) == 2
        assert np.arange(10)[p].tolist() == [0, 1, 2]
        assert np.array([p, p]).shape == (2, 3)
    assert np.load(tmp_path / "x.npy").tolist() == np.load(tmp_path / "x.npz")["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["array2string", "array_repr", "array_str", "save", "savetxt", "savez"])
def test_functions_that_need_the_values_are_refused_elsewhere(cluster, tmp_path, name):
    p = sent(np.arange(3), tuple(cluster("julie")))
    arguments = (tmp_path / "x", p) if name.startswith("save") else (p,)
    with pytest.raises(fp.ImplicitFetchError, match=rf"np\.{name} would fetch .*\nhint: \.get\(\) fetches it"):
        getattr(np, name)(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_it_holds_inside_the_block_alone(cluster):
    p = sent([1, 2], tuple(cluster("julie")))
    with fp.implicit_fetch("allow"):
        with fp.implicit_fetch("refuse"), pytest.raises(fp.ImplicitFetch):
            np.asarray(p)
        assert np.asarray(p).tolist() == [1, 2]
    with pytest.raises(ZeroDivisionError), fp.implicit_fetch("allow"):
        _ = 1 / 0
    with pytest.raises(fp.ImplicitFetch):
        np.asarray(p)


def test_it_holds_in_this_thread_and_in_tasks_started_inside(cluster):
    p = sent([1, 2], tuple(cluster("julie")))
    caught = []

    def elsewhere():
        try:
            np.asarray(p)
        except fp.ImplicitFetch as error:
            caught.append(str(error))

    async def task():
        return np.asarray(p).tolist()

    async def main():
        with fp.implicit_fetch("allow"):
            inside = asyncio.ensure_future(task())
        return await inside

    with fp.implicit_fetch("allow"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(caught) == 1
    assert asyncio.run(main()) == [1, 2]


def test_the_log_says_what_how_much_and_where(cluster, caplog):
    p = sent([1, 2], tuple(cluster("julie")))
    with caplog.at_level(logging.WARNING, "farptr"), fp.implicit_fetch("log"):
        np.asarray(p)
        np.array_repr(p)
    texts = [record.getMessage() for record in caplog.records if record.name == "farptr"]
    assert len(texts) == 2
    assert "making an array of it fetched 16 bytes" in texts[0]
    assert "np.array_repr fetched 16 bytes" in texts[1]
    assert all("test_implicit_fetch.py:" in text and "julie:" in text for text in texts)


def test_a_mode_that_there_is_not():
    with (
        pytest.raises(fp.UsageError, match=r"no mode 'yes'\nhint: one of 'refuse', 'allow', 'log'"),
        fp.implicit_fetch("yes"),
    ):
        raise AssertionError


def test_what_stays_refused(cluster):
    julie, toby = cluster("julie", "toby")
    several = fp.tensor([1, 2]).send(julie, toby)
    p = fp.tensor([1, 2]).send(julie)
    with fp.implicit_fetch("allow"):
        with pytest.raises(fp.ImplicitFetch):
            np.asarray(several)
        with pytest.raises(ValueError, match="none without a copy"):
            p.__array__(copy=False)
        with pytest.raises(fp.UnsupportedOperation):
            np.add(p, 1, out=np.zeros(2))
        assert isinstance(p + 1, fp.Pointer), "operations still run where the data is"


def test_the_other_name_is_the_same_class():
    assert fp.ImplicitFetchError is fp.ImplicitFetch
    assert set(REFUSED) >= {"asarray", "array", "assignment"}


# ---------------------------------------------------------------- one element, as an index


def test_an_integer_without_dimensions_is_an_index(cluster):
    way = tuple(cluster("julie", "toby"))
    two = sent(2, way)
    assert np.arange(5.0)[two] == 2.0
    assert "abc"[two] == "c"
    assert list(range(two)) == [0, 1]
    assert [10, 20, 30][sent(np.array([0, 2]), way)[1]] == 30


@pytest.mark.parametrize("value", [[2], 2.0, True, [0, 1], "a"], ids=repr)
def test_anything_else_is_no_index(cluster, value):
    p = sent(value, tuple(cluster("julie")))
    with pytest.raises(TypeError):
        [1, 2, 3][p]
    with pytest.raises(fp.ImplicitFetch, match=r"\.get\(\)"):
        np.arange(5)[p]


def test_local_arrays_are_not_indexed_by_pointers(cluster):
    p = sent([1, 0], tuple(cluster("julie")))
    local = np.arange(4.0).reshape(2, 2)
    for call in (lambda: local[p], lambda: local[p > 0], lambda: local[p, 0], lambda: local.take(p),
                 lambda: local.__setitem__(p, 1), lambda: local.__setitem__(0, p)):  # fmt: skip
        with pytest.raises(fp.ImplicitFetch, match=r"\.get\(\)"):
            call()
    assert local.tolist() == [[0, 1], [2, 3]]
