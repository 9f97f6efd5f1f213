"""Operands and arguments of NumPy operations that cannot be: one typed error each, nothing changed, all live on."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import fractions

import numpy as np
import numpy.lib.recfunctions  # which NumPy does not import by itself
import pytest

import farptr as fp
from tests.behaviour.far import fetched, sent


@pytest.fixture
def run(cluster):
    """Two workers that, whatever a test did to them, still work."""
    run = cluster("julie", "toby")
    yield run
    with contextlib.suppress(fp.RemoteError, fp.SeveralFailed):
        run.sync()
    for worker in run:
        assert fetched(sent([1, 2], (worker,)) + 1).tolist() == [2, 3]


# ---------------------------------------------------------------- places

ELSEWHERE = {
    "where=": lambda p, q: np.sum(p, where=q > 0),
    "where= and out=": lambda p, q: np.add(p, 1, where=q > 0, out=p),
    "out=": lambda p, q: np.add(p, 1, out=q),
    "an index": lambda p, q: p[q],
    "assigned": lambda p, q: p.__setitem__(0, q),
    "in a list": lambda p, q: np.choose(p, [q, q]),
    "in a slice": lambda p, q: p[q[0] :],
    "in place": lambda p, q: np.copyto(p, q),
    "in place by name": lambda p, q: np.putmask(p, mask=q > 0, values=q),
    "at": lambda p, q: np.add.at(p, q, 1),
    "flat": lambda p, q: p.flat.__setitem__(0, q[0]),
    "a part of it": lambda p, q: setattr(p, "real", q),
    "linear algebra": lambda p, q: np.linalg.multi_dot([p, q]),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_operands_on_different_workers(run, name):
    julie, toby = run
    p, q = sent([0, 1], (julie,)), sent([0, 1], (toby,))
    with pytest.raises(fp.NotCollocated, match=r"(?s)on julie.*on toby|on toby.*on julie") as told:
        ELSEWHERE[name](p, q)
    assert "move() one of them first" in str(told.value)
    assert (fetched(p).tolist(), fetched(q).tolist()) == ([0, 1], [0, 1])


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_chain_beside_a_direct_pointer(run, name):
    julie, toby = run
    p, chain = sent([0, 1], (julie,)), sent([0, 1], (julie, toby))
    with pytest.raises(fp.NotCollocated, match="by way of toby"):
        ELSEWHERE[name](p, chain)
    assert fetched(p).tolist() == [0, 1]


# ---------------------------------------------------------------- values that do not travel

HINTS = {
    "masked array": (np.ma.masked_array([1, 2], [0, 1]), "the mask as an array of its own"),
    "matrix": (np.array([[1, 2]]).view(np.matrix), r"np\.asarray\(x\)"),
    "memoryview": (memoryview(b"ab"), r"np\.asarray\(x\)"),
    "bytearray": (bytearray(b"ab"), r"np\.asarray\(x\)"),
    "generator": ((i for i in [1, 2]), r"list\(x\)"),
    "random generator": (np.random.default_rng(0), "draw numbers here"),
    "function": (abs, "functions do not travel"),
    "ufunc": (np.add, "functions do not travel"),
    "set": ({1, 2}, "a list"),
    "dict": ({"a": 1}, "a list"),
    "date": (datetime.date(2020, 1, 1), r"np\.datetime64"),
    "Decimal": (decimal.Decimal(1), r"float\(x\)"),
    "Fraction": (fractions.Fraction(1, 2), r"float\(x\)"),
    "objects": (np.array([None, 1]), r"astype\(\)"),
    "structured": (np.zeros(2, [("a", int)]), r"astype\(\)"),
    "something": (object(), ""),
}


@pytest.mark.parametrize("name", HINTS)
def test_what_cannot_travel(run, name):
    value, hint = HINTS[name]
    p = sent([1.0, 2.0], (run["julie"],))
    calls = [
        lambda: p + value, lambda: np.concatenate([p, value]), lambda: np.add(1, p, where=value), lambda: p[value],
        lambda: p.__setitem__(0, value), lambda: np.putmask(p, value, 0),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(fp.UnsupportedValue, match=rf"(?s)cannot (be sent|travel).*{hint}"):
            call()
    assert fetched(p).tolist() == [1, 2]


@pytest.mark.parametrize("name", ["matrix", "masked array"])
def test_the_other_way_round(run, name):
    p = sent([1.0, 2.0], (run["julie"],))
    with pytest.raises((fp.UnsupportedValue, fp.ImplicitFetch)):
        HINTS[name][0] + p


@pytest.mark.parametrize("dtype", [object, "O", [("a", "f8")]], ids=repr)
def test_dtypes_that_do_not_travel(run, dtype):
    p = sent([1.0, 2.0], (run["julie"],))
    for call in (lambda: p.astype(dtype), lambda: np.add(p, 1, dtype=dtype), lambda: np.zeros(2, dtype, like=p)):
        with pytest.raises((fp.UnsupportedValue, fp.RemoteError)) as told:
            fetched(call())
        assert isinstance(told.value, TypeError)


def test_a_pointer_is_no_buffer_and_no_source_of_random_numbers(run):
    p = sent([1.0, 2.0], (run["julie"],))
    with pytest.raises(TypeError):
        memoryview(p)
    rng = np.random.default_rng(0)
    for call in (rng.permutation, rng.choice, rng.normal, np.random.permutation):
        with pytest.raises(fp.ImplicitFetch):
            call(p)


# ---------------------------------------------------------------- targets

TARGETS = {
    "ufunc": lambda p, x: np.add(p, 1, out=x),
    "ufunc by place": lambda p, x: np.add(p, 1, x),
    "reduce": lambda p, x: np.add.reduce(p, out=x[:1].reshape(())),
    "function": lambda p, x: np.cumsum(p, out=x),
    "function by place": lambda p, x: np.cumsum(p, 0, None, x),
    "function in C by place": lambda p, x: np.concatenate([p[:1], p[1:]], 0, x),
    "method": lambda p, x: p.cumsum(out=x),
    "method by place": lambda p, x: p.clip(0, 1, x),
    "in-place operator": lambda p, x: x.__iadd__(p),
}


LEAKING = np.lib.NumpyVersion(np.__version__) < "2.5.0"
"""NumPy loses a reference to what refuses a ufunc's reduce, so that the pointer lives as long as the run."""


