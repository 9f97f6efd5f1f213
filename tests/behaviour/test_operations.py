"""Every row of the operation tables against NumPy itself, one hop away and two, on real processes."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import farptr as fp
from farptr.client.numpy_functions import numpys
from farptr.protocol import operations as table
from farptr.worker import execute
from tests.behaviour import samples, samples_more
from tests.behaviour.far import assert_alike, far, fetched, local, outcome, sent
from tests.behaviour.samples import DATA

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture
def ways(processes):
    """The workers of a one-hop and of a two-hop chain."""
    julie, toby = processes("julie", "toby")
    return [(julie,), (julie, toby)]


def compare(ways, call):
    """A function of arrays gives the same on pointers as on arrays."""
    theirs = outcome(lambda: call(local(DATA)))
    for way in ways:
        arrays = far(DATA, way)
        assert_alike(outcome(lambda arrays=arrays: call(arrays)), theirs)
    settle(way[0])
    return theirs


def settle(worker):
    """See what failed, so that no failure is left for the fixture to complain about."""
    try:
        worker._session.sync()
    except (fp.RemoteError, fp.SeveralFailed):
        return


def argument(arrays, operand):
    return getattr(arrays, operand) if isinstance(operand, str) else operand


# ---------------------------------------------------------------- completeness


def test_every_row_has_a_sample():
    assert set(table.METHODS) == set(samples.METHODS)
    assert set(table.INPLACE_METHODS) == set(samples.INPLACE_METHODS)
    assert set(table.ATTRIBUTES) == set(samples.ATTRIBUTES)
    assert set(table.FUNCTIONS) == set(samples.FUNCTIONS)
    assert set(table.IN_PLACE_FUNCTIONS) == set(samples_more.IN_PLACE)
    assert set(table.ABOUT) == set(samples_more.ABOUT)


def lacks(path):
    """Whether the installed NumPy lacks a function, or lets no array override it; ``test_numpy_whole`` has the rest."""
    function = numpys(path)
    return function is None or (path.startswith("polynomial.") and not hasattr(function, "_implementation"))


def skip_if_lacking(path):
    if lacks(path):
        pytest.skip(f"NumPy {np.__version__} has no {path}")


def test_every_row_is_one_that_numpy_has():
    # By the name that the ufunc itself gives: np.true_divide calls itself "divide".
    ufuncs = [name for name in table.UFUNCS if not lacks(name)]
    assert [name for name in ufuncs if getattr(np, name).__name__ != name] == []
    functions = [f"np:{name}" for name in table.FUNCTIONS if not lacks(name)]
    for name in (*ufuncs, *functions, *(f".{m}" for m in table.METHODS)):
        assert callable(execute.find(name))


# ---------------------------------------------------------------- ufuncs and operators


@pytest.mark.parametrize("name", table.UFUNCS)
def test_ufuncs(ways, name):
    skip_if_lacking(name)
    ufunc = getattr(np, name)
    choices = samples.UNARY_OPERANDS if ufunc.nin == 1 else samples.BINARY_OPERANDS
    results = [compare(ways, lambda a, c=c: ufunc(*(argument(a, x) for x in c))) for c in choices]
    assert not all(isinstance(result, Exception) for result in results), "no sample of these does anything"


@pytest.mark.parametrize("method", table.UFUNC_METHODS)
def test_methods_of_ufuncs(ways, method):
    calls = {
        "reduce": [lambda a: np.add.reduce(a.f), lambda a: np.multiply.reduce(a.i, axis=1)],
        "accumulate": [lambda a: np.maximum.accumulate(a.f, axis=1)],
        "outer": [lambda a: np.subtract.outer(a.v, a.r), lambda a: np.add.outer([1, 2], a.r)],
        "reduceat": [lambda a: np.add.reduceat(a.s, [0, 2, 3])],
    }
    for call in calls[method]:
        assert not isinstance(compare(ways, call), Exception)


@pytest.mark.parametrize("middle", table.OPERATORS)
def test_binary_operators(ways, middle):
    run = divmod if middle == "divmod" else getattr(operator, f"__{middle}__")
    more = [("m", np.eye(3)), (np.eye(3), "m"), (np.float32(2), "f"), ("i", True), (3, "i")]
    choices = [*samples.BINARY_OPERANDS, *more]
    results = [compare(ways, lambda a, c=c: run(argument(a, c[0]), argument(a, c[1]))) for c in choices]
    assert not all(isinstance(result, Exception) for result in results)


@pytest.mark.parametrize("middle", table.COMPARISONS)
def test_comparisons(ways, middle):
    run = getattr(operator, middle)
    for c in [*samples.BINARY_OPERANDS, (np.arange(4), "v"), ("d", np.datetime64("2000-01-01"))]:
        compare(ways, lambda a, c=c: run(argument(a, c[0]), argument(a, c[1])))


@pytest.mark.parametrize("middle", table.UNARY)
def test_unary_operators(ways, middle):
    run = abs if middle == "abs" else getattr(operator, middle)
    for c in samples.UNARY_OPERANDS:
        compare(ways, lambda a, c=c: run(argument(a, c[0])))


# ---------------------------------------------------------------- methods, attributes, functions


@pytest.mark.parametrize("name", table.METHODS)
def test_methods(ways, name):
    for call in samples.METHODS[name]:
        compare(ways, call)


@pytest.mark.parametrize("name", table.ATTRIBUTES)
def test_attributes(ways, name):
    compare(ways, samples.ATTRIBUTES[name])


@pytest.mark.parametrize("name", table.FUNCTIONS)
def test_functions(ways, name):
    skip_if_lacking(name)
    for call in samples.FUNCTIONS[name]:
        compare(ways, call)


# ---------------------------------------------------------------- in place


def changed(ways, name, change):
    """An in-place change leaves what NumPy leaves, also when it fails; it makes no new object anywhere."""
    theirs = DATA[name].copy()
    before = theirs.copy()
    try:
        change(theirs)
        error = None
    except Exception as caught:
        error, theirs = caught, before
    for way in ways:
        pointer = sent(before, way)
        ids = [set(worker._objects) for worker in way]
        if error is None:
            change(pointer)
        else:
            with pytest.raises(fp.RemoteError) as told:  # noqa: PT012 - at once, or at the next sync
                change(pointer)
                way[0]._session.sync()
            assert_alike(told.value, error)
        assert_alike(fetched(pointer), theirs)
        # What an earlier exception kept alive may have gone meanwhile; nothing may have come.
        assert all(set(worker._objects) <= old for worker, old in zip(way, ids, strict=True))


@pytest.mark.parametrize("middle", [m for m in table.OPERATORS if m != "divmod"])
def test_in_place_operators(ways, middle):
    run = getattr(operator, f"__i{middle}__")

    def change(other):
        def do(x):
            assert run(x, other) is x

        return do

    other = np.eye(4)[:, :4] * 2 if middle == "matmul" else np.arange(1, 5)
    changed(ways, "i", change(other.astype(int)))
    changed(ways, "i", change(np.eye(5, dtype=int)))  # does not fit
    changed(ways, "f", change(other.astype(float)))


@pytest.mark.parametrize("name", table.INPLACE_METHODS)
def test_in_place_methods(ways, name):
    attribute, changes = samples.INPLACE_METHODS[name]
    for change in changes:
        changed(ways, attribute, change)


@pytest.mark.parametrize("name", table.IN_PLACE_FUNCTIONS)
def test_in_place_functions(ways, name):
    attribute, changes = samples_more.IN_PLACE[name]
    for change in changes:
        changed(ways, attribute, change)


@pytest.mark.parametrize("name", table.ABOUT)
def test_functions_of_shape_and_dtype(ways, name):
    for call in samples_more.ABOUT[name]:
        for way in ways:
            assert call(far(DATA, way)) == call(local(DATA))


def test_attributes_that_are_set(ways):
    def change(name, value):
        return lambda x: setattr(x, name, value)

    changed(ways, "c", change("real", 5))
    changed(ways, "c", change("imag", [1, 2, 3]))
    changed(ways, "c", change("imag", [1, 2]))
    changed(ways, "f", change("flat", [1, 2]))
    changed(ways, "f", change("real", 0.5))


def test_flat(ways):
    compare(ways, lambda a: a.f.flat[5])
    compare(ways, lambda a: a.f.flat[[0, -1]])
    compare(ways, lambda a: a.f.T.flat[2:7])
    compare(ways, lambda a: a.f.flat[99])
    compare(ways, lambda a: a.f.flat.copy())
    compare(ways, lambda a: tuple(a.r.flat))
    changed(ways, "f", lambda x: x.flat.__setitem__(slice(2, 5), [7, 8, 9]))
    changed(ways, "f", lambda x: x.flat.__setitem__([0, 99], 7))
    for way in ways:
        f = sent(DATA["f"], way)
        assert (len(f.flat), f.flat.base) == (12, f)


def test_flags(ways):
    for way in ways:
        f = sent(DATA["f"], way)
        assert (f.flags.c_contiguous, f.T.flags.f_contiguous, f.flags.writeable) == (True, True, True)
        assert (f.T.flags["C_CONTIGUOUS"], f.T.flags["F"], f[:, ::2].flags.contiguous) == (False, True, False)
        assert np.broadcast_to(f, (2, 3, 4)).flags.writeable is False
        with pytest.raises(KeyError):
            f.flags["nothing"]


def test_out_and_at(ways):
    changed(ways, "f", lambda x: np.add(x, 1, out=x))
    changed(ways, "f", lambda x: np.cumsum(x, axis=0, out=x))
    changed(ways, "i", lambda x: np.add.at(x, ([0, 0], [1, 1]), 5))
    changed(ways, "f", lambda x: x.clip(0, 1, out=x))
    changed(ways, "f", lambda x: np.divide(x, 2, out=x, where=x > 0))


@pytest.mark.parametrize(
    "index",
    [0, -1, (0, 1), slice(1, None), (slice(None), 2), ..., None, (..., 0), [0, 2], np.array([2, 0]),
     (slice(None), [1, 3]), (slice(None, None, -1),), 99, (0, 0, 0), np.int64(1), [True, False, True]],
    ids=repr,
)  # fmt: skip
def test_indexing(ways, index):
    compare(ways, lambda a: a.f[index])

    def change(x):
        x[index] = 7.5

    changed(ways, "f", change)


def test_indexing_with_pointers(ways):
    compare(ways, lambda a: a.f[a.b])
    compare(ways, lambda a: a.v[a.k])
    compare(ways, lambda a: a.f[a.f > 0])
    compare(ways, lambda a: a.f[a.f > 0, 1])
    for way in ways:
        f, mask = sent(DATA["f"], way), sent(DATA["b"], way)
        f[mask] = 0
        f[0] = sent(DATA["v"], way)
        theirs = DATA["f"].copy()
        theirs[DATA["b"]] = 0
        theirs[0] = DATA["v"]
        assert_alike(fetched(f), theirs)


# ---------------------------------------------------------------- what is not in the tables


def test_what_is_not_in_the_tables_is_refused_here(ways):
    p = sent(DATA["v"], ways[0])
    with pytest.raises(fp.UnsupportedOperation, match="takes a function, and functions do not travel"):
        np.apply_along_axis(np.sum, 0, p)
    with pytest.raises(fp.UnsupportedOperation, match="not one that pointers have"):
        np.frompyfunc(abs, 1, 1)(p)
    with pytest.raises(fp.UnsupportedOperation, match="out= must be a pointer"):
        np.add(p, 1, out=np.zeros(4))
    with pytest.raises(AttributeError):
        p.setflags(write=False)
    with pytest.raises(fp.UnsupportedValue):
        p + object()
    with pytest.raises(fp.UnsupportedValue):
        np.pad(p, 1, mode=lambda *a: None)


def test_arity_comes_from_the_call(ways):
    """Not from a cache by the function's name, as once it did."""
    for way in ways:
        p = sent(DATA["f"], way)
        assert isinstance(p.max(), fp.Pointer)
        assert p.max(axis=0).shape == (4,)
        assert len(np.split(p, 3)) == 3
        assert len(np.split(p, [1])) == 2
        for of_several in (np.split, np.array_split, np.vsplit):
            assert type(of_several(p, 1)) is type(of_several(p, 3)) is list
        assert type(np.histogramdd(p, bins=2)[1]) is list
        assert isinstance(np.unique(p), fp.Pointer)
        assert len(np.unique(p, return_counts=True)) == 2
        assert fetched(p[p > 100]).shape == (0,)


def test_warnings_of_a_worker_stay_there(ways):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(float(np.log(sent(np.array([-1.0]), ways[1]))))