@pytest.mark.parametrize("name", [name for name in TARGETS if not (LEAKING and name == "reduce")])
def test_a_local_target(run, name):
    p, local = sent([1.0, 2.0], (run["julie"],)), np.zeros(2)
    with pytest.raises(fp.UnsupportedOperation, match=r"out= must be a pointer .*\nhint: leave it out"):
        TARGETS[name](p, local)
    assert local.tolist() == [0, 0]


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "in-place operator"])
def test_a_pointer_as_target(run, name):
    p, q = sent([1.0, 2.0], (run["julie"],)), sent([0.0, 0.0], (run["julie"],))
    TARGETS[name](p, q)
    local = np.zeros(2)
    TARGETS[name](np.array([1.0, 2.0]), local)
    assert fetched(q).tolist() == local.tolist()


def test_several_targets(run):
    way = (run["julie"],)
    p, whole, part = sent([1.5, 2.5], way), sent([0.0, 0.0], way), sent([0.0, 0.0], way)
    found = np.modf(p, out=(part, whole))
    assert found[0] is part
    assert found[1] is whole
    assert (fetched(part).tolist(), fetched(whole).tolist()) == ([0.5, 0.5], [1, 2])
    with pytest.raises(fp.UnsupportedOperation, match="a pointer for each result"):
        np.modf(p, out=(part, None))


def test_functions_in_place_on_a_local_array(run):
    p, local = sent([1, 0], (run["julie"],)), np.zeros(2)
    calls = {
        "copyto": lambda: np.copyto(local, p), "putmask": lambda: np.putmask(local, p > 0, 1),
        "place": lambda: np.place(local, p > 0, 1), "put": lambda: np.put(local, p, 1),
        "fill_diagonal": lambda: np.fill_diagonal(np.eye(2), p),
        "put_along_axis": lambda: np.put_along_axis(local, p, 1, 0),
    }  # fmt: skip
    for name, call in calls.items():
        with pytest.raises(fp.ImplicitFetch, match="would fetch the data") as told:
            call()
        assert name == "fill_diagonal" or f"np.{name} would" in str(told.value)  # that one NumPy does not ask about
    assert local.tolist() == [0, 0]


# ---------------------------------------------------------------- shapes, dtypes, sizes

FAILING = {
    "shapes": (lambda p: p + np.arange(3), ValueError, "broadcast"),
    "dtype": (lambda p: p & 1, TypeError, "not supported for the input types"),
    "casting": (lambda p: np.add(p, 1, dtype="i4", casting="no"), TypeError, "casting rule"),
    "index": (lambda p: p[5], IndexError, "out of bounds"),
    "kind of index": (lambda p: p[1.5], IndexError, "only integers"),
    "field": (lambda p: p["x"], IndexError, "only integers"),
    "axis": (lambda p: p.sum(axis=3), ValueError, "axis 3 is out of bounds"),
    "reshape": (lambda p: p.reshape(5), ValueError, "cannot reshape"),
    "argument": (lambda p: p.sum(nonsense=1), TypeError, "nonsense"),
    "signature": (lambda p: np.add(p, 1, signature="q->q"), ValueError, "type-string"),
    "integer": (lambda p: p + 10**400, OverflowError, "too large"),
    "linear algebra": (lambda p: np.linalg.inv(p), ValueError, "must be at least two-dimensional"),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_numpy_refuses(run, name):
    call, kind, words = FAILING[name]
    for way in ((run["julie"],), tuple(run)):
        p = sent([1.0, 2.0], way)
        with pytest.raises(kind, match=words) as told:
            fetched(call(p))
        assert isinstance(told.value, fp.RemoteError)
        assert "on julie" in str(told.value)


HUGE = {
    "zeros": lambda p: np.zeros(10**15, like=p),
    "repeat": lambda p: p.repeat(10**15),
    "outer": lambda p: np.multiply.outer(np.broadcast_to(p[0], 10**6), np.broadcast_to(p[0], 10**9)),
    "pad": lambda p: np.pad(p, 10**15),
    "more than there are addresses": lambda p: np.zeros((10**12, 10**12), like=p),
}


@pytest.mark.parametrize("name", HUGE)
def test_results_that_no_worker_can_hold(processes, name):
    julie, toby = processes("julie", "toby")
    for way in ((julie,), (julie, toby)):
        p = sent([1.0, 2.0], way)
        with pytest.raises((MemoryError, ValueError)) as told:
            fetched(HUGE[name](p))
        assert isinstance(told.value, fp.RemoteError)
        assert fetched(p + 1).tolist() == [2, 3]


# ---------------------------------------------------------------- what pointers do not have

REFUSED = {
    "a function of functions": (lambda p: np.apply_along_axis(np.sum, 0, p), "takes a function"),
    "a file": (lambda p: np.loadtxt("x.txt", like=p), "reads a file"),
    "structures": (lambda p: np.lib.recfunctions.structured_to_unstructured(p), "structured dtypes"),
    "a ufunc of the user's": (lambda p: np.frompyfunc(abs, 1, 1)(p), "not one that pointers have"),
    "an address": (lambda p: p.ctypes, "address in another process"),
    "memory": (lambda p: p.resize(5), "memory from under other views"),
    "a file to write": (lambda p: p.tofile("x"), "fetch the data and write it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pointers_do_not_have_says_why_and_what_instead(run, name):
    call, why = REFUSED[name]
    p = sent([1.0, 2.0], (run["julie"],))
    with pytest.raises(fp.UnsupportedOperation, match=rf"{why}.*\nhint: ."):
        call(p)


def test_integers_to_negative_powers_leave_what_was(run):
    """NumPy raises half way."""
    for change in (
        lambda p: p.__ipow__(np.array([1, 2, -1])), lambda p: np.power(p, [1, 2, -1], out=p),
        lambda p: np.power.at(p, [0, 1, 2], [1, 2, -1]),
    ):  # fmt: skip
        p = sent([2, 3, 4], (run["julie"],))
        with pytest.raises(ValueError, match="negative integer powers"):  # noqa: PT012 - at once, or when it is settled
            change(p)
            run.sync()
        assert fetched(p).tolist() == [2, 3, 4]


def test_dtypes_that_operations_give_and_that_do_not_travel(run):
    """Refused at the worker: what came would break the protocol."""
    p = sent(["", ""], (run["julie"],))
    assert fetched(np.char.partition(p, "x")).dtype == "U1"
    assert fetched(p.astype("S0")).dtype == "S1"
    for dtype in ("V8", "T"):
        with pytest.raises((fp.UnsupportedValue, fp.RemoteError)) as told:
            fetched(p.astype(dtype))
        assert isinstance(told.value, TypeError)


def test_an_in_place_change_that_fails_leaves_what_was(run):
    way = (run["julie"],)
    for change in (
        lambda p: np.add.at(p, [0, 1, 99], 1), lambda p: np.copyto(p, [1, 2, 3]), lambda p: p.put([0, 9], [7, 8]),
        lambda p: setattr(p, "flat", "x"), lambda p: p.__setitem__([0, 9], 5), lambda p: p.__iadd__(np.ones(3)),
        lambda p: np.add(p, "x", out=p), lambda p: p.__setitem__(slice(None), ["5", "x"]),
        lambda p: p.__setitem__(slice(None), np.array(["5", "x"])),
        lambda p: np.copyto(p, ["5", "x"], casting="unsafe"),
    ):  # fmt: skip
        p = sent([1.0, 2.0], way)
        with pytest.raises(fp.RemoteError):  # noqa: PT012 - at once, or when it is settled
            change(p)
            run.sync()
        assert fetched(p).tolist() == [1, 2]
